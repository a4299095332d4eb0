//! Transfers against every answer that clients give, and that none of them goes on for ever.

use proptest::prelude::*;

use super::{Block1Error, Block1Reaction, Block1Transfer, OVERHEAD, size_exponent_for};
use crate::coap::options::number;
use crate::coap::{BlockOption, Code, InvalidBlockOption, Message, MessageType, Token};

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index / 16) as u8).collect()
}

fn transfer(length: usize, size_exponent: u8) -> Block1Transfer {
    Block1Transfer::new(body(length).into(), size_exponent, Some([1, 2, 3, 4])).unwrap()
}

fn answer(code: Code) -> Message {
    Message::new(MessageType::Acknowledgement, code, 1, Token::EMPTY)
}

fn with_block1(code: Code, number: u32, more: bool, size_exponent: u8) -> Message {
    let mut message = answer(code);
    message.set_block1(BlockOption::new(number, more, size_exponent).unwrap());
    message
}

/// Number, whether more follow, and size of the block that is to be sent.
fn offered(transfer: &Block1Transfer) -> (u32, bool, usize, usize) {
    let block = transfer.next_block();
    (block.option.number(), block.option.more(), block.option.size(), block.payload.len())
}

#[test]
fn a_body_goes_out_block_by_block() {
    let mut transfer = transfer(150, 2);
    let mut received = Vec::new();
    for number in 0..2 {
        assert_eq!(offered(&transfer), (number, true, 64, 64));
        assert_eq!(transfer.next_block().size1, (number == 0).then_some(150));
        received.extend_from_slice(transfer.next_block().payload);
        let answer = with_block1(Code::CONTINUE, number, true, 2);
        assert_eq!(transfer.handle_answer(&answer), Ok(Block1Reaction::Next));
    }
    assert_eq!(offered(&transfer), (2, false, 64, 22));
    received.extend_from_slice(transfer.next_block().payload);
    assert_eq!(received, body(150));
    let last = with_block1(Code::CHANGED, 2, false, 2);
    assert_eq!(transfer.handle_answer(&last), Ok(Block1Reaction::Complete(Code::CHANGED)));
    assert_eq!(transfer.taken(), 150);
}

#[test]
fn a_block_puts_all_its_options_into_the_request() {
    let mut transfer = transfer(40, 1);
    let mut request = Message::request(Code::PUT, 1, Token::EMPTY);
    transfer.next_block().put_into(&mut request);
    assert_eq!(request.block1(), Ok(Some(BlockOption::new(0, true, 1).unwrap())));
    assert_eq!((request.size1(), request.request_tag()), (Some(40), Some(&[1, 2, 3, 4][..])));
    assert_eq!(*request.payload, body(32));
    assert_eq!(request.unknown_critical_option(&[number::BLOCK1]), None);
    transfer.handle_answer(&answer(Code::CONTINUE)).unwrap();
    let mut request = Message::request(Code::PUT, 2, Token::EMPTY);
    transfer.next_block().put_into(&mut request);
    assert_eq!((request.size1(), request.request_tag()), (None, Some(&[1, 2, 3, 4][..])));
    assert_eq!(request.payload.len(), 8);
}

#[test]
fn a_size_can_be_agreed_on_early_and_late_and_never_grows() {
    // RFC 7959 section 3.2, Figure 8: 128 bytes were taken, then block 4 of 32.
    let mut early = transfer(200, 3);
    assert_eq!(early.handle_answer(&with_block1(Code::CONTINUE, 0, true, 1)), Ok(Block1Reaction::Next));
    assert_eq!(offered(&early), (4, true, 32, 32));
    assert_eq!(early.handle_answer(&with_block1(Code::CONTINUE, 4, true, 6)), Ok(Block1Reaction::Next));
    assert_eq!(offered(&early), (5, true, 32, 32));
    // A later answer may shrink too; its number is that of the request, or scaled.
    for number in [5, 10] {
        let mut late = transfer(200, 1);
        for taken in 0..5 {
            late.handle_answer(&with_block1(Code::CONTINUE, taken, true, 1)).unwrap();
        }
        assert_eq!(late.handle_answer(&with_block1(Code::CONTINUE, number, true, 0)), Ok(Block1Reaction::Next));
        assert_eq!((offered(&late), late.size_exponent()), ((12, false, 16, 8), 0));
    }
}

#[test]
fn a_refused_size_begins_again_with_a_smaller_one() {
    let mut named = transfer(200, 6);
    let too_large = with_block1(Code::REQUEST_ENTITY_TOO_LARGE, 0, true, 2);
    assert_eq!(named.handle_answer(&too_large), Ok(Block1Reaction::RestartSmaller));
    assert_eq!(offered(&named), (0, true, 64, 64));
    assert_eq!(named.next_block().size1, Some(200));
    assert_eq!(named.handle_answer(&too_large), Ok(Block1Reaction::TooLarge), "it is not smaller");

    let mut late = transfer(200, 2);
    late.handle_answer(&answer(Code::CONTINUE)).unwrap();
    let smaller = with_block1(Code::REQUEST_ENTITY_TOO_LARGE, 1, true, 0);
    assert_eq!(late.handle_answer(&smaller), Ok(Block1Reaction::RestartSmaller));
    assert_eq!(offered(&late), (0, true, 16, 16));

    let mut unnamed = transfer(2000, 6);
    for size in [256, 64, 16] {
        assert_eq!(unnamed.handle_answer(&answer(Code::REQUEST_ENTITY_TOO_LARGE)), Ok(Block1Reaction::TooLarge));
        assert!(unnamed.shrink());
        assert_eq!(offered(&unnamed), (0, true, size, size));
    }
    let refused = Ok(Block1Reaction::Refused(Code::REQUEST_ENTITY_TOO_LARGE));
    assert_eq!(unnamed.handle_answer(&answer(Code::REQUEST_ENTITY_TOO_LARGE)), refused);
    assert!(!unnamed.shrink());
}

#[test]
fn a_body_that_is_too_long_is_refused_at_once() {
    let mut hopeless = answer(Code::REQUEST_ENTITY_TOO_LARGE);
    hopeless.set_size1(199);
    let refused = Ok(Block1Reaction::Refused(Code::REQUEST_ENTITY_TOO_LARGE));
    assert_eq!(transfer(200, 2).handle_answer(&hopeless), refused);
    let mut begun = transfer(200, 2);
    begun.handle_answer(&answer(Code::CONTINUE)).unwrap();
    assert_eq!(begun.handle_answer(&answer(Code::REQUEST_ENTITY_TOO_LARGE)), refused);
}

#[test]
fn lost_blocks_begin_again_once() {
    let mut transfer = transfer(200, 2);
    transfer.handle_answer(&answer(Code::CONTINUE)).unwrap();
    let incomplete = answer(Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(transfer.handle_answer(&incomplete), Ok(Block1Reaction::Restart));
    assert_eq!(offered(&transfer), (0, true, 64, 64));
    let refused = Ok(Block1Reaction::Refused(Code::REQUEST_ENTITY_INCOMPLETE));
    assert_eq!(transfer.handle_answer(&incomplete), refused);
}

#[test]
fn other_codes_refuse_also_before_the_last_block() {
    for code in [Code::BAD_OPTION, Code::UNSUPPORTED_CONTENT_FORMAT, Code::INTERNAL_SERVER_ERROR] {
        assert_eq!(transfer(200, 2).handle_answer(&answer(code)), Ok(Block1Reaction::Refused(code)));
    }
}

#[test]
fn answers_that_contradict_the_transfer_end_it() {
    let mut reserved = answer(Code::CONTINUE);
    reserved.set_uint(number::BLOCK1, 7);
    let invalid = Block1Error::Invalid(InvalidBlockOption::ReservedSizeExponent);
    let table = [
        (200, with_block1(Code::CONTINUE, 1, true, 2), Block1Error::OutOfStep),
        (200, reserved, invalid),
        (200, answer(Code::CHANGED), Block1Error::PartTakenForWhole),
        (64, answer(Code::CONTINUE), Block1Error::ContinueAfterLast),
    ];
    for (length, answer, error) in table {
        assert_eq!(transfer(length, 2).handle_answer(&answer), Err(error), "{answer:?}");
    }
    assert!(matches!(Block1Transfer::new(body(1).into(), 7, None), Err(InvalidBlockOption::ReservedSizeExponent)));
    assert!(matches!(Block1Transfer::new(vec![0; (16 << 20) + 1].into(), 0, None), Err(InvalidBlockOption::TooLong)));
}

#[test]
fn blocks_are_as_large_as_the_messages_allow() {
    let table = [(1152, 6), (1088, 6), (1087, 5), (600, 5), (512, 4), (128, 2), (80, 0), (40, 0), (0, 0), (65_535, 6)];
    for (largest, exponent) in table {
        assert_eq!(size_exponent_for(largest), exponent, "{largest}");
    }
    let mut request = Message::request(Code::PUT, 1, Token::from([0; 8]));
    for _ in 0..4 {
        request.add_uri_path_id(65_535);
    }
    request.set_content_format(11_542);
    Block1Transfer::new(body(1 << 24).into(), 6, Some([9; 4])).unwrap().next_block().put_into(&mut request);
    assert!(request.encode().len() <= 1024 + OVERHEAD, "{}", request.encode().len());
}

proptest! {
    /// Whatever a peer answers, the transfer ends: no peer keeps us busy for more than this many requests.
    #[test]
    fn every_transfer_ends(
        length in 0_usize..300, size_exponent in 0_u8..7,
        answers in prop::collection::vec((0_usize..4, 0_u8..7), 1..8),
    ) {
        let mut transfer = transfer(length, size_exponent);
        // Seven sizes and one 4.08 make nine beginnings at most, with 19 blocks of 16 bytes each.
        for step in 0..9 * 19 + 1 {
            let (kind, exponent) = answers[step % answers.len()];
            let number = transfer.next_block().option.number();
            let answer = match kind {
                0 => answer(Code::REQUEST_ENTITY_INCOMPLETE),
                1 => with_block1(Code::REQUEST_ENTITY_TOO_LARGE, number, true, exponent),
                _ => with_block1(Code::CONTINUE, number, true, exponent),
            };
            match transfer.handle_answer(&answer) {
                Ok(Block1Reaction::Next | Block1Reaction::RestartSmaller | Block1Reaction::Restart) => {}
                Ok(Block1Reaction::TooLarge) if transfer.shrink() => {}
                _ => return Ok(()),
            }
        }
        prop_assert!(false, "it goes on");
    }

    /// A peer that shrinks the size at any time still gets every byte once and in order.
    #[test]
    fn the_bytes_arrive_in_order(length in 0_usize..2000, size_exponent in 0_u8..7, sizes: Vec<u8>) {
        let mut transfer = transfer(length, size_exponent);
        let mut received = Vec::new();
        for step in 0.. {
            let block = transfer.next_block();
            prop_assert_eq!(block.option.offset(), received.len());
            received.extend_from_slice(block.payload);
            if !block.option.more() {
                break;
            }
            prop_assert_eq!(block.payload.len(), block.option.size());
            let exponent = sizes.get(step).map_or(6, |size| size % 7);
            let answer = with_block1(Code::CONTINUE, block.option.number(), true, exponent);
            prop_assert_eq!(transfer.handle_answer(&answer), Ok(Block1Reaction::Next));
        }
        prop_assert_eq!(received, body(length));
    }
}
