//! `Client`: one simulated client from its Bootstrap-Request to the answer to Finish, without clock and socket.
//!
//! LwM2M Core 1.2 section 6.1.3.3; RFC 7252 sections 4 and 5; spec sheet `bootstrap.md`, sections 4, 5, 12 and 13. Inputs
//! are [`Client::start`], [`Client::handle_datagram`] and [`Client::handle_timeout`]; after each of them
//! [`Client::poll_output`] is asked until it is empty, and [`Client::poll_timeout`] says when to come again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use zeroize::Zeroizing;

use super::configuration::ClientConfiguration;
use super::failure::Failure;
use super::model::{DataModel, Refusal};
use super::operations::{self, Answer, Operation, classify, execute};
use super::provisioned::{Provisioned, Traffic};
use crate::coap::{
    Code, Deduplication, Exchange, Expiry, Message, MessageType, OptionRefused, Reaction, Ticket, Token, Verdict,
};
use crate::lwm2m::path::ObjectId;
use crate::lwm2m::{ContentFormat, ObjectInstance};

/// Requests of the server that are remembered; a bootstrap has far fewer.
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
    outputs: VecDeque<Output>,
    traffic: Traffic,
    content_format: Option<ContentFormat>,
    random: RandomValues,
    /// Message id of a separate response to the Bootstrap-Request, whose acknowledgement may have been lost.
    acknowledged: Option<u16>,
}

/// Everything that is left to chance, drawn at once from the seed.
struct RandomValues {
    next_message_id: u16,
    token: Token,
    jitter: f64,
}

/// In the order of the protocol.
enum State {
    Idle,
    /// The Bootstrap-Request is on its way.
    Requesting {
        exchange: Box<Exchange>,
        started: Instant,
    },
    /// The server said 2.04 and is to send operations.
    Served {
        started: Instant,
        last: Option<Operation>,
        refusal: Option<PendingFailure>,
    },
    Finished,
}

/// How the bootstrap ends if the server does nothing more about the operation that was just refused.
struct PendingFailure {
    deadline: Instant,
    failure: Failure,
}

impl Client {
    /// A client that has done nothing yet. `seed` decides token, message ids and the first wait.
    pub fn new(configuration: ClientConfiguration, seed: [u8; 32]) -> Client {
        let mut generator = StdRng::from_seed(seed);
        let drawn = generator.random();
        let random = RandomValues {
            next_message_id: configuration.first_message_id.unwrap_or(drawn),
            token: Token::from(generator.random::<[u8; 8]>()),
            jitter: generator.random(),
        };
        let lifetime = configuration.timing.exchange_lifetime();
        Client {
            model: DataModel::new(&configuration),
            state: State::Idle,
            deduplication: Deduplication::new(generator.random(), lifetime, REMEMBERED_REQUESTS),
            outputs: VecDeque::new(),
            traffic: Traffic::default(),
            content_format: None,
            random,
            acknowledged: None,
            configuration,
        }
    }

    /// Sends the Bootstrap-Request. Does nothing in a client that has begun.
    pub fn start(&mut self, now: Instant) {
        if !matches!(self.state, State::Idle) {
            return;
        }
        match self.bootstrap_request() {
            Ok(request) => {
                let exchange = Exchange::start(now, &self.configuration.timing, self.random.jitter, request);
                self.send(Zeroizing::new(exchange.datagram().to_vec()));
                self.state = State::Requesting { exchange: Box::new(exchange), started: now };
            }
            Err(_) => self.finish(Err(Failure::EndpointTooLong(self.configuration.endpoint.len()))),
        }
    }

    /// Takes a datagram of the server.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.traffic.bytes_received += datagram.len() as u64;
        match Message::decode(datagram) {
            Err(error) => {
                if let Some(id) = error.reset_for() {
                    self.send(Message::reset(id).encode());
                }
            }
            Ok(message) if message.is_ping() => self.send(Message::reset(message.id).encode()),
            Ok(message) if message.is_request() => self.handle_request(now, datagram, &message),
            Ok(message) => self.handle_response(now, &message),
        }
    }

    /// Takes the passing of time.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Idle | State::Finished => {}
            State::Requesting { exchange, started } => {
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
            State::Served { started, last, refusal } => {
                let waited = now.saturating_duration_since(*started);
                if let Some(pending) = refusal.take_if(|pending| now >= pending.deadline) {
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
            State::Requesting { exchange, started } => {
                Some(exchange.deadline().min(*started + self.configuration.limit))
            }
            State::Served { started, refusal, .. } => {
                let end = *started + self.configuration.limit;
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

    /// `POST /bs?ep={name}&pct={content-format}` (Core 1.2 section 6.1.7.1).
    fn bootstrap_request(&mut self) -> Result<Message, OptionRefused> {
        let mut request = Message::request(Code::POST, self.next_message_id(), self.random.token);
        request.add_uri_path("bs")?;
        if !self.configuration.endpoint.is_empty() {
            request.add_uri_query(&format!("ep={}", self.configuration.endpoint))?;
        }
        if let Some(number) = self.configuration.preferred_content_format {
            request.add_uri_query(&format!("pct={number}"))?;
        }
        Ok(request)
    }

    fn handle_response(&mut self, now: Instant, message: &Message) {
        let reaction = match &mut self.state {
            State::Requesting { exchange, .. } if message.unknown_critical_option(&[]).is_none() => {
                exchange.handle(now, message)
            }
            _ => Reaction::NotMine,
        };
        match reaction {
            Reaction::Acknowledged => {}
            Reaction::Reset => self.finish(Err(Failure::Reset)),
            Reaction::Response { acknowledge } => {
                self.acknowledged = acknowledge;
                if let Some(id) = acknowledge {
                    self.send(Message::empty_acknowledgement(id).encode());
                }
                self.handle_verdict(message);
            }
            Reaction::NotMine if message.message_type == MessageType::Confirmable => {
                // A repeated separate response means that our acknowledgement was lost; anything else is nothing that
                // we asked for (RFC 7252 section 5.3.2).
                let known = self.acknowledged == Some(message.id);
                let answer =
                    if known { Message::empty_acknowledgement(message.id) } else { Message::reset(message.id) };
                self.send(answer.encode());
            }
            Reaction::NotMine => {}
        }
    }

    /// The answer to the Bootstrap-Request. Only 2.04 lets a bootstrap begin (spec sheet `bootstrap.md`, section 4).
    fn handle_verdict(&mut self, response: &Message) {
        self.traffic.exchanges += 1;
        match &self.state {
            State::Requesting { started, .. } if response.code == Code::CHANGED => {
                self.state = State::Served { started: *started, last: None, refusal: None };
            }
            _ => {
                let diagnostic =
                    (!response.payload.is_empty()).then(|| String::from_utf8_lossy(&response.payload).into());
                self.finish(Err(Failure::Refused { code: response.code.to_string(), diagnostic }));
            }
        }
    }

    fn handle_request(&mut self, now: Instant, datagram: &[u8], request: &Message) {
        match &self.state {
            State::Idle if request.message_type == MessageType::Confirmable => {
                return self.send(Message::reset(request.id).encode());
            }
            // The 2.04 goes before the first operation. What overtakes it is not carried out, because a real client
            // may end its bootstrap over it; the server sends it again once it knows that the 2.04 has arrived.
            State::Idle | State::Requesting { .. } => return,
            State::Served { .. } | State::Finished => {}
        }
        match self.deduplication.check(now, &(), datagram) {
            Verdict::Duplicate { reply } => {
                let reply = reply.map(|reply| Zeroizing::new(reply.to_vec()));
                self.traffic.duplicates += 1;
                reply.into_iter().for_each(|reply| self.send(reply));
            }
            Verdict::New(ticket) => self.handle_new_request(now, ticket, request),
        }
    }

    fn handle_new_request(&mut self, now: Instant, ticket: Ticket, request: &Message) {
        if matches!(self.state, State::Finished) {
            // A command after Finish or after a failure is ignored (spec sheet `bootstrap.md`, section 5).
            return self.deduplication.forget(ticket);
        }
        let (operation, outcome) = match classify(request) {
            Ok(operation) => (operation, execute(&mut self.model, operation, request)),
            Err(refusal) => (Operation::Unknown, Err(refusal)),
        };
        let reply = self.response(request, &outcome).encode();
        self.deduplication.set_reply(ticket, &reply);
        self.send(reply);
        self.traffic.exchanges += 1;
        if let (Operation::Write(_), Ok(_)) = (operation, &outcome) {
            self.content_format = operations::stated_format(request);
        }
        self.proceed(now, operation, outcome);
    }

    /// Piggybacked on the acknowledgement of a confirmable request, by itself for a non-confirmable one.
    fn response(&mut self, request: &Message, outcome: &Result<Answer, Refusal>) -> Message {
        let code = outcome.as_ref().map_or_else(|refusal| refusal.code, |answer| answer.code);
        let response = match request.message_type {
            MessageType::Confirmable => Message::piggybacked_response(request, code),
            _ => Message::non_confirmable_response(code, self.next_message_id(), request.token),
        };
        match outcome {
            Err(refusal) => response.with_payload(refusal.reason.clone().into_bytes()),
            Ok(answer) => {
                let mut response = response.with_payload(answer.payload.clone());
                answer.content_format.into_iter().for_each(|format| response.set_content_format(format.number()));
                answer.block2.into_iter().for_each(|block| response.set_block2(block));
                response
            }
        }
    }

    /// What an answered operation means for the bootstrap as a whole.
    fn proceed(&mut self, now: Instant, operation: Operation, outcome: Result<Answer, Refusal>) {
        let State::Served { started, last, refusal } = &mut self.state else { return };
        let deadline = now + self.configuration.patience_after_refusal;
        *last = Some(operation);
        *refusal = match outcome {
            Ok(_) => None,
            Err(Refusal { code, reason }) => Some(PendingFailure {
                deadline,
                failure: match operation {
                    Operation::Finish if code == Code::NOT_ACCEPTABLE => Failure::Inconsistent { reason },
                    _ => Failure::Abandoned { operation: operation.to_string(), code: code.to_string(), reason },
                },
            }),
        };
        if operation == Operation::Finish && refusal.is_none() {
            let duration = now.saturating_duration_since(*started);
            let provisioned = self.provisioned(duration);
            self.finish(Ok(provisioned));
        }
    }

    fn provisioned(&mut self, duration: Duration) -> Provisioned {
        Provisioned {
            endpoint: self.configuration.endpoint.clone(),
            lwm2m_version: self.configuration.lwm2m_version,
            content_format: self.content_format,
            objects: self.model.take_objects(),
            traffic: self.traffic,
            duration,
        }
    }

    fn finish(&mut self, result: Result<Provisioned, Failure>) {
        self.state = State::Finished;
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
}

#[cfg(test)]
mod tests;
