//! What the client holds when the operations are done, as far as that is known.
//!
//! LwM2M Core 1.2 sections 6.1.7.4 and 6.1.7.5; spec sheet `bootstrap.md`, sections 8 and 9.

use std::collections::{BTreeMap, BTreeSet};

use crate::bootstrap::plan::{Operation, Part};
use crate::lwm2m::link_format::DiscoveredInstance;
use crate::lwm2m::objects::{SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, ResourceId};
use crate::lwm2m::{DiscoverAnswer, ObjectInstance, Path, Value};
use crate::provision::Provision;

/// `/0/x/1`, Bootstrap-Server.
pub(super) const BOOTSTRAP_SERVER: ResourceId = 1;
/// `/0/x/10`, Short Server ID of an account.
const SECURITY_SHORT_SERVER_ID: ResourceId = 10;
/// `/1/y/0`, Short Server ID.
const SERVER_SHORT_SERVER_ID: ResourceId = 0;

/// The resulting state.
pub(super) struct Resulting<'a> {
    /// Instances that are written.
    written: BTreeMap<(ObjectId, ObjectInstanceId), &'a ObjectInstance>,
    /// Instances that the client had and keeps.
    kept: BTreeMap<(ObjectId, ObjectInstanceId), &'a DiscoveredInstance>,
    /// Security Object instances that are or may be the client's own bootstrap account.
    pub(super) own: BTreeSet<ObjectInstanceId>,
    emptied: BTreeSet<ObjectId>,
    seen: Option<&'a DiscoverAnswer>,
    names: BTreeMap<i64, &'a str>,
}

impl<'a> Resulting<'a> {
    pub(super) fn of(
        provision: &'a Provision,
        operations: &'a [Operation],
        discovered: Option<&'a DiscoverAnswer>,
    ) -> Resulting<'a> {
        let shown = || discovered.into_iter().flat_map(|answer| &answer.instances);
        let nameless = shown().filter(|found| found.object == SECURITY && found.short_server_id.is_none());
        let stated = provision.writing.bootstrap_account_instance;
        let names = provision.management().map(|(account, it)| (it.short_server_id.into(), account.name.as_str()));
        let mut resulting = Resulting {
            written: BTreeMap::new(),
            kept: shown().map(|found| ((found.object, found.instance), found)).collect(),
            own: nameless.map(|found| found.instance).chain(stated).collect(),
            emptied: BTreeSet::new(),
            seen: discovered,
            names: names.collect(),
        };
        operations.iter().for_each(|operation| resulting.apply(operation));
        resulting
    }

    fn apply(&mut self, operation: &'a Operation) {
        match operation {
            Operation::Delete(path) => {
                // The bootstrap account stays, and is in `own`.
                self.kept.retain(|&(object, instance), _| !path.contains(&Path::ObjectInstance(object, instance)));
                self.written.retain(|&(object, instance), _| !path.contains(&Path::ObjectInstance(object, instance)));
                if let Path::Object(object) = path {
                    self.emptied.insert(*object);
                }
            }
            Operation::Write(write) if write.part == Part::Resource => {}
            Operation::Write(write) => {
                let place = (write.object, write.instance.id);
                self.kept.remove(&place);
                self.written.insert(place, &write.instance);
            }
        }
    }

    /// What is written of `object`.
    pub(super) fn written(&self, object: ObjectId) -> impl Iterator<Item = &'a ObjectInstance> {
        self.written.range((object, 0)..=(object, u16::MAX)).map(|(_, instance)| *instance)
    }

    /// What the client keeps of `object`.
    pub(super) fn kept(&self, object: ObjectId) -> impl Iterator<Item = &'a DiscoveredInstance> {
        self.kept.range((object, 0)..=(object, u16::MAX)).map(|(_, instance)| *instance)
    }

    /// Whether there is nothing of `object` that we do not know of.
    pub(super) fn knows_all(&self, object: ObjectId) -> bool {
        self.seen.is_some_and(|answer| answer.covers(object)) || self.emptied.contains(&object)
    }

    /// Whether the instance is there.
    pub(super) fn has(&self, object: ObjectId, instance: ObjectInstanceId) -> bool {
        self.written.contains_key(&(object, instance)) || self.kept.contains_key(&(object, instance))
    }

    /// The Short Server IDs of the instances of `object` that are or stay server accounts, with their places; none where
    /// an instance has none that can be read.
    pub(super) fn short_server_ids(&self, object: ObjectId) -> Vec<(Path, Option<i64>)> {
        let is_account = |it: &&ObjectInstance| object == SERVER || !is_bootstrap_account(it);
        let written = self.written(object).filter(is_account);
        let written =
            written.map(|it| (Path::ObjectInstance(object, it.id), integer(it, short_server_id_resource(object))));
        let kept = self.kept(object).filter(|it| object == SERVER || it.short_server_id.is_some());
        let kept = kept.map(|it| (Path::ObjectInstance(object, it.instance), it.short_server_id.map(i64::from)));
        written.chain(kept).collect()
    }

    /// An instance of the Security or the Server Object as messages name it.
    pub(super) fn place(&self, object: ObjectId, instance: &ObjectInstance) -> String {
        let path = Path::ObjectInstance(object, instance.id);
        match integer(instance, short_server_id_resource(object)).and_then(|ssid| self.names.get(&ssid)) {
            Some(name) => format!("server account `{name}`: {path}"),
            None => path.to_string(),
        }
    }
}

/// Whether a written Security Object instance says that it leads to a Bootstrap-Server.
pub(super) fn is_bootstrap_account(instance: &ObjectInstance) -> bool {
    instance.single(BOOTSTRAP_SERVER) == Some(&Value::Boolean(true))
}

/// A number, whichever way it is typed.
pub(super) fn integer(instance: &ObjectInstance, resource: ResourceId) -> Option<i64> {
    match instance.single(resource)? {
        Value::Integer(number) | Value::Time(number) => Some(*number),
        Value::Unsigned(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

/// A text.
pub(super) fn text(instance: &ObjectInstance, resource: ResourceId) -> Option<&str> {
    match instance.single(resource)? {
        Value::String(text) | Value::CoreLink(text) => Some(text),
        _ => None,
    }
}

fn short_server_id_resource(object: ObjectId) -> ResourceId {
    if object == SECURITY { SECURITY_SHORT_SERVER_ID } else { SERVER_SHORT_SERVER_ID }
}
