//! Answers on the admin socket: HTTP/1.1 with JSON, `/v1`.
//!
//! | Module | What it is for |
//! |---|---|
//! | `socket` | [`AdminSocket`]: bound safely, mode 0660 |
//! | `connection` | [`serve`]: accepts, limits, and tells each request who asks |
//! | `definitions`, `stored` | servers, profiles and devices: list, show, create, change, delete |
//! | `credentials` | issued credentials: list, reveal, rotate; devices blocked by the batch |
//! | `pending` | unknown clients that wait to be approved |
//! | `observe` | sessions, status, audit trail, reload |
//! | `backup` | a copy of the live database |
//! | `explain` | what a device would receive |
//! | `input`, `merge` | a body as a definition; a change as a merge patch |
//! | `failure`, `convert` | errors as problem details; what the store says as types of the API |
//!
//! A definition is checked by `provision` before the store sees it, and durable before it is acknowledged. This room
//! knows no CoAP and no SQL.

mod backup;
mod connection;
mod convert;
mod credentials;
mod definitions;
mod explain;
mod failure;
mod input;
mod merge;
mod observe;
mod pending;
mod socket;
mod stored;

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{delete, get, post};
use tokio::sync::{mpsc, oneshot};

use self::failure::Failure;
use crate::admin::api::ReloadSummary;
use crate::driver;
use crate::provision::{DeviceDefinition, ProfileDefinition, ServerDefinition};
use crate::store::Store;

pub use connection::serve;
pub use socket::{AdminSocket, SocketError};

/// Asks for a reload; whoever receives it answers with what the reload did, or with the reason why the old file stays
/// in force, as sentences for the operator.
pub type ReloadRequest = oneshot::Sender<Result<ReloadSummary, String>>;

/// What the handlers work with. The daemon makes one and hands it to [`serve`].
pub struct Service {
    /// Where definitions and the audit trail are.
    pub store: Store,
    /// The way to the driver.
    pub driver: driver::Handle,
    /// The way to whoever reads the file again.
    pub reload: mpsc::Sender<ReloadRequest>,
    /// Version of the daemon.
    pub version: &'static str,
    /// When the daemon started, by the wall clock.
    pub started: SystemTime,
    /// The same moment for measuring the uptime.
    pub clock: Instant,
    /// Path of the TOML file; none where the daemon runs on an embedded one.
    pub config: Option<PathBuf>,
    /// Why the daemon is not all it should be; empty when all is well. The daemon writes it, `status` reads it.
    pub degraded: Arc<RwLock<Vec<String>>>,
}

type Shared = Arc<Service>;

/// All paths of `/v1`.
fn router(service: Shared) -> Router {
    use definitions::{change, create, delete as remove, devices, list, reveal, show};
    Router::new()
        .route("/v1/servers", get(list::<ServerDefinition>).post(create::<ServerDefinition>))
        .route(
            "/v1/servers/{key}",
            get(show::<ServerDefinition>).patch(change::<ServerDefinition>).delete(remove::<ServerDefinition>),
        )
        .route("/v1/servers/{key}/reveal", post(reveal::<ServerDefinition>))
        .route("/v1/profiles", get(list::<ProfileDefinition>).post(create::<ProfileDefinition>))
        .route(
            "/v1/profiles/{key}",
            get(show::<ProfileDefinition>).patch(change::<ProfileDefinition>).delete(remove::<ProfileDefinition>),
        )
        .route("/v1/profiles/{key}/reveal", post(reveal::<ProfileDefinition>))
        .route("/v1/devices", get(devices).post(create::<DeviceDefinition>))
        .route(
            "/v1/devices/{key}",
            get(show::<DeviceDefinition>).patch(change::<DeviceDefinition>).delete(remove::<DeviceDefinition>),
        )
        .route("/v1/devices/{key}/reveal", post(reveal::<DeviceDefinition>))
        .route("/v1/devices/{key}/rotate", post(credentials::rotate))
        .route("/v1/devices/{key}/credentials", get(credentials::list).post(credentials::reveal))
        .route("/v1/block", post(credentials::block))
        .route("/v1/unblock", post(credentials::unblock))
        .route("/v1/pending", get(pending::list))
        .route("/v1/pending/{endpoint}", delete(pending::reject))
        .route("/v1/pending/{endpoint}/approve", post(pending::approve))
        .route("/v1/devices/{key}/explain", get(explain::explain))
        .route("/v1/sessions", get(observe::sessions))
        .route("/v1/sessions/{id}", get(observe::session))
        .route("/v1/status", get(observe::status))
        .route("/v1/reload", post(observe::reload))
        .route("/v1/backup", get(backup::backup))
        .route("/v1/audit", get(observe::audit))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(service)
}

async fn no_such_path(uri: Uri) -> Failure {
    Failure::not_found(format!("there is no {}", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not know {method}", uri.path()))
}

#[cfg(test)]
pub(crate) mod tests;
