//! Many devices at once: all of them or none, and every row that cannot be written is named.
//!
//! Rows are compared with each other and with the database before the first is written, so that two devices may exchange
//! an identity, and so that one mistake does not hide the next.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::audit::{self, Stamp, Verb};
use super::devices::{self, Devices};
use super::entry::{Entry, Origin};
use super::error::StoreError;
use super::issued;
use super::noun::{self, Noun};
use super::profiles;
use super::writer::Work;
use crate::provision::{
    Catalog, DeviceDefinition, DeviceIdentity, DeviceState, IdentityKind, check_device, check_device_in,
};

/// Problems that are kept in words; of the rest only the number.
const PROBLEMS: usize = 1000;
/// Rows between two words about the progress.
const STRIDE: usize = 1000;

/// A device as a row of a file says it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    /// What it says.
    pub definition: DeviceDefinition,
    /// The fields of which it says nothing.
    pub kept: Kept,
}

/// Fields that stay as they are where there is such a device already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The PSK identity.
    pub psk_identity: bool,
    /// The key.
    pub psk: bool,
    /// The pinned certificate.
    pub certificate: bool,
    /// The name that its certificate says.
    pub certificate_name: bool,
    /// The raw public key.
    pub public_key: bool,
    /// The profile.
    pub profile: bool,
    /// Whether it is blocked: leaving that out must not let in a device that was blocked for cause.
    pub state: bool,
    /// The tags.
    pub tags: bool,
    /// All properties.
    pub properties: bool,
}

/// What is to be done with rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// Whether a row may change a device that is there already.
    pub update: bool,
    /// Whether to only try.
    pub dry_run: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Number of new devices.
    pub added: u64,
    /// Number of devices that changed.
    pub changed: u64,
    /// Number of devices that are as their row says already.
    pub unchanged: u64,
}

/// Why a row cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// Number of the row, from 0.
    pub row: usize,
    /// The row with which it collides, if there is one.
    pub other: Option<usize>,
    /// The field.
    pub field: &'static str,
    /// What is wrong and the remedy; holds no secret.
    pub message: String,
}

/// Why rows cannot be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowProblems {
    /// The first thousand, by row.
    pub first: Vec<RowProblem>,
    /// How many there are.
    pub total: u64,
}

impl RowProblems {
    fn add(&mut self, row: usize, other: Option<usize>, field: &'static str, message: String) {
        self.total += 1;
        if self.first.len() < PROBLEMS {
            self.first.push(RowProblem { row, other, field, message });
        }
    }
}

/// Why nothing was written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// These rows cannot be written.
    #[error("{} rows cannot be written", .0.total)]
    Rows(RowProblems),
}

impl From<rusqlite::Error> for ImportError {
    fn from(error: rusqlite::Error) -> ImportError {
        ImportError::Store(error.into())
    }
}

/// What becomes of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    /// With the names of the fields.
    Fields(Vec<String>),
    Nothing,
}

/// A row beside what is there.
struct Merged {
    old: Option<Entry<DeviceDefinition>>,
    new: DeviceDefinition,
    identities: Vec<DeviceIdentity>,
}

impl Merged {
    /// The device that it is to change.
    fn changing(&self) -> Option<&Entry<DeviceDefinition>> {
        self.old.as_ref().filter(|old| !noun::same::<Devices>(&old.definition, &self.new))
    }
}

/// Writes `rows`, or says what is wrong with them; `progress` is told how many have been written. A device that is
/// blocked or unblocked thereby gets an audit line of its own.
pub(super) fn write_devices(
    work: &Work<'_>,
    stamp: Stamp,
    rows: Vec<DeviceRow>,
    update: bool,
    progress: &dyn Fn(u64),
) -> Result<Vec<Change>, ImportError> {
    let mut problems = RowProblems::default();
    let rows = merge(work, rows, update, &mut problems)?;
    find_taken_identities(work.connection, &rows, &mut problems)?;
    if problems.total > 0 {
        problems.first.sort_by_key(|problem| problem.row);
        return Err(ImportError::Rows(problems));
    }
    for old in rows.iter().filter_map(Merged::changing) {
        Devices::release(work.connection, old.id)?;
    }
    let mut changes = Vec::with_capacity(rows.len());
    for (number, Merged { old, new, .. }) in rows.into_iter().enumerate() {
        changes.push(match old {
            None => {
                noun::insert::<Devices>(work, Origin::Database, new, stamp.at)?;
                Change::Add
            }
            Some(old) if noun::same::<Devices>(&old.definition, &new) => Change::Nothing,
            Some(old) => {
                let fields = audit::changed_fields::<Devices>(Some(&old.definition), &new)?;
                note_state(work, stamp, &old.definition, &new)?;
                noun::update::<Devices>(work, &old, new, stamp.at)?;
                Change::Fields(fields)
            }
        });
        if (number + 1) % STRIDE == 0 {
            progress(number as u64 + 1);
        }
    }
    Ok(changes)
}

fn note_state(work: &Work<'_>, stamp: Stamp, old: &DeviceDefinition, new: &DeviceDefinition) -> Result<(), StoreError> {
    let verb = match new.state {
        state if state == old.state => return Ok(()),
        DeviceState::Blocked => Verb::Block,
        DeviceState::Enabled => Verb::Unblock,
    };
    audit::write_deed(work.connection, stamp, verb, &new.endpoint, &["state"], None)
}

/// Number of devices by what became of them.
pub(super) fn summary(changes: &[Change]) -> Imported {
    let mut imported = Imported::default();
    for change in changes {
        match change {
            Change::Add => imported.added += 1,
            Change::Fields(_) => imported.changed += 1,
            Change::Nothing => imported.unchanged += 1,
        }
    }
    imported
}

/// Every row beside the device that it is to change, where there is one; checked alone and against the other rows.
fn merge(
    work: &Work<'_>,
    rows: Vec<DeviceRow>,
    update: bool,
    problems: &mut RowProblems,
) -> Result<Vec<Merged>, StoreError> {
    let catalog = Catalog::new([], profiles::in_force(work.connection)?);
    let mut endpoints: HashMap<String, usize> = HashMap::with_capacity(rows.len());
    let mut merged = Vec::with_capacity(rows.len());
    for (number, DeviceRow { definition: mut new, kept }) in rows.into_iter().enumerate() {
        if let Some(first) = endpoints.insert(new.endpoint.clone(), number) {
            problems.add(
                number,
                Some(first),
                "endpoint",
                format!("device `{}` stands here twice: remove one", new.endpoint),
            );
        }
        let refused = problems.total;
        let old = match existing(work, &new.endpoint, update) {
            Ok(old) => old,
            Err(StoreError::Database(error)) => return Err(StoreError::Database(error)),
            Err(refusal) => {
                problems.add(number, None, "endpoint", refusal.to_string());
                None
            }
        };
        if let Some(old) = &old {
            keep(&mut new, &old.definition, kept);
        }
        let same_profile = old.as_ref().is_some_and(|old| old.definition.profile == new.profile);
        let among = if same_profile { Vec::new() } else { check_device_in(&new, &catalog) };
        for problem in check_device(&new).into_iter().chain(among).filter(|problem| problem.is_error()) {
            problems.add(number, None, problem.field, problem.message);
        }
        // Of what is there already, its identities are no news.
        let identities = if problems.total == refused { new.identities() } else { Vec::new() };
        merged.push(Merged { old, new, identities });
    }
    Ok(merged)
}

/// The device that a row is to change, with its key.
fn existing(work: &Work<'_>, endpoint: &str, update: bool) -> Result<Option<Entry<DeviceDefinition>>, StoreError> {
    let found = noun::query::<Devices>(work.connection, "WHERE endpoint = ?1 AND shadowed = 0", [endpoint])?;
    match found.into_iter().next() {
        Some(stored) if stored.entry.origin == Origin::File => {
            Err(StoreError::DefinedInFile { kind: Devices::KIND, name: endpoint.to_owned() })
        }
        Some(stored) if update => noun::with_secret::<Devices>(work.sealer, stored).map(Some),
        _ => noun::check_name_free::<Devices>(work.connection, endpoint).map(|()| None),
    }
}

/// Takes over the fields of which the row says nothing.
fn keep(new: &mut DeviceDefinition, old: &DeviceDefinition, kept: Kept) {
    let Kept { psk_identity, psk, certificate, certificate_name, public_key, profile, state, tags, properties } = kept;
    if psk_identity {
        new.psk_identity.clone_from(&old.psk_identity);
    }
    if psk {
        new.psk.clone_from(&old.psk);
    }
    if certificate {
        new.certificate.clone_from(&old.certificate);
    }
    if certificate_name {
        new.certificate_name.clone_from(&old.certificate_name);
    }
    if public_key {
        new.public_key.clone_from(&old.public_key);
    }
    if profile {
        new.profile.clone_from(&old.profile);
    }
    if state {
        new.state = old.state;
    }
    if tags {
        new.tags.clone_from(&old.tags);
    }
    if properties {
        new.properties.clone_from(&old.properties);
    }
}

/// Names each identity that two rows want, or that a device has which keeps it.
fn find_taken_identities(
    connection: &Connection,
    rows: &[Merged],
    problems: &mut RowProblems,
) -> Result<(), StoreError> {
    let mut wanted: HashMap<&DeviceIdentity, usize> = HashMap::with_capacity(rows.len());
    // Whoever is in the rows has been looked at above: it keeps its identities, or lets go of them.
    let here: HashSet<i64> = rows.iter().filter_map(|row| row.old.as_ref()).map(|old| old.id).collect();
    for (number, row) in rows.iter().enumerate() {
        for identity in &row.identities {
            let field = identity.kind.field();
            if let Some(first) = wanted.insert(identity, number) {
                // That a device stands here twice has been said.
                if rows[first].new.endpoint != row.new.endpoint {
                    let message = format!("device `{}` has {identity} too", rows[first].new.endpoint);
                    problems.add(number, Some(first), field, message);
                }
                continue;
            }
            if let Some((endpoint, shadowed)) = holder_elsewhere(connection, identity, &row.new.endpoint, &here)? {
                let taken = StoreError::IdentityTaken { identity: identity.clone(), endpoint, shadowed };
                problems.add(number, None, field, taken.to_string());
            }
        }
    }
    Ok(())
}

/// Endpoint of a device that is not in the rows (`here`) and has the identity; and its number, where it is not in force.
fn holder_elsewhere(
    connection: &Connection,
    identity: &DeviceIdentity,
    own: &str,
    here: &HashSet<i64>,
) -> Result<Option<(String, Option<i64>)>, StoreError> {
    if identity.kind == IdentityKind::Psk
        && let Some(endpoint) = issued::holder(connection, &identity.value, own)?
    {
        return Ok(Some((endpoint, None)));
    }
    let column = devices::column_of(identity.kind);
    let sql = format!("SELECT id, endpoint, shadowed FROM devices WHERE {column} = ?1 ORDER BY shadowed");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut others = statement.query([devices::column_value(identity)])?;
    while let Some(other) = others.next()? {
        let (id, endpoint, hidden): (i64, String, bool) = (other.get(0)?, other.get(1)?, other.get(2)?);
        if !here.contains(&id) {
            return Ok(Some((endpoint, hidden.then_some(id))));
        }
    }
    Ok(None)
}
