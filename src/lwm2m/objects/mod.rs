//! The object tables: what is known of the resources of the objects a Bootstrap-Server meets.
//!
//! Transcribed from the OMA registry by way of spec sheet `objects.md`, sections 2, 5, 11, 12 and 14. The formats ask
//! [`definition`] for the type of a resource; what is not in a table keeps the form it had on the wire.

mod access_control;
mod device;
mod oscore;
mod security;
mod server;

use std::fmt;

use super::path::{ObjectId, ResourceId};
use super::version::Version;

/// Object 0, LwM2M Security.
pub const SECURITY: ObjectId = 0;
/// Object 1, LwM2M Server.
pub const SERVER: ObjectId = 1;
/// Object 2, LwM2M Access Control.
pub const ACCESS_CONTROL: ObjectId = 2;
/// Object 3, Device.
pub const DEVICE: ObjectId = 3;
/// Object 21, OSCORE.
pub const OSCORE: ObjectId = 21;

/// The type of a resource (Core 1.2 Appendix C, Table C-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// UTF-8 text.
    String,
    /// Signed integer of up to 64 bits.
    Integer,
    /// Unsigned integer of up to 64 bits.
    Unsigned,
    /// Floating point number.
    Float,
    /// Truth value.
    Boolean,
    /// Bytes.
    Opaque,
    /// Seconds since 1970-01-01 UTC.
    Time,
    /// Object id and object instance id.
    ObjectLink,
    /// Links in CoRE Link Format.
    CoreLink,
    /// No value at all: the resource can only be executed.
    Executable,
}

impl fmt::Display for DataType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            DataType::String => "String",
            DataType::Integer => "Integer",
            DataType::Unsigned => "Unsigned Integer",
            DataType::Float => "Float",
            DataType::Boolean => "Boolean",
            DataType::Opaque => "Opaque",
            DataType::Time => "Time",
            DataType::ObjectLink => "Objlnk",
            DataType::CoreLink => "Corelnk",
            DataType::Executable => "value at all, because the resource is executable",
        })
    }
}

/// One row of an object table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceDefinition {
    /// Resource id.
    pub id: ResourceId,
    /// Name as the registry prints it.
    pub name: &'static str,
    /// Type of its value or values.
    pub data_type: DataType,
    /// Whether it is a multiple-instance resource.
    pub multiple: bool,
    /// Whether every instance of the object has it.
    pub mandatory: bool,
    /// The first LwM2M release that has it.
    pub since: Version,
}

impl ResourceDefinition {
    /// A row for a single-instance, optional resource; the other makers below change it.
    const fn new(id: ResourceId, name: &'static str, data_type: DataType, since: Version) -> ResourceDefinition {
        ResourceDefinition { id, name, data_type, multiple: false, mandatory: false, since }
    }

    const fn mandatory(mut self) -> ResourceDefinition {
        self.mandatory = true;
        self
    }

    const fn multiple(mut self) -> ResourceDefinition {
        self.multiple = true;
        self
    }
}

/// The rows of `object`, ascending by resource id; none for an object without a table.
pub fn resources(object: ObjectId) -> &'static [ResourceDefinition] {
    match object {
        SECURITY => security::RESOURCES,
        SERVER => server::RESOURCES,
        ACCESS_CONTROL => access_control::RESOURCES,
        DEVICE => device::RESOURCES,
        OSCORE => oscore::RESOURCES,
        _ => &[],
    }
}

/// What is known of `/object/*/resource`.
pub fn definition(object: ObjectId, resource: ResourceId) -> Option<&'static ResourceDefinition> {
    // The tables have no gaps (a test holds that), so the id is the index.
    resources(object).get(usize::from(resource))
}

#[cfg(test)]
mod tests {
    use super::{ACCESS_CONTROL, DEVICE, DataType, OSCORE, SECURITY, SERVER, definition, resources};
    use crate::lwm2m::Version;

    #[test]
    fn tables_have_no_gaps() {
        for (object, rows) in [(SECURITY, 31), (SERVER, 28), (ACCESS_CONTROL, 4), (DEVICE, 23), (OSCORE, 7)] {
            let ids: Vec<u16> = resources(object).iter().map(|row| row.id).collect();
            assert_eq!(ids, (0..rows).collect::<Vec<u16>>(), "object {object}");
        }
        assert!(resources(65).is_empty());
    }

    #[test]
    fn lookup_finds_the_row_of_the_id() {
        let suites = definition(SECURITY, 16).unwrap();
        assert_eq!((suites.name, suites.data_type), ("DTLS/TLS Ciphersuite", DataType::Unsigned));
        assert!(suites.multiple && !suites.mandatory);
        assert_eq!(suites.since, Version::V1_1);
        assert_eq!(definition(SERVER, 12).unwrap().data_type, DataType::Time);
        assert_eq!(definition(OSCORE, 0).unwrap().data_type, DataType::Opaque);
        assert!(definition(SECURITY, 31).is_none());
        assert!(definition(SECURITY, u16::MAX).is_none());
        assert!(definition(65, 0).is_none());
    }
}
