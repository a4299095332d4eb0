//! Issued credentials: how many are kept, which identities are free, and what becomes of them with account and device.

use super::{OPERATOR, Scratch, at, device, device_as, file, refusal, scratch, server};
use crate::provision::issued::Made;
use crate::provision::{BootstrapCredentials, DeviceState, IssuedValues, KeyText, NewCredentials, SecretText};
use crate::store::{CredentialState, FileMode, Key, Store, StoreError};

pub(super) fn drawn(server: &str, key: &str, identity: Option<&str>) -> Vec<NewCredentials> {
    let made = Made { from: SecretText::new("${string.random(8)}".to_owned()), value: SecretText::new(key.to_owned()) };
    let values = IssuedValues { psk: Some(made), ..IssuedValues::default() };
    let bootstrap = identity.map(|identity| BootstrapCredentials {
        identity: identity.as_bytes().to_vec(),
        key: KeyText::parse(&format!("text:{key}")).unwrap(),
    });
    vec![NewCredentials { server: server.to_owned(), values, bootstrap }]
}

fn name() -> Key {
    Key::Name("m".to_owned())
}

/// State and value, the last issued first.
fn kept(store: &Store) -> Vec<(CredentialState, String)> {
    let records = store.reader().unwrap().credentials(&name()).unwrap().records.into_iter();
    records.map(|it| (it.state, it.credentials.values.psk.unwrap().value.expose().to_owned())).collect()
}

#[test]
fn four_are_kept_and_what_the_client_is_known_to_have_is_among_them() {
    use CredentialState::{Current, Pending, Previous};
    let Scratch { store, directory: _guard } = scratch();
    let id = store.add_device(OPERATOR, at(1), device("m")).wait().unwrap().entry.id;
    store.issue(id, at(2), drawn("s", "k0", None)).wait().unwrap();
    let first = store.reader().unwrap().issued("m").unwrap()[0].id;
    store.confirm_issued(vec![first], at(3)).wait().unwrap();
    for number in 1..6 {
        store.issue(id, at(3 + number), drawn("s", &format!("k{number}"), None)).wait().unwrap();
    }
    let named = |state, key: &str| (state, key.to_owned());
    assert_eq!(
        kept(&store),
        [named(Pending, "k5"), named(Previous, "k4"), named(Previous, "k3"), named(Current, "k0")]
    );
    let fourth = store.reader().unwrap().issued("m").unwrap()[2].id;
    store.confirm_issued(vec![fourth], at(20)).wait().unwrap();
    assert_eq!(
        kept(&store),
        [named(Pending, "k5"), named(Current, "k4")],
        "what is older is dropped, not what is newer"
    );
    assert!(matches!(store.issue(99, at(1), drawn("s", "k", None)).wait(), Err(StoreError::NotFound { .. })));
}

#[test]
fn an_identity_belongs_to_one_device_however_it_came_by_it() {
    let Scratch { store, directory: _guard } = scratch();
    let id = store.add_device(OPERATOR, at(1), device("m")).wait().unwrap().entry.id;
    store.add_device(OPERATOR, at(1), device_as("other", "taken")).wait().unwrap();
    let taken = |identity| store.issue(id, at(2), drawn("own", "key", Some(identity))).wait();
    assert!(matches!(taken("taken"), Err(StoreError::IssuedIdentityTaken)));
    assert!(matches!(taken("m"), Err(StoreError::IssuedIdentityTaken)), "the old ones are still good");
    taken("new").unwrap();
    assert!(matches!(taken("new"), Err(StoreError::IssuedIdentityTaken)));
    let added = store.add_device(OPERATOR, at(3), device_as("third", "new")).wait();
    assert!(matches!(added, Err(StoreError::IdentityTaken { endpoint, .. }) if endpoint == "m"));
}

#[test]
fn a_proof_retires_the_definition_until_the_operator_gives_another_key() {
    let Scratch { store, directory: _guard } = scratch();
    let id = store.add_device(OPERATOR, at(1), device("m")).wait().unwrap().entry.id;
    store.issue(id, at(2), drawn("own", "key", Some("new"))).wait().unwrap();
    let mut reader = store.reader().unwrap();
    let proof = reader.device_and_key(b"new").unwrap().unwrap().0.proof.unwrap();
    assert!(!proof.is_confirmed && reader.psk_for_identity(b"m").unwrap().is_some(), "both are good");
    store.prove_issued(proof.id, at(3)).wait().unwrap();
    assert_eq!(reader.psk_for_identity(b"m").unwrap(), None);
    assert!(reader.device_by_endpoint("m").unwrap().unwrap().retired);
    assert!(reader.device_and_key(b"new").unwrap().unwrap().0.proof.unwrap().is_confirmed);

    // Something else of it changes, and the account goes: the device has no other credentials.
    let block = |device: &_| {
        Ok::<_, ()>(crate::provision::DeviceDefinition { state: DeviceState::Blocked, ..Clone::clone(device) })
    };
    store.update_device(OPERATOR, at(4), name(), block).wait().unwrap();
    assert_eq!(reader.audit(1, None).unwrap()[0].verb, "block");
    store.add_server(OPERATOR, at(4), server("own")).wait().unwrap();
    store.delete_server(OPERATOR, at(5), Key::Name("own".to_owned())).wait().unwrap();
    assert!(reader.psk_for_identity(b"new").unwrap().is_some());
    let other = |device: &crate::provision::DeviceDefinition| {
        Ok::<_, ()>(crate::provision::DeviceDefinition { psk: super::key("text:other"), ..device.clone() })
    };
    store.update_device(OPERATOR, at(6), name(), other).wait().unwrap();
    assert_eq!(reader.psk_for_identity(b"m").unwrap().unwrap().expose(), b"other");
    assert_eq!(reader.psk_for_identity(b"new").unwrap(), None);
}

#[test]
fn what_was_issued_goes_with_its_account_and_a_rotation_counts_whatever_the_clock_says() {
    let Scratch { store, directory: _guard } = scratch();
    let id = store.add_device(OPERATOR, at(1), device("m")).wait().unwrap().entry.id;
    store.add_server(OPERATOR, at(1), server("s")).wait().unwrap();
    store.issue(id, at(1_000), drawn("s", "k", None)).wait().unwrap();
    // The clock was set back since.
    store.request_rotation(OPERATOR, at(10), name()).wait().unwrap();
    let requested = store.reader().unwrap().credentials(&name()).unwrap().rotation_requested.unwrap();
    assert!(requested >= 1_000, "{requested}");
    store.issue(id, at(11), drawn("s", "k2", None)).wait().unwrap();
    let issued = store.reader().unwrap().issued("m").unwrap();
    assert!(issued[1].issued > requested, "{issued:?}");
    store.delete_server(OPERATOR, at(12), Key::Name("s".to_owned())).wait().unwrap();
    assert_eq!(store.reader().unwrap().issued("m").unwrap(), []);
}

#[test]
fn a_device_that_leaves_the_config_file_and_comes_back_has_what_it_had() {
    let Scratch { store, directory: _guard } = scratch();
    let apply = |time, devices: &[crate::provision::DeviceDefinition]| {
        store.apply_file(at(time), file(&[], &[], devices), FileMode::Reload).wait()
    };
    apply(1, &[device("m")]).unwrap();
    let mut reader = store.reader().unwrap();
    let id = reader.device_by_endpoint("m").unwrap().unwrap().id;
    store.issue(id, at(2), drawn("own", "key", Some("new"))).wait().unwrap();
    let proof = reader.device_and_key(b"new").unwrap().unwrap().0.proof.unwrap();
    store.prove_issued(proof.id, at(3)).wait().unwrap();

    apply(4, &[]).unwrap();
    assert!(reader.device_and_key(b"new").unwrap().is_none() && reader.psk_for_identity(b"new").unwrap().is_none());
    apply(5, &[device("m")]).unwrap();
    assert_eq!(reader.psk_for_identity(b"new").unwrap().unwrap().expose(), b"key", "the only one that the device has");
    assert_eq!(reader.psk_for_identity(b"m").unwrap(), None, "what has retired does not come back");

    // The same where it moves into the database, and where the file then hides it there.
    apply(6, &[]).unwrap();
    store.add_device(OPERATOR, at(7), device("m")).wait().unwrap();
    assert!(reader.psk_for_identity(b"new").unwrap().is_some() && reader.psk_for_identity(b"m").unwrap().is_none());
    store.apply_file(at(8), file(&[], &[], &[device("m")]), FileMode::Start).wait().unwrap();
    assert!(reader.psk_for_identity(b"new").unwrap().is_some() && reader.psk_for_identity(b"m").unwrap().is_none());

    // What an operator deletes is gone.
    apply(9, &[]).unwrap();
    store.delete_device(OPERATOR, at(10), name()).wait().unwrap();
    store.add_device(OPERATOR, at(11), device("m")).wait().unwrap();
    assert!(reader.psk_for_identity(b"new").unwrap().is_none() && reader.psk_for_identity(b"m").unwrap().is_some());
}

#[test]
fn what_was_proven_for_another_account_before_is_good_no_more() {
    let Scratch { store, directory: _guard } = scratch();
    let id = store.add_device(OPERATOR, at(1), device("m")).wait().unwrap().entry.id;
    let mut reader = store.reader().unwrap();
    for (account, identity) in [("bs", "first"), ("bs2", "second")] {
        store.issue(id, at(2), drawn(account, "key", Some(identity))).wait().unwrap();
        let proof = reader.device_and_key(identity.as_bytes()).unwrap().unwrap().0.proof.unwrap();
        store.prove_issued(proof.id, at(3)).wait().unwrap();
    }
    assert_eq!(reader.psk_for_identity(b"first").unwrap(), None);
    assert!(reader.psk_for_identity(b"second").unwrap().is_some());
}

#[test]
fn other_bootstrap_credentials_have_new_ones_drawn_for_the_accounts() {
    let Scratch { store, directory: _guard } = scratch();
    let bare = crate::provision::DeviceDefinition { psk: None, ..device("m") };
    let id = store.add_device(OPERATOR, at(1), bare).wait().unwrap().entry.id;
    store.issue(id, at(2), drawn("s", "key", None)).wait().unwrap();
    let requested = || store.reader().unwrap().credentials(&name()).unwrap().rotation_requested;
    assert_eq!(requested(), None);
    let secured = |device: &crate::provision::DeviceDefinition| {
        Ok::<_, ()>(crate::provision::DeviceDefinition { psk: super::key("text:secret"), ..device.clone() })
    };
    store.update_device(OPERATOR, at(5), name(), secured).wait().unwrap();
    assert!(requested().is_some_and(|requested| requested >= 2), "whoever claimed the name before may know the key");
}

#[test]
fn an_issued_identity_is_not_taken_by_the_config_file() {
    let Scratch { store, directory: _guard } = scratch();
    let id = store.add_device(OPERATOR, at(1), device("m")).wait().unwrap().entry.id;
    store.issue(id, at(2), drawn("own", "key", Some("new"))).wait().unwrap();
    let thief = file(&[], &[], &[device_as("thief", "new")]);
    let refused = refusal(store.apply_file(at(3), thief.clone(), FileMode::Reload));
    assert!(refused.to_string().contains("new"), "{refused}");
    store.apply_file(at(4), thief, FileMode::Start).wait().unwrap();
    let (record, key) = store.reader().unwrap().device_and_key(b"new").unwrap().unwrap();
    assert_eq!((record.definition.endpoint.as_str(), key.expose()), ("m", &b"key"[..]));
}
