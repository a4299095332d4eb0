//! An operator's changes: what is kept, what is refused, and the trail that is left.

use super::{
    OPERATOR, Scratch, at, default_profile, device, device_as, device_of, key, profile, refusal, scratch, server,
};
use crate::provision::{DeviceDefinition, ProfileDefinition, ServerDefinition};
use crate::store::{Actor, ChangeError, Key, Kind, Origin, StoreError};

fn name(name: &str) -> Key {
    Key::Name(name.to_owned())
}

#[test]
fn what_is_added_is_shown_without_its_key_and_revealed_with_it() {
    let Scratch { store, directory: _guard } = scratch();
    let added = store.add_server(OPERATOR, at(5), server("eu")).wait().unwrap();
    assert_eq!(added.definition, ServerDefinition { psk: None, ..server("eu") });
    assert_eq!(
        (added.id, added.origin, added.shadowed, added.secrets.clone()),
        (1, Origin::Database, false, vec!["psk".to_owned()])
    );
    assert_eq!((added.created, added.changed), (at(5), at(5)));
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.server(&name("eu")).unwrap(), added);
    assert_eq!(reader.server(&Key::Id(1)).unwrap(), added);
    assert_eq!(reader.servers().unwrap(), [added]);
    let revealed = store.reveal_server(OPERATOR, at(6), name("eu")).wait().unwrap();
    assert_eq!(revealed.definition, server("eu"));
    assert_eq!(revealed.definition.psk.unwrap().expose_text(), "hex:00112233", "as it was entered");
}

#[test]
fn profiles_keep_the_order_of_their_servers() {
    let Scratch { store, directory: _guard } = scratch();
    for name in ["a", "b", "c"] {
        store.add_server(OPERATOR, at(1), server(name)).wait().unwrap();
    }
    let full = ProfileDefinition {
        format: Some("tlv".to_owned()),
        discover: Some("never".to_owned()),
        delete: Some(vec!["/0".to_owned()]),
        bootstrap_account_instance: Some(3),
        ..default_profile("p", &["c", "a", "b"])
    };
    let added = store.add_profile(OPERATOR, at(1), full.clone()).wait().unwrap();
    assert_eq!(added.definition, full);
    assert_eq!(store.reader().unwrap().profile(&name("p")).unwrap().definition, full);
    let fewer = ProfileDefinition { servers: vec!["b".to_owned(), "c".to_owned()], ..full };
    let kept = fewer.clone();
    store.update_profile::<StoreError>(OPERATOR, at(2), name("p"), move |_| Ok(fewer)).wait().unwrap();
    assert_eq!(store.reader().unwrap().catalog().unwrap().profiles, [kept]);
}

#[test]
fn a_change_may_keep_replace_or_remove_the_key() {
    let Scratch { store, directory: _guard } = scratch();
    store.add_device(OPERATOR, at(1), device("d")).wait().unwrap();
    let update = |millis, change: fn(&DeviceDefinition) -> DeviceDefinition| {
        let changed = store.update_device::<StoreError>(OPERATOR, at(millis), name("d"), move |old| Ok(change(old)));
        changed.wait().unwrap().entry
    };
    let psk = || store.reader().unwrap().psk_for_identity(b"me").unwrap().map(|key| key.expose().to_vec());
    let kept = update(2, |old| DeviceDefinition { psk_identity: Some("me".to_owned()), ..old.clone() });
    assert_eq!((kept.secrets.len(), kept.created, kept.changed), (1, at(1), at(2)));
    assert_eq!(psk(), Some(b"secret".to_vec()));
    update(3, |old| DeviceDefinition { psk: key("hex:ff"), ..old.clone() });
    assert_eq!(psk(), Some(vec![0xff]));
    let same_key = update(4, |old| DeviceDefinition { psk: key("base64:/w=="), ..old.clone() });
    assert_eq!(same_key.changed, at(4), "the key is to read back as it was entered");
    let revealed = store.reveal_device(OPERATOR, at(4), name("d")).wait().unwrap().entry.definition;
    assert_eq!(revealed.psk.unwrap().expose_text(), "base64:/w==");
    let unchanged = update(5, Clone::clone);
    assert_eq!(unchanged.changed, at(4), "what is equal is no change");
    assert_eq!(unchanged.definition.psk, None);
    assert!(update(6, |old| DeviceDefinition { psk: None, ..old.clone() }).secrets.is_empty());
    assert_eq!(psk(), None);
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let Scratch { store, directory: _guard } = scratch();
    store.add_server(OPERATOR, at(1), server("eu")).wait().unwrap();
    let refused = store.update_server(OPERATOR, at(2), name("eu"), |_| Err("no")).wait();
    assert!(matches!(refused, Err(ChangeError::Refused("no"))));
    let rename = |old: &ServerDefinition| Ok(ServerDefinition { name: "us".to_owned(), ..old.clone() });
    let refused = store.update_server::<StoreError>(OPERATOR, at(2), name("eu"), rename).wait();
    assert!(matches!(refused, Err(ChangeError::Store(StoreError::Renamed { .. }))));
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.server(&name("eu")).unwrap().changed, at(1));
    assert_eq!(reader.audit(10, None).unwrap().len(), 1);
}

#[test]
fn names_and_identities_are_unique() {
    let Scratch { store, directory: _guard } = scratch();
    store.add_server(OPERATOR, at(1), server("eu")).wait().unwrap();
    store.add_profile(OPERATOR, at(1), profile("p", &["eu"])).wait().unwrap();
    store.add_device(OPERATOR, at(1), device("a")).wait().unwrap();
    store.add_device(OPERATOR, at(1), device_as("b", "bee")).wait().unwrap();
    let exists = |error| matches!(error, StoreError::Exists { shadowed: None, .. });
    assert!(exists(refusal(store.add_server(OPERATOR, at(2), server("eu")))));
    assert!(exists(refusal(store.add_profile(OPERATOR, at(2), profile("p", &[])))));
    assert!(exists(refusal(store.add_device(OPERATOR, at(2), device_as("a", "other")))));
    for (clash, other) in [(device_as("c", "a"), "a"), (device("bee"), "b"), (device_as("c", "bee"), "b")] {
        let error = refusal(store.add_device(OPERATOR, at(2), clash));
        assert!(matches!(&error, StoreError::IdentityTaken { endpoint, .. } if endpoint == other), "{error}");
    }
    // Without a key there is no identity that could clash, until there is a key.
    let keyless = DeviceDefinition { psk: None, ..device("bee") };
    store.add_device(OPERATOR, at(3), keyless).wait().unwrap();
    let with_key = |old: &DeviceDefinition| Ok(DeviceDefinition { psk: key("hex:01"), ..old.clone() });
    let error = store.update_device::<StoreError>(OPERATOR, at(4), name("bee"), with_key).wait().unwrap_err();
    assert!(matches!(&error, ChangeError::Store(StoreError::IdentityTaken { .. })), "{error}");
}

#[test]
fn references_must_exist_and_what_is_used_stays() {
    let Scratch { store, directory: _guard } = scratch();
    let unknown = |error, kind| matches!(error, StoreError::UnknownReference { kind: found, .. } if found == kind);
    assert!(unknown(refusal(store.add_profile(OPERATOR, at(1), profile("p", &["eu"]))), Kind::Server));
    assert!(unknown(refusal(store.add_device(OPERATOR, at(1), device_of("d", "p"))), Kind::Profile));
    store.add_server(OPERATOR, at(1), server("eu")).wait().unwrap();
    store.add_profile(OPERATOR, at(1), profile("p", &["eu"])).wait().unwrap();
    store.add_profile(OPERATOR, at(1), default_profile("standard", &["eu"])).wait().unwrap();
    for number in 0..12 {
        store.add_device(OPERATOR, at(1), device_of(&format!("d{number:02}"), "p")).wait().unwrap();
    }
    store.add_device(OPERATOR, at(1), device("nameless")).wait().unwrap();

    let error = refusal(store.delete_server(OPERATOR, at(2), name("eu"))).to_string();
    assert_eq!(error, "server `eu` is used by 2 profiles (`p`, `standard`): change or delete those first");
    let error = refusal(store.delete_profile(OPERATOR, at(2), name("p"))).to_string();
    assert!(error.contains("used by 12 devices (`d00`, `d01`, ") && error.contains("`d09`, ...)"), "{error}");
    let error = refusal(store.delete_profile(OPERATOR, at(2), name("standard"))).to_string();
    assert!(error.contains("used by 1 device (`nameless`)"), "{error}");

    for number in 0..12 {
        store.delete_device(OPERATOR, at(3), name(&format!("d{number:02}"))).wait().unwrap();
    }
    store.delete_device(OPERATOR, at(3), name("nameless")).wait().unwrap();
    store.delete_profile(OPERATOR, at(3), name("p")).wait().unwrap();
    store.delete_profile(OPERATOR, at(3), name("standard")).wait().unwrap();
    store.delete_server(OPERATOR, at(3), name("eu")).wait().unwrap();
    assert_eq!(store.reader().unwrap().counts().unwrap(), Default::default());
}

#[test]
fn there_is_one_default_profile() {
    let Scratch { store, directory: _guard } = scratch();
    store.add_profile(OPERATOR, at(1), default_profile("first", &[])).wait().unwrap();
    let error = refusal(store.add_profile(OPERATOR, at(1), default_profile("second", &[])));
    assert!(matches!(&error, StoreError::SecondDefault { name } if name == "first"), "{error}");
    store.add_profile(OPERATOR, at(1), profile("second", &[])).wait().unwrap();
    let make = |default| move |old: &ProfileDefinition| Ok(ProfileDefinition { default, ..old.clone() });
    let update = |profile: &str, default| {
        store.update_profile::<StoreError>(OPERATOR, at(2), name(profile), make(default)).wait()
    };
    assert!(matches!(update("second", true), Err(ChangeError::Store(StoreError::SecondDefault { .. }))));
    update("first", false).unwrap();
    assert!(update("second", true).unwrap().definition.default);
}

#[test]
fn what_is_not_there_is_not_found() {
    let Scratch { store, directory: _guard } = scratch();
    let missing = |error| matches!(error, StoreError::NotFound { .. });
    assert!(missing(refusal(store.delete_server(OPERATOR, at(1), name("x")))));
    assert!(missing(refusal(store.delete_profile(OPERATOR, at(1), Key::Id(3)))));
    assert!(missing(refusal(store.reveal_device(OPERATOR, at(1), name("x")))));
    let update = store.update_device::<StoreError>(OPERATOR, at(1), name("x"), |old| Ok(old.clone()));
    assert!(matches!(update.wait(), Err(ChangeError::Store(StoreError::NotFound { .. }))));
    let mut reader = store.reader().unwrap();
    assert!(missing(reader.server(&name("x")).unwrap_err()));
    assert!(missing(reader.device(&Key::Id(1)).unwrap_err()));
}

#[test]
fn numbers_are_never_used_again() {
    let Scratch { store, directory } = scratch();
    assert_eq!(store.add_server(OPERATOR, at(1), server("a")).wait().unwrap().id, 1);
    store.delete_server(OPERATOR, at(1), Key::Id(1)).wait().unwrap();
    drop(store);
    let store = super::open(&directory);
    assert_eq!(store.add_server(OPERATOR, at(1), server("a")).wait().unwrap().id, 2);
}

#[test]
fn every_change_and_every_reveal_leaves_its_line() {
    let Scratch { store, directory: _guard } = scratch();
    store.add_device(OPERATOR, at(1), device("d")).wait().unwrap();
    let other = Actor::admin_socket(None);
    let change = |old: &DeviceDefinition| {
        Ok(DeviceDefinition { psk: key("hex:aa"), psk_identity: Some("me".to_owned()), ..old.clone() })
    };
    store.update_device::<StoreError>(other, at(2), name("d"), change).wait().unwrap();
    store.reveal_device(OPERATOR, at(3), name("d")).wait().unwrap();
    store.delete_device(OPERATOR, at(4), name("d")).wait().unwrap();
    refusal(store.delete_device(OPERATOR, at(5), name("d")));
    let mut reader = store.reader().unwrap();
    let lines = reader.audit(10, None).unwrap();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.at.0, line.uid, line.verb.as_str(), line.name.as_str(), line.fields.join(",")))
        .collect();
    assert_eq!(
        told,
        [
            (4, Some(1000), "delete", "d", String::new()),
            (3, Some(1000), "reveal", "d", "psk".to_owned()),
            (2, None, "change", "d", "psk,psk_identity".to_owned()),
            (1, Some(1000), "add", "d", "endpoint,psk".to_owned()),
        ]
    );
    assert!(lines.iter().all(|line| line.kind == "device" && line.actor == "admin socket"));
    let earlier = reader.audit(1, Some(lines[1].id)).unwrap();
    assert_eq!(earlier, [lines[2].clone()]);
}
