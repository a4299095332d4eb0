//! Who a client is and what it is to receive: asks the store, and resolves what it says.
//!
//! A look-up is two point queries of microseconds on this thread's own connection; server accounts and profiles are kept
//! in memory and read again only after one of them has changed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tracing::error;

use crate::bootstrap::{KnownDevice, Lookup, LookupKey};
use crate::provision::{Catalog, Client, Resolution, resolve};
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
        let client = Client {
            device: &record.definition,
            id: Some(record.id),
            issued: &[],
            rotation_requested: record.rotation_requested,
            now: 0,
        };
        let provision = match resolve(&client, &self.catalog) {
            Ok(Resolution::Provision(provision)) => Ok(*provision),
            Ok(Resolution::MustIssue(_)) => Err("credentials cannot be issued".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        KnownDevice { endpoint: record.definition.endpoint, psk_identity: record.identity, provision }
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::Directory;
    use crate::bootstrap::{Lookup, LookupKey};
    use crate::provision::{DeviceDefinition, KeyText};
    use crate::secret::Secret;
    use crate::store::{Actor, Key, SealingKey, Store};

    fn device(key: &str) -> DeviceDefinition {
        let psk = Some(KeyText::parse(key).unwrap());
        DeviceDefinition { endpoint: "meter".to_owned(), psk, ..DeviceDefinition::default() }
    }

    #[test]
    fn a_client_is_known_only_while_what_it_proved_is_still_the_devices_key() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path(), SealingKey::new([1; 32])).unwrap();
        let (actor, at) = (Actor::admin_socket(None), SystemTime::now().into());
        store.add_device(actor, at, device("text:first-key-of-16b")).wait().unwrap();
        let mut directory = Directory::new(store.reader().unwrap(), [2; 32]).unwrap();
        let identity = LookupKey::PskIdentity(b"meter".to_vec());
        let first = Some(directory.fingerprint(&Secret::from(&b"first-key-of-16b"[..])));
        let second = Some(directory.fingerprint(&Secret::from(&b"other-key-of-16b"[..])));
        let mut is_known = |proof| match directory.look_up(&identity, proof) {
            Lookup::Known(device) => device.endpoint == "meter",
            other => {
                assert_eq!(other, Lookup::Outdated);
                false
            }
        };
        assert_eq!((is_known(first), is_known(second), is_known(None)), (true, false, false));

        let meter = || Key::Name("meter".to_owned());
        let changed = |_: &DeviceDefinition| Ok::<_, ()>(device("text:other-key-of-16b"));
        store.update_device(actor, at, meter(), changed).wait().unwrap();
        assert_eq!((is_known(first), is_known(second)), (false, true));

        // Somebody else's device takes over the identity.
        store.delete_device(actor, at, meter()).wait().unwrap();
        assert_eq!((is_known(first), is_known(second)), (false, false));
        let mut thief = device("text:third-key-of-16b");
        (thief.endpoint, thief.psk_identity) = ("thief".to_owned(), Some("meter".to_owned()));
        store.add_device(actor, at, thief).wait().unwrap();
        assert_eq!((is_known(first), is_known(second)), (false, false));
    }
}
