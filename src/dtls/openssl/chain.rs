//! Whether what a client offers may be believed: on record, or a chain of certificates that leads to a trust anchor
//! (RFC 5280, section 6; spec sheet `transport.md`, sections 4.4 and 4.5).
//!
//! Uses OpenSSL's validation and no TLS. What is believed here is one public key: the engine then demands the proof for
//! this very key. Reads no clock: the time of validation is part of the question.

use std::ffi::c_int;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, PKeyRef, Public};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509KeyUsage, X509PurposeId, X509StoreContext};
use openssl_sys as ffi;

use crate::dtls::certificate::{self, CertificateFault, Offered, Verdict};
use crate::dtls::error::EngineError;
use crate::peer::{CertificateTrust, Peer};

/// Keys and digests of 112 bits of security and more: RSA from 2048 bits, curves from 224, no SHA-1 (OpenSSL's
/// `X509_VERIFY_PARAM_set_auth_level`).
const AUTH_LEVEL: c_int = 2;

/// Whom to believe.
pub(super) struct Trust {
    anchors: Vec<X509>,
}

/// What may be believed, once the client proves that it holds `key`.
pub(in crate::dtls) struct Believed {
    pub(super) peer: Peer,
    /// SubjectPublicKeyInfo as OpenSSL writes it.
    pub(super) key: Vec<u8>,
}

impl Trust {
    /// Trusts `anchors`, each a certificate in DER.
    pub(super) fn new(anchors: &[Vec<u8>]) -> Result<Trust, EngineError> {
        let read = |(index, anchor): (usize, &Vec<u8>)| {
            read_certificate(anchor).ok_or(EngineError::TrustAnchor { number: index + 1 })
        };
        Ok(Trust { anchors: anchors.iter().enumerate().map(read).collect::<Result<_, _>>()? })
    }

    /// Answers what a client offers, by what is on record about it.
    pub(super) fn judge(&self, offered: Offered, verdict: Verdict) -> Result<Believed, CertificateFault> {
        match (offered, verdict) {
            (Offered::Certificate(chain), Verdict::Pinned) => {
                let leaf =
                    chain.first().and_then(|leaf| X509::from_der(leaf).ok()).ok_or(CertificateFault::Malformed)?;
                let key = key_of(&leaf)?;
                Ok(Believed { peer: Peer::Certificate { chain, trust: CertificateTrust::Pinned }, key })
            }
            (Offered::Certificate(chain), Verdict::Unpinned { at }) => {
                let key = self.verify(&chain, at)?;
                Ok(Believed { peer: Peer::Certificate { chain, trust: CertificateTrust::Anchored }, key })
            }
            (Offered::RawPublicKey(spki), Verdict::Known) => {
                let key = PKey::public_key_from_der(&spki).map_err(|_| CertificateFault::Malformed)?;
                let key = key.public_key_to_der().map_err(|_| CertificateFault::Malformed)?;
                Ok(Believed { peer: Peer::RawPublicKey(spki), key })
            }
            (Offered::RawPublicKey(_), _) => Err(CertificateFault::UnknownRawPublicKey),
            (Offered::Certificate(_), Verdict::Known | Verdict::Unknown) => Err(CertificateFault::UnknownIssuer),
        }
    }

    /// Validates a chain at a time and returns the leaf's key.
    fn verify(&self, chain: &[Vec<u8>], at: SystemTime) -> Result<Vec<u8>, CertificateFault> {
        let certificates: Vec<X509> = chain
            .iter()
            .map(|certificate| read_certificate(certificate))
            .collect::<Option<_>>()
            .ok_or(CertificateFault::Malformed)?;
        let (leaf, issuers) = certificates.split_first().ok_or(CertificateFault::NoCertificate)?;
        let key = leaf.public_key().map_err(|_| CertificateFault::Malformed)?;
        if !is_on_a_served_curve(&key) {
            return Err(CertificateFault::UnsupportedKey);
        }
        self.verify_path(leaf, issuers, at).map_err(|_engine_is_out_of_order| CertificateFault::Unacceptable)??;
        if !may_sign(leaf) {
            return Err(CertificateFault::WrongKeyUsage);
        }
        key_of(leaf)
    }

    fn verify_path(
        &self,
        leaf: &X509,
        issuers: &[X509],
        at: SystemTime,
    ) -> Result<Result<(), CertificateFault>, ErrorStack> {
        let store = self.store(at)?;
        let mut untrusted = Stack::new()?;
        for issuer in issuers {
            untrusted.push(issuer.clone())?;
        }
        let mut context = X509StoreContext::new()?;
        context.init(&store, leaf, &untrusted, |context| {
            if context.verify_cert()? {
                return Ok(Ok(()));
            }
            Ok(Err(fault_of(context.error().as_raw(), context.error_depth(), leaf)))
        })
    }

    fn store(&self, at: SystemTime) -> Result<X509Store, ErrorStack> {
        let mut parameters = X509VerifyParam::new()?;
        // The type of the C library, which is narrower on some machines.
        parameters.set_time(seconds_since_epoch(at) as _);
        parameters.set_purpose(X509PurposeId::SSL_CLIENT)?;
        parameters.set_auth_level(AUTH_LEVEL);
        // What the operator trusts is an anchor, whether it is a root or not.
        parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::TRUSTED_FIRST)?;
        let mut builder = X509StoreBuilder::new()?;
        builder.set_param(&parameters)?;
        for anchor in &self.anchors {
            builder.add_cert(anchor.clone())?;
        }
        Ok(builder.build())
    }
}

/// Reads a certificate that is DER to the last byte.
pub(super) fn read_certificate(der: &[u8]) -> Option<X509> {
    let certificate = X509::from_der(der).ok()?;
    (certificate.to_der().ok()? == der).then_some(certificate)
}

/// P-256, which LwM2M demands, and P-384; what the engine offers as groups goes for the keys of clients as well (RFC
/// 8422, section 5.1.1).
pub(super) fn is_on_a_served_curve<T: openssl::pkey::HasPublic>(key: &PKeyRef<T>) -> bool {
    let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
    matches!(curve, Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1))
}

/// RFC 5246, section 7.4.6: the key must be allowed to sign, where the certificate says anything about its use.
fn may_sign(leaf: &X509) -> bool {
    leaf.key_usage().is_none_or(|usage| usage.contains(X509KeyUsage::DIGITAL_SIGNATURE))
}

fn key_of(leaf: &X509) -> Result<Vec<u8>, CertificateFault> {
    let key: Result<PKey<Public>, ErrorStack> = leaf.public_key();
    key.and_then(|key| key.public_key_to_der()).map_err(|_| CertificateFault::Malformed)
}

fn seconds_since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    }
}

/// What OpenSSL's error, found `depth` certificates above the leaf, means.
fn fault_of(error: c_int, depth: u32, leaf: &X509) -> CertificateFault {
    let is_leaf = depth == 0;
    match error {
        ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
        | ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        | ffi::X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
        | ffi::X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN => CertificateFault::UnknownIssuer,
        ffi::X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT => CertificateFault::SelfSigned,
        ffi::X509_V_ERR_CERT_SIGNATURE_FAILURE
        | ffi::X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE
        | ffi::X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY => CertificateFault::BadSignature,
        ffi::X509_V_ERR_CERT_HAS_EXPIRED if is_leaf => CertificateFault::Expired,
        ffi::X509_V_ERR_CERT_HAS_EXPIRED => CertificateFault::IssuerExpired,
        ffi::X509_V_ERR_CERT_NOT_YET_VALID if is_leaf => CertificateFault::NotYetValid,
        ffi::X509_V_ERR_CERT_NOT_YET_VALID => CertificateFault::IssuerNotYetValid,
        ffi::X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD | ffi::X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD => {
            CertificateFault::Malformed
        }
        ffi::X509_V_ERR_CERT_CHAIN_TOO_LONG => CertificateFault::ChainTooLong,
        ffi::X509_V_ERR_PATH_LENGTH_EXCEEDED => CertificateFault::PathTooLong,
        ffi::X509_V_ERR_INVALID_PURPOSE if is_leaf && !may_sign(leaf) => CertificateFault::WrongKeyUsage,
        ffi::X509_V_ERR_INVALID_PURPOSE if is_leaf => CertificateFault::NotForClients,
        ffi::X509_V_ERR_INVALID_PURPOSE | ffi::X509_V_ERR_INVALID_CA | ffi::X509_V_ERR_KEYUSAGE_NO_CERTSIGN => {
            CertificateFault::IssuerNotAuthority
        }
        ffi::X509_V_ERR_EE_KEY_TOO_SMALL | ffi::X509_V_ERR_CA_KEY_TOO_SMALL | ffi::X509_V_ERR_CA_MD_TOO_WEAK => {
            CertificateFault::WeakKey
        }
        ffi::X509_V_ERR_PERMITTED_VIOLATION
        | ffi::X509_V_ERR_EXCLUDED_VIOLATION
        | ffi::X509_V_ERR_SUBTREE_MINMAX
        | ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE
        | ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX
        | ffi::X509_V_ERR_UNSUPPORTED_NAME_SYNTAX => CertificateFault::NameNotPermitted,
        _ => CertificateFault::Unacceptable,
    }
}

/// The error of a verification for which OpenSSL sends the alert that a fault deserves.
pub(super) fn engine_error_of(fault: CertificateFault) -> c_int {
    match fault.alert() {
        certificate::CERTIFICATE_EXPIRED => ffi::X509_V_ERR_CERT_HAS_EXPIRED,
        certificate::UNKNOWN_CA => ffi::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        certificate::UNSUPPORTED_CERTIFICATE => ffi::X509_V_ERR_INVALID_PURPOSE,
        certificate::HANDSHAKE_FAILURE => ffi::X509_V_ERR_APPLICATION_VERIFICATION,
        _bad_certificate => ffi::X509_V_ERR_CERT_REJECTED,
    }
}

/// What OpenSSL says, for tests that compare.
#[cfg(test)]
pub(in crate::dtls) fn verdict_on(
    anchors: &[Vec<u8>],
    offered: Offered,
    verdict: Verdict,
) -> Option<Result<Peer, CertificateFault>> {
    let trust = Trust::new(anchors).ok()?;
    Some(trust.judge(offered, verdict).map(|believed| believed.peer))
}
