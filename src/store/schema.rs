//! The tables, and how an older database becomes a present one.
//!
//! `PRAGMA user_version` is the number of the steps that a database has been through. Each step is one transaction with
//! its number in it, so that a crash leaves a database of some version and never one in between. A step that has been
//! released is never edited: what is to change is a new step.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use zeroize::Zeroizing;

use super::sealing::{FIRST_KEY, Place, SealError, Sealer};
use super::search;
use crate::provision::{SecretFields, SecretText};

/// `PRAGMA application_id` of our databases: "bsrd".
const APPLICATION_ID: i64 = 0x6273_7264;

/// What the seal in `seal_check` holds.
const SEAL_CHECK: &[u8] = b"bootstrapd";
const SEAL_CHECK_PLACE: Place = Place { table: "seal_check", row: 1, column: "sealed" };

/// One step from a version to the next.
type Step = fn(&Transaction<'_>, &Sealer) -> Result<(), SchemaError>;

const STEPS: &[Step] =
    &[first_tables, issued_credentials, indexes_of_lists, certificates_and_public_keys, client_knowledge];

/// Why a database was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("not a database of bootstrapd")]
    Foreign,
    #[error("schema {found} is later than {known}")]
    FromTheFuture { found: i64, known: i64 },
    #[error("the sealing key is not the one of this database")]
    WrongKey,
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// Looks whether the database is ours, not too new, and sealed with this key; changes nothing. The answer is its
/// version, 0 for an empty one.
pub(super) fn inspect(connection: &Connection, sealer: Option<&Sealer>) -> Result<i64, SchemaError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let version = number("user_version")?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if version == 0 && tables == 0 {
        return Ok(0);
    }
    if number("application_id")? != APPLICATION_ID {
        return Err(SchemaError::Foreign);
    }
    let known = STEPS.len() as i64;
    if version > known {
        return Err(SchemaError::FromTheFuture { found: version, known });
    }
    if let Some(sealer) = sealer {
        let sealed: Vec<u8> = connection.query_row("SELECT sealed FROM seal_check", [], |row| row.get(0))?;
        match sealer.unseal(SEAL_CHECK_PLACE, &sealed) {
            Ok(clear) if clear.expose() == SEAL_CHECK => {}
            _ => return Err(SchemaError::WrongKey),
        }
    }
    Ok(version)
}

/// The first entry of the schema that is not as the steps up to `version` make it, or that is missing; none where all is
/// as it should be. Compares what SQL made it, too: a trigger of the right name may do other things.
pub(super) fn altered_entry(
    connection: &Connection,
    sealer: &Sealer,
    version: i64,
) -> Result<Option<String>, SchemaError> {
    let mut fresh = Connection::open_in_memory()?;
    let steps = usize::try_from(version).map_or(STEPS, |version| &STEPS[..version.min(STEPS.len())]);
    migrate_by(steps, &mut fresh, sealer, 0)?;
    let (found, expected) = (entries(connection)?, entries(&fresh)?);
    let difference = found.symmetric_difference(&expected).next();
    Ok(difference.map(|(kind, name, ..)| format!("the {kind} {name:?}")))
}

/// Type, name, table and SQL of one entry of the schema.
type SchemaEntry = (String, String, String, Option<String>);

/// Everything in the schema.
fn entries(connection: &Connection) -> rusqlite::Result<BTreeSet<SchemaEntry>> {
    let mut statement = connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    rows.collect()
}

/// The number of the key that the database is sealed with, of whatever it may turn out to be.
pub(super) fn key_number(connection: &Connection) -> Result<u8, SchemaError> {
    let sealed = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'seal_check'";
    if !connection.prepare(sealed)?.exists([])? {
        return Ok(FIRST_KEY);
    }
    let check: Option<Vec<u8>> =
        connection.query_row("SELECT sealed FROM seal_check", [], |row| row.get(0)).optional()?;
    Ok(check.and_then(|sealed| sealed.first().copied()).unwrap_or(FIRST_KEY))
}

/// Brings an inspected database up to date.
pub(super) fn migrate(connection: &mut Connection, sealer: &Sealer, version: i64) -> Result<(), SchemaError> {
    migrate_by(STEPS, connection, sealer, version)
}

fn migrate_by(steps: &[Step], connection: &mut Connection, sealer: &Sealer, version: i64) -> Result<(), SchemaError> {
    for (number, step) in (1_i64..).zip(steps).filter(|(number, _)| *number > version) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        step(&transaction, sealer)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

fn first_tables(transaction: &Transaction<'_>, sealer: &Sealer) -> Result<(), SchemaError> {
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(FIRST_TABLES)?;
    let sealed = sealer.seal(SEAL_CHECK_PLACE, SEAL_CHECK)?;
    transaction.execute("INSERT INTO seal_check (id, sealed) VALUES (1, ?1)", [sealed])?;
    Ok(())
}

/// Servers and profiles may have several secrets; devices have properties, tags and a state, and credentials are issued.
fn issued_credentials(transaction: &Transaction<'_>, sealer: &Sealer) -> Result<(), SchemaError> {
    transaction.execute_batch(ISSUED_CREDENTIALS)?;
    let mut keys = transaction.prepare("SELECT id, psk FROM servers WHERE psk IS NOT NULL")?;
    let keys = keys.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<(i64, Vec<u8>)>, _>>()?;
    for (id, sealed) in keys {
        let clear = sealer.unseal(Place { table: "servers", row: id, column: "psk" }, &sealed)?;
        let mut secrets = SecretFields::default();
        secrets.insert("psk", SecretText::new(String::from_utf8_lossy(clear.expose()).into_owned()));
        let text = Zeroizing::new(serde_json::to_string(&secrets).unwrap_or_default());
        let sealed = sealer.seal(Place { table: "servers", row: id, column: "secrets" }, text.as_bytes())?;
        let sql = r#"UPDATE servers SET secrets = ?2, secret_fields = '["psk"]' WHERE id = ?1"#;
        transaction.execute(sql, (id, sealed))?;
    }
    transaction.execute_batch("ALTER TABLE servers DROP COLUMN psk")?;
    Ok(())
}

/// A list of devices is sorted, filtered and searched by indexes.
fn indexes_of_lists(transaction: &Transaction<'_>, _: &Sealer) -> Result<(), SchemaError> {
    transaction.execute_batch(INDEXES_OF_LISTS)?;
    transaction.execute(&search::index_all(), [])?;
    Ok(())
}

/// Devices prove themselves by certificates and raw public keys, too.
fn certificates_and_public_keys(transaction: &Transaction<'_>, _: &Sealer) -> Result<(), SchemaError> {
    Ok(transaction.execute_batch(CERTIFICATES_AND_PUBLIC_KEYS)?)
}

/// What operators wrote, and the SHA-256 of its DER: that is what a client is found by. Most devices have none of it, and
/// then take no room in these indexes.
const CERTIFICATES_AND_PUBLIC_KEYS: &str = "
ALTER TABLE devices ADD COLUMN certificate TEXT;
ALTER TABLE devices ADD COLUMN certificate_name TEXT;
ALTER TABLE devices ADD COLUMN public_key TEXT;
ALTER TABLE devices ADD COLUMN certificate_fingerprint BLOB;
ALTER TABLE devices ADD COLUMN public_key_fingerprint BLOB;

CREATE UNIQUE INDEX devices_certificate_fingerprint ON devices (certificate_fingerprint, shadowed)
    WHERE certificate_fingerprint IS NOT NULL;
CREATE UNIQUE INDEX devices_certificate_name ON devices (certificate_name, shadowed)
    WHERE certificate_name IS NOT NULL;
CREATE UNIQUE INDEX devices_public_key_fingerprint ON devices (public_key_fingerprint, shadowed)
    WHERE public_key_fingerprint IS NOT NULL;
";

/// What is known of clients, and the models of the config file.
fn client_knowledge(transaction: &Transaction<'_>, _: &Sealer) -> Result<(), SchemaError> {
    Ok(transaction.execute_batch(CLIENT_KNOWLEDGE)?)
}

/// What is known of a device belongs to its endpoint and not to a row of `devices`, as what was issued to it does: the
/// client stays the same when its definition leaves the config file and comes back. `model` is the model to whose
/// knowledge the device contributes.
const CLIENT_KNOWLEDGE: &str = "
CREATE TABLE device_knowledge (
    endpoint TEXT PRIMARY KEY,
    model TEXT,
    knowledge TEXT NOT NULL CHECK (json_valid(knowledge)),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX device_knowledge_model ON device_knowledge (model, at) WHERE model IS NOT NULL;

CREATE TABLE models (
    name TEXT PRIMARY KEY CHECK (name <> ''),
    position INTEGER NOT NULL,
    definition TEXT NOT NULL CHECK (json_extract(definition, '$.name') = name)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_knowledge (
    model TEXT PRIMARY KEY REFERENCES models (name) ON DELETE CASCADE,
    knowledge TEXT NOT NULL CHECK (json_valid(knowledge)),
    devices INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// The trigrams keep no positions (`detail`): those of one text together leave few candidates, and these are compared.
/// That takes a quarter of the room, and of the time that an import needs.
const INDEXES_OF_LISTS: &str = "
CREATE INDEX devices_created ON devices (created, id);
CREATE INDEX devices_changed ON devices (changed, id);
CREATE INDEX devices_shadowed ON devices (endpoint) WHERE shadowed = 1;
CREATE INDEX devices_blocked ON devices (endpoint) WHERE state = 'blocked';
CREATE INDEX devices_of_file ON devices (endpoint) WHERE origin = 'file';
CREATE INDEX device_outcomes_at ON device_outcomes (at, device);
CREATE INDEX device_outcomes_outcome ON device_outcomes (outcome, device);

CREATE VIRTUAL TABLE device_search USING fts5 (
    text, content = '', contentless_delete = 1, detail = 'none', tokenize = 'trigram case_sensitive 1'
);

CREATE TRIGGER device_search_delete AFTER DELETE ON devices BEGIN
    DELETE FROM device_search WHERE rowid = old.id;
END;
";

/// An issued credential of a bootstrap account is also one by which the client proves itself to us: `identity` is its PSK
/// identity, and `sealed_key` its key. Once the client has proven one (`confirmed`), the credentials in its definition are
/// good no more. All of it belongs to the endpoint and not to a row of `devices`: rows come and go with the config file,
/// and what the device itself holds does not.
const ISSUED_CREDENTIALS: &str = "
ALTER TABLE servers ADD COLUMN secrets BLOB;
ALTER TABLE servers ADD COLUMN secret_fields TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(secret_fields));
ALTER TABLE profiles ADD COLUMN secrets BLOB;
ALTER TABLE profiles ADD COLUMN secret_fields TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(secret_fields));

ALTER TABLE devices ADD COLUMN properties TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(properties));
ALTER TABLE devices ADD COLUMN state TEXT NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'blocked'));
ALTER TABLE devices ADD COLUMN rotation_requested INTEGER;

ALTER TABLE audit ADD COLUMN reason TEXT;

CREATE TABLE device_tags (
    device INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (device, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_tags_tag ON device_tags (tag, device);

CREATE TABLE issued_credentials (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    server TEXT NOT NULL,
    issued INTEGER NOT NULL,
    confirmed INTEGER,
    sealed BLOB NOT NULL,
    identity BLOB UNIQUE,
    sealed_key BLOB CHECK ((sealed_key IS NULL) = (identity IS NULL))
) STRICT;

CREATE INDEX issued_credentials_endpoint ON issued_credentials (endpoint, id);
CREATE INDEX issued_credentials_server ON issued_credentials (server);
";

/// Names are unique among what is in force and among what is hidden behind the config file; that the database's own
/// entries do not clash among themselves, hidden or not, is checked where they are written. Numbers are never used
/// again (AUTOINCREMENT), for a seal is bound to its row's number.
const FIRST_TABLES: &str = "
CREATE TABLE seal_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE servers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'database')),
    shadowed INTEGER NOT NULL CHECK (shadowed = 0 OR (shadowed = 1 AND origin = 'database')),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    psk BLOB,
    definition TEXT NOT NULL CHECK (json_extract(definition, '$.name') = name AND definition ->> 'psk' IS NULL),
    UNIQUE (name, shadowed)
) STRICT;

CREATE TABLE profiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'database')),
    shadowed INTEGER NOT NULL CHECK (shadowed = 0 OR (shadowed = 1 AND origin = 'database')),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    definition TEXT NOT NULL CHECK (json_extract(definition, '$.name') = name),
    is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    UNIQUE (name, shadowed)
) STRICT;

CREATE UNIQUE INDEX profiles_default ON profiles (origin) WHERE is_default = 1;

CREATE TABLE profile_servers (
    profile INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    server TEXT NOT NULL,
    PRIMARY KEY (profile, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX profile_servers_server ON profile_servers (server);

CREATE TABLE devices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL CHECK (endpoint <> ''),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'database')),
    shadowed INTEGER NOT NULL CHECK (shadowed = 0 OR (shadowed = 1 AND origin = 'database')),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    psk BLOB,
    psk_identity TEXT,
    profile TEXT,
    identity BLOB,
    UNIQUE (endpoint, shadowed),
    UNIQUE (identity, shadowed)
) STRICT;

CREATE INDEX devices_profile ON devices (profile, endpoint);

CREATE TABLE device_outcomes (
    device INTEGER PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    sessions INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    uid INTEGER,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    fields TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;
";

#[cfg(test)]
mod tests {
    use std::fs::{DirBuilder, OpenOptions};
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

    use rusqlite::{Connection, Transaction};

    use super::super::sealing::{FIRST_KEY, SEALED, Sealer};
    use super::super::sealing_key::SealingKey;
    use super::{STEPS, SchemaError, Step, altered_entry, first_tables, inspect, migrate, migrate_by};
    use crate::provision::{ClientKnowledge, LearnedKnowledge};
    use crate::store::{DeviceLearned, Key, KnownDevice, Store, UnixMillis};

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&SealingKey::new([byte; 32]), FIRST_KEY)
    }

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    /// The third version, as the steps that were released make it.
    #[test]
    fn a_database_of_schema_3_keeps_its_devices_and_can_be_learned_into() {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().join("state");
        DirBuilder::new().mode(0o700).create(&state).unwrap();
        let database = state.join("bootstrapd.db");
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database).unwrap();
        let mut connection = Connection::open(&database).unwrap();
        migrate_by(&STEPS[..3], &mut connection, &sealer(1), 0).unwrap();
        let devices = "INSERT INTO devices (endpoint, origin, shadowed, created, changed) VALUES
                           ('kept', 'database', 0, 1, 2), ('filed', 'file', 0, 1, 2);
                       INSERT INTO device_outcomes (device, outcome, reason, at, sessions)
                           VALUES (1, 'completed', 'As it should.', 5, 7)";
        connection.execute_batch(devices).unwrap();
        drop(connection);

        let store = Store::open(&state, SealingKey::new([1; 32])).unwrap();
        let mut reader = store.reader().unwrap();
        let kept = reader.device(&Key::Name("kept".to_owned())).unwrap();
        assert_eq!((kept.entry.changed, kept.last.map(|last| last.sessions)), (UnixMillis(2), Some(7)));
        assert_eq!((reader.known("kept").unwrap(), reader.models().unwrap()), (None, Vec::new()));
        let learned = LearnedKnowledge {
            shown: ClientKnowledge { refuses_discover: true, ..ClientKnowledge::default() },
            ..LearnedKnowledge::default()
        };
        let at = UnixMillis(9);
        let lesson = DeviceLearned { endpoint: "filed".to_owned(), model: None, learned: learned.clone(), at };
        store.record_knowledge(vec![lesson]).wait().unwrap();
        assert_eq!(reader.known("filed").unwrap(), Some(KnownDevice { learned, at }));
        let altered = altered_entry(&Connection::open(&database).unwrap(), &sealer(1), STEPS.len() as i64);
        assert_eq!(altered.unwrap(), None, "its tables are those of a fresh one");
    }

    #[test]
    fn an_empty_database_becomes_a_present_one_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(inspect(&connection, Some(&sealer(1))).unwrap(), 0);
        migrate(&mut connection, &sealer(1), 0).unwrap();
        let present = STEPS.len() as i64;
        assert_eq!(inspect(&connection, Some(&sealer(1))).unwrap(), present);
        migrate(&mut connection, &sealer(1), present).unwrap();
        assert_eq!(version(&connection), present);
    }

    /// Columns of bytes that hold no secret.
    const CLEAR: &[(&str, &str)] = &[
        ("devices", "identity"),
        ("devices", "certificate_fingerprint"),
        ("devices", "public_key_fingerprint"),
        ("issued_credentials", "identity"),
    ];

    /// A column that is missing in the list would keep the seals of the old key when the key is changed.
    #[test]
    fn every_column_of_bytes_is_known_as_sealed_or_clear() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &sealer(1), 0).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT tables.name, columns.name FROM pragma_table_list AS tables
                 JOIN pragma_table_xinfo(tables.name) AS columns
                 WHERE tables.type = 'table' AND tables.schema = 'main' AND columns.type IN ('BLOB', 'ANY', '')
                 AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1, 2",
            )
            .unwrap();
        let pairs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let found: Vec<(String, String)> = pairs.map(Result::unwrap).collect();
        let known = |list: &[(&str, &str)], (table, column): &(String, String)| {
            list.contains(&(table.as_str(), column.as_str()))
        };
        for pair in &found {
            assert!(known(SEALED, pair) != known(CLEAR, pair), "{pair:?} must stand in SEALED or in CLEAR");
        }
        assert_eq!(found.len(), SEALED.len() + CLEAR.len(), "a list names what is not there: {found:?}");
    }

    #[test]
    fn another_key_a_later_version_and_a_foreign_database_are_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &sealer(1), 0).unwrap();
        assert!(matches!(inspect(&connection, Some(&sealer(2))), Err(SchemaError::WrongKey)));
        let later = STEPS.len() as i64 + 1;
        connection.pragma_update(None, "user_version", later).unwrap();
        let found = inspect(&connection, Some(&sealer(1)));
        assert!(
            matches!(found, Err(SchemaError::FromTheFuture { found, known }) if found == later && known == later - 1)
        );
        let foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE t (a)").unwrap();
        assert!(matches!(inspect(&foreign, Some(&sealer(1))), Err(SchemaError::Foreign)));
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        fn second(transaction: &Transaction<'_>, _: &Sealer) -> Result<(), SchemaError> {
            Ok(transaction.execute_batch("CREATE TABLE second (a)")?)
        }
        fn failing(transaction: &Transaction<'_>, _: &Sealer) -> Result<(), SchemaError> {
            Ok(transaction.execute_batch("CREATE TABLE third (a); CREATE TABLE second (a)")?)
        }
        let steps: [Step; 3] = [first_tables, second, failing];
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(migrate_by(&steps, &mut connection, &sealer(1), 0).is_err());
        assert_eq!(version(&connection), 2);
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('second', 'third')";
        assert_eq!(connection.query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    }
}
