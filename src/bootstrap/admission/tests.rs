//! Rooms, places and turns in invented time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{Admission, Network, SURE_PATIENCE, WaitingRequest};
use crate::bootstrap::boundary::{CoapEndpoint, Limits, Origin};
use crate::coap::{Deduplication, Ticket, Verdict};
use crate::peer::Peer;
use crate::route::Route;

/// An admission, and who was told what.
struct Hall {
    admission: Admission,
    deduplication: Deduplication,
    start: Instant,
    seconds: f64,
}

impl Hall {
    fn with(sessions: usize, queue: usize, network_share: u8) -> Hall {
        let limits = Limits { sessions, queue, network_share, ..Limits::default() };
        let deduplication = Deduplication::new([0; 16], Duration::from_secs(1000), 100_000);
        Hall { admission: Admission::new(&limits), deduplication, start: Instant::now(), seconds: 0.0 }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.seconds)
    }

    fn ticket(&mut self, datagram: &[u8]) -> Ticket {
        match self.deduplication.check(self.start, &(), datagram) {
            Verdict::New(ticket) => ticket,
            Verdict::Duplicate { .. } => panic!("a datagram that was sent before"),
        }
    }

    /// A request of a client that is admitted if there is room, and else gets in line. Says whether it was admitted.
    fn asks(&mut self, client: &str) -> bool {
        let remote: SocketAddr = client.parse().unwrap();
        let network = Network::of(remote.ip());
        if self.admission.has_room(network) {
            self.admission.started(network);
            return true;
        }
        let datagram = format!("{client} {}", self.seconds);
        let ticket = self.ticket(datagram.as_bytes());
        let origin = Origin {
            endpoint: endpoint(client),
            route: Route::to(remote),
            peer: &Peer::Unauthenticated,
            largest_message: None,
        };
        self.admission.enqueue(self.now(), WaitingRequest::new(self.now(), origin, datagram.as_bytes(), ticket));
        false
    }

    /// Everyone who is admitted now, in order.
    fn admitted(&mut self) -> Vec<String> {
        let mut admitted = Vec::new();
        while let Some(request) = self.admission.next(self.now()) {
            self.admission.started(Network::of(request.route.remote.ip()));
            admitted.push(request.route.remote.to_string());
        }
        admitted
    }

    fn ends(&mut self, client: &str) -> Vec<String> {
        let remote: SocketAddr = client.parse().unwrap();
        self.admission.ended(Network::of(remote.ip()));
        self.admitted()
    }

    fn departed(&mut self) -> usize {
        self.admission.take_departed().len()
    }
}

fn endpoint(client: &str) -> CoapEndpoint {
    CoapEndpoint::Address { listener: 0, route: Route::to(client.parse().unwrap()) }
}

#[test]
fn networks_are_a_24_of_ipv4_and_a_48_of_ipv6_however_an_address_is_written() {
    let network = |text: &str| Network::of(text.parse::<IpAddr>().unwrap());
    for (one, other, same) in [
        ("192.0.2.1", "192.0.2.255", true),
        ("192.0.2.1", "192.0.3.1", false),
        ("192.0.2.1", "::ffff:192.0.2.9", true),
        ("::ffff:192.0.2.1", "::ffff:198.51.100.1", false),
        ("2001:db8:1:2::3", "2001:db8:1:ffff::9", true),
        ("2001:db8:1::1", "2001:db8:2::1", false),
    ] {
        assert_eq!(network(one) == network(other), same, "{one} {other}");
    }
}

#[test]
fn who_moves_to_another_network_while_it_waits_keeps_its_place() {
    let mut hall = Hall::with(1, 10, 100);
    assert!(hall.asks("192.0.2.1:1"));
    // One association, the client of which asks from one network and then, anew, from another.
    let endpoint = CoapEndpoint::Association { listener: 0, number: 7 };
    for (asked, remote) in [("first", "192.0.2.2:1"), ("anew", "198.51.100.2:1")] {
        let ticket = hall.ticket(asked.as_bytes());
        let route = Route::to(remote.parse().unwrap());
        let origin = Origin { endpoint, route, peer: &Peer::Unauthenticated, largest_message: None };
        hall.admission.enqueue(hall.now(), WaitingRequest::new(hall.now(), origin, asked.as_bytes(), ticket));
    }
    assert!(!hall.asks("203.0.113.3:1"));
    assert_eq!((hall.admission.waiting(), hall.departed()), (2, 1));
    assert_eq!(hall.ends("192.0.2.1:1"), ["192.0.2.2:1"], "in the line where it began to wait");
    assert_eq!(hall.ends("192.0.2.2:1"), ["203.0.113.3:1"], "and nobody behind it waits for ever");
    assert_eq!((hall.admission.waiting(), hall.departed(), hall.admission.networks.len()), (0, 0, 1));
}

#[test]
fn who_finds_no_room_waits_in_line_and_is_taken_when_a_session_ends() {
    let mut hall = Hall::with(2, 10, 100);
    assert!(hall.asks("192.0.2.1:1") && hall.asks("192.0.2.2:1"));
    assert!(!hall.asks("192.0.2.3:1") && !hall.asks("192.0.2.4:1"));
    assert_eq!((hall.admission.waiting(), hall.admitted()), (2, vec![]));
    assert_eq!(hall.ends("192.0.2.2:1"), ["192.0.2.3:1"]);
    assert_eq!(hall.ends("192.0.2.3:1"), ["192.0.2.4:1"]);
    assert_eq!(hall.ends("192.0.2.1:1"), [""; 0]);
    assert_eq!((hall.admission.waiting(), hall.departed(), hall.admission.queued), (0, 0, 2));
}

#[test]
fn who_may_have_given_up_is_left_out_and_its_next_request_is_new() {
    let patience = SURE_PATIENCE.as_secs_f64();
    for (waited, is_taken) in [(patience - 0.1, true), (patience + 0.1, false)] {
        let mut hall = Hall::with(1, 10, 100);
        hall.asks("192.0.2.1:1");
        hall.asks("192.0.2.2:1");
        hall.seconds = waited;
        assert_eq!(hall.ends("192.0.2.1:1").len(), usize::from(is_taken), "{waited}");
        assert_eq!(hall.departed(), usize::from(!is_taken));
        assert_eq!(hall.admission.dropped, u64::from(!is_taken));
        assert_eq!(hall.admission.waiting(), 0);
    }
}

/// A client on a slow network: it sends at 0, 10, 30, 70 and 150 s and gives up at 310 s.
#[test]
fn a_slow_client_keeps_its_place_as_long_as_its_retransmissions_show_that_it_waits() {
    for (sent_until, asked_at, is_taken) in
        [(30.0, 65.0, false), (70.0, 139.0, true), (150.0, 299.0, true), (150.0, 301.0, false)]
    {
        let mut hall = Hall::with(1, 10, 100);
        hall.asks("192.0.2.1:1");
        hall.asks("192.0.2.2:1");
        for seconds in [10.0, 30.0, 59.0, 70.0, 150.0].into_iter().filter(|at| *at <= sent_until) {
            hall.seconds = seconds;
            let now = hall.now();
            hall.admission.heard_again(now, endpoint("192.0.2.2:1"));
        }
        hall.seconds = asked_at;
        assert_eq!(hall.ends("192.0.2.1:1").len(), usize::from(is_taken), "{sent_until} {asked_at}");
    }
}

#[test]
fn a_client_that_restarts_keeps_its_place_and_its_old_request_is_forgotten() {
    let mut hall = Hall::with(1, 2, 100);
    for client in ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"] {
        hall.asks(client);
    }
    hall.seconds = 59.0;
    hall.asks("192.0.2.2:1");
    assert_eq!((hall.admission.waiting(), hall.departed()), (2, 1));
    hall.seconds = 100.0;
    assert_eq!(hall.ends("192.0.2.1:1"), ["192.0.2.2:1"]);
    assert_eq!(hall.admission.dropped, 1, "the third gave up");
}

#[test]
fn a_client_that_is_gone_leaves_the_line() {
    let mut hall = Hall::with(1, 2, 100);
    for client in ["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"] {
        hall.asks(client);
    }
    hall.admission.withdraw(endpoint("192.0.2.2:1"));
    assert_eq!((hall.departed(), hall.admission.dropped), (1, 0));
    assert_eq!(hall.ends("192.0.2.1:1"), ["192.0.2.3:1"]);
}

#[test]
fn one_network_leaves_room_for_others_and_has_all_of_its_share_when_it_is_alone() {
    let mut hall = Hall::with(8, 100, 75);
    let admitted = (0..50).filter(|host| hall.asks(&format!("192.0.2.{host}:1"))).count();
    assert_eq!(admitted, 6);
    assert!(hall.asks("198.51.100.1:1") && hall.asks("198.51.100.2:1"));
    assert!(!hall.asks("198.51.100.3:1"));
    // A session of the first one ends: the other network has fewer.
    assert_eq!(hall.ends("192.0.2.0:1"), ["198.51.100.3:1"]);
    assert_eq!(hall.ends("192.0.2.1:1"), ["192.0.2.6:1"]);
}

#[test]
fn the_turn_is_that_of_the_network_with_the_fewest_sessions_and_equals_take_turns() {
    let mut hall = Hall::with(6, 100, 100);
    for host in 0..20 {
        hall.asks(&format!("192.0.2.{host}:1"));
    }
    for network in [1, 2] {
        for host in 0..3 {
            hall.asks(&format!("198.51.{network}.{host}:1"));
        }
    }
    let taken: Vec<String> = (0..6).flat_map(|host| hall.ends(&format!("192.0.2.{host}:1"))).collect();
    // Six sessions, three networks: two each, and none gets its second before each has its first.
    assert_eq!(taken, ["198.51.1.0:1", "198.51.2.0:1", "198.51.1.1:1", "198.51.2.1:1", "192.0.2.6:1", "192.0.2.7:1"]);
}

/// New networks come all the time, each with one client: a network that waits is not overtaken by them for ever.
#[test]
fn networks_that_come_and_go_do_not_starve_one_that_waits() {
    let mut hall = Hall::with(1, 100, 100);
    hall.asks("203.0.113.1:1");
    hall.asks("192.0.2.1:1");
    hall.asks("192.0.2.2:1");
    let mut running = "203.0.113.1:1".to_owned();
    let mut served = Vec::new();
    for round in 0..20 {
        hall.seconds += 1.0;
        hall.asks(&format!("198.51.{round}.1:1"));
        running = hall.ends(&running).pop().unwrap();
        served.push(running.clone());
    }
    assert_eq!(served.iter().filter(|client| client.starts_with("192.0.2.")).count(), 2, "{served:?}");
    assert_eq!(served[0], "192.0.2.1:1");
}

#[test]
fn a_full_queue_is_relieved_by_the_network_that_fills_it_most() {
    let mut hall = Hall::with(1, 4, 100);
    for host in 0..7 {
        hall.asks(&format!("192.0.2.{host}:1"));
    }
    // One runs, four wait, two found no place.
    assert_eq!((hall.admission.waiting(), hall.departed()), (4, 2));
    for (client, pushed_out) in
        [("198.51.100.1:1", 1), ("198.51.100.2:1", 1), ("198.51.100.3:1", 1), ("203.0.113.1:1", 1)]
    {
        hall.asks(client);
        assert_eq!((hall.admission.waiting(), hall.departed()), (4, pushed_out), "{client}");
    }
    let mut taken = Vec::new();
    let mut running = "192.0.2.0:1".to_owned();
    while let Some(next) = hall.ends(&running).pop() {
        taken.push(next.clone());
        running = next;
    }
    taken.sort();
    // Each network kept its earliest.
    assert_eq!(taken.len(), 4);
    assert!(taken.contains(&"192.0.2.1:1".to_owned()) && taken.contains(&"203.0.113.1:1".to_owned()), "{taken:?}");
}

#[test]
fn without_a_queue_nobody_waits() {
    let mut hall = Hall::with(1, 0, 100);
    hall.asks("192.0.2.1:1");
    hall.asks("192.0.2.2:1");
    assert_eq!((hall.admission.waiting(), hall.departed()), (0, 1));
}

/// The same random life as [`Admission`] leads, kept in plain lists, with the bounds checked after each step.
#[test]
fn whatever_happens_the_bounds_hold_and_nothing_is_left_behind() {
    let mut hall = Hall::with(5, 7, 60);
    let mut running: BTreeMap<u32, usize> = BTreeMap::new();
    let mut state = 1_u32;
    for step in 0..5_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (network, host, deed) = ((state >> 8) % 4, (state >> 12) % 16, (state >> 20) % 8);
        let client = format!("192.0.{network}.{host}:1");
        hall.seconds = f64::from(step);
        let mut taken = Vec::new();
        match deed {
            0..=3 if hall.asks(&client) => *running.entry(network).or_default() += 1,
            0..=3 => {}
            4 => hall.admission.withdraw(endpoint(&client)),
            5 => hall.admission.heard_again(hall.now(), endpoint(&client)),
            _ if running.get(&network).is_some_and(|count| *count > 0) => {
                *running.entry(network).or_default() -= 1;
                taken = hall.ends(&client);
            }
            _ => {}
        }
        for client in taken {
            let network: u32 = client.split('.').nth(2).unwrap().parse().unwrap();
            *running.entry(network).or_default() += 1;
        }
        assert!(running.values().sum::<usize>() <= 5 && running.values().all(|count| *count <= 3), "{running:?}");
        assert!(hall.admission.waiting() <= 7);
        let Admission { requests, places, patience, networks, turns, crowds, .. } = &hall.admission;
        let waiting: usize = networks.values().map(|presence| presence.waiting.len()).sum();
        assert_eq!([places.len(), patience.len(), waiting], [requests.len(); 3]);
        let crowded = networks.values().filter(|presence| !presence.waiting.is_empty()).count();
        assert_eq!([turns.len(), crowds.len()], [crowded; 2]);
        assert!(networks.len() <= 4);
    }
    assert!(hall.admission.queued > 100 && hall.admission.dropped > 100);
}
