//! `Server`: the associations of one listener (RFC 6347; spec sheet `transport.md`, section 4).
//!
//! Nothing is remembered for an address before it returned a valid cookie. A handshake from an address that has an
//! association already runs beside it and takes its place only when it is proven (RFC 6347, section 4.2.8), so that
//! neither a rebooted client nor somebody who merely knows an address disturbs anything. What is kept is bounded, and
//! the bounds push out what is least missed.
//!
//! Must not know which engine runs, what the application data mean, or where keys come from.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::association::{Association, Beginning, Engine, Handshake, Standing, Turn};
use super::certificate::Verdict;
use super::client_hello::ClientHello;
use super::cookie::{self, Cookies};
use super::error::EngineError;
use super::record::{Record, Records};
use super::table::Table;
use super::{AssociationId, CloseReason, Configuration, Output, Statistics, alert};
use crate::route::Route;
use crate::secret::Secret;

/// How long a copy of the ClientHello that made an association is taken for a duplicate from the network. Later it may
/// be a client that rebooted and draws the same random again.
const DUPLICATE_LIFETIME: Duration = Duration::from_secs(15);

/// How many datagrams may be sent to an address that a client has moved to, for each datagram that came from there with
/// something genuine in it: an answer, and a request with its four repetitions (RFC 7252, section 4.8). Whoever moves a
/// client's datagrams to an address that is not its own (RFC 9146, section 6) gets no more than that out of us.
const CREDIT_OF_MOVED: u8 = 6;

/// One DTLS listener: its handshakes and its associations.
///
/// Inputs are the `handle_*` calls and [`Server::send`], [`Server::close`], [`Server::linger`]; after each of them
/// take [`Server::poll_output`] until it is empty, and call [`Server::handle_timeout`] when [`Server::poll_timeout`]
/// says so. A call with an association that is gone does nothing.
pub struct Server {
    configuration: Configuration,
    cookies: Cookies,
    engine: Engine,
    /// Draws what the engine begins with.
    random: StdRng,
    table: Table,
    outputs: VecDeque<Output>,
    statistics: Statistics,
}

impl Server {
    /// A listener without associations. `seed` makes its cookies and whatever else it draws: 32 random bytes that are used
    /// for nothing else.
    ///
    /// # Errors
    ///
    /// The engine refuses the configuration, for instance because no suite is named.
    pub fn new(configuration: Configuration, seed: [u8; 32]) -> Result<Server, EngineError> {
        let mut random = StdRng::from_seed(seed);
        Ok(Server {
            engine: Engine::new(&configuration, random.random())?,
            cookies: Cookies::new(random.random()),
            // Nothing leads back to what the engine has got.
            random: StdRng::from_seed(random.random()),
            table: Table::default(),
            outputs: VecDeque::new(),
            statistics: Statistics::default(),
            configuration,
        })
    }

    /// Takes another configuration: certificate, key and trust anchors are replaced without a restart. Associations
    /// and handshakes under way keep what they began with, but the trust anchors: those count at once.
    ///
    /// # Errors
    ///
    /// The engine refuses the configuration; the old one stays.
    pub fn reconfigure(&mut self, configuration: Configuration) -> Result<(), EngineError> {
        self.engine = Engine::new(&configuration, self.random.random())?;
        self.random = StdRng::from_seed(self.random.random());
        let is_kept = |anchor: &Vec<u8>| configuration.trust_anchors.contains(anchor);
        let has_lost_anchors = !self.configuration.trust_anchors.iter().all(is_kept);
        let has_lost_keys = self.configuration.raw_public_keys && !configuration.raw_public_keys;
        self.configuration = configuration;
        // Whoever was believed on the word of one that is gone has not finished, and begins anew. So does everybody where
        // raw public keys are taken no more: the ServerHello may have allowed them.
        if has_lost_anchors || has_lost_keys {
            let going = if has_lost_keys { self.table.all_handshakes() } else { self.table.believed_handshakes() };
            for id in going {
                self.end_handshake(id, Some(CloseReason::HandshakeAbandoned));
            }
        }
        Ok(())
    }

    /// A datagram arrived. What is not understood is dropped and counted.
    pub fn handle_datagram(&mut self, now: Instant, route: Route, bytes: &[u8]) {
        if ClientHello::is_at_start_of(bytes) {
            self.handle_client_hello(now, route, bytes);
            return;
        }
        let slot = self.table.slot(route);
        // Epoch 1 may be meant for either. The keys decide: who cannot decrypt a record drops it without a trace.
        let understood = protected_part(bytes).is_some_and(|(first, records)| {
            let named = first.connection_id.and_then(|id| self.table.association_of(id));
            named.or(slot.association).is_some_and(|id| self.receive(now, id, route, records))
        });
        match slot.handshake {
            Some(id) if !understood => {
                self.advance(now, id, |engine, handshake| handshake.handle_datagram(engine, bytes));
            }
            None if slot.association.is_none() && !understood => self.statistics.datagrams_dropped += 1,
            _ => {}
        }
    }

    /// The answer to [`Output::NeedPsk`]. With `None`, the identity being unknown, the handshake goes on with a random
    /// key and fails exactly as with a wrong one, so that nobody learns which identities exist.
    pub fn handle_psk(&mut self, now: Instant, association: AssociationId, key: Option<&Secret>) {
        self.advance(now, association, |engine, handshake| handshake.handle_psk(engine, key));
    }

    /// The answer to [`Output::NeedClientKey`]. What it makes of the client's key comes out as [`Output::Established`]
    /// or, after an alert, as [`Output::Closed`] with [`CloseReason::CertificateRefused`].
    pub fn handle_client_key(&mut self, now: Instant, association: AssociationId, verdict: Verdict) {
        self.advance(now, association, |engine, handshake| handshake.handle_client_key(engine, verdict));
    }

    /// Most bytes that [`Server::send`] takes: 16,384, or what the client asked for by max_fragment_length (RFC 6066,
    /// section 4): 512, 1,024, 2,048 or 4,096. `None`: the association is gone.
    pub fn longest_message(&mut self, association: AssociationId) -> Option<usize> {
        Some(self.table.association(association)?.longest_message())
    }

    /// Sends `bytes`, at least one and at most [`Server::longest_message`], as one record in one datagram. `false`:
    /// nothing was sent, because the association is gone, the length is not possible, or too little was heard from the
    /// address that the client has moved to.
    pub fn send(&mut self, _now: Instant, association: AssociationId, bytes: &[u8]) -> bool {
        let Some(association) = self.table.association(association) else { return false };
        let sent = association.send(bytes);
        let datagrams = association.take_datagrams();
        let sent = sent && !datagrams.is_empty();
        self.statistics.withheld += u64::from(association.credit.is_some() && !sent);
        emit(&mut self.outputs, association.route, datagrams);
        sent
    }

    /// Sends close_notify and forgets the association. No [`Output::Closed`] follows. A handshake is forgotten
    /// silently.
    pub fn close(&mut self, _now: Instant, association: AssociationId) {
        if self.table.remove_handshake(association).is_some() {
            self.statistics.handshakes_failed += 1;
        }
        if let Some(mut gone) = self.table.remove_association(association) {
            gone.close();
            emit(&mut self.outputs, gone.route, gone.take_datagrams());
        }
    }

    /// The session on this association is over. It stays for [`Configuration::linger`], because clients bootstrap
    /// again on it (spec sheet `clients.md`, section 3, point 9), and is the first to go under pressure. New
    /// application data makes it an ordinary association again.
    pub fn linger(&mut self, now: Instant, association: AssociationId) {
        self.table.set_lingering(association, now, true);
    }

    /// Does what is due at `now`: retransmissions, and ends of handshakes and associations.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, id)) = self.table.first_due_handshake()
            && due <= now
        {
            self.handle_handshake_timeout(now, id);
        }
        while self.table.active_since().is_some_and(|since| since + self.configuration.idle_timeout <= now)
            && let Some((heard, id)) = self.table.first_idle()
            && heard + self.configuration.idle_timeout <= now
        {
            self.end_association(id, CloseReason::Idle);
        }
        while let Some((since, id)) = self.table.first_lingering()
            && since + self.configuration.linger <= now
        {
            self.end_association(id, CloseReason::Lingered);
        }
    }

    /// When to call [`Server::handle_timeout`]; perhaps somewhat early, never late. `None`: there is nothing to wait
    /// for.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let handshake = self.table.first_due_handshake().map(|(due, _)| due);
        let idle = self.table.active_since().map(|since| since + self.configuration.idle_timeout);
        let lingering = self.table.first_lingering().map(|(since, _)| since + self.configuration.linger);
        [handshake, idle, lingering].into_iter().flatten().min()
    }

    /// The next thing to do; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The figures at this moment.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            associations: self.table.association_count(),
            handshakes: self.table.handshake_count(),
            ..self.statistics
        }
    }

    /// RFC 6347, section 4.2.1: first the cookie, then everything else.
    fn handle_client_hello(&mut self, now: Instant, route: Route, bytes: &[u8]) {
        let Some(hello) = ClientHello::parse(bytes) else {
            self.statistics.datagrams_dropped += 1;
            return;
        };
        match self.cookies.judge(now, route.remote, &hello) {
            cookie::Verdict::Verify(bytes) => {
                self.statistics.cookies_sent += 1;
                self.outputs.push_back(Output::Datagram { route, bytes });
            }
            cookie::Verdict::Valid if hello.is_outdated() => {
                // RFC 5246, section 7.2.2. In a record of the version that such a client reads.
                let alert = alert::refusal(&hello, hello.version, alert::PROTOCOL_VERSION);
                let id = self.table.new_id();
                self.refuse(id, route, alert, CloseReason::NoCommonVersion);
            }
            cookie::Verdict::Valid if hello.message_sequence == 1 => self.begin(now, route, &hello, bytes),
            // The engine would wait for a message that never comes.
            cookie::Verdict::Valid => self.statistics.datagrams_dropped += 1,
        }
    }

    /// The cookie is valid: a handshake begins, unless it already runs.
    fn begin(&mut self, now: Instant, route: Route, hello: &ClientHello<'_>, bytes: &[u8]) {
        let slot = self.table.slot(route);
        if let Some(handshake) = slot.handshake.and_then(|id| self.table.handshake(id)) {
            // Later it may be a client that rebooted in the middle of its handshake.
            let is_recent = now < handshake.started + DUPLICATE_LIFETIME;
            if handshake.random == *hello.random && (is_recent || handshake.awaits_answer_to_flight()) {
                // RFC 6347, section 4.2.4: a client that repeats its flight never saw ours.
                let datagrams = handshake.repeat_flight(now);
                emit(&mut self.outputs, route, datagrams);
                return;
            }
            let id = handshake.id;
            self.end_handshake(id, None);
        }
        if let Some(association) = slot.association.and_then(|id| self.table.association(id))
            && association.random == *hello.random
            && now < association.started + DUPLICATE_LIFETIME
        {
            self.statistics.datagrams_dropped += 1;
            return;
        }
        while self.table.handshake_count() >= self.configuration.max_handshakes.max(1)
            && let Some(id) = self.table.oldest_handshake()
        {
            self.statistics.evicted += 1;
            self.end_handshake(id, Some(CloseReason::Evicted));
        }
        let id = self.table.new_id();
        let (handshake, flight, turn) = match Handshake::begin(&mut self.engine, now, (id, route), hello, bytes) {
            Some(Beginning::Waits { handshake, flight, turn }) => (handshake, flight, turn),
            Some(Beginning::Refused { alert, reason }) => return self.refuse(id, route, alert, reason),
            None => {
                self.statistics.datagrams_dropped += 1;
                return;
            }
        };
        self.statistics.handshakes_started += 1;
        emit(&mut self.outputs, route, flight);
        self.table.insert_handshake(handshake);
        self.take_turn(now, id, turn);
    }

    /// Sends a client away that has a valid cookie and offers nothing to begin with.
    fn refuse(&mut self, id: AssociationId, route: Route, alert: Vec<u8>, reason: CloseReason) {
        self.statistics.handshakes_started += 1;
        self.statistics.handshakes_failed += 1;
        emit(&mut self.outputs, route, [alert]);
        self.outputs.push_back(Output::Closed { association: id, route, reason });
    }

    /// Gives a handshake an input and does what it then wants.
    fn advance<'a>(
        &mut self,
        now: Instant,
        id: AssociationId,
        input: impl FnOnce(&mut Engine, &mut Handshake) -> Turn<'a>,
    ) {
        let Some(handshake) = self.table.handshake(id) else { return };
        let turn = input(&mut self.engine, handshake);
        emit(&mut self.outputs, handshake.route, handshake.take_datagrams());
        self.take_turn(now, id, turn);
    }

    fn take_turn(&mut self, now: Instant, id: AssociationId, turn: Turn<'_>) {
        match turn {
            Turn::Wait => {}
            Turn::Key(identity) => {
                if let Some(route) = self.table.handshake(id).map(|handshake| handshake.route) {
                    self.outputs.push_back(Output::NeedPsk { association: id, route, identity });
                }
            }
            Turn::ClientKey(offered) => {
                if let Some(route) = self.table.handshake(id).map(|handshake| handshake.route) {
                    self.outputs.push_back(Output::NeedClientKey { association: id, route, offered });
                }
            }
            Turn::Proven(rest) => {
                self.establish(now, id);
                if !rest.is_empty()
                    && let Some(route) = self.table.association(id).map(|association| association.route)
                {
                    self.receive(now, id, route, rest);
                }
                return;
            }
            Turn::Failed(reason) => {
                self.end_handshake(id, Some(reason));
                return;
            }
        }
        let handshake_timeout = self.configuration.handshake_timeout;
        if let Some(due) = self.table.handshake(id).map(|handshake| handshake.next_due(now, handshake_timeout)) {
            self.table.schedule_handshake(id, due);
        }
    }

    /// The client proved that it holds the key: only now the old association goes (RFC 6347, section 4.2.8).
    fn establish(&mut self, now: Instant, id: AssociationId) {
        let Some(handshake) = self.table.remove_handshake(id) else { return };
        let route = handshake.route;
        let Some((association, peer)) = handshake.into_association(now) else {
            self.statistics.handshakes_failed += 1;
            let reason = CloseReason::HandshakeFailed;
            self.outputs.push_back(Output::Closed { association: id, route, reason });
            return;
        };
        self.statistics.handshakes_completed += 1;
        // Somebody else who is found by a connection id has left this address, or moved here, and is not disturbed.
        let is_apart = |old: &mut Association| old.connection_id().is_some() && old.owner != association.owner;
        if let Some(old) = self.table.slot(route).association
            && !self.table.association(old).is_some_and(is_apart)
        {
            // Without close_notify: the client that could have read it is no more.
            self.table.remove_association(old);
            self.outputs.push_back(Output::Closed { association: old, route, reason: CloseReason::Replaced });
        }
        while self.table.association_count() >= self.configuration.max_associations.max(1)
            && let Some((_, least_missed)) = self.table.first_lingering().or_else(|| self.table.first_idle())
        {
            self.statistics.evicted += 1;
            self.end_association(least_missed, CloseReason::Evicted);
        }
        self.table.insert_association(association);
        self.outputs.push_back(Output::Established { association: id, route, peer });
    }

    /// Feeds records that came by `route` to an association. `true`: at least one of them was genuine.
    fn receive(&mut self, now: Instant, id: AssociationId, route: Route, records: &[u8]) -> bool {
        let Some(association) = self.table.association(id) else { return false };
        let before = self.outputs.len();
        let reception = association.receive(&mut self.engine, records, |bytes| {
            self.outputs.push_back(Output::ApplicationData { association: id, bytes: bytes.to_vec() });
        });
        let spoke = self.outputs.len() > before;
        // Nobody's forgery counts as a sign of life.
        if reception.is_genuine {
            association.heard = now;
        }
        if association.route == route {
            association.credit =
                association.credit.map(|credit| if reception.is_genuine { CREDIT_OF_MOVED } else { credit });
        } else if reception.is_newest {
            association.credit = Some(CREDIT_OF_MOVED);
            self.table.move_association(id, route);
            // Before what was said there.
            self.outputs.insert(before, Output::Moved { association: id, route });
        }
        if let Some(association) = self.table.association(id) {
            emit(&mut self.outputs, association.route, association.take_datagrams());
        }
        match reception.standing {
            Standing::Open if spoke => self.table.set_lingering(id, now, false),
            Standing::Open => {}
            Standing::CloseNotify => self.end_association(id, CloseReason::CloseNotify),
            Standing::Broken => self.end_association(id, CloseReason::Broken),
        }
        reception.is_genuine
    }

    fn handle_handshake_timeout(&mut self, now: Instant, id: AssociationId) {
        let Some(handshake) = self.table.handshake(id) else { return };
        if handshake.started + self.configuration.handshake_timeout <= now {
            self.end_handshake(id, None);
        } else {
            self.advance(now, id, |_, handshake| handshake.handle_timeout(now));
        }
    }

    /// Forgets a handshake; without a `reason` it was silence that ended it.
    fn end_handshake(&mut self, id: AssociationId, reason: Option<CloseReason>) {
        let Some(handshake) = self.table.remove_handshake(id) else { return };
        self.statistics.handshakes_failed += 1;
        let reason = reason.unwrap_or_else(|| handshake.unproven_reason());
        if handshake.has_claim() || !reason.is_silence() {
            self.outputs.push_back(Output::Closed { association: id, route: handshake.route, reason });
        }
    }

    /// Ends an association with a close_notify (RFC 5246, section 7.2.1: either side sends one).
    fn end_association(&mut self, id: AssociationId, reason: CloseReason) {
        let Some(mut association) = self.table.remove_association(id) else { return };
        if reason != CloseReason::Broken {
            association.close();
        }
        emit(&mut self.outputs, association.route, association.take_datagrams());
        self.outputs.push_back(Output::Closed { association: id, route: association.route, reason });
    }
}

fn emit(outputs: &mut VecDeque<Output>, route: Route, datagrams: impl IntoIterator<Item = Vec<u8>>) {
    outputs.extend(datagrams.into_iter().map(|bytes| Output::Datagram { route, bytes }));
}

/// The first record of a later epoch, and the datagram from there on. A client that repeats its last flight puts records
/// of epoch 0 before it, which mean nothing to an association.
fn protected_part(datagram: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let mut position = 0;
    for record in Records::of(datagram) {
        if record.epoch > 0 {
            return Some((record, &datagram[position..]));
        }
        position += record.bytes.len();
    }
    None
}
