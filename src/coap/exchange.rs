//! `Exchange`: one confirmable request of ours, from its first transmission to the response.
//!
//! RFC 7252 sections 4.2, 5.2 and 5.3.2; spec sheets `transport.md`, section 1, and `bootstrap.md`, section 12. With
//! NSTART = 1 (section 4.7) there is one per peer. Which peer a message came from is the caller's to check.

use std::time::{Duration, Instant};

use super::message::{Message, MessageType, Token};
use super::timing::Timing;
use super::transmission::{Expiry, Transmission};

/// A request of ours that has been sent.
pub struct Exchange {
    transmission: Transmission,
    id: u16,
    token: Token,
    /// How long to wait for a separate response once the request is acknowledged.
    response_wait: Duration,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// The request is sent again until something answers it.
    AwaitingAcknowledgement,
    /// An empty ACK has come: the peer answers later, by itself.
    AwaitingResponse { deadline: Instant },
    /// The response, Reset or the end of waiting has come.
    Over,
}

/// What a message from the peer means to an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing: it belongs to something else, or repeats what is known. An ACK or Reset of this kind is dropped
    /// silently; a confirmable response that belongs to nothing at all is rejected with Reset.
    NotMine,
    /// The peer has the request and will respond later.
    Acknowledged,
    /// The message is the response, and the exchange is over.
    Response {
        /// The message id to acknowledge, if the response came separately and confirmable.
        acknowledge: Option<u16>,
    },
    /// The peer cannot process the request (it rebooted, or knows no such thing), and the exchange is over.
    Reset,
}

impl Exchange {
    /// Starts with a request, which is made confirmable. The caller sends [`Exchange::datagram`] now; `random` is a
    /// number from 0 to 1.
    pub fn start(now: Instant, timing: &Timing, random: f64, message: Message) -> Exchange {
        let (id, token, response_wait) = (message.id, message.token, timing.max_transmit_wait());
        let transmission = Transmission::start(now, timing, random, message);
        Exchange { transmission, id, token, response_wait, state: State::AwaitingAcknowledgement }
    }

    /// The encoded request.
    pub fn datagram(&self) -> &[u8] {
        self.transmission.datagram()
    }

    /// When the request was sent for the first time.
    pub fn started(&self) -> Instant {
        self.transmission.started()
    }

    /// How often the request has been sent again.
    pub fn retransmissions(&self) -> u32 {
        self.transmission.retransmissions()
    }

    /// When to call [`Exchange::handle_timeout`].
    pub fn deadline(&self) -> Instant {
        match self.state {
            State::AwaitingResponse { deadline } => deadline,
            State::AwaitingAcknowledgement | State::Over => self.transmission.deadline(),
        }
    }

    /// Takes a message of the peer, of any kind.
    pub fn handle(&mut self, now: Instant, message: &Message) -> Reaction {
        if self.state == State::Over {
            return Reaction::NotMine;
        }
        match message.message_type {
            MessageType::Acknowledgement | MessageType::Reset if message.id != self.id => Reaction::NotMine,
            MessageType::Acknowledgement if message.code.is_empty() => self.handle_empty_acknowledgement(now),
            MessageType::Reset => {
                self.state = State::Over;
                Reaction::Reset
            }
            _ => self.handle_response(message),
        }
    }

    /// The peer has shown that it could not take the request before now: all transmissions are still to come, and the
    /// caller sends the first of them at once. None where the request has been acknowledged after all.
    pub fn start_over(&mut self, now: Instant, timing: &Timing, random: f64) -> Option<&[u8]> {
        let is_open = self.state == State::AwaitingAcknowledgement;
        is_open.then(|| self.transmission.start_over(now, timing, random))
    }

    /// Takes the passing of time.
    pub fn handle_timeout(&mut self, now: Instant) -> Expiry<'_> {
        match self.state {
            State::Over => Expiry::GaveUp,
            State::AwaitingResponse { deadline } if now < deadline => Expiry::NotYet,
            State::AwaitingResponse { .. } => {
                self.state = State::Over;
                Expiry::GaveUp
            }
            State::AwaitingAcknowledgement => {
                let expiry = self.transmission.handle_timeout(now);
                if expiry == Expiry::GaveUp {
                    self.state = State::Over;
                }
                expiry
            }
        }
    }

    /// RFC 7252 section 5.2.2: the retransmission stops. The RFC sets no limit to the wait for the response; ours is
    /// as long as an unacknowledged request would have waited. A repeated ACK does not prolong it.
    fn handle_empty_acknowledgement(&mut self, now: Instant) -> Reaction {
        if self.state != State::AwaitingAcknowledgement {
            return Reaction::NotMine;
        }
        self.state = State::AwaitingResponse { deadline: now + self.response_wait };
        Reaction::Acknowledged
    }

    /// RFC 7252 section 5.3.2: a response matches by its token, a piggybacked one by the message id too. A separate
    /// response that overtakes the ACK stands for it (section 5.2.2).
    fn handle_response(&mut self, message: &Message) -> Reaction {
        if !message.is_response() || message.token != self.token {
            return Reaction::NotMine;
        }
        self.state = State::Over;
        let confirmable = message.message_type == MessageType::Confirmable;
        Reaction::Response { acknowledge: confirmable.then_some(message.id) }
    }
}

#[cfg(test)]
mod tests;
