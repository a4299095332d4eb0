//! What the server keeps of one session besides the session itself: its message ids, its deadline, and the request that
//! still waits for its answer.
//!
//! RFC 7252 section 5.2.2; spec sheet `bootstrap.md`, section 12.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bootstrap::admission::Network;
use crate::bootstrap::boundary::Output;
use crate::bootstrap::conversation::{Conversation, MessageIds, Wire};
use crate::bootstrap::session::Session;
use crate::coap::{Message, Ticket, Timing};

/// If the store has not answered by then, the request is acknowledged by an empty message and answered later. It is
/// well below the client's first time-out of 2 s (RFC 7252 section 5.2.2).
pub(super) const PIGGYBACK_WAIT: Duration = Duration::from_secs(1);

/// A session and the message that it has yet to answer.
pub(super) struct Entry {
    pub(super) session: Session,
    pub(super) message_ids: MessageIds,
    /// Where its client is, for the share of that network.
    pub(super) network: Network,
    pub(super) unanswered: Option<Unanswered>,
    /// The earliest deadline of this session in the heap.
    pub(super) scheduled: Option<Instant>,
}

/// A Bootstrap-Request that waits for the store.
pub(super) struct Unanswered {
    pub(super) request: Message,
    pub(super) ticket: Ticket,
    pub(super) acknowledge_at: Instant,
    pub(super) acknowledged: bool,
    /// Whether credentials have been issued for it.
    pub(super) has_issued: bool,
}

impl Entry {
    /// The session, and the means by which it speaks.
    pub(super) fn speaking<'a>(
        &'a mut self,
        timing: &Timing,
        conversation: &'a mut Conversation,
        outputs: &'a mut VecDeque<Output>,
    ) -> (&'a mut Session, Wire<'a>) {
        let Entry { session, message_ids, .. } = self;
        let (endpoint, timing) = (session.endpoint, session.timing(timing));
        (session, Wire { endpoint, timing, conversation, message_ids, outputs })
    }

    /// When the session, or the request that waits, must be looked at again.
    pub(super) fn deadline(&self) -> Instant {
        let acknowledgement = self.unanswered.as_ref().filter(|it| !it.acknowledged).map(|it| it.acknowledge_at);
        acknowledgement.map_or(self.session.deadline(), |at| at.min(self.session.deadline()))
    }
}
