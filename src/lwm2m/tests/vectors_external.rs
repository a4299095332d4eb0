//! Payloads that others produced (spec sheet `formats.md`, section 9), and the forms that real clients send.

use super::trees::*;
use super::{both, reads};
use crate::lwm2m::ContentFormat::{Lwm2mCbor, SenmlCbor, SenmlJson, Tlv};
use crate::lwm2m::Value;

#[test]
fn tlv_of_core_and_leshan() {
    let resources = [single(0, int(1)), single(1, int(86400)), single(6, Value::Boolean(true)), single(7, text("U"))];
    both(Tlv, "/1", "08000FC10001C40100015180C10601C10755", &[object(1, [instance(0, resources)])]);
    let first = [single(0, int(1)), single(1, int(0)), multiple(2, [(127, int(7))]), single(3, int(127))];
    let third =
        [single(0, int(3)), single(1, int(0)), multiple(2, [(127, int(7)), (310, int(1))]), single(3, int(127))];
    both(
        Tlv,
        "/2",
        "08000EC10001C101008302417F07C1037F080212C10003C101008702417F0761013601C1037F",
        &[object(2, [instance(0, first), instance(2, third)])],
    );
    // An object without table: the bytes stay bytes.
    let links = multiple(0, [(0, opaque("00420000")), (1, opaque("00420001"))]);
    let unknown = [links, single(1, Value::opaque(b"8613800755500")), single(2, opaque("12345678"))];
    both(
        Tlv,
        "/65/0",
        "88000C440000420000440100420001C8010D38363133383030373535353030C40212345678",
        &[object(65, [instance(0, unknown)])],
    );
}

#[test]
fn the_device_of_appendix_f() {
    both(
        Tlv,
        "/3/0",
        "c800144f70656e204d6f62696c6520416c6c69616e6365c801164c69676874776569676874204d324d20436c69656e74c802093334353030303132\
         33c303312e30860641000141010588070842000ed842011388870841007d42010384c10964c10a0f830b410000c40d5182428fc60e2b30323a3030\
         c11055",
        &[device()],
    );
    both(
        SenmlCbor,
        "/3/0",
        "90a321652f332f302f00613003744f70656e204d6f62696c6520416c6c69616e6365a200613103764c69676874776569676874204d324d20436c69\
         656e74a20061320369333435303030313233a20061330363312e30a20063362f300201a20063362f310205a20063372f3002190ed8a20063372f31\
         02191388a20063382f3002187da20063382f3102190384a2006139021864a200623130020fa2006431312f300200a200623133021a5182428fa200\
         62313403662b30323a3030a200623136036155",
        &[device()],
    );
}

#[test]
fn tlv_of_the_enabler_test_specification() {
    let server = [
        single(2, int(101)),
        single(3, int(1010)),
        single(5, int(2000)),
        single(6, Value::Boolean(true)),
        single(7, text("U")),
    ];
    both(Tlv, "/1/0", "C10265C20303F2C20507D0C10601C10755", &[object(1, [instance(0, server)])]);
    let clock = [single(13, Value::Time(0x5182_428f)), single(14, text("+02:00")), single(15, text("Europe/Paris"))];
    both(Tlv, "/3/0", "C40D5182428FC60E2B30323A3030C80F0C4575726F70652F5061726973", &[object(3, [instance(0, clock)])]);
}

#[test]
fn senml_cbor_of_leshan_and_the_enabler_test_specification() {
    reads(SenmlCbor, "/0/0/3", "81a221662f302f302f330843abcdef", &alone(0, 0, single(3, opaque("abcdef"))));
    let server = object(1, [instance(0, [single(2, int(101)), single(6, Value::Boolean(true))])]);
    let device = object(3, [instance(0, [single(13, Value::Time(0))])]);
    reads(
        SenmlCbor,
        "/",
        "83A321612F0065312F302F32021865A20065312F302F3604F5A20066332F302F31330200",
        &[server, device],
    );
}

#[test]
fn senml_cbor_takes_indefinite_lengths_any_order_and_unknown_fields() {
    let lifetime = alone(1, 0, single(1, int(86400)));
    for payload in [
        // [_ {_ "n": (_ "/1/0", "/1"), "v": 86400 }]
        "9fbf007f642f312f30622f31ff021a00015180ffff",
        // The value first, then the name, then the base name.
        "81a3021a0001518000613121652f312f302f",
        // Base time, unit, an extension and a list as unknown fields.
        "81a6221a000100000161730061316178820102021a0001518021652f312f302f",
        // A base name without trailing slash; the name has it.
        "81a321642f312f3000622f31021a00015180",
        // A number in a longer form than needed, and as floats of three widths (86400 fits into no half).
        "81a200662f312f302f31021b0000000000015180",
        "81a200662f312f302f3102fa47a8c000",
        "81a200662f312f302f3102fb40f5180000000000",
    ] {
        reads(SenmlCbor, "/1/0", payload, &lifetime);
    }
}

#[test]
fn senml_cbor_takes_a_time_in_every_form() {
    let clock = alone(3, 0, single(13, Value::Time(1_367_484_303)));
    for value in ["1a5182278f", "c11a5182278f", "c1fb41d46089e3e00000", "c074323031332d30352d30325430383a34353a30335a"]
    {
        reads(SenmlCbor, "/3/0/13", &format!("81a200672f332f302f313302{value}"), &clock);
    }
}

#[test]
fn senml_json_takes_what_clients_make_of_it() {
    for (payload, tree) in [
        // Base64 padded and in the other alphabet, as Wakaama and the test specification have it.
        (r#"[{"n":"/0/0/5","vd":"+/8="}]"#, alone(0, 0, single(5, opaque("fbff")))),
        (r#"[{"n":"/0/0/5","vd":"-_8="}]"#, alone(0, 0, single(5, opaque("fbff")))),
        (r#"[{"n":"/0/0/10","v":1e2}]"#, alone(0, 0, single(10, int(100)))),
        (r#"[{"n":"/0/0/10","v":101.0}]"#, alone(0, 0, single(10, int(101)))),
        (r#"[{"n":"/0/0/16/0","v":49320}]"#, alone(0, 0, multiple(16, [(0, Value::Unsigned(0xc0a8))]))),
        (r#"[{"n":"/0/0/17","vlo":"FFFF:FFFF"}]"#, alone(0, 0, single(17, Value::ObjectLink(65535, 65535)))),
        (r#" [ { "v" : 3 , "u" : "s", "x":[{"y":[]}], "n":"2", "bn":"/0/0/" } ] "#, alone(0, 0, single(2, int(3)))),
        (r#"[{"n":"\/0\/0\/0","vs":"\u0041\n"}]"#, alone(0, 0, single(0, text("A\n")))),
    ] {
        reads(SenmlJson, "/0", payload, &tree);
    }
    // The largest numbers survive, although JSON calls them doubles.
    let retries = alone(1, 0, single(19, Value::Unsigned(u64::MAX)));
    both(SenmlJson, "/1/0/19", r#"[{"n":"/1/0/19","v":18446744073709551615}]"#, &retries);
}

#[test]
fn oscore_texts_of_older_object_versions_are_bytes() {
    let sender_id = alone(21, 0, single(1, Value::opaque(b"client")));
    reads(SenmlJson, "/21/0", r#"[{"n":"/21/0/1","vs":"client"}]"#, &sender_id);
    reads(SenmlCbor, "/21/0", "81a200672f32312f302f310366636c69656e74", &sender_id);
}

#[test]
fn lwm2m_cbor_of_core() {
    let first = [
        single(0, int(101)),
        single(1, int(86400)),
        single(2, int(300)),
        single(3, int(6000)),
        single(5, int(86400)),
        single(6, Value::Boolean(true)),
        single(7, text("U")),
    ];
    let second = [
        single(0, int(102)),
        single(1, int(86400)),
        single(2, int(600)),
        single(3, int(6000)),
        single(5, int(86400)),
        single(6, Value::Boolean(false)),
        single(7, text("U")),
    ];
    both(
        Lwm2mCbor,
        "/1",
        "a101a200a7001865011a000151800219012c03191770051a0001518006f507615501a7001866011a000151800219025803191770051a0001518006\
         f4076155",
        &[object(1, [instance(0, first), instance(1, second)])],
    );
    let manufacturer = alone(3, 0, single(0, text("Open Mobile Alliance")));
    both(Lwm2mCbor, "/3/0/0", "a183030000744f70656e204d6f62696c6520416c6c69616e6365", &manufacturer);
    both(Lwm2mCbor, "/3/0", "a103a100a100744f70656e204d6f62696c6520416c6c69616e6365", &manufacturer);
    reads(Lwm2mCbor, "/3/0/0", "a103a100a100744f70656e204d6f62696c6520416c6c69616e6365", &manufacturer);
    let power_sources = alone(3, 0, multiple(6, [(0, int(1)), (1, int(5))]));
    both(Lwm2mCbor, "/3/0/6", "a183030006a200010105", &power_sources);
    let device = object(3, [instance(0, [single(0, text("Open Mobile Alliance")), single(9, int(100))])]);
    let server = object(1, [instance(0, [single(1, int(86400))])]);
    reads(
        Lwm2mCbor,
        "/",
        "a2820300a200744f70656e204d6f62696c6520416c6c69616e6365091864830100011a00015180",
        &[device, server],
    );
    let access = [single(0, int(5)), single(1, int(0)), multiple(2, [(102, int(0))]), single(3, int(101))];
    reads(Lwm2mCbor, "/2/5", "a1820205a4000501008202186600031865", &[object(2, [instance(5, access)])]);
}

#[test]
fn lwm2m_cbor_of_anjay() {
    reads(Lwm2mCbor, "/13/26/1", "BF9F0D181A01FF182AFF", &alone(13, 26, single(1, int(42))));
    let both_values = [single(1, int(42)), single(2, int(21))];
    reads(Lwm2mCbor, "/13/26", "BF820D181ABF01182A0215FFFF", &[object(13, [instance(26, both_values)])]);
    // Split in other places, the path is the same.
    for payload in ["a10da1181aa101182a", "a10da182181a01182a", "a1820d181aa101182a", "a1830d181a01182a"] {
        reads(Lwm2mCbor, "/13", payload, &alone(13, 26, single(1, int(42))));
    }
}

#[test]
fn an_empty_object_is_a_legal_answer() {
    for (format, payload) in
        [(Tlv, ""), (SenmlCbor, ""), (SenmlCbor, "80"), (SenmlCbor, "9fff"), (Lwm2mCbor, ""), (Lwm2mCbor, "bfff")]
    {
        reads(format, "/2", payload, &[object(2, [])]);
    }
    reads(SenmlJson, "/2", "[]", &[object(2, [])]);
    reads(SenmlJson, "/2/0", "[]", &[object(2, [instance(0, [])])]);
    reads(SenmlJson, "/", "", &[]);
}
