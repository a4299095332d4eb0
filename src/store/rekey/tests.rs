//! Killed after every step, and what a change of the key leaves behind.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Begun, Exchange, RekeyError, Rekeyed, rekey};
use crate::provision::{AccountKey, DeviceDefinition, KeyText, ServerDefinition};
use crate::store::error::OpenError;
use crate::store::open::DATABASE_FILE;
use crate::store::seals;
use crate::store::{Actor, FileDefinitions, FileMode, SealingKey, Store, StoreError, UnixMillis};

const DEVICES: usize = 1500;

fn new_key() -> SealingKey {
    SealingKey::new([2; 32])
}

fn key_of(number: usize) -> String {
    format!("text:the-key-of-{number:05}")
}

fn definitions() -> FileDefinitions {
    let key = |text: &str| Some(KeyText::parse(text).unwrap());
    let device = |number| DeviceDefinition {
        endpoint: format!("meter-{number:05}"),
        psk: key(&key_of(number)),
        ..DeviceDefinition::default()
    };
    let fleet = Some(AccountKey::parse("text:fleet").unwrap());
    let server = ServerDefinition { name: "eu".to_owned(), psk: fleet, ..ServerDefinition::default() };
    FileDefinitions {
        servers: vec![server],
        profiles: Vec::new(),
        devices: (0..DEVICES).map(device).collect(),
        models: Vec::new(),
    }
}

/// A state directory with the daemon's own key; the key.
fn installed() -> (TempDir, SealingKey) {
    let scratch = tempfile::tempdir().unwrap();
    let key = SealingKey::load_or_create(scratch.path(), None, None).unwrap();
    let store = Store::open(scratch.path(), key.clone()).unwrap();
    store.apply_file(UnixMillis(1), definitions(), FileMode::Start).wait().unwrap();
    (scratch, key)
}

/// Starts as the daemon does, on its own key, and looks whether every device can still prove itself; the key.
#[track_caller]
fn assert_serves(state_dir: &Path) -> SealingKey {
    let key = SealingKey::load_or_create(state_dir, None, None).unwrap();
    let store = Store::open(state_dir, key.clone()).unwrap();
    let mut reader = store.reader().unwrap();
    for number in 0..DEVICES {
        let key = reader.psk_for_identity(format!("meter-{number:05}").as_bytes()).unwrap().unwrap();
        assert_eq!(key.expose(), &key_of(number).as_bytes()["text:".len()..]);
    }
    assert_eq!(reader.catalog().unwrap().servers.len(), 1);
    key
}

/// The files as they are now: what a process that is killed now leaves.
fn image(state_dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(state_dir).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

fn contents(state_dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(state_dir).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
}

#[test]
fn killed_after_any_step_the_next_start_serves_and_the_same_command_finishes() {
    let (scratch, old) = installed();
    let (state_dir, own) = (scratch.path(), scratch.path().join("sealing.key"));
    let new = new_key();
    let Begun::ToDo(mut exchange) = Exchange::begin(state_dir, &old, &new, Some(&own)).unwrap() else {
        panic!("the database has its old key")
    };
    let mut images = vec![("begun", image(state_dir), &old)];
    exchange.write_new_key().unwrap();
    images.push(("new key written", image(state_dir), &old));
    {
        let successor = exchange.sealer.succeeded_by(&new);
        // So little memory that the half-done change reaches the log before its end.
        exchange.connection.pragma_update(None, "cache_size", 10).unwrap();
        let transaction = exchange.connection.transaction().unwrap();
        seals::renew(&transaction, &exchange.sealer, &successor).unwrap();
        assert!(fs::metadata(state_dir.join("bootstrapd.db-wal")).unwrap().len() > 0, "nothing is half-done");
        images.push(("seals made anew, not committed", image(state_dir), &old));
    }
    assert_eq!(exchange.renew_seals().unwrap(), DEVICES as u64 + 2, "devices, a server, the check");
    images.push(("committed", image(state_dir), &new));
    exchange.put_new_key_in_place().unwrap();
    images.push(("new key in place", image(state_dir), &new));
    exchange.forget_old_seals().unwrap();
    images.push(("old seals forgotten", image(state_dir), &new));
    for (step, image, expected) in images {
        // Once as the daemon starts after the kill, once as the command is given again.
        let repeated = self::image(image.path());
        assert!(assert_serves(image.path()) == *expected, "{step}");
        let left: Vec<String> = contents(image.path()).into_keys().collect();
        assert!(!left.contains(&"sealing.key.new".to_owned()), "{step}: {left:?}");

        let own = repeated.path().join("sealing.key");
        let in_force = SealingKey::load_or_create(repeated.path(), None, None).unwrap();
        let done = rekey(repeated.path(), &in_force, &new, Some(&own)).unwrap();
        let before = if *expected == new { Rekeyed::Before } else { Rekeyed::Now(DEVICES as u64 + 2) };
        assert_eq!(done, before, "{step}");
        assert!(assert_serves(repeated.path()) == new, "{step}");
    }
}

#[test]
fn a_torn_new_key_is_removed_and_the_old_one_goes_on() {
    let (scratch, old) = installed();
    fs::write(scratch.path().join("sealing.key.new"), b"torn").unwrap();
    assert!(assert_serves(scratch.path()) == old);
    assert!(!scratch.path().join("sealing.key.new").exists());
}

#[test]
fn a_wrong_old_key_and_a_running_daemon_are_refused_and_nothing_changes() {
    let (scratch, old) = installed();
    let before = contents(scratch.path());
    let own = scratch.path().join("sealing.key");
    let wrong = rekey(scratch.path(), &SealingKey::new([3; 32]), &new_key(), Some(&own)).unwrap_err();
    assert!(matches!(wrong, RekeyError::Open(OpenError::WrongKey { .. })), "{wrong}");
    assert!(contents(scratch.path()) == before, "a refusal leaves no trace");
    let running = Store::open(scratch.path(), old.clone()).unwrap();
    let refused = rekey(scratch.path(), &old, &new_key(), Some(&own)).unwrap_err();
    assert!(matches!(refused, RekeyError::Open(OpenError::InUse { .. })), "{refused}");
    drop(running);
    let nowhere = tempfile::tempdir().unwrap();
    assert!(matches!(rekey(nowhere.path(), &old, &new_key(), None), Err(RekeyError::NoDatabase(_))));
    assert_eq!(fs::read_dir(nowhere.path()).unwrap().count(), 0, "no database is made");
}

#[test]
fn no_file_holds_an_old_seal_afterwards() {
    let (scratch, old) = installed();
    {
        // Much coming and going leaves copies of seals in pages that were split and joined.
        let store = Store::open(scratch.path(), old.clone()).unwrap();
        let operator = Actor::admin_socket(None);
        for number in 0..200 {
            let device = DeviceDefinition {
                endpoint: format!("added-{}", number * 7919 % 1000),
                psk: Some(KeyText::parse(&format!("text:{}", "k".repeat(number + 1))).unwrap()),
                ..DeviceDefinition::default()
            };
            store.add_device(operator, UnixMillis(2), device).wait().unwrap();
        }
    }
    let database = scratch.path().join(DATABASE_FILE);
    let nonces = |database: &Path| -> HashSet<[u8; 24]> {
        let raw = rusqlite::Connection::open(database).unwrap();
        let mut statement = raw.prepare("SELECT psk FROM devices UNION ALL SELECT secrets FROM servers").unwrap();
        let sealed = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        sealed.map(|sealed| sealed.unwrap()[1..25].try_into().unwrap()).collect()
    };
    let holds = |nonces: &HashSet<[u8; 24]>| {
        let files = contents(scratch.path());
        let bytes = files.values().flat_map(|content| content.windows(24));
        bytes.filter(|window| nonces.contains::<[u8; 24]>((*window).try_into().unwrap())).count()
    };
    let former = nonces(&database);
    {
        // Whoever deletes with another tool leaves the seals in pages that nothing uses.
        let raw = rusqlite::Connection::open(&database).unwrap();
        raw.pragma_update_and_check(None, "secure_delete", false, |_| Ok(())).unwrap();
        raw.execute_batch("DELETE FROM devices WHERE endpoint LIKE 'added-%'").unwrap();
    }
    assert!(holds(&former) >= DEVICES, "the search finds what is there");
    rekey(scratch.path(), &old, &new_key(), None).unwrap();
    assert_eq!(holds(&former), 0);
    assert!(holds(&nonces(&database)) >= DEVICES);
    assert!(matches!(Store::open(scratch.path(), old), Err(OpenError::WrongKey { .. })));
    drop(Store::open(scratch.path(), new_key()).unwrap());
}

#[test]
fn a_seal_of_the_former_key_is_called_that() {
    let (scratch, old) = installed();
    let raw = || rusqlite::Connection::open(scratch.path().join(DATABASE_FILE)).unwrap();
    let former: Vec<u8> =
        raw().query_row("SELECT psk FROM devices WHERE endpoint = 'meter-00007'", [], |row| row.get(0)).unwrap();
    rekey(scratch.path(), &old, &new_key(), None).unwrap();
    raw().execute("UPDATE devices SET psk = ?1 WHERE endpoint = 'meter-00007'", [former]).unwrap();
    let store = Store::open(scratch.path(), new_key()).unwrap();
    let error = store.reader().unwrap().psk_for_identity(b"meter-00007").unwrap_err();
    assert!(matches!(error, StoreError::Seal { .. }), "{error}");
    assert!(error.to_string().contains("sealed with another key"), "{error}");
    drop(store);
    let refused = rekey(scratch.path(), &new_key(), &SealingKey::new([3; 32]), None).unwrap_err().to_string();
    assert!(refused.contains("devices.psk, row 8") && refused.contains("another key"), "{refused}");
    drop(Store::open(scratch.path(), new_key()).unwrap());
}

#[test]
fn root_works_in_no_directory_of_another_user() {
    // Only root can give a directory away, and only root is refused.
    let (scratch, old) = installed();
    if std::os::unix::fs::chown(scratch.path(), Some(4711), Some(4712)).is_err() {
        return;
    }
    let before = contents(scratch.path());
    let own = scratch.path().join("sealing.key");
    let refused = [
        rekey(scratch.path(), &old, &new_key(), Some(&own)).unwrap_err().to_string(),
        Store::open(scratch.path(), old).map(drop).unwrap_err().to_string(),
    ];
    for sentence in refused {
        assert!(sentence.contains("belongs to user 4711"), "{sentence}");
        assert!(sentence.contains("setpriv --reuid 4711 --regid 4712 --clear-groups"), "{sentence}");
    }
    assert!(contents(scratch.path()) == before, "a refusal leaves no trace");
    fs::remove_file(scratch.path().join(DATABASE_FILE)).unwrap();
    fs::remove_file(&own).unwrap();
    let refused = SealingKey::load_or_create(scratch.path(), None, None).unwrap_err().to_string();
    assert!(refused.contains("belongs to user 4711"), "{refused}");
    assert!(!own.exists(), "a key of root's would be of no use to the daemon");
}

/// A file of somebody's that nothing may touch, and what is known of it.
fn precious(directory: &Path) -> (PathBuf, impl Fn() -> (Vec<u8>, u32, u32, u32)) {
    let path = directory.join("precious");
    fs::write(&path, [2; 32]).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
    let _ = std::os::unix::fs::chown(&path, Some(4711), Some(4712));
    let looked_at = path.clone();
    let look = move || {
        let metadata = fs::metadata(&looked_at).unwrap();
        (fs::read(&looked_at).unwrap(), metadata.uid(), metadata.gid(), metadata.mode())
    };
    (path, look)
}

#[test]
fn a_lock_that_is_a_link_or_a_pipe_is_refused_at_once() {
    let (scratch, old) = installed();
    let elsewhere = tempfile::tempdir().unwrap();
    let (target, look) = precious(elsewhere.path());
    let before = look();
    let lock = scratch.path().join("bootstrapd.lock");
    fs::remove_file(&lock).unwrap();
    let refusal = || rekey(scratch.path(), &old, &new_key(), None).unwrap_err().to_string();
    symlink(&target, &lock).unwrap();
    assert!(refusal().contains("cannot open the lock"), "{}", refusal());
    assert_eq!(look(), before);
    fs::remove_file(&lock).unwrap();
    symlink(elsewhere.path().join("made"), &lock).unwrap();
    assert!(refusal().contains("cannot open the lock"), "{}", refusal());
    assert!(!elsewhere.path().join("made").exists(), "a link to nothing makes nothing");
    fs::remove_file(&lock).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &lock, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(refusal().contains("cannot open the lock"), "{}", refusal());
    // Held open at its other end, it can be opened without waiting, and is no lock all the same.
    let _held = fs::OpenOptions::new().read(true).write(true).open(&lock).unwrap();
    assert!(refusal().contains("no regular file"), "{}", refusal());
}

#[test]
fn a_link_in_the_place_of_the_new_key_is_neither_written_through_nor_taken() {
    let (scratch, old) = installed();
    let elsewhere = tempfile::tempdir().unwrap();
    let (target, look) = precious(elsewhere.path());
    let before = look();
    let successor = scratch.path().join("sealing.key.new");
    let own = scratch.path().join("sealing.key");
    symlink(&target, &successor).unwrap();
    rekey(scratch.path(), &old, &SealingKey::new([3; 32]), Some(&own)).unwrap();
    assert_eq!(look(), before);
    assert!(fs::symlink_metadata(&own).unwrap().is_file());
    // The target holds the right key, and is not ours for that.
    rekey(scratch.path(), &SealingKey::new([3; 32]), &new_key(), None).unwrap();
    symlink(&target, &successor).unwrap();
    let kept = SealingKey::load_or_create(scratch.path(), None, None).unwrap();
    assert!(kept == SealingKey::new([3; 32]), "the link was taken for a key");
    assert!(fs::symlink_metadata(&own).unwrap().is_file());
    assert_eq!(look(), before);
}
