//! What the server proves itself with: its certificates, or its raw public key, and the private key (RFC 5246, sections
//! 7.4.2 and 7.4.3; RFC 7250; spec sheet `transport.md`, sections 4.1 and 4.5).
//!
//! Knows nothing of clients. Its one use of randomness is not given from outside: aws-lc-rs draws the nonces of its
//! signatures itself.

#[cfg(all(test, feature = "openssl"))]
mod tests;

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use der::{Decode, Encode};
use p256::SecretKey;
use pkcs8::PrivateKeyInfoRef;
use sec1::EcPrivateKey;
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::trust::{Certificate, EC_PUBLIC_KEY, P256};
use crate::dtls::certificate::Identity;
use crate::dtls::error::EngineError;

/// What the server proves itself with, ready for use.
pub(super) struct ServerIdentity {
    chain: Vec<Vec<u8>>,
    public_key: Vec<u8>,
    key: EcdsaKeyPair,
}

impl ServerIdentity {
    /// Reads a chain and its key, PKCS #8 or SEC 1. Without certificates they serve only where raw public keys may be
    /// used.
    ///
    /// # Errors
    ///
    /// [`EngineError::PrivateKey`], [`EngineError::Curve`], [`EngineError::Certificate`], [`EngineError::NoPair`] or
    /// [`EngineError::NoCertificate`].
    pub(super) fn load(identity: &Identity, raw_public_keys: bool) -> Result<ServerIdentity, EngineError> {
        let key = read_key(identity.private_key.expose())?;
        let public_key = spki_of(key.public_key().as_ref()).ok_or(EngineError::PrivateKey)?;
        let mut chain = Vec::new();
        for (index, der) in identity.chain.iter().enumerate() {
            let certificate = Certificate::read(der.clone()).ok_or(EngineError::Certificate { number: index + 1 })?;
            if index == 0 && !is_same_key(&certificate.key, key.public_key().as_ref()) {
                return Err(EngineError::NoPair);
            }
            // RFC 5246, section 7.4.2: a client that can use the root has it.
            if index == 0 || !certificate.is_self_issued() {
                chain.push(der.clone());
            }
        }
        if chain.is_empty() && !raw_public_keys {
            return Err(EngineError::NoCertificate);
        }
        Ok(ServerIdentity { chain, public_key, key })
    }

    /// The certificates to send, each in DER, leaf first and without roots. Empty: there is only the raw public key.
    pub(super) fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// DER SubjectPublicKeyInfo.
    pub(super) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Signs `message` by ECDSA with SHA-256, in DER. `None`: aws-lc-rs is out of memory or randomness.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.key.sign(&SystemRandom::new(), message).ok().map(|signature| signature.as_ref().to_vec())
    }
}

/// Reads a private key on P-256.
fn read_key(der: &[u8]) -> Result<EcdsaKeyPair, EngineError> {
    let info = PrivateKeyInfoRef::from_der(der).ok();
    let outer = match &info {
        Some(info) if info.algorithm.oid == EC_PUBLIC_KEY => {
            Some(info.algorithm.parameters_oid().map_err(|_| EngineError::PrivateKey)?)
        }
        Some(_) => return Err(EngineError::PrivateKey),
        None => None,
    };
    let sec1 = info.as_ref().map_or(der, |info| info.private_key.as_bytes());
    let sec1 = EcPrivateKey::from_der(sec1).map_err(|_| EngineError::PrivateKey)?;
    // The curve stands around the key (PKCS #8), in it (RFC 5915), or both.
    let inner = sec1.parameters.and_then(|parameters| parameters.named_curve());
    for curve in [outer, inner].into_iter().flatten() {
        if curve != P256 {
            return Err(EngineError::Curve);
        }
    }
    if outer.or(inner).is_none() {
        return Err(EngineError::PrivateKey);
    }
    let scalar = SecretKey::from_slice(sec1.private_key).map_err(|_| EngineError::PrivateKey)?;
    let bytes = zeroize::Zeroizing::new(scalar.to_bytes());
    let own = agreement::PrivateKey::from_private_key(&ECDH_P256, &bytes)
        .and_then(|key| Ok(key.compute_public_key()?))
        .map_err(|_| EngineError::PrivateKey)?;
    if sec1.public_key.is_some_and(|carried| !is_same_point(carried, own.as_ref())) {
        return Err(EngineError::PrivateKey);
    }
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, &bytes, own.as_ref())
        .map_err(|_| EngineError::PrivateKey)
}

fn spki_of(point: &[u8]) -> Option<Vec<u8>> {
    let curve: &ObjectIdentifier = &P256;
    let algorithm = AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some(curve.into()) };
    let subject_public_key = der::asn1::BitStringRef::from_bytes(point).ok()?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok()
}

/// Whether a SubjectPublicKeyInfo is of the key with this uncompressed point, however it writes the point.
fn is_same_key(spki: &[u8], point: &[u8]) -> bool {
    let Ok(info) = SubjectPublicKeyInfoRef::from_der(spki) else { return false };
    let Some(carried) = info.subject_public_key.as_bytes() else { return false };
    info.algorithm.oid == EC_PUBLIC_KEY && info.algorithm.parameters_oid() == Ok(P256) && is_same_point(carried, point)
}

/// Whether `written`, compressed or not, is this uncompressed point.
fn is_same_point(written: &[u8], point: &[u8]) -> bool {
    p256::PublicKey::from_sec1_bytes(written).is_ok_and(|key| *key.to_sec1_bytes() == *point)
}
