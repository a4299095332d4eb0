//! Where Bootstrap-Requests come in: which begin a session at once, which wait for their turn, and which meet silence.
//!
//! Spec sheets `bootstrap.md`, section 4, and `clients.md`, section 3. Nobody is refused here, whatever the load: silence
//! makes clients come again, and some do not after any answer but 2.04.

use std::time::Instant;

use super::Server;
use crate::bootstrap::admission::{Network, WaitingRequest};
use crate::bootstrap::boundary::{Limits, Origin};
use crate::bootstrap::looping::{LoopingClient, Suspect};
use crate::bootstrap::outcome::Looping;
use crate::bootstrap::request::BootstrapRequest;
use crate::bootstrap::session::Session;
use crate::coap::{Message, Ticket};

impl Server {
    /// Takes new limits. What runs and waits beyond them is left to end; how many requests are remembered stays as it is.
    pub fn set_limits(&mut self, now: Instant, limits: &Limits) {
        self.admission.set_limits(limits);
        self.loops.set_limits(limits);
        self.admit_waiting(now);
    }

    /// Bootstrap-Requests that wait for their turn.
    pub fn waiting(&self) -> usize {
        self.admission.waiting()
    }

    /// The clients that bootstrap in a loop and are slowed down, in no order.
    pub fn looping_clients(&self, now: Instant) -> impl Iterator<Item = LoopingClient> {
        self.loops.clients(now)
    }

    /// Whether a Bootstrap-Request begins a session now. Where not, it waits for its turn, or is as if it had not come.
    pub(super) fn admits(
        &mut self,
        now: Instant,
        origin: Origin<'_>,
        message: &Message,
        bytes: &[u8],
        ticket: Ticket,
    ) -> bool {
        if self.draining {
            self.statistics.ignored_requests += 1;
            self.deduplication.forget(ticket);
            return false;
        }
        if self.is_slowed_down(now, origin, message) {
            self.deduplication.forget(ticket);
            return false;
        }
        if self.has_room(origin) {
            return true;
        }
        self.admission.enqueue(now, WaitingRequest::new(now, origin, bytes, ticket));
        self.forget_departed();
        false
    }

    /// Whether a Bootstrap-Pack-Request is served now. It does not wait: refused, its client comes with a
    /// Bootstrap-Request, which does.
    pub(super) fn admits_pack(&mut self, now: Instant, origin: Origin<'_>, message: &Message) -> bool {
        let is_served = !self.draining && !self.is_slowed_down(now, origin, message) && self.has_room(origin);
        self.statistics.ignored_requests += u64::from(!is_served);
        is_served
    }

    /// Whether the client bootstraps in a loop and is to meet silence now; counts it if so.
    fn is_slowed_down(&mut self, now: Instant, origin: Origin<'_>, message: &Message) -> bool {
        let claimed = BootstrapRequest::claim(message).endpoint_name;
        let suspect = self.loops.suspect(origin.peer, origin.route.remote.ip(), claimed.as_deref());
        let is_silenced = suspect.is_some_and(|suspect| self.loops.is_silenced(now, suspect));
        self.statistics.slowed_down += u64::from(is_silenced);
        is_silenced
    }

    /// Whether this client can be served at once; one that has a session takes its own place.
    fn has_room(&self, origin: Origin<'_>) -> bool {
        self.has_session(origin.endpoint) || self.admission.has_room(Network::of(origin.route.remote.ip()))
    }

    /// Begins the sessions for which there is room now. Called after everything that may have ended one.
    pub(super) fn admit_waiting(&mut self, now: Instant) {
        if self.draining || self.admission.waiting() == 0 {
            return self.forget_departed();
        }
        while let Some(request) = self.admission.next(now) {
            let WaitingRequest { endpoint, route, moved_to, ref peer, largest_message, ref datagram, ticket, .. } =
                request;
            // It was a message when it came.
            let Ok(message) = Message::decode(datagram) else { continue };
            self.begin_session(now, Origin { endpoint, route, peer, largest_message }, message, ticket);
            if let Some(route) = moved_to {
                self.handle_moved(endpoint, route);
            }
        }
        self.forget_departed();
    }

    /// Requests that have lost their place are heard as new ones when they come again.
    fn forget_departed(&mut self) {
        for ticket in self.admission.take_departed() {
            self.deduplication.forget(ticket);
        }
    }

    /// Counts a session that is over, if its client was authorised.
    pub(super) fn watch_for_loop(&mut self, now: Instant, session: &Session) -> Option<Looping> {
        let (device, suspect) = (session.device()?, self.suspect(session)?);
        self.loops.ended(now, suspect, device, session.route.remote.ip())
    }

    fn suspect(&self, session: &Session) -> Option<Suspect> {
        self.loops.suspect(&session.peer, session.route.remote.ip(), session.request.endpoint_name.as_deref())
    }
}
