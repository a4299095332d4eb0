//! What the check of a server account finds, one field at a time and all at once.

use super::check_server;
use crate::provision::{AccountType, KeyText, SecurityMode, ServerDefinition, Transport};

/// An account with which nothing is wrong.
fn sound() -> ServerDefinition {
    ServerDefinition {
        name: "fleet-eu".into(),
        ssid: Some(101),
        uri: Some("eu.lwm2m.example.com".into()),
        psk: KeyText::parse("text:0123456789abcdef").ok(),
        ..ServerDefinition::default()
    }
}

/// The fields of all problems, those of warnings with a `~` in front, and all messages.
fn found(server: &ServerDefinition) -> (Vec<String>, String) {
    let problems = check_server(server);
    let fields = problems.iter().map(|p| format!("{}{}", if p.is_error() { "" } else { "~" }, p.field)).collect();
    (fields, problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("\n"))
}

/// Asserts that exactly one problem is found, of `field`, and that its message holds `part`.
#[track_caller]
fn assert_one(server: &ServerDefinition, field: &str, part: &str) {
    let (fields, messages) = found(server);
    assert_eq!(fields, [field], "{messages}");
    assert!(messages.contains(part), "{messages}");
}

#[test]
fn a_sound_account_has_no_problem() {
    assert_eq!(found(&sound()).0, [""; 0]);
    let full = ServerDefinition {
        psk_identity: Some("i".repeat(128)),
        psk: KeyText::parse(&format!("text:{}", "k".repeat(64))).ok(),
        lifetime: Some(60),
        binding: Some("UQS".into()),
        default_minimum_period: Some(300),
        default_maximum_period: Some(300),
        disable_timeout: Some(0),
        store_notifications: Some(false),
        ssid: Some(65534),
        ..sound()
    };
    assert_eq!(found(&full).0, [""; 0]);
}

#[test]
fn the_short_server_id_is_1_to_65534_and_mandatory() {
    assert_one(&ServerDefinition { ssid: None, ..sound() }, "ssid", "missing");
    for ssid in [0, 65535, u32::MAX] {
        assert_one(&ServerDefinition { ssid: Some(ssid), ..sound() }, "ssid", "0 and 65535 are reserved");
    }
}

#[test]
fn the_uri_is_mandatory_and_fits_transport_and_security() {
    assert_one(&ServerDefinition { uri: None, ..sound() }, "uri", "missing");
    assert_one(&ServerDefinition { uri: Some("coap://host".into()), ..sound() }, "uri", "make it `coaps`");
    assert_one(&ServerDefinition { uri: Some("${host}".into()), ..sound() }, "uri", "expressions");
}

#[test]
fn bindings_are_those_of_1_0_or_distinct_letters_of_later_versions() {
    for legal in ["U", "UQ", "US", "UQS", "UT", "TU", "UTSNMH", "SU"] {
        assert_eq!(found(&ServerDefinition { binding: Some(legal.into()), ..sound() }).0, [""; 0], "{legal}");
    }
    for illegal in ["", "Q", "USQ", "QU", "UU", "UQT", "X", "u", "UTQ", "UQSQ"] {
        assert_one(&ServerDefinition { binding: Some(illegal.into()), ..sound() }, "binding", "no such binding");
    }
    for other in ["S", "SQ", "T"] {
        assert_one(&ServerDefinition { binding: Some(other.into()), ..sound() }, "~binding", "`U`");
    }
    let tcp = ServerDefinition { transport: Transport::Tcp, binding: Some("U".into()), ..sound() };
    assert_one(&tcp, "~binding", "`T`");
}

#[test]
fn lifetime_and_periods_make_sense() {
    assert_one(&ServerDefinition { lifetime: Some(0), ..sound() }, "lifetime", "at least 1");
    assert_one(&ServerDefinition { lifetime: Some(59), ..sound() }, "~lifetime", "59 s");
    let periods = |minimum, maximum| ServerDefinition {
        default_minimum_period: minimum,
        default_maximum_period: maximum,
        ..sound()
    };
    assert_one(&periods(None, Some(0)), "default_maximum_period", "at least 1");
    assert_one(&periods(Some(2), Some(1)), "default_minimum_period", "longer than");
    assert_eq!(found(&periods(Some(0), None)).0, [""; 0]);
}

#[test]
fn psk_needs_a_key_of_1_to_64_bytes_and_an_identity_of_1_to_128() {
    assert_one(&ServerDefinition { psk: None, ..sound() }, "psk", "the key is missing");
    let keyed = |key: &str| ServerDefinition { psk: KeyText::parse(key).ok(), ..sound() };
    assert_one(&keyed(&format!("text:{}", "k".repeat(65))), "psk", "65 bytes");
    assert_one(&keyed("text:k"), "~psk", "only 1 bytes");
    let identity = |identity: &str| ServerDefinition { psk_identity: Some(identity.into()), ..sound() };
    assert_one(&identity(""), "psk_identity", "empty");
    assert_one(&identity(&"i".repeat(129)), "psk_identity", "129 bytes");
    assert_one(&identity("a\0"), "psk_identity", "control character");
    assert_one(&identity("${device.endpointName}"), "psk_identity", "expressions are not supported");
}

#[test]
fn nosec_takes_no_credentials_and_is_warned_of() {
    let nosec = ServerDefinition { security: SecurityMode::NoSec, psk: None, ..sound() };
    assert_one(&nosec, "~security", "without any protection");
    let with_credentials = ServerDefinition { psk: sound().psk, psk_identity: Some("i".into()), ..nosec };
    assert_eq!(found(&with_credentials).0, ["psk_identity", "psk", "~security"]);
}

#[test]
fn other_security_modes_are_refused_with_the_reason() {
    for security in [SecurityMode::Rpk, SecurityMode::Certificate, SecurityMode::Est] {
        assert_one(&ServerDefinition { security, ..sound() }, "security", "not supported in this version");
    }
}

#[test]
fn bootstrap_accounts_are_taken_with_what_belongs_to_them_alone() {
    let bootstrap = ServerDefinition {
        account_type: AccountType::Bootstrap,
        ssid: None,
        client_hold_off_time: Some(10),
        bootstrap_server_account_timeout: Some(0),
        ..sound()
    };
    assert_eq!(found(&bootstrap).0, [""; 0]);
    let confused =
        ServerDefinition { ssid: Some(1), lifetime: Some(0), binding: Some("x".into()), ..bootstrap.clone() };
    assert_eq!(found(&confused).0, ["ssid", "lifetime", "binding"]);
    let management = ServerDefinition { account_type: AccountType::Management, ssid: Some(1), ..bootstrap };
    assert_eq!(found(&management).0, ["client_hold_off_time", "bootstrap_server_account_timeout"]);
}

#[test]
fn every_mistake_is_named_and_no_key_is_shown() {
    let server = ServerDefinition {
        name: "1 2".into(),
        ssid: Some(0),
        uri: Some("a b".into()),
        lifetime: Some(0),
        binding: Some("QQ".into()),
        default_maximum_period: Some(0),
        client_hold_off_time: Some(1),
        psk: KeyText::parse("text:hunter2").ok(),
        psk_identity: Some(String::new()),
        ..ServerDefinition::default()
    };
    let (fields, messages) = found(&server);
    assert_eq!(
        fields,
        [
            "name",
            "uri",
            "ssid",
            "client_hold_off_time",
            "lifetime",
            "default_maximum_period",
            "binding",
            "psk_identity",
            "~psk"
        ]
    );
    assert!(!messages.contains("hunter2"));
}
