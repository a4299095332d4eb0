//! `DataModel`: what the simulated client holds, and what Write makes of it; Delete and packs stand in `deleting`.
//!
//! LwM2M Core 1.2 section 6.1.7.5 (Write); spec sheet `bootstrap.md`, section 8. Knows no message, only paths, trees and
//! the code of a refusal.

mod deleting;

use std::collections::BTreeMap;

use super::behaviour::{Behaviour, Numbering, UriAttribute};
use super::configuration::{ClientConfiguration, is_hierarchical, writes};
use crate::coap::Code;
use crate::lwm2m::objects::{self, ACCESS_CONTROL, DEVICE, OSCORE, SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, RESERVED_ID, ResourceId};
use crate::lwm2m::{ContentFormat, Object, ObjectInstance, Path, Resource, ResourceValue, Value, Version};

/// `/0/x/1`, Bootstrap-Server.
pub(super) const BOOTSTRAP_SERVER: ResourceId = 1;
/// `/0/x/10`, Short Server ID of a server account.
pub(super) const SECURITY_SHORT_SERVER_ID: ResourceId = 10;
/// `/0/x/17`, OSCORE Security Mode: a link to an OSCORE instance.
const OSCORE_SECURITY_MODE: ResourceId = 17;
/// `/1/y/0`, Short Server ID.
pub(super) const SERVER_SHORT_SERVER_ID: ResourceId = 0;
/// Current Time, UTC Offset and Timezone of the Device Object, which a Bootstrap-Server may set (LwM2M Transport 1.2
/// section 5.2.9.6.2).
const CLOCK: std::ops::RangeInclusive<ResourceId> = 13..=15;

/// An operation that is not carried out: the answer's code and, for its diagnostic payload, why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(code: Code, reason: impl Into<String>) -> Refusal {
        Refusal { code, reason: reason.into() }
    }
}

/// The object instances of one client.
pub(super) struct DataModel {
    version: Version,
    behaviour: Behaviour,
    bootstrap_account: ObjectInstanceId,
    /// Whether the bootstrap account is as the factory left it.
    factory_account: bool,
    preferred_format: ContentFormat,
    instances: Instances,
    /// What it would hold if its power failed now, where that is something else.
    committed: Option<Instances>,
}

type Instances = BTreeMap<(ObjectId, ObjectInstanceId), Vec<Resource>>;

impl DataModel {
    /// What the client holds before it asks: its bootstrap account, its Device Object and perhaps a stale account.
    pub(super) fn new(configuration: &ClientConfiguration) -> DataModel {
        let mut model = DataModel {
            version: configuration.lwm2m_version,
            behaviour: configuration.behaviour,
            bootstrap_account: configuration.bootstrap_account_instance,
            factory_account: true,
            preferred_format: preferred_format(configuration),
            instances: BTreeMap::new(),
            committed: None,
        };
        let mut bootstrap = vec![Resource::single(BOOTSTRAP_SERVER, Value::Boolean(true))];
        if model.behaviour.discover.uri == UriAttribute::All {
            bootstrap.insert(0, Resource::single(0, Value::String("coaps://bootstrap.example.com".to_owned())));
        }
        model.instances.insert((SECURITY, model.bootstrap_account), bootstrap);
        let device = vec![Resource::single(16, Value::String("U".to_owned()))];
        model.instances.insert((DEVICE, 0), device);
        if let Some(stale) = &configuration.stale_account {
            let ssid = Value::Integer(i64::from(stale.short_server_id));
            let uri = Value::String("coap://192.0.2.1".to_owned());
            let security = vec![
                Resource::single(0, uri),
                Resource::single(BOOTSTRAP_SERVER, Value::Boolean(false)),
                Resource::single(2, Value::Integer(3)),
                Resource::single(SECURITY_SHORT_SERVER_ID, ssid.clone()),
            ];
            let server = vec![
                Resource::single(SERVER_SHORT_SERVER_ID, ssid),
                Resource::single(1, Value::Integer(86_400)),
                Resource::single(6, Value::Boolean(true)),
                Resource::single(7, Value::String("U".to_owned())),
            ];
            model.instances.insert((SECURITY, stale.security_instance), security);
            model.instances.insert((SERVER, stale.server_instance), server);
        }
        model.committed = model.behaviour.commits_at_finish.then(|| model.instances.clone());
        model
    }

    /// The instance of the bootstrap account.
    pub(super) fn bootstrap_account(&self) -> ObjectInstanceId {
        self.bootstrap_account
    }

    /// Whether nothing has been written over the bootstrap account.
    pub(super) fn has_factory_account(&self) -> bool {
        self.factory_account
    }

    /// The version that decides which objects and resources there are.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Goes on as a client of LwM2M 1.0, after a server has refused it as a later one.
    pub(super) fn fall_back_to_1_0(&mut self) {
        self.version = Version::V1_0;
        self.preferred_format = ContentFormat::Tlv;
    }

    /// In what it differs from others.
    pub(super) fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// The format of an answer to Bootstrap-Read where the server asks for none.
    pub(super) fn preferred_format(&self) -> ContentFormat {
        self.preferred_format
    }

    /// The Security instances that link to this OSCORE instance.
    pub(super) fn accounts_linking_to(&self, instance: ObjectInstanceId) -> impl Iterator<Item = &[Resource]> {
        let accounts = self.instances_of(SECURITY).map(|(_, resources)| resources);
        accounts.filter(move |resources| {
            single(resources, OSCORE_SECURITY_MODE) == Some(&Value::ObjectLink(OSCORE, instance))
        })
    }

    /// The instances of the bootstrap account, for `acc` of a Bootstrap-Pack-Request.
    pub(super) fn own_instances(&self) -> impl Iterator<Item = Path> {
        let linked = self.own_oscore().map(|instance| Path::ObjectInstance(OSCORE, instance));
        [Path::ObjectInstance(SECURITY, self.bootstrap_account)].into_iter().chain(linked)
    }

    fn own_oscore(&self) -> Option<ObjectInstanceId> {
        match single(self.instances.get(&(SECURITY, self.bootstrap_account))?, OSCORE_SECURITY_MODE)? {
            Value::ObjectLink(OSCORE, instance) => Some(*instance),
            _ => None,
        }
    }

    /// Every object that this client has, instantiated or not, ascending.
    pub(super) fn supported_objects(&self) -> impl Iterator<Item = ObjectId> + use<> {
        let (version, behaviour) = (self.version, self.behaviour);
        let objects = [SECURITY, SERVER, ACCESS_CONTROL, DEVICE, OSCORE].into_iter();
        objects.filter(move |&object| knows(version, behaviour, object))
    }

    /// Whether the client has this object at all.
    pub(super) fn knows(&self, object: ObjectId) -> bool {
        knows(self.version, self.behaviour, object)
    }

    /// The instances of one object, ascending.
    pub(super) fn instances_of(&self, object: ObjectId) -> impl Iterator<Item = (ObjectInstanceId, &[Resource])> {
        let range = (object, 0)..=(object, u16::MAX);
        self.instances.range(range).map(|(&(_, instance), resources)| (instance, resources.as_slice()))
    }

    /// What Bootstrap-Read of an object or one of its instances gives; none where the instance does not exist.
    pub(super) fn read(&self, object: ObjectId, instance: Option<ObjectInstanceId>) -> Option<Object> {
        let instances: Vec<ObjectInstance> = self
            .instances_of(object)
            .filter(|&(id, _)| instance.is_none_or(|wanted| wanted == id))
            .map(|(id, resources)| ObjectInstance { id, resources: resources.to_vec() })
            .collect();
        (instance.is_none() || !instances.is_empty()).then_some(Object { id: object, instances })
    }

    /// Whether Bootstrap-Write may go to `path` at all, whatever the payload says.
    pub(super) fn check_target(&self, path: Path) -> Result<(), Refusal> {
        let (object, instance, resource) = match path {
            Path::Object(object) => (object, 0, None),
            Path::ObjectInstance(object, instance) => (object, instance, None),
            Path::Resource(object, instance, resource) => (object, instance, Some(resource)),
            Path::Root => return Err(Refusal::new(Code::METHOD_NOT_ALLOWED, "`/` cannot be written")),
            Path::ResourceInstance(..) => {
                return Err(Refusal::new(Code::METHOD_NOT_ALLOWED, "a resource instance cannot be written by itself"));
            }
        };
        if !self.knows(object) {
            return Err(Refusal::new(Code::NOT_FOUND, format!("there is no object {object}")));
        }
        let is_clock = object == DEVICE && instance == 0 && resource.is_some_and(|resource| CLOCK.contains(&resource));
        if !writes(self.version, object) && !is_clock {
            return Err(Refusal::new(
                Code::METHOD_NOT_ALLOWED,
                format!("object {object} is not written in a bootstrap"),
            ));
        }
        if instance == RESERVED_ID {
            return Err(Refusal::new(Code::BAD_REQUEST, "instance 65535 is reserved"));
        }
        match resource {
            Some(resource) if !self.has_resource(object, resource) => {
                Err(Refusal::new(Code::NOT_FOUND, format!("there is no {path}")))
            }
            _ => Ok(()),
        }
    }

    /// Bootstrap-Write of a payload that was decoded for `path`.
    ///
    /// An instance is replaced as a whole; at object level, instances that the payload does not name stay. What the
    /// client does not know is ignored, as section 6.1.7.5 demands of optional resources.
    pub(super) fn write(&mut self, path: Path, content: Vec<Object>) -> Result<(), Refusal> {
        let object = content
            .iter()
            .map(|object| object.id)
            .find(|&id| !path.contains(&Path::Object(id)) && !Path::Object(id).contains(&path));
        if let Some(object) = object {
            return Err(Refusal::new(Code::BAD_REQUEST, format!("object {object} lies outside {path}")));
        }
        let (is_object, numbering) = (matches!(path, Path::Object(_)), self.behaviour.writes.numbering);
        let instances: usize = content.iter().map(|object| object.instances.len()).sum();
        if is_object && numbering == Numbering::OneInstance && instances > 1 {
            return Err(Refusal::new(Code::BAD_REQUEST, "one instance at a time"));
        }
        for object in &content {
            object.instances.iter().try_for_each(|instance| self.check_instance(object.id, instance))?;
        }
        for object in content {
            for mut instance in object.instances {
                if is_object && numbering == Numbering::LowestFree {
                    instance.id = self.lowest_free_instance(object.id)?;
                }
                self.store(path, object.id, instance);
            }
        }
        Ok(())
    }

    fn lowest_free_instance(&self, object: ObjectId) -> Result<ObjectInstanceId, Refusal> {
        let free = (0..RESERVED_ID).find(|&instance| !self.instances.contains_key(&(object, instance)));
        free.ok_or_else(|| Refusal::new(Code::INTERNAL_SERVER_ERROR, "no instance is free"))
    }

    fn check_instance(&self, object: ObjectId, instance: &ObjectInstance) -> Result<(), Refusal> {
        let second = self.behaviour.writes.refuses_second_bootstrap_account
            && object == SECURITY
            && instance.id != self.bootstrap_account
            && instance.single(BOOTSTRAP_SERVER) == Some(&Value::Boolean(true));
        if second {
            return Err(Refusal::new(Code::BAD_REQUEST, "a client holds at most one bootstrap account"));
        }
        for resource in &instance.resources {
            let refused = self
                .behaviour
                .writes
                .refused_resources
                .iter()
                .find(|row| row.object == object && (row.resources.0..=row.resources.1).contains(&resource.id));
            if let Some(row) = refused {
                let words = format!("/{object}/{}/{} is not taken here", instance.id, resource.id);
                return Err(Refusal::new(row.code, words));
            }
            if self.behaviour.refuses_unknown_resources && !self.has_resource(object, resource.id) {
                let words = format!("/{object}/{}/{} is unknown here", instance.id, resource.id);
                return Err(Refusal::new(Code::BAD_REQUEST, words));
            }
            let multiple = matches!(resource.value, ResourceValue::Multiple(_));
            if objects::definition(object, resource.id).is_some_and(|row| row.multiple != multiple) {
                let kind = if multiple { "takes a single value" } else { "takes numbered values" };
                return Err(Refusal::new(
                    Code::BAD_REQUEST,
                    format!("/{object}/{}/{} {kind}", instance.id, resource.id),
                ));
            }
        }
        Ok(())
    }

    fn store(&mut self, path: Path, object: ObjectId, instance: ObjectInstance) {
        let version = self.version;
        let mut resources = instance.resources;
        resources.retain(|resource| has_resource(version, object, resource.id));
        if (object, instance.id) == (SECURITY, self.bootstrap_account) {
            self.factory_account = false;
        }
        let held = self.instances.entry((object, instance.id)).or_default();
        if self.behaviour.writes.updates_instances {
            resources.into_iter().for_each(|resource| update(held, resource));
        } else if matches!(path, Path::Resource(..)) {
            held.retain(|old| !resources.iter().any(|new| new.id == old.id));
            held.append(&mut resources);
        } else {
            *held = resources;
        }
        held.sort_by_key(|resource| resource.id);
    }

    fn has_resource(&self, object: ObjectId, resource: ResourceId) -> bool {
        has_resource(self.version, object, resource)
    }

    /// Finish was accepted: what there is lasts.
    pub(super) fn commit(&mut self) {
        self.committed = None;
    }

    /// Everything that the client would still hold if its power failed now.
    pub(super) fn lasting(&self) -> impl Iterator<Item = (ObjectId, ObjectInstance)> {
        let instances = self.committed.as_ref().unwrap_or(&self.instances);
        instances.iter().map(|(&(object, id), resources)| (object, ObjectInstance { id, resources: resources.clone() }))
    }

    /// Everything but the bootstrap account and the Device Object, as trees; nothing is left.
    pub(super) fn take_objects(&mut self) -> Vec<Object> {
        let mut taken: Vec<Object> = Vec::new();
        for ((object, id), resources) in std::mem::take(&mut self.instances) {
            if object == DEVICE || (object, id) == (SECURITY, self.bootstrap_account) {
                continue;
            }
            let instance = ObjectInstance { id, resources };
            match taken.last_mut() {
                Some(last) if last.id == object => last.instances.push(instance),
                _ => taken.push(Object { id: object, instances: vec![instance] }),
            }
        }
        taken
    }
}

/// Puts a resource in the place of what was there; of a multiple-instance one, values that are not named survive.
fn update(held: &mut Vec<Resource>, new: Resource) {
    let Some(old) = held.iter_mut().find(|old| old.id == new.id) else { return held.push(new) };
    match (&mut old.value, new.value) {
        (ResourceValue::Multiple(old), ResourceValue::Multiple(new)) => {
            old.retain(|(id, _)| !new.iter().any(|(other, _)| other == id));
            old.extend(new);
            old.sort_by_key(|(id, _)| *id);
        }
        (old, new) => *old = new,
    }
}

/// What `pct` asks for is what the client prefers itself; TLV where it says nothing that holds an instance.
fn preferred_format(configuration: &ClientConfiguration) -> ContentFormat {
    let asked = configuration.preferred_content_format.and_then(ContentFormat::from_number);
    asked.filter(|&format| is_hierarchical(format)).unwrap_or(ContentFormat::Tlv)
}

fn knows(version: Version, behaviour: Behaviour, object: ObjectId) -> bool {
    match object {
        DEVICE => true,
        ACCESS_CONTROL => behaviour.has_access_control,
        _ => writes(version, object),
    }
}

fn has_resource(version: Version, object: ObjectId, resource: ResourceId) -> bool {
    objects::definition(object, resource).is_some_and(|row| row.since <= version)
}

/// The single value of a resource as text, if that is what it is.
pub(super) fn text(resources: &[Resource], id: ResourceId) -> Option<&str> {
    match single(resources, id)? {
        Value::String(text) | Value::CoreLink(text) => Some(text),
        _ => None,
    }
}

/// The single value of a resource as a number, if that is what it is.
pub(super) fn number(resources: &[Resource], id: ResourceId) -> Option<i64> {
    match single(resources, id)? {
        Value::Integer(number) | Value::Time(number) => Some(*number),
        Value::Unsigned(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

/// The single value of a resource as a truth value, if that is what it is.
pub(super) fn boolean(resources: &[Resource], id: ResourceId) -> Option<bool> {
    match single(resources, id)? {
        Value::Boolean(value) => Some(*value),
        _ => None,
    }
}

/// The single value of a resource, if there is one.
pub(super) fn single(resources: &[Resource], id: ResourceId) -> Option<&Value> {
    resources.iter().find(|resource| resource.id == id).and_then(|resource| match &resource.value {
        ResourceValue::Single(value) => Some(value),
        ResourceValue::Multiple(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{DataModel, SECURITY};
    use crate::coap::Code;
    use crate::lwm2m::{Object, ObjectInstance, Path, Resource, Value, Version};
    use crate::simulator::configuration::{ClientConfiguration, StaleAccount};

    fn model() -> DataModel {
        let mut configuration = ClientConfiguration::new("ep");
        configuration.stale_account = Some(StaleAccount::default());
        DataModel::new(&configuration)
    }

    fn held(model: &DataModel) -> Vec<Path> {
        model.instances.keys().map(|&(object, instance)| Path::ObjectInstance(object, instance)).collect()
    }

    fn security(instance: u16, resources: Vec<Resource>) -> Vec<Object> {
        vec![Object { id: SECURITY, instances: vec![ObjectInstance { id: instance, resources }] }]
    }

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn delete_leaves_the_bootstrap_account_and_the_device_object() {
        for (target, left) in [
            ("/", vec!["/0/0", "/3/0"]),
            ("/0", vec!["/0/0", "/1/0", "/3/0"]),
            ("/1", vec!["/0/0", "/0/1", "/3/0"]),
            ("/2", vec!["/0/0", "/0/1", "/1/0", "/3/0"]),
            ("/0/1", vec!["/0/0", "/1/0", "/3/0"]),
        ] {
            let mut model = model();
            model.delete(path(target)).unwrap();
            assert_eq!(held(&model), left.into_iter().map(path).collect::<Vec<_>>(), "DELETE {target}");
        }
    }

    #[test]
    fn refused_deletes_change_nothing() {
        for (target, code) in [
            ("/3", Code::BAD_REQUEST),
            ("/3/0", Code::BAD_REQUEST),
            ("/0/0", Code::BAD_REQUEST),
            ("/1/0/1", Code::BAD_REQUEST),
            ("/5", Code::NOT_FOUND),
            ("/1/7", Code::NOT_FOUND),
        ] {
            let mut model = model();
            assert_eq!(model.delete(path(target)).unwrap_err().code, code, "DELETE {target}");
            assert_eq!(held(&model), held(&super::DataModel::new(&with_stale())));
        }
    }

    fn with_stale() -> ClientConfiguration {
        ClientConfiguration { stale_account: Some(StaleAccount::default()), ..ClientConfiguration::new("ep") }
    }

    #[test]
    fn an_instance_is_replaced_and_a_resource_is_changed() {
        let mut model = model();
        let mode = Resource::single(2, Value::Integer(3));
        model.write(path("/0/1"), security(1, vec![mode.clone()])).unwrap();
        assert_eq!(model.read(0, Some(1)).unwrap().instances[0].resources, std::slice::from_ref(&mode));
        let ssid = Resource::single(10, Value::Integer(7));
        model.write(path("/0/1/10"), security(1, vec![ssid.clone()])).unwrap();
        assert_eq!(model.read(0, Some(1)).unwrap().instances[0].resources, [mode, ssid]);
    }

    #[test]
    fn resources_of_later_versions_are_ignored() {
        let sni = Resource::single(14, Value::String("host".into()));
        for (version, kept) in [(Version::V1_0, 0), (Version::V1_1, 1)] {
            let configuration = ClientConfiguration { lwm2m_version: version, ..ClientConfiguration::new("ep") };
            let mut model = DataModel::new(&configuration);
            let unknown = Resource::single(999, Value::opaque(b"?"));
            model.write(path("/0/1"), security(1, vec![sni.clone(), unknown])).unwrap();
            assert_eq!(model.read(0, Some(1)).unwrap().instances[0].resources.len(), kept);
        }
    }

    #[test]
    fn a_second_bootstrap_account_is_refused() {
        let mut model = model();
        let flag = vec![Resource::single(1, Value::Boolean(true))];
        assert_eq!(model.write(path("/0/5"), security(5, flag.clone())).unwrap_err().code, Code::BAD_REQUEST);
        model.write(path("/0/0"), security(0, flag)).unwrap();
    }

    #[test]
    fn targets_that_cannot_be_written_are_refused() {
        let table = [
            ("/", Code::METHOD_NOT_ALLOWED),
            ("/5/0", Code::NOT_FOUND),
            ("/3/0", Code::METHOD_NOT_ALLOWED),
            ("/0/65535", Code::BAD_REQUEST),
            ("/0/1/99", Code::NOT_FOUND),
            ("/2/0/2/101", Code::METHOD_NOT_ALLOWED),
        ];
        for (target, code) in table {
            assert_eq!(model().check_target(path(target)).unwrap_err().code, code, "PUT {target}");
        }
        assert_eq!(model().check_target(path("/0/1/10")), Ok(()));
    }
}
