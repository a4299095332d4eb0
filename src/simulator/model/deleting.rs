//! What goes: Bootstrap-Delete, and the Bootstrap-Pack, which deletes before it writes.
//!
//! LwM2M Core 1.2 sections 6.1.7.6 and 6.1.7.7; spec sheet `bootstrap.md`, sections 9 and 11.

use super::{DataModel, Refusal};
use crate::coap::Code;
use crate::lwm2m::objects::{DEVICE, OSCORE, SECURITY};
use crate::lwm2m::{Object, Path};
use crate::simulator::configuration::writes;

impl DataModel {
    /// Bootstrap-Delete. The bootstrap account stays unless it is named itself, and the Device Object in any case; what
    /// the answer is then, and whether a named bootstrap account really goes, is the behaviour's.
    pub(in crate::simulator) fn delete(&mut self, path: Path) -> Result<(), Refusal> {
        let deletes = self.behaviour.deletes;
        let answer = |code: Option<Code>, reason: String| code.map_or(Ok(()), |code| Err(Refusal::new(code, reason)));
        let own = (SECURITY, self.bootstrap_account);
        match path {
            Path::Root => {}
            Path::Object(DEVICE) => {
                return answer(deletes.device_object, "the Device Object is not deleted".to_owned());
            }
            Path::ObjectInstance(DEVICE, 0) => {
                return answer(deletes.device_instance, "the Device Object is not deleted".to_owned());
            }
            Path::ObjectInstance(object, instance) if (object, instance) == own => {
                answer(deletes.bootstrap_account, "the bootstrap account is not deleted".to_owned())?;
                self.instances.remove(&own);
                return Ok(());
            }
            Path::Object(object) | Path::ObjectInstance(object, _) if !self.knows(object) => {
                return answer(deletes.unknown_object, format!("there is no object {object}"));
            }
            Path::ObjectInstance(object, instance) if !self.instances.contains_key(&(object, instance)) => {
                return answer(deletes.missing_instance, format!("there is no {path}"));
            }
            Path::Object(_) | Path::ObjectInstance(..) => {}
            Path::Resource(..) | Path::ResourceInstance(..) => {
                return Err(Refusal::new(Code::BAD_REQUEST, "only objects and instances can be deleted"));
            }
        }
        self.clear(path);
        Ok(())
    }

    /// Deletes every instance below `path` but those that stay.
    fn clear(&mut self, path: Path) {
        let own = (SECURITY, self.bootstrap_account);
        let oscore = self.own_oscore().filter(|_| self.behaviour.deletes.spares_own_oscore);
        self.instances.retain(|&(object, instance), _| {
            let stays = (object, instance) == own || object == DEVICE || (object == OSCORE && oscore == Some(instance));
            stays || !path.contains(&Path::ObjectInstance(object, instance))
        });
    }

    /// A Bootstrap-Pack: of every object in it, all instances go but those that stay, and those of the pack come.
    ///
    /// # Errors
    ///
    /// Why nothing was changed: something in it is not to be written, or what `check` says of the result.
    pub(in crate::simulator) fn apply_pack(
        &mut self,
        content: Vec<Object>,
        check: impl Fn(&DataModel) -> Result<(), String>,
    ) -> Result<(), Refusal> {
        for object in &content {
            if !writes(self.version, object.id) || !self.knows(object.id) {
                let words = format!("object {} is not written in a bootstrap", object.id);
                return Err(Refusal::new(Code::NOT_FOUND, words));
            }
        }
        let (before, was_factory) = (self.instances.clone(), self.factory_account);
        content.iter().for_each(|object| self.clear(Path::Object(object.id)));
        let applied = self.write(Path::Root, content);
        let applied = applied.and_then(|()| check(self).map_err(|reason| Refusal::new(Code::NOT_ACCEPTABLE, reason)));
        if applied.is_err() {
            self.instances = before;
            self.factory_account = was_factory;
        }
        applied
    }
}
