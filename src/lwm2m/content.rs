//! The tree that all content formats speak, and the numbers of the formats.
//!
//! LwM2M Core 1.2 section 7.5; spec sheet `formats.md`, sections 1 and 2.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::path::{ObjectId, ObjectInstanceId, ResourceId, ResourceInstanceId};
use super::value::Value;

/// An object with some of its instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Object id.
    pub id: ObjectId,
    /// Instances in the order in which they are written.
    pub instances: Vec<ObjectInstance>,
}

/// An object instance with some of its resources.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectInstance {
    /// Object instance id.
    pub id: ObjectInstanceId,
    /// Resources, ascending by convention; no id twice.
    pub resources: Vec<Resource>,
}

/// A resource and its value or values.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Resource id.
    pub id: ResourceId,
    /// What it holds.
    pub value: ResourceValue,
}

/// What a resource holds: one value, or any number of numbered ones.
#[derive(Clone, Debug, PartialEq)]
pub enum ResourceValue {
    /// A single-instance resource.
    Single(Value),
    /// A multiple-instance resource; each value has its resource instance id.
    Multiple(Vec<(ResourceInstanceId, Value)>),
}

impl Resource {
    /// A single-instance resource.
    pub fn single(id: ResourceId, value: Value) -> Resource {
        Resource { id, value: ResourceValue::Single(value) }
    }
}

impl ObjectInstance {
    /// The single value of resource `id`, if it is there and single.
    pub fn single(&self, id: ResourceId) -> Option<&Value> {
        self.resources.iter().find(|resource| resource.id == id).and_then(|resource| match &resource.value {
            ResourceValue::Single(value) => Some(value),
            ResourceValue::Multiple(_) => None,
        })
    }
}

/// The content formats of the bootstrap interface, with their CoAP Content-Format numbers.
///
/// In JSON and TOML each has the name by which profiles call it, such as `senml-cbor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u16)]
#[serde(rename_all = "kebab-case")]
pub enum ContentFormat {
    /// text/plain
    PlainText = 0,
    /// application/link-format; answers to Discover only.
    CoreLink = 40,
    /// application/octet-stream
    Opaque = 42,
    /// application/cbor; a single value.
    Cbor = 60,
    /// application/senml+json
    SenmlJson = 110,
    /// application/senml+cbor
    SenmlCbor = 112,
    /// application/vnd.oma.lwm2m+tlv
    Tlv = 11542,
    /// application/vnd.oma.lwm2m+json; read only, for LwM2M 1.0 clients.
    Lwm2mJson = 11543,
    /// application/vnd.oma.lwm2m+cbor
    Lwm2mCbor = 11544,
}

impl ContentFormat {
    /// The CoAP Content-Format number.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// Reads a number, taking the aliases 1542 and 1543 of products before LwM2M 1.0.1 for what they meant.
    pub fn from_number(number: u16) -> Option<ContentFormat> {
        Some(match number {
            0 | 1541 => ContentFormat::PlainText,
            40 => ContentFormat::CoreLink,
            42 => ContentFormat::Opaque,
            60 => ContentFormat::Cbor,
            110 => ContentFormat::SenmlJson,
            112 => ContentFormat::SenmlCbor,
            11542 | 1542 => ContentFormat::Tlv,
            11543 | 1543 => ContentFormat::Lwm2mJson,
            11544 => ContentFormat::Lwm2mCbor,
            _ => return None,
        })
    }
}

impl fmt::Display for ContentFormat {
    /// The name that operators know.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ContentFormat::PlainText => "plain text",
            ContentFormat::CoreLink => "CoRE Link Format",
            ContentFormat::Opaque => "opaque",
            ContentFormat::Cbor => "CBOR",
            ContentFormat::SenmlJson => "SenML JSON",
            ContentFormat::SenmlCbor => "SenML CBOR",
            ContentFormat::Tlv => "TLV",
            ContentFormat::Lwm2mJson => "LwM2M JSON",
            ContentFormat::Lwm2mCbor => "LwM2M CBOR",
        })
    }
}
