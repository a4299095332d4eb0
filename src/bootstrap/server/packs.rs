//! Bootstrap-Pack-Requests: the answer in one message or in blocks, and what is remembered of those that went out.
//!
//! LwM2M Core 1.2 sections 6.1.6 and 6.1.7.7, RFC 7959 section 2.4; spec sheets `bootstrap.md`, section 11, and
//! `clients.md`, section 3: a client that meets silence here never sends a Bootstrap-Request, so that there is always an
//! answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Server;
use super::entry::Unanswered;
use crate::bootstrap::boundary::{CoapEndpoint, Origin, SessionId};
use crate::bootstrap::conversation;
use crate::bootstrap::pack::{self, NoPack};
use crate::coap::{Code, Message, Reply, Snapshot, Ticket, size_exponent_for};
use crate::provision::{ClientKnowledge, Provision};

/// How long a pack that went out is remembered: a client that finds it inconsistent comes back at once.
const REMEMBERED: Duration = Duration::from_secs(247);

/// Packs that are remembered at one time.
const REMEMBERED_AT_MOST: usize = 10_000;

/// The largest block of a pack, 1024 bytes.
const LARGEST_EXPONENT: u8 = 6;

/// The same for clients that may have lied about their address, 256 bytes: their requests could be meant to send more to
/// somebody else than they cost (RFC 7252 section 11.3).
const LARGEST_UNPROVEN_EXPONENT: u8 = 4;

/// The devices that were given a pack lately.
#[derive(Default)]
pub(super) struct DeliveredPacks(HashMap<String, Instant>);

impl DeliveredPacks {
    fn note(&mut self, now: Instant, device: &str) {
        if self.0.len() >= REMEMBERED_AT_MOST {
            self.0.retain(|_, at| now < *at + REMEMBERED);
        }
        if self.0.len() < REMEMBERED_AT_MOST {
            self.0.insert(device.to_owned(), now);
        }
    }

    /// Whether the device was given a pack and yet comes with a Bootstrap-Request.
    pub(super) fn has_failed(&mut self, now: Instant, device: &str) -> bool {
        self.0.remove(device).is_some_and(|at| now < at + REMEMBERED)
    }
}

impl Server {
    /// A client that is granted its provision asked for a pack: this is it, or the word to use a Bootstrap-Request. Says
    /// whether it is served now.
    pub(super) fn answer_with_pack(
        &mut self,
        now: Instant,
        id: SessionId,
        unanswered: Unanswered,
        mut provision: Provision,
        knowledge: ClientKnowledge,
    ) -> bool {
        let Some(entry) = self.sessions.get_mut(&id) else { return false };
        let Some(wanted) = entry.session.request.pack.clone() else { return false };
        let endpoint = entry.session.endpoint;
        let exponent = largest_exponent(endpoint, entry.session.largest_message);
        entry.session.adapt(&mut provision, knowledge);
        let payload = match pack::pack(&provision, &wanted, entry.session.version()) {
            Ok(payload) => payload,
            Err(NoPack { code, reason }) => {
                self.redirect(endpoint, id, &unanswered, code, reason);
                return false;
            }
        };
        // What was under way with this client is over, and takes its own pack with it, before there is a new one.
        entry.session.accept(now, &provision);
        self.take_over(now, id, &provision.endpoint);
        let Some(entry) = self.sessions.get_mut(&id) else { return false };
        let mut response = match unanswered.acknowledged {
            true => Message::separate_response(Code::CONTENT, entry.message_ids.next(), unanswered.request.token),
            false => Message::piggybacked_response(&unanswered.request, Code::CONTENT),
        };
        let length = payload.len();
        let snapshot = Snapshot::new(payload, self.conversation.etag(), wanted.format.number());
        let begun = self.snapshots.begin(now, endpoint, &unanswered.request, exponent, snapshot, &mut response);
        if let Err(code) = begun {
            self.redirect(endpoint, id, &unanswered, code, "");
            return false;
        }
        // It carries keys: nobody on the way may keep it.
        response.set_max_age(0);
        let Some(entry) = self.sessions.get_mut(&id) else { return false };
        entry.session.record_pack(now, length, wanted.format);
        self.delivered.note(now, &provision.endpoint);
        let has_more = follows(&response);
        let turn = if unanswered.acknowledged {
            let timing = entry.session.timing(&self.listeners[endpoint.listener()].timing);
            let reply = Reply::start(now, &timing, self.conversation.fraction(), response);
            conversation::send(&mut self.outputs, endpoint, reply.datagram());
            entry.session.deliver(Some(reply), has_more)
        } else {
            let bytes = response.encode();
            conversation::send(&mut self.outputs, endpoint, &bytes);
            self.deduplication.set_reply(unanswered.ticket, &bytes);
            entry.session.deliver(None, has_more)
        };
        self.settle(now, id, turn);
        true
    }

    /// A later block of a pack is asked for.
    pub(super) fn answer_with_block(&mut self, now: Instant, origin: Origin<'_>, request: &Message, ticket: Ticket) {
        let endpoint = origin.endpoint;
        let exponent = largest_exponent(endpoint, origin.largest_message);
        let mut response = Message::piggybacked_response(request, Code::CONTENT);
        match self.snapshots.answer(now, endpoint, request, exponent, &mut response) {
            Ok(()) => {
                response.set_max_age(0);
                // Whoever repeats the request is answered anew: the block is kept already, once.
                self.deduplication.forget(ticket);
                conversation::send(&mut self.outputs, endpoint, &response.encode());
                if let Some(id) = self.by_endpoint.get(&endpoint).copied()
                    && let Some(entry) = self.sessions.get_mut(&id)
                {
                    let turn = entry.session.handle_block_request(follows(&response));
                    self.settle(now, id, turn);
                }
            }
            Err(code) => self.answer(endpoint, request, ticket, code, "ask for the pack from its beginning"),
        }
    }

    /// Answers without a session: the client goes on with a Bootstrap-Request.
    pub(super) fn redirect(
        &mut self,
        to: CoapEndpoint,
        id: SessionId,
        unanswered: &Unanswered,
        code: Code,
        reason: &str,
    ) {
        self.remove(id);
        self.statistics.redirected_packs += 1;
        if unanswered.acknowledged {
            // Sent once: the client asks again if it is lost.
            let message_id = self.conversation.message_ids().next();
            let response = Message::non_confirmable_response(code, message_id, unanswered.request.token);
            self.send(to, &response);
        } else {
            self.answer(to, &unanswered.request, unanswered.ticket, code, reason);
        }
    }

    /// Ends a pack that is being fetched, as far as this endpoint has one.
    pub(super) fn forget_pack(&mut self, endpoint: CoapEndpoint) {
        self.snapshots.forget(endpoint);
    }
}

/// The largest block for a client that takes messages of so many bytes, where it says so.
fn largest_exponent(endpoint: CoapEndpoint, largest_message: Option<usize>) -> u8 {
    let bound = match endpoint {
        CoapEndpoint::Address { .. } => LARGEST_UNPROVEN_EXPONENT,
        CoapEndpoint::Association { .. } => LARGEST_EXPONENT,
    };
    largest_message.map_or(bound, |largest| bound.min(size_exponent_for(largest)))
}

/// Whether a response is one of several blocks, and not the last.
fn follows(response: &Message) -> bool {
    response.block2().ok().flatten().is_some_and(crate::coap::BlockOption::more)
}
