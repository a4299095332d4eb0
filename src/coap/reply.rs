//! `Reply`: a separate, confirmable response of ours that awaits its acknowledgement.
//!
//! RFC 7252 sections 4.2 and 5.2.2. Which peer a message came from is the caller's to check.

use std::time::Instant;

use super::message::{Message, MessageType};
use super::timing::Timing;
use super::transmission::{Expiry, Transmission};

/// A response of ours that has been sent.
pub struct Reply {
    transmission: Transmission,
    id: u16,
}

/// What a message from the peer means to a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyReaction {
    /// Nothing: it belongs to something else.
    NotMine,
    /// The peer has the response, and the reply is over.
    Acknowledged,
    /// The peer has forgotten its request, and the reply is over.
    Reset,
}

impl Reply {
    /// Starts with a response, which is made confirmable. The caller sends [`Reply::datagram`] now; `random` is a
    /// number from 0 to 1.
    pub fn start(now: Instant, timing: &Timing, random: f64, message: Message) -> Reply {
        Reply { id: message.id, transmission: Transmission::start(now, timing, random, message) }
    }

    /// The encoded response.
    pub fn datagram(&self) -> &[u8] {
        self.transmission.datagram()
    }

    /// When the response was sent for the first time.
    pub fn started(&self) -> Instant {
        self.transmission.started()
    }

    /// How often the response has been sent again.
    pub fn retransmissions(&self) -> u32 {
        self.transmission.retransmissions()
    }

    /// When to call [`Reply::handle_timeout`].
    pub fn deadline(&self) -> Instant {
        self.transmission.deadline()
    }

    /// Takes a message of the peer, of any kind.
    pub fn handle(&self, message: &Message) -> ReplyReaction {
        match message.message_type {
            _ if message.id != self.id => ReplyReaction::NotMine,
            // RFC 7252 section 4.2 lets an ACK to a response carry nothing, but only its message id matters here.
            MessageType::Acknowledgement => ReplyReaction::Acknowledged,
            MessageType::Reset => ReplyReaction::Reset,
            MessageType::Confirmable | MessageType::NonConfirmable => ReplyReaction::NotMine,
        }
    }

    /// Takes the passing of time.
    pub fn handle_timeout(&mut self, now: Instant) -> Expiry<'_> {
        self.transmission.handle_timeout(now)
    }
}
