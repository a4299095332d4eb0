//! One confirmable message on its way: sent again with growing waits until it is acknowledged or given up.
//!
//! RFC 7252 section 4.2. The common core of [`super::exchange`] and [`super::reply`].

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::message::{Message, MessageType};
use super::timing::Timing;

/// What a deadline asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Expiry<'a> {
    /// The deadline has not come.
    NotYet,
    /// Send this datagram again.
    Retransmit(&'a [u8]),
    /// There was no answer; it is over.
    GaveUp,
}

/// A confirmable message that awaits its acknowledgement.
pub(super) struct Transmission {
    /// Kept for sending again; wiped on drop, because the payload may carry keys.
    datagram: Zeroizing<Vec<u8>>,
    started: Instant,
    deadline: Instant,
    /// The wait that ends at the deadline.
    timeout: Duration,
    retransmissions: u32,
    max_retransmit: u32,
}

impl Transmission {
    /// Makes the message confirmable and encodes it. The caller sends it for the first time.
    pub(super) fn start(now: Instant, timing: &Timing, random: f64, mut message: Message) -> Transmission {
        message.message_type = MessageType::Confirmable;
        let timeout = timing.first_timeout(random);
        Transmission {
            datagram: message.encode(),
            started: now,
            deadline: now + timeout,
            timeout,
            retransmissions: 0,
            max_retransmit: timing.max_retransmit,
        }
    }

    pub(super) fn datagram(&self) -> &[u8] {
        &self.datagram
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn retransmissions(&self) -> u32 {
        self.retransmissions
    }

    /// Starts the waits over, for a message that its receiver could not take before.
    pub(super) fn start_over(&mut self, now: Instant, timing: &Timing, random: f64) -> &[u8] {
        self.timeout = timing.first_timeout(random);
        self.deadline = now + self.timeout;
        self.retransmissions += 1;
        self.max_retransmit = self.retransmissions.saturating_add(timing.max_retransmit);
        &self.datagram
    }

    /// Each wait is twice as long as the one before; after MAX_RETRANSMIT repetitions the last wait ends it.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Expiry<'_> {
        if now < self.deadline {
            return Expiry::NotYet;
        }
        if self.retransmissions >= self.max_retransmit {
            return Expiry::GaveUp;
        }
        self.retransmissions += 1;
        self.timeout = self.timeout.saturating_mul(2);
        self.deadline = now.checked_add(self.timeout).unwrap_or(self.deadline);
        Expiry::Retransmit(&self.datagram)
    }
}
