//! A store that takes its time: the 2.04 then travels by itself (RFC 7252 section 5.2.2; spec sheet `bootstrap.md`,
//! sections 5 and 12).

use bootstrapd::bootstrap::{Lookup, Outcome};
use bootstrapd::coap::{Code, MessageType};

use crate::support::fixtures::*;
use crate::support::script::*;
use crate::support::world::World;

/// Up to the separate 2.04.
fn answered_late() -> Vec<Step> {
    vec![
        CLIENT.requests("ep=dev1"),
        nothing(),
        after(0.99),
        nothing(),
        within(0.0..=0.011),
        CLIENT.gets_empty_acknowledgement(),
        after(30.0),
        nothing(),
        store_answers(device(provision())),
        CLIENT.gets_separately(MessageType::Confirmable, Code::CHANGED),
    ]
}

#[test]
fn a_store_that_answers_within_a_second_is_answered_piggybacked() {
    World::with_slow_store().play([
        CLIENT.requests("ep=dev1"),
        after(0.9),
        store_answers(device(provision())),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        after(1.9),
        nothing(),
    ]);
}

#[test]
fn a_late_2_04_is_confirmable_and_nothing_overtakes_its_acknowledgement() {
    World::with_slow_store().play(answered_late()).play([
        after(1.9),
        nothing(),
        CLIENT.acknowledges(),
        CLIENT.is_discovered(),
        CLIENT.resets(),
        CLIENT.ends_after(Outcome::Reset, &["Bootstrap-Request 2.04", "Bootstrap-Discover / -"]),
    ]);
}

#[test]
fn a_request_that_is_repeated_meanwhile_is_acknowledged_again_and_not_looked_up_again() {
    World::with_slow_store().play([
        CLIENT.requests("ep=dev1"),
        after(0.5),
        CLIENT.repeats(),
        nothing(),
        within(0.5..=0.5),
        CLIENT.gets_empty_acknowledgement(),
        CLIENT.repeats(),
        CLIENT.gets_empty_acknowledgement(),
        looked_up(1),
    ]);
}

#[test]
fn a_late_2_04_is_sent_again_until_it_is_acknowledged() {
    World::with_slow_store().play(answered_late()).play([
        within(2.0..=3.0),
        CLIENT.is_asked_again(),
        within(4.0..=6.0),
        CLIENT.is_asked_again(),
        CLIENT.acknowledges(),
        CLIENT.is_discovered(),
    ]);
}

#[test]
fn a_late_2_04_that_is_never_acknowledged_is_given_up() {
    let mut steps = answered_late();
    for seconds in [2.0, 4.0, 8.0, 16.0] {
        steps.extend([within(seconds..=seconds * 1.5), CLIENT.is_asked_again()]);
    }
    steps.push(within(32.0..=48.0));
    steps.push(CLIENT.ends(Outcome::TimedOut, "never acknowledged the 2.04"));
    World::with_slow_store().play(steps);
}

#[test]
fn a_reset_to_a_late_2_04_ends_the_session() {
    let end = [CLIENT.resets(), CLIENT.ends(Outcome::Reset, "the 2.04 of its own request with Reset")];
    World::with_slow_store().play(answered_late()).play(end);
}

#[test]
fn a_late_refusal_is_sent_once_and_nonconfirmable() {
    World::with_slow_store().play([
        CLIENT.requests("ep=dev1"),
        within(1.0..=1.0),
        CLIENT.gets_empty_acknowledgement(),
        store_answers(Lookup::Unknown),
        CLIENT.gets_separately(MessageType::NonConfirmable, Code::BAD_REQUEST),
        CLIENT.ends(Outcome::RefusedUnknown, "No device is on record"),
        after(300.0),
        nothing(),
    ]);
}

#[test]
fn a_store_that_never_answers_does_not_keep_the_session_for_ever() {
    World::with_slow_store().play([
        CLIENT.requests("ep=dev1"),
        within(1.0..=1.0),
        CLIENT.gets_empty_acknowledgement(),
        within(246.0..=246.0),
        CLIENT.ends_after(Outcome::Internal, &[]),
        running(0),
        store_answers(device(provision())),
        nothing(),
    ]);
}

#[test]
fn a_client_that_goes_while_the_store_is_asked_is_forgotten() {
    World::with_slow_store().play([
        CLIENT.requests("ep=dev1"),
        CLIENT.disconnects(),
        CLIENT.ends(Outcome::ConnectionLost, "during the look-up"),
        store_answers(device(provision())),
        nothing(),
        running(0),
    ]);
}

#[test]
fn the_answer_of_the_store_to_a_superseded_request_is_not_taken_for_the_new_one() {
    World::with_slow_store().play([
        CLIENT.requests("ep=dev1"),
        CLIENT.requests("ep=dev1"),
        CLIENT.ends(Outcome::Superseded, "a new Bootstrap-Request"),
        store_answers(Lookup::Unknown),
        nothing(),
        store_answers(device(provision())),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
    ]);
}
