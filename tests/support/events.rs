//! Bytes as events: any input becomes requests, answers, mutated datagrams, look-ups, lapses of time and lost
//! connections, played to one server of bootstrap sessions, which is held to what must be true whatever happens.
//!
//! The property test and the fuzz target of the session server both feed this, so it includes nothing but the library.

#![allow(dead_code, reason = "the summary is looked at by the property test alone")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bootstrapd::bootstrap::{
    CoapEndpoint, Credentials, KnownDevice, Limits, ListenerPolicy, Lookup, Origin, Outcome, Output, Server, SessionId,
    Withheld,
};
use bootstrapd::coap::{BlockOption, Code, Message, MessageType, Timing, Token};
use bootstrapd::lwm2m::Path;
use bootstrapd::peer::Peer;
use bootstrapd::provision::material::CertificateName;
use bootstrapd::provision::{
    AccessControl, AccountCredentials, AccountRole, ClientKnowledge, Discover, ProfileChoice, Provision,
    ProvisionedAccount, ServerSettings, TimingOverride, Writing,
};
use bootstrapd::route::Route;
use bootstrapd::secret::Secret;

const KEY: &[u8] = b"planted-key-0123";
/// The beginning of the key as SenML JSON writes it.
const KEY_IN_BASE64: &[u8] = b"cGxhbnRlZC1rZXktMDEy";
const IDENTITY: &[u8] = b"identity-of-dev1";

const QUERIES: [&[&str]; 12] = [
    &["ep=dev1"],
    &["ep=dev1", "pct=112"],
    &["ep=dev1", "pct=110"],
    &["ep=dev1", "pct=11542"],
    &["ep=dev1", "pct=11544"],
    &["pct=112"],
    &[],
    &["ep=dev2"],
    &["ep=dev1", "pct=999"],
    &["ep="],
    &["ep=dev1", "ep=dev1"],
    &["pct=x"],
];

const LINKS: [&str; 8] = [
    "</>;lwm2m=1.1,</0/0>,</1>,</3/0>",
    "lwm2m=\"1.0\",</0/1>,</0/0>;ssid=7,</1/0>;ssid=7,</3/0>",
    "</>;lwm2m=1.2,</0/0>;ssid=101,</0/1>,</1/3>;ssid=101",
    "</0/0>,</0/1>",
    "</0/0>;ssid=x",
    "</0/0",
    "",
    "</>;lwm2m=1.1,</0/65534>,</0/0>;ssid=102,</1/0>;ssid=102",
];

const ERRORS: [u8; 8] = [0x80, 0x84, 0x85, 0x86, 0x8F, 0xA0, 0xA3, 0x5F];

/// What a run came across, so that a test can see that runs are not idle.
#[derive(Debug, Default)]
pub struct Summary {
    /// How often sessions ended so.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Datagrams that carried the planted key.
    pub keys_sent: usize,
}

/// Plays `bytes`, and panics where the server breaks a rule.
pub fn play(bytes: &[u8]) -> Summary {
    let mut field = Field::new(bytes);
    while !field.input.is_empty() {
        field.step();
        field.check_running();
    }
    field.wind_down();
    field.summary
}

struct Client {
    endpoint: CoapEndpoint,
    peer: Peer,
    next_id: u16,
    /// The server's last request or confirmable response to it.
    asked: Option<Message>,
    sent: Vec<u8>,
    /// Packs that it was given; whoever repeats the request gets the same once more.
    packs: Vec<Vec<u8>>,
}

struct Field<'a> {
    input: &'a [u8],
    server: Server,
    now: Instant,
    clients: Vec<Client>,
    /// The client that was sent something last.
    latest: usize,
    /// Sessions that have begun with a look-up and not ended: whose they are, and the name that was claimed.
    live: BTreeMap<SessionId, (usize, Option<String>)>,
    /// Sessions whose client may be sent the key.
    cleared: BTreeSet<SessionId>,
    begun: BTreeSet<SessionId>,
    ended: BTreeSet<SessionId>,
    open_lookups: Vec<SessionId>,
    claimed: Option<String>,
    summary: Summary,
}

impl<'a> Field<'a> {
    fn new(input: &'a [u8]) -> Field<'a> {
        let policy = ListenerPolicy {
            timing: Timing::default(),
            insecure_secrets: false,
            certificate_name: CertificateName::Cn,
        };
        // Nobody waits, so that a look-up belongs to the datagram before it.
        let limits = Limits { sessions: 4, queue: 0, remembered_requests: 40, ..Limits::default() };
        let association = |number| CoapEndpoint::Association { listener: 0, number };
        let address = |port| {
            let route = Route::to(SocketAddr::from(([192, 0, 2, 1], port)));
            CoapEndpoint::Address { listener: 0, route }
        };
        let psk = |identity: &[u8]| Peer::PskIdentity(identity.to_vec());
        let clients = [
            (association(1), psk(IDENTITY)),
            (association(2), psk(IDENTITY)),
            (association(3), psk(b"somebody else")),
            (address(1), Peer::Unauthenticated),
            (address(2), Peer::Unauthenticated),
            (association(4), Peer::RawPublicKey(vec![1, 2, 3])),
        ];
        let client =
            |(endpoint, peer)| Client { endpoint, peer, next_id: 0, asked: None, sent: Vec::new(), packs: Vec::new() };
        Field {
            input,
            server: Server::new(vec![policy], limits, [7; 32]),
            now: Instant::now(),
            clients: clients.into_iter().map(client).collect(),
            latest: 0,
            live: BTreeMap::new(),
            cleared: BTreeSet::new(),
            begun: BTreeSet::new(),
            ended: BTreeSet::new(),
            open_lookups: Vec::new(),
            claimed: None,
            summary: Summary::default(),
        }
    }

    fn byte(&mut self) -> u8 {
        match self.input.split_first() {
            Some((byte, rest)) => {
                self.input = rest;
                *byte
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    fn any_client(&mut self) -> usize {
        usize::from(self.byte()) % self.clients.len()
    }

    fn step(&mut self) {
        match self.byte() % 32 {
            0..=1 => self.request(),
            2..=21 => self.answer(),
            22 => self.repeat(),
            23 => self.mutated_repeat(),
            24 => self.noise(),
            25 => self.other_message(),
            26..=27 => self.answer_lookup(),
            28..=29 => self.wait(),
            30 => {
                let client = self.any_client();
                self.server.handle_closed(self.now, self.clients[client].endpoint);
                self.collect(client);
            }
            _ => {
                if self.byte() == 0 {
                    self.server.drain();
                }
            }
        }
    }

    fn send(&mut self, client: usize, bytes: Vec<u8>) {
        let sender = &self.clients[client];
        let route = Route::to(SocketAddr::from(([192, 0, 2, 1], 1)));
        let origin = Origin { endpoint: sender.endpoint, route, peer: &sender.peer, largest_message: None };
        // What the datagram claims, read here independently of the server.
        self.claimed = Message::decode(&bytes).ok().and_then(|message| {
            let queries = message.uri_query().ok()?;
            queries.iter().find_map(|query| query.strip_prefix("ep=")).map(str::to_owned)
        });
        self.server.handle_datagram(self.now, origin, &bytes);
        self.clients[client].sent = bytes;
        self.collect(client);
    }

    fn fresh_id(&mut self, client: usize) -> u16 {
        self.clients[client].next_id = self.clients[client].next_id.wrapping_add(1);
        self.clients[client].next_id
    }

    fn request(&mut self) {
        let client = self.any_client();
        let queries = self.pick(&QUERIES);
        let id = self.fresh_id(client);
        let mut request = Message::request(Code::POST, id, Token::new(&id.to_be_bytes()).unwrap_or_default());
        request.add_uri_path("bs").expect("short");
        for query in queries {
            request.add_uri_query(query).expect("short");
        }
        self.send(client, request.encode().to_vec());
    }

    /// An answer to what the server asked last, mostly the one that it hopes for.
    fn answer(&mut self) {
        let client = self.latest;
        let Some(asked) = self.clients[client].asked.clone() else { return self.request() };
        let kind = self.byte();
        if asked.is_response() || kind < 12 {
            let acknowledgement = Message::empty_acknowledgement(asked.id);
            return self.send(client, acknowledgement.encode().to_vec());
        }
        if kind == 12 {
            return self.send(client, Message::reset(asked.id).encode().to_vec());
        }
        let code = match asked.code {
            _ if kind < 24 => Code::from_byte(self.pick(&ERRORS)),
            Code::GET => Code::CONTENT,
            Code::DELETE => Code::DELETED,
            _ => Code::CHANGED,
        };
        let mut answer = Message::piggybacked_response(&asked, code);
        if asked.code == Code::GET {
            answer.payload = self.pick(&LINKS).as_bytes().to_vec().into();
            if kind < 40 {
                self.put_into_block(&asked, &mut answer);
            }
        }
        if kind > 240 {
            answer.id = self.fresh_id(client);
            answer.message_type = if kind > 248 { MessageType::Confirmable } else { MessageType::NonConfirmable };
        }
        self.send(client, answer.encode().to_vec());
    }

    /// Cuts the payload into the block that was asked for, or into another.
    fn put_into_block(&mut self, asked: &Message, answer: &mut Message) {
        let number = asked.block2().ok().flatten().map_or(0, BlockOption::number);
        let number = if self.byte() < 16 { number.saturating_add(1) } else { number };
        let from = (number as usize * 16).min(answer.payload.len());
        let to = (from + 16).min(answer.payload.len());
        let more = to < answer.payload.len();
        if let Ok(block) = BlockOption::new(number, more, 0) {
            answer.payload = answer.payload[from..to].to_vec().into();
            answer.set_block2(block);
        }
    }

    fn repeat(&mut self) {
        let client = self.any_client();
        let bytes = self.clients[client].sent.clone();
        self.send(client, bytes);
    }

    fn mutated_repeat(&mut self) {
        let client = self.any_client();
        let mut bytes = self.clients[client].sent.clone();
        for _ in 0..self.byte() % 4 + 1 {
            let (at, value) = (usize::from(self.byte()), self.byte());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= value;
            }
        }
        bytes.truncate(bytes.len().saturating_sub(usize::from(self.byte() % 16)));
        self.send(client, bytes);
    }

    fn noise(&mut self) {
        let client = self.any_client();
        let length = usize::from(self.byte()).min(self.input.len());
        let (bytes, rest) = self.input.split_at(length);
        self.input = rest;
        self.send(client, bytes.to_vec());
    }

    fn other_message(&mut self) {
        let client = self.any_client();
        let id = self.fresh_id(client);
        let code = self.pick(&[Code::EMPTY, Code::GET, Code::PUT, Code::POST]);
        let mut message = Message::request(code, id, Token::EMPTY);
        if message.is_request() {
            message.add_uri_path(self.pick(&["bspack", "rd"])).expect("short");
        }
        self.send(client, message.encode().to_vec());
    }

    /// Time passes: to the next deadline, or past it, or past everything.
    fn wait(&mut self) {
        let byte = self.byte();
        let next = self.server.poll_timeout().unwrap_or(self.now).max(self.now);
        self.now = match byte {
            0..=127 => next,
            128..=250 => self.now + Duration::from_millis(u64::from(byte) * 20),
            _ => next + Duration::from_secs(u64::from(byte)),
        };
        self.wake();
    }

    fn wake(&mut self) {
        self.server.handle_timeout(self.now);
        let deadline = self.server.poll_timeout();
        assert!(deadline.is_none_or(|deadline| deadline > self.now), "a deadline lies in the past");
        self.collect(self.latest);
    }

    fn answer_lookup(&mut self) {
        if let Some(session) = self.open_lookups.pop() {
            self.resolve(session);
            self.collect(self.latest);
        }
    }

    fn resolve(&mut self, session: SessionId) {
        let lookup = self.lookup();
        let silently_over = |server: &Server| {
            let statistics = server.statistics();
            statistics.ignored_requests + statistics.redirected_packs
        };
        let before = silently_over(&self.server);
        if let Some((client, claimed)) = self.live.get(&session)
            && may_have_the_key(&self.clients[*client].peer, claimed.as_deref(), &lookup)
        {
            self.cleared.insert(session);
        }
        self.server.handle_lookup(self.now, session, lookup);
        if silently_over(&self.server) > before {
            assert!(self.live.remove(&session).is_some(), "a request of no session was ignored");
            self.ended.insert(session);
        }
    }

    fn lookup(&mut self) -> Lookup {
        let byte = self.byte();
        let discover = [Discover::Auto, Discover::Auto, Discover::Always, Discover::Never];
        let writing = Writing {
            format: None,
            discover: discover[usize::from(byte >> 6)],
            delete: if byte & 32 == 0 { vec![Path::Object(0), Path::Object(1)] } else { Vec::new() },
            access_control: AccessControl::Auto,
            bootstrap_account_instance: (byte & 16 != 0).then_some(0),
            timing: TimingOverride::default(),
            ..Writing::default()
        };
        let with_keys = byte & 8 == 0;
        let provision = Provision {
            endpoint: "dev1".to_owned(),
            profile: "default".to_owned(),
            choice: ProfileChoice::Device,
            accounts: vec![account(with_keys)],
            writes: Vec::new(),
            writing,
        };
        let psk_identity = with_keys.then(|| IDENTITY.to_vec());
        match byte & 7 {
            0 => Lookup::Unknown,
            1 => Lookup::Unavailable("out of order".to_owned()),
            2 => known(psk_identity, Err(Withheld::Invalid("cannot be resolved".to_owned()))),
            5 => known(psk_identity, Err(Withheld::MustIssue)),
            3 => known(None, Ok(provision)),
            4 => known(Some(IDENTITY.to_vec()), Ok(provision)),
            _ => known(psk_identity, Ok(provision)),
        }
    }

    fn collect(&mut self, cause: usize) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Resolve { session, .. } => {
                    assert!(self.begun.insert(session), "a session was looked up twice");
                    self.live.insert(session, (cause, self.claimed.clone()));
                    if self.byte() < 64 {
                        self.open_lookups.push(session);
                    } else {
                        self.resolve(session);
                    }
                }
                Output::Issue { session, .. } => self.open_lookups.push(session),
                Output::Datagram { to, bytes } => self.receive(to, &bytes),
                Output::Ended { report, .. } => {
                    let id = SessionId(report.id);
                    assert!(self.ended.insert(id), "a session ended twice");
                    self.live.remove(&id);
                    let told = format!("{report:?}");
                    assert!(!told.contains("planted-key"), "a report holds a key");
                    *self.summary.outcomes.entry(Outcome::name(report.outcome)).or_default() += 1;
                }
            }
        }
    }

    fn receive(&mut self, to: CoapEndpoint, bytes: &[u8]) {
        let client = self.index_of(to);
        let message = Message::decode(bytes).expect("what the server sends is CoAP");
        let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        if contains(KEY) || contains(KEY_IN_BASE64) {
            self.summary.keys_sent += 1;
            let cleared = self.live.iter().any(|(id, (owner, _))| *owner == client && self.cleared.contains(id));
            let packs = &mut self.clients[client].packs;
            assert!(cleared || packs.iter().any(|pack| pack == bytes), "the key went to somebody who may not have it");
            if message.code == Code::CONTENT {
                packs.push(bytes.to_vec());
            }
            let is_carrier = matches!(message.code, Code::PUT | Code::CONTENT);
            assert!(is_carrier, "the key travels in writes and packs only, not in {}", message.code);
        }
        self.latest = client;
        if message.message_type == MessageType::Confirmable {
            self.clients[client].asked = Some(message);
        }
    }

    fn index_of(&self, endpoint: CoapEndpoint) -> usize {
        self.clients.iter().position(|client| client.endpoint == endpoint).expect("the server speaks to no stranger")
    }

    fn check_running(&self) {
        assert_eq!(self.server.running(), self.live.len(), "sessions under way");
    }

    /// Lets time pass without answering anything: every session must come to its end by itself.
    fn wind_down(&mut self) {
        let end = self.now + Duration::from_secs(300);
        while let Some(deadline) = self.server.poll_timeout().filter(|deadline| *deadline <= end) {
            self.now = deadline.max(self.now);
            self.wake();
        }
        assert_eq!(self.server.running(), 0, "a session never ends");
        assert!(self.live.is_empty() && self.begun.is_subset(&self.ended), "a session ended in silence");
    }
}

/// The rule in its own words: the key goes to the identity that the record names, under the name of the record.
fn may_have_the_key(peer: &Peer, claimed: Option<&str>, lookup: &Lookup) -> bool {
    let Lookup::Known(device) = lookup else { return false };
    let proven =
        matches!(peer, Peer::PskIdentity(identity) if Some(identity) == device.credentials.psk_identity.as_ref());
    proven && claimed.is_none_or(|name| name == device.endpoint) && device.provision.is_ok()
}

fn known(psk_identity: Option<Vec<u8>>, provision: Result<Provision, Withheld>) -> Lookup {
    Lookup::Known(Box::new(KnownDevice {
        endpoint: "dev1".to_owned(),
        credentials: Credentials { psk_identity, ..Credentials::default() },
        blocked: false,
        knowledge: ClientKnowledge::default(),
        provision,
    }))
}

fn account(with_key: bool) -> ProvisionedAccount {
    let psk = || AccountCredentials::Psk { identity: b"dev1".to_vec(), key: Secret::from(KEY) };
    let settings = ServerSettings {
        short_server_id: 101,
        lifetime: 300,
        binding: "U".to_owned(),
        store_notifications: false,
        resources: Vec::new(),
    };
    ProvisionedAccount {
        name: "fleet".to_owned(),
        uri: if with_key { "coaps://eu.example.com:5684" } else { "coap://eu.example.com:5683" }.to_owned(),
        credentials: if with_key { psk() } else { AccountCredentials::NoSec },
        security_resources: Vec::new(),
        role: AccountRole::Management(settings),
        issued: None,
    }
}
