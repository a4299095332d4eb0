//! One bootstrap of one client, from its Bootstrap-Request to the outcome.
//!
//! LwM2M Core 1.2 section 6.1.3.3 and 6.1.4; spec sheet `bootstrap.md`, sections 4 to 10, 13 and 17. The states stand in
//! the order of the protocol and own what they need. A session sees decoded responses and the passing of time; sockets,
//! de-duplication and other clients are [`super::server`]'s.

mod execution;

use std::time::{Duration, Instant};

use super::authorisation::printable;
use super::boundary::{CoapEndpoint, SessionId};
use super::conversation::Wire;
use super::outcome::{Outcome, SessionReport, Step};
use super::pending::PendingCredentials;
use super::plan::Operation;
use super::request::BootstrapRequest;
use crate::coap::{Block2Assembly, Code, Exchange, Expiry, Message, Progress, Reaction, Reply, ReplyReaction, Timing};
use crate::lwm2m::{self, ContentFormat, DiscoverAnswer, Version};
use crate::peer::Peer;
use crate::provision::timing::{self, LONGEST_EXCHANGE};
use crate::provision::{Discover, Provision, TimingOverride};
use crate::route::Route;
use execution::Execution;

/// The whole session must end within EXCHANGE_LIFETIME of the 2.04: some clients count from there and never re-arm
/// (spec sheet `bootstrap.md`, sections 13 and 15).
const LONGEST_SESSION: Duration = Duration::from_secs(247);

/// A Discover answer larger than this is refused; real ones stay below 4 KiB.
const LARGEST_DISCOVER_ANSWER: usize = lwm2m::link_format::MAX_LENGTH;

/// Steps that are kept of one session.
const LONGEST_TRACE: usize = 128;

/// One running bootstrap.
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) endpoint: CoapEndpoint,
    pub(super) route: Route,
    pub(super) peer: Peer,
    pub(super) request: BootstrapRequest,
    started: Instant,
    /// Counted from the request while the store is asked, and from the 2.04 after that.
    must_end: Instant,
    state: State,
    client: ClientFacts,
    device: Option<String>,
    profile: Option<String>,
    format: Option<ContentFormat>,
    timing: TimingOverride,
    steps: Vec<Step>,
    pub(super) pending: PendingCredentials,
}

/// What this session has learned of the client.
#[derive(Default)]
struct ClientFacts {
    version: Option<Version>,
    refused_formats: Vec<ContentFormat>,
}

/// Where the session stands.
enum State {
    /// The store has been asked who the client is; its request waits for the answer.
    Resolving,
    /// Our separate 2.04 waits for its acknowledgement; nothing may overtake it.
    Confirming(Reply, Box<Provision>),
    /// The client has been asked what it has.
    Discovering(Exchange, Block2Assembly, Box<Provision>),
    /// The operations of the plan are on their way, one at a time.
    Executing(Exchange, Execution),
    /// Finish has been sent.
    Finishing(Exchange),
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
    pub(super) fn new(
        id: SessionId,
        endpoint: CoapEndpoint,
        route: Route,
        peer: Peer,
        request: BootstrapRequest,
        now: Instant,
    ) -> Session {
        // Only clients of 1.1 and later know `pct`, and LwM2M CBOR is of 1.2 (spec sheet `bootstrap.md`, section 4).
        let version = request.preferred_content_format.map(|format| match format {
            ContentFormat::Lwm2mCbor => Version::V1_2,
            _ => Version::V1_1,
        });
        let client = ClientFacts { version, ..ClientFacts::default() };
        Session {
            id,
            endpoint,
            route,
            peer,
            request,
            started: now,
            must_end: now + LONGEST_SESSION,
            state: State::Resolving,
            client,
            device: None,
            profile: None,
            format: None,
            timing: TimingOverride::default(),
            steps: Vec::new(),
            pending: PendingCredentials::default(),
        }
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
            State::Discovering(exchange, ..) | State::Executing(exchange, _) | State::Finishing(exchange) => {
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
        self.record_request(now, Code::CHANGED);
    }

    /// The 2.04 has been sent piggy-backed: the first operation may follow it.
    pub(super) fn begin(&mut self, now: Instant, provision: Provision, wire: &mut Wire<'_>) -> Turn {
        let next = self.first_operation(now, Box::new(provision), wire);
        self.settle(next)
    }

    /// The 2.04 goes out separately: nothing is sent before the client has acknowledged it.
    pub(super) fn confirm(&mut self, provision: Provision, reply: Reply) -> Turn {
        self.state = State::Confirming(reply, Box::new(provision));
        Turn::Continue
    }

    /// Adds the client's own request to the trace, with the code that answered it.
    pub(super) fn record_request(&mut self, now: Instant, code: Code) {
        self.steps.push(Step {
            operation: "Bootstrap-Request".to_owned(),
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
            State::Discovering(exchange, ..) | State::Executing(exchange, _) | State::Finishing(exchange) => exchange,
            State::Resolving | State::Confirming(..) | State::Ended => return None,
        };
        match exchange.handle(now, message) {
            Reaction::NotMine => None,
            Reaction::Acknowledged => Some(Turn::Continue),
            Reaction::Reset => Some(self.handle_reset(now)),
            Reaction::Response { acknowledge } => {
                if let Some(id) = acknowledge {
                    wire.send(&Message::empty_acknowledgement(id));
                }
                Some(self.handle_response(now, message, wire))
            }
        }
    }

    fn confirmed(&mut self, now: Instant, wire: &mut Wire<'_>) -> Turn {
        let State::Confirming(_, provision) = std::mem::replace(&mut self.state, State::Ended) else {
            return Turn::Continue;
        };
        let next = self.first_operation(now, provision, wire);
        self.settle(next)
    }

    fn handle_reset(&mut self, now: Instant) -> Turn {
        let operation = self.current_operation();
        self.record(now, None, Some("The client answered with Reset.".to_owned()));
        self.end(
            Outcome::Reset,
            format!("The client answered {operation} with Reset: it has restarted or does not know of this bootstrap."),
        )
    }

    fn handle_response(&mut self, now: Instant, message: &Message, wire: &mut Wire<'_>) -> Turn {
        let note = diagnostic(message);
        self.record(now, Some(message.code), note);
        let next = match std::mem::replace(&mut self.state, State::Ended) {
            State::Discovering(_, assembly, provision) => {
                self.handle_discover_answer(now, message, assembly, provision, wire)
            }
            State::Executing(_, execution) => self.handle_operation_answer(now, message, execution, wire),
            State::Finishing(_) => Err(finish_outcome(message)),
            State::Resolving | State::Confirming(..) | State::Ended => Ok(State::Ended),
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
            State::Discovering(exchange, ..) | State::Executing(exchange, _) | State::Finishing(exchange) => exchange,
            State::Resolving | State::Confirming(..) | State::Ended => return Turn::Continue,
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
        if let State::Finishing(_) = self.state {
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
        let finishing = matches!(self.state, State::Finishing(_));
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

    fn first_operation(&mut self, now: Instant, provision: Box<Provision>, wire: &mut Wire<'_>) -> Next {
        if provision.writing.discover == Discover::Never {
            return self.execute_plan(now, &provision, None, wire);
        }
        let exchange = wire.discover(now, None);
        Ok(State::Discovering(exchange, Block2Assembly::with_limit(LARGEST_DISCOVER_ANSWER), provision))
    }

    fn handle_discover_answer(
        &mut self,
        now: Instant,
        message: &Message,
        mut assembly: Block2Assembly,
        provision: Box<Provision>,
        wire: &mut Wire<'_>,
    ) -> Next {
        if message.code != Code::CONTENT {
            let trouble = format!("The client answered Bootstrap-Discover with {}.", message.code);
            return self.without_discover(now, provision, trouble, wire);
        }
        match assembly.push(message) {
            Ok(Progress::Next(block)) => {
                let exchange = wire.discover(now, Some(block));
                Ok(State::Discovering(exchange, assembly, provision))
            }
            Ok(Progress::Complete(payload)) => match DiscoverAnswer::parse(&payload) {
                Ok(answer) => {
                    self.client.version = self.client.version.max(answer.version);
                    self.execute_plan(now, &provision, Some(&answer), wire)
                }
                Err(error) => {
                    let trouble = format!("The answer to Bootstrap-Discover cannot be read: {error}.");
                    self.without_discover(now, provision, trouble, wire)
                }
            },
            Err(error) => {
                let reason = format!("The blocks of the answer to Bootstrap-Discover do not fit together: {error}.");
                Err((Outcome::DiscoverFailed, reason))
            }
        }
    }

    /// Goes on without knowing what the client has, unless the profile insists on knowing.
    fn without_discover(
        &mut self,
        now: Instant,
        provision: Box<Provision>,
        trouble: String,
        wire: &mut Wire<'_>,
    ) -> Next {
        if provision.writing.discover == Discover::Always {
            return Err((Outcome::DiscoverFailed, format!("{trouble} The profile insists on it.")));
        }
        self.note("going on without knowing what the client has");
        self.execute_plan(now, &provision, None, wire)
    }

    /// What is under way, for the trace and for reasons.
    pub(super) fn current_operation(&self) -> String {
        match &self.state {
            State::Resolving => "the look-up".to_owned(),
            State::Confirming(..) => "the answer to Bootstrap-Request".to_owned(),
            State::Discovering(..) => "Bootstrap-Discover /".to_owned(),
            State::Executing(_, execution) => match &execution.operations[execution.position] {
                Operation::Delete(path) => format!("Bootstrap-Delete {path}"),
                Operation::Write(write) => format!("Bootstrap-Write {}", write.path()),
            },
            State::Finishing(_) => "Bootstrap-Finish".to_owned(),
            State::Ended => "nothing".to_owned(),
        }
    }

    /// Adds the operation under way to the trace, unless that is full: a client that answers Discover in thousands of
    /// blocks must not fill the memory of the history.
    fn record(&mut self, now: Instant, code: Option<Code>, note: Option<String>) {
        let (exchange, bytes) = match &self.state {
            State::Executing(exchange, execution) => (exchange, execution.payload_length),
            State::Discovering(exchange, ..) | State::Finishing(exchange) => (exchange, 0),
            State::Resolving | State::Confirming(..) | State::Ended => return,
        };
        let step = Step {
            operation: self.current_operation(),
            bytes,
            code: code.map(|code| code.to_string()),
            duration: now - exchange.started(),
            retransmissions: exchange.retransmissions(),
            note,
        };
        if self.steps.len() < LONGEST_TRACE {
            self.steps.push(step);
        } else if let Some(last) = self.steps.last_mut() {
            last.note = Some("further steps are not listed".to_owned());
        }
    }

    /// Adds to what the trace says of the latest step.
    fn note(&mut self, words: &str) {
        if let Some(step) = self.steps.last_mut() {
            let note = step.note.get_or_insert_default();
            note.push_str(if note.is_empty() { "" } else { "; " });
            note.push_str(words);
        }
    }

    /// The report of a session that ended so.
    pub(super) fn into_report(mut self, now: Instant, outcome: Outcome, reason: String) -> SessionReport {
        let steps = std::mem::take(&mut self.steps);
        SessionReport { steps, ..self.report(now, outcome, reason) }
    }

    /// The report as it stands.
    pub(super) fn report(&self, now: Instant, outcome: Outcome, reason: String) -> SessionReport {
        let claimed = || self.request.endpoint_name.as_deref().map(printable);
        SessionReport {
            id: self.id.0,
            endpoint: self.device.clone().or_else(claimed),
            remote: self.route.to_string(),
            identity: describe(&self.peer),
            profile: self.profile.clone(),
            lwm2m_version: self.client.version.map(|version| version.to_string()),
            content_format: self.format.map(|format| format.to_string()),
            outcome,
            reason,
            duration: now - self.started,
            steps: self.steps.clone(),
            looping: None,
        }
    }
}

fn finish_outcome(message: &Message) -> (Outcome, String) {
    if message.code.is_success() {
        return (Outcome::Completed, "The client has taken everything and answered Finish.".to_owned());
    }
    let explanation = diagnostic(message).map(|text| format!(" ({text})")).unwrap_or_default();
    let meaning = if message.code == Code::NOT_ACCEPTABLE { ": it finds its configuration inconsistent" } else { "" };
    (Outcome::FinishRejected, format!("The client answered Finish with {}{explanation}{meaning}.", message.code))
}

/// The diagnostic payload of an error answer (RFC 7252 section 5.5.2), fit for a log line.
fn diagnostic(message: &Message) -> Option<String> {
    let is_error = !message.code.is_success() && !message.payload.is_empty();
    is_error.then(|| printable(&String::from_utf8_lossy(&message.payload)))
}

fn describe(peer: &Peer) -> String {
    match peer {
        Peer::Unauthenticated => "nothing (NoSec)".to_owned(),
        Peer::PskIdentity(identity) => format!("PSK identity `{}`", printable(&String::from_utf8_lossy(identity))),
        Peer::Certificate { chain, .. } => format!("certificate chain of {}", chain.len()),
        Peer::RawPublicKey(_) => "raw public key".to_owned(),
    }
}
