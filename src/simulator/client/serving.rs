//! What the client is asked: each operation of the server is carried out once and answered, at once or later.
//!
//! RFC 7252 sections 4.5 and 5.2; spec sheet `bootstrap.md`, sections 5, 10 and 12.

use std::time::Instant;

use zeroize::Zeroizing;

use super::{Client, PendingFailure, State};
use crate::coap::{Code, Expiry, Message, MessageType, Reply, ReplyReaction, Ticket, Verdict};
use crate::simulator::behaviour::FinishAnswer;
use crate::simulator::consistency;
use crate::simulator::failure::Failure;
use crate::simulator::model::Refusal;
use crate::simulator::operations::{self, Answer, Operation, classify, execute};
use crate::simulator::reception::Received;

/// An answer to Finish that has been decided and does not go out at once.
pub(super) struct PendingAnswer {
    outcome: Result<Answer, Refusal>,
    phase: Phase,
}

enum Phase {
    /// The acknowledgement, with the answer in it, goes out then.
    Late { due: Instant, answer: Message, ticket: Ticket },
    /// The empty acknowledgement has gone out; the answer follows then.
    Announced { due: Instant, answer: Message },
    /// The answer has gone out by itself and awaits its acknowledgement.
    Sent(Reply),
}

impl PendingAnswer {
    pub(super) fn deadline(&self) -> Instant {
        match &self.phase {
            Phase::Late { due, .. } | Phase::Announced { due, .. } => *due,
            Phase::Sent(reply) => reply.deadline(),
        }
    }
}

impl Client {
    pub(super) fn handle_request(&mut self, now: Instant, datagram: &[u8], request: &Message) {
        let messages = self.configuration.behaviour.messages;
        let confirmable = request.message_type == MessageType::Confirmable;
        if messages.confirmable_only && !confirmable {
            return;
        }
        match &self.state {
            State::Idle if confirmable => return self.send(Message::reset(request.id).encode()),
            State::Requesting { .. } if messages.ends_when_overtaken => {
                let operation = classify(request).unwrap_or(Operation::Unknown).to_string();
                return self.finish(Err(Failure::Overtaken { operation }));
            }
            // The 2.04 goes before the first operation. What overtakes it is not carried out, because a real client
            // may end its bootstrap over it; the server sends it again once it knows that the 2.04 has arrived.
            State::Idle | State::FetchingPack { .. } | State::Requesting { .. } => return,
            State::Served { .. } | State::Finished => {}
        }
        match self.deduplication.check(now, &(), datagram) {
            Verdict::Duplicate { reply } => {
                let silent = matches!(self.state, State::Finished)
                    && !self.configuration.behaviour.finish.answers_repetition
                    && classify(request) == Ok(Operation::Finish);
                let reply = reply.filter(|_| !silent).map(|reply| Zeroizing::new(reply.to_vec()));
                self.traffic.duplicates += 1;
                reply.into_iter().for_each(|reply| self.send(reply));
            }
            Verdict::New(ticket) => self.handle_new_request(now, ticket, request),
        }
    }

    fn handle_new_request(&mut self, now: Instant, ticket: Ticket, request: &Message) {
        if !matches!(self.state, State::Served { answer: None, .. }) {
            // A command after Finish or after a failure is ignored (spec sheet `bootstrap.md`, section 5), and so is one
            // that does not wait for the answer to Finish.
            return self.deduplication.forget(ticket);
        }
        let (operation, outcome, response) = match classify(request) {
            Err(refusal) => {
                let response = self.response(request, &Err(refusal.clone()));
                (Operation::Unknown, Err(refusal), response)
            }
            Ok(operation) => {
                let (outcome, response) = self.carry_out(now, operation, request);
                (operation, outcome, response)
            }
        };
        self.traffic.exchanges += 1;
        if let (Operation::Write(_), Ok(Answer { code: Code::CHANGED, .. })) = (operation, &outcome) {
            self.content_format = operations::stated_format(request);
        }
        let how = self.configuration.behaviour.finish.answer;
        let confirmable = request.message_type == MessageType::Confirmable;
        if operation == Operation::Finish && confirmable && how != FinishAnswer::AtOnce {
            return self.delay(now, how, ticket, request, outcome, response);
        }
        let reply = response.encode();
        self.deduplication.set_reply(ticket, &reply);
        self.send(reply);
        self.proceed(now, operation, outcome);
    }

    /// Carries an operation out once all blocks of its body are there.
    fn carry_out(
        &mut self,
        now: Instant,
        operation: Operation,
        request: &Message,
    ) -> (Result<Answer, Refusal>, Message) {
        let behaviour = self.configuration.behaviour;
        let busy = match &mut self.state {
            State::Served { half_fetched, .. } => half_fetched.is_some_and(|fetched| fetched != operation),
            _ => false,
        };
        let mut acknowledged = None;
        let outcome = match operation {
            _ if busy => Err(Refusal::new(Code::SERVICE_UNAVAILABLE, "an answer is still to be fetched")),
            Operation::Write(path) => match self.reception.take(now, &behaviour.blocks, path, request) {
                Ok(Received::Payload) => execute(&mut self.model, operation, request, &request.payload),
                Ok(Received::Body(body, block)) => {
                    acknowledged = Some(block);
                    execute(&mut self.model, operation, request, &body)
                }
                Ok(Received::Continue(block)) => Ok(Answer::next_block(block)),
                Err((refusal, block)) => {
                    acknowledged = block;
                    Err(refusal)
                }
            },
            _ => execute(&mut self.model, operation, request, &request.payload),
        };
        if let (State::Served { half_fetched, .. }, true) =
            (&mut self.state, behaviour.blocks.busy_while_fetched && !busy)
        {
            let more = |answer: &Answer| answer.block2.is_some_and(|block| block.more());
            *half_fetched = outcome.as_ref().is_ok_and(more).then_some(operation);
        }
        let mut response = self.response(request, &outcome);
        acknowledged.into_iter().for_each(|block| response.set_block1(block));
        (outcome, response)
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
                answer.block1.into_iter().for_each(|block| response.set_block1(block));
                answer.block2.into_iter().for_each(|block| response.set_block2(block));
                response
            }
        }
    }

    /// Keeps the answer to Finish back, as the behaviour says.
    fn delay(
        &mut self,
        now: Instant,
        how: FinishAnswer,
        ticket: Ticket,
        request: &Message,
        outcome: Result<Answer, Refusal>,
        answer: Message,
    ) {
        let separate = match how {
            FinishAnswer::Late(after) => {
                let phase = Phase::Late { due: now + after, answer, ticket };
                return self.keep(PendingAnswer { outcome, phase });
            }
            FinishAnswer::Separate(after) => Some(now + after),
            FinishAnswer::SeparateRefusal if outcome.is_err() => Some(now),
            FinishAnswer::AtOnce | FinishAnswer::SeparateRefusal => None,
        };
        let Some(due) = separate else {
            let reply = answer.encode();
            self.deduplication.set_reply(ticket, &reply);
            self.send(reply);
            return self.proceed(now, Operation::Finish, outcome);
        };
        let acknowledgement = Message::empty_acknowledgement(request.id).encode();
        self.deduplication.set_reply(ticket, &acknowledgement);
        self.send(acknowledgement);
        let separate = Message::separate_response(answer.code, self.next_message_id(), answer.token);
        let answer = separate.with_payload(answer.payload);
        self.keep(PendingAnswer { outcome, phase: Phase::Announced { due, answer } });
        if due <= now {
            self.advance_pending_answer(now);
        }
    }

    fn keep(&mut self, pending: PendingAnswer) {
        if let State::Served { answer, .. } = &mut self.state {
            *answer = Some(Box::new(pending));
        }
    }

    /// The deadline of the answer to Finish has come: it goes out, goes out again, or is given up.
    pub(super) fn advance_pending_answer(&mut self, now: Instant) {
        let State::Served { answer, .. } = &mut self.state else { return };
        let Some(pending) = answer.take() else { return };
        let PendingAnswer { outcome, phase } = *pending;
        match phase {
            Phase::Late { answer, ticket, .. } => {
                let reply = answer.encode();
                self.deduplication.set_reply(ticket, &reply);
                self.send(reply);
                self.proceed(now, Operation::Finish, outcome);
            }
            Phase::Announced { answer, .. } => {
                let reply = Reply::start(now, &self.configuration.timing, self.random.jitter, answer);
                self.send(Zeroizing::new(reply.datagram().to_vec()));
                self.keep(PendingAnswer { outcome, phase: Phase::Sent(reply) });
            }
            Phase::Sent(mut reply) => {
                let datagram = match reply.handle_timeout(now) {
                    // Nobody acknowledges the answer; the client has decided all the same.
                    Expiry::GaveUp => return self.proceed(now, Operation::Finish, outcome),
                    Expiry::NotYet => None,
                    Expiry::Retransmit(datagram) => Some(Zeroizing::new(datagram.to_vec())),
                };
                if let Some(datagram) = datagram {
                    self.traffic.retransmissions += 1;
                    self.send(datagram);
                }
                self.keep(PendingAnswer { outcome, phase: Phase::Sent(reply) });
            }
        }
    }

    /// Tells whether a message acknowledges or rejects a separate answer of ours.
    pub(super) fn handle_acknowledgement(&mut self, now: Instant, message: &Message) -> bool {
        let State::Served { answer, .. } = &mut self.state else { return false };
        let mine = answer.take_if(|pending| match &pending.phase {
            Phase::Sent(reply) => reply.handle(message) != ReplyReaction::NotMine,
            Phase::Late { .. } | Phase::Announced { .. } => false,
        });
        match mine {
            Some(pending) => {
                self.proceed(now, Operation::Finish, pending.outcome);
                true
            }
            None => false,
        }
    }

    /// What an answered operation means for the bootstrap as a whole.
    fn proceed(&mut self, now: Instant, operation: Operation, outcome: Result<Answer, Refusal>) {
        let State::Served { started, last, refusal, .. } = &mut self.state else { return };
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
            let result = match consistency::check_usable(&self.model) {
                Ok(()) => Ok(self.provisioned(duration, false)),
                Err(reason) => Err(Failure::Unusable { reason }),
            };
            self.finish(result);
        }
    }
}
