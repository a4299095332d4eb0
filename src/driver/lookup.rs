//! Who a client is and what it is to receive: asks the store, and resolves what it says.
//!
//! A look-up is two point queries of microseconds on this thread's own connection; server accounts and profiles are kept
//! in memory and read again only after one of them has changed. Issued credentials are read only for a device of which an
//! account draws something at random. All look-ups of one batch of datagrams see the store as it was at the first of
//! them, when all of these had arrived.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tracing::error;

use crate::bootstrap::{Credentials, KnownDevice, Lookup, LookupKey, Withheld};
use crate::dtls::Offered;
use crate::provision::material::fingerprint;
use crate::provision::{
    Catalog, Client, DeviceIdentity, DeviceState, IdentityKind, Inheritance, IssuedCredentials, LearnedKnowledge,
    Model, Models, NewCredentials, Resolution, ResolveError, issue, resolve,
};
use crate::secret::Secret;
use crate::store::{DeviceRecord, Reader, StoreError, UnixMillis};

/// A keyed digest of a key: tells whether it is still the same without holding it.
#[derive(Clone, Copy)]
pub(super) struct Fingerprint([u8; 32]);

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Fingerprint) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// What is known of a client.
pub(super) struct Found {
    /// For the bootstrap server.
    pub(super) lookup: Lookup,
    /// Number of the issued credentials that the client has proven, where it had not proven them before.
    pub(super) unproven: Option<i64>,
    /// What is known of the client, and from where; for when its session has learned more.
    pub(super) inheritance: Inheritance,
}

impl From<Lookup> for Found {
    fn from(lookup: Lookup) -> Found {
        Found { lookup, unproven: None, inheritance: Inheritance::default() }
    }
}

/// What is to be kept for a device before it may be sent.
pub(super) struct Drawn {
    /// Number of the device.
    pub(super) device: i64,
    /// For each account that is due.
    pub(super) credentials: Vec<NewCredentials>,
}

/// The store as the driver sees it.
pub(super) struct Directory {
    reader: Reader,
    fingerprints: Hmac<Sha256>,
    catalog: Catalog,
    models: Models,
    /// Generation of the catalog and of the models above.
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
        let models = models(&mut reader)?;
        let fingerprints = Hmac::new_from_slice(&seed).expect("HMAC takes keys of any length");
        Ok(Directory { reader, fingerprints, catalog: Catalog::new(rows.servers, rows.profiles), models, generation })
    }

    /// The client's record and provision. `proof` is the key that the client has proven, where it has proven one: it
    /// must still be the device's, or whoever held an old key would be served on an old association. `unwritten` is what
    /// is known of a device by its endpoint and has not reached the store yet.
    pub(super) fn look_up(
        &mut self,
        key: &LookupKey,
        proof: Option<Fingerprint>,
        at: UnixMillis,
        unwritten: impl Fn(&str) -> Option<LearnedKnowledge>,
    ) -> Found {
        match self.try_look_up(key, proof, at, unwritten) {
            Ok(found) => found,
            Err(error) => unavailable(&error).into(),
        }
    }

    /// Draws what is due for the client; none where nothing is, or the client is on no record any more.
    ///
    /// # Errors
    /// What to answer instead.
    pub(super) fn draw(
        &mut self,
        key: &LookupKey,
        proof: Option<Fingerprint>,
        at: UnixMillis,
        random: &mut impl rand::CryptoRng,
    ) -> Result<Option<Drawn>, Lookup> {
        self.try_draw(key, proof, at, random).map_err(|error| unavailable(&error))
    }

    /// The key of a PSK identity. A store that cannot be read is told apart from an identity that is not known.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn psk(&mut self, identity: &[u8]) -> Result<Option<Secret>, StoreError> {
        self.reader.begin_snapshot()?;
        self.reader.psk_for_identity(identity)
    }

    /// Whether this certificate, or this raw public key, is on record of a device, byte for byte.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn is_on_record(&mut self, offered: &Offered) -> Result<bool, StoreError> {
        let (kind, der) = match offered {
            Offered::Certificate(chain) => {
                (IdentityKind::Certificate, chain.first().map(Vec::as_slice).unwrap_or_default())
            }
            Offered::RawPublicKey(key) => (IdentityKind::PublicKey, key.as_slice()),
        };
        Ok(self.identified(kind, &fingerprint(der))?.is_some())
    }

    /// What arrived together has been dealt with: the next look-up sees the store as it is then.
    pub(super) fn end_batch(&mut self) {
        if let Err(error) = self.reader.end_snapshot() {
            error!(%error, "the store cannot be left as it should");
        }
    }

    /// What stands for a key in the memory of an association.
    pub(super) fn fingerprint(&self, key: &Secret) -> Fingerprint {
        let mut mac = self.fingerprints.clone();
        mac.update(key.expose());
        Fingerprint(mac.finalize().into_bytes().into())
    }

    fn try_look_up(
        &mut self,
        key: &LookupKey,
        proof: Option<Fingerprint>,
        at: UnixMillis,
        unwritten: impl Fn(&str) -> Option<LearnedKnowledge>,
    ) -> Result<Found, StoreError> {
        let Some(record) = self.record(key, proof)? else {
            return Ok(match key {
                LookupKey::EndpointName(_) | LookupKey::Certificate { name: Some(_), .. } => Lookup::Unknown.into(),
                // It was on record during the handshake.
                LookupKey::PskIdentity(_) | LookupKey::Certificate { .. } | LookupKey::RawPublicKey(_) => {
                    Lookup::Outdated.into()
                }
            });
        };
        let inheritance = self.inheritance(&record, unwritten)?;
        let provision = match self.resolve(&record, at)? {
            Ok((Resolution::Provision(provision), _)) => Ok(*provision),
            Ok((Resolution::MustIssue(_), _)) => Err(Withheld::MustIssue),
            Err(error) => Err(Withheld::Invalid(error.to_string())),
        };
        let unproven = record.proof.filter(|proof| !proof.is_confirmed).map(|proof| proof.id);
        let credentials = credentials(&record);
        let blocked = record.definition.state == DeviceState::Blocked;
        let device = KnownDevice {
            endpoint: record.definition.endpoint,
            credentials,
            blocked,
            knowledge: inheritance.together(),
            provision,
        };
        Ok(Found { lookup: Lookup::Known(Box::new(device)), unproven, inheritance })
    }

    /// What is known of the client of a device, and of clients of its model.
    fn inheritance(
        &mut self,
        record: &DeviceRecord,
        unwritten: impl Fn(&str) -> Option<LearnedKnowledge>,
    ) -> Result<Inheritance, StoreError> {
        let endpoint = &record.definition.endpoint;
        let device = match unwritten(endpoint) {
            Some(learned) => learned,
            None => self.reader.known(endpoint)?.map(|known| known.learned).unwrap_or_default(),
        };
        let model = self.models.of(&record.definition);
        Ok(Inheritance {
            device,
            kind: model.map(Model::known).unwrap_or_default(),
            model: model.map(|model| model.definition.name.clone()),
        })
    }

    /// The record of a client, if the key that it has proven is the one on record.
    fn record(&mut self, key: &LookupKey, proof: Option<Fingerprint>) -> Result<Option<DeviceRecord>, StoreError> {
        self.begin()?;
        match key {
            LookupKey::EndpointName(name) => self.reader.device_by_endpoint(name),
            LookupKey::PskIdentity(identity) => {
                let found = self.reader.device_and_key(identity)?;
                Ok(found.filter(|(_, key)| proof == Some(self.fingerprint(key))).map(|(record, _)| record))
            }
            LookupKey::Certificate { fingerprint, name } => {
                if let Some(record) = self.identified(IdentityKind::Certificate, fingerprint)? {
                    return Ok(Some(record));
                }
                let Some(name) = name else { return Ok(None) };
                match self.identified(IdentityKind::CertificateName, name.as_bytes())? {
                    Some(record) => Ok(Some(record)),
                    // Whether a name alone is enough for this device is not decided here.
                    None => self.reader.device_by_endpoint(name),
                }
            }
            LookupKey::RawPublicKey(fingerprint) => self.identified(IdentityKind::PublicKey, fingerprint),
        }
    }

    fn identified(&mut self, kind: IdentityKind, value: &[u8]) -> Result<Option<DeviceRecord>, StoreError> {
        self.reader.begin_snapshot()?;
        self.reader.device_by_identity(&DeviceIdentity { kind, value: value.to_vec() })
    }

    /// What the client is to receive, and the issued credentials that this was resolved with.
    fn resolve(&mut self, record: &DeviceRecord, at: UnixMillis) -> Result<Resolved, StoreError> {
        match resolve(&client(record, &[], at), &self.catalog) {
            Ok(Resolution::MustIssue(_)) => {}
            settled => return Ok(settled.map(|resolution| (resolution, Vec::new()))),
        }
        let mut issued = self.reader.issued(&record.definition.endpoint)?;
        for credentials in &mut issued {
            // The store hears of the proof only once the client is served.
            if record.proof.is_some_and(|proof| proof.id == credentials.id) {
                credentials.confirmed.get_or_insert(at.0);
            }
        }
        let resolution = resolve(&client(record, &issued, at), &self.catalog);
        Ok(resolution.map(|resolution| (resolution, issued)))
    }

    fn try_draw(
        &mut self,
        key: &LookupKey,
        proof: Option<Fingerprint>,
        at: UnixMillis,
        random: &mut impl rand::CryptoRng,
    ) -> Result<Option<Drawn>, StoreError> {
        let Some(record) = self.record(key, proof)? else { return Ok(None) };
        let Ok((Resolution::MustIssue(servers), issued)) = self.resolve(&record, at)? else { return Ok(None) };
        let client = client(&record, &issued, at);
        let drawn = servers.iter().map(|server| issue(&client, &self.catalog, server, random));
        // What cannot be drawn cannot be resolved either, and the next look-up says why.
        let credentials = drawn.collect::<Result<Vec<_>, ResolveError>>().ok();
        Ok(credentials.map(|credentials| Drawn { device: record.id, credentials }))
    }

    /// Begins the look-ups of a batch, with the catalog as it is now.
    fn begin(&mut self) -> Result<(), StoreError> {
        let generation = self.reader.generation();
        if generation != self.generation {
            // A snapshot may be older than the generation.
            self.reader.end_snapshot()?;
            let rows = self.reader.catalog()?;
            self.catalog = Catalog::new(rows.servers, rows.profiles);
            self.models = models(&mut self.reader)?;
            self.generation = generation;
        }
        self.reader.begin_snapshot()
    }
}

/// What the device must prove: once it has proven what was issued to it that alone, whatever its definition says.
fn credentials(record: &DeviceRecord) -> Credentials {
    if record.retired {
        let psk_identity = record.proof.and_then(|_| record.identity.clone());
        return Credentials { psk_identity, only_issued: true, ..Credentials::default() };
    }
    Credentials {
        psk_identity: record.identity.clone(),
        certificate: record.certificate_fingerprint,
        certificate_name: record.definition.certificate_name.clone(),
        public_key: record.public_key_fingerprint,
        only_issued: false,
    }
}

/// What is found, together with the issued credentials that were looked at.
type Resolved = Result<(Resolution, Vec<IssuedCredentials>), ResolveError>;

fn client<'a>(record: &'a DeviceRecord, issued: &'a [IssuedCredentials], at: UnixMillis) -> Client<'a> {
    let DeviceRecord { id, definition, rotation_requested, .. } = record;
    Client { device: definition, id: Some(*id), issued, rotation_requested: *rotation_requested, now: at.0 }
}

fn models(reader: &mut Reader) -> Result<Models, StoreError> {
    Ok(Models::new(reader.models()?.into_iter().map(|entry| entry.model)))
}

fn unavailable(error: &StoreError) -> Lookup {
    error!(%error, "the store cannot be read");
    Lookup::Unavailable(format!("The store cannot be read: {error}."))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::Directory;
    use crate::bootstrap::{Lookup, LookupKey, Withheld};
    use crate::provision::{
        ClientKnowledge, DeviceDefinition, KeyText, LearnedKnowledge, ModelDefinition, ProfileDefinition, ResolveError,
        Rule,
    };
    use crate::secret::Secret;
    use crate::store::{Actor, DeviceLearned, FileDefinitions, FileMode, Key, SealingKey, Store, UnixMillis};

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
        let mut is_known = |proof| {
            directory.end_batch();
            match directory.look_up(&identity, proof, UnixMillis(0), |_| None).lookup {
                Lookup::Known(device) => device.endpoint == "meter",
                other => {
                    assert_eq!(other, Lookup::Outdated);
                    false
                }
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

    #[test]
    fn look_ups_of_one_batch_see_one_moment_and_the_next_batch_what_was_acknowledged() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path(), SealingKey::new([1; 32])).unwrap();
        let (actor, at) = (Actor::admin_socket(None), SystemTime::now().into());
        let mut directory = Directory::new(store.reader().unwrap(), [2; 32]).unwrap();
        let psk = |directory: &mut Directory| directory.psk(b"meter").unwrap().is_some();
        assert!(!psk(&mut directory));
        store.add_device(actor, at, device("text:first-key-of-16b")).wait().unwrap();
        assert!(!psk(&mut directory), "the batch goes on");
        directory.end_batch();
        assert!(psk(&mut directory));

        // A change of the catalog is read at once, and what refers to it with it.
        let profile = ProfileDefinition { name: "new".to_owned(), ..ProfileDefinition::default() };
        store.add_profile(actor, at, profile).wait().unwrap();
        let with_profile =
            |old: &DeviceDefinition| Ok::<_, ()>(DeviceDefinition { profile: Some("new".to_owned()), ..old.clone() });
        store.update_device(actor, at, Key::Name("meter".to_owned()), with_profile).wait().unwrap();
        let key = LookupKey::EndpointName("meter".to_owned());
        let Lookup::Known(found) = directory.look_up(&key, None, UnixMillis(0), |_| None).lookup else { panic!() };
        let nothing = ResolveError::ProfileWithoutServers("new".to_owned()).to_string();
        assert_eq!(found.provision, Err(Withheld::Invalid(nothing)));
        assert!(psk(&mut directory));
    }

    fn at_first_sight(directory: &mut Directory, key: &LookupKey) -> Result<String, Lookup> {
        directory.end_batch();
        match directory.look_up(key, None, UnixMillis(0), |_| None).lookup {
            Lookup::Known(device) => Ok(device.endpoint),
            other => Err(other),
        }
    }

    #[test]
    fn a_certificate_is_looked_for_by_its_pin_then_its_name_then_the_endpoint() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path(), SealingKey::new([1; 32])).unwrap();
        let (actor, at) = (Actor::admin_socket(None), SystemTime::now().into());
        let bare = |endpoint: &str| DeviceDefinition { endpoint: endpoint.to_owned(), ..DeviceDefinition::default() };
        let pin = format!("sha256:{}", "07".repeat(32));
        for device in [
            DeviceDefinition { certificate: Some(pin), ..bare("pinned") },
            DeviceDefinition { certificate_name: Some("plain".to_owned()), ..bare("mapped") },
            bare("plain"),
            bare("other"),
        ] {
            store.add_device(actor, at, device).wait().unwrap();
        }
        let mut directory = Directory::new(store.reader().unwrap(), [2; 32]).unwrap();
        let certificate = |fingerprint, name: Option<&str>| LookupKey::Certificate {
            fingerprint: [fingerprint; 32],
            name: name.map(str::to_owned),
        };
        for (key, found) in [
            (certificate(7, None), Ok("pinned")),
            (certificate(7, Some("plain")), Ok("pinned")),
            (certificate(8, Some("plain")), Ok("mapped")),
            (certificate(8, Some("other")), Ok("other")),
            (certificate(8, Some("mapped")), Ok("mapped")),
            (certificate(8, Some("nobody")), Err(Lookup::Unknown)),
            (certificate(8, None), Err(Lookup::Outdated)),
            (LookupKey::RawPublicKey([7; 32]), Err(Lookup::Outdated)),
        ] {
            assert_eq!(at_first_sight(&mut directory, &key), found.map(str::to_owned), "{key:?}");
        }
        // A pin that is taken away after the handshake is good no more.
        let unpinned = |old: &DeviceDefinition| Ok::<_, ()>(DeviceDefinition { certificate: None, ..old.clone() });
        store.update_device(actor, at, Key::Name("pinned".to_owned()), unpinned).wait().unwrap();
        assert_eq!(at_first_sight(&mut directory, &certificate(7, None)), Err(Lookup::Outdated));
    }

    fn block_size(bytes: u16) -> ClientKnowledge {
        ClientKnowledge { block_size: Some(bytes), ..ClientKnowledge::default() }
    }

    fn lesson(endpoint: &str, model: &str, shown: ClientKnowledge) -> DeviceLearned {
        let learned = LearnedKnowledge { shown, ..LearnedKnowledge::default() };
        DeviceLearned { endpoint: endpoint.to_owned(), model: Some(model.to_owned()), learned, at: UnixMillis(5) }
    }

    #[test]
    fn a_session_starts_from_what_is_known_of_the_device_then_of_its_model_then_of_such_clients() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path(), SealingKey::new([1; 32])).unwrap();
        let device = |endpoint: &str| DeviceDefinition { endpoint: endpoint.to_owned(), ..DeviceDefinition::default() };
        let rules = vec![Rule { endpoint: Some("m*".to_owned()), ..Rule::default() }];
        let model = ModelDefinition { name: "model".to_owned(), rules, client: Some("wakaama".to_owned()) };
        let devices = ["m1", "m2", "m3", "m4", "x"].map(device).to_vec();
        let file = FileDefinitions { devices, models: vec![model], ..FileDefinitions::default() };
        let mut directory = Directory::new(store.reader().unwrap(), [2; 32]).unwrap();
        store.apply_file(UnixMillis(1), file, FileMode::Start).wait().unwrap();
        let mut start = |endpoint: &str, unwritten: Option<u16>| {
            let key = LookupKey::EndpointName(endpoint.to_owned());
            directory.end_batch();
            let unwritten = |_: &str| unwritten.map(|bytes| lesson("", "", block_size(bytes)).learned);
            let found = directory.look_up(&key, None, UnixMillis(0), unwritten);
            let Lookup::Known(device) = found.lookup else { panic!("{:?}", found.lookup) };
            assert_eq!(device.knowledge, found.inheritance.together());
            (device.knowledge.block_size, device.knowledge.renumbers_instances, found.inheritance.model)
        };
        let of_model = Some("model".to_owned());
        assert_eq!(start("m1", None), (None, true, of_model.clone()));
        assert_eq!(start("x", None), (None, false, None));
        let lessons = ["m1", "m2"].map(|endpoint| lesson(endpoint, "model", block_size(64))).to_vec();
        store.record_knowledge(lessons).wait().unwrap();
        assert_eq!(start("m1", None), (Some(64), true, of_model.clone()));
        assert_eq!(start("m4", None), (None, true, of_model.clone()), "two devices are not enough");
        store.record_knowledge(vec![lesson("m3", "model", block_size(64))]).wait().unwrap();
        assert_eq!(start("m4", None), (Some(64), true, of_model.clone()));
        assert_eq!(start("x", None), (None, false, None));
        assert_eq!(start("m4", Some(128)), (Some(128), true, of_model), "what is not written yet counts first");
    }
}
