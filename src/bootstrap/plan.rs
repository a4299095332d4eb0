//! The plan: the ordered operations that carry a provision to a client whose Discover answer is known, or is not.
//!
//! LwM2M Core 1.2 sections 6.1.7.4 to 6.1.7.6; spec sheet `bootstrap.md`, sections 8 to 10 and 17. The order is safe with
//! clients that apply each operation at once: deletes, link targets, per management account its Security and its Server
//! Object instance, Access Control, further instances, and the bootstrap account as the last thing before Finish, so that
//! a bootstrap that breaks off leaves the old one in force. Every write carries exactly one instance, because that works
//! everywhere (spec sheet `clients.md`, section 3). Whether the result is consistent is [`super::consistency`]'s.

mod access_control;
mod allocation;
mod operation;
mod version_gate;

use std::collections::BTreeSet;

use super::account::{self, BindingError, SECURITY, SERVER};
use crate::lwm2m::link_format::DiscoverAnswer;
use crate::lwm2m::objects::{ACCESS_CONTROL, DEVICE, OSCORE};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId};
use crate::lwm2m::{ObjectInstance, Path, Version};
use crate::provision::Provision;
use crate::provision::rules::Rule;
use allocation::Allocation;

pub use operation::{Operation, Part, Purpose, Write};
pub use version_gate::VersionError;

/// Objects that others link to: OSCORE, COSE, MQTT Server and APN Connection Profile. They are written first.
const LINK_TARGETS: [ObjectId; 4] = [OSCORE, 23, 24, 11];

/// What is to be done with a client, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The operations between Discover and Finish.
    pub operations: Vec<Operation>,
    /// What was left out as a whole, and why: clauses for the trace.
    pub notes: Vec<String>,
}

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A binding that the client cannot have.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// Something else that the client's version does not have, and that cannot be left out.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// No object instance id is free.
    #[error("the client has no free instance of object {0} left")]
    NoFreeInstance(ObjectId),
    /// The bootstrap account must go where the client keeps its own, and nobody knows where that is.
    #[error(
        "server account `{0}` is to take the place of the client's bootstrap account, and where the client keeps that \
         is not known: let the profile ask (`discover`), or say it (`bootstrap_account_instance`)"
    )]
    BootstrapAccountUnknown(String),
    /// Two things that go to one place.
    #[error("{0} would be written twice: give the instance in `writes` of the profile another id")]
    WrittenTwice(Path),
    /// What the profile says of the place of the bootstrap account is not what the client shows.
    #[error(
        "the profile says that the client keeps its bootstrap account at /0/{stated}, and the client shows it elsewhere: \
         correct `bootstrap_account_instance`, or leave it out"
    )]
    BootstrapAccountElsewhere {
        /// What the profile says.
        stated: ObjectInstanceId,
    },
}

impl PlanError {
    /// The rule of spec sheet `objects.md`, section 10, that the plan would break.
    pub fn rule(&self) -> Option<Rule> {
        match self {
            PlanError::Binding(_) | PlanError::Version(_) => Some(Rule::E19),
            PlanError::NoFreeInstance(_) | PlanError::WrittenTwice(_) => None,
            PlanError::BootstrapAccountUnknown(_) => Some(Rule::E5),
            PlanError::BootstrapAccountElsewhere { .. } => Some(Rule::E6),
        }
    }
}

/// Makes the plan for a client of `version`, as far as that is known, that answered Discover so, if it did.
///
/// # Errors
/// [`PlanError`] where the provision does not fit the client.
pub fn plan(
    provision: &Provision,
    version: Option<Version>,
    discovered: Option<&DiscoverAnswer>,
) -> Result<Plan, PlanError> {
    let allocation = Allocation::of(provision, discovered)?;
    let mut plan = Plan::default();
    let access_control =
        access_control::instances(provision, version, discovered, &allocation.servers, &mut plan.notes);
    plan.operations.extend(deletes(provision, discovered, access_control.must_be_emptied));
    let extra = |wanted: fn(ObjectId) -> bool| {
        let fitting = provision.writes.iter().filter(move |(object, _)| wanted(*object));
        fitting.flat_map(|(object, instance)| extra_writes(*object, instance))
    };
    let mut writes: Vec<Write> = extra(|object| LINK_TARGETS.contains(&object)).collect();
    for ((account, settings), (security, server)) in provision.management().zip(allocation.pairs()) {
        version_gate::check(account, version)?;
        writes.push(Write::account(SECURITY, account::security_instance(security, account)));
        writes.push(Write::account(SERVER, account::server_instance(server, account, settings, version)?));
    }
    let automatic = |instance| Write::new(ACCESS_CONTROL, instance, Purpose::AutomaticAccessControl);
    writes.extend(access_control.instances.into_iter().map(automatic));
    writes.extend(extra(|object| object == ACCESS_CONTROL));
    writes.extend(extra(|object| object != ACCESS_CONTROL && !LINK_TARGETS.contains(&object)));
    if let (Some(account), Some(instance)) = (provision.bootstrap_account(), allocation.bootstrap_account) {
        version_gate::check(account, version)?;
        writes.push(Write::account(SECURITY, account::security_instance(instance, account)));
    }
    if version.is_some_and(|version| version < Version::V1_1) {
        writes.iter_mut().for_each(version_gate::leave_out_later_resources);
    }
    let mut places = BTreeSet::new();
    if let Some(twice) = writes.iter().map(Write::path).find(|path| !places.insert(*path)) {
        return Err(PlanError::WrittenTwice(twice));
    }
    plan.operations.extend(writes.into_iter().map(Operation::Write));
    Ok(plan)
}

/// The operator's instance; of the Device Object each resource by itself, because writing its instance would take the
/// client's own resources away.
fn extra_writes(object: ObjectId, instance: &ObjectInstance) -> Vec<Write> {
    if object != DEVICE {
        return vec![Write::new(object, instance.clone(), Purpose::Extra)];
    }
    let single = |resource| ObjectInstance { id: instance.id, resources: vec![resource] };
    let resources = instance.resources.iter().cloned();
    let write = |resource| Write::new(object, single(resource), Purpose::Extra);
    resources.map(|resource| Write { part: Part::Resource, ..write(resource) }).collect()
}

/// The objects to empty: those of the profile, and Access Control where it is written anew.
fn deletes(
    provision: &Provision,
    discovered: Option<&DiscoverAnswer>,
    access_control: bool,
) -> impl Iterator<Item = Operation> {
    let writing = &provision.writing;
    let added = (access_control && !writing.empties(ACCESS_CONTROL)).then_some(Path::Object(ACCESS_CONTROL));
    let targets = writing.delete.iter().copied().chain(added);
    targets.filter(move |target| must_be_deleted(target, discovered)).map(Operation::Delete)
}

/// Whether a Delete of `target` is needed. What Discover shows to be empty is not deleted: a round trip saved. Of the
/// Security Object the bootstrap account stays in any case, so it does not count; and of the rest, the root of a client
/// is never known to be empty.
fn must_be_deleted(target: &Path, discovered: Option<&DiscoverAnswer>) -> bool {
    let Some(answer) = discovered else { return true };
    let (object, instance) = match target {
        Path::Object(object) => (*object, None),
        Path::ObjectInstance(object, instance) => (*object, Some(*instance)),
        _ => return true,
    };
    if !answer.covers(object) {
        return true;
    }
    let spared = answer.bootstrap_account().filter(|_| object == SECURITY);
    let mut present = answer.instances_of(object).map(|found| found.instance).filter(|found| Some(*found) != spared);
    present.any(|found| instance.is_none_or(|instance| instance == found))
}

/// Whether the client is known to have no such object. Some clients list instances alone; of them that cannot be said.
pub(super) fn lacks(answer: &DiscoverAnswer, object: ObjectId) -> bool {
    let has_instances = |object| answer.instances_of(object).next().is_some();
    let lists_empty_objects = answer.objects.iter().any(|listed| !has_instances(listed.object));
    let is_listed = answer.objects.iter().any(|listed| listed.object == object) || has_instances(object);
    answer.covers(object) && lists_empty_objects && !is_listed
}
