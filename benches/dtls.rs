//! What DTLS costs the server, with every engine of the build in the same run: CPU time of handshakes and of whole
//! sessions, and memory of open sessions.
//!
//! `cargo bench --bench dtls [-- WORD]`, the word being in the names of the rows that are wanted;
//! `--no-default-features --features dtls` for the native engine alone. The clients are those of the tests. They answer
//! between the measurements and cost nothing in the figures: CPU time is the thread's, taken around the calls of the
//! server, with a batch of clients in step so that taking it costs nothing either. The rounds of the engines take turns and
//! the best of each counts. Memory is the growth of a process that holds a server and nothing else, from the first 2,000
//! open sessions on, so that what is there once is not counted.

#[path = "../tests/support/puppet/mod.rs"]
mod puppet;

use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use bootstrapd::dtls::{AssociationId, Configuration, EngineKind, Identity, Offered, Output, Server, Verdict};
use bootstrapd::route::Route;
use bootstrapd::secret::Secret;
use puppet::certificate::Holder;
use puppet::{Profile, Puppet};
use rustix::time::{ClockId, clock_gettime};

const KEY: &[u8] = b"bench-key-of-16+";
/// Clients in step.
const BATCH: usize = 100;
/// Of each engine.
const ROUNDS: usize = 5;
/// Sessions that are open before memory is measured for the first time, and those that are opened then.
const OPEN: (usize, usize) = (2_000, 10_000);
/// Round trips of one session, and bytes of application data each way.
const ROUND_TRIPS: usize = 10;
const PAYLOAD: [u8; 64] = [0x40; 64];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, engine] = &arguments[..]
        && flag == "--memory"
    {
        return hold(engines().into_iter().find(|known| known.to_string() == *engine).expect("an engine"));
    }
    let is_wanted = |name: &str| arguments.iter().all(|word| name.contains(word));
    let pki = Pki::new();
    println!("per CPU-second of the server; the best of {ROUNDS} rounds\n");
    print!("{:38}", "");
    engines().iter().for_each(|engine| print!("{:>10}", engine.to_string()));
    println!("{:>10}{:>10}", "ratio", "to reach");
    for (name, profile, count, reach) in [
        ("handshakes, PSK", pki.psk(), 10_000, 20_000.0),
        ("handshakes, X.509, chains of two", pki.certified(), 1_000, 3_500.0),
        ("handshakes, raw public keys", pki.raw(), 1_000, 5_000.0),
    ] {
        if is_wanted(name) {
            print(name, &race(&pki, &profile, count, false), reach);
        }
    }
    let (sessions, memories) = ("PSK handshake, 10 round trips, close", "bytes per open session, PSK");
    if is_wanted(sessions) {
        print(sessions, &race(&pki, &pki.psk(), 5_000, true), f64::NAN);
    }
    if is_wanted(memories) {
        let bytes: Vec<f64> = engines().into_iter().map(|engine| memory(&pki, engine)).collect();
        print(memories, &bytes, 2_500.0);
    }
}

fn print(name: &str, figures: &[f64], reach: f64) {
    print!("{name:38}");
    figures.iter().for_each(|figure| print!("{figure:10.0}"));
    let ratio = figures.last().zip(figures.first()).map_or(1.0, |(native, first)| native / first);
    let reach = if reach.is_nan() { "-".to_owned() } else { format!("{reach:.0}") };
    println!("{ratio:10.2}{reach:>10}");
}

/// The engines of this build; the native one is the last.
fn engines() -> Vec<EngineKind> {
    vec![
        #[cfg(feature = "openssl")]
        EngineKind::OpenSsl,
        EngineKind::Native,
    ]
}

/// Server and device, each certified by an intermediate authority of its own.
struct Pki {
    root: Holder,
    server: Holder,
    device: Holder,
}

impl Pki {
    fn new() -> Pki {
        let root = Holder::root("root", 1);
        let (servers, devices) = (root.issue("servers", 2, true, 0), root.issue("devices", 3, true, 0));
        let (server, device) = (servers.issue("server", 4, false, 0), devices.issue("device", 5, false, 0));
        Pki { root, server, device }
    }

    fn configuration(&self, engine: EngineKind) -> Configuration {
        Configuration {
            engine,
            identity: Some(Identity {
                chain: self.server.chain.clone(),
                private_key: Secret::new(self.server.private_key()),
            }),
            trust_anchors: self.root.chain.clone(),
            raw_public_keys: true,
            max_associations: 1 << 20,
            ..Configuration::default()
        }
    }

    /// With CCM_8, as LwM2M devices have, and connection ids where there are any.
    fn psk(&self) -> Profile {
        let suites = vec![puppet::protection::PSK_CCM_8];
        Profile { suites, connection_id: Some(Vec::new()), ..Profile::psk(b"urn:dev:os:000001", KEY) }
    }

    fn certified(&self) -> Profile {
        let suites = vec![puppet::protection::ECDHE_ECDSA_CCM_8];
        Profile { suites, ..Profile::certificate(self.device.chain.clone(), self.device.key.clone()) }
    }

    fn raw(&self) -> Profile {
        let suites = vec![puppet::protection::ECDHE_ECDSA_CCM_8];
        Profile { suites, ..Profile::raw_public_key(self.device.key.clone()) }
    }
}

/// What each engine does per CPU-second.
fn race(pki: &Pki, profile: &Profile, count: usize, whole: bool) -> Vec<f64> {
    let mut best = vec![Duration::MAX; engines().len()];
    for _ in 0..ROUNDS {
        for (engine, best) in engines().into_iter().zip(&mut best) {
            let mut listener = Listener::new(pki.configuration(engine));
            (0..count).step_by(BATCH).for_each(|first| batch(&mut listener, profile, first, whole));
            assert_eq!(listener.server.statistics().handshakes_completed, count as u64);
            *best = listener.spent.min(*best);
        }
    }
    best.into_iter().map(|spent| count as f64 / spent.as_secs_f64()).collect()
}

/// Handshakes in step, and sessions where those are wanted as well.
fn batch(listener: &mut Listener, profile: &Profile, first: usize, whole: bool) {
    let mut clients = connect(profile, first, |datagrams| listener.serve(datagrams));
    let opened = std::mem::take(&mut listener.opened);
    assert_eq!(opened.len(), clients.len());
    if !whole {
        // The clients of one round do not become more from batch to batch.
        opened.into_iter().for_each(|association| listener.server.close(listener.now, association));
        while listener.server.poll_output().is_some() {}
        return;
    }
    for _ in 0..ROUND_TRIPS {
        let said = clients.iter_mut().map(|(route, client)| (*route, client.seal(&PAYLOAD))).collect();
        for (answer, (_, client)) in listener.serve(said).into_iter().zip(&mut clients) {
            client.hear(&answer.1);
            assert_eq!(client.received(), [PAYLOAD]);
        }
    }
    let goodbyes = clients.iter_mut().map(|(route, client)| (*route, client.close_notify())).collect();
    assert_eq!(listener.serve(goodbyes).len(), clients.len(), "each is answered");
}

type Datagrams = Vec<(Route, Vec<u8>)>;

/// A batch of clients that have proven themselves to whatever `serve` asks.
fn connect(profile: &Profile, first: usize, mut serve: impl FnMut(Datagrams) -> Datagrams) -> Vec<(Route, Puppet)> {
    let client = |number: usize| (route(number), Puppet::new(profile.clone(), number as u64));
    let mut clients: Vec<(Route, Puppet)> = (first..first + BATCH).map(client).collect();
    let mut datagrams = Datagrams::new();
    for (route, client) in &mut clients {
        datagrams.extend(client.start().into_iter().map(|datagram| (*route, datagram)));
    }
    while !datagrams.is_empty() {
        let answers = serve(std::mem::take(&mut datagrams));
        for (route, answer) in answers {
            let (_, client) = &mut clients[usize::from(route.remote.port()) - 1];
            datagrams.extend(client.handle_datagram(&answer).into_iter().map(|datagram| (route, datagram)));
        }
    }
    for (route, client) in &clients {
        let heard = client.received_messages();
        assert!(client.is_established(), "{route:?}: {:?} {:?} {heard:?}", client.faults(), client.alert_received());
    }
    clients
}

/// One address for each batch, one port for each client in it.
fn route(number: usize) -> Route {
    let [_, a, b, c] = ((number / BATCH) as u32).to_be_bytes();
    Route::to(([10, a, b, c], (number % BATCH) as u16 + 1).into())
}

/// A server, and the CPU time that it took.
struct Listener {
    server: Server,
    now: Instant,
    key: Secret,
    opened: Vec<AssociationId>,
    spent: Duration,
}

impl Listener {
    fn new(configuration: Configuration) -> Listener {
        let server = Server::new(configuration, [7; 32]).expect("a configuration that works");
        let (now, key) = (Instant::now(), Secret::from(KEY));
        Listener { server, now, key, opened: Vec::new(), spent: Duration::ZERO }
    }

    /// Takes datagrams, looks up at once what the server asks for, and echoes application data.
    fn serve(&mut self, datagrams: Datagrams) -> Datagrams {
        let mut answers = Vec::with_capacity(2 * datagrams.len());
        let before = cpu_time();
        for (route, datagram) in &datagrams {
            self.server.handle_datagram(self.now, *route, datagram);
            while let Some(output) = self.server.poll_output() {
                match output {
                    Output::Datagram { route, bytes } => answers.push((route, bytes)),
                    Output::NeedPsk { association, .. } => {
                        self.server.handle_psk(self.now, association, Some(&self.key));
                    }
                    Output::NeedClientKey { association, offered, .. } => {
                        self.server.handle_client_key(self.now, association, verdict(&offered));
                    }
                    Output::Established { association, .. } => self.opened.push(association),
                    Output::ApplicationData { association, bytes } => {
                        self.server.send(self.now, association, &bytes);
                    }
                    Output::Moved { .. } | Output::Closed { .. } => {}
                }
            }
        }
        self.spent += cpu_time() - before;
        answers
    }
}

/// As for a device whose certificate is not pinned, and for one whose key is on record.
fn verdict(offered: &Offered) -> Verdict {
    match offered {
        Offered::Certificate(_) => {
            Verdict::Unpinned { at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) }
        }
        Offered::RawPublicKey(_) => Verdict::Known,
    }
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Bytes by which a process with a server grows with each session that is opened and stays open.
fn memory(pki: &Pki, engine: EngineKind) -> f64 {
    let mut process = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--memory", &engine.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server can be started");
    let mut to_server = BufWriter::new(process.stdin.take().expect("it is piped"));
    let mut from_server = BufReader::new(process.stdout.take().expect("it is piped"));
    let mut resident = 0;
    let mut open_until = |count: usize, first: usize| {
        for first in (first..count).step_by(BATCH) {
            connect(&pki.psk(), first, |datagrams| {
                write_frames(&mut to_server, &datagrams, 0).expect("the server listens");
                let (answers, size) = read_frames(&mut from_server).expect("the server answers");
                resident = size;
                answers
            });
        }
        resident
    };
    let (before, more) = OPEN;
    let small = open_until(before, 0);
    let large = open_until(before + more, before);
    drop(to_server);
    process.wait().expect("the server ends with its input");
    (large - small) as f64 / more as f64
}

/// The other side of [`memory`]: a server that reads datagrams from its input, and nothing else.
fn hold(engine: EngineKind) {
    let (mut input, mut output) = (BufReader::new(io::stdin().lock()), BufWriter::new(io::stdout().lock()));
    let mut listener = Listener::new(Pki::new().configuration(engine));
    while let Ok((datagrams, _)) = read_frames(&mut input) {
        let answers = listener.serve(datagrams);
        listener.opened.clear();
        write_frames(&mut output, &answers, resident()).expect("somebody listens");
    }
}

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel counts memory");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident memory");
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
}

/// Each datagram after its number and its length, then a length of nothing and `size`.
fn write_frames(to: &mut impl Write, datagrams: &Datagrams, size: u64) -> io::Result<()> {
    for (route, datagram) in datagrams {
        let std::net::IpAddr::V4(address) = route.remote.ip() else { unreachable!("see route()") };
        to.write_all(&(datagram.len() as u16).to_be_bytes())?;
        to.write_all(&address.octets())?;
        to.write_all(&route.remote.port().to_be_bytes())?;
        to.write_all(datagram)?;
    }
    to.write_all(&[0, 0])?;
    to.write_all(&size.to_be_bytes())?;
    to.flush()
}

fn read_frames(from: &mut impl Read) -> io::Result<(Datagrams, u64)> {
    let mut datagrams = Datagrams::new();
    loop {
        let length = u16::from_be_bytes(read(from)?);
        if length == 0 {
            return Ok((datagrams, u64::from_be_bytes(read(from)?)));
        }
        let (address, port): ([u8; 4], u16) = (read(from)?, u16::from_be_bytes(read(from)?));
        let mut datagram = vec![0; usize::from(length)];
        from.read_exact(&mut datagram)?;
        datagrams.push((Route::to((address, port).into()), datagram));
    }
}

fn read<const LENGTH: usize>(from: &mut impl Read) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
