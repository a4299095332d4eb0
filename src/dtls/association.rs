//! The engine's seam: one [`Handshake`], and one [`Association`] when it is proven.
//!
//! Datagrams in; datagrams, a claimed identity, application data and an end out. What stands behind is named here and
//! nowhere above: another engine offers the same calls and takes its place in this file.
//!
//! Knows nothing of the other handshakes and associations, of cookies and of bounds.

use std::time::{Duration, Instant};

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
    /// What the client claims to be, once it did.
    identity: Option<Vec<u8>>,
    /// Our first flight, for a client that repeats its own because it never saw it.
    flight: Vec<Vec<u8>>,
}

/// What a handshake wants after an input.
pub(super) enum Turn<'a> {
    /// To wait for the client.
    Wait,
    /// The key of this identity; then [`Handshake::handle_psk`].
    Key(Vec<u8>),
    /// To become an association. The records that follow belong to that.
    Proven(&'a [u8]),
    /// To be forgotten.
    Failed,
}

impl Handshake {
    /// Begins with the datagram that brought a valid cookie. `None`: the engine refused it.
    pub(super) fn begin(
        engine: &mut Engine,
        now: Instant,
        (id, route): (AssociationId, Route),
        random: [u8; 32],
        datagram: &[u8],
    ) -> Option<(Handshake, Turn<'static>)> {
        let (mut connection, progress) = engine.accept(datagram)?;
        let flight = connection.drain().collect();
        let (gate, identity) = (Gate::default(), None);
        let handshake = Handshake { id, route, random, started: now, due: now, connection, gate, identity, flight };
        Some((handshake, turn_of(progress, &[])))
    }

    /// Feeds a datagram.
    pub(super) fn handle_datagram<'a>(&mut self, engine: &mut Engine, datagram: &'a [u8]) -> Turn<'a> {
        let mut records = Records::of(datagram);
        while let Some(record) = records.next() {
            for step in self.gate.handle_record(&record) {
                match step {
                    Step::Identity(identity) => {
                        self.keep_what_follows(records);
                        self.identity = Some(identity.clone());
                        return Turn::Key(identity);
                    }
                    Step::Feed(bytes) => match engine.handshake(&mut self.connection, &bytes) {
                        Progress::Waiting => {}
                        progress => return turn_of(progress, records.rest()),
                    },
                }
            }
        }
        Turn::Wait
    }

    /// ChangeCipherSpec and Finished often share the datagram of the ClientKeyExchange, which still lacks its key.
    fn keep_what_follows(&mut self, records: Records<'_>) {
        for record in records {
            let _kept = self.gate.handle_record(&record);
        }
    }

    /// Goes on with the key of the claimed identity, or with `None` towards its failure.
    pub(super) fn handle_psk(&mut self, engine: &mut Engine, key: Option<&Secret>) -> Turn<'static> {
        self.connection.set_key(key);
        for bytes in self.gate.open() {
            match engine.handshake(&mut self.connection, &bytes) {
                Progress::Waiting => {}
                progress => return turn_of(progress, &[]),
            }
        }
        Turn::Wait
    }

    /// Sends again what is due.
    pub(super) fn handle_timeout(&mut self) -> Turn<'static> {
        turn_of(self.connection.handle_timeout(), &[])
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

    /// The datagrams to send.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Vec<u8>> {
        self.connection.drain()
    }

    /// Whether the key was asked for, and so somebody outside knows of this handshake.
    pub(super) fn is_announced(&self) -> bool {
        self.identity.is_some()
    }

    /// Why it ended, where nothing but silence ended it.
    pub(super) fn unproven_reason(&self) -> CloseReason {
        if self.gate.is_passed() { CloseReason::KeyMismatch } else { CloseReason::HandshakeAbandoned }
    }

    /// The proven handshake becomes an association. The key is wiped.
    pub(super) fn into_association(mut self, now: Instant) -> (Association, Peer) {
        self.connection.forget_key();
        let peer = self.identity.map_or(Peer::Unauthenticated, Peer::PskIdentity);
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
}

fn turn_of(progress: Progress, rest: &[u8]) -> Turn<'_> {
    match progress {
        Progress::Waiting => Turn::Wait,
        Progress::Proven => Turn::Proven(rest),
        Progress::Failed => Turn::Failed,
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

    /// Sends close_notify.
    pub(super) fn close(&mut self) {
        self.connection.close();
    }

    /// The datagrams to send.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Vec<u8>> {
        self.connection.drain()
    }
}
