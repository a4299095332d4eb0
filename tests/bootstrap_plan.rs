//! The plan for any client and any provision: what it must never touch, and in which order (spec sheet `bootstrap.md`,
//! sections 6 and 8 to 10).

#[path = "support/fixtures.rs"]
#[expect(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;
#[path = "support/random_provisions.rs"]
mod random_provisions;

use std::collections::BTreeSet;

use bootstrapd::bootstrap::plan::{Operation, Purpose, Write, plan};
use bootstrapd::lwm2m::link_format::{DiscoverAnswer, DiscoveredInstance};
use bootstrapd::lwm2m::{Path, Value};
use bootstrapd::provision::Provision;
use proptest::prelude::*;
use random_provisions::provisions;

fn answers() -> impl Strategy<Value = Option<DiscoverAnswer>> {
    let instance = (0_u16..3, 0_u16..6, prop::option::of(1_u16..8));
    let instances = prop::collection::vec(instance, 0..8).prop_map(|found| {
        let mut seen = BTreeSet::new();
        let fresh = found.into_iter().filter(|(object, instance, _)| seen.insert((*object, *instance)));
        let instances = fresh.map(|(object, instance, ssid)| DiscoveredInstance {
            object,
            instance,
            // A Server Object instance always has its Short Server ID, an Access Control instance never.
            short_server_id: [ssid, ssid.or(Some(99)), None][usize::from(object)],
            uri: None,
        });
        DiscoverAnswer { instances: instances.collect(), ..DiscoverAnswer::default() }
    });
    prop::option::of(instances)
}

/// The operations; none where there is no plan.
fn operations(provision: &Provision, answer: Option<&DiscoverAnswer>) -> Vec<Operation> {
    plan(provision, None, answer).map(|plan| plan.operations).unwrap_or_default()
}

fn writes(operations: &[Operation]) -> impl Iterator<Item = &Write> {
    operations.iter().filter_map(|operation| match operation {
        Operation::Write(write) => Some(write),
        Operation::Delete(_) => None,
    })
}

fn is_bootstrap_account(write: &Write) -> bool {
    write.object == 0 && write.instance.single(1) == Some(&Value::Boolean(true))
}

/// The instances of one object that the plan writes for management accounts, with the SSID that each gets.
fn written(operations: &[Operation], object: u16) -> Vec<(u16, i64)> {
    let ssid_resource = if object == 0 { 10 } else { 0 };
    let of_accounts = writes(operations).filter(|write| write.object == object && write.purpose == Purpose::Account);
    of_accounts
        .filter(|write| !is_bootstrap_account(write))
        .map(|write| match write.instance.single(ssid_resource) {
            Some(Value::Integer(ssid)) => (write.instance.id, *ssid),
            other => panic!("no SSID but {other:?}"),
        })
        .collect()
}

fn nameless(answer: Option<&DiscoverAnswer>) -> BTreeSet<u16> {
    let shown = answer.into_iter().flat_map(|it| it.instances_of(0));
    shown.filter(|it| it.short_server_id.is_none()).map(|it| it.instance).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_may_be_the_bootstrap_account_is_never_written_by_a_server_account(
        provision in provisions(), answer in answers(),
    ) {
        let operations = operations(&provision, answer.as_ref());
        let ids: BTreeSet<u16> = written(&operations, 0).into_iter().map(|(id, _)| id).collect();
        let nameless = nameless(answer.as_ref());
        prop_assert!(ids.is_disjoint(&nameless), "{ids:?} are written and {nameless:?} may be the account");
        prop_assert!(provision.writing.bootstrap_account_instance.is_none_or(|stated| !ids.contains(&stated)));
        let known = nameless.len() == 1 || provision.writing.bootstrap_account_instance.is_some();
        if !known {
            let reused: BTreeSet<u16> = answer.iter().flat_map(|it| it.instances_of(0))
                .filter(|it| it.short_server_id.is_some()).map(|it| it.instance).collect();
            prop_assert!(ids.iter().all(|id| *id >= 2 || reused.contains(id)), "{ids:?}");
        }
    }

    #[test]
    fn a_new_bootstrap_account_comes_last_and_only_where_the_old_one_is(
        provision in provisions(), answer in answers(),
    ) {
        let operations = operations(&provision, answer.as_ref());
        let accounts = || writes(&operations).filter(|it| it.purpose == Purpose::Account && is_bootstrap_account(it));
        let expected = usize::from(provision.bootstrap_account().is_some() && !operations.is_empty());
        prop_assert_eq!(accounts().count(), expected);
        let Some(account) = accounts().next() else { return Ok(()) };
        prop_assert_eq!(operations.last().map(Operation::path), Some(account.path()));
        let nameless = nameless(answer.as_ref());
        let stated = provision.writing.bootstrap_account_instance;
        let is_shown = nameless.len() == 1 && nameless.contains(&account.instance.id);
        prop_assert!(is_shown || stated == Some(account.instance.id), "a guess: {:?}", account.path());
        let contradicts = answer.iter().flat_map(|it| it.instances_of(0))
            .any(|it| it.instance == account.instance.id && it.short_server_id.is_some());
        prop_assert!(!contradicts, "a server account is overwritten");
    }

    #[test]
    fn only_whole_objects_of_the_profile_are_deleted_and_before_any_write(
        provision in provisions(), answer in answers(),
    ) {
        let operations = operations(&provision, answer.as_ref());
        let deletes = operations.iter().take_while(|it| matches!(it, Operation::Delete(_))).count();
        let builds_access_control = writes(&operations).any(|it| it.purpose == Purpose::AutomaticAccessControl);
        for operation in &operations[..deletes] {
            let mut stated = provision.writing.delete.iter();
            let stated = stated.any(|target| operation.path() == *target);
            let added = builds_access_control && operation.path() == Path::Object(2);
            prop_assert!(stated || added, "{operation:?}");
        }
        prop_assert!(operations[deletes..].iter().all(|it| matches!(it, Operation::Write(_))));
    }

    #[test]
    fn link_targets_come_before_what_links_to_them_and_access_control_after_the_accounts(
        provision in provisions(), answer in answers(),
    ) {
        let operations = operations(&provision, answer.as_ref());
        let rank = |write: &Write| match write {
            write if write.purpose == Purpose::Account && is_bootstrap_account(write) => 4,
            write if [21, 23, 24, 11].contains(&write.object) => 0,
            write if write.purpose == Purpose::Account => 1,
            write if write.object == 2 => 2,
            _ => 3,
        };
        let ranks: Vec<u8> = writes(&operations).map(rank).collect();
        prop_assert!(ranks.is_sorted(), "{ranks:?}");
    }

    #[test]
    fn each_account_is_written_once_and_others_that_are_kept_are_not_touched(
        provision in provisions(), answer in answers(),
    ) {
        let operations = operations(&provision, answer.as_ref());
        if operations.is_empty() {
            return Ok(());
        }
        let ours: Vec<i64> = provision.management().map(|(_, settings)| settings.short_server_id.into()).collect();
        for object in [0, 1] {
            let written = written(&operations, object);
            prop_assert_eq!(&written.iter().map(|(_, ssid)| *ssid).collect::<Vec<_>>(), &ours);
            let ids: BTreeSet<u16> = written.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(ids.len(), written.len(), "an instance is written twice");
            if provision.writing.empties(object) {
                continue;
            }
            for found in answer.iter().flat_map(|it| it.instances_of(object)) {
                let Some((_, ssid)) = written.iter().find(|(id, _)| *id == found.instance) else { continue };
                prop_assert_eq!(found.short_server_id.map(i64::from), Some(*ssid), "another account is overwritten");
            }
        }
        let places: BTreeSet<Path> = writes(&operations).map(Write::path).collect();
        prop_assert_eq!(places.len(), writes(&operations).count(), "something is written twice");
    }

    #[test]
    fn what_is_left_to_lie_is_deleted_where_the_profile_says_so(provision in provisions(), answer in answers()) {
        let operations = operations(&provision, answer.as_ref());
        if operations.is_empty() {
            return Ok(());
        }
        for target in &provision.writing.delete {
            let Path::Object(object) = target else { panic!("only whole objects here") };
            let deleted = operations.contains(&Operation::Delete(*target));
            let Some(answer) = &answer else {
                prop_assert!(deleted, "nobody knows that there is nothing");
                continue;
            };
            let left = answer.instances_of(*object).filter(|it| *object != 0 || it.short_server_id.is_some()).count();
            prop_assert!(left == 0 || deleted, "something survives");
            let empty = answer.instances_of(*object).count() == 0;
            prop_assert!(!(empty && deleted), "a round trip is spent on nothing");
        }
    }
}
