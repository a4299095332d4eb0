//! [`ResourceValues`]: values of resources by their ids, as operators write them in TOML and JSON.
//!
//! `16 = [49320, 49326]` is a resource with several instances, numbered from 0; `2 = { 101 = 15, 102 = 1 }` numbers them
//! itself. Text that begins with `hex:`, `base64:` or `text:` is bytes and is kept as a secret, for most bytes of a
//! bootstrap are keys; in its place stands [`WITHHELD`] wherever secrets have no business. Which type a value has is
//! said by the object tables (spec sheet `objects.md`), or by the value itself where no table knows the resource.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::secrets::{SecretFields, SecretText};
use crate::lwm2m::objects::{self, DataType};
use crate::lwm2m::path::{ObjectId, RESERVED_ID, ResourceId, ResourceInstanceId};
use crate::lwm2m::{Resource, ResourceValue, Value};
use crate::provision::key_text::{KeyText, prefix_of};

/// What stands in the place of a secret.
pub const WITHHELD: &str = "(secret)";

/// Values by resource id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceValues(BTreeMap<ResourceId, Given>);

/// The value of one resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// One value.
    Single(Scalar),
    /// Several, by resource instance id.
    Multiple(BTreeMap<ResourceInstanceId, Scalar>),
}

/// One value, typed as far as TOML and JSON do.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes. Secret.
    Bytes(KeyText),
    /// Bytes that were taken out.
    Withheld,
}

/// Why a value cannot be that of its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The resource.
    pub resource: ResourceId,
    /// What is wrong and the remedy, as a sentence without a full stop.
    pub message: String,
}

impl ResourceValues {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The resource ids, ascending.
    pub fn ids(&self) -> impl Iterator<Item = ResourceId> {
        self.0.keys().copied()
    }

    /// Whether a secret was taken out of these and is not back.
    pub(super) fn withhold(&self) -> bool {
        self.0.values().any(|given| match given {
            Given::Single(scalar) => *scalar == Scalar::Withheld,
            Given::Multiple(scalars) => scalars.values().any(|scalar| *scalar == Scalar::Withheld),
        })
    }

    /// The values in the types of `object`'s table; what no table knows keeps the type in which it was written.
    ///
    /// # Errors
    /// Every value that does not fit its resource.
    pub fn resources_of(&self, object: ObjectId) -> Result<Vec<Resource>, Vec<Misfit>> {
        let (mut resources, mut misfits) = (Vec::new(), Vec::new());
        for (id, given) in &self.0 {
            match given.value_of(object, *id) {
                Ok(value) => resources.push(Resource { id: *id, value }),
                Err(message) => misfits.push(Misfit { resource: *id, message }),
            }
        }
        if misfits.is_empty() { Ok(resources) } else { Err(misfits) }
    }

    pub(super) fn take_secrets(&mut self, place: &str, secrets: &mut SecretFields) {
        for (id, given) in &mut self.0 {
            match given {
                Given::Single(scalar) => scalar.take_secret(&format!("{place}.{id}"), secrets),
                Given::Multiple(scalars) => {
                    for (instance, scalar) in scalars {
                        scalar.take_secret(&format!("{place}.{id}.{instance}"), secrets);
                    }
                }
            }
        }
    }

    /// Puts a secret where one was taken out; none where none was.
    pub(super) fn put_secret(&mut self, place: &str, secret: &SecretText) -> Option<()> {
        let bytes = KeyText::parse(secret.expose()).ok()?;
        let scalar = match place.split_once('.') {
            None => match self.0.get_mut(&place.parse().ok()?)? {
                Given::Single(scalar) => scalar,
                Given::Multiple(_) => return None,
            },
            Some((id, instance)) => match self.0.get_mut(&id.parse().ok()?)? {
                Given::Single(_) => return None,
                Given::Multiple(scalars) => scalars.get_mut(&instance.parse().ok()?)?,
            },
        };
        (*scalar == Scalar::Withheld).then(|| *scalar = Scalar::Bytes(bytes))
    }
}

impl Given {
    fn value_of(&self, object: ObjectId, resource: ResourceId) -> Result<ResourceValue, String> {
        let row = objects::definition(object, resource);
        let data_type = row.map(|row| row.data_type);
        match (self, row.map(|row| row.multiple)) {
            (Given::Single(_), Some(true)) => {
                Err("the resource has instances: write a list, such as `[...]`".to_owned())
            }
            (Given::Multiple(_), Some(false)) => {
                Err("the resource has a single value: write it without brackets".to_owned())
            }
            (Given::Single(scalar), _) => Ok(ResourceValue::Single(scalar.value_of(data_type)?)),
            (Given::Multiple(scalars), _) => {
                let values = scalars.iter().map(|(id, scalar)| Ok((*id, scalar.value_of(data_type)?)));
                Ok(ResourceValue::Multiple(values.collect::<Result<_, String>>()?))
            }
        }
    }
}

impl Scalar {
    /// The value in this type, or in the type in which it was written.
    fn value_of(&self, data_type: Option<DataType>) -> Result<Value, String> {
        let misfit = |expected: &str| Err(format!("the resource wants {expected}"));
        let Some(data_type) = data_type else { return self.value_as_written() };
        match (data_type, self) {
            (_, Scalar::Withheld) => Err(format!("`{WITHHELD}` stands for a value that is not known here: write it")),
            (DataType::Executable, _) => Err("the resource is executed, and has no value: remove it".to_owned()),
            (DataType::Boolean, Scalar::Boolean(value)) => Ok(Value::Boolean(*value)),
            (DataType::Boolean, _) => misfit("`true` or `false`"),
            (DataType::Integer, Scalar::Integer(value)) => Ok(Value::Integer(*value)),
            (DataType::Integer, _) => misfit("a whole number"),
            (DataType::Time, Scalar::Integer(value)) => Ok(Value::Time(*value)),
            (DataType::Time, _) => misfit("a time in seconds since 1970-01-01 UTC"),
            (DataType::Unsigned, Scalar::Integer(value)) => {
                u64::try_from(*value).map(Value::Unsigned).or_else(|_| misfit("a number that is not negative"))
            }
            (DataType::Unsigned, _) => misfit("a whole number that is not negative"),
            (DataType::Float, Scalar::Float(value)) => Ok(Value::Float(*value)),
            #[allow(clippy::cast_precision_loss)]
            (DataType::Float, Scalar::Integer(value)) => Ok(Value::Float(*value as f64)),
            (DataType::Float, _) => misfit("a number"),
            (DataType::String, Scalar::Text(text)) => Ok(Value::String(text.clone())),
            (DataType::String, Scalar::Bytes(bytes)) => match std::str::from_utf8(bytes.key().expose()) {
                Ok(text) => Ok(Value::String(text.to_owned())),
                Err(_) => misfit("text, and these bytes are not UTF-8"),
            },
            (DataType::String, _) => misfit("text"),
            (DataType::CoreLink, Scalar::Text(text)) => Ok(Value::CoreLink(text.clone())),
            (DataType::CoreLink, _) => misfit("links, such as `\"</1/0>\"`"),
            (DataType::Opaque, Scalar::Bytes(bytes)) => Ok(Value::Opaque(bytes.key().clone())),
            (DataType::Opaque, _) => misfit("bytes: `hex:...`, `base64:...` or `text:...`"),
            (DataType::ObjectLink, Scalar::Text(text)) => {
                object_link(text).map_or_else(|| misfit("a link such as `\"21:0\"`"), Ok)
            }
            (DataType::ObjectLink, _) => misfit("a link such as `\"21:0\"`"),
        }
    }

    fn value_as_written(&self) -> Result<Value, String> {
        Ok(match self {
            Scalar::Boolean(value) => Value::Boolean(*value),
            Scalar::Integer(value) => Value::Integer(*value),
            Scalar::Float(value) => Value::Float(*value),
            Scalar::Text(text) => Value::String(text.clone()),
            Scalar::Bytes(bytes) => Value::Opaque(bytes.key().clone()),
            Scalar::Withheld => {
                return Err(format!("`{WITHHELD}` stands for a value that is not known here: write it"));
            }
        })
    }

    fn take_secret(&mut self, place: &str, secrets: &mut SecretFields) {
        if let Scalar::Bytes(bytes) = self {
            secrets.insert(place, SecretText::new(bytes.expose_text().to_owned()));
            *self = Scalar::Withheld;
        }
    }
}

/// `21:0`, or `65535:65535` for null.
fn object_link(text: &str) -> Option<Value> {
    let (object, instance) = text.split_once(':')?;
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
    Some(Value::ObjectLink(number(object)?, number(instance)?))
}

fn read_id<E: Error>(text: &str) -> Result<u16, E> {
    let id = text.parse().ok().filter(|id| *id != RESERVED_ID && text.bytes().all(|byte| byte.is_ascii_digit()));
    id.ok_or_else(|| E::custom(format!("`{}` is no id: 0 to 65534 are", text.escape_debug())))
}

impl Serialize for ResourceValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, given)| (id.to_string(), given)))
    }
}

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Given::Single(scalar) => scalar.serialize(serializer),
            Given::Multiple(scalars) if scalars.keys().copied().eq(0..scalars.len() as u16) => {
                serializer.collect_seq(scalars.values())
            }
            Given::Multiple(scalars) => {
                let mut map = serializer.serialize_map(Some(scalars.len()))?;
                for (id, scalar) in scalars {
                    map.serialize_entry(&id.to_string(), scalar)?;
                }
                map.end()
            }
        }
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scalar::Boolean(value) => serializer.serialize_bool(*value),
            Scalar::Integer(value) => serializer.serialize_i64(*value),
            Scalar::Float(value) => serializer.serialize_f64(*value),
            Scalar::Text(text) => serializer.serialize_str(text),
            Scalar::Bytes(bytes) => bytes.serialize(serializer),
            Scalar::Withheld => serializer.serialize_str(WITHHELD),
        }
    }
}

impl<'de> Deserialize<'de> for ResourceValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ResourceValues, D::Error> {
        struct Resources;
        impl<'de> Visitor<'de> for Resources {
            type Value = ResourceValues;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table of resource ids and values, such as `{ 16 = [49320] }`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ResourceValues, A::Error> {
                let mut resources = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    let id = read_id(&key)?;
                    if resources.insert(id, map.next_value::<Given>()?).is_some() {
                        return Err(A::Error::custom(format!("resource {id} is there twice: remove one")));
                    }
                }
                Ok(ResourceValues(resources))
            }
        }
        deserializer.deserialize_map(Resources)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, text, `true` or `false`, or a list of them")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Given, E> {
        Ok(Given::Single(Scalar::Boolean(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Given, E> {
        Ok(Given::Single(Scalar::Integer(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Given, E> {
        let value = i64::try_from(value).map_err(|_| E::custom("the number is larger than 9223372036854775807"))?;
        self.visit_i64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Given, E> {
        Ok(Given::Single(Scalar::Float(value)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Given, E> {
        if text == WITHHELD {
            return Ok(Given::Single(Scalar::Withheld));
        }
        if prefix_of(text).is_some() {
            return KeyText::parse(text).map(|bytes| Given::Single(Scalar::Bytes(bytes))).map_err(E::custom);
        }
        Ok(Given::Single(Scalar::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Given, A::Error> {
        let mut scalars = BTreeMap::new();
        for id in 0..RESERVED_ID {
            match sequence.next_element::<Given>()? {
                Some(given) => scalars.insert(id, given.scalar()?),
                None => return Ok(Given::Multiple(scalars)),
            };
        }
        Err(A::Error::custom("a resource has at most 65535 instances"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        let mut scalars = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let id = read_id(&key)?;
            let scalar = map.next_value::<Given>()?.scalar()?;
            if scalars.insert(id, scalar).is_some() {
                return Err(A::Error::custom(format!("resource instance {id} is there twice: remove one")));
            }
        }
        Ok(Given::Multiple(scalars))
    }
}

impl Given {
    fn scalar<E: Error>(self) -> Result<Scalar, E> {
        match self {
            Given::Single(scalar) => Ok(scalar),
            Given::Multiple(_) => Err(E::custom("a list within a list is no value of a resource")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Misfit, ResourceValues};
    use crate::lwm2m::{Resource, ResourceValue, Value};
    use crate::secret::Secret;

    fn read(json: serde_json::Value) -> ResourceValues {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn values_take_the_type_of_their_resource() {
        let values = read(json!({ "8": "hex:0102", "14": "sni", "16": [49320, 49326], "17": "21:0", "10": 7 }));
        let single = Resource::single;
        let many = |values: &[u64]| {
            ResourceValue::Multiple((0..).zip(values.iter().map(|value| Value::Unsigned(*value))).collect())
        };
        let expected = vec![
            single(8, Value::Opaque(Secret::from(&[1, 2][..]))),
            single(10, Value::Integer(7)),
            single(14, Value::String("sni".into())),
            Resource { id: 16, value: many(&[49320, 49326]) },
            single(17, Value::ObjectLink(21, 0)),
        ];
        assert_eq!(values.resources_of(0), Ok(expected));
    }

    #[test]
    fn what_no_table_knows_keeps_the_type_in_which_it_was_written() {
        let values = read(json!({ "0": true, "1": -5, "2": 1.5, "3": "text", "4": "text:bytes", "5": { "7": 1 } }));
        let resources = values.resources_of(31_000).unwrap();
        let value = |index: usize| resources[index].value.clone();
        assert_eq!(value(0), ResourceValue::Single(Value::Boolean(true)));
        assert_eq!(value(1), ResourceValue::Single(Value::Integer(-5)));
        assert_eq!(value(2), ResourceValue::Single(Value::Float(1.5)));
        assert_eq!(value(3), ResourceValue::Single(Value::String("text".into())));
        assert_eq!(value(4), ResourceValue::Single(Value::Opaque(Secret::from(&b"bytes"[..]))));
        assert_eq!(value(5), ResourceValue::Multiple(vec![(7, Value::Integer(1))]));
    }

    #[test]
    fn every_value_that_does_not_fit_is_named() {
        for (object, resource, value, part) in [
            (0, 16, json!(49320), "write a list"),
            (0, 10, json!([1]), "single value"),
            (0, 10, json!("1"), "whole number"),
            (0, 16, json!([-1]), "not negative"),
            (0, 8, json!("0102"), "hex:"),
            (0, 8, json!("(secret)"), "write it"),
            (0, 17, json!("21/0"), "21:0"),
            (0, 17, json!("+1:0"), "21:0"),
            (0, 14, json!("hex:ff"), "UTF-8"),
            (1, 4, json!(1), "executed"),
            (1, 21, json!(1), "true"),
            (1, 12, json!("now"), "1970"),
        ] {
            let mut values = serde_json::Map::new();
            values.insert(resource.to_string(), value);
            let misfits = read(values.into()).resources_of(object).unwrap_err();
            let [Misfit { resource: found, message }] = &misfits[..] else { panic!("{misfits:?}") };
            assert!(*found == resource && message.contains(part), "{misfits:?}");
        }
    }

    #[test]
    fn they_read_back_as_they_were_written() {
        let json = json!({ "0": true, "1": -5, "2": 1.5, "3": "t", "4": "hex:00", "5": [1, 2], "6": { "1": "a" } });
        assert_eq!(serde_json::to_value(read(json.clone())).unwrap(), json);
    }

    #[test]
    fn what_is_no_table_of_values_is_refused_without_showing_bytes() {
        for (json, part) in [
            (json!([1]), "table of resource ids"),
            (json!({ "a": 1 }), "no id"),
            (json!({ "65535": 1 }), "no id"),
            (json!({ "+1": 1 }), "no id"),
            (json!({ "1": [[1]] }), "list within a list"),
            (json!({ "1": null }), "a number, text"),
            (json!({ "1": "hex:planted" }), "hexadecimal"),
            (json!({ "1": 18_446_744_073_709_551_615_u64 }), "larger"),
        ] {
            let error = serde_json::from_value::<ResourceValues>(json).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("planted"), "{error}");
        }
    }
}
