//! Which requests of a client are for us, and how all others are answered.
//!
//! A Bootstrap-Server is a CoAP server on `/bs` and `/bspack` only (LwM2M Transport 1.2 section 6.4.2; spec sheet
//! `bootstrap.md`, sections 1 and 11); critical options that are not understood: RFC 7252 section 5.4.1.

use crate::coap::options::number;
use crate::coap::{Code, Message, MessageType};

/// Critical options that a request may carry.
const UNDERSTOOD_IN_REQUESTS: [u16; 5] =
    [number::URI_HOST, number::URI_PORT, number::URI_PATH, number::URI_QUERY, number::ACCEPT];

/// The same of a request for a pack, which is fetched in blocks.
const UNDERSTOOD_IN_PACK_REQUESTS: [u16; 6] =
    [number::URI_HOST, number::URI_PORT, number::URI_PATH, number::URI_QUERY, number::ACCEPT, number::BLOCK2];

/// Critical options that a response may carry.
pub(super) const UNDERSTOOD_IN_RESPONSES: [u16; 2] = [number::BLOCK2, number::BLOCK1];

/// Which of the two requests that are for us.
pub(super) enum Wanted {
    /// A Bootstrap-Request.
    Session,
    /// A Bootstrap-Pack-Request, or one of the later blocks of its answer.
    Pack,
}

/// What becomes of a request that is neither.
pub(super) enum Rejection {
    /// It is answered with this code and diagnostic text.
    Answer(Code, &'static str),
    /// It is ignored.
    Ignore,
}

/// Accepts a Bootstrap-Request or a Bootstrap-Pack-Request.
///
/// # Errors
/// What becomes of anything else.
pub(super) fn route(message: &Message) -> Result<Wanted, Rejection> {
    let answer = |code, explanation| Err(Rejection::Answer(code, explanation));
    let is_pack = message.uri_path_is(&["bspack"]);
    let understood = if is_pack { &UNDERSTOOD_IN_PACK_REQUESTS[..] } else { &UNDERSTOOD_IN_REQUESTS[..] };
    if message.unknown_critical_option(understood).is_some() {
        // A non-confirmable message of this kind must be rejected, not answered (RFC 7252 section 5.4.1).
        return match message.message_type {
            MessageType::Confirmable => answer(Code::BAD_OPTION, "a critical option is not understood"),
            _ => Err(Rejection::Ignore),
        };
    }
    if message.uri_path_is(&["bs"]) {
        return match (message.code, message.message_type) {
            (Code::POST, MessageType::Confirmable) => Ok(Wanted::Session),
            (Code::POST, _) => answer(Code::BAD_REQUEST, "a Bootstrap-Request must be confirmable"),
            _ => answer(Code::METHOD_NOT_ALLOWED, "a Bootstrap-Request is a POST"),
        };
    }
    if is_pack {
        // After any error the client goes on with a Bootstrap-Request (LwM2M Core 1.2 section 6.1.7.7).
        return match (message.code, message.message_type) {
            (Code::GET, MessageType::Confirmable) => Ok(Wanted::Pack),
            (Code::GET, _) => answer(Code::BAD_REQUEST, "a Bootstrap-Pack-Request must be confirmable"),
            _ => answer(Code::METHOD_NOT_ALLOWED, "a Bootstrap-Pack-Request is a GET"),
        };
    }
    answer(Code::NOT_FOUND, "this server answers to /bs and /bspack")
}
