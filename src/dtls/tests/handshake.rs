//! Suites, keys and the ways in which clients differ.

use std::time::Duration;

use super::super::record::{ContentType, HandshakeFragments, Record, Records};
use super::super::{CloseReason, Configuration, Missing, OtherSuites, Output};
use super::client::{Client, IDENTITY, NO_EXTENDED_MASTER_SECRET, Profile};
use super::is_openssl;
use super::pki::Pki;
use super::world::{World, route};
use crate::peer::Peer;

#[test]
fn each_of_the_four_suites_carries_data_both_ways() {
    for (ciphers, name) in [
        ("PSK-AES128-CCM8", "TLS_PSK_WITH_AES_128_CCM_8"),
        ("PSK-AES128-CCM", "TLS_PSK_WITH_AES_128_CCM"),
        ("PSK-AES128-GCM-SHA256", "TLS_PSK_WITH_AES_128_GCM_SHA256"),
        ("PSK-AES128-CBC-SHA256", "TLS_PSK_WITH_AES_128_CBC_SHA256"),
        // Ours counts, not the client's order.
        ("PSK-AES128-CBC-SHA256:PSK-AES128-GCM-SHA256:PSK-AES128-CCM8", "TLS_PSK_WITH_AES_128_CCM_8"),
    ] {
        if name.contains("CBC") && !is_openssl() {
            continue;
        }
        let mut world = World::new(Configuration::default());
        let (mut client, association) = world.connect(route(1), Profile { ciphers, ..Profile::default() });
        assert_eq!(client.cipher(), name);
        world.assert_alive(route(1), &mut client, association);
    }
}

#[test]
fn a_server_may_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<super::super::Server>();
}

#[test]
fn an_established_association_names_its_peer_and_has_no_retransmission_pending() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile::default());
    world.talk(route(1), &mut client);
    let association = world.lookups[0].0;
    let peer = Peer::PskIdentity(IDENTITY.as_bytes().to_vec());
    assert_eq!(world.events, [Output::Established { association, route: route(1), peer }]);
    assert_eq!(world.server.poll_timeout(), Some(world.now + Configuration::default().idle_timeout));
    let statistics = world.server.statistics();
    assert_eq!((statistics.associations, statistics.handshakes), (1, 0));
    assert_eq!((statistics.cookies_sent, statistics.handshakes_started, statistics.handshakes_completed), (1, 1, 1));
}

#[test]
fn with_a_pre_shared_key_no_identity_hint_is_sent() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile::default());
    let mut types = Vec::new();
    loop {
        let sent = client.step();
        if sent.is_empty() {
            break;
        }
        for answer in sent.iter().flat_map(|datagram| world.give(route(1), datagram)).collect::<Vec<_>>() {
            // What is encrypted is the Finished alone.
            let in_clear = |record: &Record<'_>| record.epoch == 0 && record.content_type == ContentType::Handshake;
            for record in Records::of(&answer).filter(in_clear) {
                types.extend(HandshakeFragments::of(record.fragment).map(|fragment| fragment.message_type));
            }
            client.deliver(answer);
        }
    }
    assert!(client.is_established);
    // HelloVerifyRequest, ServerHello, ServerHelloDone; a hint would be in a ServerKeyExchange, 12.
    assert_eq!(types, [3, 2, 14]);
}

#[test]
fn a_client_without_extended_master_secret_is_accepted() {
    let mut world = World::new(Configuration::default());
    let profile = Profile { options: NO_EXTENDED_MASTER_SECRET, ..Profile::default() };
    let (mut client, association) = world.connect(route(1), profile);
    world.assert_alive(route(1), &mut client, association);
}

#[test]
fn a_client_whose_hello_grows_with_the_cookie_is_accepted() {
    // SSL_OP_TLSEXT_PADDING with enough suites to reach 256 bytes.
    let mut world = World::new(Configuration::default());
    let (mut client, association) =
        world.connect(route(1), Profile { ciphers: "ALL:PSK", options: 0x10, ..Profile::default() });
    world.assert_alive(route(1), &mut client, association);
}

#[test]
fn no_common_suite_is_told_by_an_alert() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile { ciphers: "PSK-AES256-CCM8", ..Profile::default() });
    world.talk(route(1), &mut client);
    assert!(client.has_failed);
    assert_eq!(world.lookups.len(), 0);
    // TLS_PSK_WITH_AES_256_CCM_8 (RFC 6655).
    let others = OtherSuites { first: [0xc0, 0xa9], with_cbc: false, with_identity: false };
    let reason = CloseReason::NoCommonSuite(Missing::Suite(others));
    assert!(matches!(world.events[..], [Output::Closed { reason: it, .. }] if it == reason), "{:?}", world.events);
    let statistics = world.server.statistics();
    assert_eq!((statistics.handshakes, statistics.handshakes_failed), (0, 1));
}

#[test]
fn what_is_missing_is_told_with_what_is_offered_in_its_place() {
    let pki = Pki::new();
    for (ciphers, has_identity, with_cbc, with_identity) in [
        ("PSK-AES256-GCM-SHA384", true, false, false),
        ("ECDHE-ECDSA-AES128-CCM8:PSK-AES256-CCM8", false, false, true),
        ("ECDHE-ECDSA-AES128-SHA256", false, true, true),
    ] {
        let configuration = if has_identity { pki.configuration() } else { Configuration::default() };
        let mut world = World::new(configuration);
        world.talk(route(1), &mut Client::new(Profile { ciphers, ..Profile::of(&pki.device()) }));
        let [Output::Closed { reason: CloseReason::NoCommonSuite(Missing::Suite(others)), .. }] = world.events[..]
        else {
            panic!("{ciphers}: {:?}", world.events);
        };
        assert_eq!((others.with_cbc, others.with_identity), (with_cbc, with_identity), "{ciphers}");
    }
}

/// What a client sees and what comes out, for a client with `profile`.
fn fail_with(profile: Profile) -> (Vec<usize>, Vec<CloseReason>) {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(profile);
    let mut lengths = Vec::new();
    loop {
        let sent = client.step();
        if sent.is_empty() {
            break;
        }
        for datagram in sent {
            let answers = world.give(route(1), &datagram);
            lengths.extend(answers.iter().map(Vec::len));
            answers.into_iter().for_each(|answer| client.deliver(answer));
        }
    }
    assert!(!client.is_established && !client.has_failed);
    assert_eq!(world.events, []);
    world.pass(Configuration::default().handshake_timeout);
    world.collect(route(1));
    (lengths, world.closed().into_iter().map(|(_, reason)| reason).collect())
}

#[test]
fn a_wrong_key_and_an_unknown_identity_fail_alike() {
    let wrong_key = fail_with(Profile { key: b"0123456789abcdeF".to_vec(), ..Profile::default() });
    let unknown = fail_with(Profile { identity: IDENTITY.replace('1', "2"), ..Profile::default() });
    assert_eq!(wrong_key, unknown);
    assert_eq!(wrong_key.1, [CloseReason::KeyMismatch]);
}

#[test]
fn a_slow_lookup_is_waited_for() {
    let mut world = World::new(Configuration::default());
    world.answers_lookups = false;
    let mut client = Client::new(Profile::default());
    world.talk(route(1), &mut client);
    assert!(!client.is_established);
    let (association, identity) = world.lookups[0].clone();
    assert_eq!(identity, IDENTITY.as_bytes());
    world.server.handle_psk(world.now, association, world.keys.get(&identity));
    world.collect(route(1)).into_iter().for_each(|datagram| client.deliver(datagram));
    client.step();
    assert!(client.is_established);
    world.assert_alive(route(1), &mut client, association);
}

#[test]
fn close_notify_ends_an_association_from_either_side() {
    let mut world = World::new(Configuration::default());
    let (mut client, association) = world.connect(route(1), Profile::default());
    let datagram = client.seal_close_notify();
    assert_eq!(world.give(route(1), &datagram).len(), 1, "close_notify is answered");
    assert_eq!(world.closed(), [(association, CloseReason::CloseNotify)]);
    assert!(!world.server.send(world.now, association, b"too late"));

    let (mut client, association) = world.connect(route(1), Profile::default());
    world.server.close(world.now, association);
    world.collect(route(1)).into_iter().for_each(|datagram| client.deliver(datagram));
    client.step();
    assert!(client.is_closed);
    assert_eq!(world.events, []);
    assert_eq!(world.server.poll_timeout(), None);
}

#[test]
fn several_records_in_one_datagram_are_all_heard() {
    let mut world = World::new(Configuration::default());
    let (mut client, association) = world.connect(route(1), Profile::default());
    let datagram = [client.seal(b"one"), client.seal(b"two")].concat();
    world.give(route(1), &datagram);
    let data = |bytes: &[u8]| Output::ApplicationData { association, bytes: bytes.to_vec() };
    assert_eq!(world.events, [data(b"one"), data(b"two")]);
}

#[test]
fn what_cannot_be_one_record_is_not_sent() {
    let mut world = World::new(Configuration::default());
    let (mut client, association) = world.connect(route(1), Profile::default());
    for (length, sent) in [(0, false), (1, true), (1 << 14, true), ((1 << 14) + 1, false)] {
        assert_eq!(world.server.send(world.now, association, &vec![7; length]), sent, "{length} bytes");
        assert_eq!(world.collect(route(1)).len(), usize::from(sent), "{length} bytes");
    }
    world.assert_alive(route(1), &mut client, association);
}

#[test]
fn a_client_with_a_key_that_takes_512_bytes_gets_no_more_and_stays() {
    let mut world = World::new(Configuration::default());
    let profile = Profile { wants_fragments_of_512: true, ..Profile::default() };
    let (mut client, association) = world.connect(route(1), profile);
    assert_eq!(world.server.longest_message(association), Some(512));
    assert!(!world.server.send(world.now, association, &[7; 513]));
    assert_eq!(world.collect(route(1)), [] as [Vec<u8>; 0]);
    assert!(world.server.send(world.now, association, &[7; 512]));
    world.collect(route(1));
    world.assert_alive(route(1), &mut client, association);
    let (_, other) = world.connect(route(2), Profile::default());
    assert_eq!(world.server.longest_message(other), Some(1 << 14));
}

#[test]
fn a_handshake_that_never_goes_on_is_forgotten() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile::default());
    for _ in 0..2 {
        for datagram in client.step() {
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
    }
    assert_eq!(world.server.statistics().handshakes, 1);
    world.pass(Configuration::default().handshake_timeout - Duration::from_millis(1));
    assert_eq!(world.server.statistics().handshakes, 1);
    world.pass(Duration::from_millis(1));
    assert_eq!((world.server.statistics().handshakes, world.server.poll_timeout()), (0, None));
    assert_eq!(world.closed(), [], "nobody ever heard of it");
}
