//! The bootstrap server and one simulated client, with a link between them that loses, repeats, delays and overtakes as
//! its seed says, in invented time.
//!
//! A perfect link serves the tests and benches that only want to see what crosses. RFC 7252 section 4 is what both ends
//! have against the others. No socket, no sleeping.

#![allow(dead_code, reason = "tests and benches each use a part of it")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use bootstrapd::bootstrap::{
    CoapEndpoint, Limits, ListenerPolicy, Lookup, Origin, Outcome, Output, Server, SessionReport,
};
use bootstrapd::coap::Timing;
use bootstrapd::peer::Peer;
use bootstrapd::route::Route;
use bootstrapd::simulator::{self, Client, EXCHANGE_LIFETIME, Failure, Provisioned};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What a link does to each datagram, the same in both directions.
#[derive(Clone, Debug, PartialEq)]
pub struct Weather {
    /// Share that is lost.
    pub lost: f64,
    /// Share of what is not lost that arrives twice. The second copy comes as late as one that is held.
    pub repeated: f64,
    /// Share of what is not lost that is held, so that later datagrams overtake it.
    pub held: f64,
    /// Seconds that a held datagram is late.
    pub hold: Range<f64>,
    /// Seconds that every datagram takes one way.
    pub delay: Range<f64>,
}

impl Weather {
    /// Everything arrives once, at once and in order.
    pub const PERFECT: Weather = Weather { lost: 0.0, repeated: 0.0, held: 0.0, hold: 0.0..0.0, delay: 0.0..0.0 };
}

/// Whereto a datagram is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// What the link has done, so that a test can see that it was not idle.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deeds {
    pub sent: u64,
    pub lost: u64,
    pub repeated: u64,
    pub overtaken: u64,
}

impl std::ops::AddAssign for Deeds {
    fn add_assign(&mut self, other: Deeds) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.overtaken += other.overtaken;
    }
}

/// A datagram on its way; the earlier arrival comes first, and of equals what was sent first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    at: Instant,
    number: u64,
    direction: Direction,
    datagram: Vec<u8>,
}

/// Datagrams on their way.
struct Link {
    weather: Weather,
    random: StdRng,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    /// When the latest arrival in each direction is due that keeps the order.
    latest: [Option<Instant>; 2],
    deeds: Deeds,
}

impl Link {
    fn new(weather: Weather, seed: u64) -> Link {
        let under_way = BinaryHeap::new();
        Link { weather, random: StdRng::seed_from_u64(seed), under_way, latest: [None; 2], deeds: Deeds::default() }
    }

    fn send(&mut self, now: Instant, direction: Direction, datagram: &[u8]) {
        self.deeds.sent += 1;
        if self.happens(self.weather.lost) {
            self.deeds.lost += 1;
            return;
        }
        let on_time = now + self.seconds(self.weather.delay.clone());
        // A link in good order is a queue: nothing arrives before what was sent earlier.
        let latest = &mut self.latest[direction as usize];
        let on_time = latest.map_or(on_time, |latest| on_time.max(latest));
        if self.happens(self.weather.held) {
            self.deeds.overtaken += 1;
            self.arrive_late(on_time, direction, datagram);
        } else {
            self.latest[direction as usize] = Some(on_time);
            self.arrive(on_time, direction, datagram);
        }
        if self.happens(self.weather.repeated) {
            self.deeds.repeated += 1;
            self.arrive_late(on_time, direction, datagram);
        }
    }

    fn arrive_late(&mut self, on_time: Instant, direction: Direction, datagram: &[u8]) {
        let at = on_time + self.seconds(self.weather.hold.clone());
        self.arrive(at, direction, datagram);
    }

    fn arrive(&mut self, at: Instant, direction: Direction, datagram: &[u8]) {
        let (number, datagram) = (self.deeds.sent, datagram.to_vec());
        self.under_way.push(Reverse(UnderWay { at, number, direction, datagram }));
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random::<f64>() < share
    }

    fn seconds(&mut self, range: Range<f64>) -> Duration {
        Duration::from_secs_f64(range.start + (range.end - range.start) * self.random.random::<f64>())
    }

    fn next_arrival(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(next)| next.at)
    }

    fn arrived(&mut self, now: Instant) -> Option<(Direction, Vec<u8>)> {
        self.next_arrival().filter(|at| *at <= now)?;
        self.under_way.pop().map(|Reverse(next)| (next.direction, next.datagram))
    }
}

/// How one attempt of a client went.
#[derive(Debug)]
pub struct Attempt {
    /// What the client holds, or why it holds nothing.
    pub result: Result<Provisioned, Failure>,
    /// What the server said of it; none where its session outlives the client's patience.
    pub report: Option<SessionReport>,
    /// When the client had given up, or both were done.
    pub ended: Instant,
    pub deeds: Deeds,
}

/// Whoever answers in a client's stead, where it likes to: from what arrives to what is answered.
pub type StandIn = Box<dyn FnMut(&[u8]) -> Option<Vec<u8>>>;

/// A bootstrap server with one listener, and a device that it knows.
pub struct Site {
    server: Server,
    lookup: Lookup,
    peer: Peer,
    /// Sessions that took longer than a client waits.
    pub overlong: u64,
    pub stand_in: StandIn,
}

impl Site {
    /// A server that answers every look-up so, for a client that has proven `peer`.
    pub fn new(lookup: Lookup, peer: Peer, seed: [u8; 32]) -> Site {
        let policy = ListenerPolicy {
            timing: Timing::default(),
            insecure_secrets: false,
            certificate_name: bootstrapd::provision::material::CertificateName::Cn,
        };
        let server = Server::new(vec![policy], Limits::default(), seed);
        Site { server, lookup, peer, overlong: 0, stand_in: Box::new(|_| None) }
    }

    /// One attempt of `client`, whose association has this number, from `now` on until the client has given up, or has
    /// succeeded and the server is done too. `observe` sees every datagram that is sent, lost or not.
    pub fn attempt(
        &mut self,
        now: Instant,
        association: u64,
        client: &mut Client,
        weather: (&Weather, u64),
        observe: &mut dyn FnMut(Direction, &[u8]),
    ) -> Attempt {
        self.catch_up(now);
        let mut ends = Ends { now, client, link: Link::new(weather.0.clone(), weather.1), result: None, report: None };
        ends.client.start(now);
        loop {
            self.speak(&mut ends, CoapEndpoint::Association { listener: 0, number: association }, observe);
            if let Some((direction, datagram)) = ends.link.arrived(ends.now) {
                let answer = (direction == Direction::ToClient).then(|| (self.stand_in)(&datagram)).flatten();
                match (direction, answer) {
                    (Direction::ToServer, _) => self.receive(ends.now, association, &datagram),
                    (Direction::ToClient, None) => ends.client.handle_datagram(ends.now, &datagram),
                    (Direction::ToClient, Some(answer)) => {
                        observe(Direction::ToServer, &answer);
                        ends.link.send(ends.now, Direction::ToServer, &answer);
                    }
                }
                continue;
            }
            let wakings = [ends.link.next_arrival(), ends.client.poll_timeout(), self.server.poll_timeout()];
            match (&ends.result, wakings.into_iter().flatten().min()) {
                (None, Some(next)) => ends.now = ends.now.max(next),
                (Some(Ok(_)), Some(next)) if ends.report.is_none() => ends.now = ends.now.max(next),
                _ => break,
            }
            ends.client.handle_timeout(ends.now);
            self.server.handle_timeout(ends.now);
        }
        let result = ends.result.expect("a client comes to an end");
        Attempt { result, report: ends.report, ended: ends.now, deeds: ends.link.deeds }
    }

    /// Whatever the server still had to do with clients that have given up.
    fn catch_up(&mut self, now: Instant) {
        while let Some(due) = self.server.poll_timeout().filter(|due| *due < now) {
            self.server.handle_timeout(due);
        }
        while let Some(output) = self.server.poll_output() {
            if let Output::Ended { report, .. } = output {
                assert_ne!(report.outcome, Outcome::Completed, "the client had given up");
                self.overlong += is_overlong(&report);
            }
        }
    }

    fn receive(&mut self, now: Instant, number: u64, datagram: &[u8]) {
        let endpoint = CoapEndpoint::Association { listener: 0, number };
        let route = Route::to(SocketAddr::from(([192, 0, 2, 1], 5684)));
        let origin = Origin { endpoint, route, peer: &self.peer, largest_message: None };
        self.server.handle_datagram(now, origin, datagram);
    }

    /// Both say what they have to say.
    fn speak(&mut self, ends: &mut Ends<'_>, endpoint: CoapEndpoint, observe: &mut dyn FnMut(Direction, &[u8])) {
        while let Some(output) = ends.client.poll_output() {
            match output {
                simulator::Output::Datagram(bytes) => {
                    observe(Direction::ToServer, &bytes);
                    ends.link.send(ends.now, Direction::ToServer, &bytes);
                }
                simulator::Output::Finished(result) => ends.result = Some(result),
            }
        }
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { to, bytes } if to == endpoint => {
                    observe(Direction::ToClient, &bytes);
                    ends.link.send(ends.now, Direction::ToClient, &bytes);
                }
                Output::Datagram { .. } => {}
                Output::Resolve { session, .. } | Output::Issue { session, .. } => {
                    self.server.handle_lookup(ends.now, session, self.lookup.clone());
                }
                Output::Ended { endpoint: of, report, .. } if of != endpoint => self.overlong += is_overlong(&report),
                Output::Ended { report, .. } => {
                    let holds = matches!(ends.result, Some(Ok(_)));
                    assert!(holds || report.outcome != Outcome::Completed, "{report:#?}");
                    self.overlong += is_overlong(&report);
                    ends.report = Some(*report);
                }
            }
        }
    }
}

/// Whether it was the limit of the whole that ended a session.
fn is_overlong(report: &SessionReport) -> u64 {
    u64::from(report.duration >= EXCHANGE_LIFETIME)
}

/// One attempt under way.
struct Ends<'a> {
    now: Instant,
    client: &'a mut Client,
    link: Link,
    result: Option<Result<Provisioned, Failure>>,
    report: Option<SessionReport>,
}
