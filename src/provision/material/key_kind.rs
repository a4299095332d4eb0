//! `KeyKind`: what sort of key it is, as operators and checks name it.

use std::fmt;

use spki::ObjectIdentifier;

pub(super) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
pub(super) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
pub(super) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Curves that are known by name only: nothing is computed on them.
const OTHER_CURVES: [(ObjectIdentifier, &str); 7] = [
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "P-521"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.33"), "P-224"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.1"), "P-192"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "secp256k1"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"), "brainpoolP256r1"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11"), "brainpoolP384r1"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.13"), "brainpoolP512r1"),
];

/// Algorithm and size of a key; displayed as `EC P-256`, `RSA 2048`, `Ed25519`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// NIST P-256 (secp256r1), the curve that every client with certificates or raw public keys has.
    P256,
    /// NIST P-384 (secp384r1).
    P384,
    /// Another named curve.
    OtherCurve {
        /// The name's object identifier.
        curve: ObjectIdentifier,
        /// Bits of a coordinate, rounded up to whole bytes.
        bits: usize,
    },
    /// RSA.
    Rsa {
        /// Bits of the modulus.
        bits: usize,
    },
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// Anything else, by the algorithm's object identifier. Never of a private key.
    Other(ObjectIdentifier),
}

impl KeyKind {
    pub(super) fn of_curve(curve: ObjectIdentifier, bits: usize) -> KeyKind {
        match curve {
            P256 => KeyKind::P256,
            P384 => KeyKind::P384,
            curve => KeyKind::OtherCurve { curve, bits },
        }
    }

    /// Bits of the curve, where it is one.
    pub fn curve_bits(self) -> Option<usize> {
        match self {
            KeyKind::P256 => Some(256),
            KeyKind::P384 => Some(384),
            KeyKind::OtherCurve { bits, .. } => Some(bits),
            KeyKind::Ed25519 => Some(255),
            KeyKind::Rsa { .. } | KeyKind::Other(_) => None,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyKind::P256 => formatter.write_str("EC P-256"),
            KeyKind::P384 => formatter.write_str("EC P-384"),
            KeyKind::OtherCurve { curve, .. } => match OTHER_CURVES.iter().find(|(known, _)| known == curve) {
                Some((_, name)) => write!(formatter, "EC {name}"),
                None => write!(formatter, "EC {curve}"),
            },
            KeyKind::Rsa { bits } => write!(formatter, "RSA {bits}"),
            KeyKind::Ed25519 => formatter.write_str("Ed25519"),
            KeyKind::Other(algorithm) => write!(formatter, "algorithm {algorithm}"),
        }
    }
}
