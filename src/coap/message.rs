//! `Message`: one CoAP message, as a value.
//!
//! RFC 7252 sections 3 and 4. How it is read from and written to bytes stands in `wire`; typed access to its options
//! stands in [`super::options`].

use std::fmt;

use zeroize::Zeroizing;

pub use super::code::Code;
pub use super::option_list::OptionList;
pub use super::token::Token;
pub use super::wire::{BrokenRule, DecodeError, MAX_MESSAGE_SIZE};

/// What the message layer is to do with a message (RFC 7252 section 3, field T).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// CON: sent again until it is acknowledged or reset.
    Confirmable,
    /// NON: sent once.
    NonConfirmable,
    /// ACK: acknowledges one CON, with the response or without.
    Acknowledgement,
    /// RST: the message with this id could not be processed.
    Reset,
}

/// One CoAP message.
///
/// The payload may carry keys: it is wiped on drop and does not appear in `Debug`.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// CON, NON, ACK or RST.
    pub message_type: MessageType,
    /// Method or status.
    pub code: Code,
    /// Message id, which ties ACK and RST to a message.
    pub id: u16,
    /// Token, which ties a response to a request.
    pub token: Token,
    /// Options in ascending order of their numbers.
    pub options: OptionList,
    /// Payload; none is the same as an empty one.
    pub payload: Zeroizing<Vec<u8>>,
}

impl Message {
    /// A message of this kind without options and payload.
    pub fn new(message_type: MessageType, code: Code, id: u16, token: Token) -> Message {
        let (options, payload) = (OptionList::new(), Zeroizing::new(Vec::new()));
        Message { message_type, code, id, token, options, payload }
    }

    /// A confirmable request.
    pub fn request(code: Code, id: u16, token: Token) -> Message {
        Message::new(MessageType::Confirmable, code, id, token)
    }

    /// The response to a confirmable request, carried by its acknowledgement (RFC 7252 section 5.2.1).
    pub fn piggybacked_response(request: &Message, code: Code) -> Message {
        Message::new(MessageType::Acknowledgement, code, request.id, request.token)
    }

    /// A confirmable response of its own, with a fresh message id (RFC 7252 section 5.2.2).
    pub fn separate_response(code: Code, id: u16, token: Token) -> Message {
        Message::new(MessageType::Confirmable, code, id, token)
    }

    /// A non-confirmable response, as a non-confirmable request is answered (RFC 7252 section 5.2.3).
    pub fn non_confirmable_response(code: Code, id: u16, token: Token) -> Message {
        Message::new(MessageType::NonConfirmable, code, id, token)
    }

    /// An acknowledgement that carries no response.
    pub fn empty_acknowledgement(id: u16) -> Message {
        Message::new(MessageType::Acknowledgement, Code::EMPTY, id, Token::EMPTY)
    }

    /// Rejects the message with this id; also the answer to a ping.
    pub fn reset(id: u16) -> Message {
        Message::new(MessageType::Reset, Code::EMPTY, id, Token::EMPTY)
    }

    /// An Empty confirmable message, which the peer answers with Reset (RFC 7252 section 4.3).
    pub fn ping(id: u16) -> Message {
        Message::new(MessageType::Confirmable, Code::EMPTY, id, Token::EMPTY)
    }

    /// The same message with this payload.
    pub fn with_payload(mut self, payload: impl Into<Zeroizing<Vec<u8>>>) -> Message {
        self.payload = payload.into();
        self
    }

    /// Whether this is a request, confirmable or not.
    pub fn is_request(&self) -> bool {
        self.code.is_request()
    }

    /// Whether this is a response, piggybacked or separate.
    pub fn is_response(&self) -> bool {
        self.code.is_response()
    }

    /// Whether this is a ping: Empty and confirmable.
    pub fn is_ping(&self) -> bool {
        self.message_type == MessageType::Confirmable && self.code.is_empty()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("message_type", &self.message_type)
            .field("code", &self.code)
            .field("id", &self.id)
            .field("token", &self.token)
            .field("options", &self.options)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Message, MessageType, Token};

    #[test]
    fn answers_repeat_what_ties_them_to_the_request() {
        let request = Message::request(Code::POST, 7, Token::from([1; 8]));
        let response = Message::piggybacked_response(&request, Code::CHANGED);
        assert_eq!((response.message_type, response.id), (MessageType::Acknowledgement, 7));
        assert_eq!(response.token, request.token);
        assert!(request.is_request() && response.is_response());
        assert!(Message::ping(1).is_ping() && !Message::reset(1).is_ping());
    }

    #[test]
    fn debug_output_shows_no_payload() {
        let message = Message::request(Code::PUT, 7, Token::EMPTY).with_payload(b"hunter2".to_vec());
        let debug = format!("{message:?}");
        assert!(debug.contains("payload: 7 bytes"), "{debug}");
        assert!(!debug.contains("hunter2") && !debug.contains("104, 117"), "{debug}");
    }
}
