//! What is never written, and what the client's version does not have: E18 and E19 (spec sheet `objects.md`, sections 1,
//! 5, 10 and 14).

use super::Finding;
use crate::bootstrap::plan::{Operation, Write, lacks};
use crate::lwm2m::objects::{DEVICE, DataType, OSCORE, SECURITY, SERVER, definition};
use crate::lwm2m::path::{ObjectId, ResourceId};
use crate::lwm2m::{DiscoverAnswer, Path, Version};
use crate::provision::rules::Rule;

/// Resources of the Device Object that give a device its clock: Current Time, UTC Offset and Timezone.
const CLOCK: std::ops::RangeInclusive<ResourceId> = 13..=15;
/// Resources of the Server Object that the client maintains: TLS-DTLS Alert Code and Last Bootstrapped.
const MAINTAINED: [ResourceId; 2] = [11, 12];

pub(super) fn judge(
    operations: &[Operation],
    version: Option<Version>,
    discovered: Option<&DiscoverAnswer>,
    findings: &mut Vec<Finding>,
) {
    for operation in operations {
        match operation {
            // Of the root a client keeps its Device Object by itself (spec sheet `bootstrap.md`, section 9).
            Operation::Delete(path) if Path::Object(DEVICE).contains(path) => {
                let message = format!("{path} would be deleted, and the Device Object is the client's: remove it");
                findings.push(Finding::error(Rule::E18, message));
            }
            Operation::Delete(_) => {}
            Operation::Write(write) => {
                judge_write(write, findings);
                judge_object(write.object, version, discovered, findings);
            }
        }
    }
}

fn judge_write(write: &Write, findings: &mut Vec<Finding>) {
    let instance = Path::ObjectInstance(write.object, write.instance.id);
    let mut error = |resource: ResourceId, words: &str| {
        findings.push(Finding::error(Rule::E18, format!("{instance}/{resource} {words}: remove it")));
    };
    for resource in &write.instance.resources {
        let row = definition(write.object, resource.id);
        if row.is_some_and(|row| row.data_type == DataType::Executable) {
            error(resource.id, "can be executed and not written");
        } else if write.object == SERVER && MAINTAINED.contains(&resource.id) {
            error(resource.id, "is maintained by the client");
        } else if write.object == DEVICE && (write.instance.id != 0 || !CLOCK.contains(&resource.id)) {
            error(
                resource.id,
                "is the client's own; of the Device Object only its clock, /3/0/13 to /3/0/15, is written",
            );
        }
    }
}

/// E19: whole objects that LwM2M 1.0 or this client does not have. Of later versions at most the least is known.
fn judge_object(
    object: ObjectId,
    version: Option<Version>,
    discovered: Option<&DiscoverAnswer>,
    findings: &mut Vec<Finding>,
) {
    let is_later = matches!(object, OSCORE | 23..=27);
    let is_mandatory = matches!(object, SECURITY | SERVER | DEVICE);
    let message = if is_later && version.is_some_and(|version| version < Version::V1_1) {
        format!("object {object} does not exist in LwM2M 1.0, which this client speaks: remove it from `writes`")
    } else if !is_mandatory && discovered.is_some_and(|answer| lacks(answer, object)) {
        format!("the client does not have object {object}: remove it from `writes` of the profile")
    } else {
        return;
    };
    if !findings.iter().any(|finding| finding.message == message) {
        findings.push(Finding::error(Rule::E19, message));
    }
}
