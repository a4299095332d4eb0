//! Who the clients are: with which keys, suites and extensions, and what becomes of them.

use std::time::Duration;

use bootstrapd::dtls::Configuration;

use crate::device::{Farewell, Plan};
use crate::link::Dice;
use crate::on_record::{self, HOLDERS};
use crate::puppet::protection::{ECDHE_SUITES, PSK_SUITES};
use crate::puppet::{Profile, Proof, proof};

/// A listener with everything on.
pub fn configuration(dice: &mut Dice) -> Configuration {
    Configuration {
        initial_timeout: Duration::from_secs(dice.one_of(&[1, 1, 1, 9])),
        mtu: dice.one_of(&[1232, 1232, 400]),
        ..on_record::configuration()
    }
}

/// The name by which a server knows a client, as [`bootstrapd::peer::Peer`] has it: an identity, a leaf, or a key.
pub fn name_of(plan: &Plan) -> Vec<u8> {
    match &plan.profile.proof {
        Proof::Psk { identity, .. } => identity.clone(),
        Proof::Certificate { chain, .. } => chain[0].clone(),
        Proof::RawPublicKey { key } => proof::spki(key),
    }
}

/// A client of an ordinary kind, whose flights are of one datagram each, and which tries once.
pub fn plain(number: usize) -> Plan {
    Plan {
        profile: on_record::psk(number),
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

/// Of every hundred clients eight have a wrong key, and seven an identity that nobody knows.
fn with_psk(number: usize, fate: u64) -> Profile {
    let right = on_record::psk(number);
    match (fate, &right.proof) {
        (0..8, Proof::Psk { identity, .. }) => Profile::psk(identity, b"not the right one"),
        (8..15, Proof::Psk { key, .. }) => Profile::psk(format!("stranger {number}").as_bytes(), key),
        _ => right,
    }
}

fn with_certificate(dice: &mut Dice, number: usize, is_right: bool) -> Profile {
    let is_raw = dice.happens(0.4);
    let stranger = &on_record::pki().strangers[number];
    match (is_right, is_raw) {
        (true, true) => on_record::raw_public_key(number),
        (true, false) => on_record::certificate(number),
        (false, true) => Profile::raw_public_key(stranger.key.clone()),
        (false, false) => Profile::certificate(stranger.chain.clone(), stranger.key.clone()),
    }
}

/// One of a kind, or all.
fn drawn_suites(dice: &mut Dice, suites: &[u16]) -> Vec<u16> {
    assert!(suites == PSK_SUITES || suites == ECDHE_SUITES, "which of them were meant?");
    match dice.below(2) {
        0 => suites.to_vec(),
        _ => vec![dice.one_of(suites)],
    }
}
