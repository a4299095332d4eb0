//! Answers on the admin socket: HTTP/1.1 with JSON, `/v1`.
//!
//! | Module | What it is for |
//! |---|---|
//! | `socket` | [`AdminSocket`]: bound safely, mode 0660 |
//! | `connection` | [`serve`]: accepts, limits, and tells each request who asks |
//! | `definitions`, `stored` | servers, profiles and devices: list, show, create, change, delete |
//! | `bulk`, `export`, `table` | many definitions at once: import and apply, export; devices as CSV |
//! | `slots` | how many of these at a time |
//! | `credentials` | issued credentials: list, reveal, rotate; devices blocked by the batch |
//! | `knowledge` | models, and what is known of clients |
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
mod bulk;
mod connection;
mod convert;
mod credentials;
mod definitions;
mod explain;
mod export;
mod failure;
mod input;
mod knowledge;
mod merge;
mod observe;
mod pending;
mod slots;
mod socket;
mod stored;
mod table;

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{MethodFilter, MethodRouter, get, on};
use tokio::sync::{mpsc, oneshot};

use self::failure::Failure;
use crate::admin::api::ReloadSummary;
use crate::driver;
use crate::provision::{DeviceDefinition, ProfileDefinition, ServerDefinition};
use crate::store::Store;

pub use connection::serve;
pub use explain::explain_device;
pub use slots::Slots;
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
    /// Places for requests that take long.
    pub slots: Slots,
}

type Shared = Arc<Service>;

/// Which routes a socket has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All of them.
    Full,
    /// Those that only look, and show no secret.
    ReadOnly,
}

/// A way into the API.
struct Route {
    method: Method,
    path: &'static str,
    /// What a socket must give for it.
    needs: Access,
    handler: MethodRouter<Shared>,
}

/// A route that changes nothing and shows no secret: every socket has it.
fn reading<T: 'static>(path: &'static str, handler: impl Handler<T, Shared>) -> Route {
    Route { method: Method::GET, path, needs: Access::ReadOnly, handler: get(handler) }
}

/// A route that changes something, or shows secrets.
fn changing<T: 'static>(method: Method, path: &'static str, handler: impl Handler<T, Shared>) -> Route {
    let handler = on(filter(&method), handler);
    Route { method, path, needs: Access::Full, handler }
}

fn filter(method: &Method) -> MethodFilter {
    // Every method of the table has one.
    MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::POST)
}

/// Every route of `/v1`.
fn routes() -> Vec<Route> {
    use bulk::{apply, import_devices};
    use definitions::{change, create, delete, dependents, devices, list, reveal, show};
    use export::{export_devices, export_fleet, reveal_devices, reveal_fleet};
    vec![
        reading("/v1/servers", list::<ServerDefinition>),
        changing(Method::POST, "/v1/servers", create::<ServerDefinition>),
        reading("/v1/servers/{key}", show::<ServerDefinition>),
        changing(Method::PATCH, "/v1/servers/{key}", change::<ServerDefinition>),
        changing(Method::DELETE, "/v1/servers/{key}", delete::<ServerDefinition>),
        changing(Method::POST, "/v1/servers/{key}/reveal", reveal::<ServerDefinition>),
        reading("/v1/servers/{key}/dependents", dependents::<ServerDefinition>),
        reading("/v1/profiles", list::<ProfileDefinition>),
        changing(Method::POST, "/v1/profiles", create::<ProfileDefinition>),
        reading("/v1/profiles/{key}", show::<ProfileDefinition>),
        changing(Method::PATCH, "/v1/profiles/{key}", change::<ProfileDefinition>),
        changing(Method::DELETE, "/v1/profiles/{key}", delete::<ProfileDefinition>),
        changing(Method::POST, "/v1/profiles/{key}/reveal", reveal::<ProfileDefinition>),
        reading("/v1/profiles/{key}/dependents", dependents::<ProfileDefinition>),
        reading("/v1/devices", devices),
        changing(Method::POST, "/v1/devices", create::<DeviceDefinition>),
        reading("/v1/devices/{key}", show::<DeviceDefinition>),
        changing(Method::PATCH, "/v1/devices/{key}", change::<DeviceDefinition>),
        changing(Method::DELETE, "/v1/devices/{key}", delete::<DeviceDefinition>),
        changing(Method::POST, "/v1/devices/{key}/reveal", reveal::<DeviceDefinition>),
        changing(Method::POST, "/v1/devices/{key}/rotate", credentials::rotate),
        reading("/v1/devices/{key}/credentials", credentials::list),
        changing(Method::POST, "/v1/devices/{key}/credentials", credentials::reveal),
        reading("/v1/devices/{key}/explain", explain::explain),
        changing(Method::POST, "/v1/devices/{key}/forget", knowledge::forget_device),
        reading("/v1/models", knowledge::list),
        reading("/v1/models/{key}", knowledge::show),
        changing(Method::POST, "/v1/models/{key}/forget", knowledge::forget_model),
        changing(Method::POST, "/v1/block", credentials::block),
        changing(Method::POST, "/v1/unblock", credentials::unblock),
        reading("/v1/pending", pending::list),
        changing(Method::DELETE, "/v1/pending/{endpoint}", pending::reject),
        changing(Method::POST, "/v1/pending/{endpoint}/approve", pending::approve),
        // Not below `devices`, where any word may be an endpoint name.
        changing(Method::POST, "/v1/import/devices", import_devices),
        reading("/v1/export/devices", export_devices),
        changing(Method::POST, "/v1/export/devices", reveal_devices),
        reading("/v1/export", export_fleet),
        changing(Method::POST, "/v1/export", reveal_fleet),
        changing(Method::POST, "/v1/apply", apply),
        reading("/v1/sessions", observe::sessions),
        reading("/v1/sessions/{id}", observe::session),
        reading("/v1/status", observe::status),
        changing(Method::POST, "/v1/reload", observe::reload),
        // It shows no secret in clear, and yet all of them, sealed.
        changing(Method::GET, "/v1/backup", backup::backup),
        reading("/v1/audit", observe::audit),
    ]
}

/// The routes that a socket with this access has; in the place of each of the others stands a refusal.
fn router(service: Shared, access: Access) -> Router {
    let mut router = Router::new();
    for Route { method, path, needs, handler } in routes() {
        let is_there = access == Access::Full || needs == Access::ReadOnly;
        router = router.route(path, if is_there { handler } else { on(filter(&method), only_reading) });
    }
    router.fallback(no_such_path).method_not_allowed_fallback(no_such_method).with_state(service)
}

async fn only_reading() -> Failure {
    Failure::new(StatusCode::FORBIDDEN, "this socket is read-only: use the full one for changes and secrets")
}

async fn no_such_path(uri: Uri) -> Failure {
    Failure::not_found(format!("there is no {}", uri.path()))
}

async fn no_such_method(method: Method, uri: Uri) -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not know {method}", uri.path()))
}

#[cfg(test)]
pub(crate) mod tests;
