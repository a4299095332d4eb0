//! A server of the native engine with invented time, and what holds of it whatever happens.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use bootstrapd::dtls::{AssociationId, Configuration, EngineKind, Identity, Offered, Output, Server, Verdict};
use bootstrapd::peer::Peer;
use bootstrapd::route::Route;
use bootstrapd::secret::Secret;

use super::puppet::certificate::Holder;
use super::puppet::{Profile, Puppet, proof};

pub const IDENTITY: &[u8] = b"urn:dev:os:000001";
pub const KEY: &[u8] = b"0123456789abcdef";

/// A fuzz input, byte by byte.
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    /// The next byte; `None` at the end, which ends the run.
    pub fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next byte, or 0 where there is none.
    pub fn pick(&mut self) -> u8 {
        self.next().unwrap_or_default()
    }

    /// So many bytes, or what is left.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A root, a server and a device certified by it; made once, because that takes longer than a run.
pub struct Pki {
    root: Holder,
    pub server: Holder,
    pub device: Holder,
    /// A key that nobody knows.
    pub stranger: p256::ecdsa::SigningKey,
}

impl Pki {
    pub fn shared() -> &'static Pki {
        static PKI: OnceLock<Pki> = OnceLock::new();
        proof::remember_answers();
        PKI.get_or_init(|| {
            let root = Holder::root("root", 1);
            let (server, device) = (root.issue("server", 2, false, 0), root.issue("device", 3, false, 0));
            Pki { root, server, device, stranger: proof::signing_key(9) }
        })
    }

    pub fn configuration(&self) -> Configuration {
        let private_key = Secret::new(self.server.private_key());
        Configuration {
            identity: Some(Identity { chain: self.server.chain.clone(), private_key }),
            trust_anchors: self.root.chain.clone(),
            raw_public_keys: true,
            ..pre_shared()
        }
    }
}

/// Pre-shared keys alone.
pub fn pre_shared() -> Configuration {
    Configuration { engine: EngineKind::Native, ..Configuration::default() }
}

/// An address by a small number.
pub fn route(number: u8) -> Route {
    Route::to(([192, 0, 2, number], 5683).into())
}

pub struct World {
    pub server: Server,
    pub now: Instant,
    /// All but datagrams and lookups, in order, since they were last taken.
    pub events: Vec<Output>,
    /// Lookups that are to wait for [`World::look_up`].
    pub holds_lookups: bool,
    waiting: Vec<Output>,
    /// Who was established, and has not been closed.
    pub open: BTreeMap<AssociationId, Peer>,
    established: u64,
}

impl World {
    pub fn new(configuration: Configuration) -> World {
        World {
            server: Server::new(configuration, [7; 32]).expect("a configuration that works"),
            now: Instant::now(),
            events: Vec::new(),
            holds_lookups: false,
            waiting: Vec::new(),
            open: BTreeMap::new(),
            established: 0,
        }
    }

    /// A datagram arrives; returns what is sent.
    pub fn give(&mut self, route: Route, datagram: &[u8]) -> Vec<(Route, Vec<u8>)> {
        self.server.handle_datagram(self.now, route, datagram);
        self.collect()
    }

    /// Time goes by, and what is due is done.
    pub fn wait(&mut self, time: Duration) -> Vec<(Route, Vec<u8>)> {
        self.now += time;
        self.server.handle_timeout(self.now);
        self.collect()
    }

    pub fn send(&mut self, association: AssociationId, bytes: &[u8]) -> (bool, Vec<(Route, Vec<u8>)>) {
        let sent = self.server.send(self.now, association, bytes);
        (sent, self.collect())
    }

    /// Answers the lookups that wait.
    pub fn look_up(&mut self) -> Vec<(Route, Vec<u8>)> {
        for lookup in std::mem::take(&mut self.waiting) {
            self.answer(lookup);
        }
        self.collect()
    }

    /// Takes all outputs, and looks at each whether it may be; returns the datagrams.
    pub fn collect(&mut self) -> Vec<(Route, Vec<u8>)> {
        let mut datagrams = Vec::new();
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { route, bytes } => datagrams.push((route, bytes)),
                Output::NeedPsk { .. } | Output::NeedClientKey { .. } if self.holds_lookups => {
                    self.waiting.push(output);
                }
                Output::NeedPsk { .. } | Output::NeedClientKey { .. } => self.answer(output),
                event => {
                    self.note(&event);
                    self.events.push(event);
                }
            }
        }
        self.check();
        datagrams
    }

    fn answer(&mut self, lookup: Output) {
        match lookup {
            Output::NeedPsk { association, identity, .. } => {
                let key = Secret::from(KEY);
                self.server.handle_psk(self.now, association, (identity == IDENTITY).then_some(&key));
            }
            Output::NeedClientKey { association, offered, .. } => {
                let known = Pki::shared().device.spki();
                let verdict = match offered {
                    Offered::Certificate(_) => {
                        Verdict::Unpinned { at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) }
                    }
                    Offered::RawPublicKey(key) if key == known => Verdict::Known,
                    Offered::RawPublicKey(_) => Verdict::Unknown,
                };
                self.server.handle_client_key(self.now, association, verdict);
            }
            _ => unreachable!("only lookups wait"),
        }
    }

    fn note(&mut self, event: &Output) {
        match event {
            Output::Established { association, peer, .. } => {
                assert!(self.open.insert(*association, peer.clone()).is_none(), "established twice");
                self.established += 1;
            }
            Output::ApplicationData { association, bytes } => {
                assert!(self.open.contains_key(association), "application data of nobody");
                assert!(!bytes.is_empty());
            }
            Output::Moved { association, .. } => assert!(self.open.contains_key(association), "nobody moved"),
            // Of handshakes as well.
            Output::Closed { association, .. } => drop(self.open.remove(association)),
            _ => {}
        }
    }

    /// The figures agree with each other and with what came out.
    fn check(&self) {
        let figures = self.server.statistics();
        let ended = figures.handshakes_completed + figures.handshakes_failed;
        assert_eq!(figures.handshakes_started, ended + figures.handshakes as u64);
        assert_eq!(figures.handshakes_completed, self.established);
        assert_eq!(figures.associations, self.open.len());
        let is_idle = figures.associations == 0 && figures.handshakes == 0;
        assert_eq!(self.server.poll_timeout().is_none(), is_idle, "it waits for something");
    }

    /// Lets both talk until neither has more to say.
    pub fn talk(&mut self, from: Route, puppet: &mut Puppet, mut to_server: Vec<Vec<u8>>) {
        while !to_server.is_empty() {
            let answers: Vec<_> = to_server.iter().flat_map(|datagram| self.give(from, datagram)).collect();
            to_server = answers.iter().flat_map(|(_, answer)| puppet.handle_datagram(answer)).collect();
        }
    }

    /// A client that meets no trouble at all. Takes the event with it.
    pub fn connect(&mut self, from: Route, profile: Profile, seed: u64) -> (Puppet, AssociationId) {
        let mut puppet = Puppet::new(profile, seed);
        let hello = puppet.start();
        self.talk(from, &mut puppet, hello);
        assert!(puppet.is_established(), "{:?} {:?}", puppet.faults(), self.events);
        let Some(Output::Established { association, .. }) = self.events.pop() else { panic!("not established") };
        (puppet, association)
    }

    /// The association lives: each hears what the other says.
    pub fn assert_alive(&mut self, from: Route, puppet: &mut Puppet, association: AssociationId) {
        self.events.clear();
        puppet.received();
        let ping = puppet.seal(b"ping");
        self.give(from, &ping);
        let data = Output::ApplicationData { association, bytes: b"ping".to_vec() };
        assert_eq!(self.events.iter().filter(|event| **event == data).count(), 1, "{:?}", self.events);
        let (sent, datagrams) = self.send(association, b"pong");
        assert!(sent && datagrams.iter().all(|(route, _)| *route == from));
        datagrams.iter().for_each(|(_, datagram)| drop(puppet.hear(datagram)));
        assert_eq!(puppet.received(), [b"pong".to_vec()]);
        assert_eq!(puppet.faults(), []);
    }
}
