//! Behaviour of the whole store on real files.

mod admin;
mod backup;
mod bulk;
mod cascade;
mod identities;
mod issued;
mod knowledge;
mod lookups;
mod opening;
mod origins;
mod search;
mod secrets;
mod upgrade;
mod writer;

use tempfile::TempDir;

use super::{Actor, FileDefinitions, Pending, SealingKey, Store, StoreError, UnixMillis};
use crate::provision::{AccountKey, DeviceDefinition, KeyText, ProfileDefinition, ServerDefinition};

/// The operator of these tests.
const OPERATOR: Actor = Actor { uid: Some(1000), what: "admin socket" };

/// A store in a directory of its own, which goes with it.
struct Scratch {
    store: Store,
    directory: TempDir,
}

fn scratch() -> Scratch {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    Scratch { store, directory }
}

fn open(directory: &TempDir) -> Store {
    Store::open(directory.path(), SealingKey::new([9; 32])).unwrap()
}

/// Invented time.
fn at(millis: i64) -> UnixMillis {
    UnixMillis(millis)
}

fn key(text: &str) -> Option<KeyText> {
    Some(KeyText::parse(text).unwrap())
}

fn account_key(text: &str) -> Option<AccountKey> {
    Some(AccountKey::parse(text).unwrap())
}

fn server(name: &str) -> ServerDefinition {
    ServerDefinition {
        name: name.to_owned(),
        ssid: Some(101),
        uri: Some("eu.lwm2m.example.com".to_owned()),
        psk: account_key("hex:00112233"),
        lifetime: Some(86_400),
        store_notifications: Some(false),
        default_minimum_period: Some(1),
        ..ServerDefinition::default()
    }
}

fn profile(name: &str, servers: &[&str]) -> ProfileDefinition {
    let servers = servers.iter().map(|server| (*server).to_owned()).collect();
    ProfileDefinition { name: name.to_owned(), servers, ..ProfileDefinition::default() }
}

fn default_profile(name: &str, servers: &[&str]) -> ProfileDefinition {
    ProfileDefinition { default: true, ..profile(name, servers) }
}

fn device(endpoint: &str) -> DeviceDefinition {
    DeviceDefinition { endpoint: endpoint.to_owned(), psk: key("text:secret"), ..DeviceDefinition::default() }
}

fn device_of(endpoint: &str, profile: &str) -> DeviceDefinition {
    DeviceDefinition { profile: Some(profile.to_owned()), ..device(endpoint) }
}

fn device_as(endpoint: &str, identity: &str) -> DeviceDefinition {
    DeviceDefinition { psk_identity: Some(identity.to_owned()), ..device(endpoint) }
}

fn file(servers: &[ServerDefinition], profiles: &[ProfileDefinition], devices: &[DeviceDefinition]) -> FileDefinitions {
    FileDefinitions {
        servers: servers.to_vec(),
        profiles: profiles.to_vec(),
        devices: devices.to_vec(),
        models: Vec::new(),
    }
}

/// What the store says when it refuses.
#[track_caller]
fn refusal<T: std::fmt::Debug>(pending: Pending<T>) -> StoreError {
    pending.wait().expect_err("must be refused")
}
