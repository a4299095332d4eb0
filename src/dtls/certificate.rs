//! What proves a client that has no pre-shared key: certificates (RFC 5246, section 7.4.6) and raw public keys
//! (RFC 7250), as they are offered, as they are answered, and what may be wrong with them.
//!
//! Spec sheet `transport.md`, sections 4.4 and 4.5. Reads the messages and knows neither keys nor engines: whether a
//! chain holds is for `chain` to say, and what is on record for whoever drives the server.

use std::time::SystemTime;

use crate::secret::Secret;

/// Longest Certificate message that is put together, in bytes of its body: with its header it fits one record.
pub const CERTIFICATE_MAX: usize = (1 << 14) - super::record::HANDSHAKE_HEADER_LENGTH;

/// Most certificates in one message. Each costs a signature to check; real chains have two or three.
pub const CHAIN_MAX: usize = 8;

/// What the server proves itself with to clients that do not use a pre-shared key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its certificate and those that lead to its root: leaf first, each in DER. A root at the end is not sent. Empty
    /// where only raw public keys are served: the public half of the key is then all that clients see.
    pub chain: Vec<Vec<u8>>,
    /// The key of the first certificate: DER, PKCS #8 or SEC 1, on P-256 or P-384.
    pub private_key: Secret,
}

/// What a client offers before it has proven anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// X.509: its certificates in DER, leaf first, 1 to [`CHAIN_MAX`] of them. Not looked into yet.
    Certificate(Vec<Vec<u8>>),
    /// A DER SubjectPublicKeyInfo (RFC 7250, section 3), not empty.
    RawPublicKey(Vec<u8>),
}

/// What is on record about that, for [`super::Server::handle_client_key`]. One that does not fit what was offered
/// refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The leaf is, byte for byte, the certificate on record of a device: nothing else of it is checked.
    Pinned,
    /// The leaf is on record of nobody: the chain has to lead to a trust anchor.
    Unpinned {
        /// The time for which its dates are checked.
        at: SystemTime,
    },
    /// The raw public key is, byte for byte, the one on record of a device.
    Known,
    /// The raw public key is on record of nobody: the handshake goes on to its failure.
    Unknown,
}

/// How the client proves itself, by what the ServerHello says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// X.509 certificates.
    Certificate,
    /// A raw public key.
    RawPublicKey,
}

impl Offered {
    /// Reads the body of a client's Certificate message.
    ///
    /// # Errors
    ///
    /// [`CertificateFault::NoCertificate`], [`CertificateFault::ChainTooLong`] or [`CertificateFault::Malformed`].
    pub fn parse(key_type: KeyType, body: &[u8]) -> Result<Offered, CertificateFault> {
        let (list, rest) = opaque24(body).ok_or(CertificateFault::Malformed)?;
        if !rest.is_empty() {
            return Err(CertificateFault::Malformed);
        }
        if list.is_empty() {
            return Err(CertificateFault::NoCertificate);
        }
        match key_type {
            KeyType::RawPublicKey => Ok(Offered::RawPublicKey(list.to_vec())),
            KeyType::Certificate => certificates(list).map(Offered::Certificate),
        }
    }
}

fn certificates(mut list: &[u8]) -> Result<Vec<Vec<u8>>, CertificateFault> {
    let mut chain = Vec::new();
    while !list.is_empty() {
        let (certificate, rest) = opaque24(list).ok_or(CertificateFault::Malformed)?;
        if certificate.is_empty() {
            return Err(CertificateFault::Malformed);
        }
        if chain.len() == CHAIN_MAX {
            return Err(CertificateFault::ChainTooLong);
        }
        chain.push(certificate.to_vec());
        list = rest;
    }
    Ok(chain)
}

/// Splits off an opaque with a length of three bytes.
fn opaque24(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([high, middle, low], after) = bytes.split_first_chunk::<3>()?;
    after.split_at_checked(usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low))
}

/// Why a client's certificate or raw public key was refused; as text a sentence for the operator. The first check that
/// fails is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CertificateFault {
    /// The Certificate message is empty. Alert: handshake_failure (RFC 5246, section 7.4.6).
    #[error("the client sent no certificate: it has none, or none for a key on a curve that this engine serves")]
    NoCertificate,
    /// What was sent is no certificate or key. Alert: bad_certificate or decode_error.
    #[error("what the client sent cannot be read as a certificate or key in DER")]
    Malformed,
    /// Too many certificates. Alert: unknown_ca.
    #[error("the client's chain has too many certificates: at most {CHAIN_MAX} are looked at")]
    ChainTooLong,
    /// The leaf is its own issuer. Alert: unknown_ca.
    #[error(
        "the client's certificate is self-signed and on record of no device: store it with the device, or make it a trust anchor"
    )]
    SelfSigned,
    /// No trust anchor at the end. Alert: unknown_ca.
    #[error(
        "the client's certificate leads to no trust anchor: add its issuer to the listener's trust anchors, or have the client send the certificates in between"
    )]
    UnknownIssuer,
    /// A signature in the chain is wrong. Alert: bad_certificate.
    #[error("a signature in the client's chain is wrong: one certificate was changed, or only bears its issuer's name")]
    BadSignature,
    /// The leaf. Alert: certificate_expired.
    #[error("the client's certificate has expired: renew it, or store it with the device, which leaves its dates out")]
    Expired,
    /// Another of the chain, the anchor included. Alert: certificate_expired.
    #[error("a certificate above the client's own has expired: renew the issuer or the trust anchor")]
    IssuerExpired,
    /// The leaf. Alert: bad_certificate.
    #[error("the client's certificate is not valid yet: compare its dates with this machine's clock")]
    NotYetValid,
    /// Another of the chain. Alert: bad_certificate.
    #[error("a certificate above the client's own is not valid yet: compare its dates with this machine's clock")]
    IssuerNotYetValid,
    /// Extended key usage without clientAuth (RFC 5280, section 4.2.1.12). Alert: unsupported_certificate.
    #[error("the client's certificate is not for clients: its extended key usage lacks clientAuth")]
    NotForClients,
    /// Key usage without digitalSignature (RFC 5246, section 7.4.6). Alert: unsupported_certificate.
    #[error("the client's certificate is not for signing: its key usage lacks digitalSignature")]
    WrongKeyUsage,
    /// Not on a curve that the engine serves. Alert: unsupported_certificate.
    #[error("the client's key cannot be used: it must be one on an elliptic curve that this engine serves")]
    UnsupportedKey,
    /// A key or digest of the chain is too weak. Alert: bad_certificate.
    #[error(
        "the client's chain is too weak: signed with SHA-1 or MD5, or by an RSA key below 2048 bits or a curve below 224"
    )]
    WeakKey,
    /// An issuer that may not issue. Alert: unknown_ca.
    #[error(
        "a certificate above the client's own is none of an authority: its basicConstraints, key usage or extended key usage does not allow it to issue for clients"
    )]
    IssuerNotAuthority,
    /// pathLenConstraint (RFC 5280, section 4.2.1.9). Alert: unknown_ca.
    #[error("the client's chain is longer than the path length that one of its authorities allows")]
    PathTooLong,
    /// Name constraints (RFC 5280, section 4.2.1.10). Alert: bad_certificate.
    #[error("the client's certificate has a name that one of its authorities may not give")]
    NameNotPermitted,
    /// Whatever else the engine holds against it. Alert: bad_certificate.
    #[error("the client's chain breaks a rule of RFC 5280, for instance by a critical extension that nobody knows")]
    Unacceptable,
    /// More than the native engine evaluates, which takes no risk there. Never of OpenSSL. Alert: unsupported_certificate.
    #[error(
        "the client's chain is beyond the native DTLS engine: X.509 before version 3, an authority's certificate as the client's own, more than six authorities in between, constraints on other names than domains and addresses, critical policies, or a signature on another curve than P-256, P-384 and P-521; store the certificate with the device, or use `engine = \"openssl\"`"
    )]
    NotEvaluated,
    /// The raw public key is on record of nobody. Alert: handshake_failure, so that a client which is merely not on
    /// record yet comes again (spec sheet `objects.md`, section 9).
    #[error("no device has this raw public key")]
    UnknownRawPublicKey,
}

/// Descriptions of alerts (RFC 5246, section 7.2).
#[cfg(feature = "dtls")]
pub(super) const HANDSHAKE_FAILURE: u8 = 40;
#[cfg(feature = "dtls")]
const BAD_CERTIFICATE: u8 = 42;
#[cfg(feature = "dtls")]
pub(super) const UNSUPPORTED_CERTIFICATE: u8 = 43;
#[cfg(feature = "dtls")]
pub(super) const CERTIFICATE_EXPIRED: u8 = 45;
#[cfg(feature = "dtls")]
pub(super) const UNKNOWN_CA: u8 = 48;

impl CertificateFault {
    /// The description of the fatal alert for a client whose certificate or key is refused (RFC 5246, section 7.2.2). A raw public key that nobody
    /// has, and no certificate at all, meet handshake_failure: with it a client that is merely not on record yet comes
    /// again (spec sheet `objects.md`, section 9).
    #[cfg(feature = "dtls")]
    pub(super) fn alert(self) -> u8 {
        match self {
            CertificateFault::Expired | CertificateFault::IssuerExpired => CERTIFICATE_EXPIRED,
            CertificateFault::SelfSigned
            | CertificateFault::UnknownIssuer
            | CertificateFault::IssuerNotAuthority
            | CertificateFault::PathTooLong
            | CertificateFault::ChainTooLong => UNKNOWN_CA,
            CertificateFault::NotForClients
            | CertificateFault::WrongKeyUsage
            | CertificateFault::UnsupportedKey
            | CertificateFault::NotEvaluated => UNSUPPORTED_CERTIFICATE,
            CertificateFault::NoCertificate | CertificateFault::UnknownRawPublicKey => HANDSHAKE_FAILURE,
            CertificateFault::Malformed
            | CertificateFault::BadSignature
            | CertificateFault::NotYetValid
            | CertificateFault::IssuerNotYetValid
            | CertificateFault::WeakKey
            | CertificateFault::NameNotPermitted
            | CertificateFault::Unacceptable => BAD_CERTIFICATE,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opaque(parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u32::try_from(content.len()).expect("short").to_be_bytes();
        [&length[1..], &content].concat()
    }

    #[test]
    fn a_chain_is_a_list_of_lists_and_a_raw_key_is_not() {
        let (leaf, issuer) = (vec![7; 300], vec![8; 2]);
        let body = opaque(&[&opaque(&[&leaf]), &opaque(&[&issuer])]);
        assert_eq!(Offered::parse(KeyType::Certificate, &body), Ok(Offered::Certificate(vec![leaf.clone(), issuer])));
        assert_eq!(Offered::parse(KeyType::RawPublicKey, &opaque(&[&leaf])), Ok(Offered::RawPublicKey(leaf)));
    }

    #[test]
    fn what_is_no_list_of_certificates_is_told_apart() {
        let one = opaque(&[&[7]]);
        for (body, fault) in [
            (vec![], CertificateFault::Malformed),
            (opaque(&[]), CertificateFault::NoCertificate),
            (opaque(&[&opaque(&[])]), CertificateFault::Malformed),
            (opaque(&[&[0, 0]]), CertificateFault::Malformed),
            (opaque(&[&[0, 0, 2, 7]]), CertificateFault::Malformed),
            ([opaque(&[&one]), vec![0]].concat(), CertificateFault::Malformed),
            (opaque(&[&one.repeat(CHAIN_MAX + 1)]), CertificateFault::ChainTooLong),
        ] {
            assert_eq!(Offered::parse(KeyType::Certificate, &body), Err(fault), "{body:02x?}");
        }
        assert!(Offered::parse(KeyType::Certificate, &opaque(&[&one.repeat(CHAIN_MAX)])).is_ok());
        assert_eq!(Offered::parse(KeyType::RawPublicKey, &opaque(&[])), Err(CertificateFault::NoCertificate));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(0u8..8, 0..60)) {
            let _ = Offered::parse(KeyType::Certificate, &body);
            let _ = Offered::parse(KeyType::RawPublicKey, &body);
        }
    }
}
