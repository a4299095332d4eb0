//! application/vnd.oma.lwm2m+tlv: entries of type byte, identifier, length and value.
//!
//! LwM2M Core 1.2 section 7.5.5; spec sheet `formats.md`, section 4. This file writes; [`reader`] reads.

mod reader;

pub(super) use reader::decode;

use zeroize::Zeroizing;

use super::content::{ContentFormat, Object};
use super::content::{ObjectInstance, Resource, ResourceValue};
use super::error::EncodeError;
use super::path::Path;
use super::value::Value;

/// What an entry is: bits 7 and 6 of its type byte.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    ObjectInstance = 0x00,
    ResourceInstance = 0x40,
    MultipleResource = 0x80,
    Resource = 0xc0,
}

/// Bit 5 of the type byte: the identifier has 16 bits.
const LONG_IDENTIFIER: u8 = 0x20;
/// Bits 4 and 3 of the type byte say how many bytes the length field has.
const LENGTH_BYTES_SHIFT: u8 = 3;
/// The longest value that bits 2 to 0 of the type byte can hold the length of.
const SHORT_LENGTH: usize = 7;
/// The longest value that a length field of 24 bits can announce.
const MAX_LENGTH: usize = 0xff_ffff;

/// Writes an object (instances wrapped, as a target without instance id demands), an instance (plain resources) or a
/// resource.
pub(super) fn encode(path: &Path, objects: &[Object]) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let wrapped = match path {
        Path::Object(_) => true,
        Path::ObjectInstance(..) | Path::Resource(..) => false,
        // No pack in this format, and no Resource Instance outside a Multiple Resource.
        Path::Root | Path::ResourceInstance(..) => {
            return Err(EncodeError::UnsupportedPath { format: ContentFormat::Tlv, path: *path });
        }
    };
    let instances = || objects.iter().flat_map(|object| &object.instances);
    let total: usize = instances()
        .map(|instance| {
            let length = instance_len(instance);
            if wrapped { header_len(instance.id, length) + length } else { length }
        })
        .sum();
    // No entry is longer than the whole, so this covers every length field.
    if total > MAX_LENGTH {
        return Err(EncodeError::TooLong);
    }
    let mut out = Zeroizing::new(Vec::with_capacity(total));
    for instance in instances() {
        if wrapped {
            write_header(&mut out, Kind::ObjectInstance, instance.id, instance_len(instance));
        }
        instance.resources.iter().for_each(|resource| write_resource(&mut out, resource));
    }
    Ok(out)
}

fn header_len(id: u16, length: usize) -> usize {
    1 + if id > 0xff { 2 } else { 1 } + length_bytes(length)
}

fn length_bytes(length: usize) -> usize {
    match length {
        0..=SHORT_LENGTH => 0,
        8..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 3,
    }
}

fn instance_len(instance: &ObjectInstance) -> usize {
    instance.resources.iter().map(resource_len).sum()
}

fn resource_len(resource: &Resource) -> usize {
    let length = match &resource.value {
        ResourceValue::Single(value) => value_len(value),
        ResourceValue::Multiple(values) => values_len(values),
    };
    header_len(resource.id, length) + length
}

fn values_len(values: &[(u16, Value)]) -> usize {
    values.iter().map(|(id, value)| header_len(*id, value_len(value)) + value_len(value)).sum()
}

fn value_len(value: &Value) -> usize {
    match value {
        Value::String(text) | Value::CoreLink(text) => text.len(),
        Value::Opaque(bytes) => bytes.len(),
        Value::Integer(number) | Value::Time(number) => integer_len(*number),
        Value::Unsigned(number) => unsigned_len(*number),
        Value::Float(number) if fits_single(*number) => 4,
        Value::Float(_) => 8,
        Value::Boolean(_) => 1,
        Value::ObjectLink(..) => 4,
    }
}

/// The shortest of the four legal widths that keeps the sign.
fn integer_len(number: i64) -> usize {
    if i8::try_from(number).is_ok() {
        1
    } else if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

/// The shortest of the four legal widths, all bits used. Who writes to a client that may take the resource for a signed
/// Integer (as drafts of 1.1 did with ciphersuites) gives a [`Value::Integer`] instead.
fn unsigned_len(number: u64) -> usize {
    match number {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

fn fits_single(number: f64) -> bool {
    f64::from(number as f32) == number
}

fn write_resource(out: &mut Vec<u8>, resource: &Resource) {
    match &resource.value {
        ResourceValue::Single(value) => write_value(out, Kind::Resource, resource.id, value),
        ResourceValue::Multiple(values) => {
            write_header(out, Kind::MultipleResource, resource.id, values_len(values));
            values.iter().for_each(|(id, value)| write_value(out, Kind::ResourceInstance, *id, value));
        }
    }
}

fn write_value(out: &mut Vec<u8>, kind: Kind, id: u16, value: &Value) {
    let length = value_len(value);
    write_header(out, kind, id, length);
    match value {
        Value::String(text) | Value::CoreLink(text) => out.extend_from_slice(text.as_bytes()),
        Value::Opaque(bytes) => out.extend_from_slice(bytes.expose()),
        // Cutting leading bytes off keeps the value: `length` was chosen so.
        Value::Integer(number) | Value::Time(number) => out.extend_from_slice(&number.to_be_bytes()[8 - length..]),
        Value::Unsigned(number) => out.extend_from_slice(&number.to_be_bytes()[8 - length..]),
        Value::Float(number) if length == 4 => out.extend_from_slice(&(*number as f32).to_be_bytes()),
        Value::Float(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Boolean(truth) => out.push(u8::from(*truth)),
        Value::ObjectLink(object, instance) => {
            out.extend_from_slice(&object.to_be_bytes());
            out.extend_from_slice(&instance.to_be_bytes());
        }
    }
}

fn write_header(out: &mut Vec<u8>, kind: Kind, id: u16, length: usize) {
    let field = length_bytes(length);
    let in_type_byte = if field == 0 { length as u8 } else { 0 };
    let long = if id > 0xff { LONG_IDENTIFIER } else { 0 };
    out.push(kind as u8 | long | (field as u8) << LENGTH_BYTES_SHIFT | in_type_byte);
    out.extend_from_slice(&id.to_be_bytes()[usize::from(long == 0)..]);
    out.extend_from_slice(&(length as u32).to_be_bytes()[4 - field..]);
}
