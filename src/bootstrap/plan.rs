//! The plan: the ordered operations that carry a provision to a client whose Discover answer is known, or is not.
//!
//! LwM2M Core 1.2 sections 6.1.7.4 to 6.1.7.6; spec sheet `bootstrap.md`, sections 8, 9 and 17. Two rules stand above
//! all: the instance that holds the client's bootstrap account is never written over and never deleted, and every
//! write carries exactly one instance, because that works everywhere (spec sheet `clients.md`, section 3).

use super::account::{self, BindingError, SECURITY, SERVER};
use crate::lwm2m::link_format::DiscoverAnswer;
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, RESERVED_ID};
use crate::lwm2m::{ObjectInstance, Path, Version};
use crate::provision::Provision;

/// Where our instances start when nobody knows where the bootstrap account lies: real clients keep it at 0 or at 1
/// (spec sheet `clients.md`, section 1).
const FIRST_SAFE_INSTANCE: ObjectInstanceId = 2;

/// One operation between Discover and Finish.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Bootstrap-Delete of an object.
    Delete(Path),
    /// Bootstrap-Write of one object instance.
    Write(ObjectId, ObjectInstance),
}

impl Operation {
    /// Its target.
    pub fn path(&self) -> Path {
        match self {
            Operation::Delete(path) => *path,
            Operation::Write(object, instance) => Path::ObjectInstance(*object, instance.id),
        }
    }
}

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A binding that the client cannot have.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// No object instance id is free.
    #[error("the client has no free instance of object {0} left")]
    NoFreeInstance(ObjectId),
}

/// Makes the operations in their order: deletes, then per account its Security and its Server Object instance.
///
/// # Errors
/// [`PlanError`] where the provision does not fit the client.
pub fn plan(
    provision: &Provision,
    version: Option<Version>,
    discovered: Option<&DiscoverAnswer>,
) -> Result<Vec<Operation>, PlanError> {
    let deletes: Vec<ObjectId> =
        provision.writing.delete.iter().copied().filter(|object| must_be_emptied(*object, discovered)).collect();
    let security_ids = allocate(SECURITY, provision, discovered)?;
    let server_ids = allocate(SERVER, provision, discovered)?;
    let mut operations: Vec<Operation> =
        deletes.into_iter().map(|object| Operation::Delete(Path::Object(object))).collect();
    for ((account, settings), (security, server)) in
        provision.management().zip(security_ids.into_iter().zip(server_ids))
    {
        operations.push(Operation::Write(SECURITY, account::security_instance(security, account)));
        operations.push(Operation::Write(SERVER, account::server_instance(server, account, settings, version)?));
    }
    Ok(operations)
}

/// Whether a Delete of `object` is needed. What Discover shows to be empty is not deleted: a round trip saved. Of the
/// Security Object the bootstrap account stays in any case, so it does not count.
fn must_be_emptied(object: ObjectId, discovered: Option<&DiscoverAnswer>) -> bool {
    let Some(answer) = discovered else { return true };
    let spared = answer.bootstrap_account().filter(|_| object == SECURITY);
    answer.instances_of(object).any(|instance| Some(instance.instance) != spared)
}

/// Chooses the instance of `object` for each account: the one that carries its SSID already, else the lowest free one
/// (spec sheet `bootstrap.md`, section 8).
fn allocate(
    object: ObjectId,
    provision: &Provision,
    discovered: Option<&DiscoverAnswer>,
) -> Result<Vec<ObjectInstanceId>, PlanError> {
    let present = || discovered.into_iter().flat_map(|answer| answer.instances_of(object));
    let spared = spared_instances(object, provision, discovered);
    let bootstrap_account_known = discovered.and_then(DiscoverAnswer::bootstrap_account).is_some()
        || provision.writing.bootstrap_account_instance.is_some();
    let first = if bootstrap_account_known { 0 } else { FIRST_SAFE_INSTANCE };
    let emptied = provision.writing.delete.contains(&object);

    let mut chosen: Vec<Option<ObjectInstanceId>> = Vec::with_capacity(provision.accounts.len());
    for (_, settings) in provision.management() {
        let same = present().find(|instance| instance.short_server_id == Some(settings.short_server_id));
        chosen.push(same.map(|instance| instance.instance).filter(|id| !spared.contains(id)));
    }
    for position in 0..chosen.len() {
        if chosen[position].is_none() {
            let is_free = |id: &ObjectInstanceId| {
                let occupied = !emptied && present().any(|instance| instance.instance == *id);
                !occupied && !spared.contains(id) && !chosen.contains(&Some(*id))
            };
            chosen[position] = Some((first..RESERVED_ID).find(is_free).ok_or(PlanError::NoFreeInstance(object))?);
        }
    }
    Ok(chosen.into_iter().flatten().collect())
}

/// Instances that are, or may be, the client's bootstrap account.
///
/// What Discover shows without an SSID may be it, and where several lack one, which of them cannot be told; what the
/// operator says of its place is spared as well. The Server Object holds no instance of the bootstrap account.
fn spared_instances(
    object: ObjectId,
    provision: &Provision,
    discovered: Option<&DiscoverAnswer>,
) -> Vec<ObjectInstanceId> {
    if object != SECURITY {
        return Vec::new();
    }
    let nameless = discovered
        .into_iter()
        .flat_map(|answer| answer.instances_of(SECURITY))
        .filter(|instance| instance.short_server_id.is_none())
        .map(|instance| instance.instance);
    nameless.chain(provision.writing.bootstrap_account_instance).collect()
}
