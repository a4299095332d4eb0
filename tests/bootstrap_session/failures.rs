//! What each answer, Reset, silence and loss means at each operation (spec sheet `bootstrap.md`, sections 9, 10, 13
//! and 17).

use bootstrapd::bootstrap::Outcome::{self, *};
use bootstrapd::coap::Code;

use super::beginnings::*;
use crate::support::fixtures::*;
use crate::support::script::*;
use crate::support::world::World;

fn played(beginning: Vec<Step>, end: impl IntoIterator<Item = Step>) {
    World::with(device(provision())).play(beginning.into_iter().chain(end)).play([running(0)]);
}

/// The steps that lead up to an operation.
type Beginning = fn() -> Vec<Step>;

/// The operations of a session, as the steps that lead up to each.
fn operations() -> [(&'static str, Beginning); 5] {
    [
        ("Bootstrap-Discover /", up_to_discover),
        ("Bootstrap-Delete /0", up_to_delete),
        ("Bootstrap-Write /0/1", up_to_security),
        ("Bootstrap-Write /1/0", up_to_server),
        ("Bootstrap-Finish", up_to_finish),
    ]
}

#[test]
fn a_reset_to_any_operation_ends_the_session() {
    for (operation, beginning) in operations() {
        played(
            beginning(),
            [
                CLIENT.resets(),
                CLIENT.ends_with(move |report| {
                    assert_eq!(report.outcome, Reset);
                    assert!(report.reason.contains(&format!("answered {operation} with Reset")), "{}", report.reason);
                }),
            ],
        );
    }
}

#[test]
fn silence_at_any_operation_ends_the_session_after_five_transmissions() {
    for (operation, beginning) in operations() {
        let mut end = Vec::new();
        for seconds in [2.0, 4.0, 8.0, 16.0] {
            end.extend([within(seconds..=seconds * 1.5), CLIENT.is_asked_again()]);
        }
        end.push(within(32.0..=48.0));
        let (outcome, reason) = match operation {
            "Bootstrap-Finish" => (ProbablyCompleted, "Finish was not answered".to_owned()),
            _ => (TimedOut, format!("{operation}: the client did not answer")),
        };
        end.push(CLIENT.ends_with(move |report| {
            assert_eq!(report.outcome, outcome);
            assert!(report.reason.contains(&reason), "{}", report.reason);
            assert_eq!(report.steps.last().unwrap().operation, operation);
        }));
        played(beginning(), end);
    }
}

#[test]
fn a_lost_connection_at_any_operation_ends_the_session() {
    for (operation, beginning) in operations() {
        let (outcome, reason) = match operation {
            "Bootstrap-Finish" => (ProbablyCompleted, "before the answer to Finish".to_owned()),
            _ => (ConnectionLost, format!("ended during {operation}.")),
        };
        let end = CLIENT.ends_with(move |report| {
            assert_eq!(report.outcome, outcome);
            assert!(report.reason.contains(&reason), "{}", report.reason);
            assert_eq!(report.steps.last().unwrap().operation, operation);
        });
        played(beginning(), [CLIENT.disconnects(), end, after(300.0), nothing()]);
    }
}

#[test]
fn errors_to_delete_are_fatal_from_5_00_on() {
    let end = CLIENT.ends(DeleteFailed, "answered Bootstrap-Delete /0 with 5.00");
    played(up_to_delete(), [CLIENT.says(Code::INTERNAL_SERVER_ERROR), end]);
    World::with(device(provision())).play(up_to_delete()).play([
        CLIENT.says(Code::BAD_REQUEST),
        CLIENT.is_deleted("/1"),
        CLIENT.says(Code::NOT_FOUND),
        CLIENT.is_written("/0/1", TLV),
    ]);
}

#[test]
fn any_error_to_a_write_ends_the_session_without_finish() {
    let errors = [
        (Code::BAD_REQUEST, "4.00"),
        (Code::NOT_FOUND, "4.04"),
        (Code::NOT_ACCEPTABLE, "4.06"),
        (Code::INTERNAL_SERVER_ERROR, "5.00"),
        (Code::SERVICE_UNAVAILABLE, "5.03"),
        (Code::from_byte(0x60), "3.00"),
    ];
    for (code, text) in errors {
        for (beginning, path) in [(up_to_security as Beginning, "/0/1"), (up_to_server, "/1/0")] {
            let end = CLIENT.ends_with(move |report| {
                let reason = format!("answered Bootstrap-Write {path} with {text}; Finish was not sent.");
                assert_eq!(report.outcome, WriteFailed);
                assert!(report.reason.ends_with(&reason), "{}", report.reason);
            });
            played(beginning(), [CLIENT.says(code), end, after(300.0), nothing()]);
        }
    }
}

#[test]
fn the_reason_quotes_the_clients_own_words_made_harmless() {
    let end = CLIENT.ends(WriteFailed, "with 4.00 (bad \\u{1b}[31m resource); Finish was not sent");
    played(up_to_security(), [CLIENT.answers(Code::BAD_REQUEST, "bad \u{1b}[31m resource"), end]);
}

#[test]
fn any_error_to_finish_is_a_rejection() {
    for code in [Code::BAD_REQUEST, Code::INTERNAL_SERVER_ERROR] {
        played(up_to_finish(), [CLIENT.says(code), CLIENT.ends(FinishRejected, "answered Finish with")]);
    }
}

/// A client that is just alive: it announces each answer, and answers ninety seconds later.
fn drags(outstanding: Outcome) -> Vec<Step> {
    let slowly = |code| [CLIENT.acknowledges(), after(90.0), CLIENT.answers_separately(code), CLIENT.is_acknowledged()];
    let mut steps = up_to_delete();
    steps.extend(slowly(Code::DELETED));
    steps.push(CLIENT.is_deleted("/1"));
    steps.extend(slowly(Code::DELETED));
    steps.push(CLIENT.is_written("/0/1", TLV));
    if outstanding == ProbablyCompleted {
        steps.extend([CLIENT.says(Code::CHANGED), CLIENT.is_written("/1/0", TLV)]);
        steps.extend([CLIENT.says(Code::CHANGED), CLIENT.is_finished()]);
    }
    steps.push(CLIENT.acknowledges());
    steps
}

#[test]
fn a_whole_session_ends_247_seconds_after_its_2_04() {
    played(drags(TimedOut), [within(67.0..=67.0), CLIENT.ends(TimedOut, "took longer than the 247 seconds")]);
    let probably = CLIENT.ends(ProbablyCompleted, "Finish was not answered");
    played(drags(ProbablyCompleted), [within(67.0..=67.0), probably]);
}
