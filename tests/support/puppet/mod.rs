//! The puppet: a DTLS 1.2 client for tests, which behaves well or does anything wrong that it is told to.
//!
//! It is written from RFC 6347, RFC 5246, RFC 4279, RFC 8422, RFC 7250, RFC 7627, RFC 6066 and RFC 9146 and shares
//! nothing with `src/dtls`, neither code nor AES nor elliptic curves, so that what both understand alike was not
//! misunderstood once. It is sans-IO, reads no clock, and draws all it needs from a seed: runs repeat exactly.
//! Tests, benches and fuzz targets include it by `#[path]`; nothing in it may name `crate::` or `bootstrapd::`.
//!
//! | Level | What for | Where |
//! |---|---|---|
//! | a client | [`Puppet::start`], [`Puppet::handle_datagram`], [`Puppet::handle_timeout`], [`Puppet::seal`] | `behaviour` |
//! | hearing without answering | [`Puppet::hear`], [`Puppet::react`] | `hearing`, `behaviour` |
//! | messages | [`Puppet::client_hello`] and its like, [`Puppet::commit`]; wrong ones by [`Message`] | `handshake`, `message` |
//! | records | [`Puppet::record`], [`Puppet::record_with`] | `record` |
//!
//! A message enters the transcript and gets its number by [`Puppet::commit`] alone; what was sent without is sent
//! behind the puppet's back, and its Finished does not cover it.
#![allow(dead_code, unused_imports)]

mod behaviour;
pub mod certificate;
mod handshake;
mod hearing;
mod hello;
pub mod message;
pub mod prf;
pub mod proof;
pub mod protection;
pub mod record;
pub mod wire;

use std::collections::BTreeMap;

use p256::SecretKey;
use p256::ecdsa::SigningKey;

pub use self::hearing::{Fault, Heard};
pub use self::message::{Handshake, Message};
use self::protection::{Keys, Suite};
pub use self::record::{ConnectionId, Layout};
use self::wire::SplitMix;

/// What the client proves itself with.
#[derive(Clone)]
pub enum Proof {
    /// A pre-shared key.
    Psk {
        /// Raw bytes.
        identity: Vec<u8>,
        /// The key.
        key: Vec<u8>,
    },
    /// X.509.
    Certificate {
        /// DER, leaf first; empty: the client has none.
        chain: Vec<Vec<u8>>,
        /// Of the leaf.
        key: SigningKey,
    },
    /// RFC 7250.
    RawPublicKey {
        /// Its public half is shown.
        key: SigningKey,
    },
}

/// How the client is and what it offers. May be changed at any time: what is built next is built by it.
#[derive(Clone)]
pub struct Profile {
    /// What is offered, best first; not only what the puppet speaks.
    pub suites: Vec<u16>,
    /// What it proves itself with.
    pub proof: Proof,
    /// Offers RFC 7627.
    pub extended_master_secret: bool,
    /// Offers renegotiation_info, empty (RFC 5746, section 3.4).
    pub renegotiation_info: bool,
    /// 1 to 4 for 512 to 4,096 bytes (RFC 6066, section 4).
    pub max_fragment_length: Option<u8>,
    /// The connection id that the client wants to receive (RFC 9146); empty: it only sends them.
    pub connection_id: Option<Vec<u8>>,
    /// A host name.
    pub server_name: Option<String>,
    /// supported_groups and ec_point_formats; empty: neither is sent.
    pub groups: Vec<u16>,
    /// signature_algorithms; empty: not sent.
    pub signature_algorithms: Vec<u16>,
    /// client_certificate_type; empty: not sent. 0 is X.509, 2 a raw public key.
    pub client_certificate_types: Vec<u8>,
    /// server_certificate_type, likewise.
    pub server_certificate_types: Vec<u8>,
    /// A session to resume: no server has to know it.
    pub session_id: Vec<u8>,
    /// Any others, at the end: type and content.
    pub extra_extensions: Vec<(u16, Vec<u8>)>,
    /// The ClientHello ends after its compression methods.
    pub omit_extensions: bool,
    /// Largest datagram of a flight, in bytes.
    pub mtu: usize,
    /// Most bytes of a message's body in one fragment, where the datagram or max_fragment_length allow no less. The
    /// ClientHello is never cut.
    pub fragment: usize,
    /// Every record is a datagram of its own.
    pub one_record_per_datagram: bool,
}

impl Profile {
    fn of(proof: Proof, suites: &[u16]) -> Profile {
        Profile {
            suites: suites.to_vec(),
            proof,
            extended_master_secret: true,
            renegotiation_info: true,
            max_fragment_length: None,
            connection_id: None,
            server_name: None,
            groups: Vec::new(),
            signature_algorithms: Vec::new(),
            client_certificate_types: Vec::new(),
            server_certificate_types: Vec::new(),
            session_id: Vec::new(),
            extra_extensions: Vec::new(),
            omit_extensions: false,
            mtu: 1232,
            fragment: 1 << 14,
            one_record_per_datagram: false,
        }
    }

    /// A client with a pre-shared key and all suites for it.
    pub fn psk(identity: &[u8], key: &[u8]) -> Profile {
        let proof = Proof::Psk { identity: identity.to_vec(), key: key.to_vec() };
        Profile::of(proof, &protection::PSK_SUITES)
    }

    /// A client with a certificate, which also wants to see one.
    pub fn certificate(chain: Vec<Vec<u8>>, key: SigningKey) -> Profile {
        Profile {
            groups: vec![proof::SECP256R1],
            signature_algorithms: vec![proof::ECDSA_SHA256],
            ..Profile::of(Proof::Certificate { chain, key }, &protection::ECDHE_SUITES)
        }
    }

    /// A client with a raw public key, which also wants to see one.
    pub fn raw_public_key(key: SigningKey) -> Profile {
        Profile {
            client_certificate_types: vec![hello::RAW_PUBLIC_KEY],
            server_certificate_types: vec![hello::RAW_PUBLIC_KEY],
            proof: Proof::RawPublicKey { key: key.clone() },
            ..Profile::certificate(Vec::new(), key)
        }
    }
}

/// What the server has said.
#[derive(Clone, Default)]
struct Server {
    random: [u8; 32],
    suite: Option<Suite>,
    extended_master_secret: bool,
    max_fragment_length: Option<u8>,
    connection_id: Option<Vec<u8>>,
    client_certificate_type: u8,
    server_certificate_type: u8,
    chain: Vec<Vec<u8>>,
    spki: Vec<u8>,
    hint: Option<Vec<u8>>,
    point: Vec<u8>,
    certificate_is_requested: bool,
    /// Messages heard, in order.
    messages: Vec<u8>,
    /// Number of its next message.
    next_message: u16,
    assemblies: BTreeMap<u16, message::Assembly>,
    has_changed_cipher_spec: bool,
    /// Protected records that came before they could be read.
    early: Vec<(record::Header, Vec<u8>)>,
    /// Application data from before its Finished.
    early_data: Vec<Vec<u8>>,
    /// Numbers of the genuine records of epoch 1, and a digest of each: none may be used twice.
    numbers: BTreeMap<u64, [u8; 32]>,
    newest: Option<u64>,
}

/// One connection of one client. A clone goes on by itself: what if it said something else?
#[derive(Clone)]
pub struct Puppet {
    /// How it is; what is built next is built by it.
    pub profile: Profile,
    random: SplitMix,
    client_random: [u8; 32],
    cookie: Vec<u8>,
    ephemeral: SecretKey,
    transcript: Vec<u8>,
    next_message: u16,
    record_numbers: BTreeMap<u16, u64>,
    master: Vec<u8>,
    keys: Option<Keys>,
    flight: Vec<behaviour::Item>,
    server: Server,
    faults: Vec<Fault>,
    has_told_fault: bool,
    is_established: bool,
    is_over: bool,
    is_closed: bool,
    alert: Option<(u8, u8)>,
    received: Vec<Vec<u8>>,
    dropped: usize,
}

impl Puppet {
    /// A client that has said nothing yet. All its randomness comes from `seed`.
    pub fn new(profile: Profile, seed: u64) -> Puppet {
        let mut random = SplitMix(seed);
        Puppet {
            client_random: random.bytes(),
            ephemeral: proof::secret_key(&mut random),
            random,
            profile,
            cookie: Vec::new(),
            transcript: Vec::new(),
            next_message: 0,
            record_numbers: BTreeMap::new(),
            master: Vec::new(),
            keys: None,
            flight: Vec::new(),
            server: Server::default(),
            faults: Vec::new(),
            has_told_fault: false,
            is_established: false,
            is_over: false,
            is_closed: false,
            alert: None,
            received: Vec::new(),
            dropped: 0,
        }
    }

    /// The server's Finished was right.
    pub fn is_established(&self) -> bool {
        self.is_established
    }

    /// The handshake is over without success: a fatal alert, in the clear or not, or a fault of the server's.
    pub fn has_failed(&self) -> bool {
        self.is_over
    }

    /// The server said close_notify or a fatal alert under protection, or [`Puppet::close_notify`] was called.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The newest alert that the server sent, in the clear or not: level and description.
    pub fn alert_received(&self) -> Option<(u8, u8)> {
        self.alert
    }

    /// What the server did that no server may do, in order. Nothing arrives here by loss, disorder or duplication.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Records of the server's that could not be read and were dropped: forged, doubled or out of place.
    pub fn dropped_records(&self) -> usize {
        self.dropped
    }

    /// Application data that arrived since this was last asked, one element for each record.
    pub fn received(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.received)
    }

    /// Types of the server's handshake messages, in order, each once.
    pub fn received_messages(&self) -> &[u8] {
        &self.server.messages
    }

    /// The suite in the ServerHello.
    pub fn suite(&self) -> Option<u16> {
        self.server.suite.map(|suite| suite.code)
    }

    /// The server took up RFC 7627.
    pub fn uses_extended_master_secret(&self) -> bool {
        self.server.extended_master_secret
    }

    /// The server's answer to max_fragment_length.
    pub fn max_fragment_length_of_server(&self) -> Option<u8> {
        self.server.max_fragment_length
    }

    /// The id that the server wants to receive; `None`: connection ids were not agreed on.
    pub fn connection_id_of_server(&self) -> Option<&[u8]> {
        self.server.connection_id.as_deref()
    }

    /// The server's certificates, leaf first; none, where it showed a raw public key.
    pub fn server_chain(&self) -> &[Vec<u8>] {
        &self.server.chain
    }

    /// The server's SubjectPublicKeyInfo, by certificate or raw.
    pub fn server_spki(&self) -> &[u8] {
        &self.server.spki
    }

    /// What the server's ServerKeyExchange hints, with pre-shared keys.
    pub fn psk_identity_hint(&self) -> Option<&[u8]> {
        self.server.hint.as_deref()
    }

    /// Number of the newest genuine record of the server's in epoch 1.
    pub fn newest_record_of_server(&self) -> Option<u64> {
        self.server.newest
    }

    /// The cookie that the next ClientHello brings.
    pub fn cookie(&self) -> &[u8] {
        &self.cookie
    }

    /// Makes the next ClientHello bring this cookie.
    pub fn set_cookie(&mut self, cookie: &[u8]) {
        self.cookie = cookie.to_vec();
    }

    /// All handshake messages so far, as Finished covers them.
    pub fn transcript(&self) -> &[u8] {
        &self.transcript
    }

    /// The random of the ClientHello.
    pub fn client_random(&self) -> &[u8; 32] {
        &self.client_random
    }

    /// A number for whoever drives the puppet, from its seed.
    pub fn draw(&mut self) -> u64 {
        self.random.next()
    }
}
