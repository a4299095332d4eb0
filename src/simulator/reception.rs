//! `Block1Reception`: puts the body of a Bootstrap-Write together that the server sends in blocks.
//!
//! RFC 7959 sections 2.3, 2.5, 2.7 and 2.9; RFC 9175 section 3; spec sheet `transport.md`, section 2. It knows no
//! operation: it is given requests, and says either how to go on or that the body is whole. What it holds is bounded by
//! [`Blocks::contexts`] bodies of [`Blocks::longest_body`] bytes.

use std::time::Instant;

use zeroize::Zeroizing;

use super::behaviour::{Blocks, Oversized};
use super::model::Refusal;
use crate::coap::options::number as option;
use crate::coap::{BlockOption, Code, Message};
use crate::lwm2m::{ContentFormat, Path};

/// The bodies that are being put together.
#[derive(Default)]
pub(super) struct Block1Reception {
    contexts: Vec<Context>,
}

/// One body.
struct Context {
    path: Path,
    request_tag: Option<Vec<u8>>,
    content_format: Option<u16>,
    body: Zeroizing<Vec<u8>>,
    blocks: u32,
    first_exponent: u8,
    expires: Instant,
}

/// What one request with Block1, or without, has come to.
#[derive(Debug, PartialEq)]
pub(super) enum Received {
    /// The payload is all of the body.
    Payload,
    /// The body is whole, and this is it. The answer carries the Block1 option.
    Body(Zeroizing<Vec<u8>>, BlockOption),
    /// Answer 2.31 with this Block1 option.
    Continue(BlockOption),
}

impl Block1Reception {
    /// Takes a Bootstrap-Write of `path`.
    ///
    /// # Errors
    ///
    /// The refusal, and the Block1 option with which it is answered, if any.
    pub(super) fn take(
        &mut self,
        now: Instant,
        blocks: &Blocks,
        path: Path,
        request: &Message,
    ) -> Result<Received, (Refusal, Option<BlockOption>)> {
        self.contexts.retain(|context| now < context.expires);
        let block = request.block1().map_err(|_| refuse(Code::BAD_REQUEST, "Block1 is reserved"))?;
        let Some(block) = block else {
            let fits = blocks.takes_long_payloads || request.payload.len() <= 16 << blocks.largest;
            return if fits { Ok(Received::Payload) } else { Err(too_large(blocks, 0)) };
        };
        if let Some(code) = blocks.refused {
            return Err(refuse(code, "this client takes no blocks"));
        }
        let is_json = request.content_format() == Some(ContentFormat::SenmlJson.number());
        if let Some(code) = blocks.senml_json_refused.filter(|_| is_json) {
            return Err(refuse(code, "this client takes no SenML JSON in blocks"));
        }
        let tag = request.options.first(option::REQUEST_TAG).map(<[u8]>::to_vec);
        let known = self.contexts.iter().position(|context| context.path == path && context.request_tag == tag);
        let mut context = match (block.number(), known) {
            (0, known) => {
                known.into_iter().for_each(|known| drop(self.contexts.remove(known)));
                Context::new(now, blocks, path, tag, block, request)
            }
            (_, Some(known)) => self.contexts.remove(known),
            (_, None) => return Err(refuse(Code::REQUEST_ENTITY_INCOMPLETE, "the blocks before this one are missing")),
        };
        context.take(now, blocks, block, request)?;
        if !block.more() {
            return Ok(Received::Body(context.body, block));
        }
        let exponent = context.wanted_exponent(blocks, block);
        if self.contexts.len() >= blocks.contexts.max(1) {
            self.contexts.remove(0);
        }
        self.contexts.push(context);
        let next = BlockOption::new(block.number(), true, exponent);
        next.map(Received::Continue).map_err(|_| refuse(Code::BAD_REQUEST, "Block1 is reserved"))
    }
}

impl Context {
    fn new(
        now: Instant,
        blocks: &Blocks,
        path: Path,
        request_tag: Option<Vec<u8>>,
        block: BlockOption,
        request: &Message,
    ) -> Context {
        // As much as the server says, if that is allowed at all: a vector that grew would leave parts of keys behind.
        let announced = request.size1().map_or(0, |size| size as usize).min(blocks.longest_body);
        Context {
            path,
            request_tag,
            content_format: request.content_format(),
            body: Zeroizing::new(Vec::with_capacity(announced)),
            blocks: 0,
            first_exponent: block.size_exponent(),
            expires: now + blocks.idle,
        }
    }

    /// Appends a block, or says what is wrong with it; then the body is lost.
    fn take(
        &mut self,
        now: Instant,
        blocks: &Blocks,
        block: BlockOption,
        request: &Message,
    ) -> Result<(), (Refusal, Option<BlockOption>)> {
        let length = request.payload.len();
        let is_oversized = block.size_exponent() > blocks.largest;
        if is_oversized && !matches!(blocks.oversized, Oversized::Negotiated(patience) if self.blocks < patience) {
            return Err(too_large(blocks, block.number()));
        }
        let other_size = blocks.keeps_size && block.size_exponent() != self.first_exponent;
        let gap = block.offset() != self.body.len();
        if gap || other_size || request.content_format() != self.content_format {
            return Err(refuse(Code::REQUEST_ENTITY_INCOMPLETE, "this block does not continue those before it"));
        }
        if length > block.size() {
            return Err(refuse(Code::BAD_REQUEST, "a block is longer than it says"));
        }
        if block.more() && length < block.size() {
            return Err(refuse(blocks.partial, "a block that is not the last one is not full"));
        }
        if self.body.len() + length > blocks.longest_body {
            return Err(refuse(Code::REQUEST_ENTITY_TOO_LARGE, "the body is too long"));
        }
        self.append(&request.payload);
        self.blocks += 1;
        self.expires = now + blocks.idle;
        Ok(())
    }

    /// Without leaving an unwiped copy behind, as a vector that grows by itself would.
    fn append(&mut self, payload: &[u8]) {
        let length = self.body.len() + payload.len();
        if length > self.body.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(length.next_power_of_two()));
            larger.extend_from_slice(&self.body);
            self.body = larger;
        }
        self.body.extend_from_slice(payload);
    }

    /// The size in which the server is to go on: its own, or the largest one once patience has run out.
    fn wanted_exponent(&self, blocks: &Blocks, block: BlockOption) -> u8 {
        match blocks.oversized {
            Oversized::Negotiated(patience) if self.blocks < patience => block.size_exponent(),
            _ => block.size_exponent().min(blocks.largest),
        }
    }
}

fn refuse(code: Code, reason: &str) -> (Refusal, Option<BlockOption>) {
    (Refusal::new(code, reason), None)
}

/// 4.13, with the client's own size as a hint or without (RFC 7959 section 2.9.3).
fn too_large(blocks: &Blocks, number: u32) -> (Refusal, Option<BlockOption>) {
    let hint = BlockOption::new(number, true, blocks.largest).ok();
    let hint = hint.filter(|_| blocks.oversized != Oversized::RefusedWithoutSize);
    (Refusal::new(Code::REQUEST_ENTITY_TOO_LARGE, "blocks of this size are too large"), hint)
}
