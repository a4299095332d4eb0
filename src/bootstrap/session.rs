//! One bootstrap of one client, from its Bootstrap-Request to the outcome.
//!
//! LwM2M Core 1.2 section 6.1.3.3 and 6.1.4; spec sheet `bootstrap.md`, sections 4 to 10, 13 and 17. The states stand in
//! the order of the protocol and own what they need. A session sees decoded responses and the passing of time; sockets,
//! de-duplication and other clients are [`super::server`]'s.

mod blocks;
mod delivery;
mod execution;
mod finishing;
mod survey;
mod trace;

use std::time::{Duration, Instant};

use super::adaptation;
use super::authorisation::{self, LookupKey, Refusal, describe, printable};
use super::boundary::{CoapEndpoint, ListenerPolicy, Origin, SessionId};
use super::conversation::Wire;
use super::outcome::{Outcome, SessionReport, Step};
use super::pending::PendingCredentials;
use super::request::BootstrapRequest;
use crate::coap::{Block2Assembly, Code, Exchange, Expiry, Message, Reaction, Reply, ReplyReaction, Timing};
use crate::lwm2m::{ContentFormat, Version};
use crate::peer::Peer;
use crate::provision::timing::{self, LONGEST_EXCHANGE};
use crate::provision::{ClientKnowledge, Provision, TimingOverride};
use crate::route::Route;
use delivery::Delivery;
use execution::Execution;
use survey::Survey;
use trace::Trace;

/// The whole session must end within EXCHANGE_LIFETIME of the 2.04: some clients count from there and never re-arm
/// (spec sheet `bootstrap.md`, sections 13 and 15).
const LONGEST_SESSION: Duration = Duration::from_secs(247);

/// One running bootstrap.
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) endpoint: CoapEndpoint,
    /// Where the client is.
    pub(super) route: Route,
    /// Where it was when it asked, where it has moved since.
    moved_from: Option<Route>,
    pub(super) peer: Peer,
    pub(super) request: BootstrapRequest,
    started: Instant,
    /// Counted from the request while the store is asked, and from the 2.04 after that.
    must_end: Instant,
    state: State,
    /// The client's version, as far as it is known.
    version: Option<Version>,
    /// How the client behaves, as far as that is known by now.
    knowledge: ClientKnowledge,
    /// The same as it was when the session began.
    known_before: ClientKnowledge,
    /// Bytes of the largest message that the other end takes, where it says so.
    pub(super) largest_message: Option<usize>,
    /// Whether a refused Finish has led to everything being written again.
    has_repaired: bool,
    device: Option<String>,
    profile: Option<String>,
    format: Option<ContentFormat>,
    timing: TimingOverride,
    trace: Trace,
    /// How often the client has repeated its request before it answered anything.
    repeated_requests: u32,
    pub(super) pending: PendingCredentials,
}

/// Where the session stands.
enum State {
    /// The store has been asked who the client is; its request waits for the answer.
    Resolving,
    /// Our separate 2.04 waits for its acknowledgement; nothing may overtake it.
    Confirming(Reply, Box<Provision>),
    /// The client has been asked what it has.
    Surveying(Exchange, Block2Assembly, Survey),
    /// The operations of the plan are on their way, one at a time.
    Executing(Exchange, Execution),
    /// A pack is on its way, in place of all that stands above.
    Delivering(Delivery),
    /// Finish has been sent.
    Finishing(Exchange, Box<Provision>),
    /// It is over.
    Ended,
}

/// What becomes of a session after an event.
pub(super) enum Turn {
    /// It goes on.
    Continue,
    /// It is over.
    End(Outcome, String),
}

/// The inner form of [`Turn`]: the next state, or the end.
type Next = Result<State, (Outcome, String)>;

impl Session {
    /// A session that waits for what the store says of the client.
    pub(super) fn new(id: SessionId, origin: Origin<'_>, request: BootstrapRequest, now: Instant) -> Session {
        Session {
            id,
            endpoint: origin.endpoint,
            route: origin.route,
            moved_from: None,
            peer: origin.peer.clone(),
            version: request.least_version(),
            request,
            started: now,
            must_end: now + LONGEST_SESSION,
            state: State::Resolving,
            knowledge: ClientKnowledge::default(),
            known_before: ClientKnowledge::default(),
            largest_message: origin.largest_message,
            has_repaired: false,
            device: None,
            profile: None,
            format: None,
            timing: TimingOverride::default(),
            trace: Trace::default(),
            repeated_requests: 0,
            pending: PendingCredentials::default(),
        }
    }

    /// By what the client's record is to be found.
    pub(super) fn lookup_key(&self, listeners: &[ListenerPolicy]) -> Result<LookupKey, Refusal> {
        let name_rule = listeners.get(self.endpoint.listener()).map(|policy| policy.certificate_name);
        authorisation::lookup_key(&self.request, &self.peer, name_rule.unwrap_or_default())
    }

    /// The client goes on from another address (RFC 9146, section 6).
    pub(super) fn handle_moved(&mut self, route: Route) {
        self.moved_from.get_or_insert(self.route);
        self.route = route;
        self.trace.moved(route.to_string());
    }

    /// The endpoint name of the device that it serves, once that is known.
    pub(super) fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// When [`Session::handle_timeout`] must be called at the latest.
    pub(super) fn deadline(&self) -> Instant {
        let next = match &self.state {
            State::Resolving | State::Ended => self.must_end,
            State::Confirming(reply, _) => reply.deadline(),
            State::Delivering(delivery) => delivery.reply.as_ref().map_or(self.must_end, Reply::deadline),
            State::Surveying(exchange, ..) | State::Executing(exchange, _) | State::Finishing(exchange, _) => {
                // A client that has acknowledged and is slow to answer waits for the next operation all the same.
                exchange.deadline().min(exchange.started() + LONGEST_EXCHANGE)
            }
        };
        next.min(self.must_end)
    }

    /// Retransmission parameters towards this client: the listener's, but for what its profile says, and no more
    /// retransmissions than fit.
    pub(super) fn timing(&self, listener: &Timing) -> Timing {
        let ack_timeout = self.timing.ack_timeout.unwrap_or(listener.ack_timeout);
        let most = timing::most_retransmissions(ack_timeout.as_secs_f64(), listener.ack_random_factor).unwrap_or(0);
        let max_retransmit = self.timing.max_retransmit.unwrap_or(listener.max_retransmit).min(most);
        Timing { ack_timeout, max_retransmit, ..*listener }
    }

    /// The client has been identified and is to receive this; its request is about to be answered with 2.04.
    pub(super) fn accept(&mut self, now: Instant, provision: &Provision) {
        self.must_end = now + LONGEST_SESSION;
        self.device = Some(provision.endpoint.clone());
        self.profile = Some(provision.profile.clone());
        self.pending = PendingCredentials::of(provision);
        self.timing = provision.writing.timing;
    }

    /// The store says how the client behaves: what it is to receive is made to fit.
    pub(super) fn adapt(&mut self, provision: &mut Provision, knowledge: ClientKnowledge) {
        adaptation::adapt(provision, &knowledge);
        self.version = self.version.max(knowledge.version);
        (self.knowledge, self.known_before) = (knowledge.clone(), knowledge);
    }

    /// The client's version, as far as it is known.
    pub(super) fn version(&self) -> Option<Version> {
        self.version
    }

    /// The client was given a pack a moment ago, and still asks.
    pub(super) fn note_failed_pack(&mut self) {
        self.trace.note("the client was given a pack before, and did not take it");
    }

    /// The 2.04 has been sent piggy-backed: the first operation may follow it.
    pub(super) fn begin(&mut self, now: Instant, provision: Provision, wire: &mut Wire<'_>) -> Turn {
        let next = self.survey(now, Box::new(provision), wire);
        self.settle(next)
    }

    /// The 2.04 goes out separately: nothing is sent before the client has acknowledged it.
    pub(super) fn confirm(&mut self, provision: Provision, reply: Reply) -> Turn {
        self.state = State::Confirming(reply, Box::new(provision));
        Turn::Continue
    }

    /// Adds the client's own request to the trace, with the code that answered it.
    pub(super) fn record_request(&mut self, now: Instant, code: Code) {
        self.trace.push(Step {
            operation: if self.request.pack.is_some() { "Bootstrap-Pack-Request" } else { "Bootstrap-Request" }
                .to_owned(),
            bytes: 0,
            code: Some(code.to_string()),
            duration: now - self.started,
            retransmissions: 0,
            note: None,
        });
    }

    /// A message that is not a request has arrived from the client. Returns `None` where it belongs to nothing that the
    /// session waits for.
    pub(super) fn handle_message(&mut self, now: Instant, message: &Message, wire: &mut Wire<'_>) -> Option<Turn> {
        if let State::Delivering(_) = self.state {
            return self.handle_delivery_message(message);
        }
        if let State::Confirming(reply, _) = &mut self.state {
            return match reply.handle(message) {
                ReplyReaction::NotMine => None,
                ReplyReaction::Acknowledged => Some(self.confirmed(now, wire)),
                ReplyReaction::Reset => Some(self.end(
                    Outcome::Reset,
                    "The client answered the 2.04 of its own request with Reset: it has restarted or given up.",
                )),
            };
        }
        let exchange = match &mut self.state {
            State::Surveying(exchange, ..) | State::Executing(exchange, _) | State::Finishing(exchange, _) => exchange,
            State::Resolving | State::Confirming(..) | State::Delivering(_) | State::Ended => return None,
        };
        match exchange.handle(now, message) {
            Reaction::NotMine => None,
            Reaction::Acknowledged => Some(Turn::Continue),
            Reaction::Reset => Some(self.handle_reset(now, wire)),
            Reaction::Response { acknowledge } => {
                if let Some(id) = acknowledge {
                    wire.send(&Message::empty_acknowledgement(id));
                }
                Some(self.handle_response(now, message, wire))
            }
        }
    }

    /// The client repeats its request, and the 2.04 has been repeated to it: it had not got that, and no client takes an
    /// operation before. So what was sent of the first operation was in vain, and it starts over (RFC 7252 section 4.2
    /// grants MAX_RETRANSMIT to each message). A client repeats its request that often too; more copies than that are
    /// nothing to act upon.
    pub(super) fn handle_repeated_request(&mut self, now: Instant, wire: &mut Wire<'_>) {
        let is_first = !self.has_answered() && self.repeated_requests < wire.timing.max_retransmit.max(4);
        let (State::Surveying(exchange, ..) | State::Executing(exchange, _), true) = (&mut self.state, is_first) else {
            return;
        };
        self.repeated_requests += 1;
        let random = wire.conversation.fraction();
        if let Some(bytes) = exchange.start_over(now, &wire.timing, random) {
            wire.repeat(bytes);
        }
    }

    /// Whether the client has answered anything since its request.
    fn has_answered(&self) -> bool {
        self.trace.steps().len() > 1
    }

    fn confirmed(&mut self, now: Instant, wire: &mut Wire<'_>) -> Turn {
        let State::Confirming(_, provision) = std::mem::replace(&mut self.state, State::Ended) else {
            return Turn::Continue;
        };
        let next = self.survey(now, provision, wire);
        self.settle(next)
    }

    fn handle_reset(&mut self, now: Instant, wire: &mut Wire<'_>) -> Turn {
        let operation = self.current_operation();
        self.record(now, None, Some("The client answered with Reset.".to_owned()));
        let state = std::mem::replace(&mut self.state, State::Ended);
        if let State::Executing(_, mut execution) = state
            && self.without_blocks(&mut execution)
        {
            let next = self.perform(now, execution, wire);
            return self.settle(next);
        }
        self.end(
            Outcome::Reset,
            format!("The client answered {operation} with Reset: it has restarted or does not know of this bootstrap."),
        )
    }

    fn handle_response(&mut self, now: Instant, message: &Message, wire: &mut Wire<'_>) -> Turn {
        // Of a write in blocks the trace holds the end.
        if message.code != Code::CONTINUE {
            self.record(now, Some(message.code), diagnostic(message));
        }
        let next = match std::mem::replace(&mut self.state, State::Ended) {
            State::Surveying(_, assembly, survey) => self.handle_survey_answer(now, message, assembly, survey, wire),
            State::Executing(exchange, mut execution) => {
                execution.count(&exchange);
                self.handle_operation_answer(now, message, execution, wire)
            }
            State::Finishing(_, provision) => self.handle_finish_answer(now, message, provision, wire),
            State::Resolving | State::Confirming(..) | State::Delivering(_) | State::Ended => Ok(State::Ended),
        };
        self.settle(next)
    }

    /// Time has passed.
    pub(super) fn handle_timeout(&mut self, now: Instant, wire: &mut Wire<'_>) -> Turn {
        if now >= self.must_end {
            if let State::Resolving = self.state {
                return self.end(Outcome::Internal, "The store has not answered since the request came.");
            }
            return self.give_up(now, "the whole bootstrap took longer than the 247 seconds that clients allow");
        }
        if let State::Delivering(_) = self.state {
            return self.handle_delivery_timeout(now, |bytes| wire.repeat(bytes));
        }
        if let State::Confirming(reply, _) = &mut self.state {
            return match reply.handle_timeout(now) {
                Expiry::NotYet => Turn::Continue,
                Expiry::Retransmit(bytes) => {
                    wire.repeat(bytes);
                    Turn::Continue
                }
                Expiry::GaveUp => self.end(Outcome::TimedOut, "The client never acknowledged the 2.04 of its request."),
            };
        }
        let exchange = match &mut self.state {
            State::Surveying(exchange, ..) | State::Executing(exchange, _) | State::Finishing(exchange, _) => exchange,
            State::Resolving | State::Confirming(..) | State::Delivering(_) | State::Ended => return Turn::Continue,
        };
        if now >= exchange.started() + LONGEST_EXCHANGE {
            return self
                .give_up(now, "the client took longer than the 200 seconds that may pass between two operations");
        }
        match exchange.handle_timeout(now) {
            Expiry::NotYet => Turn::Continue,
            Expiry::Retransmit(bytes) => {
                wire.repeat(bytes);
                Turn::Continue
            }
            Expiry::GaveUp => self.give_up(now, "the client did not answer"),
        }
    }

    /// The association is gone.
    pub(super) fn handle_closed(&mut self, now: Instant) -> (Outcome, String) {
        let operation = self.current_operation();
        self.record(now, None, Some("the association ended".to_owned()));
        if let State::Finishing(..) = self.state {
            return (
                Outcome::ProbablyCompleted,
                "The association ended before the answer to Finish arrived; the client has probably taken everything."
                    .to_owned(),
            );
        }
        (Outcome::ConnectionLost, format!("The association ended during {operation}."))
    }

    /// A newer request of the same client takes the place of this session.
    pub(super) fn handle_superseded(&mut self, now: Instant) -> (Outcome, String) {
        self.record(now, None, Some("superseded".to_owned()));
        (Outcome::Superseded, "The client sent a new Bootstrap-Request.".to_owned())
    }

    fn give_up(&mut self, now: Instant, why: &str) -> Turn {
        let operation = self.current_operation();
        let finishing = matches!(self.state, State::Finishing(..));
        self.record(now, None, Some("no answer".to_owned()));
        if finishing {
            // A lost answer to Finish cannot be recovered: clients ignore a repeated Finish (`clients.md`, section 3).
            let reason = "Finish was not answered; the client has probably taken everything.";
            return self.end(Outcome::ProbablyCompleted, reason);
        }
        self.end(Outcome::TimedOut, format!("{operation}: {why}."))
    }

    fn end(&mut self, outcome: Outcome, reason: impl Into<String>) -> Turn {
        self.state = State::Ended;
        Turn::End(outcome, reason.into())
    }

    fn settle(&mut self, next: Next) -> Turn {
        match next {
            Ok(state) => {
                self.state = state;
                Turn::Continue
            }
            Err((outcome, reason)) => self.end(outcome, reason),
        }
    }

    /// What is under way, for the trace and for reasons.
    pub(super) fn current_operation(&self) -> String {
        match &self.state {
            State::Resolving => "the look-up".to_owned(),
            State::Confirming(..) => "the answer to Bootstrap-Request".to_owned(),
            State::Surveying(.., survey) => survey.question.to_string(),
            State::Executing(_, execution) => execution.current(),
            State::Delivering(_) => "the pack".to_owned(),
            State::Finishing(..) => "Bootstrap-Finish".to_owned(),
            State::Ended => "nothing".to_owned(),
        }
    }

    /// Adds the operation under way to the trace.
    fn record(&mut self, now: Instant, code: Option<Code>, note: Option<String>) {
        let operation = self.current_operation();
        let (effort, bytes) = match &self.state {
            State::Executing(exchange, execution) => (execution.effort(exchange), execution.payload_length()),
            State::Surveying(exchange, ..) | State::Finishing(exchange, _) => {
                ((exchange.started(), exchange.retransmissions()), 0)
            }
            State::Resolving | State::Confirming(..) | State::Delivering(_) | State::Ended => return,
        };
        self.trace.record(now, operation, effort, bytes, code, note);
    }

    /// The version that the request alone tells.
    fn version_by_request(&self) -> Option<Version> {
        self.request.least_version()
    }

    /// What is known of the client from now on, where an authenticated client has shown something new. Over NoSec
    /// anybody may have spoken in its name.
    pub(super) fn learned(&self, outcome: Outcome) -> Option<ClientKnowledge> {
        let mut knowledge = self.knowledge.clone();
        // What a client has may be why it could not be served: the next session asks again.
        knowledge.refuses_discover &= outcome.is_success();
        // Where no format was taken, it may not have been for the format.
        if self.knowledge.accepted_format.is_none_or(|taken| self.knowledge.refused_formats.contains(&taken)) {
            knowledge.refused_formats.clone_from(&self.known_before.refused_formats);
        }
        // Zephyr takes blocks, but no SenML JSON in them (spec sheet `bootstrap.md`, section 16).
        if self.format == Some(ContentFormat::SenmlJson) {
            knowledge.refuses_blocks = self.known_before.refuses_blocks;
        }
        let is_new = self.device.is_some() && knowledge != self.known_before;
        (is_new && self.peer.is_authenticated()).then_some(knowledge)
    }

    /// The report of a session that ended so.
    pub(super) fn into_report(mut self, now: Instant, outcome: Outcome, reason: String) -> SessionReport {
        let steps = self.trace.take();
        SessionReport { steps, ..self.report(now, outcome, reason) }
    }

    /// The report as it stands.
    pub(super) fn report(&self, now: Instant, outcome: Outcome, reason: String) -> SessionReport {
        let claimed = || self.request.endpoint_name.as_deref().map(printable);
        SessionReport {
            id: self.id.0,
            endpoint: self.device.clone().or_else(claimed),
            listener: self.endpoint.listener(),
            remote: self.route.to_string(),
            moved_from: self.moved_from.map(|route| route.to_string()),
            identity: describe(&self.peer),
            profile: self.profile.clone(),
            lwm2m_version: self.version.map(|version| version.to_string()),
            content_format: self.format.map(|format| format.to_string()),
            outcome,
            reason,
            duration: now - self.started,
            steps: self.trace.steps().to_vec(),
            looping: None,
        }
    }
}

/// The diagnostic payload of an error answer (RFC 7252 section 5.5.2), fit for a log line.
fn diagnostic(message: &Message) -> Option<String> {
    let is_error = !message.code.is_success() && !message.payload.is_empty();
    is_error.then(|| printable(&String::from_utf8_lossy(&message.payload)))
}
