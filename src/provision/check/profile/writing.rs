//! How a profile wants its accounts written: format, Discover, what is emptied first, timing.
//!
//! Spec sheet `bootstrap.md`, sections 8 and 9.

use std::time::Duration;

use crate::lwm2m::path::{ObjectId, ObjectInstanceId, RESERVED_ID};
use crate::lwm2m::{ContentFormat, Path};
use crate::provision::definition::ProfileDefinition;
use crate::provision::problem::Problem;
use crate::provision::provision::{AccessControl, Discover, Level, Mode, Pack, TimingOverride, Writing};
use crate::provision::timing;

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
    let mode = named(MODES, "mode", profile.mode.as_deref(), &mut problems);
    let level = named(LEVELS, "level", profile.level.as_deref(), &mut problems);
    if mode == Mode::Incremental && discover == Discover::Never {
        let message =
            "nobody can know what differs from what the client has without asking: leave `discover` out, or `mode`";
        problems.push(Problem::error("mode", message));
    }
    if matches!(format, Some(ContentFormat::PlainText | ContentFormat::Cbor)) && level != Level::Resource {
        let message = "it says one value and no more: set `level = \"resource\"` with it, or take another format";
        problems.push(Problem::error("format", message));
    }
    let pack = named(PACKS, "pack", profile.pack.as_deref(), &mut problems);
    let delete = deleted(profile.delete.as_deref(), mode, &mut problems);
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
    let timing = checked_timing(profile, &mut problems);
    if problems.is_empty() {
        Ok(Writing { format, discover, mode, level, pack, delete, access_control, bootstrap_account_instance, timing })
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
        Some("plain-text") => Ok(Some(ContentFormat::PlainText)),
        Some("cbor") => Ok(Some(ContentFormat::Cbor)),
        Some(_) => Err(Problem::error(
            "format",
            "no such format: use `auto`, `tlv`, `senml-cbor`, `senml-json` or `lwm2m-cbor`, and for single resources also \
             `plain-text` or `cbor`",
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

const MODES: &[(&str, Mode)] = &[("replace", Mode::Replace), ("incremental", Mode::Incremental)];
const LEVELS: &[(&str, Level)] =
    &[("instance", Level::Instance), ("object", Level::Object), ("resource", Level::Resource)];
const PACKS: &[(&str, Pack)] = &[("allow", Pack::Allow), ("redirect", Pack::Redirect), ("never", Pack::Never)];

/// What `field` names; the default where it is left out.
fn named<T: Copy + Default>(
    names: &[(&str, T)],
    field: &'static str,
    stated: Option<&str>,
    problems: &mut Vec<Problem>,
) -> T {
    let Some(stated) = stated else { return T::default() };
    names.iter().find(|(name, _)| *name == stated).map(|(_, value)| *value).unwrap_or_else(|| {
        let names: Vec<String> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
        problems.push(Problem::error(field, format!("`{field}` is one of {}", names.join(", "))));
        T::default()
    })
}

/// Retransmission parameters; the bounds are those of a listener. What the listener is to say is taken for what RFC 7252
/// says; where it says more, the session limits the retransmissions to those that fit.
fn checked_timing(profile: &ProfileDefinition, problems: &mut Vec<Problem>) -> TimingOverride {
    let ack_timeout = profile.ack_timeout.filter(|seconds| (0.1..=60.0).contains(seconds));
    if profile.ack_timeout.is_some() && ack_timeout.is_none() {
        problems.push(Problem::error("ack_timeout", "`ack_timeout` must be from 0.1 to 60 seconds"));
    }
    if profile.max_retransmit.is_some_and(|count| count > 10) {
        let message = "`max_retransmit` must be at most 10: each one doubles the wait";
        problems.push(Problem::error("max_retransmit", message));
    } else if let Some(count) = profile.max_retransmit
        && (profile.ack_timeout.is_none() || ack_timeout.is_some())
        && let Some(message) =
            timing::misfit(ack_timeout.unwrap_or(timing::ACK_TIMEOUT_SECONDS), timing::RANDOM_FACTOR, count)
    {
        problems.push(Problem::error("max_retransmit", message).following_from(&["ack_timeout"]));
    }
    TimingOverride { ack_timeout: ack_timeout.map(Duration::from_secs_f64), max_retransmit: profile.max_retransmit }
}

/// What to delete first; where nothing is said, Security and Server Object, and nothing in incremental mode.
fn deleted(paths: Option<&[String]>, mode: Mode, problems: &mut Vec<Problem>) -> Vec<Path> {
    let Some(paths) = paths else {
        return match mode {
            Mode::Replace => vec![Path::Object(0), Path::Object(1)],
            Mode::Incremental => Vec::new(),
        };
    };
    let mut targets = Vec::new();
    for (element, text) in paths.iter().enumerate() {
        match deleted_target(text) {
            Ok(target) if targets.contains(&target) => {
                let problem = Problem::error("delete", format!("`{target}` is named twice: remove one"));
                problems.push(problem.of_element(element));
            }
            Ok(target) => targets.push(target),
            Err(message) => problems.push(Problem::error("delete", message).of_element(element)),
        }
    }
    targets
}

fn deleted_target(text: &str) -> Result<Path, String> {
    const SHAPE: &str = "neither an object nor an instance of one: write `/` and the object's number, such as `/0`, and \
                         perhaps `/` and the instance's, such as `/5/0`; `/` alone deletes everything";
    match text.parse() {
        Ok(Path::Object(DEVICE_OBJECT) | Path::ObjectInstance(DEVICE_OBJECT, _)) => {
            Err("`/3` belongs to the client and is never deleted, and some clients refuse the attempt: remove it"
                .into())
        }
        Ok(Path::Object(RESERVED_ID) | Path::ObjectInstance(RESERVED_ID, _) | Path::ObjectInstance(_, RESERVED_ID))
        | Err(_) => Err(SHAPE.into()),
        Ok(Path::ObjectInstance(0, _)) => Err("an instance of `/0` may be the client's bootstrap account, and some \
                                               clients delete that: write `/0`, which spares it"
            .into()),
        Ok(target @ (Path::Root | Path::Object(_) | Path::ObjectInstance(..))) => Ok(target),
        Ok(path) => {
            let (ids, _) = path.ids();
            Err(format!("only whole objects and instances are deleted: write `/{}/{}`", ids[0], ids[1]))
        }
    }
}
