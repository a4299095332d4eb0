//! Many definitions at once: `/v1/import/devices`, `/v1/export/devices`, `/v1/apply`, `/v1/export`.
//!
//! A table of devices is read while it arrives and written while its progress is told; an export goes out while it is
//! read. Neither is ever in memory as a whole text.

use std::io;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::connection::PeerUid;
use super::definitions::{DevicesQuery, stamp};
use super::failure::Failure;
use super::table::{self, Rows, TableError};
use super::{Shared, input};
use crate::admin::api::{
    CSV_MEDIA_TYPE, FieldProblem, Fleet, FleetChange, FleetSummary, ImportLine, ImportSummary, LINES_MEDIA_TYPE,
    Resource,
};
use crate::provision::HoldsSecrets;
use crate::store::{
    self, Apply, DeviceQuery, FileDefinitions, FleetError, FleetVerb, Import, ImportError, Kind, Origin, RowProblems,
    StoreError,
};

/// Bytes of a table: some two million devices.
const TABLE_LIMIT: usize = 256 << 20;
/// Bytes of a fleet as JSON.
pub const FLEET_LIMIT: usize = 64 << 20;
/// How long the next part of a table may take to arrive.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an export that go out at once.
const CHUNK: usize = 64 << 10;
/// Chunks that wait to be read or sent.
const WAITING: usize = 16;

/// Query of `/v1/import/devices`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImportQuery {
    dry_run: bool,
    update: bool,
}

/// Query of `/v1/apply`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApplyQuery {
    dry_run: bool,
    prune: bool,
    deletions: Option<u64>,
}

/// Takes a table and answers with [`ImportLine`]s.
pub async fn import_devices(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    query: Result<Query<ImportQuery>, QueryRejection>,
    request: Request<Body>,
) -> Result<Response, Failure> {
    let Query(ImportQuery { dry_run, update }) = query?;
    input::media_type(&request, &[CSV_MEDIA_TYPE])?;
    let Rows { rows, lines } = receive(request.into_body()).await?;
    let of = rows.len() as u64;
    let (told, mut written) = mpsc::unbounded_channel();
    let stamp = stamp(peer);
    let progress = move |rows| {
        // Whoever asked may have gone away; what was begun is done all the same.
        let _ = told.send(rows);
    };
    let mut done = service.store.import_devices(stamp.actor, stamp.at, rows, Import { update, dry_run }, progress);
    let line = |result: Result<store::Imported, ImportError>| match result {
        Ok(store::Imported { added, changed, unchanged }) => {
            Ok(ImportLine::Imported(ImportSummary { added, changed, unchanged, dry_run }))
        }
        Err(ImportError::Rows(problems)) => Err(refuse_rows(problems, &lines)),
        Err(ImportError::Store(error)) => Err(error.into()),
    };
    // Rows are refused before the first is written: until then the status is still to be said.
    let first = tokio::select! {
        result = &mut done => return Ok(lines_of(Body::from(text(&line(result)?)))),
        first = written.recv() => first,
    };
    let (mut sender, body) = Channel::<Bytes>::new(WAITING);
    let progress = move |written| text(&ImportLine::Progress { written, of });
    let begun = first.map(progress).unwrap_or_default();
    let finished = tokio::spawn(async move {
        let _ = sender.send_data(begun.into()).await;
        loop {
            tokio::select! {
                Some(rows) = written.recv() => {
                    let _ = sender.send_data(progress(rows).into()).await;
                }
                result = &mut done => {
                    let last = match result {
                        Ok(store::Imported { added, changed, unchanged }) => {
                            ImportLine::Imported(ImportSummary { added, changed, unchanged, dry_run })
                        }
                        Err(error) => ImportLine::Failed(Failure::from(error).into_problem()),
                    };
                    let _ = sender.send_data(text(&last).into()).await;
                    return;
                }
            }
        }
    });
    drop(finished);
    Ok(lines_of(Body::new(body)))
}

fn lines_of(body: Body) -> Response {
    ([(header::CONTENT_TYPE, LINES_MEDIA_TYPE)], body).into_response()
}

fn text(line: &ImportLine) -> String {
    serde_json::to_string(line).unwrap_or_default() + "\n"
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Failure {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Rows(problems) => refuse_rows(problems, &[]),
        }
    }
}

/// The problems of rows by their lines.
fn refuse_rows(problems: RowProblems, lines: &[u64]) -> Failure {
    let line = |row: usize| lines.get(row).copied().unwrap_or_default();
    let told = problems.first.into_iter().map(|problem| {
        let beside = problem.other.map(|other| format!(" (line {})", line(other))).unwrap_or_default();
        table::mistake(line(problem.row), problem.field, problem.message + &beside)
    });
    Failure::invalid_rows(told.collect(), problems.total)
}

/// Reads the table while it arrives, on a thread that may wait for it.
async fn receive(body: Body) -> Result<Rows, Failure> {
    let (sender, mut chunks) = mpsc::channel::<io::Result<Vec<u8>>>(WAITING);
    let reading = tokio::task::spawn_blocking(move || {
        table::read(table::Chunks::new(std::iter::from_fn(move || chunks.blocking_recv())))
    });
    let forwarded = forward(body, &sender).await;
    if forwarded.is_err() {
        // A table that breaks off must not be taken for a whole one.
        let _ = sender.send(Err(io::Error::from(io::ErrorKind::UnexpectedEof))).await;
    }
    drop(sender);
    let read = reading.await;
    forwarded?;
    match read {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(TableError::Mistakes(first, total))) => Err(Failure::invalid_rows(first, total)),
        Ok(Err(TableError::Interrupted)) | Err(_) => Err(Failure::new(StatusCode::BAD_REQUEST, "the body ended early")),
    }
}

async fn forward(mut body: Body, sender: &mpsc::Sender<io::Result<Vec<u8>>>) -> Result<(), Failure> {
    let mut received = 0;
    loop {
        let frame = tokio::time::timeout(CHUNK_TIMEOUT, body.frame()).await;
        let frame = frame.map_err(|_| Failure::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))?;
        let data = match frame {
            None => return Ok(()),
            Some(Err(_)) => return Err(Failure::new(StatusCode::BAD_REQUEST, "the body ended early")),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        received += data.len();
        if received > TABLE_LIMIT {
            let detail = format!("a table is limited to {TABLE_LIMIT} bytes: split it");
            return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        // A reader that is gone has found something to say.
        if sender.send(Ok(data.to_vec())).await.is_err() {
            return Ok(());
        }
    }
}

/// Devices as a table, without keys.
pub async fn export_devices(
    State(service): State<Shared>,
    query: Result<Query<DevicesQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    Ok(export(&service, query?.0.read()?, false))
}

/// Devices as a table, with their keys; the audit line is durable before the first goes out.
pub async fn reveal_devices(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    query: Result<Query<DevicesQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let query = query?.0.read()?;
    let stamp = stamp(peer);
    service.store.note_export(stamp.actor, stamp.at, Kind::Device, "export of devices").await?;
    Ok(export(&service, query, true))
}

fn export(service: &Shared, query: DeviceQuery, keys: bool) -> Response {
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(WAITING);
    let service = Shared::clone(service);
    // A thread of its own, so that an export blocks no other list.
    tokio::task::spawn_blocking(move || {
        let query = DeviceQuery { after: None, limit: 1000, ..query };
        if let Err(error) = write_table(&service, &query, keys, &mut sender) {
            tracing::warn!(%error, "an export of devices broke off");
            // Nothing but a connection that breaks tells a reader that the table is not whole.
            sender.abort(io::Error::other("the export broke off"));
        }
    });
    ([(header::CONTENT_TYPE, CSV_MEDIA_TYPE)], Body::new(body)).into_response()
}

fn write_table(
    service: &Shared,
    query: &DeviceQuery,
    keys: bool,
    sender: &mut Sender<Bytes, io::Error>,
) -> Result<(), StoreError> {
    let mut reader = service.store.reader()?;
    let names = reader.property_names()?;
    let gone = |_| StoreError::Closed;
    let outlet = io::BufWriter::with_capacity(CHUNK, Outlet(sender));
    let mut writer = table::Writer::new(outlet, names, keys).map_err(gone)?;
    reader.each_device(query, keys, |entry| writer.write(&entry.definition).map_err(gone))?;
    writer.flush().map_err(|_| StoreError::Closed)
}

/// Sends what is written, and waits where nobody takes it.
struct Outlet<'s>(&'s mut Sender<Bytes, io::Error>);

impl io::Write for Outlet<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let sent = tokio::runtime::Handle::current().block_on(self.0.send_data(Bytes::copy_from_slice(buffer)));
        sent.map(|()| buffer.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the database defines, without secrets.
pub async fn export_fleet(State(service): State<Shared>) -> Result<Json<Fleet>, Failure> {
    Ok(Json(service.store.read(|reader| fleet(reader, false)).await?))
}

/// What the database defines, with its secrets; the audit line is durable before they go out.
pub async fn reveal_fleet(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
) -> Result<Json<Fleet>, Failure> {
    let stamp = stamp(peer);
    for (kind, what) in [
        (Kind::Server, "export of servers"),
        (Kind::Profile, "export of profiles"),
        (Kind::Device, "export of devices"),
    ] {
        service.store.note_export(stamp.actor, stamp.at, kind, what).await?;
    }
    Ok(Json(service.store.read(|reader| fleet(reader, true)).await?))
}

fn fleet(reader: &mut store::Reader, secrets: bool) -> Result<Fleet, StoreError> {
    fn own<D: HoldsSecrets>(entries: Vec<store::Entry<D>>, secrets: bool) -> Vec<D> {
        let own = entries.into_iter().filter(|entry| entry.origin == Origin::Database);
        own.map(|entry| if secrets { entry.definition } else { entry.definition.without_secrets() }).collect()
    }
    let servers = own(reader.servers_with_secrets()?, secrets);
    let profiles = own(reader.profiles_with_secrets()?, secrets);
    let mut devices = Vec::new();
    let query = DeviceQuery { origin: Some(Origin::Database), limit: 1000, ..DeviceQuery::default() };
    reader.each_device(&query, secrets, |entry| {
        devices.push(entry.definition);
        Ok(())
    })?;
    Ok(Fleet { servers, profiles, devices })
}

/// Makes the database say what the body says.
pub async fn apply(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    query: Result<Query<ApplyQuery>, QueryRejection>,
    request: Request<Body>,
) -> Result<Json<FleetSummary>, Failure> {
    let Query(ApplyQuery { dry_run, prune, deletions }) = query?;
    let mut body = input::object_within(request, &[input::JSON], FLEET_LIMIT).await?;
    let mut problems = Vec::new();
    let fleet = FileDefinitions {
        servers: definitions(&mut body, &mut problems),
        profiles: definitions(&mut body, &mut problems),
        devices: definitions(&mut body, &mut problems),
    };
    problems.extend(body.keys().map(|field| FieldProblem { field: field.clone(), message: "is not known".to_owned() }));
    if !problems.is_empty() {
        return Err(Failure::invalid(problems));
    }
    let stamp = stamp(peer);
    let apply = Apply { prune, dry_run, deletions };
    let applied = service.store.apply_fleet(stamp.actor, stamp.at, fleet, apply).await?;
    let changes = applied.changes.into_iter().map(|change| FleetChange {
        change: match change.verb {
            FleetVerb::Add => "add",
            FleetVerb::Change => "change",
            FleetVerb::Delete => "delete",
        }
        .to_owned(),
        kind: change.kind.name().to_owned(),
        name: change.name,
        fields: change.fields,
    });
    Ok(Json(FleetSummary { changes: changes.collect(), unchanged: applied.unchanged, dry_run }))
}

/// The definitions of one kind in a fleet.
fn definitions<D: Resource>(body: &mut Map<String, Value>, problems: &mut Vec<FieldProblem>) -> Vec<D> {
    let items = match body.remove(D::COLLECTION) {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(_) => {
            problems.push(FieldProblem { field: D::COLLECTION.to_owned(), message: "must be a list".to_owned() });
            return Vec::new();
        }
    };
    let mut read = Vec::with_capacity(items.len());
    for (position, item) in items.into_iter().enumerate() {
        let Value::Object(fields) = item else {
            let field = format!("{}[{position}]", D::COLLECTION);
            problems.push(FieldProblem { field, message: "must be an object".to_owned() });
            continue;
        };
        let name = fields.get(D::KEY).and_then(Value::as_str).map_or_else(|| format!("[{position}]"), str::to_owned);
        match input::definition::<D>(fields) {
            Ok(definition) => read.push(definition),
            Err(failure) => problems.extend(failure.into_problem().problems.into_iter().map(|problem| FieldProblem {
                field: format!("{} `{name}`: {}", D::NOUN, problem.field),
                message: problem.message,
            })),
        }
    }
    read
}

impl From<FleetError> for Failure {
    fn from(error: FleetError) -> Failure {
        match error {
            FleetError::Store(error) => error.into(),
            FleetError::OtherDeletions { .. } => Failure::new(StatusCode::CONFLICT, error.to_string()),
            FleetError::Problems(problems) => Failure::invalid(
                problems
                    .into_iter()
                    .map(|problem| FieldProblem {
                        field: format!("{} `{}`: {}", problem.kind.name(), problem.name, problem.field),
                        message: problem.message,
                    })
                    .collect(),
            ),
        }
    }
}
