//! `Client`: one simulated client from its Bootstrap-Request to the answer to Finish, without clock and socket.
//!
//! LwM2M Core 1.2 section 6.1.3.3; RFC 7252 sections 4 and 5; spec sheet `bootstrap.md`, sections 4, 5, 12 and 13. Inputs
//! are [`Client::start`], [`Client::handle_datagram`] and [`Client::handle_timeout`]; after each of them
//! [`Client::poll_output`] is asked until it is empty, and [`Client::poll_timeout`] says when to come again. What the
//! client asks stands in `requesting`, what it is asked in `serving`.

mod requesting;
mod serving;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zeroize::Zeroizing;

use super::behaviour::TooLong;
use super::configuration::ClientConfiguration;
use super::failure::Failure;
use super::model::DataModel;
use super::operations::Operation;
use super::provisioned::{Provisioned, Traffic};
use super::reception::Block1Reception;
use crate::coap::{Block2Assembly, Code, Deduplication, Exchange, Expiry, Message, MessageType, Token};
use crate::lwm2m::path::ObjectId;
use crate::lwm2m::{ContentFormat, ObjectInstance};
use serving::PendingAnswer;

/// Requests of the server that are remembered; a bootstrap has far fewer, unless it comes in many blocks.
const REMEMBERED_REQUESTS: usize = 256;

/// What the client wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this to the server.
    Datagram(Zeroizing<Vec<u8>>),
    /// The bootstrap is over. Duplicates of what the server sent are still answered.
    Finished(Result<Provisioned, Failure>),
}

/// One client and one bootstrap of it.
pub struct Client {
    configuration: ClientConfiguration,
    model: DataModel,
    state: State,
    deduplication: Deduplication,
    reception: Block1Reception,
    outputs: VecDeque<Output>,
    traffic: Traffic,
    content_format: Option<ContentFormat>,
    random: RandomValues,
    /// Message id of a separate response to a request of ours, whose acknowledgement may have been lost.
    acknowledged: Option<u16>,
}

/// Everything that is left to chance, drawn at once from the seed.
struct RandomValues {
    next_message_id: u16,
    /// Tokens count up from the one that was drawn.
    next_token: u64,
    jitter: f64,
}

/// In the order of the protocol.
enum State {
    Idle,
    /// The Bootstrap-Pack-Request is on its way, or one for a further block of the answer.
    FetchingPack {
        exchange: Box<Exchange>,
        assembly: Block2Assembly,
        started: Instant,
    },
    /// The Bootstrap-Request is on its way.
    Requesting {
        exchange: Box<Exchange>,
        started: Instant,
        /// Whether it carries `pct`.
        states_format: bool,
    },
    /// The server said 2.04 and is to send operations.
    Served {
        started: Instant,
        last: Option<Operation>,
        refusal: Option<PendingFailure>,
        /// An answer to Finish that does not go out at once.
        answer: Option<Box<PendingAnswer>>,
        /// An answer of ours of which further blocks are still to be fetched.
        half_fetched: Option<Operation>,
    },
    Finished,
}

/// How the bootstrap ends if the server does nothing more about the operation that was just refused.
struct PendingFailure {
    deadline: Instant,
    failure: Failure,
}

impl Client {
    /// A client that has done nothing yet. `seed` decides token, message ids and the first wait, unless the behaviour
    /// takes them from the clock.
    pub fn new(configuration: ClientConfiguration, seed: [u8; 32]) -> Client {
        let mut generator = StdRng::from_seed(seed);
        let drawn = generator.random();
        let mut random = RandomValues {
            next_message_id: configuration.first_message_id.unwrap_or(drawn),
            next_token: generator.random(),
            jitter: generator.random(),
        };
        if configuration.behaviour.messages.ids_from_clock {
            // Clients that start in the same second have the same ones (spec sheet `clients.md`, section 3, item 12).
            random.next_message_id = configuration.clock as u16;
            random.next_token = configuration.clock;
        }
        let lifetime = configuration.timing.exchange_lifetime();
        Client {
            model: DataModel::new(&configuration),
            state: State::Idle,
            deduplication: Deduplication::new(generator.random(), lifetime, REMEMBERED_REQUESTS),
            reception: Block1Reception::default(),
            outputs: VecDeque::new(),
            traffic: Traffic::default(),
            content_format: None,
            random,
            acknowledged: None,
            configuration,
        }
    }

    /// Sends the Bootstrap-Request, or the Bootstrap-Pack-Request before it. Does nothing in a client that has begun.
    pub fn start(&mut self, now: Instant) {
        match (&self.state, self.configuration.pack) {
            (State::Idle, Some(pack)) => {
                self.request_pack(now, now, pack, Block2Assembly::with_limit(LARGEST_PACK), None)
            }
            (State::Idle, None) => self.request_bootstrap(now, now, self.configuration.preferred_content_format),
            _ => {}
        }
    }

    /// Takes a datagram of the server.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.traffic.bytes_received += datagram.len() as u64;
        let too_long = self.configuration.behaviour.messages.longest.filter(|(longest, _)| datagram.len() > *longest);
        if let Some((_, TooLong::Dropped)) = too_long {
            return;
        }
        match Message::decode(datagram) {
            Err(error) => {
                if let Some(id) = error.reset_for() {
                    self.send(Message::reset(id).encode());
                }
            }
            Ok(message) if message.is_ping() => self.send(Message::reset(message.id).encode()),
            Ok(message) if message.is_request() && too_long.is_some() => {
                // Nothing was done, so a repetition may be answered anew.
                if message.message_type == MessageType::Confirmable {
                    let code = Code::REQUEST_ENTITY_TOO_LARGE;
                    self.send(Message::piggybacked_response(&message, code).encode());
                }
            }
            Ok(message) if message.is_request() => self.handle_request(now, datagram, &message),
            Ok(message) => self.handle_response(now, &message),
        }
    }

    /// Takes the passing of time.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Idle | State::Finished => {}
            State::FetchingPack { exchange, started, .. } | State::Requesting { exchange, started, .. } => {
                let waited = now.saturating_duration_since(*started);
                let transmissions = exchange.retransmissions() + 1;
                let expiry = match waited < self.configuration.limit {
                    true => exchange.handle_timeout(now),
                    false => Expiry::GaveUp,
                };
                match expiry {
                    Expiry::NotYet => {}
                    Expiry::GaveUp => self.finish(Err(Failure::Unanswered { transmissions, waited })),
                    Expiry::Retransmit(datagram) => {
                        let datagram = Zeroizing::new(datagram.to_vec());
                        self.traffic.retransmissions += 1;
                        self.send(datagram);
                    }
                }
            }
            State::Served { started, last, refusal, answer, .. } => {
                let waited = now.saturating_duration_since(*started);
                if answer.as_ref().is_some_and(|answer| now >= answer.deadline()) {
                    self.advance_pending_answer(now);
                } else if let Some(pending) = refusal.take_if(|pending| now >= pending.deadline) {
                    self.finish(Err(pending.failure));
                } else if waited >= self.configuration.limit {
                    let last = last.map_or_else(|| "accepting the request".to_owned(), |last| last.to_string());
                    self.finish(Err(Failure::TimedOut { last, waited }));
                }
            }
        }
    }

    /// When to call [`Client::handle_timeout`]; none where nothing is waited for.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle | State::Finished => None,
            State::FetchingPack { exchange, started, .. } | State::Requesting { exchange, started, .. } => {
                Some(exchange.deadline().min(*started + self.configuration.limit))
            }
            State::Served { started, refusal, answer, .. } => {
                let end = *started + self.configuration.limit;
                let end = answer.as_ref().map_or(end, |answer| answer.deadline().min(end));
                Some(refusal.as_ref().map_or(end, |pending| pending.deadline.min(end)))
            }
        }
    }

    /// The next thing to do; none when everything has been said.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Every object instance, its bootstrap account included, that it would still hold if its power failed now.
    ///
    /// Empty once the bootstrap has succeeded: [`Provisioned`] has them then.
    pub fn lasting(&self) -> impl Iterator<Item = (ObjectId, ObjectInstance)> {
        self.model.lasting()
    }

    /// What it has cost so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Ends the bootstrap for a reason that only the transport knows; the failure comes out of [`Client::poll_output`].
    pub fn handle_transport_failure(&mut self, failure: Failure) {
        if !matches!(self.state, State::Finished) {
            self.finish(Err(failure));
        }
    }

    fn provisioned(&mut self, duration: Duration, by_pack: bool) -> Provisioned {
        Provisioned {
            endpoint: self.configuration.endpoint.clone(),
            like: self.configuration.like,
            by_pack,
            lwm2m_version: self.model.version(),
            content_format: self.content_format,
            objects: self.model.take_objects(),
            traffic: self.traffic,
            duration,
        }
    }

    fn finish(&mut self, result: Result<Provisioned, Failure>) {
        self.state = State::Finished;
        // What is half put together is of no use any more, and there may be many of these clients.
        self.reception = Block1Reception::default();
        self.outputs.push_back(Output::Finished(result));
    }

    fn send(&mut self, datagram: Zeroizing<Vec<u8>>) {
        self.traffic.bytes_sent += datagram.len() as u64;
        self.outputs.push_back(Output::Datagram(datagram));
    }

    fn next_message_id(&mut self) -> u16 {
        let id = self.random.next_message_id;
        self.random.next_message_id = id.wrapping_add(1);
        id
    }

    fn next_token(&mut self) -> Token {
        let token = self.random.next_token;
        self.random.next_token = token.wrapping_add(1);
        Token::from(token.to_be_bytes())
    }
}

/// Longest Bootstrap-Pack that is fetched, in bytes: what the formats read at most.
const LARGEST_PACK: usize = crate::lwm2m::codec::MAX_PAYLOAD;

#[cfg(test)]
pub(super) mod tests;
