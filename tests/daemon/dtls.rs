//! `engine` of a DTLS listener and what goes with it: who serves, what `status` says of it, what a reload changes.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bootstrapd::simulator::{Client, ClientConfiguration, Output};
use serde_json::json;

use crate::certificates::client::{Device, Met, Proof};
use crate::harness::{Daemon, PATIENCE, Site};
use crate::puppet::{Profile, Puppet};
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
                "engine": engine, "connection_ids": engine == "native", "require_extended_master_secret": false,
                "raw_public_keys": false, "dtls_timeout": 1.0, "associations": 1, "handshakes": 0, "handshakes_completed": 2, "handshakes_failed": 0,
                "evicted": 0, "datagrams_dropped": 0, "withheld": 0,
            }),
            "{line}"
        );
        let line = format!("{engine}: 1 association; handshakes: 0 under way, 2 proven, 0 failed");
        let settings = format!("connection_ids {}, ", if engine == "native" { "on" } else { "off" });
        daemon.ctl(&["status"]).succeeded().saying(&[line.as_str(), settings.as_str()]);
    }
    let plain = Daemon::start(OPEN);
    assert_eq!(status_of_dtls(&plain), json!(null), "the first listener has none");
}

#[test]
fn a_session_names_the_listener_and_the_engine_that_served_it() {
    let plain = |transport: &str| {
        format!("[[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"nosec\"\ntransport = \"{transport}\"\n")
    };
    let engines = ["openssl", "native"].map(|engine| listener(&format!("engine = \"{engine}\"")));
    let listeners = [engines[0].clone(), plain("udp"), engines[1].clone(), plain("tcp")].concat();
    let open_device = "[[server]]\nname = \"open\"\nssid = 7\nuri = \"open.example.com\"\nsecurity = \"nosec\"\n\
                       [[profile]]\nname = \"open\"\nservers = [\"open\"]\n\
                       [[device]]\nendpoint = \"open-1\"\nprofile = \"open\"\n";
    let daemon = Site::with_listeners(&listeners, &format!("{PROVEN}{open_device}")).start();
    let key = daemon.file("meter", METER_KEY);
    let proven = ["meter-1", "--psk-file", key.to_str().unwrap()];
    let addresses = daemon.ctl_json(&["status"])["listeners"].as_array().expect("listeners").clone();
    for (at, (scheme, device, transport, engine, said)) in [
        ("coaps", &proven[..], "udp", Some("openssl"), "openssl"),
        ("coap", &["open-1"], "udp", None, "nosec"),
        ("coaps", &proven, "udp", Some("native"), "native"),
        ("coap+tcp", &["open-1"], "tcp", None, "nosec, TCP"),
    ]
    .into_iter()
    .enumerate()
    {
        let address = addresses[at]["address"].as_str().expect("an address");
        let server = format!("{scheme}://{address}");
        daemon.ctl(&[&["simulate", "--server", &server], device].concat()).succeeded();
        let number = (at + 1).to_string();
        let shown = daemon.ctl_json(&["session", "show", &number]);
        let listed = daemon.ctl_json(&["session", "list"])["items"][0].clone();
        let security = if engine.is_some() { "dtls" } else { "nosec" };
        for session in [shown, listed] {
            let named = ["listener", "transport", "security", "engine"].map(|name| session[name].clone());
            assert_eq!(named, [json!(address), json!(transport), json!(security), json!(engine)], "{session}");
        }
        let said = format!("{address} ({said})");
        daemon.ctl(&["session", "show", &number]).succeeded().saying(&["listener", &said]);
        daemon.ctl(&["session", "list", "--search", &said]).succeeded().saying(&["LISTENER", &said]);
    }
    assert!(
        daemon.log().contains(&format!("listening on {} (dtls, openssl)", addresses[0]["address"].as_str().unwrap()))
    );
    assert!(
        daemon.log().contains(&format!("listening on {} (dtls, native)", addresses[2]["address"].as_str().unwrap()))
    );
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
    let settings = || {
        let dtls = status_of_dtls(&daemon);
        ["connection_ids", "require_extended_master_secret", "dtls_timeout"].map(|name| dtls[name].clone())
    };
    assert_eq!(settings(), [json!(true), json!(false), json!(1.0)]);
    daemon.ctl(&["reload"]).succeeded();
    assert_eq!(settings(), [json!(false), json!(true), json!(9.0)]);
    assert!(matches!(old_client(), Err(Met::NoAssociation(_))), "it does not offer the extended master secret");
    daemon.await_log("the client does not offer the extended master secret (RFC 7627), which this listener demands");
    Device::connect(daemon.dtls, &METER).unwrap_or_else(|met| panic!("{met:?}")).bootstrap("meter-1").served();
    early.bootstrap("meter-1").served();

    daemon.site().configure(&listener("engine = \"openssl\""), PROVEN);
    let refused = daemon.ctl(&["reload"]).ended_with(1);
    refused.explaining(&["`engine` of the listener", "has changed, which takes a restart"]);
    assert_eq!(status_of_dtls(&daemon)["engine"], json!("native"));
    early.bootstrap("meter-1").served();
}

/// A client with a connection id that bootstraps, and says everything after its handshake from another port than what
/// it said before. Says whether it was given its accounts, and from how many ports it spoke.
fn bootstrap_on_the_move(server: SocketAddr) -> (bool, usize) {
    let open = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
        socket.connect(server).expect("an address of this machine");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("sockets have timeouts");
        socket
    };
    let (mut socket, mut ports) = (open(), 1);
    let profile = Profile { connection_id: Some(vec![7, 7]), ..Profile::psk(b"meter-1", b"the-key-of-meter-1") };
    let mut puppet = Puppet::new(profile, 1);
    let mut client = Client::new(ClientConfiguration::new("meter-1"), [1; 32]);
    let mut buffer = [0; 4096];
    for datagram in puppet.start() {
        socket.send(&datagram).expect("the daemon is there");
    }
    let (started, mut has_begun) = (Instant::now(), false);
    while started.elapsed() < PATIENCE {
        if let Ok(length) = socket.recv(&mut buffer) {
            for datagram in puppet.handle_datagram(&buffer[..length]) {
                socket.send(&datagram).expect("the daemon is there");
            }
        }
        assert_eq!(puppet.faults(), []);
        if puppet.is_established() && !has_begun {
            assert!(puppet.connection_id_of_server().is_some(), "the daemon gives connection ids");
            has_begun = true;
            client.start(Instant::now());
        }
        for message in puppet.received() {
            client.handle_datagram(Instant::now(), &message);
        }
        while let Some(output) = client.poll_output() {
            match output {
                Output::Finished(result) => return (result.is_ok(), ports),
                Output::Datagram(message) => {
                    // The old port stays open no longer: what still went there would be lost.
                    (socket, ports) = (open(), ports + 1);
                    socket.send(&puppet.seal(&message)).expect("the daemon is there");
                }
            }
        }
    }
    panic!("the bootstrap does not end");
}

#[test]
fn a_client_with_a_connection_id_may_change_its_address_in_the_middle_of_its_bootstrap() {
    let site = Site::with_listeners(&listener("engine = \"native\""), PROVEN);
    let daemon = site.start_with(|command| {
        command.env("BOOTSTRAPD_LOG", "debug");
    });
    let (is_served, ports) = bootstrap_on_the_move(daemon.dtls);
    assert!(is_served && ports > 4, "{ports} ports\n{}", daemon.log());
    daemon.await_log("completed: meter-1 from 127.0.0.1:");
    let sessions = daemon.ctl_json(&["session", "list"]);
    let (remote, first) = (&sessions["items"][0]["remote"], &sessions["items"][0]["moved_from"]);
    assert!(first.is_string() && first != remote, "{sessions}");
    let shown = daemon.ctl(&["session", "show", "1"]).succeeded();
    shown.saying(&[
        "moved from",
        first.as_str().unwrap(),
        &format!("the client moved to {}", remote.as_str().unwrap()),
    ]);
    let moves = daemon.log().lines().filter(|line| line.contains(" has moved from 127.0.0.1:")).count();
    assert_eq!(moves, ports - 1, "{}", daemon.log());
    let status = status_of_dtls(&daemon);
    let counted = ["associations", "handshakes_completed", "handshakes_failed", "withheld"].map(|name| &status[name]);
    assert_eq!(counted, [&json!(1), &json!(1), &json!(0), &json!(0)]);
}
