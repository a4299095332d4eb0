//! Vectors of RFC 8323 and of the spec sheet, lengths at their borders, and streams cut anywhere.

use proptest::prelude::*;

use super::{FrameDecoder, FrameError, LONGEST_FRAME, encode};
use crate::coap::wire::BrokenRule;
use crate::coap::{Code, Message, MessageType, Token};

fn message(code: u8, token: &[u8], payload: usize) -> Message {
    let token = Token::new(token).unwrap();
    Message::new(MessageType::NonConfirmable, Code::from_byte(code), 0, token).with_payload(vec![0xAA; payload])
}

/// All frames of a stream, read at once.
fn read(bytes: &[u8]) -> Result<Vec<Message>, FrameError> {
    let mut decoder = FrameDecoder::default();
    decoder.push(bytes);
    let mut messages = Vec::new();
    while let Some(message) = decoder.next_frame()? {
        messages.push(message);
    }
    Ok(messages)
}

#[test]
fn frames_have_the_bytes_of_the_rfc() {
    let mut request = message(0x02, &[1, 2], 1);
    request.add_uri_path("bs").unwrap();
    let table: [(Message, &[u8]); 6] = [
        (message(0x43, &[0x7F], 0), &[0x01, 0x43, 0x7F]),
        (message(0xE1, &[], 0), &[0x00, 0xE1]),
        (message(0xE2, &[0x42], 0), &[0x01, 0xE2, 0x42]),
        (message(0xE3, &[0x42], 0), &[0x01, 0xE3, 0x42]),
        (message(0x00, &[], 0), &[0x00, 0x00]),
        (request, &[0x52, 0x02, 1, 2, 0xB2, b'b', b's', 0xFF, 0xAA]),
    ];
    for (message, bytes) in table {
        assert_eq!(*encode(&message), bytes);
        assert_eq!(read(bytes), Ok(vec![message]));
    }
}

#[test]
fn type_and_id_do_not_travel() {
    let request = Message::request(Code::POST, 0x1234, Token::from([9; 8]));
    let read = read(&encode(&request)).unwrap();
    assert_eq!((read[0].message_type, read[0].id), (MessageType::NonConfirmable, 0));
    assert_eq!((read[0].code, read[0].token), (Code::POST, Token::from([9; 8])));
}

#[test]
fn lengths_are_extended_at_their_borders() {
    // Len counts the payload marker too.
    let table: [(usize, &[u8]); 6] = [
        (12, &[0xC0, 0x45]),
        (13, &[0xD0, 0x00, 0x45]),
        (268, &[0xD0, 0xFF, 0x45]),
        (269, &[0xE0, 0x00, 0x00, 0x45]),
        (1000, &[0xE0, 0x02, 0xDB, 0x45]),
        (LONGEST_FRAME - 4, &[0xE0, 0x3E, 0xEF, 0x45]),
    ];
    for (length, head) in table {
        let message = message(0x45, &[], length - 1);
        let frame = encode(&message);
        assert_eq!(&frame[..head.len()], head, "{length}");
        assert_eq!(frame.len(), head.len() + length);
        assert_eq!(read(&frame), Ok(vec![message]));
    }
    assert_eq!(encode(&message(0x45, &[], 65_804))[..6], [0xF0, 0, 0, 0, 0, 0x45]);
    assert_eq!(encode(&message(0x45, &[], 65_805 + 0x0102_0304 - 1))[..6], [0xF0, 1, 2, 3, 4, 0x45]);
}

#[test]
fn what_is_too_long_is_refused_before_it_comes() {
    // One byte more than fits: 1 + 2 + 1 + 16381.
    for head in [&[0xE0, 0x3E, 0xF0][..], &[0xE8, 0x3E, 0xE8], &[0xE0, 0xFF, 0xFF], &[0xF0]] {
        assert_eq!(read(head), Err(FrameError::TooLong), "{head:02x?}");
    }
    assert_eq!(read(&[0xE8, 0x3E, 0xE7]), Ok(vec![]));
}

#[test]
fn what_is_no_message_is_refused() {
    let table: [(&[u8], BrokenRule); 7] = [
        (&[0x09], BrokenRule::ReservedTokenLength),
        (&[0x0F, 0x01], BrokenRule::ReservedTokenLength),
        (&[0x00, 0x20], BrokenRule::ReservedCodeClass),
        (&[0x00, 0xC0], BrokenRule::ReservedCodeClass),
        (&[0x10, 0x45, 0xFF], BrokenRule::MarkerWithoutPayload),
        (&[0x10, 0x45, 0xB1], BrokenRule::TruncatedOption),
        (&[0x10, 0x45, 0xF0], BrokenRule::ReservedOptionDelta),
    ];
    for (bytes, rule) in table {
        assert_eq!(read(bytes), Err(FrameError::Broken(rule)), "{bytes:02x?}");
    }
}

#[test]
fn what_was_read_is_not_held() {
    let mut decoder = FrameDecoder::default();
    decoder.push(&[0x00, 0xE1, 0x01, 0x43]);
    assert!(decoder.next_frame().unwrap().is_some());
    assert_eq!((decoder.next_frame(), decoder.held()), (Ok(None), 2));
    decoder.push(&[0x7F]);
    assert_eq!(decoder.next_frame(), Ok(Some(message(0x43, &[0x7F], 0))));
    assert_eq!(decoder.held(), 0);
}

fn any_message() -> impl Strategy<Value = Message> {
    let code = prop::sample::select(vec![0x01_u8, 0x02, 0x45, 0x84, 0xE1, 0xE5]);
    let options = prop::collection::vec((1_u16..300, prop::collection::vec(any::<u8>(), 0..20)), 0..5);
    let payload = prop::sample::select(vec![0_usize, 1, 11, 12, 13, 267, 268, 300, 2000]);
    (code, prop::collection::vec(any::<u8>(), 0..=8), options, payload).prop_map(|(code, token, options, payload)| {
        let mut message = message(code, &token, payload);
        for (number, value) in options {
            message.options.add(number, &value).unwrap();
        }
        message
    })
}

proptest! {
    #[test]
    fn a_stream_may_be_cut_anywhere(
        messages in prop::collection::vec(any_message(), 1..5),
        cuts in prop::collection::vec(1_usize..400, 1..20),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| encode(message).to_vec()).collect();
        let (mut decoder, mut read, mut rest) = (FrameDecoder::default(), Vec::new(), &stream[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(rest.len().min(*cut));
            decoder.push(piece);
            while let Some(message) = decoder.next_frame().unwrap() {
                read.push(message);
            }
            rest = behind;
        }
        prop_assert_eq!(read, messages);
        prop_assert_eq!(decoder.held(), 0);
    }

    #[test]
    fn garbage_never_panics_and_is_never_hoarded(pieces: Vec<Vec<u8>>) {
        let mut decoder = FrameDecoder::default();
        for piece in pieces {
            decoder.push(&piece);
            loop {
                match decoder.next_frame() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
            prop_assert!(decoder.held() < LONGEST_FRAME);
        }
    }
}
