//! What only looks, and the reload: `/v1/sessions`, `/v1/status`, `/v1/audit`, `/v1/reload`.

use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::failure::Failure;
use super::{Service, Shared, convert};
use crate::admin::api::{
    Admission, AuditLine, Definitions, Listener, ListenerDtls, LoopingDevice, OutcomeCount, ReloadSummary,
    ServerCertificate, Timestamp,
};
use crate::admin::api::{List, Session, SessionListener, SessionSummary, Status};
use crate::driver;

/// Sessions or audit lines where the request does not say how many.
const DEFAULT_LIMIT: usize = 100;
/// Sessions or audit lines at most.
const MAXIMUM_LIMIT: usize = 10_000;
/// Days before the end of a certificate from which on it is warned about.
const EXPIRY_NOTICE: i64 = 30;
/// A file with a hundred thousand devices takes a while to seal.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(100);

/// Query of `/v1/sessions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsQuery {
    endpoint: Option<String>,
    search: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    running: bool,
}

/// Query of `/v1/audit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    limit: Option<usize>,
}

pub async fn sessions(
    State(service): State<Shared>,
    query: Result<Query<SessionsQuery>, QueryRejection>,
) -> Result<Json<List<SessionSummary>>, Failure> {
    let Query(query) = query?;
    let query = driver::SessionQuery {
        endpoint: query.endpoint,
        search: query.search,
        limit: query.limit.unwrap_or(DEFAULT_LIMIT).min(MAXIMUM_LIMIT),
        running_only: query.running,
    };
    let records = service.driver.sessions(query).await;
    let summaries = records.into_iter().map(|record| session_of(record).summary).collect();
    Ok(Json(List::complete(summaries)))
}

pub async fn session(
    State(service): State<Shared>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Json<Session>, Failure> {
    let Path(id) = id?;
    let record = service.driver.session(id).await;
    let missing = || Failure::not_found(format!("session {id} is not known (any more)"));
    record.map(|record| Json(session_of(record))).ok_or_else(missing)
}

pub async fn status(State(service): State<Shared>) -> Result<Json<Status>, Failure> {
    let driver = service.driver.status().await;
    let (counts, dangling) = service.store.read(|reader| Ok((reader.counts()?, reader.dangling()?))).await?;
    let mut degraded = service.degraded.read().unwrap_or_else(PoisonError::into_inner).clone();
    degraded.extend(dangling.iter().map(|reference| format!("{reference}.")));
    degraded.extend(driver.degraded);
    let outcomes = driver.outcomes.into_iter().filter(|(_, count)| *count > 0);
    let listeners: Vec<Listener> = driver.listeners.into_iter().map(listener).collect();
    degraded.extend(listeners.iter().filter_map(expiry));
    Ok(Json(Status {
        version: service.version.to_owned(),
        config: service.config.as_ref().map(|path| path.display().to_string()),
        started: Timestamp::at(service.started),
        uptime_s: service.clock.elapsed().as_secs(),
        degraded,
        listeners,
        definitions: Definitions {
            servers: counts.servers,
            profiles: counts.profiles,
            devices: counts.devices,
            shadowed: counts.shadowed,
        },
        running_sessions: driver.running_sessions,
        associations: driver.associations,
        handshakes_completed: driver.handshakes_completed,
        handshakes_failed: driver.handshakes_failed,
        admission: admission_of(driver.admission),
        draining: driver.draining,
        outcomes: outcomes.map(|(outcome, count)| OutcomeCount { outcome, count }).collect(),
        datagrams_in: driver.datagrams_in,
        datagrams_out: driver.datagrams_out,
        drops: driver.drops.into_iter().collect(),
    }))
}

fn listener(status: driver::ListenerStatus) -> Listener {
    let certificate = status.certificate.map(|shown| ServerCertificate {
        subject: shown.subject,
        not_after: Timestamp::at(shown.not_after),
        days_left: days_until(shown.not_after, SystemTime::now()),
    });
    let name = status.name;
    Listener {
        address: name.address.to_string(),
        transport: name.transport().to_owned(),
        security: name.security().to_owned(),
        certificate,
        dtls: status.dtls.map(dtls),
    }
}

fn dtls(status: driver::DtlsStatus) -> ListenerDtls {
    let driver::DtlsStatus { settings, raw_public_keys, statistics } = status;
    ListenerDtls {
        engine: settings.engine.to_string(),
        connection_ids: settings.connection_ids,
        require_extended_master_secret: settings.require_extended_master_secret,
        raw_public_keys,
        dtls_timeout: settings.initial_timeout.as_secs_f64(),
        associations: statistics.associations,
        handshakes: statistics.handshakes,
        handshakes_completed: statistics.handshakes_completed,
        handshakes_failed: statistics.handshakes_failed,
        evicted: statistics.evicted,
        datagrams_dropped: statistics.datagrams_dropped,
        withheld: statistics.withheld,
    }
}

/// Whole days from `now` to `end`, rounded down: on the last day 0, and then negative.
fn days_until(end: SystemTime, now: SystemTime) -> i64 {
    const DAY: u64 = 24 * 60 * 60;
    let days = |duration: Duration| i64::try_from(duration.as_secs() / DAY).unwrap_or(i64::MAX);
    match end.duration_since(now) {
        Ok(left) => days(left),
        Err(since) => -days(since.duration()) - 1,
    }
}

/// What is to be said of a certificate that will soon be good no more: there is no way to tell clients of another one
/// once it is not.
fn expiry(listener: &Listener) -> Option<String> {
    let certificate = listener.certificate.as_ref().filter(|certificate| certificate.days_left < EXPIRY_NOTICE)?;
    let ServerCertificate { subject, not_after, days_left } = certificate;
    let (address, end) = (&listener.address, not_after.whole_seconds());
    Some(match days_left {
        ..0 => format!("The certificate `{subject}` of the listener {address} expired at {end}: renew it and reload."),
        0 => format!(
            "The certificate `{subject}` of the listener {address} expires today, at {end}: renew it and reload."
        ),
        days => format!(
            "The certificate `{subject}` of the listener {address} expires in {days} days, at {end}: renew it and reload."
        ),
    })
}

fn admission_of(admission: driver::AdmissionStatus) -> Admission {
    let worst = admission.worst.into_iter().map(|device| LoopingDevice {
        endpoint: device.endpoint,
        remote: device.remote.to_string(),
        sessions: device.sessions,
        since: Timestamp::at(device.since),
        last: Timestamp::at(device.last),
        silence_s: device.silence.as_secs(),
        ignored: device.ignored,
    });
    Admission {
        waiting: admission.waiting,
        queued: admission.queued,
        dropped_from_queue: admission.dropped_from_queue,
        slowed_down: admission.slowed_down,
        looping: admission.looping,
        worst: worst.collect(),
    }
}

pub async fn reload(State(service): State<Shared>) -> Result<Json<ReloadSummary>, Failure> {
    let gone = || Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping");
    match tokio::time::timeout(RELOAD_TIMEOUT, ask_for_reload(&service)).await {
        Err(_) => Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the reload is still going on; see `status`")),
        Ok(None) => Err(gone()),
        Ok(Some(Ok(summary))) => Ok(Json(summary)),
        Ok(Some(Err(refusal))) => Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("the old configuration stays in force: {refusal}"),
        )),
    }
}

/// None where the daemon no longer takes requests.
async fn ask_for_reload(service: &Service) -> Option<Result<ReloadSummary, String>> {
    let (answer, summary) = oneshot::channel();
    service.reload.send(answer).await.ok()?;
    summary.await.ok()
}

pub async fn audit(
    State(service): State<Shared>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<List<AuditLine>>, Failure> {
    let Query(query) = query?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(MAXIMUM_LIMIT);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let lines = service.store.read(move |reader| reader.audit(limit, None)).await?;
    Ok(Json(List::complete(lines.into_iter().map(convert::audit_line).collect())))
}

fn session_of(record: driver::SessionRecord) -> Session {
    let name = record.listener;
    let listener = SessionListener {
        address: name.address.to_string(),
        transport: name.transport().to_owned(),
        security: name.security().to_owned(),
        engine: name.engine.map(|engine| engine.to_string()),
    };
    Session::of(record.started, record.running, listener, record.report)
}
