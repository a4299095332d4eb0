//! `Stored`: how each kind of definition is checked and kept.

use std::future::Future;

use super::convert;
use super::failure::Failure;
use super::knowledge;
use crate::admin::api::{Entry, Resource, Revealed};
use crate::provision::{
    AccountType, Catalog, DeviceDefinition, HoldsSecrets, Problem, ProfileDefinition, ServerDefinition,
};
use crate::provision::{
    check_certificate_dates, check_device, check_device_in, check_profile, check_profile_between, check_profile_in,
    check_server,
};
use crate::store::{Actor, CatalogRows, ChangeError, Hanging, Key, Reader, Store, StoreError, UnixMillis};

/// Who changes something, and when.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: UnixMillis,
}

/// What a change makes of the definition that is there.
pub trait Change<D>: FnOnce(&D) -> Result<D, Failure> + Send + 'static {}
impl<D, F: FnOnce(&D) -> Result<D, Failure> + Send + 'static> Change<D> for F {}

/// A kind of definition that the store keeps. The errors of every method are those of the store.
pub trait Stored: Resource {
    /// What a path segment means.
    fn key_of(segment: &str) -> Key;
    /// Everything that is wrong with the definition itself when it is saved at `at`.
    fn check(&self, at: UnixMillis) -> Vec<Problem>;
    /// Everything that is wrong with it among the others.
    fn check_among(&self, others: &CatalogRows) -> Vec<Problem>;
    /// Reads one.
    fn show(reader: &mut Reader, key: &Key) -> Result<Entry<Self>, StoreError>;
    /// Reads one with its secrets, and says so in the audit trail.
    fn reveal(store: &Store, stamp: Stamp, key: Key)
    -> impl Future<Output = Result<Revealed<Self>, StoreError>> + Send;
    /// Adds one.
    fn add(self, store: &Store, stamp: Stamp) -> impl Future<Output = Result<Entry<Self>, StoreError>> + Send;
    /// Changes one.
    fn update(
        store: &Store,
        stamp: Stamp,
        key: Key,
        change: impl Change<Self>,
    ) -> impl Future<Output = Result<Entry<Self>, ChangeError<Failure>>> + Send;
    /// Deletes one.
    fn delete(store: &Store, stamp: Stamp, key: Key) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Deletes one with all that depends on it, if that are as many entries as `expected`.
    fn delete_cascading(
        store: &Store,
        stamp: Stamp,
        key: Key,
        expected: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A kind of which all are listed at once.
pub trait Listed: Stored {
    /// Reads all that are in force.
    fn all(reader: &mut Reader) -> Result<Vec<Entry<Self>>, StoreError>;
    /// What depends on one.
    fn hanging(reader: &mut Reader, key: &Key) -> Result<Hanging, StoreError>;
    /// The texts that a search looks at.
    fn searched(&self) -> impl Iterator<Item = &str>;
}

impl Stored for ServerDefinition {
    fn key_of(segment: &str) -> Key {
        Key::from_segment(segment)
    }

    /// An expired certificate is a mistake here: whoever saves the account is there to replace it.
    fn check(&self, at: UnixMillis) -> Vec<Problem> {
        let now = u64::try_from(at.0 / 1000).unwrap_or_default();
        let mut problems = check_server(self);
        problems.extend(check_certificate_dates(self, now));
        problems
    }

    /// What this account would newly break in the profiles that name it.
    fn check_among(&self, others: &CatalogRows) -> Vec<Problem> {
        let CatalogRows { servers, profiles } = others;
        let before = Catalog::new(servers.clone(), profiles.clone());
        let unchanged = servers.iter().filter(|server| server.name != self.name).cloned();
        let after = Catalog::new(unchanged.chain([self.clone()]), profiles.clone());
        let field = if self.account_type == AccountType::Bootstrap { "type" } else { "ssid" };
        let users = profiles.iter().filter(|profile| profile.servers.contains(&self.name));
        let broken = users.flat_map(|profile| check_profile_between(profile, &before, &after));
        broken.map(|problem| Problem::error(field, problem.message)).collect()
    }

    fn show(reader: &mut Reader, key: &Key) -> Result<Entry<Self>, StoreError> {
        reader.server(key).map(convert::entry)
    }

    async fn reveal(store: &Store, stamp: Stamp, key: Key) -> Result<Revealed<Self>, StoreError> {
        let entry = store.reveal_server(stamp.actor, stamp.at, key).await?;
        let revealed = entry.definition.secrets();
        Ok(Revealed { entry: convert::entry(entry), revealed })
    }

    async fn add(self, store: &Store, stamp: Stamp) -> Result<Entry<Self>, StoreError> {
        store.add_server(stamp.actor, stamp.at, self).await.map(convert::entry)
    }

    async fn update(
        store: &Store,
        stamp: Stamp,
        key: Key,
        change: impl Change<Self>,
    ) -> Result<Entry<Self>, ChangeError<Failure>> {
        store.update_server(stamp.actor, stamp.at, key, change).await.map(convert::entry)
    }

    async fn delete(store: &Store, stamp: Stamp, key: Key) -> Result<(), StoreError> {
        store.delete_server(stamp.actor, stamp.at, key).await
    }

    async fn delete_cascading(store: &Store, stamp: Stamp, key: Key, expected: u64) -> Result<(), StoreError> {
        store.delete_server_cascading(stamp.actor, stamp.at, key, expected).await.map(drop)
    }
}

impl Listed for ServerDefinition {
    fn hanging(reader: &mut Reader, key: &Key) -> Result<Hanging, StoreError> {
        reader.hanging_on_server(key)
    }

    fn all(reader: &mut Reader) -> Result<Vec<Entry<Self>>, StoreError> {
        Ok(reader.servers()?.into_iter().map(convert::entry).collect())
    }

    fn searched(&self) -> impl Iterator<Item = &str> {
        [Some(&self.name), self.uri.as_ref(), self.psk_identity.as_ref()].into_iter().flatten().map(String::as_str)
    }
}

impl Stored for ProfileDefinition {
    fn key_of(segment: &str) -> Key {
        Key::from_segment(segment)
    }

    fn check(&self, _at: UnixMillis) -> Vec<Problem> {
        check_profile(self)
    }

    fn check_among(&self, others: &CatalogRows) -> Vec<Problem> {
        check_profile_in(self, &Catalog::new(others.servers.clone(), others.profiles.clone()))
    }

    fn show(reader: &mut Reader, key: &Key) -> Result<Entry<Self>, StoreError> {
        reader.profile(key).map(convert::entry)
    }

    async fn reveal(store: &Store, stamp: Stamp, key: Key) -> Result<Revealed<Self>, StoreError> {
        let entry = store.reveal_profile(stamp.actor, stamp.at, key).await?;
        let revealed = entry.definition.secrets();
        Ok(Revealed { entry: convert::entry(entry), revealed })
    }

    async fn add(self, store: &Store, stamp: Stamp) -> Result<Entry<Self>, StoreError> {
        store.add_profile(stamp.actor, stamp.at, self).await.map(convert::entry)
    }

    async fn update(
        store: &Store,
        stamp: Stamp,
        key: Key,
        change: impl Change<Self>,
    ) -> Result<Entry<Self>, ChangeError<Failure>> {
        store.update_profile(stamp.actor, stamp.at, key, change).await.map(convert::entry)
    }

    async fn delete(store: &Store, stamp: Stamp, key: Key) -> Result<(), StoreError> {
        store.delete_profile(stamp.actor, stamp.at, key).await
    }

    async fn delete_cascading(store: &Store, stamp: Stamp, key: Key, expected: u64) -> Result<(), StoreError> {
        store.delete_profile_cascading(stamp.actor, stamp.at, key, expected).await.map(drop)
    }
}

impl Listed for ProfileDefinition {
    fn hanging(reader: &mut Reader, key: &Key) -> Result<Hanging, StoreError> {
        reader.hanging_on_profile(key)
    }

    fn all(reader: &mut Reader) -> Result<Vec<Entry<Self>>, StoreError> {
        Ok(reader.profiles()?.into_iter().map(convert::entry).collect())
    }

    fn searched(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.servers).map(String::as_str)
    }
}

impl Stored for DeviceDefinition {
    /// An endpoint name may be all digits, so that a segment is never a number here.
    fn key_of(segment: &str) -> Key {
        Key::Name(segment.to_owned())
    }

    fn check(&self, _at: UnixMillis) -> Vec<Problem> {
        check_device(self)
    }

    fn check_among(&self, others: &CatalogRows) -> Vec<Problem> {
        check_device_in(self, &Catalog::new(others.servers.clone(), others.profiles.clone()))
    }

    fn show(reader: &mut Reader, key: &Key) -> Result<Entry<Self>, StoreError> {
        let stored = reader.device(key)?;
        let known = knowledge::of_device(reader, &stored.entry.definition)?;
        let mut entry = convert::device(stored);
        entry.record.knowledge = known;
        Ok(entry)
    }

    async fn reveal(store: &Store, stamp: Stamp, key: Key) -> Result<Revealed<Self>, StoreError> {
        let device = store.reveal_device(stamp.actor, stamp.at, key).await?;
        let revealed = device.entry.definition.secrets();
        Ok(Revealed { entry: convert::device(device), revealed })
    }

    async fn add(self, store: &Store, stamp: Stamp) -> Result<Entry<Self>, StoreError> {
        store.add_device(stamp.actor, stamp.at, self).await.map(convert::device)
    }

    async fn update(
        store: &Store,
        stamp: Stamp,
        key: Key,
        change: impl Change<Self>,
    ) -> Result<Entry<Self>, ChangeError<Failure>> {
        store.update_device(stamp.actor, stamp.at, key, change).await.map(convert::device)
    }

    async fn delete(store: &Store, stamp: Stamp, key: Key) -> Result<(), StoreError> {
        store.delete_device(stamp.actor, stamp.at, key).await
    }

    /// Nothing depends on a device.
    async fn delete_cascading(store: &Store, stamp: Stamp, key: Key, _expected: u64) -> Result<(), StoreError> {
        store.delete_device(stamp.actor, stamp.at, key).await
    }
}
