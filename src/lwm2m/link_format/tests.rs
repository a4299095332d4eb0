//! What real clients answer (spec sheets `bootstrap.md`, section 6, and `clients.md`, section 1), and properties.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::{DiscoverAnswer, DiscoveredInstance, DiscoveredObject, LinkFormatError, MAX_LENGTH, MAX_LINKS};
use crate::lwm2m::version::Version;

fn parse(text: &str) -> DiscoverAnswer {
    DiscoverAnswer::parse(text.as_bytes()).expect(text)
}

fn object(object: u16, version: Option<Version>) -> DiscoveredObject {
    DiscoveredObject { object, version }
}

fn instance(object: u16, instance: u16, short_server_id: Option<u16>, uri: Option<&str>) -> DiscoveredInstance {
    DiscoveredInstance { object, instance, short_server_id, uri: uri.map(str::to_owned) }
}

#[test]
fn the_specification_1_0() {
    let answer = parse(r#"lwm2m="1.0",</0/0>;ssid=101,</0/1>,</1/0/>;ssid=101,</3/0>,</5>,</4>"#);
    assert_eq!(answer.version, Some(Version::V1_0));
    assert_eq!(answer.objects, [object(5, None), object(4, None)]);
    let instances = [
        instance(0, 0, Some(101), None),
        instance(0, 1, None, None),
        instance(1, 0, Some(101), None),
        instance(3, 0, None, None),
    ];
    assert_eq!(answer.instances, instances);
    assert_eq!(answer.bootstrap_account(), Some(1));
}

#[test]
fn the_specification_1_1() {
    let answer = parse(
        r#"</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://server_1.example.com",</0/1/>,</0/2>;ssid=102;uri="coaps://server_2.example.com""#,
    );
    let instances = [
        instance(0, 0, Some(101), Some("coaps://server_1.example.com")),
        instance(0, 1, None, None),
        instance(0, 2, Some(102), Some("coaps://server_2.example.com")),
    ];
    assert_eq!(
        answer,
        DiscoverAnswer { version: Some(Version::V1_1), objects: vec![], instances: instances.into(), asked: vec![] }
    );
    assert_eq!(answer.bootstrap_account(), Some(1));
}

#[test]
fn the_leading_element_in_every_dress() {
    for (text, version) in [
        (r#"lwm2m="1.0",</0/1>"#, Some(Version::V1_0)),
        ("lwm2m=1.0,</0/1>", Some(Version::V1_0)),
        (r#"lwm2m="1.1",</0/1>"#, Some(Version::V1_1)),
        ("</>;lwm2m=1.1,</0/1>", Some(Version::V1_1)),
        (r#"</>;lwm2m="1.2",</0/1>"#, Some(Version::V1_2)),
        (r#"</> ; rt="oma.lwm2m" ; ct=11543 ; lwm2m = 1.1 , </0/1>"#, Some(Version::V1_1)),
        ("</0/1>,</>;lwm2m=1.1", Some(Version::V1_1)),
        ("</0/1>,lwm2m=1.0;x", Some(Version::V1_0)),
        ("</>;lwm2m=1.1.1,</0/1>", Some(Version::V1_1)),
        ("</>;lwm2m=new,</0/1>", None),
        ("</>;lwm2m,</0/1>", None),
        ("</0/1>", None),
        ("</0/1>;lwm2m=1.1", None),
    ] {
        let answer = parse(text);
        assert_eq!(answer.version, version, "{text}");
        assert_eq!(answer.instances, [instance(0, 1, None, None)], "{text}");
    }
}

#[test]
fn real_clients() {
    for (client, text, version, account) in [
        ("Anjay 1.0", r#"lwm2m="1.0",</0>,</0/0>;ssid=1,</0/1>,</1>,</1/0>;ssid=1,</3/0>"#, Version::V1_0, 1),
        (
            "Anjay 1.1",
            r#"</>;lwm2m=1.1,</0>,</0/0>;ssid=1;uri="coaps://a:1",</0/1>;uri="coaps://[::1]:5684/a,b;c\\\"d",</1>,</1/0>;ssid=1"#,
            Version::V1_1,
            1,
        ),
        ("Wakaama 1.0", "lwm2m=1.0,</0/0>,</0/1>;ssid=123,</1/0>;ssid=123,</3/0>", Version::V1_0, 0),
        (
            "Wakaama 1.1",
            r#"</>;lwm2m=1.1,</0/0>,</0/1>;ssid=123;uri="coap://[::1]:5683",</1/0>;ssid=123"#,
            Version::V1_1,
            0,
        ),
        (
            "Leshan",
            r#"</>;lwm2m=1.0,</0>;ver=1.1,</0/0>;uri="coap://localhost:5783",</0/1>;ssid=12;uri="coap://[::]:5683",</1/0>;ssid=12"#,
            Version::V1_0,
            0,
        ),
        ("Zephyr", r#"</>;lwm2m="1.0",</0/0>,</0/1>;ssid=101,</1>;ver=1.1,</1/0>;ssid=101"#, Version::V1_0, 0),
    ] {
        let answer = parse(text);
        assert_eq!((answer.version, answer.bootstrap_account()), (Some(version), Some(account)), "{client}");
    }
}

#[test]
fn quotes_hide_separators_and_backslashes_hide_quotes() {
    let answer = parse(r#"</0/0>;uri="coaps://[::1]:5684/a,</0/7>;b\"c\\d";ssid=7,</0/1>;title="a\"b,c""#);
    let expected = [instance(0, 0, Some(7), Some(r#"coaps://[::1]:5684/a,</0/7>;b"c\d"#)), instance(0, 1, None, None)];
    assert_eq!(answer.instances, expected);
}

#[test]
fn blanks_and_unknown_things_are_passed_over() {
    let answer = parse(
        " </> ; lwm2m=1.1 ,\r\n </0/0> ;ssid = \"101\" ; vendor ; x=\"y\", </.well-known/core>;ct=40, <coap://h/0/3>,\
         </0/1/>;SSID=3,, </3/0/1>,</1/2/3/4/5>,</70000>, </55>;ver=\"1.9\" , </55/0>;ver=2.0,",
    );
    let instances = [instance(0, 0, Some(101), None), instance(0, 1, None, None), instance(55, 0, None, None)];
    assert_eq!(answer.instances, instances);
    assert_eq!(answer.objects, [object(55, Some(Version { major: 1, minor: 9 }))]);
    assert_eq!(parse(""), DiscoverAnswer::default());
}

#[test]
fn an_instance_that_is_listed_twice_is_one() {
    let answer = parse(r#"</0/0>;ssid=101,</0/1>,</0/0>;uri="coap://a",</0/0>;ssid=101,</3>,</3>;ver=1.1"#);
    assert_eq!(answer.instances, [instance(0, 0, Some(101), Some("coap://a")), instance(0, 1, None, None)]);
    assert_eq!(answer.objects, [object(3, Some(Version::V1_1))]);
    let contradiction = DiscoverAnswer::parse(b"</0/0>;ssid=101,</0/0>;ssid=102");
    assert_eq!(contradiction, Err(LinkFormatError::Contradiction));
}

#[test]
fn the_bootstrap_account_is_the_only_one_without_ssid() {
    for (text, account) in [
        ("</0/0>;ssid=101,</0/5>", Some(5)),
        ("</0/5>;uri=\"coap://a\"", Some(5)),
        ("</0/0>;ssid=101,</0/5>;ssid=102", None),
        ("</0/0>,</0/1>", None),
        ("</1/0>,</3/0>,</0>", None),
        // Reserved numbers are no Short Server IDs, yet the instance is no bootstrap account either.
        ("</0/0>;ssid=0,</0/1>;ssid=65535", None),
    ] {
        assert_eq!(parse(text).bootstrap_account(), account, "{text}");
    }
}

#[test]
fn where_tolerance_ends() {
    for (payload, error) in [
        (&b"</0/0"[..], LinkFormatError::UnclosedLink),
        (br#"</0/0>;uri="coap://a"#, LinkFormatError::UnclosedQuote),
        (br#"</0/0>;uri="coap://a\"#, LinkFormatError::UnclosedQuote),
        (b"</0/0>ssid=101", LinkFormatError::StrayText),
        (br#"</0/0>;uri="coap://a"ssid=101"#, LinkFormatError::StrayText),
        (b"</0/0>;ssid=x", LinkFormatError::BadShortServerId),
        (b"</0/0>;ssid", LinkFormatError::BadShortServerId),
        (b"</0/0>;ssid=65536", LinkFormatError::BadShortServerId),
        (b"</0/0>;ssid=-1", LinkFormatError::BadShortServerId),
        (b"</0/0>;uri=\xff", LinkFormatError::NotText),
    ] {
        assert_eq!(DiscoverAnswer::parse(payload), Err(error), "{}", String::from_utf8_lossy(payload));
    }
    assert_eq!(DiscoverAnswer::parse(&[b' '; MAX_LENGTH + 1]), Err(LinkFormatError::TooLong));
    assert!(DiscoverAnswer::parse(&[b','; MAX_LINKS - 1]).is_ok());
    assert_eq!(DiscoverAnswer::parse(&[b','; MAX_LINKS]), Err(LinkFormatError::TooManyLinks));
}

#[test]
fn rendering_has_two_forms() {
    let mut answer = DiscoverAnswer {
        version: Some(Version::V1_0),
        objects: vec![object(5, None), object(55, Some(Version { major: 1, minor: 9 }))],
        instances: vec![instance(0, 0, Some(101), Some(r#"coap://a"b\c"#)), instance(0, 1, None, None)],
        asked: Vec::new(),
    };
    assert_eq!(answer.render(), r#"lwm2m="1.0",</5>,</55>;ver="1.9",</0/0>;ssid=101,</0/1>"#);
    answer.version = Some(Version::V1_2);
    assert_eq!(answer.render(), r#"</>;lwm2m=1.2,</5>,</55>;ver=1.9,</0/0>;ssid=101;uri="coap://a\"b\\c",</0/1>"#);
    answer.version = None;
    assert!(answer.render().starts_with("</5>,"));
}

fn version() -> impl Strategy<Value = Version> {
    any::<(u8, u8)>().prop_map(|(major, minor)| Version { major, minor })
}

/// Answers whose URIs have no blanks at their ends, which reading would cut off.
fn answer() -> impl Strategy<Value = DiscoverAnswer> {
    let uri = option::of(any::<String>().prop_map(|text| text.trim().to_owned()));
    let instances = btree_map(any::<(u16, u16)>(), (option::of(any::<u16>()), uri), 0..8).prop_map(|all| {
        let one = |((object, instance), (short_server_id, uri))| DiscoveredInstance {
            object,
            instance,
            short_server_id,
            uri,
        };
        all.into_iter().map(one).collect::<Vec<_>>()
    });
    let objects = btree_set(any::<u16>(), 0..8).prop_flat_map(|ids| {
        ids.into_iter()
            .map(|object| option::of(version()).prop_map(move |version| DiscoveredObject { object, version }))
            .collect::<Vec<_>>()
    });
    (option::of(version()), objects, instances).prop_map(|(version, objects, instances)| DiscoverAnswer {
        version,
        objects,
        instances,
        asked: Vec::new(),
    })
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back_the_same(mut answer in answer()) {
        let text = answer.render();
        if answer.version.is_some_and(|version| version <= Version::V1_0) {
            answer.instances.iter_mut().for_each(|instance| instance.uri = None);
        }
        prop_assert_eq!(DiscoverAnswer::parse(text.as_bytes()), Ok(answer), "{}", text);
    }

    #[test]
    fn no_text_does_harm(payload in vec(any::<u8>(), 0..100)) {
        let _ = DiscoverAnswer::parse(&payload);
    }

    #[test]
    fn no_mixture_of_tokens_does_harm(tokens in vec(proptest::sample::select(vec![
        "<", ">", "</0/0>", "</0/1/>", "</>", ";", ",", "=", "\"", "\\", "ssid", "=101", "uri", "lwm2m", "1.1", " ", "\u{fc}",
    ]), 0..30)) {
        let _ = DiscoverAnswer::parse(tokens.concat().as_bytes());
    }
}
