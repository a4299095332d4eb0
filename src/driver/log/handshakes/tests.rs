//! The sentences, word by word where an operator looks for them.

use super::*;
use crate::dtls::Identity;
use crate::secret::Secret;

fn engines() -> Vec<EngineKind> {
    vec![
        EngineKind::Native,
        #[cfg(feature = "openssl")]
        EngineKind::OpenSsl,
    ]
}

fn place(engine: EngineKind, has_identity: bool) -> Place {
    let identity = has_identity.then(|| Identity { chain: Vec::new(), private_key: Secret::from(&[1][..]) });
    let configuration =
        Configuration { engine, identity, max_handshakes: 7, max_associations: 9, ..Configuration::default() };
    Place::of(([192, 0, 2, 1], 5684).into(), &configuration)
}

fn sentence(place: &Place, reason: CloseReason) -> String {
    why(place, None, reason).expect("there is something to say")
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
    let claim = Claim { route, by: Claimed::PskIdentity(b"meter-1".to_vec()), key: None };
    assert_eq!(who(Some(&claim), route), "PSK identity `meter-1` from 192.0.2.9:40000");
    // Its second line would only repeat the first.
    assert_eq!(why(&place(EngineKind::Native, false), Some(&claim), CloseReason::HandshakeAbandoned), None);
}

#[test]
fn an_alert_of_the_clients_is_named_with_its_number_and_what_it_may_mean() {
    for (number, has_identity, said) in [
        (
            48,
            true,
            "alert unknown_ca (48) came in its name: the client does not trust the certificate of this listener",
        ),
        (42, true, "bad_certificate (42) came in its name: the client does not accept the certificate"),
        (45, true, "certificate_expired (45) came in its name: to the client the certificate of this listener"),
        (51, true, "decrypt_error (51) came in its name: to the client a signature of this listener is wrong"),
        (51, false, "decrypt_error (51) came in its name: the client and this server use different keys"),
        (40, false, "handshake_failure (40) came in its name: the client takes nothing"),
        (0, false, "close_notify (0) came in its name: the client gave up"),
        (99, true, "alert number 99 came in its name"),
    ] {
        let sentence =
            sentence(&place(EngineKind::Native, has_identity), CloseReason::ClientAlert(AlertDescription(number)));
        // A listener for pre-shared keys alone has no certificate to look at.
        assert_says(&sentence, &[said], if has_identity { &[] } else { &["certificate"] });
    }
}

#[test]
fn no_sentence_sends_an_operator_to_the_engine_that_the_listener_has() {
    let faults =
        [CertificateFault::NoCertificate, CertificateFault::UnsupportedKey].map(CloseReason::CertificateRefused);
    let others = [
        CloseReason::NoCommonSuite,
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

#[test]
fn curves_and_suites_are_those_of_the_engine() {
    let unsupported = CloseReason::CertificateRefused(CertificateFault::UnsupportedKey);
    let native = place(EngineKind::Native, true);
    assert_says(&sentence(&native, unsupported), &["with `engine = \"openssl\"` also P-384"], &[]);
    assert_says(&sentence(&native, CloseReason::NoCommonSuite), &["CBC", "`engine = \"openssl\"`"], &["`certificate`"]);
    #[cfg(feature = "openssl")]
    {
        let openssl = place(EngineKind::OpenSsl, true);
        assert_says(&sentence(&openssl, unsupported), &["(P-256 or P-384)"], &["engine ="]);
        assert_says(&sentence(&openssl, CloseReason::NoCommonSuite), &["no cipher suite"], &["CBC", "`certificate`"]);
    }
    for engine in engines() {
        let sentence = sentence(&place(engine, false), CloseReason::NoCommonSuite);
        assert_says(&sentence, &["certificates take `certificate` and `key` there"], &[]);
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
