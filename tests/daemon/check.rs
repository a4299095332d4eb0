//! `bootstrapd check` names every mistake with line, column and caret, and a start refuses what it refuses.

use crate::harness::Site;
use crate::{OPEN, PROVEN};

/// Every line with a mistake ends in a comment that says under what the carets are to stand, and with which words.
const MISTAKES: &str = r#"
[[listen]]
bind = "127.0.0.1"           #! "127.0.0.1" | not an IP address with a port
security = "tls"             #! "tls" | `security` must be `nosec` or `dtls`
colour = "red"               #! colour | unknown key `colour`

[[server]]
name = "1234"                #! "1234" | a name must not be all digits
ssid = 70000                 #! 70000 | 70000 is no Short Server ID
uri = "ftp://example.com"    #! "ftp://example.com" | other schemes are not supported
psk = "canary-no-prefix"     #! "canary-no-prefix" | a key must say how it is written
lifetime = "long"            #! "long" | `lifetime` must be a whole number

[[profile]]                  #! [[profile]] | a client needs at least one server account
name = "one"
default = true
format = "xml"               #! "xml" | no such format

[[profile]]                  #! [[profile]] | a client needs at least one server account
name = "two"
default = true               #! true | default

[[profile]]                  #! [[profile]] | a client needs at least one server account
name = "one"                 #! "one" | the first is on line

[[device]]
endpoint = "meter-1"
psk = "hex:canaryzz"         #! "hex:canaryzz" | hex
profile = "nowhere"          #! "nowhere" | nowhere

[[device]]
endpoint = "meter-1"         #! "meter-1" | the first is on line
psk_file = "missing.hex"     #! "missing.hex" | cannot read the key file
"#;

#[test]
fn every_mistake_is_named_with_line_column_and_carets() {
    let site = Site::with_listeners("", MISTAKES);
    let checked = site.check().ended_with(1);
    let mut expected = 0;
    for (number, line) in site.config_text().lines().enumerate() {
        let Some((_, (spot, words))) =
            line.split_once("#! ").map(|(code, note)| (code, note.split_once(" | ").unwrap()))
        else {
            continue;
        };
        expected += 1;
        let (number, column) = (number + 1, line.find(spot).unwrap() + 1);
        let headline = format!(":{number}:{column}: error: ");
        let mut said = checked.stderr.lines().skip_while(|said| !said.contains(&headline));
        let message = said.next().unwrap_or_else(|| panic!("{headline:?} is missing in\n{}", checked.stderr));
        assert!(message.contains(words), "{words:?} is missing in {message:?}");
        let (quote, carets) = (said.next().unwrap(), said.next().unwrap());
        let gutter = format!("{number} | ");
        assert!(quote.starts_with(&gutter), "{quote:?}");
        let drawn = format!("{}{}", " ".repeat(column - 1), "^".repeat(spot.len()));
        assert_eq!(carets[gutter.len()..], drawn, "under {quote:?}");
    }
    assert!(expected >= 13);
    assert_eq!(checked.stderr.matches(": error: ").count(), expected, "{}", checked.stderr);
    assert!(!checked.everything().contains("canary"), "{}", checked.everything());

    let refused = site.run().ended_with(1).explaining(&["bootstrapd was not started"]);
    assert!(refused.stderr.starts_with(&checked.stderr.trim_end().to_owned()), "{}", refused.stderr);
    assert!(!refused.everything().contains("canary"), "{}", refused.everything());
    assert!(std::fs::read_dir(site.state_dir()).unwrap().next().is_none(), "nothing was made");
}

#[test]
fn an_unknown_key_alone_refuses_the_start() {
    let site = Site::new(&format!("{OPEN}profil = \"default\"\n"));
    let place = format!("bootstrapd.toml:{}:1: error: unknown key `profil`", site.line_of("profil = \"default\""));
    site.check().ended_with(1).explaining(&[&place, "did you mean `profile`"]);
    site.run().ended_with(1).explaining(&[&place, "bootstrapd was not started"]);
}

#[test]
fn what_is_no_toml_is_named_without_showing_a_key() {
    for line in
        ["psk = \"text:canary-unclosed", "psk = text:canary-unquoted", "psk = 'text:canary", "psk \"text:canary\""]
    {
        let site = Site::new(&format!("{PROVEN}\n[[device]]\nendpoint = \"m2\"\n{line}\n"));
        let checked = site.check().ended_with(1);
        let place = format!("bootstrapd.toml:{}:", site.line_of(line));
        assert!(checked.stderr.contains(&place), "{place}: {}", checked.stderr);
        assert!(!checked.everything().contains("canary"), "{}", checked.everything());
    }
}

#[test]
fn a_good_file_is_summed_up_and_starts_nothing() {
    let site = Site::new(PROVEN);
    let checked = site.check().succeeded();
    checked.saying(&["no mistakes", "2 listeners, 1 server account, 1 profile, 1 device."]);
    assert!(std::fs::read_dir(site.state_dir()).unwrap().next().is_none(), "nothing was made");
}

#[test]
fn check_does_not_disturb_a_running_daemon() {
    let site = Site::new(PROVEN);
    let daemon = site.start();
    site.check().succeeded();
    daemon.ctl(&["device", "add", "meter-2"]).succeeded();
    site.check().succeeded();
    daemon.ctl(&["device", "show", "meter-2"]).succeeded();
}

#[test]
fn conflicts_with_the_database_are_named() {
    let site = Site::new("");
    let daemon = site.start();
    let key = site.file("key", "text:canary-of-the-database\n");
    let key = key.to_str().unwrap();
    for words in [
        &["server", "add", "fleet-eu", "--ssid", "1", "--uri", "h.example.com", "--psk-file", key][..],
        &["profile", "add", "other", "--servers", "fleet-eu", "--default"],
        &["device", "add", "meter-1", "--psk-file", key],
    ] {
        daemon.ctl(words).succeeded();
    }
    site.configure(crate::harness::site::LISTENERS, PROVEN);
    let checked = site.check().ended_with(1);
    for name in ["`fleet-eu`", "`default`", "`other`", "`meter-1`"] {
        assert!(checked.stderr.contains(name), "{name} is missing in\n{}", checked.stderr);
    }
    assert!(!checked.everything().contains("canary"), "{}", checked.everything());
    let file = site.config();
    let file = file.to_str().unwrap();
    for line in checked.stderr.lines().filter(|line| line.contains("database")) {
        assert!(line.starts_with(&format!("{file}: error: ")), "{line}");
        assert!(line.contains("at start the file wins, and a reload is refused; "), "{line}");
    }
    checked.explaining(&[
        "remove it from the file or from the database",
        "let only one of the two be the default",
        "3 errors, 3 warnings",
    ]);
    // And as well where no daemon runs.
    daemon.stop();
    site.check().ended_with(1).explaining(&["`fleet-eu`", "`meter-1`"]);
}

/// A file that leaves to the database: a server account, a profile, and which profile is the default.
const LEANING: &str = r#"
[[profile]]
name = "of-the-file"
servers = ["of-the-database"]

[[device]]
endpoint = "urn:dev:open-1"

[[device]]
endpoint = "urn:dev:open-2"
profile = "elsewhere"

[[device]]
endpoint = "urn:dev:open-3"
profile = "of-the-file"
"#;

#[test]
fn what_stands_in_the_database_is_not_missing_in_the_file() {
    let site = Site::new(LEANING);
    let place = |text: &str| {
        let line = site.line_of(text);
        format!("bootstrapd.toml:{line}:")
    };
    let (server, default) = (place("\"of-the-database\""), place("[[device]]"));
    let profile = place("\"elsewhere\"");
    site.check().ended_with(1).explaining(&[
        &format!("{server}12: error: no server `of-the-database`"),
        &format!("{default}1: error: `profile` is missing, no rule of a profile fits, and no profile is the default"),
        &format!("{profile}11: error: no profile `elsewhere`"),
        "^^^^^^^^^^^",
        "3 errors, 2 warnings",
    ]);

    // It starts all the same: only the devices concerned are refused.
    let daemon = site.start();
    let reasons = daemon.ctl_json(&["status"])["degraded"].to_string();
    for part in ["server `of-the-database`", "profile `elsewhere`", "no profile is the default"] {
        assert!(reasons.contains(part), "{part:?} is missing in {reasons}");
    }
    let words = ["--uri", "database.example.com", "--ssid", "7", "--security", "nosec"];
    daemon.ctl(&[&["server", "add", "of-the-database"], &words[..]].concat()).succeeded();
    daemon.ctl(&["profile", "add", "elsewere", "--servers", "of-the-database", "--default"]).succeeded();
    let checked = site.check().ended_with(1);
    checked.explaining(&[&profile, "did you mean `elsewere` of the database?", "1 error, 2 warnings"]);
    daemon.ctl(&["profile", "add", "elsewhere", "--servers", "of-the-database"]).succeeded();
    site.check().succeeded().saying(&["no mistakes"]);
    daemon.ctl(&["reload"]).succeeded();
    assert_eq!(daemon.ctl_json(&["status"])["degraded"], serde_json::json!([]));
    let server = format!("coap://{}", daemon.nosec);
    for endpoint in ["urn:dev:open-1", "urn:dev:open-2", "urn:dev:open-3"] {
        daemon.ctl(&["simulate", "--server", &server, endpoint]).succeeded();
    }

    // Beside another mistake the database counts as well.
    site.write_config(&format!("{}colour = 1\n", site.config_text()));
    let refused = daemon.ctl(&["reload"]).ended_with(1);
    assert!(refused.stderr.contains("colour") && !refused.stderr.contains("no server"), "{}", refused.stderr);
    let checked = site.check().ended_with(1).explaining(&["unknown key `colour`", "1 error, 2 warnings"]);
    assert!(!checked.stderr.contains("elsewhere`"), "{}", checked.stderr);
}
