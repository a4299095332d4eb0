//! The bootstrap operations as the client carries them out: which one a request is, and what it is answered.
//!
//! LwM2M Core 1.2 section 6.1.7; spec sheet `bootstrap.md`, sections 3 and 6 to 10. The refusals are those of the
//! specification where it states them, and of Leshan's client and Anjay where it does not. Knows no time and no message
//! layer: what repeats is answered by [`super::client`] without coming here.

use std::fmt;

use zeroize::Zeroizing;

use super::behaviour::{Behaviour, WithoutFormat};
use super::configuration::{is_hierarchical, speaks};
use super::model::{DataModel, Refusal};
use super::{consistency, discover, indefinite_cbor};
use crate::coap::options::number as option;
use crate::coap::{BlockOption, Code, Message};
use crate::lwm2m::objects::{ACCESS_CONTROL, SERVER};
use crate::lwm2m::{ContentFormat, DecodeError, Path, Version, decode, encode};

/// Critical options that a bootstrap operation may carry (RFC 7252 section 5.4.1).
const KNOWN_OPTIONS: [u16; 7] = [
    option::URI_HOST,
    option::URI_PORT,
    option::URI_PATH,
    option::URI_QUERY,
    option::ACCEPT,
    option::BLOCK2,
    option::BLOCK1,
];

/// What a request of the server asks the client to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    Discover(Path),
    Read(Path),
    Delete(Path),
    Write(Path),
    Finish,
    /// Something that is no operation of the bootstrap interface.
    Unknown,
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Discover(path) => write!(formatter, "Bootstrap-Discover {path}"),
            Operation::Read(path) => write!(formatter, "Bootstrap-Read {path}"),
            Operation::Delete(path) => write!(formatter, "Bootstrap-Delete {path}"),
            Operation::Write(path) => write!(formatter, "Bootstrap-Write {path}"),
            Operation::Finish => formatter.write_str("Bootstrap-Finish"),
            Operation::Unknown => formatter.write_str("an unknown operation"),
        }
    }
}

/// What an operation is answered, apart from what the message layer adds.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) code: Code,
    pub(super) content_format: Option<ContentFormat>,
    pub(super) payload: Zeroizing<Vec<u8>>,
    pub(super) block1: Option<BlockOption>,
    pub(super) block2: Option<BlockOption>,
}

impl Answer {
    fn empty(code: Code) -> Answer {
        Answer { code, content_format: None, payload: Zeroizing::default(), block1: None, block2: None }
    }

    /// 2.31: the next block, please (RFC 7959 section 2.9.1).
    pub(super) fn next_block(block: BlockOption) -> Answer {
        Answer { block1: Some(block), ..Answer::empty(Code::CONTINUE) }
    }
}

/// Says which operation `request` is.
///
/// # Errors
///
/// The refusal of a request that is none.
pub(super) fn classify(request: &Message) -> Result<Operation, Refusal> {
    // Only a write has a body that could come in blocks.
    let known = if request.code == Code::PUT { &KNOWN_OPTIONS[..] } else { &KNOWN_OPTIONS[..6] };
    if let Some(number) = request.unknown_critical_option(known) {
        return Err(Refusal::new(Code::BAD_OPTION, format!("option {number} is unknown here")));
    }
    if request.uri_path_is(&["bs"]) {
        let finish = request.code == Code::POST;
        return if finish { Ok(Operation::Finish) } else { Err(Refusal::new(Code::METHOD_NOT_ALLOWED, "only POST")) };
    }
    let path = data_path(request).ok_or_else(|| Refusal::new(Code::NOT_FOUND, "this is no path of a data model"))?;
    match request.code {
        Code::GET if request.accept() == Some(ContentFormat::CoreLink.number()) => Ok(Operation::Discover(path)),
        Code::GET => Ok(Operation::Read(path)),
        Code::PUT => Ok(Operation::Write(path)),
        Code::DELETE => Ok(Operation::Delete(path)),
        _ => Err(Refusal::new(Code::METHOD_NOT_ALLOWED, "a bootstrap uses GET, PUT and DELETE on the data model")),
    }
}

fn data_path(request: &Message) -> Option<Path> {
    let mut ids = [0; 4];
    let mut depth = 0;
    for segment in request.options.all(option::URI_PATH) {
        let segment = std::str::from_utf8(segment).ok()?;
        let digits = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        *ids.get_mut(depth).filter(|_| digits)? = segment.parse().ok()?;
        depth += 1;
    }
    Path::from_ids(&ids[..depth]).ok()
}

/// Carries out `operation`, which `request` was classified as. `payload` is all of its body.
///
/// # Errors
///
/// The refusal, after which the data model is as it was.
pub(super) fn execute(
    model: &mut DataModel,
    operation: Operation,
    request: &Message,
    payload: &[u8],
) -> Result<Answer, Refusal> {
    match operation {
        Operation::Discover(path) => discover(model, path, request),
        Operation::Read(path) => read(model, path, request),
        Operation::Delete(path) => model.delete(path).map(|()| Answer::empty(Code::DELETED)),
        Operation::Write(path) => write(model, path, request, payload),
        Operation::Finish => finish(model, request),
        Operation::Unknown => Err(Refusal::new(Code::NOT_FOUND, "there is no such operation")),
    }
}

/// Bootstrap-Discover, section 6 of the sheet: the root or one object, never deeper.
fn discover(model: &DataModel, path: Path, request: &Message) -> Result<Answer, Refusal> {
    let object = match path {
        Path::Root => None,
        Path::Object(object) if model.knows(object) => Some(object),
        Path::Object(object) => return Err(Refusal::new(Code::NOT_FOUND, format!("there is no object {object}"))),
        _ => {
            let code = model.behaviour().discover.deeper;
            return Err(Refusal::new(code, "Bootstrap-Discover takes `/` or an object"));
        }
    };
    let payload = discover::links(model, object).into_bytes().into();
    content(model.behaviour(), ContentFormat::CoreLink, payload, request)
}

/// Bootstrap-Read, section 7 of the sheet: Server and Access Control, object or instance, from LwM2M 1.1 on.
fn read(model: &DataModel, path: Path, request: &Message) -> Result<Answer, Refusal> {
    if model.version() < Version::V1_1 {
        return Err(Refusal::new(Code::BAD_REQUEST, "LwM2M 1.0 has no Bootstrap-Read"));
    }
    let elsewhere = model.behaviour().reads.elsewhere;
    let (object, instance) = match (path, elsewhere) {
        (Path::Object(object @ (SERVER | ACCESS_CONTROL)), _) => (object, None),
        (Path::ObjectInstance(object @ (SERVER | ACCESS_CONTROL), instance), _) => (object, Some(instance)),
        (Path::Object(object), None) => (object, None),
        (Path::ObjectInstance(object, instance), None) => (object, Some(instance)),
        (_, code) => {
            let code = code.unwrap_or(Code::METHOD_NOT_ALLOWED);
            return Err(Refusal::new(code, format!("{path} is not read in a bootstrap")));
        }
    };
    let format = match request.accept() {
        None => Some(model.preferred_format()),
        Some(number) => ContentFormat::from_number(number),
    };
    let format = format
        .filter(|&format| is_hierarchical(format) && takes(model, format))
        .ok_or_else(|| Refusal::new(Code::NOT_ACCEPTABLE, "Bootstrap-Read is not answered in this format"))?;
    let not_found = || Refusal::new(Code::NOT_FOUND, format!("there is no {path}"));
    let tree = model.read(object, instance).filter(|_| model.knows(object)).ok_or_else(not_found)?;
    // An object without instances reads as an empty payload (Transport 1.2 section 6.4.4).
    let payload = if tree.instances.is_empty() {
        Zeroizing::default()
    } else if format == ContentFormat::Lwm2mCbor && model.behaviour().reads.indefinite_lwm2m_cbor {
        Zeroizing::new(indefinite_cbor::encode(&tree))
    } else {
        encode(format, &path, &[tree]).map_err(|error| Refusal::new(Code::NOT_ACCEPTABLE, error.to_string()))?
    };
    content(model.behaviour(), format, payload, request)
}

/// Whether the client reads and writes `format`.
fn takes(model: &DataModel, format: ContentFormat) -> bool {
    speaks(model.version(), format) && model.behaviour().writes.formats.contains(&format)
}

/// A 2.05, cut into blocks where the server asks for them or where it is too long for one message (RFC 7959 section
/// 2.4). The client's own block size stands above the server's.
fn content(
    behaviour: &Behaviour,
    format: ContentFormat,
    payload: Zeroizing<Vec<u8>>,
    request: &Message,
) -> Result<Answer, Refusal> {
    let bad_block = || Refusal::new(Code::BAD_REQUEST, "there is no such block");
    let asked = request.block2().map_err(|_| bad_block())?;
    let largest = behaviour.blocks.largest;
    let mut answer = Answer { content_format: Some(format), payload, ..Answer::empty(Code::CONTENT) };
    if asked.is_none() && answer.payload.len() <= 16 << largest {
        return Ok(answer);
    }
    let offset = asked.map_or(0, BlockOption::offset);
    let exponent = asked.map_or(largest, |block| block.size_exponent().min(largest));
    let size = 16 << exponent;
    let rest = answer.payload.get(offset..).filter(|rest| offset == 0 || !rest.is_empty()).ok_or_else(bad_block)?;
    let number = u32::try_from(offset / size).map_err(|_| bad_block())?;
    answer.block2 = Some(BlockOption::new(number, rest.len() > size, exponent).map_err(|_| bad_block())?);
    answer.payload = Zeroizing::new(rest[..rest.len().min(size)].to_vec());
    Ok(answer)
}

/// Bootstrap-Write, section 8 of the sheet. A format that the client does not speak gets the code that its behaviour
/// has for it, everything that it cannot make sense of a 4.00.
fn write(model: &mut DataModel, path: Path, request: &Message, payload: &[u8]) -> Result<Answer, Refusal> {
    model.check_target(path)?;
    let format = match (request.content_format(), model.behaviour().writes.without_format) {
        (Some(number), _) => write_format(model, path, number)?,
        (None, WithoutFormat::PlainText) => write_format(model, path, ContentFormat::PlainText.number())?,
        (None, WithoutFormat::Ignored) => return Ok(Answer::empty(Code::CHANGED)),
        (None, WithoutFormat::Refused(code)) => {
            return Err(Refusal::new(code, "a Bootstrap-Write must state its Content-Format"));
        }
    };
    let content = decode(format, &path, payload).map_err(|error| match error {
        DecodeError::UnsupportedFormat(_) => refused_format(model, path, error.to_string()),
        _ => Refusal::new(Code::BAD_REQUEST, error.to_string()),
    })?;
    model.write(path, content)?;
    Ok(Answer::empty(Code::CHANGED))
}

fn write_format(model: &DataModel, path: Path, number: u16) -> Result<ContentFormat, Refusal> {
    let simple = matches!(path, Path::Resource(..));
    ContentFormat::from_number(number)
        .filter(|&format| takes(model, format))
        .filter(|&format| simple || is_hierarchical(format) || format == ContentFormat::Lwm2mJson)
        .ok_or_else(|| {
            let version = model.version();
            let words = format!("Content-Format {number} is unknown to this client of LwM2M {version} at {path}");
            refused_format(model, path, words)
        })
}

fn refused_format(model: &DataModel, path: Path, reason: String) -> Refusal {
    let writes = &model.behaviour().writes;
    let at_object = matches!(path, Path::Object(_));
    Refusal::new(if at_object { writes.format_refused_at_object } else { writes.format_refused }, reason)
}

/// The format that a Bootstrap-Write came in, as far as it is one.
pub(super) fn stated_format(request: &Message) -> Option<ContentFormat> {
    request.content_format().and_then(ContentFormat::from_number)
}

/// Bootstrap-Finish, section 10 of the sheet.
fn finish(model: &mut DataModel, request: &Message) -> Result<Answer, Refusal> {
    if !request.payload.is_empty() {
        return Err(Refusal::new(Code::BAD_REQUEST, "Bootstrap-Finish carries no payload"));
    }
    consistency::check(model).map_err(|reason| Refusal::new(Code::NOT_ACCEPTABLE, reason))?;
    model.commit();
    Ok(Answer::empty(Code::CHANGED))
}
