//! The audit trail: who changed or saw what, and when, written in the transaction of the change.
//!
//! A line names the fields that a change concerned and never holds a value.

use rusqlite::Connection;
use serde_json::{Map, Value};
use tracing::info;

use super::entry::{Actor, AuditLine, UnixMillis};
use super::error::{Kind, StoreError};
use super::noun::Noun;
use super::servers::to_json;
use crate::provision::HoldsSecrets;

/// Who makes a change, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub actor: Actor,
    pub at: UnixMillis,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Change,
    Delete,
    Reveal,
    /// Many devices from a table.
    Import,
    /// Many definitions from files.
    Apply,
    Rotate,
    Block,
    Unblock,
    /// What is known of a client, or of a model.
    Forget,
    Backup,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Verb::Add => "add",
            Verb::Change => "change",
            Verb::Delete => "delete",
            Verb::Reveal => "reveal",
            Verb::Import => "import",
            Verb::Apply => "apply",
            Verb::Rotate => "rotate",
            Verb::Block => "block",
            Verb::Unblock => "unblock",
            Verb::Forget => "forget",
            Verb::Backup => "backup",
        }
    }
}

/// Writes the line of a change from `old` to `new`, where none means that there was or is nothing.
pub(super) fn write<N: Noun>(
    connection: &Connection,
    stamp: Stamp,
    verb: Verb,
    old: Option<&N::Definition>,
    new: Option<&N::Definition>,
) -> Result<(), StoreError> {
    let Some(either) = new.or(old) else { return Ok(()) };
    // What a deleted entry held is of no interest; that it is gone is.
    let fields = new.map(|new| changed_fields::<N>(old, new)).transpose()?.unwrap_or_default();
    insert(connection, stamp, verb, (N::KIND, N::name(either)), &fields, None)
}

/// Writes the line of secrets that were shown.
pub(super) fn write_reveal<N: Noun>(
    connection: &Connection,
    stamp: Stamp,
    definition: &N::Definition,
) -> Result<(), StoreError> {
    let fields = definition.secrets().fields();
    insert(connection, stamp, Verb::Reveal, (N::KIND, N::name(definition)), &fields, None)
}

/// Writes the line of what was done to one device, and why where the operator said so.
pub(super) fn write_deed(
    connection: &Connection,
    stamp: Stamp,
    verb: Verb,
    endpoint: &str,
    fields: &[&str],
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    insert(connection, stamp, verb, (Kind::Device, endpoint), &fields, reason)
}

/// Writes the line of a copy of the database file `name`.
pub(super) fn write_backup(connection: &Connection, stamp: Stamp, name: &str) -> Result<(), StoreError> {
    insert(connection, stamp, Verb::Backup, (Kind::Database, name), &[], None)
}

/// Writes one line about many entries, which `name` counts.
pub(super) fn write_many(
    connection: &Connection,
    stamp: Stamp,
    verb: Verb,
    kind: Kind,
    name: &str,
) -> Result<(), StoreError> {
    insert(connection, stamp, verb, (kind, name), &[], None)
}

fn insert(
    connection: &Connection,
    stamp: Stamp,
    verb: Verb,
    (kind, name): (Kind, &str),
    fields: &[String],
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let Stamp { actor: Actor { uid, what }, at } = stamp;
    if verb == Verb::Reveal {
        info!(uid, by = what, "secrets of {} `{}` were revealed", kind.name(), name.escape_debug());
    }
    let fields = to_json(kind, name, &fields)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO audit (at, uid, actor, verb, kind, name, fields, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    statement.execute((at.0, uid, what, verb.name(), kind.name(), name, fields, reason))?;
    Ok(())
}

/// Names of the fields in which `new` differs from `old`, or of all that are set.
pub(super) fn changed_fields<N: Noun>(
    old: Option<&N::Definition>,
    new: &N::Definition,
) -> Result<Vec<String>, StoreError> {
    let new_fields = fields::<N>(new)?;
    let old_fields = old.map(fields::<N>).transpose()?.unwrap_or_default();
    let differs = |name: &&String| old_fields.get(*name) != new_fields.get(*name);
    let gone = old_fields.keys().filter(|name| !new_fields.contains_key(*name));
    let mut changed: Vec<String> = new_fields.keys().chain(gone).filter(differs).cloned().collect();
    let (old_secrets, new_secrets) = (old.map(|old| old.secrets()).unwrap_or_default(), new.secrets());
    changed.extend(new_secrets.fields_other_than(&old_secrets));
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}

/// The fields of a definition as JSON has them, without the key.
fn fields<N: Noun>(definition: &N::Definition) -> Result<Map<String, Value>, StoreError> {
    match serde_json::to_value(definition.without_secrets()) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(StoreError::Corrupt { kind: N::KIND, name: N::name(definition).to_owned(), what: "definition" }),
    }
}

/// The last `limit` lines before line `before`, the latest first.
pub(super) fn list(connection: &Connection, limit: u32, before: Option<i64>) -> Result<Vec<AuditLine>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, at, uid, actor, verb, kind, name, fields, reason FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    )?;
    let lines = statement.query_map((before.unwrap_or(i64::MAX), limit), |row| {
        let fields: String = row.get(7)?;
        let line = AuditLine {
            id: row.get(0)?,
            at: UnixMillis(row.get(1)?),
            uid: row.get(2)?,
            actor: row.get(3)?,
            verb: row.get(4)?,
            kind: row.get(5)?,
            name: row.get(6)?,
            reason: row.get(8)?,
            fields: serde_json::from_str(&fields).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(7, rusqlite::types::Type::Text, error.into())
            })?,
        };
        Ok(line)
    })?;
    Ok(lines.collect::<Result<_, _>>()?)
}
