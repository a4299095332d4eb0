//! The sentences, word by word where an operator looks for them.

use std::time::Duration;

use super::*;
use crate::dtls::{AlertDescription, Identity, Missing, OtherSuites};
use crate::secret::Secret;

fn engines() -> Vec<EngineKind> {
    vec![
        EngineKind::Native,
        #[cfg(feature = "openssl")]
        EngineKind::OpenSsl,
    ]
}

/// A listener with a certificate, with raw public keys, with both, or for pre-shared keys alone.
fn place_with(engine: EngineKind, certificate: bool, raw_public_keys: bool) -> Place {
    let chain = if certificate { vec![vec![0x30]] } else { Vec::new() };
    let has_identity = certificate || raw_public_keys;
    let identity = has_identity.then(|| Identity { chain, private_key: Secret::from(&[1][..]) });
    let configuration = Configuration {
        engine,
        identity,
        raw_public_keys,
        max_handshakes: 7,
        max_associations: 9,
        ..Configuration::default()
    };
    Place::of(([192, 0, 2, 1], 5684).into(), &configuration)
}

fn place(engine: EngineKind, has_identity: bool) -> Place {
    place_with(engine, has_identity, false)
}

fn sentence(place: &Place, reason: CloseReason) -> String {
    assert!(is_told(None, reason));
    why(place, None, reason)
}

fn claim(by: Claimed, is_on_record: bool) -> Claim {
    Claim { route: Route::to(([192, 0, 2, 9], 40_000).into()), by, at: Instant::now(), is_on_record, key: None }
}

/// Whether a sentence says all of `said` and nothing of `unsaid`.
#[track_caller]
fn assert_says(sentence: &str, said: &[&str], unsaid: &[&str]) {
    for part in said {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    for part in unsaid {
        assert!(!sentence.contains(part), "{part}: {sentence}");
    }
}

#[test]
fn a_listener_is_called_by_its_address_and_engine() {
    assert_eq!(place(EngineKind::Native, true).to_string(), "192.0.2.1:5684 (native)");
    #[cfg(feature = "openssl")]
    assert_eq!(place(EngineKind::OpenSsl, true).to_string(), "192.0.2.1:5684 (openssl)");
}

#[test]
fn who_claims_something_is_called_by_that() {
    let route = Route::to(([192, 0, 2, 9], 40_000).into());
    assert_eq!(who(None, route), "a client from 192.0.2.9:40000");
    let claim = claim(Claimed::PskIdentity(b"meter-1".to_vec()), false);
    assert_eq!(who(Some(&claim), route), "PSK identity `meter-1` from 192.0.2.9:40000");
}

#[test]
fn a_second_line_that_would_only_repeat_the_first_is_none() {
    let psk = |is_on_record| claim(Claimed::PskIdentity(b"meter-1".to_vec()), is_on_record);
    for (claim, reason, told) in [
        (Some(psk(false)), CloseReason::HandshakeAbandoned, false),
        (Some(psk(false)), CloseReason::KeyMismatch, false),
        (Some(psk(true)), CloseReason::KeyMismatch, true),
        (Some(claim(Claimed::RawPublicKey(vec![1]), false)), CloseReason::KeyMismatch, true),
        // That a listener is full has nothing to do with who is turned away.
        (Some(psk(false)), CloseReason::Evicted, true),
        (None, CloseReason::Evicted, true),
        (None, CloseReason::Idle, false),
    ] {
        assert_eq!(is_told(claim.as_ref(), reason), told, "{reason:?}");
    }
}

#[test]
fn a_handshake_that_ended_long_after_it_began_says_so() {
    let claim = claim(Claimed::PskIdentity(b"meter-1".to_vec()), true);
    let after = |seconds| since(claim.at + Duration::from_secs(seconds), Some(&claim));
    assert_eq!((after(0), after(60)), (String::new(), "; this handshake began about 60 s ago".to_owned()));
    assert_eq!(since(claim.at + Duration::from_secs(60), None), "");
}

#[test]
fn an_alert_of_the_clients_is_named_with_its_number_and_what_it_may_mean() {
    let psk = || Some(Claimed::PskIdentity(b"meter-1".to_vec()));
    let key = || Some(Claimed::RawPublicKey(vec![1]));
    let not_shown = "it was shown no certificate and no key in this handshake";
    for (number, has_identity, by, said, unsaid) in [
        (48, true, key(), "(48): it does not trust the certificate of this listener: compare", "if it was"),
        (
            48,
            true,
            None,
            "unknown_ca (48): it does not trust the certificate of this listener, if it was shown one",
            "",
        ),
        (48, true, psk(), not_shown, "trust"),
        (48, false, None, not_shown, "trust"),
        (42, true, None, "bad_certificate (42): it does not accept the certificate", ""),
        (49, true, key(), "access_denied (49): it does not accept the certificate", "if it was"),
        (49, true, psk(), not_shown, "accept"),
        (
            45,
            true,
            None,
            "certificate_expired (45): to it the certificate of this listener, if it was shown one, or",
            "",
        ),
        (51, true, key(), "decrypt_error (51): to it a signature of this listener is wrong", "different keys"),
        (51, true, psk(), "decrypt_error (51): it and this server use different keys", "certificate"),
        (51, false, None, "decrypt_error (51): it and this server use different keys", "certificate"),
        (40, true, psk(), "handshake_failure (40): it takes nothing", "certificate"),
        (0, false, None, "close_notify (0): it gave up", "certificate"),
        (99, true, None, "sent the alert number 99: the client's own log may tell why", ""),
    ] {
        let claim = by.map(|by| claim(by, true));
        let place = place(EngineKind::Native, has_identity);
        let sentence = why(&place, claim.as_ref(), CloseReason::ClientAlert(AlertDescription(number)));
        let beginning = "the client, or somebody in its name, sent the alert ";
        assert!(sentence.starts_with(beginning), "{sentence}");
        let unsaid = Some(unsaid).filter(|unsaid| !unsaid.is_empty());
        assert_says(&sentence, &[said], unsaid.as_slice());
    }
}

#[test]
fn a_listener_names_what_it_has_shown() {
    let distrusted = CloseReason::ClientAlert(AlertDescription(48));
    for (certificate, raw_public_keys, shown) in [
        (true, false, "the certificate of this listener"),
        (false, true, "the raw public key of this listener"),
        (true, true, "the certificate or raw public key of this listener"),
    ] {
        assert_says(
            &sentence(&place_with(EngineKind::Native, certificate, raw_public_keys), distrusted),
            &[shown],
            &[],
        );
    }
}

#[test]
fn who_has_another_type_of_keys_is_told_what_the_listener_lacks() {
    for (certificate, raw_public_keys, said, unsaid) in [
        (true, false, "write `raw_public_keys = true`", "name a `certificate`"),
        (false, true, "name a `certificate`", "write"),
        (true, true, "another type of keys", "`"),
    ] {
        let place = place_with(EngineKind::Native, certificate, raw_public_keys);
        assert_says(&sentence(&place, CloseReason::NoCommonKeyType), &[said], &[unsaid]);
    }
}

#[test]
fn no_sentence_sends_an_operator_to_the_engine_that_the_listener_has() {
    let faults =
        [CertificateFault::NoCertificate, CertificateFault::UnsupportedKey].map(CloseReason::CertificateRefused);
    let others = [
        lacking_suite(true, true),
        CloseReason::NoCommonSuite(Missing::Curve),
        CloseReason::NoCommonKeyType,
        CloseReason::NoCommonVersion,
        CloseReason::NoExtendedMasterSecret,
        CloseReason::HandshakeFailed,
        CloseReason::HandshakeAbandoned,
        CloseReason::KeyMismatch,
        CloseReason::Evicted,
    ];
    for engine in engines() {
        let place = place(engine, true);
        for reason in faults.into_iter().chain(others) {
            assert_says(&sentence(&place, reason), &[], &[&format!("engine = \"{engine}\"")]);
        }
        assert_says(&why_evicted(&place), &[], &[&format!("engine = \"{engine}\"")]);
    }
}

fn lacking_suite(with_cbc: bool, with_identity: bool) -> CloseReason {
    CloseReason::NoCommonSuite(Missing::Suite(OtherSuites { first: [0xc0, 0x23], with_cbc, with_identity }))
}

#[test]
fn curves_are_those_of_the_engine() {
    let unsupported = CloseReason::CertificateRefused(CertificateFault::UnsupportedKey);
    let native = place(EngineKind::Native, true);
    assert_says(&sentence(&native, unsupported), &["with `engine = \"openssl\"` also P-384"], &[]);
    #[cfg(feature = "openssl")]
    assert_says(&sentence(&place(EngineKind::OpenSsl, true), unsupported), &["(P-256 or P-384)"], &["engine ="]);
}

#[test]
fn who_offers_nothing_that_is_served_is_told_what_would_serve_it() {
    let (openssl, identity, document) =
        ("`engine = \"openssl\"`", "`certificate` and `key`", "TLS_PSK_WITH_AES_128_CCM_8");
    for engine in engines() {
        let is_native = engine == EngineKind::Native;
        for has_identity in [true, false] {
            let place = place(engine, has_identity);
            for (with_cbc, with_identity) in [(false, false), (true, false), (false, true), (true, true)] {
                let sentence = sentence(&place, lacking_suite(with_cbc, with_identity));
                assert_says(&sentence, &["the first that it offers is 0xc023"], &[]);
                let remedies = [openssl, identity, document].map(|remedy| sentence.contains(remedy));
                let (engine, key) = (is_native && with_cbc, !has_identity && with_identity);
                assert_eq!(remedies, [engine, key, !engine && !key], "{sentence}");
            }
        }
        for (missing, said) in [
            (Missing::Curve, "does not offer the curve secp256r1 (P-256)"),
            (Missing::SignatureAlgorithm, "does not offer signatures by ECDSA with SHA-256"),
            (Missing::Other, "no curve, form of points or signature algorithm for it"),
        ] {
            assert_says(&sentence(&place(engine, true), CloseReason::NoCommonSuite(missing)), &[said], &["openssl"]);
        }
    }
}

#[test]
fn who_makes_room_is_told_for_which_limit() {
    for engine in engines() {
        let place = place(engine, true);
        let handshake = sentence(&place, CloseReason::Evicted);
        assert_says(&handshake, &["made room for a newer one", "7 handshakes under way, which is its limit"], &[]);
        assert_says(&why_evicted(&place), &["made room for a newer one", "9 associations, which is its limit"], &[]);
    }
    #[cfg(feature = "openssl")]
    assert_says(&why_evicted(&place(EngineKind::OpenSsl, true)), &["with `engine = \"native\"` it takes more"], &[]);
}
