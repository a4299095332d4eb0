//! `/v1/devices/{key}/credentials` and `rotate`: issued credentials; `/v1/block` and `unblock`: devices by the batch.
//!
//! `GET` lists states and times. `POST` on the same path also shows what was issued, and leaves an audit line first.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{Request, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::connection::PeerUid;
use super::convert::timestamp;
use super::definitions::stamp;
use super::failure::Failure;
use super::stored::Stored;
use super::{Shared, input};
use crate::admin::api::{BatchChanged, CredentialState, Credentials, IssuedEntry, StateChange};
use crate::provision::{AccountKey, DeviceDefinition, DeviceState, IssuedValues, SecretText};
use crate::store::{self, DeviceCredentials, IssuedRecord, Key, UnixMillis};

/// Bytes of a batch: some hundred thousand endpoint names.
const BATCH_LIMIT: usize = 16 << 20;

pub async fn list(
    State(service): State<Shared>,
    segment: Result<Path<String>, PathRejection>,
) -> Result<Json<Credentials>, Failure> {
    let key = device_key(segment)?;
    let found = service.store.read(move |reader| reader.credentials(&key)).await?;
    Ok(Json(credentials(found, |_| Values::default())))
}

pub async fn reveal(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    segment: Result<Path<String>, PathRejection>,
) -> Result<Json<Credentials>, Failure> {
    let stamp = stamp(peer);
    let found = service.store.reveal_credentials(stamp.actor, stamp.at, device_key(segment)?).await?;
    Ok(Json(credentials(found, values)))
}

pub async fn rotate(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    segment: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let stamp = stamp(peer);
    service.store.request_rotation(stamp.actor, stamp.at, device_key(segment)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn block(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    request: Request<Body>,
) -> Result<Json<BatchChanged>, Failure> {
    set_states(&service, peer, request, DeviceState::Blocked).await
}

pub async fn unblock(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    request: Request<Body>,
) -> Result<Json<BatchChanged>, Failure> {
    set_states(&service, peer, request, DeviceState::Enabled).await
}

async fn set_states(
    service: &Shared,
    peer: PeerUid,
    request: Request<Body>,
    state: DeviceState,
) -> Result<Json<BatchChanged>, Failure> {
    let StateChange { endpoints, reason } = body(input::object_within(request, &[input::JSON], BATCH_LIMIT).await?)?;
    let stamp = stamp(peer);
    let changed = service.store.set_states(stamp.actor, stamp.at, endpoints, state, reason).await?;
    Ok(Json(BatchChanged { changed: changed.changed, unchanged: changed.unchanged }))
}

/// Reads a body that is no definition, and holds no secret.
pub(super) fn body<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the body cannot be read: {error}")))
}

fn device_key(segment: Result<Path<String>, PathRejection>) -> Result<Key, Failure> {
    Ok(DeviceDefinition::key_of(&segment?.0))
}

/// What is shown of the values of a record.
#[derive(Default)]
struct Values {
    psk_identity: Option<SecretText>,
    psk: Option<SecretText>,
    psk_text: Option<SecretText>,
    uri: Option<SecretText>,
}

fn credentials(found: DeviceCredentials, values: impl Fn(&IssuedValues) -> Values) -> Credentials {
    Credentials {
        endpoint: found.endpoint,
        rotation_requested: found.rotation_requested.map(|time| timestamp(UnixMillis(time))),
        items: found.records.iter().map(|record| entry(record, values(&record.credentials.values))).collect(),
    }
}

fn entry(record: &IssuedRecord, values: Values) -> IssuedEntry {
    let IssuedRecord { state, credentials } = record;
    let drawn = &credentials.values;
    let fields = [("psk_identity", &drawn.psk_identity), ("psk", &drawn.psk), ("uri", &drawn.uri)];
    let Values { psk_identity, psk, psk_text, uri } = values;
    IssuedEntry {
        server: credentials.server.clone(),
        state: match state {
            store::CredentialState::Current => CredentialState::Current,
            store::CredentialState::Pending => CredentialState::Pending,
            store::CredentialState::Previous => CredentialState::Previous,
        },
        issued: timestamp(UnixMillis(credentials.issued)),
        confirmed: credentials.confirmed.map(|time| timestamp(UnixMillis(time))),
        fields: fields.into_iter().filter(|(_, made)| made.is_some()).map(|(name, _)| name.to_owned()).collect(),
        psk_identity,
        psk,
        psk_text,
        uri,
    }
}

fn values(drawn: &IssuedValues) -> Values {
    let value = |made: &Option<crate::provision::issued::Made>| made.as_ref().map(|made| made.value.clone());
    let key =
        drawn.psk.as_ref().and_then(|made| AccountKey::parse(made.from.expose()).ok()?.read(made.value.expose()).ok());
    let hex = |bytes: &[u8]| SecretText::new(format!("hex:{}", data_encoding::HEXLOWER.encode(bytes)));
    let text = |bytes: &[u8]| {
        let is_printable = bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
        is_printable.then(|| SecretText::new(format!("text:{}", String::from_utf8_lossy(bytes))))
    };
    Values {
        psk_identity: value(&drawn.psk_identity),
        psk: key.as_ref().map(|key| hex(key.expose())),
        psk_text: key.as_ref().and_then(|key| text(key.expose())),
        uri: value(&drawn.uri),
    }
}
