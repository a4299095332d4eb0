//! What hangs on a server account or a profile, and deleting it with all of that.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::audit::{self, Stamp, Verb};
use super::devices::Devices;
use super::entry::{Key, Origin};
use super::error::{Kind, StoreError};
use super::noun::{self, Noun};
use super::profiles::Profiles;
use super::servers::Servers;
use super::writer::Work;
use crate::provision::ProfileDefinition;

/// Names that are told of many.
const TOLD: usize = 10;

/// What hangs on an entry, as far as it is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hanging {
    /// The profiles that name the server account, by name.
    pub profiles: Vec<String>,
    /// Number of devices that name the profile, or one of these.
    pub devices: u64,
    /// The first ten of them, by endpoint.
    pub first_devices: Vec<String>,
    /// Number of devices that name no profile and may get one of these by a rule or by default: they stay.
    pub unnamed: u64,
    /// What of all this the config file defines, as `profile \`p\``; at most ten.
    pub of_file: Vec<String>,
}

impl Hanging {
    /// Number of entries that go with it.
    pub fn count(&self) -> u64 {
        self.profiles.len() as u64 + self.devices
    }
}

/// What hangs on a server account.
pub(super) fn of_server(connection: &Connection, key: &Key) -> Result<Hanging, StoreError> {
    let server = noun::find::<Servers>(connection, key)?.entry;
    // On what the config file hides hangs nothing: what names it means the file's.
    if server.shadowed {
        return Ok(Hanging::default());
    }
    of_profiles(
        connection,
        profiles_with(connection, &server.definition.name)?.into_iter().map(|(_, profile)| profile),
        true,
    )
}

/// What hangs on a profile.
pub(super) fn of_profile(connection: &Connection, key: &Key) -> Result<Hanging, StoreError> {
    let profile = noun::find::<Profiles>(connection, key)?.entry;
    if profile.shadowed {
        return Ok(Hanging::default());
    }
    of_profiles(connection, [profile.definition], false)
}

/// Deletes a server account with its profiles and their devices, if as many entries hang on it as the operator agreed to.
pub(super) fn delete_server(work: &Work<'_>, stamp: Stamp, key: &Key, agreed: u64) -> Result<Hanging, StoreError> {
    let stored = noun::find::<Servers>(work.connection, key)?;
    let server = stored.entry;
    refuse_of_file(Kind::Server, &server.definition.name, server.origin)?;
    let hanging = of_server(work.connection, key)?;
    check_agreed(Kind::Server, &server.definition.name, &hanging, agreed)?;
    let profiles = if server.shadowed { Vec::new() } else { profiles_with(work.connection, &server.definition.name)? };
    for (id, profile) in profiles {
        delete_devices(work, stamp, &profile.name)?;
        noun::delete::<Profiles>(work, id)?;
        audit::write::<Profiles>(work.connection, stamp, Verb::Delete, Some(&profile), None)?;
    }
    noun::delete::<Servers>(work, server.id)?;
    if !server.shadowed {
        Servers::forget(work.connection, &server.definition)?;
    }
    audit::write::<Servers>(work.connection, stamp, Verb::Delete, Some(&server.definition), None)?;
    Ok(hanging)
}

/// Deletes a profile with its devices, as [`delete_server`] does.
pub(super) fn delete_profile(work: &Work<'_>, stamp: Stamp, key: &Key, agreed: u64) -> Result<Hanging, StoreError> {
    let profile = noun::find::<Profiles>(work.connection, key)?.entry;
    refuse_of_file(Kind::Profile, &profile.definition.name, profile.origin)?;
    let hanging = of_profile(work.connection, key)?;
    check_agreed(Kind::Profile, &profile.definition.name, &hanging, agreed)?;
    if !profile.shadowed {
        delete_devices(work, stamp, &profile.definition.name)?;
    }
    noun::delete::<Profiles>(work, profile.id)?;
    audit::write::<Profiles>(work.connection, stamp, Verb::Delete, Some(&profile.definition), None)?;
    Ok(hanging)
}

fn refuse_of_file(kind: Kind, name: &str, origin: Origin) -> Result<(), StoreError> {
    match origin {
        Origin::Database => Ok(()),
        Origin::File => Err(StoreError::DefinedInFile { kind, name: name.to_owned() }),
    }
}

fn check_agreed(kind: Kind, name: &str, hanging: &Hanging, agreed: u64) -> Result<(), StoreError> {
    if !hanging.of_file.is_empty() {
        return Err(StoreError::FileDepends { kind, name: name.to_owned(), dependents: hanging.of_file.clone() });
    }
    if hanging.count() != agreed {
        return Err(StoreError::OtherDependents { kind, name: name.to_owned(), found: hanging.count(), agreed });
    }
    Ok(())
}

/// Deletes the devices that name a profile; each leaves its line.
fn delete_devices(work: &Work<'_>, stamp: Stamp, profile: &str) -> Result<(), StoreError> {
    for stored in noun::query::<Devices>(work.connection, "WHERE profile = ?1 AND shadowed = 0", [profile])? {
        noun::delete::<Devices>(work, stored.entry.id)?;
        noun::forget::<Devices>(work.connection, &stored.entry.definition)?;
        audit::write::<Devices>(work.connection, stamp, Verb::Delete, Some(&stored.entry.definition), None)?;
    }
    Ok(())
}

/// The profiles in force that name a server account.
fn profiles_with(connection: &Connection, server: &str) -> Result<Vec<(i64, ProfileDefinition)>, StoreError> {
    let condition =
        "WHERE shadowed = 0 AND id IN (SELECT profile FROM profile_servers WHERE server = ?1) ORDER BY name";
    let found = noun::query::<Profiles>(connection, condition, [server])?.into_iter();
    Ok(found.map(|stored| (stored.entry.id, stored.entry.definition)).collect())
}

fn of_profiles(
    connection: &Connection,
    profiles: impl IntoIterator<Item = ProfileDefinition>,
    listed: bool,
) -> Result<Hanging, StoreError> {
    let mut hanging = Hanging::default();
    let mut reaches_others = false;
    for profile in profiles {
        let count = |condition: &str, values: Vec<Value>| -> Result<u64, StoreError> {
            let sql = format!("SELECT count(*) FROM devices WHERE shadowed = 0 AND {condition}");
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_row(rusqlite::params_from_iter(values), |row| noun::number(row, 0))?)
        };
        hanging.devices += count("profile = ?1", vec![profile.name.clone().into()])?;
        let names = |condition: &str| -> Result<Vec<String>, StoreError> {
            let sql = format!(
                "SELECT endpoint FROM devices WHERE profile = ?1 AND shadowed = 0 {condition} ORDER BY endpoint LIMIT {TOLD}"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_map([&profile.name], |row| row.get(0))?.collect::<Result<_, _>>()?)
        };
        hanging.first_devices.extend(names("")?);
        if listed && noun::find::<Profiles>(connection, &Key::Name(profile.name.clone()))?.entry.origin == Origin::File
        {
            hanging.of_file.push(format!("{} `{}`", Profiles::KIND, profile.name));
        }
        let of_file = names("AND origin = 'file'")?.into_iter();
        hanging.of_file.extend(of_file.map(|endpoint| format!("{} `{endpoint}`", Devices::KIND)));
        reaches_others |= profile.default || !profile.rules.is_empty();
        if reaches_others && hanging.unnamed == 0 {
            hanging.unnamed = count("profile IS NULL", Vec::new())?;
        }
        if listed {
            hanging.profiles.push(profile.name);
        }
    }
    hanging.first_devices.sort_unstable();
    hanging.first_devices.truncate(TOLD);
    hanging.of_file.truncate(TOLD);
    Ok(hanging)
}
