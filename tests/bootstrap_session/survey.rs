//! What a client is asked before it is written to, and what is not written because it is there already (spec sheet
//! `bootstrap.md`, sections 2, 6, 7 and 10).

use bootstrapd::bootstrap::{Lookup, Outcome};
use bootstrapd::coap::Code;
use bootstrapd::lwm2m::{self, Object, ObjectInstance, Path, Resource};
use bootstrapd::provision::{Discover, Mode};

use super::beginnings::{up_to_discover, up_to_finish};
use crate::support::fixtures::*;
use crate::support::script::{CLIENT, Step};
use crate::support::world::World;

/// A client of 1.1 that was bootstrapped before.
const SEASONED: &str = "</>;lwm2m=1.1,</0/0>,</0/1>;ssid=101,</1/0>;ssid=101,</3/0>";

fn incremental() -> Lookup {
    device(provision_with(|provision| {
        provision.writing.mode = Mode::Incremental;
        provision.writing.delete = Vec::new();
    }))
}

/// The answer to Bootstrap-Read of `/1`: the instance 0 with these resources.
fn holds(resources: Resources) -> Step {
    let resources = resources.into_iter().map(|(id, value)| Resource::single(id, value)).collect();
    let content = [Object { id: 1, instances: vec![ObjectInstance { id: 0, resources }] }];
    let payload = lwm2m::encode(TLV, &Path::Object(1), &content).unwrap();
    CLIENT.answers_with(Code::CONTENT, move |message| {
        message.set_content_format(TLV.number());
        message.payload = payload;
    })
}

/// First Server Object instance with another lifetime, and something of the client's own beside.
fn other_lifetime() -> Resources {
    let mut resources = first_server("U");
    resources[1].1 = bootstrapd::lwm2m::Value::Integer(60);
    resources
}

#[test]
fn an_incremental_bootstrap_writes_no_more_than_the_difference() {
    let begun =
        || up_to_discover().into_iter().chain([CLIENT.answers(Code::CONTENT, SEASONED), CLIENT.is_read("/1", TLV)]);
    // The Security Object cannot be read, so it is written; the Server Object is as it should be.
    World::with(incremental()).play(begun()).play([
        holds(first_server("U")),
        CLIENT.is_written_with("/0/1", TLV, first_security()),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "taken everything"),
    ]);
    World::with(incremental()).play(begun()).play([
        holds(other_lifetime()),
        CLIENT.is_written("/0/1", TLV),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written("/1/0/1", TLV),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
    ]);
}

#[test]
fn what_the_client_will_not_say_is_written() {
    World::with(incremental()).play(up_to_discover()).play([
        CLIENT.answers(Code::CONTENT, SEASONED),
        CLIENT.is_read("/1", TLV),
        CLIENT.says(Code::METHOD_NOT_ALLOWED),
        CLIENT.is_written("/0/1", TLV),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written_with("/1/0", TLV, first_server("U")),
    ]);
    // A client of 1.0 knows no Read, and one without a Server Object instance has nothing to tell.
    for (shown, written) in [("lwm2m=\"1.0\",</0/0>,</0/1>;ssid=101,</1/0>;ssid=101", "/0/1"), ("</0/0>,</1>", "/0/1")]
    {
        World::with(incremental())
            .play(up_to_discover())
            .play([CLIENT.answers(Code::CONTENT, shown), CLIENT.is_written(written, TLV)]);
    }
    World::with(incremental()).play(up_to_discover()).play([
        CLIENT.answers(Code::CONTENT, SEASONED),
        CLIENT.is_read("/1", TLV),
        CLIENT.answers_with(Code::CONTENT, |message| message.payload = b"\xff".to_vec().into()),
        CLIENT.is_written("/0/1", TLV),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written("/1/0", TLV),
    ]);
}

#[test]
fn where_the_root_is_refused_and_the_place_must_be_known_the_objects_are_asked() {
    let insisting = || device(provision_with(|provision| provision.writing.discover = Discover::Always));
    let begun = |server: &'static str| {
        up_to_discover().into_iter().chain([
            CLIENT.says(Code::BAD_REQUEST),
            CLIENT.is_discovered_at("/0"),
            CLIENT.answers(Code::CONTENT, "</>;lwm2m=1.1,</0/1>,</0/0>;ssid=7"),
            CLIENT.is_discovered_at("/1"),
            CLIENT.answers(Code::CONTENT, server),
        ])
    };
    World::with(insisting()).play(begun("</1/0>;ssid=7")).play([
        CLIENT.is_deleted("/0"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_deleted("/1"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_written("/0/0", TLV),
    ]);
    // Of an object that was not asked nobody knows whether it is empty.
    let mut with_firmware = provision_with(|provision| provision.writing.discover = Discover::Always);
    with_firmware.writing.delete = vec![Path::Object(0), Path::Object(1), Path::Object(5)];
    World::with(device(with_firmware)).play(begun("</1>")).play([
        CLIENT.is_deleted("/0"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_deleted("/5"),
    ]);
}

#[test]
fn instances_and_the_root_are_deleted_where_the_profile_says_so() {
    let provision = provision_with(|provision| {
        provision.writing.delete = vec![Path::ObjectInstance(5, 0), Path::ObjectInstance(5, 1), Path::Root];
    });
    World::with(device(provision)).play(up_to_discover()).play([
        CLIENT.answers(Code::CONTENT, "</0/0>,</1>,</3/0>,</5/1>"),
        CLIENT.is_deleted("/5/1"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_deleted("/"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_written("/0/1", TLV),
    ]);
}

#[test]
fn a_refused_finish_is_repaired_once_by_writing_all_again() {
    let repaired = || {
        vec![
            CLIENT.says(Code::NOT_ACCEPTABLE),
            CLIENT.is_discovered(),
            CLIENT.answers(Code::CONTENT, "</>;lwm2m=1.1,</0/0>,</0/1>;ssid=101,</1>,</3/0>"),
            CLIENT.is_deleted("/0"),
            CLIENT.says(Code::DELETED),
            CLIENT.is_written_with("/0/1", TLV, first_security()),
            CLIENT.says(Code::CHANGED),
            CLIENT.is_written_with("/1/0", TLV, first_server("U")),
            CLIENT.says(Code::CHANGED),
            CLIENT.is_finished(),
        ]
    };
    World::with(device(provision()))
        .play(up_to_finish())
        .play(repaired())
        .play([CLIENT.says(Code::CHANGED), CLIENT.ends(Outcome::Completed, "taken everything")]);
    World::with(device(provision())).play(up_to_finish()).play(repaired()).play([
        CLIENT.says(Code::NOT_ACCEPTABLE),
        CLIENT.ends(Outcome::FinishRejected, "with 4.06: it finds its configuration inconsistent, also after all was"),
    ]);
}
