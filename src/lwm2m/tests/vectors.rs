//! The worked examples of spec sheet `formats.md`, section 8, and the header examples of section 4.

use super::trees::*;
use super::{both, reads};
use crate::lwm2m::ContentFormat::{Cbor, Lwm2mCbor, Lwm2mJson, Opaque, PlainText, SenmlCbor, SenmlJson, Tlv};
use crate::lwm2m::Value;

const TLV_PSK_ACCOUNT: &str = "c8001b636f6170733a2f2f736572766572312e6578616d706c652e636f6dc10100c10200c803176233313363\
                               6332322d663936392d343265632d61643432c004c805101ca2028d7197c778e9aef5ef69082beac10a65";
const TLV_SERVER: &str = "c10065c40100015180c202012cc2031770c40500015180c10601c10755";
const TLV_ACCESS_CONTROL: &str = "c10003c10100870241651f61012c01c10365";

#[test]
fn tlv() {
    both(Tlv, "/0/0", TLV_PSK_ACCOUNT, &[psk_account()]);
    both(Tlv, "/0", &format!("080056{TLV_PSK_ACCOUNT}"), &[psk_account()]);
    both(Tlv, "/1/0", TLV_SERVER, &[server()]);
    both(Tlv, "/1", &format!("08001d{TLV_SERVER}"), &[server()]);
    let second = [single(0, int(102)), single(1, int(86400)), single(6, Value::Boolean(false)), single(7, text("U"))];
    both(
        Tlv,
        "/1",
        "08001dc10065c40100015180c202012cc2031770c40500015180c10601c1075508010fc10066c40100015180c10600c10755",
        &[object(1, [server_instance(), instance(1, second)])],
    );
    both(
        Tlv,
        "/0/2",
        "c8001a636f61703a2f2f736572766572322e6578616d706c652e636f6dc10100c10203c003c004c005c10a66c41100150001",
        &[oscore_account()],
    );
    both(Tlv, "/21/1", "c800100102030405060708090a0b0c0d0e0f10c10101c10202c805089e7ca92223786340", &[oscore_context()]);
    both(Tlv, "/2/0", TLV_ACCESS_CONTROL, &[access_control()]);
    both(Tlv, "/2", &format!("080012{TLV_ACCESS_CONTROL}"), &[access_control()]);
    // The wrapper is optional on receipt where the target names the instance.
    reads(Tlv, "/0/0", &format!("080056{TLV_PSK_ACCOUNT}"), &[psk_account()]);
}

#[test]
fn tlv_ciphersuites_are_the_same_in_two_and_in_four_bytes() {
    let suites = |wrap: fn(u16) -> Value| alone(0, 0, multiple(16, [(0, wrap(0xc0a8)), (1, wrap(0xc0ae))]));
    let unsigned = suites(|suite| Value::Unsigned(suite.into()));
    both(Tlv, "/0/0/16", "8810084200c0a84201c0ae", &unsigned);
    // Safe for a client that takes the resource for a signed Integer, and read the same by any other.
    let sign_safe = "88100c44000000c0a844010000c0ae";
    let written = super::encode(Tlv, &super::path("/0/0/16"), &suites(|suite| Value::Integer(suite.into())));
    assert_eq!(written.unwrap().to_vec(), super::bytes(Tlv, sign_safe));
    reads(Tlv, "/0/0/16", sign_safe, &unsigned);
}

#[test]
fn tlv_lengths_and_identifiers_of_every_width() {
    for (length, header) in [(7, "c703"), (8, "c80308"), (300, "d003012c"), (70_000, "d803011170")] {
        let certificate = single(3, Value::opaque(&vec![0x5a; length]));
        both(Tlv, "/0/0", &format!("{header}{}", "5a".repeat(length)), &alone(0, 0, certificate));
    }
    // An instance of 400 bytes, of which 4 are the header of its resource.
    let wrapped = format!("10000190d003018c{}", "5a".repeat(396));
    both(Tlv, "/0", &wrapped, &alone(0, 0, single(3, Value::opaque(&[0x5a; 396]))));
    both(Tlv, "/65/0", "e1012c07", &alone(65, 0, single(300, opaque("07"))));
    both(Tlv, "/1", "230100c10065", &alone(1, 256, single(0, int(101))));
}

#[test]
fn tlv_integers_are_signed_and_have_four_widths() {
    for (number, hex) in [
        (0, "c10000"),
        (127, "c1007f"),
        (-128, "c10080"),
        (200, "c20000c8"),
        (-56, "c100c8"),
        (40_000, "c40000009c40"),
        (i64::from(i32::MIN), "c40080000000"),
        (1 << 31, "c800080000000080000000"),
    ] {
        both(Tlv, "/1/0/0", hex, &alone(1, 0, single(0, int(number))));
    }
    // A longer form than needed is legal on receipt.
    for hex in ["c20000ff", "c400000000ff", "c8000800000000000000ff"] {
        reads(Tlv, "/1/0/0", hex, &alone(1, 0, single(0, int(255))));
    }
}

#[test]
fn tlv_can_say_that_something_is_empty() {
    both(Tlv, "/0/0", "c004", &alone(0, 0, single(4, opaque(""))));
    both(Tlv, "/1", "0003", &[object(1, [instance(3, [])])]);
    both(Tlv, "/2/0/2", "8002", &alone(2, 0, multiple(2, [])));
    both(Tlv, "/2", "", &[object(2, [])]);
    both(Tlv, "/1/3", "", &[object(1, [instance(3, [])])]);
}

const SENML_PSK_ACCOUNT: &str = "a321652f302f302f00613003781b636f6170733a2f2f736572766572312e6578616d706c652e636f6da200613104f4a20061320200a200613308\
     5762333133636332322d663936392d343265632d61643432a20061340840a200613508501ca2028d7197c778e9aef5ef69082beaa2006231300218\
     65";
const SENML_SERVER: &str = "a321652f312f302f006130021865a2006131021a00015180a20061320219012ca200613302191770a2006135021a0001\
                            5180a200613604f5a2006137036155";

#[test]
fn senml_cbor() {
    for target in ["/0/0", "/0"] {
        both(SenmlCbor, target, &format!("87{SENML_PSK_ACCOUNT}"), &[psk_account()]);
    }
    for target in ["/1/0", "/1"] {
        both(SenmlCbor, target, &format!("87{SENML_SERVER}"), &[server()]);
    }
    both(SenmlCbor, "/", &format!("8e{SENML_PSK_ACCOUNT}{SENML_SERVER}"), &[psk_account(), server()]);
    both(
        SenmlCbor,
        "/0/2",
        "88a321652f302f322f00613003781a636f61703a2f2f736572766572322e6578616d706c652e636f6da200613104f4a20061320203a200613308\
         40a20061340840a20061350840a200623130021866a20062313763766c6f6432313a31",
        &[oscore_account()],
    );
    both(
        SenmlCbor,
        "/2/0",
        "85a321652f322f302f0061300203a20061310200a20065322f31303102181fa20065322f3330300201a2006133021865",
        &[access_control()],
    );
}

#[test]
fn senml_json() {
    let account = r#"[{"bn":"/0/0/","n":"0","vs":"coaps://server1.example.com"},{"n":"1","vb":false},{"n":"2","v":0},{"n":"3","vd":"YjMxM2NjMjItZjk2OS00MmVjLWFkNDI"},{"n":"4","vd":""},{"n":"5","vd":"HKICjXGXx3jprvXvaQgr6g"},{"n":"10","v":101}]"#;
    let server_text = r#"[{"bn":"/1/0/","n":"0","v":101},{"n":"1","v":86400},{"n":"2","v":300},{"n":"3","v":6000},{"n":"5","v":86400},{"n":"6","vb":true},{"n":"7","vs":"U"}]"#;
    both(SenmlJson, "/0/0", account, &[psk_account()]);
    both(SenmlJson, "/1/0", server_text, &[server()]);
    let pack = format!("{},{}", account.trim_end_matches(']'), server_text.trim_start_matches('['));
    both(SenmlJson, "/", &pack, &[psk_account(), server()]);
    both(
        SenmlJson,
        "/2/0",
        r#"[{"bn":"/2/0/","n":"0","v":3},{"n":"1","v":0},{"n":"2/101","v":31},{"n":"2/300","v":1},{"n":"3","v":101}]"#,
        &[access_control()],
    );
    both(SenmlJson, "/0/2/17", r#"[{"n":"/0/2/17","vlo":"21:1"}]"#, &alone(0, 2, single(17, Value::ObjectLink(21, 1))));
}

const CBOR_PSK_RESOURCES: &str = "a700781b636f6170733a2f2f736572766572312e6578616d706c652e636f6d01f402000357623331336363\
                                  32322d663936392d343265632d61643432044005501ca2028d7197c778e9aef5ef69082bea0a1865";
const CBOR_SERVER_RESOURCES: &str = "a7001865011a000151800219012c03191770051a0001518006f5076155";
const CBOR_OSCORE_RESOURCES: &str =
    "a800781a636f61703a2f2f736572766572322e6578616d706c652e636f6d01f402030340044005400a1866116432313a31";
const CBOR_ACCESS_CONTROL: &str = "a40003010002a21865181f19012c01031865";

#[test]
fn lwm2m_cbor() {
    for (target, nested, path_as_key, resources, tree) in [
        ("/0/0", "a100a100", "a1820000", CBOR_PSK_RESOURCES, psk_account()),
        ("/1/0", "a101a100", "a1820100", CBOR_SERVER_RESOURCES, server()),
        ("/0/2", "a100a102", "a1820002", CBOR_OSCORE_RESOURCES, oscore_account()),
        ("/2/0", "a102a100", "a1820200", CBOR_ACCESS_CONTROL, access_control()),
    ] {
        both(Lwm2mCbor, target, &format!("{nested}{resources}"), std::slice::from_ref(&tree));
        reads(Lwm2mCbor, target, &format!("{path_as_key}{resources}"), std::slice::from_ref(&tree));
    }
    let pack = format!("a200a100{CBOR_PSK_RESOURCES}01a100{CBOR_SERVER_RESOURCES}");
    both(Lwm2mCbor, "/", &pack, &[psk_account(), server()]);
}

#[test]
fn single_resources() {
    let lifetime = || alone(1, 0, single(1, int(86400)));
    both(PlainText, "/1/0/1", "86400", &lifetime());
    both(Cbor, "/1/0/1", "1a00015180", &lifetime());
    both(Tlv, "/1/0/1", "c40100015180", &lifetime());
    both(SenmlCbor, "/1/0/1", "81a200662f312f302f31021a00015180", &lifetime());
    reads(SenmlCbor, "/1/0/1", "81a221662f312f302f31021a00015180", &lifetime());
    both(SenmlJson, "/1/0/1", r#"[{"n":"/1/0/1","v":86400}]"#, &lifetime());
    reads(SenmlJson, "/1/0/1", r#"[{"bn":"/1/0/1","v":86400}]"#, &lifetime());
    both(Lwm2mCbor, "/1/0/1", "a1830100011a00015180", &lifetime());
    let key = alone(0, 0, single(5, opaque(KEY)));
    both(PlainText, "/0/0/5", "HKICjXGXx3jprvXvaQgr6g==", &key);
    both(Opaque, "/0/0/5", KEY, &key);
    both(Cbor, "/0/0/5", &format!("50{KEY}"), &key);
    both(Tlv, "/0/0/5", &format!("c80510{KEY}"), &key);
}

#[test]
fn single_values_of_every_type_as_text() {
    for (target, payload, tree) in [
        ("/0/0/0", "coap://\u{fc}", alone(0, 0, single(0, text("coap://\u{fc}")))),
        ("/1/0/0", "-5", alone(1, 0, single(0, int(-5)))),
        ("/1/0/17", "18446744073709551615", alone(1, 0, single(17, Value::Unsigned(u64::MAX)))),
        ("/1/0/6", "1", alone(1, 0, single(6, Value::Boolean(true)))),
        ("/3/0/13", "1367491215", alone(3, 0, single(13, Value::Time(1_367_491_215)))),
        ("/0/0/17", "21:1", alone(0, 0, single(17, Value::ObjectLink(21, 1)))),
        ("/0/0/16/1", "49320", alone(0, 0, multiple(16, [(1, Value::Unsigned(0xc0a8))]))),
        ("/0/0/4", "", alone(0, 0, single(4, opaque("")))),
        ("/65/0/1", "3.25", alone(65, 0, single(1, text("3.25")))),
    ] {
        both(PlainText, target, payload, &tree);
    }
}

#[test]
fn one_resource_instance() {
    let rights = alone(2, 0, multiple(2, [(300, int(1))]));
    both(SenmlJson, "/2/0/2/300", r#"[{"n":"/2/0/2/300","v":1}]"#, &rights);
    both(SenmlCbor, "/2/0/2/300", "81a2006a2f322f302f322f3330300201", &rights);
    both(Lwm2mCbor, "/2/0/2/300", "a18402000219012c01", &rights);
    both(PlainText, "/2/0/2/300", "1", &rights);
    both(Cbor, "/2/0/2/300", "01", &rights);
}

#[test]
fn one_multiple_instance_resource() {
    let acl = alone(2, 0, multiple(2, [(101, int(31)), (300, int(1))]));
    both(Tlv, "/2/0/2", "870241651f61012c01", &acl);
    both(SenmlJson, "/2/0/2", r#"[{"bn":"/2/0/","n":"2/101","v":31},{"n":"2/300","v":1}]"#, &acl);
    both(Lwm2mCbor, "/2/0/2", "a183020002a21865181f19012c01", &acl);
}

#[test]
fn lwm2m_json_is_read() {
    let account = r#"{"bn":"/0/","e":[{"n":"0/0","sv":"coaps://server1.example.com"},{"n":"0/1","bv":false},{"n":"0/2","v":0},{"n":"0/3","sv":"YjMxM2NjMjItZjk2OS00MmVjLWFkNDI="},{"n":"0/4","sv":""},{"n":"0/5","sv":"HKICjXGXx3jprvXvaQgr6g=="},{"n":"0/10","v":101}]}"#;
    reads(Lwm2mJson, "/0", account, &[psk_account()]);
    reads(Lwm2mJson, "/0/0", account, &[psk_account()]);
    let some = [single(0, int(101)), single(1, int(86400)), single(6, Value::Boolean(true)), single(7, text("U"))];
    reads(
        Lwm2mJson,
        "/1",
        r#"{"bn":"/1/","e":[{"n":"0/0","v":101},{"n":"0/1","v":86400},{"n":"0/6","bv":true},{"n":"0/7","sv":"U"}]}"#,
        &[object(1, [instance(0, some)])],
    );
    let lifetime = alone(1, 0, single(1, int(86400)));
    for payload in [
        r#"{"bn":"/1/0/1","e":[{"v":86400}]}"#,
        r#"{"e":[{"n":"","v":86400.0,"t":5}],"bt":25462634,"bn":"/1/0/1"}"#,
        r#"{"e":[{"n":"/1/0/1","v":8.64e4}]}"#,
    ] {
        reads(Lwm2mJson, "/1/0/1", payload, &lifetime);
    }
    let link = alone(0, 2, single(17, Value::ObjectLink(21, 1)));
    reads(Lwm2mJson, "/0/2", r#"{"bn":"/0/2/","e":[{"n":"17","ov":"21:1"}]}"#, &link);
}
