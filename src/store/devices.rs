//! Devices as rows, and the lookups that every bootstrap makes.
//!
//! The column `identity` is the effective PSK identity in bytes: the explicit one or the endpoint, and null where the
//! device has no key, because then nobody can prove it. Tags stand in a table of their own, so that devices are found by
//! them.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};
use zeroize::Zeroizing;

use super::audit::Verb;
use super::entry::{DeviceRecord, Entry, IssuedProof};
use super::error::{Kind, StoreError};
use super::issued::{self, Proof, RETIRED};
use super::knowledge;
use super::noun::{self, Noun};
use super::profiles::Profiles;
use super::sealing::Sealer;
use super::search;
use super::servers::{check_reference, from_json, to_json};
use crate::provision::identity_text::identity_bytes;
use crate::provision::{DeviceDefinition, DeviceState, KeyText, SecretFields, SecretText};
use crate::secret::Secret;

/// The noun `device`.
pub(super) struct Devices;

impl Noun for Devices {
    type Definition = DeviceDefinition;

    const KIND: Kind = Kind::Device;
    const TABLE: &'static str = "devices";
    const NAME: &'static str = "endpoint";
    const COLUMNS: &'static [&'static str] = &["psk_identity", "profile", "identity", "properties", "state"];
    const SECRETS: &'static str = "psk";
    const SECRET_NAMES: &'static str = r#"CASE WHEN psk IS NULL THEN '[]' ELSE '["psk"]' END"#;

    fn name(definition: &DeviceDefinition) -> &str {
        &definition.endpoint
    }

    /// The one secret is the key, sealed as it was entered: every handshake asks for it.
    fn secrets_to_text(secrets: &SecretFields) -> Option<Zeroizing<String>> {
        secrets.at("psk").map(|psk| Zeroizing::new(psk.expose().to_owned()))
    }

    fn secrets_from_text(text: &str) -> Option<SecretFields> {
        let mut secrets = SecretFields::default();
        secrets.insert("psk", SecretText::new(text.to_owned()));
        Some(secrets)
    }

    fn from_row(row: &Row<'_>, name: &str, first: usize) -> Result<DeviceDefinition, StoreError> {
        Ok(DeviceDefinition {
            endpoint: name.to_owned(),
            psk_identity: row.get(first)?,
            profile: row.get(first + 1)?,
            properties: from_json(Kind::Device, name, row.get_ref(first + 3)?.as_str().unwrap_or_default())?,
            state: state(name, row.get_ref(first + 4)?.as_str().unwrap_or_default())?,
            ..DeviceDefinition::default()
        })
    }

    fn complete(connection: &Connection, id: i64, definition: &mut DeviceDefinition) -> Result<(), StoreError> {
        let mut statement = connection.prepare_cached("SELECT tag FROM device_tags WHERE device = ?1")?;
        definition.tags = statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn values(definition: &DeviceDefinition) -> Result<Vec<Value>, StoreError> {
        let properties = to_json(Kind::Device, &definition.endpoint, &definition.properties)?;
        Ok(vec![
            definition.psk_identity.clone().into(),
            definition.profile.clone().into(),
            identity(definition).into(),
            properties.into(),
            definition.state.name().to_owned().into(),
        ])
    }

    fn write_rest(connection: &Connection, id: i64, definition: &DeviceDefinition) -> Result<(), StoreError> {
        connection.prepare_cached("DELETE FROM device_tags WHERE device = ?1")?.execute([id])?;
        let mut statement = connection.prepare_cached("INSERT INTO device_tags (device, tag) VALUES (?1, ?2)")?;
        for tag in &definition.tags {
            statement.execute((id, tag))?;
        }
        search::index(connection, id)
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

    fn verb_of_change(old: &DeviceDefinition, new: &DeviceDefinition) -> Verb {
        match (old.state, new.state) {
            (DeviceState::Enabled, DeviceState::Blocked) => Verb::Block,
            (DeviceState::Blocked, DeviceState::Enabled) => Verb::Unblock,
            _ => Verb::Change,
        }
    }

    /// Other credentials in the definition take the place of those that were issued; and whoever had the old ones may have
    /// been given what was issued for other accounts, so that this is due to be drawn anew.
    fn follow_up(
        connection: &Connection,
        old: &Entry<DeviceDefinition>,
        new: &DeviceDefinition,
    ) -> Result<(), StoreError> {
        let is_same = old.definition.psk == new.psk && identity(&old.definition) == identity(new);
        if is_same { Ok(()) } else { issued::replace_credentials(connection, old.id) }
    }

    /// What was issued to it, and what is known of it, go with it.
    fn forget(connection: &Connection, definition: &DeviceDefinition) -> Result<(), StoreError> {
        issued::forget_device(connection, &definition.endpoint)?;
        knowledge::forget(connection, &definition.endpoint).map(drop)
    }

    /// Nothing refers to a device.
    fn check_unused(_connection: &Connection, _definition: &DeviceDefinition) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The PSK identity that the device must prove, in bytes; none where it has no key.
///
/// An identity that cannot be read is kept as it was written: the checks refuse it before it gets here.
pub(super) fn identity(definition: &DeviceDefinition) -> Option<Vec<u8>> {
    definition.psk.as_ref()?;
    let identity = definition.psk_identity.as_deref().unwrap_or(&definition.endpoint);
    Some(match &definition.psk_identity {
        Some(text) => identity_bytes(text).unwrap_or_else(|_| identity.as_bytes().to_vec()),
        None => identity.as_bytes().to_vec(),
    })
}

fn state(endpoint: &str, name: &str) -> Result<DeviceState, StoreError> {
    [DeviceState::Enabled, DeviceState::Blocked]
        .into_iter()
        .find(|state| state.name() == name)
        .ok_or_else(|| StoreError::Corrupt { kind: Kind::Device, name: endpoint.to_owned(), what: "state" })
}

/// What [`record`] reads.
const RECORD: &str = "id, endpoint, psk_identity, profile, identity, properties, state, rotation_requested,
    (SELECT json_group_array(tag) FROM device_tags WHERE device = devices.id), psk";

/// A record, and its key as it is sealed.
type Found = (DeviceRecord, Option<Vec<u8>>);

/// The device in force that meets `condition`.
fn in_force(
    connection: &Connection,
    condition: &str,
    value: impl rusqlite::ToSql,
) -> Result<Option<Found>, StoreError> {
    let sql = format!("SELECT {RECORD}, {RETIRED} FROM devices WHERE {condition} AND shadowed = 0");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([value])?;
    rows.next()?.map(|row| Ok((record(row)?, row.get(9)?))).transpose()
}

/// The device with this endpoint that is in force.
pub(super) fn by_endpoint(connection: &Connection, endpoint: &str) -> Result<Option<DeviceRecord>, StoreError> {
    Ok(in_force(connection, "endpoint = ?1", endpoint)?.map(|(record, _)| record))
}

/// The device with this effective PSK identity that is in force, and its key, as they are at one moment.
///
/// An identity that was issued belongs to whom it was issued, whatever another device's definition says: what is entered
/// is checked for that, and a definition that came in nevertheless must not lock out the device that holds the key.
pub(super) fn by_identity_with_key(
    connection: &Connection,
    sealer: &Sealer,
    identity: &[u8],
) -> Result<Option<(DeviceRecord, Secret)>, StoreError> {
    if let Some(Proof { id, device, is_confirmed, key }) = issued::by_identity(connection, sealer, identity)? {
        let Some((record, _)) = in_force(connection, "id = ?1", device)? else { return Ok(None) };
        let proof = Some(IssuedProof { id, is_confirmed });
        return Ok(Some((DeviceRecord { identity: Some(identity.to_vec()), proof, ..record }, key)));
    }
    match in_force(connection, "identity = ?1", identity)? {
        Some((record, Some(sealed))) if !record.retired => {
            let key = unseal_key(sealer, record.id, &record.definition.endpoint, &sealed)?;
            Ok(Some((record, key)))
        }
        _ => Ok(None),
    }
}

/// Reads a row of [`RECORD`].
fn record(row: &Row<'_>) -> Result<DeviceRecord, StoreError> {
    let endpoint: String = row.get(1)?;
    let definition = DeviceDefinition {
        psk_identity: row.get(2)?,
        psk: None,
        profile: row.get(3)?,
        properties: from_json(Kind::Device, &endpoint, row.get_ref(5)?.as_str().unwrap_or_default())?,
        tags: from_json(Kind::Device, &endpoint, row.get_ref(8)?.as_str().unwrap_or_default())?,
        state: state(&endpoint, row.get_ref(6)?.as_str().unwrap_or_default())?,
        endpoint,
    };
    Ok(DeviceRecord {
        id: row.get(0)?,
        definition,
        identity: row.get(4)?,
        retired: row.get(10)?,
        rotation_requested: row.get(7)?,
        proof: None,
    })
}

/// The key of this effective PSK identity.
pub(super) fn psk_for_identity(
    connection: &Connection,
    sealer: &Sealer,
    identity: &[u8],
) -> Result<Option<Secret>, StoreError> {
    if let Some(proof) = issued::by_identity(connection, sealer, identity)? {
        return Ok(Some(proof.key));
    }
    let sql = format!(
        "SELECT id, endpoint, psk FROM devices WHERE identity = ?1 AND shadowed = 0 AND psk IS NOT NULL AND NOT {RETIRED}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found: Option<(i64, String, Vec<u8>)> =
        statement.query_row([identity], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    found.map(|(id, endpoint, sealed)| unseal_key(sealer, id, &endpoint, &sealed)).transpose()
}

fn unseal_key(sealer: &Sealer, id: i64, endpoint: &str, sealed: &[u8]) -> Result<Secret, StoreError> {
    let secrets = noun::unseal::<Devices>(sealer, id, endpoint, sealed)?;
    let key = secrets.at("psk").and_then(|psk| KeyText::parse(psk.expose()).ok());
    let corrupt = || StoreError::Corrupt { kind: Kind::Device, name: endpoint.to_owned(), what: "key" };
    Ok(key.ok_or_else(corrupt)?.key().clone())
}

/// Refuses a PSK identity that another device has, be it one that is not in force.
fn check_identity_free(connection: &Connection, own: Option<i64>, new: &DeviceDefinition) -> Result<(), StoreError> {
    let Some(identity) = identity(new) else { return Ok(()) };
    let mut statement = connection.prepare_cached(
        "SELECT id, endpoint, shadowed FROM devices WHERE identity = ?1 AND id IS NOT ?2 ORDER BY shadowed LIMIT 1",
    )?;
    let other: Option<(i64, String, bool)> =
        statement.query_row((&identity, own), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let other = match other {
        Some((id, endpoint, hidden)) => Some((endpoint, hidden.then_some(id))),
        None => issued::holder(connection, &identity, &new.endpoint)?.map(|endpoint| (endpoint, None)),
    };
    let Some((endpoint, shadowed)) = other else { return Ok(()) };
    let identity = String::from_utf8_lossy(&identity).into_owned();
    Err(StoreError::IdentityTaken { identity, endpoint, shadowed })
}
