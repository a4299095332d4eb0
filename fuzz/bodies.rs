//! What each fuzz target does with its bytes. The ordinary tests replay the committed corpora through the same
//! functions (`tests/corpora.rs`), so that what was once found stays mended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use bootstrapd::coap::stream::{Connection, FrameDecoder, Output, frame};
use bootstrapd::coap::{Message, Timing};
use bootstrapd::dtls::certificate::{KeyType, Offered};
use bootstrapd::dtls::client_hello::ClientHello;
use bootstrapd::dtls::cookie::{Cookies, Verdict};
use bootstrapd::dtls::gate::{Flight, Gate, Step};
use bootstrapd::dtls::record::{HandshakeFragments, Records};
use bootstrapd::lwm2m::{self, ContentFormat, DiscoverAnswer, Path};
use bootstrapd::provision::expression::{Template, Values};
use rand::SeedableRng;
use rand::rngs::StdRng;

#[path = "../tests/support/events.rs"]
mod events;

/// What a fuzz target does with one input; it panics where a promise is broken.
pub type Body = fn(&[u8]);

/// Every decoder that reads the network, and the reader of operators' templates, by the name of its fuzz target.
pub const TARGETS: [(&str, Body); 13] = [
    ("coap_message", coap_message),
    ("coap_stream", coap_stream),
    ("tlv", tlv),
    ("senml_cbor", senml_cbor),
    ("senml_json", senml_json),
    ("lwm2m_cbor", lwm2m_cbor),
    ("lwm2m_json", lwm2m_json),
    ("single_value", single_value),
    ("link_format", link_format),
    ("dtls_record", dtls_record),
    ("dtls_handshake", dtls_handshake),
    ("session_events", session_events),
    ("expression", expression),
];

/// A CoAP message that is accepted reads back equal from its own encoding.
pub fn coap_message(data: &[u8]) {
    let Ok(message) = Message::decode(data) else { return };
    let _ = (message.uri_path(), message.uri_query(), message.block1(), message.block2());
    let _ = (message.content_format(), message.accept(), message.etag(), message.unknown_critical_option(&[]));
    let again = Message::decode(&message.encode()).expect("our own encoding can be decoded");
    assert_eq!((again.code, again.id, again.token), (message.code, message.id, message.token));
    assert_eq!(again.payload, message.payload);
    assert!(again.options.iter().eq(message.options.iter()));
}

/// CoAP over a reliable transport. The first byte says how long the pieces are in which the rest comes: however it is
/// cut, the same frames come out, each reads back equal from its own encoding, and nothing follows the end.
pub fn coap_stream(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let pieces = || stream.chunks(usize::from(*cut) + 1);
    let (whole, whole_is_sound) = frames([stream].into_iter());
    let (cut, cut_is_sound) = frames(pieces());
    assert!(whole == cut && whole_is_sound == cut_is_sound, "the cut makes a difference");
    for message in &whole {
        let (again, sound) = frames([&frame::encode(message)[..]].into_iter());
        assert!(sound && again == [message.clone()], "our own encoding can be decoded");
    }
    let now = Instant::now();
    let mut connection = Connection::new(now, &Timing::default(), 0);
    let mut closed = false;
    for piece in pieces() {
        connection.handle_bytes(now, piece);
        while let Some(output) = connection.poll_output() {
            assert!(!closed, "something follows the end");
            closed = matches!(output, Output::Close(_));
        }
    }
}

/// The frames of a stream that comes in pieces, and whether it is sound as far as it goes.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Message>, bool) {
    let (mut decoder, mut frames) = (FrameDecoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(message)) => frames.push(message),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    (frames, true)
}

/// TLV.
pub fn tlv(data: &[u8]) {
    content(ContentFormat::Tlv, data);
}

/// SenML CBOR.
pub fn senml_cbor(data: &[u8]) {
    content(ContentFormat::SenmlCbor, data);
}

/// SenML JSON.
pub fn senml_json(data: &[u8]) {
    content(ContentFormat::SenmlJson, data);
}

/// LwM2M CBOR.
pub fn lwm2m_cbor(data: &[u8]) {
    content(ContentFormat::Lwm2mCbor, data);
}

/// LwM2M JSON.
pub fn lwm2m_json(data: &[u8]) {
    content(ContentFormat::Lwm2mJson, data);
}

/// Plain text, opaque and CBOR.
pub fn single_value(data: &[u8]) {
    for format in [ContentFormat::PlainText, ContentFormat::Opaque, ContentFormat::Cbor] {
        content(format, data);
    }
}

/// What decodes and can be encoded again decodes to something that encodes to the same bytes. (Trees are not compared:
/// a NaN is not equal to itself.)
fn content(format: ContentFormat, data: &[u8]) {
    let paths = [
        Path::Root,
        Path::Object(0),
        Path::Object(1),
        Path::ObjectInstance(0, 0),
        Path::ObjectInstance(2, 0),
        Path::Resource(1, 0, 1),
        Path::Resource(3, 0, 6),
        Path::ResourceInstance(2, 0, 2, 101),
    ];
    for path in paths {
        let Ok(objects) = lwm2m::decode(format, &path, data) else { continue };
        let Ok(bytes) = lwm2m::encode(format, &path, &objects) else { continue };
        let again = lwm2m::decode(format, &path, &bytes).expect("our own encoding can be decoded");
        assert_eq!(lwm2m::encode(format, &path, &again).expect("it was encoded before"), bytes);
    }
}

/// A Discover answer that is understood is understood the same way after it has been written by us.
pub fn link_format(data: &[u8]) {
    let Ok(answer) = DiscoverAnswer::parse(data) else { return };
    let _ = answer.bootstrap_account();
    let written = answer.render();
    if written.len() <= lwm2m::link_format::MAX_LENGTH {
        DiscoverAnswer::parse(written.as_bytes()).expect("our own rendering can be read");
    }
}

/// A datagram of a stranger: records, handshake fragments, ClientHello and cookie. Nothing may be answered by more than
/// was sent.
pub fn dtls_record(data: &[u8]) {
    let mut length = 0;
    for record in Records::of(data) {
        length += record.bytes.len();
        HandshakeFragments::of(record.fragment).for_each(drop);
    }
    assert!(length <= data.len());
    let Some(hello) = ClientHello::parse(data) else { return };
    let mut cookies = Cookies::new([7; 32]);
    if let Verdict::Verify(answer) = cookies.judge(Instant::now(), SocketAddr::from(([192, 0, 2, 1], 5684)), &hello) {
        assert!(answer.len() <= data.len(), "a stranger is answered by more than it sent");
    }
}

/// A client's second flight in datagrams, each after its length in one byte; length 0 says that the key is there.
pub fn dtls_handshake(mut data: &[u8]) {
    let mut gate = Gate::default();
    let mut certified = Gate::new(Flight::Certificate, [0; 6]);
    let (mut fed, mut arrived) = (0, data.len() + 64);
    while let Some((&length, rest)) = data.split_first() {
        let (datagram, later) = rest.split_at(usize::from(length).min(rest.len()));
        data = later;
        if length == 0 {
            fed += gate.open().len();
            certified.open();
        }
        for record in Records::of(datagram) {
            arrived += 1;
            fed += gate.handle_record(&record).len();
            for step in certified.handle_record(&record) {
                if let Step::Certificate(body) = step {
                    let _ = (Offered::parse(KeyType::Certificate, &body), Offered::parse(KeyType::RawPublicKey, &body));
                }
            }
        }
    }
    assert!(fed <= arrived, "the engine gets more than the client sent");
}

/// Events played to the session server.
pub fn session_events(data: &[u8]) {
    events::play(data);
}

/// A template that is accepted can be evaluated as soon as every value is there, and keeps to its bounds; one that is
/// refused is refused at a column of its text.
pub fn expression(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            assert!((1..=text.chars().count()).contains(&error.column), "column {}", error.column);
            return;
        }
    };
    let properties: BTreeMap<String, String> =
        template.properties().map(|name| (name.to_owned(), "p".into())).collect();
    let values = Values { endpoint_name: "ep", device_id: Some(7), properties: &properties, ssid: Some(101) };
    let value = template.evaluate(&values, &mut StdRng::seed_from_u64(1)).expect("every value is there");
    let preview = template.preview(&values).expect("every value is there");
    assert!(value.len() >= template.minimum_length());
    assert_eq!(*value == preview, !template.has_random());
    if let Some(literal) = template.literal() {
        assert_eq!(*value, literal);
        assert_eq!(literal.replace("${", "$${"), text, "a literal is written in one way only");
    }
}
