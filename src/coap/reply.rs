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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Reply, ReplyReaction};
    use crate::coap::{Code, Expiry, Message, Timing, Token};

    fn reply(now: Instant) -> Reply {
        let response = Message::separate_response(Code::CHANGED, 9, Token::from([1; 8]));
        Reply::start(now, &Timing::default(), 0.0, response)
    }

    #[test]
    fn an_acknowledgement_or_reset_with_its_id_ends_it() {
        let reply = reply(Instant::now());
        let table = [
            (Message::empty_acknowledgement(9), ReplyReaction::Acknowledged),
            (Message::empty_acknowledgement(8), ReplyReaction::NotMine),
            (Message::reset(9), ReplyReaction::Reset),
            (Message::reset(8), ReplyReaction::NotMine),
            (Message::request(Code::POST, 9, Token::from([1; 8])), ReplyReaction::NotMine),
        ];
        for (message, reaction) in table {
            assert_eq!(reply.handle(&message), reaction, "{message:?}");
        }
    }

    #[test]
    fn it_is_sent_five_times_and_given_up_after_62_seconds() {
        let now = Instant::now();
        let mut reply = reply(now);
        let datagram = reply.datagram().to_vec();
        for (retransmissions, seconds) in [(1, 2), (2, 6), (3, 14), (4, 30)] {
            let deadline = now + Duration::from_secs(seconds);
            assert_eq!(reply.deadline(), deadline);
            assert_eq!(reply.handle_timeout(deadline - Duration::from_millis(1)), Expiry::NotYet);
            assert_eq!(reply.handle_timeout(deadline), Expiry::Retransmit(&datagram));
            assert_eq!(reply.retransmissions(), retransmissions);
        }
        assert_eq!(reply.deadline(), now + Duration::from_secs(62));
        assert_eq!(reply.handle_timeout(reply.deadline()), Expiry::GaveUp);
        assert_eq!(reply.started(), now);
    }
}
