//! `encode` and `decode`: the one entry point to all content formats that carry resource values.
//!
//! What they have in common is done here: the limits, the check of a tree against the target of its operation, and the
//! empty payload. Spec sheet `formats.md`, sections 1 and 2; LwM2M Core 1.2 section 7.5.

use zeroize::Zeroizing;

use super::assembly::Assembly;
use super::content::{ContentFormat, Object, ObjectInstance, Resource, ResourceValue};
use super::error::{DecodeError, EncodeError};
use super::path::{Path, RESERVED_ID};
use super::value::Value;
use super::{lwm2m_cbor, lwm2m_json, senml_cbor, senml_json, single_value, tlv};

/// The largest payload that is decoded, in bytes. A bootstrap carries a few certificates at most.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// The most instances and values that one payload may hold, counted together.
pub const MAX_ENTRIES: usize = 2048;

/// Encodes `objects` as the payload of an operation on `path`.
///
/// `objects` must hold nothing outside `path`; for [`Path::Resource`] and [`Path::ResourceInstance`] it holds exactly
/// that resource (the latter as a [`Multiple`](super::ResourceValue::Multiple) of one). [`Path::Root`] is the target of
/// a Bootstrap-Pack. The payload may hold keys, so it is wiped when dropped.
///
/// # Errors
/// [`EncodeError`] if the format cannot say this, or says nothing of this kind.
pub fn encode(format: ContentFormat, path: &Path, objects: &[Object]) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    check(path, objects)?;
    match format {
        ContentFormat::Tlv => tlv::encode(path, objects),
        ContentFormat::SenmlCbor => senml_cbor::encode(path, objects),
        ContentFormat::SenmlJson => senml_json::encode(path, objects),
        ContentFormat::Lwm2mCbor => lwm2m_cbor::encode(path, objects),
        ContentFormat::PlainText | ContentFormat::Opaque | ContentFormat::Cbor => {
            single_value::encode(format, path, objects)
        }
        ContentFormat::Lwm2mJson | ContentFormat::CoreLink => Err(EncodeError::UnsupportedFormat(format)),
    }
}

/// Decodes the payload of an operation on `path`.
///
/// Total on any input, and bounded by [`MAX_PAYLOAD`] and [`MAX_ENTRIES`]. Values get the type of the object tables
/// where these know the resource; others keep the type they have on the wire, which in TLV is Opaque. Instances and
/// resources stand in the order of the payload. Where the payload is empty or an empty list, the answer is the target
/// without content (an empty object is a legal answer to Bootstrap-Read).
///
/// # Errors
/// [`DecodeError`] says which rule the payload breaks, never what it holds.
pub fn decode(format: ContentFormat, path: &Path, payload: &[u8]) -> Result<Vec<Object>, DecodeError> {
    if payload.len() > MAX_PAYLOAD {
        return Err(DecodeError::TooLarge);
    }
    match format {
        ContentFormat::CoreLink => Err(DecodeError::UnsupportedFormat(format)),
        ContentFormat::PlainText | ContentFormat::Opaque | ContentFormat::Cbor => {
            single_value::decode(format, path, payload)
        }
        ContentFormat::Tlv => tlv::decode(path, payload),
        _ if payload.is_empty() => Assembly::new(path).finish(),
        ContentFormat::SenmlCbor => senml_cbor::decode(path, payload),
        ContentFormat::SenmlJson => senml_json::decode(path, payload),
        ContentFormat::Lwm2mCbor => lwm2m_cbor::decode(path, payload),
        ContentFormat::Lwm2mJson => lwm2m_json::decode(path, payload),
    }
}

/// Checks what holds for every format: all of the tree belongs to the target, and the target is complete where it is
/// one resource.
fn check(target: &Path, objects: &[Object]) -> Result<(), EncodeError> {
    for object in objects {
        admit(target, Path::Object(object.id))?;
        for instance in &object.instances {
            admit(target, Path::ObjectInstance(object.id, instance.id))?;
            for resource in &instance.resources {
                admit(target, Path::Resource(object.id, instance.id, resource.id))?;
                if let ResourceValue::Multiple(values) = &resource.value {
                    for (id, _) in values {
                        admit(target, Path::ResourceInstance(object.id, instance.id, resource.id, *id))?;
                    }
                }
            }
        }
    }
    match target {
        Path::Root | Path::Object(_) | Path::ObjectInstance(..) => Ok(()),
        Path::Resource(..) | Path::ResourceInstance(..) => check_one_resource(target, objects),
    }
}

/// Lets pass what lies below the target or leads to it.
fn admit(target: &Path, place: Path) -> Result<(), EncodeError> {
    let (ids, depth) = place.ids();
    if ids[..depth].contains(&RESERVED_ID) {
        return Err(EncodeError::ReservedId);
    }
    if target.contains(&place) || place.contains(target) { Ok(()) } else { Err(EncodeError::OutsidePath(place)) }
}

fn check_one_resource(target: &Path, objects: &[Object]) -> Result<(), EncodeError> {
    if let [Object { instances, .. }] = objects
        && let [ObjectInstance { resources, .. }] = instances.as_slice()
        && let [Resource { value, .. }] = resources.as_slice()
    {
        let complete = match (target, value) {
            (Path::ResourceInstance(..), ResourceValue::Multiple(values)) => values.len() == 1,
            (Path::ResourceInstance(..), ResourceValue::Single(_)) => false,
            _ => true,
        };
        return if complete { Ok(()) } else { Err(EncodeError::NotOneResource) };
    }
    Err(EncodeError::NotOneResource)
}

/// At least as many bytes as `objects` take in any format. Payloads get this capacity from the start: a vector that
/// grew would leave copies of keys behind, which nothing wipes.
pub(super) fn size_bound(objects: &[Object]) -> usize {
    /// Names, labels and punctuation of a value, or the value itself if it is a number.
    const PER_VALUE: usize = 96;
    /// A JSON escape is six bytes long.
    const PER_CHARACTER: usize = 6;
    let bound = |value: &Value| {
        PER_VALUE
            + match value {
                Value::String(text) | Value::CoreLink(text) => PER_CHARACTER * text.len(),
                // Base64 takes four bytes for three.
                Value::Opaque(bytes) => 2 * bytes.len(),
                // The text form of the largest floats spells all their digits out.
                Value::Float(_) => 400,
                _ => 0,
            }
    };
    let resources = |instance: &ObjectInstance| -> usize {
        let values = instance.resources.iter().map(|resource| match &resource.value {
            ResourceValue::Single(value) => bound(value),
            ResourceValue::Multiple(values) => 16 + values.iter().map(|(_, value)| bound(value)).sum::<usize>(),
        });
        16 + values.sum::<usize>()
    };
    16 + objects.iter().map(|object| 16 + object.instances.iter().map(resources).sum::<usize>()).sum::<usize>()
}
