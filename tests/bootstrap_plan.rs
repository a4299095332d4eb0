//! The plan for any client and any provision: what it must never touch (spec sheet `bootstrap.md`, sections 6, 8 and
//! 9).

#[path = "support/fixtures.rs"]
#[expect(dead_code, reason = "the fixtures serve the tables as well")]
mod fixtures;

use std::collections::BTreeSet;

use bootstrapd::bootstrap::plan::{Operation, plan};
use bootstrapd::lwm2m::link_format::{DiscoverAnswer, DiscoveredInstance};
use bootstrapd::lwm2m::{Path, Value};
use bootstrapd::provision::Provision;
use proptest::prelude::*;

fn provisions() -> impl Strategy<Value = Provision> {
    let ssids = prop::collection::btree_set(1_u16..8, 1..4);
    let delete = prop::sample::subsequence(vec![0_u16, 1], 0..=2);
    (ssids, delete, prop::option::of(0_u16..4)).prop_map(|(ssids, delete, stated)| {
        let account = |ssid| bootstrapd::provision::ProvisionedAccount {
            short_server_id: ssid,
            binding: "U".to_owned(),
            ..fixtures::first_account()
        };
        fixtures::provision_with(|provision| {
            provision.accounts = ssids.into_iter().map(account).collect();
            provision.writing.delete = delete;
            provision.writing.bootstrap_account_instance = stated;
        })
    })
}

fn answers() -> impl Strategy<Value = Option<DiscoverAnswer>> {
    let instance = (0_u16..2, 0_u16..6, prop::option::of(1_u16..8));
    let instances = prop::collection::vec(instance, 0..8).prop_map(|found| {
        let mut seen = BTreeSet::new();
        let fresh = found.into_iter().filter(|(object, instance, _)| seen.insert((*object, *instance)));
        let instances = fresh.map(|(object, instance, ssid)| DiscoveredInstance {
            object,
            instance,
            // A Server Object instance always has its Short Server ID.
            short_server_id: if object == 1 { ssid.or(Some(99)) } else { ssid },
            uri: None,
        });
        DiscoverAnswer { instances: instances.collect(), ..DiscoverAnswer::default() }
    });
    prop::option::of(instances)
}

/// The instances of one object that the plan writes, with the SSID that each gets.
fn written(operations: &[Operation], object: u16) -> Vec<(u16, i64)> {
    let ssid_resource = if object == 0 { 10 } else { 0 };
    let of_object = operations.iter().filter_map(|operation| match operation {
        Operation::Write(written, instance) if *written == object => Some(instance),
        _ => None,
    });
    of_object
        .map(|instance| match instance.single(ssid_resource) {
            Some(Value::Integer(ssid)) => (instance.id, *ssid),
            other => panic!("no SSID but {other:?}"),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_may_be_the_bootstrap_account_is_never_written(provision in provisions(), answer in answers()) {
        let operations = plan(&provision, None, answer.as_ref()).unwrap();
        let ids: BTreeSet<u16> = written(&operations, 0).into_iter().map(|(id, _)| id).collect();
        let nameless = answer.iter().flat_map(|it| it.instances_of(0)).filter(|it| it.short_server_id.is_none());
        let nameless: BTreeSet<u16> = nameless.map(|it| it.instance).collect();
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
    fn only_whole_objects_of_the_profile_are_deleted_and_before_any_write(
        provision in provisions(), answer in answers(),
    ) {
        let operations = plan(&provision, None, answer.as_ref()).unwrap();
        let deletes = operations.iter().take_while(|it| matches!(it, Operation::Delete(_))).count();
        for operation in &operations[..deletes] {
            let allowed = provision.writing.delete.iter().any(|object| operation.path() == Path::Object(*object));
            prop_assert!(allowed, "{operation:?}");
        }
        prop_assert!(operations[deletes..].iter().all(|it| matches!(it, Operation::Write(..))));
    }

    #[test]
    fn each_account_is_written_once_and_others_that_are_kept_are_not_touched(
        provision in provisions(), answer in answers(),
    ) {
        let operations = plan(&provision, None, answer.as_ref()).unwrap();
        let ours: Vec<i64> = provision.accounts.iter().map(|account| account.short_server_id.into()).collect();
        for object in [0, 1] {
            let written = written(&operations, object);
            prop_assert_eq!(&written.iter().map(|(_, ssid)| *ssid).collect::<Vec<_>>(), &ours);
            let ids: BTreeSet<u16> = written.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(ids.len(), written.len(), "an instance is written twice");
            if provision.writing.delete.contains(&object) {
                continue;
            }
            for found in answer.iter().flat_map(|it| it.instances_of(object)) {
                let Some((_, ssid)) = written.iter().find(|(id, _)| *id == found.instance) else { continue };
                prop_assert_eq!(found.short_server_id.map(i64::from), Some(*ssid), "another account is overwritten");
            }
        }
    }

    #[test]
    fn what_is_left_to_lie_is_deleted_where_the_profile_says_so(provision in provisions(), answer in answers()) {
        let operations = plan(&provision, None, answer.as_ref()).unwrap();
        for object in &provision.writing.delete {
            let deleted = operations.contains(&Operation::Delete(Path::Object(*object)));
            let Some(answer) = &answer else {
                prop_assert!(deleted, "nobody knows that there is nothing");
                continue;
            };
            let accounts = answer.instances_of(*object).filter(|it| it.short_server_id.is_some()).count();
            prop_assert!(accounts == 0 || deleted, "an account survives");
            let empty = answer.instances_of(*object).count() == 0;
            prop_assert!(!(empty && deleted), "a round trip is spent on nothing");
        }
    }
}
