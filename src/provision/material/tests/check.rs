//! Findings about material that can be read; the time is invented.

use super::super::{
    Certificate, PrivateKey, PublicKey, ServerCertificate, check_certificate, check_certificate_usage, check_key_pair,
    check_matching_type, check_pair, check_public_key, check_server_certificate,
};
use super::vectors::*;
use crate::provision::problem::Problem;

const DAY: u64 = 24 * 60 * 60;
/// 2026-01-01 and 2027-01-01, between which `P256_CERTIFICATE` is valid.
const START: u64 = 1_767_225_600;
const END: u64 = 1_798_761_600;

/// Severity and words of each finding.
type Expected = &'static [(&'static str, &'static str)];

/// `error: ...` or `warning: ...`, and the field is the one that was given.
fn lines(problems: Vec<Problem>) -> Vec<String> {
    assert!(problems.iter().all(|problem| problem.field == "x"));
    problems.iter().map(|problem| format!("{}: {problem}", problem.severity)).collect()
}

/// Each finding starts with its severity and holds these words; there are no others.
fn assert_findings(problems: Vec<Problem>, expected: &[(&str, &str)]) {
    let lines = lines(problems);
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, (severity, words)) in lines.iter().zip(expected) {
        assert!(line.starts_with(severity) && line.contains(words), "{line:?} is not {severity} with {words:?}");
    }
}

#[test]
fn a_private_key_belongs_to_its_certificate_and_to_no_other() {
    let pairs = [
        (P256_SEC1, P256_CERTIFICATE),
        (P384_SEC1, P384_CERTIFICATE),
        (RSA_PKCS1, RSA_CERTIFICATE),
        (ED25519_PKCS8, ED25519_CERTIFICATE),
    ];
    for (i, (key, _)) in pairs.iter().enumerate() {
        for (j, (_, certificate)) in pairs.iter().enumerate() {
            let key = PrivateKey::parse(key).unwrap();
            let certificate = Certificate::parse(certificate).unwrap();
            let findings = lines(check_pair("x", &key, &certificate));
            assert_eq!(findings.is_empty(), i == j, "{findings:?}");
        }
    }
    let key = PrivateKey::parse(P256_SEC1).unwrap();
    let differing = check_pair("x", &key, &Certificate::parse(RSA_CERTIFICATE).unwrap());
    assert_eq!(
        lines(differing),
        ["error: the private key does not belong to the certificate: it is EC P-256, the certificate holds RSA 2048"]
    );
    let other = check_pair("x", &key, &Certificate::parse(AUTHORITY).unwrap());
    assert_findings(other, &[("error", "does not belong to the certificate: both are EC P-256, but of two different")]);
}

#[test]
fn a_private_key_belongs_to_its_public_key_and_to_no_other() {
    let public_key = PublicKey::parse(P256_PUBLIC_KEY).unwrap();
    assert_findings(check_key_pair("x", &PrivateKey::parse(P256_SEC1_WITHOUT_PUBLIC_KEY).unwrap(), &public_key), &[]);
    let other = PrivateKey::parse(OTHER_P256_WITH_PARAMETERS).unwrap();
    assert_findings(check_key_pair("x", &other, &public_key), &[("error", "does not belong to the public key")]);
    // The same point, compressed: another text for the same key.
    let point = &public_key.der()[27..];
    let sign = 2 + (point[63] & 1);
    let x = data_encoding::HEXLOWER.encode(&point[..32]);
    let prefix = "3039301306072a8648ce3d020106082a8648ce3d030107032200";
    let compressed = PublicKey::parse(&format!("hex:{prefix}{sign:02x}{x}")).unwrap();
    assert_ne!(compressed, public_key);
    assert_findings(check_key_pair("x", &PrivateKey::parse(P256_SEC1).unwrap(), &compressed), &[]);
}

#[test]
fn a_key_on_a_curve_that_is_not_computed_is_compared_by_the_public_key_it_carries() {
    let public_key = PublicKey::parse(P521_PUBLIC_KEY).unwrap();
    assert_findings(check_key_pair("x", &PrivateKey::parse(P521_SEC1).unwrap(), &public_key), &[]);
    let bare = PrivateKey::parse(P521_SEC1_WITHOUT_PUBLIC_KEY).unwrap();
    assert_eq!(bare.public_key_der(), None);
    assert_findings(check_key_pair("x", &bare, &public_key), &[("warning", "cannot be checked")]);
}

#[test]
fn a_certificate_is_watched_for_its_dates() {
    let certificate = Certificate::parse(P256_CERTIFICATE).unwrap();
    let cases: [(Option<u64>, Expected); 8] = [
        (None, &[]),
        (Some(START - 1), &[("warning", "not valid before 2026-01-01T00:00:00Z")]),
        (Some(START), &[]),
        (Some(END - 30 * DAY), &[]),
        (Some(END - 30 * DAY + 1), &[("warning", "expires at 2027-01-01T00:00:00Z")]),
        (Some(END), &[("warning", "expires at 2027-01-01T00:00:00Z")]),
        (Some(END + 1), &[("error", "expired at 2027-01-01T00:00:00Z")]),
        (Some(u64::MAX), &[("error", "expired at 2027-01-01T00:00:00Z")]),
    ];
    for (now, expected) in cases {
        assert_findings(check_certificate("x", &certificate, now), expected);
    }
}

#[test]
fn keys_that_clients_may_not_have_are_warned_about_and_short_curves_refused() {
    let sure = "EC P-256 is what clients are sure to take";
    for (text, kind) in
        [(P384_CERTIFICATE, "EC P-384"), (RSA_CERTIFICATE, "RSA 2048"), (ED25519_CERTIFICATE, "Ed25519")]
    {
        let expected = format!("the key is {kind}; {sure}");
        assert_findings(check_certificate("x", &Certificate::parse(text).unwrap(), None), &[("warning", &expected)]);
    }
    assert_findings(check_public_key("x", &PublicKey::parse(P256_PUBLIC_KEY).unwrap()), &[]);
    let short = PublicKey::parse(P192_PUBLIC_KEY).unwrap();
    assert_findings(check_public_key("x", &short), &[("error", "EC P-192, and curves below 255 bits")]);
}

#[test]
fn large_certificates_and_chains_are_warned_about() {
    let large = Certificate::parse(LARGE_CERTIFICATE).unwrap();
    assert!(large.der().len() > 1024);
    assert_findings(check_certificate("x", &large, None), &[("warning", "block-wise")]);
    let chain = Certificate::parse(&format!("{P256_CERTIFICATE}{AUTHORITY}")).unwrap();
    assert_findings(
        check_certificate("x", &chain, None),
        &[("warning", "only its first certificate is written, 1 more")],
    );
}

#[test]
fn usage_and_matching_type_fit_what_is_given() {
    let whole = ServerCertificate::parse(P256_CERTIFICATE).unwrap();
    let authority = ServerCertificate::parse(AUTHORITY).unwrap();
    let sha256 = ServerCertificate::parse(SHA256_OF_CERTIFICATE).unwrap();
    let sha512 = ServerCertificate::parse(SHA512_OF_CERTIFICATE).unwrap();
    let cases: [(u8, u8, &ServerCertificate, Expected); 11] = [
        (3, 0, &whole, &[]),
        (3, 1, &whole, &[]),
        (1, 0, &whole, &[]),
        (0, 0, &authority, &[]),
        (2, 0, &authority, &[]),
        (2, 1, &authority, &[("warning", "only as a whole certificate")]),
        (0, 0, &whole, &[("warning", "names an authority")]),
        (3, 1, &sha256, &[]),
        (3, 0, &sha256, &[("error", "32 bytes are a digest, but matching type 0 wants the certificate")]),
        (3, 1, &sha512, &[("error", "64 bytes, but one of matching type 1 has 32")]),
        (3, 9, &sha512, &[]),
    ];
    for (usage, matching_type, given, expected) in cases {
        assert_findings(check_server_certificate("x", usage, matching_type, given), expected);
    }
    for usage in 0..=3 {
        assert_findings(check_certificate_usage("x", usage), &[]);
    }
    assert_findings(check_certificate_usage("x", 4), &[("error", "3 (domain-issued")]);
    for matching_type in [0, 1, 3] {
        assert_findings(check_matching_type("x", matching_type), &[]);
    }
    assert_findings(check_matching_type("x", 2), &[("warning", "Anjay")]);
    assert_findings(check_matching_type("x", 4), &[("error", "3 (SHA-512)")]);
}
