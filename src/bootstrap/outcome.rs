//! How a session ended: the closed list of outcomes, and the report with every step.
//!
//! One list, used by log, metrics, CLI, API and store alike. This module knows no CoAP types, so that the store and the
//! admin API can carry it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The client answered Finish with 2.04.
    Completed,
    /// Finish was sent and not answered; the client has probably taken everything.
    ProbablyCompleted,
    /// No such device.
    RefusedUnknown,
    /// The operator blocked the device.
    RefusedBlocked,
    /// The endpoint name does not belong to the identity that was proven.
    RefusedIdentity,
    /// The client asks for a content format that we cannot write, or asks in a way we cannot read.
    RefusedFormat,
    /// Keys would have travelled without protection.
    RefusedInsecure,
    /// What the operator configured for this device cannot be written.
    InvalidProvision,
    /// Discover failed in a way that cannot be worked around.
    DiscoverFailed,
    /// Delete failed in a way that cannot be ignored.
    DeleteFailed,
    /// The client refused a Write; no Finish was sent.
    WriteFailed,
    /// The client answered Finish with an error, such as 4.06 for an inconsistent configuration.
    FinishRejected,
    /// The client fell silent before Finish.
    TimedOut,
    /// The client answered an operation with Reset.
    Reset,
    /// A newer Bootstrap-Request of the same client took the place of this session.
    Superseded,
    /// The association was lost.
    ConnectionLost,
    /// The management server did not take the device.
    TargetFailed,
    /// Our own fault.
    Internal,
}

impl Outcome {
    /// Every outcome, in the order of the list above.
    pub const ALL: [Outcome; 18] = [
        Outcome::Completed,
        Outcome::ProbablyCompleted,
        Outcome::RefusedUnknown,
        Outcome::RefusedBlocked,
        Outcome::RefusedIdentity,
        Outcome::RefusedFormat,
        Outcome::RefusedInsecure,
        Outcome::InvalidProvision,
        Outcome::DiscoverFailed,
        Outcome::DeleteFailed,
        Outcome::WriteFailed,
        Outcome::FinishRejected,
        Outcome::TimedOut,
        Outcome::Reset,
        Outcome::Superseded,
        Outcome::ConnectionLost,
        Outcome::TargetFailed,
        Outcome::Internal,
    ];

    /// The name that log, metrics, CLI and API use.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::ProbablyCompleted => "probably_completed",
            Outcome::RefusedUnknown => "refused_unknown",
            Outcome::RefusedBlocked => "refused_blocked",
            Outcome::RefusedIdentity => "refused_identity",
            Outcome::RefusedFormat => "refused_format",
            Outcome::RefusedInsecure => "refused_insecure",
            Outcome::InvalidProvision => "invalid_provision",
            Outcome::DiscoverFailed => "discover_failed",
            Outcome::DeleteFailed => "delete_failed",
            Outcome::WriteFailed => "write_failed",
            Outcome::FinishRejected => "finish_rejected",
            Outcome::TimedOut => "timed_out",
            Outcome::Reset => "reset",
            Outcome::Superseded => "superseded",
            Outcome::ConnectionLost => "connection_lost",
            Outcome::TargetFailed => "target_failed",
            Outcome::Internal => "internal",
        }
    }

    /// Whether the client holds, or most probably holds, what it was meant to hold.
    pub fn is_success(self) -> bool {
        matches!(self, Outcome::Completed | Outcome::ProbablyCompleted)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(name: &str) -> Result<Outcome, UnknownOutcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == name).ok_or(UnknownOutcome)
    }
}

/// A name that is on no list of outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such outcome")]
pub struct UnknownOutcome;

/// One operation of a session, as the trace keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What was asked, such as `Bootstrap-Write /0/1`. Never holds a payload.
    pub operation: String,
    /// Bytes of payload sent.
    pub bytes: usize,
    /// The answer's CoAP code, such as `2.04`; none where the client was silent or sent Reset.
    pub code: Option<String>,
    /// From the first transmission to the answer or the end of waiting.
    #[serde(with = "milliseconds", rename = "duration_ms")]
    pub duration: Duration,
    /// How often the request was sent again.
    pub retransmissions: u32,
    /// What an operator should know about this step, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a session tells when it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionReport {
    /// Number of the session since the daemon started.
    pub id: u64,
    /// Name of the device's record, or what the request claimed where none was found; none where nothing was said.
    pub endpoint: Option<String>,
    /// Index of the listener through which the client came.
    pub listener: usize,
    /// The client's address and port, the latest where it has moved.
    pub remote: String,
    /// Where it was when it asked, where it has moved since (RFC 9146, section 6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// What the transport proved, such as `PSK identity "meter-1"` or `nothing (NoSec)`.
    pub identity: String,
    /// The profile that was applied.
    pub profile: Option<String>,
    /// The client's LwM2M version as far as it is known, such as `1.1`.
    pub lwm2m_version: Option<String>,
    /// Name of the content format of the writes.
    pub content_format: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, as a sentence for the operator.
    pub reason: String,
    /// From the Bootstrap-Request to the outcome.
    #[serde(with = "milliseconds", rename = "duration_ms")]
    pub duration: Duration,
    /// Every operation in order.
    pub steps: Vec<Step>,
    /// That the client bootstraps in a loop and is slowed down, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looping: Option<Looping>,
}

/// How often a client has bootstrapped in a loop, and how it is slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looping {
    /// Sessions since the loop began.
    pub sessions: u32,
    /// Since the first of them ended.
    #[serde(with = "milliseconds", rename = "since_ms")]
    pub since: Duration,
    /// How long its requests meet silence now.
    #[serde(with = "milliseconds", rename = "silence_ms")]
    pub silence: Duration,
    /// Whether it is slowed down for the first time.
    pub is_first: bool,
}

/// A sentence for the operator; it follows the reason for the end of the session.
impl fmt::Display for Looping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Looping { sessions, since, silence, .. } = self;
        let (since, silence) = (since.as_secs(), silence.as_secs());
        write!(
            formatter,
            "The client bootstraps in a loop, {sessions} times in {since} s, and its requests meet silence for {silence} s."
        )
    }
}

/// Durations as fractional milliseconds, the form that tables and scripts want.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e3)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let milliseconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(milliseconds / 1e3).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn each_name_reads_back_as_its_outcome_in_text_and_json() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.name().parse(), Ok(outcome));
            assert_eq!(serde_json::to_string(&outcome).unwrap(), format!("\"{}\"", outcome.name()));
        }
        assert!("done".parse::<Outcome>().is_err());
    }
}
