//! Fingerprints, and the one name that a certificate says.

use super::der;
use super::vectors::*;
use crate::provision::material::{CertificateName, MaterialError, PinnedCertificate, fingerprint, shown_common_name};

#[test]
fn a_certificate_and_each_form_of_its_fingerprint_are_the_same() {
    let whole = PinnedCertificate::parse(NAMED_CERTIFICATE).unwrap();
    assert_eq!(whole.fingerprint(), fingerprint(&der(NAMED_CERTIFICATE)));
    let plain = FINGERPRINT_OF_NAMED.replace(':', "").to_lowercase();
    for text in [format!("sha256:{FINGERPRINT_OF_NAMED}"), format!("sha256:{plain}"), format!(" sha256:{plain}\n")] {
        let pinned = PinnedCertificate::parse(&text).unwrap();
        assert_eq!(pinned.fingerprint(), whole.fingerprint(), "{text}");
        assert!(pinned.certificate().is_none());
    }
    for (text, error) in [
        (&plain[..], MaterialError::NoForm),
        (&format!("sha256:{}", &plain[2..]), MaterialError::NotFingerprint),
        (&format!("sha256:{plain}00"), MaterialError::NotFingerprint),
        ("sha256:xyz", MaterialError::NotFingerprint),
        ("sha256:", MaterialError::NotFingerprint),
    ] {
        assert_eq!(PinnedCertificate::parse(text).err(), Some(error), "{text}");
    }
    let misplaced = PinnedCertificate::parse(P256_PKCS8).err();
    assert!(matches!(misplaced, Some(MaterialError::WrongContent { .. })), "{misplaced:?}");
}

#[test]
fn a_certificate_says_one_name_of_each_kind_or_none() {
    use CertificateName::{Cn, SanDns, SanUri};
    for (certificate, rule, name) in [
        (NAMED_CERTIFICATE, Cn, Some("meter-1")),
        (NAMED_CERTIFICATE, SanDns, Some("meter-1.example.com")),
        (NAMED_CERTIFICATE, SanUri, Some("urn:imei:490154203237518")),
        (P256_CERTIFICATE, Cn, Some("urn:dev:os:1")),
        (P256_CERTIFICATE, SanUri, None),
        (TWICE_NAMED_CERTIFICATE, Cn, None),
        (TWICE_NAMED_CERTIFICATE, SanDns, None),
        (TWICE_NAMED_CERTIFICATE, SanUri, None),
        (NAMELESS_CERTIFICATE, Cn, None),
    ] {
        assert_eq!(rule.of(&der(certificate)).as_deref(), name, "{rule:?}");
    }
    let whole = der(NAMED_CERTIFICATE);
    for length in 0..whole.len() {
        assert_eq!(Cn.of(&whole[..length]), None, "cut off after {length} bytes");
    }
    assert_eq!(shown_common_name(&whole).as_deref(), Some("meter-1"));
}
