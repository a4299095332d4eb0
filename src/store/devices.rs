//! Devices as rows, and the lookups that every bootstrap makes.
//!
//! The column `identity` is the effective PSK identity in bytes: the explicit one or the endpoint, and null where the
//! device has no key, because then nobody can prove it.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};

use super::entry::{DevicePage, DeviceQuery, DeviceRecord};
use super::error::{Kind, StoreError};
use super::noun::{self, Noun};
use super::outcomes;
use super::profiles::Profiles;
use super::sealing::Sealer;
use super::servers::check_reference;
use crate::provision::{DeviceDefinition, KeyText};
use crate::secret::Secret;

/// The noun `device`.
pub(super) struct Devices;

impl Noun for Devices {
    type Definition = DeviceDefinition;

    const KIND: Kind = Kind::Device;
    const TABLE: &'static str = "devices";
    const NAME: &'static str = "endpoint";
    const COLUMNS: &'static [&'static str] = &["psk_identity", "profile", "identity"];
    const HAS_PSK: bool = true;

    fn name(definition: &DeviceDefinition) -> &str {
        &definition.endpoint
    }

    fn psk(definition: &DeviceDefinition) -> Option<&KeyText> {
        definition.psk.as_ref()
    }

    fn set_psk(definition: &mut DeviceDefinition, psk: Option<KeyText>) {
        definition.psk = psk;
    }

    fn from_row(row: &Row<'_>, name: &str, first: usize) -> Result<DeviceDefinition, StoreError> {
        let (psk_identity, profile) = (row.get(first)?, row.get(first + 1)?);
        Ok(DeviceDefinition { endpoint: name.to_owned(), psk_identity, profile, ..DeviceDefinition::default() })
    }

    fn values(definition: &DeviceDefinition) -> Result<Vec<Value>, StoreError> {
        let identity = identity(definition).map(|identity| identity.as_bytes().to_vec());
        Ok(vec![definition.psk_identity.clone().into(), definition.profile.clone().into(), identity.into()])
    }

    fn release(connection: &Connection, id: i64) -> Result<(), StoreError> {
        connection.prepare_cached("UPDATE devices SET identity = NULL WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    fn check(
        connection: &Connection,
        old: Option<(i64, &DeviceDefinition)>,
        new: &DeviceDefinition,
    ) -> Result<(), StoreError> {
        if old.is_none() {
            noun::check_name_free::<Devices>(connection, &new.endpoint)?;
        }
        if let Some(profile) = &new.profile
            && old.is_none_or(|(_, old)| old.profile.as_ref() != Some(profile))
        {
            check_reference::<Profiles>(connection, profile)?;
        }
        check_identity_free(connection, old.map(|(id, _)| id), new)
    }

    /// Nothing refers to a device.
    fn check_unused(_connection: &Connection, _definition: &DeviceDefinition) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The PSK identity that the device must prove; none where it has no key.
pub(super) fn identity(definition: &DeviceDefinition) -> Option<&str> {
    definition.psk.is_some().then(|| definition.psk_identity.as_deref().unwrap_or(&definition.endpoint))
}

/// The device with this endpoint that is in force.
pub(super) fn by_endpoint(connection: &Connection, endpoint: &str) -> Result<Option<DeviceRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, endpoint, psk_identity, profile, psk IS NOT NULL FROM devices WHERE endpoint = ?1 AND shadowed = 0",
    )?;
    Ok(statement.query_row([endpoint], record).optional()?)
}

/// The device with this effective PSK identity that is in force, and its key, as they are at one moment.
pub(super) fn by_identity_with_key(
    connection: &Connection,
    sealer: &Sealer,
    identity: &[u8],
) -> Result<Option<(DeviceRecord, Secret)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, endpoint, psk_identity, profile, psk IS NOT NULL, psk FROM devices
         WHERE identity = ?1 AND shadowed = 0",
    )?;
    let found: Option<(DeviceRecord, Vec<u8>)> =
        statement.query_row([identity], |row| Ok((record(row)?, row.get(5)?))).optional()?;
    let Some((record, sealed)) = found else { return Ok(None) };
    let key = noun::unseal::<Devices>(sealer, record.id, &record.definition.endpoint, &sealed)?.key().clone();
    Ok(Some((record, key)))
}

fn record(row: &Row<'_>) -> rusqlite::Result<DeviceRecord> {
    let definition =
        DeviceDefinition { endpoint: row.get(1)?, psk_identity: row.get(2)?, psk: None, profile: row.get(3)? };
    Ok(DeviceRecord { id: row.get(0)?, definition, has_psk: row.get(4)? })
}

/// The key of this effective PSK identity.
pub(super) fn psk_for_identity(
    connection: &Connection,
    sealer: &Sealer,
    identity: &[u8],
) -> Result<Option<Secret>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT id, endpoint, psk FROM devices WHERE identity = ?1 AND shadowed = 0")?;
    let found: Option<(i64, String, Vec<u8>)> =
        statement.query_row([identity], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let Some((id, endpoint, sealed)) = found else { return Ok(None) };
    Ok(Some(noun::unseal::<Devices>(sealer, id, &endpoint, &sealed)?.key().clone()))
}

/// A page of the devices in force; run it in a transaction, so that page and total belong together.
pub(super) fn page(connection: &Connection, query: &DeviceQuery) -> Result<DevicePage, StoreError> {
    let DeviceQuery { after, limit, search, profile } = query;
    let condition = "WHERE shadowed = 0 AND (?1 IS NULL OR profile = ?1)
                     AND (?2 IS NULL OR instr(endpoint, ?2) > 0 OR instr(psk_identity, ?2) > 0)";
    let mut statement = connection.prepare_cached(&format!("SELECT count(*) FROM devices {condition}"))?;
    let total = statement.query_row((profile, search), |row| noun::number(row, 0))?;
    // One more than asked for tells whether there is a next page. Every endpoint comes after the empty one.
    let more = i64::from(*limit) + 1;
    let condition = format!("{condition} AND endpoint > ?3 ORDER BY endpoint LIMIT ?4");
    let after = after.as_deref().unwrap_or_default();
    let mut found = noun::query::<Devices>(connection, &condition, (profile, search, after, more))?;
    let complete = found.len() <= *limit as usize;
    found.truncate(*limit as usize);
    let devices = found.into_iter().map(|stored| outcomes::with_last(connection, stored.entry));
    let devices = devices.collect::<Result<Vec<_>, _>>()?;
    let last = devices.last().map(|device| device.entry.definition.endpoint.clone());
    Ok(DevicePage { devices, total, next: if complete { None } else { last } })
}

/// Refuses a PSK identity that another device has, be it one that is not in force.
fn check_identity_free(connection: &Connection, own: Option<i64>, new: &DeviceDefinition) -> Result<(), StoreError> {
    let Some(identity) = identity(new) else { return Ok(()) };
    let mut statement = connection.prepare_cached(
        "SELECT id, endpoint, shadowed FROM devices WHERE identity = ?1 AND id IS NOT ?2 ORDER BY shadowed LIMIT 1",
    )?;
    let other: Option<(i64, String, bool)> = statement
        .query_row((identity.as_bytes(), own), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match other {
        None => Ok(()),
        Some((id, endpoint, hidden)) => {
            let identity = identity.to_owned();
            Err(StoreError::IdentityTaken { identity, endpoint, shadowed: hidden.then_some(id) })
        }
    }
}
