//! One DTLS server and its clients face to face, for what must happen exactly.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::time::{Duration, Instant};

use bootstrapd::dtls::{AssociationId, Configuration, EngineKind, Output, Server};
use bootstrapd::route::Route;

use crate::on_record;
use crate::puppet::{Profile, Puppet};

/// A server with the engine of our own, and what came out of it besides datagrams and questions for keys.
pub struct Desk {
    pub server: Server,
    pub now: Instant,
    pub events: Vec<Output>,
    /// Whether questions for keys are answered.
    pub answers: bool,
}

pub fn route(port: u16) -> Route {
    Route::to(([192, 0, 2, 1], port).into())
}

/// A client with a key that is on record.
pub fn profile() -> Profile {
    on_record::psk(1)
}

impl Desk {
    pub fn new(configuration: Configuration) -> Desk {
        let configuration = Configuration { engine: EngineKind::Native, ..configuration };
        let server = Server::new(configuration, [3; 32]).expect("a configuration that works");
        Desk { server, now: Instant::now(), events: Vec::new(), answers: true }
    }

    /// Datagrams, and whereto.
    pub fn collect(&mut self) -> Vec<(Route, Vec<u8>)> {
        let mut datagrams = Vec::new();
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { route, bytes } => datagrams.push((route, bytes)),
                Output::NeedPsk { association, identity, .. } if self.answers => {
                    self.server.handle_psk(self.now, association, on_record::key_of(&identity).as_ref());
                }
                Output::NeedClientKey { association, offered, .. } if self.answers => {
                    self.server.handle_client_key(self.now, association, on_record::verdict_on(&offered));
                }
                event => self.events.push(event),
            }
        }
        datagrams
    }

    pub fn give(&mut self, route: Route, datagram: &[u8]) -> Vec<(Route, Vec<u8>)> {
        self.server.handle_datagram(self.now, route, datagram);
        self.collect()
    }

    /// Speaks with a client until neither has more to say.
    pub fn talk(&mut self, route: Route, puppet: &mut Puppet, first: Vec<Vec<u8>>) {
        let mut to_server = first;
        while !to_server.is_empty() {
            let answers: Vec<_> = to_server.iter().flat_map(|datagram| self.give(route, datagram)).collect();
            to_server = answers.iter().flat_map(|(_, answer)| puppet.handle_datagram(answer)).collect();
        }
    }

    pub fn connect(&mut self, route: Route, profile: Profile) -> (Puppet, AssociationId) {
        let mut puppet = Puppet::new(profile, u64::from(route.remote.port()));
        let first = puppet.start();
        self.talk(route, &mut puppet, first);
        assert!(puppet.is_established(), "{:?}", puppet.faults());
        let established = self.events.drain(..).find_map(|event| match event {
            Output::Established { association, .. } => Some(association),
            _ => None,
        });
        (puppet, established.expect("the server knows it too"))
    }

    /// A client that has returned its cookie and says no more, and the server's flight.
    pub fn half_open(&mut self, route: Route, profile: Profile) -> (Puppet, Vec<Vec<u8>>) {
        let mut puppet = Puppet::new(profile, u64::from(route.remote.port()));
        let first = puppet.start().concat();
        let verify = self.give(route, &first).remove(0).1;
        let second = puppet.handle_datagram(&verify).concat();
        let flight = self.give(route, &second).into_iter().map(|(_, datagram)| datagram).collect();
        (puppet, flight)
    }

    /// Lets time pass up to the next timeout; what was sent then.
    pub fn wait(&mut self) -> Option<Vec<(Route, Vec<u8>)>> {
        self.now = self.server.poll_timeout()?;
        self.server.handle_timeout(self.now);
        Some(self.collect())
    }

    /// Lets this much time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.server.poll_timeout().is_some_and(|due| due <= end) {
            self.wait();
        }
        self.now = end;
    }
}
