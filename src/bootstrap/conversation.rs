//! How one session speaks: turns bootstrap operations into CoAP requests with fresh message ids and tokens.
//!
//! LwM2M Transport 1.2 section 6.4.2; spec sheet `bootstrap.md`, section 3. All requests are confirmable, and one is
//! outstanding at a time (NSTART = 1).

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use zeroize::Zeroizing;

use super::boundary::{CoapEndpoint, Output};
use crate::coap::{Block1Transfer, BlockOption, Code, Exchange, Message, Timing, Token};
use crate::lwm2m::path::ObjectId;
use crate::lwm2m::{ContentFormat, Path};

/// Where a session's messages go, and what they are made of.
pub(super) struct Wire<'a> {
    pub(super) endpoint: CoapEndpoint,
    pub(super) timing: Timing,
    pub(super) conversation: &'a mut Conversation,
    pub(super) message_ids: &'a mut MessageIds,
    pub(super) outputs: &'a mut VecDeque<Output>,
}

/// What all conversations draw from.
pub(super) struct Conversation {
    random: StdRng,
    next_range: u16,
}

/// The message ids of one session. A client must not see one twice within EXCHANGE_LIFETIME, or it takes a new request
/// for an old one (RFC 7252 section 4.4): within a session they count up, and the next session begins well behind.
#[derive(Clone, Copy)]
pub(super) struct MessageIds(u16);

impl MessageIds {
    pub(super) fn next(&mut self) -> u16 {
        let id = self.0;
        self.0 = id.wrapping_add(1);
        id
    }
}

/// Message ids set aside for each session; few need as many.
const RANGE: u16 = 64;

impl Conversation {
    pub(super) fn new(mut random: StdRng) -> Conversation {
        let next_range = random.random();
        Conversation { random, next_range }
    }

    /// The message ids of another session.
    pub(super) fn message_ids(&mut self) -> MessageIds {
        let first = self.next_range;
        self.next_range = first.wrapping_add(RANGE);
        MessageIds(first)
    }

    /// A session is over: the ids of the next one begin behind those that it used, however many they were.
    pub(super) fn set_aside(&mut self, used: MessageIds) {
        let ahead = used.0.wrapping_sub(self.next_range);
        if ahead < u16::MAX / 2 {
            self.next_range = used.0;
        }
    }

    /// Eight random bytes: nobody off the path can guess one (RFC 7252 section 5.3.1).
    fn token(&mut self) -> Token {
        let mut bytes = [0; 8];
        self.random.fill_bytes(&mut bytes);
        Token::from(bytes)
    }

    /// Names one body that is fetched in blocks (RFC 7252 section 5.10.6).
    pub(super) fn etag(&mut self) -> [u8; 8] {
        self.random.random()
    }

    /// In `0..1`, for the first retransmission time-out.
    pub(super) fn fraction(&mut self) -> f64 {
        self.random.random()
    }
}

/// One question, whose answer may come in several blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Question {
    /// Bootstrap-Discover of the root or of an object.
    Discover(Path),
    /// Bootstrap-Read of an object.
    Read(ObjectId, ContentFormat),
}

impl fmt::Display for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Question::Discover(path) => write!(formatter, "Bootstrap-Discover {path}"),
            Question::Read(object, _) => write!(formatter, "Bootstrap-Read /{object}"),
        }
    }
}

impl Wire<'_> {
    /// Bootstrap-Discover or Bootstrap-Read, or the next block of its answer.
    pub(super) fn ask(&mut self, now: Instant, question: Question, block: Option<BlockOption>) -> Exchange {
        let (path, format) = match question {
            Question::Discover(path) => (path, ContentFormat::CoreLink),
            Question::Read(object, format) => (Path::Object(object), format),
        };
        let mut request = self.request(Code::GET, &path);
        request.set_accept(format.number());
        if let Some(block) = block {
            request.set_block2(block);
        }
        self.start(now, request)
    }

    /// Bootstrap-Delete.
    pub(super) fn delete(&mut self, now: Instant, path: &Path) -> Exchange {
        let request = self.request(Code::DELETE, path);
        self.start(now, request)
    }

    /// Bootstrap-Write. The Content-Format is always there: without it Zephyr takes a PUT for Write-Attributes.
    pub(super) fn write(
        &mut self,
        now: Instant,
        path: &Path,
        format: ContentFormat,
        payload: Zeroizing<Vec<u8>>,
    ) -> Exchange {
        let mut request = self.request(Code::PUT, path);
        request.set_content_format(format.number());
        self.start(now, request.with_payload(payload))
    }

    /// The next block of a Bootstrap-Write; all its other options are those of the first.
    pub(super) fn write_block(
        &mut self,
        now: Instant,
        path: &Path,
        format: ContentFormat,
        transfer: &Block1Transfer,
    ) -> Exchange {
        let mut request = self.request(Code::PUT, path);
        request.set_content_format(format.number());
        transfer.next_block().put_into(&mut request);
        self.start(now, request)
    }

    /// Tells the blocks of one transfer from those of another (RFC 9175 section 3.3).
    pub(super) fn request_tag(&mut self) -> [u8; 4] {
        let mut tag = [0; 4];
        self.conversation.random.fill_bytes(&mut tag);
        tag
    }

    /// Bootstrap-Finish.
    pub(super) fn finish(&mut self, now: Instant) -> Exchange {
        let mut request = Message::request(Code::POST, self.message_ids.next(), self.conversation.token());
        request.add_uri_path("bs").expect("a segment of two bytes is within every bound");
        self.start(now, request)
    }

    /// Sends a message that expects nothing.
    pub(super) fn send(&mut self, message: &Message) {
        self.repeat(&message.encode());
    }

    /// Sends bytes once more.
    pub(super) fn repeat(&mut self, bytes: &[u8]) {
        send(self.outputs, self.endpoint, bytes);
    }

    /// A request whose target is `path`; the root is no Uri-Path option at all.
    fn request(&mut self, code: Code, path: &Path) -> Message {
        let mut request = Message::request(code, self.message_ids.next(), self.conversation.token());
        let (ids, depth) = path.ids();
        for id in &ids[..depth] {
            request.add_uri_path_id(*id);
        }
        request
    }

    fn start(&mut self, now: Instant, request: Message) -> Exchange {
        let exchange = Exchange::start(now, &self.timing, self.conversation.fraction(), request);
        self.repeat(exchange.datagram());
        exchange
    }
}

pub(super) fn send(outputs: &mut VecDeque<Output>, to: CoapEndpoint, bytes: &[u8]) {
    outputs.push_back(Output::Datagram { to, bytes: Zeroizing::new(bytes.to_vec()) });
}
