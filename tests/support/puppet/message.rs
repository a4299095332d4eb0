//! Handshake messages (RFC 5246, section 7.4; RFC 6347, section 4.2.2), right and wrong ones.

use super::wire::{Cursor, vector};

/// Handshake message types.
pub const HELLO_REQUEST: u8 = 0;
/// ClientHello.
pub const CLIENT_HELLO: u8 = 1;
/// ServerHello.
pub const SERVER_HELLO: u8 = 2;
/// HelloVerifyRequest.
pub const HELLO_VERIFY_REQUEST: u8 = 3;
/// Certificate, of either side.
pub const CERTIFICATE: u8 = 11;
/// ServerKeyExchange.
pub const SERVER_KEY_EXCHANGE: u8 = 12;
/// CertificateRequest.
pub const CERTIFICATE_REQUEST: u8 = 13;
/// ServerHelloDone.
pub const SERVER_HELLO_DONE: u8 = 14;
/// CertificateVerify.
pub const CERTIFICATE_VERIFY: u8 = 15;
/// ClientKeyExchange.
pub const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Finished, of either side.
pub const FINISHED: u8 = 20;

/// A handshake message that has no number yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One of the types above, or any other.
    pub message_type: u8,
    /// Without header.
    pub body: Vec<u8>,
}

impl Message {
    /// Any message.
    pub fn new(message_type: u8, body: impl Into<Vec<u8>>) -> Message {
        Message { message_type, body: body.into() }
    }

    /// A Certificate with these certificates, leaf first (RFC 5246, section 7.4.6).
    pub fn certificate(chain: &[Vec<u8>]) -> Message {
        let list: Vec<u8> = chain.iter().flat_map(|certificate| vector(3, certificate)).collect();
        Message::new(CERTIFICATE, vector(3, &list))
    }

    /// A Certificate with one SubjectPublicKeyInfo (RFC 7250, section 3).
    pub fn raw_public_key(spki: &[u8]) -> Message {
        Message::new(CERTIFICATE, vector(3, spki))
    }

    /// A ClientKeyExchange with a PSK identity (RFC 4279, section 2).
    pub fn psk_key_exchange(identity: &[u8]) -> Message {
        Message::new(CLIENT_KEY_EXCHANGE, vector(2, identity))
    }

    /// A ClientKeyExchange with a point (RFC 8422, section 5.7).
    pub fn ecdh_key_exchange(point: &[u8]) -> Message {
        Message::new(CLIENT_KEY_EXCHANGE, vector(1, point))
    }

    /// A CertificateVerify (RFC 5246, section 7.4.8).
    pub fn certificate_verify(algorithm: u16, signature: &[u8]) -> Message {
        Message::new(CERTIFICATE_VERIFY, [&algorithm.to_be_bytes()[..], &vector(2, signature)].concat())
    }

    /// The same message with one byte of its body changed; one byte longer where the body is empty.
    #[must_use]
    pub fn with_flipped(&self, position: usize, mask: u8) -> Message {
        let mut body = self.body.clone();
        match body.len() {
            0 => body.push(mask),
            length => body[position % length] ^= mask,
        }
        Message::new(self.message_type, body)
    }

    /// With a number of the caller's choice, which no transcript knows of.
    pub fn numbered(&self, number: u16) -> Handshake {
        Handshake { message_type: self.message_type, number, body: self.body.clone() }
    }
}

/// A handshake message with its number, as it is cut and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// As in [`Message`].
    pub message_type: u8,
    /// `message_seq` of RFC 6347, section 4.2.2.
    pub number: u16,
    /// Without header.
    pub body: Vec<u8>,
}

impl Handshake {
    /// One fragment: header, then `length` bytes of the body from `offset` on, as far as they exist.
    pub fn fragment(&self, offset: usize, length: usize) -> Vec<u8> {
        let end = self.body.len().min(offset + length);
        raw_fragment(self.message_type, self.body.len(), self.number, offset, &self.body[offset.min(end)..end])
    }

    /// In one fragment: also what enters the transcript.
    pub fn whole(&self) -> Vec<u8> {
        self.fragment(0, self.body.len())
    }

    /// In fragments of at most `size` bytes of body, in order. An empty body is one fragment.
    pub fn fragments(&self, size: usize) -> Vec<Vec<u8>> {
        let size = size.max(1);
        (0..self.body.len().max(1)).step_by(size).map(|offset| self.fragment(offset, size)).collect()
    }
}

/// A fragment whose header says what it likes.
pub fn raw_fragment(message_type: u8, length: usize, number: u16, offset: usize, part: &[u8]) -> Vec<u8> {
    let three = |value: usize| -> [u8; 3] { [(value >> 16) as u8, (value >> 8) as u8, value as u8] };
    let mut bytes = vec![message_type];
    bytes.extend_from_slice(&three(length));
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&three(offset));
    bytes.extend_from_slice(&three(part.len()));
    bytes.extend_from_slice(part);
    bytes
}

/// A fragment that the server sent.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Message type.
    pub message_type: u8,
    /// Length of the whole body.
    pub length: usize,
    /// `message_seq`.
    pub number: u16,
    /// Where `part` belongs.
    pub offset: usize,
    /// A part of the body.
    pub part: &'a [u8],
}

/// The fragments in the plaintext of one record; `None` where it is not made of whole ones.
pub fn fragments_of(plaintext: &[u8]) -> Option<Vec<Fragment<'_>>> {
    let mut cursor = Cursor(plaintext);
    let mut fragments = Vec::new();
    while !cursor.is_empty() {
        let message_type = cursor.take(1)?[0];
        let length = cursor.number(3)?;
        let number = cursor.number(2)? as u16;
        let offset = cursor.number(3)?;
        let part = cursor.vector(3)?;
        if offset + part.len() > length {
            return None;
        }
        fragments.push(Fragment { message_type, length, number, offset, part });
    }
    (!fragments.is_empty()).then_some(fragments)
}

/// A message of the server's as far as it has arrived.
#[derive(Clone, Debug)]
pub struct Assembly {
    message_type: u8,
    body: Vec<u8>,
    is_present: Vec<bool>,
}

impl Assembly {
    /// For the message that `fragment` is of.
    pub fn new(fragment: &Fragment<'_>) -> Assembly {
        Assembly {
            message_type: fragment.message_type,
            body: vec![0; fragment.length],
            is_present: vec![false; fragment.length],
        }
    }

    /// Adds a part; `false` where it contradicts what is there.
    pub fn add(&mut self, fragment: &Fragment<'_>) -> bool {
        if fragment.message_type != self.message_type || fragment.length != self.body.len() {
            return false;
        }
        for (index, byte) in (fragment.offset..).zip(fragment.part) {
            if self.is_present[index] && self.body[index] != *byte {
                return false;
            }
            self.body[index] = *byte;
            self.is_present[index] = true;
        }
        true
    }

    /// The message, once whole.
    pub fn message(&self) -> Option<Message> {
        self.is_present.iter().all(|is| *is).then(|| Message::new(self.message_type, self.body.clone()))
    }
}
