//! `SubjectPublicKey`: a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), read far enough to be compared with another.
//!
//! What certificates, public keys and the public halves of private keys have in common.

use der::{Decode, Encode};
use pkcs1::RsaPublicKeyRef;
use spki::{AlgorithmIdentifierOwned, ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::key_kind::{EC_PUBLIC_KEY, ED25519, P256, P384, RSA_ENCRYPTION};
use super::{KeyKind, MaterialError};

/// A public key of any algorithm; its EC point, if of P-256 or P-384, is known to be on the curve.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SubjectPublicKey {
    der: Vec<u8>,
    kind: KeyKind,
    /// The key in the one form in which equal keys are equal: EC points uncompressed.
    canonical: Vec<u8>,
}

impl SubjectPublicKey {
    /// Reads a DER SubjectPublicKeyInfo.
    pub(super) fn from_der(der: &[u8]) -> Result<SubjectPublicKey, MaterialError> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| MaterialError::NotPublicKey)?;
        let key = info.subject_public_key.as_bytes().ok_or(MaterialError::NotPublicKey)?;
        let (kind, canonical) = match info.algorithm.oid {
            EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters_oid().map_err(|_| MaterialError::NotPublicKey)?;
                let point = uncompressed(curve, key)?;
                (KeyKind::of_curve(curve, coordinate_bits(&point)), point)
            }
            RSA_ENCRYPTION => {
                let rsa = RsaPublicKeyRef::from_der(key).map_err(|_| MaterialError::NotPublicKey)?;
                (KeyKind::Rsa { bits: bit_length(rsa.modulus.as_bytes()) }, key.to_vec())
            }
            ED25519 if key.len() == 32 => (KeyKind::Ed25519, key.to_vec()),
            ED25519 => return Err(MaterialError::NotPublicKey),
            other => (KeyKind::Other(other), key.to_vec()),
        };
        Ok(SubjectPublicKey { der: der.to_vec(), kind, canonical })
    }

    /// Puts a key and its algorithm together, as computed from a private key.
    pub(super) fn new(algorithm: AlgorithmIdentifierOwned, key: &[u8]) -> Result<SubjectPublicKey, MaterialError> {
        let subject_public_key = der::asn1::BitString::from_bytes(key).map_err(|_| MaterialError::NotPublicKey)?;
        let info = spki::SubjectPublicKeyInfoOwned { algorithm, subject_public_key };
        SubjectPublicKey::from_der(&info.to_der().map_err(|_| MaterialError::NotPublicKey)?)
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Whether it is the same key, however its point or parameters are written.
    pub(super) fn is_same_key(&self, other: &SubjectPublicKey) -> bool {
        self.kind == other.kind && self.canonical == other.canonical
    }
}

/// The EC point uncompressed, and proven to be on its curve where the curve is P-256 or P-384; else as it is.
pub(super) fn uncompressed(curve: ObjectIdentifier, point: &[u8]) -> Result<Vec<u8>, MaterialError> {
    let point = match curve {
        P256 => p256::PublicKey::from_sec1_bytes(point).map(|key| key.to_sec1_bytes().into_vec()),
        P384 => p384::PublicKey::from_sec1_bytes(point).map(|key| key.to_sec1_bytes().into_vec()),
        _ => Ok(point.to_vec()),
    };
    point.map_err(|_| MaterialError::NoPoint)
}

/// Bits of a coordinate, in whole bytes: a point is `04 x y`, or `02`/`03` and x (SEC1 section 2.3.3).
pub(super) fn coordinate_bits(point: &[u8]) -> usize {
    let coordinates = if point.first() == Some(&4) { 2 } else { 1 };
    point.len().saturating_sub(1) / coordinates * 8
}

/// Length of a big-endian number without its leading zeros.
pub(super) fn bit_length(number: &[u8]) -> usize {
    match number.iter().position(|byte| *byte != 0) {
        Some(first) => (number.len() - first) * 8 - number[first].leading_zeros() as usize,
        None => 0,
    }
}
