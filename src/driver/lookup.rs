//! Who a client is and what it is to receive: asks the store, and resolves what it says.
//!
//! A look-up is two point queries of microseconds on this thread's own connection; server accounts and profiles are kept
//! in memory and read again only after one of them has changed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tracing::error;

use crate::bootstrap::{KnownDevice, Lookup, LookupKey};
use crate::provision::{Catalog, resolve};
use crate::secret::Secret;
use crate::store::{DeviceRecord, Reader, StoreError};

/// A keyed digest of a key: tells whether it is still the same without holding it.
#[derive(Clone, Copy)]
pub(super) struct Fingerprint([u8; 32]);

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Fingerprint) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The store as the driver sees it.
pub(super) struct Directory {
    reader: Reader,
    fingerprints: Hmac<Sha256>,
    catalog: Catalog,
    /// Generation of the catalog above.
    generation: u64,
}

impl Directory {
    /// Reads the catalog. `seed` keys the fingerprints.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn new(mut reader: Reader, seed: [u8; 32]) -> Result<Directory, StoreError> {
        let generation = reader.generation();
        let rows = reader.catalog()?;
        let fingerprints = Hmac::new_from_slice(&seed).expect("HMAC takes keys of any length");
        Ok(Directory { reader, fingerprints, catalog: Catalog::new(rows.servers, rows.profiles), generation })
    }

    /// The client's record and provision. `proof` is the key that the client has proven, where it has proven one: it
    /// must still be the device's, or whoever held an old key would be served on an old association.
    pub(super) fn look_up(&mut self, key: &LookupKey, proof: Option<Fingerprint>) -> Lookup {
        match self.try_look_up(key, proof) {
            Ok(lookup) => lookup,
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

    /// What stands for a key in the memory of an association.
    pub(super) fn fingerprint(&self, key: &Secret) -> Fingerprint {
        let mut mac = self.fingerprints.clone();
        mac.update(key.expose());
        Fingerprint(mac.finalize().into_bytes().into())
    }

    fn try_look_up(&mut self, key: &LookupKey, proof: Option<Fingerprint>) -> Result<Lookup, StoreError> {
        self.refresh()?;
        let record = match key {
            LookupKey::EndpointName(name) => self.reader.device_by_endpoint(name)?,
            LookupKey::PskIdentity(identity) => match self.reader.device_and_key(identity)? {
                Some((record, current)) if proof == Some(self.fingerprint(&current)) => Some(record),
                Some(_) | None => return Ok(Lookup::Outdated),
            },
        };
        Ok(record.map_or(Lookup::Unknown, |record| Lookup::Known(Box::new(self.known(record)))))
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
