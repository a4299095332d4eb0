//! The load generator: many simulated clients against one server, and what that cost.
//!
//! `bootstrapctl simulate --count` and the benches call [`run`]. One thread runs everything: each of the concurrent
//! clients has one socket and one loop that drives the sans-IO core directly.
//!
//! What is measured is the server: over NoSec each socket serves many clients one after the other, with message ids
//! counted up so that no server takes a new client for a repeated message; over DTLS each client has its own socket and
//! a full handshake.

mod latency;
mod process;
mod report;
mod worker;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::task::{JoinError, JoinSet, LocalSet};
use tokio::time::{MissedTickBehavior, interval};

pub use report::{FailureCount, LatencySummary, LoadReport, Progress, ServerUsage, TrafficTotals};

use super::shell::{CipherSuite, ClientCertificate, DtlsContext, Psk, Target, fresh_seed};
use super::{ClientConfiguration, Failure, Provisioned, Traffic};
use latency::Latencies;
use process::{CpuTime, Memory, cpu_time, memory, own_thread};
use worker::Ports;

/// How often progress is told and the server's memory is looked at.
const TICK: Duration = Duration::from_millis(100);

/// What to run. In `client.endpoint` and in the PSK identity, `{n}` stands for the number of the client, from 1 on.
#[derive(Clone, Debug)]
pub struct LoadConfiguration {
    /// The server.
    pub target: Target,
    /// Credentials, for a `coaps` target only. All clients have the same key.
    pub psk: Option<Psk>,
    /// In its place, the certificates of the clients: the first shows the first, and so on, from the beginning again where
    /// there are fewer certificates than clients. All trust whom the first one says.
    pub certificates: Vec<ClientCertificate>,
    /// Cipher suites in the order in which they are offered.
    pub suites: Vec<CipherSuite>,
    /// What each client is like.
    pub client: ClientConfiguration,
    /// How many bootstraps to do.
    pub count: u64,
    /// How many at the same time; at least one.
    pub concurrency: usize,
    /// How many to begin per second at most; without it, as fast as the server goes.
    pub rate: Option<f64>,
    /// The server's process, to measure its CPU time and memory.
    pub server_pid: Option<u32>,
    /// Whether clients close their DTLS associations when they are done. Real ones were not seen to.
    pub close_associations: bool,
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The same as for a single client: no address, or unusable credentials.
    #[error(transparent)]
    Target(#[from] Failure),
    /// A number that makes no sense.
    #[error("{0}")]
    Senseless(&'static str),
    /// No process of this id, or not ours to look at.
    #[error("cannot read the CPU time and memory of process {pid}: {source}")]
    ServerProcess {
        /// The process id.
        pid: u32,
        /// What the operating system said.
        source: io::Error,
    },
    /// No runtime or no socket, most likely because too many files are open.
    #[error("cannot open the sockets of {concurrency} concurrent clients: {source}")]
    Sockets {
        /// How many were asked for.
        concurrency: usize,
        /// What the operating system said.
        source: io::Error,
    },
    /// A loop ended by a panic, which is a defect.
    #[error("a client's loop ended unexpectedly: {0}")]
    Broken(JoinError),
}

/// What all loops have in common.
struct Shared {
    configuration: LoadConfiguration,
    address: SocketAddr,
    dtls: Option<DtlsContext>,
    begin: Instant,
    /// Number of the next client to begin, from 0.
    next: Cell<u64>,
    seed: [u8; 32],
    ports: RefCell<Ports>,
    tally: RefCell<Tally>,
}

/// What has been counted so far.
#[derive(Default)]
struct Tally {
    completed: u64,
    failed: u64,
    late_starts: u64,
    latencies: Latencies,
    failures: BTreeMap<&'static str, FailureCount>,
    traffic: TrafficTotals,
}

impl Tally {
    fn add(&mut self, result: Result<Provisioned, Failure>, latency: Duration, traffic: Traffic) {
        self.traffic.add(traffic);
        match result {
            Ok(_) => {
                self.completed += 1;
                self.latencies.record(latency);
            }
            Err(failure) => {
                self.failed += 1;
                let first = || FailureCount { count: 0, first: failure.to_string() };
                self.failures.entry(failure.cause()).or_insert_with(first).count += 1;
            }
        }
    }
}

/// Runs the load to its end on the calling thread, which must not belong to a tokio runtime.
///
/// `progress` is told ten times per second how far it is; when it answers `Break`, no new bootstraps begin, those
/// under way are dropped, and the report is about what was done by then.
///
/// # Errors
///
/// [`LoadError`] if there was nothing to measure. Failed bootstraps are not errors but part of the report.
pub fn run(
    configuration: LoadConfiguration,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<LoadReport, LoadError> {
    check(&configuration)?;
    let concurrency = configuration.concurrency;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LoadError::Sockets { concurrency, source })?;
    LocalSet::new().block_on(&runtime, run_within(configuration, progress))
}

fn check(configuration: &LoadConfiguration) -> Result<(), LoadError> {
    if configuration.count == 0 || configuration.concurrency == 0 {
        return Err(LoadError::Senseless("count and concurrency must be at least 1"));
    }
    if configuration.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
        return Err(LoadError::Senseless("the rate must be a number above 0"));
    }
    if configuration.target.tcp {
        return Err(LoadError::Senseless("the load is put on over UDP or DTLS, not over TCP"));
    }
    let credentials = usize::from(configuration.psk.is_some()) + usize::from(!configuration.certificates.is_empty());
    let fits = credentials == usize::from(configuration.target.secure);
    let words = "coaps:// needs a PSK identity and a key, or else a certificate, and coap:// takes none";
    if fits { Ok(()) } else { Err(Failure::UnusableCredentials(words).into()) }
}

async fn run_within(
    configuration: LoadConfiguration,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<LoadReport, LoadError> {
    let mut meter = configuration.server_pid.map(Meter::start).transpose()?;
    let shared = Rc::new(prepare(configuration).await?);
    let cpu_before = own_thread();
    let mut loops = worker::spawn(&shared).await?;
    watch(&shared, &mut loops, meter.as_mut(), progress).await?;
    let elapsed = shared.begin.elapsed();
    let own_cpu = own_thread().zip(cpu_before).map(|(now, then)| now.saturating_sub(then));
    drop(loops);
    let server = match meter {
        Some(meter) => Some(meter.finish(shared.tally.borrow().completed)?),
        None => None,
    };
    Ok(conclude(&shared, elapsed, own_cpu, server))
}

async fn prepare(configuration: LoadConfiguration) -> Result<Shared, LoadError> {
    let addresses = configuration.target.resolve().await?;
    let address = addresses.first().copied().ok_or(LoadError::Senseless("the server has no address"))?;
    let dtls = match (&configuration.psk, configuration.certificates.first()) {
        (Some(_), _) => Some(DtlsContext::new(&configuration.suites)?),
        (None, Some(first)) => Some(DtlsContext::for_certificate(first)?),
        (None, None) => None,
    };
    let seed = fresh_seed()?;
    let (next, tally) = (Cell::new(0), RefCell::default());
    let ports = RefCell::new(Ports::default());
    Ok(Shared { configuration, address, dtls, begin: Instant::now(), next, seed, ports, tally })
}

/// Waits for all loops, telling about progress meanwhile.
async fn watch(
    shared: &Shared,
    loops: &mut JoinSet<io::Result<()>>,
    mut meter: Option<&mut Meter>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<(), LoadError> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {
                if let Some(meter) = meter.as_deref_mut() {
                    meter.sample();
                }
                if progress(shared.progress()).is_break() {
                    return Ok(());
                }
            }
            ended = loops.join_next() => match ended {
                None => {
                    // The last call shows the end; there is nothing left to break off.
                    let _ = progress(shared.progress());
                    return Ok(());
                }
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(source))) => {
                    return Err(LoadError::Sockets { concurrency: shared.configuration.concurrency, source });
                }
                Some(Err(error)) => return Err(LoadError::Broken(error)),
            },
        }
    }
}

impl Shared {
    fn progress(&self) -> Progress {
        let tally = self.tally.borrow();
        Progress { requested: self.configuration.count, completed: tally.completed, failed: tally.failed }
    }
}

fn conclude(shared: &Shared, elapsed: Duration, own_cpu: Option<Duration>, server: Option<ServerUsage>) -> LoadReport {
    let mut tally = shared.tally.borrow_mut();
    let (completed, failed) = (tally.completed, tally.failed);
    let per_bootstrap = |cpu: Duration| cpu.as_secs_f64() * 1e6 / (completed + failed) as f64;
    LoadReport {
        requested: shared.configuration.count,
        completed,
        failed,
        elapsed_s: elapsed.as_secs_f64(),
        bootstraps_per_second: completed as f64 / elapsed.as_secs_f64(),
        latency: tally.latencies.summary(),
        failures: std::mem::take(&mut tally.failures),
        traffic: tally.traffic,
        late_starts: tally.late_starts,
        generator_cpu_us_per_bootstrap: own_cpu.filter(|_| completed + failed > 0).map(per_bootstrap),
        server,
    }
}

/// Watches the server's process.
struct Meter {
    pid: u32,
    cpu: CpuTime,
    before: Memory,
    highest: u64,
}

impl Meter {
    fn start(pid: u32) -> Result<Meter, LoadError> {
        let unreadable = |source| LoadError::ServerProcess { pid, source };
        let (cpu, before) = (cpu_time(pid).map_err(unreadable)?, memory(pid).map_err(unreadable)?);
        Ok(Meter { pid, cpu, before, highest: before.resident })
    }

    fn sample(&mut self) {
        // A server that has died shows in the failures, and in `finish`.
        if let Ok(memory) = memory(self.pid) {
            self.highest = self.highest.max(memory.resident);
        }
    }

    fn finish(mut self, completed: u64) -> Result<ServerUsage, LoadError> {
        let unreadable = |source| LoadError::ServerProcess { pid: self.pid, source };
        let cpu = cpu_time(self.pid).map_err(unreadable)?.since(self.cpu).as_secs_f64();
        let after = memory(self.pid).map_err(unreadable)?;
        self.sample();
        Ok(ServerUsage {
            cpu_s: cpu,
            cpu_us_per_bootstrap: (completed > 0).then(|| cpu * 1e6 / completed as f64),
            bootstraps_per_cpu_second: (cpu > 0.0).then(|| completed as f64 / cpu),
            rss_before_kib: self.before.resident,
            rss_highest_kib: self.highest,
            rss_after_kib: after.resident,
            rss_peak_kib: after.peak,
        })
    }
}

#[cfg(test)]
mod tests;
