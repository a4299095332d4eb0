//! `Path`: where in a client's data model an operation or a value belongs.
//!
//! LwM2M Core 1.2 section 7.3; identifiers are 16 bits wide and 65535 is reserved (spec sheet `objects.md`, section 8).

use std::fmt;
use std::str::FromStr;

/// Identifies an object type, such as 0 for Security.
pub type ObjectId = u16;
/// Identifies an instance of an object.
pub type ObjectInstanceId = u16;
/// Identifies a resource within an object instance.
pub type ResourceId = u16;
/// Identifies one value of a multiple-instance resource.
pub type ResourceInstanceId = u16;

/// The reserved identifier (MAX_ID); never an instance.
pub const RESERVED_ID: u16 = u16::MAX;

/// A place in the data model, from the root down to a resource instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// `/`
    Root,
    /// `/o`
    Object(ObjectId),
    /// `/o/i`
    ObjectInstance(ObjectId, ObjectInstanceId),
    /// `/o/i/r`
    Resource(ObjectId, ObjectInstanceId, ResourceId),
    /// `/o/i/r/ri`
    ResourceInstance(ObjectId, ObjectInstanceId, ResourceId, ResourceInstanceId),
}

/// A text or list of identifiers that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an LwM2M path: it must be `/` or up to four numbers below 65536, each after a `/`")]
pub struct PathError;

impl Path {
    /// Builds a path from at most four identifiers; none at all is the root.
    ///
    /// # Errors
    /// [`PathError`] for more than four.
    pub fn from_ids(ids: &[u16]) -> Result<Path, PathError> {
        match *ids {
            [] => Ok(Path::Root),
            [object] => Ok(Path::Object(object)),
            [object, instance] => Ok(Path::ObjectInstance(object, instance)),
            [object, instance, resource] => Ok(Path::Resource(object, instance, resource)),
            [object, instance, resource, resource_instance] => {
                Ok(Path::ResourceInstance(object, instance, resource, resource_instance))
            }
            _ => Err(PathError),
        }
    }

    /// The identifiers from the object down, and how many of the four are meant.
    pub fn ids(&self) -> ([u16; 4], usize) {
        match *self {
            Path::Root => ([0; 4], 0),
            Path::Object(object) => ([object, 0, 0, 0], 1),
            Path::ObjectInstance(object, instance) => ([object, instance, 0, 0], 2),
            Path::Resource(object, instance, resource) => ([object, instance, resource, 0], 3),
            Path::ResourceInstance(object, instance, resource, resource_instance) => {
                ([object, instance, resource, resource_instance], 4)
            }
        }
    }

    /// Whether `other` is this place or lies below it.
    pub fn contains(&self, other: &Path) -> bool {
        let ((own, depth), (theirs, their_depth)) = (self.ids(), other.ids());
        depth <= their_depth && own[..depth] == theirs[..depth]
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ids, depth) = self.ids();
        if depth == 0 {
            return formatter.write_str("/");
        }
        ids[..depth].iter().try_for_each(|id| write!(formatter, "/{id}"))
    }
}

impl FromStr for Path {
    type Err = PathError;

    /// Accepts one trailing slash, as clients print it (spec sheet `bootstrap.md`, section 6).
    fn from_str(text: &str) -> Result<Path, PathError> {
        let inner = text.strip_prefix('/').ok_or(PathError)?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return if text.len() <= 1 { Ok(Path::Root) } else { Err(PathError) };
        }
        let mut ids = [0; 4];
        let mut depth = 0;
        for segment in inner.split('/') {
            let digits = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
            let slot = ids.get_mut(depth).filter(|_| digits).ok_or(PathError)?;
            *slot = segment.parse().map_err(|_| PathError)?;
            depth += 1;
        }
        Path::from_ids(&ids[..depth])
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn text_form_round_trips() {
        for text in ["/", "/0", "/0/1", "/0/1/10", "/2/0/2/300"] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
        assert_eq!("/0/1/".parse(), Ok(Path::ObjectInstance(0, 1)));
    }

    #[test]
    fn what_is_not_a_path_is_refused() {
        for text in ["", "//", "0/1", "/0//1", "/a", "/+1", "/65536", "/1/2/3/4/5", "/1 "] {
            assert!(text.parse::<Path>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn containment_follows_the_tree() {
        assert!(Path::Root.contains(&Path::Object(5)));
        assert!(Path::Object(0).contains(&Path::Resource(0, 1, 2)));
        assert!(!Path::ObjectInstance(0, 1).contains(&Path::Object(0)));
        assert!(!Path::ObjectInstance(0, 1).contains(&Path::ObjectInstance(0, 2)));
    }
}
