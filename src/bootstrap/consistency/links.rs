//! Object links between instances: E12 and E13 (spec sheet `objects.md`, sections 2, 5 and 12).

use std::collections::BTreeMap;

use super::Finding;
use super::resulting::Resulting;
use crate::lwm2m::objects::{OSCORE, SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, RESERVED_ID, ResourceId};
use crate::lwm2m::{ObjectInstance, Path, ResourceValue, Value};
use crate::provision::rules::Rule;

/// Object, resource, and the object that the resource must point into.
const LINKS: [(ObjectId, ResourceId, ObjectId); 5] =
    [(SECURITY, 17, OSCORE), (SECURITY, 26, 24), (SECURITY, 27, 23), (SERVER, 10, 11), (SERVER, 24, 11)];

pub(super) fn judge(resulting: &Resulting<'_>, findings: &mut Vec<Finding>) {
    let mut oscore_users: BTreeMap<u16, String> = BTreeMap::new();
    for (object, resource, target) in LINKS {
        for instance in resulting.written(object) {
            let place = format!("{}/{resource}", resulting.place(object, instance));
            for (linked, id) in links(instance, resource) {
                judge_link(resulting, &place, (linked, id), target, findings);
                if linked != OSCORE || object != SECURITY {
                    continue;
                }
                if let Some(other) = oscore_users.insert(id, place.clone()) {
                    let message =
                        format!("{other} and {place} both point at /{OSCORE}/{id}: give each account its own");
                    findings.push(Finding::error(Rule::E13, message));
                }
            }
        }
    }
}

fn judge_link(
    resulting: &Resulting<'_>,
    place: &str,
    (linked, id): (ObjectId, u16),
    target: ObjectId,
    findings: &mut Vec<Finding>,
) {
    let path = Path::ObjectInstance(linked, id);
    if linked != target {
        let message = format!("{place} points at {path}, and only instances of object {target} belong there");
        findings.push(Finding::error(Rule::E12, message));
    } else if !resulting.has(linked, id) {
        let message = format!("{place} points at {path}, which is not written: add it to `writes` of the profile");
        findings.push(match resulting.knows_all(target) {
            true => Finding::error(Rule::E12, message),
            false => Finding::warning(Rule::E12, format!("{message}, unless the client has it")),
        });
    }
}

/// The links that a resource holds; the null link is none.
fn links(instance: &ObjectInstance, resource: ResourceId) -> Vec<(u16, u16)> {
    let Some(found) = instance.resources.iter().find(|it| it.id == resource) else { return Vec::new() };
    let link = |value: &Value| match value {
        Value::ObjectLink(RESERVED_ID, RESERVED_ID) => None,
        Value::ObjectLink(object, id) => Some((*object, *id)),
        _ => None,
    };
    match &found.value {
        ResourceValue::Single(value) => link(value).into_iter().collect(),
        ResourceValue::Multiple(values) => values.iter().filter_map(|(_, value)| link(value)).collect(),
    }
}
