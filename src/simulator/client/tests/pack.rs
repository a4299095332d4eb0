//! The Bootstrap-Pack: asked for first, fetched in blocks, applied as a whole or not at all.

use super::bench::{Bench, configuration, message, result, unhex};
use crate::coap::{BlockOption, Code, Message};
use crate::lwm2m::{ContentFormat, Version};
use crate::simulator::Output;
use crate::simulator::configuration::{ClientConfiguration, PackRequest, StaleAccount};

/// Spec sheet `formats.md`, sections 8.2 and 8.4: `/0/0` and `/1/0` of the Core's example.
const SENML_CBOR: &str = "8ea321652f302f302f00613003781b636f6170733a2f2f736572766572312e6578616d706c652e636f6da200613104f4a20061320200a2006133085762333133636332322d663936392d343265632d61643432a20061340840a200613508501ca2028d7197c778e9aef5ef69082beaa200623130021865a321652f312f302f006130021865a2006131021a00015180a20061320219012ca200613302191770a2006135021a00015180a200613604f5a2006137036155";
const LWM2M_CBOR: &str = "a200a100a700781b636f6170733a2f2f736572766572312e6578616d706c652e636f6d01f40200035762333133636332322d663936392d343265632d61643432044005501ca2028d7197c778e9aef5ef69082bea0a186501a100a7001865011a000151800219012c03191770051a0001518006f5076155";

fn asking(accept: ContentFormat) -> ClientConfiguration {
    ClientConfiguration {
        lwm2m_version: Version::V1_2,
        preferred_content_format: Some(112),
        pack: Some(PackRequest { accept, names_own_instances: true }),
        stale_account: Some(StaleAccount { security_instance: 4, server_instance: 2, short_server_id: 7 }),
        ..configuration()
    }
}

/// A client that has asked for a pack, and its request.
fn asked(configuration: ClientConfiguration) -> (Bench, Message) {
    let mut bench = Bench::new(configuration);
    bench.client.start(bench.now);
    let request = bench.sent();
    (bench, request)
}

fn content(request: &Message, format: u16, payload: &[u8]) -> Message {
    let mut answer = Message::piggybacked_response(request, Code::CONTENT).with_payload(payload.to_vec());
    answer.set_content_format(format);
    answer
}

/// Expects the Bootstrap-Request that follows when there was no pack.
fn falls_back(outputs: &[Output], what: &str) {
    let [request] = outputs else { panic!("{what}: {outputs:?}") };
    let request = message(request);
    assert!(request.code == Code::POST && request.uri_path_is(&["bs"]), "{what}");
    assert_eq!(request.uri_query().unwrap(), ["ep=urn:imei:1", "pct=112"], "{what}");
}

#[test]
fn the_request_names_the_client_its_format_and_its_own_account() {
    for (format, accept) in
        [(ContentFormat::SenmlCbor, 112), (ContentFormat::SenmlJson, 110), (ContentFormat::Lwm2mCbor, 11544)]
    {
        let (_, request) = asked(asking(format));
        assert!(request.code == Code::GET && request.uri_path_is(&["bspack"]));
        assert_eq!(request.uri_query().unwrap(), ["ep=urn:imei:1", "acc=</0/1>"]);
        assert_eq!((request.accept(), request.block2()), (Some(accept), Ok(None)));
    }
    let mut configuration = asking(ContentFormat::SenmlCbor);
    configuration.behaviour.blocks.largest = 2;
    assert_eq!(asked(configuration).1.block2(), Ok(BlockOption::new(0, false, 2).ok()));
}

#[test]
fn a_pack_replaces_the_objects_that_it_names() {
    for (format, number, body) in
        [(ContentFormat::SenmlCbor, 112, unhex(SENML_CBOR)), (ContentFormat::Lwm2mCbor, 11544, unhex(LWM2M_CBOR))]
    {
        let (mut bench, request) = asked(asking(format));
        let given = result(bench.hand(&content(&request, number, &body).encode())).unwrap();
        assert!(given.by_pack);
        assert_eq!((given.content_format, given.traffic.exchanges), (Some(format), 1));
        let accounts = given.accounts();
        assert_eq!(accounts.len(), 1, "the stale account is gone");
        assert_eq!((accounts[0].short_server_id, accounts[0].security_instance), (101, 0));
        assert_eq!(bench.client.poll_timeout(), None);
        // No Finish belongs to a pack, and nothing is listened to after it.
        let finish = bench.request(Code::POST, "/bs").encode();
        assert_eq!(bench.hand(&finish), vec![]);
    }
}

#[test]
fn a_pack_in_blocks_is_fetched_to_its_end() {
    let (mut bench, mut request) = asked(asking(ContentFormat::SenmlCbor));
    let body = unhex(SENML_CBOR);
    let parts: Vec<&[u8]> = body.chunks(64).collect();
    for (number, part) in parts.iter().enumerate() {
        let more = number + 1 < parts.len();
        let mut answer = content(&request, 112, part);
        answer.set_block2(BlockOption::new(number as u32, more, 2).unwrap());
        answer.set_etag(b"one").unwrap();
        let outputs = bench.hand(&answer.encode());
        if !more {
            assert_eq!(result(outputs).unwrap().accounts().len(), 1);
            return;
        }
        let next = message(&outputs[0]);
        assert_eq!(next.block2(), Ok(BlockOption::new(number as u32 + 1, false, 2).ok()));
        assert_eq!((next.uri_query(), next.accept()), (request.uri_query(), Some(112)));
        assert_ne!((next.id, next.token), (request.id, request.token));
        request = next;
    }
}

#[test]
fn whatever_is_wrong_with_a_pack_a_bootstrap_request_follows() {
    for code in [Code::BAD_REQUEST, Code::NOT_FOUND, Code::METHOD_NOT_ALLOWED, Code::NOT_IMPLEMENTED, Code::CHANGED] {
        let (mut bench, request) = asked(asking(ContentFormat::SenmlCbor));
        let refusal = Message::piggybacked_response(&request, code).encode();
        falls_back(&bench.hand(&refusal), &code.to_string());
    }
    let over_the_own_account = unhex(SENML_CBOR.replace("652f302f302f", "652f302f312f").as_str());
    let half = unhex(&SENML_CBOR.replacen("8e", "87", 1)[..2 * 119]);
    for (what, number, body) in [
        ("no format of a pack", 11542, vec![0xC0, 0]),
        ("no format at all", 9999, vec![]),
        ("not CBOR", 112, vec![0xFF]),
        ("nothing in it", 112, vec![0x80]),
        ("Security alone", 112, half),
        ("written over the bootstrap account", 112, over_the_own_account),
        ("an object that is not written", 110, br#"[{"bn":"/3/0/","n":"16","vs":"U"}]"#.to_vec()),
    ] {
        let (mut bench, request) = asked(asking(ContentFormat::SenmlCbor));
        let before: Vec<_> = bench.client.lasting().collect();
        let outputs = bench.hand(&content(&request, number, &body).encode());
        falls_back(&outputs, what);
        assert_eq!(bench.client.lasting().collect::<Vec<_>>(), before, "{what}");
    }
    let (mut bench, request) = asked(asking(ContentFormat::SenmlCbor));
    let mut first = content(&request, 112, &[0; 16]);
    first.set_block2(BlockOption::new(0, true, 0).unwrap());
    first.set_etag(b"one").unwrap();
    let next = message(&bench.hand(&first.encode())[0]);
    let mut second = content(&next, 112, &[0; 3]);
    second.set_block2(BlockOption::new(1, false, 0).unwrap());
    second.set_etag(b"two").unwrap();
    falls_back(&bench.hand(&second.encode()), "another pack");
}

#[test]
fn the_bootstrap_after_a_refused_pack_is_an_ordinary_one() {
    let (mut bench, request) = asked(asking(ContentFormat::SenmlCbor));
    let refusal = Message::piggybacked_response(&request, Code::NOT_IMPLEMENTED).encode();
    let again = message(&bench.hand(&refusal)[0]);
    assert_eq!(bench.hand(&Message::piggybacked_response(&again, Code::CHANGED).encode()), vec![]);
    assert_eq!(bench.simple(Code::DELETE, "/0").code, Code::DELETED);
    assert_eq!(bench.simple(Code::DELETE, "/1").code, Code::DELETED);
    bench.write_example();
    bench.simple(Code::POST, "/bs");
    let given = result(bench.outputs()).unwrap();
    assert!(!given.by_pack);
    assert_eq!(given.accounts().len(), 1);
}

#[test]
fn silence_about_the_pack_is_the_end() {
    let (mut bench, _) = asked(asking(ContentFormat::SenmlCbor));
    for _ in 0..4 {
        assert_eq!(bench.wait().len(), 1);
    }
    assert_eq!(result(bench.wait()).unwrap_err().cause(), "unanswered");
}
