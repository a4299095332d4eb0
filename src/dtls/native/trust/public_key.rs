//! A client's public key: a point on P-256 (RFC 5480, section 2; RFC 8422, section 5.1.1; spec sheet `transport.md`,
//! section 4.1).
//!
//! Knows neither certificates nor who holds the key.

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::dtls::certificate::CertificateFault;

/// id-ecPublicKey (RFC 5480, section 2.1.1).
pub(in crate::dtls::native) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// secp256r1 (RFC 5480, section 2.1.1.1).
pub(in crate::dtls::native) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// An uncompressed point: 04, x, y (SEC 1, section 2.3.3).
const POINT_LENGTH: usize = 65;

/// A point that is on P-256.
pub(in crate::dtls::native) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    ///
    /// [`CertificateFault::Malformed`], also for a point that is not on the curve; [`CertificateFault::UnsupportedKey`]
    /// for any other algorithm, curve or form of the point, for we say in the ServerHello that we read none.
    pub(super) fn read(spki: &[u8]) -> Result<PublicKey, CertificateFault> {
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| CertificateFault::Malformed)?;
        let curve = info.algorithm.parameters_oid();
        if info.algorithm.oid != EC_PUBLIC_KEY || curve != Ok(P256) {
            return Err(CertificateFault::UnsupportedKey);
        }
        let point = info.subject_public_key.as_bytes().ok_or(CertificateFault::Malformed)?;
        match (point.first(), point.len()) {
            (Some(4), POINT_LENGTH) => {}
            (Some(2 | 3), 33) => return Err(CertificateFault::UnsupportedKey),
            _ => return Err(CertificateFault::Malformed),
        }
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).map_err(|_| CertificateFault::Malformed)?;
        Ok(PublicKey(key))
    }

    /// Reads the key of a certificate in DER and nothing else of it: for one that is believed because it is, byte for
    /// byte, on record, whatever it says and however it is written.
    ///
    /// # Errors
    ///
    /// As [`PublicKey::read`].
    pub(super) fn of_certificate(certificate: &[u8]) -> Result<PublicKey, CertificateFault> {
        let spki = subject_public_key_info(certificate).map_err(|_| CertificateFault::Malformed)?;
        PublicKey::read(spki)
    }

    /// Whether `signature`, ECDSA in DER, is this key's over a message with the SHA-256 `message_hash`.
    pub(in crate::dtls::native) fn verify(&self, message_hash: &[u8; 32], signature: &[u8]) -> bool {
        Digest::import_less_safe(message_hash, &SHA256)
            .is_ok_and(|digest| self.0.verify_digest_sig(&digest, signature).is_ok())
    }
}

/// The SubjectPublicKeyInfo within a certificate (RFC 5280, section 4.1).
fn subject_public_key_info(certificate: &[u8]) -> der::Result<&[u8]> {
    let to_be_signed = SliceReader::new(AnyRef::from_der(certificate)?.value())?.tlv_bytes()?;
    let mut fields = SliceReader::new(AnyRef::from_der(to_be_signed)?.value())?;
    // The version, which version 1 leaves out.
    if fields.peek_byte() == Some(0xa0) {
        fields.tlv_bytes()?;
    }
    for _serial_algorithm_issuer_validity_subject in 0..5 {
        fields.tlv_bytes()?;
    }
    fields.tlv_bytes()
}
