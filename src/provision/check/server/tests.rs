//! What the check of a server account finds, one field at a time and all at once.

use serde_json::json;

use super::{check_certificate_dates, check_server};
use crate::provision::definition::resource_values::ResourceValues;
use crate::provision::material::tests::vectors::*;
use crate::provision::{AccountKey, AccountType, Rotation, SecurityMode, ServerDefinition, Transport};

fn values(json: serde_json::Value) -> ResourceValues {
    serde_json::from_value(json).unwrap()
}

/// An account with which nothing is wrong.
fn sound() -> ServerDefinition {
    ServerDefinition {
        name: "fleet-eu".into(),
        ssid: Some(101),
        uri: Some("eu.lwm2m.example.com".into()),
        psk: AccountKey::parse("${string.secureRandom(32)}").ok(),
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
        psk_identity: Some("${device.endpointName}".into()),
        psk: AccountKey::parse("${string.secureRandom(64)}").ok(),
        lifetime: Some(60),
        binding: Some("UQS".into()),
        preferred_transport: Some("S".into()),
        sms: Some(true),
        sms_number: Some("491701234567".into()),
        trigger: Some(true),
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
    assert_one(&ServerDefinition { uri: Some("a-${host}".into()), ..sound() }, "uri", "column 5: ");
}

#[test]
fn bindings_are_those_of_1_0_or_distinct_letters_of_later_versions() {
    for legal in ["U", "UQ", "US", "UQS", "UT", "TU", "UTSNMH", "SU"] {
        let sms = legal.contains('S').then_some(true);
        let number = sms.map(|_| "4917".to_owned());
        let server = ServerDefinition { binding: Some(legal.into()), sms, sms_number: number, ..sound() };
        assert_eq!(found(&server).0, [""; 0], "{legal}");
    }
    for illegal in ["", "Q", "USQ", "QU", "UU", "UQT", "X", "u", "UTQ", "UQSQ"] {
        assert_one(&ServerDefinition { binding: Some(illegal.into()), ..sound() }, "binding", "no such binding");
    }
    assert_one(&ServerDefinition { binding: Some("T".into()), ..sound() }, "~binding", "`U`");
    assert_one(&ServerDefinition { binding: Some("US".into()), ..sound() }, "~binding", "`sms = true`");
    assert_eq!(found(&ServerDefinition { binding: Some("SQ".into()), ..sound() }).0, ["~binding", "~binding"]);
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
    let keyed = |key: &str| ServerDefinition { psk: AccountKey::parse(key).ok(), ..sound() };
    assert_eq!(found(&keyed(&format!("text:{}", "k".repeat(65)))).0, ["psk", "~psk"]);
    assert_eq!(found(&keyed("text:k")).0, ["~psk", "~psk"]);
    assert_one(
        &keyed("hex:000102030405060708090a0b0c0d0e0f"),
        "~psk",
        "every client that gets this account has the same key",
    );
    for (identity, part) in [
        ("", "is empty"),
        ("text:", "is empty"),
        ("hex:6", "pairs of hexadecimal digits"),
        ("hex:ff", "not UTF-8"),
        ("a\0", "control character"),
        (&"i".repeat(129), "129 bytes"),
        (&format!("${{string.random(100)}}{}", "i".repeat(29)), "129 bytes at least"),
        (
            "${device.endpointNam}",
            "column 3: there is no expression `device.endpointNam`: did you mean `device.endpointName`?",
        ),
        ("meter ${", "column 7: "),
        ("hex:${string.random(8)}", "leave the prefix out"),
        ("base64:${string.random(5)}", "leave the prefix out"),
    ] {
        assert_one(&ServerDefinition { psk_identity: Some(identity.into()), ..sound() }, "psk_identity", part);
    }
    let same = ServerDefinition { psk_identity: Some("hex:6d31".into()), ..sound() };
    assert_one(&same, "~psk_identity", "the same identity, and each has a key of its own");
    for fine in
        ["${device.endpointName}", "$${x}-${device.id}", "hex:${device.property.id}", "base64:${string.random(8)}"]
    {
        assert_eq!(found(&ServerDefinition { psk_identity: Some(fine.into()), ..sound() }).0, [""; 0], "{fine}");
    }
}

#[test]
fn keys_that_expressions_make_are_long_random_and_nobody_elses() {
    for (key, field, part) in [
        ("${string.secureRandom(65)}", "psk", "65 bytes at least"),
        ("text:${string.secureRandom(65)}", "psk", "65 bytes at least"),
        ("hex:${string.secureRandom(32)}", "psk", "leave the prefix out"),
        ("${string.secureRandom(15)}", "~psk", "only 15 random characters"),
        ("${device.endpointName}-key", "~psk", "can be guessed"),
        ("${device.id}", "~psk", "can be guessed"),
        ("hex:${device.property.key}", "~psk", "stored in clear"),
    ] {
        assert_one(&ServerDefinition { psk: AccountKey::parse(key).ok(), ..sound() }, field, part);
    }
    for fine in ["${string.random(16)}", "text:x${string.secureRandom(63)}", "base64:${string.secureRandom(64)}"] {
        assert_eq!(found(&ServerDefinition { psk: AccountKey::parse(fine).ok(), ..sound() }).0, [""; 0], "{fine}");
    }
}

#[test]
fn a_uri_with_expressions_is_tried_with_values_in_their_place() {
    for fine in [
        "${device.property.site}.example.com",
        "${device.property.uri}",
        "${device.property.scheme}://host",
        "coaps://lwm2m.example.com:${device.property.port}",
        "[${device.property.address}]:5684",
        "s${server.ssid}.example.com/${device.endpointName}",
    ] {
        assert_eq!(found(&ServerDefinition { uri: Some(fine.into()), ..sound() }).0, [""; 0], "{fine}");
    }
    for (wrong, part) in [
        ("coap://${device.id}.example.com", "make it `coaps`"),
        ("${device.id} .example.com", "contains ' '"),
        ("host:${device.endpointName}", "with values in the place of its expressions: "),
        (&format!("host/{}${{device.id}}", "p".repeat(250)), "the resource holds 255"),
    ] {
        assert_one(&ServerDefinition { uri: Some(wrong.into()), ..sound() }, "uri", part);
    }
}

#[test]
fn nosec_takes_no_credentials_and_is_warned_of() {
    let nosec = ServerDefinition { security: SecurityMode::NoSec, psk: None, ..sound() };
    assert_one(&nosec, "~security", "without any protection");
    let with_oscore = ServerDefinition { security_resources: values(json!({ "17": "21:0" })), ..nosec.clone() };
    assert_eq!(found(&with_oscore).0, [""; 0]);
    let with_credentials = ServerDefinition { psk: sound().psk, psk_identity: Some("i".into()), ..nosec };
    assert_eq!(found(&with_credentials).0, ["psk_identity", "psk", "~security"]);
}

/// A field, and a value that suits it.
fn credential_fields() -> [(&'static str, serde_json::Value); 10] {
    [
        ("psk_identity", json!("${device.endpointName}")),
        ("psk", json!("${string.secureRandom(32)}")),
        ("server_public_key", json!(P256_PUBLIC_KEY)),
        ("client_public_key", json!(P256_PUBLIC_KEY)),
        ("server_certificate", json!(P256_CERTIFICATE)),
        ("client_certificate", json!(P256_CERTIFICATE)),
        ("private_key", json!(P256_SEC1)),
        ("certificate_usage", json!("domain-issued")),
        ("matching_type", json!("sha-256")),
        ("sni", json!("lwm2m.example.com")),
    ]
}

#[test]
fn each_security_mode_has_its_fields_and_no_others() {
    for (mode, needed, optional) in [
        ("nosec", &[][..], &[][..]),
        ("psk", &["psk"], &["psk_identity", "sni"]),
        ("rpk", &["server_public_key", "private_key"], &["client_public_key", "matching_type", "sni"]),
        (
            "certificate",
            &["server_certificate", "client_certificate", "private_key"],
            &["certificate_usage", "matching_type", "sni"],
        ),
        ("est", &["server_certificate"], &["certificate_usage", "matching_type", "sni"]),
    ] {
        let bare = json!({ "name": "a", "ssid": 1, "uri": "host", "security": mode });
        let mut full = bare.clone();
        for (field, value) in credential_fields() {
            full[field] = value;
        }
        let errors = |server: &serde_json::Value| -> Vec<&'static str> {
            let server = serde_json::from_value(server.clone()).unwrap();
            check_server(&server).iter().filter(|problem| problem.is_error()).map(|problem| problem.field).collect()
        };
        assert_eq!(errors(&bare), needed, "{mode}");
        let refused: Vec<&str> = credential_fields()
            .into_iter()
            .map(|(field, _)| field)
            .filter(|field| !needed.contains(field) && !optional.contains(field))
            .collect();
        assert_eq!(errors(&full), refused, "{mode}");
    }
}

#[test]
fn material_is_read_and_fits_together() {
    let account = |mode: &str, fields: serde_json::Value| -> ServerDefinition {
        let mut server = json!({ "name": "a", "ssid": 1, "uri": "host", "security": mode });
        server.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(server).unwrap()
    };
    let certificates = json!({
        "client_certificate": P256_CERTIFICATE, "private_key": P256_SEC1, "server_certificate": P256_CERTIFICATE,
    });
    let with = |field: &str, value: &str| {
        let mut fields = certificates.clone();
        fields[field] = json!(value);
        account("certificate", fields)
    };
    let shared = "~private_key";
    assert_eq!(found(&account("certificate", certificates.clone())).0, [shared]);
    for (field, value, fields, part) in [
        (
            "client_certificate",
            "text:x",
            &["client_certificate", shared][..],
            "`client_certificate` cannot be used: it must be PEM",
        ),
        ("private_key", "hex:00", &["private_key"], "`private_key` cannot be used: this is not a private key"),
        ("private_key", P384_SEC1, &[shared, "private_key"], "does not belong to the certificate"),
        ("server_certificate", P256_PUBLIC_KEY, &[shared, "server_certificate"], "the text holds a public key"),
        ("server_certificate", SHA256_OF_CERTIFICATE, &[shared, "server_certificate"], "set the matching type"),
        ("certificate_usage", "ca-constraint", &[shared, "~certificate_usage", "~server_certificate"], "trust store"),
        ("matching_type", "sha-384", &[shared, "~matching_type"], "Anjay"),
        ("client_certificate", LARGE_CERTIFICATE, &[shared, "~client_certificate"], "1 KiB"),
        ("uri", "192.0.2.1", &[shared, "~sni"], "set `sni`"),
        ("uri", "coaps://[2001:db8::1]:5684", &[shared, "~sni"], "set `sni`"),
        ("sni", "192.0.2.1", &[shared, "sni"], "and no address"),
        ("sni", "a b", &[shared, "sni"], "a domain name"),
    ] {
        let (mut found, messages) = found(&with(field, value));
        let mut expected = fields.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{field}: {messages}");
        assert!(messages.contains(part), "{messages}");
    }
    let raw = json!({ "server_public_key": P256_PUBLIC_KEY, "private_key": P256_SEC1 });
    assert_eq!(found(&account("rpk", raw.clone())).0, [shared]);
    for (field, value, fields, part) in [
        ("client_public_key", P256_PUBLIC_KEY, &[shared][..], ""),
        ("client_public_key", P521_PUBLIC_KEY, &[shared, "private_key", "~client_public_key"], "does not belong"),
        ("private_key", P521_SEC1_WITHOUT_PUBLIC_KEY, &[shared, "client_public_key"], "cannot be computed"),
        ("server_public_key", P192_PUBLIC_KEY, &[shared, "server_public_key"], "below 255 bits"),
        ("server_public_key", "hex:00", &[shared, "server_public_key"], "not a public key"),
    ] {
        let mut given = raw.clone();
        given[field] = json!(value);
        let (mut found, messages) = found(&account("rpk", given));
        let mut expected = fields.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{field}: {messages}");
        assert!(messages.contains(part), "{messages}");
    }
}

#[test]
fn dates_are_looked_at_when_the_time_is_known() {
    const START: u64 = 1_767_225_600;
    const END: u64 = 1_798_761_600;
    let mut server: ServerDefinition = serde_json::from_value(json!({
        "name": "a", "ssid": 1, "uri": "host", "security": "certificate", "client_certificate": P256_CERTIFICATE,
        "private_key": P256_SEC1, "server_certificate": P256_CERTIFICATE,
    }))
    .unwrap();
    let found = |server: &ServerDefinition, now| -> Vec<String> {
        let problems = check_certificate_dates(server, now);
        problems.iter().map(|problem| format!("{}: {}: {problem}", problem.severity, problem.field)).collect()
    };
    assert_eq!(found(&server, START + 1), [""; 0]);
    for (now, start) in [
        (END + 1, "error: client_certificate: the certificate expired at "),
        (END - 86_400, "warning: client_certificate: the certificate expires at "),
        (START - 1, "warning: client_certificate: the certificate is not valid before "),
    ] {
        let found = found(&server, now);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with(start), "{found:?}");
        assert!(found[1].contains("server_certificate"), "{found:?}");
    }
    server.security = SecurityMode::Est;
    assert_eq!(found(&server, END + 1).len(), 1);
    server.security = SecurityMode::Psk;
    assert_eq!(found(&server, END + 1), [""; 0]);
}

#[test]
fn bootstrap_accounts_are_taken_with_what_belongs_to_them_alone() {
    let bootstrap = bootstrap();
    assert_eq!(found(&bootstrap).0, [""; 0]);
    let confused =
        ServerDefinition { ssid: Some(1), lifetime: Some(0), binding: Some("x".into()), ..bootstrap.clone() };
    assert_eq!(found(&confused).0, ["ssid", "lifetime", "binding"]);
    let management = ServerDefinition {
        account_type: AccountType::Management,
        ssid: Some(1),
        bootstrap_server_account_timeout: Some(0),
        ..bootstrap.clone()
    };
    assert_eq!(found(&management).0, ["client_hold_off_time", "bootstrap_server_account_timeout"]);
    let forgetful = ServerDefinition { bootstrap_server_account_timeout: Some(60), ..bootstrap.clone() };
    assert_one(&forgetful, "~bootstrap_server_account_timeout", "cannot be bootstrapped again");
    let asking = ServerDefinition { uri: Some("s${server.ssid}.example.com".into()), ..bootstrap };
    assert_one(&asking, "uri", "has no ssid");
}

/// A bootstrap account with which nothing is wrong.
fn bootstrap() -> ServerDefinition {
    ServerDefinition {
        account_type: AccountType::Bootstrap,
        ssid: None,
        psk_identity: Some("${device.endpointName}-${string.random(8)}".into()),
        client_hold_off_time: Some(10),
        bootstrap_server_account_timeout: Some(0),
        ..sound()
    }
}

#[test]
fn every_field_of_a_server_object_is_refused_in_a_bootstrap_account() {
    for (field, value) in [
        ("preferred_transport", json!("U")),
        ("store_notifications", json!(true)),
        ("default_minimum_period", json!(1)),
        ("default_maximum_period", json!(1)),
        ("disable_timeout", json!(1)),
        ("registration_priority_order", json!(1)),
        ("initial_registration_delay_timer", json!(1)),
        ("registration_failure_block", json!(true)),
        ("bootstrap_on_registration_failure", json!(true)),
        ("communication_retry_count", json!(1)),
        ("communication_retry_timer", json!(1)),
        ("communication_sequence_delay_timer", json!(1)),
        ("communication_sequence_retry_count", json!(1)),
        ("trigger", json!(true)),
        ("mute_send", json!(false)),
        ("server_resources", json!({ "10": "11:0" })),
    ] {
        let mut server = serde_json::to_value(bootstrap()).unwrap();
        server[field] = value;
        let (fields, messages) = found(&serde_json::from_value(server).unwrap());
        assert_eq!(fields, [field], "{messages}");
    }
}

#[test]
fn a_rotation_needs_something_that_is_drawn() {
    let rotated = ServerDefinition { rotate: Some(Rotation::EveryBootstrap), ..sound() };
    assert_eq!(found(&rotated).0, [""; 0]);
    let by_uri = ServerDefinition {
        security: SecurityMode::NoSec,
        psk: None,
        uri: Some("${string.random(8)}.example.com".into()),
        ..rotated.clone()
    };
    assert_eq!(found(&by_uri).0, ["~security"]);
    let fixed = ServerDefinition { psk: AccountKey::parse("text:0123456789abcdef").ok(), ..rotated };
    assert_eq!(found(&fixed).0, ["~psk", "~rotate"]);
}

#[test]
fn preferred_transport_and_retries_are_what_clients_take() {
    for (field, value, expected, part) in [
        ("preferred_transport", json!("UT"), "preferred_transport", "one letter"),
        ("preferred_transport", json!("Q"), "preferred_transport", "one letter"),
        ("preferred_transport", json!(""), "preferred_transport", "one letter"),
        ("preferred_transport", json!("T"), "~preferred_transport", "not in the binding `U`"),
        ("communication_retry_count", json!(0), "communication_retry_count", "use 1 or more"),
        ("communication_sequence_retry_count", json!(0), "communication_sequence_retry_count", "use 1 or more"),
        ("trigger", json!(true), "~trigger", "`sms = true`"),
    ] {
        let mut server = serde_json::to_value(sound()).unwrap();
        server[field] = value;
        assert_one(&serde_json::from_value(server).unwrap(), expected, part);
    }
}

#[test]
fn sms_needs_its_binding_its_number_and_its_keys() {
    let sound = json!({
        "name": "a", "ssid": 1, "uri": "host", "psk": "${string.secureRandom(32)}", "binding": "UQS", "sms": true,
        "sms_number": "491701234567", "sms_security": "secured-packet", "sms_binding_key_parameters": "hex:000102030405",
        "sms_binding_secret_keys": "hex:000102030405060708090a0b0c0d0e0f",
    });
    let with = |changes: serde_json::Value| -> ServerDefinition {
        let mut server = sound.clone();
        server.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(server).unwrap()
    };
    assert_eq!(found(&with(json!({}))).0, [""; 0]);
    for (changes, fields, part) in [
        (json!({ "binding": "UQ" }), &["sms"][..], "a binding with `S`"),
        (json!({ "binding": null }), &["sms"], "a binding with `S`"),
        (json!({ "sms_number": "+4917" }), &["sms_number"], "without `+`"),
        (json!({ "sms_number": "" }), &["sms_number"], "1 to 15 digits"),
        (json!({ "sms_number": "1234567890123456" }), &["sms_number"], "1 to 15 digits"),
        (json!({ "sms_number": null }), &["~sms_number"], "give `sms_number`"),
        (json!({ "sms_binding_key_parameters": "hex:0001020304" }), &["sms_binding_key_parameters"], "6 bytes"),
        (json!({ "sms_binding_key_parameters": "000102030405" }), &["sms_binding_key_parameters"], "`hex:`"),
        (json!({ "sms_binding_key_parameters": null }), &["sms_binding_key_parameters"], "is missing"),
        (json!({ "sms_binding_secret_keys": "text:0123456789abcdef0" }), &["sms_binding_secret_keys"], "these are 17"),
        (
            json!({ "sms_security": null }),
            &["sms_binding_key_parameters", "sms_binding_secret_keys"],
            "set `sms_security",
        ),
        (
            json!({ "sms_security": "nosec" }),
            &["sms_binding_key_parameters", "sms_binding_secret_keys", "~sms_security"],
            "uses no",
        ),
        (json!({ "sms_security": "dtls" }), &[], ""),
        (
            json!({ "sms": false }),
            &["~binding", "sms_number", "sms_security", "sms_binding_key_parameters", "sms_binding_secret_keys"],
            "set `sms = true`",
        ),
    ] {
        let (found, messages) = found(&with(changes.clone()));
        assert_eq!(found, fields, "{changes}: {messages}");
        assert!(messages.contains(part), "{changes}: {messages}");
        assert!(!messages.contains("0123456789abcdef"));
    }
}

#[test]
fn resources_by_id_are_those_without_a_field_and_have_their_type() {
    for (object, resources, field, part) in [
        (0, json!({ "14": "host" }), "security_resources", "resource 14: SNI has a field of its own: use `sni`"),
        (0, json!({ "8": "hex:00" }), "security_resources", "use `sms_binding_secret_keys`"),
        (0, json!({ "16": [70000] }), "security_resources", "70000 is no ciphersuite"),
        (0, json!({ "16": [0x00ae, 0xc0a8] }), "~security_resources", "TLS_PSK_WITH_AES_128_CBC_SHA256 (174) is a CBC"),
        (0, json!({ "16": 49320 }), "security_resources", "resource 16: the resource has instances"),
        (0, json!({ "16": ["x"] }), "security_resources", "resource 16: the resource wants a whole number"),
        (0, json!({ "28": 16 }), "security_resources", "resource 28: 16 is out of range: 0 to 15 are possible"),
        (
            0,
            json!({ "17": "24:0" }),
            "security_resources",
            "resource 17: it links to an instance of object 21 (OSCORE)",
        ),
        (0, json!({ "31": 1 }), "~security_resources", "resource 31: no LwM2M version up to 1.2 has it"),
        (1, json!({ "8": 1 }), "server_resources", "resource 8: Registration Update Trigger is executed"),
        (1, json!({ "12": 1 }), "server_resources", "resource 12: Last Bootstrapped is written by the client alone"),
        (1, json!({ "7": "U" }), "server_resources", "use `binding`"),
        (1, json!({ "23": true }), "server_resources", "use `mute_send`"),
        (1, json!({ "26": 2 }), "server_resources", "0 to 1 are possible"),
        (1, json!({ "25": ["1.x"] }), "server_resources", "such as `\"1.1\"`"),
    ] {
        let server = match object {
            0 => ServerDefinition { security_resources: values(resources), ..sound() },
            _ => ServerDefinition { server_resources: values(resources), ..sound() },
        };
        assert_one(&server, field, part);
    }
    let fine = ServerDefinition {
        security_resources: values(json!({ "16": [49320], "17": "21:0", "22": 5, "25": ["coaps://a"] })),
        server_resources: values(json!({ "10": "11:0", "25": ["1.1", "1.2.1"], "26": 1 })),
        ..sound()
    };
    assert_eq!(found(&fine).0, [""; 0]);
    let several = ServerDefinition { security_resources: values(json!({ "0": 1, "16": 1, "28": 99 })), ..sound() };
    assert_eq!(found(&several).0.len(), 2, "what is refused anyway need not fit its type");
}

#[test]
fn a_resource_with_a_field_is_every_one_that_the_definition_names() {
    for (object, without) in [(0, 16..=30), (1, 24..=27)] {
        for row in crate::lwm2m::objects::resources(object) {
            let resources = values(json!({ row.id.to_string(): "x" }));
            let server = match object {
                0 => ServerDefinition { security_resources: resources, ..sound() },
                _ => ServerDefinition { server_resources: resources, ..sound() },
            };
            let (_, messages) = found(&server);
            let refused = messages.contains("has a field of its own")
                || messages.contains("is executed")
                || messages.contains("by the client alone");
            let by_id = without.contains(&row.id) || (object, row.id) == (1, 10);
            assert_eq!(refused, !by_id, "/{object}/x/{}: {messages}", row.id);
        }
    }
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
        psk: AccountKey::parse("text:hunter2").ok(),
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
            "~psk",
            "~psk"
        ]
    );
    assert!(!messages.contains("hunter2"));
}
