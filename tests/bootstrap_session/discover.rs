//! What Discover finds decides what is deleted and where our instances go (spec sheet `bootstrap.md`, sections 6, 8
//! and 9): the client's bootstrap account is never written over and never deleted.

use bootstrapd::bootstrap::Outcome;
use bootstrapd::coap::{BlockOption, Code};
use bootstrapd::provision::{Discover, Provision};

use super::beginnings::up_to_discover;
use crate::support::fixtures::*;
use crate::support::script::{CLIENT, Step};
use crate::support::world::World;

/// After this Discover answer the device is given this provision by these requests, each answered by success.
fn given(change: impl FnOnce(&mut Provision), answer: Step, deletes: &[&'static str], writes: &[&'static str]) {
    let mut world = World::with(device(provision_with(change)));
    world.play(up_to_discover().into_iter().chain([answer]).chain(operations(deletes, writes)));
}

fn operations(deletes: &[&'static str], writes: &[&'static str]) -> Vec<Step> {
    let mut steps = Vec::new();
    for path in deletes {
        steps.extend([CLIENT.is_deleted(path), CLIENT.says(Code::DELETED)]);
    }
    for path in writes {
        steps.extend([CLIENT.is_written(path, TLV), CLIENT.says(Code::CHANGED)]);
    }
    steps.extend([CLIENT.is_finished(), CLIENT.says(Code::CHANGED)]);
    steps.push(CLIENT.ends(Outcome::Completed, "taken everything"));
    steps
}

fn has(links: &'static str) -> Step {
    CLIENT.answers(Code::CONTENT, links)
}

#[test]
fn a_client_that_has_nothing_is_not_deleted_anything() {
    given(|_| {}, has("</>;lwm2m=1.1,</0/0>,</1>,</3/0>"), &[], &["/0/1", "/1/0"]);
}

#[test]
fn stale_accounts_are_deleted_first() {
    let stale = "</>;lwm2m=1.1,</0/0>,</0/3>;ssid=7,</1/2>;ssid=7,</3/0>";
    given(|_| {}, has(stale), &["/0", "/1"], &["/0/1", "/1/0"]);
    let only_server = "</>;lwm2m=1.1,</0/0>,</1/2>;ssid=7,</3/0>";
    given(|_| {}, has(only_server), &["/1"], &["/0/1", "/1/0"]);
}

#[test]
fn a_refused_delete_is_no_obstacle() {
    let mut world = World::with(device(provision()));
    world.play(up_to_discover()).play(
        [
            has("</>;lwm2m=1.1,</0/0>,</0/3>;ssid=7,</1/2>;ssid=7"),
            CLIENT.is_deleted("/0"),
            CLIENT.says(Code::METHOD_NOT_ALLOWED),
            CLIENT.is_deleted("/1"),
            CLIENT.answers(Code::BAD_REQUEST, "no"),
        ]
        .into_iter()
        .chain(operations(&[], &["/0/1", "/1/0"])),
    );
}

#[test]
fn the_bootstrap_account_is_written_around_wherever_it_lies() {
    let two = |provision: &mut Provision| provision.accounts.push(second_account());
    given(two, has("</0/0>,</1>"), &[], &["/0/1", "/1/0", "/0/2", "/1/1"]);
    given(two, has("</0/1>,</1>"), &[], &["/0/0", "/1/0", "/0/2", "/1/1"]);
    given(two, has("</0/2>,</1>"), &[], &["/0/0", "/1/0", "/0/1", "/1/1"]);
}

#[test]
fn where_several_instances_may_be_the_bootstrap_account_none_of_them_is_touched() {
    given(|_| {}, has("</0/0>,</0/1>,</1>"), &["/0"], &["/0/2", "/1/2"]);
    given(|_| {}, has("</0/2>,</0/0>,</0/4>;ssid=7,</1>"), &["/0"], &["/0/3", "/1/2"]);
}

#[test]
fn a_client_that_shows_no_security_instance_at_all_is_given_safe_ids() {
    given(|_| {}, has("</>;lwm2m=1.1,</3/0>"), &[], &["/0/2", "/1/2"]);
}

#[test]
fn the_place_that_the_profile_states_is_spared_besides_what_discover_shows() {
    let stated = |provision: &mut Provision| provision.writing.bootstrap_account_instance = Some(1);
    given(stated, has("</0/0>,</1>"), &[], &["/0/2", "/1/0"]);
    given(stated, has("</0/1>;ssid=101,</1>"), &["/0"], &["/0/0", "/1/0"]);
}

#[test]
fn an_account_of_the_same_ssid_keeps_its_instances() {
    let answer = has("</0/0>,</0/5>;ssid=101,</1/9>;ssid=101");
    given(|_| {}, answer, &["/0", "/1"], &["/0/5", "/1/9"]);
}

#[test]
fn where_nothing_is_to_be_deleted_other_accounts_are_kept() {
    let keep = |provision: &mut Provision| {
        provision.accounts.push(second_account());
        provision.writing.delete = Vec::new();
    };
    let answer = has("</0/1>,</0/0>;ssid=7,</0/2>;ssid=102,</1/0>;ssid=7,</1/1>;ssid=102");
    given(keep, answer, &[], &["/0/3", "/1/2", "/0/2", "/1/1", "/2/0", "/2/1", "/2/2"]);
}

#[test]
fn a_refused_discover_is_done_without_at_instances_from_2() {
    for code in [Code::BAD_REQUEST, Code::NOT_FOUND, Code::METHOD_NOT_ALLOWED, Code::SERVICE_UNAVAILABLE] {
        given(|_| {}, CLIENT.says(code), &["/0", "/1"], &["/0/2", "/1/2"]);
        let stated = |provision: &mut Provision| provision.writing.bootstrap_account_instance = Some(0);
        given(stated, CLIENT.says(code), &["/0", "/1"], &["/0/1", "/1/0"]);
    }
}

#[test]
fn an_unreadable_discover_answer_is_done_without() {
    for links in ["</0/0>;ssid=x", "</0/0", "</0/0>;uri=\"x"] {
        given(|_| {}, has(links), &["/0", "/1"], &["/0/2", "/1/2"]);
    }
}

#[test]
fn the_report_notes_that_discover_was_done_without() {
    let mut world = World::with(device(provision()));
    world.play(up_to_discover()).play([
        CLIENT.answers(Code::METHOD_NOT_ALLOWED, "not\nhere"),
        CLIENT.is_deleted("/0"),
        CLIENT.resets(),
        CLIENT.ends_with(|report| {
            let note = "not\\nhere; going on without knowing what the client has";
            assert_eq!(report.steps[1].note.as_deref(), Some(note));
        }),
    ]);
}

#[test]
fn a_profile_that_does_not_ask_writes_at_once() {
    let mut world = World::with(device(provision_with(|it| it.writing.discover = Discover::Never)));
    world.play(
        [CLIENT.requests("ep=dev1"), CLIENT.gets(Code::CHANGED)]
            .into_iter()
            .chain(operations(&["/0", "/1"], &["/0/2", "/1/2"])),
    );
    let mut world = World::with(device(provision_with(|it| {
        it.writing.discover = Discover::Never;
        it.writing.delete = Vec::new();
        it.writing.bootstrap_account_instance = Some(0);
    })));
    world.play(
        [CLIENT.requests("ep=dev1"), CLIENT.gets(Code::CHANGED)].into_iter().chain(operations(&[], &["/0/1", "/1/0"])),
    );
}

#[test]
fn a_profile_that_insists_on_discover_ends_with_its_refusal() {
    let insisting = || device(provision_with(|provision| provision.writing.discover = Discover::Always));
    let unreadable = "cannot be read: a link has no end. The profile insists";
    let end = [has("</0/0"), CLIENT.ends(Outcome::DiscoverFailed, unreadable)];
    World::with(insisting()).play(up_to_discover().into_iter().chain(end));
    let refused = "answered Bootstrap-Discover /0 with 4.05. The profile insists";
    World::with(insisting()).play(up_to_discover()).play([
        CLIENT.says(Code::METHOD_NOT_ALLOWED),
        CLIENT.is_discovered_at("/0"),
        CLIENT.says(Code::METHOD_NOT_ALLOWED),
        CLIENT.ends(Outcome::DiscoverFailed, refused),
    ]);
    let answered = [has("</0/0>"), CLIENT.is_written("/0/1", TLV)];
    World::with(insisting()).play(up_to_discover().into_iter().chain(answered));
}

#[test]
fn an_answer_in_blocks_is_fetched_whole() {
    World::with(device(provision())).play(up_to_discover()).play(
        [
            CLIENT.answers_block(0, true, b"v1", "</>;lwm2m=1.1,</"),
            CLIENT.is_asked_for_block(1),
            CLIENT.answers_block(1, true, b"v1", "0/0>,</0/3>;ssid"),
            CLIENT.is_asked_for_block(2),
            CLIENT.answers_block(2, false, b"v1", "=7,</1/0>"),
        ]
        .into_iter()
        .chain(operations(&["/0", "/1"], &["/0/1", "/1/0"])),
    );
}

#[test]
fn blocks_that_do_not_fit_together_end_the_session() {
    let first = || CLIENT.answers_block(0, true, b"v1", "</>;lwm2m=1.1,</");
    for (second, reason) in [
        (CLIENT.answers_block(1, false, b"v2", "0/0>"), "ETag changed"),
        (CLIENT.answers_block(2, false, b"v1", "0/0>"), "block is not the next one"),
        (CLIENT.answers_block(1, true, b"v1", "0/0>"), "not as long as it says"),
        (has("</0/0>"), "without Block2"),
        (
            CLIENT.answers_with(Code::CONTENT, |message| {
                message.set_block2(BlockOption::new(1, false, 1).unwrap());
                message.set_etag(b"v1").unwrap();
            }),
            "block size grew",
        ),
    ] {
        let end = [first(), CLIENT.is_asked_for_block(1), second, CLIENT.ends(Outcome::DiscoverFailed, reason)];
        World::with(device(provision())).play(up_to_discover().into_iter().chain(end));
    }
}

#[test]
fn an_answer_in_which_nothing_is_named_tells_nothing() {
    for said in ["garbage\"<\"", "<0/0>,<1/0>", "</>;lwm2m=1.1"] {
        World::with(device(provision())).play(up_to_discover()).play([
            has(said),
            CLIENT.is_deleted("/0"),
            CLIENT.says(Code::DELETED),
            CLIENT.is_deleted("/1"),
        ]);
    }
}
