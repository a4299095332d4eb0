//! Tests that span the formats: the byte vectors of spec sheet `formats.md`, what must be refused, and properties.

mod properties;
mod refusals;
mod trees;
mod vectors;
mod vectors_external;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::{ContentFormat, Object, Path, decode, encode};

/// How a payload is written down: JSON as it is, everything else in hexadecimal digits.
fn bytes(format: ContentFormat, payload: &str) -> Vec<u8> {
    match format {
        ContentFormat::SenmlJson | ContentFormat::Lwm2mJson | ContentFormat::PlainText => payload.as_bytes().to_vec(),
        _ => HEXLOWER_PERMISSIVE.decode(payload.as_bytes()).expect("hexadecimal digits"),
    }
}

fn path(text: &str) -> Path {
    text.parse().expect("a path")
}

/// Checks that the payload is read as `objects`.
#[track_caller]
fn reads(format: ContentFormat, target: &str, payload: &str, objects: &[Object]) {
    let read = decode(format, &path(target), &bytes(format, payload));
    assert_eq!(read.as_deref(), Ok(objects), "{format:?} {target} {payload}");
}

/// Checks that `objects` are written as the payload, and that the payload is read as `objects`.
#[track_caller]
fn both(format: ContentFormat, target: &str, payload: &str, objects: &[Object]) {
    let written = encode(format, &path(target), objects).map(|written| written.to_vec());
    assert_eq!(written, Ok(bytes(format, payload)), "{format:?} {target} {payload}");
    reads(format, target, payload, objects);
}
