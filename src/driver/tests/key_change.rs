//! A device's power fails between each pair of operations of a key change, and before each answer: it still gets in with
//! what it holds, and ends with the new keys. Spec sheet `bootstrap.md`, section 10; `clients.md`, section 1.

use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::bootstrap::{
    CoapEndpoint, Limits, ListenerPolicy, LookupKey, Origin, Outcome, Output, Server, SessionId, SessionReport,
};
use crate::coap::Timing;
use crate::driver::lookup::Directory;
use crate::lwm2m::objects::SECURITY;
use crate::lwm2m::path::ObjectId;
use crate::lwm2m::{ObjectInstance, Value};
use crate::peer::Peer;
use crate::provision::issued::Made;
use crate::provision::material::CertificateName;
use crate::provision::{DeviceDefinition, KeyText, ProfileDefinition, ServerDefinition};
use crate::route::Route;
use crate::secret::Secret;
use crate::simulator::{Behaviour, Client, ClientConfiguration, Output as ClientOutput};
use crate::store::{Actor, Key, SealingKey, Store, UnixMillis};

const OPERATOR: Actor = Actor { uid: None, what: "admin socket" };
const ENDPOINT: &str = "meter-1";

/// When the power of the device fails in a session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum PowerCut {
    Never,
    /// Just before it would handle this message of the server, counted from 0.
    Before(usize),
    /// It has handled that message, and its answer does not get out.
    Unanswered(usize),
}

/// What the device keeps in its flash.
#[derive(Clone, Debug, PartialEq)]
struct Flash {
    identity: Vec<u8>,
    key: Secret,
    /// Of its management account, if it has one.
    management: Option<Secret>,
}

struct World {
    store: Store,
    directory: Directory,
    server: Server,
    random: StdRng,
    now: Instant,
    wall_clock: i64,
    /// A new association for each session.
    association: u64,
    flash: Flash,
    /// The identity and key that the handshake of the present session has proven.
    proven: (Vec<u8>, Secret),
    commits_at_finish: bool,
    reports: Vec<SessionReport>,
    _state: tempfile::TempDir,
}

impl World {
    fn new(commits_at_finish: bool) -> World {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path(), SealingKey::new([1; 32])).unwrap();
        let server = |json: serde_json::Value| serde_json::from_value::<ServerDefinition>(json).unwrap();
        let fleet = server(serde_json::json!({
            "name": "fleet", "ssid": 101, "uri": "eu.example.com", "security": "psk",
            "psk_identity": "${device.endpointName}", "psk": "${string.secureRandom(32)}",
        }));
        let own = server(serde_json::json!({
            "name": "own", "type": "bootstrap", "uri": "bootstrap.example.com", "security": "psk",
            "psk_identity": "${device.endpointName}-${string.random(8)}", "psk": "${string.secureRandom(24)}",
        }));
        let at = UnixMillis(1);
        store.add_server(OPERATOR, at, fleet).wait().unwrap();
        store.add_server(OPERATOR, at, own).wait().unwrap();
        let servers = vec!["fleet".to_owned(), "own".to_owned()];
        let profile =
            ProfileDefinition { name: "p".to_owned(), servers, default: true, ..ProfileDefinition::default() };
        store.add_profile(OPERATOR, at, profile).wait().unwrap();
        let psk = Some(KeyText::parse("text:factory-key").unwrap());
        let device = DeviceDefinition { endpoint: ENDPOINT.to_owned(), psk, ..DeviceDefinition::default() };
        store.add_device(OPERATOR, at, device).wait().unwrap();
        let directory = Directory::new(store.reader().unwrap(), [2; 32]).unwrap();
        let policy =
            ListenerPolicy { timing: Timing::default(), insecure_secrets: true, certificate_name: CertificateName::Cn };
        World {
            store,
            directory,
            server: Server::new(vec![policy], Limits::default(), [3; 32]),
            random: StdRng::from_seed([4; 32]),
            now: Instant::now(),
            wall_clock: 1_000,
            association: 0,
            flash: Flash {
                identity: ENDPOINT.as_bytes().to_vec(),
                key: Secret::from(&b"factory-key"[..]),
                management: None,
            },
            proven: (Vec::new(), Secret::default()),
            commits_at_finish,
            reports: Vec::new(),
            _state: state,
        }
    }

    fn at(&mut self) -> UnixMillis {
        self.wall_clock += 1;
        UnixMillis(self.wall_clock)
    }

    fn client(&self, commits_at_finish: bool) -> Client {
        let mut configuration = ClientConfiguration::new(ENDPOINT);
        configuration.behaviour = Behaviour { commits_at_finish, ..Behaviour::default() };
        Client::new(configuration, [u8::try_from(self.association).unwrap(); 32])
    }

    /// One bootstrap, until it is over or the power fails; none if that happens, else the number of messages that the
    /// server sent. The flash is what the device holds afterwards.
    fn session(&mut self, cut: PowerCut) -> Option<usize> {
        self.association += 1;
        // The handshake: the server must have the key that the device holds under its identity.
        let known = self.psk(&self.flash.identity.clone());
        assert_eq!(known.as_ref(), Some(&self.flash.key), "the device does not get in any more ({cut:?})");
        self.proven = (self.flash.identity.clone(), self.flash.key.clone());
        let mut client = self.client(self.commits_at_finish);
        // Applies all at once, so that what there is after Finish can be seen of it.
        let mut applied = self.client(false);
        let (mut messages, mut has_finished) = (0, false);
        client.start(self.now);
        applied.start(self.now);
        loop {
            let mut is_idle = true;
            while let Some(output) = client.poll_output() {
                is_idle = false;
                match output {
                    ClientOutput::Datagram(bytes) => self.receive(&bytes),
                    ClientOutput::Finished(result) => {
                        result.unwrap();
                        has_finished = true;
                    }
                }
            }
            for bytes in self.collect() {
                is_idle = false;
                if cut == PowerCut::Before(messages) {
                    return None;
                }
                let before = read(applied.lasting(), &self.flash);
                client.handle_datagram(self.now, &bytes);
                applied.handle_datagram(self.now, &bytes);
                let after: Vec<_> = client.lasting().collect();
                self.flash = if after.is_empty() { before } else { read(after.into_iter(), &self.flash) };
                if cut == PowerCut::Unanswered(messages) {
                    return None;
                }
                messages += 1;
            }
            if is_idle {
                assert!(has_finished, "the bootstrap stands still: {:?}", self.reports.last());
                return Some(messages);
            }
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        let peer = Peer::PskIdentity(self.proven.0.clone());
        let route = Route::to("192.0.2.1:40000".parse().unwrap());
        let endpoint = CoapEndpoint::Association { listener: 0, number: self.association };
        self.server.handle_datagram(self.now, Origin { endpoint, route, peer: &peer, largest_message: None }, bytes);
    }

    /// The key on record in a new batch of datagrams.
    fn psk(&mut self, identity: &[u8]) -> Option<Secret> {
        self.directory.end_batch();
        self.directory.psk(identity).unwrap()
    }

    /// Does what the driver does, and returns what the server sends.
    fn collect(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Datagram { bytes, .. } => sent.push(bytes.to_vec()),
                Output::Resolve { session, key, .. } => self.resolve(session, &key),
                Output::Issue { session, key, .. } => {
                    let (at, proof) = (self.at(), self.directory.fingerprint(&self.proven.1));
                    let drawn = self.directory.draw(&key, Some(proof), at, &mut self.random).unwrap().unwrap();
                    self.store.issue(drawn.device, at, drawn.credentials).wait().unwrap();
                    self.directory.end_batch();
                    self.resolve(session, &key);
                }
                Output::Ended { confirmed, report, .. } => {
                    let at = self.at();
                    self.store.confirm_issued(confirmed, at).wait().unwrap();
                    self.reports.push(*report);
                }
            }
        }
        sent
    }

    fn resolve(&mut self, session: SessionId, key: &LookupKey) {
        let (at, proof) = (self.at(), self.directory.fingerprint(&self.proven.1));
        let found = self.directory.look_up(key, Some(proof), at, |_| None);
        let is_served = self.server.handle_lookup(self.now, session, found.lookup);
        if let Some(id) = found.unproven.filter(|_| is_served) {
            self.store.prove_issued(id, at).wait().unwrap();
        }
    }

    /// What is kept for an account, the last issued first: whether it is confirmed, identity and key.
    fn kept(&self, server: &str) -> Vec<(bool, String, String)> {
        let credentials = self.store.reader().unwrap().credentials(&Key::Name(ENDPOINT.to_owned())).unwrap();
        let records = credentials.records.into_iter().map(|record| record.credentials);
        let shown = |made: Option<Made>| made.map(|made| made.value.expose().to_owned()).unwrap_or_default();
        let records = records.filter(|record| record.server == server);
        records.map(|it| (it.confirmed.is_some(), shown(it.values.psk_identity), shown(it.values.psk))).collect()
    }

    /// The key of the management account, if the device has one, is one of those that an operator can look up.
    #[track_caller]
    fn assert_can_be_helped(&self, case: &str) {
        let Some(held) = &self.flash.management else { return };
        let kept = self.kept("fleet");
        assert!(kept.iter().any(|(_, _, key)| key.as_bytes() == held.expose()), "{case}: its key is not on record");
    }

    /// The device holds what is on record and nothing else is good.
    #[track_caller]
    fn assert_settled(&mut self, case: &str) {
        let [(true, _, key)] = &self.kept("fleet")[..] else { panic!("{case}: {} keys", self.kept("fleet").len()) };
        assert_eq!(self.flash.management.as_ref().map(Secret::expose), Some(key.as_bytes()), "{case}");
        let [(true, identity, key)] = &self.kept("own")[..] else { panic!("{case}: {} own", self.kept("own").len()) };
        assert_eq!((&*self.flash.identity, self.flash.key.expose()), (identity.as_bytes(), key.as_bytes()), "{case}");
        assert_eq!(self.psk(ENDPOINT.as_bytes()), None, "{case}: the old credentials are still good");
    }
}

/// What the device keeps of its Security instances; what they do not say is as before.
fn read(instances: impl Iterator<Item = (ObjectId, ObjectInstance)>, before: &Flash) -> Flash {
    let mut flash = before.clone();
    for (_, instance) in instances.filter(|(object, _)| *object == SECURITY) {
        let opaque = |id| match instance.single(id) {
            Some(Value::Opaque(bytes)) => Some(bytes.clone()),
            _ => None,
        };
        let (Some(identity), Some(key)) = (opaque(3), opaque(5)) else { continue };
        if instance.single(1) == Some(&Value::Boolean(true)) {
            (flash.identity, flash.key) = (identity.expose().to_vec(), key);
        } else {
            flash.management = Some(key);
        }
    }
    flash
}

/// Every moment at which the power can fail in a session of so many messages.
fn cuts(messages: usize) -> impl Iterator<Item = PowerCut> {
    (0..messages).flat_map(|message| [PowerCut::Before(message), PowerCut::Unanswered(message)])
}

#[test]
fn a_device_whose_power_fails_in_its_first_bootstrap_gets_in_and_ends_with_the_new_keys() {
    for commits_at_finish in [false, true] {
        let messages = World::new(commits_at_finish).session(PowerCut::Never).unwrap();
        assert!(messages >= 6, "2.04, Discover, three writes at least, Finish: {messages}");
        for cut in cuts(messages) {
            let case = format!("{cut:?}, commits at Finish: {commits_at_finish}");
            let mut world = World::new(commits_at_finish);
            assert_eq!(world.session(cut), None, "{case}");
            world.assert_can_be_helped(&case);
            for _ in 0..2 {
                world.session(PowerCut::Never).unwrap();
                assert_eq!(world.reports.last().map(|report| report.outcome), Some(Outcome::Completed), "{case}");
                world.assert_can_be_helped(&case);
            }
            world.assert_settled(&case);
        }
    }
}

#[test]
fn a_device_whose_power_fails_while_its_keys_are_rotated_gets_in_and_ends_with_the_new_keys() {
    let rotating = |commits_at_finish| {
        let mut world = World::new(commits_at_finish);
        for _ in 0..2 {
            world.session(PowerCut::Never).unwrap();
        }
        world.assert_settled("before");
        let at = world.at();
        world.store.request_rotation(OPERATOR, at, Key::Name(ENDPOINT.to_owned())).wait().unwrap();
        world
    };
    for commits_at_finish in [false, true] {
        let messages = rotating(commits_at_finish).session(PowerCut::Never).unwrap();
        for cut in cuts(messages) {
            let case = format!("{cut:?}, commits at Finish: {commits_at_finish}");
            let mut world = rotating(commits_at_finish);
            let old = world.flash.clone();
            assert_eq!(world.session(cut), None, "{case}");
            world.assert_can_be_helped(&case);
            for _ in 0..2 {
                world.session(PowerCut::Never).unwrap();
                world.assert_can_be_helped(&case);
            }
            world.assert_settled(&case);
            let new = &world.flash;
            assert!(new.identity != old.identity && new.key != old.key && new.management != old.management, "{case}");
            assert_eq!(world.psk(&old.identity), None, "{case}: the old credentials are still good");
        }
    }
}
