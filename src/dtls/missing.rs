//! What a ClientHello lacks that would have had a handshake begin, for the operator.
//!
//! Asked after a client was turned away, and for no other purpose: it decides nothing. The same for either engine.

#[cfg(feature = "dtls")]
use super::client_hello::{ClientHello, SIGNATURE_ALGORITHMS, SUPPORTED_GROUPS};
#[cfg(feature = "dtls")]
use super::suites::CipherSuite;

/// secp256r1 in the registry of groups (RFC 8422, section 5.1.1).
#[cfg(feature = "dtls")]
pub(super) const SECP256R1: [u8; 2] = [0, 23];

/// ecdsa_secp256r1_sha256: SHA-256 and ECDSA (RFC 5246, section 7.4.1.4.1), what RFC 7925, section 4.4 demands.
#[cfg(feature = "dtls")]
pub(super) const ECDSA_SHA256: [u8; 2] = [4, 3];

/// What a client does not offer of what is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Any of the suites.
    Suite(OtherSuites),
    /// The curve secp256r1 (P-256) for a suite with a certificate or a raw public key.
    Curve,
    /// ECDSA with SHA-256 for such a suite.
    SignatureAlgorithm,
    /// Something else for such a suite.
    Other,
}

/// What a client offers in place of the suites that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OtherSuites {
    /// Number of the suite that it likes best, as the registry has it.
    pub first: [u8; 2],
    /// Whether one is among them that is served with OpenSSL, and with CBC.
    pub with_cbc: bool,
    /// Whether one is among them that is served where there is a certificate or a raw public key.
    pub with_identity: bool,
}

#[cfg(feature = "dtls")]
impl Missing {
    /// What a client lacks that found nothing for it among the suites that are `served`.
    pub(super) fn of(served: &[CipherSuite], hello: &ClientHello<'_>) -> Missing {
        if !served.iter().any(|suite| suite.is_among(hello.suites)) {
            let offers = |is_one: fn(CipherSuite) -> bool| {
                CipherSuite::ALL.into_iter().any(|suite| is_one(suite) && suite.is_among(hello.suites))
            };
            return Missing::Suite(OtherSuites {
                first: hello.suites.first_chunk().copied().unwrap_or_default(),
                with_cbc: offers(CipherSuite::has_cbc),
                with_identity: offers(|suite| !suite.takes_psk()),
            });
        }
        // Both lists have their length in front.
        let list = |number| hello.extensions.find(number).and_then(|content| content.get(2..));
        let has = |list: &[u8], number: [u8; 2]| list.chunks_exact(2).any(|there| there == number);
        if list(SUPPORTED_GROUPS).is_some_and(|groups| !has(groups, SECP256R1)) {
            Missing::Curve
        } else if !list(SIGNATURE_ALGORITHMS).is_some_and(|algorithms| has(algorithms, ECDSA_SHA256)) {
            Missing::SignatureAlgorithm
        } else {
            Missing::Other
        }
    }
}
