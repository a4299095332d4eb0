//! What of a client's second flight reaches an engine, and when (RFC 6347, section 4.2.4; RFC 4279, section 2).
//!
//! With a pre-shared key that flight is ClientKeyExchange, ChangeCipherSpec, Finished. The first is in the clear and
//! names the PSK identity, whose key has to be looked up before the engine may see the message: so it is put together
//! here, and the engine gets it whole, in one record. What was looked up is thereby what the engine hashes.
//! ChangeCipherSpec and Finished follow in their order, however they arrived. An engine buffers records of the next
//! epoch at 16 KiB apiece; behind the gate it never has to.
//!
//! Knows no keys: it says which identity is claimed and is told when the key is there.

use super::record::{self, ContentType, HandshakeFragment, HandshakeFragments, Record};

/// Longest PSK identity in bytes. LwM2M Transport 1.2, section 5.2.8.1, asks for 128; OpenSSL takes 256.
pub const IDENTITY_MAX: usize = 256;

/// Most records of epoch 1 kept until the engine may have them.
const EARLY_MAX: usize = 4;

/// Longest of them in bytes: a Finished of any suite with pre-shared keys is below 120.
const EARLY_LENGTH_MAX: usize = 256;

/// Handshake message type of a ClientKeyExchange.
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// The ClientHello with the cookie is message 1, so this is message 2 (RFC 6347, section 4.2.2).
const KEY_EXCHANGE_SEQUENCE: u16 = 2;

/// What is to be done after a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look up the key of this PSK identity, then call [`Gate::open`].
    Identity(Vec<u8>),
    /// Feed this record to the engine.
    Feed(Vec<u8>),
}

/// Stands before the engine during one handshake.
#[derive(Debug, Default)]
pub struct Gate {
    stage: Stage,
    change_cipher_spec: Option<Vec<u8>>,
    early: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Stage {
    /// The ClientKeyExchange is missing, or parts of it.
    KeyExchange(Option<Assembly>),
    /// The ClientKeyExchange, one record, waits for its key.
    Key(Vec<u8>),
    /// The engine has it.
    Finished {
        /// Whether the engine has the ChangeCipherSpec as well, and so reads epoch 1.
        epoch_changed: bool,
    },
}

impl Default for Stage {
    fn default() -> Stage {
        Stage::KeyExchange(None)
    }
}

impl Gate {
    /// Takes one record and says what follows from it; nothing, where it is kept, repeated or out of place.
    pub fn handle_record(&mut self, record: &Record<'_>) -> Vec<Step> {
        match (record.epoch, record.content_type) {
            (0, ContentType::Handshake) => self.handle_handshake(record),
            (0, ContentType::ChangeCipherSpec) if record.fragment == [1] => self.handle_change_cipher_spec(record),
            // Not authenticated, yet worth hearing: a client that gives up says so. It can only end this handshake.
            (0, ContentType::Alert) if record.fragment.len() == 2 => vec![Step::Feed(record.bytes.to_vec())],
            (1, ContentType::Handshake | ContentType::Alert) => self.handle_protected(record),
            _ => Vec::new(),
        }
    }

    /// The engine has the key now. Returns the records for it, in order.
    pub fn open(&mut self) -> Vec<Vec<u8>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Finished { epoch_changed: false });
        let Stage::Key(key_exchange) = stage else {
            self.stage = stage;
            return Vec::new();
        };
        let mut records = vec![key_exchange];
        records.extend(self.change_epoch());
        records
    }

    /// Whether the client's proof has reached the engine, whatever the engine thought of it.
    pub fn is_passed(&self) -> bool {
        matches!(self.stage, Stage::Finished { epoch_changed: true })
    }

    fn handle_handshake(&mut self, record: &Record<'_>) -> Vec<Step> {
        for fragment in HandshakeFragments::of(record.fragment) {
            let Stage::KeyExchange(assembly) = &mut self.stage else { return Vec::new() };
            if let Some(body) = assemble(assembly, &fragment) {
                let Some(identity) = identity_of(&body) else {
                    *assembly = None;
                    continue;
                };
                let message = record::handshake_message(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQUENCE, &body);
                let whole = record::handshake_record(record::VERSION_1_2, record.sequence_number, &message);
                self.stage = Stage::Key(whole);
                return vec![Step::Identity(identity)];
            }
        }
        Vec::new()
    }

    fn handle_change_cipher_spec(&mut self, record: &Record<'_>) -> Vec<Step> {
        if record.version != record::VERSION_1_2 || self.is_passed() {
            return Vec::new();
        }
        self.change_cipher_spec = Some(record.bytes.to_vec());
        match self.stage {
            Stage::Finished { .. } => self.change_epoch().into_iter().map(Step::Feed).collect(),
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

    fn change_epoch(&mut self) -> Vec<Vec<u8>> {
        let Some(change_cipher_spec) = self.change_cipher_spec.take() else { return Vec::new() };
        self.stage = Stage::Finished { epoch_changed: true };
        let mut records = vec![change_cipher_spec];
        records.append(&mut self.early);
        records
    }
}

/// A ClientKeyExchange that arrives in fragments.
#[derive(Debug)]
struct Assembly {
    body: Vec<u8>,
    present: Vec<bool>,
}

/// Adds a fragment; returns the message body once it is whole.
fn assemble(assembly: &mut Option<Assembly>, fragment: &HandshakeFragment<'_>) -> Option<Vec<u8>> {
    if fragment.message_type != CLIENT_KEY_EXCHANGE
        || fragment.message_sequence != KEY_EXCHANGE_SEQUENCE
        || fragment.length > 2 + IDENTITY_MAX
    {
        return None;
    }
    if fragment.body.len() == fragment.length {
        return Some(fragment.body.to_vec());
    }
    let parts = assembly
        .get_or_insert_with(|| Assembly { body: vec![0; fragment.length], present: vec![false; fragment.length] });
    if parts.body.len() != fragment.length {
        return None;
    }
    let range = fragment.offset..fragment.offset + fragment.body.len();
    parts.body[range.clone()].copy_from_slice(fragment.body);
    parts.present[range].fill(true);
    if !parts.present.iter().all(|present| *present) {
        return None;
    }
    assembly.take().map(|parts| parts.body)
}

/// RFC 4279, section 2: opaque psk_identity<0..2^16-1>, and nothing else.
fn identity_of(body: &[u8]) -> Option<Vec<u8>> {
    let (length, identity) = body.split_first_chunk()?;
    (usize::from(u16::from_be_bytes(*length)) == identity.len()).then(|| identity.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::Records;
    use super::*;

    fn record(content_type: u8, epoch: u8, sequence: u8, fragment: &[u8]) -> Vec<u8> {
        let length = u8::try_from(fragment.len()).expect("short");
        let mut bytes = vec![content_type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, sequence, 0, length];
        bytes.extend_from_slice(fragment);
        bytes
    }

    fn key_exchange(sequence: u8) -> Vec<u8> {
        record(22, 0, sequence, &record::handshake_message(16, 2, b"\x00\x03abc"))
    }

    fn give(gate: &mut Gate, bytes: &[u8]) -> Vec<Step> {
        gate.handle_record(&Records::of(bytes).next().expect("one record"))
    }

    fn identity() -> Vec<Step> {
        vec![Step::Identity(b"abc".to_vec())]
    }

    #[test]
    fn a_flight_in_order() {
        let (change, finished) = (record(20, 0, 3, &[1]), record(22, 1, 0, &[9; 40]));
        let mut gate = Gate::default();
        assert_eq!(give(&mut gate, &key_exchange(2)), identity());
        assert_eq!(give(&mut gate, &change), []);
        assert_eq!(give(&mut gate, &finished), []);
        assert!(!gate.is_passed());
        assert_eq!(gate.open(), [key_exchange(2), change, finished.clone()]);
        assert!(gate.is_passed());
        assert_eq!(give(&mut gate, &finished), [Step::Feed(finished.clone())]);
        assert_eq!(gate.open(), [] as [Vec<u8>; 0]);
    }

    #[test]
    fn a_flight_in_the_worst_order_reaches_the_engine_in_the_right_one() {
        let (change, finished) = (record(20, 0, 3, &[1]), record(22, 1, 0, &[9; 40]));
        let mut gate = Gate::default();
        assert_eq!(give(&mut gate, &finished), []);
        assert_eq!(give(&mut gate, &finished), [], "a duplicate is kept once");
        assert_eq!(give(&mut gate, &change), []);
        assert_eq!(give(&mut gate, &key_exchange(2)), identity());
        assert_eq!(give(&mut gate, &key_exchange(5)), [], "asked once");
        assert_eq!(gate.open(), [key_exchange(2), change, finished]);
    }

    #[test]
    fn a_change_cipher_spec_that_comes_last_lets_the_finished_pass() {
        let (change, finished) = (record(20, 0, 3, &[1]), record(22, 1, 0, &[9; 40]));
        let mut gate = Gate::default();
        assert_eq!(give(&mut gate, &key_exchange(2)), identity());
        assert_eq!(gate.open(), [key_exchange(2)]);
        assert_eq!(give(&mut gate, &finished), []);
        assert_eq!(give(&mut gate, &change), [Step::Feed(change.clone()), Step::Feed(finished)]);
        assert_eq!(give(&mut gate, &change), [], "the engine gets it once");
    }

    #[test]
    fn fragments_are_put_together_in_any_order() {
        let whole = record::handshake_message(16, 2, b"\x00\x03abc");
        let part = |offset: u8, body: &[u8]| {
            let mut message = whole[..12].to_vec();
            message[8] = offset;
            message[11] = u8::try_from(body.len()).expect("short");
            message.extend_from_slice(body);
            message
        };
        let mut gate = Gate::default();
        assert_eq!(give(&mut gate, &record(22, 0, 2, &part(3, b"bc"))), []);
        assert_eq!(give(&mut gate, &record(22, 0, 3, &part(0, b"\x00\x03"))), []);
        assert_eq!(give(&mut gate, &record(22, 0, 4, &part(1, b"\x03a"))), identity());
        assert_eq!(gate.open(), [key_exchange(4)]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut gate = Gate::default();
        for sequence in 0..200 {
            assert_eq!(give(&mut gate, &record(22, 1, sequence, &[9; 40])), []);
            assert_eq!(give(&mut gate, &record(20, 0, sequence, &[1])), []);
        }
        assert_eq!(give(&mut gate, &record(22, 1, 0, &[9; 250])), [], "too long");
        give(&mut gate, &key_exchange(2));
        assert_eq!(gate.open().len(), 2 + EARLY_MAX);
    }

    #[test]
    fn what_is_out_of_place_goes_nowhere() {
        let mut gate = Gate::default();
        let wrong = [
            record(23, 0, 2, b"data in the clear"),
            record(23, 1, 2, b"data before Finished"),
            record(22, 2, 2, &[9; 40]),
            record(20, 0, 2, &[2]),
            record(22, 0, 2, &record::handshake_message(16, 1, b"\x00\x03abc")),
            record(22, 0, 2, &record::handshake_message(20, 2, b"\x00\x03abc")),
            record(22, 0, 2, &record::handshake_message(16, 2, b"\x00\x04abc")),
            record(22, 0, 2, &record::handshake_message(16, 2, b"\x00")),
        ];
        for bytes in wrong {
            assert_eq!(give(&mut gate, &bytes), [], "{bytes:02x?}");
        }
        assert_eq!(gate.open(), [] as [Vec<u8>; 0]);
        assert_eq!(give(&mut gate, &key_exchange(2)), identity());
    }

    #[test]
    fn an_identity_longer_than_the_bound_is_not_asked_for() {
        for (length, asked) in [(IDENTITY_MAX, true), (IDENTITY_MAX + 1, false)] {
            let mut body = u16::try_from(length).expect("short").to_be_bytes().to_vec();
            body.extend(std::iter::repeat_n(b'x', length));
            let message = record::handshake_message(16, 2, &body);
            let bytes = record::handshake_record(record::VERSION_1_2, [0; 6], &message);
            assert_eq!(give(&mut Gate::default(), &bytes).len(), usize::from(asked), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_sequence_of_records_panics_or_piles_up(
            records in proptest::collection::vec(
                (20u8..24, 0u8..3, any::<u8>(), proptest::collection::vec(0u8..20, 0..40), any::<bool>()), 0..40),
        ) {
            let mut gate = Gate::default();
            for (content_type, epoch, sequence, mut fragment, plausible) in records {
                if plausible && fragment.len() > 12 {
                    fragment[..6].copy_from_slice(&[16, 0, 0, 20, 0, 2]);
                    let offset = fragment[8];
                    fragment[6..11].copy_from_slice(&[0, 0, offset, 0, 0]);
                }
                give(&mut gate, &record(content_type, epoch, sequence, &fragment));
                if sequence == 0 {
                    gate.open();
                }
                prop_assert!(gate.early.len() <= EARLY_MAX);
            }
        }
    }
}
