//! A database of an earlier release becomes a present one and loses nothing.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use rusqlite::Connection;

use super::super::{Actor, Key, OpenError, SealingKey, Store, UnixMillis};
use crate::provision::{DeviceState, HoldsSecrets as _, SecurityMode};

/// Written by the daemon of that time, which then closed it.
pub(super) const SCHEMA_1: &str = include_str!("schema-1.sql");
pub(super) const KEY: [u8; 32] = *b"upgrade-test-sealing-key-of-32-b";

/// A state directory that an earlier release left behind.
fn left_behind(dump: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    DirBuilder::new().mode(0o700).create(scratch.path().join("state")).unwrap();
    let database = scratch.path().join("state/bootstrapd.db");
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database).unwrap();
    let connection = Connection::open(&database).unwrap();
    connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; {dump}")).unwrap();
    scratch
}

#[test]
fn a_database_of_schema_1_keeps_its_definitions_its_keys_and_its_trail() {
    let scratch = left_behind(SCHEMA_1);
    let store = Store::open(&scratch.path().join("state"), SealingKey::new(KEY)).unwrap();
    let mut reader = store.reader().unwrap();

    let servers = reader.catalog().unwrap().servers;
    let found: Vec<_> = servers
        .iter()
        .map(|server| {
            let key = server.psk.as_ref().map(|key| key.expose_text().to_owned());
            (server.name.as_str(), server.ssid, server.security, server.lifetime, key)
        })
        .collect();
    let key = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [
            ("eu", Some(101), SecurityMode::Psk, Some(3600), key("text:planted-server-key-1")),
            ("file-server", Some(300), SecurityMode::Psk, None, key("text:planted-file-server-key")),
            ("open", Some(102), SecurityMode::NoSec, None, None),
        ]
    );
    assert_eq!(reader.server(&Key::Name("eu".to_owned())).unwrap().secrets, ["psk"]);
    assert_eq!(reader.server(&Key::Name("open".to_owned())).unwrap().secrets, Vec::<String>::new());

    let profile = reader.profile(&Key::Name("fleet".to_owned())).unwrap();
    assert_eq!(
        (&profile.definition.servers[..], profile.definition.default),
        (&["eu".to_owned(), "open".to_owned()][..], true)
    );

    let (record, proof) = reader.device_and_key(b"other").unwrap().map(|it| (it.0, it.1)).unwrap();
    assert_eq!((record.definition.endpoint.as_str(), record.definition.state), ("meter-2", DeviceState::Enabled));
    assert_eq!(proof.expose(), b"planted-device-1");
    assert!(reader.device_and_key(b"meter-1").unwrap().is_some());
    assert!(reader.device_by_endpoint("open-1").unwrap().is_some());
    let (actor, at) = (Actor::admin_socket(None), UnixMillis(1));
    let revealed = store.reveal_device(actor, at, Key::Name("meter-1".to_owned())).wait().unwrap();
    let secrets = revealed.entry.definition.secrets();
    assert_eq!(secrets.at("psk").unwrap().expose(), "hex:706c616e7465642d6465766963652d31", "as it was entered");
    assert_eq!(reader.audit(100, None).unwrap().len(), 8, "seven lines of then, and that of the reveal");
}

#[test]
fn an_earlier_database_is_not_touched_with_a_wrong_key() {
    let scratch = left_behind(SCHEMA_1);
    let database = scratch.path().join("state/bootstrapd.db");
    let before = std::fs::read(&database).unwrap();
    let refused = Store::open(&scratch.path().join("state"), SealingKey::new([9; 32])).err();
    assert!(matches!(refused, Some(OpenError::WrongKey { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}
