//! Devices by the table: imported all or none, exported and read back.

use std::io::Write;

use serde_json::json;

use crate::OPEN;
use crate::harness::Daemon;

const TABLE: &str = "endpoint,psk_identity,psk,certificate,certificate_name,public_key,profile,state,tags,\
                     property.site\r\n\
                     a-1,,hex:00112233445566778899aabbccddeeff,,,,default,enabled,eu;pilot,Berlin\r\n\
                     a-2,me,text:canary-0123456789abcdef,,,,,blocked,,\r\n\
                     \"b, \"\"3\"\"\",,,,,,,enabled,,\r\n";

/// What is defined, and how many audit lines there are.
fn state(daemon: &Daemon) -> String {
    let devices = daemon.ctl_json(&["device", "list", "--all"]);
    let lines = daemon.ctl_json(&["audit", "--limit", "1000"])["items"].as_array().map(Vec::len);
    format!("{devices} {lines:?}")
}

#[test]
fn a_table_is_imported_exported_and_reads_back_equal() {
    let daemon = Daemon::start(OPEN);
    let file = daemon.file("fleet.csv", TABLE);
    let file = file.to_str().unwrap();
    let before = state(&daemon);
    let tried = daemon.ctl_json(&["device", "import", "--dry-run", file]);
    assert_eq!(tried, json!({"added": 3, "changed": 0, "unchanged": 0, "dry_run": true}));
    assert_eq!(state(&daemon), before, "a dry run changes nothing");
    let done = daemon.ctl(&["device", "import", file]).succeeded();
    assert_eq!(done.stdout, "imported: 3 added, 0 changed, 0 unchanged\n");
    let bare = daemon.ctl(&["device", "export", "--origin", "database"]).succeeded();
    assert!(!bare.everything().contains("canary") && !bare.stdout.contains("psk,"), "{bare:?}");
    let table = daemon.ctl(&["device", "export", "--reveal", "--origin", "database"]).succeeded().stdout;
    assert_eq!(table, TABLE);
    let line = &daemon.ctl_json(&["audit", "--limit", "1"])["items"][0];
    assert_eq!((&line["verb"], &line["kind"]), (&json!("reveal"), &json!("device")));
    let again = daemon.site().ctl_with_input(&["--format", "json", "device", "import", "--update", "-"], &table);
    assert_eq!(again.succeeded().json(), json!({"added": 0, "changed": 0, "unchanged": 3, "dry_run": false}));
    let update = "endpoint,psk,tags\na-1,,new\n";
    daemon.site().ctl_with_input(&["device", "import", "--update", "-"], update).succeeded();
    let shown = daemon.ctl_json(&["device", "show", "a-1"]);
    assert_eq!(
        (&shown["tags"], &shown["secrets"], &shown["profile"]),
        (&json!(["new"]), &json!(["psk"]), &json!("default"))
    );
}

#[test]
fn only_a_table_that_says_it_unblocks_a_device() {
    let daemon = Daemon::start(OPEN);
    let update = |table: &str| {
        daemon.site().ctl_with_input(&["device", "import", "--update", "-"], table).succeeded();
        daemon.ctl_json(&["audit", "--limit", "2"])["items"][1].clone()
    };
    update("endpoint,state\na-1,enabled\n");
    daemon.ctl(&["device", "block", "a-1"]).succeeded();
    for table in ["endpoint,tags\na-1,x\n", "endpoint,state\na-1,\n"] {
        update(table);
        assert_eq!(daemon.ctl_json(&["device", "show", "a-1"])["state"], json!("blocked"), "{table}");
    }
    let line = update("endpoint,state\na-1,enabled\n");
    assert_eq!((&line["verb"], &line["name"]), (&json!("unblock"), &json!("a-1")), "{line}");
    let line = update("endpoint,state\na-1,blocked\n");
    assert_eq!((&line["verb"], &line["name"]), (&json!("block"), &json!("a-1")), "{line}");
}

#[test]
fn every_bad_row_is_named_and_nothing_is_imported() {
    let daemon = Daemon::start(OPEN);
    let before = state(&daemon);
    let table = "endpoint,psk,profile\ngood,,\nbad-1,canary-without-prefix,\nbad-2,hex:0\n";
    daemon
        .site()
        .ctl_with_input(&["device", "import", "-"], table)
        .ended_with(1)
        .explaining(&["line 3, psk: a key must say how it is written", "line 4: the row has 2 cells"]);
    let table = "endpoint,psk,profile\ngood,,\nurn:dev:open-1,,\ngood,,\nlost,,nowhere\n";
    let refused = daemon.site().ctl_with_input(&["device", "import", "-"], table).ended_with(1);
    refused.explaining(&["line 3, endpoint", "config file", "line 4, endpoint", "(line 2)", "line 5, profile"]);
    // Rows that cannot be read hide no others, and one that is there already is one mistake.
    let key = "hex:00112233445566778899aabbccddeeff";
    let table = format!("endpoint,psk,profile\nurn:dev:open-1,{key},\nbad,x,\nlost,,nowhere\n");
    let refused = daemon.site().ctl_with_input(&["device", "import", "-"], &table).ended_with(1);
    let refused = refused.explaining(&["3 mistakes", "line 2, endpoint", "line 3, psk", "line 4, profile"]);
    assert!(!refused.stderr.contains("line 2, psk_identity"), "{}", refused.stderr);
    let refused = daemon.site().ctl_with_input(&["device", "import", "-"], "endpoint,psk_idenity\n").ended_with(1);
    let refused = refused.explaining(&["did you mean `psk_identity`?"]);
    assert!(!refused.everything().contains("canary"));
    assert_eq!(state(&daemon), before);
}

#[test]
fn a_daemon_killed_midway_leaves_nothing_of_an_import() {
    let daemon = Daemon::start(OPEN);
    let before = state(&daemon);
    let table: String = (0..30_000).map(|number| format!("meter-{number:06},text:key-of-{number:016}\n")).collect();
    let socket = daemon.admin_socket();
    let request = std::thread::spawn(move || {
        let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
        let body = format!("endpoint,psk\n{table}");
        let head = format!(
            "POST /v1/import/devices HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut said = String::new();
        let mut buffer = [0; 4096];
        loop {
            let count = std::io::Read::read(&mut stream, &mut buffer).unwrap();
            said += &String::from_utf8_lossy(&buffer[..count]);
            if count == 0 || said.contains("\"written\"") {
                return said;
            }
        }
    });
    let said = request.join().unwrap();
    assert!(said.contains("written") && !said.contains("imported"), "{said}");
    let site = daemon.crash();
    let daemon = site.start();
    assert_eq!(state(&daemon), before);
}
