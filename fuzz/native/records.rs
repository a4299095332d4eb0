//! Datagrams of somebody who has no keys, to a server with half a handshake and with associations, from their addresses
//! and from others: nothing comes of them, and who was connected stays so.

use std::time::Duration;

use bootstrapd::dtls::{CloseReason, Output};
use bootstrapd::route::Route;

use super::puppet::{Profile, Puppet};
use super::world::{Choices, IDENTITY, KEY, World, pre_shared, route};

/// Where the half-open handshake is, the two associations, and nobody.
const HALF_OPEN: u8 = 1;
const PLAIN: u8 = 2;
const WITH_ID: u8 = 3;
const NOBODY: u8 = 4;

/// Each datagram stands after a byte that says from where it comes, and its length in another; the length 0 is time that
/// goes by.
pub fn records(data: &[u8]) {
    let mut choices = Choices(data);
    let mut world = World::new(pre_shared());
    let psk = Profile::psk(IDENTITY, KEY);
    let (mut plain, on_plain) = world.connect(route(PLAIN), psk.clone(), 1);
    let with_id = Profile { connection_id: Some(Vec::new()), ..psk.clone() };
    let (mut roaming, on_roaming) = world.connect(route(WITH_ID), with_id, 2);
    let (mut waiting, finished) = half_open(&mut world, psk);
    let (mut strangers_bytes, mut is_replayed, mut seconds) = (0, false, 0..200);
    while let Some(from) = choices.next() {
        let (from, length) = (HALF_OPEN + from % NOBODY, choices.pick());
        let datagram = choices.take(usize::from(length));
        let answers = match length {
            // Less than it takes to be idle.
            0 => world.wait(Duration::from_secs(u64::from(seconds.next().is_some()))),
            _ => world.give(route(from), datagram),
        };
        is_replayed |= from == HALF_OPEN && contains(datagram, &finished);
        strangers_bytes += if from == NOBODY { datagram.len() } else { 0 };
        // A cookie that is right for the address of a stranger would be a recorded one, and he has none.
        let to_stranger = answers.iter().filter(|(to, _)| *to == route(NOBODY)).map(|(_, bytes)| bytes.len());
        strangers_bytes = strangers_bytes.checked_sub(to_stranger.sum()).expect("no more than a stranger sent");
        for (to, _) in &answers {
            assert!(length == 0 || *to == route(from), "somebody else is told something");
        }
        for event in std::mem::take(&mut world.events) {
            assert!(is_of_half_open(&event, is_replayed), "{event:?}");
        }
    }
    world.assert_alive(route(PLAIN), &mut plain, on_plain);
    world.assert_alive(route(WITH_ID), &mut roaming, on_roaming);
    // Whatever became of the half-open one, a client there is served.
    let again = waiting.handle_timeout();
    world.talk(route(HALF_OPEN), &mut waiting, again);
    world.connect(route(HALF_OPEN), Profile::psk(IDENTITY, KEY), 4);
}

/// A handshake that has come as far as ServerHelloDone, and the record with the Finished that its client would send.
fn half_open(world: &mut World, profile: Profile) -> (Puppet, Vec<u8>) {
    let mut puppet = Puppet::new(profile, 3);
    for _ in 0..2 {
        let hello = puppet.start().remove(0);
        for (_, answer) in world.give(route(HALF_OPEN), &hello) {
            puppet.hear(&answer);
        }
    }
    puppet.build_second_flight();
    let finished = puppet.flight_records().pop().expect("a flight ends with Finished");
    (puppet, finished)
}

/// What may become of the half-open handshake: it is killed by what is not authenticated, or completed by what its client
/// really would have sent.
fn is_of_half_open(event: &Output, is_replayed: bool) -> bool {
    let here = |there: &Route| *there == route(HALF_OPEN);
    match event {
        Output::Established { route, .. } => here(route) && is_replayed,
        Output::Closed { route, reason, .. } => {
            here(route) && !matches!(reason, CloseReason::CloseNotify | CloseReason::Broken | CloseReason::Idle)
                || matches!(
                    reason,
                    CloseReason::NoCommonSuite(_)
                        | CloseReason::NoCommonVersion
                        | CloseReason::HandshakeFailed
                        | CloseReason::ClientAlert(_)
                )
        }
        _ => false,
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
