//! Which requests a plan becomes, and which smaller ones those become.

use super::{Dispatch, WriteRequest, dispatch};
use crate::bootstrap::plan::{Operation, Part, Purpose, Write};
use crate::lwm2m::{ContentFormat, ObjectInstance, Path, Resource, Value};
use crate::provision::Level;
use crate::secret::Secret;

fn write(object: u16, id: u16, purpose: Purpose, resources: Vec<Resource>) -> Operation {
    let instance = ObjectInstance { id, resources };
    Operation::Write(Write { object, instance, part: Part::Instance, purpose, note: None })
}

fn number(id: u16) -> Resource {
    Resource::single(id, Value::Integer(1))
}

fn opaque(id: u16, length: usize) -> Resource {
    Resource::single(id, Value::Opaque(Secret::from(vec![7; length])))
}

/// Two accounts, Access Control that nobody asked for, and a bootstrap account.
fn operations() -> Vec<Operation> {
    let ours = Resource::single(1, Value::Boolean(true));
    vec![
        Operation::Delete(Path::Object(1)),
        write(0, 1, Purpose::Account, vec![number(0), number(10)]),
        write(1, 0, Purpose::Account, vec![number(0)]),
        write(0, 2, Purpose::Account, vec![number(0)]),
        write(1, 1, Purpose::Account, vec![number(0)]),
        write(2, 0, Purpose::AutomaticAccessControl, vec![number(0)]),
        write(2, 5, Purpose::Extra, vec![number(0)]),
        write(0, 0, Purpose::Account, vec![ours]),
    ]
}

fn targets(level: Level) -> Vec<(String, usize)> {
    let requests = dispatch(operations(), level);
    let parts = |dispatch: &Dispatch| match dispatch {
        Dispatch::Delete(path) => (format!("-{path}"), 0),
        Dispatch::Write(request) => (request.target.to_string(), request.writes.len()),
    };
    requests.iter().map(parts).collect()
}

fn named(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected.iter().map(|(target, writes)| ((*target).to_owned(), *writes)).collect()
}

#[test]
fn each_level_carries_the_same_in_other_portions() {
    let instances =
        [("-/1", 0), ("/0/1", 1), ("/1/0", 1), ("/0/2", 1), ("/1/1", 1), ("/2/0", 1), ("/2/5", 1), ("/0/0", 1)];
    assert_eq!(targets(Level::Instance), named(&instances));
    // What is only tried does not take along what the operator asked for, and the bootstrap account is the last word.
    let objects = [("-/1", 0), ("/0", 2), ("/1", 2), ("/2", 1), ("/2", 1), ("/0", 1)];
    assert_eq!(targets(Level::Object), named(&objects));
    let resources = [
        ("-/1", 0),
        ("/0/1/0", 1),
        ("/0/1/10", 1),
        ("/1/0/0", 1),
        ("/0/2/0", 1),
        ("/1/1/0", 1),
        ("/2/0/0", 1),
        ("/2/5/0", 1),
        ("/0/0/1", 1),
    ];
    assert_eq!(targets(Level::Resource), named(&resources));
}

#[test]
fn every_request_can_be_said_in_every_format() {
    for level in [Level::Instance, Level::Object, Level::Resource] {
        for format in [ContentFormat::Tlv, ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Lwm2mCbor]
        {
            for dispatch in dispatch(operations(), level) {
                if let Dispatch::Write(request) = dispatch {
                    assert!(request.encode(format).is_ok(), "{level:?} {format} {}", request.target);
                }
            }
        }
    }
}

#[test]
fn a_format_of_single_values_is_left_where_it_cannot_say_what_is_written() {
    let resources = vec![
        number(0),
        opaque(5, 3),
        Resource { id: 16, value: crate::lwm2m::ResourceValue::Multiple(vec![(0, Value::Unsigned(1))]) },
    ];
    let formats = |format| -> Vec<ContentFormat> {
        let requests = dispatch(vec![write(0, 1, Purpose::Account, resources.clone())], Level::Resource);
        let requests = requests.iter().map(|dispatch| match dispatch {
            Dispatch::Write(request) => {
                let format = request.sayable_in(format);
                assert!(request.encode(format).is_ok(), "{format}");
                format
            }
            Dispatch::Delete(_) => panic!("a write"),
        });
        requests.collect()
    };
    let (text, cbor, tlv) = (ContentFormat::PlainText, ContentFormat::Cbor, ContentFormat::Tlv);
    assert_eq!(formats(text), [text, ContentFormat::Opaque, tlv]);
    assert_eq!(formats(cbor), [cbor, cbor, tlv]);
    assert_eq!(formats(ContentFormat::SenmlCbor), [ContentFormat::SenmlCbor; 3]);
}

#[test]
fn what_is_too_large_becomes_what_is_small_and_each_large_value_by_itself() {
    let Operation::Write(account) =
        write(0, 1, Purpose::Account, vec![number(0), opaque(3, 900), opaque(4, 64), opaque(5, 65), number(10)])
    else {
        panic!("a write");
    };
    let parts = WriteRequest::of(account).split().unwrap();
    let shown: Vec<(String, Option<ContentFormat>)> =
        parts.iter().map(|part| (part.target.to_string(), part.format)).collect();
    let raw = Some(ContentFormat::Opaque);
    let expected = [("/0/1".to_owned(), None), ("/0/1/3".to_owned(), raw), ("/0/1/5".to_owned(), raw)];
    assert_eq!(shown, expected);
    let small: Vec<u16> = parts[0].writes[0].instance.resources.iter().map(|resource| resource.id).collect();
    assert_eq!(small, [0, 4, 10]);
    assert_eq!(parts[1].encode(ContentFormat::Opaque).unwrap().len(), 900, "nothing but the value");
    assert_eq!(parts[0].clone().split(), None);
    assert_eq!(parts[1].clone().split(), None);
    let Some(Dispatch::Write(object)) = dispatch(operations(), Level::Object).into_iter().nth(1) else { panic!("/0") };
    let instances: Vec<String> = object.split().unwrap().iter().map(|part| part.target.to_string()).collect();
    assert_eq!(instances, ["/0/1", "/0/2"]);
}
