//! LwM2M data: paths, values, object tables and the content formats that carry them.
//!
//! Everything here is a pure function over bytes and trees. It knows no CoAP, no session and no clock; the content
//! formats meet CoAP only in `bootstrap` and in the simulator. Facts and byte vectors: spec sheets `formats.md` and
//! `objects.md`.
//!
//! Reading order: [`path`], [`value`], [`content`] (the tree), [`codec`] (the one entry point for all formats), then a
//! format.

pub mod codec;
pub mod content;
pub mod error;
pub mod link_format;
pub mod objects;
pub mod path;
pub mod value;
pub mod version;

mod assembly;
mod cbor;
mod json;
mod lwm2m_cbor;
mod lwm2m_json;
mod senml;
mod senml_cbor;
mod senml_json;
mod single_value;
mod timestamp;
mod tlv;
mod wire;

#[cfg(test)]
mod tests;

pub use codec::{decode, encode};
pub use content::{ContentFormat, Object, ObjectInstance, Resource, ResourceValue};
pub use error::{DecodeError, EncodeError};
pub use link_format::DiscoverAnswer;
pub use objects::definition;
pub use path::Path;
pub use value::Value;
pub use version::Version;
