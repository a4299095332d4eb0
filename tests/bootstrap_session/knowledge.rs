//! What a session learns of its client, of whom, and what that spares the next one (spec sheet `clients.md`, section 1).

use bootstrapd::bootstrap::Outcome;
use bootstrapd::coap::Code;
use bootstrapd::lwm2m::{ContentFormat, Resource, Value, Version};
use bootstrapd::provision::{ClientKnowledge, Provision};

use super::beginnings::{FRESH, rest_of_a_fresh_client, up_to_discover, up_to_security};
use crate::support::fixtures::*;
use crate::support::script::{CLIENT, Step};
use crate::support::world::World;

fn learned(world: &World) -> Option<ClientKnowledge> {
    assert_eq!(world.learned.len(), 1, "one session has ended");
    world.learned[0].clone()
}

/// What the session of a fresh client of 1.1 teaches that refuses nothing.
fn of_a_fresh_client() -> ClientKnowledge {
    ClientKnowledge {
        version: Some(Version::V1_1),
        accepted_format: Some(ContentFormat::Tlv),
        bootstrap_account_instance: Some(0),
        ..ClientKnowledge::default()
    }
}

#[test]
fn an_authenticated_client_teaches_and_what_is_known_already_is_not_told_again() {
    let mut world = World::with(device(provision()));
    world.play(up_to_security()).play(rest_of_a_fresh_client());
    assert_eq!(learned(&world), Some(of_a_fresh_client()));
    let mut world = World::with(known_so(provision(), of_a_fresh_client()));
    world.play(up_to_security()).play(rest_of_a_fresh_client());
    assert_eq!(learned(&world), None);
}

#[test]
fn over_nosec_nothing_is_learned() {
    let open = provision_with(|provision| provision.accounts = vec![second_account()]);
    let mut world = World::nosec(device_without_credentials(open));
    world.play(up_to_discover()).play([
        CLIENT.answers(Code::CONTENT, FRESH),
        CLIENT.is_written("/0/1", TLV),
        CLIENT.says(Code::UNSUPPORTED_CONTENT_FORMAT),
        CLIENT.is_written("/0/1", SENML_CBOR),
    ]);
    world.play(rest_in(SENML_CBOR));
    assert_eq!(learned(&world), None);
}

fn rest_in(format: ContentFormat) -> Vec<Step> {
    vec![
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written("/1/0", format),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "taken everything"),
    ]
}

#[test]
fn a_format_that_was_refused_once_is_not_tried_again() {
    let mut world = World::with(device(provision()));
    world
        .play(up_to_security())
        .play([CLIENT.says(Code::UNSUPPORTED_CONTENT_FORMAT), CLIENT.is_written("/0/1", SENML_CBOR)]);
    world.play(rest_in(SENML_CBOR));
    let known = learned(&world).unwrap();
    assert_eq!((&known.refused_formats[..], known.accepted_format), (&[TLV][..], Some(SENML_CBOR)));
    let begun = up_to_discover().into_iter().chain([CLIENT.answers(Code::CONTENT, FRESH)]);
    World::with(known_so(provision(), known)).play(begun).play([CLIENT.is_written("/0/1", SENML_CBOR)]);
}

#[test]
fn a_client_that_refused_discover_is_not_asked_again_and_keeps_its_bootstrap_account() {
    let mut world = World::with(device(provision()));
    world.play(up_to_discover()).play([
        CLIENT.says(Code::NOT_FOUND),
        CLIENT.is_deleted("/0"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_deleted("/1"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_written("/0/2", TLV),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_written("/1/2", TLV),
        CLIENT.says(Code::CHANGED),
        CLIENT.is_finished(),
        CLIENT.says(Code::CHANGED),
        CLIENT.ends(Outcome::Completed, "taken everything"),
    ]);
    let known = learned(&world).unwrap();
    assert!(known.refuses_discover);
    let mut failing = World::with(known_so(provision(), known.clone()));
    failing.play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_deleted("/0"),
        CLIENT.says(Code::INTERNAL_SERVER_ERROR),
        CLIENT.ends(Outcome::DeleteFailed, "with 5.00"),
    ]);
    assert_eq!(learned(&failing).map(|it| it.refuses_discover), Some(false), "what failed is asked about again");
    let known = ClientKnowledge { bootstrap_account_instance: Some(1), ..known };
    World::with(known_so(provision(), known)).play([
        CLIENT.requests("ep=dev1"),
        CLIENT.gets(Code::CHANGED),
        CLIENT.is_deleted("/0"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_deleted("/1"),
        CLIENT.says(Code::DELETED),
        CLIENT.is_written("/0/0", TLV),
    ]);
}

fn with_sni() -> Provision {
    provision_with(|provision| {
        provision.accounts[0].security_resources = vec![Resource::single(14, Value::String("eu".to_owned()))];
    })
}

#[test]
fn resources_that_were_refused_once_are_left_out_at_once() {
    let mut world = World::with(device(with_sni()));
    world.play(up_to_security()).play([CLIENT.says(Code::BAD_REQUEST), CLIENT.is_written("/0/1", TLV)]);
    world.play(rest_in(TLV));
    let known = learned(&world).unwrap();
    assert_eq!(known.refused_resources, [(0, 14)]);
    let begun = up_to_discover().into_iter().chain([CLIENT.answers(Code::CONTENT, FRESH)]);
    World::with(known_so(with_sni(), known)).play(begun).play([CLIENT.is_written_with("/0/1", TLV, first_security())]);
}

#[test]
fn refusals_of_old_lock_nobody_out() {
    let all = ClientKnowledge {
        refused_formats: vec![ContentFormat::Tlv, ContentFormat::SenmlCbor, ContentFormat::SenmlJson],
        ..ClientKnowledge::default()
    };
    for (request, format) in [("ep=dev1&pct=112", SENML_CBOR), ("ep=dev1", TLV)] {
        World::with(known_so(provision(), all.clone())).play([
            CLIENT.requests(request),
            CLIENT.gets(Code::CHANGED),
            CLIENT.is_discovered(),
            CLIENT.answers(Code::CONTENT, FRESH),
            CLIENT.is_written("/0/1", format),
        ]);
    }
    // Where nothing was taken, nothing is held against the formats.
    let mut world = World::with(device(provision()));
    world.play(up_to_security());
    for format in [SENML_CBOR, SENML_JSON] {
        world.play([CLIENT.says(Code::UNSUPPORTED_CONTENT_FORMAT), CLIENT.is_written("/0/1", format)]);
    }
    world.play([CLIENT.says(Code::UNSUPPORTED_CONTENT_FORMAT), CLIENT.ends(Outcome::WriteFailed, "takes none")]);
    assert_eq!(learned(&world).map(|known| known.refused_formats), Some(Vec::new()));
}
