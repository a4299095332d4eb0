//! Bootstrap-Pack-Requests: what is answered in which form, and when the session is over (spec sheet `bootstrap.md`,
//! section 11).

use bootstrapd::bootstrap::{Limits, Lookup, Outcome};
use bootstrapd::coap::options::number;
use bootstrapd::coap::{BlockOption, Code, Message};
use bootstrapd::lwm2m::{self, ContentFormat, Object, ObjectInstance, Path, Resource, ResourceValue, Value};
use bootstrapd::provision::{Mode, Pack, Provision};

use super::beginnings::up_to_discover;
use crate::support::fixtures::*;
use crate::support::script::{CLIENT, OTHER, Step, add_query, after, drains, running, store_answers};
use crate::support::world::{World, over_dtls, policy};

fn asks(queries: &'static str, accept: Option<u16>, block: Option<(u32, u8)>) -> Step {
    asks_as(CLIENT, queries, accept, block)
}

fn asks_as(
    client: crate::support::script::Is,
    queries: &'static str,
    accept: Option<u16>,
    block: Option<(u32, u8)>,
) -> Step {
    client.sends_a(Code::GET, "bspack", format!("GET /bspack {queries}"), move |message| {
        add_query(message, queries);
        accept.into_iter().for_each(|accept| message.set_accept(accept));
        if let Some((number, exponent)) = block {
            message.set_block2(BlockOption::new(number, false, exponent).unwrap());
        }
    })
}

/// The pack is answered so, and this holds of the answer.
fn gets(check: impl Fn(&Message) -> bool + 'static) -> Step {
    CLIENT.gets_that("a pack", move |message| message.code == Code::CONTENT && check(message))
}

fn instance(id: u16, resources: Resources) -> ObjectInstance {
    let single = |(id, value)| Resource { id, value: ResourceValue::Single(value) };
    ObjectInstance { id, resources: resources.into_iter().map(single).collect() }
}

/// What a client gets whose bootstrap account lies at `/0/0`.
fn content(security: u16, server: u16) -> Vec<Object> {
    vec![
        Object { id: 0, instances: vec![instance(security, first_security())] },
        Object { id: 1, instances: vec![instance(server, first_server("U"))] },
    ]
}

fn delivered() -> Step {
    CLIENT.ends(Outcome::ProbablyCompleted, "The pack was delivered.")
}

#[test]
fn a_pack_has_all_of_the_provision_in_the_format_that_the_client_accepts() {
    for (accept, format) in
        [(Some(112), SENML_CBOR), (Some(110), SENML_JSON), (Some(11544), LWM2M_CBOR), (None, SENML_CBOR)]
    {
        World::with(device(provision())).play([
            asks("ep=dev1&acc=</0/0>", accept, None),
            gets(move |message| {
                let held = lwm2m::decode(format, &Path::Root, &message.payload);
                held == Ok(content(1, 0))
                    && message.content_format() == Some(format.number())
                    && message.options.iter().any(|(option, value)| option == number::MAX_AGE && value.is_empty())
                    && message.etag().is_some_and(|etag| etag.len() == 8)
                    && message.block2() == Ok(None)
            }),
            delivered(),
            running(0),
        ]);
    }
}

#[test]
fn instances_keep_clear_of_the_bootstrap_account_where_the_client_says_it_or_not() {
    for (queries, security) in [("ep=dev1&acc=</0/1>", 0), ("ep=dev1&acc=</0/0>,</21/0>", 1), ("ep=dev1", 2)] {
        World::with(device(provision())).play([
            asks(queries, None, None),
            gets(move |message| {
                let server = if security == 2 { 2 } else { 0 };
                lwm2m::decode(SENML_CBOR, &Path::Root, &message.payload) == Ok(content(security, server))
            }),
            delivered(),
        ]);
    }
}

#[test]
fn what_a_pack_cannot_be_or_may_not_be_is_left_to_a_bootstrap_request() {
    let with = |change: fn(&mut Provision)| device(provision_with(change));
    let table: [(Lookup, Code); 7] = [
        (with(|provision| provision.writing.pack = Pack::Never), Code::NOT_IMPLEMENTED),
        (with(|provision| provision.writing.pack = Pack::Redirect), Code::METHOD_NOT_ALLOWED),
        (with(|provision| provision.writing.mode = Mode::Incremental), Code::METHOD_NOT_ALLOWED),
        (with(|provision| provision.accounts.push(bootstrap_account())), Code::METHOD_NOT_ALLOWED),
        (with(|provision| provision.writing.delete.push(Path::Object(5))), Code::METHOD_NOT_ALLOWED),
        (with(|provision| provision.writing.delete = vec![Path::Root]), Code::METHOD_NOT_ALLOWED),
        (with(|provision| provision.writing.delete = vec![Path::Object(0)]), Code::METHOD_NOT_ALLOWED),
    ];
    for (lookup, code) in table {
        World::with(lookup)
            .play([asks("ep=dev1&acc=</0/0>", Some(112), None), CLIENT.gets(code), running(0)])
            .play(up_to_discover());
    }
}

#[test]
fn nobody_is_left_without_an_answer() {
    let world = || World::with(device(provision()));
    let refused = |code| [CLIENT.gets(code), CLIENT.ends(Outcome::RefusedFormat, "cannot be served")];
    world().play([asks("ep=dev1", Some(11542), None)]).play(refused(Code::NOT_ACCEPTABLE));
    world().play([asks("ep=dev1&acc=</0/", None, None)]).play(refused(Code::BAD_REQUEST));
    world().play([drains(), asks("ep=dev1", None, None), CLIENT.gets(Code::SERVICE_UNAVAILABLE)]);
    let full = Limits { sessions: 0, ..Limits::default() };
    World::built(Some(device(provision())), policy(), full)
        .client(over_dtls(1))
        .play([asks("ep=dev1", None, None), CLIENT.gets(Code::SERVICE_UNAVAILABLE)]);
    for (lookup, code) in [
        (Lookup::Unknown, Code::BAD_REQUEST),
        (Lookup::Held("It waits.".to_owned()), Code::SERVICE_UNAVAILABLE),
        (Lookup::Unavailable("It is down.".to_owned()), Code::SERVICE_UNAVAILABLE),
    ] {
        World::with(lookup).play([asks("ep=dev1", None, None), CLIENT.gets(code), CLIENT.ends_with(|_| {})]);
    }
}

/// A provision whose pack has well over a hundred kilobytes.
fn large() -> Provision {
    provision_with(|provision| {
        let resources = vec![Resource::single(1, Value::opaque(&[9; 100_000]))];
        provision.writing.delete.push(Path::Object(32769));
        provision.writes = vec![(32769, ObjectInstance { id: 0, resources })];
    })
}

#[test]
fn a_large_pack_is_fetched_in_blocks_of_the_clients_size_and_by_nobody_else() {
    let mut world = World::with(device(large())).client(over_dtls(2));
    let mut body = Vec::new();
    let mut number = 0;
    loop {
        world.play([asks("ep=dev1&acc=</0/0>", Some(112), Some((number, 5)))]);
        let message = world.message_to(0, "a block");
        assert_eq!(message.code, Code::CONTENT);
        let block = message.block2().unwrap().unwrap();
        assert_eq!((block.number(), block.size()), (number, 512));
        body.extend_from_slice(&message.payload);
        if !block.more() {
            break;
        }
        if number == 3 {
            world.play([
                asks_as(OTHER, "ep=dev1&acc=</0/0>", Some(112), Some((4, 5))),
                OTHER.gets(Code::REQUEST_ENTITY_INCOMPLETE),
            ]);
        }
        number += 1;
    }
    assert!(body.len() > 100_000, "{}", body.len());
    let held = lwm2m::decode(ContentFormat::SenmlCbor, &Path::Root, &body).unwrap();
    assert_eq!(held.iter().map(|object| object.id).collect::<Vec<_>>(), [0, 1, 32769]);
    world.play([delivered(), running(0)]);
}

#[test]
fn who_may_have_lied_about_the_address_gets_small_blocks() {
    let open = provision_with(|provision| {
        provision.accounts = vec![second_account()];
        let resources = vec![Resource::single(1, Value::String("x".repeat(2000)))];
        provision.writing.delete.push(Path::Object(32769));
        provision.writes = vec![(32769, ObjectInstance { id: 0, resources })];
    });
    World::nosec(device_without_credentials(open)).play([
        asks("ep=dev1&acc=</0/0>", Some(112), None),
        gets(|message| {
            let block = message.block2().unwrap();
            block.is_some_and(|block| block.more() && block.size() == 256) && message.payload.len() == 256
        }),
    ]);
}

#[test]
fn a_pack_that_is_not_fetched_whole_times_out() {
    World::with(device(large())).play([
        asks("ep=dev1", None, None),
        gets(|message| message.block2().is_ok_and(|block| block.is_some_and(BlockOption::more))),
        running(1),
        after(248.0),
        CLIENT.ends(Outcome::TimedOut, "the pack"),
        asks("ep=dev1", None, Some((1, 6))),
        CLIENT.gets(Code::REQUEST_ENTITY_INCOMPLETE),
    ]);
}

#[test]
fn a_client_that_comes_back_after_a_pack_is_seen_to_have_refused_it() {
    let mut world = World::with(device(provision()));
    world.play([asks("ep=dev1&acc=</0/0>", None, None), gets(|_| true), delivered()]);
    world.play(up_to_discover()).play([
        CLIENT.disconnects(),
        CLIENT.ends_with(|report| {
            let note = report.steps[0].note.as_deref();
            assert_eq!(note, Some("the client was given a pack before, and did not take it"));
        }),
    ]);
}

#[test]
fn a_slow_store_makes_the_pack_a_separate_answer() {
    World::with_slow_store().play([
        asks("ep=dev1&acc=</0/0>", None, None),
        after(1.5),
        CLIENT.gets_empty_acknowledgement(),
        store_answers(device(provision())),
        CLIENT.gets_separately(bootstrapd::coap::MessageType::Confirmable, Code::CONTENT),
        CLIENT.acknowledges(),
        delivered(),
    ]);
}

/// Two blocks and a bit.
fn two_blocks() -> Provision {
    provision_with(|provision| {
        let resources = vec![Resource::single(1, Value::opaque(&[9; 2_000]))];
        provision.writing.delete.push(Path::Object(32769));
        provision.writes = vec![(32769, ObjectInstance { id: 0, resources })];
    })
}

fn gets_block(number: u32, more: bool) -> Step {
    gets(move |message| message.block2() == Ok(BlockOption::new(number, more, 6).ok()))
}

#[test]
fn a_client_may_begin_its_pack_anew() {
    let mut world = World::with(device(two_blocks()));
    for _ in 0..2 {
        world.play([asks("ep=dev1", None, None), gets_block(0, true), asks("ep=dev1", None, Some((1, 6)))]);
        world.play([gets_block(1, true)]);
        world.play([asks("ep=dev1", None, None), CLIENT.ends(Outcome::Superseded, "a new"), gets_block(0, true)]);
        world.play([asks("ep=dev1", None, Some((1, 6))), gets_block(1, true)]);
        world.play([CLIENT.disconnects(), CLIENT.ends(Outcome::ConnectionLost, "the pack")]);
    }
}

#[test]
fn a_late_request_for_a_block_ends_no_other_session() {
    World::with(device(two_blocks()))
        .play([asks("ep=dev1", None, None), gets_block(0, true)])
        .play([asks("ep=dev1", None, Some((1, 6))), gets_block(1, true)])
        .play([asks("ep=dev1", None, Some((2, 6))), gets_block(2, false), delivered()])
        .play([asks("ep=dev1", None, Some((2, 6))), gets_block(2, false)])
        .play(up_to_discover())
        .play([asks("ep=dev1", None, Some((2, 6))), CLIENT.gets(Code::REQUEST_ENTITY_INCOMPLETE), running(1)]);
}
