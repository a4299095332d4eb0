//! Access Control instances that a profile writes. Spec sheet `objects.md`, sections 10 (E17) and 11.
//!
//! Whether the target is there is known only with the client.

use crate::lwm2m::{ObjectInstance, ResourceValue, Value};
use crate::provision::problem::Problem;
use crate::provision::rules::Rule;

const FIELD: &str = "writes";

/// The right to create instances, the one that concerns an object and no instance.
const CREATE: i64 = 16;

/// Stands for the whole object in resource 1, and for the bootstrap alone in resource 3.
const MAX_ID: i64 = 65535;

/// What one Access Control instance says.
struct Rights {
    object: Option<i64>,
    instance: Option<i64>,
    /// Short Server ID, or 0 for all others, and rights.
    acl: Vec<(u16, i64)>,
    owner: Option<i64>,
}

impl Rights {
    fn of(instance: &ObjectInstance) -> Rights {
        let integer = |id| match instance.single(id) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        };
        let acl = instance.resources.iter().find(|resource| resource.id == 2).map(|resource| &resource.value);
        let entries = match acl {
            Some(ResourceValue::Multiple(entries)) => entries.as_slice(),
            _ => &[],
        };
        let entry = |(id, value): &(u16, Value)| match value {
            Value::Integer(rights) => Some((*id, *rights)),
            _ => None,
        };
        let acl = entries.iter().filter_map(entry).collect();
        Rights { object: integer(0), instance: integer(1), acl, owner: integer(3) }
    }
}

/// What is wrong with an instance whatever the accounts are.
pub(super) fn check(instance: &ObjectInstance) -> Vec<Problem> {
    let Rights { object, instance, acl, owner } = Rights::of(instance);
    let mut problems = Vec::new();
    let mut doubts = Vec::new();
    let mut refuse = |message: String| problems.push(Problem::error(FIELD, message).of_rule(Rule::E17));
    if object.is_some_and(|object| !(1..=65534).contains(&object)) {
        refuse(
            "Object ID (0) is 1 to 65534, for nobody has rights on the Security Object: write the object".to_owned(),
        );
    }
    if instance.is_some_and(|instance| !(0..=MAX_ID).contains(&instance)) {
        refuse("Object Instance ID (1) is 0 to 65534, or 65535 for the object itself: write the instance".to_owned());
    }
    if owner.is_some_and(|owner| !(1..=MAX_ID).contains(&owner)) {
        refuse("Access Control Owner (3) is a Short Server ID, or 65535 for the bootstrap alone: write one".to_owned());
    }
    let concerns_object = instance == Some(MAX_ID);
    if concerns_object && owner.is_some_and(|owner| owner != MAX_ID) {
        refuse(
            "the right to create instances (Object Instance ID 65535) is owned by 65535: set resource 3 to it"
                .to_owned(),
        );
    }
    for (server, rights) in acl {
        let entry = format!(
            "rights {rights} of {} in ACL (2)",
            if server == 0 { "all others".to_owned() } else { format!("server {server}") }
        );
        if !(0..=31).contains(&rights) {
            refuse(format!("{entry} are none: add up 1 to read, 2 to write, 4 to execute, 8 to delete, 16 to create"));
        } else if concerns_object && rights & !CREATE != 0 {
            refuse(format!("{entry} concern the object itself, which can be created in alone: write 16 or 0"));
        } else if !concerns_object && instance.is_some() && rights & CREATE != 0 {
            // ETS writes 31 for "everything" (spec sheet `objects.md`, section 11), and clients take it.
            doubts.push(format!("{entry} hold 16, to create, which concerns no instance: leave it out"));
        }
    }
    problems.extend(doubts.into_iter().map(|doubt| Problem::warning(FIELD, doubt).of_rule(Rule::E17)));
    problems
}

/// Short Server IDs that an instance names and that are none of `known`.
pub(super) fn check_servers(instance: &ObjectInstance, known: &[u32]) -> Vec<Problem> {
    let Rights { acl, owner, .. } = Rights::of(instance);
    let named = acl.iter().map(|(server, _)| i64::from(*server)).filter(|server| *server != 0);
    let owner = owner.filter(|owner| (1..MAX_ID).contains(owner));
    let mut unknown: Vec<i64> =
        named.chain(owner).filter(|server| !known.iter().any(|known| i64::from(*known) == *server)).collect();
    unknown.dedup();
    let problem = |server: i64| {
        let message = format!(
            "Access Control names the server {server}, and no account of the profile has that ssid: correct it"
        );
        Problem::error(FIELD, message).of_rule(Rule::E17)
    };
    unknown.into_iter().map(problem).collect()
}
