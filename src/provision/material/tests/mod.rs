//! Reading and converting: every form an operator may have, what refuses them, and that nothing panics or shows a key.

mod check;
mod client_identity;
mod hostile;
pub(in crate::provision) mod vectors;

use data_encoding::{BASE64, HEXLOWER};

use super::{Certificate, KeyKind, MaterialError, PrivateKey, PublicKey, ServerCertificate, digest};
use vectors::*;

/// The DER behind a `base64:` vector, or in the last block of a PEM one.
fn der(text: &str) -> Vec<u8> {
    let body = match text.strip_prefix("base64:") {
        Some(digits) => digits,
        None => text.rsplit("-----").nth(2).unwrap(),
    };
    BASE64.decode(body.replace('\n', "").as_bytes()).unwrap()
}

#[test]
fn every_form_of_a_private_key_becomes_what_openssl_makes_of_it() {
    for (name, given, expected, kind) in [
        ("P-256 PKCS#8", P256_PKCS8, P256_PKCS8_DER, KeyKind::P256),
        ("P-256 SEC1", P256_SEC1, P256_PKCS8_DER, KeyKind::P256),
        ("P-256 SEC1, no public key", P256_SEC1_WITHOUT_PUBLIC_KEY, P256_PKCS8_DER, KeyKind::P256),
        ("P-256 PKCS#8, no public key", P256_PKCS8_DER_WITHOUT_PUBLIC_KEY, P256_PKCS8_DER, KeyKind::P256),
        ("P-384 SEC1", P384_SEC1, P384_PKCS8_DER, KeyKind::P384),
        ("RSA PKCS#1", RSA_PKCS1, RSA_PKCS8_DER, KeyKind::Rsa { bits: 2048 }),
        ("RSA PKCS#8", RSA_PKCS8_DER, RSA_PKCS8_DER, KeyKind::Rsa { bits: 2048 }),
        ("Ed25519", ED25519_VERSION_1, ED25519_VERSION_1, KeyKind::Ed25519),
        ("Ed25519 version 2", ED25519_VERSION_2, ED25519_VERSION_1, KeyKind::Ed25519),
    ] {
        let key = PrivateKey::parse(given).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(key.pkcs8().expose(), der(expected), "{name}");
        assert_eq!(key.kind(), Some(kind), "{name}");
        assert_eq!(key.expose_text(), given);
        for again in [format!("hex:{}", HEXLOWER.encode(&der(given))), format!("base64:{}", BASE64.encode(&der(given)))]
        {
            assert_eq!(PrivateKey::parse(&again).as_ref(), Ok(&key), "{name}");
        }
    }
    let p521 = PrivateKey::parse(P521_SEC1).unwrap();
    assert_eq!(p521.pkcs8().expose(), der(P521_PKCS8_DER));
    assert_eq!(p521.kind().unwrap().to_string(), "EC P-521");
}

#[test]
fn the_bytes_written_for_p256_have_the_prefixes_and_lengths_of_the_specification() {
    let starts_with = |der: &[u8], prefix: &str| HEXLOWER.encode(der).starts_with(&prefix.replace(' ', ""));
    let key = PrivateKey::parse(P256_SEC1).unwrap();
    assert_eq!(key.pkcs8().len(), 138);
    assert!(starts_with(key.pkcs8().expose(), "30 81 87 02 01 00 30 13 06 07 2a 86 48 ce 3d 02 01"));
    let spki = "30 59 30 13 06 07 2a 86 48 ce 3d 02 01 06 08 2a 86 48 ce 3d 03 01 07 03 42 00 04";
    for der in [
        key.public_key_der().unwrap(),
        PublicKey::parse(P256_PUBLIC_KEY).unwrap().der(),
        Certificate::parse(P256_CERTIFICATE).unwrap().spki_der(),
    ] {
        assert_eq!(der.len(), 91);
        assert!(starts_with(der, spki));
        assert_eq!(der, self::der(P256_PUBLIC_KEY));
    }
}

#[test]
fn pem_may_be_indented_or_carry_parameters_and_other_text() {
    let expected = PrivateKey::parse(P256_PKCS8).unwrap();
    let indented = P256_PKCS8.replace('\n', "\r\n    ");
    let with_text = format!("Bag Attributes\n  friendlyName: x\n{P256_PKCS8}\nthat was it\n");
    for text in [indented, with_text] {
        assert_eq!(PrivateKey::parse(&text).as_ref(), Ok(&expected), "{text}");
    }
    let other = PrivateKey::parse(OTHER_P256_WITH_PARAMETERS).unwrap();
    assert_eq!(other.pkcs8().len(), 138);
    assert_ne!(other, expected);
}

#[test]
fn a_certificate_says_what_it_holds() {
    let certificate = Certificate::parse(P256_CERTIFICATE).unwrap();
    assert_eq!(certificate.text(), P256_CERTIFICATE);
    assert_eq!(certificate.der(), der(P256_CERTIFICATE));
    assert_eq!(certificate.subject_common_name(), Some("urn:dev:os:1"));
    assert_eq!((certificate.not_before(), certificate.not_after()), (1_767_225_600, 1_798_761_600));
    assert!(!certificate.is_certificate_authority());
    assert!(Certificate::parse(AUTHORITY).unwrap().is_certificate_authority());
    for (text, kind) in [
        (P256_CERTIFICATE, "EC P-256"),
        (P384_CERTIFICATE, "EC P-384"),
        (RSA_CERTIFICATE, "RSA 2048"),
        (ED25519_CERTIFICATE, "Ed25519"),
    ] {
        assert_eq!(Certificate::parse(text).unwrap().kind().to_string(), kind);
    }
}

#[test]
fn of_a_chain_the_first_is_the_certificate_and_the_rest_is_kept_in_order() {
    let text = format!("{P256_CERTIFICATE}{AUTHORITY}{RSA_CERTIFICATE}");
    let certificate = Certificate::parse(&text).unwrap();
    assert_eq!(certificate.der(), der(P256_CERTIFICATE));
    assert_eq!(certificate.chain(), [der(AUTHORITY), der(RSA_CERTIFICATE)]);
    assert_eq!(certificate.text(), text);
    assert_ne!(certificate, Certificate::parse(P256_CERTIFICATE).unwrap());
    let broken = format!("{P256_CERTIFICATE}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_eq!(Certificate::parse(&broken), Err(MaterialError::NotCertificate));
}

#[test]
fn a_server_certificate_is_a_certificate_or_a_digest_and_goes_out_as_the_matching_type_says() {
    let whole = ServerCertificate::parse(P256_CERTIFICATE).unwrap();
    let as_der = format!("base64:{}", BASE64.encode(&der(P256_CERTIFICATE)));
    assert_eq!(ServerCertificate::parse(&as_der).as_ref(), Ok(&whole));
    assert_eq!(whole.server_public_key(0), Some(der(P256_CERTIFICATE)));
    assert_eq!(whole.server_public_key(4), None);
    for (matching_type, text) in [(1, SHA256_OF_CERTIFICATE), (2, SHA384_OF_CERTIFICATE), (3, SHA512_OF_CERTIFICATE)] {
        let expected = HEXLOWER.decode(&text.as_bytes()[4..]).unwrap();
        assert_eq!(digest(matching_type, &der(P256_CERTIFICATE)).as_ref(), Some(&expected));
        assert_eq!(whole.server_public_key(matching_type).as_ref(), Some(&expected));
        let only = ServerCertificate::parse(text).unwrap();
        assert!(matches!(only, ServerCertificate::Digest(_)));
        for other in 0..=4 {
            assert_eq!(only.server_public_key(other).is_some(), other == matching_type, "{text} {other}");
        }
        assert_eq!(only.text(), text);
    }
    let cut_off = format!("hex:{}", HEXLOWER.encode(&der(P256_CERTIFICATE)[..100]));
    assert_eq!(ServerCertificate::parse(&cut_off), Err(MaterialError::NotCertificate));
    assert_eq!(ServerCertificate::parse("hex:00112233"), Err(MaterialError::NotCertificateNorDigest));
}

#[test]
fn material_is_serialised_as_the_operator_wrote_it_and_read_back_equal() {
    fn round_trip<T>(text: &str)
    where
        T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        let json = serde_json::to_string(text).unwrap();
        let value: T = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), json);
    }
    round_trip::<PrivateKey>(P256_SEC1);
    round_trip::<PublicKey>(P256_PUBLIC_KEY);
    round_trip::<Certificate>(P256_CERTIFICATE);
    round_trip::<ServerCertificate>(SHA256_OF_CERTIFICATE);
    let refused = serde_json::from_str::<Certificate>("\"hex:00\"").unwrap_err();
    assert!(refused.to_string().contains("X.509 certificate"), "{refused}");
}
