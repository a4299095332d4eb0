//! What the driver tells of clients that wait and of clients that come too often.

use std::time::{Instant, SystemTime};

use super::Driver;
use crate::bootstrap::LoopingClient;
use crate::driver::handle::{AdmissionStatus, LoopingDevice};

/// Clients in a loop that are told of: the worst.
const SHOWN: usize = 10;

impl Driver {
    pub(super) fn admission(&self) -> AdmissionStatus {
        let statistics = self.server.statistics();
        let now = Instant::now();
        let mut clients: Vec<LoopingClient> = self.server.looping_clients(now).collect();
        clients.sort_by(|a, b| b.sessions.cmp(&a.sessions).then_with(|| a.endpoint.cmp(&b.endpoint)));
        let looping = clients.len();
        clients.truncate(SHOWN);
        AdmissionStatus {
            waiting: self.server.waiting(),
            queued: statistics.queued,
            dropped_from_queue: statistics.dropped_from_queue,
            slowed_down: statistics.slowed_down,
            looping,
            worst: clients.into_iter().map(|client| shown(now, client)).collect(),
        }
    }
}

/// The client with its times by the wall clock.
fn shown(now: Instant, client: LoopingClient) -> LoopingDevice {
    let wall_clock = SystemTime::now();
    let before = |at: Instant| wall_clock.checked_sub(now.saturating_duration_since(at)).unwrap_or(wall_clock);
    LoopingDevice {
        since: before(client.since),
        last: before(client.last),
        silence: client.silent_until.saturating_duration_since(now),
        endpoint: client.endpoint,
        remote: client.remote,
        sessions: client.sessions,
        ignored: client.ignored,
    }
}
