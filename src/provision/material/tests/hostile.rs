//! Wrong, foreign, broken and secret texts.

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::super::{Certificate, MaterialError, PrivateKey, PublicKey, ServerCertificate};
use super::der;
use super::vectors::*;

fn private_error(text: &str) -> MaterialError {
    PrivateKey::parse(text).expect_err(text)
}

#[test]
fn texts_of_no_form_say_what_is_wanted() {
    for (text, error) in [
        ("", MaterialError::NoForm),
        ("MIGHAgEA", MaterialError::NoForm),
        ("text:abc", MaterialError::NoForm),
        ("hex:", MaterialError::NotPrivateKey),
        ("hex:303", MaterialError::NotHex),
        ("base64:M$", MaterialError::NotBase64),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n", MaterialError::PemCutOff),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END CERTIFICATE-----\n", MaterialError::PemCutOff),
        ("-----BEGIN PRIVATE KEY", MaterialError::PemCutOff),
        ("-----BEGIN PRIVATE KEY-----\n$\n-----END PRIVATE KEY-----\n", MaterialError::PemNotBase64),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", MaterialError::NotPrivateKey),
    ] {
        assert_eq!(private_error(text), error, "{text}");
    }
}

#[test]
fn encrypted_keys_are_refused_with_the_remedy() {
    let as_der = format!("hex:{}", HEXLOWER.encode(&der(P256_ENCRYPTED_PKCS8)));
    for text in [P256_ENCRYPTED_PKCS8, P256_ENCRYPTED_SEC1, &as_der] {
        let error = private_error(text);
        assert_eq!(error, MaterialError::Encrypted);
        assert!(error.to_string().contains("openssl pkcs8 -topk8 -nocrypt"));
    }
}

#[test]
fn material_in_the_wrong_field_is_named() {
    let found = |error: MaterialError| match error {
        MaterialError::WrongContent { found, .. } => found,
        other => panic!("{other}"),
    };
    assert_eq!(found(private_error(P256_CERTIFICATE)), "a certificate");
    assert_eq!(found(private_error(P256_PUBLIC_KEY)), "a public key");
    assert_eq!(found(PublicKey::parse(P256_CERTIFICATE).unwrap_err()), "a certificate");
    assert_eq!(found(Certificate::parse(P256_PUBLIC_KEY).unwrap_err()), "a public key");
    // A certificate's text is shown, so a key beside it must not come in with it.
    let both = format!("{P256_CERTIFICATE}{P256_PKCS8}");
    assert_eq!(found(Certificate::parse(&both).unwrap_err()), "a private key");
    assert_eq!(found(ServerCertificate::parse(&both).unwrap_err()), "a private key");
    assert_eq!(private_error(&format!("{P256_SEC1}{P256_PKCS8}")), MaterialError::SeveralKeys);
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    assert_eq!(found(private_error(parameters)), "the parameters of a curve");
}

#[test]
fn keys_that_contradict_themselves_are_refused() {
    assert_eq!(private_error(P256_SEC1_WITHOUT_CURVE), MaterialError::NoCurve);

    let hex = |der: &[u8]| format!("hex:{}", HEXLOWER.encode(der));
    let mut foreign = der(P256_SEC1);
    foreign[7] ^= 1;
    assert_eq!(private_error(&hex(&foreign)), MaterialError::ForeignPublicKey);

    let mut off_curve = der(P256_PUBLIC_KEY);
    *off_curve.last_mut().unwrap() ^= 1;
    assert_eq!(PublicKey::parse(&hex(&off_curve)), Err(MaterialError::NoPoint));

    let mut certificate = der(P256_CERTIFICATE);
    let key = der(P256_PUBLIC_KEY);
    let at = certificate.windows(key.len()).position(|window| window == key).unwrap();
    certificate[at + key.len() - 1] ^= 1;
    assert_eq!(Certificate::parse(&hex(&certificate)), Err(MaterialError::NoPoint));

    // The SEC1 key says P-256, the algorithm around it P-384: 30 len, version, algorithm, octets.
    let sec1 = der(P256_SEC1);
    let mut two = vec![0x30, 0x81, 0x90, 2, 1, 0];
    two.extend([0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22]);
    two.extend([4, sec1.len() as u8]);
    two.extend(&sec1);
    two[2] = (two.len() - 3) as u8;
    assert_eq!(private_error(&hex(&two)), MaterialError::TwoCurves);

    // X25519 (RFC 8410), which signs nothing.
    let mut x25519 = der(ED25519_VERSION_1);
    x25519[11] = 0x6e;
    assert_eq!(private_error(&hex(&x25519)), MaterialError::UnknownAlgorithm);
}

#[test]
fn nothing_shows_a_private_key() {
    for text in [P256_SEC1, P256_PKCS8, RSA_PKCS1, ED25519_PKCS8] {
        let key = PrivateKey::parse(text).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(..)");
        assert_eq!(format!("{key:#?}"), "PrivateKey(..)");
    }
    assert_eq!(format!("{:?}", PublicKey::parse(P256_PUBLIC_KEY).unwrap()), "PublicKey(EC P-256)");
}

#[test]
fn what_is_cut_off_or_longer_never_passes_and_never_panics() {
    for text in [P256_SEC1, P256_PKCS8, P384_SEC1, RSA_PKCS1, ED25519_PKCS8, P256_CERTIFICATE, P256_PUBLIC_KEY] {
        let der = der(text);
        for length in 0..der.len() {
            let cut = format!("hex:{}", HEXLOWER.encode(&der[..length]));
            assert!(PrivateKey::parse(&cut).is_err(), "{length}");
            assert!(PublicKey::parse(&cut).is_err(), "{length}");
            assert!(Certificate::parse(&cut).is_err(), "{length}");
        }
        let longer = format!("hex:{}00", HEXLOWER.encode(&der));
        assert!(PrivateKey::parse(&longer).is_err());
        assert!(PublicKey::parse(&longer).is_err());
        assert!(Certificate::parse(&longer).is_err());
        for length in 0..text.trim_end().len() {
            assert!(PrivateKey::parse(&text[..length]).is_err(), "{length}");
            assert!(ServerCertificate::parse(&text[..length]).is_err(), "{length}");
        }
    }
}

fn parse_all(text: &str) {
    let _ = PrivateKey::parse(text);
    let _ = PublicKey::parse(text);
    let _ = Certificate::parse(text);
    let _ = ServerCertificate::parse(text);
}

proptest! {
    #[test]
    fn random_bytes_and_texts_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
        parse_all(&format!("hex:{}", HEXLOWER.encode(&bytes)));
        parse_all(&text);
        parse_all(&format!("-----BEGIN {text}-----END {text}-----"));
    }

    #[test]
    fn one_changed_byte_never_panics(vector in 0..5_usize, position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let text = [P256_SEC1, P256_PKCS8, ED25519_VERSION_2, P256_CERTIFICATE, P256_PUBLIC_KEY][vector];
        let mut bytes = der(text);
        let position = position.index(bytes.len());
        bytes[position] = byte;
        parse_all(&format!("hex:{}", HEXLOWER.encode(&bytes)));
    }
}
