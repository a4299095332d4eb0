//! Changes of address with connection ids, by the client and by somebody who moves its datagrams (RFC 9146, section 6).

use std::time::Duration;

use bootstrapd::dtls::{AssociationId, CloseReason, Configuration, Output};

use crate::desk::{Desk, profile, route};
use crate::on_record;
use crate::puppet::protection::PSK_SUITES;
use crate::puppet::{Profile, Puppet};

/// Where the client is, where it goes, and where an attacker is.
const HOME: u16 = 1;
const AWAY: u16 = 2;
const ATTACKER: u16 = 3;
/// Datagrams that an address gets which has not answered.
const MOST_TO_A_NEW_ADDRESS: usize = 6;

fn connected(profile: Profile) -> (Desk, Puppet, AssociationId) {
    let mut desk = Desk::new(Configuration::default());
    let (puppet, association) = desk.connect(route(HOME), profile);
    (desk, puppet, association)
}

/// A client that sends connection ids, and receives one of this length.
fn with_id(length: u8) -> Profile {
    Profile { connection_id: Some((0..length).collect()), ..profile() }
}

/// The server says something; where it goes, if anywhere.
fn address_of(desk: &mut Desk, puppet: &mut Puppet, association: AssociationId) -> Option<u16> {
    desk.server.send(desk.now, association, b"hello");
    let datagrams = desk.collect();
    for (_, datagram) in &datagrams {
        puppet.handle_datagram(datagram);
        assert_eq!(puppet.received(), [b"hello".to_vec()]);
    }
    assert!(datagrams.len() <= 1);
    datagrams.first().map(|(to, _)| to.remote.port())
}

fn moved(association: AssociationId, port: u16) -> Output {
    Output::Moved { association, route: route(port) }
}

fn data(association: AssociationId, bytes: &[u8]) -> Output {
    Output::ApplicationData { association, bytes: bytes.to_vec() }
}

#[test]
fn a_client_with_a_connection_id_moves_with_every_suite_and_is_answered_where_it_is() {
    for suite in PSK_SUITES {
        for length in [0, 1, 8, 255] {
            let (mut desk, mut puppet, association) = connected(Profile { suites: vec![suite], ..with_id(length) });
            for (port, message) in [(AWAY, &b"one"[..]), (ATTACKER, b"two"), (HOME, b"three")] {
                let record = puppet.seal(message);
                assert_eq!(desk.give(route(port), &record), []);
                assert_eq!(desk.events, [moved(association, port), data(association, message)]);
                desk.events.clear();
                assert_eq!(address_of(&mut desk, &mut puppet, association), Some(port));
            }
        }
    }
}

#[test]
fn a_client_without_a_connection_id_does_not_move() {
    let (mut desk, mut puppet, association) = connected(profile());
    let record = puppet.seal(b"from elsewhere");
    assert_eq!(desk.give(route(AWAY), &record), []);
    assert_eq!(desk.events, []);
    assert_eq!(address_of(&mut desk, &mut puppet, association), Some(HOME));
}

#[test]
fn a_record_that_was_heard_already_moves_nothing_wherever_it_comes_from() {
    let (mut desk, mut puppet, association) = connected(with_id(0));
    let record = puppet.seal(b"once");
    desk.give(route(HOME), &record);
    desk.events.clear();
    for _ in 0..3 {
        assert_eq!(desk.give(route(ATTACKER), &record), []);
    }
    assert_eq!(desk.events, []);
    assert_eq!(address_of(&mut desk, &mut puppet, association), Some(HOME));
}

#[test]
fn a_record_that_was_held_back_is_heard_and_moves_nothing() {
    let (mut desk, mut puppet, association) = connected(with_id(0));
    let (held, newest) = (puppet.seal(b"held"), puppet.seal(b"newest"));
    desk.give(route(HOME), &newest);
    desk.events.clear();
    assert_eq!(desk.give(route(ATTACKER), &held), []);
    assert_eq!(desk.events, [data(association, b"held")]);
    assert_eq!(address_of(&mut desk, &mut puppet, association), Some(HOME));
}

#[test]
fn a_record_that_was_changed_or_names_another_connection_moves_nothing() {
    let (mut desk, mut puppet, association) = connected(with_id(0));
    let (mut other, neighbour) = desk.connect(route(9), with_id(0));
    let record = puppet.seal(b"mine");
    for position in 0..record.len() {
        let mut forged = record.clone();
        forged[position] ^= 1;
        assert_eq!(desk.give(route(ATTACKER), &forged), [], "byte {position}");
    }
    // The neighbour's id before this client's record.
    let id = other.connection_id_of_server().expect("agreed on").to_vec();
    let stolen = [&record[..11], &id, &record[11 + id.len()..]].concat();
    assert_eq!(desk.give(route(ATTACKER), &stolen), []);
    assert_eq!(desk.events, []);
    assert_eq!(address_of(&mut desk, &mut puppet, association), Some(HOME));
    assert_eq!(address_of(&mut desk, &mut other, neighbour), Some(9));
}

/// The newest record, sent on by somebody else before it arrives, moves the association; the client's next moves it back.
#[test]
fn the_newest_record_moves_and_the_next_from_home_moves_back() {
    let (mut desk, mut puppet, association) = connected(with_id(0));
    let taken = puppet.seal(b"taken");
    desk.give(route(ATTACKER), &taken);
    assert_eq!(desk.events, [moved(association, ATTACKER), data(association, b"taken")]);
    assert_eq!(address_of(&mut desk, &mut puppet, association), Some(ATTACKER));
    desk.events.clear();
    // The same again from home is a replay.
    assert_eq!(desk.give(route(HOME), &taken), []);
    assert_eq!(desk.events, []);
    let next = puppet.seal(b"next");
    desk.give(route(HOME), &next);
    assert_eq!(desk.events, [moved(association, HOME), data(association, b"next")]);
    assert_eq!(address_of(&mut desk, &mut puppet, association), Some(HOME));
}

/// Not even close_notify goes beyond six; each genuine datagram from there earns six more, a forged one none.
#[test]
fn an_address_that_does_not_answer_gets_six_datagrams() {
    let (mut desk, mut puppet, association) = connected(with_id(0));
    let taken = puppet.seal(b"taken");
    desk.give(route(ATTACKER), &taken);
    for _ in 0..2 {
        let answers = (0..10).filter(|_| address_of(&mut desk, &mut puppet, association).is_some()).count();
        assert_eq!(answers, MOST_TO_A_NEW_ADDRESS);
        assert_eq!(desk.give(route(ATTACKER), &taken), [], "a replay earns nothing");
        let mut forged = puppet.seal(b"forged");
        *forged.last_mut().expect("a tag") ^= 1;
        desk.give(route(ATTACKER), &forged);
        assert_eq!(address_of(&mut desk, &mut puppet, association), None);
        let genuine = puppet.seal(b"genuine");
        desk.give(route(ATTACKER), &genuine);
    }
    assert_eq!(desk.server.statistics().withheld, 2 * 5);
    assert_eq!(
        (0..10).filter(|_| address_of(&mut desk, &mut puppet, association).is_some()).count(),
        MOST_TO_A_NEW_ADDRESS
    );
    desk.events.clear();
    desk.pass(Duration::from_secs(301));
    let reason = CloseReason::Idle;
    assert_eq!(desk.events, [Output::Closed { association, route: route(ATTACKER), reason }]);
    assert_eq!((desk.server.statistics().associations, desk.server.poll_timeout()), (0, None));
}

/// An association that has moved to where another lives displaces nobody, and both are heard.
#[test]
fn two_associations_at_one_address_are_told_apart_by_connection_id() {
    let (mut desk, mut puppet, association) = connected(with_id(0));
    let (mut other, neighbour) = desk.connect(route(AWAY), profile());
    let record = puppet.seal(b"here too");
    desk.give(route(AWAY), &record);
    let theirs = other.seal(b"still here");
    desk.give(route(AWAY), &theirs);
    let expected = [moved(association, AWAY), data(association, b"here too"), data(neighbour, b"still here")];
    assert_eq!(desk.events, expected);
    assert_eq!(address_of(&mut desk, &mut puppet, association), Some(AWAY));
    assert_eq!(address_of(&mut desk, &mut other, neighbour), Some(AWAY));
}

/// As when a translator of addresses gives the address of a client that was silent to another: who has a connection id is
/// found by it, and stays.
#[test]
fn another_client_at_the_same_address_displaces_nobody_who_has_a_connection_id() {
    let (mut desk, mut puppet, association) = connected(with_id(0));
    let mut other = Puppet::new(on_record::psk(2), 99);
    let first = other.start();
    desk.talk(route(HOME), &mut other, first);
    let [Output::Established { association: neighbour, .. }] = desk.events[..] else { panic!("{:?}", desk.events) };
    desk.events.clear();
    assert_eq!(desk.server.statistics().associations, 2);
    let record = puppet.seal(b"from elsewhere");
    desk.give(route(AWAY), &record);
    assert_eq!(desk.events, [moved(association, AWAY), data(association, b"from elsewhere")]);
    assert_eq!(address_of(&mut desk, &mut puppet, association), Some(AWAY));
    assert_eq!(address_of(&mut desk, &mut other, neighbour), Some(HOME));
}

#[test]
fn a_client_that_reboots_takes_its_own_place_with_a_connection_id_and_without() {
    for profile in [profile(), with_id(0)] {
        let (mut desk, _, association) = connected(profile.clone());
        let mut rebooted = Puppet::new(profile, 99);
        let first = rebooted.start();
        desk.talk(route(HOME), &mut rebooted, first);
        let closed = Output::Closed { association, route: route(HOME), reason: CloseReason::Replaced };
        assert_eq!((&desk.events[0], desk.events.len()), (&closed, 2));
        assert_eq!(desk.server.statistics().associations, 1);
    }
}
