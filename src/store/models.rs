//! The models of the config file, and what was learned of each from its devices.
//!
//! What is learned of a model is worked out when a device of it has shown something new, and kept, so that a look-up
//! reads it with the catalog. It goes when the file lets go of the model or gives it other rules, for then its devices
//! are others.

use rusqlite::Connection;

use super::audit::{self, Stamp, Verb};
use super::entry::{Key, ModelEntry, UnixMillis};
use super::error::{Kind, StoreError};
use super::knowledge::read;
use super::noun::number;
use super::servers::{from_json, to_json};
use super::writer::Work;
use crate::provision::knowledge::agreed;
use crate::provision::{LearnedKnowledge, Model, ModelDefinition};

/// The devices that were heard last, whose word counts for their model.
const HEARD: u32 = 16;

/// The models in the order of the file, with what was learned of them.
pub(super) fn list(connection: &Connection) -> Result<Vec<ModelEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, definition, knowledge, devices, at FROM models LEFT JOIN model_knowledge ON model = name
         ORDER BY position",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, definition): (String, String) = (row.get(0)?, row.get(1)?);
        let definition: ModelDefinition = from_json(Kind::Model, &name, &definition)?;
        let learned: Option<String> = row.get(2)?;
        found.push(ModelEntry {
            devices: if learned.is_some() { number(row, 3)? } else { 0 },
            learned_at: row.get::<_, Option<i64>>(4)?.map(UnixMillis),
            model: Model { definition, learned: learned.as_deref().map(read).unwrap_or_default() },
        });
    }
    Ok(found)
}

/// Works out what the devices of a model that were heard last agree on.
pub(super) fn learn(work: &Work<'_>, name: &str, at: UnixMillis) -> Result<(), StoreError> {
    let mut statement = work
        .connection
        .prepare_cached("SELECT knowledge FROM device_knowledge WHERE model = ?1 ORDER BY at DESC LIMIT ?2")?;
    let texts = statement.query_map((name, HEARD), |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let devices: Vec<LearnedKnowledge> = texts.iter().map(|text| read(text)).collect();
    let now = agreed(&devices);
    let Some(before) = list(work.connection)?.into_iter().find(|entry| entry.model.definition.name == name) else {
        return Ok(());
    };
    let is_changed = before.model.learned != now;
    let learned_at = before.learned_at.filter(|_| !is_changed).unwrap_or(at);
    let mut statement = work.connection.prepare_cached(
        "INSERT INTO model_knowledge (model, knowledge, devices, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (model) DO UPDATE SET
             knowledge = excluded.knowledge, devices = excluded.devices, at = excluded.at",
    )?;
    statement.execute((name, to_json(Kind::Model, name, &now)?, devices.len() as i64, learned_at.0))?;
    if is_changed {
        work.catalog_changed.set(true);
    }
    Ok(())
}

/// Puts the models of the file in the place of those before.
pub(super) fn apply(work: &Work<'_>, models: &[ModelDefinition]) -> Result<(), StoreError> {
    let before: Vec<ModelDefinition> = list(work.connection)?.into_iter().map(|entry| entry.model.definition).collect();
    if before == models {
        return Ok(());
    }
    for old in &before {
        let new = models.iter().find(|new| new.name == old.name);
        if new.is_none_or(|new| new.rules != old.rules) {
            unlearn(work, &old.name)?;
        }
        if new.is_none() {
            work.connection.prepare_cached("DELETE FROM models WHERE name = ?1")?.execute([&old.name])?;
        }
    }
    let mut statement = work.connection.prepare_cached(
        "INSERT INTO models (name, position, definition) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET position = excluded.position, definition = excluded.definition",
    )?;
    for (position, model) in (0_i64..).zip(models) {
        statement.execute((&model.name, position, to_json(Kind::Model, &model.name, model)?))?;
    }
    work.catalog_changed.set(true);
    Ok(())
}

/// Forgets what was learned of a model, for an operator.
pub(super) fn forget(work: &Work<'_>, stamp: Stamp, name: &str) -> Result<(), StoreError> {
    if !list(work.connection)?.iter().any(|entry| entry.model.definition.name == name) {
        return Err(StoreError::NotFound { kind: Kind::Model, key: Key::Name(name.to_owned()) });
    }
    unlearn(work, name)?;
    work.catalog_changed.set(true);
    audit::write_many(work.connection, stamp, Verb::Forget, Kind::Model, name)
}

/// What its devices have shown counts no more; what is known of each of them stays.
fn unlearn(work: &Work<'_>, name: &str) -> Result<(), StoreError> {
    work.connection.prepare_cached("DELETE FROM model_knowledge WHERE model = ?1")?.execute([name])?;
    work.connection.prepare_cached("UPDATE device_knowledge SET model = NULL WHERE model = ?1")?.execute([name])?;
    Ok(())
}
