//! Who a client is and what it is to receive: asks the store, and resolves what it says.
//!
//! A look-up is two point queries of microseconds on this thread's own connection; server accounts and profiles are kept
//! in memory and read again only after one of them has changed.

use tracing::error;

use crate::bootstrap::{KnownDevice, Lookup, LookupKey};
use crate::provision::{Catalog, resolve};
use crate::secret::Secret;
use crate::store::{DeviceRecord, Reader, StoreError};

/// The store as the driver sees it.
pub(super) struct Directory {
    reader: Reader,
    catalog: Catalog,
    /// Generation of the catalog above.
    generation: u64,
}

impl Directory {
    /// Reads the catalog.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn new(mut reader: Reader) -> Result<Directory, StoreError> {
        let generation = reader.generation();
        let rows = reader.catalog()?;
        Ok(Directory { reader, catalog: Catalog::new(rows.servers, rows.profiles), generation })
    }

    /// The client's record and provision.
    pub(super) fn look_up(&mut self, key: &LookupKey) -> Lookup {
        match self.try_look_up(key) {
            Ok(Some(device)) => Lookup::Known(Box::new(device)),
            Ok(None) => Lookup::Unknown,
            Err(error) => {
                error!(%error, "the store cannot be read");
                Lookup::Unavailable(format!("The store cannot be read: {error}."))
            }
        }
    }

    /// The key of a PSK identity. A store that cannot be read is told apart from an identity that is not known.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn psk(&mut self, identity: &[u8]) -> Result<Option<Secret>, StoreError> {
        self.reader.psk_for_identity(identity)
    }

    fn try_look_up(&mut self, key: &LookupKey) -> Result<Option<KnownDevice>, StoreError> {
        self.refresh()?;
        let record = match key {
            LookupKey::PskIdentity(identity) => self.reader.device_by_psk_identity(identity)?,
            LookupKey::EndpointName(name) => self.reader.device_by_endpoint(name)?,
        };
        Ok(record.map(|record| self.known(record)))
    }

    fn known(&self, record: DeviceRecord) -> KnownDevice {
        let psk_identity = record.identity().map(<[u8]>::to_vec);
        let provision = resolve(&record.definition, &self.catalog).map_err(|error| error.to_string());
        KnownDevice { endpoint: record.definition.endpoint, psk_identity, provision }
    }

    fn refresh(&mut self) -> Result<(), StoreError> {
        let generation = self.reader.generation();
        if generation != self.generation {
            let rows = self.reader.catalog()?;
            self.catalog = Catalog::new(rows.servers, rows.profiles);
            self.generation = generation;
        }
        Ok(())
    }
}
