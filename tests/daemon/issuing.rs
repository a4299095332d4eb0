//! Credentials that are drawn at random: issued once, rotated, confirmed or pending, revealed; devices that are blocked;
//! clients that are on no record.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::hand_made::HandMadeClient;
use crate::harness::{Answer, Daemon, Site, wait_until};
use crate::{METER_KEY, OPEN};

const ISSUED: &str = r#"
[[server]]
name = "fleet"
ssid = 101
uri = "eu.example.com"
psk_identity = "${device.endpointName}"
psk = "${string.secureRandom(32)}"

[[profile]]
name = "default"
servers = ["fleet"]
default = true

[[device]]
endpoint = "meter-1"
psk = "text:the-key-of-meter-1"

[[device]]
endpoint = "urn:dev:open-1"
"#;

/// The account that takes the place of the client's bootstrap account.
const OWN: &str = r#"
[[server]]
name = "ourselves"
type = "bootstrap"
uri = "bootstrap.example.com"
psk_identity = "${device.endpointName}-${string.random(8)}"
psk = "${string.secureRandom(24)}"
"#;

/// A device over DTLS.
struct Meter<'d> {
    daemon: &'d Daemon,
    identity: String,
    key: PathBuf,
}

impl<'d> Meter<'d> {
    fn new(daemon: &'d Daemon) -> Meter<'d> {
        Meter { daemon, identity: "meter-1".to_owned(), key: daemon.file("key", METER_KEY) }
    }

    fn bootstrap(&self) -> Answer {
        let server = format!("coaps://{}", self.daemon.dtls);
        let key = self.key.to_str().unwrap();
        let words = ["simulate", "--server", &server, "meter-1", "--psk-identity", &self.identity, "--psk-file", key];
        self.daemon.ctl(&[&words[..], &["--reveal", "--format", "json", "--timeout", "30"]].concat())
    }

    /// The key of the management account that it is given.
    #[track_caller]
    fn is_given(&self) -> String {
        self.bootstrap().succeeded().json()["accounts"][0]["key"].as_str().unwrap().to_owned()
    }
}

fn credentials(daemon: &Daemon, endpoint: &str, more: &[&str]) -> Vec<Value> {
    let answer = daemon.ctl_json(&[&["device", "credentials", endpoint], more].concat());
    answer["items"].as_array().unwrap().clone()
}

/// States of the issued credentials, the last issued first.
fn states(daemon: &Daemon, endpoint: &str) -> Vec<String> {
    credentials(daemon, endpoint, &[]).iter().map(|entry| entry["state"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn await_states(daemon: &Daemon, endpoint: &str, expected: &[&str]) {
    wait_until("the credentials", || states(daemon, endpoint) == expected, || states(daemon, endpoint).join(" "));
}

fn verbs(daemon: &Daemon) -> Vec<String> {
    let lines = daemon.ctl_json(&["audit"]);
    lines["items"].as_array().unwrap().iter().map(|line| line["verb"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_random_key_is_issued_once_and_again_only_when_it_is_rotated() {
    let daemon = Daemon::start(ISSUED);
    let meter = Meter::new(&daemon);
    assert_eq!(credentials(&daemon, "meter-1", &[]), Vec::<Value>::new());
    let first = meter.is_given();
    assert_eq!(first.len(), "hex:".len() + 64, "32 characters: {first}");
    await_states(&daemon, "meter-1", &["current"]);
    assert_eq!(meter.is_given(), first);
    daemon.ctl(&["device", "rotate", "meter-1"]).succeeded();
    let second = meter.is_given();
    assert_ne!(second, first);
    await_states(&daemon, "meter-1", &["current"]);
    assert_eq!(meter.is_given(), second);
    assert_eq!(verbs(&daemon)[0], "rotate");
    daemon.ctl(&["device", "rotate", "nobody"]).ended_with(3);

    // Another start, and another expression.
    let site = daemon.stop();
    let daemon = site.start();
    let meter = Meter::new(&daemon);
    assert_eq!(meter.is_given(), second);
    site.configure(crate::harness::site::LISTENERS, &ISSUED.replace("secureRandom(32)", "secureRandom(20)"));
    daemon.ctl(&["reload"]).succeeded();
    assert_eq!(meter.is_given().len(), "hex:".len() + 40);
}

#[test]
fn a_key_of_every_bootstrap_changes_each_time() {
    let daemon = Daemon::start(&ISSUED.replace("ssid = 101", "ssid = 101\nrotate = \"every-bootstrap\""));
    let meter = Meter::new(&daemon);
    let first = meter.is_given();
    await_states(&daemon, "meter-1", &["current"]);
    assert_ne!(meter.is_given(), first);
}

#[test]
fn an_unanswered_finish_keeps_both_keys_and_the_device_can_be_helped() {
    let listeners = crate::harness::site::LISTENERS
        .replace("insecure_secrets = true", "insecure_secrets = true\nack_timeout = 0.1\nmax_retransmit = 1");
    let daemon = Site::with_listeners(&listeners, ISSUED).start();
    let endpoint = "urn:dev:open-1";
    let client = HandMadeClient::new(daemon.nosec);
    client.go_on(client.begin(endpoint));
    await_states(&daemon, endpoint, &["current"]);
    daemon.ctl(&["device", "rotate", endpoint]).succeeded();

    let client = HandMadeClient::new(daemon.nosec);
    let mut operation = client.begin(endpoint);
    while !operation.is_finish() {
        client.answer(&operation, operation.usual_answer());
        operation = client.receive();
    }
    let last = || daemon.ctl_json(&["session", "list", "--endpoint", endpoint, "--limit", "1"])["items"][0].clone();
    wait_until("the end", || last()["outcome"] == "probably_completed", || last().to_string());
    assert!(last()["reason"].as_str().unwrap().contains("New credentials stay pending"), "{}", last());
    assert_eq!(states(&daemon, endpoint), ["pending", "current"]);
    let revealed = credentials(&daemon, endpoint, &["--reveal"]);
    assert_ne!(revealed[0]["psk"], revealed[1]["psk"]);

    // It comes again: what is pending is written once more, and then taken.
    let client = HandMadeClient::new(daemon.nosec);
    client.go_on(client.begin(endpoint));
    await_states(&daemon, endpoint, &["current"]);
    assert_eq!(credentials(&daemon, endpoint, &["--reveal"])[0]["psk"], revealed[0]["psk"]);
}

#[test]
fn what_was_issued_shows_only_where_it_is_revealed_and_who_asked_is_known() {
    let daemon = Daemon::start(ISSUED);
    let given = Meter::new(&daemon).is_given();
    await_states(&daemon, "meter-1", &["current"]);
    let listed = credentials(&daemon, "meter-1", &[]);
    assert_eq!((&listed[0]["fields"], &listed[0]["psk"]), (&json!(["psk"]), &Value::Null));
    assert!(!verbs(&daemon).contains(&"reveal".to_owned()), "looking is no reveal");

    let revealed = credentials(&daemon, "meter-1", &["--reveal"]);
    assert_eq!(revealed[0]["psk"], json!(given));
    daemon.await_log("secrets of device `meter-1` were revealed");
    assert!(
        daemon.log().lines().any(|line| line.contains("were revealed") && line.contains("uid=")),
        "{}",
        daemon.log()
    );
    let text = revealed[0]["psk_text"].as_str().unwrap().strip_prefix("text:").unwrap().to_owned();
    assert_eq!(data_encoding::HEXLOWER.encode(text.as_bytes()), given.strip_prefix("hex:").unwrap());
    daemon.ctl(&["device", "credentials", "meter-1", "--reveal"]).succeeded().saying(&[&given, &text, "current"]);
    let line = daemon.ctl_json(&["audit", "--limit", "1"])["items"][0].clone();
    assert_eq!((&line["verb"], &line["name"]), (&json!("reveal"), &json!("meter-1")));
    assert!(line["uid"].is_u64(), "{line}");
    daemon.ctl(&["device", "show", "meter-1", "--reveal"]).succeeded().saying(&["text:the-key-of-meter-1", "defined"]);
    let server = daemon.ctl(&["server", "show", "fleet", "--reveal"]).succeeded();
    assert!(server.stdout.contains("secureRandom"), "{}", server.stdout);
    assert_eq!(verbs(&daemon)[..4], ["reveal"; 4]);

    // Neither the database, nor its log, nor what the daemon says holds the key.
    let (log, audit) = (daemon.log(), daemon.ctl(&["audit"]).everything());
    let site = daemon.crash();
    let files = std::fs::read_dir(site.state_dir()).unwrap().map(|file| file.unwrap().path());
    let mut haystacks: Vec<Vec<u8>> = files.map(|file| std::fs::read(file).unwrap()).collect();
    haystacks.extend([log.into_bytes(), audit.into_bytes()]);
    for haystack in haystacks {
        for needle in [text.as_bytes(), given.strip_prefix("hex:").unwrap().as_bytes()] {
            assert!(!haystack.windows(needle.len()).any(|window| window == needle));
        }
    }
}

#[test]
fn new_bootstrap_credentials_retire_the_old_ones_once_they_are_proven() {
    let definitions = ISSUED.replace("servers = [\"fleet\"]", "servers = [\"fleet\", \"ourselves\"]");
    let daemon = Daemon::start(&format!("{OWN}{definitions}"));
    let mut meter = Meter::new(&daemon);
    let old = Meter::new(&daemon);
    meter.is_given();
    meter.is_given();
    let own = |daemon: &Daemon| {
        let all = credentials(daemon, "meter-1", &["--reveal"]);
        all.into_iter().filter(|entry| entry["server"] == "ourselves").collect::<Vec<_>>()
    };
    let [pending] = &own(&daemon)[..] else { panic!("one is issued, and not again before it is proven") };
    assert_eq!(pending["state"], "pending");
    let kind = || daemon.ctl_json(&["device", "show", "meter-1"])["bootstrap_credentials"].clone();
    assert_eq!(kind(), "defined");

    meter.identity = pending["psk_identity"].as_str().unwrap().to_owned();
    meter.key = daemon.file("new-key", pending["psk"].as_str().unwrap());
    meter.is_given();
    wait_until("the proof", || kind() == "issued", || kind().to_string());
    assert_eq!(own(&daemon)[0]["state"], "current");
    old.bootstrap().ended_with(1);
    // A reload that changes nothing, a start and the end of the account leave the device what it has.
    daemon.ctl(&["reload"]).succeeded();
    let (identity, key) = (meter.identity, meter.key);
    let site = daemon.stop();
    site.configure(crate::harness::site::LISTENERS, ISSUED);
    let daemon = site.start();
    let meter = Meter { daemon: &daemon, identity, key };
    meter.is_given();
    Meter::new(&daemon).bootstrap().ended_with(1);

    // The operator gives it another key: that counts, and what was issued does not.
    site.configure(crate::harness::site::LISTENERS, &ISSUED.replace("the-key-of-meter-1", "another-key-of-it"));
    daemon.ctl(&["reload"]).succeeded();
    meter.bootstrap().ended_with(1);
    let other = Meter { key: daemon.file("other", "text:another-key-of-it"), ..Meter::new(&daemon) };
    other.is_given();
}

#[test]
fn a_blocked_device_is_refused_over_dtls_and_without_it() {
    let daemon = Daemon::start("");
    daemon.ctl(&["server", "add", "s", "--ssid", "1", "--uri", "s.example.com", "--security", "nosec"]).succeeded();
    daemon.ctl(&["profile", "add", "p", "--servers", "s", "--default"]).succeeded();
    let key = daemon.file("key", METER_KEY);
    daemon.ctl(&["device", "add", "meter-1", "--psk-file", key.to_str().unwrap()]).succeeded();
    daemon.ctl(&["device", "add", "open-1"]).succeeded();
    daemon.ctl(&["device", "add", "free-1"]).succeeded();
    let server = format!("coap://{}", daemon.nosec);
    let (meter, open) = (Meter::new(&daemon), || daemon.ctl(&["simulate", "--server", &server, "open-1"]));
    meter.bootstrap().succeeded();
    open().succeeded();

    let stolen = daemon.file("stolen", "# from the lorry\nmeter-1\n\nnobody\nopen-1\nno one\n");
    let refused = daemon.ctl(&["device", "block", "--from", stolen.to_str().unwrap()]).ended_with(3);
    refused.explaining(&["nothing was changed", "`nobody`", "`no one`"]);
    meter.bootstrap().succeeded();
    let stolen = daemon.file("stolen", "# from the lorry\nmeter-1\nopen-1\n");
    let words = ["device", "block", "--from", stolen.to_str().unwrap(), "--reason", "stolen lorry"];
    daemon.ctl(&words).succeeded().saying(&["blocked 2 devices"]);
    daemon.ctl(&words).succeeded().saying(&["blocked 0 devices; 2 already were"]);
    let listed = daemon.ctl(&["device", "list"]).succeeded();
    let rows: Vec<Vec<&str>> = listed.stdout.lines().map(|line| line.split_whitespace().take(4).collect()).collect();
    assert_eq!(rows[0][..2], ["ENDPOINT", "STATE"], "{}", listed.stdout);
    for row in [["free-1", "enabled", "-", "-"], ["meter-1", "blocked", "-", "psk"], ["open-1", "blocked", "-", "-"]] {
        assert!(rows.iter().any(|said| said[..] == row), "{row:?}\n{}", listed.stdout);
    }
    meter.bootstrap().ended_with(1).explaining(&["4.00"]);
    open().ended_with(1).explaining(&["4.00"]);
    let sessions = daemon.ctl_json(&["session", "list", "--limit", "2"]);
    assert_eq!(
        (&sessions["items"][0]["outcome"], &sessions["items"][1]["outcome"]),
        (&json!("refused_blocked"), &json!("refused_blocked"))
    );
    let lines = daemon.ctl_json(&["audit", "--limit", "2"]);
    for line in lines["items"].as_array().unwrap() {
        assert_eq!((&line["verb"], &line["reason"]), (&json!("block"), &json!("stolen lorry")));
    }
    daemon.ctl(&["device", "unblock", "meter-1", "open-1"]).succeeded().saying(&["unblocked 2 devices"]);
    meter.bootstrap().succeeded();
    open().succeeded();
}

fn listener(unknown: &str) -> String {
    format!("[[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"nosec\"\n{unknown}\n")
}

#[test]
fn an_unknown_client_meets_silence_until_it_is_approved() {
    let daemon = Site::with_listeners(&listener("unknown = \"pending\""), OPEN).start();
    let client = HandMadeClient::new(daemon.nosec);
    client.ask("urn:dev:new-1");
    let held = || daemon.ctl_json(&["device", "pending"])["items"].as_array().unwrap().clone();
    wait_until("it to be held", || held().len() == 1, || format!("{:?}", held()));
    assert_eq!((&held()[0]["endpoint"], &held()[0]["requests"]), (&json!("urn:dev:new-1"), &json!(1)));
    assert!(client.receive_at_once().is_none(), "the client must meet silence");
    daemon.ctl(&["device", "approve", "urn:dev:other"]).ended_with(3);
    daemon.ctl(&["device", "reject", "urn:dev:new-1"]).succeeded();
    assert!(held().is_empty());

    let client = HandMadeClient::new(daemon.nosec);
    client.ask("urn:dev:new-1");
    wait_until("it to be held", || held().len() == 1, || format!("{:?}", held()));
    let words = ["device", "approve", "urn:dev:new-1", "--profile", "default", "--tag", "blue"];
    daemon.ctl(&words).succeeded();
    assert!(held().is_empty());
    assert_eq!(verbs(&daemon)[0], "add");
    let device = daemon.ctl_json(&["device", "show", "urn:dev:new-1"]);
    assert_eq!((&device["profile"], &device["tags"]), (&json!("default"), &json!(["blue"])));
    let client = HandMadeClient::new(daemon.nosec);
    client.go_on(client.begin("urn:dev:new-1"));
    // A name that no device may have is refused and never held.
    daemon.ctl(&["simulate", "--server", &format!("coap://{}", daemon.nosec), "bad\u{7}name"]).ended_with(1);
    assert!(held().is_empty());
}

#[test]
fn an_unknown_client_is_accepted_on_the_profile_of_the_listener() {
    let second = "[[profile]]\nname = \"strangers\"\nservers = [\"open-server\"]\n";
    let accept = "unknown = \"accept\"\nprofile = \"strangers\"";
    let site = Site::with_listeners(&listener(accept), &format!("{OPEN}{second}"));
    let daemon = site.start();
    let client = HandMadeClient::new(daemon.nosec);
    client.go_on(client.begin("urn:dev:new-1"));
    let device = daemon.ctl_json(&["device", "show", "urn:dev:new-1"]);
    assert_eq!((&device["profile"], &device["tags"]), (&json!("strangers"), &json!(["accepted"])));
    let line = &daemon.ctl_json(&["audit", "--limit", "1"])["items"][0];
    assert_eq!((&line["verb"], &line["actor"]), (&json!("add"), &json!("listener")));
    // It is a device as any other.
    daemon.ctl(&["device", "block", "urn:dev:new-1"]).succeeded();
    daemon.ctl(&["simulate", "--server", &format!("coap://{}", daemon.nosec), "urn:dev:new-1"]).ended_with(1);
}
