//! `--security-resource 16=49320,49326`: values of resources by their ids, as JSON.
//!
//! Bytes are not taken here: most are keys, and every user of the machine can read arguments.

use std::convert::Infallible;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::failure::Failure;
use crate::lwm2m::objects::{self, DataType};
use crate::lwm2m::path::{ObjectId, ResourceId};
use crate::provision::key_text::PREFIXES;

/// `ID=VALUE` as it was typed. It may hold a key by mistake, so that neither `Debug` nor an error shows it.
#[derive(Clone)]
pub struct Assignment(String);

impl FromStr for Assignment {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Assignment, Infallible> {
        Ok(Assignment(text.to_owned()))
    }
}

impl std::fmt::Debug for Assignment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Assignment(..)")
    }
}

/// The values by their ids, null where one is to be taken away; none where nothing was given.
///
/// # Errors
/// [`Failure::Usage`] for what is no assignment, an id that was given before, and bytes.
pub fn read(flag: &str, object: ObjectId, assignments: &[Assignment]) -> Result<Option<Value>, Failure> {
    let wrong = |what: &str| Failure::Usage(format!("--{flag}: {what}"));
    let mut values = Map::new();
    for Assignment(text) in assignments {
        let shape = || wrong("write the id of a resource and its value, such as 16=49320,49326");
        let (id, value) = text.split_once('=').ok_or_else(shape)?;
        let id: ResourceId = id.trim().parse().map_err(|_| shape())?;
        if PREFIXES.iter().any(|prefix| value.contains(prefix)) {
            return Err(wrong(
                "bytes are not given as arguments, because every user of the machine could read them there: write the \
                 field into a TOML or JSON file and use --from FILE",
            ));
        }
        if values.insert(id.to_string(), value_of(object, id, value)).is_some() {
            return Err(wrong(&format!("resource {id} was given twice: write several values as one list")));
        }
    }
    Ok((!values.is_empty()).then_some(Value::Object(values)))
}

/// What was typed, in JSON: a list where the resource has instances.
fn value_of(object: ObjectId, id: ResourceId, text: &str) -> Value {
    let row = objects::definition(object, id);
    if text.is_empty() {
        return Value::Null;
    }
    let list = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_text = row.is_some_and(|row| row.data_type == DataType::String);
    if list.is_some() || row.is_some_and(|row| row.multiple) {
        let whole = list.and_then(|_| serde_json::from_str(text).ok());
        let elements = || list.unwrap_or(text).split(',').map(|element| scalar(element.trim(), is_text)).collect();
        return whole.unwrap_or_else(|| Value::Array(elements()));
    }
    scalar(text, is_text)
}

/// A number, `true`, `false` or quoted text as JSON has it; all else is text.
fn scalar(text: &str, is_text: bool) -> Value {
    let json = serde_json::from_str(text).ok().filter(|value: &Value| !value.is_null());
    json.filter(|value| value.is_string() || !is_text).unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Assignment, read};

    fn given(assignments: &[&str]) -> Result<Value, String> {
        let assignments: Vec<_> = assignments.iter().map(|text| text.parse::<Assignment>().unwrap()).collect();
        read("security-resource", 0, &assignments).map(Option::unwrap_or_default).map_err(|failure| failure.to_string())
    }

    #[test]
    fn values_take_the_shape_that_their_resource_has() {
        for (assignment, value) in [
            ("16=49320,49326", json!({ "16": [49320, 49326] })),
            ("16=49320", json!({ "16": [49320] })),
            ("16=[49320, 49326]", json!({ "16": [49320, 49326] })),
            ("17=21:0", json!({ "17": "21:0" })),
            ("14=5", json!({ "14": "5" })),
            ("31000=true", json!({ "31000": true })),
            ("31000=1.5", json!({ "31000": 1.5 })),
            ("31000=a=b,c", json!({ "31000": "a=b,c" })),
            ("31000=\"5\"", json!({ "31000": "5" })),
            ("31000={\"3\": 1}", json!({ "31000": { "3": 1 } })),
            ("16=", json!({ "16": null })),
        ] {
            assert_eq!(given(&[assignment]), Ok(value), "{assignment}");
        }
        assert_eq!(given(&["16=1", "17=21:0"]), Ok(json!({ "16": [1], "17": "21:0" })));
        assert_eq!(given(&[]), Ok(Value::Null));
    }

    #[test]
    fn what_is_no_assignment_and_what_may_be_a_key_is_refused_without_showing_it() {
        for (assignments, part) in [
            (&["hunter2"][..], "the id of a resource"),
            (&["x=hunter2"], "the id of a resource"),
            (&["-1=hunter2"], "the id of a resource"),
            (&["8=text:hunter2"], "--from FILE"),
            (&["8=[\"hex:00\", \"text:hunter2\"]"], "--from FILE"),
            (&["16=1", "16=2"], "given twice"),
        ] {
            let said = given(assignments).unwrap_err();
            assert!(said.starts_with("--security-resource: ") && said.contains(part), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert_eq!(format!("{:?}", "8=hunter2".parse::<Assignment>().unwrap()), "Assignment(..)");
    }
}
