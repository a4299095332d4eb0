//! Server accounts, profiles and devices through `bootstrapctl`: added, listed, shown, changed, deleted; and refused,
//! with an exit code and a sentence, changing nothing.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Daemon, Site};
use crate::{OPEN, PROVEN, without_devices};

const KEY: &str = "text:canary-correct-horse-battery";
const ODD: [&str; 6] = ["urn:x:/% ü", "a/b?c=d&e#f", "..", "-", "100", "日本\"'\\ $x{y}"];

fn with_key(daemon: &Daemon) -> String {
    daemon.file("key", &format!("{KEY}\n")).to_str().unwrap().to_owned()
}

/// Everything that is defined, to be compared before and after.
fn state(daemon: &Daemon) -> Vec<Value> {
    ["server", "profile", "device"].iter().map(|noun| daemon.ctl_json(&[noun, "list"])).collect()
}

#[test]
fn a_server_account_lives_from_add_to_delete() {
    let daemon = Daemon::start("");
    let key = with_key(&daemon);
    let add = ["server", "add", "eu", "--ssid", "101", "--uri", "eu.example.com", "--psk-file", &key];
    let added = daemon.ctl_json(&[&add[..], &["--lifetime", "300", "--default-minimum-period", "5"]].concat());
    assert_eq!(
        (&added["name"], &added["secrets"], &added["origin"]),
        (&json!("eu"), &json!(["psk"]), &json!("database"))
    );
    let number = added["id"].to_string();

    for name in ["eu", &number] {
        let shown = daemon.ctl_json(&["server", "show", name]);
        assert_eq!((&shown["ssid"], &shown["lifetime"]), (&json!(101), &json!(300)), "{name}");
    }
    let changed =
        daemon.ctl_json(&["server", "set", &number, "--lifetime", "600", "--unset", "default-minimum-period"]);
    assert_eq!((&changed["lifetime"], changed.get("default_minimum_period")), (&json!(600), None));
    assert_eq!((&changed["uri"], &changed["secrets"]), (&json!("eu.example.com"), &json!(["psk"])), "the rest stays");

    daemon.ctl(&["server", "list"]).succeeded().saying(&["NAME", "eu.example.com", "600"]);
    daemon.ctl(&["server", "ls"]).succeeded().saying(&["eu.example.com"]);
    let csv = daemon.ctl(&["server", "list", "--format", "csv"]).succeeded().stdout;
    assert_eq!(
        csv,
        format!("id,name,ssid,uri,security,lifetime,origin\r\n{number},eu,101,eu.example.com,psk,600,database\r\n")
    );
    let table = daemon.ctl(&["server", "show", "eu", "--format", "table"]).succeeded();
    assert!(table.stdout.contains("secrets") && !table.stdout.contains("canary"), "{}", table.stdout);

    daemon.ctl(&["server", "rm", &number, "--yes"]).succeeded();
    daemon.ctl(&["server", "show", "eu"]).ended_with(3).explaining(&["no server", "eu"]);
}

#[test]
fn a_profile_lives_from_add_to_delete() {
    let daemon = Daemon::start("");
    let server = ["--uri", "h.example.com", "--security", "nosec"];
    daemon.ctl(&[&["server", "add", "a", "--ssid", "1"], &server[..]].concat()).succeeded();
    daemon.ctl(&[&["server", "add", "b", "--ssid", "2"], &server[..]].concat()).succeeded();
    let added =
        daemon.ctl_json(&["profile", "add", "both", "--servers", "b,a", "--content-format", "tlv", "--default"]);
    assert_eq!(
        (&added["servers"], &added["default"], &added["format"]),
        (&json!(["b", "a"]), &json!(true), &json!("tlv"))
    );
    let number = added["id"].to_string();
    let changed = daemon.ctl_json(&["profile", "set", &number, "--discover", "never", "--unset", "content-format"]);
    assert_eq!((&changed["discover"], changed.get("format")), (&json!("never"), None));
    daemon.ctl(&["profile", "ls"]).succeeded().saying(&["both", "b a", "never"]);
    assert_eq!(daemon.ctl_json(&["profile", "show", "both"])["servers"], json!(["b", "a"]));
    daemon.ctl(&["profile", "delete", "both", "--yes"]).succeeded();
    daemon.ctl(&["profile", "show", &number]).ended_with(3);
}

#[test]
fn a_device_lives_from_add_to_delete_whatever_its_name() {
    let daemon = Daemon::start(without_devices(OPEN));
    let key = with_key(&daemon);
    for endpoint in ODD {
        // What begins with a hyphen is told from flags as everywhere.
        daemon.ctl(&["device", "add", "--psk-file", &key, "--", endpoint]).succeeded();
        let shown = daemon.ctl_json(&["device", "show", "--", endpoint]);
        assert_eq!((&shown["endpoint"], &shown["secrets"]), (&json!(endpoint), &json!(["psk"])));
        let identity = format!("identity of {endpoint}");
        let changed = daemon.ctl_json(&["device", "set", "--psk-identity", &identity, "--", endpoint]);
        assert_eq!((&changed["psk_identity"], &changed["secrets"]), (&json!(identity), &json!(["psk"])));
        let found = daemon.ctl_json(&["device", "list", "--search", &identity]);
        assert_eq!(found["items"][0]["endpoint"], endpoint);
        let removed = daemon.ctl_json(&["device", "set", "--unset", "psk", "--unset", "psk-identity", "--", endpoint]);
        assert_eq!((&removed["secrets"], removed.get("psk_identity")), (&json!([]), None));
    }
    assert_eq!(daemon.ctl_json(&["device", "list"])["total"], json!(ODD.len()));
    for endpoint in ODD {
        daemon.ctl(&["device", "rm", "--yes", "--", endpoint]).succeeded();
        daemon.ctl(&["device", "show", "--", endpoint]).ended_with(3);
    }
}

#[test]
fn pages_of_devices_follow_each_other() {
    let devices: String = (0..7).map(|n| format!("[[device]]\nendpoint = \"meter {n}\"\n")).collect();
    let daemon = Daemon::start(&format!("{}{devices}", without_devices(OPEN)));
    let first = daemon.ctl(&["device", "list", "--limit", "4"]).succeeded().explaining(&["4 of 7", "--after '"]);
    assert!(first.stdout.contains("meter 3") && !first.stdout.contains("meter 4"));
    let next = daemon.ctl_json(&["device", "list", "--limit", "4"])["next"].as_str().unwrap().to_owned();
    let second = daemon.ctl(&["device", "list", "--limit", "4", "--after", &next]).succeeded();
    assert!(second.stdout.contains("meter 4") && second.stdout.contains("meter 6") && second.stderr.is_empty());
}

#[test]
fn keys_go_in_by_file_or_stdin_and_never_as_an_argument() {
    let daemon = Daemon::start(without_devices(OPEN));
    let site = daemon.site();
    site.ctl_with_input(&["device", "add", "m1", "--psk-file", "-"], &format!("{KEY}\n")).succeeded();
    assert_eq!(daemon.ctl_json(&["device", "show", "m1"])["secrets"], json!(["psk"]));
    let before = state(&daemon);
    let refused = daemon.ctl(&["device", "set", "m1", "--psk", KEY]).ended_with(2).explaining(&["--psk-file"]);
    assert!(!refused.everything().contains("canary"), "{}", refused.everything());
    let refused = site.ctl_with_input(&["device", "add", "m2", "--psk-file", "-"], "canary-no-prefix\n").ended_with(1);
    assert!(refused.stderr.contains("hex:") && !refused.everything().contains("canary"), "{}", refused.stderr);
    daemon
        .ctl(&["device", "add", "m2", "--psk-file", "/nonexistent/key"])
        .ended_with(1)
        .explaining(&["/nonexistent/key"]);
    assert_eq!(state(&daemon), before);
}

#[test]
fn refusals_name_flags_to_whoever_typed_flags() {
    let daemon = Daemon::start(without_devices(OPEN));
    let key = with_key(&daemon);
    let add = ["server", "add", "eu", "--ssid", "1", "--uri", "h.example.com"];
    daemon.ctl(&add).ended_with(1).explaining(&["`--psk-file`", "`--security nosec`"]);
    daemon.ctl(&["device", "add", "m", "--psk-identity", "m"]).ended_with(1).explaining(&["`--psk-file`"]);
    daemon.ctl(&[&add[..], &["--psk-file", &key]].concat()).succeeded();
    daemon.ctl(&["server", "set", "eu", "--security", "nosec"]).ended_with(1).explaining(&["`--unset psk`"]);
    daemon.ctl(&["server", "set", "eu", "--security", "nosec", "--unset", "psk"]).succeeded();
    let empty = daemon.file("empty", "");
    let words = ["device", "add", "m", "--psk-file", empty.to_str().unwrap()];
    daemon.ctl(&words).ended_with(1).explaining(&["is empty", "hex:"]);
    daemon.ctl(&["profile", "add", "p", "--servers", ""]).ended_with(2).explaining(&["an empty name"]);
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let daemon = Daemon::start(PROVEN);
    for words in [&["status"][..], &["--help"], &["device", "list", "--format", "json"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrapctl"));
        command.arg("--socket").arg(daemon.site().admin_socket()).args(words);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write the answer"), "{words:?}");
    }
}

#[test]
fn deleting_without_a_terminal_needs_yes() {
    let daemon = Daemon::start(without_devices(OPEN));
    daemon.ctl(&["device", "add", "m1"]).succeeded();
    daemon.site().ctl_with_input(&["device", "delete", "m1"], "y\n").ended_with(2).explaining(&["--yes"]);
    daemon.ctl(&["device", "show", "m1"]).succeeded();
    daemon.ctl(&["device", "delete", "m1", "-y"]).succeeded();
}

#[test]
fn what_others_use_is_not_deleted_and_they_are_named() {
    let daemon = Daemon::start("");
    daemon.ctl(&["server", "add", "eu", "--ssid", "1", "--uri", "h.example.com", "--security", "nosec"]).succeeded();
    daemon.ctl(&["profile", "add", "p-one", "--servers", "eu"]).succeeded();
    daemon.ctl(&["profile", "add", "p-two", "--servers", "eu"]).succeeded();
    daemon.ctl(&["device", "add", "m1", "--profile", "p-one"]).succeeded();
    let before = state(&daemon);
    daemon.ctl(&["server", "delete", "eu", "--yes"]).ended_with(4).explaining(&["`eu`", "`p-one`", "`p-two`"]);
    daemon.ctl(&["profile", "delete", "p-one", "--yes"]).ended_with(4).explaining(&["`p-one`", "`m1`"]);
    assert_eq!(state(&daemon), before);
}

#[test]
fn what_the_file_defines_is_read_only_with_the_remedy() {
    let daemon = Daemon::start(PROVEN);
    let before = state(&daemon);
    let remedy = ["defined in the config file", "change it there and reload"];
    for words in [
        &["server", "set", "fleet-eu", "--lifetime", "5"][..],
        &["server", "delete", "fleet-eu", "--yes"],
        &["profile", "set", "default", "--discover", "never"],
        &["profile", "delete", "default", "--yes"],
        &["device", "set", "meter-1", "--unset", "psk"],
        &["device", "delete", "meter-1", "--yes"],
    ] {
        daemon.ctl(words).ended_with(4).explaining(&remedy);
    }
    daemon.ctl(&["device", "add", "meter-1"]).ended_with(4).explaining(&["already", "`meter-1`"]);
    assert_eq!(state(&daemon), before);
    assert_eq!(daemon.ctl_json(&["device", "show", "meter-1"])["origin"], "file");
}

#[test]
fn all_mistakes_are_listed_and_nothing_is_changed() {
    let daemon = Daemon::start(PROVEN);
    let key = with_key(&daemon);
    let before = state(&daemon);
    let lines = daemon.ctl(&["audit"]).succeeded().stdout;
    let add = ["server", "add", "12", "--ssid", "0", "--uri", "ftp://h", "--psk-file", &key, "--binding", "Z"];
    let wrong = [&add[..], &["--default-minimum-period", "9", "--default-maximum-period", "3"]].concat();
    daemon.ctl(&wrong).ended_with(1).explaining(&["nothing was changed", "name: ", "ssid: ", "uri: ", "binding: "]);
    daemon.ctl(&wrong).ended_with(1).explaining(&["default_m"]);
    daemon
        .ctl(&["profile", "add", "p", "--servers", "fleet-eu,nowhere", "--delete", "/x"])
        .ended_with(1)
        .explaining(&["`nowhere`", "delete"]);
    daemon.ctl(&["device", "add", "m2", "--profile", "nowhere"]).ended_with(1).explaining(&["`nowhere`"]);
    daemon
        .ctl(&["device", "add", "m2", "--psk-identity", "meter-1", "--psk-file", &key])
        .ended_with(4)
        .explaining(&["`meter-1`"]);
    let bootstrap = ["server", "add", "bs", "--type", "bootstrap", "--uri", "h.example.com", "--psk-file", &key];
    daemon.ctl(&[&bootstrap[..], &["--client-hold-off-time", "5"]].concat()).succeeded();
    daemon.ctl(&["profile", "add", "p", "--servers", "bs"]).ended_with(1).explaining(&["type bootstrap"]);
    daemon.ctl(&["server", "delete", "bs", "--yes"]).succeeded();
    assert_eq!(state(&daemon), before);
    let now = daemon.ctl(&["audit"]).succeeded().stdout;
    assert_eq!(now.lines().count(), lines.lines().count() + 2, "what was refused left no audit line:\n{now}");
}

#[test]
fn each_exit_code_has_its_meaning() {
    let daemon = Daemon::start(PROVEN);
    for (words, code) in [
        (&["status"][..], 0),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["device", "add", "m", "--profile", "nowhere"], 1),
        (&["server", "set", "fleet-eu"], 2),
        (&["server", "add"], 2),
        (&["colour"], 2),
        (&["device", "add", "m", "--colour", "red"], 2),
        (&["device", "show", "nobody"], 3),
        (&["device", "set", "nobody", "--unset", "psk"], 3),
        (&["device", "delete", "nobody", "--yes"], 3),
        (&["server", "show", "99"], 3),
        (&["session", "show", "99"], 3),
        (&["device", "add", "meter-1"], 4),
    ] {
        let answer = daemon.ctl(words).ended_with(code);
        assert_eq!(answer.stderr.is_empty(), code == 0, "{words:?}: {}", answer.stderr);
    }
    let site = daemon.stop();
    let socket = site.admin_socket();
    site.ctl(&["status"]).ended_with(5).explaining(&["no daemon answers at", socket.to_str().unwrap()]);
    // A socket on which nobody listens is no daemon either.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    site.ctl(&["status"]).ended_with(5);
}

#[test]
fn every_change_has_its_audit_line_with_the_user() {
    let daemon = Daemon::start(without_devices(OPEN));
    let uid = std::fs::metadata(daemon.site().config()).unwrap().uid();
    let key = with_key(&daemon);
    daemon.ctl(&["server", "add", "eu", "--ssid", "1", "--uri", "h.example.com", "--psk-file", &key]).succeeded();
    daemon.ctl(&["profile", "add", "p", "--servers", "eu"]).succeeded();
    daemon.ctl(&["device", "add", "m1", "--psk-file", &key]).succeeded();
    daemon.ctl(&["server", "set", "eu", "--lifetime", "5"]).succeeded();
    daemon.ctl(&["device", "delete", "m1", "--yes"]).succeeded();
    let audit = daemon.ctl_json(&["audit"]);
    let of_users = audit["items"].as_array().unwrap().iter().filter(|line| line["actor"] == "admin socket");
    let lines: Vec<_> = of_users.rev().collect();
    let expected = [
        ("add", "server", "eu"),
        ("add", "profile", "p"),
        ("add", "device", "m1"),
        ("change", "server", "eu"),
        ("delete", "device", "m1"),
    ];
    assert_eq!(lines.len(), expected.len());
    for (line, (verb, kind, name)) in lines.iter().zip(expected) {
        let said = (&line["verb"], &line["kind"], &line["name"], &line["uid"]);
        assert_eq!(said, (&json!(verb), &json!(kind), &json!(name), &json!(uid)));
    }
    assert_eq!(lines[3]["fields"], json!(["lifetime"]));
    daemon.ctl(&["audit", "--limit", "1"]).succeeded().saying(&[&format!("uid {uid}"), "delete", "m1"]);
    assert!(!audit.to_string().contains("canary"));
}

#[test]
fn of_many_who_add_the_same_one_succeeds() {
    let daemon = Daemon::start(without_devices(OPEN));
    let site = daemon.site();
    let add = || site.ctl(&["device", "add", "meter-1"]).code;
    let mut codes: Vec<_> = std::thread::scope(|scope| {
        let operators: Vec<_> = (0..8).map(|_| scope.spawn(add)).collect();
        operators.into_iter().map(|operator| operator.join().unwrap()).collect()
    });
    codes.sort_unstable();
    assert_eq!(codes, [[Some(0)].as_slice(), &[Some(4); 7]].concat());
    assert_eq!(daemon.ctl_json(&["device", "list"])["total"], json!(1));
}

#[test]
fn a_default_profile_moves_only_on_purpose() {
    let site = Site::new("");
    let daemon = site.start();
    daemon.ctl(&["server", "add", "eu", "--ssid", "1", "--uri", "h.example.com", "--security", "nosec"]).succeeded();
    daemon.ctl(&["profile", "add", "one", "--servers", "eu", "--default"]).succeeded();
    daemon.ctl(&["profile", "add", "two", "--servers", "eu", "--default"]).ended_with(4).explaining(&["`one`"]);
    daemon.ctl(&["profile", "set", "one", "--default", "false"]).succeeded();
    daemon.ctl(&["profile", "add", "two", "--servers", "eu", "--default"]).succeeded();
}
