//! The end of each device's last session, in a table of its own, so that noting it touches neither definition nor seal.

use rusqlite::{Connection, OptionalExtension};

use super::entry::{DeviceEntry, DeviceOutcome, Entry, LastOutcome, UnixMillis};
use super::error::{Kind, StoreError};
use super::noun;
use crate::provision::DeviceDefinition;

/// Notes how sessions ended; of a device that is no longer defined nothing is kept.
pub(super) fn record(connection: &Connection, outcomes: &[DeviceOutcome]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO device_outcomes (device, outcome, reason, at, sessions)
         SELECT id, ?2, ?3, ?4, 1 FROM devices WHERE endpoint = ?1 AND shadowed = 0
         ON CONFLICT (device) DO UPDATE SET
             outcome = excluded.outcome, reason = excluded.reason, at = excluded.at, sessions = sessions + 1",
    )?;
    for DeviceOutcome { endpoint, outcome, reason, at } in outcomes {
        statement.execute((endpoint, outcome.name(), reason, at.0))?;
    }
    Ok(())
}

/// The device with the end of its last session.
pub(super) fn with_last(connection: &Connection, entry: Entry<DeviceDefinition>) -> Result<DeviceEntry, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT outcome, reason, at, sessions FROM device_outcomes WHERE device = ?1")?;
    let found: Option<(String, String, i64, u64)> = statement
        .query_row([entry.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, noun::number(row, 3)?)))
        .optional()?;
    let Some((outcome, reason, at, sessions)) = found else { return Ok(DeviceEntry { entry, last: None }) };
    let outcome = outcome.parse().map_err(|_| StoreError::Corrupt {
        kind: Kind::Device,
        name: entry.definition.endpoint.clone(),
        what: "last outcome",
    })?;
    Ok(DeviceEntry { entry, last: Some(LastOutcome { outcome, reason, at: UnixMillis(at), sessions }) })
}
