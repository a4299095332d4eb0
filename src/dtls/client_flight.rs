//! The messages of a client's second flight before ChangeCipherSpec: put together from their fragments (RFC 6347, section
//! 4.2.3), in any order, repeated or overlapping, and handed out in their own.
//!
//! With a pre-shared key it is ClientKeyExchange (RFC 4279, section 2), otherwise Certificate, ClientKeyExchange and
//! CertificateVerify (RFC 5246, section 7.3). Nobody has proven anything yet: what is not the message that belongs there,
//! or longer than one can be, is not kept.
//!
//! Knows no keys and no records.

use super::certificate::CERTIFICATE_MAX;
use super::record::HandshakeFragment;
#[cfg(feature = "dtls")]
use super::record::handshake_message;

/// Longest PSK identity in bytes. LwM2M Transport 1.2, section 5.2.8.1, asks for 128; OpenSSL takes 256.
pub const IDENTITY_MAX: usize = 256;

/// The ClientHello with the cookie is message 1, so the flight begins with message 2 (RFC 6347, section 4.2.2).
const FIRST_MESSAGE: u16 = 2;

/// Handshake message types (RFC 5246, section 7.4).
pub(super) const CERTIFICATE: u8 = 11;
pub(super) const CERTIFICATE_VERIFY: u8 = 15;
pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;

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

    /// The number of the message that follows these: Finished.
    #[cfg(feature = "dtls")]
    pub(super) fn number_of_finished(self) -> u16 {
        (FIRST_MESSAGE..).nth(self.messages().len()).unwrap_or(FIRST_MESSAGE)
    }
}

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WholeMessage {
    pub(super) message_type: u8,
    pub(super) message_sequence: u16,
    pub(super) body: Vec<u8>,
}

impl WholeMessage {
    /// As it is hashed: as if it had come in one piece (RFC 6347, section 4.2.6).
    #[cfg(feature = "dtls")]
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        handshake_message(self.message_type, self.message_sequence, &self.body)
    }
}

/// The messages that have not been taken yet, the next one first; each as far as it has arrived.
#[derive(Debug)]
pub(super) struct ClientFlight {
    flight: Flight,
    messages: Vec<Message>,
}

#[derive(Debug)]
enum Message {
    Missing,
    Partial(Assembly),
    Whole(Vec<u8>),
}

impl ClientFlight {
    /// Nothing of it has arrived.
    pub(super) fn new(flight: Flight) -> ClientFlight {
        ClientFlight { flight, messages: flight.messages().iter().map(|_| Message::Missing).collect() }
    }

    /// Which it is.
    pub(super) fn flight(&self) -> Flight {
        self.flight
    }

    /// Whether all have been taken.
    pub(super) fn is_over(&self) -> bool {
        self.messages.is_empty()
    }

    /// Adds a fragment; `true`: a message is now whole.
    pub(super) fn add(&mut self, fragment: &HandshakeFragment<'_>) -> bool {
        let Some(number) = fragment.message_sequence.checked_sub(FIRST_MESSAGE).map(usize::from) else { return false };
        let expected = self.flight.messages();
        let taken = self.taken();
        let Some(&(message_type, length_max)) = expected.get(number) else { return false };
        let Some(message) = number.checked_sub(taken).and_then(|index| self.messages.get_mut(index)) else {
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

    /// The body of the next message, where it is whole.
    pub(super) fn next(&self) -> Option<&[u8]> {
        match self.messages.first()? {
            Message::Whole(body) => Some(body),
            Message::Missing | Message::Partial(_) => None,
        }
    }

    /// Takes the next message, where it is whole.
    pub(super) fn take(&mut self) -> Option<WholeMessage> {
        if !matches!(self.messages.first()?, Message::Whole(_)) {
            return None;
        }
        let number = self.taken();
        let Message::Whole(body) = self.messages.remove(0) else { return None };
        let (message_type, _) = self.flight.messages()[number];
        let message_sequence = (FIRST_MESSAGE..).nth(number).unwrap_or(FIRST_MESSAGE);
        Some(WholeMessage { message_type, message_sequence, body })
    }

    /// Drops the next message: nobody's, perhaps, and the client's own may follow.
    pub(super) fn drop_next(&mut self) {
        if let Some(message) = self.messages.first_mut() {
            *message = Message::Missing;
        }
    }

    /// Whether no byte of any message is kept.
    #[cfg(test)]
    pub(super) fn has_nothing(&self) -> bool {
        self.messages.iter().all(|message| matches!(message, Message::Missing))
    }

    fn taken(&self) -> usize {
        self.flight.messages().len() - self.messages.len()
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
    /// For a message with a body of `length` bytes.
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
pub(super) fn identity_of(body: &[u8]) -> Option<Vec<u8>> {
    let (length, identity) = body.split_first_chunk()?;
    (usize::from(u16::from_be_bytes(*length)) == identity.len()).then(|| identity.to_vec())
}
