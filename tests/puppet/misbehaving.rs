//! A client that misbehaves is not served, and a server that misbehaves is not believed.

use bootstrapd::dtls::{AlertDescription, CloseReason, EngineKind, Output};

use crate::behaving::half_open;
use crate::puppet::message::{CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED};
use crate::puppet::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use crate::puppet::{Layout, Message, Profile, Proof, Puppet, proof};
use crate::world::{IDENTITY, Pki, World, engines, plain, psk};

#[test]
fn a_wrong_key_and_an_unknown_identity_are_met_with_silence() {
    for engine in engines() {
        for profile in [Profile::psk(IDENTITY, b"wrong"), Profile::psk(b"unknown", b"0123456789abcdef")] {
            let (mut world, mut puppet) = (World::new(plain(engine)), Puppet::new(profile, 7));
            world.persist(&mut puppet, &mut |_, datagram| vec![datagram]);
            assert!(!puppet.is_established());
            assert_eq!((puppet.alert_received(), puppet.dropped_records()), (None, 0));
            assert_eq!(world.events, [], "{engine:?}");
        }
    }
}

#[test]
fn a_certificate_without_its_key_proves_nothing() {
    let pki = Pki::padded(0);
    for engine in engines() {
        let mut world = World::new(pki.configuration(engine));
        let mut puppet = Puppet::new(Profile::certificate(pki.device.chain.clone(), proof::signing_key(99)), 7);
        world.persist(&mut puppet, &mut |_, datagram| vec![datagram]);
        assert!(!puppet.is_established());
        assert_eq!(puppet.alert_received(), Some((2, 51)), "{engine:?}: decrypt_error");
        assert_eq!(world.closed(), [CloseReason::KeyMismatch]);
    }
}

/// Nothing is waited for then: it is the client's own. OpenSSL looks at it only after a Finished.
#[test]
fn a_client_that_gives_up_under_protection_is_told_by_its_alert() {
    for (level, description) in [(2, 51), (2, 80), (1, 0)] {
        let (mut world, mut puppet) = (World::new(plain(EngineKind::Native)), Puppet::new(psk(), 7));
        half_open(&mut world, &mut puppet);
        let exchange = puppet.client_key_exchange();
        let exchange = puppet.send(&exchange, 0);
        world.give(&exchange);
        let change = puppet.record(CHANGE_CIPHER_SPEC, 0, &[1]);
        world.give(&change);
        puppet.derive_keys();
        let alert = puppet.record(ALERT, 1, &[level, description]);
        world.give(&alert);
        assert_eq!(world.closed(), [CloseReason::ClientAlert(AlertDescription(description))]);
    }
}

/// What a client may do wrong in its second flight: the message that is changed, and how. Records as they are sent.
fn second_flight(puppet: &mut Puppet, wrong: u8, change: impl Fn(&mut Puppet, Message) -> Message) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let is_certified = !matches!(puppet.profile.proof, Proof::Psk { .. });
    let mut add = |puppet: &mut Puppet, message: Message, epoch| {
        let message = if message.message_type == wrong { change(puppet, message) } else { message };
        datagrams.push(puppet.send(&message, epoch));
        if epoch == 0 && message.message_type == if is_certified { CERTIFICATE_VERIFY } else { CLIENT_KEY_EXCHANGE } {
            datagrams.push(puppet.record(CHANGE_CIPHER_SPEC, 0, &[1]));
        }
    };
    if is_certified {
        let certificate = puppet.certificate();
        add(puppet, certificate, 0);
    }
    let exchange = puppet.client_key_exchange();
    add(puppet, exchange, 0);
    if is_certified {
        let verify = puppet.certificate_verify();
        add(puppet, verify, 0);
    }
    let finished = puppet.finished();
    add(puppet, finished, 1);
    datagrams
}

/// Gives the server a second flight, then application data; `true`: it believed the client.
fn is_believed(engine: EngineKind, profile: Profile, wrong: u8, change: fn(&mut Puppet, Message) -> Message) -> bool {
    let (mut world, mut puppet) = (World::new(Pki::padded(0).configuration(engine)), Puppet::new(profile, 7));
    half_open(&mut world, &mut puppet);
    for datagram in second_flight(&mut puppet, wrong, change) {
        for answer in world.give(&datagram) {
            puppet.hear(&answer);
        }
    }
    let data = puppet.seal(b"believe me");
    world.give(&data);
    let is_heard = world.events.iter().any(|event| matches!(event, Output::ApplicationData { .. }));
    let is_believed = world.established().is_some();
    assert_eq!((is_heard, puppet.is_established()), (is_believed, is_believed), "{:?}", world.events);
    is_believed
}

#[test]
fn one_wrong_message_in_a_second_flight_is_enough() {
    let pki = Pki::padded(0);
    for engine in engines() {
        for profile in [psk(), pki.certified()] {
            // Unchanged, it is believed: the others fail for what is changed.
            assert!(is_believed(engine, profile.clone(), FINISHED, |_, message| message));
            assert!(!is_believed(engine, profile.clone(), FINISHED, |_, message| message.with_flipped(3, 1)));
            assert!(!is_believed(engine, profile.clone(), FINISHED, |_, message| Message::new(
                FINISHED,
                &message.body[..11]
            )));
            assert!(!is_believed(engine, profile, CLIENT_KEY_EXCHANGE, |_, message| message.with_flipped(9, 0x40)));
        }
        assert!(!is_believed(engine, pki.certified(), CERTIFICATE_VERIFY, |_, message| message.with_flipped(20, 1)));
        let off_the_curve = |_: &mut Puppet, _| Message::ecdh_key_exchange(&proof::point_off_the_curve());
        assert!(!is_believed(engine, pki.certified(), CLIENT_KEY_EXCHANGE, off_the_curve));
    }
}

#[test]
fn finished_in_the_clear_and_data_before_finished_are_not_heard() {
    for engine in engines() {
        let (mut world, mut puppet) = (World::new(plain(engine)), Puppet::new(psk(), 7));
        half_open(&mut world, &mut puppet);
        let exchange = puppet.client_key_exchange();
        let datagram = puppet.send(&exchange, 0);
        world.give(&datagram);
        let early = puppet.seal(b"too early");
        world.give(&early);
        let datagram = puppet.record(CHANGE_CIPHER_SPEC, 0, &[1]);
        world.give(&datagram);
        let finished = puppet.finished();
        let handshake = puppet.commit(&finished);
        let clear = puppet.record(HANDSHAKE, 0, &handshake.whole());
        let clear_in_epoch_1 =
            puppet.record_with(&Layout { is_encrypted: Some(false), ..Layout::new(HANDSHAKE, 1) }, &handshake.whole());
        let data = puppet.seal(b"still too early");
        let clear_data = puppet.record(APPLICATION_DATA, 0, b"in the clear");
        for datagram in [clear, clear_in_epoch_1, data, clear_data] {
            world.give(&datagram);
        }
        assert_eq!(world.events, [], "{engine:?}");
        let right = puppet.record(HANDSHAKE, 1, &handshake.whole());
        for answer in world.give(&right) {
            puppet.hear(&answer);
        }
        assert!(puppet.is_established(), "{engine:?}: none of it harmed the handshake");
    }
}

/// Offsets of bytes within a datagram of the server's that belong to bodies of handshake messages in the clear.
fn body_bytes(datagram: &[u8]) -> Vec<usize> {
    let mut bytes = Vec::new();
    let mut start = 0;
    while datagram.len() >= start + 13 {
        let end = start + 13 + usize::from(datagram[start + 11]) * 256 + usize::from(datagram[start + 12]);
        if datagram[start] == HANDSHAKE && datagram[start + 4] == 0 {
            // One message in one record, as both engines send them here; messages without body aside.
            bytes.extend(start + 13 + 12..end);
        }
        start = end;
    }
    bytes
}

#[test]
fn whatever_is_changed_in_what_the_server_says_is_noticed() {
    let pki = Pki::padded(0);
    for engine in engines() {
        for profile in [psk(), pki.certified()] {
            let half = |(): ()| {
                let (mut world, mut puppet) = (World::new(pki.configuration(engine)), Puppet::new(profile.clone(), 7));
                let hello = puppet.start().remove(0);
                world.give(&hello).iter().for_each(|answer| {
                    puppet.hear(answer);
                });
                let hello = puppet.start().remove(0);
                let flight = world.give(&hello);
                (world, puppet, flight)
            };
            let positions = body_bytes(&half(()).2[0]);
            assert!(positions.len() > 30, "{positions:?}");
            // Every byte of the first messages, then some: each costs a handshake.
            for position in positions.iter().take(60).chain(positions.iter().skip(60).step_by(37)) {
                let (mut world, mut puppet, mut flight) = half(());
                flight[0][*position] ^= 1;
                let answers = flight.iter().flat_map(|datagram| puppet.handle_datagram(datagram)).collect();
                world.talk(&mut puppet, answers, 0, &mut |_, datagram| vec![datagram]);
                assert!(!puppet.is_established(), "{engine:?}: byte {position}");
            }
        }
    }
}

#[test]
fn a_wrong_signature_of_the_servers_is_named() {
    let pki = Pki::padded(0);
    for engine in engines() {
        let (mut world, mut puppet) = (World::new(pki.configuration(engine)), Puppet::new(pki.certified(), 7));
        let first = puppet.start();
        // The signature ends ServerKeyExchange, which is a record of its own: its last byte.
        world.talk(&mut puppet, first, 0, &mut |_, mut datagram| {
            let mut start = 0;
            while datagram.len() >= start + 14 {
                let end = start + 13 + usize::from(datagram[start + 11]) * 256 + usize::from(datagram[start + 12]);
                if (datagram[start], datagram[start + 4], datagram[start + 13]) == (HANDSHAKE, 0, 12) {
                    datagram[end - 1] ^= 1;
                }
                start = end;
            }
            vec![datagram]
        });
        let faults: Vec<u8> = puppet.faults().iter().map(|fault| fault.alert).collect();
        assert_eq!(faults, [51], "{engine:?}: {:?}", puppet.faults());
    }
}
