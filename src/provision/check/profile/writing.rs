//! How a profile wants its accounts written: format, Discover, what is emptied first, timing.
//!
//! Spec sheet `bootstrap.md`, sections 8 and 9.

use std::time::Duration;

use crate::lwm2m::path::{ObjectId, ObjectInstanceId, RESERVED_ID};
use crate::lwm2m::{ContentFormat, Path};
use crate::provision::definition::ProfileDefinition;
use crate::provision::problem::Problem;
use crate::provision::provision::{AccessControl, Discover, TimingOverride, Writing};

/// The Device Object, which belongs to the client.
const DEVICE_OBJECT: ObjectId = 3;

/// How a profile wants its accounts written.
///
/// # Errors
/// Every problem of the fields concerned.
pub fn writing(profile: &ProfileDefinition) -> Result<Writing, Vec<Problem>> {
    let mut problems = Vec::new();
    let format = format_named(profile.format.as_deref()).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let discover = discover_named(profile.discover.as_deref()).unwrap_or_else(|problem| {
        problems.push(problem);
        Discover::Auto
    });
    let delete = deleted_objects(profile.delete.as_deref(), &mut problems);
    let bootstrap_account_instance = profile.bootstrap_account_instance.and_then(|instance| {
        let id = ObjectInstanceId::try_from(instance).ok().filter(|id| *id != RESERVED_ID);
        if id.is_none() {
            let message = format!("{instance} is no object instance id: 0 to 65534 are");
            problems.push(Problem::error("bootstrap_account_instance", message));
        }
        id
    });
    let access_control = access_control_named(profile.access_control.as_deref()).unwrap_or_else(|problem| {
        problems.push(problem);
        AccessControl::Auto
    });
    let timing = timing(profile, &mut problems);
    if problems.is_empty() {
        Ok(Writing { format, discover, delete, access_control, bootstrap_account_instance, timing })
    } else {
        Err(problems)
    }
}

fn format_named(name: Option<&str>) -> Result<Option<ContentFormat>, Problem> {
    match name {
        None | Some("auto") => Ok(None),
        Some("tlv") => Ok(Some(ContentFormat::Tlv)),
        Some("senml-cbor") => Ok(Some(ContentFormat::SenmlCbor)),
        Some("senml-json") => Ok(Some(ContentFormat::SenmlJson)),
        Some("lwm2m-cbor") => Ok(Some(ContentFormat::Lwm2mCbor)),
        Some(_) => Err(Problem::error(
            "format",
            "no such format: use `auto`, `tlv`, `senml-cbor`, `senml-json` or `lwm2m-cbor`",
        )),
    }
}

fn discover_named(name: Option<&str>) -> Result<Discover, Problem> {
    match name {
        None | Some("auto") => Ok(Discover::Auto),
        Some("always") => Ok(Discover::Always),
        Some("never") => Ok(Discover::Never),
        Some(_) => Err(Problem::error("discover", "`discover` is `auto`, `always` or `never`")),
    }
}

fn access_control_named(name: Option<&str>) -> Result<AccessControl, Problem> {
    match name {
        None | Some("auto") => Ok(AccessControl::Auto),
        Some("never") => Ok(AccessControl::Never),
        Some(_) => Err(Problem::error("access_control", "`access_control` is `auto` or `never`")),
    }
}

/// Retransmission parameters; the bounds are those of a listener.
fn timing(profile: &ProfileDefinition, problems: &mut Vec<Problem>) -> TimingOverride {
    let ack_timeout = profile.ack_timeout.filter(|seconds| (0.1..=60.0).contains(seconds));
    if profile.ack_timeout.is_some() && ack_timeout.is_none() {
        problems.push(Problem::error("ack_timeout", "`ack_timeout` must be from 0.1 to 60 seconds"));
    }
    if profile.max_retransmit.is_some_and(|count| count > 10) {
        let message = "`max_retransmit` must be at most 10: each one doubles the wait";
        problems.push(Problem::error("max_retransmit", message));
    }
    TimingOverride { ack_timeout: ack_timeout.map(Duration::from_secs_f64), max_retransmit: profile.max_retransmit }
}

/// The objects to empty first; Security and Server Object where nothing is said.
fn deleted_objects(paths: Option<&[String]>, problems: &mut Vec<Problem>) -> Vec<ObjectId> {
    let Some(paths) = paths else { return vec![0, 1] };
    let mut objects = Vec::new();
    for (element, text) in paths.iter().enumerate() {
        match deleted_object(text) {
            Ok(object) if objects.contains(&object) => {
                let problem = Problem::error("delete", format!("`/{object}` is named twice: remove one"));
                problems.push(problem.of_element(element));
            }
            Ok(object) => objects.push(object),
            Err(message) => problems.push(Problem::error("delete", message).of_element(element)),
        }
    }
    objects
}

fn deleted_object(text: &str) -> Result<ObjectId, String> {
    match text.parse() {
        Ok(Path::Object(DEVICE_OBJECT)) => {
            Err("`/3` belongs to the client and is never deleted, and some clients refuse the attempt: remove it"
                .into())
        }
        Ok(Path::Object(RESERVED_ID)) | Err(_) => {
            Err("not an object: write `/` and the object's number, 0 to 65534, such as `/0`".into())
        }
        Ok(Path::Object(object)) => Ok(object),
        Ok(Path::Root) => {
            Err("`/` also deletes what nobody here knows of, such as connectivity settings: name the objects, such as \
                 `/0` and `/1`"
                .into())
        }
        Ok(path) => {
            let (ids, _) = path.ids();
            Err(format!("only whole objects are deleted: write `/{}`", ids[0]))
        }
    }
}
