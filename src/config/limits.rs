//! `[limits]`: how many clients are served at one time, how many wait, and when a client bootstraps too often.
//!
//! Spec sheets `bootstrap.md`, section 4, and `clients.md`, section 3.14. What is left out has the server's own defaults,
//! which this room does not know.

use std::time::Duration;

use serde::Deserialize;

use crate::provision::Problem;

/// Bounds of the server; none where the file does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at one time.
    pub sessions: Option<usize>,
    /// Clients that wait for their turn.
    pub queue: Option<usize>,
    /// Percent of the sessions that one network may have.
    pub network_share: Option<u8>,
    /// Sessions of one client within the window after which it is slowed down.
    pub loop_sessions: Option<u32>,
    /// In which time they count.
    pub loop_window: Option<Duration>,
    /// The longest silence that such a client meets; nothing is slowed down where it is zero.
    pub loop_longest_silence: Option<Duration>,
}

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsDefinition {
    sessions: Option<u64>,
    queue: Option<u64>,
    network_share: Option<u64>,
    loop_sessions: Option<u64>,
    loop_window: Option<u64>,
    loop_longest_silence: Option<u64>,
}

impl LimitsDefinition {
    /// The bounds, and what is wrong with them; what is out of range counts as left out.
    pub(super) fn check(&self) -> (Limits, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut within = |field: &'static str, value: Option<u64>, from: u64, to: u64, unit: &str| {
            let is_within = value.is_none_or(|value| (from..=to).contains(&value));
            if !is_within {
                problems.push(Problem::error(field, format!("`{field}` must be from {from} to {to}{unit}")));
            }
            value.filter(|_| is_within)
        };
        let limits = Limits {
            sessions: within("sessions", self.sessions, 1, 1_000_000, "").map(|count| count as usize),
            queue: within("queue", self.queue, 0, 1_000_000, "").map(|count| count as usize),
            network_share: within("network_share", self.network_share, 1, 100, " percent").map(|share| share as u8),
            loop_sessions: within("loop_sessions", self.loop_sessions, 2, 1_000, "").map(|count| count as u32),
            loop_window: within("loop_window", self.loop_window, 60, 86_400, " seconds").map(Duration::from_secs),
            loop_longest_silence: within("loop_longest_silence", self.loop_longest_silence, 0, 3_600, " seconds")
                .map(Duration::from_secs),
        };
        (limits, problems)
    }
}
