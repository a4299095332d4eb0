//! The Bootstrap-Pack: all that a client is to receive, in one answer.
//!
//! LwM2M Core 1.2 section 6.1.7.7; spec sheet `bootstrap.md`, section 11. For every object in the pack a client deletes
//! its instances and makes those that are given, but for its bootstrap account and its Device Object. What a pack cannot
//! say is left to the Bootstrap-Request that follows its refusal.

use zeroize::Zeroizing;

use super::consistency;
use super::plan::{self, Operation, Part, Write};
use super::request::PackRequest;
use crate::coap::Code;
use crate::lwm2m::{self, DiscoverAnswer, Object, Path, Version};
use crate::provision::{Mode, Pack, Provision};

/// Why a client gets no pack. Any error makes it go on with a Bootstrap-Request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoPack {
    /// How its request is answered.
    pub(super) code: Code,
    /// Why, as diagnostic text.
    pub(super) reason: &'static str,
}

const USE_REQUEST: &str = "use POST /bs";

/// The payload of the pack for a client that asks so.
///
/// # Errors
/// [`NoPack`] where the profile allows none, or a pack cannot say what the provision says.
pub(super) fn pack(
    provision: &Provision,
    request: &PackRequest,
    version: Option<Version>,
) -> Result<Zeroizing<Vec<u8>>, NoPack> {
    let redirect = NoPack { code: Code::METHOD_NOT_ALLOWED, reason: USE_REQUEST };
    match provision.writing.pack {
        Pack::Never => return Err(NoPack { code: Code::NOT_IMPLEMENTED, reason: USE_REQUEST }),
        Pack::Redirect => return Err(redirect),
        Pack::Allow => {}
    }
    if provision.writing.mode == Mode::Incremental || provision.bootstrap_account().is_some() {
        return Err(redirect);
    }
    // Only clients of 1.2 know packs.
    let version = version.max(Some(Version::V1_2));
    let account = request.account.clone().map(|account| DiscoverAnswer { version, ..account });
    let inconsistent = NoPack { code: Code::INTERNAL_SERVER_ERROR, reason: "nothing can be written" };
    let plan = plan::plan(provision, version, account.as_ref()).map_err(|_| inconsistent.clone())?;
    let findings = consistency::judge(provision, &plan.operations, account.as_ref(), version);
    if findings.iter().any(consistency::Finding::is_error) {
        return Err(inconsistent);
    }
    let objects = objects(plan.operations).ok_or(redirect.clone())?;
    // A pack empties the objects that it holds, and no others: that must be what the profile says.
    let is_held = |target: &Path| objects.iter().any(|object| *target == Path::Object(object.id));
    let writing = &provision.writing;
    if !writing.delete.iter().all(is_held) || !objects.iter().all(|object| writing.empties(object.id)) {
        return Err(redirect);
    }
    lwm2m::encode(request.format, &Path::Root, &objects).map_err(|_| inconsistent)
}

/// The instances of the writes, by object; none where a write is of less than an instance.
fn objects(operations: Vec<Operation>) -> Option<Vec<Object>> {
    let mut objects: Vec<Object> = Vec::new();
    for operation in operations {
        let Operation::Write(Write { object, instance, part, .. }) = operation else { continue };
        if part == Part::Resource {
            return None;
        }
        match objects.iter_mut().find(|known| known.id == object) {
            Some(known) => known.instances.push(instance),
            None => objects.push(Object { id: object, instances: vec![instance] }),
        }
    }
    Some(objects)
}
