//! Bytes for each handshake and each association, with everything that the server's tables take.

use bootstrapd::dtls::{CloseReason, Configuration, Output};
use bootstrapd::route::Route;

use crate::allocator;
use crate::desk::{Desk, profile};
use crate::on_record;
use crate::puppet::message::{CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE};
use crate::puppet::protection::{PSK_CCM_8, PSK_SUITES};
use crate::puppet::record::{CHANGE_CIPHER_SPEC, HANDSHAKE};
use crate::puppet::{Message, Profile, Puppet};

/// What an association may take.
const ASSOCIATION_MAX: usize = 2_560;
/// From how many on the tables' spare room is shared by enough.
const MANY: usize = 500;

fn route(number: usize) -> Route {
    Route::to(([198, 51, (number >> 14) as u8, 1], (number & 0x3fff) as u16).into())
}

/// Bytes for each of so many associations, on the average: the most on the way, while tables grow, and at the end.
fn bytes_for_each(count: usize, profile: &Profile) -> [usize; 2] {
    let mut desk = Desk::new(Configuration { max_associations: count, ..Configuration::default() });
    let before = allocator::held();
    let mut most = 0;
    for number in 1..=count {
        let (puppet, _) = desk.connect(route(number), profile.clone());
        drop(puppet);
        desk.events = Vec::new();
        if number >= MANY {
            most = most.max((allocator::held() - before) / number);
        }
    }
    assert_eq!(desk.server.statistics().associations, count);
    [most, (allocator::held() - before) / count]
}

#[test]
fn ten_thousand_associations_take_less_than_two_and_a_half_kilobytes_each() {
    let [most, each] =
        bytes_for_each(10_000, &Profile { suites: vec![PSK_CCM_8], connection_id: Some(vec![7; 8]), ..profile() });
    println!("10,000 associations: {each} bytes each, at most {most} while the tables grow");
    assert!(most < ASSOCIATION_MAX, "{most} bytes each");
}

#[test]
fn an_association_takes_the_same_whatever_was_agreed_on() {
    let mut profiles: Vec<(String, Profile)> = Vec::new();
    for suite in PSK_SUITES {
        for connection_id in [None, Some(Vec::new()), Some(vec![7; 8])] {
            let name = format!("suite {suite:04x}, connection id {connection_id:?}");
            profiles.push((name, Profile { suites: vec![suite], connection_id, ..profile() }));
        }
    }
    for (name, profile) in profiles {
        let [most, each] = bytes_for_each(MANY + 50, &profile);
        println!("{name}: {each} bytes each, at most {most}");
        assert!(most < ASSOCIATION_MAX, "{name}: {most}");
    }
}

/// What became of the handshake is in the association's own figure; here it is that nothing else stays.
#[test]
fn certificates_leave_nothing_behind_in_an_association() {
    let mut desk = Desk::new(on_record::configuration());
    let before = allocator::held();
    for number in 1..=100 {
        drop(desk.connect(route(number), on_record::certificate(number % on_record::HOLDERS)));
        desk.events = Vec::new();
    }
    let each = (allocator::held() - before) / 100;
    println!("by certificate: {each} bytes each, of 100");
    assert!(each < ASSOCIATION_MAX);
}

#[test]
fn everything_is_given_back_when_all_are_gone() {
    let mut desk = Desk::new(on_record::configuration());
    let mut left = [0; 2];
    for left in &mut left {
        for number in 1..=200 {
            let profile = if number % 20 == 0 { on_record::certificate(1) } else { profile() };
            match number % 3 {
                0 => drop(desk.half_open(route(number), profile)),
                _ => drop(desk.connect(route(number), profile)),
            }
        }
        desk.pass(std::time::Duration::from_secs(400));
        desk.events = Vec::new();
        assert_eq!((desk.server.statistics().associations, desk.server.statistics().handshakes), (0, 0));
        *left = allocator::held();
    }
    assert!(left[1] <= left[0], "what is held grows: {left:?}");
}

/// A handshake that waits for the client, and what a client may put into it before it has proven anything.
struct HalfOpen {
    name: &'static str,
    profile: fn() -> Profile,
    fill: fn(&mut Desk, Route, &mut Puppet),
    /// At most, in bytes.
    bound: usize,
}

/// Longest body of a Certificate message that is taken: one record's worth.
const CERTIFICATE_LONGEST: usize = (1 << 14) - 12;

/// Three certificates, as long as can be.
fn long_certificates() -> Message {
    let length = (CERTIFICATE_LONGEST - 3 - 3 * 3) / 3;
    Message::certificate(&[vec![0x30; length], vec![0x31; length], vec![0x32; length]])
}

/// Sends a message in the clear in fragments of 1,000 bytes, but for the last `missing`.
fn send_fragments(
    desk: &mut Desk,
    route: Route,
    puppet: &mut Puppet,
    (message, number): (&Message, u16),
    missing: usize,
) {
    let fragments = message.numbered(number).fragments(1_000.min(message.body.len() / 2));
    for fragment in &fragments[..fragments.len() - missing] {
        let record = puppet.record(HANDSHAKE, 0, fragment);
        desk.give(route, &record);
    }
}

/// ChangeCipherSpec, and records of the next epoch that nobody can read yet: as many and long ones as are kept, and more.
fn send_early(desk: &mut Desk, route: Route, puppet: &mut Puppet) {
    let record = puppet.record(CHANGE_CIPHER_SPEC, 0, &[1]);
    desk.give(route, &record);
    for length in (100..=220).rev() {
        let record = puppet.record(HANDSHAKE, 1, &vec![1; length]);
        desk.give(route, &record);
    }
}

fn send_all_but_the_end(desk: &mut Desk, route: Route, puppet: &mut Puppet) {
    send_fragments(desk, route, puppet, (&long_certificates(), 2), 1);
    send_fragments(desk, route, puppet, (&Message::new(CLIENT_KEY_EXCHANGE, vec![4; 256]), 3), 1);
    send_fragments(desk, route, puppet, (&Message::new(CERTIFICATE_VERIFY, vec![4; 1_024]), 4), 1);
    send_early(desk, route, puppet);
}

fn rows() -> [HalfOpen; 6] {
    [
        HalfOpen { name: "PSK, after our flight", profile, fill: |_, _, _| (), bound: 2_560 },
        HalfOpen {
            name: "PSK, all buffers full",
            profile,
            fill: |desk, route, puppet| {
                send_fragments(desk, route, puppet, (&Message::psk_key_exchange(&[b'x'; 256]), 2), 1);
                send_early(desk, route, puppet);
            },
            bound: 4_096,
        },
        HalfOpen {
            name: "PSK, waiting for the key",
            profile,
            fill: |desk, route, puppet| {
                send_early(desk, route, puppet);
                send_fragments(desk, route, puppet, (&Message::psk_key_exchange(&[b'x'; 256]), 2), 0);
                assert!(matches!(desk.events[..], [Output::NeedPsk { .. }]));
            },
            bound: 4_096,
        },
        HalfOpen {
            name: "X.509, after our flight",
            profile: || on_record::certificate(1),
            fill: |_, _, _| (),
            bound: 4_096,
        },
        HalfOpen {
            name: "X.509, all buffers full",
            profile: || on_record::certificate(1),
            fill: send_all_but_the_end,
            bound: 16_384 + 8_192,
        },
        HalfOpen {
            name: "X.509, waiting for the verdict",
            profile: || on_record::certificate(1),
            fill: |desk, route, puppet| {
                send_all_but_the_end(desk, route, puppet);
                send_fragments(desk, route, puppet, (&long_certificates(), 2), 0);
                assert!(matches!(desk.events[..], [Output::NeedClientKey { .. }]));
            },
            bound: 16_384 + 8_192,
        },
    ]
}

#[test]
fn a_handshake_takes_no_more_than_one_record_of_certificates_and_little_else() {
    const COUNT: usize = 60;
    for HalfOpen { name, profile, fill, bound } in rows() {
        let mut desk = Desk::new(on_record::configuration());
        desk.answers = false;
        let before = allocator::held();
        for number in 0..COUNT {
            let (mut puppet, flight) = desk.half_open(route(number), profile());
            for datagram in flight {
                puppet.hear(&datagram);
            }
            fill(&mut desk, route(number), &mut puppet);
            desk.events = Vec::new();
        }
        let each = (allocator::held() - before) / COUNT;
        assert_eq!(desk.server.statistics().handshakes, COUNT);
        println!("half-open, {name}: {each} bytes");
        assert!(each <= bound, "{name}: {each} bytes, more than {bound}");
    }
}

/// While it works on one message, it may hold that a few times over.
#[test]
fn the_longest_certificate_message_takes_little_more_for_a_moment() {
    let mut desk = Desk::new(on_record::configuration());
    let (mut puppet, flight) = desk.half_open(route(1), on_record::certificate(1));
    for datagram in flight {
        puppet.hear(&datagram);
    }
    desk.answers = false;
    send_all_but_the_end(&mut desk, route(1), &mut puppet);
    let last = long_certificates().numbered(2).fragments(1_000).pop().expect("fragments");
    let record = puppet.record(HANDSHAKE, 0, &last);
    let most = allocator::most_during(|| drop(desk.give(route(1), &record)));
    println!("for a moment: {most} bytes");
    assert!(most <= 4 * 16_384, "{most} bytes");
    assert!(matches!(desk.events[..], [Output::NeedClientKey { .. }]));
}

#[test]
fn of_ten_thousand_half_open_handshakes_the_last_4_096_are_kept() {
    const ATTEMPTS: usize = 10_000;
    const KEPT: usize = 4_096;
    let mut desk = Desk::new(Configuration { max_handshakes: KEPT, ..Configuration::default() });
    let before = allocator::held();
    let mut most = 0;
    let mut waiting: Vec<(usize, Puppet, Vec<Vec<u8>>)> = Vec::new();
    let chosen = [0, ATTEMPTS - KEPT - 1, ATTEMPTS - KEPT, ATTEMPTS - 1];
    for number in 0..ATTEMPTS {
        let (puppet, flight) = desk.half_open(route(number), profile());
        if chosen.contains(&number) {
            waiting.push((number, puppet, flight));
        }
        most = most.max(allocator::held() - before);
    }
    let statistics = desk.server.statistics();
    let counts = (statistics.handshakes, statistics.evicted, statistics.handshakes_failed);
    assert_eq!(counts, (KEPT, (ATTEMPTS - KEPT) as u64, (ATTEMPTS - KEPT) as u64));
    println!("{KEPT} half-open handshakes take {most} bytes at most, {} each", most / KEPT);
    for (number, mut puppet, flight) in waiting {
        let answers: Vec<Vec<u8>> = flight.iter().flat_map(|datagram| puppet.handle_datagram(datagram)).collect();
        desk.talk(route(number), &mut puppet, answers);
        assert_eq!(puppet.is_established(), number >= ATTEMPTS - KEPT, "attempt {number}");
    }
    let is_evicted = |event: &&Output| matches!(event, Output::Closed { reason: CloseReason::Evicted, .. });
    assert_eq!(desk.events.iter().filter(is_evicted).count(), ATTEMPTS - KEPT, "each is told");
}
