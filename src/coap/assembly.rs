//! `Block2Assembly`: puts the answer to one of our GETs together when it comes in blocks.
//!
//! RFC 7959 sections 2.4 and 3.4; spec sheet `transport.md`, section 2. It knows nothing of exchanges: each block is the
//! answer to a request of its own, which the caller sends.

use zeroize::Zeroizing;

use super::block::{BlockOption, InvalidBlockOption};
use super::message::Message;
use super::wiped;

/// Longest body that is collected unless told otherwise, in bytes.
pub const DEFAULT_LIMIT: usize = 64 * 1024;

/// The body of one response, as far as it has come.
#[derive(Default)]
pub struct Block2Assembly {
    limit: Option<usize>,
    started: Option<Started>,
}

/// What the first block laid down, and the bytes so far.
struct Started {
    body: Zeroizing<Vec<u8>>,
    etag: Option<Vec<u8>>,
    size_exponent: u8,
}

/// What to do after a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The body is whole: this is it.
    Complete(Zeroizing<Vec<u8>>),
    /// Repeat the request with this Block2 option.
    Next(BlockOption),
}

/// Why the blocks make no body. The transfer is lost; a new one may start from block 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The Block2 option itself is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidBlockOption),
    /// A later answer carries no Block2 option.
    #[error("answer without Block2 in the middle of a transfer")]
    Missing,
    /// Another block than the one that was asked for.
    #[error("block is not the next one")]
    OutOfOrder,
    /// The representation changed between two blocks (RFC 7959 section 2.4).
    #[error("ETag changed between blocks")]
    EtagChanged,
    /// Blocks became larger than the first one.
    #[error("block size grew")]
    SizeGrew,
    /// A block that is not the last one is not full, or a block has more bytes than its size.
    #[error("block is not as long as it says")]
    WrongLength,
    /// The body is longer than the limit.
    #[error("body is too long")]
    TooLarge,
}

impl Block2Assembly {
    /// Collects a body of at most [`DEFAULT_LIMIT`] bytes.
    pub fn new() -> Block2Assembly {
        Block2Assembly::default()
    }

    /// Collects a body of at most `limit` bytes.
    pub fn with_limit(limit: usize) -> Block2Assembly {
        Block2Assembly { limit: Some(limit), started: None }
    }

    /// Takes the next answer, a 2.05; what to do about other codes is the caller's to say. An answer without Block2 is
    /// the whole body if it is the first one.
    ///
    /// # Errors
    ///
    /// [`BlockError`] if this answer does not continue the ones before. Then the assembly begins anew.
    pub fn push(&mut self, answer: &Message) -> Result<Progress, BlockError> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        let started = self.started.take();
        let Some(block) = answer.block2()? else {
            return match started {
                None if answer.payload.len() > limit => Err(BlockError::TooLarge),
                None => Ok(Progress::Complete(answer.payload.clone())),
                Some(_) => Err(BlockError::Missing),
            };
        };
        let mut started = started.unwrap_or_else(|| Started::from(answer, block));
        started.check(answer, block)?;
        started.append(&answer.payload, limit)?;
        if !block.more() {
            return Ok(Progress::Complete(started.body));
        }
        started.size_exponent = block.size_exponent();
        let next = (started.body.len() / block.size()) as u32;
        let next = BlockOption::new(next, false, block.size_exponent()).map_err(|_| BlockError::TooLarge)?;
        self.started = Some(started);
        Ok(Progress::Next(next))
    }
}

impl Started {
    fn from(answer: &Message, block: BlockOption) -> Started {
        let etag = answer.etag().map(<[u8]>::to_vec);
        Started { body: Zeroizing::new(Vec::new()), etag, size_exponent: block.size_exponent() }
    }

    /// Checks that the block continues the body. A server may answer with smaller blocks than before, numbered in units
    /// of the new size (RFC 7959 section 2.4), so it is the offset that must be right.
    fn check(&self, answer: &Message, block: BlockOption) -> Result<(), BlockError> {
        if block.size_exponent() > self.size_exponent {
            return Err(BlockError::SizeGrew);
        }
        if block.offset() != self.body.len() {
            return Err(BlockError::OutOfOrder);
        }
        if answer.etag() != self.etag.as_deref() {
            return Err(BlockError::EtagChanged);
        }
        let length = answer.payload.len();
        if length > block.size() || (block.more() && length < block.size()) {
            return Err(BlockError::WrongLength);
        }
        Ok(())
    }

    fn append(&mut self, payload: &[u8], limit: usize) -> Result<(), BlockError> {
        if self.body.len() + payload.len() > limit {
            return Err(BlockError::TooLarge);
        }
        wiped::append(&mut self.body, payload);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Block2Assembly, BlockError, Progress};
    use crate::coap::{BlockOption, Code, Message, Token};

    fn answer(payload: &[u8]) -> Message {
        Message::separate_response(Code::CONTENT, 1, Token::EMPTY).with_payload(payload.to_vec())
    }

    fn block(number: u32, more: bool, size_exponent: u8, payload: &[u8]) -> Message {
        let mut message = answer(payload);
        message.set_block2(BlockOption::new(number, more, size_exponent).unwrap());
        message
    }

    fn next(number: u32, size_exponent: u8) -> Result<Progress, BlockError> {
        Ok(Progress::Next(BlockOption::new(number, false, size_exponent).unwrap()))
    }

    fn complete(body: Vec<u8>) -> Result<Progress, BlockError> {
        Ok(Progress::Complete(body.into()))
    }

    #[test]
    fn an_answer_without_block2_is_whole() {
        assert_eq!(Block2Assembly::new().push(&answer(b"</0>")), complete(b"</0>".to_vec()));
        assert_eq!(Block2Assembly::new().push(&block(0, false, 6, b"</0>")), complete(b"</0>".to_vec()));
    }

    #[test]
    fn blocks_are_put_together_also_when_they_become_smaller() {
        let mut assembly = Block2Assembly::new();
        assert_eq!(assembly.push(&block(0, true, 2, &[1; 64])), next(1, 2));
        assert_eq!(assembly.push(&block(2, true, 1, &[2; 32])), next(3, 1));
        assert_eq!(assembly.push(&block(3, true, 1, &[3; 32])), next(4, 1));
        let expected = [&[1; 64][..], &[2; 32], &[3; 32], &[4; 5]].concat();
        assert_eq!(assembly.push(&block(4, false, 1, &[4; 5])), complete(expected));
    }

    #[test]
    fn what_does_not_continue_the_first_block_is_refused() {
        let mut other_etag = block(1, false, 0, &[2; 3]);
        other_etag.set_etag(&[9]).unwrap();
        let table = [
            (answer(&[2; 3]), BlockError::Missing),
            (block(2, false, 0, &[2; 3]), BlockError::OutOfOrder),
            (block(0, true, 0, &[1; 16]), BlockError::OutOfOrder),
            (block(1, false, 1, &[2; 3]), BlockError::SizeGrew),
            (other_etag, BlockError::EtagChanged),
            (block(1, true, 0, &[2; 15]), BlockError::WrongLength),
            (block(1, false, 0, &[2; 17]), BlockError::WrongLength),
        ];
        for (second, error) in table {
            let mut assembly = Block2Assembly::new();
            assert_eq!(assembly.push(&block(0, true, 0, &[1; 16])), next(1, 0));
            assert_eq!(assembly.push(&second), Err(error), "{second:?}");
            assert_eq!(assembly.push(&answer(b"anew")), complete(b"anew".to_vec()), "after {error}");
        }
        assert_eq!(Block2Assembly::new().push(&block(1, false, 0, b"x")), Err(BlockError::OutOfOrder));
        let mut reserved = answer(b"x");
        reserved.set_uint(crate::coap::options::number::BLOCK2, 7);
        assert!(matches!(Block2Assembly::new().push(&reserved), Err(BlockError::Invalid(_))));
    }

    #[test]
    fn the_limit_holds_for_one_answer_and_for_many() {
        assert_eq!(Block2Assembly::with_limit(3).push(&answer(&[0; 4])), Err(BlockError::TooLarge));
        let mut assembly = Block2Assembly::with_limit(20);
        assert_eq!(assembly.push(&block(0, true, 0, &[1; 16])), next(1, 0));
        assert_eq!(assembly.push(&block(1, false, 0, &[1; 5])), Err(BlockError::TooLarge));
        let mut assembly = Block2Assembly::new();
        for number in 0..64 {
            assert_eq!(assembly.push(&block(number, true, 6, &[1; 1024])), next(number + 1, 6));
        }
        assert_eq!(assembly.push(&block(64, false, 6, &[1])), Err(BlockError::TooLarge));
    }

    #[test]
    fn the_same_etag_on_every_block_is_fine() {
        let mut assembly = Block2Assembly::new();
        let (mut first, mut second) = (block(0, true, 0, &[1; 16]), block(1, false, 0, &[]));
        first.set_etag(&[7; 8]).unwrap();
        second.set_etag(&[7; 8]).unwrap();
        assert_eq!(assembly.push(&first), next(1, 0));
        assert_eq!(assembly.push(&second), complete(vec![1; 16]));
    }
}
