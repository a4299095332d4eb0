//! Object 1, LwM2M Server: spec sheet `objects.md`, section 5.

use super::ResourceDefinition;
use crate::lwm2m::objects::DataType::{Boolean, Executable, Integer, ObjectLink, String, Time, Unsigned};
use crate::lwm2m::version::Version;

const V1_0: Version = Version::V1_0;
const V1_1: Version = Version::V1_1;
const V1_2: Version = Version::V1_2;

pub(super) const RESOURCES: &[ResourceDefinition] = &[
    ResourceDefinition::new(0, "Short Server ID", Integer, V1_0).mandatory(),
    ResourceDefinition::new(1, "Lifetime", Integer, V1_0).mandatory(),
    ResourceDefinition::new(2, "Default Minimum Period", Integer, V1_0),
    ResourceDefinition::new(3, "Default Maximum Period", Integer, V1_0),
    ResourceDefinition::new(4, "Disable", Executable, V1_0),
    ResourceDefinition::new(5, "Disable Timeout", Integer, V1_0),
    ResourceDefinition::new(6, "Notification Storing When Disabled or Offline", Boolean, V1_0).mandatory(),
    ResourceDefinition::new(7, "Binding", String, V1_0).mandatory(),
    ResourceDefinition::new(8, "Registration Update Trigger", Executable, V1_0).mandatory(),
    ResourceDefinition::new(9, "Bootstrap-Request Trigger", Executable, V1_1),
    ResourceDefinition::new(10, "APN Link", ObjectLink, V1_1),
    ResourceDefinition::new(11, "TLS-DTLS Alert Code", Unsigned, V1_1),
    ResourceDefinition::new(12, "Last Bootstrapped", Time, V1_1),
    ResourceDefinition::new(13, "Registration Priority Order", Unsigned, V1_1),
    ResourceDefinition::new(14, "Initial Registration Delay Timer", Unsigned, V1_1),
    ResourceDefinition::new(15, "Registration Failure Block", Boolean, V1_1),
    ResourceDefinition::new(16, "Bootstrap on Registration Failure", Boolean, V1_1),
    ResourceDefinition::new(17, "Communication Retry Count", Unsigned, V1_1),
    ResourceDefinition::new(18, "Communication Retry Timer", Unsigned, V1_1),
    ResourceDefinition::new(19, "Communication Sequence Delay Timer", Unsigned, V1_1),
    ResourceDefinition::new(20, "Communication Sequence Retry Count", Unsigned, V1_1),
    ResourceDefinition::new(21, "Trigger", Boolean, V1_1),
    ResourceDefinition::new(22, "Preferred Transport", String, V1_1),
    ResourceDefinition::new(23, "Mute Send", Boolean, V1_1),
    ResourceDefinition::new(24, "Alternate APN Links", ObjectLink, V1_2).multiple(),
    ResourceDefinition::new(25, "Supported Server Versions", String, V1_2).multiple(),
    ResourceDefinition::new(26, "Default Notification Mode", Integer, V1_2),
    ResourceDefinition::new(27, "Profile ID Hash Algorithm", Unsigned, V1_2),
];
