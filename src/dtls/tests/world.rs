//! A server, its keys, and the datagrams between it and its clients.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::super::{AssociationId, CloseReason, Configuration, EngineError, Offered, Output, Server, Verdict};
use super::ENGINE;
use super::client::{Client, IDENTITY, KEY, Profile};
use super::pki::wall_clock;
use crate::peer::Peer;
use crate::route::Route;
use crate::secret::Secret;

pub(super) struct World {
    pub(super) server: Server,
    pub(super) now: Instant,
    pub(super) keys: HashMap<Vec<u8>, Secret>,
    /// All but datagrams and lookups, in order.
    pub(super) events: Vec<Output>,
    /// Lookups asked for, answered or not.
    pub(super) lookups: Vec<(AssociationId, Vec<u8>)>,
    /// What is on record of devices: leaf certificates and raw public keys.
    pub(super) on_record: Vec<Vec<u8>>,
    /// What clients offered, answered or not.
    pub(super) offers: Vec<(AssociationId, Offered)>,
    /// Whether lookups are answered at once.
    pub(super) answers_lookups: bool,
}

pub(super) fn route(port: u16) -> Route {
    Route::to(([192, 0, 2, 1], port).into())
}

impl World {
    pub(super) fn new(configuration: Configuration) -> World {
        let configuration = Configuration { engine: ENGINE, ..configuration };
        World {
            server: Server::new(configuration, [3; 32]).unwrap(),
            now: Instant::now(),
            keys: HashMap::from([(IDENTITY.as_bytes().to_vec(), Secret::from(KEY))]),
            events: Vec::new(),
            lookups: Vec::new(),
            on_record: Vec::new(),
            offers: Vec::new(),
            answers_lookups: true,
        }
    }

    /// Gives the server another configuration.
    pub(super) fn reconfigure(&mut self, configuration: Configuration) -> Result<(), EngineError> {
        self.server.reconfigure(Configuration { engine: ENGINE, ..configuration })
    }

    /// Gives the server a datagram and returns what it sends to that route.
    pub(super) fn give(&mut self, route: Route, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.server.handle_datagram(self.now, route, datagram);
        self.collect(route)
    }

    /// Takes all outputs; returns the datagrams for `to`.
    pub(super) fn collect(&mut self, to: Route) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { route, bytes } if route == to => datagrams.push(bytes),
                Output::Datagram { .. } => {}
                Output::NeedPsk { association, identity, .. } => {
                    self.lookups.push((association, identity.clone()));
                    if self.answers_lookups {
                        self.server.handle_psk(self.now, association, self.keys.get(&identity));
                    }
                }
                Output::NeedClientKey { association, offered, .. } => {
                    let verdict = self.verdict(&offered);
                    self.offers.push((association, offered));
                    if self.answers_lookups {
                        self.server.handle_client_key(self.now, association, verdict);
                    }
                }
                event => self.events.push(event),
            }
        }
        datagrams
    }

    /// What is on record of what a client offers.
    pub(super) fn verdict(&self, offered: &Offered) -> Verdict {
        match offered {
            Offered::Certificate(chain) if self.on_record.contains(&chain[0]) => Verdict::Pinned,
            Offered::Certificate(_) => Verdict::Unpinned { at: wall_clock() },
            Offered::RawPublicKey(key) if self.on_record.contains(key) => Verdict::Known,
            Offered::RawPublicKey(_) => Verdict::Unknown,
        }
    }

    /// Lets a client and the server talk until neither has more to say.
    pub(super) fn talk(&mut self, route: Route, client: &mut Client) {
        loop {
            let sent = client.step();
            if sent.is_empty() {
                break;
            }
            for datagram in sent {
                for answer in self.give(route, &datagram) {
                    client.deliver(answer);
                }
            }
        }
    }

    /// A client with an association proven by its pre-shared key.
    pub(super) fn connect(&mut self, route: Route, profile: Profile) -> (Client, AssociationId) {
        let (client, association, peer) = self.prove(route, profile);
        assert_eq!(peer, Peer::PskIdentity(self.lookups.last().unwrap().1.clone()));
        (client, association)
    }

    /// A client with a proven association, and who it proved to be.
    pub(super) fn prove(&mut self, route: Route, profile: Profile) -> (Client, AssociationId, Peer) {
        let mut client = Client::new(profile);
        self.talk(route, &mut client);
        assert!(client.is_established, "alert {:?}, {:?}", client.alert, self.events);
        let events = std::mem::take(&mut self.events);
        let established = events.into_iter().find_map(|event| match event {
            Output::Established { association, route: at, peer } if at == route => Some((association, peer)),
            _ => None,
        });
        let (association, peer) = established.expect("established");
        (client, association, peer)
    }

    /// Lets time pass, by the server's table; OpenSSL has its own clock.
    pub(super) fn pass(&mut self, duration: Duration) {
        self.now += duration;
        self.server.handle_timeout(self.now);
    }

    /// Whether both can speak to each other.
    pub(super) fn assert_alive(&mut self, route: Route, client: &mut Client, association: AssociationId) {
        self.events.clear();
        let datagram = client.seal(b"ping");
        self.give(route, &datagram);
        let heard = Output::ApplicationData { association, bytes: b"ping".to_vec() };
        assert_eq!(std::mem::take(&mut self.events), [heard]);
        client.received.clear();
        assert!(self.server.send(self.now, association, b"pong"));
        for answer in self.collect(route) {
            client.deliver(answer);
        }
        client.step();
        assert_eq!(client.received, [b"pong".to_vec()]);
    }

    pub(super) fn closed(&mut self) -> Vec<(AssociationId, CloseReason)> {
        let events = std::mem::take(&mut self.events);
        let closed = events.into_iter().filter_map(|event| match event {
            Output::Closed { association, reason, .. } => Some((association, reason)),
            _ => None,
        });
        closed.collect()
    }
}
