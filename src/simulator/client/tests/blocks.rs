//! Bodies that come in blocks (RFC 7959): every way in which a receiver may take or refuse them.

use std::time::Duration;

use super::bench::{Bench, configuration, message};
use crate::coap::options::number as option;
use crate::coap::{BlockOption, Code, Message};
use crate::lwm2m::Value;
use crate::simulator::behaviour::{Blocks, Oversized};
use crate::simulator::configuration::ClientConfiguration;

fn block(number: u32, more: bool, exponent: u8) -> BlockOption {
    BlockOption::new(number, more, exponent).unwrap()
}

fn client(change: impl FnOnce(&mut Blocks)) -> Bench {
    let mut configuration: ClientConfiguration = configuration();
    change(&mut configuration.behaviour.blocks);
    Bench::served(configuration)
}

impl Bench {
    /// One block of an opaque write; gives the code and the Block1 option of the answer.
    fn put(&mut self, target: &str, block: BlockOption, payload: &[u8]) -> (Code, Option<BlockOption>) {
        self.put_with(target, block, payload, |_| ())
    }

    fn put_with(
        &mut self,
        target: &str,
        block: BlockOption,
        payload: &[u8],
        change: impl FnOnce(&mut Message),
    ) -> (Code, Option<BlockOption>) {
        let mut request = self.request(Code::PUT, target).with_payload(payload.to_vec());
        request.set_content_format(42);
        request.set_block1(block);
        change(&mut request);
        let answer = self.ask(&request);
        (answer.code, answer.block1().unwrap())
    }

    fn key(&self, instance: u16) -> Option<Vec<u8>> {
        let found = self.client.lasting().find(|(object, found)| (*object, found.id) == (0, instance))?;
        match found.1.single(5)? {
            Value::Opaque(bytes) => Some(bytes.expose().to_vec()),
            _ => None,
        }
    }
}

#[test]
fn a_body_of_several_blocks_is_written_once_it_is_whole() {
    let mut bench = client(|_| ());
    assert_eq!(bench.put("/0/3/5", block(0, true, 0), &[1; 16]), (Code::CONTINUE, Some(block(0, true, 0))));
    assert_eq!(bench.put("/0/3/5", block(1, true, 0), &[2; 16]), (Code::CONTINUE, Some(block(1, true, 0))));
    assert_eq!(bench.key(3), None);
    assert_eq!(bench.put("/0/3/5", block(2, false, 0), &[3; 5]), (Code::CHANGED, Some(block(2, false, 0))));
    assert_eq!(bench.key(3), Some([&[1; 16][..], &[2; 16], &[3; 5]].concat()));
    // A single block is a body as well.
    assert_eq!(bench.put("/0/4/5", block(0, false, 6), b"key"), (Code::CHANGED, Some(block(0, false, 6))));
    assert_eq!(bench.key(4).as_deref(), Some(&b"key"[..]));
}

#[test]
fn a_repeated_block_is_taken_once() {
    let mut bench = client(|_| ());
    let mut request = bench.request(Code::PUT, "/0/3/5").with_payload(vec![1; 16]);
    request.set_content_format(42);
    request.set_block1(block(0, true, 0));
    let first = bench.hand(&request.encode());
    assert_eq!(bench.hand(&request.encode()), first);
    bench.put("/0/3/5", block(1, false, 0), &[2]);
    assert_eq!(bench.key(3).unwrap().len(), 17);
}

#[test]
fn smaller_blocks_are_asked_for_early_or_late() {
    // Early: the first block is taken, and the next ones are to have 64 bytes.
    let mut bench = client(|blocks| blocks.largest = 2);
    assert_eq!(bench.put("/0/3/5", block(0, true, 6), &[1; 1024]), (Code::CONTINUE, Some(block(0, true, 2))));
    assert_eq!(bench.put("/0/3/5", block(16, false, 2), &[2; 3]).0, Code::CHANGED);
    assert_eq!(bench.key(3).unwrap().len(), 1027);
    // A server that does not listen is refused.
    bench.put("/0/3/5", block(0, true, 6), &[1; 1024]);
    let refused = (Code::REQUEST_ENTITY_TOO_LARGE, Some(block(1, true, 2)));
    assert_eq!(bench.put("/0/3/5", block(1, true, 6), &[1; 1024]), refused);

    // Late: with the third block.
    let mut bench = client(|blocks| (blocks.largest, blocks.oversized) = (2, Oversized::Negotiated(3)));
    for number in 0..2 {
        let answer = (Code::CONTINUE, Some(block(number, true, 3)));
        assert_eq!(bench.put("/0/3/5", block(number, true, 3), &[1; 128]), answer);
    }
    assert_eq!(bench.put("/0/3/5", block(2, true, 3), &[1; 128]), (Code::CONTINUE, Some(block(2, true, 2))));
    assert_eq!(bench.put("/0/3/5", block(6, false, 2), &[2; 64]).0, Code::CHANGED);
    assert_eq!(bench.key(3).unwrap().len(), 3 * 128 + 64);
}

#[test]
fn large_blocks_are_refused_with_and_without_a_size() {
    for (oversized, hint) in [(Oversized::Refused, Some(block(0, true, 2))), (Oversized::RefusedWithoutSize, None)] {
        let mut bench = client(|blocks| (blocks.largest, blocks.oversized) = (2, oversized));
        let answer = bench.put("/0/3/5", block(0, true, 6), &[1; 1024]);
        assert_eq!(answer, (Code::REQUEST_ENTITY_TOO_LARGE, hint));
        assert_eq!(bench.put("/0/3/5", block(0, true, 2), &[1; 64]).0, Code::CONTINUE);
    }
}

#[test]
fn a_long_payload_without_blocks_may_be_refused() {
    let mut bench = client(|blocks| (blocks.largest, blocks.takes_long_payloads) = (2, false));
    let mut request = bench.request(Code::PUT, "/0/3/5").with_payload(vec![1; 65]);
    request.set_content_format(42);
    let answer = bench.ask(&request);
    assert_eq!((answer.code, answer.block1()), (Code::REQUEST_ENTITY_TOO_LARGE, Ok(Some(block(0, true, 2)))));
    assert_eq!(bench.write("/0/3/5", 42, vec![1; 64]).code, Code::CHANGED);
}

#[test]
fn a_client_without_blocks_says_so_in_its_own_way() {
    for code in [Code::REQUEST_ENTITY_TOO_LARGE, Code::BAD_OPTION, Code::INTERNAL_SERVER_ERROR] {
        let mut bench = client(|blocks| blocks.refused = Some(code));
        assert_eq!(bench.put("/0/3/5", block(0, true, 6), &[1; 1024]), (code, None));
        assert_eq!(bench.write("/0/3/5", 42, vec![1; 64]).code, Code::CHANGED);
    }
}

#[test]
fn what_does_not_continue_a_body_loses_it() {
    type Send = fn(&mut Bench) -> (Code, Option<BlockOption>);
    let table: [(&str, Code, Send); 5] = [
        ("a gap", Code::REQUEST_ENTITY_INCOMPLETE, |bench| bench.put("/0/3/5", block(2, true, 0), &[2; 16])),
        ("another format", Code::REQUEST_ENTITY_INCOMPLETE, |bench| {
            bench.put_with("/0/3/5", block(1, true, 0), &[2; 16], |request| request.set_content_format(0))
        }),
        ("a short block", Code::BAD_REQUEST, |bench| bench.put("/0/3/5", block(1, true, 0), &[2; 15])),
        ("a long block", Code::BAD_REQUEST, |bench| bench.put("/0/3/5", block(1, true, 0), &[2; 17])),
        ("a long body", Code::REQUEST_ENTITY_TOO_LARGE, |bench| bench.put("/0/3/5", block(1, false, 1), &[2; 32])),
    ];
    for (what, code, send) in table {
        let mut bench = client(|blocks| blocks.longest_body = 40);
        let first = if what == "a long body" { block(0, true, 1) } else { block(0, true, 0) };
        bench.put("/0/3/5", first, &vec![1; first.size()]);
        assert_eq!(send(&mut bench).0, code, "{what}");
        assert_eq!(bench.put("/0/3/5", block(1, false, 0), &[2]).0, Code::REQUEST_ENTITY_INCOMPLETE, "after {what}");
    }
}

#[test]
fn bodies_are_told_apart_by_path_and_request_tag() {
    let mut bench = client(|_| ());
    let tagged = |tag: u8| move |request: &mut Message| request.options.add(option::REQUEST_TAG, &[tag]).unwrap();
    bench.put("/0/3/5", block(0, true, 0), &[1; 16]);
    bench.put("/0/4/5", block(0, true, 0), &[2; 16]);
    bench.put_with("/0/3/5", block(0, true, 0), &[3; 16], tagged(1));
    assert_eq!(bench.put("/0/4/5", block(1, false, 0), &[2]).0, Code::CHANGED);
    assert_eq!(bench.put_with("/0/3/5", block(1, false, 0), &[3], tagged(2)).0, Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(bench.put_with("/0/3/5", block(1, false, 0), &[3], tagged(1)).0, Code::CHANGED);
    assert_eq!(bench.key(3), Some(vec![3; 17]));
    assert_eq!(bench.put("/0/3/5", block(1, false, 0), &[1]).0, Code::CHANGED);
    assert_eq!(bench.key(3), Some(vec![1; 17]));
}

#[test]
fn half_a_body_is_forgotten_after_a_while_and_when_there_are_too_many() {
    let mut bench = client(|blocks| (blocks.contexts, blocks.idle) = (2, Duration::from_secs(30)));
    for target in ["/0/3/5", "/0/4/5", "/0/6/5"] {
        bench.put(target, block(0, true, 0), &[1; 16]);
    }
    assert_eq!(bench.put("/0/3/5", block(1, false, 0), &[1]).0, Code::REQUEST_ENTITY_INCOMPLETE, "the oldest gave way");
    assert_eq!(bench.put("/0/4/5", block(1, false, 0), &[1]).0, Code::CHANGED);
    bench.now += Duration::from_secs(30);
    assert_eq!(bench.put("/0/6/5", block(1, false, 0), &[1]).0, Code::REQUEST_ENTITY_INCOMPLETE, "too late");
}

#[test]
fn block1_has_no_place_but_in_a_write() {
    let mut bench = client(|_| ());
    let mut request = bench.request(Code::DELETE, "/1");
    request.set_block1(block(0, false, 0));
    assert_eq!(bench.ask(&request).code, Code::BAD_OPTION);
    let mut request = bench.request(Code::PUT, "/0/3/5");
    request.options.add(option::BLOCK1, &[7]).unwrap();
    assert_eq!(message(&bench.hand(&request.encode())[0]).code, Code::BAD_REQUEST);
}

#[test]
fn answers_come_in_the_clients_own_block_size() {
    let mut bench = client(|blocks| blocks.largest = 1);
    let whole = Bench::served(configuration()).discover("/").payload.to_vec();
    let first = bench.discover("/");
    assert_eq!((first.block2(), first.payload.len()), (Ok(Some(block(0, true, 1))), 32));
    // A server that asks for more gets no more.
    let mut request = bench.request(Code::GET, "/");
    request.set_accept(40);
    request.set_block2(block(0, false, 6));
    assert_eq!(bench.ask(&request).block2(), Ok(Some(block(0, true, 1))));
    let mut request = bench.request(Code::GET, "/");
    request.set_accept(40);
    request.set_block2(block(1, false, 1));
    let rest = bench.ask(&request);
    assert_eq!([&first.payload[..], &rest.payload].concat(), whole);
}
