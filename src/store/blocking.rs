//! Devices blocked and unblocked by the batch, and unknown clients that a listener takes in.

use rusqlite::OptionalExtension;

use super::admin;
use super::audit::{self, Stamp, Verb};
use super::devices::Devices;
use super::entry::{DeviceEntry, Key, Origin};
use super::error::{Kind, StoreError};
use super::outcomes;
use super::writer::Work;
use crate::provision::{DeviceDefinition, DeviceState};

/// The tag of clients that a listener has taken in.
pub const ACCEPTED: &str = "accepted";

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatesChanged {
    /// Devices that have another state now.
    pub changed: u64,
    /// Devices that had this state already.
    pub unchanged: u64,
}

/// Gives every device of the batch this state, or none of them.
pub(super) fn set_state(
    work: &Work<'_>,
    stamp: Stamp,
    endpoints: &[String],
    state: DeviceState,
    reason: Option<&str>,
) -> Result<StatesChanged, StoreError> {
    let verb = if state == DeviceState::Blocked { Verb::Block } else { Verb::Unblock };
    let (mut refused, mut result) = (Vec::new(), StatesChanged::default());
    let mut find =
        work.connection.prepare_cached("SELECT id, origin, state FROM devices WHERE endpoint = ?1 AND shadowed = 0")?;
    let mut change = work.connection.prepare_cached("UPDATE devices SET state = ?2, changed = ?3 WHERE id = ?1")?;
    for endpoint in endpoints {
        let found: Option<(i64, String, String)> =
            find.query_row([endpoint], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let (kind, name) = (Kind::Device, endpoint.clone());
        match found {
            None => refused.push(StoreError::NotFound { kind, key: Key::Name(name) }),
            Some((_, _, present)) if present == state.name() => result.unchanged += 1,
            Some((_, origin, _)) if origin == Origin::File.name() => {
                refused.push(StoreError::DefinedInFile { kind, name });
            }
            Some((id, ..)) => {
                change.execute((id, state.name(), stamp.at.0))?;
                audit::write_deed(work.connection, stamp, verb, endpoint, &["state"], reason)?;
                result.changed += 1;
            }
        }
    }
    if refused.is_empty() { Ok(result) } else { Err(StoreError::Batch(refused)) }
}

/// Records an unknown client, unless `limit` of them are on record.
pub(super) fn accept(
    work: &Work<'_>,
    stamp: Stamp,
    mut definition: DeviceDefinition,
    limit: u64,
) -> Result<DeviceEntry, StoreError> {
    let mut statement = work.connection.prepare_cached("SELECT count(*) >= ?2 FROM device_tags WHERE tag = ?1")?;
    let limit_as_number = i64::try_from(limit).unwrap_or(i64::MAX);
    if statement.query_row((ACCEPTED, limit_as_number), |row| row.get(0))? {
        return Err(StoreError::TooManyAccepted(limit));
    }
    definition.tags.insert(ACCEPTED.to_owned());
    let entry = admin::add::<Devices>(work, stamp, definition)?;
    outcomes::with_last(work.connection, entry)
}
