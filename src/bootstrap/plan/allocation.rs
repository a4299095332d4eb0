//! Which object instances the accounts go to.
//!
//! Spec sheet `bootstrap.md`, sections 6, 8 and 10. A management account never goes where the client's bootstrap account
//! is or may be; a bootstrap account goes nowhere else, and nowhere at all where that place would be a guess.

use super::PlanError;
use crate::lwm2m::link_format::DiscoverAnswer;
use crate::lwm2m::objects::{SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, RESERVED_ID};
use crate::provision::Provision;

/// Where our instances start when nobody knows where the bootstrap account lies: real clients keep it at 0 or at 1
/// (spec sheet `clients.md`, section 1).
const FIRST_SAFE_INSTANCE: ObjectInstanceId = 2;

/// Instances for every account of a provision.
pub(super) struct Allocation {
    /// Security Object instances of the management accounts, in their order.
    pub(super) securities: Vec<ObjectInstanceId>,
    /// Server Object instances of the management accounts, in their order.
    pub(super) servers: Vec<ObjectInstanceId>,
    /// The Security Object instance of the bootstrap account, where the provision has one.
    pub(super) bootstrap_account: Option<ObjectInstanceId>,
}

impl Allocation {
    pub(super) fn of(provision: &Provision, discovered: Option<&DiscoverAnswer>) -> Result<Allocation, PlanError> {
        let bootstrap_account = match provision.bootstrap_account() {
            Some(account) => Some(own_instance(&account.name, provision, discovered)?),
            None => None,
        };
        Ok(Allocation {
            securities: allocate(SECURITY, provision, discovered)?,
            servers: allocate(SERVER, provision, discovered)?,
            bootstrap_account,
        })
    }

    /// Security and Server Object instance of each management account.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (ObjectInstanceId, ObjectInstanceId)> {
        self.securities.iter().copied().zip(self.servers.iter().copied())
    }
}

/// Where the client keeps its own bootstrap account: the one instance that Discover shows without an SSID, or what the
/// profile says, as long as Discover does not gainsay it.
fn own_instance(
    account: &str,
    provision: &Provision,
    discovered: Option<&DiscoverAnswer>,
) -> Result<ObjectInstanceId, PlanError> {
    let shown = || discovered.into_iter().flat_map(|answer| answer.instances_of(SECURITY));
    let mut nameless = shown().filter(|found| found.short_server_id.is_none()).map(|found| found.instance);
    let Some(stated) = provision.writing.bootstrap_account_instance else {
        let own = discovered.and_then(DiscoverAnswer::bootstrap_account);
        return own.ok_or_else(|| PlanError::BootstrapAccountUnknown(account.to_owned()));
    };
    let fits = match shown().count() {
        0 => true,
        _ => nameless.any(|instance| instance == stated),
    };
    if fits { Ok(stated) } else { Err(PlanError::BootstrapAccountElsewhere { stated }) }
}

/// Chooses the instance of `object` for each management account: the one that carries its SSID already, else the lowest
/// free one (spec sheet `bootstrap.md`, section 8). What the operator writes out is not free.
fn allocate(
    object: ObjectId,
    provision: &Provision,
    discovered: Option<&DiscoverAnswer>,
) -> Result<Vec<ObjectInstanceId>, PlanError> {
    let present = || discovered.into_iter().flat_map(|answer| answer.instances_of(object));
    let taken = taken_instances(object, provision, discovered);
    let bootstrap_account_known = discovered.and_then(DiscoverAnswer::bootstrap_account).is_some()
        || provision.writing.bootstrap_account_instance.is_some();
    let first = if bootstrap_account_known { 0 } else { FIRST_SAFE_INSTANCE };
    let emptied = provision.writing.empties(object);

    let mut chosen: Vec<Option<ObjectInstanceId>> = Vec::with_capacity(provision.accounts.len());
    for (_, settings) in provision.management() {
        let same = present().find(|instance| instance.short_server_id == Some(settings.short_server_id));
        chosen.push(same.map(|instance| instance.instance).filter(|id| !taken.contains(id)));
    }
    for position in 0..chosen.len() {
        if chosen[position].is_none() {
            let is_free = |id: &ObjectInstanceId| {
                let occupied = !emptied && present().any(|instance| instance.instance == *id);
                !occupied && !taken.contains(id) && !chosen.contains(&Some(*id))
            };
            chosen[position] = Some((first..RESERVED_ID).find(is_free).ok_or(PlanError::NoFreeInstance(object))?);
        }
    }
    Ok(chosen.into_iter().flatten().collect())
}

/// Instances that are, or may be, the client's bootstrap account, and those that the operator writes out.
///
/// What Discover shows without an SSID may be the bootstrap account, and where several lack one, which of them cannot be
/// told; what the operator says of its place is spared as well. The Server Object holds no instance of the bootstrap
/// account.
fn taken_instances(
    object: ObjectId,
    provision: &Provision,
    discovered: Option<&DiscoverAnswer>,
) -> Vec<ObjectInstanceId> {
    let written_out =
        provision.writes.iter().filter(|(written, _)| *written == object).map(|(_, instance)| instance.id);
    let mut taken: Vec<ObjectInstanceId> = written_out.collect();
    if object == SECURITY {
        let shown = discovered.into_iter().flat_map(|answer| answer.instances_of(SECURITY));
        let nameless = shown.filter(|instance| instance.short_server_id.is_none()).map(|instance| instance.instance);
        taken.extend(nameless.chain(provision.writing.bootstrap_account_instance));
    }
    taken
}
