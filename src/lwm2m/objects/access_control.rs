//! Object 2, LwM2M Access Control: spec sheet `objects.md`, section 11.

use super::ResourceDefinition;
use crate::lwm2m::objects::DataType::Integer;
use crate::lwm2m::version::Version;

const V1_0: Version = Version::V1_0;

pub(super) const RESOURCES: &[ResourceDefinition] = &[
    ResourceDefinition::new(0, "Object ID", Integer, V1_0).mandatory(),
    ResourceDefinition::new(1, "Object Instance ID", Integer, V1_0).mandatory(),
    ResourceDefinition::new(2, "ACL", Integer, V1_0).multiple(),
    ResourceDefinition::new(3, "Access Control Owner", Integer, V1_0).mandatory(),
];
