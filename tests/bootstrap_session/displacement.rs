//! One device, several requests: who takes the place of whom (spec sheet `bootstrap.md`, section 4; NoSec by the
//! design's own rule: only the same address and port displaces).

use std::time::Instant;

use bootstrapd::bootstrap::{CoapEndpoint, Limits, Lookup, Origin, Outcome, Output, Server};
use bootstrapd::coap::{Code, Message, Token};
use bootstrapd::peer::Peer;
use bootstrapd::route::Route;

use super::beginnings::*;
use crate::support::fixtures::*;
use crate::support::script::*;
use crate::support::world::{World, over_dtls, over_udp, policy};

fn open_device() -> bootstrapd::bootstrap::Lookup {
    device_without_credentials(provision_with(|provision| provision.accounts = vec![second_account()]))
}

#[test]
fn a_new_request_of_the_same_client_supersedes_its_session_and_is_served() {
    World::with(device(provision()))
        .play(up_to_security())
        .play([
            CLIENT.requests("ep=dev1"),
            CLIENT.ends_after(
                Outcome::Superseded,
                &["Bootstrap-Request 2.04", "Bootstrap-Discover / 2.05", "Bootstrap-Write /0/1 -"],
            ),
            CLIENT.gets(Code::CHANGED),
            CLIENT.is_discovered(),
            running(1),
            CLIENT.answers(Code::CONTENT, FRESH),
            CLIENT.is_written("/0/1", TLV),
        ])
        .play(rest_of_a_fresh_client());
}

#[test]
fn answers_to_the_superseded_session_do_not_reach_the_new_one() {
    World::with(device(provision())).play(up_to_finish()).play([
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "taken everything"),
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.answers_wrongly("the answer to the old Finish", |message| message.id = message.id.wrapping_sub(1)),
        nothing(),
    ]);
}

#[test]
fn the_same_identity_on_a_new_association_supersedes_the_session_on_the_old_one() {
    World::with(device(provision())).client(over_dtls(2)).play(up_to_security()).play([
        OTHER.requests("ep=dev1"),
        CLIENT.ends(Outcome::Superseded, "a new Bootstrap-Request"),
        OTHER.gets(Code::CHANGED),
        OTHER.is_discovered(),
        running(1),
        // The old association is told nothing more, and what it says matters to nobody.
        CLIENT.answers_wrongly("2.04", |_| {}),
        nothing(),
        CLIENT.disconnects(),
        nothing(),
        OTHER.answers(Code::CONTENT, FRESH),
        OTHER.is_written("/0/1", TLV),
    ]);
}

#[test]
fn over_nosec_another_address_does_not_displace_a_session() {
    let mut world = World::nosec(open_device()).client(over_udp(2));
    world.play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        OTHER.requests("ep=dev1"),
        nothing(),
        running(1),
        CLIENT.answers(Code::CONTENT, FRESH),
        CLIENT.is_written("/0/1", TLV),
        CLIENT.resets(),
        CLIENT.ends(Outcome::Reset, ""),
        // Its repetition is looked at again, now that the way is free.
        OTHER.repeats(),
        OTHER.gets(Code::CHANGED),
        OTHER.is_discovered(),
    ]);
    assert_eq!(world.server.statistics().ignored_requests, 1);
}

#[test]
fn over_nosec_the_same_address_and_port_displaces_its_session() {
    World::nosec(open_device()).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.requests("ep=dev1"),
        CLIENT.ends(Outcome::Superseded, "a new Bootstrap-Request"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        running(1),
    ]);
}

#[test]
fn beyond_the_limit_of_sessions_new_clients_meet_silence_and_running_ones_may_begin_again() {
    let limits = Limits { sessions: 1, ..Limits::default() };
    let mut world = World::built(Some(device(provision())), policy(), limits).client(over_dtls(1)).client(over_dtls(2));
    world.play(up_to_discover()).play([
        OTHER.requests("ep=dev1"),
        nothing(),
        CLIENT.requests("ep=dev1"),
        CLIENT.ends(Outcome::Superseded, "a new Bootstrap-Request"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        // What it sends again changes nothing: it is not acknowledged, and keeps its place.
        OTHER.repeats(),
        nothing(),
        CLIENT.resets(),
        CLIENT.ends(Outcome::Reset, "with Reset"),
        OTHER.gets(Code::CHANGED),
        OTHER.is_discovered(),
    ]);
    let statistics = world.server.statistics();
    assert_eq!((statistics.ignored_requests, statistics.queued, statistics.dropped_from_queue), (0, 1, 0));
    assert_eq!(world.server.waiting(), 0);
}

#[test]
fn whoever_may_have_given_up_in_the_queue_is_not_served_and_its_repetition_is_looked_at_again() {
    let limits = Limits { sessions: 1, ..Limits::default() };
    let mut world = World::built(Some(device(provision())), policy(), limits).client(over_dtls(1)).client(over_dtls(2));
    world.play(up_to_discover());
    world.play([OTHER.requests("ep=dev1"), nothing()]);
    // The first client says nothing more, and its session ends after 62 to 93 s.
    while world.server.running() > 0 {
        world.pass(std::time::Duration::from_secs(1));
    }
    world.outputs.clear();
    assert_eq!((world.server.waiting(), world.server.statistics().dropped_from_queue), (0, 1));
    world.play([OTHER.repeats(), OTHER.gets(Code::CHANGED), OTHER.is_discovered()]);
}

#[test]
fn a_client_that_bootstraps_in_a_loop_meets_silence_for_a_while_and_is_served_again() {
    let limits = Limits { loop_sessions: 2, ..Limits::default() };
    let mut world = World::built(Some(device(provision())), policy(), limits).client(over_dtls(1)).client(over_dtls(2));
    for told in ["does not know of this bootstrap.", "The client bootstraps in a loop, 2 times in 0 s"] {
        world.play([
            CLIENT.requests("ep=dev1"),
            CLIENT.gets(Code::CHANGED),
            CLIENT.is_discovered(),
            CLIENT.resets(),
            CLIENT.ends(Outcome::Reset, told),
        ]);
    }
    // On another association too, for it proves the same.
    world.play([CLIENT.requests("ep=dev1"), nothing(), OTHER.requests("ep=dev1"), nothing(), running(0)]);
    assert_eq!((world.server.statistics().slowed_down, world.server.statistics().ignored_requests), (2, 0));
    let now = std::time::Instant::now();
    let looping: Vec<_> = world.server.looping_clients(now).collect();
    assert_eq!(looping.iter().map(|it| (it.endpoint.as_str(), it.sessions)).collect::<Vec<_>>(), [("dev1", 2)]);
    world.pass(std::time::Duration::from_secs(16));
    world.play([OTHER.repeats(), OTHER.gets(Code::CHANGED), OTHER.is_discovered()]);
}

#[test]
fn strangers_who_claim_a_name_do_not_slow_down_whom_it_belongs_to() {
    let limits = Limits { loop_sessions: 1, ..Limits::default() };
    let mut world = World::built(Some(open_device()), policy(), limits).client(over_udp(1)).client(over_udp(2));
    // The other has an address of its own, and so a count of its own.
    world.clients[1].route = Route::to(([198, 51, 100, 2], 40000).into());
    world.play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.resets(),
        CLIENT.ends(Outcome::Reset, ""),
        CLIENT.requests("ep=dev1"),
        nothing(),
        OTHER.requests("ep=dev1"),
        OTHER.gets(Code::CHANGED),
        OTHER.is_discovered(),
    ]);
    assert_eq!(world.server.statistics().slowed_down, 1);
}

#[test]
fn a_draining_server_serves_who_is_running_and_meets_others_with_silence() {
    World::with(device(provision())).client(over_dtls(2)).play(up_to_security()).play(
        [drains(), OTHER.requests("ep=dev1"), nothing(), CLIENT.repeats_its_request(), CLIENT.gets(Code::CHANGED)]
            .into_iter()
            .chain(rest_of_a_fresh_client())
            .chain([CLIENT.requests("ep=dev1"), nothing(), running(0)]),
    );
}

/// Two sessions with one client at the same time, which the script's trace of a client cannot tell apart.
#[test]
fn a_request_that_is_refused_leaves_the_running_session_alone() {
    let (now, route) = (Instant::now(), Route::to(([192, 0, 2, 1], 5684).into()));
    let mut server = Server::new(vec![policy()], Limits::default(), [1; 32]);
    let origin = Origin {
        endpoint: CoapEndpoint::Association { listener: 0, number: 1 },
        route,
        peer: &Peer::PskIdentity(IDENTITY.to_vec()),
        largest_message: None,
    };
    let mut asks = |id: u16, queries: &[&str], lookup: Lookup| {
        let mut request = Message::request(Code::POST, id, Token::EMPTY);
        request.add_uri_path("bs").unwrap();
        queries.iter().for_each(|query| request.add_uri_query(query).unwrap());
        server.handle_datagram(now, origin, &request.encode());
        let (mut outcomes, mut lookup) = (Vec::new(), Some(lookup));
        while let Some(output) = server.poll_output() {
            match output {
                Output::Resolve { session, .. } => drop(server.handle_lookup(now, session, lookup.take().unwrap())),
                Output::Ended { report, .. } => outcomes.push(report.outcome),
                Output::Issue { .. } | Output::Datagram { .. } => {}
            }
        }
        (outcomes, server.running())
    };
    assert_eq!(asks(1, &["ep=dev1"], device(provision())), (vec![], 1));
    assert_eq!(asks(2, &["ep=dev1", "pct=zz"], device(provision())), (vec![Outcome::RefusedFormat], 1));
    assert_eq!(asks(3, &["ep=dev2"], device(provision())), (vec![Outcome::RefusedIdentity], 1));
    assert_eq!(asks(4, &["ep=dev1"], Lookup::Unavailable(String::new())), (vec![Outcome::Internal], 1));
    assert_eq!(asks(5, &["ep=dev1"], device(provision())), (vec![Outcome::Superseded], 1));
}

#[test]
fn credentials_that_have_changed_since_the_handshake_prove_nothing() {
    World::with(Lookup::Outdated).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::BAD_REQUEST),
        CLIENT.ends(Outcome::RefusedIdentity, "changed or removed since"),
    ]);
}
