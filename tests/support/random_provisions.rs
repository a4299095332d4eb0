//! Provisions of every kind, as proptest draws them: accounts of all security modes, a bootstrap account or none, further
//! instances, every way to write them. They need not be sensible, only such as definitions could give.

use bootstrapd::lwm2m::{ObjectInstance, Path, Resource, ResourceValue, Value};
use bootstrapd::provision::{AccessControl, AccountCredentials, Provision, ProvisionedAccount};
use bootstrapd::secret::Secret;
use proptest::prelude::*;

use super::fixtures;

const BINDINGS: [&str; 9] = ["U", "U", "UQ", "US", "SQ", "UT", "UTN", "M", "UU"];

/// Credentials with the scheme that fits them, and what the Security Object instance says besides.
fn credentials() -> impl Strategy<Value = (AccountCredentials, &'static str, Vec<Resource>)> {
    let secret = || Secret::from(&b"private"[..]);
    let unsigned = |id, number| Resource::single(id, Value::Unsigned(number));
    let psk = AccountCredentials::Psk { identity: b"dev1".to_vec(), key: secret() };
    let raw = AccountCredentials::RawPublicKey { client: vec![1], server: vec![2], private_key: secret() };
    let certificate =
        move |bytes| AccountCredentials::Certificate { client: vec![1], server: vec![2; bytes], private_key: secret() };
    let suites = ResourceValue::Multiple(vec![(0, Value::Unsigned(49320)), (1, Value::Unsigned(49324))]);
    prop::sample::select(vec![
        (AccountCredentials::NoSec, "coap", vec![]),
        (AccountCredentials::NoSec, "coap+tcp", vec![]),
        (AccountCredentials::NoSec, "coap", vec![Resource::single(17, Value::ObjectLink(21, 3))]),
        (psk.clone(), "coaps", vec![]),
        (psk.clone(), "coap", vec![]),
        (psk, "coaps", vec![Resource { id: 16, value: suites }]),
        (raw, "coaps", vec![]),
        (certificate(99), "coaps", vec![unsigned(15, 2)]),
        (certificate(32), "coaps", vec![unsigned(13, 1), Resource::single(14, Value::String("eu".to_owned()))]),
        (certificate(32), "coaps+tcp", vec![unsigned(13, 3)]),
        (AccountCredentials::Est { server: vec![3; 20] }, "coaps", vec![]),
    ])
}

fn server_resources() -> impl Strategy<Value = Vec<Resource>> {
    let integer = |id, number| Resource::single(id, Value::Integer(number));
    let unsigned = |id, number| Resource::single(id, Value::Unsigned(number));
    let all = vec![
        integer(2, 10),
        integer(3, 300),
        integer(5, 60),
        unsigned(13, 1),
        Resource::single(16, Value::Boolean(true)),
        unsigned(17, 5),
        Resource::single(22, Value::String("U".to_owned())),
        integer(26, 1),
    ];
    let wrong = prop::option::weighted(0.1, prop::sample::select(vec![integer(3, 0), unsigned(20, 0), integer(12, 0)]));
    (prop::sample::subsequence(all, 0..=8), wrong).prop_map(|(mut resources, wrong)| {
        if let Some(wrong) = wrong {
            resources.retain(|resource| resource.id != wrong.id);
            resources.push(wrong);
        }
        resources.sort_by_key(|resource| resource.id);
        resources
    })
}

fn account(ssid: u16) -> impl Strategy<Value = ProvisionedAccount> {
    (credentials(), server_resources(), prop::sample::select(BINDINGS.to_vec())).prop_map(
        move |((credentials, scheme, security_resources), resources, binding)| {
            let mut account = fixtures::first_account();
            account.uri = format!("{scheme}://eu.example.com:5684");
            account.credentials = credentials;
            account.security_resources = security_resources;
            let settings = fixtures::settings_of(&mut account);
            settings.short_server_id = ssid;
            settings.binding = binding.to_owned();
            settings.resources = resources;
            account
        },
    )
}

fn accounts() -> impl Strategy<Value = Vec<ProvisionedAccount>> {
    let bootstrap = prop::option::of(Just(fixtures::bootstrap_account()));
    let ssids = prop::collection::btree_set(1_u16..8, 1..4)
        .prop_flat_map(|ssids| ssids.into_iter().map(|ssid| account(ssid).boxed()).collect::<Vec<_>>());
    (ssids, bootstrap).prop_map(|(mut accounts, bootstrap)| {
        accounts.extend(bootstrap);
        accounts
    })
}

fn writes() -> impl Strategy<Value = Vec<(u16, ObjectInstance)>> {
    let opaque = |id, bytes: &[u8]| Resource::single(id, Value::opaque(bytes));
    let integer = |id, number| Resource::single(id, Value::Integer(number));
    let entries = ResourceValue::Multiple(vec![(0, Value::Integer(1))]);
    let all = vec![
        (21, 3, vec![opaque(0, b"secret"), opaque(1, b"a"), opaque(2, b"b")]),
        (
            3,
            0,
            vec![Resource::single(13, Value::Time(1_700_000_000)), Resource::single(14, Value::String("Z".to_owned()))],
        ),
        (2, 1, vec![integer(0, 3), integer(1, 0), Resource { id: 2, value: entries }, integer(3, 65535)]),
        (1, 3, vec![integer(0, 9), integer(1, 60), Resource::single(6, Value::Boolean(true))]),
        (0, 1, vec![Resource::single(1, Value::Boolean(true))]),
    ];
    let some = prop::sample::subsequence(all, 0..=2).prop_map(|writes| {
        writes.into_iter().map(|(object, id, resources)| (object, ObjectInstance { id, resources })).collect()
    });
    prop_oneof![Just(Vec::new()), some]
}

/// A provision that asks the client what it has.
pub fn provisions() -> impl Strategy<Value = Provision> {
    let delete = prop_oneof![Just(vec![0, 1]), prop::sample::subsequence(vec![0_u16, 1, 2, 21], 0..=4)];
    let access_control = prop::sample::select(vec![AccessControl::Auto, AccessControl::Auto, AccessControl::Never]);
    let stated = prop_oneof![4 => Just(None), 1 => (0_u16..4).prop_map(Some)];
    (accounts(), writes(), delete, access_control, stated).prop_map(
        |(accounts, writes, delete, access_control, stated)| {
            fixtures::provision_with(|provision| {
                provision.accounts = accounts;
                provision.writes = writes;
                provision.writing.delete = delete.into_iter().map(Path::Object).collect();
                provision.writing.access_control = access_control;
                provision.writing.bootstrap_account_instance = stated;
            })
        },
    )
}
