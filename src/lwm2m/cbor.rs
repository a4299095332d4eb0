//! Single CBOR values in both directions, for the three formats that are made of them.
//!
//! RFC 8949; spec sheet `formats.md`, section 3. Written are definite lengths and shortest integers; read is whatever
//! is well-formed, chunked strings and half floats included.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::Write;

use minicbor::data::Type;
use minicbor::encode::Error as WriteError;
use minicbor::{Decoder, Encoder};

use super::error::DecodeError;
use super::timestamp::seconds_since_epoch;
use super::value::Value;
use super::wire::Wire;
use crate::secret::Secret;

const TAG_DATE_TIME: u64 = 0;
const TAG_EPOCH: u64 = 1;

/// Where CBOR goes while it is written. The vector was made large enough beforehand, so that no copy of a key is left
/// behind by its growth.
pub(super) type Sink<'a> = Encoder<&'a mut Vec<u8>>;

/// What writing returns before [`written`] settles it.
pub(super) type Written = Result<(), WriteError<Infallible>>;

/// Ends a chain of writes.
pub(super) fn written(result: Written) {
    result.expect("a vector takes all bytes, and the encoder has no other way to fail");
}

/// Writes `value` as CBOR has it: an object link as text, a time as a plain number.
pub(super) fn write_value(sink: &mut Sink<'_>, value: &Value) -> Written {
    match value {
        Value::String(text) | Value::CoreLink(text) => sink.str(text)?,
        Value::Integer(number) | Value::Time(number) => sink.i64(*number)?,
        Value::Unsigned(number) => sink.u64(*number)?,
        Value::Float(number) if f64::from(*number as f32) == *number => sink.f32(*number as f32)?,
        Value::Float(number) => sink.f64(*number)?,
        Value::Boolean(truth) => sink.bool(*truth)?,
        Value::Opaque(bytes) => sink.bytes(bytes.expose())?,
        Value::ObjectLink(object, instance) => {
            let mut text = String::with_capacity("65535:65535".len());
            write!(text, "{object}:{instance}").expect("writing to a String cannot fail");
            sink.str(&text)?
        }
    }
    .ok()
}

const NOT_WELL_FORMED: DecodeError = DecodeError::Malformed("not well-formed CBOR");

/// Turns every complaint of the decoder into ours: what it says beyond that is of no use to a peer.
pub(super) fn well_formed<T>(result: Result<T, minicbor::decode::Error>) -> Result<T, DecodeError> {
    result.map_err(|_| NOT_WELL_FORMED)
}

/// How many items a container has left: a number, or as many as come before the break.
pub(super) struct Remaining(Option<u64>);

impl Remaining {
    /// Opens the map that comes next.
    pub(super) fn of_map(decoder: &mut Decoder<'_>) -> Result<Remaining, DecodeError> {
        decoder.map().map(Remaining).map_err(|_| DecodeError::Malformed("not a CBOR map where one must be"))
    }

    /// Opens the array that comes next.
    pub(super) fn of_array(decoder: &mut Decoder<'_>) -> Result<Remaining, DecodeError> {
        decoder.array().map(Remaining).map_err(|_| DecodeError::Malformed("not a CBOR array where one must be"))
    }

    /// Whether there is a further item; if so it must be read before the next call.
    pub(super) fn more(&mut self, decoder: &mut Decoder<'_>) -> Result<bool, DecodeError> {
        match &mut self.0 {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if well_formed(decoder.datatype())? == Type::Break => {
                decoder.set_position(decoder.position() + 1);
                Ok(false)
            }
            None => Ok(true),
        }
    }
}

/// Checks that nothing follows the value that was read.
pub(super) fn at_end(decoder: &Decoder<'_>) -> Result<(), DecodeError> {
    let everything_read = decoder.position() == decoder.input().len();
    if everything_read { Ok(()) } else { Err(DecodeError::Malformed("bytes after the end of the CBOR data")) }
}

/// Reads one value that is no container.
pub(super) fn read_value<'a>(decoder: &mut Decoder<'a>) -> Result<Wire<'a>, DecodeError> {
    Ok(match well_formed(decoder.datatype())? {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Wire::unsigned(well_formed(decoder.u64())?),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Wire::Integer(well_formed(decoder.i64())?),
        Type::F16 => Wire::Float(read_half(decoder)?),
        Type::F32 => Wire::Float(well_formed(decoder.f32())?.into()),
        Type::F64 => Wire::Float(well_formed(decoder.f64())?),
        Type::Bool => Wire::Boolean(well_formed(decoder.bool())?),
        Type::String | Type::StringIndef => Wire::Text(read_text(decoder)?),
        Type::Bytes | Type::BytesIndef => Wire::Bytes(read_bytes(decoder)?),
        Type::Tag => read_time(decoder)?,
        _ => return Err(DecodeError::Malformed("a CBOR item that is no LwM2M value")),
    })
}

/// Reads a text, in one piece or in chunks.
pub(super) fn read_text<'a>(decoder: &mut Decoder<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let mut chunks = well_formed(decoder.str_iter())?;
    let first = chunks.next().transpose().map_err(|_| NOT_WELL_FORMED)?.unwrap_or_default();
    let mut text = Cow::Borrowed(first);
    for chunk in chunks {
        text.to_mut().push_str(well_formed(chunk)?);
    }
    Ok(text)
}

fn read_bytes(decoder: &mut Decoder<'_>) -> Result<Secret, DecodeError> {
    // Measured before it is copied: a vector that grew would leave pieces of a key behind.
    let mut length = 0;
    for chunk in well_formed(decoder.clone().bytes_iter())? {
        length += well_formed(chunk)?.len();
    }
    let mut bytes = Vec::with_capacity(length);
    for chunk in well_formed(decoder.bytes_iter())? {
        bytes.extend_from_slice(well_formed(chunk)?);
    }
    Ok(Secret::new(bytes))
}

fn read_time<'a>(decoder: &mut Decoder<'a>) -> Result<Wire<'a>, DecodeError> {
    let not_a_time = DecodeError::Malformed("a CBOR tag that marks no time");
    let tag = well_formed(decoder.tag())?.as_u64();
    if !matches!(tag, TAG_DATE_TIME | TAG_EPOCH) || well_formed(decoder.datatype())? == Type::Tag {
        return Err(not_a_time);
    }
    let seconds = match (tag, read_value(decoder)?) {
        (TAG_DATE_TIME, Wire::Text(text)) => seconds_since_epoch(&text),
        (TAG_EPOCH, Wire::Integer(seconds)) => Some(seconds),
        // Fractions of a second are cut off; the cast saturates, and what is not finite is refused.
        (TAG_EPOCH, Wire::Float(seconds)) if seconds.is_finite() => Some(seconds.floor() as i64),
        _ => None,
    };
    seconds.map(Wire::Time).ok_or(not_a_time)
}

/// Reads a float of 16 bits (IEEE 754 binary16; RFC 8949 Appendix D).
fn read_half(decoder: &mut Decoder<'_>) -> Result<f64, DecodeError> {
    let start = decoder.position() + 1;
    let bytes = decoder.input().get(start..start + 2).ok_or(NOT_WELL_FORMED)?;
    decoder.set_position(start + 2);
    let bits = u16::from_be_bytes([bytes[0], bytes[1]]);
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    Ok(if bits & 0x8000 == 0 { magnitude } else { -magnitude })
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER_PERMISSIVE as HEX;
    use minicbor::{Decoder, Encoder};

    use super::{at_end, read_value, write_value, written};
    use crate::lwm2m::{DecodeError, Path, Value};

    /// Reads one value as that of a resource without table.
    fn read(hex: &str) -> Result<Value, DecodeError> {
        let bytes = HEX.decode(hex.as_bytes()).unwrap();
        let mut decoder = Decoder::new(&bytes);
        let value = read_value(&mut decoder)?.typed(&Path::Resource(65, 0, 0))?;
        at_end(&decoder)?;
        Ok(value)
    }

    #[test]
    fn every_form_of_a_value_is_read() {
        for (hex, value) in [
            ("17", Value::Integer(23)),
            ("190017", Value::Integer(23)),
            ("3863", Value::Integer(-100)),
            ("3b7fffffffffffffff", Value::Integer(i64::MIN)),
            ("1b8000000000000000", Value::Unsigned(1 << 63)),
            ("f93c00", Value::Float(1.0)),
            ("f9c400", Value::Float(-4.0)),
            ("f90001", Value::Float(5.960464477539063e-8)),
            ("f97bff", Value::Float(65504.0)),
            ("f97c00", Value::Float(f64::INFINITY)),
            ("fa47c35000", Value::Float(100000.0)),
            ("fb3ff199999999999a", Value::Float(1.1)),
            ("f5", Value::Boolean(true)),
            ("6155", Value::String("U".into())),
            ("7f61556151ff", Value::String("UQ".into())),
            ("7fff", Value::String(String::new())),
            ("5f42010243030405ff", Value::opaque(&[1, 2, 3, 4, 5])),
            ("5fff", Value::opaque(b"")),
            ("c11a5182428f", Value::Time(0x5182_428f)),
            ("c1fb41d452d9ec200000", Value::Time(1_363_896_240)),
            ("c074323031332d30352d30325430383a34353a30335a", Value::Time(1_367_484_303)),
        ] {
            assert_eq!(read(hex), Ok(value), "{hex}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for hex in [
            "",
            "18",
            "f6",
            "f7",
            "80",
            "a0",
            "ff",
            "c2420100",
            "c1c101",
            "c11bffffffffffffffff",
            "c06155",
            "c1f97e00",
            "3b8000000000000000",
            "61ff",
            "6261",
            "f93c",
            "5f6155ff",
            "5f41",
            "f800",
            "1717",
            "1c",
        ] {
            assert!(read(hex).is_err(), "{hex}");
        }
    }

    #[test]
    fn floats_are_written_as_short_as_they_go_in_single_or_double() {
        for (number, hex) in [(1.5, "fa3fc00000"), (1.1, "fb3ff199999999999a"), (-0.0, "fa80000000")] {
            let mut bytes = Vec::new();
            written(write_value(&mut Encoder::new(&mut bytes), &Value::Float(number)));
            assert_eq!(HEX.encode(&bytes), hex);
        }
    }
}
