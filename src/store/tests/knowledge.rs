//! What is known of clients: kept by the endpoint, agreed upon by model, and forgotten.

use super::{OPERATOR, Scratch, at, device, file, open, scratch};
use crate::provision::{ClientKnowledge, DeviceDefinition, LearnedKnowledge, ModelDefinition, Rule};
use crate::store::{DeviceLearned, FileDefinitions, FileMode, Key, Store, StoreError};

fn block_size(bytes: u16) -> LearnedKnowledge {
    let shown = ClientKnowledge { block_size: Some(bytes), ..ClientKnowledge::default() };
    LearnedKnowledge { shown, ..LearnedKnowledge::default() }
}

fn lesson(endpoint: &str, model: Option<&str>, millis: i64, learned: LearnedKnowledge) -> DeviceLearned {
    DeviceLearned { endpoint: endpoint.to_owned(), model: model.map(str::to_owned), learned, at: at(millis) }
}

fn model(name: &str, pattern: &str) -> ModelDefinition {
    let rules = vec![Rule { endpoint: Some(pattern.to_owned()), ..Rule::default() }];
    ModelDefinition { name: name.to_owned(), rules, client: None }
}

fn with_models(models: &[ModelDefinition], devices: &[DeviceDefinition]) -> FileDefinitions {
    FileDefinitions { models: models.to_vec(), ..file(&[], &[], devices) }
}

fn block_size_of(store: &Store, endpoint: &str) -> Option<u16> {
    store.reader().unwrap().known(endpoint).unwrap().and_then(|known| known.learned.own().block_size)
}

/// Name, block size, devices and time of each model.
fn models(store: &Store) -> Vec<(String, Option<u16>, u64, Option<i64>)> {
    let entries = store.reader().unwrap().models().unwrap();
    let row = |entry: crate::store::ModelEntry| {
        let learned_at = entry.learned_at.map(|at| at.0);
        (entry.model.definition.name, entry.model.learned.block_size, entry.devices, learned_at)
    };
    entries.into_iter().map(row).collect()
}

fn add(store: &Store, endpoints: &[&str]) {
    for endpoint in endpoints {
        let definition = DeviceDefinition { psk: None, ..device(endpoint) };
        store.add_device(OPERATOR, at(1), definition).wait().unwrap();
    }
}

#[test]
fn what_is_known_of_a_device_is_that_which_was_learned_last_and_survives_a_restart() {
    let Scratch { store, directory } = scratch();
    add(&store, &["a"]);
    assert_eq!(block_size_of(&store, "a"), None);
    store
        .record_knowledge(vec![lesson("a", None, 5, block_size(64)), lesson("b", None, 5, block_size(64))])
        .wait()
        .unwrap();
    store.record_knowledge(vec![lesson("a", None, 6, block_size(128))]).wait().unwrap();
    drop(store);
    let store = open(&directory);
    let known = store.reader().unwrap().known("a").unwrap().unwrap();
    assert_eq!((known.learned, known.at), (block_size(128), at(6)));
    assert_eq!(block_size_of(&store, "b"), None, "it is not defined");
}

#[test]
fn it_outlives_the_reload_that_lets_go_of_the_device_and_not_its_deletion() {
    let Scratch { store, directory: _guard } = scratch();
    let of_file = |devices: &[DeviceDefinition]| {
        store.apply_file(at(1), with_models(&[], devices), FileMode::Reload).wait().unwrap();
    };
    of_file(&[device("filed")]);
    add(&store, &["own"]);
    store
        .record_knowledge(vec![lesson("filed", None, 5, block_size(64)), lesson("own", None, 5, block_size(64))])
        .wait()
        .unwrap();
    of_file(&[]);
    of_file(&[device("filed")]);
    assert_eq!(block_size_of(&store, "filed"), Some(64));
    store.delete_device(OPERATOR, at(2), Key::Name("own".to_owned())).wait().unwrap();
    add(&store, &["own"]);
    assert_eq!(block_size_of(&store, "own"), None);
}

#[test]
fn an_operator_has_a_device_forgotten_and_the_trail_says_so() {
    let Scratch { store, directory: _guard } = scratch();
    add(&store, &["a", "b"]);
    store
        .record_knowledge(vec![lesson("a", None, 5, block_size(64)), lesson("b", None, 5, block_size(64))])
        .wait()
        .unwrap();
    store.forget_device(OPERATOR, at(7), Key::Name("a".to_owned())).wait().unwrap();
    assert_eq!((block_size_of(&store, "a"), block_size_of(&store, "b")), (None, Some(64)));
    let line = store.reader().unwrap().audit(1, None).unwrap().remove(0);
    assert_eq!((line.verb.as_str(), line.kind.as_str(), line.name.as_str()), ("forget", "device", "a"));
    assert_eq!((line.uid, line.fields), (OPERATOR.uid, vec!["knowledge".to_owned()]));
    let unknown = store.forget_device(OPERATOR, at(7), Key::Name("c".to_owned())).wait();
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })), "{unknown:?}");
}

#[test]
fn a_model_learns_what_three_devices_agree_on_and_says_when_that_changed() {
    let Scratch { store, directory: _guard } = scratch();
    store.apply_file(at(1), with_models(&[model("m", "*")], &[]), FileMode::Start).wait().unwrap();
    add(&store, &["a", "b", "c", "d"]);
    let learn = |endpoint: &str, millis, bytes| {
        let before = store.generation();
        store.record_knowledge(vec![lesson(endpoint, Some("m"), millis, block_size(bytes))]).wait().unwrap();
        (models(&store).remove(0), store.generation() != before)
    };
    let row = |bytes: Option<u16>, devices: u64, millis: i64| ("m".to_owned(), bytes, devices, Some(millis));
    assert_eq!(learn("a", 11, 64), (row(None, 1, 11), false));
    assert_eq!(learn("a", 12, 64), (row(None, 1, 11), false), "one device has one voice");
    assert_eq!(learn("b", 13, 64), (row(None, 2, 11), false));
    assert_eq!(learn("c", 14, 64), (row(Some(64), 3, 14), true), "the catalog is to be read again");
    assert_eq!(learn("d", 15, 16), (row(Some(64), 4, 14), false), "one that is odd changes nothing");
    assert_eq!(learn("c", 16, 16), (row(None, 4, 16), true));
}

#[test]
fn of_a_large_fleet_those_count_that_were_heard_last() {
    let Scratch { store, directory: _guard } = scratch();
    store.apply_file(at(1), with_models(&[model("m", "*")], &[]), FileMode::Start).wait().unwrap();
    let names: Vec<String> = (0..40).map(|number| format!("d{number:02}")).collect();
    add(&store, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let lessons = |range: std::ops::Range<usize>, bytes| -> Vec<DeviceLearned> {
        range.map(|at| lesson(&names[at], Some("m"), at as i64, block_size(bytes))).collect()
    };
    store.record_knowledge(lessons(0..24, 64)).wait().unwrap();
    assert_eq!(models(&store)[0].1, Some(64));
    store.record_knowledge(lessons(24..40, 128)).wait().unwrap();
    assert_eq!((models(&store)[0].1, models(&store)[0].2), (Some(128), 16));
}

#[test]
fn a_model_is_forgotten_by_an_operator_by_other_rules_and_with_its_table() {
    let Scratch { store, directory: _guard } = scratch();
    let apply = |models: &[ModelDefinition]| {
        store.apply_file(at(1), with_models(models, &[]), FileMode::Reload).wait().unwrap();
    };
    let both = [model("m", "*"), model("n", "n-*")];
    apply(&both);
    add(&store, &["a", "b", "c", "d"]);
    let all = |endpoints: &[&str]| {
        let lessons = endpoints.iter().map(|endpoint| lesson(endpoint, Some("m"), 5, block_size(64)));
        store.record_knowledge(lessons.collect()).wait().unwrap();
        models(&store)[0].1
    };
    let learned = || models(&store)[0].1;
    assert_eq!(all(&["a", "b", "c"]), Some(64));
    apply(&both);
    apply(&[ModelDefinition { client: Some("anjay".to_owned()), ..both[0].clone() }, both[1].clone()]);
    assert_eq!(learned(), Some(64), "the rules are the same");

    store.forget_model(OPERATOR, at(7), "m".to_owned()).wait().unwrap();
    assert_eq!((learned(), block_size_of(&store, "a")), (None, Some(64)));
    let line = store.reader().unwrap().audit(1, None).unwrap().remove(0);
    assert_eq!((line.verb.as_str(), line.kind.as_str(), line.name.as_str()), ("forget", "model", "m"));
    assert_eq!(all(&["d"]), None, "those before are not asked again");
    assert_eq!(all(&["a", "b"]), Some(64));

    apply(&[model("m", "x*"), both[1].clone()]);
    assert_eq!(learned(), None);
    assert_eq!(all(&["a", "b", "c"]), Some(64));
    apply(&both[1..]);
    apply(&both);
    assert_eq!(learned(), None);
    assert_eq!(all(&["a"]), None);
    let unknown = store.forget_model(OPERATOR, at(7), "x".to_owned()).wait();
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })), "{unknown:?}");
}

#[test]
fn models_stand_in_the_order_of_the_file_and_none_twice() {
    let Scratch { store, directory: _guard } = scratch();
    let definitions = with_models(&[model("z", "*"), model("a", "*")], &[]);
    store.apply_file(at(1), definitions, FileMode::Start).wait().unwrap();
    let names = || models(&store).into_iter().map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(names(), ["z", "a"]);
    let generation = store.generation();
    let swapped = with_models(&[model("a", "*"), model("z", "*")], &[]);
    store.apply_file(at(1), swapped, FileMode::Reload).wait().unwrap();
    assert_eq!(names(), ["a", "z"]);
    assert_ne!(store.generation(), generation);
    let twice = with_models(&[model("a", "*"), model("a", "*")], &[]);
    let refused = store.apply_file(at(1), twice, FileMode::Reload).wait();
    assert!(matches!(refused, Err(StoreError::FileContradiction(_))), "{refused:?}");
}
