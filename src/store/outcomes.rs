//! The end of each device's last session, in a table of its own, so that noting it touches neither definition nor seal.

use rusqlite::Connection;

use super::entry::{DeviceEntry, DeviceOutcome, Entry, LastOutcome, UnixMillis};
use super::error::{Kind, StoreError};
use super::issued::RETIRED;
use super::noun;
use crate::provision::DeviceDefinition;

/// Notes how sessions ended; of a device that is no longer defined nothing is kept.
pub(super) fn record(connection: &Connection, outcomes: &[DeviceOutcome]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO device_outcomes (device, outcome, reason, at, sessions)
         SELECT id, ?2, ?3, ?4, ?5 FROM devices WHERE endpoint = ?1 AND shadowed = 0
         ON CONFLICT (device) DO UPDATE SET
             outcome = excluded.outcome, reason = excluded.reason, at = excluded.at, sessions = sessions + excluded.sessions",
    )?;
    for DeviceOutcome { endpoint, sessions, outcome, reason, at } in outcomes {
        statement.execute((endpoint, outcome.name(), reason, at.0, sessions))?;
    }
    Ok(())
}

/// The device with the end of its last session.
pub(super) fn with_last(connection: &Connection, entry: Entry<DeviceDefinition>) -> Result<DeviceEntry, StoreError> {
    let sql = format!(
        "SELECT {RETIRED}, outcome, reason, at, sessions FROM devices LEFT JOIN device_outcomes ON device = devices.id
         WHERE devices.id = ?1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let (retired, outcome): (bool, Option<String>) =
        statement.query_row([entry.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(outcome) = outcome else { return Ok(DeviceEntry { entry, last: None, retired }) };
    let (reason, at, sessions) =
        statement.query_row([entry.id], |row| Ok((row.get(2)?, row.get(3)?, noun::number(row, 4)?)))?;
    let outcome = outcome.parse().map_err(|_| StoreError::Corrupt {
        kind: Kind::Device,
        name: entry.definition.endpoint.clone(),
        what: "last outcome",
    })?;
    let last = Some(LastOutcome { outcome, reason, at: UnixMillis(at), sessions });
    Ok(DeviceEntry { entry, last, retired })
}
