//! `/v1/pending`: unknown clients that wait to be approved or rejected.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{Request, StatusCode};

use super::connection::PeerUid;
use super::credentials::body;
use super::definitions::{checked, stamp};
use super::failure::Failure;
use super::stored::Stored;
use super::{Shared, input};
use crate::admin::api::{Approval, Entry, HeldClient, List, Timestamp};
use crate::provision::DeviceDefinition;

pub async fn list(State(service): State<Shared>) -> Json<List<HeldClient>> {
    let held = service.driver.held().await.into_iter().map(|client| HeldClient {
        endpoint: client.endpoint,
        verified: client.is_verified,
        listener: client.listener.to_string(),
        remote: client.remote,
        first_seen: Timestamp::at(client.first_seen),
        last_seen: Timestamp::at(client.last_seen),
        requests: client.requests,
    });
    Json(List::complete(held.collect()))
}

pub async fn approve(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    segment: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Entry<DeviceDefinition>>), Failure> {
    let endpoint = segment?.0;
    let Approval { profile, tags, properties } = body(input::object(request, &[input::JSON]).await?)?;
    let held = service.driver.held().await;
    let client = held.iter().find(|client| client.endpoint == endpoint).ok_or_else(|| does_not_wait(&endpoint))?;
    let definition = DeviceDefinition {
        endpoint: endpoint.clone(),
        certificate_name: client.is_verified.then(|| endpoint.clone()),
        profile,
        tags,
        properties,
        ..DeviceDefinition::default()
    };
    let others = service.store.read(|reader| reader.catalog()).await?;
    let stamp = stamp(peer);
    let warnings = checked(&definition, &others, stamp.at)?;
    let mut entry = definition.add(&service.store, stamp).await?;
    entry.warnings = warnings;
    // It may have come again in between, found itself on record and gone already.
    service.driver.release(endpoint).await;
    Ok((StatusCode::CREATED, Json(entry)))
}

pub async fn reject(
    State(service): State<Shared>,
    segment: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let endpoint = segment?.0;
    match service.driver.release(endpoint.clone()).await {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(does_not_wait(&endpoint)),
    }
}

fn does_not_wait(endpoint: &str) -> Failure {
    Failure::not_found(format!("no unknown client `{}` waits to be approved", endpoint.escape_debug()))
}
