//! A server and one client's address, with invented time.

use std::time::{Duration, Instant, SystemTime};

use bootstrapd::dtls::{
    AssociationId, CloseReason, Configuration, EngineKind, Identity, Offered, Output, Server, Verdict,
};
use bootstrapd::peer::Peer;
use bootstrapd::route::Route;
use bootstrapd::secret::Secret;

use crate::puppet::certificate::Holder;
use crate::puppet::{Profile, Puppet};

pub const IDENTITY: &[u8] = b"urn:dev:os:000001";
pub const KEY: &[u8] = b"0123456789abcdef";

/// All engines of this build.
pub fn engines() -> Vec<EngineKind> {
    vec![
        #[cfg(feature = "openssl")]
        EngineKind::OpenSsl,
        EngineKind::Native,
    ]
}

pub fn route() -> Route {
    Route::to(([192, 0, 2, 1], 7).into())
}

/// A client with the key that the server knows.
pub fn psk() -> Profile {
    Profile::psk(IDENTITY, KEY)
}

pub fn plain(engine: EngineKind) -> Configuration {
    Configuration { engine, ..Configuration::default() }
}

/// A root, a server and a device certified by it.
pub struct Pki {
    pub root: Holder,
    pub server: Holder,
    pub device: Holder,
}

impl Pki {
    /// With certificates that are so many bytes longer than need be.
    pub fn padded(padding: usize) -> Pki {
        let root = Holder::root("root", 1);
        let (server, device) = (root.issue("server", 2, false, padding), root.issue("device", 3, false, padding));
        Pki { root, server, device }
    }

    pub fn configuration(&self, engine: EngineKind) -> Configuration {
        Configuration {
            identity: Some(Identity {
                chain: self.server.chain.clone(),
                private_key: Secret::new(self.server.private_key()),
            }),
            trust_anchors: self.root.chain.clone(),
            raw_public_keys: true,
            ..plain(engine)
        }
    }

    /// The device by its certificate.
    pub fn certified(&self) -> Profile {
        Profile::certificate(self.device.chain.clone(), self.device.key.clone())
    }

    /// The device by its key.
    pub fn raw(&self) -> Profile {
        Profile::raw_public_key(self.device.key.clone())
    }
}

/// What becomes of the datagrams on their way, numbered over both directions: what arrives.
pub type Fate<'a> = &'a mut dyn FnMut(usize, Vec<u8>) -> Vec<Vec<u8>>;

pub struct World {
    pub server: Server,
    pub now: Instant,
    /// Raw public keys on record.
    pub on_record: Vec<Vec<u8>>,
    /// All but datagrams and lookups, in order.
    pub events: Vec<Output>,
}

impl World {
    pub fn new(configuration: Configuration) -> World {
        let server = Server::new(configuration, [3; 32]).expect("a configuration that works");
        World { server, now: Instant::now(), on_record: Vec::new(), events: Vec::new() }
    }

    pub fn give(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.give_from(route(), datagram)
    }

    pub fn give_from(&mut self, route: Route, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.server.handle_datagram(self.now, route, datagram);
        self.collect()
    }

    /// Takes all outputs; returns the datagrams.
    pub fn collect(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { bytes, .. } => datagrams.push(bytes),
                Output::NeedPsk { association, identity, .. } => {
                    let key = Secret::from(KEY);
                    self.server.handle_psk(self.now, association, (identity == IDENTITY).then_some(&key));
                }
                Output::NeedClientKey { association, offered, .. } => {
                    let verdict = match offered {
                        Offered::Certificate(_) => {
                            Verdict::Unpinned { at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) }
                        }
                        Offered::RawPublicKey(key) if self.on_record.contains(&key) => Verdict::Known,
                        Offered::RawPublicKey(_) => Verdict::Unknown,
                    };
                    self.server.handle_client_key(self.now, association, verdict);
                }
                event => self.events.push(event),
            }
        }
        datagrams
    }

    /// Lets both talk until neither has more to say; returns how many datagrams there were.
    pub fn talk(&mut self, puppet: &mut Puppet, first: Vec<Vec<u8>>, mut count: usize, fate: Fate<'_>) -> usize {
        let mut to_server = first;
        while !to_server.is_empty() {
            let mut answers = Vec::new();
            for datagram in to_server {
                count += 1;
                for arrived in fate(count - 1, datagram) {
                    answers.extend(self.give(&arrived));
                }
            }
            to_server = Vec::new();
            for answer in answers {
                count += 1;
                for arrived in fate(count - 1, answer) {
                    to_server.extend(puppet.handle_datagram(&arrived));
                }
            }
        }
        count
    }

    /// The same from the start, and with patience: as often as both fall silent, the client repeats its flight.
    pub fn persist(&mut self, puppet: &mut Puppet, fate: Fate<'_>) -> usize {
        let first = puppet.start();
        let mut count = self.talk(puppet, first, 0, fate);
        for _ in 0..10 {
            let again = puppet.handle_timeout();
            count = self.talk(puppet, again, count, fate);
        }
        count
    }

    /// A client that meets no trouble at all, and who the server says it is.
    pub fn connect(&mut self, profile: Profile) -> (Puppet, AssociationId, Peer) {
        let mut puppet = Puppet::new(profile, 7);
        let first = puppet.start();
        self.talk(&mut puppet, first, 0, &mut |_, datagram| vec![datagram]);
        assert!(puppet.is_established(), "{:?} {:?} {:?}", puppet.faults(), puppet.alert_received(), self.events);
        assert_eq!((puppet.faults(), puppet.dropped_records()), (&[][..], 0));
        let (association, peer) = self.established().expect("established");
        (puppet, association, peer)
    }

    pub fn established(&self) -> Option<(AssociationId, Peer)> {
        self.events.iter().rev().find_map(|event| match event {
            Output::Established { association, peer, .. } => Some((*association, peer.clone())),
            _ => None,
        })
    }

    pub fn closed(&self) -> Vec<CloseReason> {
        let reason = |event: &Output| match event {
            Output::Closed { reason, .. } => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }

    /// Both can speak to each other.
    pub fn assert_alive(&mut self, puppet: &mut Puppet, association: AssociationId) {
        self.events.clear();
        let datagram = puppet.seal(b"ping");
        assert_eq!(self.give(&datagram), [] as [Vec<u8>; 0]);
        assert_eq!(self.events, [Output::ApplicationData { association, bytes: b"ping".to_vec() }]);
        assert!(self.server.send(self.now, association, b"pong"));
        for datagram in self.collect() {
            assert_eq!(puppet.handle_datagram(&datagram), [] as [Vec<u8>; 0]);
        }
        assert_eq!(puppet.received(), [b"pong".to_vec()]);
    }
}
