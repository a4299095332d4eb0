//! A fleet as files, put into the database in one transaction: what is new is added, what differs changed, and, if that is
//! asked for, what the files do not name deleted.
//!
//! Secrets that the files leave out stay as they are stored, so that what was exported without them applies as no change;
//! and so does whether a device is blocked.
//! What the config file defines is never touched.

use std::collections::HashSet;

use super::audit::{self, Stamp, Verb};
use super::bulk::{self, Change, DeviceRow, ImportError, Kept};
use super::devices::Devices;
use super::entry::{Entry, Origin};
use super::error::{Kind, StoreError};
use super::file;
use super::noun::{self, Noun};
use super::profiles::{self, Profiles};
use super::servers::{self, Servers};
use super::writer::Work;
use crate::provision::{
    Catalog, HoldsSecrets, Problem, ProfileDefinition, ServerDefinition, check_certificate_dates, check_profile,
    check_profile_between, check_profile_in, check_server,
};

/// What the files of a fleet define.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FleetFiles {
    /// Server accounts.
    pub servers: Vec<ServerDefinition>,
    /// Profiles.
    pub profiles: Vec<ProfileDefinition>,
    /// Devices; a key that is left out is kept, whatever the row says.
    pub devices: Vec<DeviceRow>,
}

/// How a fleet is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apply {
    /// Whether to delete what the files do not name.
    pub prune: bool,
    /// Whether to only try.
    pub dry_run: bool,
    /// As many deletions were agreed to; others are refused.
    pub deletions: Option<u64>,
}

/// What becomes of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetChange {
    /// Of this kind.
    pub kind: Kind,
    /// With this name.
    pub name: String,
    /// What is done.
    pub verb: FleetVerb,
    /// The fields that change.
    pub fields: Vec<String>,
}

/// What is done with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FleetVerb {
    /// It is new.
    Add,
    /// It changes.
    Change,
    /// The files do not name it.
    Delete,
}

/// What applying a fleet does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetApplied {
    /// What is not as the files say: deletions, then servers, profiles and devices, each in the order of the files.
    pub changes: Vec<FleetChange>,
    /// Number of entries that are as the files say.
    pub unchanged: u64,
}

/// One reason why a fleet is not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetProblem {
    /// Of this kind.
    pub kind: Kind,
    /// With this name.
    pub name: String,
    /// The field.
    pub field: String,
    /// What is wrong and the remedy.
    pub message: String,
}

/// Why a fleet is not applied; nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FleetError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others than those agreed to would be deleted.
    #[error("{found} entries would be deleted, and {agreed} were agreed to: look again")]
    OtherDeletions {
        /// As many are.
        found: u64,
        /// As many were to be.
        agreed: u64,
    },
    /// These definitions cannot be had.
    #[error("the files cannot be applied")]
    Problems(Vec<FleetProblem>),
}

/// What has been done so far, and what is wrong.
#[derive(Default)]
struct Progress {
    applied: FleetApplied,
    problems: Vec<FleetProblem>,
}

/// Applies `fleet` in the transaction of `work`.
pub(super) fn apply(
    work: &Work<'_>,
    stamp: Stamp,
    fleet: FleetFiles,
    apply: Apply,
) -> Result<FleetApplied, FleetError> {
    let mut progress = Progress::default();
    let dangling_before = file::dangling(work.connection)?;
    let before = catalog(work)?;
    if apply.prune {
        prune::<Devices>(work, stamp, fleet.devices.iter().map(|row| &row.definition), &mut progress)?;
        prune::<Profiles>(work, stamp, fleet.profiles.iter(), &mut progress)?;
        prune::<Servers>(work, stamp, fleet.servers.iter(), &mut progress)?;
    }
    let found = progress.applied.changes.len() as u64;
    if let Some(agreed) = apply.deletions.filter(|agreed| *agreed != found) {
        return Err(FleetError::OtherDeletions { found, agreed });
    }
    let now = u64::try_from(stamp.at.0 / 1000).unwrap_or_default();
    apply_noun::<Servers>(
        work,
        stamp,
        fleet.servers,
        |server, is_new| check_account(server, is_new, now),
        &mut progress,
    )?;
    let names: Vec<String> = fleet.profiles.iter().map(|profile| profile.name.clone()).collect();
    apply_noun::<Profiles>(work, stamp, fleet.profiles, |profile, _| check_profile(profile), &mut progress)?;
    check_profiles(work, &names, &before, &mut progress)?;
    apply_devices(work, stamp, fleet.devices, &mut progress)?;
    if progress.problems.is_empty() {
        let after = file::dangling(work.connection)?;
        for reference in after.into_iter().filter(|reference| !dangling_before.contains(reference)) {
            let message = format!("{reference}: that entry would be deleted");
            progress.problems.push(problem(Kind::Profile, "", "servers", message));
        }
    }
    if progress.problems.is_empty() { Ok(progress.applied) } else { Err(FleetError::Problems(progress.problems)) }
}

fn problem(kind: Kind, name: &str, field: &str, message: String) -> FleetProblem {
    FleetProblem { kind, name: name.to_owned(), field: field.to_owned(), message }
}

/// Deletes what the database defines and the files do not name.
fn prune<'d, N: Noun>(
    work: &Work<'_>,
    stamp: Stamp,
    named: impl Iterator<Item = &'d N::Definition>,
    progress: &mut Progress,
) -> Result<(), StoreError>
where
    N::Definition: 'd,
{
    let named: HashSet<&str> = named.map(N::name).collect();
    let mut going = Vec::new();
    noun::each::<N>(work.connection, "WHERE origin = 'database' AND shadowed = 0", [], |stored| {
        if !named.contains(N::name(&stored.entry.definition)) {
            going.push(stored.entry);
        }
        Ok(())
    })?;
    for entry in going {
        noun::delete::<N>(work, entry.id)?;
        N::forget(work.connection, &entry.definition)?;
        audit::write::<N>(work.connection, stamp, Verb::Delete, Some(&entry.definition), None)?;
        let name = N::name(&entry.definition).to_owned();
        let change = FleetChange { kind: N::KIND, name, verb: FleetVerb::Delete, fields: Vec::new() };
        progress.applied.changes.push(change);
    }
    Ok(())
}

/// An expired certificate is a mistake in an account that is new or changes; one that stays as it is may have expired
/// since it was saved.
fn check_account(server: &ServerDefinition, is_new: bool, now: u64) -> Vec<Problem> {
    let dates = if is_new { check_certificate_dates(server, now) } else { Vec::new() };
    check_server(server).into_iter().chain(dates).collect()
}

/// Puts the definitions of one kind into the database; `check` is told whether one is new or changes.
fn apply_noun<N: Noun>(
    work: &Work<'_>,
    stamp: Stamp,
    definitions: Vec<N::Definition>,
    check: impl Fn(&N::Definition, bool) -> Vec<Problem>,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    let mut seen = HashSet::new();
    let mut merged = Vec::with_capacity(definitions.len());
    for mut new in definitions {
        let name = N::name(&new).to_owned();
        let mut refuse = |field: &str, message: String| progress.problems.push(problem(N::KIND, &name, field, message));
        if !seen.insert(name.clone()) {
            refuse(N::NAME, format!("{} `{name}` is defined twice: remove or rename one", N::KIND));
            continue;
        }
        let old = match find_old::<N>(work, &name) {
            Err(StoreError::Database(error)) => return Err(StoreError::Database(error)),
            Err(refusal) => {
                refuse(N::NAME, refusal.to_string());
                continue;
            }
            Ok(old) => old,
        };
        if let Some(old) = &old {
            keep_secrets(&mut new, &old.definition);
        }
        let is_new = old.as_ref().is_none_or(|old| !noun::same::<N>(&old.definition, &new));
        for problem in check(&new, is_new).into_iter().filter(Problem::is_error) {
            refuse(problem.field, problem.message);
        }
        merged.push((old, new));
    }
    for (old, new) in &merged {
        if let Some(old) = old.as_ref().filter(|old| !noun::same::<N>(&old.definition, new)) {
            N::release(work.connection, old.id)?;
        }
    }
    for (old, new) in merged {
        write_one::<N>(work, stamp, old, new, progress)?;
    }
    Ok(())
}

/// Writes a definition that differs from what is there.
fn write_one<N: Noun>(
    work: &Work<'_>,
    stamp: Stamp,
    old: Option<Entry<N::Definition>>,
    new: N::Definition,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    let old_definition = old.as_ref().map(|old| &old.definition);
    if old_definition.is_some_and(|old| noun::same::<N>(old, &new)) {
        progress.applied.unchanged += 1;
        return Ok(());
    }
    let (verb, done) = match old {
        None => (FleetVerb::Add, Verb::Add),
        Some(_) => (FleetVerb::Change, Verb::Change),
    };
    let (kind, name) = (N::KIND, N::name(&new).to_owned());
    if let Err(refusal) = N::check_unique(work.connection, &new) {
        match refusal {
            StoreError::Database(error) => return Err(StoreError::Database(error)),
            refusal => progress.problems.push(problem(kind, &name, N::NAME, refusal.to_string())),
        }
        return Ok(());
    }
    let fields = audit::changed_fields::<N>(old_definition, &new)?;
    audit::write::<N>(work.connection, stamp, done, old_definition, Some(&new))?;
    match &old {
        None => drop(noun::insert::<N>(work, Origin::Database, new, stamp.at)?),
        Some(old) => drop(noun::update::<N>(work, old, new, stamp.at)?),
    }
    progress.applied.changes.push(FleetChange { kind, name, verb, fields });
    Ok(())
}

/// The entry of this name, with its secrets, if the admin socket may change it.
fn find_old<N: Noun>(work: &Work<'_>, name: &str) -> Result<Option<Entry<N::Definition>>, StoreError> {
    let condition = format!("WHERE {} = ?1 AND shadowed = 0", N::NAME);
    match noun::query::<N>(work.connection, &condition, [name])?.into_iter().next() {
        None => noun::check_name_free::<N>(work.connection, name).map(|()| None),
        Some(stored) if stored.entry.origin == Origin::File => {
            Err(StoreError::DefinedInFile { kind: N::KIND, name: name.to_owned() })
        }
        Some(stored) => noun::with_secret::<N>(work.sealer, stored).map(Some),
    }
}

/// Secrets of which `new` says nothing stay as they are; those that it has are new.
fn keep_secrets<D: HoldsSecrets>(new: &mut D, old: &D) {
    let mut kept = old.secrets();
    for field in new.secrets().fields() {
        if D::SECRET_FIELDS.contains(&field.as_str()) {
            kept.remove_field(&field);
        }
    }
    new.keep_secrets(kept);
}

/// Checks the profiles of the files among all that will be in force, and whether another breaks that uses an account
/// which changes.
fn check_profiles(
    work: &Work<'_>,
    named: &[String],
    before: &Catalog,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    let after = catalog(work)?;
    for profile in profiles::in_force(work.connection)? {
        let found = match named.contains(&profile.name) {
            true => check_profile_in(&profile, &after),
            false => check_profile_between(&profile, before, &after),
        };
        let found = found.into_iter().filter(Problem::is_error);
        progress.problems.extend(found.map(|found| problem(Kind::Profile, &profile.name, found.field, found.message)));
    }
    Ok(())
}

/// What is in force, as far as the work has come.
fn catalog(work: &Work<'_>) -> Result<Catalog, StoreError> {
    let servers = servers::in_force_with_secrets(work.connection, work.sealer)?;
    Ok(Catalog::new(servers, profiles::in_force(work.connection)?))
}

fn apply_devices(
    work: &Work<'_>,
    stamp: Stamp,
    devices: Vec<DeviceRow>,
    progress: &mut Progress,
) -> Result<(), StoreError> {
    let names: Vec<String> = devices.iter().map(|row| row.definition.endpoint.clone()).collect();
    let with_key = |row: DeviceRow| DeviceRow { kept: Kept { psk: row.definition.psk.is_none(), ..row.kept }, ..row };
    let rows = devices.into_iter().map(with_key).collect();
    match bulk::write_devices(work, stamp, rows, true, &|_| {}) {
        Err(ImportError::Store(error)) => Err(error),
        Err(ImportError::Rows(found)) => {
            let problems = found.first.into_iter();
            progress
                .problems
                .extend(problems.map(|found| problem(Kind::Device, &names[found.row], found.field, found.message)));
            Ok(())
        }
        Ok(changes) => {
            let bulk::Imported { added, changed, unchanged } = bulk::summary(&changes);
            progress.applied.unchanged += unchanged;
            if added + changed > 0 {
                let counted = format!("{added} added, {changed} changed");
                audit::write_many(work.connection, stamp, Verb::Apply, Kind::Device, &counted)?;
            }
            progress.applied.changes.extend(changes.into_iter().zip(names).filter_map(|(change, name)| {
                let (verb, fields) = match change {
                    Change::Add => (FleetVerb::Add, Vec::new()),
                    Change::Fields(fields) => (FleetVerb::Change, fields),
                    Change::Nothing => return None,
                };
                Some(FleetChange { kind: Kind::Device, name, verb, fields })
            }));
            Ok(())
        }
    }
}
