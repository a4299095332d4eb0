//! Deleting with what depends on it: nothing that was not agreed to, and nothing of the config file.

use super::{OPERATOR, Scratch, at, default_profile, device, device_of, file, profile, refusal, scratch, server};
use crate::store::{FileMode, Hanging, Key, Store, StoreError};

fn name(name: &str) -> Key {
    Key::Name(name.to_owned())
}

fn furnished() -> Scratch {
    let scratch = scratch();
    let store = &scratch.store;
    for server_name in ["eu", "us"] {
        store.add_server(OPERATOR, at(1), server(server_name)).wait().unwrap();
    }
    store.add_profile(OPERATOR, at(1), default_profile("p", &["eu"])).wait().unwrap();
    store.add_profile(OPERATOR, at(1), profile("q", &["us", "eu"])).wait().unwrap();
    store.add_profile(OPERATOR, at(1), profile("r", &["us"])).wait().unwrap();
    for number in 0..12 {
        store.add_device(OPERATOR, at(1), device_of(&format!("d{number:02}"), "q")).wait().unwrap();
    }
    store.add_device(OPERATOR, at(1), device_of("r1", "r")).wait().unwrap();
    store.add_device(OPERATOR, at(1), device("unnamed")).wait().unwrap();
    scratch
}

fn on_eu(store: &Store) -> Hanging {
    store.reader().unwrap().hanging_on_server(&name("eu")).unwrap()
}

#[test]
fn what_depends_is_told_and_goes_with_it() {
    let Scratch { store, directory: _guard } = furnished();
    let hanging = on_eu(&store);
    assert_eq!((hanging.profiles.join(","), hanging.devices, hanging.unnamed), ("p,q".to_owned(), 12, 1));
    assert_eq!((hanging.first_devices.len(), hanging.first_devices[9].as_str(), hanging.count()), (10, "d09", 14));
    let other = refusal(store.delete_server_cascading(OPERATOR, at(2), name("eu"), 13));
    assert!(matches!(other, StoreError::OtherDependents { found: 14, agreed: 13, .. }), "{other}");
    assert_eq!(on_eu(&store), hanging);
    store.delete_server_cascading(OPERATOR, at(2), name("eu"), 14).wait().unwrap();
    let counts = store.reader().unwrap().counts().unwrap();
    assert_eq!((counts.servers, counts.profiles, counts.devices), (1, 1, 2), "r1 and unnamed stay");
    let deleted = store.reader().unwrap().audit(100, None).unwrap();
    assert_eq!(deleted.iter().filter(|line| line.verb == "delete").count(), 15, "a line for each");
}

#[test]
fn a_profile_takes_its_devices_along() {
    let Scratch { store, directory: _guard } = furnished();
    let hanging = store.reader().unwrap().hanging_on_profile(&name("q")).unwrap();
    assert_eq!((hanging.profiles.len(), hanging.devices, hanging.unnamed), (0, 12, 0));
    store.delete_profile_cascading(OPERATOR, at(2), name("q"), 12).wait().unwrap();
    assert_eq!(store.reader().unwrap().counts().unwrap().devices, 2);
}

#[test]
fn what_the_config_file_defines_refuses() {
    let Scratch { store, directory: _guard } = furnished();
    let of_file = file(&[], &[profile("filed", &["eu"])], &[device_of("filed-device", "q")]);
    store.apply_file(at(2), of_file, FileMode::Start).wait().unwrap();
    let hanging = on_eu(&store);
    assert_eq!(hanging.of_file, ["profile `filed`", "device `filed-device`"]);
    let refused = refusal(store.delete_server_cascading(OPERATOR, at(3), name("eu"), hanging.count()));
    assert!(matches!(refused, StoreError::FileDepends { .. }), "{refused}");
    assert_eq!(on_eu(&store), hanging);
}
