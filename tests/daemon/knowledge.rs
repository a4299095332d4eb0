//! What is known of clients: learned from those that prove who they are, kept, shared by model, shown and forgotten.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::METER_KEY;
use crate::harness::{Answer, Daemon, Site, wait_until};

/// An account with a resource that Wakaama refuses, and five devices of which four are of one model.
const FLEET: &str = r#"
[[server]]
name = "eu"
ssid = 101
uri = "eu.example.com"
psk = "text:the-key-of-the-fleet-in-europe"
mute_send = true

[[profile]]
name = "default"
servers = ["eu"]
default = true
"#;

const MODEL: &str = r#"
[[model]]
name = "pump"
rules = [{ endpoint = "pump-*" }]
"#;

fn fleet(more: &str) -> String {
    let devices = ["pump-1", "pump-2", "pump-3", "pump-4", "valve-1"];
    let device = |name: &str| format!("\n[[device]]\nendpoint = \"{name}\"\npsk = \"{}\"\n", METER_KEY.trim());
    FLEET.to_owned() + more + &devices.map(device).concat()
}

/// Bootstraps a simulated client over DTLS.
fn simulate(daemon: &Daemon, endpoint: &str, like: &str) -> Answer {
    let key = daemon.file("key", METER_KEY);
    let server = format!("coaps://{}", daemon.dtls);
    let words = ["simulate", "--server", &server, endpoint, "--psk-file", key.to_str().unwrap(), "--like", like];
    daemon.ctl(&words)
}

/// The operations of the last session, with the codes of their answers.
fn last_session(daemon: &Daemon) -> Vec<String> {
    let sessions = daemon.ctl_json(&["session", "list", "--limit", "1"]);
    let session = daemon.ctl_json(&["session", "show", &sessions["items"][0]["id"].to_string()]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = session["steps"].as_array().unwrap();
    steps.iter().map(|step| format!("{} {}", text(&step["operation"]), text(&step["code"]))).collect()
}

fn refusals(daemon: &Daemon) -> usize {
    last_session(daemon).iter().filter(|step| step.contains("4.0")).count()
}

/// What is known of a device, as `device show` has it.
fn known(daemon: &Daemon, endpoint: &str) -> Value {
    daemon.ctl_json(&["device", "show", endpoint])["knowledge"].take()
}

/// It is written in batches.
#[track_caller]
fn await_known(daemon: &Daemon, endpoint: &str) -> Value {
    let is_known = || known(daemon, endpoint)["learned"].is_string();
    wait_until("what is known of a device", is_known, || known(daemon, endpoint).to_string());
    known(daemon, endpoint)
}

fn refused_resources(known: &Value) -> &Value {
    &known["together"]["refused_resources"]
}

/// How a fact is known whose sentence holds this text.
fn origin_of<'v>(known: &'v Value, text: &str) -> Option<&'v str> {
    let facts = known["facts"].as_array()?;
    facts.iter().find(|fact| fact["fact"].as_str().unwrap().contains(text)).and_then(|fact| fact["from"].as_str())
}

#[test]
fn what_a_device_refused_once_is_not_sent_to_it_again_even_after_a_restart_until_it_is_forgotten() {
    let daemon = Daemon::start(&fleet(""));
    assert_eq!(known(&daemon, "valve-1"), Value::Null);
    simulate(&daemon, "valve-1", "wakaama").succeeded();
    assert_eq!(refusals(&daemon), 1, "{:?}", last_session(&daemon));
    // The next session starts from it, whether it is written already or not.
    simulate(&daemon, "valve-1", "wakaama").succeeded();
    assert_eq!(refusals(&daemon), 0, "{:?}", last_session(&daemon));
    let before = await_known(&daemon, "valve-1");
    assert_eq!(refused_resources(&before), &json!([[1, 23]]));
    assert_eq!(origin_of(&before, "resource 23 of object 1"), Some("device"));
    daemon
        .ctl(&["device", "show", "valve-1"])
        .succeeded()
        .saying(&["It refuses resource 23 of object 1. (the device has shown it)", "It speaks LwM2M 1.1."]);
    daemon.ctl(&["explain", "valve-1"]).succeeded().saying(&["Known of its client: It refuses resource 23"]);

    let daemon = daemon.stop().start();
    assert_eq!(known(&daemon, "valve-1"), before);
    simulate(&daemon, "valve-1", "wakaama").succeeded();
    assert_eq!(refusals(&daemon), 0, "{:?}", last_session(&daemon));

    daemon.ctl(&["device", "forget", "valve-1"]).succeeded().saying(&["forgotten"]);
    assert_eq!(known(&daemon, "valve-1"), Value::Null);
    let line = daemon.ctl_json(&["audit", "--limit", "1"])["items"][0].take();
    assert_eq!(
        (&line["verb"], &line["name"], &line["fields"]),
        (&json!("forget"), &json!("valve-1"), &json!(["knowledge"]))
    );
    simulate(&daemon, "valve-1", "wakaama").succeeded();
    assert_eq!(refusals(&daemon), 1, "{:?}", last_session(&daemon));
    daemon.ctl(&["device", "forget", "nobody"]).ended_with(3);
}

#[test]
fn nothing_is_learned_of_a_client_that_proves_nothing() {
    let open = "\n[[device]]\nendpoint = \"open-1\"\n";
    let daemon = Daemon::start(&fleet(open));
    let server = format!("coap://{}", daemon.nosec);
    daemon.ctl(&["simulate", "--server", &server, "open-1", "--like", "wakaama"]).succeeded();
    assert_eq!(refusals(&daemon), 1);
    // The outcome is written in the same batch as what is learned would be.
    let last = || daemon.ctl_json(&["device", "show", "open-1"])["last_session"].take();
    wait_until("the outcome", || !last().is_null(), || last().to_string());
    assert_eq!(known(&daemon, "open-1"), Value::Null);
    daemon.ctl(&["simulate", "--server", &server, "open-1", "--like", "wakaama"]).succeeded();
    assert_eq!(refusals(&daemon), 1);
}

#[test]
fn what_three_devices_of_a_model_have_shown_is_spared_the_fourth_and_none_of_another_model() {
    let daemon = Daemon::start(&fleet(MODEL));
    for (endpoint, count) in [("pump-1", 1), ("pump-2", 1), ("pump-3", 1)] {
        simulate(&daemon, endpoint, "wakaama").succeeded();
        assert_eq!(refusals(&daemon), count, "{endpoint}: {:?}", last_session(&daemon));
        await_known(&daemon, endpoint);
    }
    let model = || daemon.ctl_json(&["model", "show", "pump"]);
    assert_eq!((&model()["together"]["refused_resources"], &model()["devices"]), (&json!([[1, 23]]), &json!(3)));
    daemon
        .ctl(&["model", "show", "pump"])
        .succeeded()
        .saying(&["endpoint pump-*", "It refuses resource 23 of object 1. (devices of its model have shown it)"]);
    daemon.ctl(&["model", "list"]).succeeded().saying(&["pump", "DEVICES HEARD"]);
    assert_eq!(origin_of(&known(&daemon, "pump-4"), "resource 23"), Some("model"));
    simulate(&daemon, "pump-4", "wakaama").succeeded();
    assert_eq!(refusals(&daemon), 0, "{:?}", last_session(&daemon));
    simulate(&daemon, "valve-1", "wakaama").succeeded();
    assert_eq!(refusals(&daemon), 1, "{:?}", last_session(&daemon));

    // Of each device it stays known.
    daemon.ctl(&["model", "forget", "pump"]).succeeded();
    assert_eq!(model()["together"].get("refused_resources"), None);
    assert_eq!(origin_of(&known(&daemon, "pump-1"), "resource 23"), Some("device"));
    daemon.ctl(&["model", "forget", "pipe"]).ended_with(3);
    daemon.ctl(&["model", "show", "pipe"]).ended_with(3);
}

#[test]
fn a_client_that_the_operator_names_is_known_before_it_is_met_and_a_reload_says_otherwise() {
    let daemon = Daemon::start(&fleet(&(MODEL.to_owned() + "client = \"wakaama\"\n")));
    assert_eq!(origin_of(&known(&daemon, "pump-1"), "resource 23 of object 1"), Some("client"));
    daemon.ctl(&["device", "show", "pump-1"]).succeeded().saying(&["/0/0. (known of such clients)"]);
    simulate(&daemon, "pump-1", "wakaama").succeeded();
    assert_eq!(refusals(&daemon), 0, "{:?}", last_session(&daemon));

    let site: &Arc<Site> = daemon.site();
    site.write_config(&site.config_text().replace("client = \"wakaama\"", "client = \"leshan\""));
    daemon.ctl(&["reload"]).succeeded();
    assert_eq!(origin_of(&known(&daemon, "pump-2"), "resource 23 of object 1"), None);
    simulate(&daemon, "pump-2", "wakaama").succeeded();
    assert_eq!(refusals(&daemon), 1, "{:?}", last_session(&daemon));

    site.write_config(&site.config_text().replace("client = \"leshan\"", "client = \"leshen\""));
    daemon.ctl(&["reload"]).ended_with(1).explaining(&["client = \"leshen\"", "did you mean `leshan`?"]);
    site.check().ended_with(1).explaining(&["`anjay`, `anjay-lite`, `wakaama`, `zephyr`, `leshan`"]);
}
