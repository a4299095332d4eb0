//! [`Reader`]: a read-only connection of one thread.
//!
//! The driver asks it inline, once or twice per bootstrap: statements are prepared once, the write-ahead log keeps it
//! out of the writer's way, and a lookup costs microseconds. It sees what was committed when it asks, or when the
//! snapshot began that it asks in.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use super::cascade::{self, Hanging};
use super::devices::{self, Devices};
use super::entry::{
    AuditLine, CatalogRows, Counts, DeviceCredentials, DeviceEntry, DevicePage, DeviceQuery, DeviceRecord, Entry, Key,
    KnownDevice, ModelEntry, ProfileEntry, ServerEntry,
};
use super::error::{Dangling, StoreError};
use super::noun::{self, Noun};
use super::profiles::{self, Profiles};
use super::sealing::Sealer;
use super::servers::{self, Servers};
use super::{audit, file, issued, knowledge, models, open, outcomes, search};
use crate::provision::{DeviceDefinition, DeviceIdentity, IssuedCredentials};
use crate::secret::Secret;

/// A read-only connection to the store.
pub struct Reader {
    connection: Connection,
    sealer: Sealer,
    generation: Arc<AtomicU64>,
}

impl Reader {
    pub(super) fn open(database: &Path, sealer: Sealer, generation: Arc<AtomicU64>) -> rusqlite::Result<Reader> {
        Ok(Reader { connection: open::open_for_reading(database)?, sealer, generation })
    }

    /// Begins a snapshot unless one has begun: until [`Reader::end_snapshot`] every lookup sees what was committed at the
    /// first of them. Entering and leaving the database is half of what a single lookup costs. A snapshot keeps the
    /// write-ahead log from being begun anew, so it must be short, and [`Reader::catalog`], the lists and the
    /// credentials, which take a moment of their own, cannot be asked in one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            self.connection.prepare_cached("BEGIN")?.execute([])?;
        }
        Ok(())
    }

    /// Ends the snapshot if one has begun: what is asked next sees what is committed by then.
    ///
    /// # Errors
    /// [`StoreError::Database`]; there is none any more nevertheless.
    pub fn end_snapshot(&mut self) -> Result<(), StoreError> {
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("ROLLBACK")?.execute([])?;
        }
        Ok(())
    }

    /// The device with this endpoint, compared byte for byte.
    ///
    /// # Errors
    /// [`StoreError::Database`] and [`StoreError::Corrupt`]: the store is out of order, which says nothing about the
    /// device.
    pub fn device_by_endpoint(&mut self, endpoint: &str) -> Result<Option<DeviceRecord>, StoreError> {
        devices::by_endpoint(&self.connection, endpoint)
    }

    /// The device that has a key and this PSK identity, explicit, following from its endpoint or issued; and the key,
    /// read at the same moment. The record says which credentials they are.
    ///
    /// # Errors
    /// As for [`Reader::device_by_endpoint`], and [`StoreError::Seal`].
    pub fn device_and_key(&mut self, identity: &[u8]) -> Result<Option<(DeviceRecord, Secret)>, StoreError> {
        devices::by_identity_with_key(&self.connection, &self.sealer, identity)
    }

    /// The device that proves itself by this certificate, name of a certificate, or raw public key; none where it has
    /// proven issued credentials since, for then those of its definition are good no more.
    ///
    /// # Errors
    /// As for [`Reader::device_by_endpoint`].
    pub fn device_by_identity(&mut self, identity: &DeviceIdentity) -> Result<Option<DeviceRecord>, StoreError> {
        devices::by_identity(&self.connection, identity)
    }

    /// The key of this PSK identity.
    ///
    /// # Errors
    /// As for [`Reader::device_by_endpoint`], and [`StoreError::Seal`].
    pub fn psk_for_identity(&mut self, identity: &[u8]) -> Result<Option<Secret>, StoreError> {
        devices::psk_for_identity(&self.connection, &self.sealer, identity)
    }

    /// Every record of issued credentials that is kept for the device with this endpoint, oldest first.
    ///
    /// # Errors
    /// As for [`Reader::psk_for_identity`].
    pub fn issued(&mut self, endpoint: &str) -> Result<Vec<IssuedCredentials>, StoreError> {
        issued::of_endpoint(&self.connection, &self.sealer, endpoint)
    }

    /// The issued credentials of one device; they are secret, and showing them is [`super::Store::reveal_credentials`]'s.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and as for [`Reader::psk_for_identity`].
    pub fn credentials(&mut self, key: &Key) -> Result<DeviceCredentials, StoreError> {
        let transaction = self.connection.transaction()?;
        let credentials = issued::list(&transaction, &self.sealer, key)?;
        transaction.commit()?;
        Ok(credentials)
    }

    /// Every server account and profile in force, as one moment has them, with their secrets.
    ///
    /// # Errors
    /// As for [`Reader::psk_for_identity`].
    pub fn catalog(&mut self) -> Result<CatalogRows, StoreError> {
        let transaction = self.connection.transaction()?;
        let servers = servers::in_force_with_secrets(&transaction, &self.sealer)?;
        let profiles = profiles::in_force_with_secrets(&transaction, &self.sealer)?;
        transaction.commit()?;
        Ok(CatalogRows { servers, profiles })
    }

    /// What is known of the client of the device with this endpoint; none where it has shown nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn known(&mut self, endpoint: &str) -> Result<Option<KnownDevice>, StoreError> {
        knowledge::of_endpoint(&self.connection, endpoint)
    }

    /// The models of the config file in its order, as current as [`Reader::catalog`].
    ///
    /// # Errors
    /// [`StoreError::Database`] and [`StoreError::Corrupt`].
    pub fn models(&mut self) -> Result<Vec<ModelEntry>, StoreError> {
        models::list(&self.connection)
    }

    /// See [`super::Store::generation`]: ask before [`Reader::catalog`].
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Every server account in force by name.
    ///
    /// # Errors
    /// As for [`Reader::device_by_endpoint`].
    pub fn servers(&mut self) -> Result<Vec<ServerEntry>, StoreError> {
        self.list::<Servers>()
    }

    /// One server account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and as for [`Reader::device_by_endpoint`].
    pub fn server(&mut self, key: &Key) -> Result<ServerEntry, StoreError> {
        self.show::<Servers>(key)
    }

    /// Every profile in force by name.
    ///
    /// # Errors
    /// As for [`Reader::device_by_endpoint`].
    pub fn profiles(&mut self) -> Result<Vec<ProfileEntry>, StoreError> {
        self.list::<Profiles>()
    }

    /// One profile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and as for [`Reader::device_by_endpoint`].
    pub fn profile(&mut self, key: &Key) -> Result<ProfileEntry, StoreError> {
        self.show::<Profiles>(key)
    }

    /// A page of devices.
    ///
    /// # Errors
    /// [`StoreError::NoSuchPlace`], and as for [`Reader::device_by_endpoint`].
    pub fn devices(&mut self, query: &DeviceQuery) -> Result<DevicePage, StoreError> {
        let transaction = self.connection.transaction()?;
        let page = search::page(&transaction, query)?;
        transaction.commit()?;
        Ok(page)
    }

    /// Shows `visit` every device that is asked for, with its key if `reveal` says so, as one moment has them.
    ///
    /// # Errors
    /// As for [`Reader::devices`] and, with keys, [`Reader::psk_for_identity`]; and whatever `visit` answers.
    pub fn each_device(
        &mut self,
        query: &DeviceQuery,
        reveal: bool,
        mut visit: impl FnMut(Entry<DeviceDefinition>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        search::each(&transaction, query, |stored| {
            visit(if reveal { noun::with_secret::<Devices>(&self.sealer, stored)? } else { stored.entry })
        })?;
        Ok(transaction.commit()?)
    }

    /// The names of all properties that devices have.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn property_names(&mut self) -> Result<BTreeSet<String>, StoreError> {
        let sql = "SELECT DISTINCT key FROM devices, json_each(properties) WHERE shadowed = 0 AND properties <> '{}'";
        let mut statement = self.connection.prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Every profile in force, with its secrets.
    ///
    /// # Errors
    /// As for [`Reader::psk_for_identity`].
    pub fn profiles_with_secrets(&mut self) -> Result<Vec<ProfileEntry>, StoreError> {
        let transaction = self.connection.transaction()?;
        let stored = noun::in_force::<Profiles>(&transaction)?;
        stored.into_iter().map(|stored| noun::with_secret::<Profiles>(&self.sealer, stored)).collect()
    }

    /// Every server account in force, with its secrets.
    ///
    /// # Errors
    /// As for [`Reader::psk_for_identity`].
    pub fn servers_with_secrets(&mut self) -> Result<Vec<ServerEntry>, StoreError> {
        let transaction = self.connection.transaction()?;
        let stored = noun::in_force::<Servers>(&transaction)?;
        stored.into_iter().map(|stored| noun::with_secret::<Servers>(&self.sealer, stored)).collect()
    }

    /// What hangs on a server account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Database`].
    pub fn hanging_on_server(&mut self, key: &Key) -> Result<Hanging, StoreError> {
        cascade::of_server(&self.connection, key)
    }

    /// What hangs on a profile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Database`].
    pub fn hanging_on_profile(&mut self, key: &Key) -> Result<Hanging, StoreError> {
        cascade::of_profile(&self.connection, key)
    }

    /// One device; a key of digits is an endpoint as any other, so say [`Key::Name`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and as for [`Reader::device_by_endpoint`].
    pub fn device(&mut self, key: &Key) -> Result<DeviceEntry, StoreError> {
        let entry = self.show::<Devices>(key)?;
        outcomes::with_last(&self.connection, entry)
    }

    /// How much is defined.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn counts(&mut self) -> Result<Counts, StoreError> {
        noun::counts(&self.connection)
    }

    /// References of what is in force to what does not exist.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn dangling(&mut self) -> Result<Vec<Dangling>, StoreError> {
        file::dangling(&self.connection)
    }

    /// The last `limit` audit lines before line `before`, or the very last ones; the latest first.
    ///
    /// # Errors
    /// As for [`Reader::device_by_endpoint`].
    pub fn audit(&mut self, limit: u32, before: Option<i64>) -> Result<Vec<AuditLine>, StoreError> {
        audit::list(&self.connection, limit, before)
    }

    fn list<N: Noun>(&mut self) -> Result<Vec<Entry<N::Definition>>, StoreError> {
        let transaction = self.connection.transaction()?;
        let stored = noun::in_force::<N>(&transaction)?;
        transaction.commit()?;
        Ok(stored.into_iter().map(|stored| stored.entry).collect())
    }

    fn show<N: Noun>(&mut self, key: &Key) -> Result<Entry<N::Definition>, StoreError> {
        Ok(noun::find::<N>(&self.connection, key)?.entry)
    }
}
