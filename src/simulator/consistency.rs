//! What a client checks before it answers Bootstrap-Finish with 2.04.
//!
//! Spec sheet `objects.md`, section 10, rules E1 to E5, E9, E11, E15 and the part of E7 that real clients check; LwM2M
//! Core 1.2 section 6.1.2. Everything else that could be wrong with a configuration is accepted here, as it is there.

mod clients;

use std::collections::BTreeSet;

use super::behaviour::FinishCheck;
use super::model::{
    BOOTSTRAP_SERVER, DataModel, SECURITY_SHORT_SERVER_ID, SERVER_SHORT_SERVER_ID, boolean, number, single, text,
};
use crate::lwm2m::objects::{SECURITY, SERVER};
use crate::lwm2m::{Resource, Value, Version};

/// Whether the client's behaviour lets it answer Finish with 2.04.
///
/// # Errors
///
/// The first rule that is broken, as words for the diagnostic payload of a 4.06.
pub(super) fn check(model: &DataModel) -> Result<(), String> {
    match model.behaviour().finish.check {
        FinishCheck::Everything => check_everything(model),
        FinishCheck::Anjay => clients::check_as_anjay(model),
        FinishCheck::Wakaama => clients::check_as_wakaama(model),
        FinishCheck::Leshan => clients::check_as_leshan(model),
        FinishCheck::Nothing => Ok(()),
    }
}

/// Whether a client that has answered Finish with 2.04 can work with what it was given: there is a whole account.
///
/// # Errors
///
/// Why it will bootstrap again (spec sheet `clients.md`, section 1, "Finish 2.04 but unusable result").
pub(super) fn check_usable(model: &DataModel) -> Result<(), String> {
    let ssid = |object: u16, id| {
        let instances = model.instances_of(object);
        instances.filter_map(move |(_, resources)| number(resources, id)).collect::<BTreeSet<i64>>()
    };
    let (secured, served) = (ssid(SECURITY, SECURITY_SHORT_SERVER_ID), ssid(SERVER, SERVER_SHORT_SERVER_ID));
    if secured.is_disjoint(&served) { Err("no server account is whole".to_owned()) } else { Ok(()) }
}

fn check_everything(model: &DataModel) -> Result<(), String> {
    let bootstrap_account = model.bootstrap_account();
    let mut secured = BTreeSet::new();
    let mut kept_bootstrap_account = false;
    for (instance, resources) in model.instances_of(SECURITY) {
        let flag = boolean(resources, BOOTSTRAP_SERVER).ok_or_else(|| missing(SECURITY, instance, BOOTSTRAP_SERVER))?;
        if flag {
            if kept_bootstrap_account {
                return Err("there are two bootstrap accounts".to_owned());
            }
            kept_bootstrap_account |= instance == bootstrap_account;
            // What the factory left is the client's own matter; what was written over it is not.
            if instance != bootstrap_account || !model.has_factory_account() {
                check_credentials(instance, resources)?;
            }
            continue;
        }
        check_credentials(instance, resources)?;
        let ssid = number(resources, SECURITY_SHORT_SERVER_ID)
            .ok_or_else(|| missing(SECURITY, instance, SECURITY_SHORT_SERVER_ID))?;
        check_ssid(ssid)?;
        if !secured.insert(ssid) {
            return Err(format!("two Security instances have Short Server ID {ssid}"));
        }
    }
    if !kept_bootstrap_account {
        return Err(format!("the bootstrap account at /0/{bootstrap_account} is gone"));
    }
    let mut served = BTreeSet::new();
    for (instance, resources) in model.instances_of(SERVER) {
        let ssid = check_server(model.version(), instance, resources)?;
        if !served.insert(ssid) {
            return Err(format!("two Server instances have Short Server ID {ssid}"));
        }
    }
    check_pairs(&secured, &served)
}

/// E1 and E4: at least one account, and each half has its other half.
fn check_pairs(secured: &BTreeSet<i64>, served: &BTreeSet<i64>) -> Result<(), String> {
    if let Some(ssid) = secured.difference(served).next() {
        return Err(format!("Short Server ID {ssid} has a Security instance and no Server instance"));
    }
    if let Some(ssid) = served.difference(secured).next() {
        return Err(format!("Short Server ID {ssid} has a Server instance and no Security instance"));
    }
    if secured.is_empty() { Err("there is no server account".to_owned()) } else { Ok(()) }
}

/// E2, E7, E9 and E15 for one account's Security instance.
fn check_credentials(instance: u16, resources: &[Resource]) -> Result<(), String> {
    let uri = text(resources, 0).filter(|uri| !uri.is_empty()).ok_or_else(|| missing(SECURITY, instance, 0))?;
    let mode = number(resources, 2).ok_or_else(|| missing(SECURITY, instance, 2))?;
    if !(0..=4).contains(&mode) {
        return Err(format!("/0/{instance}/2 says {mode}, which is no security mode"));
    }
    if matches!(mode, 0..=2) {
        for resource in [3, 5] {
            let filled = matches!(single(resources, resource), Some(Value::Opaque(bytes)) if !bytes.is_empty());
            filled.then_some(()).ok_or_else(|| missing(SECURITY, instance, resource))?;
        }
    }
    check_scheme(instance, uri, mode)?;
    for resource in [13, 15] {
        if number(resources, resource).is_some_and(|number| !(0..=3).contains(&number)) {
            return Err(format!("/0/{instance}/{resource} is neither 0, 1, 2 nor 3"));
        }
    }
    let digest = match number(resources, 13) {
        Some(1) => 32,
        Some(2) => 48,
        Some(3) => 64,
        _ => return Ok(()),
    };
    let fits = matches!(single(resources, 4), Some(Value::Opaque(bytes)) if bytes.len() == digest);
    if fits || matches!(mode, 0 | 3) { Ok(()) } else { Err(format!("/0/{instance}/4 is no digest of {digest} bytes")) }
}

/// E7: a secure scheme for every mode but NoSec.
fn check_scheme(instance: u16, uri: &str, mode: i64) -> Result<(), String> {
    let scheme = uri.split_once("://").map_or("", |(scheme, _)| scheme);
    let secure = matches!(scheme, "coaps" | "coaps+tcp" | "coaps+ws" | "https" | "mqtts");
    let fits = secure == (mode != 3);
    if fits { Ok(()) } else { Err(format!("the scheme of /0/{instance}/0 does not fit security mode {mode}")) }
}

/// E3 and E11 for one Server instance; gives its Short Server ID.
fn check_server(version: Version, instance: u16, resources: &[Resource]) -> Result<i64, String> {
    let ssid =
        number(resources, SERVER_SHORT_SERVER_ID).ok_or_else(|| missing(SERVER, instance, SERVER_SHORT_SERVER_ID))?;
    check_ssid(ssid)?;
    let lifetime = number(resources, 1).ok_or_else(|| missing(SERVER, instance, 1))?;
    if lifetime < 0 || (lifetime == 0 && version < Version::V1_2) {
        return Err(format!("/1/{instance}/1 says {lifetime}, which is no lifetime"));
    }
    let (minimum, maximum) = (number(resources, 2).unwrap_or(0), number(resources, 3).unwrap_or(i64::MAX));
    if minimum < 0 || maximum <= 0 || minimum > maximum {
        return Err(format!("/1/{instance}/2 and /1/{instance}/3 are no periods"));
    }
    if number(resources, 5).is_some_and(|timeout| timeout < 0) {
        return Err(format!("/1/{instance}/5 is no time-out"));
    }
    if [17, 20].iter().any(|&count| number(resources, count).is_some_and(|count| count < 1)) {
        return Err(format!("/1/{instance}/17 or /1/{instance}/20 is no count"));
    }
    if text(resources, 22).is_some_and(|letter| letter.len() != 1 || !"UTSNMH".contains(letter)) {
        return Err(format!("/1/{instance}/22 is no transport"));
    }
    boolean(resources, 6).ok_or_else(|| missing(SERVER, instance, 6))?;
    let binding = text(resources, 7).ok_or_else(|| missing(SERVER, instance, 7))?;
    if !is_binding(version, binding) {
        return Err(format!("/1/{instance}/7 says \"{binding}\", which is no binding of LwM2M {version}"));
    }
    Ok(ssid)
}

fn check_ssid(ssid: i64) -> Result<(), String> {
    if (1..=65_534).contains(&ssid) { Ok(()) } else { Err(format!("{ssid} is no Short Server ID")) }
}

/// Spec sheet `objects.md`, section 7.
fn is_binding(version: Version, binding: &str) -> bool {
    if version < Version::V1_1 {
        return matches!(binding, "U" | "UQ" | "S" | "SQ" | "US" | "UQS");
    }
    let letters = if version < Version::V1_2 { "UTSN" } else { "UTSNMH" };
    let known = binding.chars().all(|letter| letters.contains(letter));
    let distinct = binding.chars().collect::<BTreeSet<char>>().len() == binding.len();
    !binding.is_empty() && known && distinct
}

fn missing(object: u16, instance: u16, resource: u16) -> String {
    format!("/{object}/{instance}/{resource} is missing or of the wrong type")
}

#[cfg(test)]
mod tests {
    use super::{check, is_binding};
    use crate::lwm2m::{Object, ObjectInstance, Path, Resource, Value, Version};
    use crate::simulator::configuration::ClientConfiguration;
    use crate::simulator::model::DataModel;

    fn security() -> Vec<Resource> {
        vec![
            Resource::single(0, Value::String("coaps://eu.example.com".into())),
            Resource::single(1, Value::Boolean(false)),
            Resource::single(2, Value::Integer(0)),
            Resource::single(3, Value::opaque(b"meter-1")),
            Resource::single(4, Value::opaque(b"")),
            Resource::single(5, Value::opaque(b"0123456789abcdef")),
            Resource::single(10, Value::Integer(101)),
        ]
    }

    fn server() -> Vec<Resource> {
        vec![
            Resource::single(0, Value::Integer(101)),
            Resource::single(1, Value::Integer(86_400)),
            Resource::single(6, Value::Boolean(true)),
            Resource::single(7, Value::String("U".into())),
        ]
    }

    fn model(written: &[(u16, u16, Vec<Resource>)]) -> DataModel {
        let mut model = DataModel::new(&ClientConfiguration::new("ep"));
        for (object, instance, resources) in written {
            let content = ObjectInstance { id: *instance, resources: resources.clone() };
            let content = vec![Object { id: *object, instances: vec![content] }];
            model.write(Path::ObjectInstance(*object, *instance), content).unwrap();
        }
        model
    }

    fn without(mut resources: Vec<Resource>, id: u16) -> Vec<Resource> {
        resources.retain(|resource| resource.id != id);
        resources
    }

    fn with(resources: Vec<Resource>, id: u16, value: Value) -> Vec<Resource> {
        let mut resources = without(resources, id);
        resources.push(Resource::single(id, value));
        resources
    }

    #[test]
    fn a_whole_account_is_accepted() {
        assert_eq!(check(&model(&[(0, 1, security()), (1, 0, server())])), Ok(()));
        let nosec = with(security(), 0, Value::String("coap://eu.example.com".into()));
        let nosec = without(without(with(nosec, 2, Value::Integer(3)), 3), 5);
        assert_eq!(check(&model(&[(0, 1, nosec), (1, 0, server())])), Ok(()));
    }

    #[test]
    fn each_mandatory_resource_is_missed() {
        for id in [0, 1, 2, 3, 5, 10] {
            let words = check(&model(&[(0, 1, without(security(), id)), (1, 0, server())])).unwrap_err();
            assert!(words.starts_with(&format!("/0/1/{id} is missing")), "{words}");
        }
        for id in [0, 1, 6, 7] {
            let words = check(&model(&[(0, 1, security()), (1, 0, without(server(), id))])).unwrap_err();
            assert!(words.starts_with(&format!("/1/0/{id} is missing")), "{words}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let other = with(server(), 0, Value::Integer(102));
        let certified = with(security(), 2, Value::Integer(2));
        let bootstrap = with(without(security(), 10), 1, Value::Boolean(true));
        let table = [
            (model(&[]), "there is no server account"),
            (model(&[(0, 1, security())]), "no Server instance"),
            (model(&[(1, 0, server())]), "no Security instance"),
            (model(&[(0, 1, security()), (1, 0, other)]), "no Server instance"),
            (model(&[(0, 1, security()), (0, 2, security()), (1, 0, server())]), "two Security instances"),
            (model(&[(0, 1, security()), (1, 0, server()), (1, 1, server())]), "two Server instances"),
            (model(&[(0, 0, security()), (1, 0, server())]), "the bootstrap account at /0/0 is gone"),
            (model(&[(0, 1, with(security(), 2, Value::Integer(3))), (1, 0, server())]), "does not fit"),
            (model(&[(0, 1, with(security(), 10, Value::Integer(65_535))), (1, 0, server())]), "no Short Server ID"),
            (model(&[(0, 1, security()), (1, 0, with(server(), 7, Value::String("UQ".into())))]), "no binding"),
            (model(&[(0, 1, security()), (1, 0, with(server(), 1, Value::Integer(0)))]), "no lifetime"),
            (model(&[(0, 1, security()), (1, 0, with(server(), 3, Value::Integer(0)))]), "no periods"),
            (model(&[(0, 1, security()), (1, 0, with(server(), 5, Value::Integer(-1)))]), "no time-out"),
            (model(&[(0, 1, security()), (1, 0, with(server(), 17, Value::Unsigned(0)))]), "no count"),
            (model(&[(0, 1, security()), (1, 0, with(server(), 22, Value::String("UT".into())))]), "no transport"),
            (model(&[(0, 1, with(security(), 13, Value::Unsigned(4))), (1, 0, server())]), "neither 0, 1, 2 nor 3"),
            (model(&[(0, 1, with(certified, 13, Value::Unsigned(1))), (1, 0, server())]), "no digest of 32 bytes"),
            (model(&[(0, 0, with(bootstrap, 5, Value::opaque(b"")))]), "/0/0/5 is missing"),
        ];
        for (model, expected) in table {
            let words = check(&model).unwrap_err();
            assert!(words.contains(expected), "{words} should say {expected}");
        }
    }

    #[test]
    fn bindings_belong_to_versions() {
        assert!(is_binding(Version::V1_0, "UQS") && !is_binding(Version::V1_0, "USQ"));
        assert!(!is_binding(Version::V1_0, "T") && is_binding(Version::V1_1, "UT"));
        assert!(!is_binding(Version::V1_1, "UU") && !is_binding(Version::V1_1, ""));
        assert!(!is_binding(Version::V1_1, "M") && is_binding(Version::V1_2, "M"));
    }
}
