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

use super::certificate::CERTIFICATE_MAX;
use super::record::{self, ContentType, HandshakeFragment, HandshakeFragments, Record};

/// Longest PSK identity in bytes. LwM2M Transport 1.2, section 5.2.8.1, asks for 128; OpenSSL takes 256.
pub const IDENTITY_MAX: usize = 256;

/// Most records of epoch 1 kept until the engine may have them.
const EARLY_MAX: usize = 4;

/// Longest of them in bytes: a Finished of any suite served is below 120.
const EARLY_LENGTH_MAX: usize = 256;

/// The ClientHello with the cookie is message 1, so the flight begins with message 2 (RFC 6347, section 4.2.2).
const FIRST_MESSAGE: u16 = 2;

/// Most of a message that one record for the engine carries, in bytes: with the header 512, the shortest record that
/// max_fragment_length (RFC 6066, section 4) can have a client and the engine agree on.
const FEED_MAX: usize = 512 - record::HANDSHAKE_HEADER_LENGTH;

/// How the client is to prove itself, by the suite in the ServerHello.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flight {
    /// By a pre-shared key.
    #[default]
    PreSharedKey,
    /// By a certificate or a raw public key.
    Certificate,
}

/// A message in the clear: its type, and its longest body in bytes.
type Expected = (u8, usize);

impl Flight {
    /// The messages before ChangeCipherSpec, in order.
    fn messages(self) -> &'static [Expected] {
        match self {
            Flight::PreSharedKey => &[(CLIENT_KEY_EXCHANGE, 2 + IDENTITY_MAX)],
            // A point on P-521 has 133 bytes, a signature by it 139; one by RSA is longer, and the engine's to refuse.
            Flight::Certificate => {
                &[(CERTIFICATE, CERTIFICATE_MAX), (CLIENT_KEY_EXCHANGE, 256), (CERTIFICATE_VERIFY, 1024)]
            }
        }
    }
}

/// Handshake message types (RFC 5246, section 7.4).
const CERTIFICATE: u8 = 11;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;

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
    flight: Flight,
    stage: Stage,
    /// The messages that the engine has not got yet, the next one first; each as far as it has arrived.
    messages: Vec<Message>,
    has_change_cipher_spec: bool,
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

#[derive(Debug)]
enum Message {
    Missing,
    Partial(Assembly),
    Whole(Vec<u8>),
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
            flight,
            stage: Stage::Claim,
            messages: flight.messages().iter().map(|_| Message::Missing).collect(),
            has_change_cipher_spec: false,
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

    /// Whether the client's proof has reached the engine, whatever the engine thought of it.
    pub fn is_passed(&self) -> bool {
        self.stage == Stage::EpochChanged
    }

    fn handle_handshake(&mut self, record: &Record<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        for fragment in HandshakeFragments::of(record.fragment) {
            if !self.assemble(&fragment) {
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

    /// Adds a fragment; `true`: a message is now whole.
    fn assemble(&mut self, fragment: &HandshakeFragment<'_>) -> bool {
        let Some(number) = fragment.message_sequence.checked_sub(FIRST_MESSAGE).map(usize::from) else { return false };
        let expected = self.flight.messages();
        let gone = expected.len() - self.messages.len();
        let Some(&(message_type, length_max)) = expected.get(number) else { return false };
        let Some(message) = number.checked_sub(gone).and_then(|index| self.messages.get_mut(index)) else {
            return false;
        };
        if fragment.message_type != message_type || fragment.length > length_max {
            return false;
        }
        if fragment.body.len() == fragment.length && !matches!(message, Message::Whole(_)) {
            *message = Message::Whole(fragment.body.to_vec());
            return true;
        }
        if matches!(message, Message::Missing) {
            *message = Message::Partial(Assembly::new(fragment.length));
        }
        let Message::Partial(assembly) = message else { return false };
        let whole = assembly.add(fragment);
        let is_whole = whole.is_some();
        if let Some(body) = whole {
            *message = Message::Whole(body);
        }
        is_whole
    }

    /// Says what the client claims to be, where the message that does is whole.
    fn claim(&mut self) -> Option<Step> {
        let Some(Message::Whole(body)) = self.messages.first() else { return None };
        let step = match self.flight {
            Flight::PreSharedKey => identity_of(body).map(Step::Identity),
            Flight::Certificate => Some(Step::Certificate(body.clone())),
        };
        match step {
            Some(_) => self.stage = Stage::Answer,
            // Nobody's, perhaps: the client's own may follow.
            None => self.messages[0] = Message::Missing,
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
        while let Some(Message::Whole(_)) = self.messages.first() {
            let number = self.flight.messages().len() - self.messages.len();
            let Message::Whole(body) = self.messages.remove(0) else { break };
            self.cut(number, &body, &mut records);
        }
        if self.messages.is_empty() && self.has_change_cipher_spec {
            self.stage = Stage::EpochChanged;
            records.push(self.renumbered(ContentType::ChangeCipherSpec, &[1]));
            records.append(&mut self.early);
        }
        records
    }

    fn cut(&mut self, number: usize, body: &[u8], records: &mut Vec<Vec<u8>>) {
        let (message_type, _) = self.flight.messages()[number];
        let message_sequence = (FIRST_MESSAGE..).nth(number).unwrap_or(FIRST_MESSAGE);
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

/// A message that arrives in fragments.
#[derive(Debug)]
struct Assembly {
    body: Vec<u8>,
    /// One bit for each byte of the body.
    present: Vec<u8>,
    /// Bytes that are not there yet.
    missing: usize,
}

impl Assembly {
    fn new(length: usize) -> Assembly {
        Assembly { body: vec![0; length], present: vec![0; length.div_ceil(8)], missing: length }
    }

    /// Adds a fragment; returns the message body once it is whole.
    fn add(&mut self, fragment: &HandshakeFragment<'_>) -> Option<Vec<u8>> {
        if self.body.len() != fragment.length {
            return None;
        }
        let range = fragment.offset..fragment.offset + fragment.body.len();
        self.body[range.clone()].copy_from_slice(fragment.body);
        for position in range {
            let bit = 1 << (position % 8);
            self.missing -= usize::from(self.present[position / 8] & bit == 0);
            self.present[position / 8] |= bit;
        }
        (self.missing == 0).then(|| std::mem::take(&mut self.body))
    }
}

/// RFC 4279, section 2: opaque psk_identity<0..2^16-1>, and nothing else.
fn identity_of(body: &[u8]) -> Option<Vec<u8>> {
    let (length, identity) = body.split_first_chunk()?;
    (usize::from(u16::from_be_bytes(*length)) == identity.len()).then(|| identity.to_vec())
}

#[cfg(test)]
mod tests;
