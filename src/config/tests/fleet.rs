//! A fleet in several files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{SOUND, beside_shared_keys};
use crate::config::{Config, Refusal, read_fleet};

/// A directory with these files, none of which everyone can read.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

fn load(directory: &Path) -> Result<Config, Refusal> {
    Config::load(&directory.join("bootstrapd.toml"))
}

/// Headlines of all that is said, with the directory cut off.
fn said(directory: &Path) -> Vec<String> {
    let (mut diagnostics, unresolved) = match load(directory) {
        Ok(config) => (config.warnings, config.unresolved),
        Err(refusal) => (refusal.diagnostics, refusal.unresolved),
    };
    diagnostics.extend(unresolved.into_iter().map(|unresolved| unresolved.diagnostic));
    let directory = format!("{}/", directory.display());
    beside_shared_keys(&diagnostics).iter().map(|line| line.replace(&directory, "")).collect()
}

fn config(fleet: &str) -> String {
    format!("fleet = {fleet}\n{SOUND}")
}

const EXTRA: &str = "[[server]]\nname = \"us\"\nssid = 102\nuri = \"us.example.com\"\npsk_file = \"us.key\"\n\
                     [[device]]\nendpoint = \"m2\"\npsk = \"text:1123456789abcdef\"\nprofile = \"us\"\n";
const PROFILE: &str = "[[profile]]\nname = \"us\"\nservers = [\"us\", \"fleet-eu\"]\n";

#[test]
fn fleet_files_count_as_if_they_stood_in_the_config() {
    let scratch = directory(&[
        ("bootstrapd.toml", &config("[\"fleet.d/*.toml\", \"more/[ab].toml\", \"fleet.d/a.toml\"]")),
        ("fleet.d/a.toml", EXTRA),
        ("fleet.d/us.key", "text:0123456789abcdef"),
        ("fleet.d/.hidden.toml", "nonsense"),
        ("fleet.d/note.txt", "nonsense"),
        ("more/b.toml", PROFILE),
    ]);
    let config = load(scratch.path()).unwrap_or_else(|refusal| panic!("{refusal}"));
    let names = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(names(config.servers.iter().map(|server| &server.name).collect()), ["fleet-eu", "us"]);
    assert_eq!(names(config.profiles.iter().map(|profile| &profile.name).collect()), ["default", "us"]);
    assert_eq!(names(config.devices.iter().map(|device| &device.endpoint).collect()), ["meter-1", "m2"]);
    assert!(beside_shared_keys(&config.warnings).is_empty() && config.unresolved.is_empty(), "{}", config.warnings);
    assert!(config.servers[1].psk.is_some());
}

#[test]
fn a_mistake_is_said_of_the_file_in_which_it_is() {
    let scratch = directory(&[
        ("bootstrapd.toml", &config("[\"fleet.d/*.toml\", \"none/*.toml\"]")),
        ("fleet.d/a.toml", "state_dir = \"x\"\n[[device]]\nendpoint = \"m\"\nprofile = \"defualt\"\nlifetme = 1\n"),
        ("fleet.d/b.toml", "[[server]]\nname = \"fleet-eu\"\nssid = 7\nuri = \"h\"\npsk_file = \"gone\"\n[[listen]]\n"),
    ]);
    let said = said(scratch.path());
    for expected in [
        "bootstrapd.toml:1:28: warning: no file matches this pattern",
        "fleet.d/a.toml:1:1: error: a fleet file holds `[[server]]`, `[[profile]]` and `[[device]]` only: remove `state_dir`",
        "fleet.d/a.toml:4:11: error: no profile `defualt`: did you mean `default`?",
        "fleet.d/a.toml:5:1: error: unknown key `lifetme`",
        "fleet.d/b.toml:5:12: error: cannot read the key file: No such file",
        "fleet.d/b.toml:6:3: error: a fleet file holds",
    ] {
        assert!(said.iter().any(|line| line.starts_with(expected)), "{expected} in {said:#?}");
    }
    let twice = said.iter().find(|line| line.contains("defined twice")).unwrap();
    assert!(twice.starts_with("fleet.d/b.toml:2:8: error: server `fleet-eu` is defined twice"), "{twice}");
    assert!(twice.contains("(the first is on line 7 of ") && twice.ends_with("bootstrapd.toml)"), "{twice}");
    assert!(said.iter().map(|line| line.split(':').next().unwrap()).is_sorted(), "{said:#?}");
}

#[test]
fn what_is_no_pattern_or_no_file_is_said_at_the_pattern() {
    for (fleet, expected) in [
        ("[\"\"]", "1:10: error: the pattern is empty"),
        ("[\"a\", \"[\"]", "1:15: error: this is no pattern of files"),
        ("[\"${a}\"]", "1:10: error: `${` starts an expression"),
        ("[\"*.toml\"]", "1:10: error: this pattern matches the config itself"),
        ("[\"fleet.d\"]", "fleet.d: error: cannot read the file: it is a directory"),
        ("[5]", "1:10: error: each element of `fleet` must be text in quotes"),
        ("\"a.toml\"", "1:9: error: `fleet` must be a list in `[` and `]`"),
    ] {
        let scratch = directory(&[("bootstrapd.toml", &config(fleet)), ("fleet.d/a.toml", "")]);
        let said = said(scratch.path());
        assert!(said.iter().any(|line| line.contains(expected)), "{fleet}: {said:#?}");
    }
}

#[test]
fn a_fleet_file_that_everyone_can_read_is_warned_of_by_its_name() {
    let scratch = directory(&[("bootstrapd.toml", &config("[\"*.conf\"]")), ("a.conf", "")]);
    let path = scratch.path().join("a.conf");
    let say = |content: &str| {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        said(scratch.path())
    };
    let device = "[[device]]\nendpoint = \"m\"\n";
    let expected = "a.conf: warning: the file holds keys, and everyone can read it: `chmod o-r` it";
    assert_eq!(say(&format!("{device}psk = \"text:a123456789abcdef\"\n")), [expected]);
    let server = "[[server]]\nname = \"s\"\nssid = 1\nuri = \"h\"\n";
    assert_eq!(say(&format!("{server}psk = \"${{string.secureRandom(32)}}\"\n")), [""; 0]);
    assert_eq!(say(&format!("{server}psk = \"text:${{device.id}}0123456789abcdef\"\n"))[0], expected);
}

#[test]
fn a_directory_is_read_as_a_fleet() {
    let scratch = directory(&[
        ("a.toml", EXTRA),
        ("b.toml", "[[device]]\nendpoint = \"m3\"\nprofile = \"else\"\n"),
        ("us.key", "text:0123456789abcdef"),
    ]);
    let fleet = read_fleet(scratch.path()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert_eq!((fleet.servers.len(), fleet.profiles.len(), fleet.devices.len()), (1, 0, 2));
    fs::write(scratch.path().join("c.toml"), "[[device]]\nendpoint = \"m2\"\ncolour = 1\n").unwrap();
    let refused = read_fleet(scratch.path()).unwrap_err().to_string();
    assert!(refused.contains("c.toml:3:1: error: unknown key `colour`"), "{refused}");
    assert!(refused.contains("is defined twice") && refused.contains("a.toml)"), "{refused}");
    let empty = tempfile::tempdir().unwrap();
    assert!(read_fleet(empty.path()).unwrap_err().to_string().contains("there is no `*.toml` file"));
    assert!(read_fleet(&empty.path().join("none")).unwrap_err().to_string().contains("cannot read the directory"));
}

#[test]
fn a_fleet_may_leave_out_the_secrets_that_a_config_needs() {
    const BARE: &str = "[[server]]\nname = \"s\"\nssid = 1\nuri = \"h\"\nrotate = \"never\"\nsecurity_resources = { 99 = \"(secret)\" }\n\
                        [[server]]\nname = \"m\"\nssid = 2\nuri = \"h\"\nsecurity = \"nosec\"\nbinding = \"UQS\"\nsms = true\n\
                        sms_number = \"49123\"\nsms_security = \"secured-packet\"\nsms_binding_key_parameters = \"hex:001122334455\"\n\
                        [[profile]]\nname = \"p\"\nservers = [\"s\"]\ndefault = true\n\
                        writes = [{ path = \"/21/0\", resources = { 0 = \"(secret)\", 1 = \"(secret)\", 2 = \"(secret)\" } }]\n\
                        [[device]]\nendpoint = \"d\"\npsk_identity = \"i\"\n";
    let scratch = directory(&[("a.toml", BARE)]);
    read_fleet(scratch.path()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    // What else is wrong is said all the same.
    fs::write(scratch.path().join("a.toml"), BARE.replace("\"h\"", "\"h h\"")).unwrap();
    let refused = read_fleet(scratch.path()).unwrap_err().to_string();
    assert!(refused.contains("a.toml:4:7: error"), "{refused}");
    // Of the daemon's own config nobody knows them.
    let scratch = directory(&[("bootstrapd.toml", &config("[\"fleet.d/*.toml\"]")), ("fleet.d/a.toml", BARE)]);
    let said = said(scratch.path()).join("\n");
    for expected in
        ["the key is missing", "stands for a value that is not known here", "`sms_binding_secret_keys` is missing"]
    {
        assert!(said.contains(expected), "{expected} in {said}");
    }
}
