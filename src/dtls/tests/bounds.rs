//! Bounds in number and in time.

use std::time::Duration;

use super::super::{AssociationId, CloseReason, Configuration, Output};
use super::client::{Client, Profile};
use super::world::{World, route};

const SECOND: Duration = Duration::from_secs(1);

/// Brings a client as far as the server's first flight.
fn half_open(world: &mut World, port: u16) -> Client {
    let mut client = Client::new(Profile::default());
    for _ in 0..2 {
        for datagram in client.step() {
            world.give(route(port), &datagram).into_iter().for_each(|answer| client.deliver(answer));
        }
    }
    client
}

fn reasons(world: &mut World) -> Vec<(AssociationId, CloseReason)> {
    world.collect(route(0));
    world.closed()
}

#[test]
fn the_oldest_handshake_makes_room() {
    let mut world = World::new(Configuration { max_handshakes: 2, ..Configuration::default() });
    let mut clients: Vec<Client> = (0..3).map(|port| half_open(&mut world, port)).collect();
    let statistics = world.server.statistics();
    assert_eq!((statistics.handshakes, statistics.evicted, statistics.handshakes_failed), (2, 1, 1));
    // Though its client had claimed nothing.
    let evicted = |event: &Output| matches!(event, Output::Closed { route: at, reason: CloseReason::Evicted, .. } if *at == route(0));
    assert!(matches!(&world.events[..], [event] if evicted(event)), "{:?}", world.events);
    for (port, client) in (0..).zip(&mut clients) {
        world.talk(route(port), client);
        assert_eq!(client.is_established, port != 0, "client {port}");
    }
}

#[test]
fn lingering_associations_make_room_first_and_then_the_longest_idle() {
    let mut world = World::new(Configuration { max_associations: 3, ..Configuration::default() });
    let connect = |world: &mut World, port| {
        world.now += SECOND;
        world.connect(route(port), Profile::default())
    };
    let (mut first_client, first) = connect(&mut world, 1);
    let (_, second) = connect(&mut world, 2);
    let (_, third) = connect(&mut world, 3);
    world.server.linger(world.now, third);
    world.assert_alive(route(1), &mut first_client, first);

    let mut fourth_client = Client::new(Profile::default());
    world.talk(route(4), &mut fourth_client);
    assert_eq!(world.closed(), [(third, CloseReason::Evicted)]);
    let mut fifth_client = Client::new(Profile::default());
    world.talk(route(5), &mut fifth_client);
    assert_eq!(world.closed(), [(second, CloseReason::Evicted)]);
    assert_eq!((world.server.statistics().associations, world.server.statistics().evicted), (3, 2));
    world.assert_alive(route(1), &mut first_client, first);
}

#[test]
fn an_association_is_idle_only_when_nothing_was_heard_for_the_whole_time() {
    let mut world = World::new(Configuration::default());
    let idle_timeout = Configuration::default().idle_timeout;
    let (mut client, association) = world.connect(route(1), Profile::default());
    world.pass(idle_timeout - SECOND);
    world.assert_alive(route(1), &mut client, association);
    world.pass(SECOND);
    assert_eq!(reasons(&mut world), []);
    assert_eq!(world.server.poll_timeout(), Some(world.now + idle_timeout - SECOND));
    world.pass(idle_timeout - SECOND);
    for datagram in world.collect(route(1)) {
        client.deliver(datagram);
    }
    client.step();
    assert!(client.is_closed, "the client is told");
    assert_eq!(world.closed(), [(association, CloseReason::Idle)]);
    assert_eq!(world.server.poll_timeout(), None);
}

#[test]
fn a_lingering_association_ends_soon_unless_the_client_speaks_again() {
    let mut world = World::new(Configuration::default());
    let linger = Configuration::default().linger;
    let (mut client, association) = world.connect(route(1), Profile::default());
    world.server.linger(world.now, association);
    assert_eq!(world.server.poll_timeout(), Some(world.now + linger));
    world.pass(linger - SECOND);
    world.assert_alive(route(1), &mut client, association);
    world.pass(2 * SECOND);
    assert_eq!(reasons(&mut world), []);

    world.server.linger(world.now, association);
    world.pass(linger - SECOND);
    assert_eq!(reasons(&mut world), []);
    world.pass(SECOND);
    assert_eq!(reasons(&mut world), [(association, CloseReason::Lingered)]);
    assert_eq!(world.server.statistics().associations, 0);
}

#[test]
fn ids_are_never_used_again() {
    let mut world = World::new(Configuration::default());
    let (_, first) = world.connect(route(1), Profile::default());
    world.server.close(world.now, first);
    world.collect(route(1));
    let (mut client, second) = world.connect(route(1), Profile::default());
    assert_ne!(first, second);
    assert!(!world.server.send(world.now, first, b"x"));
    world.server.close(world.now, first);
    world.server.linger(world.now, first);
    world.assert_alive(route(1), &mut client, second);
}

#[test]
fn an_announced_handshake_that_is_evicted_is_closed() {
    let mut world = World::new(Configuration { max_handshakes: 1, ..Configuration::default() });
    world.answers_lookups = false;
    world.talk(route(1), &mut Client::new(Profile::default()));
    let (association, _) = world.lookups[0].clone();
    half_open(&mut world, 2);
    assert_eq!(world.events, [Output::Closed { association, route: route(1), reason: CloseReason::Evicted }]);
}
