//! What is known of the client of each device, by its endpoint.
//!
//! It survives the reload of a config file that lets go of the device, and a restart; it goes when an operator deletes
//! the device or has it forgotten. It is a hint: where it cannot be read, nothing is known.

use rusqlite::{Connection, OptionalExtension};
use serde::de::DeserializeOwned;
use tracing::warn;

use super::audit::{self, Stamp, Verb};
use super::devices::Devices;
use super::entry::{DeviceLearned, Key, KnownDevice, UnixMillis};
use super::error::{Kind, StoreError};
use super::models;
use super::noun;
use super::servers::to_json;
use super::writer::Work;

/// Notes what sessions have shown; of a device that is no longer defined nothing is kept.
pub(super) fn record(work: &Work<'_>, learned: &[DeviceLearned]) -> Result<(), StoreError> {
    let mut statement = work.connection.prepare_cached(
        "INSERT INTO device_knowledge (endpoint, model, knowledge, at)
         SELECT endpoint, ?2, ?3, ?4 FROM devices WHERE endpoint = ?1 AND shadowed = 0
         ON CONFLICT (endpoint) DO UPDATE SET
             model = excluded.model, knowledge = excluded.knowledge, at = excluded.at",
    )?;
    for DeviceLearned { endpoint, model, learned, at } in learned {
        statement.execute((endpoint, model, to_json(Kind::Device, endpoint, learned)?, at.0))?;
    }
    let mut concerned: Vec<(&str, UnixMillis)> = Vec::new();
    for DeviceLearned { model, at, .. } in learned {
        if let Some(model) = model.as_deref().filter(|model| !concerned.iter().any(|(known, _)| known == model)) {
            concerned.push((model, *at));
        }
    }
    concerned.into_iter().try_for_each(|(model, at)| models::learn(work, model, at))
}

/// What is known of the client of one device.
pub(super) fn of_endpoint(connection: &Connection, endpoint: &str) -> Result<Option<KnownDevice>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT knowledge, at FROM device_knowledge WHERE endpoint = ?1")?;
    let found: Option<(String, i64)> =
        statement.query_row([endpoint], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(text, at)| KnownDevice { learned: read(&text), at: UnixMillis(at) }))
}

/// Forgets what is known of a device; says whether anything was.
pub(super) fn forget(connection: &Connection, endpoint: &str) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("DELETE FROM device_knowledge WHERE endpoint = ?1")?.execute([endpoint])? > 0)
}

/// Forgets what is known of a device, for an operator.
pub(super) fn forget_device(work: &Work<'_>, stamp: Stamp, key: &Key) -> Result<(), StoreError> {
    let device = noun::find::<Devices>(work.connection, key)?.entry.definition;
    forget(work.connection, &device.endpoint)?;
    audit::write_deed(work.connection, stamp, Verb::Forget, &device.endpoint, &["knowledge"], None)
}

/// Knowledge as it is kept. What a later release has written in a way of its own is passed over: it can be learned again.
pub(super) fn read<T: DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| {
        warn!(%error, "what was known of a client cannot be read and is passed over");
        T::default()
    })
}
