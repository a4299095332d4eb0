//! Who the clients are: with which keys, suites and extensions, and what becomes of them.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bootstrapd::dtls::{Configuration, EngineKind, Identity, Offered, Verdict};
use bootstrapd::secret::Secret;

use crate::device::{Farewell, Plan};
use crate::link::Dice;
use crate::puppet::Profile;
use crate::puppet::certificate::Holder;
use crate::puppet::prf;
use crate::puppet::protection::{ECDHE_SUITES, PSK_SUITES};

/// Clients of one run that have a certificate or a raw public key, at most.
const HOLDERS: usize = 16;

/// The keys that are on record, and some that are not.
struct Pki {
    root: Holder,
    server: Holder,
    devices: Vec<Holder>,
    strangers: Vec<Holder>,
}

fn pki() -> &'static Pki {
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

/// A listener with everything on.
pub fn configuration(dice: &mut Dice) -> Configuration {
    let Pki { root, server, .. } = pki();
    Configuration {
        engine: EngineKind::Native,
        identity: Some(Identity { chain: server.chain.clone(), private_key: Secret::from(server.private_key()) }),
        trust_anchors: root.chain.clone(),
        raw_public_keys: true,
        initial_timeout: Duration::from_secs(dice.one_of(&[1, 1, 1, 9])),
        mtu: dice.one_of(&[1232, 1232, 400]),
        ..Configuration::default()
    }
}

/// The name by which a server knows a client, as [`bootstrapd::peer::Peer`] has it: an identity, a leaf, or a key.
pub fn name_of(plan: &Plan) -> Vec<u8> {
    use crate::puppet::Proof;
    match &plan.profile.proof {
        Proof::Psk { identity, .. } => identity.clone(),
        Proof::Certificate { chain, .. } => chain[0].clone(),
        Proof::RawPublicKey { key } => crate::puppet::proof::spki(key),
    }
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

/// A client of an ordinary kind, whose flights are of one datagram each, and which tries once.
pub fn plain(number: usize) -> Plan {
    let identity = format!("urn:dev:os:{number:06}").into_bytes();
    let key = key_of(&identity).expect("on record");
    Plan {
        profile: Profile::psk(&identity, key.expose()),
        is_right: true,
        vanishes_after: None,
        tries: 5,
        attempts_max: Some(1),
        rounds: 0,
        farewell: Farewell::Vanish,
    }
}

/// Any client. `number` tells those of one run apart.
pub fn drawn(dice: &mut Dice, number: usize) -> Plan {
    let fate = dice.below(100);
    let is_right = fate >= 15;
    let profile = match (number, dice.below(100)) {
        (..HOLDERS, 70..) => with_certificate(dice, number, is_right),
        _ => with_psk(number, fate),
    };
    Plan {
        profile: Profile {
            suites: drawn_suites(dice, &profile.suites),
            extended_master_secret: dice.happens(0.7),
            max_fragment_length: if dice.happens(0.2) { Some(1 + dice.below(4) as u8) } else { None },
            connection_id: match dice.below(10) {
                0..4 => None,
                4..7 => Some(Vec::new()),
                _ => Some(dice.bytes()[..1 + dice.below(8) as usize].to_vec()),
            },
            mtu: dice.one_of(&[1232, 1232, 1232, 300]),
            fragment: dice.one_of(&[1 << 14, 1 << 14, 1 << 14, 40]),
            one_record_per_datagram: dice.happens(0.1),
            ..profile
        },
        is_right,
        vanishes_after: dice.happens(0.1).then(|| 1 + dice.below(10)),
        tries: 6,
        attempts_max: (!is_right).then_some(2),
        rounds: 1 + dice.below(3) as u32,
        farewell: dice.one_of(&[Farewell::Vanish, Farewell::CloseNotify, Farewell::Linger, Farewell::Close]),
    }
}

/// A client with a certificate that is believed.
pub fn holder_profile() -> Profile {
    let Holder { key, chain, .. } = pki().devices[0].clone();
    Profile::certificate(chain, key)
}

/// Of every hundred clients eight have a wrong key, and seven an identity that nobody knows.
fn with_psk(number: usize, fate: u64) -> Profile {
    let identity = format!("urn:dev:os:{number:06}").into_bytes();
    let key = key_of(&identity).expect("on record");
    match fate {
        0..8 => Profile::psk(&identity, b"not the right one"),
        8..15 => Profile::psk(format!("stranger {number}").as_bytes(), key.expose()),
        _ => Profile::psk(&identity, key.expose()),
    }
}

fn with_certificate(dice: &mut Dice, number: usize, is_right: bool) -> Profile {
    let Pki { devices, strangers, .. } = pki();
    let Holder { key, chain, .. } = if is_right { devices[number].clone() } else { strangers[number].clone() };
    if dice.happens(0.4) { Profile::raw_public_key(key) } else { Profile::certificate(chain, key) }
}

/// One of a kind, or all.
fn drawn_suites(dice: &mut Dice, suites: &[u16]) -> Vec<u16> {
    assert!(suites == PSK_SUITES || suites == ECDHE_SUITES, "which of them were meant?");
    match dice.below(2) {
        0 => suites.to_vec(),
        _ => vec![dice.one_of(suites)],
    }
}
