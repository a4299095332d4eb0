//! One server, many clients, and a queue of what is to happen when, in invented time.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bootstrapd::dtls::{AssociationId, Configuration, Offered, Output, Server, Statistics};
use bootstrapd::peer::Peer;
use bootstrapd::route::Route;

use crate::device::{Device, Plan};
use crate::ledger::Ledger;
use crate::link::{Deeds, Dice, Direction, Weather};
use crate::{on_record, plans};

/// How long datagrams of an attempt that is over may still be under way, or be sent again by the server.
const AFTERMATH: Duration = Duration::from_secs(120);
/// No run takes longer, in invented time.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What happens.
enum What {
    Arrival { direction: Direction, address: SocketAddr, datagram: Vec<u8> },
    Wake { device: usize },
    Key { association: AssociationId, identity: Vec<u8> },
    ClientKey { association: AssociationId, offered: Offered },
}

/// When, and which of those at the same time comes first.
struct Due {
    at: Instant,
    number: u64,
    what: What,
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

/// What may befall clients besides the weather, for each datagram that one sends.
#[derive(Clone, Copy)]
pub struct Mischief {
    pub reboot: f64,
    pub change_of_address: f64,
    /// Seconds that a look-up takes at most.
    pub lookup: f64,
}

impl Mischief {
    pub const NONE: Mischief = Mischief { reboot: 0.0, change_of_address: 0.0, lookup: 0.0 };
    pub const SOME: Mischief = Mischief { reboot: 0.01, change_of_address: 0.015, lookup: 3.0 };
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Handshakes that succeeded, as clients see it.
    pub handshakes: u64,
    pub attempts: u64,
    /// Attempts that nothing but loss, delay and copies disturbed, and those of them that succeeded.
    pub fair: [u64; 2],
    /// That one client made in a row, none of them disturbed by what befell the client itself.
    pub most_attempts: u64,
    pub moved: u64,
    pub replaced: u64,
    /// Messages that arrived at the server and at clients.
    pub messages: [u64; 2],
    /// Answers that were not sent, for want of datagrams from a new address.
    pub withheld: u64,
    pub deeds: Deeds,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.handshakes += other.handshakes;
        self.attempts += other.attempts;
        self.most_attempts = self.most_attempts.max(other.most_attempts);
        self.moved += other.moved;
        self.replaced += other.replaced;
        self.withheld += other.withheld;
        for index in 0..2 {
            self.fair[index] += other.fair[index];
            self.messages[index] += other.messages[index];
        }
        self.deeds += other.deeds;
    }
}

pub struct World {
    server: Server,
    weather: Weather,
    mischief: Mischief,
    pub dice: Dice,
    start: Instant,
    now: Instant,
    queue: BinaryHeap<Reverse<Due>>,
    events: u64,
    devices: Vec<Device>,
    /// Who is at an address, and when it was last heard of.
    residents: HashMap<SocketAddr, usize>,
    last_use: HashMap<SocketAddr, Instant>,
    /// Addresses that somebody else may get, as behind a translator of addresses.
    vacant: Vec<SocketAddr>,
    addresses: u16,
    /// By the names that the server knows them by.
    names: HashMap<Vec<u8>, usize>,
    owners: HashMap<AssociationId, usize>,
    ledger: Ledger,
    tally: Tally,
}

impl World {
    pub fn new(mut dice: Dice, configuration: Configuration, weather: Weather, mischief: Mischief) -> World {
        let start = Instant::now();
        World {
            server: Server::new(configuration, dice.bytes()).expect("a configuration that works"),
            weather,
            mischief,
            dice,
            start,
            now: start,
            queue: BinaryHeap::new(),
            events: 0,
            devices: Vec::new(),
            residents: HashMap::new(),
            last_use: HashMap::new(),
            vacant: Vec::new(),
            addresses: 0,
            names: HashMap::new(),
            owners: HashMap::new(),
            ledger: Ledger::default(),
            tally: Tally::default(),
        }
    }

    /// Adds a client, which begins within `within` seconds.
    pub fn add(&mut self, plan: Plan, within: f64) {
        let number = self.devices.len();
        let address = self.new_address();
        let first = self.start + self.dice.seconds(0.0, within);
        self.names.insert(plans::name_of(&plan), number);
        self.residents.insert(address, number);
        self.devices.push(Device::new(number, address, plan, first));
        self.push(first, What::Wake { device: number });
    }

    /// Plays until nothing is left to happen, and looks that nothing is left.
    pub fn play(mut self) -> Tally {
        loop {
            let next = self.queue.peek().map(|Reverse(due)| due.at);
            let Some(next) = [next, self.server.poll_timeout()].into_iter().flatten().min() else { break };
            self.now = self.now.max(next);
            assert!(self.now - self.start < LONGEST, "this run does not end");
            if self.server.poll_timeout().is_some_and(|due| due <= self.now) {
                self.server.handle_timeout(self.now);
                self.collect();
                assert!(self.server.poll_timeout().is_none_or(|due| due > self.now), "a timeout is never served");
            }
            while let Some(Reverse(due)) = self.queue.peek()
                && due.at <= self.now
            {
                let Some(Reverse(due)) = self.queue.pop() else { break };
                self.happen(due.what, due.at);
            }
        }
        self.finish()
    }

    fn finish(mut self) -> Tally {
        let Statistics { associations, handshakes, .. } = self.server.statistics();
        assert_eq!((associations, handshakes), (0, 0), "state is left behind");
        self.ledger.finish();
        assert!(self.owners.is_empty(), "an association has an owner and does not exist");
        for device in &self.devices {
            let must_be_done =
                device.plan.is_right && device.plan.vanishes_after.is_none() && device.plan.attempts_max.is_none();
            assert!(device.is_gone() && (!must_be_done || device.is_done()), "{} is not done", device.number);
            self.tally.handshakes += device.established;
            self.tally.attempts += device.attempts;
            self.tally.most_attempts = self.tally.most_attempts.max(device.most_in_a_row);
            self.tally.fair = [self.tally.fair[0] + device.fair[0], self.tally.fair[1] + device.fair[1]];
        }
        self.tally.moved = self.ledger.moved;
        self.tally.replaced = self.ledger.replaced;
        self.tally
    }

    fn happen(&mut self, what: What, at: Instant) {
        match what {
            What::Arrival { direction: Direction::ToServer, address, datagram } => self.give(address, &datagram),
            What::Arrival { direction: Direction::ToClient, address, datagram } => {
                let Some(&number) = self.residents.get(&address) else { return };
                let before = self.devices[number].underway[1].len();
                let answers = self.devices[number].hear(self.now, &mut self.dice, &datagram);
                self.tally.messages[1] += (before - self.devices[number].underway[1].len()) as u64;
                self.let_send(number, answers);
            }
            What::Wake { device: number } => {
                let device = &mut self.devices[number];
                if device.due != Some(at) {
                    return;
                }
                let last_use = self.last_use.get(&device.address);
                let is_quiet = last_use.is_none_or(|last| *last + AFTERMATH <= self.now);
                let datagrams = device.wake(self.now, &mut self.dice, is_quiet);
                self.let_send(number, datagrams);
            }
            What::Key { association, identity } => {
                self.server.handle_psk(self.now, association, on_record::key_of(&identity).as_ref());
                self.collect();
            }
            What::ClientKey { association, offered } => {
                self.server.handle_client_key(self.now, association, on_record::verdict_on(&offered));
                self.collect();
            }
        }
    }

    /// A client sends; or something befalls it.
    fn let_send(&mut self, number: usize, datagrams: Vec<Vec<u8>>) {
        for datagram in datagrams {
            let device = &mut self.devices[number];
            if device.plan.vanishes_after.is_some_and(|most| device.sent >= most) {
                device.vanish();
            }
            let is_leaving = device.is_gone();
            if !is_leaving && self.dice.happens(self.mischief.reboot) {
                device.reboot(self.now, &mut self.dice);
                break;
            }
            if !is_leaving && self.dice.happens(self.mischief.change_of_address) {
                self.change_address(number);
            }
            let device = &mut self.devices[number];
            device.sent += 1;
            let address = device.address;
            self.last_use.insert(address, self.now);
            self.send(Direction::ToServer, address, datagram);
            if is_leaving {
                break;
            }
        }
        if let Some(due) = self.devices[number].due {
            self.push(due, What::Wake { device: number });
        }
    }

    /// The old address goes to somebody else, unless an association may yet be moved from there.
    fn change_address(&mut self, number: usize) {
        let reused = self.dice.happens(0.3).then(|| self.vacant.pop()).flatten();
        let address = reused.unwrap_or_else(|| self.new_address());
        let device = &mut self.devices[number];
        self.residents.remove(&device.address);
        if !device.has_connection_id() {
            self.vacant.push(device.address);
        }
        device.move_to(address);
        self.residents.insert(address, number);
    }

    fn new_address(&mut self) -> SocketAddr {
        self.addresses += 1;
        ([192, 0, 2, 1], self.addresses).into()
    }

    fn give(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.ledger.receive(from, datagram.len());
        let started = self.server.statistics().handshakes_started;
        self.server.handle_datagram(self.now, Route::to(from), datagram);
        if self.server.statistics().handshakes_started > started {
            self.ledger.prove(from);
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.server.poll_output() {
            self.ledger.note(&output);
            match output {
                Output::Datagram { route, bytes } => self.send(Direction::ToClient, route.remote, bytes),
                Output::NeedPsk { association, identity, .. } => {
                    let at = self.now + self.dice.seconds(0.0, self.mischief.lookup);
                    self.push(at, What::Key { association, identity });
                }
                Output::NeedClientKey { association, offered, .. } => {
                    let at = self.now + self.dice.seconds(0.0, self.mischief.lookup);
                    self.push(at, What::ClientKey { association, offered });
                }
                Output::Established { association, peer, .. } => {
                    let name = match peer {
                        Peer::PskIdentity(identity) => identity,
                        Peer::Certificate { mut chain, .. } => chain.swap_remove(0),
                        Peer::RawPublicKey(key) => key,
                        Peer::Unauthenticated => panic!("nobody is unauthenticated"),
                    };
                    let owner = self.names[&name];
                    assert!(self.devices[owner].plan.is_right, "{owner} has the wrong key");
                    self.owners.insert(association, owner);
                }
                Output::ApplicationData { association, bytes } => self.serve(association, &bytes),
                Output::Moved { .. } => {}
                Output::Closed { association, .. } => {
                    self.owners.remove(&association);
                }
            }
        }
    }

    /// A message has arrived; it is answered, and done as it wishes.
    fn serve(&mut self, association: AssociationId, message: &[u8]) {
        let owner = self.owners[&association];
        let device = &mut self.devices[owner];
        assert!(device.underway[0].remove(message), "{owner} did not send this, or it has arrived before");
        self.tally.messages[0] += 1;
        let echo = [b"echo ", message].concat();
        device.underway[1].insert(echo.clone());
        if !self.server.send(self.now, association, &echo) {
            // Late datagrams from an address that the client has left earn no answers at the new one.
            assert!(self.server.statistics().withheld > self.tally.withheld, "{owner} cannot be answered");
            self.tally.withheld += 1;
            self.devices[owner].underway[1].remove(&echo);
        }
        match message[0] {
            b'L' => self.server.linger(self.now, association),
            b'C' => {
                self.server.close(self.now, association);
                self.ledger.forget(association);
                self.owners.remove(&association);
            }
            _ => {}
        }
    }

    fn send(&mut self, direction: Direction, address: SocketAddr, datagram: Vec<u8>) {
        for delay in self.weather.arrivals(direction, &mut self.dice, &mut self.tally.deeds) {
            self.push(self.now + delay, What::Arrival { direction, address, datagram: datagram.clone() });
        }
    }

    fn push(&mut self, at: Instant, what: What) {
        self.events += 1;
        self.queue.push(Reverse(Due { at, number: self.events, what }));
    }
}
