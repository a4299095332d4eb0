//! Copies of the live database, and a copy put back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::issued::drawn;
use super::upgrade::{KEY, SCHEMA_1};
use super::{OPERATOR, Scratch, at, device, open, scratch};
use crate::store::{Backup, OpenError, RestoreError, Restored, SealingKey, Source, Store};

/// Files that a copy leaves behind.
fn copies(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("backup")).collect()
}

fn taken(mut backup: Backup) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = backup.chunks.blocking_recv() {
        bytes.extend(chunk.unwrap());
    }
    assert_eq!(bytes.len() as u64, backup.length);
    bytes
}

fn restore(state_dir: &Path, copy: &Path, key: &SealingKey, millis: i64) -> Result<Restored, RestoreError> {
    crate::store::restore(state_dir, Source::open(copy)?, key, at(millis), false)
}

#[test]
fn a_copy_holds_its_moment_and_its_audit_line_and_blocks_nobody() {
    let Scratch { store, directory } = scratch();
    for number in 0..2000 {
        let added = store.add_device(OPERATOR, at(1), device(&format!("early-{number}")));
        if number == 1999 {
            added.wait().unwrap();
        }
    }
    let backup = store.backup(OPERATOR, at(2)).wait().unwrap();
    assert_eq!(backup.devices, 2000);
    let line = store.reader().unwrap().audit(1, None).unwrap().remove(0);
    assert_eq!((line.verb.as_str(), line.kind.as_str(), line.name.as_str()), ("backup", "database", "bootstrapd.db"));
    assert_eq!((line.uid, line.at), (OPERATOR.uid, at(2)));
    assert_eq!(copies(directory.path()), Vec::<String>::new(), "a copy that can be taken has no name");
    // While nobody takes the copy.
    store.add_device(OPERATOR, at(3), device("late")).wait().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("bootstrapd.db"), taken(backup)).unwrap();
    let mut reader = open(&elsewhere).reader().unwrap();
    assert!(reader.psk_for_identity(b"early-1999").unwrap().is_some());
    assert!(reader.device_by_endpoint("late").unwrap().is_none());
    assert_eq!(reader.audit(1, None).unwrap()[0].verb, "backup");
}

#[test]
fn a_copy_that_nobody_takes_is_gone_and_what_a_crash_left_is_removed() {
    let Scratch { store, directory } = scratch();
    drop(store.backup(OPERATOR, at(1)));
    drop(store.backup(OPERATOR, at(1)).wait().unwrap());
    drop(store);
    let left = directory.path().join("bootstrapd.db.backup-abc123");
    fs::write(&left, b"half a copy").unwrap();
    drop(open(&directory));
    assert!(!left.exists());
}

#[test]
fn what_a_copy_is_made_in_is_closed_to_others() {
    let Scratch { store, directory } = scratch();
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let named = crate::store::backup::make_copy_file(directory.path()).unwrap();
    assert_eq!(named.as_file().metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(copies(directory.path()).len(), 1);
    drop((named, store));
    assert_eq!(copies(directory.path()), Vec::<String>::new());
}

#[test]
fn a_path_with_odd_characters_is_a_path_and_a_second_restore_keeps_both() {
    let Scratch { store, directory } = scratch();
    store.add_device(OPERATOR, at(1), device("early")).wait().unwrap();
    let odd = tempfile::tempdir().unwrap();
    let copy = odd.path().join("a?b#c%41 é.db");
    fs::write(&copy, taken(store.backup(OPERATOR, at(2)).wait().unwrap())).unwrap();
    let key = || SealingKey::new([9; 32]);
    let refused = restore(directory.path(), &copy, &key(), 0).unwrap_err();
    assert!(matches!(refused, RestoreError::Open(OpenError::InUse { .. })), "{refused}");
    drop(store);
    let kept = |millis| restore(directory.path(), &copy, &key(), millis).unwrap().kept.unwrap();
    let expected = |stamp: &str| directory.path().join(format!("bootstrapd.db.before-restore-{stamp}"));
    assert_eq!(kept(951_782_400_999), expected("20000229T000000Z"));
    assert_eq!(kept(951_782_401_000), expected("20000229T000001Z"));
    assert!(expected("20000229T000000Z").exists());
    let wrong = Store::open(directory.path(), SealingKey::new([8; 32]));
    assert!(matches!(wrong, Err(OpenError::WrongKey { .. })));
    drop(open(&directory));
}

#[test]
fn a_copy_of_an_earlier_schema_is_proven_and_brought_up_to_date() {
    let (scratch, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = elsewhere.path().join("copy.db");
    let dump = format!("PRAGMA foreign_keys = OFF; {SCHEMA_1}");
    rusqlite::Connection::open(&copy).unwrap().execute_batch(&dump).unwrap();
    let key = SealingKey::new(KEY);
    let restored = restore(scratch.path(), &copy, &key, 0).unwrap();
    let seals =
        "SELECT count(*) + 1 FROM (SELECT psk FROM servers UNION ALL SELECT psk FROM devices) WHERE psk NOT NULL";
    let seals: i64 = rusqlite::Connection::open(&copy).unwrap().query_row(seals, [], |row| row.get(0)).unwrap();
    assert!(seals > 2);
    assert_eq!((restored.seals, restored.kept), (seals.unsigned_abs(), None));
    drop(Store::open(scratch.path(), key).unwrap());
    let sql = "UPDATE servers SET psk = zeroblob(length(psk)) WHERE psk NOT NULL";
    assert!(rusqlite::Connection::open(&copy).unwrap().execute(sql, []).unwrap() > 0);
    let refused = restore(scratch.path(), &copy, &SealingKey::new(KEY), 0).unwrap_err().to_string();
    assert!(refused.contains("damaged") && refused.contains("servers.psk"), "{refused}");
}

/// A copy of the store, elsewhere.
fn copied(store: &Store, directory: &Path) -> PathBuf {
    let copy = directory.join("copy.db");
    fs::write(&copy, taken(store.backup(OPERATOR, at(2)).wait().unwrap())).unwrap();
    copy
}

#[test]
fn a_schema_that_is_not_ours_is_refused_and_a_link_is_not_written_through() {
    let Scratch { store, directory } = scratch();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = copied(&store, elsewhere.path());
    drop(store);
    let whole = fs::read(&copy).unwrap();
    let precious = elsewhere.path().join("precious");
    fs::write(&precious, b"precious").unwrap();
    let incoming = directory.path().join("bootstrapd.db.restoring");
    for (sql, entry) in [
        ("CREATE TRIGGER planted AFTER INSERT ON devices BEGIN DELETE FROM audit; END", "trigger \"planted\""),
        ("CREATE VIEW planted AS SELECT 1", "view \"planted\""),
        ("CREATE TABLE planted (a)", "table \"planted\""),
        ("DROP INDEX devices_profile", "index \"devices_profile\""),
        (
            "DROP TRIGGER device_search_delete;
             CREATE TRIGGER device_search_delete AFTER DELETE ON devices BEGIN DELETE FROM audit; END",
            "trigger \"device_search_delete\"",
        ),
    ] {
        fs::write(&copy, &whole).unwrap();
        rusqlite::Connection::open(&copy).unwrap().execute_batch(sql).unwrap();
        std::os::unix::fs::symlink(&precious, &incoming).unwrap();
        let refused = restore(directory.path(), &copy, &SealingKey::new([9; 32]), 0).unwrap_err();
        assert!(matches!(&refused, RestoreError::Altered { .. }), "{refused}");
        assert!(refused.to_string().contains(entry), "{refused}");
        assert!(fs::symlink_metadata(&incoming).is_err(), "a refused copy is removed");
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
    }
}

#[test]
fn a_copy_that_locks_devices_out_takes_force_and_a_database_that_cannot_be_read_is_not_compared() {
    let Scratch { store, directory } = scratch();
    let prove = |name: &str, proven: bool| {
        let id = store.add_device(OPERATOR, at(1), device(name)).wait().unwrap().entry.id;
        let identity = format!("issued-{name}");
        store.issue(id, at(2), drawn("own", "key", Some(&identity))).wait().unwrap();
        let mut reader = store.reader().unwrap();
        let proof = reader.device_and_key(identity.as_bytes()).unwrap().unwrap().0.proof.unwrap();
        if proven {
            store.prove_issued(proof.id, at(3)).wait().unwrap();
        }
    };
    prove("early", true);
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = copied(&store, elsewhere.path());
    prove("late", true);
    prove("later", true);
    prove("pending", false);
    drop(store);
    let key = SealingKey::new([9; 32]);
    let database = directory.path().join("bootstrapd.db");
    let before = fs::read(&database).unwrap();
    let refused = restore(directory.path(), &copy, &key, 0).unwrap_err();
    assert!(matches!(refused, RestoreError::LocksOut { devices: 2, .. }), "{refused}");
    assert!(refused.to_string().contains("2 devices") && refused.to_string().contains("--force"), "{refused}");
    assert!(fs::read(&database).unwrap() == before, "a refusal changes nothing");
    let forced = crate::store::restore(directory.path(), Source::open(&copy).unwrap(), &key, at(0), true).unwrap();
    assert_eq!((forced.locked_out, forced.not_compared), (2, None));
    let same = restore(directory.path(), &copy, &key, 1000).unwrap();
    assert_eq!((same.locked_out, same.not_compared), (0, None));
    fs::write(&database, b"no database at all, but some bytes that stand where one was").unwrap();
    let damaged = restore(directory.path(), &copy, &key, 2000).unwrap();
    assert!(damaged.not_compared.is_some());
    let kept = crate::store::kept_databases(directory.path()).unwrap();
    let named = |stamp| directory.path().join(format!("bootstrapd.db.before-restore-19700101T00000{stamp}Z"));
    assert_eq!(kept, [named(0), named(1), named(2)]);
    drop(open(&directory));
}
