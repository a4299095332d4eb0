//! Object 3, Device: spec sheet `objects.md`, section 14.

use super::ResourceDefinition;
use crate::lwm2m::objects::DataType::{Executable, Integer, ObjectLink, String, Time};
use crate::lwm2m::version::Version;

const V1_0: Version = Version::V1_0;

pub(super) const RESOURCES: &[ResourceDefinition] = &[
    ResourceDefinition::new(0, "Manufacturer", String, V1_0),
    ResourceDefinition::new(1, "Model Number", String, V1_0),
    ResourceDefinition::new(2, "Serial Number", String, V1_0),
    ResourceDefinition::new(3, "Firmware Version", String, V1_0),
    ResourceDefinition::new(4, "Reboot", Executable, V1_0).mandatory(),
    ResourceDefinition::new(5, "Factory Reset", Executable, V1_0),
    ResourceDefinition::new(6, "Available Power Sources", Integer, V1_0).multiple(),
    ResourceDefinition::new(7, "Power Source Voltage", Integer, V1_0).multiple(),
    ResourceDefinition::new(8, "Power Source Current", Integer, V1_0).multiple(),
    ResourceDefinition::new(9, "Battery Level", Integer, V1_0),
    ResourceDefinition::new(10, "Memory Free", Integer, V1_0),
    ResourceDefinition::new(11, "Error Code", Integer, V1_0).multiple().mandatory(),
    ResourceDefinition::new(12, "Reset Error Code", Executable, V1_0),
    ResourceDefinition::new(13, "Current Time", Time, V1_0),
    ResourceDefinition::new(14, "UTC Offset", String, V1_0),
    ResourceDefinition::new(15, "Timezone", String, V1_0),
    ResourceDefinition::new(16, "Supported Binding and Modes", String, V1_0).mandatory(),
    ResourceDefinition::new(17, "Device Type", String, V1_0),
    ResourceDefinition::new(18, "Hardware Version", String, V1_0),
    ResourceDefinition::new(19, "Software Version", String, V1_0),
    ResourceDefinition::new(20, "Battery Status", Integer, V1_0),
    ResourceDefinition::new(21, "Memory Total", Integer, V1_0),
    ResourceDefinition::new(22, "ExtDevInfo", ObjectLink, V1_0).multiple(),
];
