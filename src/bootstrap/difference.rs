//! What an incremental bootstrap still has to write to a client that showed what it has.
//!
//! LwM2M Core 1.2 sections 6.1.3.3 and 6.1.7.2; spec sheet `bootstrap.md`, sections 2 and 7. What a client cannot be
//! asked for, such as the Security Object, differs always.

use super::plan::{Operation, Part, Write};
use crate::lwm2m::objects::SERVER;
use crate::lwm2m::path::ResourceId;
use crate::lwm2m::{Object, ObjectInstance, Path, Resource};

/// Resources of the Server Object that the client maintains, and that are not written back to it: TLS-DTLS Alert Code and
/// Last Bootstrapped.
const MAINTAINED: [ResourceId; 2] = [11, 12];

/// Takes out of `operations` what the client is known to hold already, and makes of an instance of which one resource
/// differs a write of that resource. Where more differs, the instance is written with what the client has beside, which
/// is kept.
pub(super) fn difference(operations: Vec<Operation>, held: &[Object]) -> Vec<Operation> {
    let deleted: Vec<Path> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Delete(target) => Some(*target),
            Operation::Write(_) => None,
        })
        .collect();
    // What is deleted first is not held when it is written.
    let is_deleted = |write: &Write| {
        let instance = Path::ObjectInstance(write.object, write.instance.id);
        deleted.iter().any(|target| target.contains(&instance))
    };
    operations
        .into_iter()
        .filter_map(|operation| match operation {
            Operation::Write(write) if !is_deleted(&write) => still_to_write(write, held).map(Operation::Write),
            other => Some(other),
        })
        .collect()
}

fn still_to_write(mut write: Write, held: &[Object]) -> Option<Write> {
    let object = held.iter().find(|object| object.id == write.object);
    let Some(instance) = object.and_then(|object| instance_of(object, &write)) else { return Some(write) };
    let holds = |resource: &Resource| instance.resources.contains(resource);
    let differing: Vec<Resource> = write.instance.resources.iter().filter(|it| !holds(it)).cloned().collect();
    match differing.len() {
        0 => return None,
        1 => {
            write.part = Part::Resource;
            write.instance.resources = differing;
        }
        _ if write.part == Part::Instance => {
            let is_ours = |resource: &&Resource| write.instance.resources.iter().any(|ours| ours.id == resource.id);
            let is_maintained = |resource: &&Resource| write.object == SERVER && MAINTAINED.contains(&resource.id);
            let kept = instance.resources.iter().filter(|it| !is_ours(it) && !is_maintained(it));
            let kept: Vec<Resource> = kept.cloned().collect();
            write.instance.resources.extend(kept);
            write.instance.resources.sort_by_key(|resource| resource.id);
        }
        _ => {}
    }
    Some(write)
}

fn instance_of<'a>(object: &'a Object, write: &Write) -> Option<&'a ObjectInstance> {
    object.instances.iter().find(|instance| instance.id == write.instance.id)
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::bootstrap::plan::{Operation, Part, Purpose, Write};
    use crate::lwm2m::{Object, ObjectInstance, Path, Resource, Value};

    fn resource(id: u16, number: i64) -> Resource {
        Resource::single(id, Value::Integer(number))
    }

    fn write(object: u16, resources: &[(u16, i64)]) -> Operation {
        let resources = resources.iter().map(|(id, number)| resource(*id, *number)).collect();
        let instance = ObjectInstance { id: 0, resources };
        Operation::Write(Write { object, instance, part: Part::Instance, purpose: Purpose::Account, note: None })
    }

    fn held(resources: &[(u16, i64)]) -> Vec<Object> {
        let resources = resources.iter().map(|(id, number)| resource(*id, *number)).collect();
        vec![Object { id: 1, instances: vec![ObjectInstance { id: 0, resources }] }]
    }

    /// Target and resources of each write that is left.
    fn left(wanted: &[(u16, i64)], held: &[Object]) -> Vec<(Path, Vec<u16>)> {
        let operations = difference(vec![write(1, wanted)], held);
        let ids = |write: &Write| write.instance.resources.iter().map(|resource| resource.id).collect();
        operations
            .iter()
            .map(|operation| match operation {
                Operation::Write(write) => (write.path(), ids(write)),
                Operation::Delete(path) => (*path, Vec::new()),
            })
            .collect()
    }

    #[test]
    fn what_the_client_holds_already_is_not_written() {
        let wanted = [(0, 101), (1, 300), (7, 1)];
        assert_eq!(left(&wanted, &held(&[(0, 101), (1, 300), (2, 5), (7, 1)])), []);
        assert_eq!(left(&wanted, &held(&[(0, 101), (1, 86400), (7, 1)])), [(Path::Resource(1, 0, 1), vec![1])]);
        let instance = Path::ObjectInstance(1, 0);
        assert_eq!(left(&wanted, &[]), [(instance, vec![0, 1, 7])], "nothing is known of it");
        let another = vec![Object { id: 1, instances: vec![ObjectInstance { id: 4, resources: Vec::new() }] }];
        assert_eq!(left(&wanted, &another), [(instance, vec![0, 1, 7])]);
    }

    #[test]
    fn where_several_differ_the_instance_keeps_what_the_client_has_beside_and_not_what_it_maintains() {
        let held = held(&[(0, 101), (1, 86400), (2, 5), (7, 2), (11, 40), (12, 9)]);
        let left = left(&[(0, 101), (1, 300), (7, 1)], &held);
        assert_eq!(left, [(Path::ObjectInstance(1, 0), vec![0, 1, 2, 7])]);
    }

    #[test]
    fn what_is_deleted_first_is_written_whole() {
        let wanted = write(1, &[(0, 101), (1, 300)]);
        for target in [Path::Root, Path::Object(1), Path::ObjectInstance(1, 0)] {
            let operations = vec![Operation::Delete(target), wanted.clone()];
            assert_eq!(difference(operations.clone(), &held(&[(0, 101), (1, 300)])), operations);
        }
        let elsewhere = Operation::Delete(Path::ObjectInstance(1, 7));
        assert_eq!(difference(vec![elsewhere.clone(), wanted], &held(&[(0, 101), (1, 300)])), [elsewhere]);
    }

    #[test]
    fn other_objects_and_deletes_are_left_alone() {
        let operations = vec![Operation::Delete(Path::Object(1)), write(0, &[(10, 101)])];
        assert_eq!(difference(operations.clone(), &held(&[(0, 101)])), operations);
    }
}
