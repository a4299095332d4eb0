//! Devices as rows, and the lookups that every bootstrap makes.
//!
//! The column `identity` is the effective PSK identity in bytes: the explicit one or the endpoint, and null where the
//! device has no key, because then nobody can prove it. Certificates and raw public keys are found by their fingerprints. Tags stand in a table of their own, so that devices are found by
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
use crate::provision::{
    DeviceDefinition, DeviceIdentity, DeviceState, IdentityKind, KeyText, SecretFields, SecretText,
};
use crate::secret::Secret;

/// The noun `device`.
pub(super) struct Devices;

impl Noun for Devices {
    type Definition = DeviceDefinition;

    const KIND: Kind = Kind::Device;
    const TABLE: &'static str = "devices";
    const NAME: &'static str = "endpoint";
    const COLUMNS: &'static [&'static str] = &[
        "psk_identity",
        "profile",
        "identity",
        "properties",
        "state",
        "certificate",
        "certificate_name",
        "public_key",
        "certificate_fingerprint",
        "public_key_fingerprint",
    ];
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
            certificate: row.get(first + 5)?,
            certificate_name: row.get(first + 6)?,
            public_key: row.get(first + 7)?,
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
            definition.effective_psk_identity().into(),
            properties.into(),
            definition.state.name().to_owned().into(),
            definition.certificate.clone().into(),
            definition.certificate_name.clone().into(),
            definition.public_key.clone().into(),
            definition.certificate_fingerprint().map(Vec::from).into(),
            definition.public_key_fingerprint().map(Vec::from).into(),
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
        let sql = "UPDATE devices SET identity = NULL, certificate_fingerprint = NULL, certificate_name = NULL,
             public_key_fingerprint = NULL WHERE id = ?1";
        connection.prepare_cached(sql)?.execute([id])?;
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
        check_identities_free(connection, old.map(|(id, _)| id), new)
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
        let is_same = old.definition.psk == new.psk && old.definition.identities() == new.identities();
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

/// The column in which an identity stands.
pub(super) fn column_of(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::Psk => "identity",
        IdentityKind::Certificate => "certificate_fingerprint",
        IdentityKind::CertificateName => "certificate_name",
        IdentityKind::PublicKey => "public_key_fingerprint",
    }
}

/// An identity as its column holds it.
pub(super) fn column_value(identity: &DeviceIdentity) -> Value {
    match identity.kind {
        IdentityKind::CertificateName => String::from_utf8_lossy(&identity.value).into_owned().into(),
        _ => identity.value.clone().into(),
    }
}

fn state(endpoint: &str, name: &str) -> Result<DeviceState, StoreError> {
    [DeviceState::Enabled, DeviceState::Blocked]
        .into_iter()
        .find(|state| state.name() == name)
        .ok_or_else(|| StoreError::Corrupt { kind: Kind::Device, name: endpoint.to_owned(), what: "state" })
}

/// What [`record`] reads.
const RECORD: &str = "id, endpoint, psk_identity, profile, identity, properties, state, rotation_requested,
    (SELECT json_group_array(tag) FROM device_tags WHERE device = devices.id), psk, certificate_name,
    certificate_fingerprint, public_key_fingerprint";

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

/// The device in force that proves itself by this, in its definition and not in what was issued to it.
pub(super) fn by_identity(
    connection: &Connection,
    identity: &DeviceIdentity,
) -> Result<Option<DeviceRecord>, StoreError> {
    let condition = format!("{} = ?1", column_of(identity.kind));
    let found = in_force(connection, &condition, column_value(identity))?;
    Ok(found.map(|(record, _)| record).filter(|record| !record.retired))
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
        certificate: None,
        certificate_name: row.get(10)?,
        public_key: None,
        endpoint,
    };
    Ok(DeviceRecord {
        id: row.get(0)?,
        definition,
        identity: row.get(4)?,
        certificate_fingerprint: row.get(11)?,
        public_key_fingerprint: row.get(12)?,
        retired: row.get(13)?,
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

/// Refuses an identity that another device has, be it one that is not in force.
fn check_identities_free(connection: &Connection, own: Option<i64>, new: &DeviceDefinition) -> Result<(), StoreError> {
    for identity in new.identities() {
        if let Some((endpoint, shadowed)) = holder(connection, own, &identity, &new.endpoint)? {
            return Err(StoreError::IdentityTaken { identity, endpoint, shadowed });
        }
    }
    Ok(())
}

/// Endpoint of another device than `own` that has this identity, and its number where it is not in force. A PSK identity
/// may have been issued to it.
fn holder(
    connection: &Connection,
    own: Option<i64>,
    identity: &DeviceIdentity,
    endpoint: &str,
) -> Result<Option<(String, Option<i64>)>, StoreError> {
    let sql = format!(
        "SELECT id, endpoint, shadowed FROM devices WHERE {} = ?1 AND id IS NOT ?2 ORDER BY shadowed LIMIT 1",
        column_of(identity.kind)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let other: Option<(i64, String, bool)> = statement
        .query_row((column_value(identity), own), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if let Some((id, endpoint, hidden)) = other {
        return Ok(Some((endpoint, hidden.then_some(id))));
    }
    if identity.kind != IdentityKind::Psk {
        return Ok(None);
    }
    Ok(issued::holder(connection, &identity.value, endpoint)?.map(|endpoint| (endpoint, None)))
}
