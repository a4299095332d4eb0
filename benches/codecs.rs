//! What it costs to encode and to decode: the object instances of one account in each format, and CoAP messages.
//!
//! `cargo bench --bench codecs`.

use bootstrapd::coap::{Code, Message, Token};
use bootstrapd::lwm2m::{self, ContentFormat, Object, ObjectInstance, Path, Resource, Value};
use divan::{Bencher, black_box};

const FORMATS: [ContentFormat; 4] =
    [ContentFormat::Tlv, ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Lwm2mCbor];
const TARGET: Path = Path::ObjectInstance(0, 0);

fn main() {
    divan::main();
}

/// The Security Object instance of the worked example (spec sheet `formats.md`, section 8).
fn account() -> [Object; 1] {
    let resources = vec![
        Resource::single(0, Value::String("coaps://server1.example.com".to_owned())),
        Resource::single(1, Value::Boolean(false)),
        Resource::single(2, Value::Integer(0)),
        Resource::single(3, Value::opaque(b"b313cc22-f969-42ec-ad42")),
        Resource::single(4, Value::opaque(&[])),
        Resource::single(5, Value::opaque(&[0x1c; 16])),
        Resource::single(10, Value::Integer(101)),
    ];
    [Object { id: 0, instances: vec![ObjectInstance { id: 0, resources }] }]
}

#[divan::bench(args = FORMATS)]
fn encode(bencher: Bencher<'_, '_>, format: ContentFormat) {
    let account = account();
    bencher.bench(|| lwm2m::encode(format, &TARGET, black_box(&account)));
}

#[divan::bench(args = FORMATS)]
fn decode(bencher: Bencher<'_, '_>, format: ContentFormat) {
    let bytes = lwm2m::encode(format, &TARGET, &account()).expect("the account can be encoded");
    bencher.bench(|| lwm2m::decode(format, &TARGET, black_box(&bytes)));
}

fn write() -> Message {
    let mut message = Message::request(Code::PUT, 0x1234, Token::from([7; 8]));
    message.add_uri_path_id(0);
    message.add_uri_path_id(0);
    message.set_content_format(ContentFormat::SenmlCbor.number());
    message.with_payload(vec![0x55; 119])
}

#[divan::bench]
fn encode_coap_write(bencher: Bencher<'_, '_>) {
    let message = write();
    bencher.bench(|| black_box(&message).encode());
}

#[divan::bench]
fn decode_coap_write(bencher: Bencher<'_, '_>) {
    let bytes = write().encode();
    bencher.bench(|| Message::decode(black_box(&bytes)));
}
