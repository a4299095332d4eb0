//! When the server sends again, and when it forgets, to the second (RFC 6347, section 4.2.4.1).

use std::time::Duration;

use bootstrapd::dtls::{CloseReason, Configuration, Output};

use crate::desk::{Desk, profile, route};
use crate::on_record;
use crate::puppet::Profile;

const SECOND: Duration = Duration::from_secs(1);

/// The seconds between the server's flights to a client that says no more, and how long it is remembered.
fn waits(configuration: Configuration, profile: Profile) -> (Vec<u64>, u64) {
    let mut desk = Desk::new(configuration);
    let (_, flight) = desk.half_open(route(1), profile);
    let (begun, mut last, mut waits) = (desk.now, desk.now, Vec::new());
    while let Some(again) = desk.wait() {
        if again.is_empty() {
            break;
        }
        let lengths = |datagrams: &[Vec<u8>]| datagrams.iter().map(Vec::len).collect::<Vec<_>>();
        let again: Vec<Vec<u8>> = again.into_iter().map(|(_, datagram)| datagram).collect();
        assert_eq!(lengths(&again), lengths(&flight), "the whole flight");
        waits.push((desk.now - last).as_secs());
        assert_eq!(desk.now - last, SECOND * waits[waits.len() - 1] as u32, "to the nanosecond");
        last = desk.now;
    }
    assert_eq!(desk.events, [], "it claimed to be nobody");
    assert_eq!((desk.server.statistics().handshakes, desk.server.poll_timeout()), (0, None));
    (waits, (desk.now - begun).as_secs())
}

#[test]
fn a_flight_is_sent_again_after_1_2_4_to_60_seconds_and_on_slow_networks_after_9_18_36() {
    for (profile, is_certified) in [(profile(), false), (on_record::certificate(0), true)] {
        for (initial, handshake_timeout, expected) in [
            (1, 1_000, &[1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60][..]),
            (9, 400, &[9, 18, 36, 60, 60, 60, 60, 60]),
            (1, 60, &[1, 2, 4, 8, 16]),
            (9, 60, &[9, 18]),
            (90, 200, &[60, 60, 60]),
        ] {
            let configuration = Configuration {
                initial_timeout: SECOND * initial,
                handshake_timeout: SECOND * handshake_timeout,
                ..on_record::configuration()
            };
            let (waits, end) = waits(configuration, profile.clone());
            assert_eq!(end, u64::from(handshake_timeout), "{initial} s, certificate: {is_certified}");
            assert_eq!(waits[..expected.len().min(waits.len())], *expected, "{initial} s, certificate: {is_certified}");
            assert!(waits.len() <= expected.len() || handshake_timeout == 1_000, "{waits:?}");
        }
    }
}

/// A client that repeats its ClientHello is answered at once, and the server's own clock begins again with the wait that
/// it had.
#[test]
fn a_repeated_client_hello_is_answered_at_once_and_puts_the_servers_own_repetition_off() {
    let mut desk = Desk::new(Configuration::default());
    let (mut puppet, flight) = desk.half_open(route(1), profile());
    desk.wait().expect("after 1 s");
    desk.now += SECOND;
    let hello = puppet.handle_timeout().concat();
    let again: Vec<_> = desk.give(route(1), &hello).into_iter().map(|(_, datagram)| datagram.len()).collect();
    assert_eq!(again, flight.iter().map(Vec::len).collect::<Vec<_>>());
    let before = desk.now;
    // It may be called in vain, and too early.
    while desk.wait().expect("waits").is_empty() {}
    assert_eq!(desk.now - before, 2 * SECOND);
    assert_eq!(desk.server.statistics().handshakes_started, 1);
}

/// Once the client has gone on nothing is sent again, and its silence ends the handshake a minute after it began.
#[test]
fn a_client_that_breaks_off_is_forgotten_after_a_minute_wherever_it_stands() {
    for answers in [true, false] {
        let mut desk = Desk::new(Configuration::default());
        desk.answers = answers;
        let (mut puppet, flight) = desk.half_open(route(1), profile());
        puppet.profile.one_record_per_datagram = true;
        let begun = desk.now;
        let last_flight: Vec<_> = flight.iter().flat_map(|datagram| puppet.handle_datagram(datagram)).collect();
        assert_eq!(last_flight.len(), 3);
        // ClientKeyExchange, and not the ChangeCipherSpec and Finished.
        assert_eq!(desk.give(route(1), &last_flight[0]), []);
        desk.events.clear();
        assert_eq!(desk.wait(), Some(Vec::new()));
        assert_eq!(desk.now - begun, 60 * SECOND);
        let is_abandoned =
            |event: &Output| matches!(event, Output::Closed { reason: CloseReason::HandshakeAbandoned, .. });
        assert!(matches!(&desk.events[..], [event] if is_abandoned(event)), "{:?}", desk.events);
        assert_eq!((desk.server.statistics().handshakes, desk.server.poll_timeout()), (0, None));
    }
}
