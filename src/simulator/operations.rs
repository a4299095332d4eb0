//! The bootstrap operations as the client carries them out: which one a request is, and what it is answered.
//!
//! LwM2M Core 1.2 section 6.1.7; spec sheet `bootstrap.md`, sections 3 and 6 to 10. The refusals are those of the
//! specification where it states them, and of Leshan's client and Anjay where it does not. Knows no time and no message
//! layer: what repeats is answered by [`super::client`] without coming here.

use std::fmt;

use zeroize::Zeroizing;

use super::configuration::speaks;
use super::consistency;
use super::model::{DataModel, Refusal, SECURITY_SHORT_SERVER_ID, SERVER_SHORT_SERVER_ID, number, text};
use crate::coap::options::number as option;
use crate::coap::{BlockOption, Code, Message};
use crate::lwm2m::link_format::{DiscoveredInstance, DiscoveredObject};
use crate::lwm2m::objects::{ACCESS_CONTROL, SECURITY, SERVER};
use crate::lwm2m::path::ObjectId;
use crate::lwm2m::{ContentFormat, DecodeError, DiscoverAnswer, Path, Version, decode, encode};

/// Critical options that a bootstrap operation may carry (RFC 7252 section 5.4.1).
const KNOWN_OPTIONS: [u16; 6] =
    [option::URI_HOST, option::URI_PORT, option::URI_PATH, option::URI_QUERY, option::ACCEPT, option::BLOCK2];

/// Size exponent of the blocks in which answers go out that are too long for one message: 1024 bytes.
const BLOCK_SIZE_EXPONENT: u8 = 6;

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
    pub(super) block2: Option<BlockOption>,
}

impl Answer {
    fn empty(code: Code) -> Answer {
        Answer { code, content_format: None, payload: Zeroizing::default(), block2: None }
    }
}

/// Says which operation `request` is.
///
/// # Errors
///
/// The refusal of a request that is none.
pub(super) fn classify(request: &Message) -> Result<Operation, Refusal> {
    if let Some(number) = request.unknown_critical_option(&KNOWN_OPTIONS) {
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

/// Carries out `operation`, which `request` was classified as.
///
/// # Errors
///
/// The refusal, after which the data model is as it was.
pub(super) fn execute(model: &mut DataModel, operation: Operation, request: &Message) -> Result<Answer, Refusal> {
    match operation {
        Operation::Discover(path) => discover(model, path, request),
        Operation::Read(path) => read(model, path, request),
        Operation::Delete(path) => model.delete(path).map(|()| Answer::empty(Code::DELETED)),
        Operation::Write(path) => write(model, path, request),
        Operation::Finish => finish(model, request),
        Operation::Unknown => Err(Refusal::new(Code::NOT_FOUND, "there is no such operation")),
    }
}

/// Bootstrap-Discover, section 6 of the sheet: the root or one object, never deeper.
fn discover(model: &DataModel, path: Path, request: &Message) -> Result<Answer, Refusal> {
    let mut answer = DiscoverAnswer { version: Some(model.version()), ..DiscoverAnswer::default() };
    match path {
        Path::Root => model.supported_objects().for_each(|object| list(model, object, &mut answer)),
        Path::Object(object) if model.knows(object) => list(model, object, &mut answer),
        Path::Object(object) => return Err(Refusal::new(Code::NOT_FOUND, format!("there is no object {object}"))),
        _ => return Err(Refusal::new(Code::BAD_REQUEST, "Bootstrap-Discover takes `/` or an object")),
    }
    content(ContentFormat::CoreLink, answer.render().into_bytes().into(), request)
}

fn list(model: &DataModel, object: ObjectId, answer: &mut DiscoverAnswer) {
    let before = answer.instances.len();
    for (instance, resources) in model.instances_of(object) {
        let ssid = match object {
            SECURITY => number(resources, SECURITY_SHORT_SERVER_ID),
            SERVER => number(resources, SERVER_SHORT_SERVER_ID),
            _ => None,
        };
        answer.instances.push(DiscoveredInstance {
            object,
            instance,
            short_server_id: ssid.and_then(|ssid| u16::try_from(ssid).ok()),
            uri: (object == SECURITY).then(|| text(resources, 0).map(str::to_owned)).flatten(),
        });
    }
    if answer.instances.len() == before {
        answer.objects.push(DiscoveredObject { object, version: None });
    }
}

/// Bootstrap-Read, section 7 of the sheet: Server and Access Control, object or instance, from LwM2M 1.1 on.
fn read(model: &DataModel, path: Path, request: &Message) -> Result<Answer, Refusal> {
    if model.version() < Version::V1_1 {
        return Err(Refusal::new(Code::BAD_REQUEST, "LwM2M 1.0 has no Bootstrap-Read"));
    }
    let (object, instance) = match path {
        Path::Object(object @ (SERVER | ACCESS_CONTROL)) => (object, None),
        Path::ObjectInstance(object @ (SERVER | ACCESS_CONTROL), instance) => (object, Some(instance)),
        _ => return Err(Refusal::new(Code::METHOD_NOT_ALLOWED, format!("{path} is not read in a bootstrap"))),
    };
    let format = ContentFormat::from_number(request.accept().unwrap_or(ContentFormat::Tlv.number()))
        .filter(|&format| is_hierarchical(format) && speaks(model.version(), format))
        .ok_or_else(|| Refusal::new(Code::NOT_ACCEPTABLE, "Bootstrap-Read is not answered in this format"))?;
    let tree =
        model.read(object, instance).ok_or_else(|| Refusal::new(Code::NOT_FOUND, format!("there is no {path}")))?;
    // An object without instances reads as an empty payload (Transport 1.2 section 6.4.4).
    let payload = match tree.instances.is_empty() {
        true => Zeroizing::default(),
        false => {
            encode(format, &path, &[tree]).map_err(|error| Refusal::new(Code::NOT_ACCEPTABLE, error.to_string()))?
        }
    };
    content(format, payload, request)
}

fn is_hierarchical(format: ContentFormat) -> bool {
    use ContentFormat::{Lwm2mCbor, SenmlCbor, SenmlJson, Tlv};
    matches!(format, Tlv | SenmlCbor | SenmlJson | Lwm2mCbor)
}

/// A 2.05, cut into blocks where the server asks for them or where it is too long for one message (RFC 7959 section 2.4).
fn content(format: ContentFormat, payload: Zeroizing<Vec<u8>>, request: &Message) -> Result<Answer, Refusal> {
    let bad_block = || Refusal::new(Code::BAD_REQUEST, "there is no such block");
    let asked = request.block2().map_err(|_| bad_block())?;
    let mut answer = Answer { code: Code::CONTENT, content_format: Some(format), payload, block2: None };
    let (number, exponent) = asked.map_or((0, BLOCK_SIZE_EXPONENT), |block| (block.number(), block.size_exponent()));
    let block = BlockOption::new(number, false, exponent).map_err(|_| bad_block())?;
    if asked.is_none() && answer.payload.len() <= block.size() {
        return Ok(answer);
    }
    let rest = answer.payload.get(block.offset()..).filter(|rest| number == 0 || !rest.is_empty());
    let rest = rest.ok_or_else(bad_block)?;
    let more = rest.len() > block.size();
    answer.block2 = Some(BlockOption::new(number, more, exponent).map_err(|_| bad_block())?);
    answer.payload = Zeroizing::new(rest[..rest.len().min(block.size())].to_vec());
    Ok(answer)
}

/// Bootstrap-Write, section 8 of the sheet. A format that the client does not speak is a 4.15, everything that it
/// cannot make sense of a 4.00.
fn write(model: &mut DataModel, path: Path, request: &Message) -> Result<Answer, Refusal> {
    model.check_target(path)?;
    let format = write_format(model.version(), path, request)?;
    let content = decode(format, &path, &request.payload).map_err(|error| match error {
        DecodeError::UnsupportedFormat(_) => Refusal::new(Code::UNSUPPORTED_CONTENT_FORMAT, error.to_string()),
        _ => Refusal::new(Code::BAD_REQUEST, error.to_string()),
    })?;
    model.write(path, content)?;
    Ok(Answer::empty(Code::CHANGED))
}

fn write_format(version: Version, path: Path, request: &Message) -> Result<ContentFormat, Refusal> {
    let number = request
        .content_format()
        .ok_or_else(|| Refusal::new(Code::BAD_REQUEST, "a Bootstrap-Write must state its Content-Format"))?;
    let simple = matches!(path, Path::Resource(..));
    ContentFormat::from_number(number)
        .filter(|&format| speaks(version, format) && format != ContentFormat::CoreLink)
        .filter(|&format| simple || is_hierarchical(format) || format == ContentFormat::Lwm2mJson)
        .ok_or_else(|| {
            let words = format!("Content-Format {number} is unknown to a client of LwM2M {version} at {path}");
            Refusal::new(Code::UNSUPPORTED_CONTENT_FORMAT, words)
        })
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
