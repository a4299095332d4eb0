//! The engine's seam: one [`Handshake`], and one [`Association`] when it is proven.
//!
//! Datagrams in; datagrams, a claimed identity, application data and an end out. Which engines stand behind is named
//! here and nowhere above. An engine that is given what another one began refuses it.
//!
//! Knows nothing of the other handshakes and associations, of cookies and of bounds.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

#[cfg(feature = "openssl")]
use super::alert;
#[cfg(feature = "openssl")]
use super::certificate::UNSUPPORTED_CERTIFICATE;
use super::certificate::{Offered, Verdict};
use super::client_hello::ClientHello;
use super::error::EngineError;
#[cfg(feature = "openssl")]
use super::openssl;
use super::record::ConnectionId;
#[cfg(feature = "openssl")]
use super::record::VERSION_1_2;
use super::{AssociationId, CloseReason, Configuration, EngineKind, native};
use crate::peer::Peer;
use crate::route::Route;
use crate::secret::Secret;

/// What all handshakes and associations of one listener share.
pub(super) enum Engine {
    #[cfg(feature = "openssl")]
    OpenSsl(Box<openssl::Engine>),
    Native(Box<native::Engine>),
}

impl Engine {
    /// The engine that `configuration` names; `seed` is 32 random bytes for it alone.
    pub(super) fn new(configuration: &Configuration, seed: [u8; 32]) -> Result<Engine, EngineError> {
        match configuration.engine {
            #[cfg(feature = "openssl")]
            EngineKind::OpenSsl => Ok(Engine::OpenSsl(Box::new(openssl::Engine::new(configuration)?))),
            EngineKind::Native => Ok(Engine::Native(Box::new(native::Engine::new(configuration, seed)?))),
        }
    }
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

/// How a handshake begins.
pub(super) enum Beginning {
    /// With our first flight, which is to be sent, and what is wanted next.
    Waits { handshake: Handshake, flight: Vec<Vec<u8>>, turn: Turn<'static> },
    /// Not at all: send this alert and forget it.
    Refused { alert: Vec<u8>, reason: CloseReason },
}

/// A handshake after its cookie.
pub(super) struct Handshake {
    pub(super) id: AssociationId,
    pub(super) route: Route,
    /// The client's random: tells a repeated ClientHello from a new handshake.
    pub(super) random: [u8; 32],
    pub(super) started: Instant,
    /// When it is due in the table's order.
    pub(super) due: Instant,
    protocol: Protocol,
}

/// A handshake as its engine knows it.
enum Protocol {
    #[cfg(feature = "openssl")]
    OpenSsl(Box<openssl::handshake::Handshake>),
    Native(Box<native::Handshake>),
}

impl Handshake {
    /// Begins with the ClientHello that brought a valid cookie, and the datagram that it came in. `None`: the engine is out
    /// of order, or reads the datagram otherwise than we do.
    pub(super) fn begin(
        engine: &mut Engine,
        now: Instant,
        (id, route): (AssociationId, Route),
        hello: &ClientHello<'_>,
        _datagram: &[u8],
    ) -> Option<Beginning> {
        let (protocol, flight, turn) = match engine {
            #[cfg(feature = "openssl")]
            Engine::OpenSsl(engine) => {
                if engine.lacks_common_key_type(hello) {
                    let alert = alert::refusal(hello, VERSION_1_2, UNSUPPORTED_CERTIFICATE);
                    return Some(Beginning::Refused { alert, reason: CloseReason::NoCommonKeyType });
                }
                let (handshake, turn) = openssl::handshake::Handshake::begin(engine, hello, _datagram)?;
                let flight = handshake.flight().to_vec();
                (Protocol::OpenSsl(Box::new(handshake)), flight, turn)
            }
            Engine::Native(engine) => match native::Handshake::begin(engine, now, hello)? {
                native::Beginning::Waits(mut handshake) => {
                    let flight = handshake.take_datagrams();
                    (Protocol::Native(handshake), flight, Turn::Wait)
                }
                native::Beginning::Refused { alert, reason } => return Some(Beginning::Refused { alert, reason }),
            },
        };
        let handshake = Handshake { id, route, random: *hello.random, started: now, due: now, protocol };
        Some(Beginning::Waits { handshake, flight, turn })
    }

    /// Feeds a datagram.
    pub(super) fn handle_datagram<'a>(&mut self, engine: &mut Engine, datagram: &'a [u8]) -> Turn<'a> {
        match (&mut self.protocol, engine) {
            #[cfg(feature = "openssl")]
            (Protocol::OpenSsl(handshake), Engine::OpenSsl(engine)) => handshake.handle_datagram(engine, datagram),
            (Protocol::Native(handshake), Engine::Native(engine)) => handshake.handle_datagram(engine, datagram),
            #[cfg(feature = "openssl")]
            _ => Turn::Failed(CloseReason::HandshakeAbandoned),
        }
    }

    /// Goes on with the key of the claimed identity, or with `None` towards its failure.
    pub(super) fn handle_psk(&mut self, engine: &mut Engine, key: Option<&Secret>) -> Turn<'static> {
        match (&mut self.protocol, engine) {
            #[cfg(feature = "openssl")]
            (Protocol::OpenSsl(handshake), Engine::OpenSsl(engine)) => handshake.handle_psk(engine, key),
            (Protocol::Native(handshake), Engine::Native(engine)) => handshake.handle_psk(engine, key),
            #[cfg(feature = "openssl")]
            _ => Turn::Failed(CloseReason::HandshakeAbandoned),
        }
    }

    /// Goes on with what is on record about the key that is offered.
    pub(super) fn handle_client_key(&mut self, engine: &mut Engine, verdict: Verdict) -> Turn<'static> {
        match (&mut self.protocol, engine) {
            #[cfg(feature = "openssl")]
            (Protocol::OpenSsl(handshake), Engine::OpenSsl(engine)) => handshake.handle_client_key(engine, verdict),
            (Protocol::Native(handshake), Engine::Native(engine)) => handshake.handle_client_key(engine, verdict),
            #[cfg(feature = "openssl")]
            _ => Turn::Failed(CloseReason::HandshakeAbandoned),
        }
    }

    /// Sends again what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Turn<'static> {
        match &mut self.protocol {
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(handshake) => handshake.handle_timeout(),
            Protocol::Native(handshake) => handshake.handle_timeout(now),
        }
    }

    /// When this handshake is to be looked at again.
    pub(super) fn next_due(&self, _now: Instant, handshake_timeout: Duration) -> Instant {
        let due = match &self.protocol {
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(handshake) => handshake.due(_now),
            Protocol::Native(handshake) => handshake.due(),
        };
        let end = self.started + handshake_timeout;
        due.map_or(end, |due| end.min(due))
    }

    /// Whether the client may still repeat its ClientHello because it never saw our flight, as far as is known.
    pub(super) fn awaits_answer_to_flight(&self) -> bool {
        match &self.protocol {
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(_) => true,
            Protocol::Native(handshake) => handshake.awaits_answer_to_flight(),
        }
    }

    /// The client repeats its ClientHello, so it never saw our flight: sends that again.
    pub(super) fn repeat_flight(&mut self, now: Instant) -> Vec<Vec<u8>> {
        match &mut self.protocol {
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(handshake) => handshake.flight().to_vec(),
            Protocol::Native(handshake) => {
                handshake.repeat_flight(now);
                handshake.take_datagrams()
            }
        }
    }

    /// The datagrams to send.
    pub(super) fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        match &mut self.protocol {
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(handshake) => handshake.drain().collect(),
            Protocol::Native(handshake) => handshake.take_datagrams(),
        }
    }

    /// Whether a key that the client offered is believed, which its proof is still to follow.
    pub(super) fn is_believed(&self) -> bool {
        match &self.protocol {
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(handshake) => handshake.is_believed(),
            Protocol::Native(handshake) => handshake.is_believed(),
        }
    }

    /// Whether the client claimed to be somebody, so that it matters to somebody outside how this handshake ends.
    pub(super) fn has_claim(&self) -> bool {
        match &self.protocol {
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(handshake) => handshake.has_claim(),
            Protocol::Native(handshake) => handshake.has_claim(),
        }
    }

    /// Why it ended, where nothing but silence ended it.
    pub(super) fn unproven_reason(&self) -> CloseReason {
        match &self.protocol {
            #[cfg(feature = "openssl")]
            // Who shows a certificate or a raw public key has proven it before the epoch changes.
            Protocol::OpenSsl(handshake) if handshake.has_tried() && !handshake.is_believed() => {
                CloseReason::KeyMismatch
            }
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(_) => CloseReason::HandshakeAbandoned,
            Protocol::Native(handshake) => handshake.unproven_reason(),
        }
    }

    /// The proven handshake becomes an association; what it alone needed is wiped. `None`: it is not proven.
    pub(super) fn into_association(self, now: Instant) -> Option<(Association, Peer)> {
        let (connection, peer) = match self.protocol {
            #[cfg(feature = "openssl")]
            Protocol::OpenSsl(handshake) => {
                let (connection, peer) = handshake.into_association()?;
                (Connection::OpenSsl(Box::new(connection)), peer)
            }
            Protocol::Native(handshake) => {
                let (connection, peer) = handshake.into_association()?;
                (Connection::Native(connection), peer)
            }
        };
        let mut owner = DefaultHasher::new();
        peer.hash(&mut owner);
        let association = Association {
            id: self.id,
            route: self.route,
            owner: owner.finish(),
            random: self.random,
            started: self.started,
            heard: now,
            entered: now,
            is_lingering: false,
            credit: None,
            connection,
        };
        Some((association, peer))
    }
}

/// A proven association.
pub(super) struct Association {
    pub(super) id: AssociationId,
    /// Where the client is, as far as is known.
    pub(super) route: Route,
    /// Tells whether two associations are of the same peer, which a digest of it does well enough.
    pub(super) owner: u64,
    /// The client's random in the handshake.
    pub(super) random: [u8; 32],
    /// When that handshake began.
    pub(super) started: Instant,
    /// When the client last sent something genuine.
    pub(super) heard: Instant,
    /// Under which time it stands in the table's order: `heard` as it once was, or when the lingering began.
    pub(super) entered: Instant,
    pub(super) is_lingering: bool,
    /// How many datagrams may still be sent to `route`; any number where the handshake has proven it.
    pub(super) credit: Option<u8>,
    connection: Connection,
}

/// An association as its engine knows it.
enum Connection {
    #[cfg(feature = "openssl")]
    OpenSsl(Box<openssl::Connection>),
    Native(Box<native::Association>),
}

/// What came of the records that an association was fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reception {
    pub(super) standing: Standing,
    /// Whether at least one record was genuine.
    pub(super) is_genuine: bool,
    /// Whether at least one of the genuine ones is newer than all before, and bore our connection id: the client is where
    /// it came from (RFC 9146, section 6).
    pub(super) is_newest: bool,
}

/// How an association stands after a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It lives.
    Open,
    /// The client ended it.
    CloseNotify,
    /// A fatal alert, or an authenticated client that broke the protocol.
    Broken,
}

impl Reception {
    /// Nothing came of them.
    pub(super) const NOTHING: Reception = Reception { standing: Standing::Open, is_genuine: false, is_newest: false };
}

impl Association {
    /// Feeds records; `data` is called for each record of application data.
    pub(super) fn receive(&mut self, engine: &mut Engine, records: &[u8], data: impl FnMut(&[u8])) -> Reception {
        match (&mut self.connection, engine) {
            #[cfg(feature = "openssl")]
            (Connection::OpenSsl(connection), Engine::OpenSsl(engine)) => engine.receive(connection, records, data),
            (Connection::Native(association), Engine::Native(engine)) => association.receive(engine, records, data),
            #[cfg(feature = "openssl")]
            _ => Reception::NOTHING,
        }
    }

    /// Sends one record of application data.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        match &mut self.connection {
            #[cfg(feature = "openssl")]
            Connection::OpenSsl(connection) => connection.send(bytes),
            Connection::Native(association) => association.send(bytes),
        }
    }

    /// Most bytes of application data that one record carries.
    pub(super) fn longest_message(&self) -> usize {
        match &self.connection {
            #[cfg(feature = "openssl")]
            Connection::OpenSsl(connection) => connection.longest_plaintext(),
            Connection::Native(association) => association.longest_message(),
        }
    }

    /// The id that the client puts into its records.
    pub(super) fn connection_id(&self) -> Option<ConnectionId> {
        match &self.connection {
            #[cfg(feature = "openssl")]
            Connection::OpenSsl(_) => None,
            Connection::Native(association) => association.connection_id(),
        }
    }

    /// Sends close_notify.
    pub(super) fn close(&mut self) {
        match &mut self.connection {
            #[cfg(feature = "openssl")]
            Connection::OpenSsl(connection) => connection.close(),
            Connection::Native(association) => association.close(),
        }
    }

    /// The datagrams to send, as far as [`Association::credit`] goes.
    pub(super) fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = match &mut self.connection {
            #[cfg(feature = "openssl")]
            Connection::OpenSsl(connection) => connection.drain().collect(),
            Connection::Native(association) => association.take_datagrams(),
        };
        if let Some(credit) = &mut self.credit {
            datagrams.truncate(usize::from(*credit));
            *credit = credit.saturating_sub(u8::try_from(datagrams.len()).unwrap_or(u8::MAX));
        }
        datagrams
    }
}
