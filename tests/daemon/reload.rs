//! The file is read again: on SIGHUP and by `bootstrapctl reload`.

use serde_json::json;

use crate::harness::hand_made::HandMadeClient;
use crate::harness::site::LISTENERS;
use crate::harness::{Daemon, Site};
use crate::{OPEN, PROVEN};

const SECOND_DEVICE: &str = "[[device]]\nendpoint = \"urn:dev:open-2\"\n";

fn bootstraps(daemon: &Daemon, endpoint: &str) {
    let client = HandMadeClient::new(daemon.nosec);
    let first = client.begin(endpoint);
    client.go_on(first);
    daemon.await_log(&format!("completed: {endpoint}"));
}

#[test]
fn a_new_device_is_served_after_a_reload() {
    let daemon = Daemon::start(OPEN);
    let simulate = |endpoint: &str| {
        let server = format!("coap://{}", daemon.nosec);
        daemon.ctl(&["simulate", "--server", &server, endpoint])
    };
    simulate("urn:dev:open-2").ended_with(1).explaining(&["4.00"]);
    daemon.site().configure(LISTENERS, &format!("{OPEN}{SECOND_DEVICE}"));
    daemon.signal("HUP");
    daemon.await_log("reloaded: the file defines 1 server account, 1 profile and 2 devices");
    simulate("urn:dev:open-2").succeeded();

    daemon.site().configure(LISTENERS, OPEN);
    let summary = daemon.ctl(&["reload"]).succeeded();
    assert!(summary.stdout.contains("the file defines 1 server account, 1 profile and 1 device\n"), "{summary:?}");
    let remarks = summary.stderr.lines().filter(|line| line.starts_with("warning: ") && line.contains(".toml:"));
    assert_eq!(remarks.count(), summary.stderr.lines().count(), "one line for each warning:\n{}", summary.stderr);
    assert!(!summary.stderr.contains("\\n"), "{}", summary.stderr);
    simulate("urn:dev:open-2").ended_with(1).explaining(&["4.00"]);
}

#[test]
fn a_broken_file_leaves_the_old_one_in_force_and_its_mistake_is_named() {
    let daemon = Daemon::start(OPEN);
    daemon.site().configure(LISTENERS, &format!("{OPEN}{SECOND_DEVICE}colour = \"red\"\n"));
    let line = daemon.site().line_of("colour");
    let place = format!("bootstrapd.toml:{line}:1: error: unknown key `colour`");

    daemon.signal("HUP");
    daemon.await_log(&place);
    daemon.await_log("the old one stays in force");
    let refused = daemon.ctl(&["reload"]).ended_with(1);
    let (carets, place) = (format!("{} | ^^^^^^", " ".repeat(line.to_string().len())), place.as_str());
    refused.explaining(&[place, "the old configuration stays in force", "colour = ", &carets]);

    bootstraps(&daemon, "urn:dev:open-1");
    assert_eq!(daemon.ctl_json(&["status"])["definitions"]["devices"], json!(1));
}

#[test]
fn a_file_that_has_gone_leaves_the_old_one_in_force() {
    let daemon = Daemon::start(OPEN);
    std::fs::remove_file(daemon.site().config()).unwrap();
    daemon.ctl(&["reload"]).ended_with(1).explaining(&["bootstrapd.toml", "No such file"]);
    bootstraps(&daemon, "urn:dev:open-1");
}

#[test]
fn what_takes_a_restart_is_refused_and_named() {
    let daemon = Daemon::start(OPEN);
    let site = daemon.site();
    let good = site.config_text();
    let elsewhere = site.path("elsewhere");
    let elsewhere = elsewhere.to_str().unwrap();
    let changed = [
        (good.replacen("127.0.0.1:0", "127.0.0.1:1", 1), "bind"),
        (good.replacen("security = \"dtls\"", "security = \"nosec\"", 1), "security"),
        (
            good.replacen("security = \"dtls\"", "security = \"dtls\"\nengine = \"native\"", 1),
            "`engine` of the listener",
        ),
        (good.replace(site.admin_socket().to_str().unwrap(), elsewhere), "admin"),
        (good.replace(site.state_dir().to_str().unwrap(), elsewhere), "state_dir"),
        (format!("sealing_key_file = {elsewhere:?}\n{good}"), "sealing_key_file"),
    ];
    for (text, what) in changed {
        site.write_config(&format!("{text}{SECOND_DEVICE}"));
        let refused = daemon.ctl(&["reload"]).ended_with(1);
        refused.explaining(&[what, "takes a restart", "stays in force"]);
        assert_eq!(daemon.ctl_json(&["status"])["definitions"]["devices"], json!(1), "{what}");
    }
    site.write_config(&good);
    daemon.ctl(&["reload"]).succeeded();
}

#[test]
fn timing_and_nosec_rules_of_a_listener_can_change() {
    let daemon = Daemon::start(PROVEN.replace("psk = \"text:the-key-of-meter-1\"", "").as_str());
    let simulate = || {
        let server = format!("coap://{}", daemon.nosec);
        daemon.ctl(&["simulate", "--server", &server, "meter-1"])
    };
    simulate().succeeded();
    let site = daemon.site();
    site.write_config(&site.config_text().replace("insecure_secrets = true", "max_retransmit = 2"));
    daemon.ctl(&["reload"]).succeeded();
    simulate().ended_with(1).explaining(&["4.00"]);
    let last = &daemon.ctl_json(&["session", "list"])["items"][0];
    assert_eq!(last["outcome"], "refused_insecure", "{last}");
}

#[test]
fn a_name_in_both_places_refuses_a_reload_and_at_start_the_file_wins() {
    let site = Site::new("");
    let daemon = site.start();
    let words = ["--uri", "database.example.com", "--ssid", "7", "--security", "nosec"];
    daemon.ctl(&[&["server", "add", "open-server"], &words[..]].concat()).succeeded();
    site.configure(LISTENERS, OPEN);
    daemon.ctl(&["reload"]).ended_with(1).explaining(&["`open-server`", "database", "stays in force"]);
    assert_eq!(daemon.ctl_json(&["server", "show", "open-server"])["uri"], "database.example.com");
    assert_eq!(daemon.ctl_json(&["device", "list"])["items"], json!([]), "nothing of the file came in");
    site.check().ended_with(1).explaining(&["`open-server`", "database"]);
    daemon.stop();

    let daemon = site.start();
    daemon.await_log("degraded: ");
    assert_eq!(daemon.ctl_json(&["server", "show", "open-server"])["uri"], "open.example.com");
    let status = daemon.ctl_json(&["status"]);
    let reason = status["degraded"][0].as_str().unwrap_or_default();
    assert!(reason.contains("`open-server`") && reason.contains("database"), "{status}");
    daemon.ctl(&["status"]).succeeded().saying(&["serving, degraded", "`open-server`"]);
    bootstraps(&daemon, "urn:dev:open-1");

    // The remedy: the entry of the database goes, by its number, and all is well.
    let number = reason.rsplit("number ").next().unwrap().trim_end_matches('.');
    daemon.ctl(&["server", "delete", number, "--yes"]).succeeded();
    daemon.ctl(&["reload"]).succeeded();
    assert_eq!(daemon.ctl_json(&["status"])["degraded"], json!([]));
}

#[test]
fn a_reference_that_a_reload_breaks_refuses_only_the_devices_concerned() {
    let daemon = Daemon::start(&format!("{OPEN}{SECOND_DEVICE}{EXTRA_SERVER}"));
    daemon.ctl(&["profile", "add", "extra", "--servers", "extra-server"]).succeeded();
    daemon.ctl(&["device", "add", "urn:dev:extra-1", "--profile", "extra"]).succeeded();
    bootstraps(&daemon, "urn:dev:extra-1");

    daemon.site().configure(LISTENERS, OPEN);
    daemon.ctl(&["reload"]).succeeded();
    let status = daemon.ctl_json(&["status"]);
    let reason = status["degraded"][0].as_str().unwrap_or_default();
    assert!(reason.contains("`extra`") && reason.contains("`extra-server`"), "{status}");
    bootstraps(&daemon, "urn:dev:open-1");
    let client = HandMadeClient::new(daemon.nosec);
    client.ask("urn:dev:extra-1");
    daemon.await_log("invalid_provision");
    assert_eq!(client.receive_at_once(), None, "what may pass is met with silence");
}

const EXTRA_SERVER: &str = r#"
[[server]]
name = "extra-server"
ssid = 102
uri = "extra.example.com"
security = "nosec"
"#;
