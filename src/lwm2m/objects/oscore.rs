//! Object 21, OSCORE: spec sheet `objects.md`, section 12.
//!
//! The types are those of object version 2.0. Versions 1.0 and 1.1 called the Opaque ones String; the bytes are the
//! same, and the formats take either on receipt.

use super::ResourceDefinition;
use crate::lwm2m::objects::DataType::{Integer, Opaque};
use crate::lwm2m::version::Version;

const V1_1: Version = Version::V1_1;

pub(super) const RESOURCES: &[ResourceDefinition] = &[
    ResourceDefinition::new(0, "Master Secret", Opaque, V1_1).mandatory(),
    ResourceDefinition::new(1, "Sender ID", Opaque, V1_1).mandatory(),
    ResourceDefinition::new(2, "Recipient ID", Opaque, V1_1).mandatory(),
    ResourceDefinition::new(3, "AEAD Algorithm", Integer, V1_1),
    ResourceDefinition::new(4, "HMAC Algorithm", Integer, V1_1),
    ResourceDefinition::new(5, "Master Salt", Opaque, V1_1),
    ResourceDefinition::new(6, "ID Context", Opaque, V1_1),
];
