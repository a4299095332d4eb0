//! `Peer`: who proved to be at the other end of an association.
//!
//! A leaf. The DTLS room makes it, the bootstrap session compares it with the endpoint name
//! (LwM2M Transport 1.2, section 5.2.6; spec sheet `bootstrap.md`, section 4).

/// The identity that the transport has proven.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Nothing was proven: CoAP without DTLS (NoSec).
    Unauthenticated,
    /// The client proved to hold the key of this PSK identity: raw bytes, compared exactly.
    PskIdentity(Vec<u8>),
    /// The client proved to hold the key of the first certificate.
    Certificate {
        /// As the client sent it, leaf first, each certificate in DER; never empty.
        chain: Vec<Vec<u8>>,
        /// Why it was believed. Only an anchored chain says who the client is; a pinned one says which key it has.
        trust: CertificateTrust,
    },
    /// A raw public key, DER SubjectPublicKeyInfo (RFC 7250).
    RawPublicKey(Vec<u8>),
}

/// Why a certificate was believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateTrust {
    /// Its chain leads to a configured trust anchor, and every check of it passed: its names may be believed.
    Anchored,
    /// It is, byte for byte, the one on record of a device; nothing else of it was checked, its names included.
    Pinned,
}

impl Peer {
    /// Whether the transport proved anything at all.
    pub fn is_authenticated(&self) -> bool {
        !matches!(self, Peer::Unauthenticated)
    }
}
