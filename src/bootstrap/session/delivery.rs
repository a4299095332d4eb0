//! A session that is a Bootstrap-Pack: over when its last block has gone out, for no Finish follows.
//!
//! LwM2M Core 1.2 section 6.1.7.7; spec sheet `bootstrap.md`, section 11.

use std::time::Instant;

use super::{Session, State, Turn};
use crate::bootstrap::outcome::{Outcome, Step};
use crate::coap::{Code, Expiry, Message, Reply, ReplyReaction};
use crate::lwm2m::ContentFormat;

/// A pack on its way.
pub(super) struct Delivery {
    /// The separate response that its first block came in, until it is acknowledged.
    pub(super) reply: Option<Reply>,
    has_more: bool,
}

impl Session {
    /// The first block has been sent, in a separate response if there is one.
    pub(in crate::bootstrap) fn deliver(&mut self, reply: Option<Reply>, has_more: bool) -> Turn {
        self.pending.has_written = true;
        if reply.is_none() && !has_more {
            return self.delivered();
        }
        self.state = State::Delivering(Delivery { reply, has_more });
        Turn::Continue
    }

    /// All of the pack has gone out.
    fn delivered(&mut self) -> Turn {
        match &mut self.state {
            State::Delivering(delivery) if delivery.reply.is_some() => {
                delivery.has_more = false;
                return Turn::Continue;
            }
            State::Delivering(_) | State::Resolving => {}
            // A late request for a block of an earlier pack says nothing of what is under way now.
            _ => return Turn::Continue,
        }
        self.end(
            Outcome::ProbablyCompleted,
            "The pack was delivered. A client answers nothing to that; if it finds the pack inconsistent, it comes back \
             with a Bootstrap-Request.",
        )
    }

    /// Another block has gone out.
    pub(in crate::bootstrap) fn handle_block_request(&mut self, has_more: bool) -> Turn {
        if has_more { Turn::Continue } else { self.delivered() }
    }

    /// Adds the client's request for a pack to the trace.
    pub(in crate::bootstrap) fn record_pack(&mut self, now: Instant, bytes: usize, format: ContentFormat) {
        self.format = Some(format);
        self.knowledge.version = self.version;
        self.trace.push(Step {
            operation: "Bootstrap-Pack-Request".to_owned(),
            bytes,
            code: Some(Code::CONTENT.to_string()),
            duration: now - self.started,
            retransmissions: 0,
            note: None,
        });
    }

    /// A message while a pack is on its way: the acknowledgement of its first block, or nothing of ours.
    pub(super) fn handle_delivery_message(&mut self, message: &Message) -> Option<Turn> {
        let State::Delivering(delivery) = &mut self.state else { return None };
        match delivery.reply.as_ref()?.handle(message) {
            ReplyReaction::NotMine => None,
            ReplyReaction::Acknowledged => {
                delivery.reply = None;
                let has_more = delivery.has_more;
                Some(if has_more { Turn::Continue } else { self.delivered() })
            }
            ReplyReaction::Reset => Some(self.end(Outcome::Reset, "The client answered the pack with Reset.")),
        }
    }

    /// Time has passed while a pack is on its way; what is to be sent again, and what becomes of the session.
    pub(super) fn handle_delivery_timeout(&mut self, now: Instant, send: impl FnOnce(&[u8])) -> Turn {
        let State::Delivering(Delivery { reply: Some(reply), .. }) = &mut self.state else { return Turn::Continue };
        match reply.handle_timeout(now) {
            Expiry::NotYet => Turn::Continue,
            Expiry::Retransmit(bytes) => {
                send(bytes);
                Turn::Continue
            }
            Expiry::GaveUp => self.end(Outcome::TimedOut, "The client never acknowledged the first block of its pack."),
        }
    }
}
