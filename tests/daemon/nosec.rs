//! What is served without DTLS, and what is not.

use crate::OPEN;
use crate::harness::{Answer, Daemon, Site};

/// No listener of this one lets keys travel in the clear.
const STRICT: &str = r#"
[[listen]]
bind = "127.0.0.1:0"
security = "nosec"

[[listen]]
bind = "127.0.0.1:0"
security = "dtls"
"#;

const WITH_KEYS: &str = r#"
[[server]]
name = "keyed-server"
ssid = 102
uri = "keyed.example.com"
psk = "text:canary-of-the-server"

[[profile]]
name = "keyed"
servers = ["keyed-server"]

[[device]]
endpoint = "urn:dev:keyed-1"
profile = "keyed"

[[device]]
endpoint = "urn:dev:proven-1"
psk = "text:canary-of-the-device"
"#;

fn simulate(daemon: &Daemon, endpoint: &str) -> Answer {
    daemon.ctl(&["simulate", "--server", &format!("coap://{}", daemon.nosec), endpoint])
}

#[track_caller]
fn last_outcome(daemon: &Daemon) -> String {
    let sessions = daemon.ctl_json(&["session", "list", "--limit", "1"]);
    sessions["items"][0]["outcome"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_unprotected_listener_is_warned_about_at_every_start() {
    let site = Site::with_listeners(STRICT, OPEN);
    for _ in 0..2 {
        let daemon = site.start();
        let log = daemon.log();
        let warned: Vec<_> = log.lines().filter(|line| line.contains("this listener is not protected")).collect();
        assert_eq!(warned.len(), 1, "{log}");
        assert!(warned[0].contains("WARN") && !warned[0].contains("warning"), "the level is said once: {log}");
        daemon.stop();
    }
    let dtls_only = Site::with_listeners("[[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"dtls\"\n", "").start();
    assert!(!dtls_only.log().contains("not protected"), "{}", dtls_only.log());
    // It must be written out to be had.
    site.write_config(&site.config_text().replacen("security = \"nosec\"", "", 1));
    let daemon = site.start();
    assert_eq!(daemon.nosec.port(), 0, "{}", daemon.log());
}

#[test]
fn a_device_with_credentials_is_not_served_without_them() {
    let daemon = Daemon::start(&format!("{OPEN}{WITH_KEYS}"));
    simulate(&daemon, "urn:dev:proven-1").ended_with(1).explaining(&["4.00"]);
    assert_eq!(last_outcome(&daemon), "refused_identity");
    simulate(&daemon, "urn:dev:open-1").succeeded();
}

#[test]
fn keys_do_not_travel_in_the_clear_unless_the_listener_says_so() {
    let strict = Site::with_listeners(STRICT, &format!("{OPEN}{WITH_KEYS}")).start();
    simulate(&strict, "urn:dev:keyed-1").ended_with(1).explaining(&["4.00"]);
    assert_eq!(last_outcome(&strict), "refused_insecure");
    simulate(&strict, "urn:dev:open-1").succeeded().saying(&["open.example.com"]);

    let lenient = Daemon::start(&format!("{OPEN}{WITH_KEYS}"));
    simulate(&lenient, "urn:dev:keyed-1").succeeded().saying(&["keyed.example.com"]);
}

#[test]
fn an_unknown_endpoint_is_refused() {
    let daemon = Daemon::start(OPEN);
    simulate(&daemon, "urn:dev:nobody").ended_with(1).explaining(&["refused the Bootstrap-Request with 4.00"]);
    assert_eq!(last_outcome(&daemon), "refused_unknown");
}

#[test]
fn the_default_profile_is_for_devices_that_name_none() {
    let daemon = Daemon::start(&format!("{OPEN}{WITH_KEYS}"));
    simulate(&daemon, "urn:dev:open-1").succeeded().saying(&["open.example.com"]);
    daemon.ctl(&["device", "add", "urn:dev:other", "--profile", "keyed"]).succeeded();
    simulate(&daemon, "urn:dev:other").succeeded().saying(&["keyed.example.com"]);
    daemon.ctl(&["device", "set", "urn:dev:other", "--unset", "profile"]).succeeded();
    simulate(&daemon, "urn:dev:other").succeeded().saying(&["open.example.com"]);
}
