//! Object 0, LwM2M Security: spec sheet `objects.md`, section 2.

use super::ResourceDefinition;
use crate::lwm2m::objects::DataType::{Boolean, Integer, ObjectLink, Opaque, String, Unsigned};
use crate::lwm2m::version::Version;

const V1_0: Version = Version::V1_0;
const V1_1: Version = Version::V1_1;
const V1_2: Version = Version::V1_2;

pub(super) const RESOURCES: &[ResourceDefinition] = &[
    ResourceDefinition::new(0, "LwM2M Server URI", String, V1_0).mandatory(),
    ResourceDefinition::new(1, "Bootstrap-Server", Boolean, V1_0).mandatory(),
    ResourceDefinition::new(2, "Security Mode", Integer, V1_0).mandatory(),
    ResourceDefinition::new(3, "Public Key or Identity", Opaque, V1_0).mandatory(),
    ResourceDefinition::new(4, "Server Public Key", Opaque, V1_0).mandatory(),
    ResourceDefinition::new(5, "Secret Key", Opaque, V1_0).mandatory(),
    ResourceDefinition::new(6, "SMS Security Mode", Integer, V1_0),
    ResourceDefinition::new(7, "SMS Binding Key Parameters", Opaque, V1_0),
    ResourceDefinition::new(8, "SMS Binding Secret Key(s)", Opaque, V1_0),
    ResourceDefinition::new(9, "LwM2M Server SMS Number", String, V1_0),
    ResourceDefinition::new(10, "Short Server ID", Integer, V1_0),
    ResourceDefinition::new(11, "Client Hold Off Time", Integer, V1_0),
    ResourceDefinition::new(12, "Bootstrap-Server Account Timeout", Integer, V1_0),
    ResourceDefinition::new(13, "Matching Type", Unsigned, V1_1),
    ResourceDefinition::new(14, "SNI", String, V1_1),
    ResourceDefinition::new(15, "Certificate Usage", Unsigned, V1_1),
    ResourceDefinition::new(16, "DTLS/TLS Ciphersuite", Unsigned, V1_1).multiple(),
    ResourceDefinition::new(17, "OSCORE Security Mode", ObjectLink, V1_1),
    ResourceDefinition::new(18, "Groups To Use by Client", Unsigned, V1_2).multiple(),
    ResourceDefinition::new(19, "Signature Algorithms Supported by Server", Unsigned, V1_2).multiple(),
    ResourceDefinition::new(20, "Signature Algorithms To Use by Client", Unsigned, V1_2).multiple(),
    ResourceDefinition::new(21, "Signature Algorithm Certs Supported by Server", Unsigned, V1_2).multiple(),
    ResourceDefinition::new(22, "TLS 1.3 Features To Use by Client", Unsigned, V1_2),
    ResourceDefinition::new(23, "TLS Extensions Supported by Server", Unsigned, V1_2),
    ResourceDefinition::new(24, "TLS Extensions To Use by Client", Unsigned, V1_2),
    ResourceDefinition::new(25, "Secondary LwM2M Server URI", String, V1_2).multiple(),
    ResourceDefinition::new(26, "MQTT Server", ObjectLink, V1_2),
    ResourceDefinition::new(27, "LwM2M COSE Security", ObjectLink, V1_2).multiple(),
    ResourceDefinition::new(28, "RDS Destination Port", Integer, V1_2),
    ResourceDefinition::new(29, "RDS Source Port", Integer, V1_2),
    ResourceDefinition::new(30, "RDS Application ID", String, V1_2),
];
