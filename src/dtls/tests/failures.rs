//! What is told of clients that get nowhere, so that an operator learns why.

use super::super::record::Records;
use super::super::{AlertDescription, CloseReason, Configuration, Output};
use super::client::{Client, Profile};
use super::is_openssl;
use super::pki::{Pki, Wish};
use super::world::{World, route};

/// Alerts (RFC 5246, section 7.2).
const CLOSE_NOTIFY: u8 = 0;
const HANDSHAKE_FAILURE: u8 = 40;
const UNKNOWN_CA: u8 = 48;
const UNRECOGNIZED_NAME: u8 = 112;

fn client_alert(number: u8) -> CloseReason {
    CloseReason::ClientAlert(AlertDescription(number))
}

fn reasons(world: &mut World) -> Vec<CloseReason> {
    world.collect(route(1));
    world.closed().into_iter().map(|(_, reason)| reason).collect()
}

/// Brings a client as far as the server's first flight, which it has not read yet.
fn half_open(world: &mut World, client: &mut Client) {
    for _ in 0..2 {
        for datagram in client.step() {
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
    }
}

/// An alert in the clear, of whoever knows the address.
fn in_the_clear(level: u8, description: u8) -> Vec<u8> {
    vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, level, description]
}

/// Lets the handshake's time run out, where the engine waits for that.
fn run_out(world: &mut World) {
    world.pass(Configuration::default().handshake_timeout);
}

#[test]
fn a_client_that_does_not_trust_the_servers_certificate_is_told_by_its_alert() {
    let pki = Pki::new();
    let somebody_else = Wish::default().self_signed().chain.remove(0);
    let mut world = World::new(pki.configuration());
    let distrusting = || Profile { trusts: Some(somebody_else.clone()), ..Profile::of(&pki.device()) };
    let mut client = Client::new(distrusting());
    world.talk(route(1), &mut client);
    assert!(client.has_failed);
    // It had claimed nothing yet, and its alert came in the clear: the native engine waits whether it is its own.
    assert_eq!(world.offers, []);
    assert_eq!(reasons(&mut world), if is_openssl() { vec![client_alert(UNKNOWN_CA)] } else { Vec::new() });
    run_out(&mut world);
    assert_eq!(reasons(&mut world), if is_openssl() { Vec::new() } else { vec![client_alert(UNKNOWN_CA)] });

    // Once it begins anew from the same port nobody waits for it any more.
    world.talk(route(1), &mut Client::new(distrusting()));
    half_open(&mut world, &mut Client::new(distrusting()));
    assert_eq!(reasons(&mut world), [client_alert(UNKNOWN_CA)]);
}

#[test]
fn the_alert_that_tells_most_is_the_reason_and_a_warning_is_none() {
    for (alerts, expected) in [
        (&[(2, UNKNOWN_CA)][..], vec![client_alert(UNKNOWN_CA)]),
        (&[(2, UNKNOWN_CA), (2, HANDSHAKE_FAILURE), (1, CLOSE_NOTIFY)], vec![client_alert(UNKNOWN_CA)]),
        (&[(1, CLOSE_NOTIFY)], vec![client_alert(CLOSE_NOTIFY)]),
        (&[(1, UNRECOGNIZED_NAME)], Vec::new()),
        (&[], Vec::new()),
    ] {
        let mut world = World::new(Configuration::default());
        half_open(&mut world, &mut Client::new(Profile::default()));
        for (level, description) in alerts {
            assert_eq!(world.give(route(1), &in_the_clear(*level, *description)), [] as [Vec<u8>; 0]);
        }
        run_out(&mut world);
        assert_eq!(reasons(&mut world), expected, "{alerts:?}");
    }
    // The native engine ends at none of them, and what tells less comes before what tells more.
    if !is_openssl() {
        let mut world = World::new(Configuration::default());
        let mut client = Client::new(Profile::default());
        half_open(&mut world, &mut client);
        for (level, description) in [(1, CLOSE_NOTIFY), (2, UNKNOWN_CA)] {
            world.give(route(1), &in_the_clear(level, description));
        }
        let mut other = Client::new(Profile::default());
        half_open(&mut world, &mut other);
        assert_eq!(reasons(&mut world), [client_alert(UNKNOWN_CA)]);
        world.give(route(1), &in_the_clear(2, UNKNOWN_CA));
        world.talk(route(1), &mut other);
        assert!(other.is_established);
    }
}

#[test]
fn a_wrong_key_stays_the_reason_when_the_client_then_says_that_it_gives_up() {
    let mut world = World::new(Configuration::default());
    world.talk(route(1), &mut Client::new(Profile { key: b"another key".to_vec(), ..Profile::default() }));
    world.give(route(1), &in_the_clear(2, HANDSHAKE_FAILURE));
    run_out(&mut world);
    assert_eq!(reasons(&mut world), [CloseReason::KeyMismatch]);
}

#[test]
fn a_key_is_called_wrong_where_it_was_to_be_proven_by_a_finished_that_came() {
    let (pki, lost, abandoned) = (Pki::new(), true, CloseReason::HandshakeAbandoned);
    let psk = || (Configuration::default(), Profile::default());
    // Its CertificateVerify was by the right key.
    let certificate = || (pki.configuration(), Profile::of(&pki.device()));
    for ((configuration, profile), is_lost, expected) in [
        (psk(), lost, abandoned),
        (psk(), !lost, CloseReason::KeyMismatch),
        (certificate(), lost, abandoned),
        (certificate(), !lost, abandoned),
    ] {
        let mut world = World::new(configuration);
        let mut client = Client::new(profile);
        half_open(&mut world, &mut client);
        for datagram in client.step() {
            for record in Records::of(&datagram).filter(|record| record.epoch == 0) {
                world.give(route(1), record.bytes);
            }
        }
        if !is_lost {
            // By another key.
            world.give(route(1), &[[22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40].as_slice(), &[7; 40]].concat());
        }
        run_out(&mut world);
        assert_eq!(reasons(&mut world), [expected]);
    }
}

#[test]
fn a_client_of_dtls_1_0_is_told_so_once_its_address_is_proven() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile { is_outdated: true, ..Profile::default() });
    let hello = client.step().remove(0);
    let verify = world.give(route(1), &hello);
    assert!(verify.len() == 1 && verify[0].len() < hello.len());
    assert_eq!((reasons(&mut world), world.server.statistics().handshakes_failed), (Vec::new(), 0));

    verify.into_iter().for_each(|datagram| client.deliver(datagram));
    let with_cookie = client.step().remove(0);
    let answers = world.give(route(1), &with_cookie);
    assert!(answers.len() == 1 && answers[0].len() < with_cookie.len());
    assert_eq!(
        (answers[0][..3].to_vec(), &answers[0][13..]),
        (vec![21, 0xfe, 0xff], &[2, 70][..]),
        "in a record of 1.0"
    );
    answers.into_iter().for_each(|datagram| client.deliver(datagram));
    client.step();
    assert_eq!(client.alert, Some(70), "it reads the alert");
    assert_eq!(reasons(&mut world), [CloseReason::NoCommonVersion]);
    let statistics = world.server.statistics();
    assert_eq!((statistics.handshakes, statistics.handshakes_failed), (0, 1));
    assert_eq!(world.server.poll_timeout(), None, "nothing is kept");

    // Nothing of it disturbs who is there, or comes after it.
    let (mut good, association) = world.connect(route(1), Profile::default());
    world.give(route(1), &with_cookie);
    world.assert_alive(route(1), &mut good, association);
}

#[test]
fn a_broken_client_hello_is_told() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile { wants_fragments_of_512: true, ..Profile::default() });
    let first = client.step().remove(0);
    world.give(route(1), &first).into_iter().for_each(|answer| client.deliver(answer));
    let mut hello = client.step().remove(0);
    // max_fragment_length 2^9, and then one that there is not (RFC 6066, section 4). The cookie does not cover extensions.
    let position = hello.windows(5).position(|window| window == [0, 1, 0, 1, 1]).expect("it asks for 512 bytes");
    hello[position + 4] = 9;
    let answers = world.give(route(1), &hello);
    assert_eq!(answers[0][13..], [2, 47], "illegal_parameter");
    assert!(matches!(world.events[..], [Output::Closed { reason: CloseReason::HandshakeFailed, .. }]));
}
