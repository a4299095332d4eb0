//! A client that comes again from the same address and port (RFC 6347, section 4.2.8).

use std::time::Duration;

use super::super::{CloseReason, Configuration, Output};
use super::client::{Client, Profile};
use super::world::{World, route};

#[test]
fn a_rebooted_client_replaces_its_association_only_when_it_is_proven() {
    let mut world = World::new(Configuration::default());
    let (mut old, association) = world.connect(route(1), Profile::default());
    world.answers_lookups = false;
    let mut new = Client::new(Profile::default());
    // At every point of the new handshake the old association works, both ways.
    loop {
        let sent = new.step();
        if sent.is_empty() {
            break;
        }
        for datagram in sent {
            let answers = world.give(route(1), &datagram);
            world.assert_alive(route(1), &mut old, association);
            answers.into_iter().for_each(|answer| new.deliver(answer));
        }
    }
    let (next, identity) = world.lookups[1].clone();
    world.server.handle_psk(world.now, next, world.keys.get(&identity));
    world.collect(route(1)).into_iter().for_each(|datagram| new.deliver(datagram));
    assert_eq!(world.events[0], Output::Closed { association, route: route(1), reason: CloseReason::Replaced });
    assert!(matches!(&world.events[1], Output::Established { association, .. } if *association == next));
    assert_eq!(world.events.len(), 2);
    new.step();
    world.assert_alive(route(1), &mut new, next);
    assert!(!world.server.send(world.now, association, b"to the dead"));
    assert_eq!(world.server.statistics().associations, 1);
}

#[test]
fn a_reboot_with_the_wrong_key_leaves_the_old_association_working() {
    let mut world = World::new(Configuration::default());
    let (mut old, association) = world.connect(route(1), Profile::default());
    let mut new = Client::new(Profile { key: b"wrong".to_vec(), ..Profile::default() });
    world.talk(route(1), &mut new);
    assert!(!new.is_established);
    world.assert_alive(route(1), &mut old, association);
    world.pass(Configuration::default().handshake_timeout);
    world.collect(route(1));
    assert_eq!(world.closed(), [(world.lookups[1].0, CloseReason::KeyMismatch)]);
    world.assert_alive(route(1), &mut old, association);
}

#[test]
fn a_client_that_begins_again_before_it_is_done_is_served() {
    let mut world = World::new(Configuration::default());
    world.answers_lookups = false;
    world.talk(route(1), &mut Client::new(Profile::default()));
    let abandoned = world.lookups[0].0;
    world.answers_lookups = true;
    let mut client = Client::new(Profile::default());
    world.talk(route(1), &mut client);
    assert!(client.is_established);
    assert_eq!(world.closed(), [(abandoned, CloseReason::HandshakeAbandoned)]);
    // The answer to the first lookup comes late, and is nobody's.
    world.server.handle_psk(world.now, abandoned, None);
    let association = world.lookups[1].0;
    world.assert_alive(route(1), &mut client, association);
}

#[test]
fn a_late_copy_of_the_client_hello_begins_nothing_until_it_may_be_a_reboot() {
    let mut world = World::new(Configuration::default());
    let mut client = Client::new(Profile::default());
    let mut hello = Vec::new();
    loop {
        let sent = client.step();
        if sent.is_empty() {
            break;
        }
        for datagram in sent {
            if datagram[13] == 1 && datagram[0] == 22 {
                hello.clone_from(&datagram);
            }
            world.give(route(1), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
    }
    assert_eq!(world.give(route(1), &hello), [] as [Vec<u8>; 0]);
    assert_eq!(world.server.statistics().handshakes, 0);
    world.pass(Duration::from_secs(15));
    assert_eq!(world.give(route(1), &hello).len(), 1);
    assert_eq!(world.server.statistics().handshakes, 1);
    let association = world.lookups[0].0;
    world.assert_alive(route(1), &mut client, association);
}

#[test]
fn ports_and_our_own_addresses_tell_clients_apart() {
    let mut world = World::new(Configuration::default());
    let elsewhere = super::super::super::route::Route { local: Some([127, 0, 0, 2].into()), ..route(1) };
    let (mut first, one) = world.connect(route(1), Profile::default());
    let (mut second, two) = world.connect(elsewhere, Profile::default());
    let (mut third, three) = world.connect(route(2), Profile::default());
    world.assert_alive(route(1), &mut first, one);
    world.assert_alive(elsewhere, &mut second, two);
    world.assert_alive(route(2), &mut third, three);
    assert_eq!(world.server.statistics().associations, 3);
}
