//! `Handle`: how the rest of the process asks the driver, from any thread.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::dtls_settings::DtlsSettings;
use super::history::SessionRecord;
use super::inbox::HeldClient;
use super::listener::{ListenerConfiguration, ListenerName, ShownCertificate};
use crate::bootstrap::{Limits, Outcome};
use crate::dtls::Statistics;

/// Which sessions are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionQuery {
    /// Only those of this endpoint name.
    pub endpoint: Option<String>,
    /// Only those in whose endpoint name, listener, address, identity, profile, outcome or reason this text stands.
    pub search: Option<String>,
    /// At most this many.
    pub limit: usize,
    /// Only those that have not ended.
    pub running_only: bool,
}

/// A socket that clients can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerStatus {
    /// Where it is bound, and how it is spoken to.
    pub name: ListenerName,
    /// The certificate by which it proves itself, if it has one.
    pub certificate: Option<ShownCertificate>,
    /// Its DTLS, if it has it.
    pub dtls: Option<DtlsStatus>,
}

/// What the DTLS of a listener is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DtlsStatus {
    /// How it is spoken, as is in force for handshakes that begin now.
    pub settings: DtlsSettings,
    /// Whether clients may use raw public keys.
    pub raw_public_keys: bool,
    /// Its figures.
    pub statistics: Statistics,
}

/// What the driver is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriverStatus {
    /// Every listener.
    pub listeners: Vec<ListenerStatus>,
    /// Sessions that have not ended.
    pub running_sessions: usize,
    /// DTLS associations, those included on which nothing happens any more.
    pub associations: usize,
    /// DTLS handshakes proven since the start.
    pub handshakes_completed: u64,
    /// DTLS handshakes that failed since the start: an unknown identity, a wrong key, or a client that fell silent.
    pub handshakes_failed: u64,
    /// Sessions that ended since the start, by outcome.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Datagrams received since the start.
    pub datagrams_in: u64,
    /// Datagrams sent since the start.
    pub datagrams_out: u64,
    /// What was dropped or recognised as a repetition since the start, by cause.
    pub drops: Vec<(String, u64)>,
    /// Who waits, and who is slowed down.
    pub admission: AdmissionStatus,
    /// Whether new sessions are refused because the process is about to end.
    pub draining: bool,
    /// Why it is not doing all it should, as sentences.
    pub degraded: Vec<String>,
}

/// Clients that wait for their turn, and clients that bootstrap in a loop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdmissionStatus {
    /// Requests that wait now.
    pub waiting: usize,
    /// Requests that had to wait since the start.
    pub queued: u64,
    /// Requests since the start whose turn did not come while their client waited, or that found no place.
    pub dropped_from_queue: u64,
    /// Requests since the start that met silence because their client bootstraps in a loop.
    pub slowed_down: u64,
    /// Clients that bootstrap in a loop now.
    pub looping: usize,
    /// The worst of them, at most ten.
    pub worst: Vec<LoopingDevice>,
}

/// A device whose client bootstraps in a loop.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopingDevice {
    /// Its endpoint name.
    pub endpoint: String,
    /// The client's address.
    pub remote: IpAddr,
    /// Sessions since the loop began.
    pub sessions: u32,
    /// When the first of them ended.
    pub since: SystemTime,
    /// When the last of them ended.
    pub last: SystemTime,
    /// How long its requests meet silence from now on.
    pub silence: Duration,
    /// Requests that met silence.
    pub ignored: u64,
}

/// What the driver is asked.
pub(super) enum Command {
    Sessions(SessionQuery, oneshot::Sender<Vec<SessionRecord>>),
    Session(u64, oneshot::Sender<Option<SessionRecord>>),
    Status(oneshot::Sender<DriverStatus>),
    Reconfigure(Vec<ListenerConfiguration>, oneshot::Sender<()>),
    Limit(Limits, oneshot::Sender<()>),
    Held(oneshot::Sender<Vec<HeldClient>>),
    Release(String, oneshot::Sender<bool>),
    Forget(String, oneshot::Sender<()>),
    Drain(Duration, oneshot::Sender<usize>),
}

/// Asks the driver. When the driver has ended, every answer is empty.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Handle {
        Handle { commands }
    }

    /// Sessions, newest first: running ones, then those that the ring still holds.
    pub async fn sessions(&self, query: SessionQuery) -> Vec<SessionRecord> {
        self.ask(|answer| Command::Sessions(query, answer)).await.unwrap_or_default()
    }

    /// One session by its number.
    pub async fn session(&self, id: u64) -> Option<SessionRecord> {
        self.ask(|answer| Command::Session(id, answer)).await.flatten()
    }

    /// What the driver is doing.
    pub async fn status(&self) -> DriverStatus {
        self.ask(Command::Status).await.unwrap_or_default()
    }

    /// Puts new timing, NoSec rules, certificates and keys of the same listeners in force. Ask
    /// [`ListenerConfiguration::check_certificates`] before: where the engine refuses some, the old ones stay.
    pub async fn reconfigure(&self, listeners: Vec<ListenerConfiguration>) {
        self.ask(|answer| Command::Reconfigure(listeners, answer)).await.unwrap_or_default()
    }

    /// Puts new limits of sessions in force.
    pub async fn limit(&self, limits: Limits) {
        self.ask(|answer| Command::Limit(limits, answer)).await.unwrap_or_default()
    }

    /// The unknown clients that wait to be approved, the last seen first.
    pub async fn held(&self) -> Vec<HeldClient> {
        self.ask(Command::Held).await.unwrap_or_default()
    }

    /// Takes an unknown client out of the inbox; says whether it was there.
    pub async fn release(&self, endpoint: String) -> bool {
        self.ask(|answer| Command::Release(endpoint, answer)).await.unwrap_or_default()
    }

    /// Drops what the driver itself knows of the client of a device and no store has yet.
    pub async fn forget(&self, endpoint: String) {
        self.ask(|answer| Command::Forget(endpoint, answer)).await.unwrap_or_default()
    }

    /// Takes no new sessions, lets those running finish for at most `patience` and ends the driver. Returns how many
    /// were cut off.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.ask(|answer| Command::Drain(patience, answer)).await.unwrap_or_default()
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (sender, answer) = oneshot::channel();
        self.commands.send(command(sender)).await.ok()?;
        answer.await.ok()
    }
}
