//! The object instances that a profile writes beside its accounts.
//!
//! Spec sheet `objects.md`, sections 10 (E14, E18), 11, 12 and 14.

use super::access_control;
use crate::lwm2m::objects::{self, ACCESS_CONTROL, DEVICE, DataType, OSCORE, SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, RESERVED_ID, ResourceId};
use crate::lwm2m::{ObjectInstance, Path, Value};
use crate::provision::definition::{ProfileDefinition, WriteDefinition};
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

const FIELD: &str = "writes";

/// Current Time, UTC Offset and Timezone, which give a device a clock before it looks at certificates (LwM2M Transport
/// 1.2, section 5.2.9.6.2).
const CLOCK: [ResourceId; 3] = [13, 14, 15];

/// Longest OSCORE identifier with the AEAD algorithm that all have (RFC 8613 section 3.3), in bytes.
const MAX_OSCORE_ID_BYTES: usize = 7;

pub(super) fn check(profile: &ProfileDefinition, problems: &mut Vec<Problem>) {
    let mut paths = Vec::new();
    for (element, write) in profile.writes.iter().enumerate() {
        let found = match path_of(write) {
            Ok(path) if paths.contains(&path) => {
                vec![Problem::error(FIELD, format!("`/{}/{}` is written twice: remove one", path.0, path.1))]
            }
            Ok(path) => {
                paths.push(path);
                check_write(path, write)
            }
            Err(problem) => vec![problem],
        };
        problems.extend(found.into_iter().map(|problem| problem.of_element(element)));
    }
}

/// Object and instance of a write.
pub(super) fn path_of(write: &WriteDefinition) -> Result<(ObjectId, ObjectInstanceId), Problem> {
    match write.path.parse() {
        Ok(Path::ObjectInstance(object, instance)) if object != RESERVED_ID && instance != RESERVED_ID => {
            Ok((object, instance))
        }
        _ => {
            let message = format!(
                "`{}` is no object instance: write object and instance, 0 to 65534, such as `/5/0`",
                write.path.escape_debug()
            );
            Err(Problem::error(FIELD, message))
        }
    }
}

/// What a write says, as far as it can be read.
pub(super) fn instance_of(write: &WriteDefinition) -> Option<(ObjectId, ObjectInstance)> {
    let (object, id) = path_of(write).ok()?;
    Some((object, ObjectInstance { id, resources: write.resources.resources_of(object).ok()? }))
}

fn check_write((object, instance): (ObjectId, ObjectInstanceId), write: &WriteDefinition) -> Vec<Problem> {
    if matches!(object, SECURITY | SERVER) {
        let message =
            format!("object {object} is written from server accounts: make an account, and name it in `servers`");
        return vec![Problem::error(FIELD, message)];
    }
    if object == DEVICE && instance != 0 {
        return vec![Problem::error(FIELD, "the Device Object has the instance `/3/0` alone: write that one")];
    }
    let mut problems = check_ids(object, write);
    match write.resources.resources_of(object) {
        Ok(resources) => {
            let instance = ObjectInstance { id: instance, resources };
            problems.extend(check_mandatory(object, &instance));
            match object {
                ACCESS_CONTROL => problems.extend(access_control::check(&instance)),
                OSCORE => problems.extend(check_oscore(&instance)),
                _ => {}
            }
        }
        Err(misfits) => {
            let misfits = misfits.into_iter().filter(|misfit| !is_executable(object, misfit.resource));
            problems.extend(
                misfits
                    .map(|misfit| Problem::error(FIELD, format!("resource {}: {}", misfit.resource, misfit.message))),
            );
        }
    }
    problems
}

fn is_executable(object: ObjectId, resource: ResourceId) -> bool {
    objects::definition(object, resource).is_some_and(|row| row.data_type == DataType::Executable)
}

/// Nothing that is executed, and of the Device Object the clock alone.
fn check_ids(object: ObjectId, write: &WriteDefinition) -> Vec<Problem> {
    let mut problems = Vec::new();
    if write.resources.is_empty() {
        problems.push(Problem::warning(FIELD, "nothing is written there: give `resources`, or remove it"));
    }
    for id in write.resources.ids() {
        let name = objects::definition(object, id).map_or("it", |row| row.name);
        if is_executable(object, id) {
            let message = format!("resource {id}: {name} is executed and never written: remove it");
            problems.push(Problem::error(FIELD, message).of_rule(Rule::E18));
        } else if object == DEVICE && !CLOCK.contains(&id) {
            let message = format!(
                "resource {id}: {name} belongs to the client; of the Device Object only 13, 14 and 15 are written, which \
                 give it a clock: remove it"
            );
            problems.push(Problem::error(FIELD, message).of_rule(Rule::E18));
        }
    }
    problems
}

/// Clients refuse an instance without its mandatory resources. The Device Object has its own.
fn check_mandatory(object: ObjectId, instance: &ObjectInstance) -> Vec<Problem> {
    let (rule, rows) = match object {
        ACCESS_CONTROL => (Rule::E17, objects::resources(object)),
        OSCORE => (Rule::E14, objects::resources(object)),
        _ => return Vec::new(),
    };
    let given = |id| instance.resources.iter().any(|resource| resource.id == id);
    let missing = rows.iter().filter(|row| row.mandatory && !given(row.id));
    missing
        .map(|row| {
            let message = format!(
                "resource {} ({}) is missing, and clients refuse the instance without it: add it",
                row.id, row.name
            );
            Problem::error(FIELD, message).of_rule(rule)
        })
        .collect()
}

/// The identifiers of an OSCORE context, from the client's point of view.
fn check_oscore(instance: &ObjectInstance) -> Vec<Problem> {
    let bytes = |id| match instance.single(id) {
        Some(Value::Opaque(bytes)) => Some(bytes),
        _ => None,
    };
    let (sender, recipient) = (bytes(1), bytes(2));
    let mut problems = Vec::new();
    if sender.is_some() && sender == recipient {
        let message = "Sender ID (1) and Recipient ID (2) are the same: give the client and the server one each";
        problems.push(Problem::error(FIELD, message).of_rule(Rule::E14));
    }
    for (name, id) in [("Sender ID (1)", sender), ("Recipient ID (2)", recipient)] {
        if let Some(id) = id.filter(|id| id.len() > MAX_OSCORE_ID_BYTES) {
            let message = format!("{name} has {} bytes, and OSCORE takes 7 at most: shorten it", id.len());
            problems.push(Problem::error(FIELD, message).of_rule(Rule::E14));
        }
    }
    if bytes(0).is_some() {
        let message = "every client with this profile has the same Master Secret, so that one of them can pass for all";
        problems.push(Problem::warning(FIELD, message));
    }
    problems
}
