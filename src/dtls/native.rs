//! The engine of our own: a DTLS 1.2 server with what LwM2M needs and nothing else (RFC 6347, RFC 5246; spec sheet
//! `transport.md`, section 4).
//!
//! | File | What it is for |
//! |---|---|
//! | `handshake` | the states of one handshake, in the order of the protocol |
//! | `association` | what is left of it when it is proven: records in, application data out |
//! | `hello` | what a ClientHello offers, and what is chosen from it |
//! | `outgoing` | our flight: cut into records and datagrams, sent again in time |
//! | `key_exchange` | ECDHE on secp256r1 (RFC 8422) |
//! | `identity`, `trust` | what the server proves itself with, and which clients it believes |
//! | `prf` | master secret, keys and Finished (RFC 5246, sections 5, 6.3, 7.4.9 and 8.1; RFC 7627; RFC 4279) |
//! | `protection` | records of epoch 1: CCM_8, CCM, GCM, connection ids (RFC 6655, RFC 7251, RFC 5288, RFC 9146) |
//! | `replay` | the window of record numbers (RFC 6347, section 4.1.2.6) |
//! | `alert` | what alerts say |
//!
//! Left out on purpose: DTLS 1.0 and 1.3, suites with CBC or without forward secrecy for certificates, curves but
//! secp256r1, compression, renegotiation, resumption by session id or ticket, ClientHellos in fragments (a cookie could
//! not be checked without remembering something), heartbeats. What is left out cannot be turned on by a client.
//!
//! Cryptography is that of crates; this room only says what is computed over which bytes. The one thing that it does not
//! draw from its seed are the nonces of signatures: the library draws those.
#![forbid(unsafe_code)]

mod alert;
mod association;
mod handshake;
mod hello;
mod identity;
mod key_exchange;
mod outgoing;
mod prf;
mod protection;
mod replay;
mod trust;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zeroize::Zeroize;

pub(super) use self::association::Association;
pub(super) use self::handshake::{Beginning, Handshake};
use self::hello::Policy;
use self::identity::ServerIdentity;
use self::protection::Aead;
use self::trust::Trust;
use super::error::EngineError;
use super::key_types::KeyPolicy;
use super::record::ConnectionId;
use super::{CipherSuite, Configuration};

/// What all handshakes and associations of one listener share.
pub(super) struct Engine {
    policy: Policy,
    identity: Option<ServerIdentity>,
    trust: Trust,
    /// The first byte of connection ids; none: none are given.
    shard: Option<u8>,
    mtu: u16,
    initial_timeout: Duration,
    random: StdRng,
    /// What was decrypted last, for every record in turn; wiped after use.
    plaintext: Vec<u8>,
}

impl Engine {
    /// Everything that is drawn comes from `seed`.
    pub(super) fn new(configuration: &Configuration, seed: [u8; 32]) -> Result<Engine, EngineError> {
        let raw_public_keys = configuration.raw_public_keys;
        let identity = configuration
            .identity
            .as_ref()
            .map(|identity| ServerIdentity::load(identity, raw_public_keys))
            .transpose()?;
        let is_served = |suite: &CipherSuite| Aead::of(*suite).is_some() && (suite.takes_psk() || identity.is_some());
        let suites: Vec<CipherSuite> = configuration.suites.iter().copied().filter(is_served).collect();
        if suites.is_empty() {
            return Err(EngineError::NoSuite);
        }
        Ok(Engine {
            policy: Policy {
                suites,
                keys: KeyPolicy {
                    has_certificate: identity.as_ref().is_some_and(|identity| !identity.chain().is_empty()),
                    raw_public_keys,
                },
                requires_extended_master_secret: configuration.require_extended_master_secret,
            },
            identity,
            trust: Trust::new(&configuration.trust_anchors)?,
            shard: configuration.connection_ids,
            mtu: configuration.mtu,
            initial_timeout: configuration.initial_timeout,
            random: StdRng::from_seed(seed),
            plaintext: Vec::new(),
        })
    }

    fn draw<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// A connection id that tells which shard gave it, and nothing else.
    fn draw_connection_id(&mut self) -> Option<ConnectionId> {
        let mut id: ConnectionId = self.draw();
        id[0] = self.shard?;
        Some(id)
    }

    /// Goes on with another state of the generator, from which nothing leads back: whoever reads the memory later learns no
    /// key of an exchange that is over. The old state is wiped.
    fn forget_what_was_drawn(&mut self) {
        self.random = StdRng::from_seed(self.draw());
    }

    fn wipe_plaintext(&mut self) {
        self.plaintext.zeroize();
    }
}
