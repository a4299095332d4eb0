//! Copies of the live database, and a copy put back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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
