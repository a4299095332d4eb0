//! application/vnd.oma.lwm2m+cbor: nested maps from identifiers to values.
//!
//! LwM2M Core 1.2 section 7.5.4; spec sheet `formats.md`, section 6. Keys are identifiers or arrays of them, and the
//! keys from the outside in make the path. Written are plain nested maps that start with the object id; a target of one
//! resource is written with its path as one key.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use zeroize::Zeroizing;

use super::assembly::Assembly;
use super::cbor::{Remaining, Sink, Written, at_end, read_value, well_formed, write_value, written};
use super::codec::size_bound;
use super::content::{ContentFormat, Object, ResourceValue};
use super::error::{DecodeError, EncodeError};
use super::path::Path;
use super::value::Value;

const FORMAT: ContentFormat = ContentFormat::Lwm2mCbor;

pub(super) fn encode(path: &Path, objects: &[Object]) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    refuse_empty(path, objects)?;
    let mut out = Zeroizing::new(Vec::with_capacity(size_bound(objects)));
    let mut sink = Encoder::new(&mut *out);
    written(match path {
        Path::Root | Path::Object(_) | Path::ObjectInstance(..) => write_objects(&mut sink, objects),
        Path::Resource(..) | Path::ResourceInstance(..) => write_resource(&mut sink, path, objects),
    });
    Ok(out)
}

/// No map may be empty, so nothing that is empty can be told.
fn refuse_empty(path: &Path, objects: &[Object]) -> Result<(), EncodeError> {
    let refuse =
        |empty: bool, path: Path| if empty { Err(EncodeError::Empty { format: FORMAT, path }) } else { Ok(()) };
    refuse(objects.is_empty(), *path)?;
    for object in objects {
        refuse(object.instances.is_empty(), Path::Object(object.id))?;
        for instance in &object.instances {
            refuse(instance.resources.is_empty(), Path::ObjectInstance(object.id, instance.id))?;
            for resource in &instance.resources {
                let empty = matches!(&resource.value, ResourceValue::Multiple(values) if values.is_empty());
                refuse(empty, Path::Resource(object.id, instance.id, resource.id))?;
            }
        }
    }
    Ok(())
}

fn write_objects(sink: &mut Sink<'_>, objects: &[Object]) -> Written {
    sink.map(objects.len() as u64)?;
    for object in objects {
        sink.u16(object.id)?.map(object.instances.len() as u64)?;
        for instance in &object.instances {
            sink.u16(instance.id)?.map(instance.resources.len() as u64)?;
            for resource in &instance.resources {
                sink.u16(resource.id)?;
                match &resource.value {
                    ResourceValue::Single(value) => write_value(sink, value)?,
                    ResourceValue::Multiple(values) => write_values(sink, values)?,
                }
            }
        }
    }
    Ok(())
}

fn write_resource(sink: &mut Sink<'_>, path: &Path, objects: &[Object]) -> Written {
    let (ids, depth) = path.ids();
    sink.map(1)?.array(depth as u64)?;
    for id in &ids[..depth] {
        sink.u16(*id)?;
    }
    let resources = objects.iter().flat_map(|object| &object.instances).flat_map(|instance| &instance.resources);
    for resource in resources {
        match &resource.value {
            ResourceValue::Single(value) => write_value(sink, value)?,
            ResourceValue::Multiple(values) if depth == 3 => write_values(sink, values)?,
            ResourceValue::Multiple(values) => values.iter().try_for_each(|(_, value)| write_value(sink, value))?,
        }
    }
    Ok(())
}

fn write_values(sink: &mut Sink<'_>, values: &[(u16, Value)]) -> Written {
    sink.map(values.len() as u64)?;
    for (id, value) in values {
        sink.u16(*id)?;
        write_value(sink, value)?;
    }
    Ok(())
}

pub(super) fn decode(path: &Path, payload: &[u8]) -> Result<Vec<Object>, DecodeError> {
    let mut decoder = Decoder::new(payload);
    let mut assembly = Assembly::new(path);
    // The grammar wants a non-empty map, but some clients answer a Read of an empty object with an empty one.
    read_map(&mut decoder, Prefix::default(), &mut assembly)?;
    at_end(&decoder)?;
    assembly.finish()
}

/// The identifiers of the keys around the current item.
#[derive(Clone, Copy, Default)]
struct Prefix {
    ids: [u16; 4],
    depth: usize,
}

impl Prefix {
    fn push(&mut self, id: u16) -> Result<(), DecodeError> {
        let slot =
            self.ids.get_mut(self.depth).ok_or(DecodeError::Malformed("a path of more than four identifiers"))?;
        *slot = id;
        self.depth += 1;
        Ok(())
    }
}

/// Reads a map whose keys continue `prefix`. Each level adds an identifier and four are the most, which bounds the
/// recursion.
fn read_map(decoder: &mut Decoder<'_>, prefix: Prefix, assembly: &mut Assembly) -> Result<(), DecodeError> {
    const EMPTY_MAP: DecodeError = DecodeError::Malformed("an empty map stands in place of a value");
    let mut entries = Remaining::of_map(decoder)?;
    let mut empty = true;
    while entries.more(decoder)? {
        empty = false;
        let place = read_key(decoder, prefix)?;
        if matches!(well_formed(decoder.datatype())?, Type::Map | Type::MapIndef) {
            read_map(decoder, place, assembly)?;
        } else {
            let value = read_value(decoder)?;
            let place = Path::from_ids(&place.ids[..place.depth]).expect("a prefix has at most four identifiers");
            assembly.insert(&place, value.typed(&place)?)?;
        }
    }
    if empty && prefix.depth > 0 { Err(EMPTY_MAP) } else { Ok(()) }
}

fn read_key(decoder: &mut Decoder<'_>, mut place: Prefix) -> Result<Prefix, DecodeError> {
    if !matches!(well_formed(decoder.datatype())?, Type::Array | Type::ArrayIndef) {
        place.push(read_id(decoder)?)?;
        return Ok(place);
    }
    let outer_depth = place.depth;
    let mut ids = Remaining::of_array(decoder)?;
    while ids.more(decoder)? {
        place.push(read_id(decoder)?)?;
    }
    if place.depth == outer_depth {
        return Err(DecodeError::Malformed("a key is an empty array"));
    }
    Ok(place)
}

fn read_id(decoder: &mut Decoder<'_>) -> Result<u16, DecodeError> {
    decoder.u16().map_err(|_| DecodeError::Malformed("a key is not a number below 65536"))
}
