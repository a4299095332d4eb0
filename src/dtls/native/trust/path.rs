//! From a client's certificate to a trust anchor: which certificates are the path, and whether it keeps the rules
//! (RFC 5280, section 6.1; RFC 5246, section 7.4.6).
//!
//! The rules are those that OpenSSL checks, in its order, so that either engine says the same of the same chain. No
//! signature is checked here, and no alternative name compared: that is webpki's part, after these.

use super::certificate::{Certificate, KeyKind};
use super::names;
use crate::dtls::certificate::CertificateFault;

/// Certificates from the leaf upwards, each likely issued by the next. The last is a trust anchor, or the first one is.
pub(super) type Path<'a> = Vec<&'a Certificate>;

/// The paths that lead to an anchor, best first, at least one: more than one only where anchors share a name and a key
/// identifier, or have none. `at` is in seconds since 1970.
///
/// # Errors
///
/// [`CertificateFault::SelfSigned`] or [`CertificateFault::UnknownIssuer`].
pub(super) fn find<'a>(
    leaf: &'a Certificate,
    issuers: &'a [Certificate],
    anchors: &'a [Certificate],
    at: i64,
) -> Result<Vec<Path<'a>>, CertificateFault> {
    let mut path = vec![leaf];
    let mut left: Vec<&Certificate> = issuers.iter().collect();
    let mut last = leaf;
    loop {
        if last.is_self_signed() {
            // Only the very certificate will do: anybody can make another one of that name.
            if anchors.iter().any(|anchor| anchor.der == last.der) {
                return Ok(vec![path]);
            }
            break;
        }
        let above = likely_issuers(anchors.iter(), last, at);
        if !above.is_empty() {
            return Ok(above.into_iter().map(|anchor| [&path[..], &[anchor]].concat()).collect());
        }
        let Some(&issuer) = likely_issuers(left.iter().copied(), last, at).first() else { break };
        left.retain(|other| other.der != issuer.der);
        path.push(issuer);
        last = issuer;
    }
    match path.len() {
        _ if anchors.iter().any(|anchor| anchor.der == leaf.der) => Ok(vec![path]),
        1 if leaf.is_self_signed() => Err(CertificateFault::SelfSigned),
        _ => Err(CertificateFault::UnknownIssuer),
    }
}

/// Those that may have issued `certificate`: valid ones first, then those that were valid last.
fn likely_issuers<'a>(
    candidates: impl Iterator<Item = &'a Certificate>,
    certificate: &Certificate,
    at: i64,
) -> Vec<&'a Certificate> {
    let mut likely: Vec<_> = candidates.filter(|candidate| candidate.is_likely_issuer_of(certificate)).collect();
    likely.sort_by_key(|candidate| (validity(candidate, at) != Validity::Valid, -candidate.not_after));
    likely
}

/// Checks everything but signatures and alternative names.
///
/// # Errors
///
/// The rule that is broken.
pub(super) fn check(path: &[&Certificate], at: i64) -> Result<(), CertificateFault> {
    check_extensions(path)?;
    check_strength(path)?;
    check_dates(path, at)
}

/// What webpki leaves out and OpenSSL checks last.
///
/// # Errors
///
/// [`CertificateFault::NameNotPermitted`] or [`CertificateFault::WrongKeyUsage`].
pub(super) fn check_at_last(path: &[&Certificate]) -> Result<(), CertificateFault> {
    if !names::are_permitted(path) {
        return Err(CertificateFault::NameNotPermitted);
    }
    let may_sign = path[0].extensions.as_ref().is_some_and(|extensions| extensions.allow_signing());
    if may_sign { Ok(()) } else { Err(CertificateFault::WrongKeyUsage) }
}

fn check_extensions(path: &[&Certificate]) -> Result<(), CertificateFault> {
    let mut authorities = 0;
    for (depth, certificate) in path.iter().enumerate() {
        let extensions = certificate.extensions.as_ref().ok_or(CertificateFault::Malformed)?;
        if extensions.is_unacceptable {
            return Err(CertificateFault::Unacceptable);
        }
        if depth == 0 {
            if !extensions.allow_handshakes() {
                return Err(CertificateFault::WrongKeyUsage);
            }
            if !extensions.allow_clients() || !extensions.allow_netscape_clients() {
                let may_sign = extensions.allow_signing();
                return Err(if may_sign { CertificateFault::NotForClients } else { CertificateFault::WrongKeyUsage });
            }
            continue;
        }
        if !is_authority(certificate, depth + 1 == path.len()) {
            return Err(CertificateFault::IssuerNotAuthority);
        }
        if certificate.key_kind == KeyKind::NamelessCurve {
            return Err(CertificateFault::Unacceptable);
        }
        if !extensions.allow_clients() {
            return Err(CertificateFault::IssuerNotAuthority);
        }
        let path_length = extensions.basic_constraints.as_ref().and_then(|it| it.path_len_constraint);
        if path_length.is_some_and(|most| authorities > usize::from(most)) {
            return Err(CertificateFault::PathTooLong);
        }
        // Self-issued ones, too, for webpki counts them in any case.
        authorities += 1;
    }
    Ok(())
}

/// Whether a certificate may issue others. An anchor is forgiven for saying nothing: there are roots from before
/// basicConstraints.
fn is_authority(certificate: &Certificate, is_last: bool) -> bool {
    let Some(extensions) = &certificate.extensions else { return false };
    let is_old_root = certificate.is_version_1 && certificate.is_self_signed();
    extensions.allow_certifying()
        && match &extensions.basic_constraints {
            Some(constraints) => constraints.ca,
            None => is_last && (is_old_root || extensions.key_usage.is_some()),
        }
}

fn check_strength(path: &[&Certificate]) -> Result<(), CertificateFault> {
    let last = path.len() - 1;
    for (depth, certificate) in path.iter().enumerate() {
        // Nobody has to believe the signature on an anchor.
        if (depth > 0 && certificate.has_weak_key()) || (depth < last && certificate.has_weak_signature()) {
            return Err(CertificateFault::WeakKey);
        }
    }
    Ok(())
}

/// From above, as OpenSSL does.
fn check_dates(path: &[&Certificate], at: i64) -> Result<(), CertificateFault> {
    for (depth, certificate) in path.iter().enumerate().rev() {
        match (validity(certificate, at), depth) {
            (Validity::Valid, _) => {}
            (Validity::NotYet, 0) => return Err(CertificateFault::NotYetValid),
            (Validity::NotYet, _) => return Err(CertificateFault::IssuerNotYetValid),
            (Validity::Over, 0) => return Err(CertificateFault::Expired),
            (Validity::Over, _) => return Err(CertificateFault::IssuerExpired),
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Validity {
    NotYet,
    Valid,
    Over,
}

/// OpenSSL takes the last second for over already, where RFC 5280, section 4.1.2.5, has it within: so do we.
fn validity(certificate: &Certificate, at: i64) -> Validity {
    if at < certificate.not_before {
        Validity::NotYet
    } else if at >= certificate.not_after {
        Validity::Over
    } else {
        Validity::Valid
    }
}
