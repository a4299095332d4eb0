//! Runs the bootstrap server on sockets, DTLS and the store; the rest of the process reaches it through a [`Handle`].
//!
//! What stands here is the shape that the admin socket needs.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use crate::bootstrap::outcome::{Outcome, SessionReport};

/// Which sessions are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionQuery {
    /// Only those of this endpoint name.
    pub endpoint: Option<String>,
    /// At most this many.
    pub limit: usize,
    /// Only those that have not ended.
    pub running_only: bool,
}

/// A session, running or ended.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// When the Bootstrap-Request came.
    pub started: SystemTime,
    /// Whether it has not ended; outcome and reason of the report mean nothing then.
    pub running: bool,
    /// What it did.
    pub report: SessionReport,
}

/// A socket that clients can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerStatus {
    /// Where it is bound.
    pub address: SocketAddr,
    /// `dtls` or `nosec`.
    pub security: String,
    /// `udp` or `tcp`.
    pub transport: String,
}

/// What the driver is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriverStatus {
    /// Every listener.
    pub listeners: Vec<ListenerStatus>,
    /// Sessions that have not ended.
    pub running_sessions: usize,
    /// Sessions that ended since the start, by outcome.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Datagrams received since the start.
    pub datagrams_in: u64,
    /// Datagrams sent since the start.
    pub datagrams_out: u64,
    /// Datagrams dropped since the start, by cause.
    pub drops: Vec<(String, u64)>,
}

/// Asks the driver from any thread.
#[derive(Clone, Debug, Default)]
pub struct Handle {
    state: Arc<RwLock<(Vec<SessionRecord>, DriverStatus)>>,
}

impl Handle {
    /// A handle that answers with what it is given.
    #[cfg(test)]
    pub(crate) fn answering(sessions: Vec<SessionRecord>, status: DriverStatus) -> Handle {
        Handle { state: Arc::new(RwLock::new((sessions, status))) }
    }

    /// Sessions, newest first: running ones and those that the ring still holds.
    pub async fn sessions(&self, query: SessionQuery) -> Vec<SessionRecord> {
        let state = self.state.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let wanted = |record: &&SessionRecord| {
            (record.running || !query.running_only)
                && (query.endpoint.is_none() || record.report.endpoint == query.endpoint)
        };
        state.0.iter().filter(wanted).take(query.limit).cloned().collect()
    }

    /// The session with this number, if it is running or the ring still holds it.
    pub async fn session(&self, id: u64) -> Option<SessionRecord> {
        let state = self.state.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0.iter().find(|record| record.report.id == id).cloned()
    }

    /// What the driver is doing.
    pub async fn status(&self) -> DriverStatus {
        self.state.read().unwrap_or_else(std::sync::PoisonError::into_inner).1.clone()
    }
}
