//! What both forms of SenML share: names, and what becomes of a record.
//!
//! RFC 8428 section 4, with absolute LwM2M paths as names (which begin with a `/`, unlike RFC 8428 has it); LwM2M Core
//! 1.2 section 7.5.6; spec sheet `formats.md`, section 5.

use std::borrow::Cow;

use super::assembly::Assembly;
use super::content::{ContentFormat, Object, ResourceValue};
use super::error::{DecodeError, EncodeError};
use super::path::Path;
use super::value::Value;
use super::wire::Wire;

/// A record as it was read, before its name is put together.
#[derive(Default)]
pub(super) struct Record<'a> {
    pub(super) base_name: Option<Cow<'a, str>>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) value: Option<Wire<'a>>,
}

impl<'a> Record<'a> {
    /// Keeps the value of the record.
    pub(super) fn set_value(&mut self, value: Wire<'a>) -> Result<(), DecodeError> {
        match self.value.replace(value) {
            None => Ok(()),
            Some(_) => Err(DecodeError::Malformed("a SenML record has more than one value")),
        }
    }
}

/// Whether a field that we do not know must not be passed over (RFC 8428 section 4.4).
pub(super) fn must_be_understood(field: &str) -> bool {
    field.ends_with('_')
}

/// Puts records together to a tree.
pub(super) struct Pack<'a> {
    base_name: Cow<'a, str>,
    assembly: Assembly,
}

impl<'a> Pack<'a> {
    pub(super) fn new(target: &Path) -> Pack<'a> {
        Pack { base_name: Cow::Borrowed(""), assembly: Assembly::new(target) }
    }

    pub(super) fn add(&mut self, record: Record<'a>) -> Result<(), DecodeError> {
        // A base name holds until another one comes (RFC 8428 section 4.1).
        if let Some(base_name) = record.base_name {
            self.base_name = base_name;
        }
        let place = path_of(&self.base_name, record.name.as_deref().unwrap_or_default())?;
        let value = record.value.ok_or(DecodeError::Malformed("a SenML record has no value"))?;
        self.assembly.insert(&place, value.typed(&place)?)
    }

    pub(super) fn finish(self) -> Result<Vec<Object>, DecodeError> {
        self.assembly.finish()
    }
}

/// The place that base name and name say together.
///
/// They are put together as they are: a base name `/1/0` with the name `1` would say `/1/01`. Leading zeros are refused
/// so that such a mistake of a client is not taken for another instance.
pub(super) fn path_of(base_name: &str, name: &str) -> Result<Path, DecodeError> {
    const NOT_A_PATH: DecodeError = DecodeError::Malformed("a name is not an LwM2M path");
    const LONGEST: usize = "/65535/65535/65535/65535/".len();
    let mut buffer = [0; LONGEST];
    let length = base_name.len() + name.len();
    let full = buffer.get_mut(..length).ok_or(NOT_A_PATH)?;
    full[..base_name.len()].copy_from_slice(base_name.as_bytes());
    full[base_name.len()..].copy_from_slice(name.as_bytes());
    if full.windows(3).any(|window| matches!(window, [b'/', b'0', b'0'..=b'9'])) {
        return Err(NOT_A_PATH);
    }
    std::str::from_utf8(full).ok().and_then(|text| text.parse().ok()).ok_or(NOT_A_PATH)
}

/// A name as it is written: identifiers and slashes, in place and without allocation.
pub(super) struct Name {
    text: [u8; 24],
    length: usize,
}

impl Name {
    fn empty() -> Name {
        Name { text: [0; 24], length: 0 }
    }

    fn slash(mut self) -> Name {
        self.text[self.length] = b'/';
        self.length += 1;
        self
    }

    fn id(mut self, id: u16) -> Name {
        let mut divisor = 10_000;
        while divisor > 1 && id < divisor {
            divisor /= 10;
        }
        while divisor > 0 {
            self.text[self.length] = b'0' + (id / divisor % 10) as u8;
            self.length += 1;
            divisor /= 10;
        }
        self
    }

    /// `/o/i/`
    pub(super) fn base(object: u16, instance: u16) -> Name {
        Name::empty().slash().id(object).slash().id(instance).slash()
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.length]).expect("digits and slashes are UTF-8")
    }
}

/// Where the value of a written record belongs, and what is said of it there.
pub(super) struct Item<'a> {
    /// The base name, on the first record of an instance; none where the name says it all.
    pub(super) base_name: Option<Name>,
    /// The name.
    pub(super) name: Name,
    /// The value.
    pub(super) value: &'a Value,
}

/// The number of records that `objects` take.
///
/// # Errors
/// [`EncodeError::Empty`]: what has no value has no record, so an instance or a multiple-instance resource that is
/// empty cannot be told, except where it is the target itself.
pub(super) fn count(format: ContentFormat, path: &Path, objects: &[Object]) -> Result<usize, EncodeError> {
    let mut records = 0;
    let empty = |place: Path| if place == *path { Ok(()) } else { Err(EncodeError::Empty { format, path: place }) };
    for object in objects {
        if object.instances.is_empty() {
            empty(Path::Object(object.id))?;
        }
        for instance in &object.instances {
            if instance.resources.is_empty() {
                empty(Path::ObjectInstance(object.id, instance.id))?;
            }
            for resource in &instance.resources {
                records += match &resource.value {
                    ResourceValue::Single(_) => 1,
                    ResourceValue::Multiple(values) => values.len(),
                };
                if matches!(&resource.value, ResourceValue::Multiple(values) if values.is_empty()) {
                    let path = Path::Resource(object.id, instance.id, resource.id);
                    return Err(EncodeError::Empty { format, path });
                }
            }
        }
    }
    Ok(records)
}

/// Hands each record of `objects` to `write`, in order. A target of one value is named in full; everything else is
/// named below a base name that the first record of each instance sets.
pub(super) fn for_each<'a, E>(
    path: &Path,
    objects: &'a [Object],
    mut write: impl FnMut(Item<'a>) -> Result<(), E>,
) -> Result<(), E> {
    for object in objects {
        for instance in &object.instances {
            let mut base_name = Some(Name::base(object.id, instance.id));
            for resource in &instance.resources {
                match &resource.value {
                    ResourceValue::Single(value) if matches!(path, Path::Resource(..)) => {
                        let name = Name::base(object.id, instance.id).id(resource.id);
                        write(Item { base_name: None, name, value })?;
                    }
                    ResourceValue::Single(value) => {
                        write(Item { base_name: base_name.take(), name: Name::empty().id(resource.id), value })?;
                    }
                    ResourceValue::Multiple(values) if matches!(path, Path::ResourceInstance(..)) => {
                        for (id, value) in values {
                            let name = Name::base(object.id, instance.id).id(resource.id).slash().id(*id);
                            write(Item { base_name: None, name, value })?;
                        }
                    }
                    ResourceValue::Multiple(values) => {
                        for (id, value) in values {
                            let name = Name::empty().id(resource.id).slash().id(*id);
                            write(Item { base_name: base_name.take(), name, value })?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Name, path_of};
    use crate::lwm2m::Path;

    #[test]
    fn base_name_and_name_are_put_together_as_they_are() {
        for (base_name, name) in [("/1/0/", "1"), ("/1/0", "/1"), ("/1/0/1", ""), ("", "/1/0/1"), ("/", "1/0/1")] {
            assert_eq!(path_of(base_name, name), Ok(Path::Resource(1, 0, 1)), "{base_name} {name}");
        }
        assert!(path_of("/65535/65535/65535/65535", "").is_ok());
    }

    #[test]
    fn names_that_are_no_paths_are_refused() {
        for (base_name, name) in [("/1/0", "1"), ("", "1/0/1"), ("urn:dev:1/", "1/0/1"), ("", ""), ("/1/0/1", "/a")] {
            assert!(path_of(base_name, name).is_err(), "{base_name} {name}");
        }
        assert!(path_of(&"/".repeat(40), "").is_err());
    }

    #[test]
    fn names_are_written_in_decimal() {
        assert_eq!(Name::base(0, 10).as_str(), "/0/10/");
        assert_eq!(Name::base(65535, 65534).id(9999).slash().id(100).as_str(), "/65535/65534/9999/100");
        assert_eq!(Name::base(65535, 65535).id(65535).slash().id(65535).as_str(), "/65535/65535/65535/65535");
    }
}
