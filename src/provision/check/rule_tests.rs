//! Each consistency rule that definitions can break: one fleet that breaks it, with the sentence, and one that does not.
//!
//! Spec sheet `objects.md`, section 10. Rules 4, 6, 16 and 19 show only when the client is known.

use serde_json::{Value as Json, json};

use super::{check_catalog, check_certificate_dates, check_profile, check_server};
use crate::provision::material::tests::vectors::*;
use crate::provision::rules::Rule;
use crate::provision::{ProfileDefinition, ServerDefinition};

/// 2026-07-02, when the certificates of the tests are valid.
const NOW: u64 = 1_782_950_400;

/// A rule, the change that breaks it, the sentence, and a change like it that does not.
struct Case {
    rule: Rule,
    broken: Change,
    sentence: &'static str,
    sound: Change,
}

/// Fields of the first account, of the second, and of the profile that has both.
struct Change(Json, Json, Json);

fn first(fields: Json) -> Change {
    Change(fields, json!({}), json!({}))
}

fn profile(fields: Json) -> Change {
    Change(json!({}), json!({}), fields)
}

fn write(path: &str, resources: Json) -> Change {
    profile(json!({ "writes": [{ "path": path, "resources": resources }] }))
}

/// What breaks `rule` in a fleet of two accounts and a profile, as `severity: sentence`.
fn breaches(rule: Rule, change: &Change) -> Vec<String> {
    let mut account = json!({ "name": "a", "ssid": 1, "uri": "a.example.com", "psk": "${string.secureRandom(32)}" });
    let mut other = json!({ "name": "b", "ssid": 2, "uri": "b.example.com", "psk": "${string.secureRandom(32)}" });
    let mut profile = json!({ "name": "p", "servers": ["a", "b"], "default": true });
    for (definition, fields) in [(&mut account, &change.0), (&mut other, &change.1), (&mut profile, &change.2)] {
        definition.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    }
    let servers: Vec<ServerDefinition> =
        [account, other].map(|server| serde_json::from_value(server).unwrap()).into_iter().collect();
    let profile: ProfileDefinition = serde_json::from_value(profile).unwrap();
    let mut problems: Vec<_> = servers.iter().flat_map(check_server).collect();
    problems.extend(servers.iter().flat_map(|server| check_certificate_dates(server, NOW)));
    problems.extend(check_profile(&profile));
    problems.extend(check_catalog(&servers, &[profile], &[]).into_iter().map(|finding| finding.problem));
    let broken = problems.into_iter().filter(|problem| problem.rule == Some(rule) && problem.is_error());
    broken.map(|problem| problem.message).collect()
}

fn oscore(sender: &str, recipient: &str) -> Json {
    json!({ "0": "text:0123456789abcdef", "1": sender, "2": recipient })
}

fn accounts() -> Vec<Case> {
    let case = |rule, broken, sentence, sound| Case { rule, broken, sentence, sound };
    let bootstrap = json!({ "type": "bootstrap", "ssid": null });
    vec![
        case(
            Rule::E1,
            profile(json!({ "servers": [] })),
            "a client needs at least one server account: name them, such as `servers = [\"fleet-eu\"]`",
            profile(json!({ "servers": ["a"] })),
        ),
        case(
            Rule::E1,
            Change(bootstrap.clone(), json!({}), json!({ "servers": ["a"] })),
            "all servers are of type bootstrap, and a client needs one to register with: add a management account",
            Change(bootstrap.clone(), json!({}), json!({ "servers": ["a", "b"] })),
        ),
        case(
            Rule::E2,
            first(json!({ "uri": null })),
            "`uri` is missing: write the host, such as `uri = \"eu.lwm2m.example.com\"`",
            first(json!({ "uri": "host" })),
        ),
        case(
            Rule::E2,
            first(json!({ "ssid": null })),
            "`ssid` is missing: give the Short Server ID, 1 to 65534, unique among the accounts of a client",
            first(json!({ "ssid": 65534 })),
        ),
        case(
            Rule::E3,
            first(json!({ "ssid": 65535 })),
            "65535 is no Short Server ID: 1 to 65534 are, 0 and 65535 are reserved",
            first(json!({ "ssid": 65534 })),
        ),
        case(
            Rule::E3,
            first(json!({ "ssid": 2 })),
            "servers `a` and `b` both have ssid 2, and a client can hold only one: change one",
            first(json!({ "ssid": 3 })),
        ),
        case(
            Rule::E5,
            Change(bootstrap.clone(), bootstrap.clone(), json!({})),
            "servers `a` and `b` are both of type bootstrap, and a client has only one: remove one",
            Change(bootstrap, json!({}), json!({})),
        ),
        case(
            Rule::E20,
            first(json!({ "type": "bootstrap", "ssid": null, "psk_identity": "${device.endpointName}" })),
            "its key is drawn at random and its identity is not: new bootstrap credentials need an identity of their \
             own, such as `psk_identity = \"${device.endpointName}-${string.random(8)}\"`",
            first(json!({
                "type": "bootstrap", "ssid": null, "psk_identity": "${device.endpointName}-${string.random(8)}",
            })),
        ),
    ]
}

fn credentials() -> Vec<Case> {
    let case = |rule, broken, sentence, sound| Case { rule, broken, sentence, sound };
    let certificate = |fields: Json| {
        let mut account = json!({
            "security": "certificate", "psk": null, "client_certificate": P256_CERTIFICATE, "private_key": P256_SEC1,
            "server_certificate": P256_CERTIFICATE,
        });
        account.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        first(account)
    };
    let identity = |length: usize| first(json!({ "psk_identity": "i".repeat(length) }));
    let key = |length: usize| first(json!({ "psk": format!("text:{}", "k".repeat(length)) }));
    vec![
        case(
            Rule::E7,
            certificate(json!({ "private_key": null })),
            "`security` is certificate, and `private_key` is missing: give the client's private key, PEM or `base64:...`",
            certificate(json!({})),
        ),
        case(
            Rule::E7,
            certificate(json!({ "private_key": P384_SEC1 })),
            "the private key does not belong to the certificate: it is EC P-384, the certificate holds EC P-256",
            certificate(json!({})),
        ),
        case(
            Rule::E7,
            first(json!({ "sni": "a", "certificate_usage": "domain-issued" })),
            "`security` is psk, which uses no `certificate_usage`: remove it, or set `security = \"certificate\"` or \
             `security = \"est\"`",
            certificate(json!({ "certificate_usage": "domain-issued" })),
        ),
        case(
            Rule::E8,
            identity(129),
            "`psk_identity` has 129 bytes, and clients need not take more than 128: shorten it",
            identity(128),
        ),
        case(
            Rule::E8,
            first(json!({ "psk_identity": "hex:ff" })),
            "`psk_identity` is not UTF-8, which LwM2M wants it to be: write bytes that are text",
            first(json!({ "psk_identity": "hex:c3bc" })),
        ),
        case(
            Rule::E8,
            key(65),
            "the key has 65 bytes, and clients need not take more than 64: use a shorter one",
            key(64),
        ),
        case(
            Rule::E8,
            first(json!({ "psk": "${string.secureRandom(65)}" })),
            "the key has 65 bytes at least, and clients need not take more than 64: draw fewer characters",
            first(json!({ "psk": "${string.secureRandom(64)}" })),
        ),
        case(
            Rule::E9,
            first(json!({ "uri": "coap://host" })),
            "the scheme is `coap`, and `transport` and `security` make it `coaps`: change the scheme, or set \
             `security = \"nosec\"` and `transport = \"udp\"`",
            first(json!({ "uri": "coaps://host" })),
        ),
        case(Rule::E10, first(json!({ "uri": "coaps://" })), "`uri` names no host", first(json!({ "uri": "host:1" }))),
        case(
            Rule::E10,
            first(json!({ "uri": format!("h/{}", "p".repeat(241)) })),
            "`coaps://h:5684/ppppppppppppppppppppppppp...` has 256 bytes with scheme and port, and the resource holds 255",
            first(json!({ "uri": format!("h/{}", "p".repeat(240)) })),
        ),
        case(
            Rule::E15,
            certificate(json!({ "server_certificate": SHA256_OF_CERTIFICATE, "matching_type": "sha-512" })),
            "the digest has 32 bytes, but one of matching type 3 has 64",
            certificate(json!({ "server_certificate": SHA256_OF_CERTIFICATE, "matching_type": "sha-256" })),
        ),
        case(
            Rule::E15,
            certificate(json!({ "server_certificate": SHA256_OF_CERTIFICATE })),
            "32 bytes are a digest, but matching type 0 wants the certificate itself; give the certificate or set the \
             matching type",
            certificate(json!({ "matching_type": "sha-256" })),
        ),
    ]
}

fn settings() -> Vec<Case> {
    let case = |field: &str, broken: Json, sentence, sound: Json| Case {
        rule: Rule::E11,
        broken: first(json!({ field: broken })),
        sentence,
        sound: first(json!({ field: sound })),
    };
    vec![
        case(
            "lifetime",
            json!(0),
            "a lifetime of 0 means nothing before LwM2M 1.2: use at least 1 second, better a day (86400)",
            json!(1),
        ),
        case(
            "default_maximum_period",
            json!(0),
            "a maximum period of 0 leaves no time between notifications: use at least 1 second, or leave it out",
            json!(1),
        ),
        Case {
            rule: Rule::E11,
            broken: first(json!({ "default_minimum_period": 2, "default_maximum_period": 1 })),
            sentence: "the minimum period (2 s) is longer than the maximum period (1 s): make it at most that",
            sound: first(json!({ "default_minimum_period": 1, "default_maximum_period": 1 })),
        },
        case(
            "binding",
            json!("USQ"),
            "no such binding: use U, UQ, S, SQ, US or UQS (LwM2M 1.0), or any of U, T, S, N, M and H once each (later)",
            json!("UQS"),
        ),
        case(
            "preferred_transport",
            json!("UT"),
            "the preferred transport is one letter: U, T, S, N, M or H",
            json!("U"),
        ),
        case(
            "communication_retry_count",
            json!(0),
            "`communication_retry_count` counts the first attempt too, so that 0 is none at all: use 1 or more",
            json!(1),
        ),
        case(
            "communication_sequence_retry_count",
            json!(0),
            "`communication_sequence_retry_count` counts the first attempt too, so that 0 is none at all: use 1 or more",
            json!(1),
        ),
        case(
            "server_resources",
            json!({ "26": 2 }),
            "resource 26: 2 is out of range: 0 to 1 are possible",
            json!({ "26": 1 }),
        ),
    ]
}

fn writes() -> Vec<Case> {
    let case = |rule, broken, sentence, sound| Case { rule, broken, sentence, sound };
    let linked = |link: &str, delete: Json| {
        let link = json!({ "security_resources": { "17": link } });
        Change(link, json!({}), json!({ "delete": delete }))
    };
    let both = |other: &str| {
        let link = |link: &str| json!({ "security_resources": { "17": link } });
        Change(link("21:0"), link(other), json!({}))
    };
    let rights = |object: i64, instance: i64, acl: Json, owner: i64| {
        write("/2/0", json!({ "0": object, "1": instance, "2": acl, "3": owner }))
    };
    vec![
        case(
            Rule::E12,
            linked("24:0", json!(["/0"])),
            "resource 17: it links to an instance of object 21 (OSCORE): write `\"21:0\"`",
            linked("21:0", json!(["/0"])),
        ),
        case(
            Rule::E12,
            linked("21:0", json!(["/0", "/21"])),
            "server `a` links to `/21/0`, which the profile deletes and does not write: add it to `writes`",
            linked("21:0", json!(["/0"])),
        ),
        case(
            Rule::E13,
            both("21:0"),
            "servers `a` and `b` both link to `/21/0`, and an OSCORE instance serves one account: write one for each",
            both("21:1"),
        ),
        case(
            Rule::E14,
            write("/21/0", oscore("hex:01", "hex:01")),
            "Sender ID (1) and Recipient ID (2) are the same: give the client and the server one each",
            write("/21/0", oscore("hex:01", "hex:02")),
        ),
        case(
            Rule::E14,
            write("/21/0", oscore("text:12345678", "hex:01")),
            "Sender ID (1) has 8 bytes, and OSCORE takes 7 at most: shorten it",
            write("/21/0", oscore("text:1234567", "hex:01")),
        ),
        case(
            Rule::E14,
            write("/21/0", json!({ "0": "text:k", "1": "hex:01" })),
            "resource 2 (Recipient ID) is missing, and clients refuse the instance without it: add it",
            write("/21/0", oscore("hex:01", "hex:02")),
        ),
        case(
            Rule::E17,
            rights(0, 0, json!({ "1": 1 }), 1),
            "Object ID (0) is 1 to 65534, for nobody has rights on the Security Object: write the object",
            rights(3, 0, json!({ "1": 1 }), 1),
        ),
        case(
            Rule::E17,
            rights(3, 0, json!({ "9": 1 }), 1),
            "Access Control names the server 9, and no account of the profile has that ssid: correct it",
            rights(3, 0, json!({ "0": 1, "2": 1 }), 1),
        ),
        case(
            Rule::E17,
            rights(3, 65535, json!({ "1": 16 }), 1),
            "the right to create instances (Object Instance ID 65535) is owned by 65535: set resource 3 to it",
            rights(3, 65535, json!({ "1": 16 }), 65535),
        ),
        case(
            Rule::E17,
            rights(3, 65535, json!({ "1": 17 }), 65535),
            "rights 17 of server 1 in ACL (2) concern the object itself, which can be created in alone: write 16 or 0",
            rights(3, 65535, json!({ "1": 16 }), 65535),
        ),
        case(
            Rule::E18,
            first(json!({ "server_resources": { "8": 1 } })),
            "resource 8: Registration Update Trigger is executed and never written: remove it",
            first(json!({ "server_resources": { "10": "11:0" } })),
        ),
        case(
            Rule::E18,
            first(json!({ "server_resources": { "11": 1 } })),
            "resource 11: TLS-DTLS Alert Code is written by the client alone: remove it",
            first(json!({ "server_resources": { "27": 1 } })),
        ),
        case(
            Rule::E18,
            write("/3/0", json!({ "4": 1 })),
            "resource 4: Reboot is executed and never written: remove it",
            write("/3/0", json!({ "13": 1 })),
        ),
        case(
            Rule::E18,
            write("/3/0", json!({ "16": "U" })),
            "resource 16: Supported Binding and Modes belongs to the client; of the Device Object only 13, 14 and 15 are \
             written, which give it a clock: remove it",
            write("/3/0", json!({ "14": "+01:00" })),
        ),
    ]
}

#[test]
fn a_broken_rule_is_named_with_the_remedy_and_a_kept_one_is_not() {
    let cases = [accounts(), credentials(), settings(), writes()];
    for Case { rule, broken, sentence, sound } in cases.iter().flatten() {
        assert_eq!(breaches(*rule, broken), [*sentence], "{rule}");
        assert_eq!(breaches(*rule, sound), [""; 0], "{rule}, kept: {sentence}");
    }
}

#[test]
fn every_rule_that_definitions_can_break_has_its_case() {
    let elsewhere = [Rule::E4, Rule::E6, Rule::E16, Rule::E19];
    let cases: Vec<Rule> =
        [accounts(), credentials(), settings(), writes()].iter().flatten().map(|it| it.rule).collect();
    for rule in Rule::ALL {
        assert_eq!(cases.contains(&rule), !elsewhere.contains(&rule), "{rule}");
    }
}
