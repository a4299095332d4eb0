//! Reading TLV. Nesting is at most Object Instance > Multiple Resource > Resource Instance, so no depth limit is
//! needed; lengths are checked against their container before anything is taken.

use super::{Kind, LENGTH_BYTES_SHIFT, LONG_IDENTIFIER};
use crate::lwm2m::assembly::Assembly;
use crate::lwm2m::content::{ContentFormat, Object};
use crate::lwm2m::error::DecodeError;
use crate::lwm2m::objects::DataType;
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, Path, ResourceId};
use crate::lwm2m::value::Value;
use crate::lwm2m::wire::data_type;

pub(in crate::lwm2m) fn decode(path: &Path, payload: &[u8]) -> Result<Vec<Object>, DecodeError> {
    let mut assembly = Assembly::new(path);
    match *path {
        Path::Object(object) => read_object(payload, object, &mut assembly)?,
        Path::ObjectInstance(object, instance) if opens_with_instance(payload) => {
            // The wrapper is optional where the target names the instance; it must be the only entry.
            let mut rest = payload;
            let entry = Entry::take(&mut rest)?;
            if !rest.is_empty() || entry.id != instance {
                return Err(DecodeError::Malformed("an Object Instance TLV beside what the target names"));
            }
            read_resources(entry.value, object, instance, &mut assembly)?;
        }
        Path::ObjectInstance(object, instance) => read_resources(payload, object, instance, &mut assembly)?,
        Path::Resource(object, instance, _) => read_resources(payload, object, instance, &mut assembly)?,
        Path::Root | Path::ResourceInstance(..) => {
            return Err(DecodeError::UnsupportedPath { format: ContentFormat::Tlv, path: *path });
        }
    }
    assembly.finish()
}

fn opens_with_instance(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| Kind::of(*first) == Kind::ObjectInstance)
}

fn read_object(mut rest: &[u8], object: ObjectId, assembly: &mut Assembly) -> Result<(), DecodeError> {
    while !rest.is_empty() {
        let entry = Entry::take(&mut rest)?;
        if entry.kind != Kind::ObjectInstance {
            return Err(DecodeError::Malformed("an object consists of Object Instance TLVs"));
        }
        assembly.declare_instance(object, entry.id)?;
        read_resources(entry.value, object, entry.id, assembly)?;
    }
    Ok(())
}

fn read_resources(
    mut rest: &[u8],
    object: ObjectId,
    instance: ObjectInstanceId,
    assembly: &mut Assembly,
) -> Result<(), DecodeError> {
    while !rest.is_empty() {
        let entry = Entry::take(&mut rest)?;
        match entry.kind {
            Kind::Resource => entry.insert(Path::Resource(object, instance, entry.id), assembly)?,
            Kind::MultipleResource => {
                assembly.declare_multiple(object, instance, entry.id)?;
                read_resource_instances(entry.value, object, instance, entry.id, assembly)?;
            }
            Kind::ObjectInstance => return Err(DecodeError::Malformed("an Object Instance TLV inside an instance")),
            Kind::ResourceInstance => {
                return Err(DecodeError::Malformed("a Resource Instance TLV outside a Multiple Resource TLV"));
            }
        }
    }
    Ok(())
}

fn read_resource_instances(
    mut rest: &[u8],
    object: ObjectId,
    instance: ObjectInstanceId,
    resource: ResourceId,
    assembly: &mut Assembly,
) -> Result<(), DecodeError> {
    while !rest.is_empty() {
        let entry = Entry::take(&mut rest)?;
        if entry.kind != Kind::ResourceInstance {
            return Err(DecodeError::Malformed("a Multiple Resource TLV consists of Resource Instance TLVs"));
        }
        entry.insert(Path::ResourceInstance(object, instance, resource, entry.id), assembly)?;
    }
    Ok(())
}

impl Kind {
    fn of(type_byte: u8) -> Kind {
        match type_byte >> 6 {
            0 => Kind::ObjectInstance,
            1 => Kind::ResourceInstance,
            2 => Kind::MultipleResource,
            _ => Kind::Resource,
        }
    }
}

struct Entry<'a> {
    kind: Kind,
    id: u16,
    value: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Takes the entry that stands at the start of `container`.
    fn take(container: &mut &'a [u8]) -> Result<Entry<'a>, DecodeError> {
        let cut_short = DecodeError::Malformed("a TLV is cut short");
        let type_byte = *container.split_off_first().ok_or(cut_short)?;
        let id_bytes = if type_byte & LONG_IDENTIFIER == 0 { 1 } else { 2 };
        let id = take_number(container, id_bytes).ok_or(cut_short)?;
        let length = match type_byte >> LENGTH_BYTES_SHIFT & 0b11 {
            0 => usize::from(type_byte & 0b111),
            field => take_number(container, usize::from(field)).ok_or(cut_short)?,
        };
        let beyond = DecodeError::Malformed("the length of a TLV reaches beyond its container");
        let value = container.split_off(..length).ok_or(beyond)?;
        // At most two bytes were read.
        Ok(Entry { kind: Kind::of(type_byte), id: id as u16, value })
    }

    fn insert(&self, place: Path, assembly: &mut Assembly) -> Result<(), DecodeError> {
        let expected = data_type(&place).unwrap_or(DataType::Opaque);
        let value = read_value(self.value, expected).ok_or(DecodeError::WrongType { path: place, expected })?;
        assembly.insert(&place, value)
    }
}

/// A big-endian number of at most three bytes.
fn take_number(container: &mut &[u8], bytes: usize) -> Option<usize> {
    let digits = container.split_off(..bytes)?;
    Some(digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
}

fn read_value(bytes: &[u8], expected: DataType) -> Option<Value> {
    let text = || std::str::from_utf8(bytes).map(str::to_owned).ok();
    Some(match expected {
        DataType::String => Value::String(text()?),
        DataType::CoreLink => Value::CoreLink(text()?),
        DataType::Integer => Value::Integer(read_integer(bytes)?),
        DataType::Time => Value::Time(read_integer(bytes)?),
        DataType::Unsigned => Value::Unsigned(read_unsigned(bytes)?),
        DataType::Float => Value::Float(match bytes.len() {
            4 => f32::from_be_bytes(bytes.try_into().ok()?).into(),
            _ => f64::from_be_bytes(bytes.try_into().ok()?),
        }),
        DataType::Boolean => Value::Boolean(match bytes {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        DataType::Opaque => Value::opaque(bytes),
        DataType::ObjectLink => match *bytes {
            [o1, o2, i1, i2] => Value::ObjectLink(u16::from_be_bytes([o1, o2]), u16::from_be_bytes([i1, i2])),
            _ => return None,
        },
        DataType::Executable => return None,
    })
}

/// Any of the four widths is legal for any number; no other is.
fn read_unsigned(bytes: &[u8]) -> Option<u64> {
    matches!(bytes.len(), 1 | 2 | 4 | 8).then(|| bytes.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit)))
}

fn read_integer(bytes: &[u8]) -> Option<i64> {
    let number = read_unsigned(bytes)?;
    // Shifting left and back again spreads the sign over the bits that the width leaves unused.
    let unused_bits = 64 - 8 * bytes.len();
    Some((number << unused_bits) as i64 >> unused_bits)
}
