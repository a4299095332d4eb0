//! Loss, duplication and disorder. Retransmission runs by OpenSSL's own clock, so these tests use short real timers.

use std::time::{Duration, Instant};

use super::super::record::Records;
use super::super::{Configuration, Output};
use super::client::{Client, Profile};
use super::is_openssl;
use super::pki::{Holder, Pki, padded};
use super::world::{World, route};

const TIMEOUT: Duration = Duration::from_millis(30);

fn world() -> World {
    World::new(Configuration { initial_timeout: TIMEOUT, ..Configuration::default() })
}

/// Talks in real time until the client is established, at most 30 s. `fate` turns the number of a datagram, counted
/// over both directions, into how often it arrives.
fn talk_over(world: &mut World, client: &mut Client, mut fate: impl FnMut(usize) -> usize) -> usize {
    let (mut count, end) = (0, Instant::now() + Duration::from_secs(30));
    let mut copies = || {
        count += 1;
        fate(count - 1)
    };
    while Instant::now() < end {
        let sent = client.step();
        world.now = Instant::now();
        let mut answers = Vec::new();
        for datagram in sent {
            for _ in 0..copies() {
                answers.extend(world.give(route(1), &datagram));
            }
        }
        if world.server.poll_timeout().is_some_and(|due| due <= world.now) {
            world.server.handle_timeout(world.now);
        }
        answers.extend(world.collect(route(1)));
        let is_quiet = answers.is_empty();
        for answer in answers {
            for _ in 0..copies() {
                client.deliver(answer.clone());
            }
        }
        if is_quiet && client.is_established {
            break;
        }
        if is_quiet {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    count
}

/// By the server's table; OpenSSL has its own clock.
#[test]
fn on_a_slow_network_a_flight_is_sent_again_after_9_s() {
    if is_openssl() {
        return;
    }
    let slow = Duration::from_secs(9);
    let mut world = World::new(Configuration { initial_timeout: slow, ..Configuration::default() });
    let mut client = Client::new(Profile::default());
    for datagram in client.step() {
        world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
    }
    let hello = client.step().pop().expect("a ClientHello with a cookie");
    let flight = world.give(route(1), &hello);
    assert_eq!(world.server.poll_timeout(), Some(world.now + slow));
    for (wait, sent_again) in [(slow, 1), (slow, 0), (slow, 1)] {
        world.pass(wait - Duration::from_millis(1));
        assert_eq!(world.collect(route(1)), Vec::<Vec<u8>>::new(), "not yet");
        world.pass(Duration::from_millis(1));
        assert_eq!(world.collect(route(1)).len(), sent_again * flight.len());
    }
}

fn impatient() -> Client {
    Client::new(Profile { timeout: TIMEOUT, ..Profile::default() })
}

/// A listener for certificates whose flights take several datagrams either way, and a client for it.
fn certified_world() -> (World, Holder) {
    let pki = Pki::new();
    let identity = Some(padded("server", 500).issued_by(&pki.root).identity());
    let configuration = Configuration { initial_timeout: TIMEOUT, mtu: 300, identity, ..pki.configuration() };
    (World::new(configuration), padded("device", 500).issued_by(&pki.root))
}

fn certified(holder: &Holder) -> Client {
    Client::new(Profile { timeout: TIMEOUT, mtu: 300, ..Profile::of(holder) })
}

fn assert_served(world: &mut World, client: &mut Client) {
    assert!(client.is_established);
    let mut established = world.events.iter().filter_map(|event| match event {
        Output::Established { association, .. } => Some(*association),
        _ => None,
    });
    let association = established.next_back().expect("established");
    client.step();
    world.assert_alive(route(1), client, association);
    assert_eq!(world.server.statistics().associations, 1);
}

#[test]
fn the_loss_of_any_one_datagram_is_made_good() {
    let mut world_without_loss = world();
    let count = talk_over(&mut world_without_loss, &mut impatient(), |_| 1);
    assert!(count >= 6, "two hellos, a cookie, and three flights: {count}");
    for lost in 0..count {
        let (mut world, mut client) = (world(), impatient());
        talk_over(&mut world, &mut client, |number| usize::from(number != lost));
        assert!(client.is_established, "datagram {lost} lost");
        assert_served(&mut world, &mut client);
    }
}

#[test]
fn every_datagram_twice_makes_one_association() {
    let (mut world, mut client) = (world(), impatient());
    talk_over(&mut world, &mut client, |_| 2);
    assert_served(&mut world, &mut client);
    assert_eq!((world.lookups.len(), world.server.statistics().handshakes_started), (1, 1));
}

#[test]
fn heavy_loss_is_survived() {
    for seed in 0..4 {
        let (mut world, mut client) = (world(), impatient());
        let mut state = 0x9e37_79b9_u32 + seed;
        talk_over(&mut world, &mut client, |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            usize::from(state >> 30 != 0) // one in four is lost
        });
        assert_served(&mut world, &mut client);
    }
}

#[test]
fn a_last_flight_in_reverse_order_is_understood() {
    let (mut world, mut client) = (world(), impatient());
    for _ in 0..2 {
        for datagram in client.step() {
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
    }
    // ClientKeyExchange, ChangeCipherSpec and Finished, one record per datagram, the last first.
    let flight = client.step().concat();
    let mut records: Vec<&[u8]> = Records::of(&flight).map(|record| record.bytes).collect();
    assert_eq!(records.len(), 3);
    records.reverse();
    let mut answers = Vec::new();
    for record in records {
        answers.extend(world.give(route(1), record));
    }
    answers.into_iter().for_each(|answer| client.deliver(answer));
    client.step();
    assert_served(&mut world, &mut client);
}

#[test]
fn a_repeated_client_hello_is_answered_with_the_same_flight() {
    let mut world = world();
    let mut client = Client::new(Profile::default());
    for datagram in client.step() {
        world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
    }
    let hello = client.step().remove(0);
    let flight = world.give(route(1), &hello);
    let messages = |datagrams: &[Vec<u8>]| -> Vec<Vec<u8>> {
        // Records may be numbered anew.
        datagrams.iter().flat_map(|datagram| Records::of(datagram)).map(|record| record.fragment.to_vec()).collect()
    };
    assert_eq!(messages(&world.give(route(1), &hello)), messages(&flight));
    assert_eq!(world.server.statistics().handshakes_started, 1);
}

#[test]
fn the_loss_of_any_one_datagram_with_certificates_is_made_good() {
    let (mut world_without_loss, holder) = certified_world();
    let count = talk_over(&mut world_without_loss, &mut certified(&holder), |_| 1);
    assert!(count >= 12, "two hellos, a cookie, and flights of several datagrams: {count}");
    for lost in 0..count {
        let (mut world, holder) = certified_world();
        let mut client = certified(&holder);
        talk_over(&mut world, &mut client, |number| usize::from(number != lost));
        assert!(client.is_established, "datagram {lost} lost");
        assert_served(&mut world, &mut client);
        assert_eq!(world.offers.len(), 1, "asked once");
    }
}

#[test]
fn heavy_loss_and_duplication_with_certificates_are_survived() {
    for seed in 0..4 {
        let (mut world, holder) = certified_world();
        let mut client = certified(&holder);
        let mut state = 0x9e37_79b9_u32 + seed;
        talk_over(&mut world, &mut client, |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [0, 1, 1, 1, 1, 2, 1, 2][(state >> 29) as usize] // one in eight is lost, two come twice
        });
        assert_served(&mut world, &mut client);
    }
}

#[test]
fn a_last_flight_with_certificates_in_any_order_is_understood() {
    for rotation in 0..8 {
        let (mut world, holder) = certified_world();
        let mut client = certified(&holder);
        for _ in 0..2 {
            for datagram in client.step() {
                world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
            }
        }
        let flight = client.step().concat();
        let mut records: Vec<&[u8]> = Records::of(&flight).map(|record| record.bytes).collect();
        assert!(records.len() >= 6, "Certificate in two or more, and four others: {}", records.len());
        records.reverse();
        let middle = rotation % records.len();
        records.rotate_left(middle);
        let mut answers = Vec::new();
        for record in records {
            answers.extend(world.give(route(1), record));
        }
        answers.into_iter().for_each(|answer| client.deliver(answer));
        client.step();
        assert!(client.is_established, "rotation {rotation}");
        assert_served(&mut world, &mut client);
    }
}
