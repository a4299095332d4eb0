//! Vectors for every rule of the message format, and properties of reading and writing.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{BrokenRule, MAX_MESSAGE_SIZE};
use crate::coap::option_list::MAX_OPTIONS;
use crate::coap::{Code, Message, MessageType, Token};

#[test]
fn a_bootstrap_request_and_its_answer_have_the_bytes_of_the_rfc() {
    let mut request = Message::request(Code::POST, 0x1234, Token::new(&[0xA1, 0xA2]).unwrap());
    request.add_uri_path("bs").unwrap();
    request.add_uri_query("ep=urn:imei:4901").unwrap();
    let mut expected = b"\x42\x02\x12\x34\xA1\xA2\xB2bs\x4D\x03ep=urn:imei:4901".to_vec();
    assert_eq!(*request.encode(), expected);
    assert_eq!(Message::decode(&expected).as_ref(), Ok(&request));
    let request = request.with_payload(vec![0xFF, 0x00]);
    expected.extend([0xFF, 0xFF, 0x00]);
    assert_eq!(*request.encode(), expected);
    assert_eq!(Message::decode(&expected).as_ref(), Ok(&request));

    let answer = Message::piggybacked_response(&request, Code::CHANGED);
    assert_eq!(*answer.encode(), [0x62, 0x44, 0x12, 0x34, 0xA1, 0xA2]);
}

#[test]
fn empty_messages_are_their_header() {
    let table = [
        (Message::ping(0x0102), [0x40, 0x00, 0x01, 0x02]),
        (Message::empty_acknowledgement(0x0102), [0x60, 0x00, 0x01, 0x02]),
        (Message::reset(0x0102), [0x70, 0x00, 0x01, 0x02]),
    ];
    for (message, bytes) in table {
        assert_eq!(*message.encode(), bytes);
        assert_eq!(Message::decode(&bytes), Ok(message));
    }
}

#[test]
fn option_deltas_and_lengths_are_extended_at_13_and_269() {
    let mut message = Message::request(Code::GET, 1, Token::EMPTY);
    for (number, length) in [(12, 12), (25, 13), (293, 268), (562, 269), (65_535, 0)] {
        message.options.add(number, &vec![b'v'; length]).unwrap();
    }
    let mut expected = vec![0x40, 0x01, 0x00, 0x01];
    let heads: [(&[u8], usize); 5] = [
        (&[0xCC], 12),
        (&[0xDD, 0x00, 0x00], 13),
        (&[0xDD, 0xFF, 0xFF], 268),
        (&[0xEE, 0x00, 0x00, 0x00, 0x00], 269),
        (&[0xE0, 0xFC, 0xC0], 0),
    ];
    for (head, length) in heads {
        expected.extend_from_slice(head);
        expected.extend(vec![b'v'; length]);
    }
    assert_eq!(*message.encode(), expected);
    assert_eq!(Message::decode(&expected), Ok(message));
}

/// Each rule with bytes that break it. Those that start with `0x40` to `0x4F` are confirmable with id 0x0102.
fn vectors() -> Vec<(BrokenRule, Vec<u8>)> {
    let options = |count: usize| [&[0x40, 0x01, 1, 2][..], &vec![0x00; count]].concat();
    vec![
        (BrokenRule::ReservedTokenLength, [&[0x49, 0x01, 1, 2][..], &[0; 9]].concat()),
        (BrokenRule::ReservedTokenLength, [&[0x4F, 0x01, 1, 2][..], &[0; 15]].concat()),
        (BrokenRule::TruncatedToken, vec![0x42, 0x01, 1, 2, 0]),
        (BrokenRule::ReservedCodeClass, vec![0x40, 0x20, 1, 2]),
        (BrokenRule::ReservedCodeClass, vec![0x50, 0x20, 1, 2]),
        (BrokenRule::ReservedCodeClass, vec![0x60, 0xC0, 1, 2]),
        (BrokenRule::ReservedCodeClass, vec![0x40, 0xC0, 1, 2]),
        (BrokenRule::ReservedCodeClass, vec![0x40, 0xE1, 1, 2]),
        (BrokenRule::EmptyWithContent, vec![0x41, 0x00, 1, 2, 7]),
        (BrokenRule::EmptyWithContent, vec![0x41, 0x00, 1, 2]),
        (BrokenRule::EmptyWithContent, vec![0x40, 0x00, 1, 2, 0xB0]),
        (BrokenRule::EmptyWithContent, vec![0x40, 0x00, 1, 2, 0xFF, 0x01]),
        (BrokenRule::EmptyWithContent, vec![0x60, 0x00, 1, 2, 0xFF, 0x01]),
        (BrokenRule::EmptyWithContent, vec![0x71, 0x00, 1, 2, 7]),
        (BrokenRule::EmptyNonConfirmable, vec![0x50, 0x00, 1, 2]),
        (BrokenRule::RequestInAcknowledgement, vec![0x60, 0x01, 1, 2]),
        (BrokenRule::ResetNotEmpty, vec![0x70, 0x44, 1, 2]),
        (BrokenRule::ReservedOptionDelta, vec![0x40, 0x01, 1, 2, 0xF0]),
        (BrokenRule::ReservedOptionDelta, vec![0x40, 0x01, 1, 2, 0xFE, 0, 0]),
        (BrokenRule::ReservedOptionLength, vec![0x40, 0x01, 1, 2, 0xBF]),
        (BrokenRule::OptionNumberOverflow, vec![0x40, 0x01, 1, 2, 0xE0, 0xFE, 0xF3]),
        (BrokenRule::OptionNumberOverflow, vec![0x40, 0x01, 1, 2, 0xE0, 0xFE, 0xF2, 0x10]),
        (BrokenRule::TruncatedOption, vec![0x40, 0x01, 1, 2, 0xB1]),
        (BrokenRule::TruncatedOption, vec![0x40, 0x01, 1, 2, 0xD0]),
        (BrokenRule::TruncatedOption, vec![0x40, 0x01, 1, 2, 0xE0, 0]),
        (BrokenRule::TruncatedOption, vec![0x40, 0x01, 1, 2, 0xBD]),
        (BrokenRule::TruncatedOption, vec![0x40, 0x01, 1, 2, 0xBE, 0]),
        (BrokenRule::TruncatedOption, vec![0x40, 0x01, 1, 2, 0xBD, 0, b'v']),
        (BrokenRule::TooManyOptions, options(MAX_OPTIONS + 1)),
        (BrokenRule::TooLong, [&[0x40, 0x01, 1, 2, 0xFF][..], &vec![1; MAX_MESSAGE_SIZE - 4]].concat()),
        (BrokenRule::MarkerWithoutPayload, vec![0x40, 0x01, 1, 2, 0xFF]),
        (BrokenRule::MarkerWithoutPayload, vec![0x40, 0x01, 1, 2, 0xB0, 0xFF]),
    ]
}

#[test]
fn each_broken_rule_is_named_and_a_confirmable_message_deserves_reset() {
    for (rule, bytes) in vectors() {
        let start = &bytes[..bytes.len().min(8)];
        let error = Message::decode(&bytes).expect_err(&format!("{rule:?}: {start:02x?}"));
        assert_eq!(error.rule, rule, "{start:02x?}");
        let confirmable = bytes[0] & 0x30 == 0;
        assert_eq!(error.reset_for(), confirmable.then_some(0x0102), "{start:02x?}");
    }
}

#[test]
fn other_versions_and_headless_datagrams_are_ignored_silently() {
    for first in [0x00, 0x80, 0xC0] {
        let error = Message::decode(&[first, 0x01, 1, 2]).unwrap_err();
        assert_eq!((error.rule, error.reset_for()), (BrokenRule::UnknownVersion, None));
    }
    for length in 0..4 {
        let error = Message::decode(&[0x40, 0x01, 1, 2][..length]).unwrap_err();
        assert_eq!((error.rule, error.reset_for()), (BrokenRule::TooShort, None));
    }
}

#[test]
fn the_bounds_themselves_are_allowed() {
    let options = [&[0x40, 0x01, 1, 2][..], &[0x00; MAX_OPTIONS]].concat();
    assert_eq!(Message::decode(&options).unwrap().options.len(), MAX_OPTIONS);
    let long = [&[0x40, 0x01, 1, 2, 0xFF][..], &vec![1; MAX_MESSAGE_SIZE - 5]].concat();
    assert_eq!(Message::decode(&long).unwrap().payload.len(), MAX_MESSAGE_SIZE - 5);
}

/// Any message that RFC 7252 allows, within our bounds.
fn message() -> impl Strategy<Value = Message> {
    let kinds = prop_oneof![
        (Just(MessageType::Confirmable), prop_oneof![1_u8..32, 0x40_u8..0xC0]),
        (Just(MessageType::NonConfirmable), prop_oneof![1_u8..32, 0x40_u8..0xC0]),
        (Just(MessageType::Acknowledgement), 0x40_u8..0xC0),
    ];
    let options = vec((prop_oneof![0_u16..64, any::<u16>()], vec(any::<u8>(), 0..300)), 0..12);
    (kinds, any::<u16>(), vec(any::<u8>(), 0..9), options, vec(any::<u8>(), 0..600)).prop_map(
        |((message_type, code), id, token, options, payload)| {
            let token = Token::new(&token).unwrap();
            let mut message = Message::new(message_type, Code::from_byte(code), id, token).with_payload(payload);
            for (number, value) in options {
                message.options.add(number, &value).unwrap();
            }
            message
        },
    )
}

/// Bytes that often look like a message.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let arbitrary = vec(any::<u8>(), 0..80);
    let headed = (0x40_u8..0x80, any::<u8>(), vec(any::<u8>(), 2..80))
        .prop_map(|(first, code, rest)| [vec![first & 0xF3, code], rest].concat());
    let damaged = (message(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(message, index, byte)| {
        let mut bytes = message.encode().to_vec();
        let position = index.index(bytes.len());
        bytes[position] = byte;
        bytes
    });
    prop_oneof![arbitrary, headed, damaged]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(message in message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn what_can_be_read_is_written_stably_and_as_coap_lite_understands_it(bytes in bytes()) {
        if let Ok(message) = Message::decode(&bytes) {
            let written = message.encode();
            prop_assert_eq!(Message::decode(&written), Ok(message));
            let packet = coap_lite::Packet::from_bytes(&bytes).unwrap();
            prop_assert_eq!(packet.to_bytes_unlimited().unwrap(), written.to_vec());
        }
    }

    #[test]
    fn a_cut_message_never_reads_as_the_whole(message in message(), index: prop::sample::Index) {
        let bytes = message.encode();
        let cut = &bytes[..index.index(bytes.len())];
        prop_assert_ne!(Message::decode(cut), Ok(message));
    }
}
