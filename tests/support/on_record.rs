//! What a listener of the tests knows: pre-shared keys, certificates and raw public keys, and the clients that have them.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bootstrapd::dtls::{Configuration, EngineKind, Identity, Offered, Verdict};
use bootstrapd::secret::Secret;

use crate::puppet::certificate::Holder;
use crate::puppet::{Profile, prf};

/// How many clients have a certificate and a raw public key of their own.
pub const HOLDERS: usize = 16;

/// The authorities, and whom they speak for.
pub struct Pki {
    pub root: Holder,
    pub server: Holder,
    /// Each with an authority between it and the root.
    pub devices: Vec<Holder>,
    /// Of an authority that is not trusted.
    pub strangers: Vec<Holder>,
}

pub fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let root = Holder::root("root", 1);
        let factory = root.issue("factory", 2, true, 0);
        let elsewhere = Holder::root("elsewhere", 3);
        let of = |issuer: &Holder, first: u64| {
            (0..HOLDERS as u64).map(|number| issuer.issue("device", first + number, false, 0)).collect()
        };
        let (devices, strangers) = (of(&factory, 100), of(&elsewhere, 200));
        Pki { server: root.issue("server.example.com", 4, false, 0), root, devices, strangers }
    })
}

/// A listener of the engine of our own, with everything on.
pub fn configuration() -> Configuration {
    let Pki { root, server, .. } = pki();
    Configuration {
        engine: EngineKind::Native,
        identity: Some(Identity { chain: server.chain.clone(), private_key: Secret::from(server.private_key()) }),
        trust_anchors: root.chain.clone(),
        raw_public_keys: true,
        ..Configuration::default()
    }
}

/// A client with a pre-shared key.
pub fn psk(number: usize) -> Profile {
    let identity = identity(number);
    let key = key_of(&identity).expect("on record");
    Profile::psk(&identity, key.expose())
}

/// The identity of a client with a pre-shared key.
pub fn identity(number: usize) -> Vec<u8> {
    format!("urn:dev:os:{number:06}").into_bytes()
}

/// A client with a certificate that is believed.
pub fn certificate(number: usize) -> Profile {
    let Holder { key, chain, .. } = pki().devices[number].clone();
    Profile::certificate(chain, key)
}

/// A client with a raw public key.
pub fn raw_public_key(number: usize) -> Profile {
    Profile::raw_public_key(pki().devices[number].key.clone())
}

/// The key of an identity that is on record.
pub fn key_of(identity: &[u8]) -> Option<Secret> {
    identity.starts_with(b"urn:dev:").then(|| Secret::from(&prf::hash(identity)[..16]))
}

/// What is on record about a certificate or raw public key.
pub fn verdict_on(offered: &Offered) -> Verdict {
    match offered {
        Offered::Certificate(_) => {
            Verdict::Unpinned { at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) }
        }
        Offered::RawPublicKey(key) if pki().devices.iter().any(|holder| holder.spki() == *key) => Verdict::Known,
        Offered::RawPublicKey(_) => Verdict::Unknown,
    }
}
