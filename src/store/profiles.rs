//! Profiles as rows: the definition as JSON, its servers in order in a table of their own, and which is the default.
//!
//! Profiles refer to servers, and devices to profiles, by name: a reload of the config file may leave a name dangling,
//! which refuses the devices concerned and nobody else.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};

use super::devices::Devices;
use super::entry::{Origin, ProfileEntry};
use super::error::{Kind, StoreError};
use super::noun::{self, Noun};
use super::sealing::Sealer;
use super::servers::{Servers, check_reference, from_json, refuse_if_used, to_json};
use crate::provision::{HoldsSecrets, ProfileDefinition};

/// The noun `profile`.
pub(super) struct Profiles;

impl Noun for Profiles {
    type Definition = ProfileDefinition;

    const KIND: Kind = Kind::Profile;
    const TABLE: &'static str = "profiles";
    const NAME: &'static str = "name";
    const COLUMNS: &'static [&'static str] = &["definition", "is_default", "secret_fields"];
    const SECRETS: &'static str = "secrets";
    const SECRET_NAMES: &'static str = "secret_fields";

    fn name(definition: &ProfileDefinition) -> &str {
        &definition.name
    }

    fn from_row(row: &Row<'_>, name: &str, first: usize) -> Result<ProfileDefinition, StoreError> {
        let json = row.get_ref(first)?;
        let definition: ProfileDefinition = from_json(Kind::Profile, name, json.as_str().unwrap_or_default())?;
        Ok(ProfileDefinition { default: row.get(first + 1)?, ..definition })
    }

    fn complete(connection: &Connection, id: i64, definition: &mut ProfileDefinition) -> Result<(), StoreError> {
        let mut statement =
            connection.prepare_cached("SELECT server FROM profile_servers WHERE profile = ?1 ORDER BY position")?;
        definition.servers = statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn values(definition: &ProfileDefinition) -> Result<Vec<Value>, StoreError> {
        let name = &definition.name;
        let rest = ProfileDefinition { servers: Vec::new(), default: false, ..definition.without_secrets() };
        let secret_fields = to_json(Kind::Profile, name, &definition.secrets().fields())?;
        Ok(vec![to_json(Kind::Profile, name, &rest)?.into(), definition.default.into(), secret_fields.into()])
    }

    fn write_rest(connection: &Connection, id: i64, definition: &ProfileDefinition) -> Result<(), StoreError> {
        connection.prepare_cached("DELETE FROM profile_servers WHERE profile = ?1")?.execute([id])?;
        let mut statement =
            connection.prepare_cached("INSERT INTO profile_servers (profile, position, server) VALUES (?1, ?2, ?3)")?;
        for (position, server) in (0_i64..).zip(&definition.servers) {
            statement.execute((id, position, server))?;
        }
        Ok(())
    }

    fn release(connection: &Connection, id: i64) -> Result<(), StoreError> {
        connection.prepare_cached("UPDATE profiles SET is_default = 0 WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    fn check_unique(connection: &Connection, new: &ProfileDefinition) -> Result<(), StoreError> {
        if new.default { check_no_default(connection) } else { Ok(()) }
    }

    fn check(
        connection: &Connection,
        old: Option<(i64, &ProfileDefinition)>,
        new: &ProfileDefinition,
    ) -> Result<(), StoreError> {
        if old.is_none() {
            noun::check_name_free::<Profiles>(connection, &new.name)?;
        }
        // What dangles already is no reason to refuse another change.
        for server in &new.servers {
            if !old.is_some_and(|(_, old)| old.servers.contains(server)) {
                check_reference::<Servers>(connection, server)?;
            }
        }
        if new.default && !old.is_some_and(|(_, old)| old.default) {
            check_no_default(connection)?;
        }
        Ok(())
    }

    fn check_unused(connection: &Connection, definition: &ProfileDefinition) -> Result<(), StoreError> {
        let name = &definition.name;
        // Where the config file has a default too, that one counts.
        let condition = "shadowed = 0 AND (profile = ?1 OR (?2 AND profile IS NULL AND NOT EXISTS
                         (SELECT 1 FROM profiles WHERE is_default = 1 AND origin = 'file')))";
        let is_default = definition.default;
        let mut statement = connection.prepare_cached(&format!("SELECT count(*) FROM devices WHERE {condition}"))?;
        let count = statement.query_row((name, is_default), |row| noun::number(row, 0))?;
        let names = format!("SELECT endpoint FROM devices WHERE {condition} ORDER BY endpoint LIMIT 10");
        let mut statement = connection.prepare_cached(&names)?;
        let names = statement.query_map((name, is_default), |row| row.get(0))?.collect::<Result<_, _>>()?;
        refuse_if_used(Kind::Profile, name, Devices::KIND, count, names)
    }
}

/// Every profile in force by name, with one default at most: where the config file and the database both have one, the
/// file's.
pub(super) fn in_force(connection: &Connection) -> Result<Vec<ProfileDefinition>, StoreError> {
    let entries = noun::in_force::<Profiles>(connection)?.into_iter().map(|stored| stored.entry).collect();
    Ok(with_one_default(entries))
}

/// The same with their secrets, which the writes of a profile may hold.
pub(super) fn in_force_with_secrets(
    connection: &Connection,
    sealer: &Sealer,
) -> Result<Vec<ProfileDefinition>, StoreError> {
    let stored = noun::in_force::<Profiles>(connection)?.into_iter();
    let entries = stored.map(|stored| noun::with_secret::<Profiles>(sealer, stored)).collect::<Result<_, _>>()?;
    Ok(with_one_default(entries))
}

fn with_one_default(mut entries: Vec<ProfileEntry>) -> Vec<ProfileDefinition> {
    if entries.iter().any(|entry| entry.origin == Origin::File && entry.definition.default) {
        let own = entries.iter_mut().filter(|entry| entry.origin == Origin::Database);
        own.for_each(|entry| entry.definition.default = false);
    }
    entries.into_iter().map(|entry| entry.definition).collect()
}

/// Refuses a second default profile; one that is hidden counts, for it may come back.
fn check_no_default(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT name FROM profiles WHERE is_default = 1 ORDER BY shadowed, origin DESC LIMIT 1")?;
    match statement.query_row([], |row| row.get(0)).optional()? {
        None => Ok(()),
        Some(name) => Err(StoreError::SecondDefault { name }),
    }
}
