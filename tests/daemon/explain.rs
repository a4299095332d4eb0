//! `bootstrapctl explain` tells beforehand what a bootstrap then does.

use serde_json::{Value, json};

use crate::METER_KEY;
use crate::harness::Daemon;

/// Two accounts, one of which draws at random; a rule; a further write.
const FLEET: &str = r#"
[[server]]
name = "eu"
ssid = 101
uri = "${device.property.site}.eu.example.com"
psk_identity = "${device.endpointName}-${server.ssid}"
psk = "${string.secureRandom(32)}"
lifetime = 3600

[[server]]
name = "us"
ssid = 102
uri = "us.example.com"
psk = "text:planted-key-of-the-us-server"

[[profile]]
name = "north"
servers = ["eu", "us"]
rules = [{ endpoint = "meter-*", tag = "north" }]
access_control = "never"
writes = [{ path = "/3/0", resources = { 15 = "Europe/Berlin" } }]

[[profile]]
name = "other"
servers = ["us"]
default = true

[[device]]
endpoint = "meter-1"
psk = "text:the-key-of-meter-1"
tags = ["north"]
properties = { site = "kiel" }
"#;

/// What the simulated client answers to Discover, as `session show` and the simulator's own tests have it.
const EMPTY_CLIENT: &str = "</>;lwm2m=1.1,</0/0>,</1>,</3/0>";

fn operations(explained: &Value) -> Vec<(String, u64)> {
    let operations = explained["bootstrap"]["operations"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    operations
        .iter()
        .map(|it| {
            let bytes = it["sizes"]["senml_cbor"].as_u64().unwrap_or(0);
            (format!("{} {}", text(&it["operation"]), text(&it["path"])), bytes)
        })
        .collect()
}

#[test]
fn what_is_explained_is_what_then_happens_byte_for_byte() {
    let daemon = Daemon::start(FLEET);
    let ask = ["explain", "meter-1", "--lwm2m", "1.1", "--pct", "112", "--discover", EMPTY_CLIENT, "--format", "json"];
    let before = daemon.ctl(&ask).succeeded().json();
    assert_eq!(before["bootstrap"]["profile"], json!("north"));
    assert_eq!(before["issued"], json!([{ "server": "eu", "new": true }]));

    let key = daemon.file("meter", METER_KEY);
    let server = format!("coaps://{}", daemon.dtls);
    let simulate = ["simulate", "--server", &server, "meter-1", "--psk-file", key.to_str().unwrap(), "--pct", "112"];
    daemon.ctl(&simulate).succeeded();
    let sessions = daemon.ctl_json(&["session", "list"]);
    let id = sessions["items"][0]["id"].to_string();
    let session = daemon.ctl_json(&["session", "show", &id]);
    let steps = session["steps"].as_array().unwrap().iter();
    let done: Vec<(String, u64)> = steps
        .map(|step| (step["operation"].as_str().unwrap().to_owned(), step["bytes"].as_u64().unwrap()))
        .filter(|(operation, _)| operation.starts_with("Bootstrap-Write") || operation.starts_with("Bootstrap-Delete"))
        .collect();
    assert_eq!(operations(&before), done);
    assert!(done.len() >= 5, "two accounts of two instances each, and /3/0: {done:?}");

    let after = daemon.ctl(&ask).succeeded().json();
    assert_eq!(after["issued"], json!([{ "server": "eu", "new": false }]), "now they are kept");
    assert_eq!(operations(&after), operations(&before));
}

#[test]
fn the_table_says_the_rule_the_sizes_and_what_clients_dislike_and_no_secret() {
    let daemon = Daemon::start(FLEET);
    let told = daemon.ctl(&["explain", "meter-1", "--lwm2m", "1.0", "--resources"]).succeeded().saying(&[
        "profile `north`: rule 1 of the profile fits",
        "new credentials would be issued",
        "SENML-CBOR",
        "/0/",
        "coaps://kiel.eu.example.com:5684",
        "meter-1-101",
        "opaque, 32 bytes",
        "Europe/Berlin",
    ]);
    let json = daemon.ctl(&["explain", "meter-1", "--format", "json"]).stdout;
    for text in [&told.everything(), &json, &daemon.log()] {
        assert!(!text.contains("planted"), "{text}");
    }
}

#[test]
fn what_would_be_refused_is_refused_here_with_the_same_sentence() {
    let daemon = Daemon::start(FLEET);
    daemon.ctl(&["device", "add", "meter-2", "--tag", "north"]).succeeded();
    daemon.ctl(&["explain", "meter-2"]).ended_with(1).saying(&["would get nothing", "no property `site`"]);
    daemon.ctl(&["explain", "meter-3"]).ended_with(3).explaining(&["no device", "meter-3"]);
    daemon.ctl(&["explain", "meter-1", "--lwm2m", "2.0"]).ended_with(2).explaining(&["1.0, 1.1 or 1.2"]);
    daemon.ctl(&["explain", "meter-1", "--pct", "7"]).ended_with(2).explaining(&["11542"]);
    daemon.ctl(&["explain", "meter-1", "--discover", "</0"]).ended_with(2).explaining(&["discover"]);
}
