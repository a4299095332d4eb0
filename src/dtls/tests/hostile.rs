//! What anybody may send who knows an address: nothing is remembered for it, and nothing dies of it.

use proptest::prelude::*;

use super::super::{AssociationId, Configuration, Output};
use super::client::{Client, Profile};
use super::is_openssl;
use super::pki::{Holder, Pki};
use super::world::{World, route};

const SUITES: [&str; 8] = [
    "PSK-AES128-CCM8",
    "PSK-AES128-CCM",
    "PSK-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-CCM8",
    "ECDHE-ECDSA-AES128-CCM",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    // Those with CBC, which the native engine does not serve.
    "PSK-AES128-CBC-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
];

/// Those that the engine serves.
fn suites() -> &'static [&'static str] {
    if is_openssl() { &SUITES } else { &SUITES[..6] }
}

/// A client of one suite on a listener for all of them, with an association.
fn connect(ciphers: &'static str) -> (World, Client, AssociationId, Holder) {
    let pki = Pki::new();
    let mut world = World::new(pki.configuration());
    let device = pki.device();
    let (client, association, _) = world.prove(route(1), Profile { ciphers, ..Profile::of(&device) });
    (world, client, association, device)
}

#[test]
fn client_hellos_without_cookie_leave_nothing_behind() {
    let mut world = World::new(Configuration::default());
    for port in 1..=1000 {
        let hello = Client::new(Profile::default()).step().remove(0);
        let answers = world.give(route(port), &hello);
        assert_eq!(answers.len(), 1);
        assert!(answers[0].len() < hello.len());
    }
    let statistics = world.server.statistics();
    assert_eq!((statistics.associations, statistics.handshakes, statistics.cookies_sent), (0, 0, 1000));
    assert_eq!(world.server.poll_timeout(), None);
}

#[test]
fn a_cookie_from_another_address_is_refused() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile::default());
    for datagram in client.step() {
        world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
    }
    let with_cookie = client.step().remove(0);
    assert_eq!(world.give(route(2), &with_cookie)[0][13], 3, "a HelloVerifyRequest");
    assert_eq!(world.server.statistics().handshakes, 0);
    assert_eq!(world.give(route(1), &with_cookie)[0][13], 2, "a ServerHello");
}

#[test]
fn forged_records_of_every_length_leave_an_association_alive() {
    for ciphers in suites() {
        let (mut world, mut client, association, _) = connect(ciphers);
        for content_type in 20..=24 {
            for epoch in 0..=2 {
                for length in 0..=100 {
                    let mut record = vec![content_type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 1, length, 0, length];
                    record.extend((0..length).map(|position| if position % 2 == 0 { 2 } else { length }));
                    world.give(route(1), &record);
                }
            }
        }
        assert_eq!(world.events, [], "{ciphers}");
        world.assert_alive(route(1), &mut client, association);
    }
}

#[test]
fn an_alert_in_the_clear_ends_no_association() {
    let mut world = World::new(Configuration::default());
    let (mut client, association) = world.connect(route(1), Profile::default());
    for alert in [[2, 40], [1, 0], [2, 0]] {
        let record = [&[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2], &alert[..]].concat();
        world.give(route(1), &record);
        // Beside a handshake, too.
        let mut other = Client::new(Profile::default());
        for _ in 0..2 {
            for datagram in other.step() {
                world.give(route(1), &datagram).into_iter().for_each(|answer| other.deliver(answer));
            }
        }
        world.give(route(1), &record);
        world.assert_alive(route(1), &mut client, association);
    }
}

#[test]
fn a_changed_byte_anywhere_is_no_application_data_and_the_genuine_datagram_still_is() {
    for ciphers in suites() {
        let (mut world, mut client, association, _) = connect(ciphers);
        let genuine = client.seal(b"genuine");
        for position in 0..genuine.len() {
            for bit in [1, 0x80] {
                let mut forged = genuine.clone();
                forged[position] ^= bit;
                world.give(route(1), &forged);
            }
        }
        assert_eq!(world.events, [], "{ciphers}");
        world.give(route(1), &genuine);
        let once = [Output::ApplicationData { association, bytes: b"genuine".to_vec() }];
        assert_eq!(world.events, once, "{ciphers}");
        world.give(route(1), &genuine);
        assert_eq!(world.events, once, "a replay, {ciphers}");
    }
}

#[test]
fn garbage_keeps_no_association_from_being_idle() {
    let mut world = World::new(Configuration::default());
    let (_client, association) = world.connect(route(1), Profile::default());
    let idle_timeout = Configuration::default().idle_timeout;
    world.pass(idle_timeout / 2);
    world.give(
        route(1),
        &[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0],
    );
    world.pass(idle_timeout / 2);
    world.collect(route(1));
    assert_eq!(world.closed(), [(association, super::super::CloseReason::Idle)]);
}

#[test]
fn a_flood_of_early_records_does_not_reach_the_engine() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile::default());
    for _ in 0..2 {
        for datagram in client.step() {
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
    }
    for sequence in 0..200 {
        let mut record = vec![22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, sequence, 0, 40];
        record.extend([sequence; 40]);
        world.give(route(1), &record);
    }
    // The client's own Finished finds no room: it is repeated with its flight.
    for _ in 0..2 {
        world.talk(route(1), &mut client);
    }
    assert_eq!(world.server.statistics().handshakes, 1);
    assert!(!client.has_failed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn random_datagrams_at_any_moment_panic_nowhere_and_spoil_no_association(
        garbage in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..120), 20u8..25, 0u8..3, any::<bool>()), 1..20),
        suite in 0usize..8,
        with_certificate in any::<bool>(),
    ) {
        let (mut world, mut client, association, device) = connect(suites()[suite % suites().len()]);
        let mut half = Client::new(if with_certificate { Profile::of(&device) } else { Profile::default() });
        for (mut bytes, content_type, epoch, framed) in garbage {
            for datagram in half.step() {
                world.give(route(1), &datagram).into_iter().for_each(|answer| half.deliver(answer));
            }
            if framed && bytes.len() > 13 {
                let length = u8::try_from(bytes.len() - 13).expect("short");
                bytes[..5].copy_from_slice(&[content_type, 0xfe, 0xfd, 0, epoch]);
                bytes[5..11].copy_from_slice(&[0, 0, 0, 0, 1, length]);
                bytes[11..13].copy_from_slice(&[0, length]);
            }
            world.give(route(1), &bytes);
        }
        if world.server.statistics().handshakes_completed == 1 {
            world.assert_alive(route(1), &mut client, association);
        }
    }
}

/// A record of nobody's making.
fn forged(kind: u8, version: u8, epoch: u8, sequence: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut record = vec![kind, 0xfe, version, 0, epoch, 0, 0, 0, 0, 1, sequence];
    record.extend_from_slice(&length);
    record.extend_from_slice(body);
    record
}

/// Where the parser in front and OpenSSL see different boundaries, a stranger could end an association.
#[test]
fn no_forged_datagram_ends_an_association_however_its_records_are_cut() {
    let stub = forged(23, 0xfd, 1, 2, &[1, 2, 3]);
    let nested = [stub.as_slice(), &[0; 24]].concat();
    let datagrams = [
        [forged(23, 0xfd, 1, 1, &[7; 40]), forged(24, 0xfd, 1, 2, &[1, 2, 3])].concat(),
        [forged(23, 0xfd, 1, 1, &[7; 40]), stub.clone(), vec![23, 0xfe]].concat(),
        forged(23, 0xff, 1, 1, &nested),
        [forged(23, 0xfd, 1, 1, &[7; 40]), forged(22, 0xfd, 1, 2, &[]), forged(20, 0xff, 0, 2, &nested)].concat(),
        [forged(23, 0xfd, 1, 1, &[7; 20_000]), stub].concat(),
    ];
    for ciphers in suites() {
        for (number, datagram) in datagrams.iter().enumerate() {
            let (mut world, mut client, association, _) = connect(ciphers);
            world.give(route(1), datagram);
            let closed = world.events.iter().any(|event| matches!(event, Output::Closed { .. }));
            assert!(!closed, "{ciphers}: datagram {number}: {:?}", world.events);
            world.assert_alive(route(1), &mut client, association);
        }
    }
}

#[test]
fn certificates_beyond_the_bound_are_not_kept_and_keep_nobody_out() {
    let pki = Pki::new();
    let mut world = World::new(pki.configuration());
    let mut client = Client::new(Profile::of(&pki.device()));
    for _ in 0..2 {
        for datagram in client.step() {
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
    }
    // The first byte of a Certificate of 16 MiB, of a ClientKeyExchange of 64 KiB and of a message that is not due yet.
    for (kind, sequence, length) in [(11, 2, [0xff; 3]), (16, 3, [0, 0xff, 0xff]), (11, 9, [0, 0, 9])] {
        let fragment = [&[kind], &length[..], &[0, sequence, 0, 0, 0, 0, 0, 1, 7]].concat();
        assert_eq!(world.give(route(1), &forged(22, 0xfd, 0, sequence, &fragment)), [] as [Vec<u8>; 0]);
    }
    world.talk(route(1), &mut client);
    assert!(client.is_established);
}
