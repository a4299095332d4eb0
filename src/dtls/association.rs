//! The engine's seam: one [`Handshake`], and one [`Association`] when it is proven.
//!
//! Datagrams in; datagrams, a claimed identity, application data and an end out. What stands behind is named here and
//! nowhere above: another engine offers the same calls and takes its place in this file.
//!
//! Knows nothing of the other handshakes and associations, of cookies and of bounds.

use std::time::{Duration, Instant};

use super::breakdown::Breakdown;
use super::certificate::{CertificateFault, Offered, Verdict};
use super::client_hello::ClientHello;
use super::gate::{Gate, Step};
use super::openssl::Connection;
pub(super) use super::openssl::{Engine, Progress, Reception};
use super::record::Records;
use super::{AssociationId, CloseReason};
use crate::peer::Peer;
use crate::route::Route;
use crate::secret::Secret;

/// Shortest wait until a handshake is looked at again, so that two clocks that disagree never spin.
const TICK: Duration = Duration::from_millis(1);

/// A handshake after its cookie.
pub(super) struct Handshake {
    pub(super) id: AssociationId,
    pub(super) route: Route,
    /// The client's random: tells a repeated ClientHello from a new handshake.
    pub(super) random: [u8; 32],
    pub(super) started: Instant,
    /// When it is due in the table's order.
    pub(super) due: Instant,
    connection: Connection,
    gate: Gate,
    /// What the client claims to be, once it did, and what became of that.
    claim: Option<Claim>,
    /// Our first flight, for a client that repeats its own because it never saw it.
    flight: Vec<Vec<u8>>,
}

/// What a client claims to be.
enum Claim {
    /// The one with this PSK identity.
    Psk(Vec<u8>),
    /// The one with this key, about which nothing is known yet.
    Offered(Offered),
    /// The one with a key that is believed.
    Believed(Peer),
    /// Nobody who is served.
    Refused(CertificateFault),
}

/// What a handshake wants after an input.
pub(super) enum Turn<'a> {
    /// To wait for the client.
    Wait,
    /// The key of this identity; then [`Handshake::handle_psk`].
    Key(Vec<u8>),
    /// What is on record about this; then [`Handshake::handle_client_key`].
    ClientKey(Offered),
    /// To become an association. The records that follow belong to that.
    Proven(&'a [u8]),
    /// To be forgotten.
    Failed(CloseReason),
}

impl Handshake {
    /// Begins with the datagram that brought a valid cookie. `None`: the engine refused it.
    pub(super) fn begin(
        engine: &mut Engine,
        now: Instant,
        (id, route): (AssociationId, Route),
        hello: &ClientHello<'_>,
        datagram: &[u8],
    ) -> Option<(Handshake, Turn<'static>)> {
        let (mut connection, progress) = engine.accept(datagram, hello.offers_raw_public_key)?;
        let flight = connection.drain().collect();
        let gate = Gate::new(connection.flight(), hello.record_sequence_number);
        let (random, started, due, claim) = (*hello.random, now, now, None);
        let handshake = Handshake { id, route, random, started, due, connection, gate, claim, flight };
        let turn = handshake.turn_of(progress, &[]);
        Some((handshake, turn))
    }

    /// Feeds a datagram.
    pub(super) fn handle_datagram<'a>(&mut self, engine: &mut Engine, datagram: &'a [u8]) -> Turn<'a> {
        let mut records = Records::of(datagram);
        while let Some(record) = records.next() {
            for step in self.gate.handle_record(&record) {
                match step {
                    Step::Identity(identity) => {
                        self.keep_what_follows(records);
                        self.claim = Some(Claim::Psk(identity.clone()));
                        return Turn::Key(identity);
                    }
                    Step::Certificate(body) => {
                        self.keep_what_follows(records);
                        return self.handle_certificate(engine, &body);
                    }
                    Step::Feed(bytes) => match engine.handshake(&mut self.connection, &bytes) {
                        Progress::Waiting => {}
                        progress => return self.turn_of(progress, records.rest()),
                    },
                }
            }
        }
        Turn::Wait
    }

    /// What follows often shares the datagram of the message that says what the client claims to be.
    fn keep_what_follows(&mut self, records: Records<'_>) {
        for record in records {
            let _kept = self.gate.handle_record(&record);
        }
    }

    fn handle_certificate(&mut self, engine: &mut Engine, body: &[u8]) -> Turn<'static> {
        match Offered::parse(self.connection.key_type(), body) {
            Ok(offered) => {
                self.claim = Some(Claim::Offered(offered.clone()));
                Turn::ClientKey(offered)
            }
            // Nothing to look up. The engine reads the same and refuses it with an alert.
            Err(fault) => self.refuse(engine, fault),
        }
    }

    /// Goes on with the key of the claimed identity, or with `None` towards its failure.
    pub(super) fn handle_psk(&mut self, engine: &mut Engine, key: Option<&Secret>) -> Turn<'static> {
        if !matches!(self.claim, Some(Claim::Psk(_))) {
            return Turn::Wait;
        }
        self.connection.set_key(key);
        self.open(engine)
    }

    /// Goes on with what is on record about the key that is offered.
    pub(super) fn handle_client_key(&mut self, engine: &mut Engine, verdict: Verdict) -> Turn<'static> {
        match self.claim.take() {
            Some(Claim::Offered(offered)) => match engine.judge(offered, verdict) {
                Ok(believed) => {
                    self.connection.set_judgement(Ok(believed.key));
                    self.claim = Some(Claim::Believed(believed.peer));
                    self.open(engine)
                }
                Err(fault) => self.refuse(engine, fault),
            },
            claim => {
                self.claim = claim;
                Turn::Wait
            }
        }
    }

    /// Goes on to an alert.
    fn refuse(&mut self, engine: &mut Engine, fault: CertificateFault) -> Turn<'static> {
        self.connection.set_judgement(Err(fault));
        self.claim = Some(Claim::Refused(fault));
        self.open(engine)
    }

    fn open(&mut self, engine: &mut Engine) -> Turn<'static> {
        for bytes in self.gate.open() {
            match engine.handshake(&mut self.connection, &bytes) {
                Progress::Waiting => {}
                progress => return self.turn_of(progress, &[]),
            }
        }
        Turn::Wait
    }

    /// Sends again what is due.
    pub(super) fn handle_timeout(&mut self) -> Turn<'static> {
        let progress = self.connection.handle_timeout();
        self.turn_of(progress, &[])
    }

    /// When this handshake is to be looked at again.
    pub(super) fn next_due(&self, now: Instant, handshake_timeout: Duration) -> Instant {
        let end = self.started + handshake_timeout;
        self.connection.time_left().map_or(end, |left| end.min(now + left.max(TICK)))
    }

    /// Our first flight.
    pub(super) fn flight(&self) -> &[Vec<u8>] {
        &self.flight
    }

    /// Whether a key that the client offered is believed, which its proof is still to follow.
    pub(super) fn is_believed(&self) -> bool {
        matches!(self.claim, Some(Claim::Believed(_)))
    }

    /// The datagrams to send.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Vec<u8>> {
        self.connection.drain()
    }

    /// Whether the client claimed to be somebody, so that it matters to somebody outside how this handshake ends.
    pub(super) fn has_claim(&self) -> bool {
        self.claim.is_some()
    }

    /// Why it ended, where nothing but silence ended it.
    pub(super) fn unproven_reason(&self) -> CloseReason {
        if self.gate.is_passed() { CloseReason::KeyMismatch } else { CloseReason::HandshakeAbandoned }
    }

    /// The proven handshake becomes an association. The key is wiped.
    pub(super) fn into_association(mut self, now: Instant) -> (Association, Peer) {
        self.connection.forget_key();
        let peer = match self.claim {
            Some(Claim::Psk(identity)) => Peer::PskIdentity(identity),
            Some(Claim::Believed(peer)) => peer,
            // Not before the engine has proven something else than it was told to.
            Some(Claim::Offered(_) | Claim::Refused(_)) | None => Peer::Unauthenticated,
        };
        let association = Association {
            id: self.id,
            route: self.route,
            random: self.random,
            started: self.started,
            heard: now,
            entered: now,
            is_lingering: false,
            connection: self.connection,
        };
        (association, peer)
    }

    fn turn_of<'a>(&self, progress: Progress, rest: &'a [u8]) -> Turn<'a> {
        match (progress, &self.claim) {
            (Progress::Waiting, _) => Turn::Wait,
            (Progress::Proven, _) => Turn::Proven(rest),
            (Progress::Failed(_), Some(Claim::Refused(fault))) => Turn::Failed(CloseReason::CertificateRefused(*fault)),
            (Progress::Failed(Breakdown::NoCommonSuite), _) => Turn::Failed(CloseReason::NoCommonSuite),
            (Progress::Failed(Breakdown::WrongSignature), _) => Turn::Failed(CloseReason::KeyMismatch),
            (Progress::Failed(Breakdown::Other), _) => Turn::Failed(CloseReason::HandshakeFailed),
        }
    }
}

/// A proven association.
pub(super) struct Association {
    pub(super) id: AssociationId,
    pub(super) route: Route,
    /// The client's random in the handshake.
    pub(super) random: [u8; 32],
    /// When that handshake began.
    pub(super) started: Instant,
    /// When the client last sent something genuine.
    pub(super) heard: Instant,
    /// Under which time it stands in the table's order: `heard` as it once was, or when the lingering began.
    pub(super) entered: Instant,
    pub(super) is_lingering: bool,
    connection: Connection,
}

impl Association {
    /// Feeds records; `data` is called for each record of application data.
    pub(super) fn receive(&mut self, engine: &mut Engine, records: &[u8], data: impl FnMut(&[u8])) -> Reception {
        engine.receive(&mut self.connection, records, data)
    }

    /// Sends one record of application data.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        self.connection.send(bytes)
    }

    /// Most bytes of application data that one record carries.
    pub(super) fn longest_message(&self) -> usize {
        self.connection.longest_plaintext()
    }

    /// Sends close_notify.
    pub(super) fn close(&mut self) {
        self.connection.close();
    }

    /// The datagrams to send.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Vec<u8>> {
        self.connection.drain()
    }
}
