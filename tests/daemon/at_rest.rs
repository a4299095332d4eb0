//! The database at rest: backups of the live daemon, putting one back, and another sealing key.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::harness::{Answer, Daemon, Site, wait_until};
use crate::{METER_KEY, PROVEN, without_devices};

const ADDED_KEY: &str = "the-key-that-was-planted";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Writes a file of this mode; its path.
fn file(site: &Site, name: &str, content: &[u8], mode: u32) -> PathBuf {
    let path = site.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path
}

/// Every file of a directory.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
}

#[track_caller]
fn assert_unchanged(site: &Site, before: &BTreeMap<String, Vec<u8>>, what: &str) {
    let after = contents(&site.state_dir());
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "files after {what}");
    // The index of the log is made anew by whoever reads it, and says nothing of its own.
    for (name, content) in before.iter().filter(|(name, _)| !name.ends_with("-shm")) {
        assert!(after[name] == *content, "{what} changed {name}");
    }
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Adds a device whose key is [`ADDED_KEY`].
fn add(site: &Site, endpoint: &str) -> Answer {
    let key = site.file("added.key", &format!("text:{ADDED_KEY}\n"));
    site.ctl(&["device", "add", endpoint, "--psk-file", key.to_str().unwrap()])
}

#[track_caller]
fn assert_bootstraps(daemon: &Daemon, endpoint: &str, key: &str) {
    let key = daemon.file("simulated.key", key);
    let server = format!("coaps://{}", daemon.dtls);
    daemon.ctl(&["simulate", "--server", &server, endpoint, "--psk-file", key.to_str().unwrap()]).succeeded();
}

fn rekey(site: &Site, words: &[(&str, &Path)]) -> Answer {
    let words: Vec<_> = words.iter().flat_map(|(flag, path)| [flag.as_ref(), path.as_os_str()]).collect();
    site.offline("rekey", &words)
}

fn restore(site: &Site, backup: &Path) -> Answer {
    site.offline("restore", &[backup.as_os_str()])
}

/// A backup of a daemon that has been stopped again, with the device `meter-added`; where both are.
fn backed_up() -> (Arc<Site>, PathBuf) {
    let site = Site::new(PROVEN);
    let daemon = site.start();
    add(&site, "meter-added").succeeded();
    let backup = site.path("copy.db");
    daemon.ctl(&["backup", backup.to_str().unwrap()]).succeeded();
    daemon.stop();
    (site, backup)
}

/// A site with the sealing key of another one and no database yet.
fn site_with_key_of(other: &Site) -> Arc<Site> {
    let site = Site::new(without_devices(PROVEN));
    let key = fs::read(other.state_dir().join("sealing.key")).unwrap();
    file(&site, "state/sealing.key", &key, 0o400);
    site
}

#[test]
fn a_backup_of_a_busy_daemon_is_whole_and_serves_elsewhere() {
    let site = Site::new(PROVEN);
    let daemon = site.start();
    let (stop, added) = (AtomicBool::new(false), AtomicUsize::new(0));
    let backup = site.path("copy.db");
    let there_before = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                add(&site, &format!("busy-{:03}", added.load(Ordering::Relaxed))).succeeded();
                added.fetch_add(1, Ordering::Relaxed);
            }
        });
        wait_until("a device to be added", || added.load(Ordering::Relaxed) > 2, String::new);
        let there_before = added.load(Ordering::Relaxed);
        let answer = daemon.ctl(&["backup", backup.to_str().unwrap()]);
        stop.store(true, Ordering::Relaxed);
        answer.succeeded().saying(&["bytes", "devices", "the sealing key is not in it"]);
        there_before
    });
    assert_eq!(mode(&backup), 0o600);
    let copy = fs::read(&backup).unwrap();
    let key = fs::read(site.state_dir().join("sealing.key")).unwrap();
    assert!(!holds(&copy, &key), "the sealing key is in the backup");
    assert!(!holds(&copy, ADDED_KEY.as_bytes()) && !holds(&copy, b"the-key-of-meter-1"), "a key is in the backup");
    assert!(holds(&copy, b"busy-000"), "the search would find it");
    let left: Vec<_> = contents(&site.state_dir()).into_keys().filter(|name| name.contains("backup")).collect();
    assert_eq!(left, Vec::<String>::new());
    let audit = daemon.ctl_json(&["audit"]);
    let line = audit["items"].as_array().unwrap().iter().find(|line| line["verb"] == "backup").unwrap();
    assert_eq!((&line["kind"], &line["name"]), (&"database".into(), &"bootstrapd.db".into()));
    assert!(line["uid"].is_number(), "{line}");

    let other = site_with_key_of(&site);
    restore(&other, &backup).succeeded().saying(&["is now a copy of", "copy.db"]);
    assert_eq!(mode(&other.state_dir().join("bootstrapd.db")), 0o600);
    assert_eq!(fs::read(&backup).unwrap(), copy, "the backup stays as it is");
    let daemon = other.start();
    for number in 0..there_before {
        daemon.ctl(&["device", "show", &format!("busy-{number:03}")]).succeeded();
    }
    assert_bootstraps(&daemon, "busy-000", &format!("text:{ADDED_KEY}"));
}

#[test]
fn a_backup_overwrites_nothing_unasked_and_is_nothing_for_a_path_that_is_no_file() {
    let site = Site::new(PROVEN);
    let daemon = site.start();
    let taken = file(&site, "taken", b"precious", 0o644);
    let taken = taken.to_str().unwrap();
    daemon.ctl(&["backup", taken]).ended_with(4).explaining(&["exists", "--force"]);
    assert_eq!(fs::read(taken).unwrap(), b"precious");
    let audit = || daemon.ctl_json(&["audit"]).to_string();
    assert!(!audit().contains("backup"), "what is refused at once is not asked for");
    daemon.ctl(&["backup", "/dev/null", "--force"]).ended_with(2).explaining(&["no regular file"]);
    let printed = daemon.ctl_json(&["backup", taken, "--force"]);
    assert_eq!(printed["bytes"], fs::metadata(taken).unwrap().len());
    assert_eq!(printed["devices"], 1);
    assert_eq!(mode(Path::new(taken)), 0o600);
    let drafts = contents(site.path("taken").parent().unwrap().join("state").as_path());
    assert!(drafts.keys().all(|name| !name.contains("backup")), "{:?}", drafts.keys());

    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrapctl"));
    command.arg("--socket").arg(site.admin_socket()).args(["--format", "csv", "backup", "-"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"SQLite format 3\0") && output.stdout.len().is_multiple_of(4096));
    daemon.crash();
    let gone = site.path("gone.db");
    site.ctl(&["backup", gone.to_str().unwrap()]).ended_with(5);
    assert!(!gone.exists());
}

#[test]
fn what_cannot_be_restored_is_refused_and_nothing_changes() {
    let (site, backup) = backed_up();
    let copy = fs::read(&backup).unwrap();
    let other = Site::new(PROVEN);
    let daemon = other.start();
    restore(&other, &backup).ended_with(1);
    daemon.stop();
    let before = contents(&other.state_dir());
    let unchanged = |what: &str| assert_unchanged(&other, &before, what);

    let key = other.state_dir().join("sealing.key");
    let sentences = ["sealed with another key", key.to_str().unwrap(), "the key of the time of the backup is needed"];
    restore(&other, &backup).ended_with(1).explaining(&sentences);
    unchanged("a wrong key");
    for (name, content, sentence) in [
        ("text", b"these are 40 bytes that are no database.".to_vec(), "is not a database of bootstrapd"),
        ("empty", Vec::new(), "is not a database of bootstrapd"),
    ] {
        restore(&other, &file(&other, name, &content, 0o600)).ended_with(1).explaining(&[sentence]);
        unchanged(name);
    }
    restore(&other, &other.path("none")).ended_with(1).explaining(&["none", "No such file"]);

    // With the right key from here on.
    let before = contents(&site.state_dir());
    let unchanged = |what: &str| assert_unchanged(&site, &before, what);
    restore(&site, &file(&site, "cut", &copy[..copy.len() / 2], 0o600)).ended_with(1).explaining(&["damaged"]);
    unchanged("half a copy");
    let later = file(&site, "later", &copy, 0o600);
    rusqlite::Connection::open(&later).unwrap().pragma_update(None, "user_version", 99).unwrap();
    restore(&site, &later).ended_with(1).explaining(&["schema 99", "use a newer bootstrapd"]);
    unchanged("a later schema");
    let changed = file(&site, "changed", &copy, 0o600);
    let sql = "UPDATE devices SET psk = zeroblob(length(psk)) WHERE endpoint = 'meter-added'";
    rusqlite::Connection::open(&changed).unwrap().execute_batch(sql).unwrap();
    restore(&site, &changed).ended_with(1).explaining(&["damaged", "devices.psk"]);
    unchanged("a broken seal");
    file(&site, "copy.db-wal", b"what the copy lacks", 0o600);
    restore(&site, &backup).ended_with(1).explaining(&["write-ahead log", "bootstrapctl backup"]);
    unchanged("a copy without its log");
    fs::remove_file(site.path("copy.db-wal")).unwrap();

    let daemon = site.start();
    restore(&site, &backup).ended_with(1).explaining(&["is running", "stop it first"]);
    add(&site, "meter-later").succeeded();
    daemon.stop();
}

#[test]
fn a_restored_copy_replaces_the_database_which_is_kept() {
    let (site, backup) = backed_up();
    let daemon = site.start();
    add(&site, "meter-later").succeeded();
    // The log holds what the database does not: the crash leaves it there.
    daemon.crash();
    assert!(fs::metadata(site.state_dir().join("bootstrapd.db-wal")).unwrap().len() > 0);
    let said = restore(&site, &backup).succeeded().saying(&["is kept as"]).stdout;
    let kept = said.split("is kept as ").nth(1).unwrap().trim_end().trim_end_matches('.');
    let kept = Path::new(kept);
    assert!(kept.file_name().unwrap().to_str().unwrap().starts_with("bootstrapd.db.before-restore-20"), "{said}");
    assert_eq!(mode(kept), 0o600);
    let names: Vec<String> = contents(&site.state_dir()).into_keys().collect();
    assert_eq!(names.len(), 4, "database, kept one, lock, key: {names:?}");
    let daemon = site.start();
    daemon.ctl(&["device", "show", "meter-later"]).ended_with(3);
    assert_bootstraps(&daemon, "meter-added", &format!("text:{ADDED_KEY}"));
    daemon.stop();

    // What was kept is a whole database, log included.
    let kept_copy = site.path("kept.db");
    fs::rename(kept, &kept_copy).unwrap();
    // Through standard input, as where its user may not open the copy.
    let mut command = site.bootstrapd();
    command.arg("restore").arg(site.config()).arg("-").stdin(fs::File::open(&kept_copy).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let daemon = site.start();
    assert_bootstraps(&daemon, "meter-later", &format!("text:{ADDED_KEY}"));
    daemon.stop();
    let new = file(&site, "new", &[7; 32], 0o400);
    rekey(&site, &[("--new-key", &new)]).succeeded().saying(&["key of its time", "bootstrapd.db.before-restore-20"]);
}

#[test]
fn a_key_of_the_operators_is_only_read_and_then_the_new_one_is_needed() {
    let site = Site::new(PROVEN);
    let old = file(&site, "keys/old", &[1; 32], 0o400);
    let new = file(&site, "keys/new", &[2; 32], 0o400);
    site.write_config(&format!("sealing_key_file = {old:?}\n{}", site.config_text()));
    let daemon = site.start();
    add(&site, "meter-added").succeeded();
    rekey(&site, &[("--new-key", &new)]).ended_with(1).explaining(&["is running", "stop it first"]);
    daemon.stop();

    let before = contents(&site.state_dir());
    let wrong = file(&site, "keys/wrong", &[3; 32], 0o400);
    let both = [("--old-key", wrong.as_path()), ("--new-key", new.as_path())];
    rekey(&site, &both).ended_with(1).explaining(&["sealed with another key", "keys/wrong", "Nothing was changed"]);
    assert_unchanged(&site, &before, "a wrong key");

    let keys = contents(&site.path("keys"));
    // As a systemd credential is: nothing can be written beside it.
    fs::set_permissions(site.path("keys"), PermissionsExt::from_mode(0o500)).unwrap();
    let put = format!("put that key in place of {} before the next start", old.display());
    let sealed = format!("is now sealed with the key in {}", new.display());
    rekey(&site, &[("--new-key", &new)]).succeeded().saying(&[&sealed, &put]);
    rekey(&site, &[("--new-key", &new)]).succeeded().saying(&["rekeyed already", &put]);
    fs::set_permissions(site.path("keys"), PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(contents(&site.path("keys")), keys, "keys are only read");
    site.run().ended_with(1).explaining(&["the sealing key does not belong to the database", "after a rekey"]);

    fs::rename(&new, &old).unwrap();
    let daemon = site.start();
    assert_bootstraps(&daemon, "meter-added", &format!("text:{ADDED_KEY}"));
    assert_bootstraps(&daemon, "meter-1", METER_KEY);
}

#[test]
fn a_key_comes_from_a_systemd_credential() {
    let site = Site::new(PROVEN);
    // As systemd leaves it for a service with a user of its own: an access list, which shows as a group's right.
    let old = file(&site, "credentials/sealing-key", &[1; 32], 0o440);
    let credentials = old.parent().unwrap().to_owned();
    let daemon = site.start_with(|command| {
        command.env("CREDENTIALS_DIRECTORY", &credentials);
    });
    daemon.stop();
    let new = file(&site, "credentials/new-sealing-key", &[2; 32], 0o440);
    let mut command = site.bootstrapd();
    command.arg("rekey").arg(site.config()).arg("--new-key").arg(&new).env("CREDENTIALS_DIRECTORY", &credentials);
    let put = format!("put that key in place of {}", old.display());
    Answer::of(command, "").succeeded().saying(&[&put]);
    assert_eq!(contents(&credentials).len(), 2);
    assert!(!site.state_dir().join("sealing.key").exists());
    fs::rename(new, old).unwrap();
    let daemon = site.start_with(|command| {
        command.env("CREDENTIALS_DIRECTORY", &credentials);
    });
    assert_bootstraps(&daemon, "meter-1", METER_KEY);
}

#[test]
fn killed_at_any_moment_a_change_of_the_daemons_own_key_can_be_lived_with() {
    let devices: String = (0..4000)
        .map(|number| format!("[[device]]\nendpoint = \"many-{number}\"\npsk = \"text:the-key-of-many-{number}\"\n"))
        .collect();
    let site = Site::new(&format!("{PROVEN}{devices}"));
    site.start().stop();
    let own = site.state_dir().join("sealing.key");
    let successor = site.state_dir().join("sealing.key.new");
    let log = site.state_dir().join("bootstrapd.db-wal");
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    type Moment<'a> = (&'a str, Box<dyn Fn(&[u8]) -> bool + 'a>);
    let moments: [Moment<'_>; 5] = [
        ("the new key is there", Box::new(|_| successor.exists())),
        ("the log begins", Box::new(|_| successor.exists() && size(&log) > 0)),
        ("the log grows", Box::new(|_| successor.exists() && size(&log) > 200_000)),
        ("the new key is in place", Box::new(|before| fs::read(&own).is_ok_and(|key| key != before))),
        ("the log is emptied", Box::new(|before| fs::read(&own).is_ok_and(|key| key != before) && size(&log) == 0)),
    ];
    let mut killed = 0;
    for (number, (moment, has_come)) in (10_u8..).zip(&moments) {
        let new = file(&site, &format!("new-{number}"), &[number; 32], 0o400);
        let before = fs::read(&own).unwrap();
        let mut command = site.bootstrapd();
        command.arg("rekey").arg(site.config()).arg("--new-key").arg(&new);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while process.try_wait().unwrap().is_none() && !has_come(&before) {
            std::hint::spin_loop();
        }
        // It may have been faster, which is no fault.
        let _ = process.kill();
        killed += usize::from(process.wait().unwrap().code().is_none());

        let daemon = site.start();
        assert_bootstraps(&daemon, "many-3999", "text:the-key-of-many-3999");
        assert!(!successor.exists(), "{moment}");
        daemon.stop();
        rekey(&site, &[("--new-key", &new)]).succeeded();
        assert_eq!(fs::read(&own).unwrap(), [number; 32], "{moment}");
    }
    assert!(killed >= 2, "it was faster {} times of {}", moments.len() - killed, moments.len());
}
