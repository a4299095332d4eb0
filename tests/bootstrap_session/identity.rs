//! Who is refused, with which code or with silence (spec sheet `bootstrap.md`, section 4; design, section 4).

use bootstrapd::bootstrap::{Limits, ListenerPolicy, Lookup, LookupKey, Outcome};
use bootstrapd::coap::Code;

use crate::support::fixtures::*;
use crate::support::script::*;
use crate::support::world::{World, over_udp, policy};

/// A request with these queries that is answered so and ends so, after so many look-ups.
fn refused(
    mut world: World,
    queries: &'static str,
    code: Code,
    outcome: Outcome,
    reason: &'static str,
    lookups: usize,
) {
    world.play([
        CLIENT.requests(queries),
        CLIENT.gets(code),
        CLIENT.ends(outcome, reason),
        looked_up(lookups),
        running(0),
        after(300.0),
        nothing(),
    ]);
}

#[test]
fn a_name_that_does_not_belong_to_the_proven_identity_is_refused() {
    let reason = "calls itself `dev2`, but the identity that it proved belongs to `dev1`";
    let world = World::with(device(provision()));
    refused(world, "ep=dev2", Code::BAD_REQUEST, Outcome::RefusedIdentity, reason, 1);
}

#[test]
fn a_client_that_leaves_its_name_out_is_known_by_its_identity() {
    let mut world = World::with(device(provision()));
    world.play([
        CLIENT.requests("pct=112"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.resets(),
        CLIENT.ends_with(|report| assert_eq!(report.endpoint.as_deref(), Some(ENDPOINT))),
    ]);
    assert_eq!(world.lookups, [LookupKey::PskIdentity(IDENTITY.to_vec())]);
}

#[test]
fn a_record_that_is_not_bound_to_the_proven_identity_is_refused() {
    let elsewhere = known(Some(b"another identity"), Ok(provision()));
    refused(World::with(elsewhere), "ep=dev1", Code::BAD_REQUEST, Outcome::RefusedIdentity, "", 1);
}

#[test]
fn over_nosec_a_client_must_say_its_name() {
    let world = World::nosec(device_without_credentials(provision()));
    refused(world, "", Code::BAD_REQUEST, Outcome::RefusedIdentity, "sent no endpoint name", 0);
}

#[test]
fn over_nosec_a_device_with_credentials_is_refused() {
    let world = World::nosec(device(provision()));
    refused(world, "ep=dev1", Code::BAD_REQUEST, Outcome::RefusedIdentity, "must prove them over DTLS", 1);
}

#[test]
fn an_unknown_client_is_refused() {
    let nosec = World::nosec(Lookup::Unknown);
    refused(nosec, "ep=dev1", Code::BAD_REQUEST, Outcome::RefusedUnknown, "on record for the endpoint `dev1`", 1);
    let psk = World::with(Lookup::Unknown);
    let reason = "on record for the PSK identity `identity-of-dev1`";
    refused(psk, "", Code::BAD_REQUEST, Outcome::RefusedUnknown, reason, 1);
}

#[test]
fn keys_do_not_travel_unprotected_unless_the_listener_allows_it() {
    let device = device_without_credentials(provision());
    let reason = "set `insecure_secrets = true` on this listener";
    let world = World::nosec(device.clone());
    refused(world, "ep=dev1", Code::BAD_REQUEST, Outcome::RefusedInsecure, reason, 1);
    let lenient = ListenerPolicy { insecure_secrets: true, ..policy() };
    World::built(Some(device), lenient, Limits::default()).client(over_udp(1)).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
        CLIENT.says(Code::METHOD_NOT_ALLOWED),
        CLIENT.is_deleted("/0"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_deleted("/1"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_written_with("/0/2", TLV, first_security()),
    ]);
}

#[test]
fn what_the_operator_got_wrong_meets_silence() {
    let broken = known(Some(IDENTITY), Err("The profile `default` names no server account.".to_owned()));
    World::with(broken).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.ends_after(Outcome::InvalidProvision, &[]),
        CLIENT.repeats(),
        nothing(),
        CLIENT.requests("ep=dev1"),
        CLIENT.ends(Outcome::InvalidProvision, "names no server account"),
    ]);
}

#[test]
fn a_store_out_of_order_meets_silence_and_the_repeated_request_is_looked_at_again() {
    World::with(Lookup::Unavailable("The database is locked.".to_owned())).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.ends(Outcome::Internal, "The database is locked."),
        CLIENT.repeats(),
        CLIENT.ends(Outcome::Internal, "The database is locked."),
        looked_up(2),
        store_now_says(device(provision())),
        CLIENT.repeats(),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_discovered(),
    ]);
}

#[test]
fn queries_that_cannot_be_served_are_refused_before_anybody_is_asked() {
    let (format, bad) = (Code::UNSUPPORTED_CONTENT_FORMAT, Code::BAD_REQUEST);
    let table = [
        ("ep=dev1&pct=999", format, "content format 999 of `pct`"),
        ("ep=dev1&pct=70000", format, "content format 70000 of `pct`"),
        ("ep=dev1&pct=11543", format, "content format 11543 of `pct`"),
        ("ep=dev1&pct=0", format, "content format 0 of `pct`"),
        ("ep=dev1&pct=40", format, "content format 40 of `pct`"),
        ("ep=dev1&pct=abc", bad, "`pct` must be the number"),
        ("ep=dev1&pct=", bad, "`pct` must be the number"),
        ("ep=dev1&pct=+112", bad, "`pct` must be the number"),
        ("ep=dev1&pct=99999999999", bad, "`pct` must be the number"),
        ("ep=dev1&pct=112&pct=110", bad, "`pct` occurs more than once"),
        ("ep=dev1&ep=dev1", bad, "`ep` occurs more than once"),
        ("ep=", bad, "the endpoint name in `ep` is empty"),
    ];
    for (queries, code, reason) in table {
        refused(World::with(device(provision())), queries, code, Outcome::RefusedFormat, reason, 0);
    }
}

#[test]
fn a_query_that_is_no_text_is_refused() {
    World::with(device(provision())).play([
        CLIENT.sends_request("no UTF-8", |message| message.options.add(15, b"ep=\xff\xfe").unwrap()),
        CLIENT.gets(Code::BAD_REQUEST),
        CLIENT.ends(Outcome::RefusedFormat, "is not UTF-8"),
    ]);
}

#[test]
fn the_report_of_an_unreadable_request_still_says_what_the_client_called_itself() {
    World::with(device(provision())).play([
        CLIENT.requests("pct=999&ep=dev\n1"),
        CLIENT.gets(Code::UNSUPPORTED_CONTENT_FORMAT),
        CLIENT.ends_with(|report| assert_eq!(report.endpoint.as_deref(), Some("dev\\n1"))),
    ]);
}
