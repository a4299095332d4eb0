//! Access Control: E16 and E17 (LwM2M Core 1.2 section 8.1; spec sheet `objects.md`, section 11).

use std::collections::BTreeSet;

use super::Finding;
use super::resulting::{Resulting, integer};
use crate::lwm2m::objects::{ACCESS_CONTROL, DEVICE, SECURITY, SERVER};
use crate::lwm2m::path::RESERVED_ID;
use crate::lwm2m::{ObjectInstance, Path, ResourceValue, Value, Version};
use crate::provision::rules::Rule;
use crate::provision::{AccessControl, Provision};

/// The right to create instances.
const CREATE: i64 = 16;
/// Every right.
const EVERY_RIGHT: i64 = 31;
/// MAX_ID: as a target the object itself, as an owner the Bootstrap-Server.
const MAX_ID: i64 = RESERVED_ID as i64;

pub(super) fn judge(
    provision: &Provision,
    resulting: &Resulting<'_>,
    version: Option<Version>,
    findings: &mut Vec<Finding>,
) {
    let servers: BTreeSet<i64> = resulting.short_server_ids(SERVER).into_iter().filter_map(|(_, ssid)| ssid).collect();
    let has_any = resulting.written(ACCESS_CONTROL).next().is_some() || resulting.kept(ACCESS_CONTROL).next().is_some();
    if servers.len() > 1 && !has_any && version.is_none_or(|version| version < Version::V1_2) {
        let remedy = match provision.writing.access_control {
            AccessControl::Never => "set `access_control = \"auto\"`",
            AccessControl::Auto => "a client that has no object 2 may refuse it or give no server any right",
        };
        let message = format!("the client would have {} servers and no Access Control: {remedy}", servers.len());
        findings.push(Finding::warning(Rule::E16, message));
    }
    for instance in resulting.written(ACCESS_CONTROL) {
        judge_instance(resulting, &servers, instance, findings);
    }
}

fn judge_instance(
    resulting: &Resulting<'_>,
    servers: &BTreeSet<i64>,
    instance: &ObjectInstance,
    findings: &mut Vec<Finding>,
) {
    let path = Path::ObjectInstance(ACCESS_CONTROL, instance.id);
    let knows = |ssid: i64| servers.contains(&ssid) || !resulting.knows_all(SERVER);
    let (object, target, owner) = (integer(instance, 0), integer(instance, 1), integer(instance, 3));
    let (Some(object), Some(target), Some(owner)) = (object, target, owner) else {
        let message = format!("{path} lacks its object (0), its instance (1) or its owner (3): write all three");
        return findings.push(Finding::error(Rule::E17, message));
    };
    if let Some(words) = target_error(resulting, object, target) {
        findings.push(Finding::error(Rule::E17, format!("{path}{words}")));
    }
    if owner != MAX_ID && (target == MAX_ID || !knows(owner)) {
        let words = match target {
            MAX_ID => "must be 65535, because the right to create is the Bootstrap-Server's to give".to_owned(),
            _ => format!("names owner {owner}, which is no server of this client: use a Short Server ID, or 65535"),
        };
        findings.push(Finding::error(Rule::E17, format!("{path}/3 {words}")));
    }
    for (ssid, rights) in entries(instance) {
        let place = format!("{path}/2/{ssid}");
        if ssid != 0 && !knows(ssid.into()) {
            let message = format!("{place} names no server of this client: use 0 for all, or a Short Server ID");
            findings.push(Finding::error(Rule::E17, message));
        }
        findings.extend(judge_rights(&place, rights, target == MAX_ID));
    }
}

/// What is wrong with the target of an instance.
fn target_error(resulting: &Resulting<'_>, object: i64, target: i64) -> Option<String> {
    let (object, target) = match (u16::try_from(object), u16::try_from(target)) {
        (Ok(SECURITY), _) => return Some("/0 names object 0, which is never under Access Control: remove it".into()),
        (Ok(RESERVED_ID) | Err(_), _) => return Some("/0 is no object: 1 to 65534 are".to_owned()),
        (Ok(_), Err(_)) => return Some("/1 is no object instance: 0 to 65535 are".to_owned()),
        (Ok(object), Ok(target)) => (object, target),
    };
    // The client always has its Device Object, whether it shows it or not.
    let is_there = target == RESERVED_ID
        || !resulting.knows_all(object)
        || (object, target) == (DEVICE, 0)
        || resulting.has(object, target);
    (!is_there).then(|| format!(" speaks of /{object}/{target}, which would not exist: remove it, or write that too"))
}

/// What is wrong with the rights of one entry.
fn judge_rights(place: &str, rights: Option<i64>, is_for_creation: bool) -> Option<Finding> {
    let Some(rights @ 0..=EVERY_RIGHT) = rights else {
        return Some(Finding::error(Rule::E17, format!("{place} is no set of rights: 0 to 31 are")));
    };
    if is_for_creation && rights & !CREATE != 0 {
        let message = format!("{place} gives more than the right to create, which is all there is here: write 16");
        return Some(Finding::error(Rule::E17, message));
    }
    // The conformance test ETS int-8 writes 31 on an instance, so this is no error.
    (!is_for_creation && rights & CREATE != 0).then(|| {
        let message = format!("{place} gives the right to create, which an instance does not have: subtract 16");
        Finding::warning(Rule::E17, message)
    })
}

/// The ACL: whose rights, and which.
fn entries(instance: &ObjectInstance) -> Vec<(u16, Option<i64>)> {
    let rights = |value: &Value| match value {
        Value::Integer(number) => Some(*number),
        Value::Unsigned(number) => i64::try_from(*number).ok(),
        _ => None,
    };
    match instance.resources.iter().find(|resource| resource.id == 2).map(|resource| &resource.value) {
        Some(ResourceValue::Multiple(values)) => values.iter().map(|(ssid, value)| (*ssid, rights(value))).collect(),
        _ => Vec::new(),
    }
}
