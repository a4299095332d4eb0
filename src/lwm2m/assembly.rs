//! `Assembly`: a tree that grows while a payload is read, and the checks every format shares.
//!
//! Nothing outside the target, no reserved identifier, nothing twice, not too much (spec sheets `formats.md`, sections
//! 4 to 6, and `objects.md`, section 8).

use super::codec::MAX_ENTRIES;
use super::content::{Object, ObjectInstance, Resource, ResourceValue};
use super::error::DecodeError;
use super::path::{ObjectId, ObjectInstanceId, Path, RESERVED_ID, ResourceId};
use super::value::Value;

pub(super) struct Assembly {
    target: Path,
    objects: Vec<Object>,
    entries: usize,
}

impl Assembly {
    pub(super) fn new(target: &Path) -> Assembly {
        Assembly { target: *target, objects: Vec::new(), entries: 0 }
    }

    /// Adds a value at `place`, a resource or resource instance.
    pub(super) fn insert(&mut self, place: &Path, value: Value) -> Result<(), DecodeError> {
        self.admit(place)?;
        match *place {
            Path::Resource(object, instance, id) => {
                let resources = &mut self.instance(object, instance).resources;
                if resources.iter().any(|known| known.id == id) {
                    return Err(DecodeError::Duplicate(*place));
                }
                resources.push(Resource::single(id, value));
            }
            Path::ResourceInstance(object, instance, resource, id) => {
                let values = self.multiple(object, instance, resource)?;
                if values.iter().any(|(known, _)| *known == id) {
                    return Err(DecodeError::Duplicate(*place));
                }
                values.push((id, value));
            }
            _ => return Err(DecodeError::Malformed("a value must belong to a resource")),
        }
        Ok(())
    }

    /// Adds an object instance that may stay without resources.
    pub(super) fn declare_instance(&mut self, object: ObjectId, instance: ObjectInstanceId) -> Result<(), DecodeError> {
        let place = Path::ObjectInstance(object, instance);
        self.admit(&place)?;
        let known = self.objects.iter().filter(|known| known.id == object).flat_map(|known| &known.instances);
        if known.into_iter().any(|known| known.id == instance) {
            return Err(DecodeError::Duplicate(place));
        }
        self.instance(object, instance);
        Ok(())
    }

    /// Adds a multiple-instance resource that may stay without values.
    pub(super) fn declare_multiple(
        &mut self,
        object: ObjectId,
        instance: ObjectInstanceId,
        id: ResourceId,
    ) -> Result<(), DecodeError> {
        let place = Path::Resource(object, instance, id);
        self.admit(&place)?;
        let resources = &mut self.instance(object, instance).resources;
        if resources.iter().any(|known| known.id == id) {
            return Err(DecodeError::Duplicate(place));
        }
        resources.push(Resource { id, value: ResourceValue::Multiple(Vec::new()) });
        Ok(())
    }

    /// The tree. If nothing was added, it is the target without content.
    pub(super) fn finish(self) -> Result<Vec<Object>, DecodeError> {
        if !self.objects.is_empty() {
            return Ok(self.objects);
        }
        match self.target {
            Path::Root => Ok(Vec::new()),
            Path::Object(id) => Ok(vec![Object { id, instances: Vec::new() }]),
            Path::ObjectInstance(object, id) => {
                let instance = ObjectInstance { id, resources: Vec::new() };
                Ok(vec![Object { id: object, instances: vec![instance] }])
            }
            Path::Resource(..) | Path::ResourceInstance(..) => {
                Err(DecodeError::Malformed("there is no value for the target"))
            }
        }
    }

    fn admit(&mut self, place: &Path) -> Result<(), DecodeError> {
        let (ids, depth) = place.ids();
        if ids[..depth].contains(&RESERVED_ID) {
            return Err(DecodeError::ReservedId);
        }
        if !self.target.contains(place) {
            return Err(DecodeError::OutsidePath(*place));
        }
        self.entries += 1;
        if self.entries > MAX_ENTRIES { Err(DecodeError::TooManyEntries) } else { Ok(()) }
    }

    // The searches start at the end, because a payload keeps together what belongs together.

    fn instance(&mut self, object: ObjectId, id: ObjectInstanceId) -> &mut ObjectInstance {
        let position = self.objects.iter().rposition(|known| known.id == object).unwrap_or_else(|| {
            self.objects.push(Object { id: object, instances: Vec::new() });
            self.objects.len() - 1
        });
        let instances = &mut self.objects[position].instances;
        let position = instances.iter().rposition(|known| known.id == id).unwrap_or_else(|| {
            instances.push(ObjectInstance { id, resources: Vec::new() });
            instances.len() - 1
        });
        &mut instances[position]
    }

    fn multiple(
        &mut self,
        object: ObjectId,
        instance: ObjectInstanceId,
        id: ResourceId,
    ) -> Result<&mut Vec<(u16, Value)>, DecodeError> {
        let resources = &mut self.instance(object, instance).resources;
        let position = resources.iter().rposition(|known| known.id == id).unwrap_or_else(|| {
            resources.push(Resource { id, value: ResourceValue::Multiple(Vec::new()) });
            resources.len() - 1
        });
        match &mut resources[position].value {
            ResourceValue::Multiple(values) => Ok(values),
            ResourceValue::Single(_) => Err(DecodeError::Duplicate(Path::Resource(object, instance, id))),
        }
    }
}
