//! Datagrams that are lost, repeated, late or not meant for us (RFC 7252 section 4.2; spec sheet `bootstrap.md`,
//! section 12).

use bootstrapd::bootstrap::Outcome;
use bootstrapd::coap::{Code, Message, MessageType, Token};

use super::beginnings::*;
use crate::support::fixtures::*;
use crate::support::script::*;
use crate::support::world::World;

fn world() -> World {
    World::with(device(provision()))
}

#[test]
fn a_lost_request_is_sent_five_times_at_doubling_intervals_and_then_given_up() {
    let mut world = world();
    world.play(up_to_discover());
    let first = world.pass_until_something_happens();
    assert!((2.0..=3.0).contains(&first.as_secs_f64()), "{first:?}");
    world.play([CLIENT.is_asked_again()]);
    for doublings in [1_u32, 2, 3] {
        assert_eq!(world.pass_until_something_happens(), first * 2_u32.pow(doublings));
        world.play([CLIENT.is_asked_again()]);
    }
    assert_eq!(world.pass_until_something_happens(), first * 16);
    world.play([CLIENT.ends_with(move |report| {
        assert_eq!(
            (report.outcome, report.reason.as_str()),
            (Outcome::TimedOut, "Bootstrap-Discover /: the client did not answer.")
        );
        let last = report.steps.last().unwrap();
        assert_eq!((last.retransmissions, last.duration, last.code.as_deref()), (4, first * 31, None));
    })]);
    assert_eq!(world.server.running(), 0);
}

#[test]
fn a_request_of_ours_that_was_lost_is_answered_when_it_is_repeated() {
    let steps = [within(2.0..=3.0), CLIENT.is_asked_again()].into_iter().chain(rest_of_a_fresh_client());
    world().play(up_to_security()).play(steps);
}

#[test]
fn a_lost_answer_comes_again_when_our_request_is_repeated() {
    // The answer never arrives; the client, asked once more, repeats it. A late twin of it changes nothing.
    world().play(up_to_security()).play([
        within(2.0..=3.0),
        CLIENT.is_asked_again(),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written("/1/0", TLV),
        CLIENT.repeats(),
        nothing(),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
    ]);
}

#[test]
fn nothing_is_repeated_before_its_time() {
    world().play(up_to_discover()).play([after(1.99), nothing(), within(0.01..=1.01), CLIENT.is_asked_again()]);
}

#[test]
fn a_lost_2_04_is_sent_again_and_starts_no_second_session() {
    world().play(up_to_discover()).play(
        [
            after(1.5),
            nothing(),
            CLIENT.repeats_its_request(),
            CLIENT.gets(Code::CHANGED),
            CLIENT.is_asked_again(),
            looked_up(1),
            running(1),
            CLIENT.answers(Code::CONTENT, FRESH),
            CLIENT.is_written("/0/1", TLV),
            CLIENT.repeats_its_request(),
            CLIENT.gets(Code::CHANGED),
            looked_up(1),
        ]
        .into_iter()
        .chain(rest_of_a_fresh_client()),
    );
}

#[test]
fn what_was_sent_before_the_2_04_arrived_counts_for_nothing() {
    let mut world = world();
    world.play(up_to_discover());
    for _ in 0..4 {
        world.pass_until_something_happens();
        world.play([CLIENT.is_asked_again()]);
    }
    // The fifth was the last; but the client had nothing to answer before it has the 2.04.
    world.play([CLIENT.repeats_its_request(), CLIENT.gets(Code::CHANGED), CLIENT.is_asked_again()]);
    let first = world.pass_until_something_happens();
    assert!((2.0..=3.0).contains(&first.as_secs_f64()), "{first:?}");
    world.play([CLIENT.is_asked_again()]);
    for doublings in [1_u32, 2, 3] {
        assert_eq!(world.pass_until_something_happens(), first * 2_u32.pow(doublings));
        world.play([CLIENT.is_asked_again()]);
    }
    assert_eq!(world.pass_until_something_happens(), first * 16);
    world.play([CLIENT.ends(Outcome::TimedOut, "did not answer")]);
}

#[test]
fn a_flood_of_copies_of_a_request_moves_nothing_but_its_answer() {
    let copy = || [CLIENT.repeats_its_request(), CLIENT.gets(Code::CHANGED)];
    let mut world = world();
    world.play(up_to_discover());
    for _ in 0..4 {
        world.play(copy()).play([CLIENT.is_asked_again()]);
    }
    world.play(copy()).play([nothing()]).play(copy()).play([nothing()]);
}

#[test]
fn a_repeated_request_is_known_even_after_the_session_has_ended() {
    world().play(up_to_finish()).play([
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "taken everything"),
        CLIENT.repeats_its_request(),
        CLIENT.gets(Code::CHANGED),
        running(0),
        after(246.9),
        CLIENT.repeats_its_request(),
        CLIENT.gets(Code::CHANGED),
        looked_up(1),
        after(0.2),
        CLIENT.repeats_its_request(),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        looked_up(2),
    ]);
}

/// EXCHANGE_LIFETIME of ACK_TIMEOUT 60 s without a retransmission is 0 + 2 * 100 + 60 s (RFC 7252 section 4.8.2).
#[test]
fn a_slow_profile_has_requests_remembered_as_long_as_its_clients_repeat_them() {
    let slow = provision_with(|provision| {
        let ack_timeout = Some(std::time::Duration::from_secs(60));
        provision.writing.timing = bootstrapd::provision::TimingOverride { ack_timeout, max_retransmit: Some(0) };
    });
    let ends = || [CLIENT.resets(), CLIENT.ends(Outcome::Reset, "with Reset")];
    let asks = || [CLIENT.requests("ep=dev1"), CLIENT.gets(Code::CHANGED), CLIENT.is_discovered()];
    World::with(device(slow)).play(asks()).play(ends()).play(asks()).play(ends()).play([
        after(259.9),
        CLIENT.repeats_its_request(),
        CLIENT.gets(Code::CHANGED),
        looked_up(2),
        after(0.2),
        CLIENT.repeats_its_request(),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        looked_up(3),
    ]);
}

#[test]
fn a_refusal_is_repeated_for_a_repeated_request() {
    use bootstrapd::bootstrap::Lookup;
    World::with(Lookup::Unknown).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::BAD_REQUEST),
        CLIENT.ends(Outcome::RefusedUnknown, "No device is on record"),
        CLIENT.repeats(),
        CLIENT.gets(Code::BAD_REQUEST),
        looked_up(1),
    ]);
}

#[test]
fn an_answer_that_is_announced_stops_the_repetitions_and_is_acknowledged() {
    world().play(up_to_security()).play([
        CLIENT.acknowledges(),
        nothing(),
        after(60.0),
        nothing(),
        CLIENT.answers_separately(Code::CHANGED),
        CLIENT.is_acknowledged(),
        CLIENT.is_written("/1/0", TLV),
        // Our acknowledgement was lost.
        CLIENT.repeats(),
        CLIENT.is_acknowledged(),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.answers_separately(Code::CHANGED),
        CLIENT.is_acknowledged(),
        CLIENT.ends(Outcome::Completed, "taken everything"),
        CLIENT.repeats(),
        CLIENT.is_acknowledged(),
    ]);
}

#[test]
fn a_separate_answer_needs_no_announcement() {
    world().play(up_to_discover()).play([
        CLIENT.answers_separately(Code::METHOD_NOT_ALLOWED),
        CLIENT.is_acknowledged(),
        CLIENT.is_deleted("/0"),
    ]);
}

#[test]
fn a_nonconfirmable_answer_is_taken_and_not_acknowledged() {
    world().play(up_to_security()).play([
        CLIENT.answers_nonconfirmably(Code::CHANGED),
        CLIENT.is_written("/1/0", TLV),
        CLIENT.repeats(),
        nothing(),
    ]);
}

#[test]
fn an_announced_answer_that_never_comes_is_given_up() {
    world().play(up_to_security()).play([
        CLIENT.acknowledges(),
        within(93.0..=93.0),
        CLIENT.ends(Outcome::TimedOut, "Bootstrap-Write /0/1: the client did not answer"),
    ]);
}

#[test]
fn what_does_not_match_the_outstanding_request_is_ignored() {
    let wrong_token = |message: &mut Message| message.token = Token::from([0; 8]);
    let wrong_id = |message: &mut Message| message.id = message.id.wrapping_add(1);
    world().play(up_to_security()).play(
        [
            CLIENT.answers_wrongly("another token", wrong_token),
            nothing(),
            CLIENT.answers_wrongly("another message id", wrong_id),
            nothing(),
            CLIENT.answers_wrongly("an ACK of another message id", move |message| {
                *message = Message::empty_acknowledgement(message.id.wrapping_add(1));
            }),
            nothing(),
            CLIENT.answers_wrongly("a Reset of another message id", move |message| {
                *message = Message::reset(message.id.wrapping_add(1));
            }),
            nothing(),
            CLIENT.answers_wrongly("another token in a NON", move |message| {
                message.message_type = MessageType::NonConfirmable;
                wrong_token(message);
            }),
            nothing(),
            // Still outstanding.
            within(2.0..=3.0),
            CLIENT.is_asked_again(),
        ]
        .into_iter()
        .chain(rest_of_a_fresh_client()),
    );
}

#[test]
fn an_answer_with_a_critical_option_that_is_not_understood_is_rejected() {
    let with_if_match = |message: &mut Message| message.options.add(1, b"x").unwrap();
    world().play(up_to_security()).play([
        CLIENT.answers_wrongly("If-Match", with_if_match),
        nothing(),
        CLIENT.answers_wrongly("If-Match in a CON", move |message| {
            message.message_type = MessageType::Confirmable;
            with_if_match(message);
        }),
        CLIENT.is_reset(),
    ]);
}

#[test]
fn a_confirmable_answer_that_nobody_waits_for_is_reset_each_time() {
    let stray = |message: &mut Message| {
        message.message_type = MessageType::Confirmable;
        message.token = Token::from([9; 8]);
    };
    world().play(up_to_security()).play([
        CLIENT.answers_wrongly("a stray CON", stray),
        CLIENT.is_reset(),
        CLIENT.repeats(),
        CLIENT.is_reset(),
    ]);
}
