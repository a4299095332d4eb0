//! Whether what a client offers may be believed: on record, or a chain of certificates that leads to a trust anchor
//! (RFC 5280, section 6; RFC 7250; spec sheet `transport.md`, sections 4.4 and 4.5).
//!
//! A chain is believed only where webpki believes it, which checks the signatures; and only where it keeps the rules of
//! `path` as well, which are those that OpenSSL has beyond webpki's, so that both engines answer alike and in the same
//! words. What is believed is one key on P-256: the handshake then demands the proof for this very key. Reads no clock:
//! the time of validation is part of the question.
//!
//! A client cannot make this expensive: at most `CHAIN_MAX` certificates are read, one path is taken from them for each
//! anchor of that name, signatures are checked from the anchor downwards, and none is computed twice (`signatures`): neither
//! a right one on an authority, whoever shows it, nor a wrong one, however many ways the names of a chain lead to it.

mod certificate;
mod extensions;
mod names;
mod path;
mod public_key;
mod signatures;
#[cfg(all(test, feature = "openssl"))]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

pub(super) use self::certificate::Certificate;
pub(super) use self::public_key::{EC_PUBLIC_KEY, P256, PublicKey};
use self::signatures::{ChainSignatures, Signatures};
use crate::dtls::certificate::{CertificateFault, Offered, Verdict};
use crate::dtls::error::EngineError;
use crate::peer::{CertificateTrust, Peer};

/// Whom to believe.
pub(super) struct Trust {
    anchors: Vec<Certificate>,
    signatures: Signatures,
}

/// What may be believed, once the client proves that it holds `key`.
pub(super) struct Believed {
    pub(super) peer: Peer,
    pub(super) key: PublicKey,
}

impl Trust {
    /// Trusts `anchors`, each a certificate in DER.
    ///
    /// # Errors
    ///
    /// [`EngineError::TrustAnchor`].
    pub(super) fn new(anchors: &[Vec<u8>]) -> Result<Trust, EngineError> {
        let read = |(index, anchor): (usize, &Vec<u8>)| {
            let readable = webpki::anchor_from_trusted_cert(&CertificateDer::from(anchor.as_slice())).is_ok();
            let certificate = readable.then(|| Certificate::read(anchor.clone())).flatten();
            certificate.ok_or(EngineError::TrustAnchor { number: index + 1 })
        };
        let anchors = anchors.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Trust { anchors, signatures: Signatures::default() })
    }

    /// Answers what a client offers, by what is on record about it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub(super) fn judge(&self, offered: Offered, verdict: Verdict) -> Result<Believed, CertificateFault> {
        match (offered, verdict) {
            (Offered::Certificate(chain), Verdict::Pinned) => {
                let key = PublicKey::of_certificate(chain.first().ok_or(CertificateFault::NoCertificate)?)?;
                Ok(Believed { peer: Peer::Certificate { chain, trust: CertificateTrust::Pinned }, key })
            }
            (Offered::Certificate(chain), Verdict::Unpinned { at }) => {
                let key = self.verify(&chain, at)?;
                Ok(Believed { peer: Peer::Certificate { chain, trust: CertificateTrust::Anchored }, key })
            }
            (Offered::RawPublicKey(spki), Verdict::Known) => {
                let key = PublicKey::read(&spki)?;
                Ok(Believed { peer: Peer::RawPublicKey(spki), key })
            }
            (Offered::RawPublicKey(_), _) => Err(CertificateFault::UnknownRawPublicKey),
            (Offered::Certificate(_), Verdict::Known | Verdict::Unknown) => Err(CertificateFault::UnknownIssuer),
        }
    }

    /// Validates a chain at a time and returns the leaf's key.
    fn verify(&self, chain: &[Vec<u8>], at: SystemTime) -> Result<PublicKey, CertificateFault> {
        let read = |der: &Vec<u8>| Certificate::read(der.clone()).ok_or(CertificateFault::Malformed);
        let certificates = chain.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let (leaf, issuers) = certificates.split_first().ok_or(CertificateFault::NoCertificate)?;
        let key = PublicKey::read(&leaf.key)?;
        let at = seconds_since_epoch(at);
        let signatures = self.signatures.of_chain(&leaf.der);
        let mut first_fault = None;
        for path in path::find(leaf, issuers, &self.anchors, at)? {
            match verify_path(&path, at, &signatures) {
                Ok(()) => return Ok(key),
                Err(fault) => first_fault = first_fault.or(Some(fault)),
            }
        }
        Err(first_fault.unwrap_or(CertificateFault::UnknownIssuer))
    }
}

fn verify_path(path: &[&Certificate], at: i64, signatures: &ChainSignatures<'_>) -> Result<(), CertificateFault> {
    path::check(path, at)?;
    // A leaf that is an anchor and alone needs nobody's signature.
    if let [leaf, between @ .., anchor] = path {
        check_names_of_authorities(&path[1..])?;
        verify_signatures(leaf, between, anchor, at, signatures).map_err(|error| fault_of(&error, path))?;
    }
    path::check_at_last(path)
}

fn verify_signatures(
    leaf: &Certificate,
    between: &[&Certificate],
    anchor: &Certificate,
    at: i64,
    signatures: &ChainSignatures<'_>,
) -> Result<(), webpki::Error> {
    let algorithms: Vec<_> = webpki::ALL_VERIFICATION_ALGS.iter().map(|&it| signatures.remember(it)).collect();
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> = algorithms.iter().map(|it| it as _).collect();
    let (leaf, anchor) = (CertificateDer::from(&leaf.der[..]), CertificateDer::from(&anchor.der[..]));
    let between: Vec<_> = between.iter().map(|certificate| CertificateDer::from(&certificate.der[..])).collect();
    let anchors = [webpki::anchor_from_trusted_cert(&anchor)?];
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    let leaf = EndEntityCert::try_from(&leaf)?;
    leaf.verify_for_usage(&algorithms, &anchors, &between, time, KeyUsage::client_auth(), None, None)?;
    Ok(())
}

/// webpki looks for issuers by name alone and tries every one that fits, each at the price of a signature. An authority
/// that has changed its key has its name twice; more of one name are there to keep us busy.
fn check_names_of_authorities(authorities: &[&Certificate]) -> Result<(), CertificateFault> {
    let namesakes = |name: &Certificate| authorities.iter().filter(|other| other.subject == name.subject).count();
    if authorities.iter().any(|authority| namesakes(authority) > 2) {
        return Err(CertificateFault::NotEvaluated);
    }
    Ok(())
}

fn seconds_since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    }
}

/// What webpki's error means for a path that keeps our rules.
fn fault_of(error: &webpki::Error, path: &[&Certificate]) -> CertificateFault {
    use webpki::Error;
    match error {
        Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => CertificateFault::BadSignature,
        Error::NameConstraintViolation if names::have_unknown_constraints(path) => CertificateFault::NotEvaluated,
        Error::NameConstraintViolation
        | Error::MalformedNameConstraint
        | Error::MalformedDnsIdentifier
        | Error::InvalidNetworkMaskConstraint
        | Error::MaximumNameConstraintComparisonsExceeded => CertificateFault::NameNotPermitted,
        Error::PathLenConstraintViolated => CertificateFault::PathTooLong,
        Error::EndEntityUsedAsCa => CertificateFault::IssuerNotAuthority,
        // What is left was read and keeps the rules, and is beyond webpki.
        _ => CertificateFault::NotEvaluated,
    }
}
