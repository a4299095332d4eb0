//! Many devices at once, and whole fleets: all or nothing, every reason named.

use super::{
    OPERATOR, Scratch, at, default_profile, device, device_as, device_of, file, key, profile, scratch, server,
};
use crate::provision::{DeviceDefinition, DeviceState, ProfileDefinition, ServerDefinition};
use crate::store::{
    Apply, DeviceRow, FileDefinitions, FileMode, FleetError, FleetFiles, FleetVerb, Import, ImportError, Imported,
    Kept, Key, Store,
};

const UPDATE: Import = Import { update: true, dry_run: false };

fn row(definition: DeviceDefinition) -> DeviceRow {
    DeviceRow { definition, kept: Kept::default() }
}

fn furnished() -> Scratch {
    let scratch = scratch();
    scratch.store.add_server(OPERATOR, at(1), server("eu")).wait().unwrap();
    scratch.store.add_profile(OPERATOR, at(1), default_profile("p", &["eu"])).wait().unwrap();
    scratch
}

fn import(store: &Store, import: Import, devices: &[DeviceDefinition]) -> Result<Imported, ImportError> {
    store.import_devices(OPERATOR, at(5), devices.iter().cloned().map(row).collect(), import, |_| {}).wait()
}

fn reasons(refused: Result<Imported, ImportError>) -> Vec<(usize, &'static str, String)> {
    match refused {
        Err(ImportError::Rows(problems)) => {
            problems.first.into_iter().map(|problem| (problem.row, problem.field, problem.message)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Everything that is there, with keys, and the number of audit lines.
fn state(store: &Store) -> (String, usize) {
    let mut reader = store.reader().unwrap();
    let mut all = format!("{:?} {:?}", reader.servers_with_secrets().unwrap(), reader.profiles_with_secrets().unwrap());
    let every = reader.each_device(&Default::default(), true, |entry| {
        all += &format!("{entry:?} {:?}", entry.definition.psk.as_ref().map(|key| key.expose_text().to_owned()));
        Ok(())
    });
    every.unwrap();
    (all, reader.audit(1000, None).unwrap().len())
}

#[test]
fn rows_are_added_or_change_what_is_there_and_leave_one_line() {
    let Scratch { store, directory: _guard } = furnished();
    let done = import(&store, Import::default(), &[device("a"), device_as("b", "bee"), device_of("c", "p")]).unwrap();
    assert_eq!(done, Imported { added: 3, changed: 0, unchanged: 0 });
    let lines = store.reader().unwrap().audit(1, None).unwrap();
    assert_eq!((lines[0].verb.as_str(), lines[0].name.as_str()), ("import", "3 added, 0 changed"));
    let rows = vec![
        row(device("a")),
        // The cell under `psk` was empty.
        DeviceRow {
            definition: DeviceDefinition { psk: None, profile: Some("p".to_owned()), ..device_as("b", "bee") },
            kept: Kept { psk: true, ..Kept::default() },
        },
        row(device("new")),
    ];
    let done = store.import_devices(OPERATOR, at(6), rows, UPDATE, |_| {}).wait().unwrap();
    assert_eq!(done, Imported { added: 1, changed: 1, unchanged: 1 });
    let mut reader = store.reader().unwrap();
    let (record, secret) = reader.device_and_key(b"bee").unwrap().unwrap();
    assert_eq!((record.definition.profile.as_deref(), secret.expose()), (Some("p"), &b"secret"[..]));
    assert_eq!(reader.device(&Key::Name("a".to_owned())).unwrap().entry.changed, at(5), "equal is no change");
}

#[test]
fn two_devices_may_exchange_their_identities() {
    let Scratch { store, directory: _guard } = furnished();
    import(&store, Import::default(), &[device_as("a", "one"), device_as("b", "two")]).unwrap();
    import(&store, UPDATE, &[device_as("a", "two"), device_as("b", "one")]).unwrap();
    let found = store.reader().unwrap().device_and_key(b"one").unwrap().unwrap().0;
    assert_eq!(found.definition.endpoint, "b");
}

#[test]
fn every_bad_row_is_named_and_nothing_is_written() {
    let Scratch { store, directory: _guard } = furnished();
    store.apply_file(at(2), file(&[], &[], &[device("filed")]), FileMode::Start).wait().unwrap();
    import(&store, Import::default(), &[device("there"), device_as("other", "taken")]).unwrap();
    let before = state(&store);
    let rows = [
        device("good"),
        device("there"),
        device("good"),
        device_of("lost", "nowhere"),
        device_as("thief", "taken"),
        device_as("twin", "good"),
        device("filed"),
        DeviceDefinition { psk: None, ..device_as("keyless", "me") },
    ];
    let told = reasons(import(&store, Import::default(), &rows));
    for (row, field, text) in [
        (1, "endpoint", "there is already a device `there`"),
        (2, "endpoint", "stands here twice"),
        (3, "profile", "no profile `nowhere`"),
        (4, "psk_identity", "device `other` already has the PSK identity `taken`"),
        (5, "psk_identity", "device `good` has the PSK identity `good` too"),
        (6, "endpoint", "config file"),
        (7, "psk", "the key is missing"),
    ] {
        assert!(
            told.iter().any(|(at, of, message)| *at == row && *of == field && message.contains(text)),
            "{row} {text} in {told:?}"
        );
    }
    assert!(told.iter().all(|(row, ..)| *row != 0), "{told:?}");
    assert_eq!(state(&store), before);
}

#[test]
fn a_dry_run_changes_nothing() {
    let Scratch { store, directory: _guard } = furnished();
    import(&store, Import::default(), &[device("a")]).unwrap();
    let before = state(&store);
    let tried = import(&store, Import { update: true, dry_run: true }, &[device_of("a", "p"), device("b")]).unwrap();
    assert_eq!(tried, Imported { added: 1, changed: 1, unchanged: 0 });
    assert_eq!(state(&store), before);
    // The writer goes on after a trial.
    assert_eq!(import(&store, Import::default(), &[device("b")]).unwrap().added, 1);
}

fn fleet() -> FileDefinitions {
    file(&[server("eu"), server("us")], &[profile("p", &["us"]), default_profile("q", &["eu"])], &[device_of("d", "q")])
}

fn apply(store: &Store, fleet: FileDefinitions, apply: Apply) -> Result<Vec<(FleetVerb, String, String)>, FleetError> {
    let FileDefinitions { servers, profiles, devices, models: _ } = fleet;
    let files = FleetFiles { servers, profiles, devices: devices.into_iter().map(row).collect() };
    let applied = store.apply_fleet(OPERATOR, at(9), files, apply).wait()?;
    Ok(applied.changes.into_iter().map(|change| (change.verb, change.name, change.fields.join(","))).collect())
}

#[test]
fn a_fleet_is_applied_once_and_is_then_no_change() {
    let Scratch { store, directory: _guard } = furnished();
    let told = |verb, name: &str, fields: &str| (verb, name.to_owned(), fields.to_owned());
    let expected = [
        told(FleetVerb::Add, "us", ""),
        told(FleetVerb::Change, "p", "default,servers"),
        told(FleetVerb::Add, "q", ""),
        told(FleetVerb::Add, "d", ""),
    ];
    let before = state(&store);
    let tried = apply(&store, fleet(), Apply { dry_run: true, ..Apply::default() }).unwrap();
    assert_eq!(state(&store), before);
    let done = apply(&store, fleet(), Apply::default()).unwrap();
    assert_eq!(tried, done);
    let only_changed_fields = |(verb, name, fields): (FleetVerb, String, String)| {
        let fields = if verb == FleetVerb::Change { fields } else { String::new() };
        (verb, name, fields)
    };
    assert_eq!(done.into_iter().map(only_changed_fields).collect::<Vec<_>>(), expected);
    assert_eq!(apply(&store, fleet(), Apply::default()).unwrap(), []);
    let mut bare = fleet();
    bare.servers.iter_mut().for_each(|server| server.psk = None);
    bare.devices.iter_mut().for_each(|device| device.psk = None);
    assert_eq!(apply(&store, bare, Apply { prune: true, ..Apply::default() }).unwrap(), [], "secrets are kept");
    let mut new_key = fleet();
    new_key.servers[0].psk = crate::provision::AccountKey::parse("hex:44556677445566774455667744556677").ok();
    assert_eq!(apply(&store, new_key, Apply::default()).unwrap(), [told(FleetVerb::Change, "eu", "psk")]);
}

#[test]
fn pruning_deletes_what_is_not_named_and_no_more_than_was_agreed() {
    let Scratch { store, directory: _guard } = furnished();
    import(&store, Import::default(), &[device("gone"), device("d")]).unwrap();
    let prune = |deletions| Apply { prune: true, deletions, ..Apply::default() };
    let other = apply(&store, fleet(), prune(Some(2))).unwrap_err();
    assert!(matches!(other, FleetError::OtherDeletions { found: 1, agreed: 2 }), "{other:?}");
    let done = apply(&store, fleet(), prune(Some(1))).unwrap();
    assert_eq!(done[0], (FleetVerb::Delete, "gone".to_owned(), String::new()));
    assert!(store.reader().unwrap().device(&Key::Name("gone".to_owned())).is_err());
    assert!(store.reader().unwrap().device(&Key::Name("d".to_owned())).is_ok());
}

#[test]
fn a_fleet_with_mistakes_changes_nothing_and_each_is_named() {
    let Scratch { store, directory: _guard } = furnished();
    let of_file = file(&[server("filed")], &[profile("kept", &["eu"])], &[]);
    store.apply_file(at(2), of_file, FileMode::Start).wait().unwrap();
    let before = state(&store);
    let broken = FileDefinitions {
        servers: vec![server("eu"), server("filed"), server("eu")],
        profiles: vec![profile("p", &["nowhere"]), default_profile("q", &[]), default_profile("r", &["eu"])],
        devices: vec![device_of("d", "void"), DeviceDefinition { psk: key("hex:0011"), ..device("d") }],
        ..FileDefinitions::default()
    };
    let Err(FleetError::Problems(problems)) = apply(&store, broken, Apply::default()) else {
        panic!("must be refused")
    };
    let told: Vec<String> = problems.iter().map(|problem| format!("{} {}", problem.name, problem.message)).collect();
    for text in [
        "filed server `filed` is defined in the config file",
        "eu server `eu` is defined twice",
        "nowhere",
        "void",
        "d device `d` stands here twice",
        "r profile `q` is already the default",
    ] {
        assert!(told.iter().any(|told| told.contains(text)), "{text} in {told:#?}");
    }
    assert_eq!(state(&store), before);
    // A profile of the file names a server account that would go.
    let without = FileDefinitions {
        profiles: vec![ProfileDefinition { servers: vec!["filed".to_owned()], ..default_profile("p", &[]) }],
        ..FileDefinitions::default()
    };
    let refused = apply(&store, without, Apply { prune: true, ..Apply::default() });
    assert!(matches!(&refused, Err(FleetError::Problems(found)) if found[0].message.contains("`eu`")), "{refused:?}");
    assert_eq!(state(&store), before);
}

#[test]
fn an_account_that_changes_must_not_break_a_profile_that_the_files_do_not_name() {
    let Scratch { store, directory: _guard } = furnished();
    let two = file(
        &[server("eu"), ServerDefinition { ssid: Some(7), ..server("us") }],
        &[profile("both", &["eu", "us"])],
        &[],
    );
    apply(&store, two, Apply::default()).unwrap();
    let before = state(&store);
    let ssid = |ssid| file(&[ServerDefinition { ssid: Some(ssid), ..server("us") }], &[], &[]);
    let refused = apply(&store, ssid(server("eu").ssid.unwrap()), Apply::default()).unwrap_err();
    let FleetError::Problems(problems) = &refused else { panic!("{refused:?}") };
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.message.contains("profile `both` would be broken") && problem.name == "both", "{problem:?}");
    assert_eq!(state(&store), before);
    assert_eq!(apply(&store, ssid(8), Apply::default()).unwrap().len(), 1);
}

#[test]
fn who_is_blocked_or_unblocked_by_rows_has_an_audit_line_and_who_is_not_mentioned_stays_blocked() {
    let Scratch { store, directory: _guard } = furnished();
    let blocked = || DeviceDefinition { state: DeviceState::Blocked, ..device("a") };
    import(&store, Import::default(), &[device("a"), device("b")]).unwrap();
    let says_nothing = || DeviceRow { definition: device("a"), kept: Kept { state: true, ..Kept::default() } };
    let imported = |rows| store.import_devices(OPERATOR, at(6), rows, UPDATE, |_| {}).wait().unwrap();
    let applied = |devices| {
        let files = FleetFiles { devices, ..FleetFiles::default() };
        store.apply_fleet(OPERATOR, at(7), files, Apply::default()).wait().unwrap()
    };
    let state = || store.reader().unwrap().device(&Key::Name("a".to_owned())).unwrap().entry.definition.state;
    let deeds = || {
        let lines = store.reader().unwrap().audit(100, None).unwrap().into_iter();
        let lines = lines.filter(|line| line.verb.ends_with("block"));
        lines.map(|line| format!("{} {} {}", line.verb, line.name, line.fields.concat())).collect::<Vec<_>>()
    };
    imported(vec![row(blocked()), row(device("b"))]);
    assert_eq!((state(), deeds()), (DeviceState::Blocked, vec!["block a state".to_owned()]));
    assert_eq!(imported(vec![says_nothing()]).unchanged, 1);
    assert_eq!(applied(vec![says_nothing()]).unchanged, 1);
    assert_eq!((state(), deeds().len()), (DeviceState::Blocked, 1));
    applied(vec![row(device("a"))]);
    assert_eq!((state(), deeds()[0].as_str()), (DeviceState::Enabled, "unblock a state"));
    applied(vec![row(blocked())]);
    imported(vec![row(device("a"))]);
    assert_eq!(deeds(), ["unblock a state", "block a state", "unblock a state", "block a state"]);
}

#[test]
fn a_row_does_not_take_an_identity_that_was_issued_to_another_device() {
    let Scratch { store, directory: _guard } = furnished();
    let id = store.add_device(OPERATOR, at(1), device("victim")).wait().unwrap().entry.id;
    store.issue(id, at(2), super::issued::drawn("own", "key", Some("new"))).wait().unwrap();
    let refused = reasons(import(&store, Import::default(), &[device_as("thief", "new")]));
    let [(_, field, reason)] = &refused[..] else { panic!("{refused:?}") };
    assert!(*field == "psk_identity" && reason.contains("`victim`"), "{refused:?}");
}
