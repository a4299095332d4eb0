//! The Bootstrap-Request: what a client asks, and what its options must look like.
//!
//! LwM2M Core 1.2 section 6.1.7.1, Transport 1.2 section 6.4.2; spec sheet `bootstrap.md`, section 4. This module reads
//! options; who the client is and what it gets is decided in [`super::authorisation`] and by the session.

use crate::coap::{Code, Message};
use crate::lwm2m::link_format::LinkFormatError;
use crate::lwm2m::{ContentFormat, DiscoverAnswer, Version};

/// A Bootstrap-Request whose options could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BootstrapRequest {
    /// `ep`: the endpoint client name; LwM2M 1.1 and later may leave it out where the identity says it.
    pub endpoint_name: Option<String>,
    /// `pct`: the format in which the client prefers to be written to; only from LwM2M 1.1 on.
    pub preferred_content_format: Option<ContentFormat>,
    /// What a Bootstrap-Pack-Request asks for; none where it is a Bootstrap-Request.
    pub pack: Option<PackRequest>,
}

/// What a Bootstrap-Pack-Request says beside the name (LwM2M Core 1.2 section 6.1.7.7; spec sheet `bootstrap.md`, section
/// 11).
#[derive(Clone, Debug, PartialEq)]
pub struct PackRequest {
    /// The format of the pack: SenML CBOR, SenML JSON or LwM2M CBOR.
    pub format: ContentFormat,
    /// `acc`: the instances that make up the client's bootstrap account; none where the client does not say, as before
    /// LwM2M 1.2.1.
    pub account: Option<DiscoverAnswer>,
}

/// Why a Bootstrap-Request is refused before anybody is asked who the client is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A query that is not UTF-8.
    #[error("a Uri-Query option of the Bootstrap-Request is not UTF-8")]
    NotUtf8,
    /// `ep=` without a name.
    #[error("the endpoint name in `ep` is empty")]
    EmptyEndpointName,
    /// `ep` or `pct` twice.
    #[error("`{0}` occurs more than once in the Bootstrap-Request")]
    Repeated(&'static str),
    /// `pct` is no number.
    #[error("`pct` must be the number of a content format, such as 112")]
    MalformedContentFormat,
    /// A pack is asked for in a format that cannot carry one.
    #[error("a Bootstrap-Pack in content format {0} cannot be had; in 110, 112 and 11544 it can")]
    UnacceptableFormat(u16),
    /// `acc` is no list of links.
    #[error("`acc` cannot be read: {0}")]
    MalformedAccount(LinkFormatError),
    /// `pct` names a format in which we cannot write.
    #[error("content format {0} of `pct` is not one that can be written; 110, 112, 11542 and 11544 are")]
    UnsupportedContentFormat(u32),
}

impl RequestError {
    /// The code that answers such a request (spec sheet `bootstrap.md`, section 4).
    pub fn code(&self) -> Code {
        match self {
            RequestError::UnsupportedContentFormat(_) => Code::UNSUPPORTED_CONTENT_FORMAT,
            RequestError::UnacceptableFormat(_) => Code::NOT_ACCEPTABLE,
            _ => Code::BAD_REQUEST,
        }
    }
}

impl BootstrapRequest {
    /// Reads the queries by name, in any order; unknown ones are ignored (spec sheet `bootstrap.md`, section 4).
    ///
    /// # Errors
    /// [`RequestError`]; all are answered 4.00, but an unsupported format with 4.15.
    pub fn read(message: &Message) -> Result<BootstrapRequest, RequestError> {
        let mut request = BootstrapRequest::default();
        let mut formats_seen = 0;
        for query in message.uri_query().map_err(|_| RequestError::NotUtf8)? {
            if let Some(name) = query.strip_prefix("ep=") {
                if request.endpoint_name.is_some() {
                    return Err(RequestError::Repeated("ep"));
                }
                if name.is_empty() {
                    return Err(RequestError::EmptyEndpointName);
                }
                request.endpoint_name = Some(name.to_owned());
            } else if let Some(number) = query.strip_prefix("pct=") {
                formats_seen += 1;
                if formats_seen > 1 {
                    return Err(RequestError::Repeated("pct"));
                }
                request.preferred_content_format = Some(read_format(number)?);
            }
        }
        Ok(request)
    }

    /// The version that the client has at least: only clients of 1.2 know packs.
    pub(super) fn least_version(&self) -> Option<Version> {
        self.pack.as_ref().map(|_| Version::V1_2).max(self.preferred_content_format.map(least_version))
    }

    /// What a request that cannot be read says of its sender, for the report and nothing else.
    pub(super) fn claim(message: &Message) -> BootstrapRequest {
        let queries = message.uri_query().unwrap_or_default();
        let name = queries.iter().find_map(|query| query.strip_prefix("ep=")).filter(|name| !name.is_empty());
        let is_pack = message.code == Code::GET;
        BootstrapRequest {
            endpoint_name: name.map(str::to_owned),
            preferred_content_format: None,
            pack: is_pack.then_some(PackRequest { format: ContentFormat::SenmlCbor, account: None }),
        }
    }

    /// Reads a Bootstrap-Pack-Request.
    ///
    /// # Errors
    /// [`RequestError`]; an unacceptable format is answered 4.06, all else 4.00.
    pub fn read_pack(message: &Message) -> Result<BootstrapRequest, RequestError> {
        let mut request = BootstrapRequest::read(message)?;
        let queries = message.uri_query().map_err(|_| RequestError::NotUtf8)?;
        let mut accounts = queries.iter().filter_map(|query| query.strip_prefix("acc="));
        let account = accounts.next().map(|links| DiscoverAnswer::parse(links.as_bytes()));
        if accounts.next().is_some() {
            return Err(RequestError::Repeated("acc"));
        }
        let format = match message.accept() {
            None => ContentFormat::SenmlCbor,
            Some(number) => pack_format(number).ok_or(RequestError::UnacceptableFormat(number))?,
        };
        let account = account.transpose().map_err(RequestError::MalformedAccount)?;
        request.pack = Some(PackRequest { format, account });
        Ok(request)
    }
}

/// The content format of this number, if a pack can be in it: TLV cannot name several objects.
fn pack_format(number: u16) -> Option<ContentFormat> {
    let can_carry = [ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Lwm2mCbor];
    ContentFormat::from_number(number).filter(|format| can_carry.contains(format))
}

fn read_format(number: &str) -> Result<ContentFormat, RequestError> {
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(RequestError::MalformedContentFormat);
    }
    let number: u32 = number.parse().map_err(|_| RequestError::MalformedContentFormat)?;
    writable_format(number).ok_or(RequestError::UnsupportedContentFormat(number))
}

/// The content format of this number, if whole object instances can be written in it.
pub(super) fn writable_format(number: u32) -> Option<ContentFormat> {
    u16::try_from(number).ok().and_then(ContentFormat::from_number).filter(|format| is_writable(*format))
}

/// The version that a client has at least which asks for `format`: only clients of 1.1 and later know `pct`, and LwM2M
/// CBOR is of 1.2 (spec sheet `bootstrap.md`, section 4).
pub(super) fn least_version(format: ContentFormat) -> Version {
    match format {
        ContentFormat::Lwm2mCbor => Version::V1_2,
        _ => Version::V1_1,
    }
}

/// Whether a whole object instance can be written in `format` to a client that asks for it.
///
/// LwM2M JSON is left out: clients of 1.1 and later must not use it, and 1.0 knows no `pct`.
fn is_writable(format: ContentFormat) -> bool {
    matches!(
        format,
        ContentFormat::SenmlJson | ContentFormat::SenmlCbor | ContentFormat::Tlv | ContentFormat::Lwm2mCbor
    )
}
