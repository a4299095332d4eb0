//! What is wrong with material that can be read: rules E7 and E15 of objects.md section 10, and its warnings.
//!
//! Pure functions: the caller names the field, the time is an argument. Messages never hold key material.

use std::time::Duration;

use der::DateTime;

use super::subject_public_key::SubjectPublicKey;
use super::{Certificate, KeyKind, PrivateKey, PublicKey, ServerCertificate, digest_length};
use crate::provision::problem::Problem;

/// So many seconds before its end a certificate is warned about: 30 days.
const EXPIRY_NOTICE: u64 = 30 * 24 * 60 * 60;

/// A larger certificate takes a block-wise write (objects.md section 10, warnings), in bytes of DER.
const LARGE_CERTIFICATE: usize = 1024;

/// The shortest curve that clients may use (E7).
const SHORTEST_CURVE: usize = 255;

/// Whether the private key is the certificate's (E7).
pub fn check_pair(field: &'static str, private_key: &PrivateKey, certificate: &Certificate) -> Vec<Problem> {
    check_halves(field, private_key, certificate.subject_public_key(), "certificate")
}

/// Whether the private key is the public key's other half (E7).
pub fn check_key_pair(field: &'static str, private_key: &PrivateKey, public_key: &PublicKey) -> Vec<Problem> {
    check_halves(field, private_key, public_key.subject_public_key(), "public key")
}

fn check_halves(
    field: &'static str,
    private_key: &PrivateKey,
    public_key: &SubjectPublicKey,
    partner: &str,
) -> Vec<Problem> {
    let Some(own) = private_key.subject_public_key() else {
        let message = format!(
            "whether the private key belongs to the {partner} cannot be checked, because it carries no public key; \
             prefer EC P-256"
        );
        return vec![Problem::warning(field, message)];
    };
    if own.is_same_key(public_key) {
        return Vec::new();
    }
    let why = match (own.kind(), public_key.kind()) {
        (own, other) if own == other => format!("both are {own}, but of two different keys"),
        (own, other) => format!("it is {own}, the {partner} holds {other}"),
    };
    vec![Problem::error(field, format!("the private key does not belong to the {partner}: {why}"))]
}

/// Dates, size and key of a certificate (E7). `now` is in seconds since 1970; without it the dates are not looked at.
pub fn check_certificate(field: &'static str, certificate: &Certificate, now: Option<u64>) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(now.and_then(|now| check_validity(field, certificate, now)));
    let size = certificate.der().len();
    if size > LARGE_CERTIFICATE {
        let message = format!("the certificate has {size} bytes; above 1 KiB clients must support a block-wise write");
        problems.push(Problem::warning(field, message));
    }
    let more = certificate.chain().len();
    if more > 0 {
        let message = format!("the text is a chain; only its first certificate is written, {more} more are not");
        problems.push(Problem::warning(field, message));
    }
    problems.extend(check_key_kind(field, certificate.kind()));
    problems
}

/// The dates of a certificate at `now`, in seconds since 1970: expired, soon to expire, not valid yet.
pub fn check_validity(field: &'static str, certificate: &Certificate, now: u64) -> Option<Problem> {
    let (start, end) = (certificate.not_before(), certificate.not_after());
    if now > end {
        Some(Problem::error(field, format!("the certificate expired at {}; renew it", date(end))))
    } else if now < start {
        Some(Problem::warning(field, format!("the certificate is not valid before {}", date(start))))
    } else if end - now < EXPIRY_NOTICE {
        let message = format!("the certificate expires at {}, in less than 30 days", date(end));
        Some(Problem::warning(field, message))
    } else {
        None
    }
}

fn date(seconds: u64) -> String {
    match DateTime::from_unix_duration(Duration::from_secs(seconds)) {
        Ok(date) => date.to_string(),
        Err(_) => format!("{seconds} s after 1970"),
    }
}

/// Whether clients are sure to take the kind of a public key (E7).
pub fn check_public_key(field: &'static str, public_key: &PublicKey) -> Vec<Problem> {
    check_key_kind(field, public_key.kind()).into_iter().collect()
}

/// Whether the other side is sure to take a key of this kind (E7).
pub fn check_key_kind(field: &'static str, kind: KeyKind) -> Option<Problem> {
    match kind {
        KeyKind::P256 => None,
        kind if kind.curve_bits().is_some_and(|bits| bits < SHORTEST_CURVE) => {
            let message = format!("the key is {kind}, and curves below 255 bits are not allowed; take EC P-256");
            Some(Problem::error(field, message))
        }
        kind => Some(Problem::warning(field, format!("the key is {kind}; EC P-256 is what clients are sure to take"))),
    }
}

/// Whether the matching type (`/0/x/13`) exists and clients know it (E15).
pub fn check_matching_type(field: &'static str, matching_type: u8) -> Vec<Problem> {
    match matching_type {
        0 | 1 | 3 => Vec::new(),
        2 => {
            let message = "matching type 2 (SHA-384) is refused by clients built on Anjay; SHA-256 (1) is safer";
            vec![Problem::warning(field, message)]
        }
        _ => {
            let message = "the matching type is 0 (the certificate itself), 1 (SHA-256), 2 (SHA-384) or 3 (SHA-512)";
            vec![Problem::error(field, message)]
        }
    }
}

/// Whether the certificate usage (`/0/x/15`) exists (E15).
pub fn check_certificate_usage(field: &'static str, usage: u8) -> Vec<Problem> {
    if usage <= 3 {
        return Vec::new();
    }
    let message = "the certificate usage is 0 (CA constraint), 1 (service certificate constraint), 2 (trust anchor \
                   assertion) or 3 (domain-issued certificate)";
    vec![Problem::error(field, message)]
}

/// Whether what is given for `/0/x/4` fits the certificate usage and the matching type (E15, objects.md section 4).
///
/// What does not exist is left to [`check_certificate_usage`] and [`check_matching_type`], the certificate's own faults
/// to [`check_certificate`]. Where the account says nothing, the usage is 3 and the matching type 0.
pub fn check_server_certificate(
    field: &'static str,
    usage: u8,
    matching_type: u8,
    server_certificate: &ServerCertificate,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let ServerCertificate::Digest(digest) = server_certificate {
        problems.extend(check_digest_length(field, matching_type, digest.bytes().len()));
    }
    if usage == 2 && matches!(matching_type, 1..=3) {
        let message = "a trust anchor (certificate usage 2) is of use to a client only as a whole certificate, unless \
                       the server sends it in its chain; set the matching type to 0";
        problems.push(Problem::warning(field, message));
    }
    let certificate = server_certificate.certificate();
    if matches!(usage, 0 | 2) && certificate.is_some_and(|certificate| !certificate.is_certificate_authority()) {
        let message = format!("certificate usage {usage} names an authority, but this certificate says it is none");
        problems.push(Problem::warning(field, message));
    }
    problems
}

fn check_digest_length(field: &'static str, matching_type: u8, length: usize) -> Option<Problem> {
    match (matching_type, digest_length(matching_type)) {
        (0, _) => {
            let message = format!(
                "{length} bytes are a digest, but matching type 0 wants the certificate itself; give the certificate \
                 or set the matching type"
            );
            Some(Problem::error(field, message))
        }
        (_, Some(wanted)) if wanted != length => {
            let message =
                format!("the digest has {length} bytes, but one of matching type {matching_type} has {wanted}");
            Some(Problem::error(field, message))
        }
        _ => None,
    }
}
