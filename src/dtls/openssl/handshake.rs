//! A handshake over OpenSSL: the gate in front of it, and what the client claims.
//!
//! Knows nothing of the other handshakes and associations, of cookies and of bounds.

use std::time::{Duration, Instant};

use super::breakdown::Breakdown;
use super::{Connection, Engine, Progress};
use crate::dtls::CloseReason;
use crate::dtls::association::Turn;
use crate::dtls::certificate::{CertificateFault, Offered, Verdict};
use crate::dtls::client_hello::ClientHello;
use crate::dtls::gate::{Gate, Step};
use crate::dtls::missing::Missing;
use crate::dtls::record::Records;
use crate::peer::Peer;
use crate::secret::Secret;

/// Shortest wait until a handshake is looked at again, so that two clocks that disagree never spin.
const TICK: Duration = Duration::from_millis(1);

/// A handshake after its cookie.
pub(in crate::dtls) struct Handshake {
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

impl Handshake {
    /// Begins with the datagram that brought a valid cookie. `None`: the engine refused it.
    pub(in crate::dtls) fn begin(
        engine: &mut Engine,
        hello: &ClientHello<'_>,
        datagram: &[u8],
    ) -> Option<(Handshake, Turn<'static>)> {
        let (mut connection, progress) = engine.accept(datagram, hello.extensions.offer_raw_public_key())?;
        let flight = connection.drain().collect();
        let gate = Gate::new(connection.flight(), hello.record_sequence_number);
        let handshake = Handshake { connection, gate, claim: None, flight };
        let turn = match handshake.turn_of(progress, &[]) {
            Turn::Failed(CloseReason::NoCommonSuite(_)) => {
                Turn::Failed(CloseReason::NoCommonSuite(Missing::of(&engine.suites, hello)))
            }
            turn => turn,
        };
        Some((handshake, turn))
    }

    /// Feeds a datagram.
    pub(in crate::dtls) fn handle_datagram<'a>(&mut self, engine: &mut Engine, datagram: &'a [u8]) -> Turn<'a> {
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
    pub(in crate::dtls) fn handle_psk(&mut self, engine: &mut Engine, key: Option<&Secret>) -> Turn<'static> {
        if !matches!(self.claim, Some(Claim::Psk(_))) {
            return Turn::Wait;
        }
        self.connection.set_key(key);
        self.open(engine)
    }

    /// Goes on with what is on record about the key that is offered.
    pub(in crate::dtls) fn handle_client_key(&mut self, engine: &mut Engine, verdict: Verdict) -> Turn<'static> {
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
    pub(in crate::dtls) fn handle_timeout(&mut self) -> Turn<'static> {
        let progress = self.connection.handle_timeout();
        self.turn_of(progress, &[])
    }

    /// When [`Handshake::handle_timeout`] is due, by OpenSSL's clock.
    pub(in crate::dtls) fn due(&self, now: Instant) -> Option<Instant> {
        self.connection.time_left().map(|left| now + left.max(TICK))
    }

    /// Our first flight.
    pub(in crate::dtls) fn flight(&self) -> &[Vec<u8>] {
        &self.flight
    }

    /// Whether a key that the client offered is believed, which its proof is still to follow.
    pub(in crate::dtls) fn is_believed(&self) -> bool {
        matches!(self.claim, Some(Claim::Believed(_)))
    }

    /// The datagrams to send.
    pub(in crate::dtls) fn drain(&mut self) -> impl Iterator<Item = Vec<u8>> {
        self.connection.drain()
    }

    /// Whether the client claimed to be somebody, so that it matters to somebody outside how this handshake ends.
    pub(in crate::dtls) fn has_claim(&self) -> bool {
        self.claim.is_some()
    }

    /// Whether something that is to be the client's proof has reached OpenSSL, whatever that thought of it.
    pub(in crate::dtls) fn has_tried(&self) -> bool {
        self.gate.has_tried()
    }

    /// The proven handshake becomes an association. The key is wiped. `None`: OpenSSL has proven something else than it
    /// was told to.
    pub(in crate::dtls) fn into_association(mut self) -> Option<(Connection, Peer)> {
        self.connection.forget_key();
        match self.claim {
            Some(Claim::Psk(identity)) => Some((self.connection, Peer::PskIdentity(identity))),
            Some(Claim::Believed(peer)) => Some((self.connection, peer)),
            Some(Claim::Offered(_) | Claim::Refused(_)) | None => None,
        }
    }

    fn turn_of<'a>(&self, progress: Progress, rest: &'a [u8]) -> Turn<'a> {
        match (progress, &self.claim) {
            (Progress::Waiting, _) => Turn::Wait,
            (Progress::Proven, _) => Turn::Proven(rest),
            (Progress::Failed(_), Some(Claim::Refused(fault))) => Turn::Failed(CloseReason::CertificateRefused(*fault)),
            (Progress::Failed(Breakdown::NoCommonSuite), _) => Turn::Failed(CloseReason::NoCommonSuite(Missing::Other)),
            (Progress::Failed(Breakdown::WrongSignature), _) => Turn::Failed(CloseReason::KeyMismatch),
            (Progress::Failed(Breakdown::ClientAlert(alert)), _) => Turn::Failed(CloseReason::ClientAlert(alert)),
            (Progress::Failed(Breakdown::Other), _) => Turn::Failed(CloseReason::HandshakeFailed),
        }
    }
}
