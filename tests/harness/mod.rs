//! Starts the real `bootstrapd` on ports of the system's choosing, in a scratch directory, and ends it with the test.
//!
//! Nothing here knows how the daemon works: it reads the lines that an operator reads.

// Every test binary that shares these files compiles all of them and uses a part.
#![allow(dead_code, reason = "not every test that shares this file needs all of it")]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

pub mod answer;
pub mod hand_made;
pub mod site;
pub mod supervisor;

pub use answer::{Answer, wait_until};
pub use site::Site;

/// How long anything may take that is not itself about time: the test machine may be busy with builds.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running daemon, killed when it is dropped.
pub struct Daemon {
    /// Where it speaks plain CoAP; port 0 where it does not.
    pub nosec: SocketAddr,
    /// Where it speaks CoAP over DTLS; port 0 where it does not.
    pub dtls: SocketAddr,
    /// Where it speaks plain CoAP over TCP; port 0 where it does not.
    pub tcp: SocketAddr,
    process: Child,
    log: Arc<Mutex<String>>,
    /// Reads the log to its end.
    reader: Option<JoinHandle<()>>,
    site: Arc<Site>,
}

impl Daemon {
    /// Starts it on `definitions`, the tables `[[server]]`, `[[profile]]` and `[[device]]` of a config file, with one
    /// listener of each kind.
    pub fn start(definitions: &str) -> Self {
        Site::new(definitions).start()
    }

    /// Starts `command`, which is to run a daemon on the config of `site`, and waits until it serves.
    fn spawn(site: Arc<Site>, mut command: Command) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bootstrapd can be started");
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, reader) = follow(process.stderr.take().expect("it is piped"), Arc::clone(&log));
        let Some([nosec, dtls, tcp]) = addresses(&lines) else {
            // A process that is gone cannot be killed again.
            let _ = process.kill();
            panic!("bootstrapd did not say where it listens; its log:\n{}", copy_of(&log));
        };
        Self { nosec, dtls, tcp, process, log, reader: Some(reader), site }
    }

    /// The log so far.
    pub fn log(&self) -> String {
        copy_of(&self.log)
    }

    /// Waits for a line of the log that holds `text`.
    pub fn await_log(&self, text: &str) {
        wait_until(&format!("the log to say {text:?}"), || self.log().contains(text), || self.log());
    }

    /// Its config, state directory and admin socket.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Writes a file that only the test and what it starts can find; its path.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        self.site.file(name, content)
    }

    /// The admin socket.
    pub fn admin_socket(&self) -> PathBuf {
        self.site.admin_socket()
    }

    /// Process number.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs `bootstrapctl` against it.
    pub fn ctl(&self, words: &[&str]) -> Answer {
        self.site.ctl(words)
    }

    /// Runs `bootstrapctl --format json`, which must succeed; what it printed.
    pub fn ctl_json(&self, words: &[&str]) -> Value {
        // In front, because everything behind `--` is taken for names.
        let words: Vec<&str> = ["--format", "json"].iter().chain(words).copied().collect();
        self.ctl(&words).succeeded().json()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill can be run");
        assert!(sent.success(), "SIG{name} could not be sent");
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("a child can be waited for") {
                // What it said last is in the pipe still.
                self.reader.take().map(JoinHandle::join);
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "bootstrapd does not end; its log:\n{}", self.log());
            thread::sleep(answer::PAUSE);
        }
    }

    /// Ends it with SIGKILL, as a crash would.
    pub fn crash(mut self) -> Arc<Site> {
        self.process.kill().expect("a running child can be killed");
        self.process.wait().expect("a child can be waited for");
        Arc::clone(&self.site)
    }

    /// Ends it with SIGTERM and expects exit code 0.
    pub fn stop(mut self) -> Arc<Site> {
        self.signal("TERM");
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{}", self.log());
        Arc::clone(&self.site)
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
fn follow(stderr: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> (Receiver<String>, JoinHandle<()>) {
    let (sender, receiver) = channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            *log += &line;
            log.push('\n');
            // Nobody listens once the daemon has started.
            let _ = sender.send(line);
        }
    });
    (receiver, reader)
}

/// The addresses in the lines `listening on ADDRESS (kind)`, which stand before the line about the admin socket.
fn addresses(lines: &Receiver<String>) -> Option<[SocketAddr; 3]> {
    let started = Instant::now();
    let mut addresses = [SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)); 3];
    loop {
        let line = lines.recv_timeout(PATIENCE.checked_sub(started.elapsed())?).ok()?;
        if line.contains("admin socket at") {
            return Some(addresses);
        }
        let Some((_, said)) = line.split_once("listening on ") else { continue };
        let (address, kind) = said.trim_end().split_once(' ')?;
        let place = match kind {
            "(nosec)" => 0,
            "(dtls, openssl)" | "(dtls, native)" => 1,
            "(nosec, TCP)" => 2,
            other => panic!("a listener of the kind {other}"),
        };
        addresses[place] = address.parse().ok()?;
    }
}

fn copy_of(log: &Mutex<String>) -> String {
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
