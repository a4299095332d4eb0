//! Who may say what when, seen from the bytes on one side and from the owner on the other.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{CSM_WAIT, CloseReason, Connection, IDLE_WAIT, MOST_OUTPUTS, Output, Refusal, Violation};
use crate::coap::stream::frame::{self, FrameError};
use crate::coap::stream::signal::{CSM, Signal, SignalError};
use crate::coap::{Code, Exchange, Expiry, Message, MessageType, Reaction, Reply, ReplyReaction, Timing, Token};

const OUR_CSM: [u8; 6] = [0x40, 0xE1, 0x22, 0x04, 0x80, 0x20];
const THEIR_CSM: [u8; 2] = [0x00, 0xE1];
const FIRST_ID: u16 = 0xFFFF;

fn fresh(now: Instant) -> Connection {
    let mut connection = Connection::new(now, &Timing::default(), FIRST_ID);
    assert_eq!(connection.poll_output(), Some(bytes(&OUR_CSM)), "our CSM goes first");
    connection
}

fn open(now: Instant) -> Connection {
    let mut connection = fresh(now);
    connection.handle_bytes(now, &THEIR_CSM);
    assert!(connection.is_open());
    connection
}

fn bytes(bytes: &[u8]) -> Output {
    Output::Bytes(bytes.to_vec().into())
}

fn outputs(connection: &mut Connection) -> Vec<Output> {
    std::iter::from_fn(|| connection.poll_output()).collect()
}

/// The bytes of an Abort with these words, and why the connection closes.
fn aborted(violation: Violation, words: &str) -> Vec<Output> {
    let signal = Signal::Abort { bad_csm_option: None, diagnostic: words.to_owned() };
    vec![Output::Bytes(frame::encode(&signal.write())), Output::Close(CloseReason::Aborted(violation))]
}

fn token(byte: u8) -> Token {
    Token::new(&[byte]).unwrap()
}

fn request(byte: u8) -> Message {
    Message::request(Code::POST, 77, token(byte))
}

#[test]
fn requests_of_the_peer_are_confirmable_with_fresh_ids() {
    let now = Instant::now();
    let mut connection = open(now);
    connection
        .handle_bytes(now, &[frame::encode(&request(1)), frame::encode(&request(2))].map(|f| f.to_vec()).concat());
    let Some(Output::Message(first)) = connection.poll_output() else { panic!("a request") };
    let Some(Output::Message(second)) = connection.poll_output() else { panic!("a request") };
    assert_eq!((first.message_type, first.id, first.token), (MessageType::Confirmable, FIRST_ID, token(1)));
    assert_eq!((second.message_type, second.id, second.token), (MessageType::Confirmable, 0, token(2)));
    // The answer goes without type and id; an empty acknowledgement or Reset is nothing to send.
    connection.send(now, &Message::empty_acknowledgement(first.id)).unwrap();
    connection.send(now, &Message::reset(second.id)).unwrap();
    connection.send(now, &Message::piggybacked_response(&first, Code::CHANGED)).unwrap();
    assert_eq!(outputs(&mut connection), [bytes(&[0x01, 0x44, 0x01])]);
}

#[test]
fn a_separate_response_is_acknowledged_by_the_stream_and_sent_once() {
    let now = Instant::now();
    let mut connection = open(now);
    connection.handle_bytes(now, &frame::encode(&request(1)));
    outputs(&mut connection);
    let response = Message::separate_response(Code::CHANGED, 9, token(1));
    let reply = Reply::start(now, &Timing::default(), 0.5, response.clone());
    connection.send(now, &response).unwrap();
    let sent = outputs(&mut connection);
    let [Output::Bytes(frame), Output::Message(acknowledgement)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(**frame, [0x01, 0x44, 0x01]);
    assert_eq!(reply.handle(acknowledgement), ReplyReaction::Acknowledged);
    connection.send(now, &response).unwrap();
    assert_eq!(outputs(&mut connection), []);
}

#[test]
fn an_exchange_over_a_stream_never_retransmits_and_waits_for_its_response() {
    let now = Instant::now();
    let timing = Timing::default();
    let mut connection = open(now);
    let mut exchange = Exchange::start(now, &timing, 0.5, request(5));
    connection.send(now, &request(5)).unwrap();
    let sent = outputs(&mut connection);
    let [Output::Bytes(_), Output::Message(acknowledgement)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(exchange.handle(now, acknowledgement), Reaction::Acknowledged);
    assert_eq!(exchange.deadline(), now + timing.max_transmit_wait());
    assert_eq!(exchange.handle_timeout(exchange.deadline() - Duration::from_millis(1)), Expiry::NotYet);

    connection.handle_bytes(now, &[0x01, 0x44, 0x05]);
    let Some(Output::Message(response)) = connection.poll_output() else { panic!("a response") };
    assert_eq!((response.message_type, response.id), (MessageType::NonConfirmable, FIRST_ID));
    assert_eq!(exchange.handle(now, &response), Reaction::Response { acknowledge: None });
}

#[test]
fn csm_is_cumulative_and_bounds_what_is_sent() {
    let now = Instant::now();
    let mut connection = fresh(now);
    assert_eq!((connection.largest_message(), connection.block_wise_transfer()), (1152, false));
    let long = |bytes: usize| request(bytes as u8).with_payload(vec![0; bytes]);
    // Head of 4 bytes, token of 1, marker of 1.
    assert_eq!(connection.send(now, &long(1152 - 5 - 1)), Ok(()), "nobody waits for the other's CSM");
    let refusal = Err(Refusal::TooLong { length: 1153, largest: 1152 });
    assert_eq!(connection.send(now, &long(1153 - 5 - 1)), refusal);
    let csm = |max_message_size, block_wise_transfer| {
        frame::encode(&Signal::Csm { max_message_size, block_wise_transfer }.write())
    };
    connection.handle_bytes(now, &csm(Some(2000), false));
    connection.handle_bytes(now, &csm(None, true));
    assert_eq!((connection.largest_message(), connection.block_wise_transfer()), (2000, true));
    connection.handle_bytes(now, &csm(Some(64), false));
    assert_eq!((connection.largest_message(), connection.block_wise_transfer()), (64, true));
}

#[test]
fn the_first_message_must_be_csm() {
    let now = Instant::now();
    let ping = [0x01, 0xE2, 0x42];
    for first in [&ping[..], &frame::encode(&request(1)), &[0x01, 0x45, 0x01], &[0x00, 0xE4]] {
        let mut connection = fresh(now);
        connection.handle_bytes(now, first);
        let expected = aborted(Violation::CsmExpected, "the first message is not CSM");
        assert_eq!(outputs(&mut connection), expected, "{first:02x?}");
    }
    let mut connection = fresh(now);
    connection.handle_bytes(now, &[0x00, 0x00, 0x00, 0xE1]);
    assert!(connection.is_open(), "an Empty message is ignored");
}

#[test]
fn a_ping_is_answered_and_one_with_custody_when_all_requests_are() {
    let now = Instant::now();
    let mut connection = open(now);
    connection.handle_bytes(now, &[0x01, 0xE2, 0x42, 0x11, 0xE2, 0x43, 0x20, 0x00, 0x00]);
    assert_eq!(outputs(&mut connection), [bytes(&[0x01, 0xE3, 0x42]), bytes(&[0x11, 0xE3, 0x43, 0x20])]);

    let late = now + Duration::from_secs(93);
    for answered in [true, false] {
        let mut connection = open(now);
        connection.handle_bytes(now, &frame::encode(&request(1)));
        connection.handle_bytes(now, &[0x11, 0xE2, 0x42, 0x20, 0x01, 0xE2, 0x43]);
        let sent = outputs(&mut connection);
        assert!(matches!(&sent[..], [Output::Message(_), Output::Bytes(pong)] if **pong == [0x01, 0xE3, 0x43]));
        if answered {
            connection.send(now, &Message::non_confirmable_response(Code::CHANGED, 1, token(1))).unwrap();
            assert_eq!(connection.poll_output(), Some(bytes(&[0x01, 0x44, 0x01])));
        } else {
            // The owner left it without an answer; it is forgotten.
            assert_eq!(connection.deadline(), Some(late));
            connection.handle_timeout(late);
        }
        assert_eq!(outputs(&mut connection), [bytes(&[0x11, 0xE3, 0x42, 0x20])], "answered: {answered}");
    }
}

#[test]
fn release_ends_the_connection_when_all_is_answered() {
    let now = Instant::now();
    let release = [0x20, 0xE4, 0x41, 0x05];
    let reason = CloseReason::Released { hold_off: Some(5), alternative: None };
    let mut connection = open(now);
    connection.handle_bytes(now, &release);
    assert_eq!(outputs(&mut connection), [Output::Close(reason.clone())]);

    let mut connection = open(now);
    connection.handle_bytes(now, &frame::encode(&request(1)));
    connection.send(now, &request(2)).unwrap();
    outputs(&mut connection);
    connection.handle_bytes(now, &release);
    assert_eq!(outputs(&mut connection), []);
    connection.send(now, &Message::non_confirmable_response(Code::CHANGED, 1, token(1))).unwrap();
    assert_eq!(outputs(&mut connection), [bytes(&[0x01, 0x44, 0x01])]);
    connection.handle_bytes(now, &[0x01, 0x44, 0x02]);
    let sent = outputs(&mut connection);
    assert!(matches!(&sent[..], [Output::Message(_), Output::Close(why)] if *why == reason), "{sent:?}");

    let mut ours = open(now);
    ours.release(Some(5));
    assert_eq!(outputs(&mut ours), [bytes(&release)]);
}

#[test]
fn after_abort_nothing_is_taken_or_said() {
    let now = Instant::now();
    let mut connection = open(now);
    connection.handle_bytes(now, &[0x50, 0xE5, 0x21, 0x07, 0xFF, b'n', b'o', 0x01, 0xE2, 0x42, 0xF9]);
    let reason = CloseReason::AbortedByPeer { bad_csm_option: Some(7), diagnostic: "no".to_owned() };
    assert_eq!(outputs(&mut connection), [Output::Close(reason)]);
    connection.handle_bytes(now, &[0x01, 0xE2, 0x42]);
    connection.handle_timeout(now + IDLE_WAIT);
    connection.release(None);
    assert_eq!(connection.send(now, &request(1)), Err(Refusal::Closed));
    assert_eq!((outputs(&mut connection), connection.deadline()), (vec![], None));
}

#[test]
fn what_breaks_a_rule_is_aborted_with_the_reason() {
    let now = Instant::now();
    let table: [(&[u8], Violation, &str); 3] = [
        (&[0xF0], Violation::Frame(FrameError::TooLong), "message is longer than we read"),
        (
            &[0x10, 0xE2, 0x10],
            Violation::Signal(SignalError::UnknownCriticalOption { code: Code::from_byte(0xE2), option: 1 }),
            "unknown critical option 1 in 7.02",
        ),
        (
            &[0x00, 0xE6],
            Violation::Signal(SignalError::UnknownCode(Code::from_byte(0xE6))),
            "unknown signalling code 7.06",
        ),
    ];
    for (input, violation, words) in table {
        let mut connection = open(now);
        connection.handle_bytes(now, input);
        assert_eq!(outputs(&mut connection), aborted(violation, words), "{input:02x?}");
    }
    // Of CSM the option is named.
    let mut connection = fresh(now);
    connection.handle_bytes(now, &[0x10, 0xE1, 0x70]);
    let Some(Output::Bytes(abort)) = connection.poll_output() else { panic!("an Abort") };
    assert_eq!(abort[..5], [0xD0, abort[1], 0xE5, 0x21, 0x07]);
    let error = SignalError::UnknownCriticalOption { code: CSM, option: 7 };
    assert_eq!(connection.poll_output(), Some(Output::Close(CloseReason::Aborted(error.into()))));
}

#[test]
fn a_flood_is_aborted() {
    let now = Instant::now();
    let mut connection = open(now);
    for byte in 0..33 {
        connection.handle_bytes(now, &frame::encode(&request(byte)));
        if byte < 32 {
            assert!(matches!(outputs(&mut connection)[..], [Output::Message(_)]), "{byte}");
        }
    }
    assert_eq!(outputs(&mut connection), aborted(Violation::TooManyRequests, "too many outstanding requests"));
    let mut connection = open(now);
    connection.handle_bytes(now, &[0x00, 0xE2].repeat(MOST_OUTPUTS + 1));
    let sent = outputs(&mut connection);
    assert_eq!(sent.len(), MOST_OUTPUTS + 2);
    assert_eq!(sent[MOST_OUTPUTS..], aborted(Violation::TooManyMessages, "too many messages at once"));
}

#[test]
fn a_peer_without_csm_and_an_idle_one_are_let_go() {
    let now = Instant::now();
    let mut connection = fresh(now);
    connection.handle_bytes(now + CSM_WAIT - Duration::from_secs(1), &[0x00, 0x00, 0x00]);
    assert_eq!(connection.deadline(), Some(now + CSM_WAIT), "what else it says does not prolong it");
    connection.handle_timeout(now + CSM_WAIT - Duration::from_millis(1));
    assert_eq!(outputs(&mut connection), []);
    connection.handle_timeout(now + CSM_WAIT);
    let sent = outputs(&mut connection);
    assert!(matches!(&sent[..], [Output::Bytes(_), Output::Close(CloseReason::NoCsm)]), "{sent:?}");

    let mut connection = open(now);
    let later = now + Duration::from_secs(100);
    connection.handle_bytes(later, &[0x00, 0x00]);
    assert_eq!(connection.deadline(), Some(later + IDLE_WAIT));
    connection.handle_timeout(now + IDLE_WAIT);
    assert_eq!(outputs(&mut connection), []);
    connection.handle_timeout(later + IDLE_WAIT);
    assert_eq!(outputs(&mut connection), [bytes(&[0x00, 0xE4]), Output::Close(CloseReason::Idle)]);
}

proptest! {
    #[test]
    fn garbage_never_panics_and_nothing_follows_close(pieces: Vec<Vec<u8>>, begins_well: bool) {
        let now = Instant::now();
        let mut connection = if begins_well { open(now) } else { fresh(now) };
        let mut closed = false;
        for piece in pieces {
            connection.handle_bytes(now, &piece);
            for output in outputs(&mut connection) {
                prop_assert!(!closed, "after Close: {output:?}");
                closed = matches!(output, Output::Close(_));
            }
        }
        prop_assert_eq!(connection.deadline().is_none(), closed);
    }

    /// Two ends that talk to each other, whatever the network makes of the pieces.
    #[test]
    fn two_ends_understand_each_other(payloads in prop::collection::vec(0_usize..1100, 1..6), cut in 1_usize..200) {
        let now = Instant::now();
        let (mut client, mut server) = (fresh(now), fresh(now));
        server.handle_bytes(now, &OUR_CSM);
        for (byte, payload) in payloads.into_iter().enumerate() {
            let sent = request(byte as u8).with_payload(vec![byte as u8; payload]);
            client.send(now, &sent).unwrap();
            let Some(Output::Bytes(stream)) = client.poll_output() else { panic!("bytes") };
            stream.chunks(cut).for_each(|piece| server.handle_bytes(now, piece));
            let Some(Output::Message(received)) = server.poll_output() else { panic!("a request") };
            prop_assert_eq!((received.code, received.token, &received.payload), (sent.code, sent.token, &sent.payload));
            outputs(&mut client);
        }
    }
}
