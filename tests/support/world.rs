//! The world of a table: one server with a fixed seed, its clients, a store and invented time.
//!
//! Besides what a row expects, the world holds every row to what is always true: one outstanding request per client,
//! random tokens of eight bytes, writes of one object, no Delete of `/3` or of an instance of `/0`, no key in a
//! report, and a report whose steps are what was seen on the wire.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bootstrapd::bootstrap::{
    CoapEndpoint, Limits, ListenerPolicy, Lookup, LookupKey, Origin, Output, Server, SessionId, SessionReport,
};
use bootstrapd::coap::{Code, Message, MessageType, Timing, Token};
use bootstrapd::lwm2m::{self, ContentFormat, Path};
use bootstrapd::peer::Peer;
use bootstrapd::provision::ClientKnowledge;
use bootstrapd::provision::material::CertificateName;
use bootstrapd::route::Route;

use super::fixtures::{IDENTITY, PLANTED_KEY};
use super::script::{Kind, Step};
use super::wire;

/// A scripted client and what it has seen.
pub struct Client {
    pub endpoint: CoapEndpoint,
    pub route: Route,
    pub peer: Peer,
    next_id: u16,
    /// Its last request, which responses of the server must repeat.
    pub request: Option<Message>,
    /// Its last datagram.
    pub sent: Vec<u8>,
    /// The server's last confirmable message to it, and whether it is still to be answered.
    pub asked: Option<Message>,
    outstanding: bool,
    tokens: Vec<Token>,
    replies: Vec<Vec<u8>>,
    /// What the report must list.
    steps: Vec<WireStep>,
}

/// An operation as seen on the wire.
#[derive(Clone, Debug, PartialEq)]
struct WireStep {
    operation: String,
    bytes: usize,
    code: Option<String>,
    retransmissions: u32,
}

pub struct World {
    pub server: Server,
    base: Instant,
    pub elapsed: Duration,
    /// What the store answers at once; none if the row answers for it.
    pub store: Option<Lookup>,
    pub lookups: Vec<LookupKey>,
    pub open_lookups: VecDeque<SessionId>,
    pub clients: Vec<Client>,
    pub outputs: VecDeque<Output>,
    /// What each session that ended has told of its client.
    pub learned: Vec<Option<ClientKnowledge>>,
    /// Everything that happened, for the failure of a row.
    trace: Vec<String>,
}

/// The policy of the rows: the parameters of RFC 7252, and no key in the clear.
pub fn policy() -> ListenerPolicy {
    ListenerPolicy { timing: Timing::default(), insecure_secrets: false, certificate_name: CertificateName::Cn }
}

impl World {
    /// A world whose store answers each look-up with `lookup` at once, and whose client has proven the PSK identity of
    /// the device of the rows.
    pub fn with(lookup: Lookup) -> World {
        World::built(Some(lookup), policy(), Limits::default()).client(over_dtls(1))
    }

    /// The same with a client that has proven nothing.
    pub fn nosec(lookup: Lookup) -> World {
        World::built(Some(lookup), policy(), Limits::default()).client(over_udp(1))
    }

    /// The same with a store that answers when the row says so.
    pub fn with_slow_store() -> World {
        World::built(None, policy(), Limits::default()).client(over_dtls(1))
    }

    /// A world without clients.
    pub fn built(store: Option<Lookup>, policy: ListenerPolicy, limits: Limits) -> World {
        World {
            server: Server::new(vec![policy], limits, [7; 32]),
            base: Instant::now(),
            elapsed: Duration::ZERO,
            store,
            lookups: Vec::new(),
            open_lookups: VecDeque::new(),
            clients: Vec::new(),
            outputs: VecDeque::new(),
            learned: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// Adds a client.
    pub fn client(mut self, (endpoint, peer): (CoapEndpoint, Peer)) -> World {
        let number = self.clients.len() as u16 + 1;
        let route = Route::to(SocketAddr::from(([192, 0, 2, number as u8], 5683)));
        self.clients.push(Client {
            endpoint,
            route,
            peer,
            next_id: number * 1000,
            request: None,
            sent: Vec::new(),
            asked: None,
            outstanding: false,
            tokens: Vec::new(),
            replies: Vec::new(),
            steps: Vec::new(),
        });
        self
    }

    pub fn now(&self) -> Instant {
        self.base + self.elapsed
    }

    /// Plays the rows of a table. What the server does and no row expects is a failure.
    pub fn play(&mut self, steps: impl IntoIterator<Item = Step>) -> &mut World {
        for step in steps {
            if step.kind == Kind::Input {
                self.expect_no_more();
                self.trace.push(format!("{:>9.3} s  {}", self.elapsed.as_secs_f64(), step.text));
            }
            (step.action)(self);
        }
        self
    }

    fn expect_no_more(&self) {
        if !self.outputs.is_empty() {
            self.fail("the server did this without being expected to");
        }
    }

    /// Fails with everything that happened.
    pub fn fail(&self, why: &str) -> ! {
        panic!("{why}\n{}\n  not yet expected: {:#?}", self.trace.join("\n"), self.outputs)
    }

    /// The next output, if it is a message to this client.
    pub fn message_to(&mut self, client: usize, expected: &str) -> Message {
        match self.outputs.pop_front() {
            Some(Output::Datagram { to, bytes }) if to == self.clients[client].endpoint => {
                Message::decode(&bytes).expect("what the server sends is CoAP")
            }
            other => {
                self.outputs.extend(other);
                self.fail(&format!("expected {expected} to client {client}"))
            }
        }
    }

    /// The next output, if it is the end of this client's session.
    pub fn ended(&mut self, client: usize, expected: &str) -> SessionReport {
        match self.outputs.pop_front() {
            Some(Output::Ended { endpoint, report, .. }) if endpoint == self.clients[client].endpoint => *report,
            other => {
                self.outputs.extend(other);
                self.fail(&format!("expected the session of client {client} to end: {expected}"))
            }
        }
    }

    /// A new message id of this client.
    pub fn fresh_id(&mut self, client: usize) -> u16 {
        self.clients[client].next_id += 1;
        self.clients[client].next_id
    }

    pub fn send(&mut self, client: usize, bytes: Vec<u8>) {
        let (now, sender) = (self.now(), &self.clients[client]);
        let origin =
            Origin { endpoint: sender.endpoint, route: sender.route, peer: &sender.peer, largest_message: None };
        self.server.handle_datagram(now, origin, &bytes);
        self.clients[client].sent = bytes;
        self.collect();
    }

    /// Sends the answer that ends the outstanding exchange.
    pub fn send_answer(&mut self, client: usize, message: &Message) {
        let answered = &mut self.clients[client];
        if let Some(step) = answered.steps.last_mut().filter(|_| answered.outstanding) {
            step.code = message.is_response().then(|| message.code.to_string());
        }
        answered.outstanding = false;
        self.send(client, message.encode().to_vec());
    }

    pub fn close(&mut self, client: usize) {
        let now = self.now();
        self.server.handle_closed(now, self.clients[client].endpoint);
        self.collect();
    }

    /// The client goes on from another port, as one with a connection id may.
    pub fn move_to_port(&mut self, client: usize, port: u16) {
        self.clients[client].route.remote.set_port(port);
        self.server.handle_moved(self.clients[client].endpoint, self.clients[client].route);
        self.collect();
    }

    /// Lets time pass; each deadline on the way is met in time.
    pub fn pass(&mut self, time: Duration) {
        let end = self.elapsed + time;
        while let Some(deadline) = self.server.poll_timeout().filter(|deadline| *deadline <= self.base + end) {
            self.elapsed = deadline.saturating_duration_since(self.base).max(self.elapsed);
            self.wake();
        }
        self.elapsed = end;
        self.wake();
    }

    /// Lets time pass up to the next deadline at which the server does something, and says how long that took.
    pub fn pass_until_something_happens(&mut self) -> Duration {
        let before = self.elapsed;
        while self.outputs.is_empty() {
            let Some(deadline) = self.server.poll_timeout() else { self.fail("the server waits for nothing") };
            self.elapsed = deadline.saturating_duration_since(self.base).max(self.elapsed);
            self.wake();
        }
        self.elapsed - before
    }

    fn wake(&mut self) {
        let now = self.now();
        self.server.handle_timeout(now);
        if self.server.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.fail("a deadline lies in the past although it was met");
        }
        self.collect();
    }

    pub fn answer_lookup(&mut self, lookup: Lookup) {
        let Some(session) = self.open_lookups.pop_front() else { self.fail("nobody was looked up") };
        let now = self.now();
        self.server.handle_lookup(now, session, lookup);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Resolve { session, key, .. } => {
                    self.trace.push(format!("               looks up {key:?}"));
                    self.lookups.push(key);
                    match self.store.clone() {
                        Some(lookup) => {
                            let now = self.now();
                            self.server.handle_lookup(now, session, lookup);
                        }
                        None => self.open_lookups.push_back(session),
                    }
                }
                Output::Issue { session, key, .. } => {
                    self.trace.push(format!("               issues for {key:?}"));
                    self.open_lookups.push_back(session);
                }
                Output::Datagram { to, ref bytes } => {
                    let message = Message::decode(bytes).expect("what the server sends is CoAP");
                    let client = self.index_of(to);
                    self.trace.push(format!("               -> {client}: {}", wire::describe(&message)));
                    self.notice(client, &message, bytes);
                    self.outputs.push_back(output);
                }
                Output::Ended { endpoint, ref report, ref learned, .. } => {
                    self.learned.push(learned.clone());
                    self.trace.push(format!("               ended {}: {}", report.outcome, report.reason));
                    self.check_report(self.index_of(endpoint), report);
                    self.outputs.push_back(output);
                }
            }
        }
    }

    fn index_of(&self, endpoint: CoapEndpoint) -> usize {
        let position = self.clients.iter().position(|client| client.endpoint == endpoint);
        position.unwrap_or_else(|| self.fail("the server speaks to a stranger"))
    }

    /// Remembers a message to a client, and holds it to what is always true.
    fn notice(&mut self, client: usize, message: &Message, bytes: &[u8]) {
        let repeated = self.clients[client].replies.iter().any(|reply| reply == bytes);
        self.clients[client].replies.push(bytes.to_vec());
        if message.message_type == MessageType::Confirmable {
            self.clients[client].asked = Some(message.clone());
        }
        let seen = &mut self.clients[client];
        if message.is_request() {
            if repeated {
                seen.steps.last_mut().expect("a request that is repeated was sent").retransmissions += 1;
                return;
            }
            let operation = wire::operation(message);
            // Of a body in blocks the report tells once.
            let block = message.block1().expect("a Block1 option of the server is valid");
            if block.is_none_or(|block| block.number() == 0) {
                let bytes = message.size1().map_or(message.payload.len(), |bytes| bytes as usize);
                seen.steps.push(WireStep { operation, bytes, code: None, retransmissions: 0 });
            } else if let Some(step) = seen.steps.last_mut() {
                step.code = None;
            }
            let breach = if seen.outstanding { "a second request is outstanding" } else { check_request(message) };
            let fresh = message.token.as_slice().len() == 8 && !seen.tokens.contains(&message.token);
            seen.outstanding = true;
            seen.tokens.push(message.token);
            if !breach.is_empty() || !fresh {
                self.fail(&format!("{breach} (token fresh: {fresh})"));
            }
        } else if message.is_response() && !repeated && seen.awaits_bootstrap_response(message) {
            let is_pack = seen.request.as_ref().is_some_and(|request| request.code == Code::GET);
            let operation = if is_pack { "Bootstrap-Pack-Request" } else { "Bootstrap-Request" }.to_owned();
            let is_delivered = is_pack && message.code == Code::CONTENT;
            let whole = message.size2().map_or(message.payload.len(), |bytes| bytes as usize);
            let (bytes, code) = (if is_delivered { whole } else { 0 }, Some(message.code.to_string()));
            // A pack that was not to be had is no step of the session that comes after it, and neither is a later block.
            seen.steps
                .retain(|step| step.operation != "Bootstrap-Pack-Request" || step.code.as_deref() == Some("2.05"));
            let is_first = message.block2().is_ok_and(|block| block.is_none_or(|block| block.number() == 0));
            if is_first {
                seen.steps.push(WireStep { operation, bytes, code, retransmissions: 0 });
            }
        }
    }

    /// A report lists what was on the wire, and no secrets.
    fn check_report(&mut self, client: usize, report: &SessionReport) {
        let seen = std::mem::take(&mut self.clients[client].steps);
        self.clients[client].outstanding = false;
        let told: Vec<WireStep> = report
            .steps
            .iter()
            .map(|step| WireStep {
                operation: step.operation.clone(),
                bytes: step.bytes,
                code: step.code.clone(),
                retransmissions: step.retransmissions,
            })
            .collect();
        if told != seen {
            self.fail(&format!("the report tells {told:#?}\nthe wire saw {seen:#?}"));
        }
        let text = format!("{report:?}{}", serde_json::to_string(report).unwrap());
        let key = std::str::from_utf8(PLANTED_KEY).unwrap();
        if text.contains(key) || text.contains("112, 108, 97, 110") {
            self.fail("the report holds a key");
        }
    }
}

/// At the end of its table nothing may be left that no line expected.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.expect_no_more();
        }
    }
}

impl Client {
    /// Whether this response belongs to its last request, and that was a Bootstrap-Request that starts a session.
    fn awaits_bootstrap_response(&self, message: &Message) -> bool {
        self.request.as_ref().is_some_and(|request| {
            let bootstrap = request.uri_path_is(&["bs"]) && request.code == Code::POST
                || request.uri_path_is(&["bspack"]) && request.code == Code::GET;
            bootstrap && request.message_type == MessageType::Confirmable && request.token == message.token
        })
    }
}

/// What every request of the server obeys; says which rule is broken.
fn check_request(message: &Message) -> &'static str {
    if message.message_type != MessageType::Confirmable {
        return "a request is not confirmable";
    }
    match message.code {
        Code::DELETE if Path::Object(3).contains(&wire::path(message)) => "a Delete of /3",
        Code::DELETE if Path::Object(0).contains(&wire::path(message)) && wire::path(message) != Path::Object(0) => {
            "a Delete that may hit the bootstrap account"
        }
        Code::PUT => check_write(message),
        Code::POST if !message.payload.is_empty() || message.content_format().is_some() => "Finish has a payload",
        _ => "",
    }
}

fn check_write(message: &Message) -> &'static str {
    let Some(format) = message.content_format().and_then(ContentFormat::from_number) else {
        return "a write without Content-Format";
    };
    let path = wire::path(message);
    // Of the Device Object the client's own instance must not be replaced.
    if Path::Object(3).contains(&path) && !matches!(path, Path::Resource(3, 0, 13..=15)) {
        return "a write over what is the client's";
    }
    if message.block1().is_ok_and(|block| block.is_some()) {
        return "";
    }
    match lwm2m::decode(format, &path, &message.payload) {
        Ok(content) if content.len() == 1 && !content[0].instances.is_empty() => "",
        Ok(_) => "a write of nothing, or of several objects",
        Err(_) => "a write that cannot be decoded",
    }
}

/// A client behind a DTLS association that has proven the identity of the device of the rows.
pub fn over_dtls(number: u64) -> (CoapEndpoint, Peer) {
    over_dtls_as(number, IDENTITY)
}

/// The same with another identity.
pub fn over_dtls_as(number: u64, identity: &[u8]) -> (CoapEndpoint, Peer) {
    (CoapEndpoint::Association { listener: 0, number }, Peer::PskIdentity(identity.to_vec()))
}

/// A client without DTLS, with an address of its own.
pub fn over_udp(host: u8) -> (CoapEndpoint, Peer) {
    let route = Route::to(SocketAddr::from(([198, 51, 100, host], 40000)));
    (CoapEndpoint::Address { listener: 0, route }, Peer::Unauthenticated)
}
