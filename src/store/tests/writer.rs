//! The writer: acknowledged means durable, together means faster, and one failure stays alone.

use std::fs;
use std::path::Path;

use super::{OPERATOR, Scratch, at, device, open, profile, scratch, server};
use crate::store::{Key, SealingKey, Store, StoreError};

/// What a power cut or `kill -9` would leave: the files as they are while the writer still runs.
fn freeze(from: &Path, to: &Path) {
    for name in ["bootstrapd.db", "bootstrapd.db-wal"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_crash() {
    let Scratch { store, directory } = scratch();
    for number in 0..50 {
        store.add_device(OPERATOR, at(number), device(&format!("d{number}"))).wait().unwrap();
        if number % 10 != 9 {
            continue;
        }
        let crashed = tempfile::tempdir().unwrap();
        freeze(directory.path(), crashed.path());
        let reopened = Store::open(crashed.path(), SealingKey::new([9; 32])).unwrap();
        let mut reader = reopened.reader().unwrap();
        for earlier in 0..=number {
            let key = reader.psk_for_identity(format!("d{earlier}").as_bytes()).unwrap();
            assert_eq!(key.unwrap().expose(), b"secret", "device {earlier} of {number}");
        }
        assert_eq!(reader.audit(1000, None).unwrap().len() as i64, number + 1);
    }
}

#[test]
fn jobs_that_wait_together_succeed_and_fail_each_for_itself() {
    let Scratch { store, directory } = scratch();
    let pending: Vec<_> = (0..300)
        .map(|number| (number, store.add_device(OPERATOR, at(1), device(&format!("d{}", number / 2)))))
        .collect();
    for (number, pending) in pending {
        let result = pending.wait();
        match number % 2 {
            0 => assert!(result.is_ok(), "{number}: {result:?}"),
            _ => assert!(matches!(result, Err(StoreError::Exists { .. })), "{number}: {result:?}"),
        }
    }
    drop(store);
    let mut reader = open(&directory).reader().unwrap();
    assert_eq!(reader.counts().unwrap().devices, 150);
    assert_eq!(reader.audit(1000, None).unwrap().len(), 150);
}

#[test]
fn a_job_that_fails_midway_leaves_nothing_behind() {
    let Scratch { store, directory } = scratch();
    let raw = rusqlite::Connection::open(directory.path().join("bootstrapd.db")).unwrap();
    // The row and its servers are written before the audit line, which fails.
    raw.execute_batch("ALTER TABLE audit RENAME TO elsewhere").unwrap();
    let first = store.add_server(OPERATOR, at(1), server("a"));
    let second = store.add_profile(OPERATOR, at(1), profile("p", &[]));
    assert!(matches!(first.wait(), Err(StoreError::Database(_))));
    assert!(matches!(second.wait(), Err(StoreError::Database(_))));
    assert_eq!(store.generation(), 0);
    raw.execute_batch("ALTER TABLE elsewhere RENAME TO audit").unwrap();
    assert_eq!(store.reader().unwrap().counts().unwrap(), Default::default());
    store.add_server(OPERATOR, at(2), server("a")).wait().unwrap();
}

#[test]
fn a_transaction_that_is_lost_acknowledges_nobody() {
    let Scratch { store, directory } = scratch();
    let raw = rusqlite::Connection::open(directory.path().join("bootstrapd.db")).unwrap();
    // SQLite undoes the whole transaction, as it does for a full disk, when the third device comes.
    raw.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON devices WHEN NEW.endpoint = 'c' BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
    )
    .unwrap();
    // The writer is kept busy, so that the four wait together.
    let (gate, inside) = std::sync::mpsc::channel::<()>();
    store.add_server(OPERATOR, at(1), server("s")).wait().unwrap();
    let held = store.update_server(OPERATOR, at(1), Key::Id(1), move |_| {
        // Until the other end is dropped.
        let _ = inside.recv();
        Err::<_, StoreError>(StoreError::Closed)
    });
    let pending: Vec<_> =
        ["a", "b", "c", "d"].map(|name| (name, store.add_device(OPERATOR, at(1), device(name)))).into();
    drop(gate);
    assert!(held.wait().is_err());
    let mut reader = store.reader().unwrap();
    for (name, pending) in pending {
        let acknowledged = pending.wait().is_ok();
        assert_eq!(acknowledged, reader.device_by_endpoint(name).unwrap().is_some(), "{name}");
        assert_eq!(acknowledged, name == "d", "{name}: only what came after the loss was done");
    }
}

#[test]
fn an_answer_can_be_awaited_and_questions_asked_beside() {
    let Scratch { store, directory: _guard } = scratch();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        store.add_server(OPERATOR, at(1), server("a")).await.unwrap();
        let listed = store.read(|reader| reader.servers()).await.unwrap();
        assert_eq!(listed.len(), 1);
    });
}
