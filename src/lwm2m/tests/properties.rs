//! Properties: what is written is read back the same, and no input does harm.
//!
//! Not every tree goes into every format: TLV knows no pack and no lone resource instance, and the others cannot say
//! that an instance or a multiple-instance resource is empty. The generated trees keep to what the format can say.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::lwm2m::codec::size_bound;
use crate::lwm2m::objects::{DataType, ResourceDefinition, resources};
use crate::lwm2m::{ContentFormat, Object, ObjectInstance, Path, Resource, ResourceValue, Value, decode, encode};

const HIERARCHICAL: [ContentFormat; 4] =
    [ContentFormat::Tlv, ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Lwm2mCbor];

/// Numbers of every magnitude, so that every width occurs.
fn integer() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0..64u32).prop_map(|(number, bits)| number >> bits)
}

fn value_of(data_type: DataType) -> BoxedStrategy<Value> {
    match data_type {
        DataType::String => any::<String>().prop_map(Value::String).boxed(),
        DataType::CoreLink => any::<String>().prop_map(Value::CoreLink).boxed(),
        DataType::Integer => integer().prop_map(Value::Integer).boxed(),
        DataType::Unsigned => {
            (any::<u64>(), 0..64u32).prop_map(|(number, bits)| Value::Unsigned(number >> bits)).boxed()
        }
        DataType::Float => any::<f64>().prop_map(Value::Float).boxed(),
        DataType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        DataType::Opaque | DataType::Executable => vec(any::<u8>(), 0..300).prop_map(|b| Value::opaque(&b)).boxed(),
        DataType::Time => integer().prop_map(Value::Time).boxed(),
        DataType::ObjectLink => any::<(u16, u16)>().prop_map(|(object, id)| Value::ObjectLink(object, id)).boxed(),
    }
}

fn id() -> impl Strategy<Value = u16> {
    prop_oneof![0..4u16, 250..260u16, 0..u16::MAX]
}

/// A resource as its table has it; a multiple-instance one has at least `fewest` values.
fn resource(definition: &'static ResourceDefinition, fewest: usize) -> BoxedStrategy<Resource> {
    let id = definition.id;
    if definition.multiple {
        btree_map(self::id(), value_of(definition.data_type), fewest..4)
            .prop_map(move |values| Resource { id, value: ResourceValue::Multiple(values.into_iter().collect()) })
            .boxed()
    } else {
        value_of(definition.data_type).prop_map(move |value| Resource::single(id, value)).boxed()
    }
}

fn writable(object: u16) -> Vec<&'static ResourceDefinition> {
    resources(object).iter().filter(|definition| definition.data_type != DataType::Executable).collect()
}

fn pick(object: u16, row: &Index) -> &'static ResourceDefinition {
    let rows = writable(object);
    rows[row.index(rows.len())]
}

fn instance_resources(object: u16, fewest: usize) -> impl Strategy<Value = Vec<Resource>> {
    proptest::sample::subsequence(writable(object), fewest..=writable(object).len())
        .prop_flat_map(move |rows| rows.into_iter().map(|row| resource(row, fewest)).collect::<Vec<_>>())
}

fn object(object: u16, fewest: usize) -> impl Strategy<Value = Object> {
    btree_map(id(), instance_resources(object, fewest), fewest..3).prop_map(move |instances| {
        let instances = instances.into_iter().map(|(id, resources)| ObjectInstance { id, resources }).collect();
        Object { id: object, instances }
    })
}

fn object_id() -> impl Strategy<Value = u16> {
    select(vec![0u16, 1, 2, 21])
}

/// A target and a tree that belongs to it; `fewest` says whether anything may be empty.
fn operation(fewest: usize) -> impl Strategy<Value = (Path, Vec<Object>)> {
    let whole = object_id().prop_flat_map(move |id| object(id, fewest)).prop_map(|tree| (Path::Object(tree.id), tree));
    let one_instance = (object_id(), id()).prop_flat_map(move |(object, id)| {
        instance_resources(object, fewest).prop_map(move |resources| {
            let instances = vec![ObjectInstance { id, resources }];
            (Path::ObjectInstance(object, id), Object { id: object, instances })
        })
    });
    let one_resource = (object_id(), id(), any::<Index>()).prop_flat_map(move |(object, id, row)| {
        resource(pick(object, &row), fewest).prop_map(move |resource| {
            let path = Path::Resource(object, id, resource.id);
            (path, Object { id: object, instances: vec![ObjectInstance { id, resources: vec![resource] }] })
        })
    });
    prop_oneof![whole, one_instance, one_resource].prop_map(|(path, tree)| (path, vec![tree]))
}

fn pack() -> impl Strategy<Value = (Path, Vec<Object>)> {
    proptest::sample::subsequence(vec![0u16, 1, 2, 21], 1..=4)
        .prop_flat_map(|ids| ids.into_iter().map(|id| object(id, 1)).collect::<Vec<_>>())
        .prop_map(|objects| (Path::Root, objects))
}

/// One value: a resource, or one instance of a multiple-instance resource.
fn one_value() -> impl Strategy<Value = (Path, Vec<Object>)> {
    (object_id(), id(), id(), any::<Index>()).prop_flat_map(|(object, instance, value_id, row)| {
        let definition = pick(object, &row);
        value_of(definition.data_type).prop_map(move |value| {
            let (path, value) = if definition.multiple {
                let path = Path::ResourceInstance(object, instance, definition.id, value_id);
                (path, ResourceValue::Multiple(vec![(value_id, value)]))
            } else {
                (Path::Resource(object, instance, definition.id), ResourceValue::Single(value))
            };
            let resources = vec![Resource { id: definition.id, value }];
            (path, vec![Object { id: object, instances: vec![ObjectInstance { id: instance, resources }] }])
        })
    })
}

fn round_trips(format: ContentFormat, path: &Path, objects: &[Object]) -> Result<(), TestCaseError> {
    let payload = encode(format, path, objects).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(payload.len() <= size_bound(objects), "the buffer of a payload must never grow");
    let read = decode(format, path, &payload);
    prop_assert_eq!(read.as_deref(), Ok(objects), "{:?}", format);
    Ok(())
}

/// Payloads that are valid, as a start for mutations.
fn seeds() -> Vec<(ContentFormat, Path, Vec<u8>)> {
    let (account, server) = (super::trees::psk_account(), super::trees::server());
    let (access, device) = (super::trees::access_control(), super::trees::device());
    let mut seeds = Vec::new();
    for format in HIERARCHICAL {
        for object in [&account, &server, &access, &device] {
            for path in [Path::Object(object.id), Path::ObjectInstance(object.id, 0)] {
                let payload = encode(format, &path, std::slice::from_ref(object)).expect("an example");
                seeds.push((format, path, payload.to_vec()));
            }
        }
    }
    let indefinite = super::bytes(ContentFormat::Lwm2mCbor, "bf820001bf0a1865019ff5ff18119f0102ffffff");
    seeds.push((ContentFormat::Lwm2mCbor, Path::Root, indefinite));
    let json = r#"{"bn":"/0/","e":[{"n":"0/5","sv":"AAEC"},{"n":"0/17","ov":"21:1"},{"n":"0/10","v":101}]}"#;
    seeds.push((ContentFormat::Lwm2mJson, Path::Object(0), json.into()));
    seeds
}

#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Repeat(Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        any::<(Index, u8)>().prop_map(|(place, byte)| Mutation::Set(place, byte)),
        any::<(Index, u8)>().prop_map(|(place, byte)| Mutation::Insert(place, byte)),
        any::<Index>().prop_map(Mutation::Remove),
        any::<Index>().prop_map(Mutation::Cut),
        any::<(Index, Index)>().prop_map(|(start, end)| Mutation::Repeat(start, end)),
    ]
}

fn mutate(payload: &mut Vec<u8>, mutation: &Mutation) {
    if payload.is_empty() {
        return;
    }
    let length = payload.len();
    match mutation {
        Mutation::Set(place, byte) => payload[place.index(length)] = *byte,
        Mutation::Insert(place, byte) => payload.insert(place.index(length), *byte),
        Mutation::Remove(place) => drop(payload.remove(place.index(length))),
        Mutation::Cut(place) => payload.truncate(place.index(length)),
        Mutation::Repeat(start, end) => {
            let (start, end) = (start.index(length), end.index(length));
            payload.extend_from_within(start.min(end)..start.max(end));
        }
    }
}

const ALL: [ContentFormat; 9] = [
    ContentFormat::PlainText,
    ContentFormat::CoreLink,
    ContentFormat::Opaque,
    ContentFormat::Cbor,
    ContentFormat::SenmlJson,
    ContentFormat::SenmlCbor,
    ContentFormat::Tlv,
    ContentFormat::Lwm2mJson,
    ContentFormat::Lwm2mCbor,
];

fn any_path() -> impl Strategy<Value = Path> {
    vec(prop_oneof![0..4u16, any::<u16>()], 0..=4).prop_map(|ids| Path::from_ids(&ids).expect("at most four"))
}

proptest! {
    #[test]
    fn tlv_is_read_back_the_same((path, objects) in operation(0)) {
        round_trips(ContentFormat::Tlv, &path, &objects)?;
    }

    #[test]
    fn the_other_formats_are_read_back_the_same((path, objects) in prop_oneof![operation(1), pack()]) {
        for format in [ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Lwm2mCbor] {
            round_trips(format, &path, &objects)?;
        }
    }

    #[test]
    fn single_values_are_read_back_the_same((path, objects) in one_value()) {
        for format in [ContentFormat::PlainText, ContentFormat::Cbor, ContentFormat::SenmlCbor, ContentFormat::SenmlJson] {
            round_trips(format, &path, &objects)?;
        }
        let resource = &objects[0].instances[0].resources[0];
        if matches!(resource.value, ResourceValue::Single(Value::Opaque(_))) {
            round_trips(ContentFormat::Opaque, &path, &objects)?;
        }
    }

    #[test]
    fn values_without_table_keep_their_type(value in prop_oneof![
        any::<String>().prop_map(Value::String),
        any::<i64>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_map(Value::Float),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::opaque(&bytes)),
        (i64::MAX as u64 + 1..).prop_map(Value::Unsigned),
    ]) {
        let objects = super::trees::alone(65, 0, Resource::single(1, value));
        for format in [ContentFormat::SenmlCbor, ContentFormat::Lwm2mCbor, ContentFormat::Cbor] {
            round_trips(format, &Path::Resource(65, 0, 1), &objects)?;
        }
    }

    #[test]
    fn no_bytes_do_harm(payload in vec(any::<u8>(), 0..200), format in select(ALL.to_vec()), path in any_path()) {
        let _ = decode(format, &path, &payload);
    }

    #[test]
    fn no_damage_to_a_payload_does_harm(
        (format, path, mut payload) in select(seeds()),
        mutations in vec(mutation(), 1..6),
        other in any_path(),
    ) {
        mutations.iter().for_each(|mutation| mutate(&mut payload, mutation));
        for path in [path, other, Path::Root] {
            if let Ok(objects) = decode(format, &path, &payload) {
                // Whatever was let in lies below the target.
                for object in &objects {
                    prop_assert!(path.contains(&Path::Object(object.id)) || Path::Object(object.id).contains(&path));
                }
                let _ = encode(ContentFormat::Tlv, &path, &objects);
            }
        }
    }
}
