//! Bootstrap-Writes that do not fit one message: in blocks where the client takes those, and in smaller writes where not.
//!
//! RFC 7959 section 2.5; spec sheets `transport.md`, section 2, and `clients.md`, section 1. What a client showed of its
//! limits is remembered, for the rest of the session and for the next one.

use std::time::Instant;

use super::execution::Execution;
use super::{Next, Session, State};
use crate::bootstrap::boundary::CoapEndpoint;
use crate::bootstrap::conversation::Wire;
use crate::bootstrap::dispatch::Dispatch;
use crate::bootstrap::outcome::Outcome;
use crate::coap::block1::{OVERHEAD, size_exponent_for};
use crate::coap::{Block1Reaction, Block1Transfer, BlockOption, Code, Message};

/// Bytes of the largest payload that goes in one datagram where nothing is known of the path (RFC 7252 section 4.6).
const LARGEST_DATAGRAM_PAYLOAD: usize = 1024;

/// The same for clients that have proven nothing and not answered yet.
const LARGEST_UNPROVEN_PAYLOAD: usize = 256;

/// Bytes of the smallest block, exponent 0 (RFC 7959 section 2.2).
const SMALLEST_BLOCK: usize = 16;

/// What becomes of the answer to a block.
pub(super) enum Blocks {
    /// The next message is on its way.
    Sent(Box<State>),
    /// The answer is to be judged as that to any other write.
    Judge(Box<Execution>),
}

impl Session {
    /// Bytes of the largest payload that this client gets in one message.
    pub(super) fn largest_payload(&self) -> usize {
        let path = match self.largest_message {
            Some(largest) => largest.saturating_sub(OVERHEAD).max(SMALLEST_BLOCK),
            None => LARGEST_DATAGRAM_PAYLOAD,
        };
        // Whoever may have lied about the address gets little until it answers: what is sent could be meant for somebody
        // else (RFC 7252 section 11.3).
        let path = match self.endpoint {
            CoapEndpoint::Address { .. } if !self.has_answered() => path.min(LARGEST_UNPROVEN_PAYLOAD),
            _ => path,
        };
        self.knowledge.largest_payload.map_or(path, |known| path.min(known as usize))
    }

    /// The exponent of the blocks in which this client is written to.
    pub(super) fn size_exponent(&self) -> u8 {
        let path = size_exponent_for(self.largest_payload() + OVERHEAD);
        self.knowledge.block_size.map_or(path, |size| path.min(exponent_of(size)))
    }

    /// Whether an answer to a write in one message means that smaller ones may do; remembers that.
    pub(super) fn takes_smaller(&mut self, message: &Message, payload_length: usize) -> bool {
        let is_too_large = message.code == Code::REQUEST_ENTITY_TOO_LARGE;
        if !is_too_large || self.knowledge.refuses_blocks || payload_length <= SMALLEST_BLOCK {
            return false;
        }
        // The option in a 4.13 names the size that would be taken (RFC 7959 section 2.9.3).
        let named = message.block1().ok().flatten().map(BlockOption::size).filter(|size| *size < payload_length);
        let half = ((payload_length / 2).next_power_of_two()).clamp(SMALLEST_BLOCK, LARGEST_DATAGRAM_PAYLOAD / 2);
        let size = named.unwrap_or(half);
        self.knowledge.largest_payload = Some(size as u32);
        if named.is_some() {
            self.knowledge.block_size = u16::try_from(size).ok();
        }
        true
    }

    pub(super) fn handle_block_answer(
        &mut self,
        now: Instant,
        message: &Message,
        mut execution: Execution,
        wire: &mut Wire<'_>,
    ) -> Result<Blocks, (Outcome, String)> {
        let Some(transfer) = &mut execution.transfer else { return Ok(Blocks::Judge(Box::new(execution))) };
        let goes_on = match transfer.handle_answer(message) {
            Ok(Block1Reaction::Next | Block1Reaction::Restart | Block1Reaction::RestartSmaller) => true,
            Ok(Block1Reaction::TooLarge) => transfer.shrink(),
            Ok(Block1Reaction::Complete(_)) => {
                let size = SMALLEST_BLOCK << transfer.size_exponent();
                self.trace.note(&format!("in blocks of {size} bytes"));
                if size < LARGEST_DATAGRAM_PAYLOAD {
                    self.knowledge.block_size = u16::try_from(size).ok();
                }
                return Ok(Blocks::Judge(Box::new(execution)));
            }
            Ok(Block1Reaction::Refused(_)) => false,
            Err(error) => {
                self.trace.note(&format!("the blocks do not fit together: {error}"));
                let operation = execution.current();
                if self.without_blocks(&mut execution) {
                    return self.perform(now, execution, wire).map(sent);
                }
                return Err((Outcome::WriteFailed, format!("The client lost its place in {operation}: {error}.")));
            }
        };
        if goes_on {
            return self.send_block(now, execution, wire).map(sent);
        }
        let is_about_format = message.code == Code::UNSUPPORTED_CONTENT_FORMAT;
        if !is_about_format && self.without_blocks(&mut execution) {
            return self.perform(now, execution, wire).map(sent);
        }
        // What cannot be smaller goes in one message, once: with these codes a client says that it takes no blocks (spec
        // sheet `transport.md`, section 2).
        let takes_no_blocks =
            matches!(message.code, Code::REQUEST_ENTITY_TOO_LARGE | Code::BAD_OPTION | Code::INTERNAL_SERVER_ERROR)
                && execution.transfer.as_ref().is_some_and(|transfer| transfer.taken() == 0);
        if takes_no_blocks {
            self.knowledge.refuses_blocks = true;
            self.trace.note("the client takes no blocks: written in one message");
            return self.perform(now, execution, wire).map(sent);
        }
        Ok(Blocks::Judge(Box::new(execution)))
    }

    fn send_block(&mut self, now: Instant, mut execution: Execution, wire: &mut Wire<'_>) -> Next {
        let (Some(transfer), Some(Dispatch::Write(request))) = (&execution.transfer, execution.queue.front()) else {
            return self.perform(now, execution, wire);
        };
        let exchange = wire.write_block(now, &request.target, self.format_of(request), transfer);
        execution.begun.get_or_insert((now, 0));
        Ok(State::Executing(exchange, execution))
    }

    /// The client takes no blocks: puts smaller writes in the place of the one under way. Says whether that was possible.
    pub(super) fn without_blocks(&mut self, execution: &mut Execution) -> bool {
        let Some(taken) = execution.transfer.as_ref().map(Block1Transfer::taken) else { return false };
        if !execution.split() {
            return false;
        }
        self.knowledge.refuses_blocks |= taken == 0;
        self.trace.note("the client takes no blocks: written in smaller parts");
        true
    }
}

fn sent(state: State) -> Blocks {
    Blocks::Sent(Box::new(state))
}

/// The exponent of a block size in bytes.
fn exponent_of(size: u16) -> u8 {
    let size = usize::from(size).clamp(SMALLEST_BLOCK, LARGEST_DATAGRAM_PAYLOAD);
    (size / SMALLEST_BLOCK).ilog2() as u8
}
