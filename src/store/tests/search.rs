//! Lists of devices: every filter and order agrees with a plain look at all of them, page after page.

use std::collections::{BTreeMap, BTreeSet};

use super::{OPERATOR, Scratch, at, file, profile, scratch};
use crate::bootstrap::outcome::Outcome;
use crate::provision::{DeviceDefinition, DeviceState};
use crate::store::{DeviceEntry, DeviceOrder, DeviceOutcome, DeviceQuery, FileMode, Key, Origin, Store, StoreError};

/// Devices of every kind: 60 in the database, a few of them in the file, a third with a session.
fn furnished() -> Scratch {
    let scratch = scratch();
    let store = &scratch.store;
    store.add_profile(OPERATOR, at(1), profile("p", &[])).wait().unwrap();
    for number in 0..60_u32 {
        let definition = DeviceDefinition {
            psk: super::key("text:secret"),
            psk_identity: (number % 5 == 0).then(|| format!("id-{number}")),
            profile: (number % 4 == 0).then(|| "p".to_owned()),
            properties: if number % 3 == 0 {
                BTreeMap::from([("site".to_owned(), format!("pl\u{e4}nt-{}", number % 7))])
            } else {
                BTreeMap::new()
            },
            tags: if number % 2 == 0 { BTreeSet::from(["even".to_owned()]) } else { BTreeSet::new() },
            state: if number % 6 == 0 { DeviceState::Blocked } else { DeviceState::Enabled },
            endpoint: format!("ep-{}-{number}", number * 7919 % 61),
            ..DeviceDefinition::default()
        };
        // Many are of the same moment, as after an import.
        store.add_device(OPERATOR, at(10 + i64::from(number / 20)), definition).wait().unwrap();
    }
    let all = every(store);
    let ended = all.iter().filter(|device| device.entry.id % 3 == 0).map(|device| DeviceOutcome {
        endpoint: device.entry.definition.endpoint.clone(),
        sessions: 1,
        outcome: if device.entry.id % 2 == 0 { Outcome::Completed } else { Outcome::TimedOut },
        reason: "so".to_owned(),
        at: at(device.entry.id * 31 % 17),
    });
    store.record_outcomes(ended.collect()).wait().unwrap();
    // One that is hidden behind the file, and one that only the file has.
    let of_file = [super::device("ep-0-0"), super::device("ep-file")];
    store.apply_file(at(99), file(&[], &[], &of_file), FileMode::Start).wait().unwrap();
    scratch
}

/// Every device by a path of its own: one lookup each.
fn every(store: &Store) -> Vec<DeviceEntry> {
    let mut reader = store.reader().unwrap();
    let found = (1..200).filter_map(|id| reader.device(&Key::Id(id)).ok());
    found.filter(|device| !device.entry.shadowed).collect()
}

fn meets(query: &DeviceQuery, device: &DeviceEntry) -> bool {
    let definition = &device.entry.definition;
    let mut texts = vec![definition.endpoint.clone(), definition.psk_identity.clone().unwrap_or_default()];
    texts.extend(definition.tags.iter().cloned());
    texts.extend(definition.properties.iter().map(|(name, value)| format!("{name}={value}")));
    query.search.as_ref().is_none_or(|text| texts.iter().any(|searched| searched.contains(text.as_str())))
        && query.profile.as_ref().is_none_or(|profile| definition.profile.as_ref() == Some(profile))
        && query.tag.as_ref().is_none_or(|tag| definition.tags.contains(tag))
        && query.state.is_none_or(|state| definition.state == state)
        && query.origin.is_none_or(|origin| device.entry.origin == origin)
        && query.last_outcome.is_none_or(|outcome| device.last.as_ref().is_some_and(|last| last.outcome == outcome))
        && query.properties.iter().all(|(name, value)| definition.properties.get(name) == Some(value))
}

/// What the list should be, by sorting all.
fn expected(query: &DeviceQuery, all: &[DeviceEntry]) -> Vec<i64> {
    let mut found: Vec<&DeviceEntry> = all.iter().filter(|device| meets(query, device)).collect();
    let ended = |device: &DeviceEntry| device.last.as_ref().map(|last| last.at);
    found.sort_by(|one, other| {
        let order = match query.order {
            DeviceOrder::Endpoint => one.entry.definition.endpoint.cmp(&other.entry.definition.endpoint),
            DeviceOrder::Created => one.entry.created.cmp(&other.entry.created),
            DeviceOrder::Changed => one.entry.changed.cmp(&other.entry.changed),
            DeviceOrder::LastSession => ended(one).cmp(&ended(other)),
        };
        let order = order.then(one.entry.id.cmp(&other.entry.id));
        let order = if query.descending { order.reverse() } else { order };
        if query.order == DeviceOrder::LastSession {
            return ended(one).is_none().cmp(&ended(other).is_none()).then(order);
        }
        order
    });
    found.into_iter().map(|device| device.entry.id).collect()
}

fn filters() -> Vec<DeviceQuery> {
    let all = DeviceQuery::default;
    let text = |text: &str| Some(text.to_owned());
    let mut queries = vec![
        all(),
        DeviceQuery { profile: text("p"), ..all() },
        DeviceQuery { profile: text("none"), ..all() },
        DeviceQuery { tag: text("even"), ..all() },
        DeviceQuery { state: Some(DeviceState::Blocked), ..all() },
        DeviceQuery { state: Some(DeviceState::Enabled), ..all() },
        DeviceQuery { origin: Some(Origin::File), ..all() },
        DeviceQuery { origin: Some(Origin::Database), ..all() },
        DeviceQuery { last_outcome: Some(Outcome::TimedOut), ..all() },
        DeviceQuery { properties: vec![("site".to_owned(), "pl\u{e4}nt-3".to_owned())], ..all() },
        DeviceQuery { properties: vec![("site".to_owned(), "pl\u{e4}nt".to_owned())], ..all() },
        DeviceQuery { search: text("id-"), tag: text("even"), state: Some(DeviceState::Blocked), ..all() },
    ];
    for search in
        ["e", "ep", "ep-1", "id-5", "even", "pl\u{e4}nt-3", "site=pl", "EP-", "%", "_", "\"", "a\"b", "ep-*", "zzz", ""]
    {
        queries.push(DeviceQuery { search: text(search), ..all() });
    }
    queries
}

#[test]
fn every_filter_and_order_agrees_with_a_look_at_all_of_them() {
    let Scratch { store, directory: _guard } = furnished();
    let (all, mut reader) = (every(&store), store.reader().unwrap());
    assert_eq!(all.len(), 61);
    for filter in filters() {
        for order in DeviceOrder::ALL {
            for descending in [false, true] {
                let mut query = DeviceQuery { order, descending, limit: 7, ..filter.clone() };
                let expected = expected(&query, &all);
                let mut found = Vec::new();
                loop {
                    let page = reader.devices(&query).unwrap();
                    assert_eq!(page.total, Some(expected.len() as u64), "{query:?}");
                    found.extend(page.devices.iter().map(|device| device.entry.id));
                    assert!(page.devices.len() <= 7 && found.len() <= 61, "{query:?}");
                    query.after = page.next;
                    if query.after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "{query:?}");
            }
        }
    }
}

#[test]
fn a_search_follows_changes_and_deletions() {
    let Scratch { store, directory: _guard } = furnished();
    let found = |text: &str| {
        let query = DeviceQuery { search: Some(text.to_owned()), ..DeviceQuery::default() };
        store.reader().unwrap().devices(&query).unwrap().total
    };
    assert_eq!((found("id-5"), found("renamed")), (Some(3), Some(0)));
    let of = |endpoint: &str| Key::Name(endpoint.to_owned());
    let endpoint =
        every(&store).into_iter().find(|device| device.entry.definition.psk_identity.as_deref() == Some("id-5"));
    let endpoint = endpoint.unwrap().entry.definition.endpoint;
    let rename =
        |old: &DeviceDefinition| Ok(DeviceDefinition { psk_identity: Some("renamed".to_owned()), ..old.clone() });
    store.update_device::<StoreError>(OPERATOR, at(100), of(&endpoint), rename).wait().unwrap();
    assert_eq!((found("id-5"), found("renamed")), (Some(2), Some(1)));
    store.delete_device(OPERATOR, at(101), of(&endpoint)).wait().unwrap();
    assert_eq!(found("renamed"), Some(0));
}

#[test]
fn a_place_of_another_list_is_refused() {
    let Scratch { store, directory: _guard } = furnished();
    let mut reader = store.reader().unwrap();
    let place = reader.devices(&DeviceQuery { limit: 2, ..DeviceQuery::default() }).unwrap().next;
    for (after, order) in [(place, DeviceOrder::Created), (Some("ep-1".to_owned()), DeviceOrder::Endpoint)] {
        let refused = reader.devices(&DeviceQuery { after, order, ..DeviceQuery::default() });
        assert!(matches!(refused, Err(StoreError::NoSuchPlace)));
    }
}
