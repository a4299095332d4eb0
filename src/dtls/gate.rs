//! What of a client's second flight reaches an engine, and when (RFC 6347, section 4.2.4; RFC 4279, section 2; RFC
//! 5246, section 7.3).
//!
//! With a pre-shared key that flight is ClientKeyExchange, ChangeCipherSpec, Finished; otherwise it is Certificate,
//! ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished. Its first message is in the clear and names what
//! the client claims to be: a PSK identity, a chain of certificates, a raw public key. That has to be looked up before
//! the engine may see the message, so the messages are put together here and the engine gets them whole and in their
//! order, however they arrived. What was looked up is thereby what the engine hashes. An engine buffers records of the
//! next epoch at 16 KiB apiece; behind the gate it never has to.
//!
//! Knows no keys: it says what is claimed and is told when the answer is there.

use super::client_flight::{ClientFlight, WholeMessage, identity_of};
pub use super::client_flight::{Flight, IDENTITY_MAX};
use super::record::{self, ContentType, HandshakeFragment, HandshakeFragments, Record};

/// Most records of epoch 1 kept until the engine may have them.
const EARLY_MAX: usize = 4;

/// Longest of them in bytes: a Finished of any suite served is below 120.
const EARLY_LENGTH_MAX: usize = 256;

/// Most of a message that one record for the engine carries, in bytes: with the header 512, the shortest record that
/// max_fragment_length (RFC 6066, section 4) can have a client and the engine agree on.
const FEED_MAX: usize = 512 - record::HANDSHAKE_HEADER_LENGTH;

/// What is to be done after a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look up the key of this PSK identity, then call [`Gate::open`].
    Identity(Vec<u8>),
    /// Look up what this body of a Certificate message holds, then call [`Gate::open`].
    Certificate(Vec<u8>),
    /// Feed this record to the engine.
    Feed(Vec<u8>),
}

/// Stands before the engine during one handshake.
#[derive(Debug)]
pub struct Gate {
    stage: Stage,
    /// The messages that the engine has not got yet.
    messages: ClientFlight,
    has_change_cipher_spec: bool,
    /// Whether a record of epoch 1 came, good or not.
    has_protected: bool,
    early: Vec<Vec<u8>>,
    /// Number of the next record of epoch 0 for the engine. They are counted anew, because messages are cut anew.
    next_record: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The message that says what the client claims to be is missing, or parts of it.
    Claim,
    /// It is there and waits for its answer.
    Answer,
    /// The engine gets what comes.
    Open,
    /// The engine has the ChangeCipherSpec as well, and so reads epoch 1.
    EpochChanged,
}

impl Default for Gate {
    /// For a client with a pre-shared key whose ClientHello was its record 1.
    fn default() -> Gate {
        Gate::new(Flight::PreSharedKey, [0, 0, 0, 0, 0, 1])
    }
}

impl Gate {
    /// A gate for one `flight` of a client; `hello` is the number of the record that brought its ClientHello.
    pub fn new(flight: Flight, hello: [u8; 6]) -> Gate {
        let [a, b, c, d, e, f] = hello;
        Gate {
            stage: Stage::Claim,
            messages: ClientFlight::new(flight),
            has_change_cipher_spec: false,
            has_protected: false,
            early: Vec::new(),
            next_record: u64::from_be_bytes([0, 0, a, b, c, d, e, f]) + 1,
        }
    }

    /// Takes one record and says what follows from it; nothing, where it is kept, repeated or out of place.
    pub fn handle_record(&mut self, record: &Record<'_>) -> Vec<Step> {
        match (record.epoch, record.content_type) {
            (0, ContentType::Handshake) => self.handle_handshake(record),
            (0, ContentType::ChangeCipherSpec) if record.fragment == [1] => self.handle_change_cipher_spec(record),
            // Not authenticated, yet worth hearing: a client that gives up says so. It can only end this handshake.
            (0, ContentType::Alert) if record.fragment.len() == 2 => {
                vec![Step::Feed(self.renumbered(ContentType::Alert, record.fragment))]
            }
            (1, ContentType::Handshake | ContentType::Alert) => self.handle_protected(record),
            _ => Vec::new(),
        }
    }

    /// The engine has its answer now. Returns the records for it, in order.
    pub fn open(&mut self) -> Vec<Vec<u8>> {
        if self.stage != Stage::Answer {
            return Vec::new();
        }
        self.stage = Stage::Open;
        self.release()
    }

    /// Whether the engine reads the epoch of the client's proof.
    pub fn is_passed(&self) -> bool {
        self.stage == Stage::EpochChanged
    }

    /// Whether the engine has seen something that is to be the client's proof: a ChangeCipherSpec alone, which anybody can
    /// send and which outlives a Finished that is lost, is none.
    pub fn has_tried(&self) -> bool {
        self.is_passed() && self.has_protected
    }

    fn handle_handshake(&mut self, record: &Record<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        for fragment in HandshakeFragments::of(record.fragment) {
            if !self.messages.add(&fragment) {
                continue;
            }
            match self.stage {
                Stage::Claim => steps.extend(self.claim()),
                Stage::Open => steps.extend(self.release().into_iter().map(Step::Feed)),
                Stage::Answer | Stage::EpochChanged => {}
            }
        }
        steps
    }

    /// Says what the client claims to be, where the message that does is whole.
    fn claim(&mut self) -> Option<Step> {
        let body = self.messages.next()?;
        let step = match self.messages.flight() {
            Flight::PreSharedKey => identity_of(body).map(Step::Identity),
            Flight::Certificate => Some(Step::Certificate(body.to_vec())),
        };
        match step {
            Some(_) => self.stage = Stage::Answer,
            None => self.messages.drop_next(),
        }
        step
    }

    fn handle_change_cipher_spec(&mut self, record: &Record<'_>) -> Vec<Step> {
        if record.version != record::VERSION_1_2 || self.is_passed() {
            return Vec::new();
        }
        self.has_change_cipher_spec = true;
        match self.stage {
            Stage::Open => self.release().into_iter().map(Step::Feed).collect(),
            _ => Vec::new(),
        }
    }

    fn handle_protected(&mut self, record: &Record<'_>) -> Vec<Step> {
        self.has_protected = true;
        if self.is_passed() {
            return vec![Step::Feed(record.bytes.to_vec())];
        }
        let repeated = self.early.iter().any(|early| early == record.bytes);
        if self.early.len() < EARLY_MAX && record.bytes.len() <= EARLY_LENGTH_MAX && !repeated {
            self.early.push(record.bytes.to_vec());
        }
        Vec::new()
    }

    /// What the open gate lets through now: the messages that are whole, up to the first that is not, and after the
    /// last of them what belongs to the next epoch.
    fn release(&mut self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        while let Some(message) = self.messages.take() {
            self.cut(&message, &mut records);
        }
        if self.messages.is_over() && self.has_change_cipher_spec {
            self.stage = Stage::EpochChanged;
            records.push(self.renumbered(ContentType::ChangeCipherSpec, &[1]));
            records.append(&mut self.early);
        }
        records
    }

    fn cut(&mut self, message: &WholeMessage, records: &mut Vec<Vec<u8>>) {
        let &WholeMessage { message_type, message_sequence, ref body } = message;
        // A body of nothing is a message as well.
        for start in (0..body.len().max(1)).step_by(FEED_MAX) {
            let part = &body[start..body.len().min(start + FEED_MAX)];
            let fragment =
                HandshakeFragment { message_type, length: body.len(), message_sequence, offset: start, body: part };
            let bytes = record::handshake_fragment(&fragment);
            records.push(self.renumbered(ContentType::Handshake, &bytes));
        }
    }

    fn renumbered(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let [_, _, number @ ..] = self.next_record.to_be_bytes();
        self.next_record += 1;
        record::clear_record(content_type, record::VERSION_1_2, number, content)
    }
}

#[cfg(test)]
mod tests;
