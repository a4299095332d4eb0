//! Bodies fetched in blocks: whole, in order, by nobody else, within bounds of memory and time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Snapshot, SnapshotLimits, Snapshots};
use crate::coap::{Block2Assembly, BlockOption, Code, Message, Progress, Timing, Token};

const LWM2M_CBOR: u16 = 11_544;

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index / 16) as u8).collect()
}

fn snapshot(length: usize) -> Snapshot {
    Snapshot::new(body(length).into(), [7; 8], LWM2M_CBOR)
}

fn snapshots() -> Snapshots<u8> {
    Snapshots::new(SnapshotLimits::of(&Timing::default()))
}

fn request(endpoint: &str, block: Option<(u32, u8)>) -> Message {
    let mut request = Message::request(Code::GET, 1, Token::EMPTY);
    request.add_uri_path("bspack").unwrap();
    request.add_uri_query(&format!("ep={endpoint}")).unwrap();
    if let Some((number, size_exponent)) = block {
        request.set_block2(BlockOption::new(number, false, size_exponent).unwrap());
    }
    request
}

fn response() -> Message {
    Message::separate_response(Code::CONTENT, 1, Token::EMPTY)
}

/// Number, whether more follow, size and payload length of the block in a response.
fn block(response: &Message) -> (u32, bool, usize, usize) {
    let block = response.block2().unwrap().unwrap();
    (block.number(), block.more(), block.size(), response.payload.len())
}

#[test]
fn a_body_of_one_block_needs_none() {
    let mut whole = response();
    assert_eq!(snapshot(1024).answer(&request("a", None), 6, &mut whole), Ok(false));
    assert_eq!((whole.block2(), whole.size2(), whole.payload.len()), (Ok(None), None, 1024));
    assert_eq!((whole.etag(), whole.content_format()), (Some(&[7; 8][..]), Some(LWM2M_CBOR)));
    let mut asked = response();
    assert_eq!(snapshot(30).answer(&request("a", Some((0, 6))), 6, &mut asked), Ok(false));
    assert_eq!((block(&asked), asked.size2()), ((0, false, 1024, 30), None));
    let mut empty = response();
    assert_eq!(snapshot(0).answer(&request("a", None), 6, &mut empty), Ok(false));
    assert_eq!((empty.block2(), empty.payload.len()), (Ok(None), 0));
}

#[test]
fn the_size_is_what_the_request_asks_for_but_never_more_than_ours() {
    let table = [
        (None, 6, (0, true, 1024, 1024)),
        (None, 4, (0, true, 256, 256)),
        (Some((0, 2)), 6, (0, true, 64, 64)),
        (Some((0, 6)), 4, (0, true, 256, 256)),
        // Block 1 of 1024 bytes begins where block 4 of 256 does.
        (Some((1, 6)), 4, (4, true, 256, 256)),
        (Some((1, 6)), 6, (1, false, 1024, 476)),
        (Some((93, 0)), 6, (93, false, 16, 12)),
    ];
    for (asked, largest, expected) in table {
        let mut response = response();
        let more = snapshot(1500).answer(&request("a", asked), largest, &mut response);
        assert_eq!((more, block(&response)), (Ok(expected.1), expected), "{asked:?} of {largest}");
        assert_eq!(response.size2(), (expected.0 == 0).then_some(1500));
        assert_eq!(response.etag(), Some(&[7; 8][..]));
        let start = response.block2().unwrap().unwrap().offset();
        assert_eq!(*response.payload, body(1500)[start..start + expected.3]);
    }
}

#[test]
fn a_block_behind_the_end_or_of_a_reserved_size_is_a_bad_request() {
    let mut reserved = request("a", None);
    reserved.set_uint(super::number::BLOCK2, 7);
    for request in
        [request("a", Some((94, 0))), request("a", Some((2, 6))), request("a", Some((0xF_FFFF, 6))), reserved]
    {
        assert_eq!(snapshot(1500).answer(&request, 6, &mut response()), Err(Code::BAD_REQUEST), "{request:?}");
    }
    assert_eq!(snapshot(1024).answer(&request("a", Some((1, 6))), 6, &mut response()), Err(Code::BAD_REQUEST));
}

#[test]
fn nobody_reads_what_another_endpoint_or_request_was_given() {
    let now = Instant::now();
    let mut snapshots = snapshots();
    snapshots.begin(now, 1, &request("a", None), 6, snapshot(3000), &mut response()).unwrap();
    let later = request("a", Some((1, 6)));
    let table = [
        (2, later.clone()),
        (1, request("b", Some((1, 6)))),
        (1, {
            let mut other = later.clone();
            other.set_accept(112);
            other
        }),
    ];
    for (endpoint, request) in table {
        let mut response = response();
        let answer = snapshots.answer(now, endpoint, &request, 6, &mut response);
        assert_eq!((answer, response.payload.len()), (Err(Code::REQUEST_ENTITY_INCOMPLETE), 0), "{endpoint}");
    }
    let mut answered = response();
    assert_eq!(snapshots.answer(now, 1, &later, 6, &mut answered), Ok(()));
    assert_eq!(block(&answered), (1, true, 1024, 1024));
    snapshots.forget(1);
    assert_eq!(snapshots.answer(now, 1, &later, 6, &mut response()), Err(Code::REQUEST_ENTITY_INCOMPLETE));
    assert_eq!(snapshots.bytes(), 0);
}

#[test]
fn a_block_that_is_asked_for_keeps_the_body_and_the_last_one_lets_it_go() {
    let (lifetime, grace) = (Duration::from_secs(247), Duration::from_secs(93));
    let mut now = Instant::now();
    let mut snapshots = snapshots();
    snapshots.begin(now, 1, &request("a", None), 6, snapshot(3000), &mut response()).unwrap();
    now += lifetime - Duration::from_millis(1);
    assert_eq!(snapshots.answer(now, 1, &request("a", Some((1, 6))), 6, &mut response()), Ok(()));
    now += lifetime - Duration::from_millis(1);
    assert_eq!(snapshots.answer(now, 1, &request("a", Some((2, 6))), 6, &mut response()), Ok(()));
    now += grace - Duration::from_millis(1);
    assert_eq!(snapshots.answer(now, 1, &request("a", Some((2, 6))), 6, &mut response()), Ok(()));
    now += grace;
    let gone = Err(Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(snapshots.answer(now, 1, &request("a", Some((2, 6))), 6, &mut response()), gone);
    assert_eq!(snapshots.bytes(), 0);

    snapshots.begin(now, 1, &request("a", None), 6, snapshot(3000), &mut response()).unwrap();
    assert_eq!(snapshots.answer(now + lifetime, 1, &request("a", Some((1, 6))), 6, &mut response()), gone);
}

#[test]
fn memory_is_bounded_and_the_oldest_body_goes() {
    let mut now = Instant::now();
    let mut snapshots = Snapshots::new(SnapshotLimits { bytes: 5000, ..SnapshotLimits::of(&Timing::default()) });
    for endpoint in [1, 2] {
        now += Duration::from_secs(1);
        snapshots.begin(now, endpoint, &request("a", None), 6, snapshot(2000), &mut response()).unwrap();
    }
    now += Duration::from_secs(1);
    snapshots.answer(now, 1, &request("a", Some((1, 6))), 6, &mut response()).unwrap();
    snapshots.begin(now, 3, &request("a", None), 6, snapshot(2000), &mut response()).unwrap();
    assert_eq!(snapshots.bytes(), 4000);
    let held = [1, 2, 3]
        .map(|endpoint| snapshots.answer(now, endpoint, &request("a", Some((1, 6))), 6, &mut response()).is_ok());
    assert_eq!(held, [true, false, true]);
    snapshots.begin(now, 3, &request("a", None), 6, snapshot(2500), &mut response()).unwrap();
    assert_eq!(snapshots.bytes(), 4500, "one endpoint holds one body");
    let too_large = snapshots.begin(now, 4, &request("a", None), 6, snapshot(5001), &mut response());
    assert_eq!((too_large, snapshots.bytes()), (Err(Code::SERVICE_UNAVAILABLE), 4500));
}

proptest! {
    /// What our assembly fetches is the body, at every size.
    #[test]
    fn a_body_is_fetched_whole(length in 0_usize..5000, ours in 0_u8..7, asked in prop::option::of(0_u8..7)) {
        let now = Instant::now();
        let mut snapshots = snapshots();
        let mut assembly = Block2Assembly::new();
        let mut answered = response();
        let first = request("a", asked.map(|exponent| (0, exponent)));
        snapshots.begin(now, 1, &first, ours, snapshot(length), &mut answered).unwrap();
        loop {
            match assembly.push(&answered).unwrap() {
                Progress::Complete(whole) => break prop_assert_eq!(&*whole, &body(length)),
                Progress::Next(next) => {
                    answered = response();
                    let next = request("a", Some((next.number(), next.size_exponent())));
                    prop_assert_eq!(snapshots.answer(now, 1, &next, ours, &mut answered), Ok(()));
                }
            }
        }
    }
}
