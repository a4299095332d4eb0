//! What is known of a client, and how that changes what it is sent.
//!
//! Spec sheets `clients.md`, sections 1 and 3, and `bootstrap.md`, section 16. Knowledge spares round trips that would
//! end in a refusal, and fills what Discover would have told; it never takes anything out that an account depends on.

use super::plan::{Operation, Part};
use crate::lwm2m::{Version, definition};
use crate::provision::{AccessControl, ClientKnowledge, Discover, Level, Provision};

/// Fits a provision to the client, as far as it is known.
pub(super) fn adapt(provision: &mut Provision, knowledge: &ClientKnowledge) {
    let writing = &mut provision.writing;
    if knowledge.refuses_discover && writing.discover == Discover::Auto {
        writing.discover = Discover::Never;
    }
    // Where Discover is asked, its answer is newer.
    if writing.discover == Discover::Never {
        writing.bootstrap_account_instance =
            writing.bootstrap_account_instance.or(knowledge.bootstrap_account_instance);
    }
    if knowledge.lacks_access_control {
        writing.access_control = AccessControl::Never;
    }
    if knowledge.renumbers_instances && writing.level == Level::Object {
        writing.level = Level::Instance;
    }
}

/// Takes the optional resources out of accounts that the client is known to refuse, and says so in the notes of the
/// writes.
pub(super) fn leave_out_refused(operations: &mut [Operation], knowledge: &ClientKnowledge) {
    for operation in operations {
        let Operation::Write(write) = operation else { continue };
        let object = write.object;
        let is_refused = |id| knowledge.refused_resources.contains(&(object, id));
        let is_needless = |id| definition(object, id).is_some_and(|row| row.since > Version::V1_0 && !row.mandatory);
        let is_left_out = |id| is_refused(id) && is_needless(id);
        let resources = &write.instance.resources;
        if write.part == Part::Resource || !resources.iter().any(|resource| is_left_out(resource.id)) {
            continue;
        }
        let mut trial = write.clone();
        // What an account depends on stays, and the client says what it thinks of that.
        if trial.without_later_resources().is_none() {
            continue;
        }
        let left_out: Vec<String> =
            resources.iter().filter(|it| is_left_out(it.id)).map(|it| it.id.to_string()).collect();
        write.instance.resources.retain(|resource| !is_left_out(resource.id));
        write.note =
            Some(format!("optional resources {} left out: the client has refused them before", left_out.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::{adapt, leave_out_refused};
    use crate::bootstrap::plan::{Operation, Part, Purpose, Write};
    use crate::lwm2m::{ObjectInstance, Resource, Value};
    use crate::provision::{AccessControl, ClientKnowledge, Discover, Level, ProfileChoice, Provision, Writing};

    fn provision(writing: Writing) -> Provision {
        let (accounts, writes) = (Vec::new(), Vec::new());
        let (endpoint, profile) = ("dev1".to_owned(), "p".to_owned());
        Provision { endpoint, profile, choice: ProfileChoice::Default, accounts, writes, writing }
    }

    #[test]
    fn knowledge_spares_questions_and_yields_to_what_the_operator_insists_on() {
        let knowledge = ClientKnowledge {
            refuses_discover: true,
            bootstrap_account_instance: Some(1),
            lacks_access_control: true,
            renumbers_instances: true,
            ..ClientKnowledge::default()
        };
        let mut fitted = provision(Writing { level: Level::Object, ..Writing::default() });
        adapt(&mut fitted, &knowledge);
        let writing = fitted.writing;
        assert_eq!((writing.discover, writing.bootstrap_account_instance), (Discover::Never, Some(1)));
        assert_eq!((writing.access_control, writing.level), (AccessControl::Never, Level::Instance));
        let insisting = Writing { discover: Discover::Always, ..Writing::default() };
        let mut fitted = provision(insisting.clone());
        adapt(&mut fitted, &ClientKnowledge { lacks_access_control: false, ..knowledge });
        assert_eq!(fitted.writing, insisting, "it is asked where that is");
    }

    fn server_write(ids: &[u16]) -> Operation {
        let resources = ids.iter().map(|id| Resource::single(*id, Value::Integer(1))).collect();
        let instance = ObjectInstance { id: 0, resources };
        let (part, purpose) = (Part::Instance, Purpose::Account);
        Operation::Write(Write { object: 1, instance, part, purpose, note: None })
    }

    #[test]
    fn only_optional_resources_of_later_releases_are_left_out() {
        let knowledge =
            ClientKnowledge { refused_resources: vec![(1, 1), (1, 2), (1, 13), (0, 16)], ..ClientKnowledge::default() };
        let mut operations = [server_write(&[0, 1, 2, 13, 16])];
        leave_out_refused(&mut operations, &knowledge);
        let Operation::Write(write) = &operations[0] else { panic!("a write") };
        let ids: Vec<u16> = write.instance.resources.iter().map(|resource| resource.id).collect();
        assert_eq!(ids, [0, 1, 2, 16]);
        assert_eq!(write.note.as_deref(), Some("optional resources 13 left out: the client has refused them before"));
        let mut untouched = [server_write(&[0, 1, 2])];
        leave_out_refused(&mut untouched, &knowledge);
        assert_eq!(untouched, [server_write(&[0, 1, 2])]);
    }
}
