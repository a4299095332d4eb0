//! Bootstraps per CPU-second of the daemon, over NoSec and over DTLS with a full handshake by each engine, next to the
//! floor: the same number of datagrams echoed by a bare tokio socket, in the same run and on the same machine.
//!
//! `cargo bench --bench bootstraps [-- nosec|openssl|native ...]`; all without an argument. The clients are the simulated
//! ones, with a stale account, so that each bootstrap has seven exchanges: request, Discover, two Deletes, two Writes,
//! Finish. CPU time is the server process's own; the daemon runs with its log at `warn`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bootstrapd::secret::Secret;
use bootstrapd::simulator::load::{self, LoadConfiguration, LoadReport};
use bootstrapd::simulator::shell::{CipherSuite, Psk, Target};
use bootstrapd::simulator::{ClientConfiguration, StaleAccount};

/// Devices on record for each kind of listener.
const DEVICES: u64 = 20_000;
/// Clients at the same time.
const CONCURRENCY: usize = 32;
/// Exchanges of one bootstrap.
const EXCHANGES: u64 = 7;
/// Bootstraps per second where nothing is saturated.
const RATE: f64 = 500.0;
const PAYLOAD: [u8; 64] = [0x40; 64];
const KEY: &str = "bench-key-of-16+";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.iter().any(|argument| argument == "--echo") {
        return echo();
    }
    let state = tempfile::tempdir().expect("a scratch directory");
    let daemon = Daemon::start(state.path());
    println!(
        "{CONCURRENCY} clients at once, {EXCHANGES} exchanges per bootstrap, {DEVICES} devices of each kind on record\n"
    );
    let saturated = floor(DEVICES * EXCHANGES, None);
    let paced = floor(RATE as u64 * EXCHANGES * 2, Some(RATE * EXCHANGES as f64));
    for (load, floor) in [("saturated", saturated), ("at 500/s", paced)] {
        let all = floor * EXCHANGES as f64;
        println!("floor {load:9}: {floor:.2} µs of CPU per echoed datagram, {all:.1} µs per {EXCHANGES}");
    }
    let is_wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let listeners = [("nosec", daemon.nosec), ("openssl", daemon.openssl), ("native", daemon.native)];
    let listeners = listeners.map(|(name, address)| (name, address, name != "nosec"));
    for (name, address, psk) in listeners.into_iter().filter(|(name, ..)| is_wanted(name)) {
        for (load, rate, floor) in [("saturated", None, saturated), ("at 500/s", Some(RATE), paced)] {
            let count = if rate.is_some() { 3_000 } else { DEVICES };
            let endpoints = if psk { "psk-{n}" } else { "nosec-{n}" };
            print(name, load, floor, &daemon.load(address, psk, endpoints, count, rate));
        }
    }
    println!("\nwith an account whose key is drawn for each device:");
    for (name, address, psk) in listeners.into_iter().filter(|(name, ..)| is_wanted(name)) {
        let endpoints = format!("drawn-{name}-{{n}}");
        for load in ["drawing", "drawn"] {
            print(name, load, saturated, &daemon.load(address, psk, &endpoints, DEVICES, None));
        }
    }
}

fn print(name: &str, load: &str, floor: f64, report: &LoadReport) {
    let server = report.server.as_ref().expect("the server's process id was given");
    let cpu = server.cpu_us_per_bootstrap.expect("something was completed");
    let latency = report.latency.as_ref().expect("something was completed");
    println!(
        "{name:7} {load:9}: {:6.0} per CPU-second ({cpu:5.1} µs, {:.2} times the floor), {:6.0} per second, \
         p50 {:.2} ms, p99 {:.2} ms, {} failed, memory {} KiB (peak {} KiB)",
        1e6 / cpu,
        cpu / (floor * EXCHANGES as f64),
        report.bootstraps_per_second,
        latency.p50_ms,
        latency.p99_ms,
        report.failed,
        server.rss_after_kib,
        server.rss_peak_kib,
    );
}

/// The daemon on loopback, with its devices.
struct Daemon {
    process: Child,
    nosec: SocketAddr,
    openssl: SocketAddr,
    native: SocketAddr,
}

impl Daemon {
    fn start(state: &Path) -> Daemon {
        let config = state.join("bootstrapd.toml");
        fs::write(&config, toml(state)).expect("the config can be written");
        let mut process = Command::new(env!("CARGO_BIN_EXE_bootstrapd"))
            .args(["--log", "warn,bootstrapd::daemon=info", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon can be started");
        let mut lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let mut address = |security: &str| loop {
            let line = lines.next().expect("the daemon says where it listens").expect("it is text");
            if let Some(rest) = line.split("listening on ").nth(1).filter(|rest| rest.contains(security)) {
                return rest.split(' ').next().expect("an address").parse().expect("an address");
            }
        };
        let (nosec, openssl, native) = (address("(nosec)"), address("(dtls, openssl)"), address("(dtls, native)"));
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Daemon { process, nosec, openssl, native }
    }

    fn load(&self, address: SocketAddr, psk: bool, name: &str, count: u64, rate: Option<f64>) -> LoadReport {
        let scheme = if psk { "coaps" } else { "coap" };
        let target: Target = format!("{scheme}://{address}").parse().expect("a server");
        let client = ClientConfiguration {
            stale_account: Some(StaleAccount::default()),
            preferred_content_format: Some(112),
            ..ClientConfiguration::new(name)
        };
        let configuration = LoadConfiguration {
            target,
            psk: psk.then(|| Psk { identity: name.to_owned(), key: Secret::from(KEY.as_bytes()) }),
            certificates: Vec::new(),
            suites: vec![CipherSuite::Aes128Ccm8],
            client,
            count,
            concurrency: CONCURRENCY,
            rate,
            server_pid: Some(self.process.id()),
            close_associations: true,
        };
        load::run(configuration, &mut |_| ControlFlow::Continue(())).expect("the load can be run")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn toml(state: &Path) -> String {
    let mut text = format!(
        "state_dir = {:?}\n[admin]\nsocket = {:?}\n\
         [[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"nosec\"\ninsecure_secrets = true\n\
         [[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"dtls\"\nengine = \"openssl\"\n\
         [[listen]]\nbind = \"127.0.0.1:0\"\nsecurity = \"dtls\"\nengine = \"native\"\n\
         [[server]]\nname = \"server\"\nssid = 101\nuri = \"lwm2m.example.com\"\npsk = \"text:{KEY}\"\n\
         [[profile]]\nname = \"default\"\nservers = [\"server\"]\ndefault = true\n\
         [[server]]\nname = \"drawn\"\nssid = 102\nuri = \"lwm2m.example.com\"\n\
         psk = \"${{string.secureRandom(32)}}\"\n\
         [[profile]]\nname = \"drawn\"\nservers = [\"drawn\"]\n\
         [[profile.rules]]\nendpoint = \"drawn-*\"\n",
        state.join("state"),
        state.join("admin.sock"),
    );
    for n in 1..=DEVICES {
        text.push_str(&format!(
            "[[device]]\nendpoint = \"nosec-{n}\"\n[[device]]\nendpoint = \"psk-{n}\"\npsk = \"text:{KEY}\"\n\
             [[device]]\nendpoint = \"drawn-nosec-{n}\"\n\
             [[device]]\nendpoint = \"drawn-openssl-{n}\"\npsk = \"text:{KEY}\"\n\
             [[device]]\nendpoint = \"drawn-native-{n}\"\npsk = \"text:{KEY}\"\n"
        ));
    }
    text
}

/// Microseconds of CPU that a bare tokio socket takes to echo one datagram, with as many clients as the daemon has, as
/// fast as it goes or so many per second.
fn floor(datagrams: u64, rate: Option<f64>) -> f64 {
    let mut process = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--echo", &datagrams.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the echo can be started");
    let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let mut line = move || lines.next().expect("the echo speaks").expect("it is text");
    let address: SocketAddr = line().parse().expect("an address");
    let sockets: Vec<UdpSocket> = (0..CONCURRENCY)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket.connect(address).expect("the loopback can be reached");
            socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out can be set");
            socket
        })
        .collect();
    let started = Instant::now();
    match rate {
        None => keep_busy(&sockets, datagrams),
        Some(rate) => (0..datagrams).for_each(|number| {
            let due = started + Duration::from_secs_f64(number as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            exchange(&sockets[number as usize % sockets.len()]);
        }),
    }
    let cpu: f64 = line().parse().expect("nanoseconds");
    process.wait().expect("the echo ends by itself");
    cpu / 1e3 / datagrams as f64
}

/// One datagram is under way on each socket at any time.
fn keep_busy(sockets: &[UdpSocket], datagrams: u64) {
    let started = Instant::now();
    let mut buffer = [0; 128];
    sockets.iter().for_each(|socket| drop(socket.send(&PAYLOAD)));
    for (sent, socket) in (sockets.len() as u64..).zip(sockets.iter().cycle()) {
        socket.recv(&mut buffer).expect("the echo answers");
        if sent >= datagrams {
            return;
        }
        socket.send(&PAYLOAD).expect("the loopback takes it");
        assert!(started.elapsed() < Duration::from_secs(120), "the echo is too slow to measure");
    }
}

fn exchange(socket: &UdpSocket) {
    socket.send(&PAYLOAD).expect("the loopback takes it");
    socket.recv(&mut [0; 128]).expect("the echo answers");
}

/// The other side of [`floor`]: echoes so many datagrams, then says what it cost.
fn echo() {
    let count: u64 = std::env::args().next_back().and_then(|text| text.parse().ok()).expect("a number of datagrams");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        println!("{}", socket.local_addr().expect("it is bound"));
        let mut buffer = [0; 2048];
        for _ in 0..count {
            let (length, from) = socket.recv_from(&mut buffer).await.expect("a datagram");
            socket.send_to(&buffer[..length], from).await.expect("the loopback takes it");
        }
    });
    let schedstat = fs::read_to_string("/proc/self/schedstat").expect("the kernel counts CPU time");
    println!("{}", schedstat.split(' ').next().expect("it begins with nanoseconds"));
}
