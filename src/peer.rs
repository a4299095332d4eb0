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
    /// A verified chain, leaf first, each certificate in DER.
    CertificateChain(Vec<Vec<u8>>),
    /// A raw public key, DER SubjectPublicKeyInfo (RFC 7250).
    RawPublicKey(Vec<u8>),
}

impl Peer {
    /// Whether the transport proved anything at all.
    pub fn is_authenticated(&self) -> bool {
        !matches!(self, Peer::Unauthenticated)
    }
}
