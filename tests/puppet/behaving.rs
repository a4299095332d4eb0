//! A client that behaves well is served.

use bootstrapd::dtls::{CloseReason, Configuration, EngineKind, Output};
use bootstrapd::peer::{CertificateTrust, Peer};
use bootstrapd::route::Route;

use crate::puppet::protection::{ECDHE_SUITES, PSK_SUITES};
use crate::puppet::{ConnectionId, Layout, Profile, Puppet, message, record};
use crate::world::{IDENTITY, Pki, World, engines, plain, psk, route};

#[test]
fn every_suite_with_a_pre_shared_key_carries_data_both_ways() {
    for engine in engines() {
        for (suite, extended_master_secret) in PSK_SUITES.iter().flat_map(|suite| [(*suite, true), (*suite, false)]) {
            let mut world = World::new(plain(engine));
            let profile = Profile { suites: vec![suite], extended_master_secret, ..psk() };
            let (mut puppet, association, peer) = world.connect(profile);
            assert_eq!(peer, Peer::PskIdentity(IDENTITY.to_vec()));
            assert_eq!(puppet.suite(), Some(suite));
            assert_eq!(puppet.uses_extended_master_secret(), extended_master_secret);
            world.assert_alive(&mut puppet, association);
        }
    }
}

#[test]
fn every_suite_with_certificates_and_raw_public_keys_carries_data_both_ways() {
    let pki = Pki::padded(0);
    for engine in engines() {
        for (suite, raw) in ECDHE_SUITES.iter().flat_map(|suite| [(*suite, true), (*suite, false)]) {
            let mut world = World::new(pki.configuration(engine));
            world.on_record = vec![pki.device.spki()];
            let offered = if raw { pki.raw() } else { pki.certified() };
            let (mut puppet, association, peer) = world.connect(Profile { suites: vec![suite], ..offered });
            assert_eq!(puppet.suite(), Some(suite));
            assert_eq!(puppet.server_spki(), pki.server.spki());
            let chain = pki.device.chain.clone();
            if raw {
                assert_eq!(peer, Peer::RawPublicKey(pki.device.spki()));
                assert_eq!(puppet.server_chain(), [] as [Vec<u8>; 0]);
            } else {
                assert_eq!(peer, Peer::Certificate { chain, trust: CertificateTrust::Anchored });
                assert_eq!(puppet.server_chain(), pki.server.chain);
            }
            world.assert_alive(&mut puppet, association);
        }
    }
}

/// Profiles that differ in how they cut and pack what they send.
fn shapes(profile: &Profile) -> Vec<Profile> {
    vec![
        Profile { max_fragment_length: Some(1), ..profile.clone() },
        Profile { fragment: 1, ..profile.clone() },
        Profile { fragment: 100, one_record_per_datagram: true, ..profile.clone() },
        Profile { mtu: 200, server_name: Some("example.org".to_owned()), ..profile.clone() },
        Profile { renegotiation_info: false, session_id: vec![7; 32], ..profile.clone() },
        Profile { extra_extensions: vec![(0xfafa, vec![1, 2, 3])], ..profile.clone() },
    ]
}

#[test]
fn however_a_client_cuts_and_packs_it_is_served() {
    let pki = Pki::padded(700);
    for engine in engines() {
        for (number, profile) in shapes(&psk()).into_iter().chain(shapes(&pki.certified())).enumerate() {
            // The gate before OpenSSL keeps less of what comes before its keys: such a client has to repeat itself.
            if profile.fragment == 1 && engine != EngineKind::Native {
                continue;
            }
            let asked = profile.max_fragment_length;
            let mut world = World::new(pki.configuration(engine));
            let (mut puppet, association, _) = world.connect(profile);
            assert_eq!(puppet.max_fragment_length_of_server(), asked, "{engine:?}, profile {number}");
            world.assert_alive(&mut puppet, association);
        }
    }
}

#[test]
fn a_client_without_extensions_is_served() {
    for engine in engines() {
        let mut world = World::new(plain(engine));
        let (mut puppet, association, _) = world.connect(Profile { omit_extensions: true, ..psk() });
        world.assert_alive(&mut puppet, association);
    }
}

#[test]
fn the_loss_of_any_one_datagram_is_made_good_by_the_client_alone() {
    let pki = Pki::padded(500);
    for engine in engines() {
        let configuration = Configuration { mtu: 300, ..pki.configuration(engine) };
        for profile in [psk(), Profile { mtu: 300, ..pki.certified() }] {
            let mut world = World::new(configuration.clone());
            let count = world.persist(&mut Puppet::new(profile.clone(), 7), &mut |_, datagram| vec![datagram]);
            assert!(count >= 6, "two hellos, a cookie, and three flights: {count}");
            for lost in 0..count {
                let (mut world, mut puppet) = (World::new(configuration.clone()), Puppet::new(profile.clone(), 7));
                let survivors = |number, datagram| if number == lost { vec![] } else { vec![datagram] };
                world.persist(&mut puppet, &mut { survivors });
                assert!(puppet.is_established(), "{engine:?}: datagram {lost} lost: {:?}", puppet.faults());
                assert_eq!(puppet.faults(), [], "{engine:?}: datagram {lost} lost");
                let (association, _) = world.established().expect("established");
                world.assert_alive(&mut puppet, association);
            }
        }
    }
}

#[test]
fn every_datagram_twice_makes_one_association() {
    let pki = Pki::padded(500);
    for engine in engines() {
        for profile in [psk(), pki.certified()] {
            let (mut world, mut puppet) = (World::new(pki.configuration(engine)), Puppet::new(profile, 7));
            world.persist(&mut puppet, &mut |_, datagram| vec![datagram.clone(), datagram]);
            assert!(puppet.is_established() && puppet.faults().is_empty(), "{engine:?}: {:?}", puppet.faults());
            let (association, _) = world.established().expect("established");
            world.assert_alive(&mut puppet, association);
            assert_eq!(world.server.statistics().handshakes_completed, 1);
        }
    }
}

#[test]
fn a_last_flight_in_small_parts_and_in_reverse_is_understood() {
    let pki = Pki::padded(0);
    for engine in engines() {
        for profile in [psk(), pki.certified()] {
            let mut world = World::new(pki.configuration(engine));
            let mut puppet = Puppet::new(Profile { fragment: 7, ..profile }, 7);
            half_open(&mut world, &mut puppet);
            puppet.build_second_flight();
            let mut records = puppet.flight_records();
            records.reverse();
            let answers: Vec<Vec<u8>> = records.iter().flat_map(|record| world.give(record)).collect();
            answers.iter().for_each(|answer| {
                puppet.handle_datagram(answer);
            });
            // The engine may keep less of epoch 1 than came; then the client's patience counts.
            let again = puppet.handle_timeout();
            world.talk(&mut puppet, again, 0, &mut |_, datagram| vec![datagram]);
            assert!(puppet.is_established(), "{engine:?}");
        }
    }
}

/// Brings a client as far as ServerHelloDone, without an answer to it.
pub fn half_open(world: &mut World, puppet: &mut Puppet) {
    for _ in 0..2 {
        let hello = puppet.start().remove(0);
        for answer in world.give(&hello) {
            puppet.hear(&answer);
        }
    }
    assert_eq!(puppet.received_messages().last(), Some(&message::SERVER_HELLO_DONE), "{:?}", puppet.faults());
}

#[test]
fn close_notify_ends_an_association_from_either_side() {
    for engine in engines() {
        let mut world = World::new(plain(engine));
        let (mut puppet, _, _) = world.connect(psk());
        let goodbye = puppet.close_notify();
        for answer in world.give(&goodbye) {
            puppet.handle_datagram(&answer);
        }
        assert_eq!(world.closed(), [CloseReason::CloseNotify]);
        assert_eq!(puppet.alert_received(), Some((1, 0)), "it is answered");

        let mut world = World::new(plain(engine));
        let (mut puppet, association, _) = world.connect(psk());
        world.server.close(world.now, association);
        let goodbye = world.collect();
        let answers: Vec<Vec<u8>> = goodbye.iter().flat_map(|datagram| puppet.handle_datagram(datagram)).collect();
        assert!(puppet.is_closed());
        assert_eq!(answers.len(), 1, "and answered likewise");
    }
}

#[test]
fn runs_repeat_exactly() {
    let pki = Pki::padded(0);
    let run = |profile: Profile, seed| {
        let (mut world, mut puppet) = (World::new(pki.configuration(EngineKind::Native)), Puppet::new(profile, seed));
        let mut sent = Vec::new();
        world.persist(&mut puppet, &mut |_, datagram| {
            sent.push(datagram.clone());
            vec![datagram]
        });
        assert!(puppet.is_established());
        sent
    };
    // The server's certificate flight has an ephemeral key of its own; with pre-shared keys all comes from seeds.
    let first = run(psk(), 1);
    assert_eq!(run(psk(), 1), first);
    assert_ne!(run(psk(), 2), first);
    assert_eq!(run(pki.certified(), 1)[..3], run(pki.certified(), 1)[..3]);
}

#[test]
fn connection_ids_are_carried_both_ways_and_only_where_they_are_wanted() {
    for (wanted, received_type) in [(Vec::new(), record::APPLICATION_DATA), (vec![1, 2, 3], record::TLS12_CID)] {
        let mut world = World::new(plain(EngineKind::Native));
        let (mut puppet, association, _) = world.connect(Profile { connection_id: Some(wanted.clone()), ..psk() });
        let server_id = puppet.connection_id_of_server().expect("agreed on").to_vec();
        assert!(!server_id.is_empty());
        world.assert_alive(&mut puppet, association);

        let sent = puppet.seal(b"x");
        assert_eq!((sent[0], &sent[11..11 + server_id.len()]), (record::TLS12_CID, &server_id[..]));
        world.server.send(world.now, association, b"y");
        let answer = world.collect().remove(0);
        assert_eq!(answer[0], received_type);
        assert!(received_type != record::TLS12_CID || answer[11..].starts_with(&wanted));
    }
    let mut world = World::new(Configuration { connection_ids: None, ..plain(EngineKind::Native) });
    let (puppet, _, _) = world.connect(Profile { connection_id: Some(vec![1]), ..psk() });
    assert_eq!(puppet.connection_id_of_server(), None);
}

#[test]
fn padding_is_taken_away_and_a_record_without_the_agreed_id_is_nobodys() {
    let mut world = World::new(plain(EngineKind::Native));
    let (mut puppet, association, _) = world.connect(Profile { connection_id: Some(Vec::new()), ..psk() });
    world.events.clear();
    let padded = Layout { padding: 40, ..Layout::new(record::APPLICATION_DATA, 1) };
    let datagram = puppet.record_with(&padded, b"padded");
    world.give(&datagram);
    assert_eq!(world.events, [Output::ApplicationData { association, bytes: b"padded".to_vec() }]);
    world.events.clear();
    let wrong = vec![9; puppet.connection_id_of_server().expect("agreed on").len()];
    for connection_id in [ConnectionId::Never, ConnectionId::This(wrong), ConnectionId::This(Vec::new())] {
        let layout = Layout { connection_id, ..Layout::new(record::APPLICATION_DATA, 1) };
        let datagram = puppet.record_with(&layout, b"nobody's");
        assert_eq!(world.give(&datagram), [] as [Vec<u8>; 0]);
    }
    assert_eq!(world.events, []);
    world.assert_alive(&mut puppet, association);
}

#[test]
fn a_client_moves_and_is_found_again_by_its_connection_id() {
    let mut world = World::new(plain(EngineKind::Native));
    let (mut puppet, association, _) = world.connect(Profile { connection_id: Some(Vec::new()), ..psk() });
    world.events.clear();
    let elsewhere = Route::to(([198, 51, 100, 9], 4000).into());
    let datagram = puppet.seal(b"moved");
    world.give_from(elsewhere, &datagram);
    let data = Output::ApplicationData { association, bytes: b"moved".to_vec() };
    assert!(world.events.contains(&data), "{:?}", world.events);
    assert_ne!(elsewhere, route());
    assert!(world.server.send(world.now, association, b"there"));
    for answer in world.collect() {
        puppet.handle_datagram(&answer);
    }
    assert_eq!(puppet.received(), [b"there".to_vec()]);
}

/// RFC 6347, section 4.2.1. OpenSSL counts from 1 once it takes over.
#[test]
fn what_answers_a_client_hello_has_the_number_of_its_record() {
    for engine in engines() {
        let (mut world, mut puppet) = (World::new(plain(engine)), Puppet::new(psk(), 7));
        puppet.set_next_record_number(0, 0x0102_0304_0506);
        for round in 0..2 {
            let hello = puppet.start().remove(0);
            let answer = world.give(&hello).remove(0);
            if round == 0 || engine == EngineKind::Native {
                assert_eq!(answer[5..11], hello[5..11], "{engine:?}");
            }
            puppet.hear(&answer);
        }
        assert_eq!(puppet.received_messages()[0], message::SERVER_HELLO);
    }
}
