//! The lines of spec sheets `clients.md`, section 1, and `bootstrap.md`, sections 9 and 16, each held against the
//! simulated client by messages made by hand.

mod finishing;
mod messages;

use data_encoding::HEXLOWER;

use super::{ANJAY, Like};
use crate::coap::{Code, Message};
use crate::lwm2m::{
    ContentFormat, DiscoverAnswer, Object, ObjectInstance, Path, Resource, ResourceValue, Value, Version, decode,
    encode,
};
use crate::simulator::client::tests::bench::{Bench, message, result};
use crate::simulator::configuration::{ClientConfiguration, StaleAccount};
use crate::simulator::{Failure, Output};

const STALE: StaleAccount = StaleAccount { security_instance: 5, server_instance: 0, short_server_id: 7 };

/// A client that says nothing of packs and has been told 2.04.
fn served(like: Like, version: Version) -> Bench {
    Bench::served(configuration(like, version))
}

fn configuration(like: Like, version: Version) -> ClientConfiguration {
    ClientConfiguration { pack: None, ..like.configuration("ep", version) }
}

fn usual(like: Like) -> Bench {
    served(like, like.versions()[0])
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn security() -> Vec<Resource> {
    vec![
        Resource::single(0, Value::String("coaps://eu.example.com".into())),
        Resource::single(1, Value::Boolean(false)),
        Resource::single(2, Value::Integer(0)),
        Resource::single(3, Value::opaque(b"meter-1")),
        Resource::single(4, Value::opaque(b"")),
        Resource::single(5, Value::opaque(b"0123456789abcdef")),
        Resource::single(10, Value::Integer(101)),
    ]
}

fn server() -> Vec<Resource> {
    vec![
        Resource::single(0, Value::Integer(101)),
        Resource::single(1, Value::Integer(86_400)),
        Resource::single(6, Value::Boolean(true)),
        Resource::single(7, Value::String("U".into())),
    ]
}

fn tree(object: u16, instances: Vec<(u16, Vec<Resource>)>) -> Vec<Object> {
    let instances = instances.into_iter().map(|(id, resources)| ObjectInstance { id, resources }).collect();
    vec![Object { id: object, instances }]
}

fn with(mut resources: Vec<Resource>, changed: Resource) -> Vec<Resource> {
    resources.retain(|resource| resource.id != changed.id);
    resources.push(changed);
    resources
}

fn without(mut resources: Vec<Resource>, id: u16) -> Vec<Resource> {
    resources.retain(|resource| resource.id != id);
    resources
}

impl Bench {
    fn write_tree(&mut self, target: &str, format: ContentFormat, content: &[Object]) -> Code {
        let payload = encode(format, &path(target), content).unwrap().to_vec();
        self.write(target, format.number(), payload).code
    }

    /// Writes one instance in TLV.
    fn write_instance(&mut self, object: u16, instance: u16, resources: Vec<Resource>) -> Code {
        let content = tree(object, vec![(instance, resources)]);
        self.write_tree(&format!("/{object}/{instance}"), ContentFormat::Tlv, &content)
    }

    fn discovered(&mut self) -> DiscoverAnswer {
        DiscoverAnswer::parse(&self.discover("/").payload).unwrap()
    }

    fn security_instances(&mut self) -> Vec<u16> {
        self.discovered().instances_of(0).map(|found| found.instance).collect()
    }

    fn read_server(&mut self, accept: Option<u16>, target: &str) -> Message {
        let mut request = self.request(Code::GET, target);
        accept.into_iter().for_each(|accept| request.set_accept(accept));
        self.ask(&request)
    }

    fn ask_without_clock(&mut self, code: Code, target: &str, change: impl FnOnce(&mut Message)) -> Message {
        let mut request = self.request(code, target);
        change(&mut request);
        self.ask(&request)
    }
}

#[test]
fn names_read_back() {
    for like in Like::ALL {
        assert_eq!(like.to_string().parse(), Ok(like));
    }
    let refusal = "californium".parse::<Like>().unwrap_err().to_string();
    assert_eq!(refusal, "must be anjay, anjay-lite, wakaama, zephyr or leshan");
}

/// clients.md 1, "Request" and "Pack"; bootstrap.md 16, "`/bs` query" and "pack".
#[test]
fn request() {
    for like in Like::ALL {
        for &version in like.versions() {
            let mut bench = Bench::new(like.configuration("ep", version));
            bench.client.start(bench.now);
            let mut request = bench.sent();
            if like == Like::Anjay && version == Version::V1_2 {
                assert_eq!(
                    (request.code, request.uri_query().unwrap(), request.accept()),
                    (Code::GET, vec!["ep=ep"], Some(112))
                );
                assert!(request.uri_path_is(&["bspack"]));
                let refusal = Message::piggybacked_response(&request, Code::NOT_IMPLEMENTED).encode();
                request = message(&bench.hand(&refusal)[0]);
            }
            let expected = if version == Version::V1_0 { vec!["ep=ep"] } else { vec!["ep=ep", "pct=112"] };
            assert_eq!((request.code, request.uri_query().unwrap()), (Code::POST, expected), "{like} {version}");
            assert!(request.uri_path_is(&["bs"]));
        }
    }
}

/// clients.md 1, "`/bs` refused", and 3, item 15.
#[test]
fn request_refused() {
    for like in Like::ALL {
        for (code, falls_back) in [(Code::BAD_REQUEST, like == Like::Anjay), (Code::INTERNAL_SERVER_ERROR, false)] {
            let mut bench = Bench::new(configuration(like, Version::V1_1));
            bench.client.start(bench.now);
            let request = bench.sent();
            let outputs = bench.hand(&Message::piggybacked_response(&request, code).encode());
            if !falls_back {
                assert!(matches!(&outputs[..], [Output::Finished(Err(Failure::Refused { .. }))]), "{like} {code}");
                continue;
            }
            let again = message(&outputs[0]);
            assert_eq!(again.uri_query().unwrap(), ["ep=ep"]);
            assert_ne!((again.id, again.token), (request.id, request.token));
            bench.hand(&Message::piggybacked_response(&again, Code::CHANGED).encode());
            assert_eq!(bench.discovered().version, Some(Version::V1_0));
            // The second refusal is the end.
            let mut bench = Bench::new(configuration(like, Version::V1_0));
            bench.client.start(bench.now);
            let request = bench.sent();
            let refusal = Message::piggybacked_response(&request, code).encode();
            assert!(matches!(result(bench.hand(&refusal)), Err(Failure::Refused { .. })));
        }
    }
}

/// clients.md 1, "Write formats"; formats.md 6.
#[test]
fn write_formats() {
    use ContentFormat::{Cbor, Lwm2mCbor, Lwm2mJson, Opaque, PlainText, SenmlCbor, SenmlJson, Tlv};
    let content = tree(1, vec![(0, server())]);
    let instance_level = [Tlv, SenmlCbor, SenmlJson, Lwm2mCbor];
    let taken: [(Like, &[ContentFormat]); 5] = [
        (Like::Anjay, &[Tlv, SenmlCbor, SenmlJson, Lwm2mCbor]),
        (Like::AnjayLite, &[Tlv, SenmlCbor, SenmlJson]),
        (Like::Wakaama, &[Tlv, SenmlCbor, SenmlJson]),
        (Like::Zephyr, &[Tlv, SenmlCbor, SenmlJson]),
        (Like::Leshan, &[Tlv, SenmlCbor, SenmlJson]),
    ];
    for (like, taken) in taken {
        let (at_instance, at_object) = match like {
            Like::Wakaama => (Code::BAD_REQUEST, Code::INTERNAL_SERVER_ERROR),
            _ => (Code::UNSUPPORTED_CONTENT_FORMAT, Code::UNSUPPORTED_CONTENT_FORMAT),
        };
        for format in instance_level {
            for (target, refusal) in [("/1/0", at_instance), ("/1", at_object)] {
                let expected = if taken.contains(&format) { Code::CHANGED } else { refusal };
                assert_eq!(usual(like).write_tree(target, format, &content), expected, "{like} {format} {target}");
            }
        }
        // Versions gate the formats, too: SenML is of 1.1.
        if like.versions().contains(&Version::V1_0) {
            assert_eq!(served(like, Version::V1_0).write_tree("/1/0", SenmlCbor, &content), at_instance, "{like}");
        }
        let number = encode(Cbor, &path("/1/0/1"), &tree(1, vec![(0, server()[1..2].to_vec())])).unwrap().to_vec();
        let takes_cbor = matches!(like, Like::AnjayLite | Like::Zephyr | Like::Leshan);
        let expected = if takes_cbor { Code::CHANGED } else { at_instance };
        assert_eq!(usual(like).write("/1/0/1", Cbor.number(), number).code, expected, "{like}");
        assert_eq!(usual(like).write("/1/0/1", PlainText.number(), b"300".to_vec()).code, Code::CHANGED);
        assert_eq!(usual(like).write("/0/2/5", Opaque.number(), b"key".to_vec()).code, Code::CHANGED);
        let json = br#"{"bn":"/1/0/","e":[{"n":"1","v":300}]}"#.to_vec();
        assert_eq!(usual(like).write("/1/0", Lwm2mJson.number(), json).code, at_instance, "{like}");
        // The number of products before LwM2M 1.0.1.
        let payload = encode(Tlv, &path("/1/0"), &content).unwrap().to_vec();
        assert_eq!(usual(like).write("/1/0", 1542, payload).code, Code::CHANGED, "{like}");
    }
}

/// clients.md 1, "Write formats" (no Content-Format), and bootstrap.md 8, "Content-Format".
#[test]
fn write_without_content_format() {
    let payload = encode(ContentFormat::Tlv, &path("/1/0"), &tree(1, vec![(0, server())])).unwrap().to_vec();
    for (like, code, is_written) in [
        (Like::Anjay, Code::METHOD_NOT_ALLOWED, false),
        (Like::Wakaama, Code::BAD_REQUEST, false),
        (Like::Zephyr, Code::CHANGED, false),
    ] {
        let mut bench = usual(like);
        let request = bench.request(Code::PUT, "/1/0").with_payload(payload.clone());
        assert_eq!(bench.ask(&request).code, code, "{like}");
        assert_eq!(bench.discovered().instances_of(1).next().is_some(), is_written, "{like}");
    }
    let mut wakaama = usual(Like::Wakaama);
    let request = wakaama.request(Code::PUT, "/1/0/1").with_payload(b"300".to_vec());
    assert_eq!(wakaama.ask(&request).code, Code::CHANGED, "plain text");
}

/// clients.md 1, "Write to `/0` (object level)", and 3, items 3 and 4.
#[test]
fn object_level_numbering() {
    let two = tree(0, vec![(7, security()), (9, with(security(), Resource::single(10, Value::Integer(102))))]);
    let one = tree(0, vec![(7, security())]);
    for (like, content, code, expected) in [
        (Like::Anjay, &two, Code::CHANGED, vec![1, 7, 9]),
        (Like::Wakaama, &two, Code::CHANGED, vec![0, 1, 2]),
        (Like::Zephyr, &two, Code::CHANGED, vec![0, 7, 9]),
        (Like::Leshan, &two, Code::CHANGED, vec![0, 7, 9]),
        (Like::AnjayLite, &two, Code::BAD_REQUEST, vec![0]),
        (Like::AnjayLite, &one, Code::CHANGED, vec![0, 7]),
    ] {
        let mut bench = usual(like);
        assert_eq!(bench.write_tree("/0", ContentFormat::SenmlCbor, content), code, "{like}");
        assert_eq!(bench.security_instances(), expected, "{like}");
    }
}

/// clients.md 1, "Unknown resource in an instance write".
#[test]
fn refused_resources() {
    let suites = ResourceValue::Multiple(vec![(0, Value::Unsigned(0xC0A8))]);
    let matching = Resource::single(13, Value::Unsigned(0));
    let sni = Resource::single(14, Value::String("eu".into()));
    let suites = Resource { id: 16, value: suites };
    let (order, mute) = (Resource::single(13, Value::Unsigned(1)), Resource::single(23, Value::Boolean(true)));
    for (object, resource, code) in [
        (0, matching, Code::BAD_REQUEST),
        (0, sni, Code::BAD_REQUEST),
        (0, suites, Code::NOT_FOUND),
        (1, order, Code::NOT_FOUND),
        (1, mute, Code::NOT_FOUND),
        (0, Resource::single(999, Value::opaque(b"?")), Code::CHANGED),
    ] {
        for like in Like::ALL {
            let expected = if like == Like::Wakaama { code } else { Code::CHANGED };
            let plain = if object == 0 { security() } else { server() };
            let written = usual(like).write_instance(object, 2, with(plain, resource.clone()));
            assert_eq!(written, expected, "{like} /{object}/2/{}", resource.id);
        }
    }
}

/// clients.md 1, "Unknown object" and "Delete"; bootstrap.md 9.
#[test]
fn unknown_objects_and_deletes() {
    const DELETED: Code = Code::DELETED;
    const REFUSED: Code = Code::BAD_REQUEST;
    const NOT_FOUND: Code = Code::NOT_FOUND;
    const NOT_ALLOWED: Code = Code::METHOD_NOT_ALLOWED;
    // `/3`, `/3/0`, the bootstrap account, `/77`, `/1/9`
    for (like, codes) in [
        (Like::Anjay, [DELETED, NOT_ALLOWED, DELETED, DELETED, DELETED]),
        (Like::AnjayLite, [REFUSED, REFUSED, REFUSED, DELETED, DELETED]),
        (Like::Wakaama, [NOT_ALLOWED, NOT_ALLOWED, DELETED, NOT_FOUND, NOT_FOUND]),
        (Like::Leshan, [REFUSED, REFUSED, REFUSED, NOT_FOUND, REFUSED]),
        (Like::Zephyr, [NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED, NOT_FOUND, NOT_FOUND]),
    ] {
        let own = if like == Like::Anjay { 1 } else { 0 };
        let configuration = || ClientConfiguration { stale_account: Some(STALE), ..configuration(like, Version::V1_1) };
        let targets = ["/3".to_owned(), "/3/0".into(), format!("/0/{own}"), "/77".into(), "/1/9".into()];
        for (target, code) in targets.iter().zip(codes) {
            let mut bench = Bench::served(configuration());
            assert_eq!(bench.simple(Code::DELETE, target).code, code, "{like} DELETE {target}");
            let answer = bench.discovered();
            assert!(answer.instances_of(3).next().is_some(), "{like}: the Device Object stays");
            let own_is_there = answer.instances_of(0).any(|found| found.instance == own);
            assert_eq!(own_is_there, !(target.starts_with("/0/") && code == DELETED), "{like} DELETE {target}");
        }
        for target in ["/", "/0"] {
            let mut bench = Bench::served(configuration());
            assert_eq!(bench.simple(Code::DELETE, target).code, DELETED, "{like} DELETE {target}");
            assert_eq!(bench.security_instances(), [own], "{like} DELETE {target}");
        }
        let content = tree(77, vec![(0, vec![Resource::single(0, Value::opaque(b"x"))])]);
        assert_eq!(usual(like).write_tree("/77/0", ContentFormat::Tlv, &content), NOT_FOUND, "{like}");
    }
}

/// clients.md 1, "Discover" and "Discover text"; bootstrap.md 6 and 16, "Discover form".
#[test]
fn discover() {
    let own = r#";uri="coaps://bootstrap.example.com""#;
    let stale = r#";uri="coap://192.0.2.1""#;
    for (like, version, expected) in [
        (
            Like::Anjay,
            Version::V1_0,
            r#"lwm2m="1.0",</0>,</0/1>,</0/5>;ssid=7,</1>,</1/0>;ssid=7,</2>,</3>,</3/0>"#.to_owned(),
        ),
        (
            Like::Anjay,
            Version::V1_1,
            format!("</>;lwm2m=1.1,</0>,</0/1>{own},</0/5>;ssid=7{stale},</1>,</1/0>;ssid=7,</2>,</3>,</3/0>,</21>"),
        ),
        (Like::Wakaama, Version::V1_0, "lwm2m=1.0,</0/0>,</0/5>;ssid=7,</1/0>;ssid=7,</3/0>".to_owned()),
        (Like::Wakaama, Version::V1_1, format!("</>;lwm2m=1.1,</0/0>,</0/5>;ssid=7{stale},</1/0>;ssid=7,</3/0>")),
        (Like::Zephyr, Version::V1_0, r#"</>;lwm2m="1.0",</2>,</0/0>,</0/5>;ssid=7,</1/0>;ssid=7,</3/0>"#.to_owned()),
        (Like::Zephyr, Version::V1_1, "</>;lwm2m=1.1,</2>,</21>,</0/0>,</0/5>;ssid=7,</1/0>;ssid=7,</3/0>".to_owned()),
        (
            Like::Leshan,
            Version::V1_1,
            format!("</>;lwm2m=1.0,</2>,</21>,</0/0>{own},</0/5>;ssid=7{stale},</1/0>;ssid=7,</3/0>"),
        ),
        (
            Like::AnjayLite,
            Version::V1_2,
            format!("</>;lwm2m=1.2,</2>,</21>,</0/0>{own},</0/5>;ssid=7{stale},</1/0>;ssid=7,</3/0>"),
        ),
    ] {
        let configuration = ClientConfiguration { stale_account: Some(STALE), ..configuration(like, version) };
        let mut bench = Bench::served(configuration);
        let text = bench.discover("/").payload;
        assert_eq!(std::str::from_utf8(&text), Ok(expected.as_str()), "{like} {version}");
        let answer = DiscoverAnswer::parse(&text).unwrap();
        assert_eq!(answer.bootstrap_account(), Some(if like == Like::Anjay { 1 } else { 0 }), "{like}");
        let deeper = if like == Like::Zephyr { Code::METHOD_NOT_ALLOWED } else { Code::BAD_REQUEST };
        assert_eq!(bench.discover("/0/5").code, deeper, "{like}");
        assert_eq!(bench.discover("/0").code, Code::CONTENT);
        assert_eq!(bench.discover("/77").code, Code::NOT_FOUND);
    }
}

/// clients.md 1, "Read"; bootstrap.md 7.
#[test]
fn read() {
    for (like, elsewhere) in [
        (Like::Anjay, Code::METHOD_NOT_ALLOWED),
        (Like::AnjayLite, Code::METHOD_NOT_ALLOWED),
        (Like::Wakaama, Code::BAD_REQUEST),
        (Like::Leshan, Code::METHOD_NOT_ALLOWED),
        (Like::Zephyr, Code::CONTENT),
    ] {
        let mut bench = usual(like);
        bench.write_instance(1, 0, server());
        for target in ["/1", "/1/0", "/2"] {
            assert_eq!(bench.read_server(Some(112), target).code, Code::CONTENT, "{like} GET {target}");
        }
        assert_eq!(bench.read_server(Some(112), "/0").code, elsewhere, "{like}");
        // Without Accept it is what `pct` asks for.
        assert_eq!(bench.read_server(None, "/1").content_format(), Some(112), "{like}");
        if like.versions().contains(&Version::V1_0) {
            assert_eq!(served(like, Version::V1_0).read_server(Some(11542), "/1").code, Code::BAD_REQUEST, "{like}");
        }
    }
}

/// clients.md 3, item 13.
#[test]
fn lwm2m_cbor_of_anjay_has_indefinite_maps_and_array_keys() {
    let mut bench = usual(Like::Anjay);
    bench.write_instance(1, 0, server());
    let answer = bench.read_server(Some(11544), "/1");
    let expected = "bf820100bf001865011a0001518006f5076155ffff";
    assert_eq!(HEXLOWER.encode(&answer.payload), expected);
    let read = decode(ContentFormat::Lwm2mCbor, &path("/1"), &answer.payload).unwrap();
    assert_eq!(read, tree(1, vec![(0, server())]));
}

/// bootstrap.md 16, "transactional" and "PUT instance".
#[test]
fn what_is_written_lasts_at_once_or_at_finish_and_replaces_or_updates() {
    for like in Like::ALL {
        let configuration = ClientConfiguration { stale_account: Some(STALE), ..configuration(like, Version::V1_1) };
        let mut bench = Bench::served(configuration);
        let lifetime = vec![Resource::single(1, Value::Integer(300))];
        bench.write_instance(1, 0, lifetime.clone());
        let lasting = bench.client.lasting().find(|(object, _)| *object == 1).unwrap().1;
        let before = Some(&Value::Integer(86_400));
        assert_eq!(lasting.single(1) == before, like == Like::Anjay, "{like}");
        let read = bench.read_server(Some(11542), "/1/0").payload;
        let read = decode(ContentFormat::Tlv, &path("/1/0"), &read).unwrap();
        let ids: Vec<u16> = read[0].instances[0].resources.iter().map(|resource| resource.id).collect();
        assert_eq!(ids, if like == Like::Zephyr { vec![0, 1, 6, 7] } else { vec![1] }, "{like}");
    }
}

/// bootstrap.md 8: in Zephyr resource instances survive as well.
#[test]
fn values_of_a_multiple_instance_resource_survive_a_write_in_zephyr() {
    let mut bench = usual(Like::Zephyr);
    let rights = |values: Vec<(u16, Value)>| vec![Resource { id: 2, value: ResourceValue::Multiple(values) }];
    bench.write_instance(2, 0, rights(vec![(101, Value::Integer(31)), (102, Value::Integer(1))]));
    bench.write_instance(2, 0, rights(vec![(102, Value::Integer(3))]));
    let read = decode(ContentFormat::Tlv, &path("/2/0"), &bench.read_server(Some(11542), "/2/0").payload).unwrap();
    let expected = rights(vec![(101, Value::Integer(31)), (102, Value::Integer(3))]);
    assert_eq!(read[0].instances[0].resources, expected);
}

#[test]
fn nothing_but_the_table_makes_the_difference() {
    assert_eq!(Like::Anjay.configuration("ep", Version::V1_1).behaviour, ANJAY);
    for like in Like::ALL {
        let configuration = like.configuration("ep", like.versions()[0]);
        assert_eq!((configuration.like, configuration.lwm2m_version), (Some(like), like.versions()[0]));
    }
}
