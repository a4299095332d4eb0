//! Fleets as files, deletions with what depends on them, and the socket that only reads.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::harness::{Daemon, Site};

const SERVERS: &str = r#"
[[server]]
name = "eu"
ssid = 101
uri = "eu.example.com"
psk = "text:canary-key-of-the-server-eu"
"#;
const REST: &str = r#"
[[profile]]
name = "p"
servers = ["eu"]
default = true

[[device]]
endpoint = "meter-1"
psk = "text:canary-key-of-meter-1"
tags = ["pilot"]

[[device]]
endpoint = "meter-2"
profile = "p"
state = "blocked"
property = { site = "Berlin" }
"#;

/// A directory with the fleet as files.
fn files(daemon: &Daemon) -> String {
    let directory = daemon.site().path("fleet");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("a.toml"), SERVERS).unwrap();
    fs::write(directory.join("b.toml"), REST.replace("property = {", "properties = {")).unwrap();
    directory.to_str().unwrap().to_owned()
}

#[test]
fn a_fleet_is_applied_exported_and_applied_elsewhere() {
    let daemon = Daemon::start("");
    let directory = files(&daemon);
    let tried = daemon.ctl(&["apply", "--dry-run", &directory]).succeeded();
    let changes = ["+ server eu", "+ profile p", "+ device meter-1", "+ device meter-2", "would be applied: 4 added"];
    let tried = tried.saying(&changes);
    assert_eq!(daemon.ctl_json(&["device", "list"])["items"], json!([]));
    let done = daemon.ctl(&["apply", &directory]).succeeded();
    assert_eq!(done.stdout, tried.stdout.replace("would be ", ""));
    daemon.ctl(&["apply", &directory]).succeeded().saying(&["no change: 4 entries"]);

    let revealed = daemon.site().path("revealed");
    daemon.ctl(&["export", "--reveal", revealed.to_str().unwrap()]).succeeded();
    let mode = fs::metadata(revealed.join("servers.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let whole = daemon.ctl(&["export", "--reveal"]).succeeded().stdout;
    assert!(whole.contains("canary-key-of-the-server-eu") && whole.contains("canary-key-of-meter-1"), "{whole}");
    let other = Daemon::start("");
    other.ctl(&["apply", revealed.to_str().unwrap()]).succeeded().saying(&["4 added"]);
    assert_eq!(other.ctl(&["export", "--reveal"]).succeeded().stdout, whole);

    let bare = daemon.site().path("bare");
    let said = daemon.ctl(&["export", bare.to_str().unwrap()]).succeeded().everything();
    let texts =
        ["servers", "profiles", "devices"].map(|name| fs::read_to_string(bare.join(format!("{name}.toml"))).unwrap());
    assert!(!texts.concat().contains("canary") && !said.contains("canary"));
    daemon.ctl(&["apply", bare.to_str().unwrap()]).succeeded().saying(&["no change: 4 entries"]);
    // Where nothing is stored, what is left out is missing.
    let third = Daemon::start("");
    let refused = third.ctl(&["apply", bare.to_str().unwrap()]).ended_with(1);
    refused.explaining(&["servers.toml:1: server `eu`: psk: the key is missing"]);
    assert_eq!(third.ctl_json(&["server", "list"])["items"], json!([]));
}

#[test]
fn only_files_that_say_it_unblock_a_device() {
    let daemon = Daemon::start("");
    let directory = files(&daemon);
    daemon.ctl(&["apply", &directory]).succeeded();
    daemon.ctl(&["device", "block", "meter-1"]).succeeded();
    daemon.ctl(&["apply", &directory]).succeeded().saying(&["no change: 4 entries"]);
    let path = daemon.site().path("fleet").join("b.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replace("tags = [\"pilot\"]", "tags = [\"pilot\"]\nstate = \"enabled\"")).unwrap();
    daemon.ctl(&["apply", &directory]).succeeded().saying(&["~ device meter-1: state"]);
    let lines = daemon.ctl_json(&["audit", "--limit", "2"])["items"].clone();
    assert_eq!((&lines[1]["verb"], &lines[1]["name"]), (&json!("unblock"), &json!("meter-1")), "{lines}");
    assert_eq!(daemon.ctl(&["apply", &directory]).succeeded().stdout, "no change: 4 entries are as the files say\n");
}

#[test]
fn pruning_needs_a_yes_and_deletes_the_rest() {
    let daemon = Daemon::start("");
    let directory = files(&daemon);
    daemon.ctl(&["device", "add", "stray"]).ended_with(1);
    daemon.ctl(&["apply", &directory]).succeeded();
    daemon.ctl(&["device", "add", "stray"]).succeeded();
    daemon.ctl(&["apply", "--prune", &directory]).ended_with(2).explaining(&["--yes"]);
    daemon.ctl(&["apply", "--prune", "--yes", &directory]).succeeded().saying(&["- device stray", "1 deleted"]);
    daemon.ctl(&["device", "show", "stray"]).ended_with(3);
}

#[test]
fn a_server_account_in_use_goes_only_with_what_uses_it() {
    let daemon = Daemon::start("");
    daemon.ctl(&["apply", &files(&daemon)]).succeeded();
    let refused = daemon.ctl(&["server", "delete", "eu", "--yes"]).ended_with(4);
    refused.explaining(&["1 profile: `p`", "1 device: `meter-2`", "1 device without a profile", "--cascade"]);
    daemon.ctl(&["server", "delete", "eu", "--cascade"]).ended_with(2).explaining(&["--yes"]);
    daemon.ctl(&["server", "delete", "eu", "--cascade", "--yes"]).succeeded().saying(&["2 entries"]);
    let left = daemon.ctl_json(&["device", "list"]);
    assert_eq!((&left["items"][0]["endpoint"], &left["total"]), (&json!("meter-1"), &json!(1)));
}

#[test]
fn the_read_only_socket_lists_and_neither_changes_nor_reveals() {
    let site = Site::new("");
    let socket = site.path("read.sock");
    let text = site.config_text().replace("[admin]\n", &format!("[admin]\nread_only_socket = {socket:?}\n"));
    site.write_config(&text);
    let daemon = site.start();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    daemon.ctl(&["apply", &files(&daemon)]).succeeded();
    let path = socket.to_str().unwrap();
    let reading = |words: &[&str]| daemon.ctl(&[words, &["--socket", path]].concat());
    for words in [
        &["server", "list"][..],
        &["device", "show", "meter-1"],
        &["status"],
        &["audit"],
        &["device", "export"],
        &["export"],
    ] {
        assert!(!reading(words).succeeded().everything().contains("canary"), "{words:?}");
    }
    let directory = site.path("fleet");
    for words in [
        &["device", "add", "x"][..],
        &["device", "delete", "meter-1", "--yes"],
        &["device", "export", "--reveal"],
        &["export", "--reveal"],
        &["apply", directory.to_str().unwrap()],
        &["device", "import", "-"],
        &["reload"],
    ] {
        reading(words).ended_with(5).explaining(&["read-only"]);
    }
    daemon.ctl(&["device", "show", "meter-1"]).succeeded();
}
