//! `Wire`: a value as a self-describing format (CBOR, JSON) carries it, before the object tables say what it is.
//!
//! LwM2M Core 1.2 Appendix C, Table C-2; spec sheet `formats.md`, section 3.

use std::borrow::Cow;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};

use super::error::DecodeError;
use super::objects::{DataType, OSCORE, definition};
use super::path::Path;
use super::value::Value;
use crate::secret::Secret;

/// A value with the type it has on the wire.
pub(super) enum Wire<'a> {
    /// A whole number that fits into 64 bits with sign.
    Integer(i64),
    /// A whole number above `i64::MAX`.
    Large(u64),
    Float(f64),
    Boolean(bool),
    Text(Cow<'a, str>),
    Bytes(Secret),
    /// Seconds since 1970, marked as such (CBOR tags 0 and 1).
    Time(i64),
    /// Text marked as an object link (`vlo`, `ov`).
    Link(Cow<'a, str>),
}

/// The type that the object tables give to the value at `path`, which is a resource or resource instance.
pub(super) fn data_type(path: &Path) -> Option<DataType> {
    match *path {
        Path::Resource(object, _, resource) | Path::ResourceInstance(object, _, resource, _) => {
            definition(object, resource).map(|definition| definition.data_type)
        }
        _ => None,
    }
}

impl<'a> Wire<'a> {
    /// A whole number without sign, from CBOR or JSON.
    pub(super) fn unsigned(number: u64) -> Wire<'a> {
        i64::try_from(number).map_or(Wire::Large(number), Wire::Integer)
    }

    /// The value of the resource or resource instance at `path`, typed by the tables where they know it.
    pub(super) fn typed(self, path: &Path) -> Result<Value, DecodeError> {
        let Some(expected) = data_type(path) else {
            return self.untyped().ok_or(DecodeError::WrongType { path: *path, expected: DataType::ObjectLink });
        };
        self.fit(expected, path).ok_or(DecodeError::WrongType { path: *path, expected })
    }

    fn fit(self, expected: DataType, path: &Path) -> Option<Value> {
        Some(match (expected, self) {
            (DataType::String, Wire::Text(text)) => Value::String(text.into_owned()),
            (DataType::CoreLink, Wire::Text(text)) => Value::CoreLink(text.into_owned()),
            (DataType::Boolean, Wire::Boolean(truth)) => Value::Boolean(truth),
            (DataType::Opaque, Wire::Bytes(bytes)) => Value::Opaque(bytes),
            // Up to version 1.1 of the object these were Strings; they are handled as bytes everywhere (spec sheet
            // `objects.md`, section 12).
            (DataType::Opaque, Wire::Text(text)) if path.ids().0[0] == OSCORE => Value::opaque(text.as_bytes()),
            (DataType::ObjectLink, Wire::Link(text) | Wire::Text(text)) => object_link(&text)?,
            (DataType::Time, Wire::Time(seconds)) => Value::Time(seconds),
            (DataType::Time, wire) => Value::Time(wire.integer()?),
            (DataType::Integer, wire) => Value::Integer(wire.integer()?),
            (DataType::Unsigned, Wire::Large(number)) => Value::Unsigned(number),
            (DataType::Unsigned, wire) => Value::Unsigned(wire.integer()?.try_into().ok()?),
            (DataType::Float, Wire::Float(number)) => Value::Float(number),
            (DataType::Float, Wire::Integer(number)) => Value::Float(number as f64),
            (DataType::Float, Wire::Large(number)) => Value::Float(number as f64),
            _ => return None,
        })
    }

    /// The number, if it is whole: JSON may write 100 as `100.0` or `1e2`.
    fn integer(self) -> Option<i64> {
        // Two to the power of 63 is the first float that is too large; all whole floats below it convert exactly.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Wire::Integer(number) => Some(number),
            Wire::Float(number) if number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number) => Some(number as i64),
            _ => None,
        }
    }

    /// The value of a resource without table; nothing for a link that is none.
    fn untyped(self) -> Option<Value> {
        Some(match self {
            Wire::Integer(number) => Value::Integer(number),
            Wire::Large(number) => Value::Unsigned(number),
            Wire::Float(number) => Value::Float(number),
            Wire::Boolean(truth) => Value::Boolean(truth),
            Wire::Text(text) => Value::String(text.into_owned()),
            Wire::Bytes(bytes) => Value::Opaque(bytes),
            Wire::Time(seconds) => Value::Time(seconds),
            Wire::Link(text) => object_link(&text)?,
        })
    }
}

/// Reads `object:instance`. The null link is also taken in the form the specification's SenML example prints.
pub(super) fn object_link(text: &str) -> Option<Value> {
    if text == "FFFF:FFFF" {
        return Some(Value::ObjectLink(u16::MAX, u16::MAX));
    }
    let (object, instance) = text.split_once(':')?;
    Some(Value::ObjectLink(identifier(object)?, identifier(instance)?))
}

fn identifier(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// Reads base64 in either alphabet, padded or not: clients do not agree on it (spec sheet `formats.md`, section 3).
pub(super) fn base64(text: &str) -> Option<Secret> {
    let digits = text.trim_end_matches('=').as_bytes();
    let standard = digits.iter().any(|digit| matches!(digit, b'+' | b'/'));
    let alphabet = if standard { BASE64_NOPAD } else { BASE64URL_NOPAD };
    alphabet.decode(digits).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::{Wire, base64, object_link};
    use crate::lwm2m::{Path, Value};

    #[test]
    fn base64_is_taken_in_every_dress() {
        for text in ["-_8", "-_8=", "+/8", "+/8=", "+/8=="] {
            assert_eq!(base64(text).unwrap().expose(), [0xfb, 0xff], "{text}");
        }
        assert!(base64("").unwrap().is_empty());
        for text in ["-/8", "A", "A=AA", "AB CD", "====A", "-_9"] {
            assert!(base64(text).is_none(), "{text}");
        }
    }

    #[test]
    fn links_are_two_identifiers() {
        assert_eq!(object_link("21:1"), Some(Value::ObjectLink(21, 1)));
        assert_eq!(object_link("65535:65535"), Some(Value::ObjectLink(65535, 65535)));
        assert_eq!(object_link("FFFF:FFFF"), Some(Value::ObjectLink(65535, 65535)));
        for text in ["", "21", "21:", ":1", "21:1:2", "+21:1", "21:65536", "21/1", "FFFE:FFFF"] {
            assert_eq!(object_link(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_fit_where_nothing_is_lost() {
        let lifetime = Path::Resource(1, 0, 1);
        assert_eq!(Wire::Float(100.0).typed(&lifetime), Ok(Value::Integer(100)));
        assert_eq!(Wire::Float(-9_223_372_036_854_775_808.0).typed(&lifetime), Ok(Value::Integer(i64::MIN)));
        for wire in [Wire::Float(1.5), Wire::Float(9_223_372_036_854_775_808.0), Wire::Large(1 << 63)] {
            assert!(wire.typed(&lifetime).is_err());
        }
        assert!(Wire::Float(f64::NAN).typed(&lifetime).is_err());
        let retry_count = Path::Resource(1, 0, 17);
        assert_eq!(Wire::Large(u64::MAX).typed(&retry_count), Ok(Value::Unsigned(u64::MAX)));
        assert!(Wire::Integer(-1).typed(&retry_count).is_err());
    }

    #[test]
    fn types_are_not_mixed() {
        let (identity, binding, storing) = (Path::Resource(0, 0, 3), Path::Resource(1, 0, 7), Path::Resource(1, 0, 6));
        assert!(Wire::Text("id".into()).typed(&identity).is_err());
        assert!(Wire::Bytes(b"U"[..].into()).typed(&binding).is_err());
        assert!(Wire::Integer(1).typed(&storing).is_err());
        assert!(Wire::Boolean(true).typed(&Path::Resource(1, 0, 8)).is_err(), "executable");
        let sender_id = Path::Resource(21, 0, 1);
        assert_eq!(Wire::Text("id".into()).typed(&sender_id), Ok(Value::opaque(b"id")));
    }
}
