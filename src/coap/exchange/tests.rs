//! Exchanges as tables: these messages and times, these reactions.

use std::time::{Duration, Instant};

use super::{Exchange, Reaction};
use crate::coap::{Code, Expiry, Message, Timing, Token};

const ID: u16 = 0x1234;
const TOKEN: [u8; 8] = [7; 8];

fn request() -> Message {
    Message::request(Code::DELETE, ID, Token::from(TOKEN))
}

fn exchange(now: Instant) -> Exchange {
    Exchange::start(now, &Timing::default(), 0.0, request())
}

fn piggybacked(id: u16, token: Token) -> Message {
    Message::piggybacked_response(&Message::request(Code::DELETE, id, token), Code::DELETED)
}

#[test]
fn each_message_means_what_its_id_and_token_say() {
    let (mine, other) = (Token::from(TOKEN), Token::from([8; 8]));
    let table = [
        (piggybacked(ID, mine), Reaction::Response { acknowledge: None }),
        (piggybacked(ID, other), Reaction::NotMine),
        (piggybacked(1, mine), Reaction::NotMine),
        (Message::empty_acknowledgement(ID), Reaction::Acknowledged),
        (Message::empty_acknowledgement(1), Reaction::NotMine),
        (Message::reset(ID), Reaction::Reset),
        (Message::reset(1), Reaction::NotMine),
        (Message::separate_response(Code::DELETED, 1, mine), Reaction::Response { acknowledge: Some(1) }),
        (Message::separate_response(Code::DELETED, ID, mine), Reaction::Response { acknowledge: Some(ID) }),
        (Message::separate_response(Code::DELETED, ID, other), Reaction::NotMine),
        (Message::non_confirmable_response(Code::NOT_FOUND, 1, mine), Reaction::Response { acknowledge: None }),
        (Message::non_confirmable_response(Code::NOT_FOUND, ID, Token::EMPTY), Reaction::NotMine),
        (Message::request(Code::POST, ID, mine), Reaction::NotMine),
        (Message::ping(ID), Reaction::NotMine),
    ];
    let now = Instant::now();
    for (message, reaction) in table {
        assert_eq!(exchange(now).handle(now, &message), reaction, "{message:?}");
    }
}

#[test]
fn after_an_empty_acknowledgement_it_waits_without_sending_again() {
    let now = Instant::now();
    let mut exchange = exchange(now);
    let acknowledged = now + Duration::from_secs(1);
    assert_eq!(exchange.handle(acknowledged, &Message::empty_acknowledgement(ID)), Reaction::Acknowledged);
    let deadline = acknowledged + Duration::from_secs(93);
    assert_eq!(exchange.deadline(), deadline);
    let later = acknowledged + Duration::from_secs(50);
    assert_eq!(exchange.handle(later, &Message::empty_acknowledgement(ID)), Reaction::NotMine);
    assert_eq!(exchange.handle_timeout(later), Expiry::NotYet);
    assert_eq!(exchange.deadline(), deadline);
    let response = Message::separate_response(Code::DELETED, 9, Token::from(TOKEN));
    assert_eq!(exchange.handle(later, &response), Reaction::Response { acknowledge: Some(9) });
    assert_eq!(exchange.handle(later, &response), Reaction::NotMine);
    assert_eq!(exchange.retransmissions(), 0);
}

#[test]
fn the_wait_for_a_separate_response_ends() {
    let now = Instant::now();
    let mut exchange = exchange(now);
    assert_eq!(exchange.handle(now, &Message::empty_acknowledgement(ID)), Reaction::Acknowledged);
    assert_eq!(exchange.handle_timeout(now + Duration::from_millis(92_999)), Expiry::NotYet);
    assert_eq!(exchange.handle_timeout(now + Duration::from_secs(93)), Expiry::GaveUp);
    assert_eq!(exchange.handle(now, &piggybacked(ID, Token::from(TOKEN))), Reaction::NotMine);
}

#[test]
fn reset_is_heard_while_waiting_for_a_separate_response() {
    let now = Instant::now();
    let mut exchange = exchange(now);
    assert_eq!(exchange.handle(now, &Message::empty_acknowledgement(ID)), Reaction::Acknowledged);
    assert_eq!(exchange.handle(now, &Message::reset(ID)), Reaction::Reset);
}

#[test]
fn the_same_bytes_are_sent_again_with_doubled_waits_until_it_is_given_up() {
    let now = Instant::now();
    let mut exchange = Exchange::start(now, &Timing::default(), 1.0, request());
    assert_eq!(exchange.datagram(), &request().encode()[..]);
    for (retransmissions, seconds) in [(1, 3), (2, 9), (3, 21), (4, 45)] {
        let deadline = now + Duration::from_secs(seconds);
        assert_eq!(exchange.deadline(), deadline);
        assert_eq!(exchange.handle_timeout(deadline - Duration::from_nanos(1)), Expiry::NotYet);
        assert_eq!(exchange.handle_timeout(deadline), Expiry::Retransmit(&request().encode()));
        assert_eq!(exchange.retransmissions(), retransmissions);
    }
    let end = now + Duration::from_secs(93);
    assert_eq!(exchange.deadline(), end);
    assert_eq!(exchange.handle_timeout(end), Expiry::GaveUp);
    assert_eq!(exchange.handle_timeout(end), Expiry::GaveUp);
    assert_eq!((exchange.started(), exchange.retransmissions()), (now, 4));
}

#[test]
fn a_listener_may_have_its_own_timing() {
    let timing = Timing { ack_timeout: Duration::from_secs(10), ack_random_factor: 1.0, max_retransmit: 0 };
    let now = Instant::now();
    let mut exchange = Exchange::start(now, &timing, 0.7, request());
    assert_eq!(exchange.deadline(), now + Duration::from_secs(10));
    assert_eq!(exchange.handle_timeout(exchange.deadline()), Expiry::GaveUp);
}

#[test]
fn a_request_is_always_sent_confirmable() {
    let now = Instant::now();
    let mut message = request();
    message.message_type = crate::coap::MessageType::NonConfirmable;
    let exchange = Exchange::start(now, &Timing::default(), 0.0, message);
    assert_eq!(exchange.datagram(), &request().encode()[..]);
}
