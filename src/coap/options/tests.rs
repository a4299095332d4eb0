//! Vectors for typed options: what an absent, empty, overlong or repeated one means.

use super::{NotUtf8, number};
use crate::coap::{BlockOption, Code, InvalidBlockOption, Message, OptionRefused, Token};

fn request() -> Message {
    Message::request(Code::POST, 1, Token::EMPTY)
}

fn with(number: u16, values: &[&[u8]]) -> Message {
    let mut message = request();
    for value in values {
        message.options.add(number, value).unwrap();
    }
    message
}

#[test]
fn paths_and_queries_come_as_they_were_sent() {
    let mut message = request();
    message.add_uri_path("bs").unwrap();
    message.add_uri_query("ep=a&b%20c").unwrap();
    message.add_uri_query("pct=112").unwrap();
    assert_eq!(message.uri_path(), Ok(vec!["bs"]));
    assert_eq!(message.uri_query(), Ok(vec!["ep=a&b%20c", "pct=112"]));
    assert!(message.uri_path_is(&["bs"]));
    assert!(!message.uri_path_is(&["bs", ""]) && !message.uri_path_is(&[]) && !message.uri_path_is(&["BS"]));
    assert_eq!(request().uri_path(), Ok(vec![]));
}

#[test]
fn ids_are_written_in_decimal_digits() {
    let mut message = request();
    for id in [0, 9, 10, 65_535] {
        message.add_uri_path_id(id);
    }
    assert_eq!(message.uri_path(), Ok(vec!["0", "9", "10", "65535"]));
}

#[test]
fn strings_must_be_utf8_and_fit() {
    assert_eq!(with(number::URI_PATH, &[b"\xFF"]).uri_path(), Err(NotUtf8(number::URI_PATH)));
    assert_eq!(with(number::URI_QUERY, &[b"ep=a", b"\xC3"]).uri_query(), Err(NotUtf8(number::URI_QUERY)));
    let mut message = request();
    assert_eq!(message.add_uri_query(&"e".repeat(255)), Ok(()));
    assert_eq!(message.add_uri_query(&"e".repeat(256)), Err(OptionRefused::TooLong(number::URI_QUERY)));
    assert_eq!(message.add_uri_path(&"e".repeat(256)), Err(OptionRefused::TooLong(number::URI_PATH)));
    assert_eq!(message.set_etag(&[0; 9]), Err(OptionRefused::TooLong(number::ETAG)));
    assert_eq!(message.options.len(), 1);
}

#[test]
fn a_content_format_may_be_absent_zero_or_out_of_range() {
    let table: [(&[&[u8]], Option<u16>); 6] = [
        (&[], None),
        (&[b""], Some(0)),
        (&[b"\x28"], Some(40)),
        (&[b"\x00\x28"], Some(40)),
        (&[b"\x2D\x16"], Some(11_542)),
        (&[b"\x00\x00\x28"], None),
    ];
    for (values, expected) in table {
        assert_eq!(with(number::CONTENT_FORMAT, values).content_format(), expected, "{values:?}");
        assert_eq!(with(number::ACCEPT, values).accept(), expected, "{values:?}");
    }
}

#[test]
fn setters_write_the_shortest_form_and_replace() {
    let table: [(u32, &[u8]); 5] =
        [(0, b""), (1, b"\x01"), (255, b"\xFF"), (256, b"\x01\x00"), (u32::MAX, b"\xFF\xFF\xFF\xFF")];
    let mut message = request();
    for (value, bytes) in table {
        message.set_size1(value);
        message.set_size2(value);
        assert_eq!(message.options.first(number::SIZE1), Some(bytes));
        assert_eq!((message.size1(), message.size2(), message.options.len()), (Some(value), Some(value), 2));
    }
    message.set_content_format(110);
    message.set_accept(40);
    message.set_etag(b"tag").unwrap();
    message.set_observe(7);
    assert_eq!((message.content_format(), message.accept()), (Some(110), Some(40)));
    assert_eq!((message.etag(), message.observe()), (Some(&b"tag"[..]), Some(7)));
}

#[test]
fn block_options_are_read_in_all_lengths() {
    let block = BlockOption::new(0x12345, true, 6).unwrap();
    let mut message = request();
    message.set_block1(block);
    assert_eq!(message.options.first(number::BLOCK1), Some(&b"\x12\x34\x5E"[..]));
    assert_eq!((message.block1(), message.block2()), (Ok(Some(block)), Ok(None)));
    assert_eq!(with(number::BLOCK2, &[b""]).block2(), BlockOption::new(0, false, 0).map(Some));
    assert_eq!(with(number::BLOCK2, &[b"\x07"]).block2(), Err(InvalidBlockOption::ReservedSizeExponent));
    assert_eq!(with(number::BLOCK2, &[b"\0\0\0\0"]).block2(), Err(InvalidBlockOption::TooLong));
}

#[test]
fn critical_options_are_unknown_malformed_or_repeated_at_the_senders_peril() {
    let known = [number::URI_HOST, number::URI_PORT, number::URI_PATH, number::URI_QUERY, number::ACCEPT];
    type Values = &'static [&'static [u8]];
    let table: [(u16, Values, Option<u16>); 11] = [
        (number::URI_PATH, &[b"a", b"a"], None),
        (number::URI_QUERY, &[&[b'q'; 256]], Some(number::URI_QUERY)),
        (number::URI_HOST, &[b"h"], None),
        (number::URI_HOST, &[b""], Some(number::URI_HOST)),
        (number::URI_PORT, &[b"\x16\x33"], None),
        (number::ACCEPT, &[b"\x28", b"\x28"], Some(number::ACCEPT)),
        (number::ACCEPT, &[b"\0\0\x28"], Some(number::ACCEPT)),
        (number::OSCORE, &[b""], Some(number::OSCORE)),
        (9_999, &[b""], Some(9_999)),
        (number::OBSERVE, &[b"", b""], None),
        (9_998, &[b""], None),
    ];
    for (number, values, expected) in table {
        assert_eq!(with(number, values).unknown_critical_option(&known), expected, "{number} {values:?}");
    }
    assert_eq!(with(9_999, &[b""]).unknown_critical_option(&[9_999]), None);
}

#[test]
fn of_an_elective_option_the_repetition_is_ignored() {
    assert_eq!(with(number::CONTENT_FORMAT, &[b"\x28", b"\x29"]).content_format(), Some(40));
}
