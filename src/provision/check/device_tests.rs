//! What the check of a device finds.

use super::{check_device, check_device_in};
use crate::provision::catalog::Catalog;
use crate::provision::{DeviceDefinition, KeyText, ProfileDefinition, ServerDefinition};

fn device(endpoint: &str) -> DeviceDefinition {
    DeviceDefinition {
        endpoint: endpoint.to_owned(),
        psk: KeyText::parse("text:0123456789abcdef").ok(),
        ..DeviceDefinition::default()
    }
}

fn problems(device: &DeviceDefinition) -> Vec<(&'static str, String)> {
    check_device(device).into_iter().map(|problem| (problem.field, problem.message)).collect()
}

#[test]
fn any_text_is_an_endpoint_name() {
    for endpoint in ["urn:imei:490154203237518", "a/b %2f", "7", "Zähler 1", &"e".repeat(128)] {
        assert_eq!(problems(&device(endpoint)), vec![], "{endpoint}");
    }
    let long = DeviceDefinition { psk_identity: Some("short".into()), ..device(&"e".repeat(252)) };
    assert_eq!(problems(&long), vec![]);
}

#[test]
fn endpoint_names_that_no_request_could_carry_are_refused() {
    for (endpoint, field, part) in [
        ("", "endpoint", "missing or empty"),
        ("a\u{7}", "endpoint", "'\\u{7}'"),
        (&"e".repeat(253), "endpoint", "253 bytes"),
        (&"e".repeat(129), "psk_identity", "give `psk_identity`"),
        ("${x}", "endpoint", "starts an expression"),
    ] {
        let found = problems(&device(endpoint));
        assert_eq!(found.len(), 1, "{endpoint:?}: {found:?}");
        assert_eq!(found[0].0, field);
        assert!(found[0].1.contains(part), "{endpoint:?}: {found:?}");
    }
}

#[test]
fn an_identity_without_a_key_is_refused_and_a_short_key_is_warned_of() {
    let no_key = DeviceDefinition { psk_identity: Some("id".into()), psk: None, ..device("d") };
    assert_eq!(problems(&no_key)[0].0, "psk");
    let short = DeviceDefinition { psk: KeyText::parse("text:0123456789abcde").ok(), ..device("d") };
    let found = check_device(&short);
    assert_eq!((found.len(), found[0].is_error()), (1, false));
    assert!(!found[0].message.contains("0123"));
}

#[test]
fn every_mistake_is_named() {
    let device = DeviceDefinition {
        properties: [("a b".to_owned(), "x\n".to_owned())].into(),
        tags: ["eu north".to_owned(), "rack:7".to_owned()].into(),
        endpoint: "a\nb".into(),
        psk_identity: Some(format!("{}\0", "i".repeat(128))),
        psk: KeyText::parse(&format!("text:{}", "k".repeat(65))).ok(),
        profile: Some("${p}".into()),
        ..DeviceDefinition::default()
    };
    let fields: Vec<_> = check_device(&device).iter().map(|problem| problem.field).collect();
    assert_eq!(
        fields,
        ["endpoint", "psk_identity", "psk_identity", "psk", "profile", "properties", "properties", "tags"]
    );
}

#[test]
fn the_profile_must_be_there_or_one_be_the_default() {
    let profile = |default| ProfileDefinition { name: "meters".into(), default, ..ProfileDefinition::default() };
    let with_default = Catalog::new([], [profile(true)]);
    let without = Catalog::new([], [profile(false)]);
    let naming = |name: &str| DeviceDefinition { profile: Some(name.into()), ..device("d") };
    assert_eq!(check_device_in(&device("d"), &with_default), vec![]);
    assert!(check_device_in(&device("d"), &without)[0].message.contains("`default = true`"));
    assert_eq!(check_device_in(&naming("meters"), &without), vec![]);
    assert!(check_device_in(&naming("meter"), &without)[0].message.contains("did you mean `meters`?"));
}

#[test]
fn an_identity_is_text_or_bytes_and_no_expression() {
    for (identity, part) in [
        ("${device.id}", "only `psk_identity`, `psk` and `uri` of server accounts"),
        ("hex:6", "pairs of hexadecimal digits"),
        ("base64:/w==", "not UTF-8"),
        ("text:", "is empty"),
    ] {
        let found = problems(&DeviceDefinition { psk_identity: Some(identity.into()), ..device("d") });
        assert_eq!((found.len(), found[0].0), (1, "psk_identity"), "{identity}: {found:?}");
        assert!(found[0].1.contains(part), "{identity}: {found:?}");
    }
    for identity in ["hex:6d31", "base64:bTE=", "text:hex:", "m 1"] {
        assert_eq!(problems(&DeviceDefinition { psk_identity: Some(identity.into()), ..device("d") }), vec![]);
    }
}

#[test]
fn a_rule_gives_a_profile_and_its_accounts_ask_for_properties() {
    let profile: ProfileDefinition = serde_json::from_value(serde_json::json!({
        "name": "eu", "servers": ["a", "b"], "rules": [{ "tag": "eu" }],
    }))
    .unwrap();
    let server = |json| -> ServerDefinition { serde_json::from_value(json).unwrap() };
    let a = server(serde_json::json!({
        "name": "a", "uri": "${device.property.site}", "psk": "${device.property.key}",
        "psk_identity": "${device.property.site}",
    }));
    let b = server(serde_json::json!({
        "name": "b", "uri": "host", "security": "nosec", "psk_identity": "${device.property.unused}",
    }));
    let catalog = Catalog::new([a, b], [profile]);
    let mut device = device("d");
    let none = check_device_in(&device, &catalog);
    assert!(none[0].message.contains("no rule of a profile fits"), "{none:?}");
    device.tags.insert("eu".into());
    device.properties.insert("key".into(), "text:0123456789abcdef".into());
    let found = check_device_in(&device, &catalog);
    assert_eq!((found.len(), found[0].field, found[0].is_error()), (1, "properties", false), "{found:?}");
    assert!(found[0].message.starts_with("server `a` asks for `${device.property.site}`"), "{found:?}");
    device.properties.insert("site".into(), "x".into());
    assert_eq!(check_device_in(&device, &catalog), vec![]);
}
