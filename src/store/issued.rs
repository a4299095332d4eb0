//! Issued credentials as rows: kept sealed before anything is sent, confirmed by what the client does, shown to operators.
//!
//! Spec sheet `bootstrap.md`, section 10, for the credentials of a bootstrap account: those are also the ones by which the
//! client proves itself to us, so they have their PSK identity in the clear and their key under a seal of its own. Which
//! of several records is written to a client is `provision`'s to say.
//!
//! Records belong to an endpoint, whoever defines it: a device that vanishes from the config file leaves them, unusable
//! while no device of that endpoint is in force, and they count again when it returns. Only an operator's deed on the
//! device or its account takes them away.

use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use super::audit::{self, Stamp, Verb};
use super::devices::Devices;
use super::entry::{CredentialState, DeviceCredentials, IssuedRecord, Key, UnixMillis};
use super::error::{Kind, StoreError};
use super::noun;
use super::sealing::{Place, SealError, Sealer};
use super::writer::Work;
use crate::provision::{IssuedCredentials, IssuedValues, KeyText, NewCredentials};
use crate::secret::Secret;

const TABLE: &str = "issued_credentials";

/// Whether the device of a row of `devices` has proven credentials that were issued to it.
pub(super) const RETIRED: &str = "EXISTS (SELECT 1 FROM issued_credentials AS proven
     WHERE proven.endpoint = devices.endpoint AND proven.identity IS NOT NULL AND proven.confirmed IS NOT NULL)";

/// Records of one device and account at most: what the client surely has, and what it may have.
const KEPT: i64 = 4;

/// Numbers of those of a device's records for one account that are too many. An account may have as many records as there are
/// devices, and the `+` keeps SQLite from searching by it.
pub(super) const SURPLUS: &str =
    "SELECT id FROM issued_credentials WHERE endpoint = ?1 AND +server = ?2 AND id IS NOT (
         SELECT max(id) FROM issued_credentials WHERE endpoint = ?1 AND +server = ?2 AND confirmed IS NOT NULL)
     ORDER BY confirmed IS NOT NULL, id
     LIMIT max(0, (SELECT count(*) FROM issued_credentials WHERE endpoint = ?1 AND +server = ?2) - ?3)";

/// What the client had before these records for the same accounts, searched as above.
pub(super) const OLDER: &str = "DELETE FROM issued_credentials WHERE id < ?1 AND (endpoint, +server) =
         (SELECT endpoint, server FROM issued_credentials WHERE id = ?1)";

/// A record with the device's credentials towards us, found by their PSK identity.
pub(super) struct Proof {
    pub id: i64,
    /// Number of the device in force.
    pub device: i64,
    pub is_confirmed: bool,
    pub key: Secret,
}

pub(super) const OF_ENDPOINT: &str =
    "SELECT id, server, issued, confirmed, sealed FROM issued_credentials WHERE endpoint = ?1 ORDER BY id";

/// Every record of an endpoint, oldest first.
pub(super) fn of_endpoint(
    connection: &Connection,
    sealer: &Sealer,
    endpoint: &str,
) -> Result<Vec<IssuedCredentials>, StoreError> {
    let mut statement = connection.prepare_cached(OF_ENDPOINT)?;
    let mut rows = statement.query([endpoint])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, server): (i64, String) = (row.get(0)?, row.get(1)?);
        let clear = unseal(sealer, id, "sealed", row.get_ref(4)?.as_blob().unwrap_or_default(), &server)?;
        let values: IssuedValues = serde_json::from_slice(clear.expose()).map_err(|_| corrupt(&server))?;
        found.push(IssuedCredentials { id, server, issued: row.get(2)?, confirmed: row.get(3)?, values });
    }
    Ok(found)
}

/// An index has only the identities that are not shadowed.
pub(super) const BY_IDENTITY: &str =
    "SELECT issued_credentials.id, devices.id, confirmed IS NOT NULL, sealed_key, server
     FROM issued_credentials JOIN devices ON devices.endpoint = issued_credentials.endpoint
     WHERE issued_credentials.identity = ?1 AND shadowed = 0";

/// The credentials towards us with this PSK identity, of a device that is in force.
pub(super) fn by_identity(
    connection: &Connection,
    sealer: &Sealer,
    identity: &[u8],
) -> Result<Option<Proof>, StoreError> {
    let mut statement = connection.prepare_cached(BY_IDENTITY)?;
    let mut rows = statement.query([identity])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (id, server): (i64, String) = (row.get(0)?, row.get(4)?);
    let clear = unseal(sealer, id, "sealed_key", row.get_ref(3)?.as_blob().unwrap_or_default(), &server)?;
    let text = std::str::from_utf8(clear.expose()).ok();
    let key = text.and_then(|text| KeyText::parse(text).ok()).ok_or_else(|| corrupt(&server))?;
    Ok(Some(Proof { id, device: row.get(1)?, is_confirmed: row.get(2)?, key: key.key().clone() }))
}

/// Keeps what was drawn for a device. Nothing of it may be sent before this is durable.
pub(super) fn keep(work: &Work<'_>, device: i64, at: UnixMillis, drawn: &[NewCredentials]) -> Result<(), StoreError> {
    let sql = "SELECT endpoint, rotation_requested FROM devices WHERE id = ?1";
    let found: Option<(String, Option<i64>)> =
        work.connection.prepare_cached(sql)?.query_row([device], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (endpoint, requested) = found.ok_or(StoreError::NotFound { kind: Kind::Device, key: Key::Id(device) })?;
    // What is issued must come after the request for it, whatever the clock has done since.
    let issued = requested.map_or(at.0, |requested| at.0.max(requested.saturating_add(1)));
    drawn.iter().try_for_each(|new| insert(work, &endpoint, issued, new))
}

fn insert(work: &Work<'_>, endpoint: &str, issued: i64, new: &NewCredentials) -> Result<(), StoreError> {
    let server = &new.server;
    if let Some(bootstrap) = &new.bootstrap {
        check_identity_unused(work.connection, &bootstrap.identity)?;
    }
    let id = next_id(work.connection)?;
    let values = serde_json::to_string(&new.values).map(Zeroizing::new).map_err(|_| corrupt(server))?;
    let sealed = seal(work.sealer, id, "sealed", values.as_bytes(), server)?;
    let key =
        new.bootstrap.as_ref().map(|it| seal(work.sealer, id, "sealed_key", it.key.expose_text().as_bytes(), server));
    let identity = new.bootstrap.as_ref().map(|bootstrap| &bootstrap.identity);
    let mut statement = work.connection.prepare_cached(
        "INSERT INTO issued_credentials (id, endpoint, server, issued, sealed, identity, sealed_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute((id, endpoint, server, issued, sealed, identity, key.transpose()?))?;
    trim(work.connection, endpoint, server)
}

/// The oldest that the client is not known to have go first, and what it is last known to have never goes.
fn trim(connection: &Connection, endpoint: &str, server: &str) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM issued_credentials WHERE id IN ({SURPLUS})");
    connection.prepare_cached(&sql)?.execute((endpoint, server, KEPT))?;
    Ok(())
}

/// The client has taken these: what it had before for the same accounts is of no more use.
pub(super) fn confirm(connection: &Connection, ids: &[i64], at: UnixMillis) -> Result<(), StoreError> {
    let mut confirm = connection
        .prepare_cached("UPDATE issued_credentials SET confirmed = ?2 WHERE id = ?1 AND confirmed IS NULL")?;
    let mut drop_older = connection.prepare_cached(OLDER)?;
    for id in ids {
        confirm.execute((id, at.0))?;
        drop_older.execute([id])?;
    }
    Ok(())
}

/// The client has proven issued credentials towards us: they are confirmed, with which those of its definition retire, and
/// whatever it proved itself by before is good no more, be it of another account.
pub(super) fn prove(connection: &Connection, id: i64, at: UnixMillis) -> Result<(), StoreError> {
    confirm(connection, &[id], at)?;
    let mut drop_older = connection.prepare_cached(
        "DELETE FROM issued_credentials WHERE id < ?1 AND identity IS NOT NULL AND endpoint =
             (SELECT endpoint FROM issued_credentials WHERE id = ?1 AND identity IS NOT NULL)",
    )?;
    drop_older.execute([id])?;
    Ok(())
}

/// An operator has given the device of this row, which is written already, other credentials towards us: those that were
/// issued are good no more, and what was issued for other accounts is to be drawn anew, for whoever had the old
/// credentials may have it. What hangs on the endpoint of a hidden row belongs to the row in force.
pub(super) fn replace_credentials(connection: &Connection, device: i64) -> Result<(), StoreError> {
    let sql = "SELECT endpoint, changed FROM devices AS own WHERE id = ?1 AND NOT EXISTS
                   (SELECT 1 FROM devices WHERE endpoint = own.endpoint AND shadowed = 0 AND id <> ?1)";
    let found: Option<(String, i64)> =
        connection.prepare_cached(sql)?.query_row([device], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((endpoint, at)) = found else { return Ok(()) };
    let sql = "SELECT 1 FROM issued_credentials WHERE endpoint = ?1";
    if !connection.prepare_cached(sql)?.exists([&endpoint])? {
        return Ok(());
    }
    ask_for_new(connection, device, UnixMillis(at))?;
    let sql = "DELETE FROM issued_credentials WHERE endpoint = ?1 AND identity IS NOT NULL";
    connection.prepare_cached(sql)?.execute([endpoint])?;
    Ok(())
}

/// An operator has deleted the device, and no other of this endpoint is in force.
pub(super) fn forget_device(connection: &Connection, endpoint: &str) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM issued_credentials WHERE endpoint = ?1")?.execute([endpoint])?;
    Ok(())
}

/// An operator has deleted a server account. Credentials towards us stay: some devices have no others.
pub(super) fn forget_server(connection: &Connection, server: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM issued_credentials WHERE server = ?1 AND identity IS NULL";
    connection.prepare_cached(sql)?.execute([server])?;
    Ok(())
}

/// Asks for new credentials at the device's next bootstrap.
pub(super) fn request_rotation(work: &Work<'_>, stamp: Stamp, key: &Key) -> Result<(), StoreError> {
    let device = noun::find::<Devices>(work.connection, key)?.entry;
    ask_for_new(work.connection, device.id, stamp.at)?;
    audit::write_deed(work.connection, stamp, Verb::Rotate, &device.definition.endpoint, &[], None)
}

/// Notes that what was issued before counts no more, whatever the clock has done since.
fn ask_for_new(connection: &Connection, device: i64, at: UnixMillis) -> Result<(), StoreError> {
    let sql = "UPDATE devices SET rotation_requested = max(?2, coalesce(rotation_requested, ?2),
                   coalesce((SELECT max(issued) FROM issued_credentials AS kept WHERE kept.endpoint = devices.endpoint), ?2))
               WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((device, at.0))?;
    Ok(())
}

/// What is kept for a device, with the values.
pub(super) fn reveal(work: &Work<'_>, stamp: Stamp, key: &Key) -> Result<DeviceCredentials, StoreError> {
    let credentials = list(work.connection, work.sealer, key)?;
    let fields = ["issued_credentials"];
    audit::write_deed(work.connection, stamp, Verb::Reveal, &credentials.endpoint, &fields, None)?;
    Ok(credentials)
}

/// Every record of a device and how it stands, latest first, with the values.
pub(super) fn list(connection: &Connection, sealer: &Sealer, key: &Key) -> Result<DeviceCredentials, StoreError> {
    let device = noun::find::<Devices>(connection, key)?.entry;
    let mut records: Vec<IssuedRecord> = Vec::new();
    for credentials in of_endpoint(connection, sealer, &device.definition.endpoint)?.into_iter().rev() {
        let is_last = !records.iter().any(|record| record.credentials.server == credentials.server);
        let state = match credentials.confirmed {
            Some(_) => CredentialState::Current,
            None if is_last => CredentialState::Pending,
            None => CredentialState::Previous,
        };
        records.push(IssuedRecord { state, credentials });
    }
    let sql = "SELECT rotation_requested FROM devices WHERE id = ?1";
    let rotation_requested = connection.prepare_cached(sql)?.query_row([device.id], |row| row.get(0))?;
    Ok(DeviceCredentials { endpoint: device.definition.endpoint, rotation_requested, records })
}

/// Refuses an identity that any device proves itself by, or did.
fn check_identity_unused(connection: &Connection, identity: &[u8]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM devices WHERE identity = ?1 UNION ALL SELECT 1 FROM issued_credentials WHERE identity = ?1",
    )?;
    if statement.exists([identity])? { Err(StoreError::IssuedIdentityTaken) } else { Ok(()) }
}

/// The endpoint to which this identity was issued, if it is another one than `own`, be it one that is not in force.
pub(super) fn holder(connection: &Connection, identity: &[u8], own: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT endpoint FROM issued_credentials WHERE identity = ?1 AND endpoint <> ?2";
    connection.prepare_cached(sql)?.query_row((identity, own), |row| row.get(0)).optional()
}

/// The number that a new row gets: the seals need it first, and it was never used.
fn next_id(connection: &Connection) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT seq + 1 FROM sqlite_sequence WHERE name = ?1")?;
    Ok(statement.query_row([TABLE], |row| row.get(0)).optional()?.unwrap_or(1))
}

fn seal(sealer: &Sealer, row: i64, column: &'static str, clear: &[u8], server: &str) -> Result<Vec<u8>, StoreError> {
    sealer.seal(Place { table: TABLE, row, column }, clear).map_err(|source| broken(server, source))
}

fn unseal(sealer: &Sealer, row: i64, column: &'static str, sealed: &[u8], server: &str) -> Result<Secret, StoreError> {
    sealer.unseal(Place { table: TABLE, row, column }, sealed).map_err(|source| broken(server, source))
}

fn broken(server: &str, source: SealError) -> StoreError {
    StoreError::Seal { kind: Kind::Server, name: server.to_owned(), source }
}

fn corrupt(server: &str) -> StoreError {
    StoreError::Corrupt { kind: Kind::Server, name: server.to_owned(), what: "issued credentials" }
}
