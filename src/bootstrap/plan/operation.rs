//! The operations that a plan consists of.

use crate::lwm2m::path::{ObjectId, ResourceId};
use crate::lwm2m::{ObjectInstance, Path};

/// One operation between Discover and Finish.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Bootstrap-Delete of an object.
    Delete(Path),
    /// Bootstrap-Write of one object instance, or of one resource.
    Write(Write),
}

/// One Bootstrap-Write.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Object id.
    pub object: ObjectId,
    /// What is written; exactly one resource where that is the part.
    pub instance: ObjectInstance,
    /// How much of the client's instance this is.
    pub part: Part,
    /// What it is for.
    pub purpose: Purpose,
    /// What an operator should know about it, as a clause.
    pub note: Option<String>,
}

/// What a write is for, which decides what a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Half of an account, or the bootstrap account.
    Account,
    /// Access Control that nobody asked for by name: the bootstrap goes on without it where the client refuses it.
    AutomaticAccessControl,
    /// Something that the operator wrote out.
    Extra,
}

/// How much of an object instance a write carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: what is left out is not there afterwards.
    Instance,
    /// One resource; the others stay as they are.
    Resource,
}

impl Operation {
    /// Its target.
    pub fn path(&self) -> Path {
        match self {
            Operation::Delete(path) => *path,
            Operation::Write(write) => write.path(),
        }
    }
}

impl Write {
    pub(super) fn new(object: ObjectId, instance: ObjectInstance, purpose: Purpose) -> Write {
        Write { object, instance, part: Part::Instance, purpose, note: None }
    }

    pub(super) fn account(object: ObjectId, instance: ObjectInstance) -> Write {
        Write::new(object, instance, Purpose::Account)
    }

    /// Its target.
    pub fn path(&self) -> Path {
        let single: Option<ResourceId> = self.instance.resources.first().map(|resource| resource.id);
        match (self.part, single) {
            (Part::Resource, Some(resource)) => Path::Resource(self.object, self.instance.id, resource),
            _ => Path::ObjectInstance(self.object, self.instance.id),
        }
    }
}
