//! One handshake, from a ClientHello with a valid cookie to our Finished (RFC 6347, section 4.2; RFC 5246, section 7.3).
//!
//! The client's flight is taken apart message by message in the one order that the suite allows: whatever comes early
//! waits, whatever does not belong there is dropped. Before its Finished nothing of the client is authenticated, so no
//! alert of its ends anything, and what has the form of no message is nobody's. A message of the right form with a content
//! that is refused ends the handshake with an alert, because a client deserves to know.
//!
//! Knows no addresses, and asks whoever drives it for keys and verdicts.

use std::time::Instant;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Engine;
use super::alert::{self, Alert, End};
use super::association::{Association, FINISHED, Protection};
use super::hello::{Agreement, Refusal};
use super::key_exchange::{Ephemeral, point_of};
use super::outgoing::{Limits, Outgoing};
use super::prf::{MasterSecret, Side, psk_premaster};
use super::protection::{Aead, Keys};
use super::replay::ReplayWindow;
use super::trust::Believed;
use crate::dtls::association::Turn;
use crate::dtls::certificate::{CertificateFault, KeyType, Offered, Verdict};
use crate::dtls::client_flight::{ClientFlight, Flight, identity_of};
use crate::dtls::client_hello::ClientHello;
use crate::dtls::missing::ECDSA_SHA256;
use crate::dtls::record::{
    ContentType, HANDSHAKE_HEADER_LENGTH, HandshakeFragment, HandshakeFragments, Record, Records, handshake_message,
};
use crate::dtls::{AlertDescription, CloseReason};
use crate::peer::Peer;
use crate::secret::Secret;

/// Most records of epoch 1 that wait for their keys: a Finished in fragments of one byte.
const EARLY_MAX: usize = VERIFY_DATA_LENGTH;

/// Longest of them in bytes: a Finished has below 80.
const EARLY_LENGTH_MAX: usize = 80;

/// Longest of those with a connection id, which a client may pad (RFC 9146, section 4): Mbed TLS to 64 bytes and what goes
/// around them.
const EARLY_PADDED_MAX: usize = 128;

/// Length of verify_data in a Finished (RFC 5246, section 7.4.9).
const VERIFY_DATA_LENGTH: usize = 12;

/// Longest key, in bytes. LwM2M asks for 64 (Transport 1.2, section 5.2.8.1).
const PSK_MAX: usize = 512;

/// Length of the random key that stands in for a missing one, in bytes.
const RANDOM_KEY_LENGTH: usize = 16;

/// The server's message types (RFC 5246, section 7.4).
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;

/// ClientCertificateType ecdsa_sign (RFC 8422, section 5.5).
const ECDSA_SIGN: u8 = 64;

/// See the module.
pub(in crate::dtls) struct Handshake {
    agreement: Agreement,
    stage: Stage,
    /// Of all messages so far, each whole, from the ClientHello with the cookie (RFC 6347, section 4.2.6).
    transcript: Sha256,
    outgoing: Outgoing,
    incoming: ClientFlight,
    /// The client's verify_data, as far as it has arrived.
    finished: FinishedParts,
    has_change_cipher_spec: bool,
    /// Records of epoch 1 that came before their keys.
    early: Vec<Vec<u8>>,
    /// Whether these keys opened a record of epoch 1, once one came.
    has_read: Option<bool>,
    /// By which alert somebody said in the clear that the client has given up.
    heard_alert: Option<AlertDescription>,
    datagrams: Vec<Vec<u8>>,
}

/// What is waited for, in the order of the protocol.
enum Stage {
    /// With a pre-shared key: the ClientKeyExchange, which names an identity.
    Identity,
    /// The key of that identity.
    Key { identity: Vec<u8> },
    /// Otherwise: the client's Certificate.
    Certificate { ephemeral: Ephemeral },
    /// The verdict on what it holds.
    Verdict { ephemeral: Ephemeral, offered: Offered },
    /// Its ClientKeyExchange.
    KeyExchange { ephemeral: Ephemeral, believed: Believed },
    /// Its CertificateVerify.
    CertificateVerify { secrets: Box<Secrets>, believed: Believed },
    /// Its ChangeCipherSpec and Finished.
    Finished { secrets: Box<Secrets>, peer: Peer },
    /// Nothing: the client has proven itself.
    Proven { association: Box<Association>, peer: Peer },
    /// Nothing: it has failed.
    Failed(CloseReason),
}

/// What the key exchange gave. It stays where it was made: what is moved leaves a copy behind that nobody wipes.
struct Secrets {
    master: MasterSecret,
    protection: Box<Protection>,
}

/// A Finished may come in fragments as any message may.
type FinishedParts = ([u8; VERIFY_DATA_LENGTH], [bool; VERIFY_DATA_LENGTH]);

/// How a handshake begins.
pub(in crate::dtls) enum Beginning {
    /// It waits for the client.
    Waits(Box<Handshake>),
    /// There is nothing to agree on: send this and forget it.
    Refused { alert: Vec<u8>, reason: CloseReason },
}

impl Handshake {
    /// Begins with a ClientHello that brought a valid cookie: sends ServerHello to ServerHelloDone. `None`: the library
    /// beneath is out of order.
    pub(in crate::dtls) fn begin(engine: &mut Engine, now: Instant, hello: &ClientHello<'_>) -> Option<Beginning> {
        let (server_random, connection_id) = (engine.draw(), engine.draw_connection_id());
        let reached = Agreement::reach(&engine.policy, hello, server_random, connection_id);
        let record = reached.as_ref().map_or(u16::MAX, Agreement::longest_plaintext);
        let limits = Limits { datagram: engine.mtu, record };
        let mut outgoing = Outgoing::new(hello.record_sequence_number, limits, engine.initial_timeout);
        let agreement = match reached {
            Ok(agreement) => agreement,
            Err(Refusal { alert, reason }) => {
                let alert = outgoing.record(ContentType::Alert, &alert.bytes());
                return Some(Beginning::Refused { alert, reason });
            }
        };
        let mut transcript = Sha256::new();
        transcript.update(hello.message);
        transcript.update(outgoing.push(SERVER_HELLO, agreement.server_hello()));
        let (stage, flight) = if agreement.suite.takes_psk() {
            // RFC 7925, section 4.2: no hint, so no ServerKeyExchange.
            (Stage::Identity, Flight::PreSharedKey)
        } else {
            let ephemeral = Ephemeral::draw(&mut engine.random)?;
            engine.forget_what_was_drawn();
            for (message_type, body) in certificate_messages(engine, &agreement, &ephemeral)? {
                transcript.update(outgoing.push(message_type, body));
            }
            (Stage::Certificate { ephemeral }, Flight::Certificate)
        };
        transcript.update(outgoing.push(SERVER_HELLO_DONE, Vec::new()));
        let datagrams = outgoing.send(now);
        Some(Beginning::Waits(Box::new(Handshake {
            agreement,
            stage,
            transcript,
            outgoing,
            incoming: ClientFlight::new(flight),
            finished: FinishedParts::default(),
            has_change_cipher_spec: false,
            early: Vec::new(),
            has_read: None,
            heard_alert: None,
            datagrams,
        })))
    }

    /// Feeds a datagram.
    pub(in crate::dtls) fn handle_datagram<'a>(&mut self, engine: &mut Engine, datagram: &'a [u8]) -> Turn<'a> {
        let mut records = Records::of(datagram);
        while let Some(record) = records.next() {
            match self.handle_record(engine, &record) {
                Turn::Wait => {}
                Turn::Proven(_) => return Turn::Proven(records.rest()),
                turn @ Turn::Failed(_) => return turn,
                turn @ (Turn::Key(_) | Turn::ClientKey(_)) => {
                    // What follows often shares the datagram of the message that says what the client claims to be.
                    for record in records {
                        let _kept = self.handle_record(engine, &record);
                    }
                    return turn;
                }
            }
        }
        Turn::Wait
    }

    /// Goes on with the key of the claimed identity, or with `None` towards its failure.
    pub(in crate::dtls) fn handle_psk(&mut self, engine: &mut Engine, key: Option<&Secret>) -> Turn<'static> {
        let Stage::Key { identity } = &mut self.stage else { return Turn::Wait };
        let peer = Peer::PskIdentity(std::mem::take(identity));
        // RFC 4279, section 2: nobody is to learn which identities exist.
        let stand_in = Zeroizing::new(engine.draw::<RANDOM_KEY_LENGTH>());
        let key = key.map(Secret::expose).filter(|key| !key.is_empty() && key.len() <= PSK_MAX);
        let secrets = self.derive(&psk_premaster(key.unwrap_or(&*stand_in)));
        self.stage = match secrets {
            Some(secrets) => Stage::Finished { secrets, peer },
            None => Stage::Failed(CloseReason::HandshakeFailed),
        };
        self.proceed(engine)
    }

    /// Goes on with what is on record about the key that is offered.
    pub(in crate::dtls) fn handle_client_key(&mut self, engine: &mut Engine, verdict: Verdict) -> Turn<'static> {
        if !matches!(self.stage, Stage::Verdict { .. }) {
            return Turn::Wait;
        }
        let Stage::Verdict { ephemeral, offered } = self.take_stage() else { return Turn::Wait };
        match engine.trust.judge(offered, verdict) {
            Ok(believed) => self.stage = Stage::KeyExchange { ephemeral, believed },
            Err(fault) => return self.refuse(fault),
        }
        self.proceed(engine)
    }

    /// Sends again what is due.
    pub(in crate::dtls) fn handle_timeout(&mut self, now: Instant) -> Turn<'static> {
        if self.outgoing.due().is_some_and(|due| due <= now) {
            let datagrams = self.outgoing.send_again(now);
            self.datagrams.extend(datagrams);
        }
        Turn::Wait
    }

    /// The client repeats its ClientHello: sends our flight again.
    pub(in crate::dtls) fn repeat_flight(&mut self, now: Instant) {
        // Once it has gone on, it is not the client that repeats it.
        if self.outgoing.due().is_some() {
            let datagrams = self.outgoing.send(now);
            self.datagrams.extend(datagrams);
        }
    }

    /// Whether the client may still repeat its ClientHello because it never saw our flight.
    pub(in crate::dtls) fn awaits_answer_to_flight(&self) -> bool {
        self.outgoing.due().is_some()
    }

    /// When [`Handshake::handle_timeout`] is due.
    pub(in crate::dtls) fn due(&self) -> Option<Instant> {
        self.outgoing.due()
    }

    /// The datagrams to send, in order.
    pub(in crate::dtls) fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.datagrams)
    }

    /// Whether a key that the client offered is believed, which its proof is still to follow.
    pub(in crate::dtls) fn is_believed(&self) -> bool {
        match &self.stage {
            Stage::KeyExchange { .. } | Stage::CertificateVerify { .. } => true,
            Stage::Finished { peer, .. } => !matches!(peer, Peer::PskIdentity(_)),
            _ => false,
        }
    }

    /// Whether the client claimed to be somebody.
    pub(in crate::dtls) fn has_claim(&self) -> bool {
        !matches!(self.stage, Stage::Identity | Stage::Certificate { .. })
    }

    /// Why it ended, where nothing but silence ended it.
    pub(in crate::dtls) fn unproven_reason(&self) -> CloseReason {
        match &self.stage {
            // Its Finished was not by this key. One that was lost says nothing of the key, though a ChangeCipherSpec came.
            // Who shows a certificate or a raw public key has proven it by then.
            Stage::Finished { peer: Peer::PskIdentity(_), .. } if self.has_read == Some(false) => {
                CloseReason::KeyMismatch
            }
            _ => self.heard_alert.map_or(CloseReason::HandshakeAbandoned, CloseReason::ClientAlert),
        }
    }

    /// The proven handshake becomes an association. `None`: it is not proven.
    pub(in crate::dtls) fn into_association(self) -> Option<(Box<Association>, Peer)> {
        match self.stage {
            Stage::Proven { association, peer } => Some((association, peer)),
            _ => None,
        }
    }

    fn handle_record(&mut self, engine: &mut Engine, record: &Record<'_>) -> Turn<'static> {
        match (record.epoch, record.content_type) {
            (0, ContentType::Handshake) => {
                for fragment in HandshakeFragments::of(record.fragment) {
                    self.incoming.add(&fragment);
                }
                self.proceed(engine)
            }
            (0, ContentType::ChangeCipherSpec) if record.fragment == [1] => {
                self.has_change_cipher_spec = true;
                self.proceed(engine)
            }
            (0, ContentType::Alert) => {
                self.hear(record.fragment);
                Turn::Wait
            }
            (1, ContentType::Handshake | ContentType::Alert | ContentType::ConnectionId) => {
                if self.has_change_cipher_spec && matches!(self.stage, Stage::Finished { .. }) {
                    return self.handle_protected(engine, record);
                }
                self.keep(record);
                Turn::Wait
            }
            _ => Turn::Wait,
        }
    }

    /// Keeps what an alert in the clear says, for the operator. The first that is fatal says why; a close_notify says less.
    fn hear(&mut self, content: &[u8]) {
        let says_little = self.heard_alert.is_none_or(|alert| alert == AlertDescription::CLOSE_NOTIFY);
        if let (true, Some(_), &[_, description]) = (says_little, alert::end_of(content), content) {
            self.heard_alert = Some(AlertDescription(description));
        }
    }

    fn keep(&mut self, record: &Record<'_>) {
        let is_repeated = self.early.iter().any(|early| early == record.bytes);
        let longest = if record.connection_id.is_some() { EARLY_PADDED_MAX } else { EARLY_LENGTH_MAX };
        if self.early.len() < EARLY_MAX && record.bytes.len() <= longest && !is_repeated {
            self.early.push(record.bytes.to_vec());
        }
    }

    /// Takes from what has arrived whatever is next, until something is missing.
    fn proceed(&mut self, engine: &mut Engine) -> Turn<'static> {
        while let Some(body) = self.incoming.next() {
            let is_in_form = match &self.stage {
                Stage::Identity => identity_of(body).is_some(),
                Stage::Certificate { .. } => true,
                Stage::KeyExchange { .. } => point_of(body).is_some(),
                Stage::CertificateVerify { .. } => signature_of(body).is_some(),
                _ => break,
            };
            if !is_in_form {
                self.incoming.drop_next();
                break;
            }
            let Some(message) = self.incoming.take() else { break };
            // The client has gone on, so it has our flight.
            self.outgoing.stop();
            match self.handle_message(&message.body, &message.to_bytes()) {
                Turn::Wait => {}
                turn => return turn,
            }
        }
        if let Stage::Failed(reason) = self.stage {
            return Turn::Failed(reason);
        }
        if self.has_change_cipher_spec && matches!(self.stage, Stage::Finished { .. }) {
            return self.handle_early(engine);
        }
        Turn::Wait
    }

    /// One message of the client in the clear, the one that the stage waits for and of the right form; `whole` is as it
    /// goes into the transcript.
    fn handle_message(&mut self, body: &[u8], whole: &[u8]) -> Turn<'static> {
        // CertificateVerify signs what came before it (RFC 5246, section 7.4.8).
        let before = self.transcript_hash();
        self.transcript.update(whole);
        match self.take_stage() {
            Stage::Identity => {
                let identity = identity_of(body).unwrap_or_default();
                self.stage = Stage::Key { identity: identity.clone() };
                Turn::Key(identity)
            }
            Stage::Certificate { ephemeral } => match Offered::parse(self.agreement.client_key, body) {
                Ok(offered) => {
                    self.stage = Stage::Verdict { ephemeral, offered: offered.clone() };
                    Turn::ClientKey(offered)
                }
                Err(fault) => self.refuse(fault),
            },
            Stage::KeyExchange { ephemeral, believed } => {
                let premaster = point_of(body).and_then(|point| ephemeral.premaster(point));
                match premaster.and_then(|premaster| self.derive(&premaster)) {
                    Some(secrets) => {
                        self.stage = Stage::CertificateVerify { secrets, believed };
                        Turn::Wait
                    }
                    None => self.fail(Alert::IllegalParameter, CloseReason::HandshakeFailed),
                }
            }
            Stage::CertificateVerify { secrets, believed } => match signature_of(body) {
                Some((ECDSA_SHA256, signature)) if believed.key.verify(&before, signature) => {
                    self.stage = Stage::Finished { secrets, peer: believed.peer };
                    Turn::Wait
                }
                Some((ECDSA_SHA256, _)) => self.fail(Alert::DecryptError, CloseReason::KeyMismatch),
                _ => self.fail(Alert::IllegalParameter, CloseReason::HandshakeFailed),
            },
            stage => {
                self.stage = stage;
                Turn::Wait
            }
        }
    }

    /// The records of epoch 1 that waited for their keys.
    fn handle_early(&mut self, engine: &mut Engine) -> Turn<'static> {
        for bytes in std::mem::take(&mut self.early) {
            for record in Records::of(&bytes) {
                match self.handle_protected(engine, &record) {
                    Turn::Wait => {}
                    turn => return turn,
                }
            }
        }
        Turn::Wait
    }

    /// A record of epoch 1 while Finished is waited for. Who cannot be understood has the wrong key, or is nobody: that is
    /// not told, and the client may try again.
    fn handle_protected(&mut self, engine: &mut Engine, record: &Record<'_>) -> Turn<'static> {
        let Stage::Finished { secrets, .. } = &mut self.stage else { return Turn::Wait };
        let ids = self.agreement.connection_ids.as_ref();
        let Some(opened) = secrets.protection.open(record, ids, &mut engine.plaintext) else {
            // One with another connection id than the client was given is nobody's.
            if record.connection_id == ids.map(|ids| ids.ours) {
                self.has_read.get_or_insert(false);
            }
            return Turn::Wait;
        };
        self.has_read = Some(true);
        let content = &engine.plaintext[..opened.length];
        match opened.content_type {
            22 => {
                let verify_data = self.assemble_finished(content);
                verify_data.map_or(Turn::Wait, |verify_data| self.handle_finished(&verify_data))
            }
            21 => match (alert::end_of(content), content) {
                (Some(End::InGoodOrder | End::Fatal), &[_, description]) => {
                    Turn::Failed(CloseReason::ClientAlert(AlertDescription(description)))
                }
                _ => Turn::Wait,
            },
            _ => Turn::Wait,
        }
    }

    /// Adds what fragments of a Finished a record holds; returns it once it is whole.
    fn assemble_finished(&mut self, content: &[u8]) -> Option<[u8; VERIFY_DATA_LENGTH]> {
        let number = self.incoming.flight().number_of_finished();
        for fragment in HandshakeFragments::of(content) {
            let HandshakeFragment { message_type, length, message_sequence, offset, body } = fragment;
            if (message_type, length, message_sequence) != (FINISHED, VERIFY_DATA_LENGTH, number) {
                continue;
            }
            let (bytes, present) = &mut self.finished;
            bytes[offset..offset + body.len()].copy_from_slice(body);
            present[offset..offset + body.len()].fill(true);
        }
        let (bytes, present) = self.finished;
        present.iter().all(|there| *there).then_some(bytes)
    }

    /// RFC 5246, section 7.4.9.
    fn handle_finished(&mut self, verify_data: &[u8; VERIFY_DATA_LENGTH]) -> Turn<'static> {
        let client_hash = self.transcript_hash();
        let number = self.incoming.flight().number_of_finished();
        self.transcript.update(handshake_message(FINISHED, number, verify_data));
        let server_hash = self.transcript_hash();
        let Stage::Finished { secrets, peer } = self.take_stage() else { return Turn::Wait };
        if !bool::from(secrets.master.verify_data(Side::Client, &client_hash).ct_eq(verify_data)) {
            // It has the keys and yet saw another handshake than we did. We have not sent ChangeCipherSpec, so this goes
            // out in the clear (RFC 5246, section 7.1): what comes under protection the client could not read yet.
            return self.fail(Alert::DecryptError, CloseReason::HandshakeFailed);
        }
        let ours = secrets.master.verify_data(Side::Server, &server_hash);
        let message = handshake_message(FINISHED, self.outgoing.next_message(), &ours);
        let mut finished = [0; HANDSHAKE_HEADER_LENGTH + VERIFY_DATA_LENGTH];
        finished.copy_from_slice(&message);
        let mut association =
            Association::begin(secrets.protection, &self.agreement, finished, self.outgoing.next_record());
        self.datagrams.extend(association.take_datagrams());
        self.stage = Stage::Proven { association: Box::new(association), peer };
        Turn::Proven(&[])
    }

    /// Master secret and keys, once the transcript reaches ClientKeyExchange (RFC 7627, section 4: that is the session
    /// hash).
    fn derive(&self, premaster: &[u8]) -> Option<Box<Secrets>> {
        let Agreement { client_random, server_random, suite, extended_master_secret, .. } = &self.agreement;
        let master = if *extended_master_secret {
            MasterSecret::extended(premaster, &self.transcript_hash())
        } else {
            MasterSecret::plain(premaster, client_random, server_random)
        };
        let aead = Aead::of(*suite)?;
        let block = master.key_block(client_random, server_random);
        let protection = Box::new(Protection {
            receiving: Keys::new(aead, &block.client_key, block.client_iv),
            sending: Keys::new(aead, &block.server_key, block.server_iv),
            window: ReplayWindow::new(),
            next_record: 0,
        });
        Some(Box::new(Secrets { master, protection }))
    }

    fn refuse(&mut self, fault: CertificateFault) -> Turn<'static> {
        self.fail(Alert::Refused(fault), CloseReason::CertificateRefused(fault))
    }

    /// Ends the handshake with an alert in the clear.
    fn fail(&mut self, alert: Alert, reason: CloseReason) -> Turn<'static> {
        let record = self.outgoing.record(ContentType::Alert, &alert.bytes());
        self.datagrams.push(record);
        self.stage = Stage::Failed(reason);
        Turn::Failed(reason)
    }

    fn take_stage(&mut self) -> Stage {
        std::mem::replace(&mut self.stage, Stage::Failed(CloseReason::HandshakeFailed))
    }

    fn transcript_hash(&self) -> [u8; 32] {
        self.transcript.clone().finalize().into()
    }
}

/// Certificate, ServerKeyExchange and CertificateRequest: type and body of each.
fn certificate_messages(engine: &Engine, agreement: &Agreement, ephemeral: &Ephemeral) -> Option<[(u8, Vec<u8>); 3]> {
    let identity = engine.identity.as_ref()?;
    let certificate = match agreement.server_key {
        // RFC 7250, section 3: the key alone, and no list.
        KeyType::RawPublicKey => opaque24(identity.public_key()),
        KeyType::Certificate => {
            let list: Vec<u8> = identity.chain().iter().flat_map(|certificate| opaque24(certificate)).collect();
            opaque24(&list)
        }
    };
    // RFC 5246, section 7.4.4: which types and algorithms; no names of authorities.
    let [hash, signature] = ECDSA_SHA256;
    let request = vec![1, ECDSA_SIGN, 0, 2, hash, signature, 0, 0];
    Some([
        (CERTIFICATE, certificate),
        (SERVER_KEY_EXCHANGE, ephemeral.server_key_exchange(agreement, identity)?),
        (CERTIFICATE_REQUEST, request),
    ])
}

fn opaque24(content: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length, content].concat()
}

/// Algorithm and signature in the body of a CertificateVerify (RFC 5246, section 7.4.8).
fn signature_of(body: &[u8]) -> Option<([u8; 2], &[u8])> {
    let (algorithm, rest) = body.split_first_chunk::<2>()?;
    let (length, signature) = rest.split_first_chunk::<2>()?;
    (usize::from(u16::from_be_bytes(*length)) == signature.len()).then_some((*algorithm, signature))
}
