//! `HandMadeClient`: a client of a few bytes of CoAP (RFC 7252 section 3) that answers when the test wants it to.
//!
//! Made without the library's code, over plain UDP.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::PATIENCE;

const CONFIRMABLE: u8 = 0x40;
const ACKNOWLEDGEMENT: u8 = 0x60;
const POST: u8 = 0x02;

/// Response code 2.02 Deleted.
pub const DELETED: u8 = 0x42;
/// Response code 2.04 Changed.
pub const CHANGED: u8 = 0x44;
/// Response code 4.05 Method Not Allowed.
pub const METHOD_NOT_ALLOWED: u8 = 0x85;

/// The client.
pub struct HandMadeClient {
    socket: UdpSocket,
}

/// A message from the server; only what a test asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// First byte without the token's length: 0x40 a request to be acknowledged, 0x60 an acknowledgement.
    pub kind: u8,
    /// Request method or response code.
    pub code: u8,
    message_id: [u8; 2],
    token: Vec<u8>,
}

impl Message {
    /// What to answer to a Bootstrap operation: Discover is refused, the rest is done.
    pub fn usual_answer(&self) -> u8 {
        match self.code {
            0x01 => METHOD_NOT_ALLOWED,
            0x04 => DELETED,
            _ => CHANGED,
        }
    }

    /// Whether this is Bootstrap-Finish.
    pub fn is_finish(&self) -> bool {
        self.kind == CONFIRMABLE && self.code == POST
    }
}

impl HandMadeClient {
    /// A client that sends to `server`.
    pub fn new(server: SocketAddr) -> HandMadeClient {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback port is free");
        socket.connect(server).expect("loopback can be reached");
        HandMadeClient { socket }
    }

    /// Sends a Bootstrap-Request.
    pub fn ask(&self, endpoint: &str) {
        let query = format!("ep={endpoint}");
        let length = u8::try_from(query.len()).expect("a short name");
        assert!(length >= 13, "the option's length is written in one more byte");
        let mut datagram = vec![CONFIRMABLE | 4, POST, 0x12, 0x34, 1, 2, 3, 4];
        // Uri-Path (11) "bs", then Uri-Query (15).
        datagram.extend_from_slice(&[0xb2, b'b', b's', 0x4d, length - 13]);
        datagram.extend_from_slice(query.as_bytes());
        self.socket.send(&datagram).expect("loopback takes a datagram");
    }

    /// The next message.
    #[track_caller]
    pub fn receive(&self) -> Message {
        self.receive_within(PATIENCE).expect("the server sends something in time")
    }

    /// The next message that has arrived already; none where nothing has.
    pub fn receive_at_once(&self) -> Option<Message> {
        self.receive_within(Duration::from_millis(1))
    }

    fn receive_within(&self, patience: Duration) -> Option<Message> {
        self.socket.set_read_timeout(Some(patience)).expect("a time limit can be set");
        let mut buffer = [0; 2048];
        match self.socket.recv(&mut buffer) {
            Ok(length) => Some(parse(&buffer[..length])),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            // The server has gone away.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
            Err(error) => panic!("cannot receive: {error}"),
        }
    }

    /// Acknowledges a request with a response code.
    pub fn answer(&self, request: &Message, code: u8) {
        let length = u8::try_from(request.token.len()).expect("at most 8 bytes");
        let mut datagram = vec![ACKNOWLEDGEMENT | length, code];
        datagram.extend_from_slice(&request.message_id);
        datagram.extend_from_slice(&request.token);
        self.socket.send(&datagram).expect("loopback takes a datagram");
    }

    /// Asks and waits for the 2.04; returns the first operation, which then waits for its answer.
    #[track_caller]
    pub fn begin(&self, endpoint: &str) -> Message {
        self.ask(endpoint);
        let acknowledged = self.receive();
        assert_eq!((acknowledged.kind, acknowledged.code), (ACKNOWLEDGEMENT, CHANGED), "the Bootstrap-Request");
        self.receive()
    }

    /// Answers `operation` and all that follow as a willing client does, Finish included.
    #[track_caller]
    pub fn go_on(&self, operation: Message) {
        let mut operation = operation;
        loop {
            self.answer(&operation, operation.usual_answer());
            if operation.is_finish() {
                return;
            }
            operation = self.receive();
        }
    }
}

fn parse(datagram: &[u8]) -> Message {
    let length = usize::from(datagram[0] & 0x0f);
    Message {
        kind: datagram[0] & 0xf0,
        code: datagram[1],
        message_id: [datagram[2], datagram[3]],
        token: datagram[4..4 + length].to_vec(),
    }
}
