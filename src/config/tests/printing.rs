//! The printed form of definitions, which reads back equal.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::config::{Printed, print_fleet, read_fleet};
use crate::provision::{DeviceDefinition, HoldsSecrets, ProfileDefinition, ServerDefinition};

/// What the printed form defines when it is read as TOML alone, without checks.
fn read_back<D: serde::de::DeserializeOwned>(text: &str, kind: &str) -> D {
    let mut root: toml::Table = toml::from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    let mut read: Vec<D> = root.remove(kind).unwrap().try_into().unwrap_or_else(|error| panic!("{error} in\n{text}"));
    read.remove(0)
}

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";

/// A server account with a value in every field.
fn full_server() -> ServerDefinition {
    let json = r#"{
        "name": "full", "type": "management", "transport": "tcp", "ssid": 101,
        "uri": "coaps+tcp://${device.property.site}.example.com", "security": "rpk",
        "psk_identity": "${device.endpointName}-\"quoted\"", "psk": "${string.secureRandom(32)}", "rotate": 30,
        "server_certificate": "PEM", "client_certificate": "PEM", "server_public_key": "PEM", "client_public_key": "PEM",
        "private_key": "PEM", "certificate_usage": "trust-anchor-assertion", "matching_type": "sha-256", "sni": "a.b",
        "lifetime": 86400, "binding": "UTS", "preferred_transport": "T", "store_notifications": false,
        "default_minimum_period": 1, "default_maximum_period": 2, "disable_timeout": 3,
        "registration_priority_order": 4, "initial_registration_delay_timer": 5, "registration_failure_block": true,
        "bootstrap_on_registration_failure": false, "communication_retry_count": 6, "communication_retry_timer": 7,
        "communication_sequence_delay_timer": 8, "communication_sequence_retry_count": 9, "trigger": true,
        "mute_send": false, "sms": true, "sms_number": "4912345", "sms_security": "secured-packet",
        "sms_binding_key_parameters": "hex:010203040506",
        "sms_binding_secret_keys": "hex:000102030405060708090a0b0c0d0e0f",
        "client_hold_off_time": 10, "bootstrap_server_account_timeout": 11,
        "security_resources": { "16": [49320, 49326], "17": "21:0" },
        "server_resources": { "10": "11:0", "26": { "3": true }, "27": 1.5 }
    }"#;
    serde_json::from_str(&json.replace("PEM", &PEM.escape_default().to_string())).unwrap()
}

#[test]
fn every_field_of_an_account_reads_back() {
    let server = full_server();
    let fields = serde_json::to_value(&server).unwrap();
    let known = crate::config::table::fields_of::<ServerDefinition>();
    assert_eq!(fields.as_object().unwrap().len(), known.len(), "a field has no value here");
    let text = print_fleet(&[Printed::whole(server.clone())], &[], &[]).unwrap();
    assert_eq!(read_back::<ServerDefinition>(&text, "server"), server);
    assert!(text.contains("\"\"\"\n-----BEGIN PUBLIC KEY-----\nMFkw"), "a long text in lines of its own:\n{}", *text);
    let order: Vec<usize> = ["\nname", "\nssid", "\npsk ", "\nlifetime", "\nsms ", "[server.security_resources]"]
        .map(|start| text.find(start).unwrap_or_else(|| panic!("{start} in\n{}", *text)))
        .into();
    assert!(order.is_sorted(), "{}", *text);
}

#[test]
fn what_is_not_shown_leaves_a_remark_and_nothing_else() {
    let mut server = full_server();
    server.server_resources = serde_json::from_value(json!({ "30": "hex:c0ffee" })).unwrap();
    let text = print_fleet(&[Printed::without_secrets(server.clone())], &[], &[]).unwrap();
    for remark in
        ["# psk is set and not shown\n", "# private_key is set", "# server_resources holds secrets that are not"]
    {
        assert!(text.contains(remark), "{remark} in\n{}", *text);
    }
    assert!(!text.contains("c0ffee") && !text.contains("secureRandom"), "{}", *text);
    assert_eq!(read_back::<ServerDefinition>(&text, "server"), server.without_secrets());
}

#[test]
fn a_printed_fleet_is_a_fleet_file() {
    let directory = tempfile::tempdir().unwrap();
    let server: ServerDefinition = serde_json::from_value(json!({
        "name": "eu", "ssid": 101, "uri": "eu.example.com", "psk": "text:0123456789abcdef",
    }))
    .unwrap();
    let profile: ProfileDefinition = serde_json::from_value(json!({
        "name": "north", "servers": ["eu"],
        "rules": [{ "endpoint": "urn:*", "property": { "site": "north" } }, { "tag": "eu" }],
        "writes": [{ "path": "/5/0", "resources": { "1": "coap://[::1]/x" } }],
    }))
    .unwrap();
    let device: DeviceDefinition = serde_json::from_value(json!({
        "endpoint": "a \"b\" 'c' \u{1f4a1}", "psk": "hex:00112233445566778899aabbccddeeff", "profile": "north",
        "properties": { "site": "north \"south\"", "x.y": "z" }, "tags": ["a", "b:c"], "state": "blocked",
    }))
    .unwrap();
    let printed = print_fleet(
        &[Printed::whole(server.clone())],
        &[Printed::whole(profile.clone())],
        &[Printed::whole(device.clone())],
    );
    std::fs::write(directory.path().join("printed.toml"), printed.unwrap().as_bytes()).unwrap();
    let fleet = read_fleet(directory.path()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    assert_eq!((fleet.servers, fleet.profiles, fleet.devices), (vec![server], vec![profile], vec![device]));
}

/// A number, text that may hurt, bytes, or several of them.
fn resource() -> impl Strategy<Value = Value> {
    let scalar = || {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
            any::<String>()
                .prop_filter("it would be bytes", |text| !["hex:", "base64:", "text:"]
                    .iter()
                    .any(|p| text.starts_with(p)))
                .prop_map(Value::from),
            "text:[a-z\"'\\\\]{1,9}".prop_map(Value::from),
        ]
    };
    let instances = proptest::collection::btree_map(0..9_u16, scalar(), 1..4);
    prop_oneof![
        scalar(),
        proptest::collection::vec(scalar(), 0..4).prop_map(Value::from),
        instances.prop_map(|map| map
            .into_iter()
            .map(|(id, value)| (id.to_string(), value))
            .collect::<Map<_, _>>()
            .into()),
    ]
}

fn resources() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(0..99_u16, resource(), 0..4)
        .prop_map(|map| map.into_iter().map(|(id, value)| (id.to_string(), value)).collect::<Map<_, _>>().into())
}

proptest! {
    #[test]
    fn whatever_an_account_says_reads_back(
        name in any::<String>(), uri in any::<Option<String>>(), key in "text:[ -~]{1,20}", resources in resources(),
        material in any::<Option<String>>(), lifetime in any::<Option<u32>>(), flag in any::<Option<bool>>(),
    ) {
        let json = json!({
            "name": name, "uri": uri, "psk": key.replace("${", "$"), "security_resources": resources,
            "private_key": material, "server_certificate": material, "lifetime": lifetime, "mute_send": flag,
        });
        let json: Map<_, _> = json.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
        let server: ServerDefinition = serde_json::from_value(json.into()).unwrap();
        let text = print_fleet(&[Printed::whole(server.clone())], &[], &[]).unwrap();
        prop_assert_eq!(read_back::<ServerDefinition>(&text, "server"), server);
    }

    #[test]
    fn whatever_profiles_and_devices_say_reads_back(
        text in any::<String>(), texts in proptest::collection::vec(any::<String>(), 0..4), resources in resources(),
        properties in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4), timeout in 0.1..60.0_f64,
    ) {
        let tags: BTreeSet<_> = texts.iter().collect();
        let profile: ProfileDefinition = serde_json::from_value(json!({
            "name": text, "servers": texts, "delete": texts, "ack_timeout": timeout,
            "rules": [{ "endpoint": text, "property": properties }, { "tag": text }],
            "writes": [{ "path": text, "resources": resources }, { "path": "/5/0" }],
        })).unwrap();
        let device: DeviceDefinition = serde_json::from_value(json!({
            "endpoint": text, "properties": properties, "tags": tags,
        })).unwrap();
        let printed =
            print_fleet(&[], &[Printed::whole(profile.clone())], &[Printed::whole(device.clone())]).unwrap();
        prop_assert_eq!(read_back::<ProfileDefinition>(&printed, "profile"), profile, "{}", *printed);
        prop_assert_eq!(read_back::<DeviceDefinition>(&printed, "device"), device);
    }
}
