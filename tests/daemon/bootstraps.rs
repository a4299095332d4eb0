//! Devices bootstrap, and operators see it: the simulated client against the daemon over DTLS.

use std::path::Path;

use bootstrapd::secret::Secret;
use bootstrapd::simulator::ClientConfiguration;
use bootstrapd::simulator::shell::{CipherSuite, Psk, bootstrap};
use serde_json::{Value, json};

use crate::harness::hand_made::HandMadeClient;
use crate::harness::{Answer, Daemon, wait_until};
use crate::{METER_KEY, OPEN, PROVEN};

const FLEET_KEY: &str = "the-key-of-the-fleet-in-europe";

/// `bootstrapctl simulate` over DTLS.
fn simulate(daemon: &Daemon, endpoint: &str, key: &Path, more: &[&str]) -> Answer {
    let server = format!("coaps://{}", daemon.dtls);
    let words = ["simulate", "--server", &server, endpoint, "--psk-file", key.to_str().unwrap()];
    daemon.ctl(&[&words[..], more].concat())
}

#[test]
fn a_device_that_was_just_added_bootstraps_and_its_account_is_as_just_changed() {
    let daemon = Daemon::start("");
    let (fleet, meter) =
        (daemon.file("fleet", "hex:00112233445566778899aabbccddeeff"), daemon.file("meter", METER_KEY));
    let add =
        ["server", "add", "eu", "--ssid", "101", "--uri", "eu.example.com", "--psk-file", fleet.to_str().unwrap()];
    daemon.ctl(&[&add[..], &["--lifetime", "3600", "--binding", "U", "--psk-identity", "fleet"]].concat()).succeeded();
    daemon.ctl(&["profile", "add", "default", "--servers", "eu", "--default"]).succeeded();
    daemon.ctl(&["device", "add", "meter-9", "--psk-file", meter.to_str().unwrap()]).succeeded();

    let blanked = simulate(&daemon, "meter-9", &meter, &[]).succeeded();
    let blanked =
        blanked.saying(&["coaps://eu.example.com:5684", "short server id  101", "(16 bytes)", "3600 s", "fleet"]);
    assert!(!blanked.stdout.contains("00112233"), "{}", blanked.stdout);
    simulate(&daemon, "meter-9", &meter, &["--reveal"]).succeeded().saying(&["hex:00112233445566778899aabbccddeeff"]);

    daemon.ctl(&["server", "set", "eu", "--lifetime", "7200"]).succeeded();
    let given = simulate(&daemon, "meter-9", &meter, &["--format", "json", "--reveal"]).succeeded().json();
    let account = &given["accounts"][0];
    assert_eq!((&account["lifetime"], &account["short_server_id"]), (&json!(7200), &json!(101)));
    assert_eq!((&account["identity"], &account["binding"]), (&json!("fleet"), &json!("U")));
    assert_eq!(account["key"], json!("hex:00112233445566778899aabbccddeeff"));

    let other = daemon.file("other", "text:another-key-altogether");
    daemon.ctl(&["device", "set", "meter-9", "--psk-file", other.to_str().unwrap()]).succeeded();
    simulate(&daemon, "meter-9", &other, &[]).succeeded();
    daemon.ctl(&["device", "delete", "meter-9", "--yes"]).succeeded();
    simulate(&daemon, "meter-9", &other, &["--timeout", "20"]).ended_with(1);
}

#[test]
fn a_wrong_key_and_an_unknown_identity_fail_in_a_sentence() {
    let daemon = Daemon::start(PROVEN);
    let (right, wrong) = (daemon.file("right", METER_KEY), daemon.file("wrong", "text:the-wrong-key-of-meter-1"));
    let sentence = "the PSK identity is unknown to the server, or the key is wrong";
    let refused = simulate(&daemon, "meter-1", &wrong, &[]).ended_with(1).explaining(&[sentence]);
    assert!(refused.stdout.is_empty());
    let unknown = simulate(&daemon, "meter-2", &right, &[]).ended_with(1).explaining(&[sentence]);
    assert_eq!(refused.stderr, unknown.stderr, "whether an identity exists must not show");
    // The operator is told at once; the client never.
    daemon.await_log("(openssl): PSK identity `meter-2` from 127.0.0.1");
    assert!(daemon.log().contains("no device has this identity"), "{}", daemon.log());
    simulate(&daemon, "meter-1", &right, &[]).succeeded();
}

#[test]
fn the_endpoint_name_must_belong_to_the_proven_identity() {
    let other = "[[device]]\nendpoint = \"meter-2\"\npsk_identity = \"4711\"\npsk = \"text:the-key-of-meter-2\"\n";
    let daemon = Daemon::start(&format!("{PROVEN}{other}"));
    let (one, two) = (daemon.file("one", METER_KEY), daemon.file("two", "text:the-key-of-meter-2"));
    simulate(&daemon, "meter-2", &two, &["--psk-identity", "4711"]).succeeded();
    simulate(&daemon, "meter-2", &two, &["--timeout", "20"]).ended_with(1);
    simulate(&daemon, "meter-2", &one, &["--psk-identity", "meter-1"]).ended_with(1).explaining(&["4.00"]);
    let last = &daemon.ctl_json(&["session", "list", "--limit", "1"])["items"][0];
    assert_eq!(last["outcome"], "refused_identity", "{last}");
}

#[test]
fn versions_and_formats_are_served_as_asked() {
    let daemon = Daemon::start(PROVEN);
    let key = daemon.file("key", METER_KEY);
    for (version, pct, format) in
        [("1.0", None, 11542), ("1.1", Some("112"), 112), ("1.1", Some("110"), 110), ("1.2", Some("11542"), 11542)]
    {
        let mut more = vec!["--lwm2m", version, "--format", "json"];
        more.extend(pct.iter().flat_map(|pct| ["--pct", *pct]));
        let given = simulate(&daemon, "meter-1", &key, &more).succeeded().json();
        assert_eq!(given["content_format"], json!(format), "{version} {pct:?}");
        assert_eq!(given["accounts"][0]["lifetime"], json!(3600), "{version} {pct:?}");
    }
}

#[test]
fn every_cipher_suite_is_served_with_the_key_of_the_account_intact() {
    let daemon = Daemon::start(PROVEN);
    let target = format!("coaps://{}", daemon.dtls).parse().unwrap();
    let psk = Psk { identity: "meter-1".to_owned(), key: Secret::from("the-key-of-meter-1".as_bytes()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for suite in CipherSuite::ALL {
        let client = ClientConfiguration::new("meter-1");
        let given = runtime.block_on(bootstrap(&target, Some(&psk), &[suite], client));
        let given = given.unwrap_or_else(|failure| panic!("{}: {failure}", suite.name()));
        assert_eq!(given.accounts()[0].key.expose(), FLEET_KEY.as_bytes(), "{}", suite.name());
    }
}

#[test]
fn operators_see_each_session_with_its_operations_and_no_secret() {
    let daemon = Daemon::start(PROVEN);
    let key = daemon.file("key", METER_KEY);
    simulate(&daemon, "meter-1", &key, &[]).succeeded();
    let sessions = || daemon.ctl_json(&["session", "list", "--endpoint", "meter-1"]);
    wait_until("the session to end", || sessions()["items"][0]["running"] == json!(false), || sessions().to_string());
    daemon.ctl(&["session", "list"]).succeeded().saying(&["meter-1", "default", "completed"]);
    let number = sessions()["items"][0]["id"].to_string();
    let shown = daemon.ctl(&["session", "show", &number]).succeeded();
    let shown = shown.saying(&["PSK identity `meter-1`", "completed", "Bootstrap-Finish", "2.04", "/0/1", "TLV", "ms"]);
    let session = daemon.ctl_json(&["session", "show", &number]);
    let operations: Vec<_> = session["steps"].as_array().unwrap().iter().map(step).collect();
    let expected = [
        ("Bootstrap-Request", "2.04"),
        ("Bootstrap-Discover /", "2.05"),
        ("Bootstrap-Write /0/1", "2.04"),
        ("Bootstrap-Write /1/0", "2.04"),
        ("Bootstrap-Finish", "2.04"),
    ];
    assert_eq!(operations, expected);
    let csv = daemon.ctl(&["session", "show", &number, "--format", "csv"]).succeeded();
    assert_eq!(csv.stdout.lines().count(), 1 + expected.len(), "{}", csv.stdout);
    for text in [&shown.stdout, &session.to_string(), &csv.stdout] {
        assert!(!text.contains("the-key-of"), "{text}");
    }

    let outcome = || daemon.ctl_json(&["device", "show", "meter-1"])["last_session"].clone();
    wait_until("the outcome to be written", || outcome()["outcome"] == "completed", || outcome().to_string());
    assert_eq!(outcome()["sessions"], json!(1));
    daemon.ctl(&["device", "list"]).succeeded().saying(&["completed"]);
    daemon.ctl(&["device", "show", "meter-1"]).succeeded().saying(&["last_session.outcome", "completed"]);
    let status = daemon.ctl_json(&["status"]);
    assert_eq!(status["outcomes"], json!([{"outcome": "completed", "count": 1}]));

    // It is still known after a restart, the last outcomes being in the database.
    let daemon = daemon.stop().start();
    let device = daemon.ctl_json(&["device", "show", "meter-1"]);
    assert_eq!(device["last_session"]["outcome"], "completed", "{device}");
    assert_eq!(daemon.ctl_json(&["session", "list"])["items"], json!([]));
}

/// Operation and code of a step that took a time.
fn step(step: &Value) -> (&str, &str) {
    assert!(step["duration_ms"].as_f64().is_some_and(|duration| duration >= 0.0), "{step}");
    (step["operation"].as_str().unwrap(), step["code"].as_str().unwrap())
}

#[test]
fn a_session_that_goes_on_is_seen_as_running() {
    let daemon = Daemon::start(OPEN);
    let client = HandMadeClient::new(daemon.nosec);
    let waiting = client.begin("urn:dev:open-1");
    let list = daemon.ctl_json(&["session", "list", "--running"]);
    let session = &list["items"][0];
    assert_eq!((&session["endpoint"], &session["running"]), (&json!("urn:dev:open-1"), &json!(true)), "{list}");
    daemon.ctl(&["session", "show", &session["id"].to_string()]).succeeded().saying(&["running", "Bootstrap-Request"]);
    assert_eq!(daemon.ctl_json(&["status"])["running_sessions"], json!(1));
    client.go_on(waiting);
    daemon.await_log("completed: urn:dev:open-1");
    assert_eq!(daemon.ctl_json(&["session", "list", "--running"])["items"], json!([]));
}

#[test]
fn a_simulated_device_says_what_it_cannot_do() {
    let daemon = Daemon::start(PROVEN);
    let key = daemon.file("key", METER_KEY);
    let key = key.to_str().unwrap();
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (server, more, exit_code, sentence) in [
        (format!("coaps://{}", daemon.dtls), &[][..], 2, "a coaps:// server needs --psk-file"),
        (format!("coap://{}", daemon.nosec), &["--psk-file", key], 2, "coaps://"),
        (format!("coap://{closed}"), &[], 1, "nobody listens"),
        (
            format!("coaps://{}", daemon.nosec),
            &["--psk-file", key, "--timeout", "1"],
            1,
            "no answer to the DTLS handshake",
        ),
    ] {
        let words = ["simulate", "--server", &server, "meter-1"];
        daemon.ctl(&[&words[..], more].concat()).ended_with(exit_code).explaining(&[sentence]);
    }
}
