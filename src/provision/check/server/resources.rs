//! Resources of the Security and the Server Object that are given by their id.
//!
//! Spec sheet `objects.md`, sections 2, 5 and 10 (E11, E12, E18, and the warnings).

use std::ops::RangeInclusive;

use crate::lwm2m::objects::{self, DataType, SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, ResourceId};
use crate::lwm2m::{Resource, ResourceValue, Value};
use crate::provision::definition::ServerDefinition;
use crate::provision::definition::resource_values::ResourceValues;
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

/// DTLS/TLS Ciphersuite.
const CIPHERSUITE: ResourceId = 16;

/// Ciphersuites in CBC mode (IANA TLS Cipher Suites), against which padding oracles are known.
const CBC_SUITES: [(u64, &str); 14] = [
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x008c, "TLS_PSK_WITH_AES_128_CBC_SHA"),
    (0x00ae, "TLS_PSK_WITH_AES_128_CBC_SHA256"),
    (0x00af, "TLS_PSK_WITH_AES_256_CBC_SHA384"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc035, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA"),
    (0xc037, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256"),
];

/// A link from an account to an instance of another object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provision::check) struct ObjectLink {
    /// The object that holds the link: Security or Server.
    pub object: ObjectId,
    /// The resource that holds it.
    pub resource: ResourceId,
    /// The object instance that is meant.
    pub target: (ObjectId, ObjectInstanceId),
}

pub(super) fn check(server: &ServerDefinition, problems: &mut Vec<Problem>) {
    check_object(SECURITY, "security_resources", &server.security_resources, problems);
    check_object(SERVER, "server_resources", &server.server_resources, problems);
}

fn check_object(object: ObjectId, field: &'static str, values: &ResourceValues, problems: &mut Vec<Problem>) {
    let mut refused = Vec::new();
    for id in values.ids() {
        match refusal(object, id) {
            Some(problem) => {
                let message = format!("resource {id}: {}", problem.message);
                problems.push(Problem { field, message, ..problem });
                refused.push(id);
            }
            None if objects::definition(object, id).is_none() => {
                let message = format!("resource {id}: no LwM2M version up to 1.2 has it, and clients may ignore it");
                problems.push(Problem::warning(field, message));
            }
            None => {}
        }
    }
    match values.resources_of(object) {
        Ok(resources) => {
            for resource in resources.iter().filter(|resource| !refused.contains(&resource.id)) {
                check_values(object, field, resource, problems);
            }
        }
        Err(misfits) => {
            for misfit in misfits.into_iter().filter(|misfit| !refused.contains(&misfit.resource)) {
                problems.push(Problem::error(field, format!("resource {}: {}", misfit.resource, misfit.message)));
            }
        }
    }
}

/// Why a resource is not given by its id.
fn refusal(object: ObjectId, id: ResourceId) -> Option<Problem> {
    let row = objects::definition(object, id)?;
    if let Some(named) = field_of(object, id) {
        return Some(Problem::error("", format!("{} has a field of its own: use `{named}`", row.name)));
    }
    if row.data_type == DataType::Executable {
        let message = format!("{} is executed and never written: remove it", row.name);
        return Some(Problem::error("", message).of_rule(Rule::E18));
    }
    (object == SERVER && matches!(id, 11 | 12)).then(|| {
        let message = format!("{} is written by the client alone: remove it", row.name);
        Problem::error("", message).of_rule(Rule::E18)
    })
}

/// The field that says what a resource holds.
fn field_of(object: ObjectId, id: ResourceId) -> Option<&'static str> {
    const SECURITY_FIELDS: [&str; 16] = [
        "uri",
        "type",
        "security",
        "psk_identity`, `client_certificate` or `client_public_key",
        "server_certificate` or `server_public_key",
        "psk` or `private_key",
        "sms_security",
        "sms_binding_key_parameters",
        "sms_binding_secret_keys",
        "sms_number",
        "ssid",
        "client_hold_off_time",
        "bootstrap_server_account_timeout",
        "matching_type",
        "sni",
        "certificate_usage",
    ];
    match (object, id) {
        (SECURITY, id) => SECURITY_FIELDS.get(usize::from(id)).copied(),
        (SERVER, 0) => Some("ssid"),
        (SERVER, 1) => Some("lifetime"),
        (SERVER, 2) => Some("default_minimum_period"),
        (SERVER, 3) => Some("default_maximum_period"),
        (SERVER, 5) => Some("disable_timeout"),
        (SERVER, 6) => Some("store_notifications"),
        (SERVER, 7) => Some("binding"),
        (SERVER, 13) => Some("registration_priority_order"),
        (SERVER, 14) => Some("initial_registration_delay_timer"),
        (SERVER, 15) => Some("registration_failure_block"),
        (SERVER, 16) => Some("bootstrap_on_registration_failure"),
        (SERVER, 17) => Some("communication_retry_count"),
        (SERVER, 18) => Some("communication_retry_timer"),
        (SERVER, 19) => Some("communication_sequence_delay_timer"),
        (SERVER, 20) => Some("communication_sequence_retry_count"),
        (SERVER, 21) => Some("trigger"),
        (SERVER, 22) => Some("preferred_transport"),
        (SERVER, 23) => Some("mute_send"),
        _ => None,
    }
}

fn check_values(object: ObjectId, field: &'static str, resource: &Resource, problems: &mut Vec<Problem>) {
    for value in values_of(resource) {
        let found = match value {
            Value::Integer(number) => check_range(object, resource.id, i128::from(*number)),
            Value::Unsigned(number) if (object, resource.id) == (SECURITY, CIPHERSUITE) => check_suite(*number),
            Value::Unsigned(number) => check_range(object, resource.id, i128::from(*number)),
            Value::ObjectLink(target, _) => check_link(object, resource.id, *target),
            Value::String(text) if (object, resource.id) == (SERVER, 25) && !is_version(text) => {
                Some(Problem::error("", "a version is two or three numbers, such as `\"1.1\"`").of_rule(Rule::E11))
            }
            _ => None,
        };
        problems.extend(found.map(|problem| {
            let message = format!("resource {}: {}", resource.id, problem.message);
            Problem { field, message, ..problem }
        }));
    }
}

fn values_of(resource: &Resource) -> Vec<&Value> {
    match &resource.value {
        ResourceValue::Single(value) => vec![value],
        ResourceValue::Multiple(values) => values.iter().map(|(_, value)| value).collect(),
    }
}

fn check_range(object: ObjectId, resource: ResourceId, number: i128) -> Option<Problem> {
    let range: RangeInclusive<i128> = match (object, resource) {
        (SECURITY, 18..=21) => 0..=65535,
        (SECURITY, 28 | 29) => 0..=15,
        (SERVER, 26) => 0..=1,
        (SERVER, 27) => 0..=255,
        _ => return None,
    };
    (!range.contains(&number)).then(|| {
        let message = format!("{number} is out of range: {} to {} are possible", range.start(), range.end());
        Problem::error("", message).of_rule(Rule::E11)
    })
}

/// A suite is the two IANA bytes one after the other.
fn check_suite(suite: u64) -> Option<Problem> {
    if suite > 0xffff {
        let message =
            format!("{suite} is no ciphersuite: write its two IANA bytes as one number, such as 49320 (0xC0A8)");
        return Some(Problem::error("", message));
    }
    let (_, name) = CBC_SUITES.iter().find(|(number, _)| *number == suite)?;
    let message = format!(
        "{name} ({suite}) is a CBC suite, which attacks on its padding are known against: prefer 49320 \
         (TLS_PSK_WITH_AES_128_CCM_8) or 49326 (TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8)"
    );
    Some(Problem::warning("", message))
}

/// `1*DIGIT "." 1*DIGIT ["." 1*DIGIT]`.
fn is_version(text: &str) -> bool {
    let numbers: Vec<&str> = text.split('.').collect();
    (2..=3).contains(&numbers.len())
        && numbers.iter().all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The object to which a resource links.
fn linked_object(object: ObjectId, resource: ResourceId) -> Option<(ObjectId, &'static str)> {
    match (object, resource) {
        (SECURITY, 17) => Some((21, "OSCORE")),
        (SECURITY, 26) => Some((24, "MQTT Server")),
        (SECURITY, 27) => Some((23, "COSE")),
        (SERVER, 10 | 24) => Some((11, "APN Connection Profile")),
        _ => None,
    }
}

fn check_link(object: ObjectId, resource: ResourceId, target: ObjectId) -> Option<Problem> {
    let (expected, name) = linked_object(object, resource)?;
    (target != expected).then(|| {
        let message = format!("it links to an instance of object {expected} ({name}): write `\"{expected}:0\"`");
        Problem::error("", message).of_rule(Rule::E12)
    })
}

/// The links of an account to instances of other objects; those that are none are left out.
pub(in crate::provision::check) fn object_links(server: &ServerDefinition) -> Vec<ObjectLink> {
    let mut links = Vec::new();
    for (object, values) in [(SECURITY, &server.security_resources), (SERVER, &server.server_resources)] {
        for resource in values.resources_of(object).unwrap_or_default() {
            let Some((expected, _)) = linked_object(object, resource.id) else { continue };
            links.extend(values_of(&resource).into_iter().filter_map(|value| match value {
                Value::ObjectLink(target, instance) if *target == expected => {
                    Some(ObjectLink { object, resource: resource.id, target: (*target, *instance) })
                }
                _ => None,
            }));
        }
    }
    links
}
