//! The formats that carry one value and nothing around it: text/plain, application/octet-stream, application/cbor.
//!
//! LwM2M Core 1.2 sections 7.5.1 to 7.5.3; spec sheet `formats.md`, sections 2 and 3. Their target is a single-instance
//! resource or one resource instance.

use std::str::FromStr;

use data_encoding::BASE64;
use minicbor::{Decoder, Encoder};
use zeroize::Zeroizing;

use super::assembly::Assembly;
use super::cbor::{at_end, read_value, write_value, written};
use super::codec::size_bound;
use super::content::{ContentFormat, Object, ResourceValue};
use super::error::{DecodeError, EncodeError};
use super::objects::{DataType, definition};
use super::path::Path;
use super::value::Value;
use super::wire::{base64, data_type, object_link};

pub(super) fn encode(
    format: ContentFormat,
    path: &Path,
    objects: &[Object],
) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let value = only_value(path, objects).ok_or(EncodeError::UnsupportedPath { format, path: *path })?;
    let mut out = Zeroizing::new(Vec::with_capacity(size_bound(objects)));
    let expressible = match (format, value) {
        (ContentFormat::Cbor, value) => {
            written(write_value(&mut Encoder::new(&mut *out), value));
            true
        }
        (ContentFormat::Opaque, Value::Opaque(bytes)) => {
            out.extend_from_slice(bytes.expose());
            true
        }
        (ContentFormat::PlainText, value) => write_text(&mut out, value),
        _ => false,
    };
    if expressible { Ok(out) } else { Err(EncodeError::Inexpressible { format, path: *path }) }
}

/// The value of a target of one value. The entry point has made sure that the tree holds exactly the target.
fn only_value<'a>(path: &Path, objects: &'a [Object]) -> Option<&'a Value> {
    let resource = objects.first()?.instances.first()?.resources.first()?;
    match (path, &resource.value) {
        (Path::Resource(..), ResourceValue::Single(value)) => Some(value),
        (Path::ResourceInstance(..), ResourceValue::Multiple(values)) => values.first().map(|(_, value)| value),
        _ => None,
    }
}

/// Writes the text form; false for a number that has none.
fn write_text(out: &mut Vec<u8>, value: &Value) -> bool {
    let text = match value {
        Value::String(text) | Value::CoreLink(text) => {
            out.extend_from_slice(text.as_bytes());
            return true;
        }
        Value::Opaque(bytes) => {
            out.resize(BASE64.encode_len(bytes.len()), 0);
            BASE64.encode_mut(bytes.expose(), out);
            return true;
        }
        Value::Integer(number) | Value::Time(number) => number.to_string(),
        Value::Unsigned(number) => number.to_string(),
        Value::Float(number) if !number.is_finite() => return false,
        // Decimal digits without exponent, as in the example of the specification.
        Value::Float(number) => number.to_string(),
        Value::Boolean(truth) => u8::from(*truth).to_string(),
        Value::ObjectLink(object, instance) => format!("{object}:{instance}"),
    };
    out.extend_from_slice(text.as_bytes());
    true
}

pub(super) fn decode(format: ContentFormat, path: &Path, payload: &[u8]) -> Result<Vec<Object>, DecodeError> {
    // All values of a multiple-instance resource at once need a format with structure.
    let one_value = match *path {
        Path::Resource(object, _, id) => !definition(object, id).is_some_and(|definition| definition.multiple),
        Path::ResourceInstance(..) => true,
        _ => false,
    };
    if !one_value {
        return Err(DecodeError::UnsupportedPath { format, path: *path });
    }
    let value = match format {
        ContentFormat::Cbor => {
            let mut decoder = Decoder::new(payload);
            let value = read_value(&mut decoder)?;
            at_end(&decoder)?;
            value.typed(path)?
        }
        ContentFormat::Opaque => read_opaque(path, payload)?,
        _ => read_text(path, payload)?,
    };
    let mut assembly = Assembly::new(path);
    assembly.insert(path, value)?;
    assembly.finish()
}

fn read_opaque(path: &Path, payload: &[u8]) -> Result<Value, DecodeError> {
    match data_type(path) {
        None | Some(DataType::Opaque) => Ok(Value::opaque(payload)),
        Some(expected) => Err(DecodeError::WrongType { path: *path, expected }),
    }
}

fn read_text(path: &Path, payload: &[u8]) -> Result<Value, DecodeError> {
    let text = std::str::from_utf8(payload).map_err(|_| DecodeError::Malformed("the text is not UTF-8"))?;
    let expected = data_type(path).unwrap_or(DataType::String);
    typed_text(text, expected).ok_or(DecodeError::WrongType { path: *path, expected })
}

fn typed_text(text: &str, expected: DataType) -> Option<Value> {
    Some(match expected {
        DataType::String => Value::String(text.to_owned()),
        DataType::CoreLink => Value::CoreLink(text.to_owned()),
        DataType::Integer => Value::Integer(number(text)?),
        DataType::Time => Value::Time(number(text)?),
        DataType::Unsigned => Value::Unsigned(number(text)?),
        DataType::Float => Value::Float(number(text).filter(|number: &f64| number.is_finite())?),
        DataType::Boolean => Value::Boolean(match text {
            "0" => false,
            "1" => true,
            _ => return None,
        }),
        DataType::Opaque => Value::Opaque(base64(text)?),
        DataType::ObjectLink => object_link(text)?,
        DataType::Executable => return None,
    })
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}
