//! What a device resolves to, and why it may not.

use serde_json::{Value as Json, json};

use super::{Client, Resolution, issue, resolve};
use crate::lwm2m::{Resource, ResourceValue, Value, objects};
use crate::provision::issued::IssuedCredentials;
use crate::provision::material::tests::vectors::*;
use crate::provision::{
    AccountCredentials, AccountRole, Catalog, DeviceDefinition, NewCredentials, ProfileChoice, Provision,
    ProvisionedAccount, ServerSettings,
};
use crate::secret::Secret;
use rand::SeedableRng;
use rand::rngs::StdRng;

const DAY: i64 = 86_400_000;

/// A catalog of these servers, and profile `p` with all of them in their order.
fn catalog(servers: &[Json]) -> Catalog {
    let names: Vec<&Json> = servers.iter().map(|server| &server["name"]).collect();
    let profile = json!({ "name": "p", "servers": names, "default": true });
    catalog_with(servers, &[profile])
}

fn catalog_with(servers: &[Json], profiles: &[Json]) -> Catalog {
    Catalog::new(
        servers.iter().map(|server| serde_json::from_value(server.clone()).unwrap()),
        profiles.iter().map(|profile| serde_json::from_value(profile.clone()).unwrap()),
    )
}

fn server(fields: Json) -> Json {
    let mut server = json!({ "name": "a", "ssid": 101, "uri": "lwm2m.example.com", "psk": "text:0123456789abcdef" });
    for (field, value) in fields.as_object().unwrap() {
        server[field] = value.clone();
    }
    server
}

fn device() -> DeviceDefinition {
    let json = json!({ "endpoint": "meter-1", "properties": { "site": "north", "key": "hex:00ff" } });
    serde_json::from_value(json).unwrap()
}

fn client<'a>(device: &'a DeviceDefinition, issued: &'a [IssuedCredentials]) -> Client<'a> {
    Client { device, id: Some(7), issued, rotation_requested: None, now: 100 * DAY }
}

#[track_caller]
fn provision(catalog: &Catalog) -> Provision {
    match resolve(&client(&device(), &[]), catalog) {
        Ok(Resolution::Provision(provision)) => *provision,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn only_account(fields: Json) -> ProvisionedAccount {
    provision(&catalog(&[server(fields)])).accounts.remove(0)
}

fn refusal(catalog: &Catalog, device: &DeviceDefinition) -> String {
    resolve(&client(device, &[]), catalog).expect_err("must be refused").to_string()
}

fn settings(account: &ProvisionedAccount) -> &ServerSettings {
    match &account.role {
        AccountRole::Management(settings) => settings,
        AccountRole::Bootstrap => panic!("a bootstrap account"),
    }
}

#[test]
fn what_is_left_out_is_filled_in() {
    let found = provision(&catalog(&[server(json!({}))]));
    let account = ProvisionedAccount {
        name: "a".into(),
        uri: "coaps://lwm2m.example.com:5684".into(),
        credentials: AccountCredentials::Psk {
            identity: "meter-1".into(),
            key: Secret::from(&b"0123456789abcdef"[..]),
        },
        security_resources: vec![],
        role: AccountRole::Management(ServerSettings {
            short_server_id: 101,
            lifetime: 86_400,
            binding: "U".into(),
            store_notifications: true,
            resources: vec![],
        }),
        issued: None,
    };
    assert_eq!(found.accounts, [account]);
    assert_eq!((found.choice, found.writes), (ProfileChoice::Default, vec![]));
}

/// Every field that is an optional resource: its value, object and resource id, and the value that is written.
fn resource_fields() -> Vec<(&'static str, Json, u16, u16, Value)> {
    let opaque = |bytes: &[u8]| Value::Opaque(Secret::from(bytes));
    vec![
        ("sms_security", json!("secured-packet"), 0, 6, Value::Integer(2)),
        ("sms_binding_key_parameters", json!("hex:000102030405"), 0, 7, opaque(&[0, 1, 2, 3, 4, 5])),
        ("sms_binding_secret_keys", json!("text:0123456789abcdef"), 0, 8, opaque(b"0123456789abcdef")),
        ("sms_number", json!("4917"), 0, 9, Value::String("4917".into())),
        ("client_hold_off_time", json!(3), 0, 11, Value::Integer(3)),
        ("bootstrap_server_account_timeout", json!(4), 0, 12, Value::Integer(4)),
        ("matching_type", json!("sha-256"), 0, 13, Value::Unsigned(1)),
        ("sni", json!("a.example.com"), 0, 14, Value::String("a.example.com".into())),
        ("certificate_usage", json!("trust-anchor-assertion"), 0, 15, Value::Unsigned(2)),
        ("default_minimum_period", json!(10), 1, 2, Value::Integer(10)),
        ("default_maximum_period", json!(20), 1, 3, Value::Integer(20)),
        ("disable_timeout", json!(30), 1, 5, Value::Integer(30)),
        ("registration_priority_order", json!(1), 1, 13, Value::Unsigned(1)),
        ("initial_registration_delay_timer", json!(2), 1, 14, Value::Unsigned(2)),
        ("registration_failure_block", json!(true), 1, 15, Value::Boolean(true)),
        ("bootstrap_on_registration_failure", json!(false), 1, 16, Value::Boolean(false)),
        ("communication_retry_count", json!(5), 1, 17, Value::Unsigned(5)),
        ("communication_retry_timer", json!(60), 1, 18, Value::Unsigned(60)),
        ("communication_sequence_delay_timer", json!(4_294_967_295_u32), 1, 19, Value::Unsigned(4_294_967_295)),
        ("communication_sequence_retry_count", json!(1), 1, 20, Value::Unsigned(1)),
        ("trigger", json!(true), 1, 21, Value::Boolean(true)),
        ("preferred_transport", json!("U"), 1, 22, Value::String("U".into())),
        ("mute_send", json!(false), 1, 23, Value::Boolean(false)),
    ]
}

#[test]
fn every_field_lands_in_its_resource_in_the_type_of_its_table() {
    for (field, value, object, id, written) in resource_fields() {
        let row = objects::definition(object, id).unwrap();
        assert!(written_type(&written) == row.data_type, "{field}: {written:?} is no {}", row.data_type);
        let account = only_account(json!({
            "security": "certificate", "client_certificate": P256_CERTIFICATE, "server_certificate": P256_CERTIFICATE,
            "private_key": P256_SEC1, "sms": true, field: value,
        }));
        let resources =
            if object == 0 { account.security_resources.clone() } else { settings(&account).resources.clone() };
        assert_eq!(resources, [Resource::single(id, written)], "{field}");
    }
}

fn written_type(value: &Value) -> objects::DataType {
    use objects::DataType;
    match value {
        Value::String(_) => DataType::String,
        Value::Integer(_) => DataType::Integer,
        Value::Unsigned(_) => DataType::Unsigned,
        Value::Boolean(_) => DataType::Boolean,
        Value::Opaque(_) => DataType::Opaque,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_and_resources_by_id_are_merged_in_order_and_what_is_of_no_use_stays_out() {
    let account = only_account(json!({
        "transport": "tcp", "lifetime": 300, "store_notifications": false, "mute_send": true, "binding": "UT",
        "security_resources": { "16": [49320], "25": ["coaps://b"] }, "server_resources": { "10": "11:0", "26": 1 },
        "sms_number": "4917", "sni": "x", "matching_type": "sha-256", "certificate_usage": "domain-issued",
    }));
    assert_eq!(account.uri, "coaps+tcp://lwm2m.example.com:5684");
    let ids: Vec<u16> = account.security_resources.iter().map(|resource| resource.id).collect();
    assert_eq!(ids, [14, 16, 25]);
    assert_eq!(account.security_resources[1].value, ResourceValue::Multiple(vec![(0, Value::Unsigned(49320))]));
    let settings = settings(&account);
    assert_eq!((settings.lifetime, settings.store_notifications, settings.binding.as_str()), (300, false, "UT"));
    let ids: Vec<u16> = settings.resources.iter().map(|resource| resource.id).collect();
    assert_eq!(ids, [10, 23, 26]);
    assert_eq!(settings.resources[0], Resource::single(10, Value::ObjectLink(11, 0)));
}

#[test]
fn expressions_are_evaluated_for_the_device_and_the_account() {
    let account = only_account(json!({
        "uri": "${device.property.site}.example.com", "psk_identity": "$${${device.id}-${server.ssid}}",
        "psk": "${device.property.key}",
    }));
    assert_eq!(account.uri, "coaps://north.example.com:5684");
    let key = Secret::from(&b"hex:00ff"[..]);
    let identity = b"${7-101}".to_vec();
    assert_eq!(account.credentials, AccountCredentials::Psk { identity, key }, "an expression alone is its characters");
    let prefixed = only_account(json!({ "psk": "hex:a0${device.id}0", "psk_identity": "hex:${device.id}0" }));
    let key = Secret::from(&[0xa0, 0x70][..]);
    assert_eq!(prefixed.credentials, AccountCredentials::Psk { identity: vec![0x70], key });
}

#[test]
fn certificates_and_raw_keys_are_written_as_clients_want_them() {
    let der =
        |text: &str| crate::provision::identity_text::identity_bytes(text).unwrap_or_else(|error| panic!("{error}"));
    let spki = crate::provision::material::PublicKey::parse(P256_PUBLIC_KEY).unwrap().der().to_vec();
    let certificate = crate::provision::material::Certificate::parse(P256_CERTIFICATE).unwrap().der().to_vec();
    let pkcs8 = Secret::new(der(P256_PKCS8_DER));
    let fields = json!({
        "psk": null, "client_certificate": P256_CERTIFICATE, "server_certificate": P256_CERTIFICATE,
        "private_key": P256_SEC1, "server_public_key": P256_PUBLIC_KEY,
    });
    let with = |mode: &str, matching_type: Json| {
        let mut fields = fields.clone();
        fields["security"] = json!(mode);
        fields["matching_type"] = matching_type;
        only_account(fields).credentials
    };
    let (client, private_key) = (certificate.clone(), pkcs8.clone());
    assert_eq!(
        with("certificate", Json::Null),
        AccountCredentials::Certificate { client, server: certificate.clone(), private_key }
    );
    assert_eq!(with("est", Json::Null), AccountCredentials::Est { server: certificate });
    assert_eq!(with("est", json!("sha-256")), AccountCredentials::Est { server: der(SHA256_OF_CERTIFICATE) });
    let raw = AccountCredentials::RawPublicKey { client: spki.clone(), server: spki, private_key: pkcs8 };
    assert_eq!(with("rpk", Json::Null), raw, "the client's public key is that of its private key");
}

#[test]
fn an_account_that_cannot_be_written_is_refused() {
    for (fields, reason) in [
        (json!({ "ssid": 0 }), "it has no ssid of 1 to 65534"),
        (json!({ "ssid": 65535 }), "it has no ssid of 1 to 65534"),
        (json!({ "ssid": null }), "it has no ssid of 1 to 65534"),
        (json!({ "uri": null }), "it has no uri"),
        (json!({ "uri": "" }), "`uri` is empty: write the host, such as `eu.lwm2m.example.com`"),
        (
            json!({ "uri": "${x" }),
            "column 1: `${` starts an expression that nothing closes: add `}`, or write `$${` for a literal `${`",
        ),
        (json!({ "psk": null }), "its security mode is psk and it has no key"),
        (
            json!({ "psk": "${device.property.gone}" }),
            "the device has no property `gone`, which `${device.property.gone}` asks for: set it",
        ),
        (
            json!({ "psk": "hex:${device.property.site}" }),
            "what the expression makes is no key: what follows `hex:` must be pairs of hexadecimal digits",
        ),
        (
            json!({ "psk_identity": "i".repeat(129) }),
            "its PSK identity has 129 bytes for this device, and 1 to 128 are possible",
        ),
        (json!({ "psk_identity": "hex:ff" }), "its PSK identity is not UTF-8 for this device"),
        (json!({ "security": "est" }), "it has no `server_certificate`, which its security mode needs"),
        (
            json!({ "security": "est", "server_certificate": P256_PUBLIC_KEY }),
            "its `server_certificate` cannot be used: this field wants a certificate (`-----BEGIN CERTIFICATE-----`), but \
             the text holds a public key",
        ),
        (
            json!({ "security": "est", "server_certificate": SHA256_OF_CERTIFICATE }),
            "its `server_certificate` is a digest of another kind than its `matching_type` says",
        ),
        (
            json!({ "security_resources": { "16": "x" } }),
            "resource 16 of the object 0: the resource has instances: write a list, such as `[...]`",
        ),
        (
            json!({ "sms": true, "sms_binding_key_parameters": "00" }),
            "its `sms_binding_key_parameters` cannot be read: a key must say how it is written: `hex:...`, `base64:...` \
             or `text:...`",
        ),
        (
            json!({ "type": "bootstrap", "ssid": null, "psk": "${server.ssid}" }),
            "the server account has no SSID, which `${server.ssid}` asks for: give it an `ssid`",
        ),
    ] {
        let catalog = catalog(&[server(fields.clone())]);
        assert_eq!(refusal(&catalog, &device()), format!("server `a`: {reason}"), "{fields}");
    }
}

#[test]
fn a_device_without_a_usable_profile_is_refused() {
    let servers = [
        server(json!({})),
        server(json!({ "name": "b" })),
        server(json!({ "name": "bs", "type": "bootstrap", "ssid": null })),
        server(json!({ "name": "bs2", "type": "bootstrap", "ssid": null })),
    ];
    let profile = |name: &str, servers: &[&str]| json!({ "name": name, "servers": servers });
    let mut odd = profile("odd", &["a"]);
    odd["format"] = json!("xml");
    let catalog = catalog_with(
        &servers,
        &[
            profile("empty", &[]),
            profile("dangling", &["gone"]),
            profile("same", &["a", "b"]),
            profile("only-bs", &["bs"]),
            profile("two-bs", &["bs", "a", "bs2"]),
            odd,
        ],
    );
    for (profile, sentence) in [
        (None, "the device names no profile, no rule of a profile fits it, and no profile is the default"),
        (Some("gone"), "profile `gone` does not exist"),
        (Some("empty"), "profile `empty` names no server account to register with"),
        (Some("only-bs"), "profile `only-bs` names no server account to register with"),
        (Some("dangling"), "profile `dangling` names server `gone`, which does not exist"),
        (Some("same"), "servers `a` and `b` of profile `same` both have ssid 101"),
        (
            Some("two-bs"),
            "servers `bs` and `bs2` of profile `two-bs` are both of type bootstrap: a client has only one",
        ),
        (
            Some("odd"),
            "profile `odd`: no such format: use `auto`, `tlv`, `senml-cbor`, `senml-json` or `lwm2m-cbor`, and for single \
             resources also `plain-text` or `cbor`",
        ),
    ] {
        let device = DeviceDefinition { profile: profile.map(str::to_owned), ..device() };
        assert_eq!(refusal(&catalog, &device), sentence);
    }
}

#[test]
fn an_endpoint_name_too_long_for_a_psk_identity_is_refused() {
    let named = |length: usize| DeviceDefinition { endpoint: "e".repeat(length), ..device() };
    let catalog = catalog(&[server(json!({}))]);
    assert!(resolve(&client(&named(128), &[]), &catalog).is_ok());
    assert!(refusal(&catalog, &named(129)).contains("129 bytes for this device"));
}

#[test]
fn a_bootstrap_account_is_written_last_and_further_writes_after_it() {
    let bootstrap = server(json!({ "name": "bs", "type": "bootstrap", "ssid": null, "client_hold_off_time": 3 }));
    let profile = json!({
        "name": "p", "servers": ["bs", "a"], "default": true,
        "writes": [{ "path": "/3303/1", "resources": { "5701": "C" } }],
    });
    let found = provision(&catalog_with(&[bootstrap, server(json!({}))], &[profile]));
    let names: Vec<&str> = found.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["a", "bs"]);
    assert_eq!(found.bootstrap_account().map(|account| account.name.as_str()), Some("bs"));
    assert_eq!(found.writes[0].0, 3303);
    assert_eq!(found.writes[0].1.resources, [Resource::single(5701, Value::String("C".into()))]);
}

/// Draws credentials for account `a` at `issued`, in milliseconds since 1970.
fn drawn(catalog: &Catalog, id: i64, issued: i64, confirmed: Option<i64>) -> (NewCredentials, IssuedCredentials) {
    let mut random = StdRng::seed_from_u64(u64::try_from(id).unwrap());
    let new = issue(&client(&device(), &[]), catalog, "a", &mut random).unwrap();
    let kept = IssuedCredentials { id, server: "a".into(), issued, confirmed, values: new.values.clone() };
    (new, kept)
}

#[test]
fn what_is_drawn_is_kept_first_and_then_written_the_same_again() {
    let catalog = catalog(&[server(json!({
        "psk": "${string.secureRandom(32)}", "psk_identity": "${device.endpointName}-${string.random(8)}",
    }))]);
    let must_issue = Ok(Resolution::MustIssue(vec!["a".to_owned()]));
    assert_eq!(resolve(&client(&device(), &[]), &catalog), must_issue);
    let (new, kept) = drawn(&catalog, 1, 0, None);
    assert_eq!(new.bootstrap, None, "nobody proves himself to us with it");
    let issued = [kept];
    let device = device();
    let first = resolve(&client(&device, &issued), &catalog).unwrap();
    let Resolution::Provision(provision) = &first else { panic!("{first:?}") };
    assert_eq!(provision.accounts[0].issued.map(|issued| issued.id), Some(1));
    let AccountCredentials::Psk { identity, key } = &provision.accounts[0].credentials else { panic!() };
    assert!(identity.starts_with(b"meter-1-") && identity.len() == 16);
    assert!(key.len() == 32 && key.expose().iter().all(u8::is_ascii_alphanumeric));
    assert_eq!(resolve(&client(&device, &issued), &catalog).unwrap(), first);
}

#[test]
fn issued_credentials_are_replaced_when_they_are_due() {
    let account = |rotate: Json| server(json!({ "psk": "${string.secureRandom(32)}", "rotate": rotate }));
    let asked = |requested| Some(requested);
    for (rotate, issued, confirmed, requested, kept) in [
        (Json::Null, 0, Some(1), None, true),
        (json!("never"), 0, None, None, true),
        (json!("every-bootstrap"), 99 * DAY, None, None, true),
        (json!("every-bootstrap"), 99 * DAY, Some(99 * DAY), None, false),
        (json!(10), 90 * DAY + 1, Some(90 * DAY), None, true),
        (json!(10), 90 * DAY, Some(90 * DAY), None, false),
        (json!("never"), 50 * DAY, Some(50 * DAY), asked(50 * DAY), false),
        (json!("never"), 50 * DAY, None, asked(50 * DAY - 1), true),
    ] {
        let catalog = catalog(&[account(rotate.clone())]);
        let issued = [drawn(&catalog, 1, issued, confirmed).1];
        let device = device();
        let client = Client { rotation_requested: requested, ..client(&device, &issued) };
        let found = resolve(&client, &catalog).unwrap();
        assert_eq!(matches!(found, Resolution::Provision(_)), kept, "{rotate}, {confirmed:?}, {requested:?}");
    }
}

#[test]
fn the_last_issued_credentials_count_and_only_while_the_expression_is_the_same() {
    let before = catalog(&[server(json!({ "psk": "${string.secureRandom(32)}" }))]);
    let issued = [drawn(&before, 2, 0, None).1, drawn(&before, 1, 0, Some(1)).1];
    let device = device();
    match resolve(&client(&device, &issued), &before) {
        Ok(Resolution::Provision(provision)) => {
            assert_eq!(provision.accounts[0].issued.map(|issued| issued.id), Some(2))
        }
        other => panic!("{other:?}"),
    }
    for changed in [
        json!({ "psk": "${string.secureRandom(33)}" }),
        json!({ "psk": "${string.secureRandom(32)}", "uri": "${string.random(8)}.example.com" }),
        json!({ "psk": "${string.secureRandom(32)}", "uri": "elsewhere.example.com" }),
    ] {
        let after = catalog(&[server(changed.clone())]);
        let must_issue = Ok(Resolution::MustIssue(vec!["a".to_owned()]));
        assert_eq!(resolve(&client(&device, &issued), &after), must_issue, "{changed}");
    }
    let fixed = catalog(&[server(json!({}))]);
    match resolve(&client(&device, &issued), &fixed) {
        Ok(Resolution::Provision(provision)) => assert_eq!(provision.accounts[0].issued, None),
        other => panic!("{other:?}"),
    }
}

#[test]
fn new_bootstrap_credentials_are_those_that_the_client_is_given() {
    let bootstrap = |fields: Json| {
        let mut account = server(json!({ "type": "bootstrap", "ssid": null }));
        account.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        catalog(&[account, server(json!({ "name": "m" }))])
    };
    let sound = bootstrap(json!({
        "psk": "${string.secureRandom(32)}", "psk_identity": "${device.endpointName}-${string.random(8)}",
    }));
    let (new, kept) = drawn(&sound, 1, 0, None);
    let new = new.bootstrap.unwrap();
    let device = device();
    let Ok(Resolution::Provision(provision)) = resolve(&client(&device, &[kept]), &sound) else { panic!() };
    let (identity, key) = (new.identity, new.key.key().clone());
    assert_eq!(provision.bootstrap_account().unwrap().credentials, AccountCredentials::Psk { identity, key });

    let reused = bootstrap(json!({ "psk": "${string.secureRandom(32)}" }));
    let error = issue(&client(&device, &[]), &reused, "a", &mut StdRng::seed_from_u64(1)).unwrap_err().to_string();
    assert!(error.starts_with("server `a`: its key is drawn at random and its identity is not"), "{error}");
    let garbled = bootstrap(json!({ "psk": "hex:${string.random(8)}", "psk_identity": "${string.random(8)}" }));
    let error = issue(&client(&device, &[]), &garbled, "a", &mut StdRng::seed_from_u64(1)).unwrap_err().to_string();
    assert_eq!(error, "server `a`: what the expressions make is no identity or no key");
}

#[test]
fn nothing_is_drawn_for_what_the_device_lacks() {
    let catalog = catalog(&[server(json!({ "psk": "${string.secureRandom(32)}${device.property.gone}" }))]);
    let error = issue(&client(&device(), &[]), &catalog, "a", &mut StdRng::seed_from_u64(1)).unwrap_err().to_string();
    assert_eq!(
        error,
        "server `a`: the device has no property `gone`, which `${device.property.gone}` asks for: set it"
    );
}
