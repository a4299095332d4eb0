//! Opening: one daemon per database, the right key, the right version, closed files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::{OPERATOR, Scratch, at, device, file, open, scratch, server};
use crate::store::{FileDefinitions, OpenError, SealingKey, Store, file_conflicts};

#[test]
fn a_second_daemon_is_refused_until_the_first_is_gone() {
    let Scratch { store, directory } = scratch();
    let clone = store.clone();
    let second = || Store::open(directory.path(), SealingKey::new([9; 32]));
    assert!(matches!(second(), Err(OpenError::InUse { .. })));
    drop(store);
    assert!(matches!(second(), Err(OpenError::InUse { .. })), "a clone holds it too");
    drop(clone);
    assert!(second().is_ok());
}

#[test]
fn a_wrong_key_leaves_the_database_as_it_is() {
    let Scratch { store, directory } = scratch();
    store.add_server(OPERATOR, at(1), server("a")).wait().unwrap();
    drop(store);
    let path = directory.path().join("bootstrapd.db");
    let before = fs::read(&path).unwrap();
    let refused = Store::open(directory.path(), SealingKey::new([8; 32])).err().unwrap();
    assert!(matches!(refused, OpenError::WrongKey { .. }), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(open(&directory).reader().unwrap().catalog().unwrap().servers, [server("a")]);
}

#[test]
fn a_later_version_and_foreign_files_are_refused() {
    let Scratch { store, directory } = scratch();
    drop(store);
    let path = directory.path().join("bootstrapd.db");
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let open = || Store::open(directory.path(), SealingKey::new([9; 32])).err().unwrap();
    assert!(matches!(open(), OpenError::FromTheFuture { found: 99, .. }));
    let check = file_conflicts(directory.path(), &FileDefinitions::default());
    assert!(matches!(check, Err(OpenError::FromTheFuture { .. })));
    fs::write(&path, b"these are 40 bytes that are no database.").unwrap();
    assert!(matches!(open(), OpenError::Database { .. }));
    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(open(), OpenError::Foreign { .. }));
}

#[test]
fn an_empty_database_is_filled_and_a_missing_one_checks_clean() {
    let directory = tempfile::tempdir().unwrap();
    let definitions = file(&[server("a")], &[], &[]);
    assert_eq!(file_conflicts(directory.path(), &definitions).unwrap(), []);
    fs::write(directory.path().join("bootstrapd.db"), b"").unwrap();
    assert_eq!(file_conflicts(directory.path(), &definitions).unwrap(), []);
    open(&directory).add_server(OPERATOR, at(1), server("a")).wait().unwrap();
    assert_eq!(file_conflicts(directory.path(), &definitions).unwrap().len(), 1);
}

#[test]
fn every_file_is_closed_to_others() {
    let scratch = tempfile::tempdir().unwrap();
    let state_dir = scratch.path().join("state");
    let store = Store::open(&state_dir, SealingKey::new([9; 32])).unwrap();
    store.add_device(OPERATOR, at(1), device("x")).wait().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state_dir), 0o700);
    let files: Vec<_> = fs::read_dir(&state_dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 4, "database, log, index, lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn a_state_directory_that_others_may_write_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    for mode in [0o770, 0o702, 0o1777] {
        fs::set_permissions(scratch.path(), Permissions::from_mode(mode)).unwrap();
        let refused = Store::open(scratch.path(), SealingKey::new([9; 32])).err().unwrap();
        assert!(matches!(refused, OpenError::Exposed { .. }), "{mode:o}");
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}
