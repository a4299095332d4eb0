//! The definitions of the config file: put into the tables in one transaction, beside those of the database.
//!
//! They replace what the file defined before. What is equal is not touched, so that a reload of a large fleet writes
//! only what changed, and seals nothing anew. Where file and database define the same, a reload is refused; at start
//! the file wins, and the database's entry is hidden (`shadowed`) until the file lets go of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use rusqlite::Connection;

use super::audit::{self, Stamp, Verb};
use super::devices::{self, Devices};
use super::entry::{Entry, Origin};
use super::error::{Dangling, Dependents, FileConflict, Kind, OpenError, StoreError};
use super::issued;
use super::models;
use super::noun::{self, Noun};
use super::open;
use super::profiles::Profiles;
use super::servers::Servers;
use super::writer::Work;
use crate::provision::{
    DeviceDefinition, DeviceIdentity, IdentityKind, ModelDefinition, ProfileDefinition, ServerDefinition,
};

/// Everything that the config file defines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileDefinitions {
    /// Server accounts.
    pub servers: Vec<ServerDefinition>,
    /// Profiles.
    pub profiles: Vec<ProfileDefinition>,
    /// Devices, with the keys that their key files held.
    pub devices: Vec<DeviceDefinition>,
    /// Models, in the order in which they are tried.
    pub models: Vec<ModelDefinition>,
}

/// When the file is applied, which decides what a conflict means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// The daemon starts: the file wins, and the conflicts are answered.
    Start,
    /// The daemon runs: a conflict refuses the whole file.
    Reload,
}

/// What applying the file did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileApplied {
    /// Number of definitions that are new in the file.
    pub added: u64,
    /// Number of definitions that changed.
    pub changed: u64,
    /// Number of definitions that the file no longer has.
    pub removed: u64,
    /// What the database defines too; the file won.
    pub conflicts: Vec<FileConflict>,
    /// References of anything in force to what does not exist.
    pub dangling: Vec<Dangling>,
}

/// What `definitions` would conflict with in the database of `state_dir`, for `bootstrapd check`; nothing where there
/// is no database. Needs no key and does not disturb a running daemon.
///
/// # Errors
/// [`OpenError`] where the database cannot be read.
pub fn file_conflicts(state_dir: &Path, definitions: &FileDefinitions) -> Result<Vec<FileConflict>, OpenError> {
    let Some(connection) = open::open_to_look(state_dir)? else { return Ok(Vec::new()) };
    conflicts(&connection, definitions)
        .map_err(|source| OpenError::Database { path: state_dir.join(open::DATABASE_FILE), source })
}

/// What the database defines beside the file, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseNames {
    /// Server accounts.
    pub servers: BTreeSet<String>,
    /// Profiles.
    pub profiles: BTreeSet<String>,
    /// The profile of devices that name none, if the database has one.
    pub default_profile: Option<String>,
}

/// The names that the database of `state_dir` defines and not an earlier state of the file, hidden ones included, for
/// `bootstrapd check`; none where there is no database. Needs no key and does not disturb a running daemon.
///
/// # Errors
/// [`OpenError`] where the database cannot be read.
pub fn names_in_database(state_dir: &Path) -> Result<DatabaseNames, OpenError> {
    let Some(connection) = open::open_to_look(state_dir)? else { return Ok(DatabaseNames::default()) };
    own_names(&connection).map_err(|source| OpenError::Database { path: state_dir.join(open::DATABASE_FILE), source })
}

fn own_names(connection: &Connection) -> rusqlite::Result<DatabaseNames> {
    let names = |sql: &str| -> rusqlite::Result<BTreeSet<String>> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    Ok(DatabaseNames {
        servers: names("SELECT name FROM servers WHERE origin = 'database'")?,
        profiles: names("SELECT name FROM profiles WHERE origin = 'database'")?,
        default_profile: names("SELECT name FROM profiles WHERE origin = 'database' AND is_default")?.pop_first(),
    })
}

/// Tells `tell` of each device that the database of `state_dir` defines with a certificate, the name in one, or a raw
/// public key, hidden ones included, for `bootstrapd check`: its endpoint and those three, and nothing else of it. Needs
/// no key and does not disturb a running daemon.
///
/// # Errors
/// [`OpenError`] where the database cannot be read.
pub fn proofs_in_database(state_dir: &Path, tell: impl FnMut(DeviceDefinition)) -> Result<(), OpenError> {
    let Some(connection) = open::open_to_look(state_dir)? else { return Ok(()) };
    own_proofs(&connection, tell)
        .map_err(|source| OpenError::Database { path: state_dir.join(open::DATABASE_FILE), source })
}

fn own_proofs(connection: &Connection, mut tell: impl FnMut(DeviceDefinition)) -> rusqlite::Result<()> {
    // Databases of the first schemas have no such columns until the daemon has started on them.
    let columns = "SELECT count(*) FROM pragma_table_info('devices') WHERE name IN ('certificate', 'public_key')";
    if connection.query_row(columns, [], |row| row.get::<_, i64>(0))? < 2 {
        return Ok(());
    }
    let sql = "SELECT endpoint, certificate, certificate_name, public_key FROM devices
         WHERE origin = 'database' AND coalesce(certificate, certificate_name, public_key) IS NOT NULL
         ORDER BY endpoint";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tell(DeviceDefinition {
            endpoint: row.get(0)?,
            certificate: row.get(1)?,
            certificate_name: row.get(2)?,
            public_key: row.get(3)?,
            ..DeviceDefinition::default()
        });
    }
    Ok(())
}

/// Applies the file in the transaction of `work`.
pub(super) fn apply(
    work: &Work<'_>,
    stamp: Stamp,
    definitions: &FileDefinitions,
    mode: FileMode,
) -> Result<FileApplied, StoreError> {
    check_contradictions(definitions).map_err(|error| StoreError::FileContradiction(Box::new(error)))?;
    let conflicts = conflicts(work.connection, definitions)?;
    if mode == FileMode::Reload && !conflicts.is_empty() {
        return Err(StoreError::FileConflicts(conflicts));
    }
    let mut applied = FileApplied { conflicts, ..FileApplied::default() };
    apply_noun::<Servers>(work, stamp, &definitions.servers, &mut applied)?;
    apply_noun::<Profiles>(work, stamp, &definitions.profiles, &mut applied)?;
    apply_noun::<Devices>(work, stamp, &definitions.devices, &mut applied)?;
    models::apply(work, &definitions.models)?;
    applied.dangling = dangling(work.connection)?;
    Ok(applied)
}

fn apply_noun<N: Noun>(
    work: &Work<'_>,
    stamp: Stamp,
    definitions: &[N::Definition],
    applied: &mut FileApplied,
) -> Result<(), StoreError> {
    let mut clashing: HashSet<i64> = applied.conflicts.iter().filter_map(|conflict| hidden::<N>(conflict)).collect();
    // First the database's entries make room, and at the very end those come back whose place is free again.
    let mut back = Vec::new();
    for (id, shadowed) in own_entries::<N>(work.connection)? {
        match (shadowed, clashing.remove(&id)) {
            (false, true) => noun::set_shadowed::<N>(work, id, true)?,
            (true, false) => back.push(id),
            _ => {}
        }
    }
    let Difference { removed, changed, added } = compare::<N>(work, definitions)?;
    applied.removed += removed.len() as u64;
    applied.changed += changed.len() as u64;
    applied.added += added.len() as u64;
    for old in removed {
        noun::delete::<N>(work, old.id)?;
        audit::write::<N>(work.connection, stamp, Verb::Delete, Some(&old.definition), None)?;
    }
    // Two entries may have exchanged what is unique: all let go of it before any takes it.
    for (old, _) in &changed {
        N::release(work.connection, old.id)?;
    }
    for (old, new) in changed {
        noun::update::<N>(work, &old, new.clone(), stamp.at)?;
        let verb = N::verb_of_change(&old.definition, new);
        audit::write::<N>(work.connection, stamp, verb, Some(&old.definition), Some(new))?;
    }
    for new in added {
        noun::insert::<N>(work, Origin::File, new.clone(), stamp.at)?;
        audit::write::<N>(work.connection, stamp, Verb::Add, None, Some(new))?;
    }
    back.into_iter().try_for_each(|id| noun::set_shadowed::<N>(work, id, false))
}

/// How the file differs from what it defined before.
struct Difference<'d, N: Noun> {
    removed: Vec<Entry<N::Definition>>,
    /// With its key, and what is to take its place.
    changed: Vec<(Entry<N::Definition>, &'d N::Definition)>,
    added: Vec<&'d N::Definition>,
}

fn compare<'d, N: Noun>(work: &Work<'_>, definitions: &'d [N::Definition]) -> Result<Difference<'d, N>, StoreError> {
    let mut unseen: HashMap<&str, &N::Definition> = definitions.iter().map(|new| (N::name(new), new)).collect();
    let (mut removed, mut changed) = (Vec::new(), Vec::new());
    noun::each::<N>(work.connection, "WHERE origin = 'file'", [], |stored| {
        match unseen.remove(N::name(&stored.entry.definition)) {
            None => removed.push(stored.entry),
            Some(new) => {
                let old = noun::with_secret::<N>(work.sealer, stored)?;
                if !noun::same::<N>(&old.definition, new) {
                    changed.push((old, new));
                }
            }
        }
        Ok(())
    })?;
    // In the order of the file, so that numbers are.
    let added = definitions.iter().filter(|new| unseen.contains_key(N::name(new))).collect();
    Ok(Difference { removed, changed, added })
}

/// Number of the database's entry that the conflict hides, if it is of this noun.
fn hidden<N: Noun>(conflict: &FileConflict) -> Option<i64> {
    match conflict {
        FileConflict::Name { kind, id, .. } => (*kind == N::KIND).then_some(*id),
        FileConflict::Identity { id, .. } => (N::KIND == Kind::Device).then_some(*id),
        FileConflict::IssuedIdentity { .. } | FileConflict::Default { .. } => None,
    }
}

fn own_entries<N: Noun>(connection: &Connection) -> Result<Vec<(i64, bool)>, StoreError> {
    let sql = format!("SELECT id, shadowed FROM {} WHERE origin = 'database'", N::TABLE);
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Refuses a file that defines something twice. `bootstrapd check` says so more kindly, with lines and columns.
fn check_contradictions(definitions: &FileDefinitions) -> Result<(), StoreError> {
    check_names::<Servers>(&definitions.servers)?;
    check_names::<Profiles>(&definitions.profiles)?;
    check_names::<Devices>(&definitions.devices)?;
    let mut models = HashSet::new();
    if let Some(twice) = definitions.models.iter().find(|model| !models.insert(&model.name)) {
        return Err(StoreError::Exists { kind: Kind::Model, name: twice.name.clone(), shadowed: None });
    }
    let mut defaults = definitions.profiles.iter().filter(|profile| profile.default);
    if let (Some(first), Some(_)) = (defaults.next(), defaults.next()) {
        return Err(StoreError::SecondDefault { name: first.name.clone() });
    }
    let mut identities = HashMap::new();
    for device in &definitions.devices {
        for identity in device.identities() {
            if let Some(other) = identities.insert(identity.clone(), &device.endpoint) {
                return Err(StoreError::IdentityTaken { identity, endpoint: other.clone(), shadowed: None });
            }
        }
    }
    Ok(())
}

fn check_names<N: Noun>(definitions: &[N::Definition]) -> Result<(), StoreError> {
    let mut names = HashSet::new();
    match definitions.iter().map(N::name).find(|name| !names.insert(*name)) {
        None => Ok(()),
        Some(twice) => Err(StoreError::Exists { kind: N::KIND, name: twice.to_owned(), shadowed: None }),
    }
}

/// What the file and the database both define.
fn conflicts(connection: &Connection, definitions: &FileDefinitions) -> rusqlite::Result<Vec<FileConflict>> {
    let mut conflicts = Vec::new();
    name_conflicts::<Servers>(connection, &definitions.servers, &mut conflicts)?;
    name_conflicts::<Profiles>(connection, &definitions.profiles, &mut conflicts)?;
    if let Some(default) = definitions.profiles.iter().find(|profile| profile.default) {
        let sql = "SELECT name FROM profiles WHERE origin = 'database' AND is_default";
        for database in connection.prepare(sql)?.query_map([], |row| row.get::<_, String>(0))? {
            let database = database?;
            // A profile that is hidden as a whole is no default either.
            if !definitions.profiles.iter().any(|profile| profile.name == database) {
                conflicts.push(FileConflict::Default { file: default.name.clone(), database });
            }
        }
    }
    device_conflicts(connection, &definitions.devices, &mut conflicts)?;
    issued_conflicts(connection, &definitions.devices, &mut conflicts)?;
    Ok(conflicts)
}

fn name_conflicts<N: Noun>(
    connection: &Connection,
    definitions: &[N::Definition],
    conflicts: &mut Vec<FileConflict>,
) -> rusqlite::Result<()> {
    let names: HashSet<&str> = definitions.iter().map(N::name).collect();
    let sql = format!("SELECT id, {name} FROM {} WHERE origin = 'database' ORDER BY {name}", N::TABLE, name = N::NAME);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, name): (i64, String) = (row.get(0)?, row.get(1)?);
        if names.contains(name.as_str()) {
            conflicts.push(FileConflict::Name { kind: N::KIND, name, id });
        }
    }
    Ok(())
}

fn device_conflicts(
    connection: &Connection,
    definitions: &[DeviceDefinition],
    conflicts: &mut Vec<FileConflict>,
) -> rusqlite::Result<()> {
    let endpoints: HashSet<&str> = definitions.iter().map(|device| device.endpoint.as_str()).collect();
    let identities: HashMap<DeviceIdentity, &DeviceDefinition> = definitions
        .iter()
        .flat_map(|device| device.identities().into_iter().map(move |identity| (identity, device)))
        .collect();
    // A database that is only looked at may be of an earlier release, which knew PSK identities alone.
    let known: HashSet<String> = connection
        .prepare("SELECT name FROM pragma_table_info('devices')")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let column = |kind| if known.contains(devices::column_of(kind)) { devices::column_of(kind) } else { "NULL" };
    let columns = IdentityKind::ALL.map(|kind| format!("CAST({} AS BLOB)", column(kind))).join(", ");
    let sql = format!("SELECT id, endpoint, {columns} FROM devices WHERE origin = 'database' ORDER BY endpoint");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, endpoint): (i64, String) = (row.get(0)?, row.get(1)?);
        if endpoints.contains(endpoint.as_str()) {
            conflicts.push(FileConflict::Name { kind: Kind::Device, name: endpoint, id });
            continue;
        }
        for (at, kind) in (2..).zip(IdentityKind::ALL) {
            let Some(value) = row.get::<_, Option<Vec<u8>>>(at)? else { continue };
            let identity = DeviceIdentity { kind, value };
            if let Some(device) = identities.get(&identity) {
                let (file, database) = (device.endpoint.clone(), endpoint);
                conflicts.push(FileConflict::Identity { identity, file, database, id });
                break;
            }
        }
    }
    Ok(())
}

/// The PSK identities of the file that were issued to other devices, of the file or not, in force or not.
fn issued_conflicts(
    connection: &Connection,
    definitions: &[DeviceDefinition],
    conflicts: &mut Vec<FileConflict>,
) -> rusqlite::Result<()> {
    // A database that is only looked at may be of an earlier release, which issued nothing.
    let issues = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'issued_credentials'";
    if !connection.prepare(issues)?.exists([])? {
        return Ok(());
    }
    for device in definitions {
        let Some(identity) = device.effective_psk_identity() else { continue };
        if let Some(holder) = issued::holder(connection, &identity, &device.endpoint)? {
            let identity = String::from_utf8_lossy(&identity).into_owned();
            conflicts.push(FileConflict::IssuedIdentity { identity, file: device.endpoint.clone(), holder });
        }
    }
    Ok(())
}

/// References of what is in force to what is not there.
pub(super) fn dangling(connection: &Connection) -> Result<Vec<Dangling>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT DISTINCT profiles.name, server FROM profile_servers JOIN profiles ON profiles.id = profile
         WHERE profiles.shadowed = 0
         AND NOT EXISTS (SELECT 1 FROM servers WHERE servers.name = server AND servers.shadowed = 0)
         ORDER BY profiles.name, position",
    )?;
    let servers = statement.query_map([], |row| Ok(Dangling::Server { profile: row.get(0)?, server: row.get(1)? }))?;
    let mut dangling = servers.collect::<Result<Vec<_>, _>>()?;
    let mut statement = connection.prepare(
        "SELECT profile, count(*) FROM devices WHERE shadowed = 0 AND profile IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM profiles WHERE profiles.name = profile AND profiles.shadowed = 0)
         GROUP BY profile",
    )?;
    let mut names = connection
        .prepare("SELECT endpoint FROM devices WHERE profile = ?1 AND shadowed = 0 ORDER BY endpoint LIMIT 10")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (profile, count): (String, u64) = (row.get(0)?, noun::number(row, 1)?);
        let names = names.query_map([&profile], |row| row.get(0))?.collect::<Result<_, _>>()?;
        dangling.push(Dangling::Profile { profile, devices: Dependents { kind: Kind::Device, count, names } });
    }
    dangling.extend(without_default(connection)?.map(|devices| Dangling::DefaultProfile { devices }));
    Ok(dangling)
}

/// Devices that want the default profile, where there is none.
fn without_default(connection: &Connection) -> Result<Option<Dependents>, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM profiles WHERE is_default AND shadowed = 0)";
    if connection.query_row(sql, [], |row| row.get(0))? {
        return Ok(None);
    }
    let sql = "SELECT count(*) FROM devices WHERE shadowed = 0 AND profile IS NULL";
    let count = connection.query_row(sql, [], |row| Ok(noun::number(row, 0)))??;
    let sql = "SELECT endpoint FROM devices WHERE profile IS NULL AND shadowed = 0 ORDER BY endpoint LIMIT 10";
    let names = connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok((count > 0).then_some(Dependents { kind: Kind::Device, count, names }))
}
