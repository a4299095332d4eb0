//! The DTLS client of the tests against the server: what every other test that uses it relies on.

#[path = "support/puppet/mod.rs"]
mod puppet;

use std::time::{Duration, Instant, SystemTime};

use bootstrapd::dtls::{AssociationId, CloseReason, Configuration, Identity, Offered, Output, Server, Verdict};
use bootstrapd::route::Route;
use bootstrapd::secret::Secret;

use puppet::certificate::Holder;
use puppet::protection::{ECDHE_SUITES, PSK_SUITES};
use puppet::{Heard, Layout, Message, Profile, Puppet, message, prf, proof, record};

const IDENTITY: &[u8] = b"urn:dev:os:000001";
const KEY: &[u8] = b"0123456789abcdef";

/// A server and what comes out of it, with invented time.
struct World {
    server: Server,
    now: Instant,
    on_record: Vec<Vec<u8>>,
    events: Vec<Output>,
}

impl World {
    fn new(configuration: Configuration) -> World {
        let server = Server::new(configuration, [3; 32]).expect("a configuration that works");
        World { server, now: Instant::now(), on_record: Vec::new(), events: Vec::new() }
    }

    fn give(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.server.handle_datagram(self.now, route(), datagram);
        self.collect()
    }

    fn collect(&mut self) -> Vec<Vec<u8>> {
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

    fn talk(&mut self, puppet: &mut Puppet, first: Vec<Vec<u8>>) {
        let mut to_server = first;
        while !to_server.is_empty() {
            let mut answers = Vec::new();
            for datagram in to_server {
                for answer in self.give(&datagram) {
                    answers.extend(puppet.handle_datagram(&answer));
                }
            }
            to_server = answers;
        }
    }

    fn connect(&mut self, profile: Profile) -> (Puppet, AssociationId) {
        let mut puppet = Puppet::new(profile, 7);
        let first = puppet.start();
        self.talk(&mut puppet, first);
        assert!(puppet.is_established(), "{:?} {:?} {:?}", puppet.faults(), puppet.alert_received(), self.events);
        assert_eq!((puppet.faults(), puppet.dropped_records()), (&[][..], 0));
        let association = self.established().expect("established");
        (puppet, association)
    }

    fn established(&self) -> Option<AssociationId> {
        self.events.iter().find_map(|event| match event {
            Output::Established { association, .. } => Some(*association),
            _ => None,
        })
    }

    fn assert_alive(&mut self, puppet: &mut Puppet, association: AssociationId) {
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

fn route() -> Route {
    Route::to(([192, 0, 2, 1], 7).into())
}

fn psk() -> Profile {
    Profile::psk(IDENTITY, KEY)
}

/// From the list of the IETF TLS working group, April 2007, as repeated in many libraries.
#[test]
fn the_prf_gives_the_public_vector() {
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).expect("hex");
    let output = prf::prf(
        &hex("9bbe436ba940f017b17652849a71db35"),
        b"test label",
        &hex("a0ba9f936cda311827a6f796ffd5198c"),
        100,
    );
    let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7\
                    077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66";
    assert_eq!(output, hex(expected));
}

#[test]
fn every_suite_with_a_pre_shared_key_carries_data_both_ways() {
    for suite in PSK_SUITES {
        for extended_master_secret in [true, false] {
            let mut world = World::new(Configuration::default());
            let profile = Profile { suites: vec![suite], extended_master_secret, ..psk() };
            let (mut puppet, association) = world.connect(profile);
            assert_eq!(puppet.suite(), Some(suite));
            assert_eq!(puppet.uses_extended_master_secret(), extended_master_secret);
            world.assert_alive(&mut puppet, association);
        }
    }
}
