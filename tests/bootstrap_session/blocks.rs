//! Writes that do not fit one message: in blocks, and in smaller writes for clients without blocks (RFC 7959; spec sheet
//! `transport.md`, section 2).

use bootstrapd::bootstrap::{Lookup, Outcome};
use bootstrapd::coap::Code;
use bootstrapd::lwm2m::{ObjectInstance, Resource, Value};
use bootstrapd::provision::{AccountCredentials, ClientKnowledge, Discover, Provision};
use bootstrapd::secret::Secret;

use super::beginnings::{FRESH, up_to_discover};
use crate::support::fixtures::*;
use crate::support::script::{CLIENT, Step};
use crate::support::world::World;

/// An account with certificates: the Security Object instance has some 2,600 bytes.
fn certified() -> Provision {
    provision_with(|provision| {
        provision.accounts[0].credentials = AccountCredentials::Certificate {
            client: vec![1; 1500],
            server: vec![2; 900],
            private_key: Secret::from(vec![3; 121]),
        };
    })
}

fn certificate_device() -> Lookup {
    device(certified())
}

fn begun() -> Vec<Step> {
    let mut steps = up_to_discover();
    steps.push(CLIENT.answers(Code::CONTENT, FRESH));
    steps
}

/// Bytes of the Security Object instance in TLV.
const LENGTH: usize = 2571;

fn rest() -> [Step; 4] {
    [CLIENT.is_written("/1/0", TLV), CLIENT.says(Code::CHANGED), CLIENT.is_finished(), CLIENT.says(Code::CHANGED)]
}

/// What the only session has taught.
fn learned(world: &mut World) -> ClientKnowledge {
    world.learned.pop().flatten().expect("something was learned")
}

#[test]
fn a_large_write_goes_in_blocks_and_the_report_tells_of_it_once() {
    let mut world = World::with(certificate_device());
    world.play(begun()).play([
        CLIENT.is_written_block("/0/1", (0, true, 6), 1024),
        CLIENT.takes_block(Code::CONTINUE, (0, true, 6)),
        CLIENT.is_written_block("/0/1", (1, true, 6), 1024),
        CLIENT.takes_block(Code::CONTINUE, (1, true, 6)),
        CLIENT.is_written_block("/0/1", (2, false, 6), LENGTH - 2048),
        CLIENT.takes_block(Code::CHANGED, (2, false, 6)),
    ]);
    world.play(rest()).play([CLIENT.ends_after(
        Outcome::Completed,
        &[
            "Bootstrap-Request 2.04",
            "Bootstrap-Discover / 2.05",
            "Bootstrap-Write /0/1 2.04",
            "Bootstrap-Write /1/0 2.04",
            "Bootstrap-Finish 2.04",
        ],
    )]);
}

#[test]
fn a_client_may_ask_for_smaller_blocks_early_or_late_and_that_is_remembered() {
    let mut world = World::with(certificate_device());
    world
        .play(begun())
        .play([CLIENT.is_written_block("/0/1", (0, true, 6), 1024), CLIENT.takes_block(Code::CONTINUE, (0, true, 2))]);
    for number in 16..LENGTH as u32 / 64 {
        world.play([
            CLIENT.is_written_block("/0/1", (number, true, 2), 64),
            CLIENT.takes_block(Code::CONTINUE, (number, true, 2)),
        ]);
    }
    let last = LENGTH as u32 / 64;
    world
        .play([
            CLIENT.is_written_block("/0/1", (last, false, 2), LENGTH % 64),
            CLIENT.takes_block(Code::CHANGED, (last, false, 2)),
        ])
        .play(rest())
        .play([CLIENT.ends(Outcome::Completed, "everything")]);
    assert_eq!(learned(&mut world).block_size, Some(64));
    let known = ClientKnowledge { block_size: Some(64), ..ClientKnowledge::default() };
    World::with(known_so(certified(), known)).play(begun()).play([CLIENT.is_written_block("/0/1", (0, true, 2), 64)]);
}

#[test]
fn a_4_13_with_a_smaller_size_starts_the_blocks_again() {
    World::with(certificate_device()).play(begun()).play([
        CLIENT.is_written_block("/0/1", (0, true, 6), 1024),
        CLIENT.takes_block(Code::REQUEST_ENTITY_TOO_LARGE, (0, true, 4)),
        CLIENT.is_written_block("/0/1", (0, true, 4), 256),
        CLIENT.takes_block(Code::CONTINUE, (0, true, 4)),
        CLIENT.is_written_block("/0/1", (1, true, 4), 256),
    ]);
}

#[test]
fn a_client_without_blocks_gets_what_is_small_and_each_large_value_raw() {
    let refusals: [fn() -> Step; 4] = [
        || CLIENT.says(Code::BAD_OPTION),
        || CLIENT.says(Code::INTERNAL_SERVER_ERROR),
        || CLIENT.says(Code::BAD_REQUEST),
        || CLIENT.resets(),
    ];
    for refusal in refusals {
        let mut world = World::with(certificate_device());
        world.play(begun()).play([
            CLIENT.is_written_block("/0/1", (0, true, 6), 1024),
            refusal(),
            CLIENT.is_written("/0/1", TLV),
            CLIENT.says(Code::CHANGED),
            // What is still too large by itself goes whole: some clients take large datagrams and no blocks.
            CLIENT.is_written("/0/1/3", OPAQUE),
            CLIENT.says(Code::CHANGED),
            CLIENT.is_written("/0/1/4", OPAQUE),
            CLIENT.says(Code::CHANGED),
            CLIENT.is_written("/0/1/5", OPAQUE),
            CLIENT.says(Code::CHANGED),
        ]);
        world.play(rest()).play([CLIENT.ends(Outcome::Completed, "everything")]);
        assert!(learned(&mut world).refuses_blocks);
    }
}

#[test]
fn a_client_that_finds_a_whole_message_too_large_gets_it_in_blocks() {
    let mut world = World::with(device(provision()));
    world.play(begun()).play([
        CLIENT.is_written("/0/1", TLV),
        CLIENT.takes_block(Code::REQUEST_ENTITY_TOO_LARGE, (0, false, 1)),
        CLIENT.is_written_block("/0/1", (0, true, 1), 32),
        CLIENT.takes_block(Code::CONTINUE, (0, true, 1)),
        CLIENT.is_written_block("/0/1", (1, true, 1), 32),
        CLIENT.takes_block(Code::CONTINUE, (1, true, 1)),
        CLIENT.is_written_block("/0/1", (2, false, 1), 5),
        CLIENT.takes_block(Code::CHANGED, (2, false, 1)),
        CLIENT.is_written("/1/0", TLV),
    ]);
}

#[test]
fn a_client_that_never_tires_of_4_08_is_given_up() {
    let mut world = World::with(certificate_device());
    world.play(begun()).play([
        CLIENT.is_written_block("/0/1", (0, true, 6), 1024),
        CLIENT.says(Code::REQUEST_ENTITY_INCOMPLETE),
        CLIENT.is_written_block("/0/1", (0, true, 6), 1024),
        CLIENT.says(Code::REQUEST_ENTITY_INCOMPLETE),
        CLIENT.is_written("/0/1", TLV),
        CLIENT.says(Code::REQUEST_ENTITY_INCOMPLETE),
        CLIENT.ends(Outcome::WriteFailed, "with 4.08"),
    ]);
}

#[test]
fn a_client_that_begins_again_sees_no_message_id_twice() {
    let mut world = World::with(certificate_device());
    world
        .play(begun())
        .play([CLIENT.is_written_block("/0/1", (0, true, 6), 1024), CLIENT.takes_block(Code::CONTINUE, (0, true, 0))]);
    let mut used = Vec::new();
    for number in 64..150 {
        world.play([CLIENT.is_written_block("/0/1", (number, true, 0), 16)]);
        used.push(world.clients[0].asked.as_ref().expect("a block").id);
        world.play([CLIENT.takes_block(Code::CONTINUE, (number, true, 0))]);
        world.outputs.truncate(usize::from(number < 149));
    }
    world.outputs.clear();
    for _ in 0..2 {
        world.play([CLIENT.requests("ep=dev1")]);
        world.outputs.clear();
        let id = world.clients[0].asked.as_ref().expect("Discover").id;
        assert!(!used.contains(&id), "{id} was used before");
        world.close(0);
        world.outputs.clear();
    }
}

#[test]
fn who_may_have_lied_about_the_address_gets_little_before_it_answers() {
    let open = provision_with(|provision| {
        let resources = vec![Resource::single(1, Value::String("x".repeat(600)))];
        provision.accounts = vec![second_account()];
        provision.writes = vec![(11, ObjectInstance { id: 0, resources })];
        provision.writing.discover = Discover::Never;
        provision.writing.delete = Vec::new();
    });
    World::nosec(device_without_credentials(open)).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_written_block("/11/0", (0, true, 4), 256),
        CLIENT.takes_block(Code::CONTINUE, (0, true, 4)),
        CLIENT.is_written_block("/11/0", (1, true, 4), 256),
    ]);
}
