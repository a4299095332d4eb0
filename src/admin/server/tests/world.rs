//! A service on a real socket with a real store, for tests.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{Instant, SystemTime};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::admin::client::Client;
use crate::admin::server::{Access, AdminSocket, ReloadRequest, Service, Slots, serve};
use crate::driver;
use crate::store::{SealingKey, Store};

/// A service that runs, and everything around it.
pub struct World {
    pub socket: PathBuf,
    pub service: Arc<Service>,
    pub store: Store,
    pub client: Client,
    pub reloads: mpsc::Receiver<ReloadRequest>,
    pub degraded: Arc<RwLock<Vec<String>>>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    scratch: tempfile::TempDir,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

impl World {
    pub async fn new() -> World {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().join("state");
        let store = Store::open(&state, SealingKey::new([7; 32])).unwrap();
        let socket = scratch.path().join("run/admin.sock");
        let (reload, reloads) = mpsc::channel(1);
        let degraded = Arc::<RwLock<Vec<String>>>::default();
        let service = Service {
            store: store.clone(),
            driver: driver::start(Vec::new(), store.clone()).unwrap(),
            reload,
            version: "9.9.9",
            started: SystemTime::now(),
            clock: Instant::now(),
            config: Some(PathBuf::from("/etc/bootstrapd/bootstrapd.toml")),
            degraded: Arc::clone(&degraded),
            slots: Slots::default(),
        };
        let service = Arc::new(service);
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let serving =
            tokio::spawn(serve(AdminSocket::bind(&socket).unwrap(), Arc::clone(&service), Access::Full, stopped));
        let client = Client::new(&socket);
        World { socket, service, store, client, reloads, degraded, stop, serving, scratch }
    }

    /// Sends one request in plain HTTP/1.1 and reads until the connection closes.
    pub async fn ask(&self, method: &str, path: &str, media_type: &str, body: &str) -> Answer {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {media_type}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses a body may close before all of it was written.
        let _ = stream.write_all(body.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let head = head.to_ascii_lowercase();
        let body = if head.contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_owned() };
        Answer { status, head, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "text/plain", "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, "application/json", &body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.ask("PATCH", path, "application/merge-patch+json", &body.to_string()).await
    }

    /// Stops the service and waits for its end.
    pub async fn stop(self) -> tempfile::TempDir {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap();
        self.scratch
    }
}

/// A body that came in chunks (RFC 9112 section 7.1), up to where it broke off.
fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((length, chunk)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        body += &chunk[..length.min(chunk.len())];
        rest = chunk.get(length + 2..).unwrap_or_default();
    }
    body
}
