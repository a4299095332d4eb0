//! `/v1/servers`, `/v1/profiles`, `/v1/devices`: list, show, create, change, delete.
//!
//! The same handlers for every kind; what differs is in `stored`.

use std::time::SystemTime;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::connection::PeerUid;
use super::failure::Failure;
use super::stored::{Listed, Stamp, Stored};
use super::{Service, Shared, convert, input, merge};
use crate::admin::api::{Dependents, Entry, FieldProblem, List, Origin, Resource, Revealed, path_of};
use crate::provision::{DeviceDefinition, DeviceState};
use crate::store::{self, Actor, CatalogRows, DeviceOrder, DeviceQuery, UnixMillis};

/// Devices on a page where the request does not say.
const DEFAULT_PAGE: u32 = 100;
/// Devices on a page at most.
const MAXIMUM_PAGE: u32 = 10_000;

/// Query of `/v1/servers` and `/v1/profiles`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    search: Option<String>,
}

/// Query of a deletion.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteQuery {
    cascade: bool,
    expect: Option<u64>,
}

/// Query of `/v1/devices`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DevicesQuery {
    search: Option<String>,
    profile: Option<String>,
    tag: Option<String>,
    state: Option<DeviceState>,
    origin: Option<Origin>,
    last_outcome: Option<String>,
    property: Option<String>,
    sort: Option<String>,
    descending: bool,
    after: Option<String>,
    limit: Option<u32>,
}

impl DevicesQuery {
    /// As the store takes it.
    pub(super) fn read(self) -> Result<DeviceQuery, Failure> {
        let refuse = |detail: String| Failure::new(StatusCode::BAD_REQUEST, detail);
        let order = match &self.sort {
            None => DeviceOrder::default(),
            Some(name) => DeviceOrder::ALL.into_iter().find(|order| order.name() == name).ok_or_else(|| {
                let known = DeviceOrder::ALL.map(DeviceOrder::name).join(", ");
                refuse(format!("devices cannot be sorted by `{name}`: say one of {known}"))
            })?,
        };
        let last_outcome = match self.last_outcome {
            None => None,
            Some(name) => Some(name.parse().map_err(|_| refuse(format!("no session ends with `{name}`")))?),
        };
        let properties = match self.property {
            None => Vec::new(),
            Some(text) => match text.split_once('=') {
                Some((name, value)) => vec![(name.to_owned(), value.to_owned())],
                None => return Err(refuse("`property` must be NAME=VALUE".to_owned())),
            },
        };
        Ok(DeviceQuery {
            after: self.after,
            limit: self.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAXIMUM_PAGE),
            search: self.search,
            profile: self.profile,
            tag: self.tag,
            state: self.state,
            origin: self.origin.map(|origin| match origin {
                Origin::File => store::Origin::File,
                Origin::Database => store::Origin::Database,
            }),
            last_outcome,
            properties,
            order,
            descending: self.descending,
        })
    }
}

pub async fn list<D: Listed>(
    State(service): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<List<Entry<D>>>, Failure> {
    let Query(ListQuery { search }) = query?;
    let mut entries = service.store.read(D::all).await?;
    if let Some(text) = search {
        entries.retain(|entry| entry.definition().searched().any(|searched| searched.contains(&text)));
    }
    Ok(Json(List::complete(entries)))
}

pub async fn devices(
    State(service): State<Shared>,
    query: Result<Query<DevicesQuery>, QueryRejection>,
) -> Result<Json<List<Entry<DeviceDefinition>>>, Failure> {
    let query = query?.0.read()?;
    let page = service.store.read(move |reader| reader.devices(&query)).await?;
    let items = page.devices.into_iter().map(convert::device).collect();
    Ok(Json(List { items, total: page.total, next: page.next }))
}

pub async fn show<D: Stored>(
    State(service): State<Shared>,
    segment: Result<Path<String>, PathRejection>,
) -> Result<Json<Entry<D>>, Failure> {
    let key = D::key_of(&segment?.0);
    Ok(Json(service.store.read(move |reader| D::show(reader, &key)).await?))
}

/// A definition with its secrets; the audit line is durable before the answer.
pub async fn reveal<D: Stored>(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    segment: Result<Path<String>, PathRejection>,
) -> Result<Json<Revealed<D>>, Failure> {
    Ok(Json(D::reveal(&service.store, stamp(peer), D::key_of(&segment?.0)).await?))
}

pub async fn create<D: Stored>(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    request: Request<Body>,
) -> Result<Response, Failure> {
    let definition = input::definition::<D>(input::object(request, &[input::JSON]).await?)?;
    let others = service.store.read(|reader| reader.catalog()).await?;
    let stamp = stamp(peer);
    let warnings = checked(&definition, &others, stamp.at)?;
    let mut entry = definition.add(&service.store, stamp).await?;
    entry.warnings = warnings;
    let location = path_of::<D>(entry.definition().key());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(entry)).into_response())
}

pub async fn change<D: Stored>(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    segment: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Result<Json<Entry<D>>, Failure> {
    let key = D::key_of(&segment?.0);
    let patch = input::object(request, &[input::MERGE_PATCH, input::JSON]).await?;
    let others = service.store.read(|reader| reader.catalog()).await?;
    // The change happens inside the store's transaction, so that of two at once neither is lost. The warnings come out
    // of it by a cell of their own, since the store hands back nothing but the entry.
    let stamp = stamp(peer);
    let (report, warnings) = std::sync::mpsc::channel();
    let patched = move |current: &D| {
        let definition = patched(current, patch)?;
        // Nobody who gave up waiting wants them.
        let _ = report.send(checked(&definition, &others, stamp.at)?);
        Ok(definition)
    };
    let mut entry = D::update(&service.store, stamp, key, patched).await?;
    entry.warnings = warnings.try_recv().unwrap_or_default();
    Ok(Json(entry))
}

/// Deletes one; with what depends on it, where `cascade` says so and `expect` how many entries that are.
pub async fn delete<D: Stored>(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    segment: Result<Path<String>, PathRejection>,
    query: Result<Query<DeleteQuery>, QueryRejection>,
) -> Result<StatusCode, Failure> {
    let Query(DeleteQuery { cascade, expect }) = query?;
    let (service, key): (&Service, _) = (&service, D::key_of(&segment?.0));
    match (cascade, expect) {
        (false, None) => D::delete(&service.store, stamp(peer), key).await?,
        (true, Some(expected)) => D::delete_cascading(&service.store, stamp(peer), key, expected).await?,
        _ => {
            let detail = "`cascade=true` and `expect=`, the number of entries that may go with it, belong together";
            return Err(Failure::new(StatusCode::BAD_REQUEST, detail));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

pub async fn dependents<D: Listed>(
    State(service): State<Shared>,
    segment: Result<Path<String>, PathRejection>,
) -> Result<Json<Dependents>, Failure> {
    let key = D::key_of(&segment?.0);
    let hanging = service.store.read(move |reader| D::hanging(reader, &key)).await?;
    Ok(Json(Dependents {
        profiles: hanging.profiles,
        devices: hanging.devices,
        first_devices: hanging.first_devices,
        unnamed_devices: hanging.unnamed,
        of_file: hanging.of_file,
    }))
}

/// What a merge patch makes of a definition. Secrets go round the patch: they are kept, replaced or removed, and those
/// that are kept never become JSON.
fn patched<D: Resource>(current: &D, mut patch: Map<String, Value>) -> Result<D, Failure> {
    let mut clear = current.clone();
    let mut kept = clear.take_secrets();
    let mut new_secrets = Map::new();
    for field in D::SECRET_FIELDS {
        if let Some(secret) = patch.remove(*field) {
            kept.remove_field(field);
            new_secrets.insert((*field).to_owned(), secret);
        }
    }
    let unreadable = |_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the definition cannot be written as JSON");
    let mut fields = serde_json::to_value(clear).map_err(unreadable)?;
    merge::apply(&mut fields, Value::Object(patch));
    let Value::Object(mut fields) = fields else {
        return Err(Failure::new(StatusCode::BAD_REQUEST, "the patch must be a JSON object"));
    };
    fields.extend(new_secrets);
    let mut definition = input::definition::<D>(fields)?;
    definition.keep_secrets(kept);
    Ok(definition)
}

/// Refuses a definition in which the checks find mistakes at `at`; what is only worth a look comes back.
pub(super) fn checked<D: Stored>(
    definition: &D,
    others: &CatalogRows,
    at: UnixMillis,
) -> Result<Vec<FieldProblem>, Failure> {
    let mut problems = definition.check(at);
    problems.extend(definition.check_among(others));
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.is_error());
    if errors.is_empty() {
        Ok(warnings.into_iter().map(convert::field_problem).collect())
    } else {
        Err(Failure::invalid(errors.into_iter().map(convert::field_problem).collect()))
    }
}

pub(super) fn stamp(PeerUid(uid): PeerUid) -> Stamp {
    Stamp { actor: Actor::admin_socket(uid), at: UnixMillis::from(SystemTime::now()) }
}
