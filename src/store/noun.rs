//! [`Noun`]: what servers, profiles and devices have in common as rows, and the SQL they share.
//!
//! The three tables have the columns `id`, a name, `origin`, `shadowed`, `created` and `changed`; the rest is each
//! noun's own. Definitions leave this module without their keys, which stay sealed in [`Stored::sealed`].

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde::Serialize;
use zeroize::Zeroizing;

use super::audit::Verb;
use super::entry::{Counts, Entry, Key, Origin, UnixMillis};
use super::error::{Kind, StoreError};
use super::sealing::{Place, Sealer};
use super::writer::Work;
use crate::provision::{HoldsSecrets, SecretFields};

/// A kind of definition and its table.
pub(super) trait Noun: 'static {
    /// What the operator writes.
    type Definition: Clone + PartialEq + Serialize + HoldsSecrets + Send + 'static;

    const KIND: Kind;
    const TABLE: &'static str;
    /// The column that holds the name.
    const NAME: &'static str;
    /// The columns that only this table has.
    const COLUMNS: &'static [&'static str];
    /// The column that holds the sealed secrets; null where there are none.
    const SECRETS: &'static str;
    /// An SQL expression of the names of the fields with secrets, as a JSON list.
    const SECRET_NAMES: &'static str;

    fn name(definition: &Self::Definition) -> &str;

    /// The secrets as the text that is sealed.
    fn secrets_to_text(secrets: &SecretFields) -> Option<Zeroizing<String>> {
        serde_json::to_string(secrets).ok().map(Zeroizing::new)
    }

    /// The secrets from the text that was sealed.
    fn secrets_from_text(text: &str) -> Option<SecretFields> {
        serde_json::from_str(text).ok()
    }

    /// The definition without its key, from the values of [`Noun::COLUMNS`], which start at column `first`.
    fn from_row(row: &Row<'_>, name: &str, first: usize) -> Result<Self::Definition, StoreError>;

    /// Adds what stands in other tables.
    fn complete(_connection: &Connection, _id: i64, _definition: &mut Self::Definition) -> Result<(), StoreError> {
        Ok(())
    }

    /// Values of [`Noun::COLUMNS`].
    fn values(definition: &Self::Definition) -> Result<Vec<Value>, StoreError>;

    /// Writes what stands in other tables.
    fn write_rest(_connection: &Connection, _id: i64, _definition: &Self::Definition) -> Result<(), StoreError> {
        Ok(())
    }

    /// Lets go of what must be unique, just before the row is updated.
    fn release(_connection: &Connection, _id: i64) -> Result<(), StoreError> {
        Ok(())
    }

    /// Refuses what must be unique and is taken, name aside, once [`Noun::release`] let go of it.
    fn check_unique(_connection: &Connection, _new: &Self::Definition) -> Result<(), StoreError> {
        Ok(())
    }

    /// Refuses what an operator may not add, or may not make of `old`.
    fn check(
        connection: &Connection,
        old: Option<(i64, &Self::Definition)>,
        new: &Self::Definition,
    ) -> Result<(), StoreError>;

    /// What the audit trail calls a change.
    fn verb_of_change(_old: &Self::Definition, _new: &Self::Definition) -> Verb {
        Verb::Change
    }

    /// Sees to what else an operator's change from `old`, which has its secrets, to `new` brings about.
    fn follow_up(
        _connection: &Connection,
        _old: &Entry<Self::Definition>,
        _new: &Self::Definition,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    /// Sees to what else an operator's deletion brings about.
    fn forget(_connection: &Connection, _definition: &Self::Definition) -> Result<(), StoreError> {
        Ok(())
    }

    /// Refuses to delete what others in force depend on.
    fn check_unused(connection: &Connection, definition: &Self::Definition) -> Result<(), StoreError>;
}

/// A row: the entry without its key, and the key as it is sealed.
pub(super) struct Stored<D> {
    pub entry: Entry<D>,
    pub sealed: Option<Vec<u8>>,
}

/// Number of columns that [`read`] expects before a noun's own.
const COMMON: usize = 8;

fn select<N: Noun>(condition: &str) -> String {
    let (table, name, secrets, names, own) = (N::TABLE, N::NAME, N::SECRETS, N::SECRET_NAMES, N::COLUMNS.join(", "));
    format!("SELECT id, {name}, origin, shadowed, created, changed, {secrets}, {names}, {own} FROM {table} {condition}")
}

fn read<N: Noun>(row: &Row<'_>) -> Result<Stored<N::Definition>, StoreError> {
    let name: String = row.get(1)?;
    let origin = match row.get_ref(2)?.as_str() {
        Ok("file") => Origin::File,
        Ok("database") => Origin::Database,
        _ => return Err(StoreError::Corrupt { kind: N::KIND, name, what: "origin" }),
    };
    let sealed: Option<Vec<u8>> = row.get(6)?;
    let secrets = serde_json::from_str(row.get_ref(7)?.as_str().unwrap_or_default())
        .map_err(|_| StoreError::Corrupt { kind: N::KIND, name: name.clone(), what: "list of secrets" })?;
    let entry = Entry {
        id: row.get(0)?,
        origin,
        shadowed: row.get(3)?,
        definition: N::from_row(row, &name, COMMON)?,
        secrets,
        created: UnixMillis(row.get(4)?),
        changed: UnixMillis(row.get(5)?),
    };
    Ok(Stored { entry, sealed })
}

/// Shows `visit` each row that meets `condition`.
pub(super) fn each<N: Noun>(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
    mut visit: impl FnMut(Stored<N::Definition>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(&select::<N>(condition))?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let mut stored = read::<N>(row)?;
        N::complete(connection, stored.entry.id, &mut stored.entry.definition)?;
        visit(stored)?;
    }
    Ok(())
}

/// The rows that meet `condition`.
pub(super) fn query<N: Noun>(
    connection: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Stored<N::Definition>>, StoreError> {
    let mut found = Vec::new();
    each::<N>(connection, condition, parameters, |stored| {
        found.push(stored);
        Ok(())
    })?;
    Ok(found)
}

/// Every row in force by name.
pub(super) fn in_force<N: Noun>(connection: &Connection) -> Result<Vec<Stored<N::Definition>>, StoreError> {
    query::<N>(connection, &format!("WHERE shadowed = 0 ORDER BY {}", N::NAME), [])
}

/// The row that `key` means.
pub(super) fn find<N: Noun>(connection: &Connection, key: &Key) -> Result<Stored<N::Definition>, StoreError> {
    let found = match key {
        Key::Name(name) => query::<N>(connection, &format!("WHERE {} = ?1 AND shadowed = 0", N::NAME), [name])?,
        Key::Id(id) => query::<N>(connection, "WHERE id = ?1", [id])?,
    };
    found.into_iter().next().ok_or_else(|| StoreError::NotFound { kind: N::KIND, key: key.clone() })
}

/// Whether something of this name is in force.
pub(super) fn exists<N: Noun>(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let sql = format!("SELECT 1 FROM {} WHERE {} = ?1 AND shadowed = 0", N::TABLE, N::NAME);
    Ok(connection.prepare_cached(&sql)?.exists([name])?)
}

/// Refuses a name that is taken, be it by an entry that is not in force.
pub(super) fn check_name_free<N: Noun>(connection: &Connection, name: &str) -> Result<(), StoreError> {
    let sql = format!("SELECT id, shadowed FROM {} WHERE {} = ?1 ORDER BY shadowed LIMIT 1", N::TABLE, N::NAME);
    let mut statement = connection.prepare_cached(&sql)?;
    let taken: Option<(i64, bool)> = statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match taken {
        None => Ok(()),
        Some((id, hidden)) => {
            Err(StoreError::Exists { kind: N::KIND, name: name.to_owned(), shadowed: hidden.then_some(id) })
        }
    }
}

/// The entry with its key.
pub(super) fn with_secret<N: Noun>(
    sealer: &Sealer,
    stored: Stored<N::Definition>,
) -> Result<Entry<N::Definition>, StoreError> {
    let Stored { mut entry, sealed } = stored;
    if let Some(sealed) = sealed {
        let name = N::name(&entry.definition).to_owned();
        let secrets = unseal::<N>(sealer, entry.id, &name, &sealed)?;
        let misfit = |_| StoreError::Corrupt { kind: N::KIND, name, what: "key" };
        entry.definition.put_secrets(secrets).map_err(misfit)?;
    }
    Ok(entry)
}

fn place<N: Noun>(id: i64) -> Place {
    Place { table: N::TABLE, row: id, column: N::SECRETS }
}

pub(super) fn unseal<N: Noun>(sealer: &Sealer, id: i64, name: &str, sealed: &[u8]) -> Result<SecretFields, StoreError> {
    let clear = sealer.unseal(place::<N>(id), sealed).map_err(|source| StoreError::Seal {
        kind: N::KIND,
        name: name.to_owned(),
        source,
    })?;
    let text = std::str::from_utf8(clear.expose()).ok();
    text.and_then(N::secrets_from_text).ok_or_else(|| StoreError::Corrupt {
        kind: N::KIND,
        name: name.to_owned(),
        what: "key",
    })
}

fn seal<N: Noun>(sealer: &Sealer, id: i64, definition: &N::Definition) -> Result<Value, StoreError> {
    let secrets = definition.secrets();
    if secrets.is_empty() {
        return Ok(Value::Null);
    }
    let unwritable = || StoreError::Corrupt { kind: N::KIND, name: N::name(definition).to_owned(), what: "key" };
    let text = N::secrets_to_text(&secrets).ok_or_else(unwritable)?;
    let sealed = sealer.seal(place::<N>(id), text.as_bytes());
    sealed.map(Value::Blob).map_err(|source| StoreError::Seal {
        kind: N::KIND,
        name: N::name(definition).to_owned(),
        source,
    })
}

/// Inserts `definition`; the answer has its key.
pub(super) fn insert<N: Noun>(
    work: &Work<'_>,
    origin: Origin,
    definition: N::Definition,
    at: UnixMillis,
) -> Result<Entry<N::Definition>, StoreError> {
    let id = next_id::<N>(work.connection)?;
    let mut columns = vec!["id", N::NAME, "origin", "shadowed", "created", "changed"];
    let mut values: Vec<Value> = vec![
        id.into(),
        N::name(&definition).to_owned().into(),
        origin.name().to_owned().into(),
        0.into(),
        at.0.into(),
        at.0.into(),
    ];
    columns.push(N::SECRETS);
    values.push(seal::<N>(work.sealer, id, &definition)?);
    columns.extend(N::COLUMNS);
    values.extend(N::values(&definition)?);
    let sql = format!("INSERT INTO {} ({}) VALUES ({})", N::TABLE, columns.join(", "), marks(values.len()));
    work.connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    N::write_rest(work.connection, id, &definition)?;
    changed::<N>(work);
    let secrets = definition.secrets().fields();
    Ok(Entry { id, origin, shadowed: false, definition, secrets, created: at, changed: at })
}

/// Writes `new` over `old`, which has its key; a key that stays as it is keeps its seal.
pub(super) fn update<N: Noun>(
    work: &Work<'_>,
    old: &Entry<N::Definition>,
    new: N::Definition,
    at: UnixMillis,
) -> Result<Entry<N::Definition>, StoreError> {
    let mut columns = vec!["changed"];
    let mut values: Vec<Value> = vec![at.0.into()];
    let secrets = new.secrets();
    if old.definition.secrets() != secrets {
        columns.push(N::SECRETS);
        values.push(seal::<N>(work.sealer, old.id, &new)?);
    }
    columns.extend(N::COLUMNS);
    values.extend(N::values(&new)?);
    values.push(old.id.into());
    let set = columns.iter().map(|column| format!("{column} = ?")).collect::<Vec<_>>().join(", ");
    let sql = format!("UPDATE {} SET {set} WHERE id = ?", N::TABLE);
    work.connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    N::write_rest(work.connection, old.id, &new)?;
    N::follow_up(work.connection, old, &new)?;
    changed::<N>(work);
    Ok(Entry { definition: new, secrets: secrets.fields(), changed: at, ..old.clone() })
}

/// Deletes a row and whatever hangs on it.
pub(super) fn delete<N: Noun>(work: &Work<'_>, id: i64) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM {} WHERE id = ?1", N::TABLE);
    work.connection.prepare_cached(&sql)?.execute([id])?;
    changed::<N>(work);
    Ok(())
}

/// Sees to what else an operator's deletion brings about. What hangs on the name of a hidden entry belongs to the one of
/// the config file, if that has the same name.
pub(super) fn forget<N: Noun>(connection: &Connection, deleted: &N::Definition) -> Result<(), StoreError> {
    if exists::<N>(connection, N::name(deleted))? { Ok(()) } else { N::forget(connection, deleted) }
}

/// Hides a row behind the config file, or brings it back.
pub(super) fn set_shadowed<N: Noun>(work: &Work<'_>, id: i64, shadowed: bool) -> Result<(), StoreError> {
    let sql = format!("UPDATE {} SET shadowed = ?2 WHERE id = ?1", N::TABLE);
    work.connection.prepare_cached(&sql)?.execute((id, shadowed))?;
    changed::<N>(work);
    Ok(())
}

/// Whether both say the same, secrets included, and these written the same way: they are to read back as they were
/// entered.
pub(super) fn same<N: Noun>(one: &N::Definition, other: &N::Definition) -> bool {
    one == other && one.secrets() == other.secrets()
}

/// Counts what is defined.
pub(super) fn counts(connection: &Connection) -> Result<Counts, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM servers WHERE shadowed = 0), (SELECT count(*) FROM profiles WHERE shadowed = 0),
                (SELECT count(*) FROM devices WHERE shadowed = 0),
                (SELECT count(*) FROM servers WHERE shadowed = 1)
                + (SELECT count(*) FROM profiles WHERE shadowed = 1)
                + (SELECT count(*) FROM devices WHERE shadowed = 1)",
    )?;
    Ok(statement.query_row([], |row| {
        Ok(Counts {
            servers: number(row, 0)?,
            profiles: number(row, 1)?,
            devices: number(row, 2)?,
            shadowed: number(row, 3)?,
        })
    })?)
}

/// A column that counts something.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// The number that a new row gets: one that no row ever had. It is needed before the row, to seal for it.
fn next_id<N: Noun>(connection: &Connection) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT seq + 1 FROM sqlite_sequence WHERE name = ?1")?;
    Ok(statement.query_row([N::TABLE], |row| row.get(0)).optional()?.unwrap_or(1))
}

fn changed<N: Noun>(work: &Work<'_>) {
    if N::KIND != Kind::Device {
        work.catalog_changed.set(true);
    }
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}
