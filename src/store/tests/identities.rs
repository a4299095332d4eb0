//! Certificates and raw public keys of devices: found by what they are, of one device each, kept and exchanged.

use super::issued::drawn;
use super::{OPERATOR, Scratch, at, file, key, refusal, scratch};
use crate::provision::{DeviceDefinition, DeviceIdentity, IdentityKind};
use crate::store::{
    DeviceRow, FileConflict, FileMode, Import, ImportError, Kept, Key, Store, StoreError, file_conflicts,
};

/// A SubjectPublicKeyInfo of P-256, and its SHA-256 as OpenSSL and `sha256sum` make it.
const PUBLIC_KEY: &str = "base64:MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5xrpqx1ERgxkHKaXK0CRPViQGhwAzRy1drsqqyF/t3J8qAWFxgIwE3UpP5XUglNn2oUmm6mlt0gzuY9orYXJyA==";
const PUBLIC_KEY_SHA256: &str = "a81945a88dad7ecec594191ae5c81dfecd08776d2b5b6074547dedf1754264a3";

fn bare(endpoint: &str) -> DeviceDefinition {
    DeviceDefinition { endpoint: endpoint.to_owned(), ..DeviceDefinition::default() }
}

fn pinned(endpoint: &str, byte: u8) -> DeviceDefinition {
    DeviceDefinition { certificate: Some(format!("sha256:{}", format!("{byte:02x}").repeat(32))), ..bare(endpoint) }
}

fn named(endpoint: &str, name: &str) -> DeviceDefinition {
    DeviceDefinition { certificate_name: Some(name.to_owned()), ..bare(endpoint) }
}

fn keyed(endpoint: &str) -> DeviceDefinition {
    DeviceDefinition { public_key: Some(PUBLIC_KEY.to_owned()), ..bare(endpoint) }
}

fn add(store: &Store, device: DeviceDefinition) {
    store.add_device(OPERATOR, at(1), device).wait().unwrap();
}

/// Which device proves itself by this.
fn found(store: &Store, kind: IdentityKind, value: &[u8]) -> Option<String> {
    let identity = DeviceIdentity { kind, value: value.to_vec() };
    let record = store.reader().unwrap().device_by_identity(&identity).unwrap();
    record.map(|record| record.definition.endpoint)
}

fn public_key_fingerprint() -> Vec<u8> {
    data_encoding::HEXLOWER.decode(PUBLIC_KEY_SHA256.as_bytes()).unwrap()
}

#[test]
fn a_device_is_found_by_its_certificate_its_name_and_its_key() {
    let Scratch { store, directory: _guard } = scratch();
    let all = DeviceDefinition { certificate: pinned("all", 1).certificate, psk: key("text:secret"), ..keyed("all") };
    add(&store, all.clone());
    add(&store, named("mapped", "urn:other"));
    for (kind, value, endpoint) in [
        (IdentityKind::Certificate, vec![1; 32], Some("all")),
        (IdentityKind::PublicKey, public_key_fingerprint(), Some("all")),
        (IdentityKind::CertificateName, b"urn:other".to_vec(), Some("mapped")),
        (IdentityKind::Certificate, vec![2; 32], None),
        (IdentityKind::Certificate, public_key_fingerprint(), None),
        (IdentityKind::PublicKey, vec![1; 32], None),
        (IdentityKind::CertificateName, b"mapped".to_vec(), None),
    ] {
        assert_eq!(found(&store, kind, &value).as_deref(), endpoint, "{kind:?}");
    }
    let mut reader = store.reader().unwrap();
    let record = reader.device_by_endpoint("all").unwrap().unwrap();
    assert_eq!(record.certificate_fingerprint, Some([1; 32]));
    assert_eq!(record.public_key_fingerprint.map(Vec::from), Some(public_key_fingerprint()));
    let shown = reader.device(&Key::Name("all".to_owned())).unwrap().entry.definition;
    assert_eq!(shown, DeviceDefinition { psk: None, ..all }, "as it was written");
}

#[test]
fn nobody_takes_what_proves_another() {
    let Scratch { store, directory: _guard } = scratch();
    for device in [pinned("a", 1), named("b", "b-name"), keyed("c")] {
        add(&store, device);
    }
    for (clash, owner) in [(pinned("z", 1), "a"), (named("z", "b-name"), "b"), (keyed("z"), "c")] {
        let error = refusal(store.add_device(OPERATOR, at(2), clash.clone()));
        assert!(matches!(&error, StoreError::IdentityTaken { endpoint, .. } if endpoint == owner), "{error}");
        let definitions = file(&[], &[], &[clash]);
        let error = refusal(store.apply_file(at(3), definitions, FileMode::Reload));
        let StoreError::FileConflicts(conflicts) = &error else { panic!("{error}") };
        assert!(matches!(&conflicts[..], [FileConflict::Identity { database, .. }] if database == owner), "{error}");
    }
    // What a device lets go of is free again.
    let release = |_: &DeviceDefinition| Ok::<_, StoreError>(bare("a"));
    store.update_device(OPERATOR, at(4), Key::Name("a".to_owned()), release).wait().unwrap();
    add(&store, pinned("z", 1));
    assert_eq!(found(&store, IdentityKind::Certificate, &[1; 32]).as_deref(), Some("z"));
}

#[test]
fn rows_of_a_table_exchange_what_they_have_and_collide_by_name() {
    let Scratch { store, directory: _guard } = scratch();
    for device in [pinned("a", 1), pinned("b", 2), named("c", "c-name")] {
        add(&store, device);
    }
    let row = |definition| DeviceRow { definition, kept: Kept::default() };
    let import = |rows| store.import_devices(OPERATOR, at(2), rows, Import { update: true, dry_run: false }, |_| {});
    import(vec![row(pinned("a", 2)), row(pinned("b", 1))]).wait().unwrap();
    assert_eq!(found(&store, IdentityKind::Certificate, &[1; 32]).as_deref(), Some("b"));
    let error = import(vec![row(pinned("d", 7)), row(pinned("e", 7)), row(named("f", "c-name"))]).wait();
    let Err(ImportError::Rows(problems)) = error else { panic!("{error:?}") };
    let said: Vec<_> = problems.first.iter().map(|it| (it.row, it.other, it.field)).collect();
    assert_eq!(said, [(1, Some(0), "certificate"), (2, None, "certificate_name")]);
    // A row that says nothing of them keeps them.
    let kept = Kept { certificate: true, certificate_name: true, public_key: true, ..Kept::default() };
    import(vec![DeviceRow { definition: bare("c"), kept }]).wait().unwrap();
    assert_eq!(found(&store, IdentityKind::CertificateName, b"c-name").as_deref(), Some("c"));
}

#[test]
fn a_file_hides_what_the_database_has_and_gives_it_back() {
    let Scratch { store, directory } = scratch();
    add(&store, pinned("a", 1));
    let definitions = file(&[], &[], &[pinned("b", 1)]);
    assert_eq!(file_conflicts(directory.path(), &definitions).unwrap().len(), 1, "`check` says so");
    store.apply_file(at(2), definitions, FileMode::Start).wait().unwrap();
    assert_eq!(found(&store, IdentityKind::Certificate, &[1; 32]).as_deref(), Some("b"));
    store.apply_file(at(3), file(&[], &[], &[]), FileMode::Start).wait().unwrap();
    assert_eq!(found(&store, IdentityKind::Certificate, &[1; 32]).as_deref(), Some("a"));
}

#[test]
fn what_was_issued_and_proven_takes_the_place_of_certificates_too() {
    let Scratch { store, directory: _guard } = scratch();
    let id = store.add_device(OPERATOR, at(1), pinned("a", 1)).wait().unwrap().entry.id;
    store.issue(id, at(2), drawn("own", "issued-key", Some("issued"))).wait().unwrap();
    assert_eq!(found(&store, IdentityKind::Certificate, &[1; 32]).as_deref(), Some("a"), "nothing is proven yet");
    let issued = store.reader().unwrap().issued("a").unwrap()[0].id;
    store.prove_issued(issued, at(3)).wait().unwrap();
    assert_eq!(found(&store, IdentityKind::Certificate, &[1; 32]), None);
    // Another certificate of the operator's counts again, and what was issued does not.
    let other = |_: &DeviceDefinition| Ok::<_, StoreError>(pinned("a", 2));
    store.update_device(OPERATOR, at(4), Key::Name("a".to_owned()), other).wait().unwrap();
    assert_eq!(found(&store, IdentityKind::Certificate, &[2; 32]).as_deref(), Some("a"));
    assert!(store.reader().unwrap().device_and_key(b"issued").unwrap().is_none());
}
