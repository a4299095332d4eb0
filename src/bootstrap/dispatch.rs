//! How the operations of a plan go out: as which requests, and as which smaller ones where a client refuses those.
//!
//! LwM2M Core 1.2 section 6.1.7.5; spec sheets `bootstrap.md`, section 8, `transport.md`, section 2, and `clients.md`,
//! section 3. A plan says what a client is to hold, instance by instance; a profile says at which level that is written.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::plan::{Operation, Part, Purpose, Write};
use crate::lwm2m::path::ObjectId;
use crate::lwm2m::{self, ContentFormat, EncodeError, Object, ObjectInstance, Path, Resource, ResourceValue, Value};
use crate::provision::Level;

/// Bytes above which the value of a resource is a large one: it is written by itself where the whole instance is too
/// large for the client.
const LARGE_VALUE: usize = 64;

/// One request between the survey and Finish.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Dispatch {
    /// Bootstrap-Delete.
    Delete(Path),
    /// Bootstrap-Write.
    Write(WriteRequest),
}

/// One Bootstrap-Write as it goes out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WriteRequest {
    /// An object, an object instance or a resource.
    pub(super) target: Path,
    /// What is written: of one object; several only where the target is that object.
    pub(super) writes: Vec<Write>,
    /// The format, where it is not that of the session.
    pub(super) format: Option<ContentFormat>,
}

/// The requests that carry `operations` at `level`, in their order.
pub(super) fn dispatch(operations: Vec<Operation>, level: Level) -> VecDeque<Dispatch> {
    let mut requests: VecDeque<Dispatch> = VecDeque::new();
    for operation in operations {
        let write = match operation {
            Operation::Delete(path) => {
                requests.push_back(Dispatch::Delete(path));
                continue;
            }
            Operation::Write(write) => write,
        };
        let is_whole = write.part == Part::Instance;
        match level {
            Level::Object if is_whole => match joinable(&mut requests, &write) {
                Some(request) => request.writes.push(write),
                None => requests.push_back(Dispatch::Write(WriteRequest::of_object(vec![write]))),
            },
            Level::Resource if is_whole => {
                requests.extend(resources(&write).map(|write| Dispatch::Write(WriteRequest::of(write))));
            }
            _ => requests.push_back(Dispatch::Write(WriteRequest::of(write))),
        }
    }
    requests
}

/// The request for the whole object that `write` can be part of: order between objects matters to clients that apply
/// everything at once, and what is only tried must not take along what is needed.
fn joinable<'a>(requests: &'a mut VecDeque<Dispatch>, write: &Write) -> Option<&'a mut WriteRequest> {
    let is_last_word = write.purpose == Purpose::Account && is_bootstrap_account(write);
    requests
        .iter_mut()
        .rev()
        .find_map(|request| match request {
            Dispatch::Write(request) if request.target == Path::Object(write.object) => Some(request),
            _ => None,
        })
        .filter(|request| !is_last_word && request.writes.iter().all(|before| before.purpose == write.purpose))
}

fn is_bootstrap_account(write: &Write) -> bool {
    write.instance.single(1) == Some(&Value::Boolean(true)) && write.object == lwm2m::objects::SECURITY
}

/// Each resource of an instance as a write of its own.
fn resources(write: &Write) -> impl Iterator<Item = Write> {
    let Write { object, instance, purpose, mut note, .. } = write.clone();
    instance.resources.into_iter().map(move |resource| Write {
        object,
        instance: ObjectInstance { id: instance.id, resources: vec![resource] },
        part: Part::Resource,
        purpose,
        note: note.take(),
    })
}

impl WriteRequest {
    /// The request that carries one write at its own level.
    pub(super) fn of(write: Write) -> WriteRequest {
        WriteRequest { target: write.path(), writes: vec![write], format: None }
    }

    fn of_object(writes: Vec<Write>) -> WriteRequest {
        let object = writes.first().map_or(0, |write| write.object);
        WriteRequest { target: Path::Object(object), writes, format: None }
    }

    /// The object that is written to.
    pub(super) fn object(&self) -> ObjectId {
        self.writes.first().map_or(0, |write| write.object)
    }

    /// Its payload.
    ///
    /// # Errors
    /// The format cannot say it.
    pub(super) fn encode(&self, format: ContentFormat) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        let instances = self.writes.iter().map(|write| write.instance.clone()).collect();
        lwm2m::encode(format, &self.target, &[Object { id: self.object(), instances }])
    }

    /// `format`, or what stands in for it where it says single values and this is more than one, or is opaque: plain text
    /// has those in Base64, and their own format has them as they are (spec sheet `formats.md`, sections 2 and 3).
    pub(super) fn sayable_in(&self, format: ContentFormat) -> ContentFormat {
        if !matches!(format, ContentFormat::PlainText | ContentFormat::Cbor) {
            return format;
        }
        let resource = self.writes.first().and_then(|write| write.instance.resources.first());
        match (self.target, resource.map(|resource| &resource.value)) {
            (Path::Resource(..), Some(ResourceValue::Single(Value::Opaque(_))))
                if format == ContentFormat::PlainText =>
            {
                ContentFormat::Opaque
            }
            (Path::Resource(..), Some(ResourceValue::Single(_))) => format,
            _ => ContentFormat::Tlv,
        }
    }

    /// Whether all of it has this purpose.
    pub(super) fn is_for(&self, purpose: Purpose) -> bool {
        self.writes.iter().all(|write| write.purpose == purpose)
    }

    /// Whether it is for a whole object.
    pub(super) fn is_of_object(&self) -> bool {
        matches!(self.target, Path::Object(_))
    }

    /// The same in smaller requests: of an object its instances; of an instance what is small in it, and then each large
    /// value by itself, raw where it is opaque. Nothing where it cannot be smaller.
    pub(super) fn split(&self) -> Option<Vec<WriteRequest>> {
        match self.target {
            Path::Object(_) => Some(self.writes.iter().cloned().map(WriteRequest::of).collect()),
            Path::ObjectInstance(..) => {
                let mut write = self.writes.first()?.clone();
                let (large, small): (Vec<Resource>, Vec<Resource>) =
                    std::mem::take(&mut write.instance.resources).into_iter().partition(is_large);
                if large.is_empty() {
                    return None;
                }
                let rest = Write {
                    instance: ObjectInstance { id: write.instance.id, resources: large },
                    note: None,
                    ..write.clone()
                };
                write.instance.resources = small;
                let first = (!write.instance.resources.is_empty()).then(|| WriteRequest::of(write));
                let raw = resources(&rest)
                    .map(|write| WriteRequest { format: raw_format(&write), ..WriteRequest::of(write) });
                Some(first.into_iter().chain(raw).collect())
            }
            _ => None,
        }
    }
}

fn is_large(resource: &Resource) -> bool {
    match &resource.value {
        ResourceValue::Single(Value::Opaque(bytes)) => bytes.len() > LARGE_VALUE,
        ResourceValue::Single(Value::String(text) | Value::CoreLink(text)) => text.len() > LARGE_VALUE,
        _ => false,
    }
}

/// Opaque values travel raw, without so much as a header: a certificate of 900 bytes needs no blocks then (spec sheet
/// `transport.md`, section 2).
fn raw_format(write: &Write) -> Option<ContentFormat> {
    let resource = write.instance.resources.first()?;
    matches!(resource.value, ResourceValue::Single(Value::Opaque(_))).then_some(ContentFormat::Opaque)
}

#[cfg(test)]
mod tests;
