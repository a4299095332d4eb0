//! Changes by an operator: each checks, writes and leaves its audit line in the transaction it is given.

use super::audit::{self, Stamp, Verb};
use super::entry::{Entry, Key, Origin};
use super::error::{ChangeError, StoreError};
use super::noun::{self, Noun, Stored};
use super::writer::Work;
use crate::provision::HoldsSecrets;

/// Adds a definition; the answer is without its key.
pub(super) fn add<N: Noun>(
    work: &Work<'_>,
    stamp: Stamp,
    definition: N::Definition,
) -> Result<Entry<N::Definition>, StoreError> {
    N::check(work.connection, None, &definition)?;
    let entry = noun::insert::<N>(work, Origin::Database, definition, stamp.at)?;
    audit::write::<N>(work.connection, stamp, Verb::Add, None, Some(&entry.definition))?;
    Ok(without_secret::<N>(entry))
}

/// Replaces a definition by what `change` makes of it; the answer is without its key.
pub(super) fn update<N: Noun, E>(
    work: &Work<'_>,
    stamp: Stamp,
    key: &Key,
    change: impl FnOnce(&N::Definition) -> Result<N::Definition, E>,
) -> Result<Entry<N::Definition>, ChangeError<E>> {
    let stored = find_own::<N>(work, key)?;
    let old = noun::with_secret::<N>(work.sealer, stored)?;
    let new = change(&old.definition).map_err(ChangeError::Refused)?;
    if N::name(&new) != N::name(&old.definition) {
        return Err(StoreError::Renamed { kind: N::KIND, name: N::name(&old.definition).to_owned() }.into());
    }
    if noun::same::<N>(&old.definition, &new) {
        return Ok(without_secret::<N>(old));
    }
    N::check(work.connection, Some((old.id, &old.definition)), &new)?;
    let entry = noun::update::<N>(work, &old, new, stamp.at)?;
    let verb = N::verb_of_change(&old.definition, &entry.definition);
    audit::write::<N>(work.connection, stamp, verb, Some(&old.definition), Some(&entry.definition))?;
    Ok(without_secret::<N>(entry))
}

/// Deletes a definition that nothing in force depends on.
pub(super) fn delete<N: Noun>(work: &Work<'_>, stamp: Stamp, key: &Key) -> Result<(), StoreError> {
    let Stored { entry, .. } = find_own::<N>(work, key)?;
    if !entry.shadowed {
        N::check_unused(work.connection, &entry.definition)?;
    }
    noun::delete::<N>(work, entry.id)?;
    noun::forget::<N>(work.connection, &entry.definition)?;
    audit::write::<N>(work.connection, stamp, Verb::Delete, Some(&entry.definition), None)
}

/// A definition with its key, whoever defined it.
pub(super) fn reveal<N: Noun>(work: &Work<'_>, stamp: Stamp, key: &Key) -> Result<Entry<N::Definition>, StoreError> {
    let stored = noun::find::<N>(work.connection, key)?;
    let entry = noun::with_secret::<N>(work.sealer, stored)?;
    audit::write_reveal::<N>(work.connection, stamp, &entry.definition)?;
    Ok(entry)
}

/// The entry that `key` means, if it is the admin socket's to change.
fn find_own<N: Noun>(work: &Work<'_>, key: &Key) -> Result<Stored<N::Definition>, StoreError> {
    let stored = noun::find::<N>(work.connection, key)?;
    match stored.entry.origin {
        Origin::Database => Ok(stored),
        Origin::File => {
            let name = N::name(&stored.entry.definition).to_owned();
            Err(StoreError::DefinedInFile { kind: N::KIND, name })
        }
    }
}

fn without_secret<N: Noun>(mut entry: Entry<N::Definition>) -> Entry<N::Definition> {
    drop(entry.definition.take_secrets());
    entry
}
