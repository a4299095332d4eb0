//! `Connection`: one end of a CoAP connection, which to its owner looks like a peer that speaks datagrams.
//!
//! RFC 8323 sections 3.4, 4 and 5; spec sheet `transport.md`, section 3. Both ends are alike.
//!
//! The owner goes on speaking of types and message ids. Requests of the peer come as confirmable messages with fresh
//! ids, its responses as non-confirmable ones. Whatever confirmable message the owner sends is acknowledged on the spot:
//! the stream carries it, so that nothing is ever retransmitted, and an exchange of its own (`super::super::exchange`)
//! waits for the response like for a separate one, MAX_TRANSMIT_WAIT long. Acknowledgements and Resets of the owner that
//! carry nothing mean nothing here and are dropped.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::frame::{self, FrameDecoder, FrameError};
use super::signal::{BASE_MAX_MESSAGE_SIZE, Signal, SignalError};
use crate::coap::message::{Message, MessageType, Token};
use crate::coap::timing::Timing;

/// How long the peer may take for its CSM.
pub const CSM_WAIT: Duration = Duration::from_secs(10);

/// How long a connection is kept on which no byte comes and none is sent.
pub const IDLE_WAIT: Duration = Duration::from_secs(300);

/// Requests that may wait for their responses, on each side.
const MOST_OUTSTANDING: usize = 32;

/// Outputs that may wait to be taken; so many come from no honest peer at once.
const MOST_OUTPUTS: usize = 1024;

/// The longest message that we say we read, in bytes. More than 1152 would, together with Block-Wise-Transfer, invite
/// blocks of several KiB (BERT, RFC 8323 section 6), which we do not speak. Longer messages are read all the same.
const OUR_MAX_MESSAGE_SIZE: u32 = BASE_MAX_MESSAGE_SIZE;

/// One end of a connection.
pub struct Connection {
    decoder: FrameDecoder,
    outputs: VecDeque<Output>,
    state: State,
    started: Instant,
    /// When bytes last came or went.
    active: Instant,
    max_message_size: u32,
    block_wise_transfer: bool,
    /// The id that the next message of the peer gets.
    next_id: u16,
    /// Requests of the peer that have no response yet.
    theirs: VecDeque<Outstanding>,
    /// Requests of ours that have no response yet.
    ours: VecDeque<Outstanding>,
    /// Ids and tokens of the last confirmable messages of ours.
    sent: VecDeque<(u16, Token)>,
    /// A Ping with Custody that waits until `theirs` is empty.
    custody: Option<Token>,
    response_wait: Duration,
}

/// A request that waits for its response.
struct Outstanding {
    token: Token,
    since: Instant,
}

#[derive(Debug, PartialEq)]
enum State {
    /// The peer has not yet sent its CSM.
    AwaitingCsm,
    Open,
    /// The peer wants to go, and does so when what is outstanding is done.
    Releasing(CloseReason),
    Closed,
}

/// What the owner is to do.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Write these bytes.
    Bytes(Zeroizing<Vec<u8>>),
    /// The peer says this.
    Message(Message),
    /// Write what came before, then close. Nothing follows.
    Close(CloseReason),
}

/// Why a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// No CSM came in time; it was told so with Abort.
    NoCsm,
    /// No byte came or went for [`IDLE_WAIT`]; it was told so with Release.
    Idle,
    /// The peer sent Release, and all that was outstanding is done.
    Released {
        /// How long not to connect again, in seconds.
        hold_off: Option<u32>,
        /// Where to connect instead, as `host:port`.
        alternative: Option<String>,
    },
    /// The peer sent Abort.
    AbortedByPeer {
        /// The option of our CSM that it does not understand.
        bad_csm_option: Option<u16>,
        /// Why, in its own words.
        diagnostic: String,
    },
    /// The peer broke a rule, and was told so with Abort.
    Aborted(Violation),
}

/// The rules that a peer can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The stream is no sequence of messages.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A signalling message cannot be understood.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// Another message came before the first CSM.
    #[error("the first message is not CSM")]
    CsmExpected,
    /// More requests without response than we keep in mind.
    #[error("too many outstanding requests")]
    TooManyRequests,
    /// More messages at once than we take.
    #[error("too many messages at once")]
    TooManyMessages,
}

/// A message of ours that was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The peer does not read messages of this length (RFC 8323 section 5.3.1).
    #[error("the message has {length} bytes, but the peer reads at most {largest}")]
    TooLong {
        /// Length of the frame.
        length: usize,
        /// The peer's Max-Message-Size.
        largest: usize,
    },
    /// The connection is over.
    #[error("the connection is closed")]
    Closed,
}

impl Connection {
    /// A connection that has just been made, by either side. `first_id` should be random. How long requests are kept in
    /// mind without a response is MAX_TRANSMIT_WAIT of `timing`. Our CSM is the first output.
    pub fn new(now: Instant, timing: &Timing, first_id: u16) -> Connection {
        let mut connection = Connection {
            decoder: FrameDecoder::default(),
            outputs: VecDeque::new(),
            state: State::AwaitingCsm,
            started: now,
            active: now,
            max_message_size: BASE_MAX_MESSAGE_SIZE,
            block_wise_transfer: false,
            next_id: first_id,
            theirs: VecDeque::new(),
            ours: VecDeque::new(),
            sent: VecDeque::new(),
            custody: None,
            response_wait: timing.max_transmit_wait(),
        };
        let csm = Signal::Csm { max_message_size: Some(OUR_MAX_MESSAGE_SIZE), block_wise_transfer: true };
        connection.write_signal(&csm);
        connection
    }

    /// The peer's Max-Message-Size, in bytes, the frame's head included; 1152 until it says another one.
    pub fn largest_message(&self) -> usize {
        self.max_message_size as usize
    }

    /// Whether the peer said that it knows block-wise transfer.
    pub fn block_wise_transfer(&self) -> bool {
        self.block_wise_transfer
    }

    /// Whether the peer's CSM has come, without which nothing is known of what it can do.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Takes bytes of the stream. After the end they are ignored.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        if self.state == State::Closed {
            return;
        }
        self.active = now;
        self.decoder.push(bytes);
        while self.state != State::Closed {
            match self.decoder.next_frame() {
                Ok(Some(message)) => self.handle_frame(now, message),
                Ok(None) => return,
                Err(error) => self.abort(error.into()),
            }
        }
    }

    /// Sends a message. A confirmable one is acknowledged at once, by an output.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it cannot be sent. The connection goes on.
    pub fn send(&mut self, now: Instant, message: &Message) -> Result<(), Refusal> {
        if self.state == State::Closed {
            return Err(Refusal::Closed);
        }
        if message.code.is_empty() {
            return Ok(());
        }
        let confirmable = message.message_type == MessageType::Confirmable;
        if confirmable && self.sent.contains(&(message.id, message.token)) {
            return Ok(());
        }
        let bytes = frame::encode(message);
        if bytes.len() > self.largest_message() {
            return Err(Refusal::TooLong { length: bytes.len(), largest: self.largest_message() });
        }
        self.active = now;
        self.outputs.push_back(Output::Bytes(bytes));
        if message.is_request() {
            remember(&mut self.ours, Outstanding { token: message.token, since: now });
        } else {
            self.theirs.retain(|request| request.token != message.token);
        }
        if confirmable {
            remember(&mut self.sent, (message.id, message.token));
            self.outputs.push_back(Output::Message(Message::empty_acknowledgement(message.id)));
        }
        self.settle();
        Ok(())
    }

    /// Tells the peer that the connection is to end, and not to come back for `hold_off` seconds. The owner closes it,
    /// or lets the peer do it.
    pub fn release(&mut self, hold_off: Option<u32>) {
        if self.state != State::Closed {
            self.write_signal(&Signal::Release { hold_off, alternative: None });
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Connection::handle_timeout`]; none once it is closed.
    pub fn deadline(&self) -> Option<Instant> {
        let forgotten = |requests: &VecDeque<Outstanding>| Some(requests.front()?.since + self.response_wait);
        let ends = match self.state {
            State::Closed => return None,
            State::AwaitingCsm => self.started + CSM_WAIT,
            State::Open | State::Releasing(_) => self.active + IDLE_WAIT,
        };
        [forgotten(&self.theirs), forgotten(&self.ours)].into_iter().flatten().chain([ends]).min()
    }

    /// Takes the passing of time.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Closed => return,
            State::AwaitingCsm if now >= self.started + CSM_WAIT => {
                self.write_signal(&abort_signal("no CSM came", None));
                return self.close(CloseReason::NoCsm);
            }
            State::Open | State::Releasing(_) if now >= self.active + IDLE_WAIT => {
                self.write_signal(&Signal::Release { hold_off: None, alternative: None });
                return self.close(CloseReason::Idle);
            }
            _ => {}
        }
        let wait = self.response_wait;
        for requests in [&mut self.theirs, &mut self.ours] {
            requests.retain(|request| now < request.since + wait);
        }
        self.settle();
    }

    fn handle_frame(&mut self, now: Instant, message: Message) {
        if self.outputs.len() >= MOST_OUTPUTS {
            return self.abort(Violation::TooManyMessages);
        }
        match message.code {
            // RFC 8323 section 3.4: Empty messages keep the connection alive, and mean nothing.
            code if code.is_empty() => {}
            code if code.class() == 7 => match Signal::read(&message) {
                Ok(signal) => self.handle_signal(signal),
                Err(error) => self.abort(error.into()),
            },
            _ if self.state == State::AwaitingCsm => self.abort(Violation::CsmExpected),
            code if code.is_request() => self.handle_request(now, message),
            _ => self.handle_response(message),
        }
    }

    fn handle_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Csm { max_message_size, block_wise_transfer } => {
                self.max_message_size = max_message_size.unwrap_or(self.max_message_size);
                self.block_wise_transfer |= block_wise_transfer;
                if self.state == State::AwaitingCsm {
                    self.state = State::Open;
                }
            }
            Signal::Abort { bad_csm_option, diagnostic } => {
                self.close(CloseReason::AbortedByPeer { bad_csm_option, diagnostic });
            }
            _ if self.state == State::AwaitingCsm => self.abort(Violation::CsmExpected),
            Signal::Ping { token, custody: true } if !self.theirs.is_empty() => self.custody = Some(token),
            Signal::Ping { token, custody } => self.write_signal(&Signal::Pong { token, custody }),
            Signal::Pong { .. } => {}
            Signal::Release { hold_off, alternative } => {
                self.state = State::Releasing(CloseReason::Released { hold_off, alternative });
                self.settle();
            }
        }
    }

    fn handle_request(&mut self, now: Instant, mut request: Message) {
        if self.theirs.len() >= MOST_OUTSTANDING {
            return self.abort(Violation::TooManyRequests);
        }
        self.theirs.push_back(Outstanding { token: request.token, since: now });
        request.message_type = MessageType::Confirmable;
        self.pass_on(request);
    }

    fn handle_response(&mut self, response: Message) {
        self.ours.retain(|request| request.token != response.token);
        self.pass_on(response);
        self.settle();
    }

    fn pass_on(&mut self, mut message: Message) {
        message.id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.outputs.push_back(Output::Message(message));
    }

    /// Does what waited for requests to be answered: Pong with Custody, and the end after Release.
    fn settle(&mut self) {
        if self.theirs.is_empty()
            && let Some(token) = self.custody.take()
        {
            self.write_signal(&Signal::Pong { token, custody: true });
        }
        if let State::Releasing(reason) = &self.state
            && self.theirs.is_empty()
            && self.ours.is_empty()
        {
            self.close(reason.clone());
        }
    }

    fn abort(&mut self, violation: Violation) {
        let bad_csm_option = match violation {
            Violation::Signal(SignalError::UnknownCriticalOption { code: super::signal::CSM, option }) => Some(option),
            _ => None,
        };
        self.write_signal(&abort_signal(&violation.to_string(), bad_csm_option));
        self.close(CloseReason::Aborted(violation));
    }

    fn close(&mut self, reason: CloseReason) {
        self.state = State::Closed;
        self.decoder = FrameDecoder::default();
        self.outputs.push_back(Output::Close(reason));
    }

    fn write_signal(&mut self, signal: &Signal) {
        self.outputs.push_back(Output::Bytes(frame::encode(&signal.write())));
    }
}

fn abort_signal(diagnostic: &str, bad_csm_option: Option<u16>) -> Signal {
    Signal::Abort { bad_csm_option, diagnostic: diagnostic.to_owned() }
}

/// Appends, and forgets the oldest if there are too many.
fn remember<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= MOST_OUTSTANDING {
        list.pop_front();
    }
    list.push_back(item);
}

impl fmt::Display for CloseReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::NoCsm => write!(formatter, "the peer sent no CSM within {} s", CSM_WAIT.as_secs()),
            CloseReason::Idle => write!(formatter, "nothing came or went for {} s", IDLE_WAIT.as_secs()),
            CloseReason::Released { .. } => formatter.write_str("the peer released the connection"),
            CloseReason::AbortedByPeer { diagnostic, .. } if diagnostic.is_empty() => {
                formatter.write_str("the peer aborted the connection")
            }
            CloseReason::AbortedByPeer { diagnostic, .. } => {
                write!(formatter, "the peer aborted the connection: {diagnostic}")
            }
            CloseReason::Aborted(violation) => write!(formatter, "the peer broke a rule: {violation}"),
        }
    }
}

#[cfg(test)]
mod tests;
