//! Explains a provision without a device: the operations, their sizes, the rules that fail and what clients dislike.
//!
//! Pure: it makes the very plan that a session would make, and sends nothing. Spec sheets `bootstrap.md`, section 17,
//! `objects.md`, section 10, and `clients.md`.

use super::adaptation;
use super::consistency::{self, Finding};
use super::explanation::{ExplainedOperation, ExplainedResource, Explanation, Sizes};
use super::format;
use super::known_clients;
use super::plan::{self, Operation, Plan, Write};
use super::request;
use crate::lwm2m::link_format::{DiscoveredInstance, LinkFormatError};
use crate::lwm2m::objects::{SECURITY, definition};
use crate::lwm2m::path::{ObjectId, ResourceId};
use crate::lwm2m::{self, ContentFormat, DiscoverAnswer, Object, ObjectInstance, Path, ResourceValue, Value, Version};
use crate::provision::{ClientKnowledge, Discover, Provision};

/// Texts that are keys: the Key of COSE, and the Secret of an APN Connection Profile.
const SECRET_TEXTS: [(ObjectId, ResourceId); 2] = [(23, 2), (11, 5)];

/// Of which client is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    /// Its version, as far as that is known.
    pub version: Option<Version>,
    /// The content format that it asks for by `pct`.
    pub preferred: Option<ContentFormat>,
    /// What it answered to Discover, if it did.
    pub discovered: Option<DiscoverAnswer>,
    /// How it behaves, as far as that is known.
    pub knowledge: ClientKnowledge,
}

/// Why nothing can be asked of such a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// No version of LwM2M.
    #[error("`lwm2m` is 1.0, 1.1 or 1.2")]
    Version,
    /// No content format that could be written.
    #[error("`pct` is 110, 112, 11542 or 11544, as a client would send it")]
    ContentFormat,
    /// No answer to Discover.
    #[error("`discover` cannot be read: {0}")]
    Discover(LinkFormatError),
    /// An answer in which nothing can be found.
    #[error("`discover` names no object: write it as a client answers, such as `</>;lwm2m=1.1,</0/0>,</1>,</3/0>`")]
    NothingDiscovered,
}

impl Question {
    /// Reads what an operator asks. What the version is not said to be, the other two may tell: `pct` is of 1.1 and later.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub fn read(lwm2m: Option<&str>, pct: Option<u32>, discover: Option<&str>) -> Result<Question, QuestionError> {
        let known = [Version::V1_0, Version::V1_1, Version::V1_2];
        let version = lwm2m.map(|text| text.parse().ok().filter(|version| known.contains(version)));
        let preferred = pct.map(|number| request::writable_format(number).ok_or(QuestionError::ContentFormat));
        let discovered = discover.map(|text| DiscoverAnswer::parse(text.as_bytes()).map_err(QuestionError::Discover));
        let (preferred, discovered) = (preferred.transpose()?, discovered.transpose()?);
        if discovered.as_ref().is_some_and(|answer| answer.objects.is_empty() && answer.instances.is_empty()) {
            return Err(QuestionError::NothingDiscovered);
        }
        let told = preferred.map(request::least_version).max(discovered.as_ref().and_then(|answer| answer.version));
        let version = version.map(|version| version.ok_or(QuestionError::Version)).transpose()?.or(told);
        Ok(Question { version, preferred, discovered, knowledge: ClientKnowledge::default() })
    }
}

/// Said where the plan depends on what the client has, and nobody said what that is.
const ASSUMPTION: &str = "the operations depend on what the client answers to Discover, and a client fresh from the \
    factory is assumed, which holds nothing but its bootstrap account at /0/0: say what it answers to know more";

/// What a client answers to Discover that holds nothing but its bootstrap account.
fn factory_fresh(version: Option<Version>) -> DiscoverAnswer {
    let (object, instance) = (SECURITY, 0);
    let account = DiscoveredInstance { object, instance, short_server_id: None, uri: None };
    DiscoverAnswer { version, instances: vec![account], ..DiscoverAnswer::default() }
}

/// What such a client would receive.
pub fn explain(provision: &Provision, question: &Question) -> Explanation {
    let Question { version, preferred, discovered, knowledge } = question;
    let (version, preferred, known) = (version.or(knowledge.version), *preferred, discovered.as_ref());
    let mut adapted = provision.clone();
    adaptation::adapt(&mut adapted, knowledge);
    let provision = &adapted;
    let choice = format::choose(&provision.writing, preferred, knowledge);
    let assumed = factory_fresh(version);
    let mut discovered = known;
    let mut planned = plan::plan(provision, version, discovered);
    let is_assumed = planned.is_err() && known.is_none() && provision.writing.discover != Discover::Never;
    if is_assumed {
        discovered = Some(&assumed);
        planned = plan::plan(provision, version, discovered);
    }
    let (plan, findings, obstacle) = match planned {
        Ok(mut plan) => {
            adaptation::leave_out_refused(&mut plan.operations, knowledge);
            let findings = consistency::judge(provision, &plan.operations, discovered, version);
            if is_assumed {
                plan.notes.push(ASSUMPTION.to_owned());
            }
            (plan, findings, None)
        }
        Err(error) => {
            let message = error.to_string();
            let finding = error.rule().map(|rule| Finding::error(rule, message.clone()));
            (Plan::default(), finding.into_iter().collect(), Some(message))
        }
    };
    Explanation {
        endpoint: provision.endpoint.clone(),
        profile: provision.profile.clone(),
        profile_choice: provision.choice.to_string(),
        lwm2m_version: version.map(|version| version.to_string()),
        discovered: known.is_some(),
        content_format: choice.format.to_string(),
        content_format_reason: choice.reason.to_owned(),
        obstacle,
        notes: plan.notes,
        warnings: known_clients::warnings(&plan.operations, choice.format, version),
        operations: plan.operations.iter().map(explain_operation).collect(),
        findings,
    }
}

fn explain_operation(operation: &Operation) -> ExplainedOperation {
    let path = operation.path().to_string();
    match operation {
        Operation::Delete(_) => ExplainedOperation {
            operation: "Bootstrap-Delete".to_owned(),
            path,
            note: None,
            sizes: None,
            resources: Vec::new(),
        },
        Operation::Write(write) => ExplainedOperation {
            operation: "Bootstrap-Write".to_owned(),
            path,
            note: write.note.clone(),
            sizes: Some(sizes(write)),
            resources: explain_resources(write.object, &write.instance),
        },
    }
}

fn sizes(write: &Write) -> Sizes {
    Sizes {
        tlv: size(write, ContentFormat::Tlv),
        senml_cbor: size(write, ContentFormat::SenmlCbor),
        senml_json: size(write, ContentFormat::SenmlJson),
        lwm2m_cbor: size(write, ContentFormat::Lwm2mCbor),
    }
}

/// Bytes of payload of a write in a format; none where the format cannot say it.
pub(super) fn size(write: &Write, format: ContentFormat) -> Option<usize> {
    let content = [Object { id: write.object, instances: vec![write.instance.clone()] }];
    lwm2m::encode(format, &write.path(), &content).ok().map(|payload| payload.len())
}

fn explain_resources(object: ObjectId, instance: &ObjectInstance) -> Vec<ExplainedResource> {
    let is_psk = object == SECURITY && instance.single(2) == Some(&Value::Integer(0));
    let mut explained = Vec::new();
    for resource in &instance.resources {
        let name = definition(object, resource.id).map(|row| row.name.to_owned());
        let is_identity = is_psk && resource.id == 3;
        let mut add = |path: Path, value: &Value| {
            let value = in_words(object, resource.id, value, is_identity);
            explained.push(ExplainedResource { path: path.to_string(), name: name.clone(), value });
        };
        match &resource.value {
            ResourceValue::Single(value) => add(Path::Resource(object, instance.id, resource.id), value),
            ResourceValue::Multiple(values) => {
                for (id, value) in values {
                    add(Path::ResourceInstance(object, instance.id, resource.id, *id), value);
                }
            }
        }
    }
    explained
}

/// A value for eyes that must not see secrets. Every opaque may be one, but for a PSK identity, which every handshake
/// shows to anybody.
fn in_words(object: ObjectId, resource: ResourceId, value: &Value, is_identity: bool) -> String {
    match value {
        Value::Opaque(bytes) if is_identity => match std::str::from_utf8(bytes.expose()) {
            Ok(text) => text.escape_debug().to_string(),
            Err(_) => format!("opaque, {} bytes", bytes.len()),
        },
        Value::Opaque(bytes) => format!("opaque, {} bytes", bytes.len()),
        Value::String(text) if SECRET_TEXTS.contains(&(object, resource)) => format!("text, {} bytes", text.len()),
        Value::String(text) | Value::CoreLink(text) => text.escape_debug().to_string(),
        Value::Integer(number) | Value::Time(number) => number.to_string(),
        Value::Unsigned(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::ObjectLink(object, instance) => format!("{object}:{instance}"),
    }
}

#[cfg(test)]
mod tests;
