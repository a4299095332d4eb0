//! `Value`: one value of one resource, typed as LwM2M Core 1.2 Appendix C types it.

use crate::secret::Secret;

/// A resource value. The type decides its form in every content format (spec sheet `formats.md`, section 3).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// UTF-8 text.
    String(String),
    /// Signed integer.
    Integer(i64),
    /// Unsigned integer (LwM2M 1.1 and later).
    Unsigned(u64),
    /// Floating point number.
    Float(f64),
    /// Truth value.
    Boolean(bool),
    /// Bytes. Held as a secret, because most opaques of a bootstrap are keys.
    Opaque(Secret),
    /// Seconds since 1970-01-01 UTC.
    Time(i64),
    /// Object id and object instance id; 65535:65535 is null.
    ObjectLink(u16, u16),
    /// Links in CoRE Link Format (LwM2M 1.1 and later).
    CoreLink(String),
}

impl Value {
    /// An opaque from plain bytes.
    pub fn opaque(bytes: &[u8]) -> Value {
        Value::Opaque(Secret::from(bytes))
    }
}
