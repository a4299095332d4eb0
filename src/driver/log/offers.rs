//! What is said of a client that offers nothing which its listener serves, and what would serve it.
//!
//! Makes sentences and remembers nothing.

use super::handshakes::Place;
use crate::dtls::{EngineKind, Missing, OtherSuites};

/// There is no suite in common, or something is missing for one.
pub(super) fn no_common_suite(place: &Place, missing: Missing) -> String {
    let of_certificates = "for suites with certificates or raw public keys, and no other suite that is served";
    match missing {
        Missing::Suite(others) => no_suite(place, others),
        Missing::Curve => format!("the client does not offer the curve secp256r1 (P-256) {of_certificates}"),
        Missing::SignatureAlgorithm => {
            format!("the client does not offer signatures by ECDSA with SHA-256 {of_certificates}")
        }
        Missing::Other => {
            "the client offers a cipher suite that this listener serves, but no curve, form of points or \
                           signature algorithm for it"
                .to_owned()
        }
    }
}

fn no_suite(place: &Place, others: OtherSuites) -> String {
    let first = u16::from_be_bytes(others.first);
    let mut sentence = format!(
        "the client offers no cipher suite that this listener serves; the first that it offers is 0x{first:04x}"
    );
    let lacks_identity = others.with_identity && !place.has_identity();
    let lacks_openssl = others.with_cbc && place.engine == EngineKind::Native;
    if lacks_identity {
        sentence += "; what it offers for certificates takes `certificate` and `key` of the listener, and for raw public \
                     keys `raw_public_keys = true` and `key`";
    }
    if lacks_openssl {
        sentence += "; what it offers with CBC takes `engine = \"openssl\"`";
    }
    if !lacks_identity && !lacks_openssl {
        sentence += "; give the device one that it serves, for instance TLS_PSK_WITH_AES_128_CCM_8";
        sentence += if place.has_identity() { " or TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8" } else { "" };
    }
    sentence
}

/// The client and the listener prove themselves by different types of keys (RFC 7250, section 4.2). The listener knows which
/// it lacks.
pub(super) fn no_common_key_type(place: &Place) -> &'static str {
    match (place.has_certificate, place.raw_public_keys) {
        (true, true) => {
            "the client wants neither certificates nor raw public keys, but another type of keys, which this server does \
             not serve"
        }
        (_, false) => {
            "the client takes raw public keys only, its own or that of this listener, and this listener has certificates \
             alone: write `raw_public_keys = true`"
        }
        (false, true) => {
            "the client wants to see a certificate, and this listener has raw public keys alone: name a `certificate`"
        }
    }
}
