//! The bootstrap server: all sessions of all clients, sans-IO.
//!
//! Inputs are datagrams, answers of the store and the passing of time; outputs come from [`Server::poll_output`]. It
//! owns the message layer that the sessions share: de-duplication by endpoint and message id, Reset, ping, unknown
//! critical options, and the answer to every path that is not ours (RFC 7252 sections 4 and 5; spec sheets
//! `transport.md`, section 1, and `bootstrap.md`, sections 3 and 12). It knows no socket, no database and no clock.

mod entrance;
mod entry;
mod message_layer;
mod packs;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::admission::{Admission, Network};
use super::authorisation::{self, Grant, Lookup, Refusal};
use super::boundary::{CoapEndpoint, Limits, ListenerPolicy, Origin, Output, SessionId, Statistics};
use super::conversation::{self, Conversation};
use super::looping::LoopWatch;
use super::outcome::{Outcome, SessionReport};
use super::request::BootstrapRequest;
use super::routing::{self, Rejection, Wanted};
use super::session::{Session, Turn};
use crate::coap::{Code, Deduplication, Message, Reply, SnapshotLimits, Snapshots, Ticket, Timing};
use crate::provision::{ClientKnowledge, Provision};
use crate::route::Route;
use entry::{Entry, PIGGYBACK_WAIT, Unanswered};
use packs::DeliveredPacks;

/// All sessions of all clients.
pub struct Server {
    listeners: Vec<ListenerPolicy>,
    admission: Admission,
    loops: LoopWatch,
    conversation: Conversation,
    deduplication: Deduplication,
    sessions: HashMap<SessionId, Entry>,
    /// Sessions that have been answered 2.04, by whom they are with.
    by_endpoint: HashMap<CoapEndpoint, SessionId>,
    /// Sessions that wait for the store. They have no claim on anything yet, and disturb nothing that runs.
    resolving: HashMap<CoapEndpoint, SessionId>,
    by_device: HashMap<String, SessionId>,
    deadlines: BinaryHeap<Reverse<(Instant, SessionId)>>,
    outputs: VecDeque<Output>,
    next_session: u64,
    draining: bool,
    statistics: Statistics,
    /// Packs that are being fetched.
    snapshots: Snapshots<CoapEndpoint>,
    delivered: DeliveredPacks,
}

impl Server {
    /// A server for the listeners with these policies. All randomness comes from `seed`.
    pub fn new(listeners: Vec<ListenerPolicy>, limits: Limits, seed: [u8; 32]) -> Server {
        let mut random = StdRng::from_seed(seed);
        let lifetime = longest_exchange(&listeners);
        let deduplication = Deduplication::new(random.random(), lifetime, limits.remembered_requests);
        Server {
            listeners,
            admission: Admission::new(&limits),
            loops: LoopWatch::new(&limits, random.random()),
            conversation: Conversation::new(random),
            deduplication,
            sessions: HashMap::new(),
            by_endpoint: HashMap::new(),
            resolving: HashMap::new(),
            by_device: HashMap::new(),
            deadlines: BinaryHeap::new(),
            outputs: VecDeque::new(),
            next_session: 1,
            draining: false,
            statistics: Statistics::default(),
            snapshots: Snapshots::new(SnapshotLimits::of(&Timing::default())),
            delivered: DeliveredPacks::default(),
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Server::handle_timeout`] is due; it may be called too often.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Whether anything is under way with this endpoint.
    pub fn has_session(&self, endpoint: CoapEndpoint) -> bool {
        self.by_endpoint.contains_key(&endpoint) || self.resolving.contains_key(&endpoint)
    }

    /// Sessions that have not ended.
    pub fn running(&self) -> usize {
        self.sessions.len()
    }

    /// Events that left no session behind.
    pub fn statistics(&self) -> Statistics {
        Statistics { queued: self.admission.queued, dropped_from_queue: self.admission.dropped, ..self.statistics }
    }

    /// Takes no new sessions from now on; new clients meet silence and come again.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Takes new listener policies, in the same order; sessions under way keep their outstanding timers.
    pub fn set_listeners(&mut self, listeners: Vec<ListenerPolicy>) {
        self.deduplication.set_lifetime(longest_exchange(&listeners));
        self.listeners = listeners;
    }

    /// The sessions under way, as they stand.
    pub fn running_reports(&self, now: Instant) -> impl Iterator<Item = SessionReport> {
        self.sessions.values().map(move |entry| {
            entry.session.report(now, Outcome::Internal, format!("Under way: {}.", entry.session.current_operation()))
        })
    }

    /// A datagram has arrived; over DTLS, the application data of one record.
    pub fn handle_datagram(&mut self, now: Instant, origin: Origin<'_>, bytes: &[u8]) {
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.statistics.malformed += 1;
                // A malformed confirmable message deserves a Reset (RFC 7252 section 4.2).
                if let Some(id) = error.reset_for() {
                    self.send(origin.endpoint, &Message::reset(id));
                }
                return;
            }
        };
        if message.is_request() {
            self.handle_request(now, origin, message, bytes);
        } else if message.is_ping() {
            // An empty confirmable message is a ping; its answer is Reset (RFC 7252 section 4.3).
            self.send(origin.endpoint, &Message::reset(message.id));
        } else {
            self.handle_reply(now, origin, &message, bytes);
        }
        self.admit_waiting(now);
    }

    /// The store has answered a [`Output::Resolve`] or [`Output::Issue`]. Says whether the client is served now: then it
    /// has every right to what it proved.
    pub fn handle_lookup(&mut self, now: Instant, session: SessionId, lookup: Lookup) -> bool {
        let is_served = self.decide(now, session, lookup);
        self.admit_waiting(now);
        is_served
    }

    fn decide(&mut self, now: Instant, session: SessionId, lookup: Lookup) -> bool {
        let Some(entry) = self.sessions.get_mut(&session) else { return false };
        let Some(unanswered) = entry.unanswered.take() else { return false };
        let endpoint = entry.session.endpoint;
        let insecure_secrets = self.listeners.get(endpoint.listener()).is_some_and(|policy| policy.insecure_secrets);
        let store_is_down = matches!(lookup, Lookup::Unavailable(_));
        let key = entry.session.lookup_key(&self.listeners);
        let request = &entry.session.request;
        let decision = key.and_then(|key| authorisation::authorise(request, &key, lookup, insecure_secrets));
        match decision {
            Ok(Grant::MustIssue) => self.have_issued(now, session, unanswered),
            Ok(Grant::Provision(provision, knowledge)) if self.may_displace(session, &provision.endpoint) => {
                if self.sessions.get(&session).is_some_and(|entry| entry.session.request.pack.is_some()) {
                    return self.answer_with_pack(now, session, unanswered, *provision, knowledge);
                }
                self.answer_and_begin(now, session, unanswered, *provision, knowledge);
                return true;
            }
            Ok(_) => {
                // Another client's session goes on; this one may come again when it is over.
                self.statistics.ignored_requests += 1;
                match self.sessions.get(&session).map(|entry| entry.session.request.pack.is_some()) {
                    Some(true) => self.redirect(endpoint, session, &unanswered, Code::SERVICE_UNAVAILABLE, ""),
                    _ => {
                        self.deduplication.forget(unanswered.ticket);
                        self.remove(session);
                    }
                }
            }
            Err(refusal) => {
                if store_is_down {
                    self.deduplication.forget(unanswered.ticket);
                }
                self.refuse(now, session, &unanswered, refusal);
            }
        }
        false
    }

    /// Asks for credentials to be issued, once; the request goes on waiting.
    fn have_issued(&mut self, now: Instant, id: SessionId, mut unanswered: Unanswered) {
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        let refusal = match entry.session.lookup_key(&self.listeners) {
            Ok(key) if !unanswered.has_issued => {
                unanswered.has_issued = true;
                entry.unanswered = Some(unanswered);
                let endpoint = entry.session.endpoint;
                return self.outputs.push_back(Output::Issue { session: id, endpoint, key });
            }
            Ok(_) => Refusal::silent(Outcome::Internal, "Credentials were issued, and new ones were due at once."),
            Err(refusal) => refusal,
        };
        self.refuse(now, id, &unanswered, refusal);
    }

    /// The client of this association is somewhere else now (RFC 9146, section 6). Its sessions go on, and count among
    /// those of the network where they began.
    pub fn handle_moved(&mut self, endpoint: CoapEndpoint, route: Route) {
        self.admission.moved(endpoint, route);
        for id in self.sessions_of(endpoint).into_iter().flatten() {
            if let Some(entry) = self.sessions.get_mut(&id) {
                entry.session.handle_moved(route);
            }
        }
    }

    /// The sessions with this endpoint: one that waits for the store, and one that has been answered.
    fn sessions_of(&self, endpoint: CoapEndpoint) -> [Option<SessionId>; 2] {
        [self.resolving.get(&endpoint).copied(), self.by_endpoint.get(&endpoint).copied()]
    }

    /// The association of this endpoint is gone.
    pub fn handle_closed(&mut self, now: Instant, endpoint: CoapEndpoint) {
        self.forget_pack(endpoint);
        self.admission.withdraw(endpoint);
        for id in self.sessions_of(endpoint) {
            if let Some(entry) = id.and_then(|id| self.sessions.get_mut(&id)) {
                let (id, (outcome, reason)) = (entry.session.id, entry.session.handle_closed(now));
                self.end(now, id, outcome, reason);
            }
        }
        self.admit_waiting(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.deduplication.expire(now);
        while let Some(Reverse((deadline, id))) = self.deadlines.peek().copied() {
            if deadline > now {
                break;
            }
            self.deadlines.pop();
            let Some(entry) = self.sessions.get_mut(&id) else { continue };
            entry.scheduled = None;
            match entry.deadline() {
                due if due <= now => self.session_timeout(now, id),
                // The deadline has moved on since this entry was made.
                due => self.schedule(due, id),
            }
        }
        self.admit_waiting(now);
    }

    fn handle_request(&mut self, now: Instant, origin: Origin<'_>, message: Message, bytes: &[u8]) {
        let Some(ticket) = self.first_sight(now, origin.endpoint, bytes) else {
            return self.handle_repeated_request(now, origin.endpoint);
        };
        match routing::route(&message) {
            Ok(Wanted::Pack) if message.block2().is_ok_and(|block| block.is_some_and(|it| it.number() > 0)) => {
                self.answer_with_block(now, origin, &message, ticket);
            }
            Ok(Wanted::Session) if !self.admits(now, origin, &message, bytes, ticket) => {}
            Ok(Wanted::Pack) if !self.admits_pack(now, origin, &message) => {
                // Silence here would keep the client from ever sending a Bootstrap-Request.
                self.answer(origin.endpoint, &message, ticket, Code::SERVICE_UNAVAILABLE, "use POST /bs");
            }
            Ok(Wanted::Session | Wanted::Pack) => self.begin_session(now, origin, message, ticket),
            Err(Rejection::Answer(code, explanation)) => {
                self.answer(origin.endpoint, &message, ticket, code, explanation);
            }
            Err(Rejection::Ignore) => self.statistics.unmatched += 1,
        }
    }

    /// A Bootstrap-Request or Bootstrap-Pack-Request that has been admitted.
    fn begin_session(&mut self, now: Instant, origin: Origin<'_>, message: Message, ticket: Ticket) {
        let id = SessionId(self.next_session);
        self.next_session += 1;
        let read = if message.code == Code::GET { BootstrapRequest::read_pack } else { BootstrapRequest::read };
        let (request, unreadable) = match read(&message) {
            Ok(request) => (request, None),
            Err(error) => (BootstrapRequest::claim(&message), Some(Refusal::unreadable(&error))),
        };
        let session = Session::new(id, origin, request, now);
        let key = unreadable.map_or_else(|| session.lookup_key(&self.listeners), Err);
        let unanswered = Unanswered {
            request: message,
            ticket,
            acknowledge_at: now + PIGGYBACK_WAIT,
            acknowledged: false,
            has_issued: false,
        };
        let message_ids = self.conversation.message_ids();
        let network = Network::of(origin.route.remote.ip());
        self.admission.started(network);
        self.sessions.insert(id, Entry { session, message_ids, network, unanswered: None, scheduled: None });
        match key {
            Ok(key) => {
                let older = self.resolving.insert(origin.endpoint, id);
                self.supersede(now, older);
                self.schedule(unanswered.acknowledge_at, id);
                if let Some(entry) = self.sessions.get_mut(&id) {
                    entry.unanswered = Some(unanswered);
                }
                self.outputs.push_back(Output::Resolve { session: id, endpoint: origin.endpoint, key });
            }
            Err(refusal) => self.refuse(now, id, &unanswered, refusal),
        }
    }

    /// Whether this session may serve the device although another one does: the other is displaced by whoever proved the
    /// device's identity in the same way, and over NoSec by the same address and port alone.
    fn may_displace(&self, session: SessionId, device: &str) -> bool {
        let other = self.by_device.get(device).and_then(|other| self.sessions.get(other));
        let (Some(other), Some(this)) = (other, self.sessions.get(&session)) else { return true };
        let is_same_end = other.session.endpoint == this.session.endpoint;
        is_same_end || authorisation::may_displace(&this.session.peer, &other.session.peer)
    }

    /// This session serves the device from now on, and no other one does.
    fn take_over(&mut self, now: Instant, id: SessionId, device: &str) {
        let Some(endpoint) = self.sessions.get(&id).map(|entry| entry.session.endpoint) else { return };
        self.resolving.remove(&endpoint);
        let before = self.by_endpoint.get(&endpoint).copied();
        // The client remembers the message ids of the session that ends here.
        if let Some(ids) = before.and_then(|id| self.sessions.get(&id)).map(|entry| entry.message_ids)
            && let Some(entry) = self.sessions.get_mut(&id)
        {
            entry.message_ids = ids;
        }
        self.supersede(now, before);
        self.supersede(now, self.by_device.get(device).copied());
        self.by_endpoint.insert(endpoint, id);
        self.by_device.insert(device.to_owned(), id);
    }

    fn answer_and_begin(
        &mut self,
        now: Instant,
        id: SessionId,
        unanswered: Unanswered,
        mut provision: Provision,
        knowledge: ClientKnowledge,
    ) {
        self.take_over(now, id, &provision.endpoint);
        if let Some(endpoint) = self.sessions.get(&id).map(|entry| entry.session.endpoint) {
            self.forget_pack(endpoint);
        }
        let has_failed_pack = self.delivered.has_failed(now, &provision.endpoint);
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        let endpoint = entry.session.endpoint;
        let timing = &self.listeners[endpoint.listener()].timing;
        entry.session.adapt(&mut provision, knowledge);
        entry.session.accept(now, &provision);
        self.deduplication.raise_lifetime(entry.session.timing(timing).exchange_lifetime());
        entry.session.record_request(now, Code::CHANGED);
        if has_failed_pack {
            entry.session.note_failed_pack();
        }
        let turn = if unanswered.acknowledged {
            let timing = entry.session.timing(timing);
            let message_id = entry.message_ids.next();
            let response = Message::separate_response(Code::CHANGED, message_id, unanswered.request.token);
            let reply = Reply::start(now, &timing, self.conversation.fraction(), response);
            conversation::send(&mut self.outputs, endpoint, reply.datagram());
            entry.session.confirm(provision, reply)
        } else {
            // The 2.04 goes first, always (spec sheet `bootstrap.md`, section 5).
            let bytes = Message::piggybacked_response(&unanswered.request, Code::CHANGED).encode();
            conversation::send(&mut self.outputs, endpoint, &bytes);
            self.deduplication.set_reply(unanswered.ticket, &bytes);
            let (session, mut wire) = entry.speaking(timing, &mut self.conversation, &mut self.outputs);
            session.begin(now, provision, &mut wire)
        };
        self.settle(now, id, turn);
    }

    fn refuse(&mut self, now: Instant, id: SessionId, unanswered: &Unanswered, refusal: Refusal) {
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        let endpoint = entry.session.endpoint;
        // A client that meets silence when it asks for a pack never asks for anything else.
        let is_pack = entry.session.request.pack.is_some();
        if let Some(code) = refusal.answer.or(is_pack.then_some(Code::SERVICE_UNAVAILABLE)) {
            entry.session.record_request(now, code);
            if unanswered.acknowledged {
                // Sent once: the client asks again if it is lost.
                let message_id = entry.message_ids.next();
                let response = Message::non_confirmable_response(code, message_id, unanswered.request.token);
                self.send(endpoint, &response);
            } else {
                self.answer(endpoint, &unanswered.request, unanswered.ticket, code, "");
            }
        }
        self.end(now, id, refusal.outcome, refusal.reason);
    }

    fn session_timeout(&mut self, now: Instant, id: SessionId) {
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        let endpoint = entry.session.endpoint;
        if let Some(unanswered) = entry.unanswered.as_mut().filter(|it| !it.acknowledged && now >= it.acknowledge_at) {
            unanswered.acknowledged = true;
            let bytes = Message::empty_acknowledgement(unanswered.request.id).encode();
            self.deduplication.set_reply(unanswered.ticket, &bytes);
            conversation::send(&mut self.outputs, endpoint, &bytes);
        }
        let timing = &self.listeners[endpoint.listener()].timing;
        let (session, mut wire) = entry.speaking(timing, &mut self.conversation, &mut self.outputs);
        let turn = session.handle_timeout(now, &mut wire);
        self.settle(now, id, turn);
    }

    /// Ends the session if it is over, else sees to it that its deadline is not missed.
    fn settle(&mut self, now: Instant, id: SessionId, turn: Turn) {
        match turn {
            Turn::End(outcome, reason) => self.end(now, id, outcome, reason),
            Turn::Continue => {
                if let Some(deadline) = self.sessions.get(&id).map(Entry::deadline) {
                    self.schedule(deadline, id);
                }
            }
        }
    }

    fn schedule(&mut self, deadline: Instant, id: SessionId) {
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        if entry.scheduled.is_none_or(|scheduled| deadline < scheduled) {
            entry.scheduled = Some(deadline);
            self.deadlines.push(Reverse((deadline, id)));
        }
    }

    fn supersede(&mut self, now: Instant, session: Option<SessionId>) {
        let Some(id) = session else { return };
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        let (outcome, reason) = entry.session.handle_superseded(now);
        self.end(now, id, outcome, reason);
    }

    fn end(&mut self, now: Instant, id: SessionId, outcome: Outcome, reason: String) {
        let Some(entry) = self.remove(id) else { return };
        let endpoint = entry.session.endpoint;
        let device = entry.session.device().map(str::to_owned);
        let confirmed = entry.session.pending.confirmed_by(outcome);
        let reason = entry.session.pending.remark(outcome, reason);
        let learned = entry.session.learned(outcome);
        if outcome != Outcome::ProbablyCompleted {
            self.forget_pack(endpoint);
        }
        let looping = self.watch_for_loop(now, &entry.session);
        let reason = looping.iter().fold(reason, |reason, looping| format!("{reason} {looping}"));
        let report = SessionReport { looping, ..entry.session.into_report(now, outcome, reason) };
        self.outputs.push_back(Output::Ended { endpoint, device, confirmed, learned, report: Box::new(report) });
    }

    fn remove(&mut self, id: SessionId) -> Option<Entry> {
        let entry = self.sessions.remove(&id)?;
        self.conversation.set_aside(entry.message_ids);
        self.admission.ended(entry.network);
        for sessions in [&mut self.by_endpoint, &mut self.resolving] {
            if sessions.get(&entry.session.endpoint) == Some(&id) {
                sessions.remove(&entry.session.endpoint);
            }
        }
        if let Some(device) = entry.session.device()
            && self.by_device.get(device) == Some(&id)
        {
            self.by_device.remove(device);
        }
        Some(entry)
    }
}

/// How long requests are remembered: EXCHANGE_LIFETIME of the slowest listener (RFC 7252 section 4.8.2). A profile that
/// is slower makes it longer once it is used.
fn longest_exchange(listeners: &[ListenerPolicy]) -> Duration {
    listeners.iter().map(|policy| policy.timing.exchange_lifetime()).max().unwrap_or_default()
}
