//! Asks a daemon through its admin socket.
//!
//! One connection per request: a command asks once or twice. Knows the types of `api` and nothing of what is behind
//! the socket.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::api::{
    Approval, AuditLine, BACKUP_DEVICES, BatchChanged, Credentials, Dependents, DeviceExplanation, Entry, HeldClient,
    List, Problem, ReloadSummary, Resource, Revealed, Session, SessionSummary, StateChange, Status, path_of, query_of,
    segment,
};
use crate::provision::DeviceDefinition;

mod bulk;
mod knowledge;

/// A reload reads and seals a whole file, which is the longest that a daemon is busy with one request.
const TIMEOUT: Duration = Duration::from_secs(120);
/// More than the largest page of any list.
const ANSWER_LIMIT: usize = 64 << 20;

/// Where a daemon listens.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// Why an answer is missing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("no daemon answers at {}: {source}", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The socket's mode or that of a directory above it keeps us out.
    #[error("{}: access denied; the socket is open to its owner and its group only", .0.display())]
    AccessDenied(PathBuf),
    /// The daemon says why not.
    #[error("{0}")]
    Problem(Problem),
    /// What came is no answer of the API.
    #[error("the daemon's answer cannot be used: {0}")]
    Protocol(String),
    /// What came cannot be put where it is to go.
    #[error("{0}")]
    Output(io::Error),
    /// Nothing came.
    #[error("the daemon did not answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
}

/// A copy of the database that has arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// Its bytes.
    pub bytes: u64,
    /// How many devices in force it holds, if the daemon says so.
    pub devices: Option<u64>,
}

/// Of which client it is asked what it would receive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainQuery {
    /// Its version.
    pub lwm2m: Option<String>,
    /// The content format that it asks for.
    pub pct: Option<u32>,
    /// What it answers to Discover.
    pub discover: Option<String>,
}

/// Which devices are asked for, as the API spells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceQuery {
    /// Only those whose endpoint name, PSK identity, tags or properties (`name=value`) hold this text.
    pub search: Option<String>,
    /// Only those that name this profile.
    pub profile: Option<String>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// `enabled` or `blocked`.
    pub state: Option<String>,
    /// `file` or `database`.
    pub origin: Option<String>,
    /// Only those whose last session ended so.
    pub last_outcome: Option<String>,
    /// Only those with this property, as `NAME=VALUE`.
    pub property: Option<String>,
    /// `endpoint`, `created`, `changed` or `last-session`.
    pub sort: Option<String>,
    /// Whether the last one comes first.
    pub descending: bool,
    /// Only those behind this place: `next` of the page before.
    pub after: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
}

impl DeviceQuery {
    /// As it stands behind the path.
    fn to_text(&self) -> String {
        query_of(&[
            ("search", self.search.clone()),
            ("profile", self.profile.clone()),
            ("tag", self.tag.clone()),
            ("state", self.state.clone()),
            ("origin", self.origin.clone()),
            ("last_outcome", self.last_outcome.clone()),
            ("property", self.property.clone()),
            ("sort", self.sort.clone()),
            ("descending", self.descending.then(|| "true".to_owned())),
            ("after", self.after.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ])
    }
}

/// Which sessions are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionQuery {
    /// Only those of this endpoint name.
    pub endpoint: Option<String>,
    /// Only those in which this text stands.
    pub search: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
    /// Only those that have not ended.
    pub running: bool,
}

impl Client {
    /// A client of the daemon at `socket`; nothing is connected yet.
    pub fn new(socket: &Path) -> Client {
        Client { socket: socket.to_owned() }
    }

    /// All server accounts or profiles, or those that hold a text.
    ///
    /// # Errors
    /// [`ClientError`], as every call here.
    pub async fn list<D: Resource>(&self, search: Option<String>) -> Result<List<Entry<D>>, ClientError> {
        self.fetch(&format!("/v1/{}{}", D::COLLECTION, query_of(&[("search", search)]))).await
    }

    /// A page of devices.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 400 for an order, outcome or place that is none.
    pub async fn devices<D: Resource>(&self, query: &DeviceQuery) -> Result<List<Entry<D>>, ClientError> {
        self.fetch(&format!("/v1/{}{}", D::COLLECTION, query.to_text())).await
    }

    /// The definition that `key` names.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where there is none.
    pub async fn show<D: Resource>(&self, key: &str) -> Result<Entry<D>, ClientError> {
        self.fetch(&path_of::<D>(key)).await
    }

    /// Makes a definition of these fields; it is durable when this returns.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 409 where the name is taken, 422 where the checks object.
    pub async fn create<D: Resource>(&self, fields: &Map<String, Value>) -> Result<Entry<D>, ClientError> {
        let body = Body { media_type: "application/json", fields };
        self.exchange(Method::POST, &format!("/v1/{}", D::COLLECTION), Some(body)).await
    }

    /// Changes the fields that are given and removes those that are null (RFC 7396).
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404, 409 (the file defines it) or 422.
    pub async fn change<D: Resource>(&self, key: &str, patch: &Map<String, Value>) -> Result<Entry<D>, ClientError> {
        let body = Body { media_type: "application/merge-patch+json", fields: patch };
        self.exchange(Method::PATCH, &path_of::<D>(key), Some(body)).await
    }

    /// Removes a definition.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404, or 409 where it is still named by another or the file defines it.
    pub async fn delete<D: Resource>(&self, key: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, &path_of::<D>(key), None).await.map(|_| ())
    }

    /// The definition that `key` names, with its secrets; leaves an audit line.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where there is none.
    pub async fn reveal<D: Resource>(&self, key: &str) -> Result<Revealed<D>, ClientError> {
        self.exchange(Method::POST, &format!("{}/reveal", path_of::<D>(key)), None).await
    }

    /// The issued credentials of a device; with their values where `reveal` says so, which leaves an audit line.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where there is no such device.
    pub async fn credentials(&self, endpoint: &str, reveal: bool) -> Result<Credentials, ClientError> {
        let method = if reveal { Method::POST } else { Method::GET };
        self.exchange(method, &format!("{}/credentials", path_of::<DeviceDefinition>(endpoint)), None).await
    }

    /// Has new credentials issued at the device's next bootstrap.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where there is no such device.
    pub async fn rotate(&self, endpoint: &str) -> Result<(), ClientError> {
        let path = format!("{}/rotate", path_of::<DeviceDefinition>(endpoint));
        self.send(Method::POST, &path, None).await.map(|_| ())
    }

    /// Blocks all of these devices, or none.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 or 409 that lists every device that cannot be changed.
    pub async fn block(&self, change: &StateChange) -> Result<BatchChanged, ClientError> {
        self.change_states("/v1/block", change).await
    }

    /// Unblocks all of these devices, or none.
    ///
    /// # Errors
    /// As [`Client::block`].
    pub async fn unblock(&self, change: &StateChange) -> Result<BatchChanged, ClientError> {
        self.change_states("/v1/unblock", change).await
    }

    async fn change_states(&self, path: &str, change: &StateChange) -> Result<BatchChanged, ClientError> {
        let fields = fields_of(change)?;
        self.exchange(Method::POST, path, Some(Body { media_type: "application/json", fields: &fields })).await
    }

    /// The unknown clients that wait to be approved, the last seen first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn pending(&self) -> Result<List<HeldClient>, ClientError> {
        self.fetch("/v1/pending").await
    }

    /// Makes a device of an unknown client that waits.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where it does not wait, 409 or 422 as for [`Client::create`].
    pub async fn approve<D: Resource>(&self, endpoint: &str, approval: &Approval) -> Result<Entry<D>, ClientError> {
        let (fields, path) = (fields_of(approval)?, format!("/v1/pending/{}/approve", segment(endpoint)));
        self.exchange(Method::POST, &path, Some(Body { media_type: "application/json", fields: &fields })).await
    }

    /// Takes an unknown client out of the inbox; it comes back when it asks again.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where it does not wait.
    pub async fn reject(&self, endpoint: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/v1/pending/{}", segment(endpoint)), None).await.map(|_| ())
    }

    /// What the device `endpoint` would receive.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where there is no such device, 400 where the question makes no sense.
    pub async fn explain(&self, endpoint: &str, query: ExplainQuery) -> Result<DeviceExplanation, ClientError> {
        let ExplainQuery { lwm2m, pct, discover } = query;
        let pct = pct.map(|number| number.to_string());
        let query = query_of(&[("lwm2m", lwm2m), ("pct", pct), ("discover", discover)]);
        self.fetch(&format!("{}/explain{query}", path_of::<DeviceDefinition>(endpoint))).await
    }

    /// Sessions, newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn sessions(&self, query: SessionQuery) -> Result<List<SessionSummary>, ClientError> {
        let limit = query.limit.map(|limit| limit.to_string());
        let running = query.running.then(|| "true".to_owned());
        let query =
            query_of(&[("endpoint", query.endpoint), ("search", query.search), ("limit", limit), ("running", running)]);
        self.fetch(&format!("/v1/sessions{query}")).await
    }

    /// One session with its steps.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where the daemon no longer remembers it.
    pub async fn session(&self, id: u64) -> Result<Session, ClientError> {
        self.fetch(&format!("/v1/sessions/{id}")).await
    }

    /// How the daemon is doing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.fetch("/v1/status").await
    }

    /// Has the daemon read its file again.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 422 where the file is refused and the old one stays in force.
    pub async fn reload(&self) -> Result<ReloadSummary, ClientError> {
        self.exchange(Method::POST, "/v1/reload", None).await
    }

    /// The audit trail, newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn audit(&self, limit: Option<usize>) -> Result<List<AuditLine>, ClientError> {
        let query = query_of(&[("limit", limit.map(|limit| limit.to_string()))]);
        self.fetch(&format!("/v1/audit{query}")).await
    }

    /// What depends on a server account or a profile.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 404 where there is none.
    pub async fn dependents<D: Resource>(&self, key: &str) -> Result<Dependents, ClientError> {
        self.fetch(&format!("{}/dependents", path_of::<D>(key))).await
    }

    /// Removes a definition with `expected` entries that depend on it.
    ///
    /// # Errors
    /// [`ClientError`]; a problem of status 409 where other entries depend on it, or the file defines some.
    pub async fn delete_cascading<D: Resource>(&self, key: &str, expected: u64) -> Result<(), ClientError> {
        let path = format!("{}?cascade=true&expect={expected}", path_of::<D>(key));
        self.send(Method::DELETE, &path, None).await.map(|_| ())
    }

    /// Writes a copy of the live database to `output`.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Protocol`] where less came than was promised, [`ClientError::Output`] where
    /// `output` takes no more. What was written until then is no copy.
    pub async fn backup(&self, output: &mut impl io::Write) -> Result<BackupSummary, ClientError> {
        let begun = self.open(Method::GET, "/v1/backup", None);
        let (answer, _connection) = tokio::time::timeout(TIMEOUT, begun).await.map_err(|_| ClientError::TimedOut)??;
        let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
        let (promised, devices) = (number(CONTENT_LENGTH.as_str()), number(BACKUP_DEVICES));
        let status = answer.status();
        let mut body = answer.into_body();
        if !status.is_success() {
            let collected = tokio::time::timeout(TIMEOUT, Limited::new(body, ANSWER_LIMIT).collect()).await;
            let collected = collected.map_err(|_| ClientError::TimedOut)?;
            return Err(refusal(
                status,
                &collected.map_err(|error| ClientError::Protocol(error.to_string()))?.to_bytes(),
            ));
        }
        let mut bytes = 0;
        while let Some(frame) = tokio::time::timeout(TIMEOUT, body.frame()).await.map_err(|_| ClientError::TimedOut)? {
            let broken = |error: hyper::Error| ClientError::Protocol(format!("the copy broke off: {error}"));
            if let Some(chunk) = frame.map_err(broken)?.data_ref() {
                output.write_all(chunk).map_err(ClientError::Output)?;
                bytes += chunk.len() as u64;
            }
        }
        if promised != Some(bytes) {
            let promised = promised.map_or("an unknown number of".to_owned(), |promised| promised.to_string());
            return Err(ClientError::Protocol(format!("{bytes} bytes came of {promised} bytes")));
        }
        Ok(BackupSummary { bytes, devices })
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.exchange(Method::GET, path, None).await
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Body<'_>>,
    ) -> Result<T, ClientError> {
        let answer = self.send(method, path, body).await?;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Protocol(error.to_string()))
    }

    /// Sends one request and waits for the body of a success.
    async fn send(&self, method: Method, path: &str, body: Option<Body<'_>>) -> Result<Bytes, ClientError> {
        let exchange = self.send_unhurried(method, path, body);
        let (status, answer) = tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_| ClientError::TimedOut)??;
        if status.is_success() {
            return Ok(answer);
        }
        Err(refusal(status, &answer))
    }

    async fn send_unhurried(
        &self,
        method: Method,
        path: &str,
        body: Option<Body<'_>>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let body = body.map(|body| (body.media_type, Bytes::from(Value::Object(body.fields.clone()).to_string())));
        let (answer, _connection) = self.open(method, path, body).await?;
        let status = answer.status();
        let collected = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
        collected.map(|body| (status, body.to_bytes())).map_err(|error| ClientError::Protocol(error.to_string()))
    }

    /// Sends one request and returns the head of the answer, whose body comes as long as the connection is kept.
    async fn open(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<(Response<Incoming>, Connection), ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|source| match source.kind() {
            ErrorKind::PermissionDenied => ClientError::AccessDenied(self.socket.clone()),
            _ => ClientError::Unreachable { socket: self.socket.clone(), source },
        })?;
        let protocol = |error: &dyn std::fmt::Display| ClientError::Protocol(error.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| protocol(&error))?;
        // The connection ends with its one exchange; an error of it reaches the exchange as well.
        let connection = Connection(tokio::spawn(async {
            let _ = connection.await;
        }));
        let request = request(method, path, body).map_err(|error| protocol(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| protocol(&error))?;
        Ok((answer, connection))
    }
}

/// The task that moves the bytes of a connection; it ends with this.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What an answer that is no success says.
fn refusal(status: StatusCode, answer: &[u8]) -> ClientError {
    match serde_json::from_slice(answer) {
        Ok(problem) => ClientError::Problem(problem),
        Err(_) => ClientError::Protocol(format!("status {status} without problem details")),
    }
}

/// What a request carries.
struct Body<'a> {
    media_type: &'static str,
    fields: &'a Map<String, Value>,
}

/// A body's members.
fn fields_of(body: &impl serde::Serialize) -> Result<Map<String, Value>, ClientError> {
    match serde_json::to_value(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(ClientError::Protocol("the request cannot be written as JSON".to_owned())),
    }
}

fn request(
    method: Method,
    path: &str,
    body: Option<(&str, Bytes)>,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let request =
        Request::builder().method(method).uri(path).header(HOST, "localhost").header(ACCEPT, "application/json");
    match body {
        None => request.body(Full::default()),
        Some((media_type, body)) => request.header(CONTENT_TYPE, media_type).body(Full::from(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::{BackupSummary, Client, ClientError};

    #[tokio::test]
    async fn nobody_there_is_said_so() {
        let scratch = tempfile::tempdir().unwrap();
        let client = Client::new(&scratch.path().join("none.sock"));
        assert!(matches!(client.status().await, Err(ClientError::Unreachable { .. })));
    }

    #[tokio::test]
    async fn what_is_no_http_is_no_answer() {
        use tokio::io::AsyncWriteExt;

        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("other.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let babbler = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"220 mail.example.com ESMTP\r\n").await.unwrap();
        });
        assert!(matches!(Client::new(&path).status().await, Err(ClientError::Protocol(_))));
        babbler.await.unwrap();
    }

    #[tokio::test]
    async fn a_copy_that_is_not_whole_is_none() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        for (answer, whole) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\nbootstrapd-devices: 7\r\n\r\nabc", true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabc", false),
            ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc", false),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false),
            ("HTTP/1.1 500 No\r\ncontent-length: 3\r\n\r\nabc", false),
        ] {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("other.sock");
            let listener = tokio::net::UnixListener::bind(&path).unwrap();
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
            let mut copy = Vec::new();
            let taken = Client::new(&path).backup(&mut copy).await;
            match whole {
                true => assert_eq!(taken.unwrap(), BackupSummary { bytes: 3, devices: Some(7) }),
                false => assert!(matches!(taken, Err(ClientError::Protocol(_))), "{answer}: {taken:?}"),
            }
            server.await.unwrap();
        }
    }
}
