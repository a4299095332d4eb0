//! Sessions as the API shows them.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;
use crate::bootstrap::outcome::{Outcome, SessionReport, Step};

/// One session without its steps, as a list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Number of the session since the daemon started.
    pub id: u64,
    /// When the Bootstrap-Request came.
    pub started: Timestamp,
    /// Whether it has not ended.
    pub running: bool,
    /// Name of the device's record, or what the request claimed where none was found.
    pub endpoint: Option<String>,
    /// Through which listener the client came.
    #[serde(flatten)]
    pub listener: SessionListener,
    /// The client's address and port, the latest where it has moved.
    pub remote: String,
    /// Where it was when it asked, where it has moved since with its connection id (RFC 9146).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// What the transport proved.
    pub identity: String,
    /// The profile that was applied.
    pub profile: Option<String>,
    /// The client's LwM2M version as far as it is known.
    pub lwm2m_version: Option<String>,
    /// Name of the content format of the writes.
    pub content_format: Option<String>,
    /// How it ended; none while it runs.
    pub outcome: Option<Outcome>,
    /// Why it ended so; empty while it runs.
    pub reason: String,
    /// From the Bootstrap-Request to the outcome or until now, in milliseconds.
    pub duration_ms: f64,
}

/// The listener of a session, in the words of `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionListener {
    /// Its address and port.
    #[serde(rename = "listener")]
    pub address: String,
    /// `udp` or `tcp`.
    pub transport: String,
    /// `dtls` or `nosec`.
    pub security: String,
    /// `openssl` or `native`; none without DTLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
}

/// One session with every operation in order. Payloads are nowhere in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// What the list shows.
    #[serde(flatten)]
    pub summary: SessionSummary,
    /// Every operation in order.
    pub steps: Vec<Step>,
}

impl Session {
    /// Shows what the driver reports about a session that began at `started` and goes through `listener`.
    pub fn of(started: SystemTime, running: bool, listener: SessionListener, report: SessionReport) -> Session {
        let summary = SessionSummary {
            id: report.id,
            started: Timestamp::at(started),
            running,
            endpoint: report.endpoint,
            listener,
            remote: report.remote,
            moved_from: report.moved_from,
            identity: report.identity,
            profile: report.profile,
            lwm2m_version: report.lwm2m_version,
            content_format: report.content_format,
            outcome: (!running).then_some(report.outcome),
            reason: if running { String::new() } else { report.reason },
            duration_ms: milliseconds(report.duration),
        };
        Session { summary, steps: report.steps }
    }
}

impl SessionSummary {
    /// The duration that `duration_ms` says; nothing for what is no duration.
    pub fn duration(&self) -> Duration {
        Duration::try_from_secs_f64(self.duration_ms / 1e3).unwrap_or_default()
    }
}

/// Milliseconds with three decimals, the precision that steps have too.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
