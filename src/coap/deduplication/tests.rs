//! Arrivals as tables, and a comparison with a plain list.

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Deduplication, Ticket, Verdict};

const LIFETIME: Duration = Duration::from_secs(247);

fn deduplication(capacity: usize) -> Deduplication {
    Deduplication::new([3; 16], LIFETIME, capacity)
}

fn new_ticket(deduplication: &mut Deduplication, now: Instant, peer: u8, datagram: &[u8]) -> Ticket {
    match deduplication.check(now, &peer, datagram) {
        Verdict::New(ticket) => ticket,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn a_repeated_datagram_gets_the_reply_of_the_first_once_there_is_one() {
    let (now, mut deduplication) = (Instant::now(), deduplication(8));
    let ticket = new_ticket(&mut deduplication, now, 1, b"request");
    assert_eq!(deduplication.check(now, &1_u8, b"request"), Verdict::Duplicate { reply: None });
    deduplication.set_reply(ticket, b"2.04");
    let later = now + LIFETIME - Duration::from_nanos(1);
    assert_eq!(deduplication.check(later, &1_u8, b"request"), Verdict::Duplicate { reply: Some(b"2.04") });
    assert_eq!(deduplication.len(), 1);
}

#[test]
fn another_peer_or_another_datagram_is_new() {
    let (now, mut deduplication) = (Instant::now(), deduplication(8));
    for (peer, datagram) in
        [(1, &b"id 7, first life"[..]), (2, b"id 7, first life"), (1, b"id 7, second life"), (1, b"")]
    {
        new_ticket(&mut deduplication, now, peer, datagram);
    }
    assert_eq!(deduplication.len(), 4);
}

#[test]
fn after_its_lifetime_a_message_is_new_again() {
    let (now, mut deduplication) = (Instant::now(), deduplication(8));
    let ticket = new_ticket(&mut deduplication, now, 1, b"a");
    new_ticket(&mut deduplication, now + Duration::from_secs(1), 1, b"b");
    deduplication.expire(now + LIFETIME);
    assert_eq!(deduplication.len(), 1);
    deduplication.set_reply(ticket, b"too late");
    let again = new_ticket(&mut deduplication, now + LIFETIME, 1, b"a");
    assert_eq!(again, ticket);
    assert_eq!(deduplication.check(now + LIFETIME, &1_u8, b"a"), Verdict::Duplicate { reply: None });
    deduplication.expire(now + LIFETIME * 2);
    assert!(deduplication.is_empty());
}

#[test]
fn a_forgotten_message_is_new_again_wherever_it_stood() {
    let (now, mut deduplication) = (Instant::now(), deduplication(8));
    let tickets: Vec<Ticket> =
        [b"a", b"b", b"c"].iter().map(|datagram| new_ticket(&mut deduplication, now, 1, *datagram)).collect();
    deduplication.set_reply(tickets[0], b"A");
    for forgotten in [1, 2] {
        deduplication.forget(tickets[forgotten]);
        deduplication.forget(tickets[forgotten]);
    }
    assert_eq!((deduplication.len(), deduplication.entries.len()), (1, 1));
    new_ticket(&mut deduplication, now, 1, b"c");
    new_ticket(&mut deduplication, now, 1, b"b");
    assert_eq!(deduplication.check(now, &1_u8, b"a"), Verdict::Duplicate { reply: Some(b"A") });
}

#[test]
fn when_it_is_full_the_oldest_gives_way() {
    let (now, mut deduplication) = (Instant::now(), deduplication(2));
    for datagram in [b"a", b"b", b"c"] {
        new_ticket(&mut deduplication, now, 1, datagram);
    }
    assert_eq!(deduplication.len(), 2);
    assert_eq!(deduplication.check(now, &1_u8, b"b"), Verdict::Duplicate { reply: None });
    assert_eq!(deduplication.check(now, &1_u8, b"c"), Verdict::Duplicate { reply: None });
    new_ticket(&mut deduplication, now, 1, b"a");
}

#[test]
fn the_memory_of_a_flood_is_given_back() {
    let (now, mut deduplication) = (Instant::now(), deduplication(100_000));
    for number in 0..40_000_u32 {
        new_ticket(&mut deduplication, now, 1, &number.to_be_bytes());
    }
    assert!(size_of::<super::Entry>() <= 48);
    deduplication.expire(now + LIFETIME);
    assert!(deduplication.entries.capacity() < 1024 && deduplication.index.capacity() < 1024);
}

#[test]
fn the_seed_decides_the_digest() {
    let other = Deduplication::new([4; 16], LIFETIME, 8);
    assert_ne!(deduplication(8).digest(&1_u8, b"a"), other.digest(&1_u8, b"a"));
}

/// One event: after some seconds a datagram arrives, is answered, or is forgotten.
#[derive(Clone, Debug)]
enum Event {
    Arrives(u8),
    Answered(u8),
    Forgotten(u8),
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        4 => (0_u8..12).prop_map(Event::Arrives),
        1 => (0_u8..12).prop_map(Event::Answered),
        2 => (0_u8..12).prop_map(Event::Forgotten),
    ];
    vec((0_u64..60, event), 0..80)
}

proptest! {
    /// The capacity is out of reach here: forgotten entries still take their place in it.
    #[test]
    fn it_agrees_with_a_plain_list(events in events()) {
        let mut now = Instant::now();
        let mut deduplication = deduplication(1000);
        let mut model: Vec<(u8, Instant, bool)> = Vec::new();
        for (seconds, event) in events {
            now += Duration::from_secs(seconds);
            deduplication.expire(now);
            model.retain(|(_, expires, _)| *expires > now);
            match event {
                Event::Arrives(datagram) => {
                    let known = model.iter().find(|(known, ..)| *known == datagram).copied();
                    let verdict = deduplication.check(now, &0_u8, &[datagram]);
                    if let Some((_, _, answered)) = known {
                        let reply: Option<&[u8]> = if answered { Some(&[datagram]) } else { None };
                        prop_assert_eq!(verdict, Verdict::Duplicate { reply });
                    } else {
                        prop_assert!(matches!(verdict, Verdict::New(_)));
                        model.push((datagram, now + LIFETIME, false));
                    }
                }
                Event::Answered(datagram) => {
                    let ticket = Ticket(deduplication.digest(&0_u8, &[datagram]));
                    deduplication.set_reply(ticket, &[datagram]);
                    model.iter_mut().filter(|(known, ..)| *known == datagram).for_each(|entry| entry.2 = true);
                }
                Event::Forgotten(datagram) => {
                    deduplication.forget(Ticket(deduplication.digest(&0_u8, &[datagram])));
                    model.retain(|(known, ..)| *known != datagram);
                }
            }
            prop_assert_eq!(deduplication.len(), model.len());
        }
    }
}
