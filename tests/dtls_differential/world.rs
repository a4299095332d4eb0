//! A server with one engine, who may talk to it, and the clients there are.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use bootstrapd::dtls::{
    AssociationId, CipherSuite, CloseReason, Configuration, EngineKind, Identity, Offered, Output, Server, Verdict,
};
use bootstrapd::route::Route;
use bootstrapd::secret::Secret;

use crate::puppet::certificate::Holder;
use crate::puppet::{Profile, proof};

/// What the engines have in common.
const SUITES: [CipherSuite; 6] = [
    CipherSuite::PskAes128Ccm8,
    CipherSuite::PskAes128Ccm,
    CipherSuite::PskAes128GcmSha256,
    CipherSuite::EcdheEcdsaAes128Ccm8,
    CipherSuite::EcdheEcdsaAes128Ccm,
    CipherSuite::EcdheEcdsaAes128GcmSha256,
];

pub const IDENTITY: &[u8] = b"urn:dev:os:000001";
pub const KEY: &[u8] = b"0123456789abcdef";
/// Seeds of the keys of the clients.
const RAW_KEY: u64 = 21;
const ROOT: u64 = 22;

fn root() -> Holder {
    Holder::root("root.example", ROOT)
}

/// A chain of `length` certificates to the root that the server trusts.
pub fn holder(length: usize) -> Holder {
    let mut issuer = root();
    for number in 1..length {
        issuer = issuer.issue(&format!("ca{number}.example"), ROOT + number as u64, true, 0);
    }
    issuer.issue("urn:dev:os:000002", 23 + length as u64, false, 0)
}

/// The clients that are served, each with a name.
pub fn profiles() -> &'static [(&'static str, Profile)] {
    static PROFILES: OnceLock<Vec<(&'static str, Profile)>> = OnceLock::new();
    PROFILES.get_or_init(make_profiles)
}

fn make_profiles() -> Vec<(&'static str, Profile)> {
    let psk = || Profile::psk(IDENTITY, KEY);
    let of = |suite: u16| Profile { suites: vec![suite], ..psk() };
    let raw = || Profile::raw_public_key(proof::signing_key(RAW_KEY));
    let x509 = |length: usize| {
        let holder = holder(length);
        Profile::certificate(holder.chain, holder.key)
    };
    vec![
        ("psk-ccm8", of(0xc0a8)),
        ("psk-ccm", of(0xc0a4)),
        ("psk-gcm", of(0x00a8)),
        ("psk-all", psk()),
        ("psk-plain", Profile { extended_master_secret: false, ..of(0xc0a8) }),
        ("psk-512", Profile { max_fragment_length: Some(1), ..of(0xc0a8) }),
        ("psk-name", Profile { server_name: Some("bootstrap.example".to_owned()), ..of(0xc0a8) }),
        ("psk-bare", Profile { extended_master_secret: false, omit_extensions: true, ..of(0xc0a8) }),
        ("raw", raw()),
        ("raw-gcm", Profile { suites: vec![0xc02b], ..raw() }),
        ("raw-plain", Profile { extended_master_secret: false, suites: vec![0xc0ac], ..raw() }),
        ("x509", Profile { suites: vec![0xc0ae], ..x509(1) }),
        (
            "x509-512",
            Profile { max_fragment_length: Some(1), server_name: Some("bootstrap.example".to_owned()), ..x509(1) },
        ),
        ("x509-chain", x509(3)),
    ]
}

/// The client of this name.
pub fn profile(name: &str) -> Profile {
    let found = profiles().iter().find(|(there, _)| *there == name);
    found.unwrap_or_else(|| panic!("no client {name}")).1.clone()
}

/// A server, invented time, and what came out of it besides datagrams.
pub struct World {
    server: Server,
    now: Instant,
    client: u32,
    route: Route,
    /// Questions of who is on record wait, until [`World::answer_lookups`].
    pub lookups_wait: bool,
    lookups: Vec<Output>,
    /// What is on record.
    raw_key: Vec<u8>,
    pub established: Option<AssociationId>,
    pub closed: Option<CloseReason>,
    /// Application data.
    pub delivered: Vec<Vec<u8>>,
}

impl World {
    pub fn new(engine: EngineKind) -> World {
        let server = root().issue("bootstrap.example", 99, false, 0);
        let configuration = Configuration {
            engine,
            suites: SUITES.to_vec(),
            identity: Some(Identity { private_key: Secret::from(&server.private_key()[..]), chain: server.chain }),
            trust_anchors: root().chain,
            raw_public_keys: true,
            connection_ids: None,
            // OpenSSL measures it by its own clock: it must not strike while a slow machine works on a case.
            initial_timeout: Duration::from_secs(60),
            ..Configuration::default()
        };
        World {
            server: Server::new(configuration, [3; 32]).expect("a configuration that works"),
            now: Instant::now(),
            client: 0,
            route: route_of(0),
            lookups_wait: false,
            lookups: Vec::new(),
            raw_key: proof::spki(&proof::signing_key(RAW_KEY)),
            established: None,
            closed: None,
            delivered: Vec::new(),
        }
    }

    /// Another client, from another address.
    pub fn begin(&mut self) {
        self.client += 1;
        self.route = route_of(self.client);
        self.lookups_wait = false;
        self.lookups.clear();
        self.established = None;
        self.closed = None;
        self.delivered.clear();
    }

    /// Gives a datagram and returns those that answer it.
    pub fn give(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.server.handle_datagram(self.now, self.route, datagram);
        self.collect()
    }

    /// Says whatever was asked for meanwhile.
    pub fn answer_lookups(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        for lookup in std::mem::take(&mut self.lookups) {
            self.answer(lookup);
            datagrams.extend(self.collect());
        }
        datagrams
    }

    /// Sends application data to the client.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        if let Some(association) = self.established {
            self.server.send(self.now, association, bytes);
        }
        self.collect()
    }

    /// Closes what stands and lets the time of the rest run out. `true`: nothing is left.
    pub fn end(&mut self) -> bool {
        if let Some(association) = self.established {
            self.server.close(self.now, association);
        }
        if self.server.statistics().handshakes > 0 {
            self.now += Duration::from_secs(61);
            self.server.handle_timeout(self.now);
        }
        self.collect();
        let left = self.server.statistics();
        left.handshakes == 0 && left.associations == 0
    }

    fn collect(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { bytes, .. } => datagrams.push(bytes),
                Output::NeedPsk { .. } | Output::NeedClientKey { .. } if self.lookups_wait => self.lookups.push(output),
                Output::NeedPsk { .. } | Output::NeedClientKey { .. } => self.answer(output),
                Output::Established { association, .. } => self.established = Some(association),
                Output::ApplicationData { bytes, .. } => self.delivered.push(bytes),
                Output::Closed { reason, .. } => self.closed = Some(reason),
                Output::Moved { .. } => panic!("there are no connection ids here"),
            }
        }
        datagrams
    }

    fn answer(&mut self, lookup: Output) {
        match lookup {
            Output::NeedPsk { association, identity, .. } => {
                let key = Secret::from(KEY);
                self.server.handle_psk(self.now, association, (identity == IDENTITY).then_some(&key));
            }
            Output::NeedClientKey { association, offered, .. } => {
                let verdict = match offered {
                    Offered::Certificate(_) => {
                        Verdict::Unpinned { at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) }
                    }
                    Offered::RawPublicKey(key) if key == self.raw_key => Verdict::Known,
                    Offered::RawPublicKey(_) => Verdict::Unknown,
                };
                self.server.handle_client_key(self.now, association, verdict);
            }
            _ => {}
        }
    }
}

fn route_of(client: u32) -> Route {
    let [_, b, c, d] = client.to_be_bytes();
    Route::to(([10, b, c, d], 5684).into())
}
