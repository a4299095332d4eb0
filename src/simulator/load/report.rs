//! `LoadReport`: what a run of the load generator found out; the command line turns it into a table or JSON.

use std::collections::BTreeMap;

use serde::Serialize;

pub use super::latency::LatencySummary;
use crate::simulator::Traffic;

/// What a run found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadReport {
    /// Bootstraps that were to be done.
    pub requested: u64,
    /// Bootstraps that came to a good end.
    pub completed: u64,
    /// Bootstraps that failed.
    pub failed: u64,
    /// From the first datagram to the last result, in seconds.
    pub elapsed_s: f64,
    /// Good ends per second.
    pub bootstraps_per_second: f64,
    /// From the first datagram of a client, be it of the handshake, to its answer to Finish; failures are not in it.
    pub latency: Option<LatencySummary>,
    /// Failures by cause; the first of each kind is quoted.
    pub failures: BTreeMap<&'static str, FailureCount>,
    /// CoAP traffic of all clients together.
    pub traffic: TrafficTotals,
    /// With a rate: bootstraps that began more than 10 ms after their time, because all clients were busy.
    pub late_starts: u64,
    /// CPU time of the generator's thread in microseconds per bootstrap, where the kernel tells it.
    ///
    /// If this comes near to what the server needs, the generator may be what limits the throughput.
    pub generator_cpu_us_per_bootstrap: Option<f64>,
    /// What the server's process cost, if its process id was given.
    pub server: Option<ServerUsage>,
}

/// How often one cause of failure was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureCount {
    /// How often.
    pub count: u64,
    /// The first failure of the kind, as a sentence.
    pub first: String,
}

/// Sums over all clients, of CoAP messages without the bytes of UDP and DTLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TrafficTotals {
    /// Requests that were answered, in both directions.
    pub exchanges: u64,
    /// Bootstrap-Requests that were sent again.
    pub retransmissions: u64,
    /// Requests of the server that came more than once.
    pub duplicates: u64,
    /// Bytes that the clients sent.
    pub bytes_sent: u64,
    /// Bytes that the clients received.
    pub bytes_received: u64,
}

impl TrafficTotals {
    pub(super) fn add(&mut self, traffic: Traffic) {
        self.exchanges += u64::from(traffic.exchanges);
        self.retransmissions += u64::from(traffic.retransmissions);
        self.duplicates += u64::from(traffic.duplicates);
        self.bytes_sent += traffic.bytes_sent;
        self.bytes_received += traffic.bytes_received;
    }
}

/// CPU time and memory of the server's process over the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ServerUsage {
    /// CPU time, user and system, in seconds.
    pub cpu_s: f64,
    /// CPU time per completed bootstrap in microseconds; none where none was completed.
    pub cpu_us_per_bootstrap: Option<f64>,
    /// Completed bootstraps per second of CPU time; none where no CPU time was counted.
    pub bootstraps_per_cpu_second: Option<f64>,
    /// Resident memory before the run, in KiB.
    pub rss_before_kib: u64,
    /// The most resident memory seen during the run, in KiB.
    pub rss_highest_kib: u64,
    /// Resident memory after the run, in KiB.
    pub rss_after_kib: u64,
    /// The most resident memory since the process began, in KiB (VmHWM).
    pub rss_peak_kib: u64,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bootstraps that were to be done.
    pub requested: u64,
    /// Bootstraps that came to a good end.
    pub completed: u64,
    /// Bootstraps that failed.
    pub failed: u64,
}
