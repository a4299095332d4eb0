//! What the driver and the lists ask: lookups, pages, outcomes, and how they bear a large fleet.

use std::time::{Duration, Instant};

use rusqlite::StatementStatus;

use super::{OPERATOR, Scratch, at, device, device_as, device_of, file, profile, scratch, server};
use crate::bootstrap::outcome::Outcome;
use crate::provision::DeviceDefinition;
use crate::store::{DeviceOutcome, DeviceQuery, FileMode, Key, Reader, issued, open};

#[test]
fn a_device_is_found_by_its_exact_endpoint_and_its_effective_identity() {
    let Scratch { store, directory: _guard } = scratch();
    store.add_profile(OPERATOR, at(1), profile("p", &[])).wait().unwrap();
    store
        .add_device(OPERATOR, at(1), DeviceDefinition { profile: Some("p".to_owned()), ..device_as("a", "ä") })
        .wait()
        .unwrap();
    store.add_device(OPERATOR, at(1), device("b")).wait().unwrap();
    store.add_device(OPERATOR, at(1), DeviceDefinition { psk: None, ..device("open") }).wait().unwrap();
    let mut reader = store.reader().unwrap();
    let a = reader.device_by_endpoint("a").unwrap().unwrap();
    assert_eq!(a.identity.as_deref(), Some("ä".as_bytes()));
    assert_eq!(a.definition, DeviceDefinition { psk: None, profile: Some("p".to_owned()), ..device_as("a", "ä") });
    assert_eq!(reader.device_and_key("ä".as_bytes()).unwrap().map(|(record, _)| record), Some(a));
    assert_eq!(reader.device_and_key(b"a").unwrap().map(|(record, _)| record), None);
    assert_eq!(reader.device_by_endpoint("A").unwrap(), None);
    assert_eq!(
        reader.device_and_key(b"b").unwrap().map(|(record, _)| record).unwrap().identity.as_deref(),
        Some(&b"b"[..])
    );
    assert_eq!(reader.device_by_endpoint("open").unwrap().unwrap().identity, None);
    assert_eq!(reader.device_and_key(b"open").unwrap().map(|(record, _)| record), None);
    assert_eq!(reader.psk_for_identity(b"open").unwrap(), None);
    assert_eq!(reader.psk_for_identity(b"\xff").unwrap(), None);
    assert_eq!(reader.psk_for_identity(b"b").unwrap().unwrap().expose(), b"secret");
}

#[test]
fn statements_are_prepared_once_whatever_is_asked() {
    let Scratch { store: _store, directory } = scratch();
    let connection = open::open_for_reading(&directory.path().join(open::DATABASE_FILE)).unwrap();
    for identity in ["a", "b", "c"] {
        let mut statement = connection.prepare_cached(issued::BY_IDENTITY).unwrap();
        assert!(!statement.exists([identity.as_bytes()]).unwrap());
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{identity}");
    }
}

/// An account of a large fleet has as many records as the fleet has devices.
#[test]
fn records_of_one_device_are_not_searched_by_their_account() {
    let Scratch { store: _store, directory } = scratch();
    let connection = open::open_for_reading(&directory.path().join(open::DATABASE_FILE)).unwrap();
    for (sql, count) in [(issued::SURPLUS, 3), (issued::OLDER, 1), (issued::OF_ENDPOINT, 1)] {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Vec<String> = statement.raw_query().mapped(|row| row.get("detail")).map(Result::unwrap).collect();
        let by_endpoint = steps.iter().filter(|step| step.contains("issued_credentials_endpoint (endpoint=?")).count();
        assert_eq!(by_endpoint, count, "{steps:#?}");
        let others: Vec<_> = steps.iter().filter(|step| step.contains("_server") || step.contains("SCAN")).collect();
        assert!(others.is_empty(), "{others:#?}");
    }
}

#[test]
fn the_generation_moves_with_servers_and_profiles_alone() {
    let Scratch { store, directory: _guard } = scratch();
    let mut reader = store.reader().unwrap();
    let start = reader.generation();
    store.add_device(OPERATOR, at(1), device("a")).wait().unwrap();
    assert_eq!(reader.generation(), start);
    store.add_server(OPERATOR, at(1), server("s")).wait().unwrap();
    assert_ne!(reader.generation(), start);
    assert_eq!(reader.catalog().unwrap().servers, [server("s")]);
    let before = store.generation();
    assert!(store.add_server(OPERATOR, at(1), server("s")).wait().is_err());
    assert_eq!(store.generation(), before, "a refusal is no change");
    store.delete_server(OPERATOR, at(1), Key::Name("s".to_owned())).wait().unwrap();
    assert_ne!(store.generation(), before);
}

#[test]
fn outcomes_are_counted_and_go_with_their_device() {
    let Scratch { store, directory: _guard } = scratch();
    store.add_device(OPERATOR, at(1), device("a")).wait().unwrap();
    let ended = |endpoint: &str, outcome, millis| DeviceOutcome {
        endpoint: endpoint.to_owned(),
        sessions: 1,
        outcome,
        reason: format!("because of {millis}"),
        at: at(millis),
    };
    let batch = vec![ended("a", Outcome::TimedOut, 5), ended("nobody", Outcome::Completed, 6)];
    store.record_outcomes(batch).wait().unwrap();
    store.record_outcomes(vec![ended("a", Outcome::Completed, 7)]).wait().unwrap();
    let mut reader = store.reader().unwrap();
    let last = reader.device(&Key::Name("a".to_owned())).unwrap().last.unwrap();
    assert_eq!((last.outcome, &*last.reason, last.at, last.sessions), (Outcome::Completed, "because of 7", at(7), 2));
    // Of several within one moment the latest is told, and all are counted.
    store.record_outcomes(vec![DeviceOutcome { sessions: 3, ..ended("a", Outcome::Completed, 7) }]).wait().unwrap();
    let last = reader.device(&Key::Name("a".to_owned())).unwrap().last.unwrap();
    assert_eq!(last.sessions, 5);
    assert_eq!(reader.devices(&DeviceQuery::default()).unwrap().devices[0].last, Some(last));
    assert_eq!(reader.audit(10, None).unwrap().len(), 1, "outcomes leave no audit line");
    store.delete_device(OPERATOR, at(8), Key::Name("a".to_owned())).wait().unwrap();
    store.add_device(OPERATOR, at(9), device("a")).wait().unwrap();
    assert_eq!(reader.device(&Key::Name("a".to_owned())).unwrap().last, None);
}

#[test]
fn a_fleet_of_100_000_devices_is_applied_and_looked_up() {
    const FLEET: u32 = 100_000;
    let Scratch { store, directory: _guard } = scratch();
    let endpoint = |number: u32| format!("urn:imei:{number:015}");
    // Every tenth has a key: the cipher is slow in a build without optimisation, and is not what is looked at.
    let definition = |number: u32| {
        let device = device_of(&endpoint(number), "p");
        DeviceDefinition { psk: device.psk.filter(|_| number.is_multiple_of(10)), ..device }
    };
    let devices: Vec<_> = (0..FLEET).map(definition).collect();
    let definitions = file(&[server("s")], &[profile("p", &["s"])], &devices);
    let start = Instant::now();
    store.apply_file(at(1), definitions.clone(), FileMode::Start).wait().unwrap();
    println!("applied in {:?}", start.elapsed());
    let start = Instant::now();
    let again = store.apply_file(at(2), definitions, FileMode::Reload).wait().unwrap();
    println!("applied again in {:?}", start.elapsed());
    assert_eq!((again.added, again.changed, again.removed), (0, 0, 0));

    let mut reader = store.reader().unwrap();
    let mut each = |what: &str, lookup: fn(&mut Reader, &str) -> bool| {
        let start = cpu_time();
        for number in (0..FLEET).step_by(10) {
            // Seven and the fleet have no common divisor: every lookup goes somewhere else.
            let endpoint = endpoint(number * 7 % FLEET);
            assert!(lookup(&mut reader, &endpoint), "{endpoint}");
        }
        println!("{what}: {:?} of CPU each", (cpu_time() - start) / (FLEET / 10));
    };
    each("by endpoint", |reader, name| reader.device_by_endpoint(name).unwrap().is_some());
    each("by identity", |reader, name| {
        reader.device_and_key(name.as_bytes()).unwrap().map(|(record, _)| record).is_some()
    });
    each("key", |reader, name| reader.psk_for_identity(name.as_bytes()).unwrap().is_some());
    let start = cpu_time();
    let query = DeviceQuery { search: Some("99999".to_owned()), ..DeviceQuery::default() };
    let page = reader.devices(&query).unwrap();
    println!("search: {:?} of CPU for {} hits", cpu_time() - start, page.devices.len());
    assert_eq!(page.devices.len(), 1);
    assert_eq!(reader.counts().unwrap().devices, u64::from(FLEET));
}

/// What the calling thread has used so far, which other work on the machine does not blur.
fn cpu_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}
