//! A client that holds keys and does the steps of a handshake as it likes: out of order, in pieces, changed, under the
//! wrong keys, again. It is believed only when it has done the proper ones and no others, and whoever did nothing wrong
//! is served.

use std::time::Duration;

use bootstrapd::dtls::Output;
use bootstrapd::peer::{CertificateTrust, Peer};

use super::puppet::message::{CERTIFICATE, CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED, raw_fragment};
use super::puppet::protection::{ECDHE_SUITES, PSK_SUITES};
use super::puppet::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, records_of};
use super::puppet::{Handshake, Layout, Message, Profile, Puppet};
use super::world::{Choices, IDENTITY, KEY, Pki, World, pre_shared, route};

/// ChangeCipherSpec among the types of messages, which it is none of.
const CHANGE: u8 = 0;

const PSK_STEPS: &[u8] = &[CLIENT_KEY_EXCHANGE, CHANGE, FINISHED];
const KEY_STEPS: &[u8] = &[CERTIFICATE, CLIENT_KEY_EXCHANGE, CERTIFICATE_VERIFY, CHANGE, FINISHED];

/// The kinds of clients that have no pre-shared key.
const CERTIFIED: u8 = 14;
const RAW: u8 = 15;

/// How long a repeated ClientHello is only that.
const DUPLICATE_LIFETIME: Duration = Duration::from_secs(15);

/// Length of record and handshake headers.
const HEADERS: usize = 13 + 12;

struct Run {
    world: World,
    puppet: Puppet,
    peer: Peer,
    hello: Vec<u8>,
    /// What a client has to do, in order, and how much of it was done.
    steps: &'static [u8],
    done: usize,
    /// What it did, for doing it again.
    flight: Vec<Option<(Handshake, u16)>>,
    /// Nothing that is in its transcript is otherwise than it should be, and its keys are right.
    is_proper: bool,
    /// And nobody else sent anything that an honest client does not.
    is_innocent: bool,
    /// Every record so far, and those that the network holds back.
    records: Vec<Vec<u8>>,
    held: Vec<Vec<u8>>,
    has_changed: bool,
    waited: Duration,
}

/// Two bytes say which client it is, a further one or two perhaps how its ClientHello is changed, the others what it does.
pub fn handshake(data: &[u8]) {
    let mut choices = Choices(data);
    let mut run = Run::begin(choices.pick(), choices.pick(), &mut choices);
    while let Some(step) = choices.next() {
        run.step(step, &mut choices);
    }
    run.end();
}

impl Run {
    /// Has both hellos behind it.
    fn begin(kind: u8, flags: u8, choices: &mut Choices<'_>) -> Run {
        let (is_psk, is_wrong) = (kind % 16 < CERTIFIED, flags & 1 > 0);
        let (profile, peer) = client(kind % 16, is_wrong);
        let suites = if is_psk { PSK_SUITES } else { ECDHE_SUITES };
        let profile = Profile {
            suites: vec![suites[usize::from(kind >> 4) % suites.len()]],
            extended_master_secret: flags & 2 == 0,
            connection_id: (flags & 4 > 0).then(|| vec![3; usize::from(flags & 8)]),
            max_fragment_length: (flags & 16 > 0).then_some(1),
            ..profile
        };
        let mut world = World::new(if is_psk { pre_shared() } else { Pki::shared().configuration() });
        world.holds_lookups = flags & 32 > 0;
        let mut puppet = Puppet::new(profile, 1);
        let first = puppet.start().remove(0);
        world.give(route(1), &first).iter().for_each(|(_, answer)| drop(puppet.hear(answer)));
        let mut hello = puppet.start().remove(0);
        let is_changed = flags & 64 > 0;
        if is_changed {
            let place = HEADERS + usize::from(choices.pick()) % (hello.len() - HEADERS);
            hello[place] ^= choices.pick().max(1);
        }
        world.give(route(1), &hello).iter().for_each(|(_, answer)| drop(puppet.hear(answer)));
        let is_proper = !is_wrong && !is_changed;
        Run {
            world,
            puppet,
            peer,
            hello,
            steps: if is_psk { PSK_STEPS } else { KEY_STEPS },
            done: 0,
            flight: Vec::new(),
            is_proper,
            is_innocent: true,
            records: Vec::new(),
            held: Vec::new(),
            has_changed: false,
            waited: Duration::ZERO,
        }
    }

    fn step(&mut self, step: u8, choices: &mut Choices<'_>) {
        match step % 16 {
            0 | 1 => self.proceed(usize::from(step >> 4), false),
            2 => self.proceed(usize::from(step >> 4), true),
            3 => self.release(step >> 4),
            4 => {
                let Some(index) = usize::from(choices.pick()).checked_rem(self.records.len()) else { return };
                self.deliver(&self.records[index].clone());
            }
            5 => self.change(choices),
            6 => self.stray(choices.pick(), choices.pick(), choices.pick()),
            7 => self.whisper(choices),
            8 => {
                let change = self.puppet.record(CHANGE_CIPHER_SPEC, 0, &[1]);
                self.deliver(&change);
            }
            9 => {
                let alert = [choices.pick() % 3, choices.pick()];
                let record = self.puppet.record(ALERT, 0, &alert);
                self.deliver(&record);
            }
            10 => self.protected(choices),
            11 => self.contradict(choices),
            12 => self.misplace(choices),
            13 => self.wait(u64::from(step >> 4)),
            14 => {
                let answers = self.world.look_up();
                self.take(&answers);
            }
            _ => self.repeat_hello(),
        }
    }

    /// The network has kept a copy of the ClientHello.
    fn repeat_hello(&mut self) {
        // After so long, and with a handshake that has gone on, it is a client that rebooted.
        self.is_innocent &= self.waited < DUPLICATE_LIFETIME || self.done == 0;
        self.deliver(&self.hello.clone());
    }

    /// The next proper step, in pieces where `pieces` is not 0, at once or later.
    fn proceed(&mut self, pieces: usize, later: bool) {
        let Some(&step) = self.steps.get(self.done) else { return };
        self.done += 1;
        let item = (step != CHANGE).then(|| {
            let message = self.message(step);
            (self.puppet.commit(&message), u16::from(step == FINISHED))
        });
        let records = self.records_of(&item, if pieces == 0 { 1 << 14 } else { pieces * 16 });
        self.flight.push(item);
        self.records.extend(records.iter().cloned());
        match later {
            true => self.held.extend(records),
            false => records.iter().for_each(|record| self.deliver(record)),
        }
    }

    fn message(&mut self, message_type: u8) -> Message {
        match message_type {
            CERTIFICATE => self.puppet.certificate(),
            CLIENT_KEY_EXCHANGE => self.puppet.client_key_exchange(),
            CERTIFICATE_VERIFY => self.puppet.certificate_verify(),
            _ => self.puppet.finished(),
        }
    }

    fn records_of(&mut self, item: &Option<(Handshake, u16)>, size: usize) -> Vec<Vec<u8>> {
        match item {
            None => vec![self.puppet.record(CHANGE_CIPHER_SPEC, 0, &[1])],
            Some((message, epoch)) => {
                let fragments = message.fragments(size.min(400));
                fragments.iter().map(|fragment| self.puppet.record(HANDSHAKE, *epoch, fragment)).collect()
            }
        }
    }

    /// What was held back arrives, in some order.
    fn release(&mut self, order: u8) {
        let mut held = std::mem::take(&mut self.held);
        match (order % 4, held.len()) {
            (1, _) => held.reverse(),
            (2, length @ 1..) => held.rotate_left(usize::from(order) % length),
            (3, 1..) => held = vec![held.concat()],
            _ => {}
        }
        held.iter().for_each(|record| self.deliver(record));
    }

    /// A copy of a record arrives otherwise than it was sent.
    fn change(&mut self, choices: &mut Choices<'_>) {
        let (which, place, mask) = (choices.pick(), choices.pick(), choices.pick());
        let Some(index) = usize::from(which).checked_rem(self.records.len()) else { return };
        let mut record = self.records[index].clone();
        let place = usize::from(place) % record.len();
        record[place] ^= mask.max(1);
        self.is_innocent = false;
        self.deliver(&record);
    }

    /// A message that is in the transcript and does not belong there, or not like that.
    fn stray(&mut self, which: u8, place: u8, mask: u8) {
        // A Finished that is on its way already proves what came before it, and one before its ChangeCipherSpec is the
        // proper one, overtaken on its way.
        if self.done == self.steps.len() || (self.steps[self.done] == CHANGE && which % 4 == 3 && mask == 0) {
            return;
        }
        let types = [CERTIFICATE, CLIENT_KEY_EXCHANGE, CERTIFICATE_VERIFY, FINISHED];
        let message = self.message(types[usize::from(which % 4)]).with_flipped(usize::from(place), mask);
        let is_next = self.steps.get(self.done) == Some(&message.message_type);
        if !(is_next && mask == 0 && !message.body.is_empty()) {
            self.is_proper = false;
        }
        let epoch = u16::from(which & 4 > 0);
        let handshake = self.puppet.commit(&message);
        if is_next {
            self.done += 1;
        }
        let record = self.puppet.record(HANDSHAKE, epoch, &handshake.whole());
        // In the proper epoch it is sent again in the end.
        self.flight.push(Some((handshake, u16::from(message.message_type == FINISHED))));
        self.records.push(record.clone());
        self.deliver(&record);
    }

    /// A message that is in no transcript.
    fn whisper(&mut self, choices: &mut Choices<'_>) {
        let (message_type, number, length) = (choices.pick() % 24, choices.pick() % 8, choices.pick());
        let body = choices.take(usize::from(length));
        let message = Message::new(message_type, body).numbered(u16::from(number));
        let record = self.puppet.record(HANDSHAKE, 0, &message.whole());
        self.is_innocent = false;
        self.deliver(&record);
    }

    /// Something under the keys that the client has by now, right or not.
    fn protected(&mut self, choices: &mut Choices<'_>) {
        let content_types = [APPLICATION_DATA, ALERT, HANDSHAKE, CHANGE_CIPHER_SPEC];
        let (kind, length) = (choices.pick(), choices.pick());
        let content = choices.take(usize::from(length % 64));
        let record = self.puppet.record(content_types[usize::from(kind % 4)], 1, content);
        self.is_innocent = false;
        self.records.push(record.clone());
        self.deliver(&record);
    }

    /// A fragment whose header and content agree on nothing.
    fn contradict(&mut self, choices: &mut Choices<'_>) {
        let types = [CERTIFICATE, CLIENT_KEY_EXCHANGE, CERTIFICATE_VERIFY, FINISHED];
        let message_type = types[usize::from(choices.pick() % 4)];
        let (length, number, offset) = (choices.pick(), choices.pick() % 6, choices.pick());
        let part = choices.take(usize::from(offset >> 1));
        let fragment = raw_fragment(message_type, usize::from(length), u16::from(number), usize::from(offset), part);
        let record = self.puppet.record(HANDSHAKE, u16::from(length & 1), &fragment);
        self.is_innocent = false;
        self.deliver(&record);
    }

    /// The last message again in another epoch, of another version, encrypted or not, with another number.
    fn misplace(&mut self, choices: &mut Choices<'_>) {
        let Some(Some((message, _))) = self.flight.last() else { return };
        let (whole, how) = (message.whole(), choices.pick());
        let layout = Layout {
            number: (how & 1 > 0).then(|| u64::from(choices.pick())),
            version: [0xfe, if how & 2 > 0 { 0xfd } else { 0xff }],
            is_encrypted: Some(how & 4 > 0),
            ..Layout::new([HANDSHAKE, APPLICATION_DATA][usize::from(how >> 3 & 1)], u16::from(how >> 6))
        };
        let record = self.puppet.record_with(&layout, &whole);
        self.is_innocent = false;
        self.deliver(&record);
    }

    /// Time goes by, but less than a handshake may take.
    fn wait(&mut self, seconds: u64) {
        let time = Duration::from_secs(seconds);
        if self.waited + time < Duration::from_secs(50) {
            self.waited += time;
            let answers = self.world.wait(time);
            self.take(&answers);
        }
    }

    fn deliver(&mut self, datagram: &[u8]) {
        let is_change = |record: &super::puppet::record::Received<'_>| {
            (record.header.content_type, record.header.epoch, record.fragment) == (CHANGE_CIPHER_SPEC, 0, &[1][..])
        };
        self.has_changed |= records_of(datagram, 8).0.iter().any(is_change);
        let answers = self.world.give(route(1), datagram);
        self.take(&answers);
    }

    /// What the server says is heard, and what it believes is judged.
    fn take(&mut self, answers: &[(bootstrapd::route::Route, Vec<u8>)]) {
        for (to, answer) in answers {
            assert_eq!(*to, route(1));
            self.puppet.hear(answer);
        }
        for event in &self.world.events {
            let Output::Established { peer, .. } = event else { continue };
            assert!(self.is_proper, "a client is believed that went wrong");
            assert_eq!(self.done, self.steps.len(), "a client is believed before its Finished");
            assert!(self.has_changed, "a client is believed without ChangeCipherSpec");
            assert_eq!(*peer, self.peer);
            assert!(self.puppet.is_established(), "{:?}", self.puppet.faults());
        }
        self.world.events.clear();
    }

    /// The client does what is left, and is patient; who did nothing wrong is served then.
    fn end(mut self) {
        self.release(0);
        if self.is_proper {
            while self.done < self.steps.len() {
                self.proceed(0, false);
            }
        }
        for _ in 0..3 {
            self.step(14, &mut Choices(&[]));
            for item in self.flight.clone() {
                if self.puppet.is_established() {
                    break;
                }
                let records = self.records_of(&item, 1 << 14);
                records.iter().for_each(|record| self.deliver(record));
            }
        }
        if self.is_proper && self.is_innocent {
            let association = *self.world.open.keys().next().expect("who did nothing wrong is served");
            self.world.assert_alive(route(1), &mut self.puppet, association);
        }
    }
}

/// A client by certificate, raw public key or, seven times as often because that is much faster, pre-shared key, and who
/// it is; or one that is not who it says.
fn client(kind: u8, is_wrong: bool) -> (Profile, Peer) {
    let pki = Pki::shared();
    let key = || if is_wrong { pki.stranger.clone() } else { pki.device.key.clone() };
    match (kind, is_wrong) {
        (CERTIFIED, _) => {
            let chain = pki.device.chain.clone();
            let peer = Peer::Certificate { chain: chain.clone(), trust: CertificateTrust::Anchored };
            (Profile::certificate(chain, key()), peer)
        }
        (RAW, _) => (Profile::raw_public_key(key()), Peer::RawPublicKey(pki.device.spki())),
        (0, true) => (Profile::psk(IDENTITY, b"another key, of 26 bytes.."), Peer::PskIdentity(IDENTITY.to_vec())),
        (_, true) => (Profile::psk(b"nobody", KEY), Peer::PskIdentity(b"nobody".to_vec())),
        (_, false) => (Profile::psk(IDENTITY, KEY), Peer::PskIdentity(IDENTITY.to_vec())),
    }
}
