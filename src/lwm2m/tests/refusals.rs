//! What must not be read, and what cannot be written.

use super::trees::*;
use super::{bytes, path};
use crate::lwm2m::ContentFormat::{Cbor, CoreLink, Lwm2mCbor, Lwm2mJson, Opaque, PlainText, SenmlCbor, SenmlJson, Tlv};
use crate::lwm2m::codec::{MAX_ENTRIES, MAX_PAYLOAD};
use crate::lwm2m::{ContentFormat, DecodeError, EncodeError, Object, Path, Value, decode, encode};

#[track_caller]
fn refuses(format: ContentFormat, target: &str, payload: &str) -> DecodeError {
    decode(format, &path(target), &bytes(format, payload)).expect_err(payload)
}

#[test]
fn malformed_tlv() {
    for (target, payload, why) in [
        ("/1/0", "c1", "no identifier"),
        ("/1/0", "c100", "no value"),
        ("/1/0", "e100", "half an identifier"),
        ("/1/0", "c807", "no length"),
        ("/1/0", "d00701", "half a length"),
        ("/1/0", "c10065ff", "trailing byte"),
        ("/1/0", "c80005010203", "length beyond the payload"),
        ("/1", "080004c80065", "length beyond the container"),
        ("/1", "c10065", "resource without instance where the target names none"),
        ("/1", "080003c1006509", "trailing byte"),
        ("/1/0", "080107c10065", "another instance than the target"),
        ("/1/0", "080003c10065c10101", "resource beside the instance"),
        ("/1/0", "c10065080003c10065", "instance beside a resource"),
        ("/1", "080005080002c100", "instance inside an instance"),
        ("/2/0", "41001f", "resource instance outside a multiple resource"),
        ("/2/0", "8602c10101c10201", "resource inside a multiple resource"),
        ("/2/0", "840282010100", "multiple resource inside a multiple resource"),
        ("/1/0", "c10065c10065", "a resource twice"),
        ("/1", "00000000", "an instance twice"),
        ("/2/0", "8602410101410102", "a resource instance twice"),
        ("/2/0", "80028002", "a multiple resource twice"),
        ("/1/0/1", "c10065", "another resource than the target"),
        ("/1/0/1", "", "no resource where the target is one"),
        ("/1/0", "e1ffff00", "the reserved identifier"),
        ("/1", "20ffff", "the reserved identifier"),
        ("/2/0", "850261ffff1f00", "the reserved identifier and a resource instance cut short"),
    ] {
        assert!(decode(Tlv, &path(target), &bytes(Tlv, payload)).is_err(), "{why}");
    }
}

#[test]
fn tlv_values_of_the_wrong_length() {
    for payload in ["c000", "c300010203", "c5000102030405", "c80009000000000000000000", "c2060001", "c006", "c10602"] {
        assert!(matches!(refuses(Tlv, "/1/0", payload), DecodeError::WrongType { .. }), "{payload}");
    }
    let link = DecodeError::WrongType { path: path("/0/0/17"), expected: crate::lwm2m::objects::DataType::ObjectLink };
    assert_eq!(refuses(Tlv, "/0/0", "c311001500"), link);
    assert_eq!(link.to_string(), "the value of /0/0/17 is no Objlnk");
    assert!(matches!(refuses(Tlv, "/0/0", "c100ff"), DecodeError::WrongType { .. }), "not UTF-8");
    assert!(matches!(refuses(Tlv, "/1/0", "c008"), DecodeError::WrongType { .. }), "executable");
}

#[test]
fn malformed_senml() {
    for (payload, why) in [
        ("{}", "no list"),
        ("[", "cut short"),
        ("[]x", "something after the list"),
        ("[1]", "no record"),
        (r#"[{"n":"/1/0/1"}]"#, "no value"),
        (r#"[{"n":"/1/0/1","v":1,"vs":"1"}]"#, "two values"),
        (r#"[{"n":"/1/0/1","v":1,"v":1}]"#, "a field twice"),
        (r#"[{"n":"/1/0/1","n":"/1/0/1","v":1}]"#, "two names"),
        (r#"[{"v":1}]"#, "no name"),
        (r#"[{"n":"1/0/1","v":1}]"#, "no leading slash"),
        (r#"[{"n":"/1/0/1/2/3","v":1}]"#, "too deep"),
        (r#"[{"bn":"/1/0","n":"1","v":1}]"#, "names run together"),
        (r#"[{"n":"/1/0","v":1}]"#, "value of an instance"),
        (r#"[{"n":"/0/0/10","v":1}]"#, "outside the target"),
        (r#"[{"n":"/1/0/1","v":1},{"n":"/1/0/1","v":1}]"#, "twice"),
        (r#"[{"n":"/1/0/25","vs":"1.0"},{"n":"/1/0/25/0","vs":"1.1"}]"#, "value and numbered value"),
        (r#"[{"n":"/1/0/25/0","vs":"1.0"},{"n":"/1/0/25","vs":"1.1"}]"#, "numbered value and value"),
        (r#"[{"n":"/1/0/1","v":"1"}]"#, "number in quotes"),
        (r#"[{"n":"/1/0/1","v":1.5}]"#, "fraction"),
        (r#"[{"n":"/1/0/1","v":1e400}]"#, "beyond all numbers"),
        (r#"[{"n":"/1/0/1","v":null}]"#, "null"),
        (r#"[{"n":"/1/0/6","v":1}]"#, "number for a truth value"),
        (r#"[{"n":"/1/0/7","vd":"VQ"}]"#, "bytes for a text"),
        (r#"[{"n":"/1/0/8","vs":""}]"#, "executable"),
        (r#"[{"n":"/1/0/10","vlo":"11"}]"#, "half a link"),
        (r#"[{"n":"/1/0/1","v":1,"new_":0}]"#, "a field that must be understood"),
        (r#"[{"n":"/1/65535/1","v":1}]"#, "the reserved identifier"),
        (r#"[{"n":"/1/0/99","vd":"?"}]"#, "no base64"),
    ] {
        assert!(decode(SenmlJson, &Path::Object(1), payload.as_bytes()).is_err(), "{why}");
    }
    // An identity in text form breaks strict clients; here it is refused too.
    assert!(matches!(refuses(SenmlJson, "/0", r#"[{"n":"/0/0/3","vs":"id"}]"#), DecodeError::WrongType { .. }));
    let nested = format!("[{{\"x\":{}", "[".repeat(100_000));
    assert!(decode(SenmlJson, &Path::Root, nested.as_bytes()).is_err());
}

#[test]
fn malformed_senml_cbor() {
    for (payload, why) in [
        ("a0", "no array"),
        ("8101", "no record"),
        ("81a0", "no value"),
        ("82a200662f312f302f310201", "fewer records than said"),
        ("81a200662f312f302f31", "fewer fields than said"),
        ("81a200662f312f302f31020100", "trailing byte"),
        ("9fa200662f312f302f310201", "no break"),
        ("81a300662f312f302f3102010201", "two values"),
        ("81a300662f312f302f3100662f312f302f310201", "two names"),
        ("81a200662f312f302f310261 31", "text under the label of numbers"),
        ("81a200662f312f302f310301", "number under the label of texts"),
        ("81a200662f312f302f310841", "cut short"),
        ("81a200662f312f302f3102f6", "null"),
        ("81a300662f312f302f310201637476 5f00", "a field that must be understood"),
        ("81a2f500662f312f302f310201", "a label that is neither number nor text"),
        ("81a20043 2f312f0201", "a name that is bytes"),
        ("9bffffffffffffffff", "more records than there can be"),
        ("81bbffffffffffffffff", "more fields than there can be"),
        ("81a2007bffffffffffffffff", "a longer text than there can be"),
    ] {
        let payload = payload.replace(' ', "");
        assert!(decode(SenmlCbor, &Path::Object(1), &bytes(SenmlCbor, &payload)).is_err(), "{why}");
    }
}

#[test]
fn malformed_lwm2m_cbor() {
    for (payload, why) in [
        ("00", "no map"),
        ("8401020304", "no map"),
        ("a1", "no key"),
        ("a10d", "no value"),
        ("a183 0d181a01182a00", "trailing byte"),
        ("a2830d181a01182a", "fewer entries than said"),
        ("bf830d181a01182a", "no break"),
        ("a1f93c00a100a10101", "a key that is a float"),
        ("a1623236a100a10101", "a key that is text"),
        ("a120a100a10101", "a key below zero"),
        ("a1801 82a", "an empty array as key"),
        ("a19fff182a", "an empty array as key"),
        ("a10da0", "an empty map inside"),
        ("a1830d181a01a0", "an empty map for a value"),
        ("a1850d181a010203182a", "five identifiers"),
        ("a1840d181a0102a10318 2a", "five identifiers"),
        ("a11a00010000a100a10101", "an identifier above 65535"),
        ("a119ffffa100a10101", "the reserved identifier"),
        ("a18219000dff182a", "a break inside a key"),
        ("a10d182a", "a value of an object"),
        ("a1820d181a182a", "a value of an instance"),
        ("a2830d181a01182a830d181a01182a", "twice"),
        ("a2830d181a01182a840d181a010218 2a", "value and numbered value"),
        ("a1830d181a0181182a", "an array as value"),
        ("a1830d181a01f6", "null"),
        ("a1830e181a01182a", "outside the target"),
    ] {
        let payload = payload.replace(' ', "");
        assert!(decode(Lwm2mCbor, &Path::Object(13), &bytes(Lwm2mCbor, &payload)).is_err(), "{why}");
    }
    let nested = bytes(Lwm2mCbor, &"a10d".repeat(50_000));
    assert!(decode(Lwm2mCbor, &Path::Root, &nested).is_err());
}

#[test]
fn malformed_lwm2m_json() {
    for payload in [
        "[]",
        "{}",
        r#"{"bn":"/1/0/1"}"#,
        r#"{"e":[{"n":"/1/0/1"}]}"#,
        r#"{"e":[{"n":"/1/0/1","v":1,"sv":"1"}]}"#,
        r#"{"e":[{"n":"/1/0/6","v":1}]}"#,
        r#"{"e":[{"n":"/0/0/5","sv":"AA"}]}"#,
        r#"{"e":[{"n":"/1/0/1","v":1},{"n":"/1/0/1","v":1}]}"#,
    ] {
        refuses(Lwm2mJson, "/1", payload);
    }
    assert_eq!(
        refuses(Lwm2mJson, "/0", r#"{"e":[{"n":"/0/0/5","sv":"not base64"}]}"#),
        DecodeError::Malformed("an Opaque value is not base64")
    );
}

#[test]
fn malformed_single_values() {
    for (format, target, payload) in [
        (PlainText, "/1/0/1", ""),
        (PlainText, "/1/0/1", "+1"),
        (PlainText, "/1/0/1", "1.0"),
        (PlainText, "/1/0/1", " 1"),
        (PlainText, "/1/0/1", "9223372036854775808"),
        (PlainText, "/1/0/17", "-1"),
        (PlainText, "/1/0/6", "true"),
        (PlainText, "/0/0/5", "hex"),
        (PlainText, "/0/0/16", "49320"),
        (PlainText, "/1/0", "1"),
        (PlainText, "/1/0/8", ""),
        (Opaque, "/1/0/1", "00"),
        (Cbor, "/1/0/1", ""),
        (Cbor, "/1/0/1", "0101"),
        (Cbor, "/1/0/1", "6131"),
        (Cbor, "/0/0/16", "19c0a8"),
        (Cbor, "/", "01"),
    ] {
        refuses(format, target, payload);
    }
    assert!(decode(PlainText, &path("/0/0/0"), &[0xff]).is_err(), "not UTF-8");
}

#[test]
fn formats_without_that_level() {
    for (format, target) in [(Tlv, "/"), (Tlv, "/2/0/2/0"), (PlainText, "/1"), (Opaque, "/0/0"), (Cbor, "/")] {
        assert_eq!(
            decode(format, &path(target), &[0]),
            Err(DecodeError::UnsupportedPath { format, path: path(target) })
        );
    }
    assert_eq!(decode(CoreLink, &Path::Root, b"</0/0>"), Err(DecodeError::UnsupportedFormat(CoreLink)));
    let written = |format, target: &str, tree: &[Object]| encode(format, &path(target), tree).unwrap_err();
    let unsupported = |format, target: &str| EncodeError::UnsupportedPath { format, path: path(target) };
    assert_eq!(written(Tlv, "/", &[server()]), unsupported(Tlv, "/"));
    let rights = alone(2, 0, multiple(2, [(0, int(1))]));
    assert_eq!(written(Tlv, "/2/0/2/0", &rights), unsupported(Tlv, "/2/0/2/0"));
    assert_eq!(written(PlainText, "/2/0/2", &rights), unsupported(PlainText, "/2/0/2"));
    assert_eq!(written(Cbor, "/1/0", &[server()]), unsupported(Cbor, "/1/0"));
    for format in [CoreLink, Lwm2mJson] {
        assert_eq!(written(format, "/1", &[server()]), EncodeError::UnsupportedFormat(format));
    }
}

#[test]
fn trees_that_are_not_of_the_target() {
    let written = |target: &str, tree: &[Object]| encode(SenmlCbor, &path(target), tree).unwrap_err();
    assert_eq!(written("/1", &[psk_account()]), EncodeError::OutsidePath(path("/0")));
    assert_eq!(written("/1/1", &[server()]), EncodeError::OutsidePath(path("/1/0")));
    assert_eq!(written("/1/0/1", &[server()]), EncodeError::OutsidePath(path("/1/0/0")));
    let lifetime = alone(1, 0, single(1, int(5)));
    assert_eq!(written("/1/0/1/0", &lifetime), EncodeError::NotOneResource);
    assert_eq!(written("/1/0/1", &[]), EncodeError::NotOneResource);
    assert_eq!(written("/1/0/1", &[object(1, [instance(0, [])])]), EncodeError::NotOneResource);
    assert_eq!(written("/1", &alone(1, 65535, single(1, int(5)))), EncodeError::ReservedId);
}

#[test]
fn what_a_format_has_no_form_for() {
    // Only TLV can say that something is empty.
    let tree = [object(2, [instance(0, [multiple(2, [])])])];
    for format in [SenmlCbor, SenmlJson, Lwm2mCbor] {
        assert_eq!(
            encode(format, &path("/2/0"), &tree).unwrap_err(),
            EncodeError::Empty { format, path: path("/2/0/2") }
        );
        assert_eq!(
            encode(format, &path("/2"), &[object(2, [instance(0, [])])]).unwrap_err(),
            EncodeError::Empty { format, path: path("/2/0") }
        );
    }
    assert!(encode(Lwm2mCbor, &path("/2"), &[]).is_err());
    assert!(encode(Tlv, &path("/2/0"), &tree).is_ok());
    let lifetime = alone(1, 0, single(1, int(5)));
    assert!(matches!(encode(Opaque, &path("/1/0/1"), &lifetime), Err(EncodeError::Inexpressible { .. })));
    for number in [f64::NAN, f64::INFINITY] {
        let tree = alone(65, 0, single(1, Value::Float(number)));
        for format in [SenmlJson, PlainText] {
            assert!(matches!(encode(format, &path("/65/0/1"), &tree), Err(EncodeError::Inexpressible { .. })));
        }
        assert!(encode(SenmlCbor, &path("/65/0/1"), &tree).is_ok());
    }
    let huge = alone(0, 0, single(3, Value::opaque(&vec![0; 0x100_0000])));
    assert_eq!(encode(Tlv, &path("/0/0"), &huge).unwrap_err(), EncodeError::TooLong);
}

#[test]
fn limits() {
    assert_eq!(decode(Tlv, &Path::Object(1), &vec![0; MAX_PAYLOAD + 1]), Err(DecodeError::TooLarge));
    // One instance after the other, each empty.
    let instances = |count: usize| -> Vec<u8> {
        (0..count as u16).flat_map(|id| [0x20, id.to_be_bytes()[0], id.to_be_bytes()[1]]).collect()
    };
    let tree = decode(Tlv, &Path::Object(1), &instances(MAX_ENTRIES)).unwrap();
    assert_eq!(tree[0].instances.len(), MAX_ENTRIES);
    assert_eq!(decode(Tlv, &Path::Object(1), &instances(MAX_ENTRIES + 1)), Err(DecodeError::TooManyEntries));
    let records = |count: usize| -> String {
        let records: Vec<String> = (0..count).map(|id| format!(r#"{{"n":"/2/{id}/0","v":1}}"#)).collect();
        format!("[{}]", records.join(","))
    };
    assert!(decode(SenmlJson, &Path::Object(2), records(MAX_ENTRIES).as_bytes()).is_ok());
    let too_many = records(MAX_ENTRIES + 1);
    assert_eq!(decode(SenmlJson, &Path::Object(2), too_many.as_bytes()), Err(DecodeError::TooManyEntries));
    let entries = too_many.replacen('[', "{\"e\":[", 1) + "}";
    assert!(decode(Lwm2mJson, &Path::Object(2), entries.as_bytes()).is_err());
}
