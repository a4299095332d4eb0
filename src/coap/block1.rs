//! `Block1Transfer`: a request body of ours that travels in blocks.
//!
//! RFC 7959 sections 2.3, 2.5 and 2.9, RFC 9175 section 3 (Request-Tag); spec sheet `transport.md`, section 2. It knows
//! nothing of exchanges: each block is a request of its own, with a token of its own, which the caller sends.
//!
//! Nothing here can go on for ever: a size only ever shrinks, of which there are seven, and 4.08 starts a transfer anew
//! only once.

use zeroize::Zeroizing;

use super::block::{BlockOption, InvalidBlockOption, MAX_SIZE_EXPONENT};
use super::code::Code;
use super::message::Message;

/// What a message of ours takes besides its payload, in bytes: header, token, the longest LwM2M path, Content-Format,
/// Block1, Size1, Request-Tag and the payload marker take fewer than this.
pub const OVERHEAD: usize = 64;

/// The longest body that blocks of 16 bytes can be numbered for.
const LONGEST_BODY: usize = 16 << 20;

/// The exponent (0 to 6) of the largest blocks that fit messages of `largest_message` bytes; 0 if none does.
pub fn size_exponent_for(largest_message: usize) -> u8 {
    let payload = largest_message.saturating_sub(OVERHEAD);
    (0..=MAX_SIZE_EXPONENT).rev().find(|exponent| 16 << exponent <= payload).unwrap_or(0)
}

/// A body on its way, and how much of it the peer has taken.
pub struct Block1Transfer {
    body: Zeroizing<Vec<u8>>,
    size_exponent: u8,
    request_tag: Option<[u8; 4]>,
    /// Bytes that the peer has acknowledged; the next block begins here.
    taken: usize,
    /// Whether 4.08 has already made us begin again.
    begun_again: bool,
}

/// The next block to send.
#[derive(Debug, PartialEq)]
pub struct Block<'a> {
    /// The Block1 option.
    pub option: BlockOption,
    /// The bytes of this block.
    pub payload: &'a [u8],
    /// Length of the whole body, in bytes; on the first block only.
    pub size1: Option<u32>,
    /// Request-Tag, the same on all blocks.
    pub request_tag: Option<[u8; 4]>,
}

/// What an answer means to a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block1Reaction {
    /// The block was taken: send the next one.
    Next,
    /// The whole body was taken, with this success code.
    Complete(Code),
    /// 4.13 with a smaller size: the transfer begins again with it; send the first block.
    RestartSmaller,
    /// 4.08, the peer lost blocks: the transfer begins again; send the first block. This comes once.
    Restart,
    /// 4.13 to the first block, which names no smaller size: [`Block1Transfer::shrink`] may help, or it may not.
    TooLarge,
    /// The peer does not take the body, and says so with this code.
    Refused(Code),
}

/// An answer that makes no sense in the transfer, which is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Block1Error {
    /// The Block1 option itself is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidBlockOption),
    /// The answer acknowledges another block than the one that was sent.
    #[error("answer acknowledges another block")]
    OutOfStep,
    /// 2.31 to the last block.
    #[error("2.31 Continue to the last block")]
    ContinueAfterLast,
    /// The peer took a part of the body for the whole, and now holds something broken.
    #[error("success before the last block")]
    PartTakenForWhole,
}

impl Block1Transfer {
    /// A transfer of `body` in blocks of `2^(size_exponent + 4)` bytes (exponent 0 to 6). `request_tag` tells its blocks
    /// from those of other transfers to the same path (RFC 9175 section 3.3); it should be random.
    ///
    /// # Errors
    ///
    /// [`InvalidBlockOption`] if the exponent is out of its range or the body is longer than 16 MiB.
    pub fn new(
        body: Zeroizing<Vec<u8>>,
        size_exponent: u8,
        request_tag: Option<[u8; 4]>,
    ) -> Result<Block1Transfer, InvalidBlockOption> {
        BlockOption::new(0, false, size_exponent)?;
        if body.len() > LONGEST_BODY {
            return Err(InvalidBlockOption::TooLong);
        }
        Ok(Block1Transfer { body, size_exponent, request_tag, taken: 0, begun_again: false })
    }

    /// The block that is to be sent now, or has been and awaits its answer.
    pub fn next_block(&self) -> Block<'_> {
        let end = self.body.len().min(self.taken + self.size());
        let number = (self.taken / self.size()) as u32;
        let option = BlockOption::new(number, end < self.body.len(), self.size_exponent);
        Block {
            option: option.expect("the body is at most LONGEST_BODY long, so that all its blocks have numbers"),
            payload: &self.body[self.taken..end],
            size1: (self.taken == 0).then_some(self.body.len() as u32),
            request_tag: self.request_tag,
        }
    }

    /// Exponent of the size that blocks have now; worth remembering of a client.
    pub fn size_exponent(&self) -> u8 {
        self.size_exponent
    }

    /// Bytes that the peer has taken so far.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Takes the answer to [`Block1Transfer::next_block`].
    ///
    /// # Errors
    ///
    /// [`Block1Error`] if the peer contradicts itself. The transfer is lost then.
    pub fn handle_answer(&mut self, answer: &Message) -> Result<Block1Reaction, Block1Error> {
        match answer.code {
            Code::CONTINUE => self.handle_continue(answer),
            code if code.is_success() && self.next_block().option.more() => Err(Block1Error::PartTakenForWhole),
            code if code.is_success() => {
                self.taken = self.body.len();
                Ok(Block1Reaction::Complete(code))
            }
            Code::REQUEST_ENTITY_TOO_LARGE => Ok(self.handle_too_large(answer)),
            Code::REQUEST_ENTITY_INCOMPLETE if !self.begun_again => {
                self.begun_again = true;
                self.taken = 0;
                Ok(Block1Reaction::Restart)
            }
            code => Ok(Block1Reaction::Refused(code)),
        }
    }

    /// Begins again with blocks a quarter as large, or half if there are no smaller ones. False, and nothing changes, if
    /// they are as small as can be.
    pub fn shrink(&mut self) -> bool {
        if self.size_exponent == 0 {
            return false;
        }
        self.size_exponent = self.size_exponent.saturating_sub(2);
        self.taken = 0;
        true
    }

    fn size(&self) -> usize {
        16 << self.size_exponent
    }

    /// RFC 7959 section 2.3: the peer took the whole block, also where it asks for smaller ones from now on. Then the
    /// number stays the one that we sent, though some scale it.
    fn handle_continue(&mut self, answer: &Message) -> Result<Block1Reaction, Block1Error> {
        let sent = self.next_block().option;
        if !sent.more() {
            return Err(Block1Error::ContinueAfterLast);
        }
        // The RFC demands Block1 here, but without it the code alone says what there is to say.
        let echo = answer.block1()?.unwrap_or(sent);
        if echo.number() != sent.number() && echo.offset() != sent.offset() {
            return Err(Block1Error::OutOfStep);
        }
        self.taken += sent.size();
        self.size_exponent = self.size_exponent.min(echo.size_exponent());
        Ok(Block1Reaction::Next)
    }

    /// RFC 7959 section 2.9.3. Size1 says there how long a body the peer would take at all (section 4).
    fn handle_too_large(&mut self, answer: &Message) -> Block1Reaction {
        let named = answer.block1().ok().flatten().map(BlockOption::size_exponent);
        if let Some(smaller) = named.filter(|named| *named < self.size_exponent) {
            self.size_exponent = smaller;
            self.taken = 0;
            return Block1Reaction::RestartSmaller;
        }
        let hopeless = answer.size1().is_some_and(|longest| (longest as usize) < self.body.len());
        if hopeless || self.taken > 0 || self.size_exponent == 0 {
            return Block1Reaction::Refused(answer.code);
        }
        Block1Reaction::TooLarge
    }
}

impl Block<'_> {
    /// Puts the block into a request: Block1, Size1, Request-Tag and payload.
    pub fn put_into(&self, request: &mut Message) {
        request.set_block1(self.option);
        if let Some(bytes) = self.size1 {
            request.set_size1(bytes);
        }
        if let Some(tag) = self.request_tag {
            request.set_request_tag(tag);
        }
        request.payload = Zeroizing::new(self.payload.to_vec());
    }
}

#[cfg(test)]
mod tests;
