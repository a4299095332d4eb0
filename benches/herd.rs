//! 100,000 devices within ten minutes after a power cut, against the server of bootstrap sessions, in invented time.
//!
//! `cargo bench --no-default-features --bench herd [-- CLIENTS]`. They ask for the first time within one minute, each over
//! a round-trip time of its own between 50 and 500 ms, and behave as real ones do when they are not answered. The first
//! run plays them and keeps what the server heard; then a process of its own hears the same once more, and its CPU time
//! and memory are the server's alone: no socket, no DTLS, no database.

#[path = "../tests/support/fixtures.rs"]
#[expect(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "../tests/support/herd.rs"]
mod herd;

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bootstrapd::bootstrap::{Limits, Output};
use herd::{Heard, Herd, completed, run};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, file, clients, sessions] = &arguments[..]
        && flag == "--replay"
    {
        return replay(Path::new(file), &scene(number(clients), number(sessions)));
    }
    let clients = arguments.first().map_or(100_000, |argument| number(argument));
    println!("{clients} clients ask within a minute; round trips of 50 to 500 ms");
    println!("sessions   lost  attempts  queued  most waiting      p50      p99  slowest  datagrams");
    for sessions in [10_000, 1_000] {
        measure(&scene(clients, sessions));
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// The herd in networks of 250, against a server with room for so many sessions.
fn scene(clients: usize, sessions: usize) -> Herd {
    let limits = Limits { sessions, ..Limits::default() };
    Herd { clients, clients_per_network: 250, arrival: Duration::from_secs(60), mute: 0, limits, seed: 1 }
}

fn measure(herd: &Herd) {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let file = directory.path().join("heard");
    let mut heard = BufWriter::new(File::create(&file).expect("a scratch file"));
    let told = run(herd, &fixtures::provision(), TEN_MINUTES, |at, what| {
        let (number, bytes): (u64, &[u8]) = match what {
            Heard::Datagram(number, bytes) => (number as u64, bytes),
            Heard::Timeout => (u64::MAX, &[]),
        };
        let record = [&(at.as_nanos() as u64).to_le_bytes()[..], &number.to_le_bytes(), &[bytes.len() as u8], bytes];
        heard.write_all(&record.concat()).expect("a scratch file can be written");
    });
    heard.flush().expect("a scratch file can be written");
    println!(
        "{:8} {:6} {:9} {:7} {:13} {:6.1} s {:6.1} s {:6.1} s {:10}",
        herd.limits.sessions,
        told.lost,
        told.attempts,
        told.statistics.queued,
        told.most_waiting,
        told.percentile(50).as_secs_f64(),
        told.percentile(99).as_secs_f64(),
        told.percentile(100).as_secs_f64(),
        told.datagrams,
    );
    assert_eq!((told.lost, completed(&told)), (0, herd.clients), "{:?}", told.outcomes);
    let (clients, sessions) = (herd.clients.to_string(), herd.limits.sessions.to_string());
    let program = std::env::current_exe().expect("this program");
    let arguments = ["--replay".as_ref(), file.as_os_str(), clients.as_ref(), sessions.as_ref()];
    assert!(Command::new(program).args(arguments).status().expect("the program runs").success());
}

/// Tells a server the same again, and how much memory and time that took.
fn replay(file: &Path, herd: &Herd) {
    let provision = fixtures::provision();
    let (mut server, base) = (herd::server(&herd.limits), Instant::now());
    let mut heard = BufReader::new(File::open(file).expect("the scratch file"));
    let before = resident();
    let (mut spent, mut ended, mut bytes) = (Duration::ZERO, 0, [0; 256]);
    let mut head = [0; 17];
    while heard.read_exact(&mut head).is_ok() {
        let at = base + Duration::from_nanos(u64::from_le_bytes(head[..8].try_into().expect("eight bytes")));
        let number = u64::from_le_bytes(head[8..16].try_into().expect("eight bytes"));
        let datagram = &mut bytes[..usize::from(head[16])];
        heard.read_exact(datagram).expect("the scratch file is whole");
        let peer = herd::peer(number as u32 as usize);
        let started = Instant::now();
        match number {
            u64::MAX => server.handle_timeout(at),
            number => server.handle_datagram(at, herd::origin(number as usize, herd, &peer), datagram),
        }
        while let Some(output) = server.poll_output() {
            match output {
                Output::Resolve { session, key, .. } => {
                    server.handle_lookup(at, session, herd::lookup(&key, &provision));
                }
                Output::Ended { .. } => ended += 1,
                _ => {}
            }
        }
        spent += started.elapsed();
    }
    assert_eq!(ended, herd.clients, "the same happens again");
    println!(
        "         the server alone: {:.1} MiB at its peak beyond the {:.1} MiB of the process, {:.1} µs per bootstrap",
        (resident().1 - before.0) as f64 / 1024.0,
        before.0 as f64 / 1024.0,
        spent.as_secs_f64() * 1e6 / herd.clients as f64,
    );
}

/// Resident memory of this process in KiB, and its peak.
fn resident() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    };
    (field("VmRSS:"), field("VmHWM:"))
}
