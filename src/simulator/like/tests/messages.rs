//! The message layer of each client: long datagrams, non-confirmable requests, overtaking, ids, blocks.

use std::time::Duration;

use super::{configuration, usual};
use crate::coap::{BlockOption, Code, Message, MessageType};
use crate::lwm2m::Version;
use crate::simulator::client::tests::bench::{Bench, message, result};
use crate::simulator::{ClientConfiguration, Failure, Like};

/// clients.md 1, "Block1" (limits of a datagram).
#[test]
fn long_datagrams() {
    for (like, bytes, code) in [(Like::Anjay, 4000, Some(Code::REQUEST_ENTITY_TOO_LARGE)), (Like::Wakaama, 2048, None)]
    {
        let mut bench = usual(like);
        let mut request = bench.request(Code::PUT, "/0/3/5");
        request.set_content_format(42);
        let room = bytes - request.encode().len() - 1;
        let fitting = request.clone().with_payload(vec![1; room]).encode();
        assert_eq!(fitting.len(), bytes);
        assert_eq!(message(&bench.hand(&fitting)[0]).code, Code::CHANGED, "{like}");
        request.id += 1;
        let outputs = bench.hand(&request.with_payload(vec![1; room + 1]).encode());
        assert_eq!(outputs.first().map(|output| message(output).code), code, "{like}");
    }
}

/// bootstrap.md 5 and 16: Zephyr looks at confirmable requests only.
#[test]
fn non_confirmable_requests() {
    for like in Like::ALL {
        let mut bench = usual(like);
        let mut request = bench.request(Code::DELETE, "/1");
        request.message_type = MessageType::NonConfirmable;
        assert_eq!(bench.hand(&request.encode()).is_empty(), like == Like::Zephyr, "{like}");
    }
}

/// clients.md 3, item 2.
#[test]
fn an_operation_that_overtakes_the_2_04_ends_the_bootstrap_of_wakaama() {
    for like in Like::ALL {
        let mut bench = Bench::new(configuration(like, Version::V1_1));
        bench.client.start(bench.now);
        bench.sent();
        let delete = bench.request(Code::DELETE, "/1").encode();
        let outputs = bench.hand(&delete);
        if like == Like::Wakaama {
            let operation = "Bootstrap-Delete /1".to_owned();
            assert_eq!(result(outputs), Err(Failure::Overtaken { operation }));
        } else {
            assert_eq!(outputs, vec![], "{like}");
        }
    }
}

/// clients.md 3, item 12.
#[test]
fn wakaamas_that_start_in_the_same_second_have_the_same_ids() {
    let first = |like: Like, clock, seed| {
        let configuration = ClientConfiguration { clock, ..configuration(like, Version::V1_1) };
        let mut client = crate::simulator::Client::new(configuration, [seed; 32]);
        client.start(std::time::Instant::now());
        let request = message(&client.poll_output().unwrap());
        (request.id, request.token)
    };
    assert_eq!(first(Like::Wakaama, 1_800_000_000, 1), first(Like::Wakaama, 1_800_000_000, 2));
    assert_ne!(first(Like::Wakaama, 1_800_000_000, 1), first(Like::Wakaama, 1_800_000_001, 1));
    assert_ne!(first(Like::Anjay, 1_800_000_000, 1), first(Like::Anjay, 1_800_000_000, 2));
}

/// clients.md 3, item 7.
#[test]
fn an_answer_fetched_half_keeps_anjay_busy() {
    for like in [Like::Anjay, Like::Leshan] {
        let mut bench = usual(like);
        let fetch = |number| {
            move |request: &mut Message| {
                request.set_accept(40);
                request.set_block2(BlockOption::new(number, false, 1).unwrap());
            }
        };
        let mut answer = bench.ask_without_clock(Code::GET, "/", fetch(0));
        let during = bench.simple(Code::DELETE, "/1").code;
        let expected = if like == Like::Anjay { Code::SERVICE_UNAVAILABLE } else { Code::DELETED };
        assert_eq!(during, expected, "{like}");
        let mut number = 0;
        while answer.block2().unwrap().unwrap().more() {
            number += 1;
            answer = bench.ask_without_clock(Code::GET, "/", fetch(number));
            assert_eq!(answer.code, Code::CONTENT);
        }
        assert!(number > 0);
        assert_eq!(bench.simple(Code::DELETE, "/1").code, Code::DELETED, "{like}");
    }
}

/// bootstrap.md 16, "Block1 receive", and transport.md 2.
#[test]
fn blocks_as_zephyr_takes_them() {
    let block = |number, more, exponent| BlockOption::new(number, more, exponent).unwrap();
    let put = |bench: &mut Bench, target: &str, format: u16, block: BlockOption, payload: &[u8]| {
        let mut request = bench.request(Code::PUT, target).with_payload(payload.to_vec());
        request.set_content_format(format);
        request.set_block1(block);
        bench.ask(&request).code
    };
    let mut bench = usual(Like::Zephyr);
    assert_eq!(put(&mut bench, "/0/3/5", 42, block(0, true, 1), &[1; 31]), Code::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(put(&mut bench, "/0/3/5", 110, block(0, true, 1), &[1; 32]), Code::INTERNAL_SERVER_ERROR);
    assert_eq!(put(&mut bench, "/0/3/5", 42, block(0, true, 1), &[1; 32]), Code::CONTINUE);
    assert_eq!(put(&mut bench, "/0/3/5", 42, block(2, true, 0), &[2; 16]), Code::REQUEST_ENTITY_INCOMPLETE, "size");
    assert_eq!(put(&mut bench, "/0/3/5", 42, block(0, true, 1), &[1; 32]), Code::CONTINUE);
    assert_eq!(put(&mut bench, "/0/3/5", 42, block(2, true, 1), &[2; 32]), Code::REQUEST_ENTITY_INCOMPLETE, "gap");
    // Three bodies at a time, and 30 s without a block are too long.
    for target in ["/0/3/5", "/0/4/5", "/0/5/5", "/0/6/5"] {
        assert_eq!(put(&mut bench, target, 42, block(0, true, 1), &[1; 32]), Code::CONTINUE);
    }
    assert_eq!(put(&mut bench, "/0/3/5", 42, block(1, false, 1), &[1]), Code::REQUEST_ENTITY_INCOMPLETE);
    bench.now += Duration::from_secs(29);
    assert_eq!(put(&mut bench, "/0/4/5", 42, block(1, false, 1), &[1]), Code::CHANGED);
    bench.now += Duration::from_secs(1);
    assert_eq!(put(&mut bench, "/0/5/5", 42, block(1, false, 1), &[1]), Code::REQUEST_ENTITY_INCOMPLETE);
}
