//! `/v1/models`, and what is known of clients: shown with a device or a model, and forgotten.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;

use super::Shared;
use super::connection::PeerUid;
use super::convert::timestamp;
use super::definitions::stamp;
use super::failure::Failure;
use super::stored::Stored;
use crate::admin::api::{Knowledge, KnownFact, KnownFrom, List, Model};
use crate::provision::knowledge::{Fact, builtin};
use crate::provision::{self, ClientKnowledge, DeviceDefinition, Inheritance, LearnedKnowledge, Models};
use crate::store::{ModelEntry, Reader, StoreError};

pub async fn list(State(service): State<Shared>) -> Result<Json<List<Model>>, Failure> {
    let entries = service.store.read(Reader::models).await?;
    Ok(Json(List::complete(entries.into_iter().map(shown).collect())))
}

pub async fn show(
    State(service): State<Shared>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Model>, Failure> {
    let name = name?.0;
    let entries = service.store.read(Reader::models).await?;
    let found = entries.into_iter().find(|entry| entry.model.definition.name == name);
    found.map(|entry| Json(shown(entry))).ok_or_else(|| Failure::not_found(format!("there is no model `{name}`")))
}

/// What its devices have shown so far counts for the model no more.
pub async fn forget_model(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    name: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let stamp = stamp(peer);
    service.store.forget_model(stamp.actor, stamp.at, name?.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a device has shown so far is known no more.
pub async fn forget_device(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    segment: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let (stamp, endpoint) = (stamp(peer), segment?.0);
    // What the driver has not written yet would come back.
    service.driver.forget(endpoint.clone()).await;
    service.store.forget_device(stamp.actor, stamp.at, DeviceDefinition::key_of(&endpoint)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is known of the client of a device; none where nothing is, and it has no model.
///
/// # Errors
/// Those of reading.
pub fn of_device(reader: &mut Reader, device: &DeviceDefinition) -> Result<Option<Knowledge>, StoreError> {
    let known = reader.known(&device.endpoint)?;
    let models = Models::new(reader.models()?.into_iter().map(|entry| entry.model));
    let model = models.of(device);
    if known.is_none() && model.is_none() {
        return Ok(None);
    }
    let (learned, at) = known.map(|known| (known.learned, timestamp(known.at))).unzip();
    let start = Inheritance {
        device: learned.unwrap_or_default(),
        kind: model.map(provision::Model::known).unwrap_or_default(),
        model: model.map(|model| model.definition.name.clone()),
    };
    let together = start.together();
    let facts = facts(&together, &start.device, model);
    let client = model.and_then(|model| model.definition.client.clone());
    Ok(Some(Knowledge { model: start.model, client, learned: at, together, facts }))
}

fn facts(together: &ClientKnowledge, device: &LearnedKnowledge, model: Option<&provision::Model>) -> Vec<KnownFact> {
    let own = device.shown.facts();
    let (learned, stated) = model.map(|model| (model.learned.facts(), model.stated().facts())).unwrap_or_default();
    let from = |fact: &Fact| match fact {
        fact if own.contains(fact) => KnownFrom::Device,
        fact if learned.contains(fact) => KnownFrom::Model,
        fact if stated.contains(fact) => KnownFrom::Client,
        _ => KnownFrom::Earlier,
    };
    together.facts().iter().map(|fact| KnownFact { fact: fact.to_string(), from: from(fact) }).collect()
}

fn shown(entry: ModelEntry) -> Model {
    let ModelEntry { model, devices, learned_at } = entry;
    let together = model.known();
    let facts = facts(&together, &LearnedKnowledge::default(), Some(&model));
    let provision::ModelDefinition { name, rules, client } = model.definition;
    let note = client.as_deref().and_then(builtin).map(|client| client.note.to_owned());
    Model { name, rules, client, note, devices, learned: learned_at.map(timestamp), together, facts }
}
