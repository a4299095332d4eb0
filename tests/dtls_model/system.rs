//! The system under learning: a server with one engine, one client, and nothing between them.
//!
//! Each input is one datagram at most; the output is everything that the server then sends and says, in order. Lookups are
//! answered at once. Time stands still but for one input.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime};

use bootstrapd::dtls::{
    AssociationId, CipherSuite, CloseReason, Configuration, EngineKind, Identity, Offered, Output, Server, Verdict,
};
use bootstrapd::route::Route;
use bootstrapd::secret::Secret;

use crate::client::{Character, Client, PING, PONG};
use crate::input::{Content, Input};
use crate::puppet::certificate::Holder;
use crate::puppet::message::{CERTIFICATE, CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE};
use crate::puppet::{Message, Profile, proof, protection};

/// What is written where nothing is sent or said.
pub const SILENCE: &str = "-";

const IDENTITY: &[u8] = b"urn:dev:os:000001";
const KEY: &[u8] = b"0123456789abcdef";

/// Longer than a handshake may take and an association may be idle.
const LONG: Duration = Duration::from_secs(61);

/// How the client proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// By a pre-shared key.
    Psk,
    /// By a raw public key.
    Rpk,
    /// By a certificate.
    X509,
}

impl Credentials {
    /// The messages of the client's second flight before ChangeCipherSpec, in order.
    pub fn flight(self) -> &'static [u8] {
        match self {
            Credentials::Psk => &[CLIENT_KEY_EXCHANGE],
            Credentials::Rpk | Credentials::X509 => &[CERTIFICATE, CLIENT_KEY_EXCHANGE, CERTIFICATE_VERIFY],
        }
    }
}

/// See the module.
pub struct System {
    configuration: Configuration,
    character: Character,
    known_key: Vec<u8>,
    begun: Instant,
    now: Instant,
    runs: u64,
    server: Server,
    client: Client,
    /// Whose clients have claimed to be somebody.
    asked: HashSet<AssociationId>,
}

impl System {
    /// A server with this engine and a client with these credentials.
    pub fn new(engine: EngineKind, credentials: Credentials) -> System {
        let (configuration, character, known_key) = people(engine, credentials);
        let now = Instant::now();
        System {
            server: Server::new(configuration.clone(), [0; 32]).expect("a configuration that works"),
            client: Client::new(&character, 0),
            asked: HashSet::new(),
            configuration,
            character,
            known_key,
            begun: now,
            now,
            runs: 0,
        }
    }

    /// Begins anew, with other randomness.
    pub fn reset(&mut self) {
        self.runs += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.runs.to_be_bytes());
        self.server = Server::new(self.configuration.clone(), seed).expect("a configuration that works");
        self.client = Client::new(&self.character, self.runs);
        self.asked.clear();
        self.now = self.begun;
    }

    /// Gives one input and returns what comes out, in words with commas between them.
    pub fn step(&mut self, input: &Input) -> String {
        if input.content == Content::Timeout {
            self.now += LONG;
            self.server.handle_timeout(self.now);
        }
        let route = Route::to(([192, 0, 2, 1], 7).into());
        let is_timeout = input.content == Content::Timeout;
        let mut words = Vec::new();
        if is_timeout {
            // What the server still says is for the client that it knew.
            self.collect(input, &mut words);
        }
        if let Some(datagram) = self.client.say(input) {
            self.server.handle_datagram(self.now, route, &datagram);
        }
        self.collect(input, &mut words);
        if words.is_empty() { SILENCE.to_owned() } else { words.join(",") }
    }

    fn collect(&mut self, input: &Input, words: &mut Vec<String>) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { bytes, .. } => words.extend(self.client.hear(input, &bytes)),
                Output::NeedPsk { association, identity, .. } => {
                    words.push("Lookup".to_owned());
                    self.asked.insert(association);
                    let key = Secret::from(KEY);
                    self.server.handle_psk(self.now, association, (identity == IDENTITY).then_some(&key));
                }
                Output::NeedClientKey { association, offered, .. } => {
                    words.push("Lookup".to_owned());
                    self.asked.insert(association);
                    let verdict = self.verdict(&offered);
                    self.server.handle_client_key(self.now, association, verdict);
                }
                Output::Established { .. } => words.push("Established".to_owned()),
                Output::ApplicationData { association, bytes } => self.answer(association, &bytes, words),
                Output::Moved { .. } => words.push("Moved".to_owned()),
                // Told for the log alone; nobody outside knows of this handshake.
                Output::Closed { association, reason: CloseReason::ClientAlert(_), .. }
                    if !self.asked.contains(&association) => {}
                Output::Closed { reason, .. } => words.push(format!("Closed({})", name_of(reason, input))),
            }
        }
    }

    fn answer(&mut self, association: AssociationId, bytes: &[u8], words: &mut Vec<String>) {
        words.push(if bytes == PING { "Delivered".to_owned() } else { "DeliveredOther".to_owned() });
        self.client.note_delivery();
        self.server.send(self.now, association, PONG);
    }

    fn verdict(&self, offered: &Offered) -> Verdict {
        match offered {
            Offered::Certificate(_) => {
                Verdict::Unpinned { at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) }
            }
            Offered::RawPublicKey(key) if *key == self.known_key => Verdict::Known,
            Offered::RawPublicKey(_) => Verdict::Unknown,
        }
    }
}

/// Why a handshake ended that time ended depends on whether somebody said in the clear that he gives up, or sent a record
/// that could not be read. That would make more states of each, which differ in nothing but what the log says. Which alert
/// it was is of no interest here.
fn name_of(reason: CloseReason, input: &Input) -> String {
    match reason {
        CloseReason::ClientAlert(_) | CloseReason::HandshakeAbandoned | CloseReason::KeyMismatch
            if input.content == Content::Timeout =>
        {
            "HandshakeUnproven".to_owned()
        }
        CloseReason::ClientAlert(_) => format!("{:?}", CloseReason::HandshakeFailed),
        CloseReason::CertificateRefused(fault) => format!("{fault:?}"),
        _ => format!("{reason:?}"),
    }
}

/// The server's configuration, the client, and the raw public key that the server knows.
fn people(engine: EngineKind, credentials: Credentials) -> (Configuration, Character, Vec<u8>) {
    let (root, stranger) = (Holder::root("root", 1), Holder::root("another root", 2).issue("nobody", 3, false, 0));
    let (server, client) = (root.issue("server", 4, false, 0), root.issue("client", 5, false, 0));
    let common = Configuration {
        engine,
        // OpenSSL measures this by a clock of its own, which must not count.
        initial_timeout: LONG,
        idle_timeout: LONG,
        ..Configuration::default()
    };
    let identity = |chain: &[Vec<u8>]| {
        Some(Identity { chain: chain.to_vec(), private_key: Secret::from(&server.private_key()[..]) })
    };
    let (configuration, profile, unknown_certificate) = match credentials {
        Credentials::Psk => (common, Profile::psk(IDENTITY, KEY), Message::certificate(&stranger.chain)),
        Credentials::Rpk => (
            Configuration { identity: identity(&[]), raw_public_keys: true, ..common },
            Profile::raw_public_key(client.key.clone()),
            Message::raw_public_key(&stranger.spki()),
        ),
        Credentials::X509 => (
            Configuration { identity: identity(&server.chain), trust_anchors: root.chain.clone(), ..common },
            Profile::certificate(client.chain.clone(), client.key.clone()),
            Message::certificate(&stranger.chain),
        ),
    };
    let (suite, code) = match credentials {
        Credentials::Psk => (CipherSuite::PskAes128Ccm8, protection::PSK_CCM_8),
        Credentials::Rpk | Credentials::X509 => (CipherSuite::EcdheEcdsaAes128Ccm8, protection::ECDHE_ECDSA_CCM_8),
    };
    let wrong_key_exchange = match credentials {
        Credentials::Psk => Message::psk_key_exchange(b"nobody"),
        Credentials::Rpk | Credentials::X509 => Message::ecdh_key_exchange(&proof::point_off_the_curve()),
    };
    let configuration = Configuration { suites: vec![suite], ..configuration };
    let profile = Profile { suites: vec![code], ..profile };
    let flight = credentials.flight();
    (configuration, Character { profile, flight, unknown_certificate, wrong_key_exchange }, client.spki())
}
