//! Starts the real `bootstrapd` on ports of the system's choosing, in a scratch directory, and ends it with the test.
//!
//! Nothing here knows how the daemon works: it reads the lines that an operator reads.

#![allow(dead_code, reason = "no single test needs all of it")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a start may take: the test machine may be busy with builds.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// What stands before the definitions in every file: one listener of each kind and the admin socket.
const LISTENERS: &str = r#"
[[listen]]
bind = "127.0.0.1:0"
security = "nosec"
insecure_secrets = true

[[listen]]
bind = "127.0.0.1:0"
security = "dtls"
"#;

/// A running daemon, killed when it is dropped.
pub struct Daemon {
    /// Where it speaks plain CoAP.
    pub nosec: SocketAddr,
    /// Where it speaks CoAP over DTLS.
    pub dtls: SocketAddr,
    process: Child,
    log: Arc<Mutex<String>>,
    scratch: TempDir,
}

impl Daemon {
    /// Starts it on `definitions`, the tables `[[server]]`, `[[profile]]` and `[[device]]` of a config file.
    pub fn start(definitions: &str) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory can be made");
        let (state, socket) = (scratch.path().join("state"), scratch.path().join("admin.sock"));
        let head = format!("state_dir = {state:?}\n{LISTENERS}\n[admin]\nsocket = {socket:?}\n");
        let config = scratch.path().join("bootstrapd.toml");
        fs::create_dir(&state).expect("the scratch directory can be written");
        fs::write(&config, head + definitions).expect("the scratch directory can be written");

        let mut process = Command::new(env!("CARGO_BIN_EXE_bootstrapd"))
            .arg("--config")
            .arg(&config)
            .env_remove("JOURNAL_STREAM")
            .env_remove("NOTIFY_SOCKET")
            .env_remove("CREDENTIALS_DIRECTORY")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bootstrapd can be started");
        let log = Arc::new(Mutex::new(String::new()));
        let lines = follow(process.stderr.take().expect("it is piped"), Arc::clone(&log));
        let started = Instant::now();
        let addresses = ["(nosec)", "(dtls)"].map(|kind| listening(&lines, kind, started));
        let [Some(nosec), Some(dtls)] = addresses else {
            // A process that is gone cannot be killed again.
            let _ = process.kill();
            panic!("bootstrapd did not say where it listens; its log:\n{}", copy_of(&log));
        };
        Self { nosec, dtls, process, log, scratch }
    }

    /// The log so far.
    pub fn log(&self) -> String {
        copy_of(&self.log)
    }

    /// Writes a file that only the test and what it starts can find; its path.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        fs::write(&path, content).expect("the scratch directory can be written");
        path
    }

    /// The admin socket.
    pub fn admin_socket(&self) -> PathBuf {
        self.path("admin.sock")
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.scratch.path().join(name)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already, which is for the test to notice.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keeps what the daemon writes, and hands on each line.
fn follow(stderr: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            *log += &line;
            log.push('\n');
            // Nobody listens once the daemon has started.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The address in the line `listening on ADDRESS (kind)`.
fn listening(lines: &Receiver<String>, kind: &str, started: Instant) -> Option<SocketAddr> {
    loop {
        let line = lines.recv_timeout(START_PATIENCE.checked_sub(started.elapsed())?).ok()?;
        if let Some((_, said)) = line.split_once("listening on ")
            && let Some(address) = said.trim_end().strip_suffix(kind)
        {
            return address.trim().parse().ok();
        }
    }
}

fn copy_of(log: &Mutex<String>) -> String {
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
