//! LwM2M data: paths, values, object tables and the content formats that carry them.
//!
//! Everything here is a pure function over bytes and trees. It knows no CoAP, no session and no clock; the content
//! formats meet CoAP only in `bootstrap` and in the simulator. Facts and byte vectors: spec sheets `formats.md` and
//! `objects.md`.
//!
//! Reading order: [`path`], [`value`], [`content`] (the tree and the one entry point for all formats), then a format.

pub mod content;
pub mod path;
pub mod value;

pub use content::{ContentFormat, Object, ObjectInstance, Resource, ResourceValue};
pub use path::Path;
pub use value::Value;
