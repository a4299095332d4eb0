//! The client of the state machine: what each input puts on the wire, in whatever state the server is.
//!
//! Two rules keep the machine that is learned as small as the protocol is (README.md says more):
//!
//! * A right message of the second flight always has its own number, so it may come in any order, as the network may
//!   deliver it. A wrong one has the number that is due, which is the worst that it can do.
//! * Finished and the keys are made of what was sent so far, right or wrong, not of what should have been sent: where a
//!   server lets a client leave something out, this client would get in. A Finished that comes before the flight is
//!   complete goes out under both the numbers that it might have, in a record too long to be kept for later.

use std::collections::BTreeMap;

use crate::input::{Content, Input};
use crate::puppet::message::{
    CERTIFICATE, CERTIFICATE_VERIFY, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, FINISHED, SERVER_HELLO, SERVER_HELLO_DONE,
    raw_fragment,
};
use crate::puppet::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use crate::puppet::{Handshake, Heard, Layout, Message, Profile, Puppet};

/// The number of the first message after the ClientHello with the cookie.
const FIRST: u16 = 2;

/// What the client says, and what it is answered.
pub const PING: &[u8] = b"ping";
/// See [`PING`].
pub const PONG: &[u8] = b"pong";

/// Before a message of a flight that was heard before.
const AGAIN: &str = "again:";

/// A record with this much in it is not kept for later: the engines keep at most 256 bytes.
const TOO_LONG_TO_KEEP: usize = 280;

/// Who the client is, and what it says where it is to be wrong.
#[derive(Clone)]
pub struct Character {
    /// The right client.
    pub profile: Profile,
    /// Types of the messages of its second flight before ChangeCipherSpec, in order.
    pub flight: &'static [u8],
    /// A Certificate of somebody whom the server does not know.
    pub unknown_certificate: Message,
    /// A ClientKeyExchange with an identity that the server does not know, or with a point off the curve.
    pub wrong_key_exchange: Message,
}

/// See the module.
pub struct Client {
    character: Character,
    seed: u64,
    /// The cookie that was heard last.
    cookie: Vec<u8>,
    /// At ServerHelloDone of the handshake that runs, or ran last: it has said nothing since.
    base: Option<Puppet>,
    /// The same after all that was sent since.
    live: Puppet,
    /// Messages of the second flight that were sent, by number: the first of each.
    sent: BTreeMap<u16, Message>,
    has_changed_cipher_spec: bool,
    finished: Option<Message>,
    /// Numbers of the next record of epoch 0 and 1.
    record_numbers: [u64; 2],
    /// The newest record of application data, and the newest that the server delivered.
    said: Option<Vec<u8>>,
    delivered: Option<Vec<u8>>,
    /// Somebody with other keys.
    stranger: Puppet,
}

impl Client {
    /// A client that has said nothing. Two with the same seed say the same.
    pub fn new(character: &Character, seed: u64) -> Client {
        Client {
            seed,
            cookie: Vec::new(),
            base: None,
            live: Puppet::new(character.profile.clone(), seed),
            sent: BTreeMap::new(),
            has_changed_cipher_spec: false,
            finished: None,
            record_numbers: [0; 2],
            said: None,
            delivered: None,
            stranger: Puppet::new(character.profile.clone(), !seed),
            character: character.clone(),
        }
    }

    /// The datagram that says `input`; none, where there is nothing to repeat.
    pub fn say(&mut self, input: &Input) -> Option<Vec<u8>> {
        let epoch = usize::from(input.is_protected);
        let message = match input.content {
            Content::Hello if input.is_protected => Message::new(CLIENT_HELLO, self.live.client_hello_with(&[]).body),
            Content::Hello => return Some(self.hello(None)),
            Content::HelloWithCookie => return Some(self.hello(Some(0))),
            Content::HelloWithWrongCookie => return Some(self.hello(Some(1))),
            Content::Certificate => self.certificate(),
            Content::EmptyCertificate => Message::certificate(&[]),
            Content::UnknownCertificate => self.character.unknown_certificate.clone(),
            Content::KeyExchange => self.key_exchange(),
            Content::WrongKeyExchange => self.character.wrong_key_exchange.clone(),
            Content::Verify => self.certificate_verify(),
            Content::WrongVerify => self.certificate_verify().with_flipped(12, 1),
            Content::ServerHello => Message::new(SERVER_HELLO, [0xfe, 0xfd]),
            Content::ChangeCipherSpec => {
                self.has_changed_cipher_spec |= !input.is_protected;
                return Some(self.record(CHANGE_CIPHER_SPEC, epoch, &[1]));
            }
            Content::Finished | Content::WrongFinished => return Some(self.say_finished(input)),
            Content::ApplicationData => {
                let record = self.record(APPLICATION_DATA, epoch, PING);
                self.said = Some(record.clone());
                return Some(record);
            }
            Content::ForgedData => return Some(self.forge(APPLICATION_DATA, PING)),
            Content::ReplayedData => return self.delivered.clone(),
            Content::CloseNotify => return Some(self.alert(epoch, &[1, 0])),
            Content::FatalAlert => return Some(self.alert(epoch, &[2, 40])),
            Content::Timeout => {
                *self = Client { record_numbers: self.record_numbers, ..Client::new(&self.character, self.seed) };
                return None;
            }
        };
        Some(self.say_message(input, &message))
    }

    /// Takes what the server answers to `input`, and says what it was.
    pub fn hear(&mut self, input: &Input, datagram: &[u8]) -> Vec<String> {
        let known_faults = self.live.faults().len();
        let mut names = match input.is_hello() {
            true => self.hear_after_hello(input, datagram),
            false => names_of(&self.live.hear(datagram)),
        };
        let faults = self.live.faults().iter().skip(known_faults);
        names.extend(faults.map(|fault| format!("Fault({})", fault.text.replace(' ', "_"))));
        if self.live.received().iter().any(|data| data != PONG) {
            names.push("OtherData".to_owned());
        }
        names
    }

    /// The server delivered what was said last.
    pub fn note_delivery(&mut self) {
        self.delivered = self.said.clone();
    }

    /// A ClientHello that differs from all others in nothing but its cookie: none, or ours with this added to its last
    /// byte.
    fn hello(&mut self, change: Option<u8>) -> Vec<u8> {
        let cookie = change.map(|change| {
            let mut cookie = if self.cookie.is_empty() { vec![0; 16] } else { self.cookie.clone() };
            *cookie.last_mut().expect("16 bytes") ^= change;
            cookie
        });
        let (_, handshake) = self.greeting(cookie.as_deref());
        self.record(HANDSHAKE, 0, &handshake.whole())
    }

    /// A puppet that has said its ClientHello, without a cookie or with both.
    fn greeting(&self, cookie: Option<&[u8]>) -> (Puppet, Handshake) {
        let mut puppet = Puppet::new(self.character.profile.clone(), self.seed);
        let first = puppet.commit(&puppet.client_hello_with(&[]));
        let Some(cookie) = cookie else { return (puppet, first) };
        puppet.set_cookie(cookie);
        let second = puppet.commit(&puppet.client_hello());
        (puppet, second)
    }

    /// The answer to a ClientHello: a cookie, a new handshake, or again the flight of the one that runs.
    fn hear_after_hello(&mut self, input: &Input, datagram: &[u8]) -> Vec<String> {
        let (mut without, _) = self.greeting(None);
        let heard = without.hear(datagram);
        if heard.contains(&Heard::HelloVerifyRequest) {
            self.cookie = without.cookie().to_vec();
            return names_of(&heard);
        }
        let cookie = self.cookie.clone();
        let (mut puppet, _) = self.greeting((input.content != Content::Hello).then_some(&cookie));
        let heard = puppet.hear(datagram);
        if !puppet.received_messages().contains(&SERVER_HELLO_DONE) {
            return names_of(&heard);
        }
        if self.base.as_ref().is_some_and(|base| base.transcript() == puppet.transcript()) {
            return names_of(&heard).into_iter().map(|name| format!("{AGAIN}{name}")).collect();
        }
        self.sent.clear();
        self.has_changed_cipher_spec = false;
        self.finished = None;
        self.live = puppet.clone();
        self.base = Some(puppet);
        names_of(&heard)
    }

    /// A right message has its place in the flight, any other takes the number that is due.
    fn say_message(&mut self, input: &Input, message: &Message) -> Vec<u8> {
        let number = match self.place_of(message) {
            Some(place) if input.content.is_right() && !input.is_protected => place,
            _ => self.due(),
        };
        let handshake = message.numbered(number);
        let payload = handshake.whole();
        if input.is_protected {
            return self.protected_handshake(payload);
        }
        let record = self.record(HANDSHAKE, 0, &payload);
        if self.base.is_some() && self.place_of(message) == Some(number) && !self.sent.contains_key(&number) {
            self.sent.insert(number, message.clone());
            if self.sent.keys().next_back() == Some(&number) {
                self.live.commit(message);
            } else {
                self.live = self.after_what_was_sent();
            }
        }
        record
    }

    /// Finished by what was sent so far.
    fn say_finished(&mut self, input: &Input) -> Vec<u8> {
        let message = match &self.finished {
            Some(message) => message.clone(),
            None => self.live.finished(),
        };
        let said = if input.content == Content::WrongFinished { message.with_flipped(0, 1) } else { message.clone() };
        let number = self.number_of_finished();
        let payload = said.numbered(number).whole();
        if !input.is_protected {
            return self.record(HANDSHAKE, 0, &payload);
        }
        if !self.is_complete() {
            let sent = FIRST + u16::try_from(self.sent.len()).expect("at most three");
            return self.protected_handshake([payload, said.numbered(sent).whole()].concat());
        }
        let record = self.record(HANDSHAKE, 1, &payload);
        if input.content == Content::Finished && self.finished.is_none() {
            // The server's Finished covers it.
            self.live.commit(&message);
            self.finished = Some(message);
        }
        record
    }

    /// Handshake messages under protection: before they may come, in a record that nobody keeps.
    fn protected_handshake(&mut self, mut payload: Vec<u8>) -> Vec<u8> {
        if !(self.is_complete() && self.has_changed_cipher_spec) {
            payload.extend(raw_fragment(0xff, TOO_LONG_TO_KEEP, u16::MAX, 0, &[0; TOO_LONG_TO_KEEP]));
        }
        self.record(HANDSHAKE, 1, &payload)
    }

    /// An alert cannot be made longer: before its time under protection, it is a stranger's, and always the same.
    fn alert(&mut self, epoch: usize, content: &[u8; 2]) -> Vec<u8> {
        if epoch == 0 || (self.is_complete() && self.has_changed_cipher_spec) {
            return self.record(ALERT, epoch, content);
        }
        let layout = Layout { number: Some(u64::from(content[1])), ..Layout::new(ALERT, 1) };
        self.stranger.record_with(&layout, content)
    }

    fn forge(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let layout = Layout { number: Some(self.next_record_number(1)), ..Layout::new(content_type, 1) };
        self.stranger.record_with(&layout, content)
    }

    fn record(&mut self, content_type: u8, epoch: usize, content: &[u8]) -> Vec<u8> {
        let layout = Layout { number: Some(self.next_record_number(epoch)), ..Layout::new(content_type, epoch as u16) };
        self.live.record_with(&layout, content)
    }

    fn next_record_number(&mut self, epoch: usize) -> u64 {
        self.record_numbers[epoch] += 1;
        self.record_numbers[epoch] - 1
    }

    fn certificate(&self) -> Message {
        self.base.as_ref().unwrap_or(&self.live).certificate()
    }

    fn key_exchange(&self) -> Message {
        self.base.as_ref().unwrap_or(&self.live).client_key_exchange()
    }

    /// Signs what was sent before it; what was not sent yet, as it will be.
    fn certificate_verify(&self) -> Message {
        let place = self.place_of(&Message::new(CERTIFICATE_VERIFY, []));
        if self.sent.keys().copied().eq(FIRST..place.unwrap_or(FIRST)) {
            return self.live.certificate_verify();
        }
        let mut puppet = self.base.as_ref().unwrap_or(&self.live).clone();
        for (number, message_type) in (FIRST..).zip(self.character.flight) {
            let message = match (self.sent.get(&number), *message_type) {
                (Some(message), _) => message.clone(),
                (None, CERTIFICATE) => puppet.certificate(),
                (None, CLIENT_KEY_EXCHANGE) => puppet.client_key_exchange(),
                (None, _) => break,
            };
            if message.message_type == CERTIFICATE_VERIFY {
                break;
            }
            puppet.commit(&message);
        }
        puppet.certificate_verify()
    }

    fn after_what_was_sent(&self) -> Puppet {
        let mut puppet = self.base.as_ref().unwrap_or(&self.live).clone();
        for message in self.sent.values() {
            puppet.commit(message);
        }
        puppet
    }

    fn is_complete(&self) -> bool {
        self.base.is_some() && self.sent.len() == self.character.flight.len()
    }

    fn place_of(&self, message: &Message) -> Option<u16> {
        let types = (FIRST..).zip(self.character.flight);
        types.into_iter().find_map(|(number, there)| (*there == message.message_type).then_some(number))
    }

    fn number_of_finished(&self) -> u16 {
        FIRST + u16::try_from(self.character.flight.len()).expect("at most three")
    }

    /// The number of the message that the server waits for; after Finished, of the first of another handshake (RFC 6347,
    /// section 4.2.2).
    fn due(&self) -> u16 {
        let missing = (FIRST..self.number_of_finished()).find(|number| !self.sent.contains_key(number));
        let of_finished = if self.finished.is_some() { 0 } else { self.number_of_finished() };
        missing.unwrap_or(of_finished)
    }
}

fn names_of(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(name_of).collect()
}

fn name_of(heard: &Heard) -> String {
    match heard {
        Heard::HelloVerifyRequest => "HelloVerifyRequest".to_owned(),
        Heard::Message(message_type) | Heard::Repeated(message_type) => message_name(*message_type).to_owned(),
        Heard::Alert(level, description) => format!("Alert({level},{description})"),
        Heard::ApplicationData => "ApplicationData".to_owned(),
        other => format!("{other:?}"),
    }
}

fn message_name(message_type: u8) -> &'static str {
    match message_type {
        SERVER_HELLO => "ServerHello",
        CERTIFICATE => "Certificate",
        SERVER_HELLO_DONE => "ServerHelloDone",
        FINISHED => "Finished",
        3 => "HelloVerifyRequest",
        12 => "ServerKeyExchange",
        13 => "CertificateRequest",
        _ => "Message",
    }
}
