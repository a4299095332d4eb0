//! A herd: many simulated clients with the ways between them and one server, in invented time.
//!
//! The power has come back, and they all ask within a minute. Each has a round-trip time of its own; who is not answered
//! sends again and gives up as RFC 7252 says, and asks anew after a growing wait. Everything is drawn from the seed, so
//! that a run can be repeated.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bootstrapd::bootstrap::{
    CoapEndpoint, Credentials, KnownDevice, Limits, ListenerPolicy, Lookup, LookupKey, Origin, Outcome, Output, Server,
    Statistics,
};
use bootstrapd::coap::{Code, Message, MessageType, Timing, Token};
use bootstrapd::peer::Peer;
use bootstrapd::provision::material::CertificateName;
use bootstrapd::provision::{ClientKnowledge, Provision};
use bootstrapd::route::Route;
use bootstrapd::simulator::{self, Client, ClientConfiguration};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What is to happen.
#[derive(Clone)]
pub struct Herd {
    /// Clients that want to be bootstrapped.
    pub clients: usize,
    /// Clients of one network; the first of them are of the first network.
    pub clients_per_network: usize,
    /// Within which time they ask for the first time.
    pub arrival: Duration,
    /// Devices of one further network that ask once within the same time and never say anything more.
    pub mute: usize,
    /// What holds for the server.
    pub limits: Limits,
    pub seed: u64,
}

/// What has happened.
pub struct Told {
    /// From the first request of each client to its Finish, ascending.
    pub times: Vec<Duration>,
    /// Clients that did not get that far within the time.
    pub lost: usize,
    /// Attempts of all clients.
    pub attempts: usize,
    pub datagrams: u64,
    pub most_running: usize,
    pub most_waiting: usize,
    pub outcomes: BTreeMap<String, usize>,
    pub statistics: Statistics,
}

impl Told {
    /// The time within which this share of the clients was bootstrapped.
    pub fn percentile(&self, percent: usize) -> Duration {
        let position = (self.times.len() * percent).div_ceil(100).max(1) - 1;
        self.times.get(position).copied().unwrap_or(Duration::MAX)
    }
}

/// What the server was told, in order: enough to tell another one the same.
#[derive(Debug, PartialEq)]
pub enum Heard<'a> {
    /// A datagram of a client.
    Datagram(usize, &'a [u8]),
    /// Time has passed.
    Timeout,
}

/// A client, or what stands in its place before it asks and after it is done.
struct Member {
    client: Option<Box<Client>>,
    one_way: Duration,
    began: Option<Duration>,
    done: Option<Duration>,
    attempts: u32,
    timer: Option<Duration>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Begins(usize),
    Reaches(usize, Vec<u8>),
    Arrives(usize, Vec<u8>),
    Timer(usize),
}

/// One run.
struct Run<'a> {
    herd: &'a Herd,
    server: Server,
    peers: Vec<Peer>,
    members: Vec<Member>,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    counter: u64,
    base: Instant,
    now: Duration,
    random: StdRng,
    told: Told,
}

/// Runs the herd for at most `limit` of invented time; `provision` is what each device is to receive. Everything that the
/// server is told is shown to `watch`.
pub fn run(herd: &Herd, provision: &Provision, limit: Duration, mut watch: impl FnMut(Duration, Heard<'_>)) -> Told {
    let mut run = Run::new(herd);
    loop {
        let next = run.events.peek().map(|Reverse((at, ..))| *at);
        let server = run.server.poll_timeout().map(|at| at.saturating_duration_since(run.base).max(run.now));
        let Some(at) = next.into_iter().chain(server).min().filter(|at| *at <= limit) else { break };
        run.now = at;
        if server == Some(at) {
            watch(at, Heard::Timeout);
            run.server.handle_timeout(run.base + at);
        } else if let Some(Reverse((_, _, event))) = run.events.pop() {
            run.carry_out(event, &mut watch);
        }
        run.collect(provision);
        let is_over = run.told.times.len() == herd.clients && (herd.mute > 0 || run.server.running() == 0);
        if is_over {
            break;
        }
    }
    run.told.lost = herd.clients - run.told.times.len();
    run.told.statistics = run.server.statistics();
    run.told.times.sort();
    run.told
}

impl<'a> Run<'a> {
    fn new(herd: &'a Herd) -> Run<'a> {
        let mut random = StdRng::seed_from_u64(herd.seed);
        let all = herd.clients + herd.mute;
        let mut run = Run {
            herd,
            server: server(&herd.limits),
            peers: (0..all).map(peer).collect(),
            members: Vec::with_capacity(all),
            events: BinaryHeap::new(),
            counter: 0,
            base: Instant::now(),
            now: Duration::ZERO,
            random: StdRng::seed_from_u64(0),
            told: Told {
                times: Vec::new(),
                lost: 0,
                attempts: 0,
                datagrams: 0,
                most_running: 0,
                most_waiting: 0,
                outcomes: BTreeMap::new(),
                statistics: Statistics::default(),
            },
        };
        for number in 0..all {
            let one_way = Duration::from_micros(random.random_range(25_000..250_000));
            run.members.push(Member { client: None, one_way, began: None, done: None, attempts: 0, timer: None });
            let at = herd.arrival.mul_f64(random.random());
            run.schedule(at, Event::Begins(number));
        }
        run.random = random;
        run
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.counter += 1;
        self.events.push(Reverse((at, self.counter, event)));
    }

    fn carry_out(&mut self, event: Event, watch: &mut impl FnMut(Duration, Heard<'_>)) {
        match event {
            Event::Begins(number) if number >= self.herd.clients => {
                let bytes = mute_request(number);
                self.schedule(self.now + self.members[number].one_way, Event::Reaches(number, bytes));
            }
            Event::Begins(number) => self.begin(number),
            Event::Reaches(number, bytes) => {
                self.told.datagrams += 1;
                watch(self.now, Heard::Datagram(number, &bytes));
                let origin = origin(number, self.herd, &self.peers[number]);
                self.server.handle_datagram(self.base + self.now, origin, &bytes);
            }
            Event::Arrives(number, bytes) => {
                let now = self.base + self.now;
                if let Some(client) = &mut self.members[number].client {
                    client.handle_datagram(now, &bytes);
                    self.listen_to(number);
                }
            }
            Event::Timer(number) => {
                let member = &mut self.members[number];
                if member.timer == Some(self.now)
                    && let Some(client) = &mut member.client
                {
                    member.timer = None;
                    client.handle_timeout(self.base + self.now);
                    self.listen_to(number);
                }
            }
        }
    }

    fn begin(&mut self, number: usize) {
        let mut seed = [0; 32];
        self.random.fill(&mut seed);
        let mut client = Box::new(Client::new(ClientConfiguration::new(name(number)), seed));
        client.start(self.base + self.now);
        let member = &mut self.members[number];
        member.began.get_or_insert(self.now);
        member.attempts += 1;
        member.client = Some(client);
        self.told.attempts += 1;
        self.listen_to(number);
    }

    /// Carries out what a client wants, and sees to its timer.
    fn listen_to(&mut self, number: usize) {
        loop {
            let member = &mut self.members[number];
            let Some(output) = member.client.as_mut().and_then(|client| client.poll_output()) else { break };
            match output {
                simulator::Output::Datagram(bytes) => {
                    let at = self.now + member.one_way;
                    self.schedule(at, Event::Reaches(number, bytes.to_vec()));
                }
                simulator::Output::Finished(Ok(_)) => {
                    member.done = Some(self.now);
                    member.client = None;
                    let began = member.began.unwrap_or_default();
                    self.told.times.push(self.now - began);
                }
                simulator::Output::Finished(Err(_)) => {
                    member.client = None;
                    // 1, 2, 4, 8, 16, 20, 20 s and so on, with jitter (spec sheet `bootstrap.md`, section 13).
                    let wait =
                        f64::from((1 << (member.attempts - 1).min(5)).min(20)) * (0.5 + self.random.random::<f64>());
                    self.schedule(self.now + Duration::from_secs_f64(wait), Event::Begins(number));
                }
            }
        }
        let member = &mut self.members[number];
        let deadline = member.client.as_ref().and_then(|client| client.poll_timeout());
        let deadline = deadline.map(|at| at.saturating_duration_since(self.base).max(self.now));
        if let Some(at) = deadline
            && member.timer != Some(at)
        {
            member.timer = Some(at);
            self.schedule(at, Event::Timer(number));
        }
    }

    fn collect(&mut self, provision: &Provision) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { to: CoapEndpoint::Association { number, .. }, bytes } => {
                    self.told.datagrams += 1;
                    let number = number as usize;
                    if number < self.herd.clients {
                        self.schedule(self.now + self.members[number].one_way, Event::Arrives(number, bytes.to_vec()));
                    }
                }
                Output::Resolve { session, key, .. } => {
                    self.server.handle_lookup(self.base + self.now, session, lookup(&key, provision));
                }
                Output::Ended { report, .. } => {
                    *self.told.outcomes.entry(report.outcome.to_string()).or_default() += 1;
                }
                other => panic!("nobody expects {other:?}"),
            }
        }
        self.told.most_running = self.told.most_running.max(self.server.running());
        self.told.most_waiting = self.told.most_waiting.max(self.server.waiting());
        assert!(self.server.waiting() <= self.herd.limits.queue);
    }
}

/// The server that the herd meets.
pub fn server(limits: &Limits) -> Server {
    let policy =
        ListenerPolicy { timing: Timing::default(), insecure_secrets: false, certificate_name: CertificateName::Cn };
    Server::new(vec![policy], limits.clone(), [7; 32])
}

/// The store's answer: every identity has a device of that name.
pub fn lookup(key: &LookupKey, provision: &Provision) -> Lookup {
    let LookupKey::PskIdentity(identity) = key else { panic!("everyone proves a PSK identity") };
    let endpoint = String::from_utf8(identity.clone()).expect("names are ASCII");
    Lookup::Known(Box::new(KnownDevice {
        credentials: Credentials { psk_identity: Some(identity.clone()), ..Credentials::default() },
        blocked: false,
        knowledge: ClientKnowledge::default(),
        provision: Ok(Provision { endpoint: endpoint.clone(), ..provision.clone() }),
        endpoint,
    }))
}

/// What a client has proven.
pub fn peer(number: usize) -> Peer {
    Peer::PskIdentity(name(number).into_bytes())
}

/// Where a client is.
pub fn origin<'a>(number: usize, herd: &Herd, peer: &'a Peer) -> Origin<'a> {
    let (network, host) = match number.checked_sub(herd.clients) {
        None => (number / herd.clients_per_network + 1, number % herd.clients_per_network),
        Some(mute) => (0, mute % 250),
    };
    let address = Ipv4Addr::from_bits((10 << 24) | (network as u32) << 8 | (host as u32 % 250 + 1));
    let route = Route::to(SocketAddr::new(IpAddr::V4(address), 40_000 + (number % 20_000) as u16));
    let endpoint = CoapEndpoint::Association { listener: 0, number: number as u64 };
    Origin { endpoint, route, peer, largest_message: None }
}

fn name(number: usize) -> String {
    format!("urn:imei:49015420{number:07}")
}

fn mute_request(number: usize) -> Vec<u8> {
    let mut request = Message::request(Code::POST, number as u16, Token::EMPTY);
    request.message_type = MessageType::Confirmable;
    request.add_uri_path("bs").expect("a short segment");
    request.add_uri_query(&format!("ep={}", name(number))).expect("a short query");
    request.encode().to_vec()
}

/// How the outcomes of the clients that were bootstrapped are called.
pub fn completed(told: &Told) -> usize {
    told.outcomes.get(Outcome::Completed.name()).copied().unwrap_or_default()
}
