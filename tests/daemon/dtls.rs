//! `engine` of a DTLS listener and what goes with it: who serves, what `status` says of it, what a reload changes.

use serde_json::json;

use crate::certificates::client::{Device, Met, Proof};
use crate::harness::{Daemon, Site};
use crate::{METER_KEY, OPEN, PROVEN};

/// A DTLS listener with these lines.
fn listener(lines: &str) -> String {
    format!("[[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"dtls\"\n{lines}\n")
}

/// The device of [`PROVEN`].
const METER: Proof<'_> = Proof::PreSharedKey("meter-1", b"the-key-of-meter-1");

fn status_of_dtls(daemon: &Daemon) -> serde_json::Value {
    daemon.ctl_json(&["status"])["listeners"][0]["dtls"].clone()
}

#[test]
fn either_engine_serves_and_status_says_which_and_what_it_does() {
    for (line, engine) in [("", "openssl"), ("engine = \"openssl\"", "openssl"), ("engine = \"native\"", "native")] {
        let daemon = Site::with_listeners(&listener(line), PROVEN).start();
        let key = daemon.file("meter", METER_KEY);
        let server = format!("coaps://{}", daemon.dtls);
        daemon.ctl(&["simulate", "--server", &server, "meter-1", "--psk-file", key.to_str().unwrap()]).succeeded();
        // The simulated client says goodbye; this one stays.
        let mut device = Device::connect(daemon.dtls, &METER).unwrap_or_else(|met| panic!("{line}: {met:?}"));
        device.bootstrap("meter-1").served();
        assert_eq!(
            status_of_dtls(&daemon),
            json!({
                "engine": engine, "associations": 1, "handshakes": 0, "handshakes_completed": 2, "handshakes_failed": 0,
                "evicted": 0, "datagrams_dropped": 0, "withheld": 0,
            }),
            "{line}"
        );
        let line = format!("{engine}: 1 associations; handshakes: 0 under way, 2 proven, 0 failed");
        daemon.ctl(&["status"]).succeeded().saying(&[line.as_str()]);
    }
    let plain = Daemon::start(OPEN);
    assert_eq!(status_of_dtls(&plain), json!(null), "the first listener has none");
}

#[test]
fn a_reload_changes_what_the_native_engine_asks_of_clients_and_not_the_engine() {
    let native = |lines: &str| listener(&format!("engine = \"native\"\n{lines}"));
    let daemon = Site::with_listeners(&native(""), PROVEN).start();
    let old_client = || Device::connect_without_extended_master_secret(daemon.dtls, &METER);
    let mut early = old_client().unwrap_or_else(|met| panic!("{met:?}"));
    early.bootstrap("meter-1").served();

    daemon
        .site()
        .configure(&native("require_extended_master_secret = true\ndtls_timeout = 9\nconnection_ids = false"), PROVEN);
    daemon.ctl(&["reload"]).succeeded();
    assert!(matches!(old_client(), Err(Met::NoAssociation(_))), "it does not offer the extended master secret");
    Device::connect(daemon.dtls, &METER).unwrap_or_else(|met| panic!("{met:?}")).bootstrap("meter-1").served();
    early.bootstrap("meter-1").served();

    daemon.site().configure(&listener("engine = \"openssl\""), PROVEN);
    let refused = daemon.ctl(&["reload"]).ended_with(1);
    refused.explaining(&["`engine of [[listen]]` has changed, which takes a restart"]);
    assert_eq!(status_of_dtls(&daemon)["engine"], json!("native"));
    early.bootstrap("meter-1").served();
}
