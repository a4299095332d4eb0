//! The config file beside the database: what replaces what, what is refused, and what comes back.

use super::{
    OPERATOR, Scratch, account_key, at, default_profile, device, device_as, device_of, file, key, profile, refusal,
    scratch, server,
};
use crate::provision::{DeviceDefinition, DeviceIdentity, IdentityKind, ServerDefinition};
use crate::store::{
    ChangeError, Dangling, DatabaseNames, FileConflict, FileMode, Key, Kind, Origin, Store, StoreError, file_conflicts,
    names_in_database,
};

fn name(name: &str) -> Key {
    Key::Name(name.to_owned())
}

fn conflict(kind: Kind, name: &str, id: i64) -> FileConflict {
    FileConflict::Name { kind, name: name.to_owned(), id }
}

fn endpoints(store: &Store) -> Vec<(String, Origin)> {
    let page = store.reader().unwrap().devices(&Default::default()).unwrap();
    page.devices.into_iter().map(|device| (device.entry.definition.endpoint, device.entry.origin)).collect()
}

#[test]
fn the_file_replaces_what_it_said_before_and_numbers_stay() {
    let Scratch { store, directory: _guard } = scratch();
    let first = file(&[server("a"), server("b")], &[default_profile("p", &["a", "b"])], &[device("x"), device("y")]);
    let applied = store.apply_file(at(1), first, FileMode::Start).wait().unwrap();
    assert_eq!((applied.added, applied.changed, applied.removed), (5, 0, 0));
    assert_eq!((applied.conflicts, applied.dangling), (vec![], vec![]));
    let before = store.reader().unwrap().server(&name("b")).unwrap();

    let changed_b = ServerDefinition { psk: account_key("hex:44"), ..server("b") };
    let second = file(&[changed_b.clone(), server("c")], &[default_profile("p", &["b"])], &[device("y")]);
    let applied = store.apply_file(at(2), second, FileMode::Reload).wait().unwrap();
    assert_eq!((applied.added, applied.changed, applied.removed), (1, 2, 2));
    let mut reader = store.reader().unwrap();
    let after = reader.server(&name("b")).unwrap();
    assert_eq!((after.id, after.origin, after.created, after.changed), (before.id, Origin::File, at(1), at(2)));
    assert_eq!(reader.catalog().unwrap().servers, [changed_b, server("c")]);
    assert_eq!(endpoints(&store), [("y".to_owned(), Origin::File)]);
    let lines = reader.audit(100, None).unwrap();
    assert!(lines.iter().all(|line| line.actor == "config file"));
    let second: Vec<_> = lines.iter().filter(|line| line.at == at(2)).map(|line| (&*line.verb, &*line.name)).collect();
    assert_eq!(second, [("delete", "x"), ("change", "p"), ("add", "c"), ("change", "b"), ("delete", "a")]);
}

#[test]
fn an_equal_file_touches_nothing() {
    let Scratch { store, directory } = scratch();
    let definitions = file(&[server("a")], &[default_profile("p", &["a"])], &[device("x")]);
    store.apply_file(at(1), definitions.clone(), FileMode::Start).wait().unwrap();
    let seals = || -> Vec<Vec<u8>> {
        let raw = rusqlite::Connection::open(directory.path().join("bootstrapd.db")).unwrap();
        let mut statement = raw.prepare("SELECT secrets FROM servers UNION ALL SELECT psk FROM devices").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let (sealed, generation) = (seals(), store.generation());
    let applied = store.apply_file(at(2), definitions, FileMode::Reload).wait().unwrap();
    assert_eq!((applied.added, applied.changed, applied.removed), (0, 0, 0));
    assert_eq!(seals(), sealed);
    assert_eq!(store.generation(), generation);
    assert_eq!(store.reader().unwrap().audit(10, None).unwrap().len(), 3);
}

#[test]
fn what_the_file_defines_is_read_only_for_the_admin_socket() {
    let Scratch { store, directory: _guard } = scratch();
    let definitions = file(&[server("a")], &[profile("p", &["a"])], &[device("x")]);
    store.apply_file(at(1), definitions, FileMode::Start).wait().unwrap();
    let read_only = |error: &StoreError| matches!(error, StoreError::DefinedInFile { .. });
    assert!(read_only(&refusal(store.delete_server(OPERATOR, at(2), name("a")))));
    assert!(read_only(&refusal(store.delete_profile(OPERATOR, at(2), name("p")))));
    assert!(read_only(&refusal(store.delete_device(OPERATOR, at(2), name("x")))));
    let update = store.update_server::<StoreError>(OPERATOR, at(2), Key::Id(1), |old| Ok(old.clone()));
    assert!(matches!(update.wait(), Err(ChangeError::Store(error)) if read_only(&error)));
    assert!(matches!(refusal(store.add_server(OPERATOR, at(2), server("a"))), StoreError::Exists { .. }));
    // The two origins may refer to each other.
    store.add_profile(OPERATOR, at(3), profile("q", &["a"])).wait().unwrap();
    store.add_device(OPERATOR, at(3), device_of("z", "p")).wait().unwrap();
}

#[test]
fn a_reload_with_conflicts_is_refused_as_a_whole() {
    let Scratch { store, directory } = scratch();
    store.add_server(OPERATOR, at(1), server("a")).wait().unwrap();
    store.add_profile(OPERATOR, at(1), default_profile("p", &["a"])).wait().unwrap();
    store.add_device(OPERATOR, at(1), device("x")).wait().unwrap();
    store.add_device(OPERATOR, at(1), device_as("y", "why")).wait().unwrap();
    let definitions = file(
        &[server("a"), server("b")],
        &[default_profile("q", &["b"])],
        &[device("x"), device_as("z", "why"), device("fine")],
    );
    let generation = store.generation();
    let error = refusal(store.apply_file(at(2), definitions.clone(), FileMode::Reload));
    let StoreError::FileConflicts(found) = &error else { panic!("{error}") };
    let expected = [
        conflict(Kind::Server, "a", 1),
        FileConflict::Default { file: "q".to_owned(), database: "p".to_owned() },
        conflict(Kind::Device, "x", 1),
        FileConflict::Identity {
            identity: DeviceIdentity { kind: IdentityKind::Psk, value: b"why".to_vec() },
            file: "z".to_owned(),
            database: "y".to_owned(),
            id: 2,
        },
    ];
    assert_eq!(found[..], expected);
    assert_eq!(file_conflicts(directory.path(), &definitions).unwrap(), expected, "`check` says the same");
    assert_eq!(store.generation(), generation);
    let mut reader = store.reader().unwrap();
    assert!(reader.server(&name("b")).is_err());
    assert_eq!(reader.counts().unwrap().devices, 2);
}

#[test]
fn at_start_the_file_wins_and_the_database_comes_back_when_it_lets_go() {
    let Scratch { store, directory: _guard } = scratch();
    let own = ServerDefinition { psk: account_key("text:own"), ..server("a") };
    store.add_server(OPERATOR, at(1), own.clone()).wait().unwrap();
    store.add_profile(OPERATOR, at(1), default_profile("p", &["a"])).wait().unwrap();
    store.add_device(OPERATOR, at(1), device_as("y", "why")).wait().unwrap();
    let other_key = DeviceDefinition { psk: key("text:other"), ..device_as("z", "why") };
    let definitions = file(&[server("a")], &[default_profile("q", &["a"])], &[other_key]);
    let applied = store.apply_file(at(2), definitions, FileMode::Start).wait().unwrap();
    assert_eq!(applied.conflicts.len(), 3, "{:?}", applied.conflicts);

    let mut reader = store.reader().unwrap();
    let catalog = reader.catalog().unwrap();
    assert_eq!(catalog.servers, [server("a")]);
    let defaults: Vec<_> = catalog.profiles.iter().map(|profile| (&*profile.name, profile.default)).collect();
    assert_eq!(defaults, [("p", false), ("q", true)]);
    assert_eq!(reader.psk_for_identity(b"why").unwrap().unwrap().expose(), b"other");
    assert_eq!(reader.device_by_endpoint("y").unwrap(), None);
    assert_eq!(reader.counts().unwrap().shadowed, 2);
    assert!(reader.server(&Key::Id(1)).unwrap().shadowed);
    // What is hidden keeps its name and its identity.
    assert!(matches!(
        refusal(store.add_device(OPERATOR, at(3), device("y"))),
        StoreError::Exists { shadowed: Some(1), .. }
    ));

    let applied = store.apply_file(at(4), file(&[], &[], &[]), FileMode::Reload).wait();
    assert!(applied.is_ok(), "a file that has let go is no conflict");
    assert_eq!(reader.catalog().unwrap().servers, [own]);
    assert!(reader.catalog().unwrap().profiles[0].default);
    assert_eq!(reader.psk_for_identity(b"why").unwrap().unwrap().expose(), b"secret");
    assert_eq!(reader.counts().unwrap().shadowed, 0);
}

#[test]
fn a_hidden_entry_can_be_deleted_by_its_number() {
    let Scratch { store, directory: _guard } = scratch();
    store.add_server(OPERATOR, at(1), server("a")).wait().unwrap();
    let definitions = file(&[server("a")], &[profile("p", &["a"])], &[]);
    store.apply_file(at(2), definitions.clone(), FileMode::Start).wait().unwrap();
    store.delete_server(OPERATOR, at(3), Key::Id(1)).wait().unwrap();
    let applied = store.apply_file(at(4), definitions, FileMode::Reload).wait().unwrap();
    assert_eq!(applied.conflicts, []);
    assert_eq!(store.reader().unwrap().server(&name("a")).unwrap().origin, Origin::File);
}

#[test]
fn file_entries_may_exchange_what_is_unique() {
    let Scratch { store, directory: _guard } = scratch();
    let profiles = [default_profile("p", &[]), profile("q", &[])];
    let first = file(&[], &profiles, &[device_as("x", "1"), device_as("y", "2")]);
    store.apply_file(at(1), first, FileMode::Start).wait().unwrap();
    let profiles = [profile("p", &[]), default_profile("q", &[])];
    let second = file(&[], &profiles, &[device_as("x", "2"), device_as("y", "1")]);
    store.apply_file(at(2), second, FileMode::Reload).wait().unwrap();
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.device_and_key(b"1").unwrap().map(|(record, _)| record).unwrap().definition.endpoint, "y");
    assert_eq!(reader.device_and_key(b"2").unwrap().map(|(record, _)| record).unwrap().definition.endpoint, "x");
    assert!(reader.catalog().unwrap().profiles[1].default);
}

#[test]
fn a_file_that_contradicts_itself_is_refused() {
    let Scratch { store, directory: _guard } = scratch();
    for (contradiction, word) in [
        (file(&[server("a"), server("a")], &[], &[]), "server `a`"),
        (file(&[], &[profile("p", &[]), profile("p", &[])], &[]), "profile `p`"),
        (file(&[], &[default_profile("p", &[]), default_profile("q", &[])], &[]), "`p` is already the default"),
        (file(&[], &[], &[device("x"), device("x")]), "device `x`"),
        (file(&[], &[], &[device("x"), device_as("y", "x")]), "PSK identity `x`"),
    ] {
        for mode in [FileMode::Start, FileMode::Reload] {
            let error = refusal(store.apply_file(at(1), contradiction.clone(), mode));
            assert!(matches!(error, StoreError::FileContradiction(_)), "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
    assert_eq!(store.reader().unwrap().counts().unwrap(), Default::default());
}

#[test]
fn what_a_reload_leaves_dangling_is_told() {
    let Scratch { store, directory: _guard } = scratch();
    let first = file(&[server("a")], &[profile("p", &["a"])], &[]);
    store.apply_file(at(1), first, FileMode::Start).wait().unwrap();
    store.add_profile(OPERATOR, at(2), profile("q", &["a"])).wait().unwrap();
    store.add_device(OPERATOR, at(2), device_of("x", "p")).wait().unwrap();
    let applied = store.apply_file(at(3), file(&[], &[], &[]), FileMode::Reload).wait().unwrap();
    let told: Vec<_> = applied.dangling.iter().map(Dangling::to_string).collect();
    assert_eq!(
        told,
        ["profile `q` names server `a`, which does not exist", "1 device (`x`) want profile `p`, which does not exist"]
    );
    assert_eq!(store.reader().unwrap().dangling().unwrap(), applied.dangling);
    // What dangles may be changed otherwise.
    let change = |old: &DeviceDefinition| Ok(DeviceDefinition { psk: key("hex:01"), ..old.clone() });
    store.update_device::<StoreError>(OPERATOR, at(4), name("x"), change).wait().unwrap();
}

#[test]
fn devices_without_a_default_profile_are_told() {
    let Scratch { store, directory: _guard } = scratch();
    let definitions = file(&[server("a")], &[profile("p", &["a"])], &[device("x"), device("y"), device_of("z", "p")]);
    let applied = store.apply_file(at(1), definitions.clone(), FileMode::Start).wait().unwrap();
    let told: Vec<_> = applied.dangling.iter().map(Dangling::to_string).collect();
    assert_eq!(told, ["2 devices (`x`, `y`) want the default profile, and no profile is the default"]);
    store.add_profile(OPERATOR, at(2), default_profile("q", &["a"])).wait().unwrap();
    let applied = store.apply_file(at(3), definitions, FileMode::Reload).wait().unwrap();
    assert_eq!(applied.dangling, [], "the database has one");
}

#[test]
fn only_what_the_database_itself_defines_is_looked_up() {
    let Scratch { store, directory } = scratch();
    assert_eq!(names_in_database(directory.path()).unwrap(), DatabaseNames::default());
    store.add_server(OPERATOR, at(1), server("own")).wait().unwrap();
    store.add_server(OPERATOR, at(1), server("hidden")).wait().unwrap();
    store.add_profile(OPERATOR, at(1), default_profile("mine", &["own"])).wait().unwrap();
    let definitions = file(&[server("hidden"), server("theirs")], &[profile("p", &["own"])], &[]);
    store.apply_file(at(2), definitions, FileMode::Start).wait().unwrap();
    let names = names_in_database(directory.path()).unwrap();
    assert!(names.servers.iter().eq(["hidden", "own"]), "{names:?}");
    assert!(names.profiles.iter().eq(["mine"]), "{names:?}");
    assert_eq!(names.default_profile.as_deref(), Some("mine"));
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(names_in_database(empty.path()).unwrap(), DatabaseNames::default());
}
