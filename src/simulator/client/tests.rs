//! The client as tables with invented time, against messages made by hand.

mod answers;
pub(in crate::simulator) mod bench;
mod blocks;
mod pack;

use std::time::Duration;

use super::Output;
use crate::coap::{BlockOption, Code, Message, MessageType, Token};
use crate::lwm2m::{ContentFormat, Version};
use crate::simulator::Failure;
use crate::simulator::configuration::{ClientConfiguration, StaleAccount};
use bench::{Bench, SECURITY_TLV, SERVER_TLV, configuration, message, result, unhex};

/// Section 8.2.
const SECURITY_SENML_CBOR: &str = "87a321652f302f302f00613003781b636f6170733a2f2f736572766572312e6578616d706c652e636f6da200613104f4a20061320200a2006133085762333133636332322d663936392d343265632d61643432a20061340840a200613508501ca2028d7197c778e9aef5ef69082beaa200623130021865";
/// Section 8.3.
const SECURITY_SENML_JSON: &str = r#"[{"bn":"/0/0/","n":"0","vs":"coaps://server1.example.com"},{"n":"1","vb":false},{"n":"2","v":0},{"n":"3","vd":"YjMxM2NjMjItZjk2OS00MmVjLWFkNDI"},{"n":"4","vd":""},{"n":"5","vd":"HKICjXGXx3jprvXvaQgr6g"},{"n":"10","v":101}]"#;
/// Section 8.4.
const SECURITY_LWM2M_CBOR: &str = "a1820000a700781b636f6170733a2f2f736572766572312e6578616d706c652e636f6d01f40200035762333133636332322d663936392d343265632d61643432044005501ca2028d7197c778e9aef5ef69082bea0a1865";

#[test]
fn the_request_says_who_asks_and_in_which_format() {
    let mut bench = Bench::new(ClientConfiguration { preferred_content_format: Some(112), ..configuration() });
    assert_eq!(bench.client.poll_timeout(), None);
    bench.client.start(bench.now);
    let Some(Output::Datagram(datagram)) = bench.client.poll_output() else { panic!() };
    let (header, rest) = datagram.split_at(12);
    assert_eq!((header[0], header[1]), (0x48, 0x02), "CON POST with a token of 8 bytes");
    assert_eq!(rest, b"\xb2bs\x4d\x00ep=urn:imei:1\x07pct=112");
    // A second start is none.
    bench.client.start(bench.now);
    assert_eq!(bench.outputs(), vec![]);
}

#[test]
fn an_endpoint_may_be_left_out_and_may_not_be_too_long() {
    let mut bench = Bench::new(ClientConfiguration::new(""));
    bench.client.start(bench.now);
    assert_eq!(bench.sent().uri_query(), Ok(vec![]));
    let mut bench = Bench::new(ClientConfiguration::new("x".repeat(253)));
    bench.client.start(bench.now);
    assert_eq!(result(bench.outputs()), Err(Failure::EndpointTooLong(253)));
}

#[test]
fn a_whole_bootstrap_gives_what_was_written() {
    let stale = StaleAccount { security_instance: 2, server_instance: 0, short_server_id: 7 };
    let mut bench = Bench::served(ClientConfiguration { stale_account: Some(stale), ..configuration() });
    let answer = bench.discover("/");
    assert_eq!((answer.code, answer.content_format()), (Code::CONTENT, Some(40)));
    assert_eq!(bench.simple(Code::DELETE, "/0").code, Code::DELETED);
    assert_eq!(bench.simple(Code::DELETE, "/1").code, Code::DELETED);
    bench.write_example();
    bench.now += Duration::from_millis(25);
    assert_eq!(bench.simple(Code::POST, "/bs").code, Code::CHANGED);
    let provisioned = result(bench.outputs()).unwrap();
    assert_eq!(provisioned.endpoint, "urn:imei:1");
    assert_eq!(provisioned.content_format, Some(ContentFormat::Tlv));
    assert_eq!(provisioned.duration, Duration::from_millis(25));
    assert_eq!(provisioned.traffic.exchanges, 7);
    let accounts = provisioned.accounts();
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].server_uri, "coaps://server1.example.com");
    assert_eq!(accounts[0].identity, b"b313cc22-f969-42ec-ad42");
    assert_eq!(accounts[0].key.expose(), unhex("1ca2028d7197c778e9aef5ef69082bea"));
    assert_eq!((accounts[0].short_server_id, accounts[0].lifetime), (101, 86_400));
    assert_eq!(bench.client.poll_timeout(), None);
}

#[test]
fn discover_is_answered_in_the_form_of_the_version() {
    let stale = Some(StaleAccount { security_instance: 2, server_instance: 3, short_server_id: 7 });
    let uri = r#";uri="coap://192.0.2.1""#;
    for (version, path, expected) in [
        (Version::V1_0, "/", r#"lwm2m="1.0",</2>,</0/1>,</0/2>;ssid=7,</1/3>;ssid=7,</3/0>"#.to_owned()),
        (Version::V1_1, "/", format!("</>;lwm2m=1.1,</2>,</21>,</0/1>,</0/2>;ssid=7{uri},</1/3>;ssid=7,</3/0>")),
        (Version::V1_2, "/0", format!("</>;lwm2m=1.2,</0/1>,</0/2>;ssid=7{uri}")),
        (Version::V1_1, "/2", "</>;lwm2m=1.1,</2>".to_owned()),
    ] {
        let stale_account = stale.clone();
        let configuration = ClientConfiguration { lwm2m_version: version, stale_account, ..configuration() };
        let answer = Bench::served(configuration).discover(path);
        assert_eq!(std::str::from_utf8(&answer.payload), Ok(expected.as_str()));
    }
    for (path, code) in [("/5", Code::NOT_FOUND), ("/0/1", Code::BAD_REQUEST), ("/rd", Code::NOT_FOUND)] {
        assert_eq!(Bench::served(configuration()).discover(path).code, code, "{path}");
    }
}

#[test]
fn a_long_answer_can_be_had_in_blocks() {
    let mut bench = Bench::served(configuration());
    let whole = bench.discover("/").payload.to_vec();
    assert!(whole.len() > 32 && whole.len() <= 64, "{}", whole.len());
    let mut joined = Vec::new();
    for number in 0..4 {
        let mut request = bench.request(Code::GET, "/");
        request.set_accept(40);
        request.set_block2(BlockOption::new(number, false, 0).unwrap());
        let answer = bench.ask(&request);
        let more = (number as usize + 1) * 16 < whole.len();
        if joined.len() < whole.len() {
            assert_eq!(answer.block2(), Ok(Some(BlockOption::new(number, more, 0).unwrap())));
            joined.extend_from_slice(&answer.payload);
        } else {
            assert_eq!(answer.code, Code::BAD_REQUEST);
        }
    }
    assert_eq!(joined, whole);
}

#[test]
fn each_format_is_taken_by_the_versions_that_have_it() {
    let payloads = [
        (11542, unhex(SECURITY_TLV), [true, true, true]),
        (1542, unhex(SECURITY_TLV), [true, true, true]),
        (112, unhex(SECURITY_SENML_CBOR), [false, true, true]),
        (110, SECURITY_SENML_JSON.as_bytes().to_vec(), [false, true, true]),
        (11544, unhex(SECURITY_LWM2M_CBOR), [false, false, true]),
        (40, b"</>".to_vec(), [false; 3]),
        (9999, b"?".to_vec(), [false; 3]),
    ];
    for (format, payload, taken) in payloads {
        for (version, taken) in [Version::V1_0, Version::V1_1, Version::V1_2].into_iter().zip(taken) {
            let mut bench = Bench::served(ClientConfiguration { lwm2m_version: version, ..configuration() });
            let expected = if taken { Code::CHANGED } else { Code::UNSUPPORTED_CONTENT_FORMAT };
            assert_eq!(bench.write("/0/0", format, payload.clone()).code, expected, "{format} for {version}");
            if taken {
                bench.write("/1/0", 11542, unhex(SERVER_TLV));
                bench.simple(Code::POST, "/bs");
                let accounts = result(bench.outputs()).unwrap().accounts();
                assert_eq!(accounts[0].key.expose(), unhex("1ca2028d7197c778e9aef5ef69082bea"), "{format}");
            }
        }
    }
}

#[test]
fn writes_go_to_objects_and_resources_too() {
    let mut bench = Bench::served(configuration());
    let object_level = [unhex("080056"), unhex(SECURITY_TLV)].concat();
    assert_eq!(bench.write("/0", 11542, object_level).code, Code::CHANGED);
    bench.write("/1/0", 11542, unhex(SERVER_TLV));
    assert_eq!(bench.write("/1/0/1", 0, b"300".to_vec()).code, Code::CHANGED);
    bench.simple(Code::POST, "/bs");
    assert_eq!(result(bench.outputs()).unwrap().accounts()[0].lifetime, 300);
}

#[test]
fn read_gives_server_and_access_control_only() {
    let stale_account = Some(StaleAccount { security_instance: 2, server_instance: 3, short_server_id: 7 });
    for (version, path, accept, code) in [
        (Version::V1_0, "/1", 11542, Code::BAD_REQUEST),
        (Version::V1_1, "/1", 11542, Code::CONTENT),
        (Version::V1_1, "/1/3", 112, Code::CONTENT),
        (Version::V1_1, "/2", 112, Code::CONTENT),
        (Version::V1_1, "/1/9", 112, Code::NOT_FOUND),
        (Version::V1_1, "/1", 11544, Code::NOT_ACCEPTABLE),
        (Version::V1_1, "/1", 0, Code::NOT_ACCEPTABLE),
        (Version::V1_1, "/0", 11542, Code::METHOD_NOT_ALLOWED),
    ] {
        let stale_account = stale_account.clone();
        let configuration = ClientConfiguration { lwm2m_version: version, stale_account, ..configuration() };
        let mut bench = Bench::served(configuration);
        let mut request = bench.request(Code::GET, path);
        request.set_accept(accept);
        assert_eq!(bench.ask(&request).code, code, "{path} {accept} for {version}");
    }
}

#[test]
fn what_is_no_operation_gets_its_error() {
    for (code, path, expected) in [
        (Code::POST, "/0/0", Code::METHOD_NOT_ALLOWED),
        (Code::GET, "/bs", Code::METHOD_NOT_ALLOWED),
        (Code::POST, "/rd", Code::NOT_FOUND),
        (Code::DELETE, "/0/1", Code::BAD_REQUEST),
        (Code::DELETE, "/7", Code::NOT_FOUND),
        (Code::PUT, "/0/0", Code::BAD_REQUEST),
        (Code::PUT, "/7/0", Code::NOT_FOUND),
        (Code::GET, "/1/0/1/0/0", Code::NOT_FOUND),
        (Code::GET, "/65536", Code::NOT_FOUND),
    ] {
        assert_eq!(Bench::served(configuration()).simple(code, path).code, expected, "{code} {path}");
    }
    let mut bench = Bench::served(configuration());
    let mut request = bench.request(Code::DELETE, "/0");
    request.options.add(9999, b"x").unwrap();
    assert_eq!(bench.ask(&request).code, Code::BAD_OPTION);
    let mut finish = bench.request(Code::POST, "/bs");
    finish.payload = b"x".to_vec().into();
    assert_eq!(bench.ask(&finish).code, Code::BAD_REQUEST);
    assert_eq!(bench.write("/0/0", 11542, vec![0xC8]).code, Code::BAD_REQUEST);
}

#[test]
fn a_lost_request_is_sent_again_with_doubled_waits_and_then_given_up() {
    let mut bench = Bench::new(configuration());
    bench.client.start(bench.now);
    let first = bench.outputs();
    let mut before = Duration::ZERO;
    let mut wait = Duration::ZERO;
    for repetition in 0..4 {
        assert_eq!(bench.wait(), first, "byte for byte");
        let waited = bench.elapsed() - before;
        match repetition {
            0 => assert!((2.0..=3.0).contains(&waited.as_secs_f64()), "{waited:?}"),
            _ => assert_eq!(waited, wait * 2),
        }
        (before, wait) = (bench.elapsed(), waited);
    }
    let failure = result(bench.wait()).unwrap_err();
    assert_eq!(failure, Failure::Unanswered { transmissions: 5, waited: bench.elapsed() });
    assert_eq!(bench.client.traffic().retransmissions, 4);
    assert!(bench.elapsed() <= Duration::from_secs(93));
}

#[test]
fn a_refusal_carries_the_code_and_what_the_server_said() {
    let mut bench = Bench::new(configuration());
    bench.client.start(bench.now);
    let request = bench.sent();
    let refusal = Message::piggybacked_response(&request, Code::BAD_REQUEST).with_payload(b"unknown endpoint".to_vec());
    let failure = result(bench.hand(&refusal.encode())).unwrap_err();
    assert_eq!(failure.to_string(), r#"the server refused the Bootstrap-Request with 4.00: "unknown endpoint""#);
    assert_eq!(failure.cause(), "refused");
}

#[test]
fn a_reset_ends_it_and_strangers_do_not() {
    let mut bench = Bench::new(configuration());
    bench.client.start(bench.now);
    let request = bench.sent();
    assert_eq!(bench.hand(&Message::reset(request.id.wrapping_add(1)).encode()), vec![]);
    let mut stranger = Message::piggybacked_response(&request, Code::BAD_REQUEST);
    stranger.token = Token::from([0; 8]);
    assert_eq!(bench.hand(&stranger.encode()), vec![]);
    assert_eq!(result(bench.hand(&Message::reset(request.id).encode())), Err(Failure::Reset));
}

#[test]
fn a_separate_response_is_acknowledged_each_time_it_comes() {
    let mut bench = Bench::new(configuration());
    bench.client.start(bench.now);
    let request = bench.sent();
    assert_eq!(bench.hand(&Message::empty_acknowledgement(request.id).encode()), vec![]);
    let response = Message::separate_response(Code::CHANGED, 77, request.token).encode();
    let acknowledgement = Message::empty_acknowledgement(77);
    for _ in 0..2 {
        let outputs = bench.hand(&response);
        assert_eq!(message(&outputs[0]), acknowledgement);
    }
    let stranger = Message::separate_response(Code::CHANGED, 78, request.token).encode();
    assert_eq!(message(&bench.hand(&stranger)[0]), Message::reset(78));
    assert_eq!(bench.discover("/").code, Code::CONTENT);
}

#[test]
fn an_operation_that_overtakes_the_answer_is_not_carried_out() {
    let mut bench = Bench::new(configuration());
    bench.client.start(bench.now);
    let request = bench.sent();
    let delete = bench.request(Code::DELETE, "/0");
    assert_eq!(bench.hand(&delete.encode()), vec![]);
    bench.hand(&Message::piggybacked_response(&request, Code::CHANGED).encode());
    assert_eq!(bench.ask(&delete).code, Code::DELETED);
}

#[test]
fn a_duplicate_is_answered_the_same_and_carried_out_once() {
    let mut bench = Bench::served(configuration());
    bench.write_example();
    let mut first = bench.request(Code::PUT, "/1/0/1").with_payload(b"300".to_vec());
    first.set_content_format(0);
    let answer = bench.hand(&first.encode());
    assert_eq!(bench.write("/1/0/1", 0, b"600".to_vec()).code, Code::CHANGED);
    assert_eq!(bench.hand(&first.encode()), answer);
    let finish = bench.request(Code::POST, "/bs");
    assert_eq!(bench.ask(&finish).code, Code::CHANGED);
    let provisioned = result(bench.outputs()).unwrap();
    assert_eq!(provisioned.accounts()[0].lifetime, 600, "the repeated write of 300 was carried out");
    assert_eq!((provisioned.traffic.duplicates, provisioned.traffic.exchanges), (1, 6));
    // The answer to Finish may be lost too; after that, nothing new is listened to.
    assert_eq!(bench.ask(&finish).code, Code::CHANGED);
    let late = bench.request(Code::DELETE, "/0").encode();
    assert_eq!(bench.hand(&late), vec![]);
}

#[test]
fn an_inconsistent_configuration_is_refused_and_may_be_corrected() {
    let mut bench = Bench::served(configuration());
    bench.write("/0/0", 11542, unhex(SECURITY_TLV));
    let refusal = bench.simple(Code::POST, "/bs");
    assert_eq!(refusal.code, Code::NOT_ACCEPTABLE);
    let words = std::str::from_utf8(&refusal.payload).unwrap().to_owned();
    assert_eq!(words, "Short Server ID 101 has a Security instance and no Server instance");
    bench.write("/1/0", 11542, unhex(SERVER_TLV));
    assert_eq!(bench.simple(Code::POST, "/bs").code, Code::CHANGED);
    assert!(result(bench.outputs()).is_ok());

    let mut bench = Bench::served(configuration());
    bench.simple(Code::POST, "/bs");
    let failure = result(bench.wait()).unwrap_err();
    assert_eq!(bench.elapsed(), Duration::from_secs(10));
    assert_eq!(failure, Failure::Inconsistent { reason: "there is no server account".into() });
}

#[test]
fn a_server_that_stops_after_a_refusal_is_told_from_one_that_goes_on() {
    let mut bench = Bench::served(configuration());
    assert_eq!(bench.write("/0/0", 9999, vec![1]).code, Code::UNSUPPORTED_CONTENT_FORMAT);
    assert_eq!(bench.discover("/").code, Code::CONTENT);
    assert_eq!(bench.client.poll_timeout(), Some(bench.begin + Duration::from_secs(247)));
    bench.write("/0/0", 9999, vec![1]);
    let failure = result(bench.wait()).unwrap_err();
    assert!(failure.to_string().starts_with("the client refused Bootstrap-Write /0/0 with 4.15"), "{failure}");
}

#[test]
fn silence_ends_it_after_247_seconds() {
    let mut bench = Bench::served(configuration());
    bench.now += Duration::from_secs(200);
    bench.discover("/");
    let failure = result(bench.wait()).unwrap_err();
    assert_eq!(bench.elapsed(), Duration::from_secs(247));
    let last = "Bootstrap-Discover /".to_owned();
    assert_eq!(failure, Failure::TimedOut { last, waited: Duration::from_secs(247) });
}

#[test]
fn pings_and_broken_messages_are_rejected() {
    let mut bench = Bench::served(configuration());
    assert_eq!(message(&bench.hand(&Message::ping(5).encode())[0]), Message::reset(5));
    // A marker without payload in a CON, in a NON, and a stub.
    assert_eq!(message(&bench.hand(&[0x40, 0x01, 0, 6, 0xFF])[0]), Message::reset(6));
    assert_eq!(bench.hand(&[0x50, 0x01, 0, 7, 0xFF]), vec![]);
    assert_eq!(bench.hand(&[0x40]), vec![]);
}

#[test]
fn a_non_confirmable_request_is_answered_non_confirmable() {
    let mut bench = Bench::served(configuration());
    let mut request = bench.request(Code::DELETE, "/0");
    request.message_type = MessageType::NonConfirmable;
    let answer = message(&bench.hand(&request.encode())[0]);
    assert_eq!((answer.message_type, answer.code), (MessageType::NonConfirmable, Code::DELETED));
    assert_eq!(answer.token, request.token);
}

#[test]
fn no_datagram_panics_it() {
    proptest::proptest!(|(datagrams: Vec<Vec<u8>>)| {
        let mut bench = Bench::served(configuration());
        for datagram in &datagrams {
            bench.hand(datagram);
        }
    });
}
