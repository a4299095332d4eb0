//! Messages as bytes: RFC 7252 section 3.
//!
//! Reading is our own and strict, in one pass and without a copy more than the message keeps: the parser of `coap-lite`
//! takes what the RFC forbids (another version, an Empty message with a token, a marker without payload). Writing is
//! left to its `Packet`.

use coap_lite::{CoapOption, MessageClass, Packet};
use zeroize::Zeroizing;

use super::message::{Code, Message, MessageType, Token};
use super::option_list::{MAX_OPTIONS, OptionList};

/// Longest message that [`Message::decode`] reads, in bytes: as much as one DTLS record can carry (RFC 6347 section
/// 4.1), which is far more than the 1152 of RFC 7252 section 4.6.
pub const MAX_MESSAGE_SIZE: usize = 1 << 14;

const HEADER_LENGTH: usize = 4;
const MARKER: u8 = 0xFF;

/// Why bytes are no CoAP message, and whether their sender is to hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct DecodeError {
    /// The rule that was broken.
    pub rule: BrokenRule,
    reset_for: Option<u16>,
}

impl DecodeError {
    /// The message id to send Reset for: that of a confirmable message with a format error, which must be rejected
    /// (RFC 7252 section 4.2). None means that the datagram is to be ignored silently.
    pub fn reset_for(&self) -> Option<u16> {
        self.reset_for
    }
}

/// The rules of RFC 7252 that a datagram can break, and two bounds of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BrokenRule {
    /// Section 3: a message has a header of four bytes.
    #[error("shorter than the header")]
    TooShort,
    /// Our bound, [`MAX_MESSAGE_SIZE`].
    #[error("longer than we read")]
    TooLong,
    /// Section 3: other versions than 1 are silently ignored.
    #[error("version is not 1")]
    UnknownVersion,
    /// Section 3: token lengths 9 to 15 are reserved.
    #[error("token length is reserved")]
    ReservedTokenLength,
    /// Section 3: the token is as long as its length field says.
    #[error("ends within the token")]
    TruncatedToken,
    /// Section 4.2: the code classes 1, 6 and 7 are reserved.
    #[error("code class is reserved")]
    ReservedCodeClass,
    /// Section 4.1: an Empty message is nothing but its header.
    #[error("Empty message with a token or more")]
    EmptyWithContent,
    /// Section 4.3: a non-confirmable message is not Empty.
    #[error("Empty message that is non-confirmable")]
    EmptyNonConfirmable,
    /// Section 4.2: an acknowledgement carries a response or is Empty.
    #[error("request in an acknowledgement")]
    RequestInAcknowledgement,
    /// Section 4.2: Reset is Empty.
    #[error("Reset that is not Empty")]
    ResetNotEmpty,
    /// Section 3.1: option delta 15 is reserved for the payload marker.
    #[error("option delta is reserved")]
    ReservedOptionDelta,
    /// Section 3.1: option length 15 is reserved.
    #[error("option length is reserved")]
    ReservedOptionLength,
    /// Section 3.1: options have numbers of 16 bits.
    #[error("option number above 65535")]
    OptionNumberOverflow,
    /// Section 3.1: an option is as long as its length field says.
    #[error("ends within an option")]
    TruncatedOption,
    /// Our bound, [`MAX_OPTIONS`].
    #[error("more options than we read")]
    TooManyOptions,
    /// Section 3: a payload marker is followed by a payload.
    #[error("payload marker without payload")]
    MarkerWithoutPayload,
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the rule that the bytes break, and whether Reset is the answer.
    pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
        let silently = |rule| DecodeError { rule, reset_for: None };
        let [first, code, id_high, id_low, ..] = *bytes else {
            return Err(silently(BrokenRule::TooShort));
        };
        if first >> 6 != 1 {
            return Err(silently(BrokenRule::UnknownVersion));
        }
        let message_type = message_type_from_bits(first >> 4);
        let id = u16::from_be_bytes([id_high, id_low]);
        let reset_for = (message_type == MessageType::Confirmable).then_some(id);
        let header = Header { message_type, code: Code::from_byte(code), id, token_length: first & 0x0F };
        decode_behind(header, bytes).map_err(|rule| DecodeError { rule, reset_for })
    }

    /// Writes the message. The buffer is wiped on drop, because the payload may carry keys; for the same reason the
    /// payload does not pass through `Packet`, which would keep copies of its own.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut packet = Packet::new();
        packet.header.set_type(match self.message_type {
            MessageType::Confirmable => coap_lite::MessageType::Confirmable,
            MessageType::NonConfirmable => coap_lite::MessageType::NonConfirmable,
            MessageType::Acknowledgement => coap_lite::MessageType::Acknowledgement,
            MessageType::Reset => coap_lite::MessageType::Reset,
        });
        packet.header.code = MessageClass::from(self.code.byte());
        packet.header.message_id = self.id;
        packet.set_token(self.token.as_slice().to_vec());
        for (number, value) in self.options.iter() {
            packet.add_option(CoapOption::from(number), value.to_vec());
        }
        let head = packet.to_bytes_unlimited();
        let head = head.expect("without a limit of size, Packet refuses nothing: its buffer holds the header");
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + 1 + self.payload.len()));
        bytes.extend_from_slice(&head);
        if !self.payload.is_empty() {
            bytes.push(MARKER);
            bytes.extend_from_slice(&self.payload);
        }
        bytes
    }
}

/// The fixed part of a message.
#[derive(Clone, Copy)]
struct Header {
    message_type: MessageType,
    code: Code,
    id: u16,
    token_length: u8,
}

fn message_type_from_bits(bits: u8) -> MessageType {
    match bits & 0b11 {
        0 => MessageType::Confirmable,
        1 => MessageType::NonConfirmable,
        2 => MessageType::Acknowledgement,
        _ => MessageType::Reset,
    }
}

fn decode_behind(header: Header, bytes: &[u8]) -> Result<Message, BrokenRule> {
    if bytes.len() > MAX_MESSAGE_SIZE {
        return Err(BrokenRule::TooLong);
    }
    check_kind(header, bytes.len())?;
    let token_end = HEADER_LENGTH + usize::from(header.token_length);
    let token = bytes.get(HEADER_LENGTH..token_end).ok_or(BrokenRule::TruncatedToken)?;
    let token = Token::new(token).ok_or(BrokenRule::ReservedTokenLength)?;
    let mut message = Message::new(header.message_type, header.code, header.id, token);
    let payload = decode_options(&bytes[token_end..], &mut message.options)?;
    if !payload.is_empty() {
        message.payload = Zeroizing::new(payload.to_vec());
    }
    Ok(message)
}

/// Checks that type, code and length go together (RFC 7252 sections 4.1 to 4.3).
fn check_kind(header: Header, length: usize) -> Result<(), BrokenRule> {
    let Header { message_type, code, token_length, .. } = header;
    if token_length > 8 {
        return Err(BrokenRule::ReservedTokenLength);
    }
    if code.is_empty() {
        if length > HEADER_LENGTH || token_length > 0 {
            return Err(BrokenRule::EmptyWithContent);
        }
        if message_type == MessageType::NonConfirmable {
            return Err(BrokenRule::EmptyNonConfirmable);
        }
        return Ok(());
    }
    match message_type {
        _ if !code.is_request() && !code.is_response() => Err(BrokenRule::ReservedCodeClass),
        MessageType::Reset => Err(BrokenRule::ResetNotEmpty),
        MessageType::Acknowledgement if code.is_request() => Err(BrokenRule::RequestInAcknowledgement),
        _ => Ok(()),
    }
}

/// Reads the options at the start of `bytes` into `options` and returns the payload that follows them.
pub(super) fn decode_options<'a>(mut bytes: &'a [u8], options: &mut OptionList) -> Result<&'a [u8], BrokenRule> {
    let mut number = 0_u16;
    while let Some((&head, rest)) = bytes.split_first() {
        if head == MARKER {
            return if rest.is_empty() { Err(BrokenRule::MarkerWithoutPayload) } else { Ok(rest) };
        }
        let (delta, rest) = extended(head >> 4, rest, BrokenRule::ReservedOptionDelta)?;
        let (length, rest) = extended(head & 0x0F, rest, BrokenRule::ReservedOptionLength)?;
        number = u32::from(number)
            .checked_add(delta)
            .and_then(|sum| u16::try_from(sum).ok())
            .ok_or(BrokenRule::OptionNumberOverflow)?;
        let (value, rest) = rest.split_at_checked(length as usize).ok_or(BrokenRule::TruncatedOption)?;
        if options.len() >= MAX_OPTIONS {
            return Err(BrokenRule::TooManyOptions);
        }
        options.push(number, value);
        bytes = rest;
    }
    Ok(&[])
}

/// A delta or a length: the nibble itself, or with the one or two bytes that 13 and 14 announce.
fn extended(nibble: u8, bytes: &[u8], reserved: BrokenRule) -> Result<(u32, &[u8]), BrokenRule> {
    match (nibble, bytes) {
        (0..=12, _) => Ok((u32::from(nibble), bytes)),
        (13, [low, rest @ ..]) => Ok((13 + u32::from(*low), rest)),
        (14, [high, low, rest @ ..]) => Ok((269 + u32::from(u16::from_be_bytes([*high, *low])), rest)),
        (13 | 14, _) => Err(BrokenRule::TruncatedOption),
        _ => Err(reserved),
    }
}

#[cfg(test)]
mod tests;
