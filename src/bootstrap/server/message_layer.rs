//! The message layer that all sessions share: repeated messages are answered as before, responses find their session,
//! and what belongs to nothing is rejected.
//!
//! RFC 7252 sections 4.2, 4.5 and 5.2.2; spec sheets `transport.md`, section 1, and `bootstrap.md`, section 12. It knows
//! of a session only that it may have a use for a message.

use std::time::Instant;

use super::Server;
use crate::bootstrap::boundary::{CoapEndpoint, Origin, SessionId};
use crate::bootstrap::conversation;
use crate::bootstrap::routing;
use crate::bootstrap::session::Turn;
use crate::coap::{Code, Message, MessageType, Ticket, Verdict};

impl Server {
    /// A message that is no request: an answer or acknowledgement to the session of its endpoint, or to nobody.
    pub(super) fn handle_reply(&mut self, now: Instant, origin: Origin<'_>, message: &Message, bytes: &[u8]) {
        let ticket = match message.message_type {
            // A separate response is sent again where our acknowledgement was lost, and acknowledged again.
            MessageType::Confirmable => match self.first_sight(now, origin.endpoint, bytes) {
                Some(ticket) => Some(ticket),
                None => return,
            },
            _ => None,
        };
        let session = self.by_endpoint.get(&origin.endpoint).copied();
        match session.and_then(|id| Some((id, self.offer(now, id, message)?))) {
            Some((id, turn)) => {
                if let Some(ticket) = ticket {
                    self.deduplication.set_reply(ticket, &Message::empty_acknowledgement(message.id).encode());
                }
                self.settle(now, id, turn);
            }
            None => {
                self.statistics.unmatched += 1;
                // A confirmable response that nobody waits for is rejected, and again each time that it is sent again
                // (RFC 7252 section 4.2).
                if let Some(ticket) = ticket {
                    let reset = Message::reset(message.id).encode();
                    self.deduplication.set_reply(ticket, &reset);
                    conversation::send(&mut self.outputs, origin.endpoint, &reset);
                }
            }
        }
    }

    /// Shows a message to the session of its endpoint, which may have no use for it.
    fn offer(&mut self, now: Instant, id: SessionId, message: &Message) -> Option<Turn> {
        if message.is_response() && message.unknown_critical_option(&routing::UNDERSTOOD_IN_RESPONSES).is_some() {
            return None;
        }
        let entry = self.sessions.get_mut(&id)?;
        let endpoint = entry.session.endpoint;
        let timing = &self.listeners[endpoint.listener()].timing;
        let (session, mut wire) = entry.speaking(timing, &mut self.conversation, &mut self.outputs);
        session.handle_message(now, message, &mut wire)
    }

    /// The ticket of a confirmable message that is new; a repeated one is answered as before.
    pub(super) fn first_sight(&mut self, now: Instant, from: CoapEndpoint, bytes: &[u8]) -> Option<Ticket> {
        match self.deduplication.check(now, &from, bytes) {
            Verdict::New(ticket) => Some(ticket),
            Verdict::Duplicate { reply } => {
                self.statistics.duplicates += 1;
                match reply {
                    Some(reply) => conversation::send(&mut self.outputs, from, reply),
                    None => self.admission.heard_again(now, from),
                }
                None
            }
        }
    }

    /// A client that repeats its request has not got the 2.04, which has just been repeated to it.
    pub(super) fn handle_repeated_request(&mut self, now: Instant, from: CoapEndpoint) {
        let Some(id) = self.by_endpoint.get(&from).copied() else { return };
        let Some(entry) = self.sessions.get_mut(&id) else { return };
        let timing = &self.listeners[from.listener()].timing;
        let (session, mut wire) = entry.speaking(timing, &mut self.conversation, &mut self.outputs);
        session.handle_repeated_request(now, &mut wire);
        self.settle(now, id, Turn::Continue);
    }

    /// Answers a request that starts no session, or that is refused.
    pub(super) fn answer(
        &mut self,
        to: CoapEndpoint,
        request: &Message,
        ticket: Ticket,
        code: Code,
        explanation: &str,
    ) {
        let response = match request.message_type {
            MessageType::Confirmable => Message::piggybacked_response(request, code),
            _ => Message::non_confirmable_response(code, self.conversation.message_ids().next(), request.token),
        };
        let bytes = response.with_payload(explanation.as_bytes().to_vec()).encode();
        self.deduplication.set_reply(ticket, &bytes);
        conversation::send(&mut self.outputs, to, &bytes);
    }

    /// Sends a message that expects nothing.
    pub(super) fn send(&mut self, to: CoapEndpoint, message: &Message) {
        conversation::send(&mut self.outputs, to, &message.encode());
    }
}
