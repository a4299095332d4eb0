//! Access Control for a client that ends up with several servers.
//!
//! LwM2M Core 1.2 section 8; spec sheet `objects.md`, section 10 (E16) and section 11. A client with one server gives it
//! every right; with the second it asks object 2, and without that object each server could do nothing. So each server
//! gets its own Server Object instance with all rights, and what else the client has may be read, written and executed by
//! all, as ETS configuration C.14 has it. Clients of 1.2 need none of it: there several servers without Access Control
//! all have full rights.

use super::lacks;
use crate::lwm2m::link_format::DiscoverAnswer;
use crate::lwm2m::objects::{ACCESS_CONTROL, DEVICE, OSCORE, SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, RESERVED_ID};
use crate::lwm2m::{ObjectInstance, Resource, ResourceValue, Value, Version};
use crate::provision::{AccessControl, Provision};

/// Read, Write, Execute and Delete: everything that can be done with an instance.
const ALL_RIGHTS: i64 = 1 | 2 | 4 | 8;
/// Read, Write and Execute.
const SHARED_RIGHTS: i64 = 1 | 2 | 4;
/// The resource instance of the rights of those that are not named.
const DEFAULT_ENTRY: u16 = 0;

/// Objects whose instances get no default rights: no server has any of the Security Object, OSCORE and COSE, a Server
/// Object instance belongs to its server alone, and Access Control itself is ruled by its owners.
const NOT_SHARED: [ObjectId; 5] = [SECURITY, SERVER, ACCESS_CONTROL, OSCORE, 23];

/// What is to be written, and whether the object is emptied before.
#[derive(Default)]
pub(super) struct Needed {
    pub(super) instances: Vec<ObjectInstance>,
    pub(super) must_be_emptied: bool,
}

/// The instances that a client of `version` needs. `servers` are the Server Object instances of the management accounts.
///
/// Existing instances cannot be seen, only that they are there. Where the profile empties the Server Object, they speak
/// of servers that are gone, and object 2 is emptied too. Where it keeps accounts, they are kept, and only Server Object
/// instances that are new get one; and where nobody knows what there is, nothing is written.
pub(super) fn instances(
    provision: &Provision,
    version: Option<Version>,
    discovered: Option<&DiscoverAnswer>,
    servers: &[ObjectInstanceId],
    notes: &mut Vec<String>,
) -> Needed {
    let emptied = |object| provision.writing.empties(object);
    let owned = owned_instances(provision, discovered, servers);
    let needed = provision.writing.access_control == AccessControl::Auto
        && version.is_none_or(|version| version < Version::V1_2)
        && owned.len() > 1;
    if !needed {
        return Needed::default();
    }
    if discovered.is_some_and(|answer| lacks(answer, ACCESS_CONTROL)) {
        notes.push("no Access Control was written: the client does not have object 2".to_owned());
        return Needed::default();
    }
    let starts_anew = emptied(SERVER) || emptied(ACCESS_CONTROL);
    if discovered.is_none() && !starts_anew {
        notes.push(
            "no Access Control was written: the profile keeps what the client has, and the client did not say what that is"
                .to_owned(),
        );
        return Needed::default();
    }
    let kept = discovered.filter(|_| !starts_anew).map_or(0, |answer| answer.instances_of(ACCESS_CONTROL).count());
    let mut targets: Vec<(ObjectId, ObjectInstanceId, Option<u16>)> = Vec::new();
    for (instance, ssid) in owned {
        let is_new = discovered.is_none_or(|answer| !answer.instances_of(SERVER).any(|it| it.instance == instance));
        if kept == 0 || is_new {
            targets.push((SERVER, instance, Some(ssid)));
        }
    }
    if kept == 0 {
        let shared = shared_instances(provision, discovered);
        targets.extend(shared.into_iter().map(|(object, instance)| (object, instance, None)));
    } else {
        notes.push(format!(
            "the client keeps its {kept} Access Control instances, and only new Server instances are given further ones"
        ));
    }
    Needed { instances: build(provision, discovered, starts_anew, &targets), must_be_emptied: starts_anew }
}

/// Every Server Object instance that there will be, with its SSID.
fn owned_instances(
    provision: &Provision,
    discovered: Option<&DiscoverAnswer>,
    servers: &[ObjectInstanceId],
) -> Vec<(ObjectInstanceId, u16)> {
    let ssids = provision.management().map(|(_, settings)| settings.short_server_id);
    let mut owned: Vec<(ObjectInstanceId, u16)> = servers.iter().copied().zip(ssids).collect();
    let written_out = provision.writes.iter().filter(|(object, _)| *object == SERVER);
    owned.extend(written_out.filter_map(|(_, instance)| match instance.single(0) {
        Some(Value::Integer(ssid)) => Some((instance.id, u16::try_from(*ssid).ok()?)),
        _ => None,
    }));
    if !provision.writing.empties(SERVER) {
        for found in discovered.into_iter().flat_map(|answer| answer.instances_of(SERVER)) {
            let replaced = owned.iter().any(|(instance, _)| *instance == found.instance);
            owned.extend(found.short_server_id.filter(|_| !replaced).map(|ssid| (found.instance, ssid)));
        }
    }
    owned
}

/// What all servers may use: what the client shows and keeps, and what the operator writes out. The Device Object is
/// there always.
fn shared_instances(provision: &Provision, discovered: Option<&DiscoverAnswer>) -> Vec<(ObjectId, ObjectInstanceId)> {
    let device = discovered.is_none().then_some((DEVICE, 0));
    let shown = discovered.into_iter().flat_map(|answer| &answer.instances).map(|it| (it.object, it.instance));
    let kept = shown.filter(|(object, _)| !provision.writing.empties(*object));
    let written = provision.writes.iter().map(|(object, instance)| (*object, instance.id));
    let mut shared: Vec<_> =
        device.into_iter().chain(kept).chain(written).filter(|(object, _)| !NOT_SHARED.contains(object)).collect();
    shared.sort_unstable();
    shared.dedup();
    shared
}

/// The instances for `targets`, on free ids, without those that the operator wrote out.
fn build(
    provision: &Provision,
    discovered: Option<&DiscoverAnswer>,
    starts_anew: bool,
    targets: &[(ObjectId, ObjectInstanceId, Option<u16>)],
) -> Vec<ObjectInstance> {
    let written_out = || provision.writes.iter().filter(|(object, _)| *object == ACCESS_CONTROL).map(|(_, it)| it);
    let kept = discovered.filter(|_| !starts_anew).into_iter().flat_map(|answer| answer.instances_of(ACCESS_CONTROL));
    let occupied: Vec<ObjectInstanceId> =
        written_out().map(|instance| instance.id).chain(kept.map(|it| it.instance)).collect();
    let mut free = (0..RESERVED_ID).filter(|id| !occupied.contains(id));
    let owner_of_shared = provision.management().next().map(|(_, settings)| settings.short_server_id);
    let mut instances = Vec::with_capacity(targets.len());
    for &(object, instance, ssid) in targets {
        let is_ruled = written_out().any(|it| {
            it.single(0) == Some(&Value::Integer(object.into()))
                && it.single(1) == Some(&Value::Integer(instance.into()))
        });
        let (Some(owner), false) = (ssid.or(owner_of_shared), is_ruled) else { continue };
        let Some(id) = free.next() else { break };
        let entry = match ssid {
            Some(ssid) => (ssid, Value::Integer(ALL_RIGHTS)),
            None => (DEFAULT_ENTRY, Value::Integer(SHARED_RIGHTS)),
        };
        instances.push(ObjectInstance {
            id,
            resources: vec![
                Resource::single(0, Value::Integer(object.into())),
                Resource::single(1, Value::Integer(instance.into())),
                Resource { id: 2, value: ResourceValue::Multiple(vec![entry]) },
                Resource::single(3, Value::Integer(owner.into())),
            ],
        });
    }
    instances
}
