//! application/senml+json: a list of records, each an object of fields.
//!
//! RFC 8428 section 5; LwM2M Core 1.2 section 7.5.6; spec sheet `formats.md`, section 5. This file writes; [`reader`]
//! reads.

mod reader;

pub(super) use reader::decode;

use std::io::Write;

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::codec::size_bound;
use super::content::{ContentFormat, Object};
use super::error::EncodeError;
use super::path::Path;
use super::senml::{Item, count, for_each};
use super::value::Value;

const FORMAT: ContentFormat = ContentFormat::SenmlJson;

pub(super) fn encode(path: &Path, objects: &[Object]) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    count(FORMAT, path, objects)?;
    let mut out = Zeroizing::new(Vec::with_capacity(size_bound(objects)));
    out.push(b'[');
    for_each(path, objects, |item| write_record(&mut out, &item, path))?;
    out.push(b']');
    Ok(out)
}

fn write_record(out: &mut Vec<u8>, item: &Item<'_>, target: &Path) -> Result<(), EncodeError> {
    if out.len() > 1 {
        out.push(b',');
    }
    out.push(b'{');
    if let Some(base_name) = &item.base_name {
        for piece in ["\"bn\":\"", base_name.as_str(), "\","] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
    for piece in ["\"n\":\"", item.name.as_str(), "\","] {
        out.extend_from_slice(piece.as_bytes());
    }
    write_value(out, item.value).ok_or(EncodeError::Inexpressible { format: FORMAT, path: *target })?;
    out.push(b'}');
    Ok(())
}

/// Writes the value field; nothing comes back for a number that JSON has no form for.
fn write_value(out: &mut Vec<u8>, value: &Value) -> Option<()> {
    match value {
        Value::Integer(number) | Value::Time(number) => write!(out, "\"v\":{number}"),
        Value::Unsigned(number) => write!(out, "\"v\":{number}"),
        Value::Float(number) if !number.is_finite() => return None,
        // Not `Display`: it spells the largest floats out in hundreds of digits.
        Value::Float(number) => write!(out, "\"v\":{number:?}"),
        Value::Boolean(truth) => write!(out, "\"vb\":{truth}"),
        Value::ObjectLink(object, instance) => write!(out, "\"vlo\":\"{object}:{instance}\""),
        Value::String(text) | Value::CoreLink(text) => {
            out.extend_from_slice(b"\"vs\":");
            serde_json::to_writer(&mut *out, text).map_err(Into::into)
        }
        Value::Opaque(bytes) => {
            out.extend_from_slice(b"\"vd\":\"");
            let start = out.len();
            out.resize(start + BASE64URL_NOPAD.encode_len(bytes.len()), 0);
            BASE64URL_NOPAD.encode_mut(bytes.expose(), &mut out[start..]);
            out.push(b'"');
            Ok(())
        }
    }
    .expect("writing to a vector cannot fail");
    Some(())
}
