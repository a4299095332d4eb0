//! Many definitions at once: `/v1/import/devices` and `/v1/apply`, one at a time.
//!
//! A table of devices is read while it arrives and written while its progress is told. It is never in memory as a whole
//! text, but as rows.

use std::io;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::connection::PeerUid;
use super::definitions::stamp;
use super::failure::Failure;
use super::table::{self, Rows, TableError};
use super::{Shared, input};
use crate::admin::api::{
    CSV_MEDIA_TYPE, FieldProblem, FleetChange, FleetSummary, ImportLine, ImportSummary, LINES_MEDIA_TYPE, Resource,
};
use crate::provision::DeviceDefinition;
use crate::store::{
    self, Apply, DeviceRow, FleetError, FleetFiles, FleetVerb, Import, ImportError, Kept, RowProblem, RowProblems,
};

/// Bytes of a table.
const TABLE_LIMIT: usize = 256 << 20;
/// Rows of a table: short ones would take far more memory than their text.
const ROW_LIMIT: usize = 2_000_000;
/// Bytes of a fleet as JSON.
pub const FLEET_LIMIT: usize = 64 << 20;
/// How long the next part of a table may take to arrive.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// Chunks that wait to be read.
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
    let slot = service.slots.import()?;
    let (Rows { rows, lines }, unreadable) = receive(request.into_body()).await?;
    // Where some rows cannot be read, the others are looked at all the same: every bad row is named at once.
    let dry_run = dry_run || unreadable.is_some();
    let of = rows.len() as u64;
    let (told, mut written) = mpsc::unbounded_channel();
    let stamp = stamp(peer);
    let progress = move |rows| {
        // The rows are in memory until the store is done with them, even where nobody waits for the answer any more.
        let _held = &slot;
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
    if let Some(mistakes) = unreadable {
        return Err(mistakes.with(done.await, &lines));
    }
    // Rows are refused before the first is written: until then the status is still to be said.
    let first = tokio::select! {
        result = &mut done => return Ok(lines_of(Body::from(text(&line(result)?)))),
        // Nothing comes where rows are refused, and the answer alone is to be waited for.
        Some(first) = written.recv() => first,
    };
    let (mut sender, body) = Channel::<Bytes>::new(WAITING);
    let progress = move |written| text(&ImportLine::Progress { written, of });
    let begun = progress(first);
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
                        Err(ImportError::Rows(problems)) => {
                            ImportLine::Failed(refuse_rows(problems, &lines).into_problem())
                        }
                        Err(ImportError::Store(error)) => ImportLine::Failed(Failure::from(error).into_problem()),
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

/// The problems of rows by their lines.
fn refuse_rows(problems: RowProblems, lines: &[u64]) -> Failure {
    let told = told(problems.first, lines).into_iter().map(|(_, problem)| problem);
    Failure::invalid_rows(told.collect(), problems.total)
}

/// Problems of rows and the lines on which the rows begin.
fn told(problems: Vec<RowProblem>, lines: &[u64]) -> Vec<(u64, FieldProblem)> {
    let line = |row: usize| lines.get(row).copied().unwrap_or_default();
    let of_line = |problem: RowProblem| {
        let beside = problem.other.map(|other| format!(" (line {})", line(other))).unwrap_or_default();
        let line = line(problem.row);
        (line, table::mistake(line, problem.field, problem.message + &beside))
    };
    problems.into_iter().map(of_line).collect()
}

/// Rows that cannot be read.
struct Unreadable {
    first: Vec<FieldProblem>,
    total: u64,
}

impl Unreadable {
    /// The refusal, with whatever is wrong with the rows that can be read.
    fn with(self, others: Result<store::Imported, ImportError>, lines: &[u64]) -> Failure {
        let others = match others {
            Ok(_) => RowProblems::default(),
            Err(ImportError::Rows(problems)) => problems,
            Err(ImportError::Store(error)) => return error.into(),
        };
        let total = self.total + others.total;
        // `line 7, psk`: the number is what they are ordered by.
        let line = |problem: &FieldProblem| {
            let digits = problem.field.trim_start_matches("line ").split(',').next().unwrap_or_default();
            digits.parse().unwrap_or(0)
        };
        let mut all: Vec<(u64, FieldProblem)> = self.first.into_iter().map(|it| (line(&it), it)).collect();
        all.extend(told(others.first, lines));
        all.sort_by_key(|(line, _)| *line);
        Failure::invalid_rows(all.into_iter().map(|(_, problem)| problem).collect(), total)
    }
}

/// Reads the table while it arrives, on a thread that may wait for it.
async fn receive(body: Body) -> Result<(Rows, Option<Unreadable>), Failure> {
    let (sender, mut chunks) = mpsc::channel::<io::Result<Vec<u8>>>(WAITING);
    let reading = tokio::task::spawn_blocking(move || {
        table::read(table::Chunks::new(std::iter::from_fn(move || chunks.blocking_recv())), ROW_LIMIT)
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
        Ok(Ok(rows)) => Ok((rows, None)),
        Ok(Err(TableError::Mistakes(first, total, rows))) => Ok((rows, Some(Unreadable { first, total }))),
        Ok(Err(TableError::TooLong)) => {
            let detail = format!("a table is limited to {ROW_LIMIT} rows: split it");
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
        }
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

/// Makes the database say what the body says.
pub async fn apply(
    State(service): State<Shared>,
    Extension(peer): Extension<PeerUid>,
    query: Result<Query<ApplyQuery>, QueryRejection>,
    request: Request<Body>,
) -> Result<Json<FleetSummary>, Failure> {
    let Query(ApplyQuery { dry_run, prune, deletions }) = query?;
    let _slot = service.slots.import()?;
    let mut body = input::object_within(request, &[input::JSON], FLEET_LIMIT).await?;
    let mut problems = Vec::new();
    let fleet = FleetFiles {
        servers: definitions(&mut body, &mut problems, |server, _| server),
        profiles: definitions(&mut body, &mut problems, |profile, _| profile),
        devices: definitions(&mut body, &mut problems, |definition: DeviceDefinition, says_state| DeviceRow {
            definition,
            kept: Kept { state: !says_state, ..Kept::default() },
        }),
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

/// The definitions of one kind in a fleet; `take` is told whether one says its `state`.
fn definitions<D: Resource, T>(
    body: &mut Map<String, Value>,
    problems: &mut Vec<FieldProblem>,
    take: impl Fn(D, bool) -> T,
) -> Vec<T> {
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
        let says_state = fields.get("state").is_some_and(|state| !state.is_null());
        match input::definition::<D>(fields) {
            Ok(definition) => read.push(take(definition, says_state)),
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
