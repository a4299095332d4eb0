//! Drives one puppet through one case, and says what came of it.

use std::fmt;

use bootstrapd::dtls::CloseReason;

use crate::case::{Case, Delivery, Part};
use crate::puppet::message::{CERTIFICATE_VERIFY, SERVER_HELLO_DONE};
use crate::puppet::record::{CHANGE_CIPHER_SPEC, HANDSHAKE};
use crate::puppet::{Handshake, Heard, Message, Puppet};
use crate::world::World;

/// How often a flight is sent: once and again.
const ATTEMPTS: usize = 3;
/// Largest datagram of a flight.
const MTU: usize = 1232;
/// Headers of a record and a handshake message.
const HEADERS: usize = 13 + 12;

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the server's first flight says, as far as the puppet tells.
    pub hello: String,
    /// The server says that the client has proven itself.
    pub is_accepted: bool,
    /// So does the client of the server.
    pub is_agreed: bool,
    /// Application data that reached the server's side.
    pub delivered: Vec<String>,
    /// After all, data go both ways.
    pub is_alive: bool,
    /// Nothing is left on the server.
    pub is_clean: bool,
    /// The last alert of the server's.
    pub alert: Option<(u8, u8)>,
    /// Why the server ended what it began.
    pub closed: Option<CloseReason>,
    /// Datagrams that answered what was done to the association.
    pub answers: usize,
}

impl Outcome {
    /// What must not differ without a very good reason.
    pub fn verdict(&self) -> (bool, bool, &[String], bool, bool) {
        (self.is_accepted, self.is_agreed, &self.delivered, self.is_alive, self.is_clean)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.is_accepted, self.is_agreed) {
            (true, true) => "accepted",
            (true, false) => "accepted by the server alone",
            (false, true) => "accepted by the client alone",
            (false, false) => "refused",
        })?;
        if self.is_accepted {
            write!(formatter, ", {}", if self.is_alive { "alive" } else { "dead" })?;
        }
        if self.delivered.iter().any(|data| data != "ping" && data != "last") {
            write!(formatter, ", heard {}", self.delivered.join(" "))?;
        }
        if let Some((level, description)) = self.alert {
            write!(formatter, ", alert {level}/{description}")?;
        }
        if let Some(closed) = self.closed {
            match closed {
                // What is missing is for the operator and no part of what is compared.
                CloseReason::NoCommonSuite(_) => formatter.write_str(", NoCommonSuite")?,
                closed => write!(formatter, ", {closed:?}")?,
            }
        }
        if self.answers > 0 {
            write!(formatter, ", {} answers", self.answers)?;
        }
        if !self.is_clean {
            formatter.write_str(", leaves something behind")?;
        }
        write!(formatter, ", hello {}", self.hello)
    }
}

/// Runs a case.
pub fn run(world: &mut World, case: &Case, seed: u64) -> Outcome {
    world.begin();
    let mut conversation =
        Conversation { puppet: Puppet::new(case.profile.clone(), seed), world, answers: 0, flight: Vec::new() };
    let hello = conversation.say_hellos(case);
    if hello {
        conversation.say_second_flight(case);
    }
    let mut is_alive = false;
    conversation.answers = 0;
    if conversation.world.established.is_some() {
        conversation.exchange("ping");
        conversation.answers = 0;
        if let Some(script) = &case.after {
            script(&mut conversation);
        }
        let answers = conversation.answers;
        is_alive = conversation.exchange("last");
        conversation.answers = answers;
    }
    let Conversation { puppet, world, answers, .. } = conversation;
    let is_accepted = world.established.is_some();
    let is_clean = world.end();
    Outcome {
        hello: describe_hello(&puppet),
        is_accepted,
        is_agreed: puppet.is_established(),
        delivered: world.delivered.iter().map(|data| shown(data)).collect(),
        is_alive,
        is_clean,
        alert: puppet.alert_received(),
        closed: world.closed,
        answers,
    }
}

/// A puppet and the server that it speaks to.
pub struct Conversation<'a> {
    pub puppet: Puppet,
    pub world: &'a mut World,
    answers: usize,
    /// The second flight as it should be.
    flight: Vec<Part>,
}

impl Conversation<'_> {
    /// Gives a datagram to the server; the puppet hears the answers and answers nothing.
    pub fn give(&mut self, datagram: &[u8]) {
        let answers = self.world.give(datagram);
        self.hear(&answers);
    }

    /// Seals and gives one record.
    pub fn give_part(&mut self, part: &Part) {
        let record = self.puppet.record_with(&part.layout, &part.payload);
        self.give(&record);
    }

    /// The second flight in records with new numbers.
    pub fn last_flight(&mut self) -> Vec<u8> {
        self.flight.iter().flat_map(|part| self.puppet.record_with(&part.layout, &part.payload)).collect()
    }

    fn hear(&mut self, datagrams: &[Vec<u8>]) -> Vec<Heard> {
        self.answers += datagrams.len();
        datagrams.iter().flat_map(|datagram| self.puppet.hear(datagram)).collect()
    }

    /// Says something and hears the same; `true`: both worked.
    fn exchange(&mut self, word: &str) -> bool {
        let before = self.world.delivered.len();
        let record = self.puppet.seal(word.as_bytes());
        self.give(&record);
        let is_heard = self.world.delivered[before..] == [word.as_bytes().to_vec()];
        self.puppet.received();
        let answers = self.world.send(word.as_bytes());
        self.hear(&answers);
        is_heard && self.puppet.received() == [word.as_bytes().to_vec()]
    }

    /// Until ServerHelloDone is there. `false`: it never came.
    fn say_hellos(&mut self, case: &Case) -> bool {
        let first = self.hello_message(case);
        let whole = self.puppet.commit(&first).whole();
        let record = self.puppet.record(HANDSHAKE, 0, &whole);
        self.give(&record);
        if self.puppet.cookie().is_empty() {
            return false;
        }
        let second = self.hello_message(case);
        let whole = self.puppet.commit(&second).whole();
        for attempt in 0..ATTEMPTS {
            let mut records = vec![self.puppet.record(HANDSHAKE, 0, &whole)];
            if let Some(edit) = &case.hello_records
                && (attempt == 0 || !case.is_once)
            {
                edit(&mut records);
            }
            for record in records {
                self.give(&record);
            }
            if self.puppet.received_messages().contains(&SERVER_HELLO_DONE) {
                return true;
            }
            if self.is_told_to_stop() {
                return false;
            }
        }
        false
    }

    /// As the profile has it, edited, and then with the cookie.
    fn hello_message(&self, case: &Case) -> Message {
        let mut message = self.puppet.client_hello_with(&[]);
        // Version, random and session id stand before it.
        let position = 34 + 1 + case.profile.session_id.len();
        if let Some(edit) = &case.hello {
            edit(&mut message.body);
        }
        let cookie = self.puppet.cookie();
        if !cookie.is_empty() {
            message.body[position] ^= cookie.len() as u8;
            message.body.splice(position + 1..position + 1, cookie.iter().copied());
        }
        message
    }

    fn say_second_flight(&mut self, case: &Case) {
        self.flight = second_flight(&mut self.puppet, case);
        for attempt in 0..ATTEMPTS {
            let is_edited = attempt == 0 || !case.is_once;
            let mut parts = self.flight.clone();
            if let Some(edit) = &case.parts
                && is_edited
            {
                edit(&mut self.puppet, &mut parts);
            }
            let mut records: Vec<Vec<u8>> =
                parts.iter().map(|part| self.puppet.record_with(&part.layout, &part.payload)).collect();
            if let Some(edit) = &case.records
                && is_edited
            {
                edit(&mut records);
            }
            self.world.lookups_wait = case.delivery == Delivery::BeforeLookup;
            for datagram in datagrams_of(records, case.delivery) {
                self.give(&datagram);
            }
            self.world.lookups_wait = false;
            let answers = self.world.answer_lookups();
            self.hear(&answers);
            if self.puppet.is_established() || self.is_told_to_stop() {
                return;
            }
        }
    }

    /// A client that hears a fatal alert during its handshake gives up.
    fn is_told_to_stop(&self) -> bool {
        matches!(self.puppet.alert_received(), Some((2, _)))
    }
}

/// The second flight, every message by itself and cut where it has to be.
fn second_flight(puppet: &mut Puppet, case: &Case) -> Vec<Part> {
    let room = puppet.max_fragment_length_of_server().map_or(MTU, |code| MTU.min(256 << code)) - HEADERS;
    let mut parts = Vec::new();
    let mut push = |puppet: &mut Puppet, mut message: Message, epoch: u16| {
        if let Some((message_type, edit)) = &case.message
            && *message_type == message.message_type
        {
            edit(&mut message);
        }
        let handshake: Handshake = puppet.commit(&message);
        parts.extend(handshake.fragments(room).into_iter().map(|fragment| Part::new(HANDSHAKE, epoch, fragment)));
        if message.message_type == last_in_the_clear(puppet) {
            parts.push(Part::new(CHANGE_CIPHER_SPEC, 0, [1]));
        }
    };
    let is_asked = is_asked_for_certificate(puppet);
    if is_asked {
        let certificate = puppet.certificate();
        push(puppet, certificate, 0);
    }
    let exchange = puppet.client_key_exchange();
    push(puppet, exchange, 0);
    if is_asked {
        let verify = puppet.certificate_verify();
        push(puppet, verify, 0);
    }
    let finished = puppet.finished();
    push(puppet, finished, 1);
    parts
}

fn is_asked_for_certificate(puppet: &Puppet) -> bool {
    puppet.received_messages().contains(&crate::puppet::message::CERTIFICATE_REQUEST)
}

fn last_in_the_clear(puppet: &Puppet) -> u8 {
    if is_asked_for_certificate(puppet) { CERTIFICATE_VERIFY } else { crate::puppet::message::CLIENT_KEY_EXCHANGE }
}

fn datagrams_of(records: Vec<Vec<u8>>, delivery: Delivery) -> Vec<Vec<u8>> {
    if delivery != Delivery::Together {
        return records;
    }
    let mut datagrams: Vec<Vec<u8>> = Vec::new();
    for record in records {
        match datagrams.last_mut() {
            Some(last) if last.len() + record.len() <= MTU => last.extend_from_slice(&record),
            _ => datagrams.push(record),
        }
    }
    datagrams
}

fn describe_hello(puppet: &Puppet) -> String {
    let Some(suite) = puppet.suite() else { return "none".to_owned() };
    let ems = if puppet.uses_extended_master_secret() { " ems" } else { "" };
    let length = puppet.max_fragment_length_of_server().map_or(String::new(), |code| format!(" mfl{code}"));
    format!("{suite:04x}{ems}{length} {:?}", puppet.received_messages())
}

/// Application data in short: a word, or how much of what.
fn shown(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) if data.len() <= 8 => text.to_owned(),
        _ => format!("{}x{:02x}", data.len(), data.first().copied().unwrap_or_default()),
    }
}
