//! What each fuzz target does with its bytes. The ordinary tests replay the committed corpora through the same
//! functions (`tests/corpora.rs`), so that what was once found stays mended.

use bootstrapd::coap::Message;
use bootstrapd::lwm2m::{self, ContentFormat, DiscoverAnswer, Path};

/// Every decoder that reads the network, by the name of its fuzz target.
pub const TARGETS: [(&str, fn(&[u8])); 11] = [
    ("coap_message", coap_message),
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
