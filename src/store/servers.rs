//! Server accounts as rows: the definition as JSON without its secrets, and these sealed beside it.

use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use super::error::{Dependents, Kind, StoreError};
use super::issued;
use super::noun::{self, Noun};
use super::profiles::Profiles;
use super::sealing::Sealer;
use crate::provision::{HoldsSecrets, ServerDefinition};

/// The noun `server`.
pub(super) struct Servers;

impl Noun for Servers {
    type Definition = ServerDefinition;

    const KIND: Kind = Kind::Server;
    const TABLE: &'static str = "servers";
    const NAME: &'static str = "name";
    const COLUMNS: &'static [&'static str] = &["definition", "secret_fields"];
    const SECRETS: &'static str = "secrets";
    const SECRET_NAMES: &'static str = "secret_fields";

    fn name(definition: &ServerDefinition) -> &str {
        &definition.name
    }

    fn from_row(row: &Row<'_>, name: &str, first: usize) -> Result<ServerDefinition, StoreError> {
        from_json(Kind::Server, name, row.get_ref(first)?.as_str().unwrap_or_default())
    }

    fn values(definition: &ServerDefinition) -> Result<Vec<Value>, StoreError> {
        let name = &definition.name;
        let clear = to_json(Kind::Server, name, &definition.without_secrets())?;
        Ok(vec![clear.into(), to_json(Kind::Server, name, &definition.secrets().fields())?.into()])
    }

    fn check(
        connection: &Connection,
        old: Option<(i64, &ServerDefinition)>,
        new: &ServerDefinition,
    ) -> Result<(), StoreError> {
        if old.is_none() { noun::check_name_free::<Servers>(connection, &new.name) } else { Ok(()) }
    }

    /// What was issued for the account is of no more use.
    fn forget(connection: &Connection, definition: &ServerDefinition) -> Result<(), StoreError> {
        issued::forget_server(connection, &definition.name)
    }

    fn check_unused(connection: &Connection, definition: &ServerDefinition) -> Result<(), StoreError> {
        let name = &definition.name;
        let mut statement = connection.prepare_cached(
            "SELECT DISTINCT profiles.name FROM profile_servers JOIN profiles ON profiles.id = profile_servers.profile
             WHERE profile_servers.server = ?1 AND profiles.shadowed = 0 ORDER BY profiles.name",
        )?;
        let names = statement.query_map([name], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        refuse_if_used(Servers::KIND, name, Profiles::KIND, names.len() as u64, names)
    }
}

/// Every server account in force by name, with its key.
pub(super) fn in_force_with_secrets(
    connection: &Connection,
    sealer: &Sealer,
) -> Result<Vec<ServerDefinition>, StoreError> {
    let stored = noun::in_force::<Servers>(connection)?;
    stored.into_iter().map(|stored| Ok(noun::with_secret::<Servers>(sealer, stored)?.definition)).collect()
}

/// Refuses if anybody depends on the entry.
pub(super) fn refuse_if_used(
    kind: Kind,
    name: &str,
    dependent: Kind,
    count: u64,
    mut names: Vec<String>,
) -> Result<(), StoreError> {
    if count == 0 {
        return Ok(());
    }
    names.truncate(10);
    let dependents = Dependents { kind: dependent, count, names };
    Err(StoreError::InUse { kind, name: name.to_owned(), dependents })
}

/// A definition as JSON; whoever calls has taken the secrets out.
pub(super) fn to_json<D: serde::Serialize>(kind: Kind, name: &str, definition: &D) -> Result<String, StoreError> {
    serde_json::to_string(definition).map_err(|_| unreadable(kind, name))
}

/// A definition from JSON.
pub(super) fn from_json<D: serde::de::DeserializeOwned>(kind: Kind, name: &str, json: &str) -> Result<D, StoreError> {
    serde_json::from_str(json).map_err(|_| unreadable(kind, name))
}

fn unreadable(kind: Kind, name: &str) -> StoreError {
    StoreError::Corrupt { kind, name: name.to_owned(), what: "definition" }
}

/// Refuses a name that nothing in force has.
pub(super) fn check_reference<N: Noun>(connection: &Connection, name: &str) -> Result<(), StoreError> {
    match noun::exists::<N>(connection, name)? {
        true => Ok(()),
        false => Err(StoreError::UnknownReference { kind: N::KIND, name: name.to_owned() }),
    }
}
