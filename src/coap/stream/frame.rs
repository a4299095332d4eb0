//! Frames: where a message begins and ends in a stream of bytes.
//!
//! RFC 8323 section 3.2. A frame has neither type nor message id: what is read here is non-confirmable with id 0, and
//! [`super::connection`] says what it stands for.

use zeroize::Zeroizing;

use crate::coap::message::{Code, Message, MessageType, Token};
use crate::coap::wiped;
use crate::coap::wire::{self, BrokenRule, MAX_MESSAGE_SIZE};

/// The longest frame that is read, in bytes, all its parts counted.
pub const LONGEST_FRAME: usize = MAX_MESSAGE_SIZE;

/// What a datagram has before its token.
const DATAGRAM_HEADER: usize = 4;

/// Why bytes are no frame. The stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Our bound, [`LONGEST_FRAME`].
    #[error("message is longer than we read")]
    TooLong,
    /// What stands in the frame is no message.
    #[error("{0}")]
    Broken(#[from] BrokenRule),
}

/// Cuts a stream into frames. It holds less than a frame and what was pushed behind it.
#[derive(Default)]
pub struct FrameDecoder {
    buffer: Zeroizing<Vec<u8>>,
    /// Bytes of the buffer that have been read.
    read: usize,
}

/// The first bytes of a frame.
struct Head {
    /// Bytes before the code.
    code_at: usize,
    token_length: usize,
    /// Length of the whole frame, in bytes.
    frame_length: usize,
}

impl FrameDecoder {
    /// Takes the next bytes of the stream. Take all frames out before pushing more: then no more is held than one frame
    /// and these bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.buffer = Zeroizing::new(self.buffer[self.read..].to_vec());
            self.read = 0;
        }
        wiped::append(&mut self.buffer, bytes);
    }

    /// The next whole frame; none if more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`FrameError`], as soon as it can be seen. The rest of the stream means nothing then.
    pub fn next_frame(&mut self) -> Result<Option<Message>, FrameError> {
        let bytes = &self.buffer[self.read..];
        let Some(head) = Head::read(bytes)? else { return Ok(None) };
        let Some(frame) = bytes.get(..head.frame_length) else { return Ok(None) };
        let message = decode(&head, frame)?;
        self.read += head.frame_length;
        Ok(Some(message))
    }

    /// Bytes that have been pushed and are not part of a frame that was taken out.
    pub fn held(&self) -> usize {
        self.buffer.len() - self.read
    }
}

impl Head {
    /// RFC 8323 section 3.2, Figure 4: Len counts options, marker and payload.
    fn read(bytes: &[u8]) -> Result<Option<Head>, FrameError> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let token_length = usize::from(first & 0x0F);
        if token_length > 8 {
            return Err(BrokenRule::ReservedTokenLength.into());
        }
        let (extended, length) = match (first >> 4, rest) {
            (length @ 0..=12, _) => (0, usize::from(length)),
            (13, [low, ..]) => (1, 13 + usize::from(*low)),
            (14, [high, low, ..]) => (2, 269 + usize::from(u16::from_be_bytes([*high, *low]))),
            // Four more bytes: at least 65805, which is more than we read.
            (15, _) => return Err(FrameError::TooLong),
            _ => return Ok(None),
        };
        let frame_length = 1 + extended + 1 + token_length + length;
        if frame_length > LONGEST_FRAME {
            return Err(FrameError::TooLong);
        }
        Ok(Some(Head { code_at: 1 + extended, token_length, frame_length }))
    }
}

/// Reads a whole frame.
fn decode(head: &Head, frame: &[u8]) -> Result<Message, BrokenRule> {
    let code = Code::from_byte(frame[head.code_at]);
    let token_at = head.code_at + 1;
    let (token, rest) = frame[token_at..].split_at_checked(head.token_length).ok_or(BrokenRule::TruncatedToken)?;
    let token = Token::new(token).ok_or(BrokenRule::ReservedTokenLength)?;
    if matches!(code.class(), 1 | 6) {
        return Err(BrokenRule::ReservedCodeClass);
    }
    let mut message = Message::new(MessageType::NonConfirmable, code, 0, token);
    let payload = wire::decode_options(rest, &mut message.options)?;
    message.payload = Zeroizing::new(payload.to_vec());
    Ok(message)
}

/// Writes a message as a frame; its type and id are left out. Wiped on drop.
pub fn encode(message: &Message) -> Zeroizing<Vec<u8>> {
    let datagram = message.encode();
    let token = message.token.as_slice();
    let rest = &datagram[DATAGRAM_HEADER + token.len()..];
    let (nibble, extended) = extended_length(rest.len());
    let mut frame = Zeroizing::new(Vec::with_capacity(6 + token.len() + rest.len()));
    frame.push(nibble << 4 | token.len() as u8);
    frame.extend_from_slice(&extended);
    frame.push(message.code.byte());
    frame.extend_from_slice(token);
    frame.extend_from_slice(rest);
    frame
}

/// The field Len and the bytes that extend it.
fn extended_length(length: usize) -> (u8, Vec<u8>) {
    match length {
        0..13 => (length as u8, Vec::new()),
        13..269 => (13, vec![(length - 13) as u8]),
        269..65_805 => (14, ((length - 269) as u16).to_be_bytes().to_vec()),
        _ => (15, ((length - 65_805) as u32).to_be_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests;
