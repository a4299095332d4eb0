//! Clients with a connection id that change their address in the middle of a session (RFC 9146, section 6): the session
//! goes on, and tells where they are and where they were.

use bootstrapd::bootstrap::{Limits, Outcome};
use bootstrapd::coap::Code;

use super::beginnings::up_to_discover;
use crate::support::fixtures::*;
use crate::support::script::*;
use crate::support::world::{World, over_dtls, policy};

#[test]
fn a_report_tells_where_the_client_is_where_it_was_and_during_which_operations_it_moved() {
    World::with(device(provision())).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.moves_to_port(1001),
        CLIENT.moves_to_port(1002),
        CLIENT.answers(Code::CONTENT, "</>;lwm2m=1.1,</0/0>,</1>,</3/0>"),
        CLIENT.is_written("/0/1", TLV),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written("/1/0", TLV),
        CLIENT.moves_to_port(1003),
        running(1),
        CLIENT.resets(),
        CLIENT.ends_with(|report| {
            assert_eq!((report.outcome, report.remote.as_str()), (Outcome::Reset, "192.0.2.1:1003"));
            assert_eq!(report.moved_from.as_deref(), Some("192.0.2.1:5683"));
            let moves: Vec<_> =
                report.steps.iter().map(|step| (step.operation.as_str(), step.note.as_deref())).collect();
            let expected = [
                ("Bootstrap-Request", None),
                ("Bootstrap-Discover /", Some("the client moved to 192.0.2.1:1002")),
                ("Bootstrap-Write /0/1", None),
                ("Bootstrap-Write /1/0", Some("the client moved to 192.0.2.1:1003; The client answered with Reset.")),
            ];
            assert_eq!(moves, expected);
        }),
    ]);
}

#[test]
fn a_client_that_stays_is_not_said_to_have_moved() {
    World::with(device(provision())).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.resets(),
        CLIENT.ends_with(|report| {
            assert_eq!((report.remote.as_str(), report.moved_from.as_deref()), ("192.0.2.1:5683", None));
            let notes: Vec<_> = report.steps.iter().map(|step| step.note.as_deref()).collect();
            assert_eq!(notes, [None, Some("The client answered with Reset.")]);
        }),
    ]);
}

#[test]
fn a_client_that_moves_while_it_waits_for_its_turn_is_said_to_have_moved() {
    let limits = Limits { sessions: 1, ..Limits::default() };
    let mut world = World::built(Some(device(provision())), policy(), limits).client(over_dtls(1)).client(over_dtls(2));
    world.play(up_to_discover()).play([
        OTHER.requests("ep=dev1"),
        OTHER.moves_to_port(1001),
        OTHER.repeats(),
        nothing(),
        CLIENT.resets(),
        CLIENT.ends(Outcome::Reset, "with Reset"),
        OTHER.gets(Code::CHANGED),
        OTHER.is_discovered(),
        OTHER.resets(),
        OTHER.ends_with(|report| {
            assert_eq!(
                (report.remote.as_str(), report.moved_from.as_deref()),
                ("192.0.2.2:1001", Some("192.0.2.2:5683"))
            );
            assert_eq!(report.steps[0].note.as_deref(), Some("the client moved to 192.0.2.2:1001"));
        }),
    ]);
}
