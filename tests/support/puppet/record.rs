//! Records: every knob when writing, and reading what the server wrote (RFC 6347, section 4.1; RFC 9146, sections 4
//! and 5).

use super::Puppet;
use super::wire::{Cursor, vector};

/// Content types.
pub const CHANGE_CIPHER_SPEC: u8 = 20;
/// Alert.
pub const ALERT: u8 = 21;
/// Handshake.
pub const HANDSHAKE: u8 = 22;
/// Application data.
pub const APPLICATION_DATA: u8 = 23;
/// A record with a connection id; its own type is within (RFC 9146, section 4).
pub const TLS12_CID: u8 = 25;

/// DTLS 1.2.
pub const VERSION_1_2: [u8; 2] = [0xfe, 0xfd];

/// Whether a record carries a connection id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConnectionId {
    /// The server's, where it has named one and the record is encrypted.
    #[default]
    AsNegotiated,
    /// None: an ordinary record.
    Never,
    /// This one; in the clear such a record has neither inner type nor padding, but whatever the payload holds.
    This(Vec<u8>),
}

/// How a record is to be made. [`Layout::new`] gives a right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What the payload is.
    pub content_type: u8,
    /// 0 is in the clear, unless `is_encrypted` says otherwise.
    pub epoch: u16,
    /// 48 bits. `None`: the next of this epoch.
    pub number: Option<u64>,
    /// In the header.
    pub version: [u8; 2],
    /// `None`: in every epoch but 0.
    pub is_encrypted: Option<bool>,
    /// Which connection id, if any.
    pub connection_id: ConnectionId,
    /// The explicit part of the nonce. `None`: epoch and number (RFC 6655, section 3).
    pub explicit_nonce: Option<[u8; 8]>,
    /// Zeros behind the inner type of a record with a connection id.
    pub padding: usize,
}

impl Layout {
    /// A record as it should be.
    pub fn new(content_type: u8, epoch: u16) -> Layout {
        Layout {
            content_type,
            epoch,
            number: None,
            version: VERSION_1_2,
            is_encrypted: None,
            connection_id: ConnectionId::AsNegotiated,
            explicit_nonce: None,
            padding: 0,
        }
    }
}

impl Puppet {
    /// A record with the next number of its epoch: in the clear in epoch 0, otherwise protected.
    pub fn record(&mut self, content_type: u8, epoch: u16, payload: &[u8]) -> Vec<u8> {
        self.record_with(&Layout::new(content_type, epoch), payload)
    }

    /// A record as `layout` says. Where it is to be encrypted and there are no keys, they are made of what is there:
    /// all zeros for what is missing.
    pub fn record_with(&mut self, layout: &Layout, payload: &[u8]) -> Vec<u8> {
        let number = layout.number.unwrap_or_else(|| self.next_record_number(layout.epoch));
        let is_encrypted = layout.is_encrypted.unwrap_or(layout.epoch > 0);
        let connection_id = match &layout.connection_id {
            ConnectionId::This(id) => Some(id.clone()),
            ConnectionId::Never => None,
            ConnectionId::AsNegotiated => self.server.connection_id.clone().filter(|id| is_encrypted && !id.is_empty()),
        };
        let header = Header {
            content_type: if connection_id.is_some() { TLS12_CID } else { layout.content_type },
            version: layout.version,
            epoch: layout.epoch,
            number,
            connection_id,
        };
        if !is_encrypted {
            return [header.bytes(), vector(2, payload)].concat();
        }
        let mut plaintext = payload.to_vec();
        if header.connection_id.is_some() {
            plaintext.push(layout.content_type);
            plaintext.resize(plaintext.len() + layout.padding, 0);
        }
        let explicit = layout.explicit_nonce.unwrap_or(header.epoch_and_number());
        let additional_data = header.additional_data(plaintext.len());
        let fragment = self.keys().client.seal(explicit, &additional_data, &plaintext);
        [header.bytes(), vector(2, &fragment)].concat()
    }

    /// The number that the next record of an epoch gets, which is used up by this.
    pub fn next_record_number(&mut self, epoch: u16) -> u64 {
        let next = self.record_numbers.entry(epoch).or_default();
        *next += 1;
        *next - 1
    }

    /// Sets the number that the next record of an epoch gets.
    pub fn set_next_record_number(&mut self, epoch: u16, number: u64) {
        self.record_numbers.insert(epoch, number);
    }

    /// Opens a record of the server's: inner content type and plaintext. `None`: not genuine, or there are no keys.
    pub(super) fn open(&self, received: &Received<'_>) -> Option<(u8, Vec<u8>)> {
        let keys = self.keys.as_ref()?;
        let header = &received.header;
        let mut plaintext = keys.server.open(received.fragment, |length| header.additional_data(length))?;
        if header.connection_id.is_none() {
            return Some((header.content_type, plaintext));
        }
        // RFC 9146, section 4: content, its type, zeros.
        let end = plaintext.iter().rposition(|byte| *byte != 0)?;
        let content_type = plaintext[end];
        plaintext.truncate(end);
        Some((content_type, plaintext))
    }
}

/// The header of a record, without its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Content type, [`TLS12_CID`] where there is a connection id.
    pub content_type: u8,
    /// FE FD for DTLS 1.2.
    pub version: [u8; 2],
    /// Epoch.
    pub epoch: u16,
    /// Number within the epoch.
    pub number: u64,
    /// In records of type [`TLS12_CID`].
    pub connection_id: Option<Vec<u8>>,
}

impl Header {
    fn epoch_and_number(&self) -> [u8; 8] {
        (u64::from(self.epoch) << 48 | self.number & 0xffff_ffff_ffff).to_be_bytes()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.content_type];
        bytes.extend_from_slice(&self.version);
        bytes.extend_from_slice(&self.epoch_and_number());
        bytes.extend_from_slice(self.connection_id.as_deref().unwrap_or_default());
        bytes
    }

    /// What the tag covers besides the plaintext (RFC 5246, section 6.2.3.3; RFC 9146, section 5.3).
    fn additional_data(&self, plaintext_length: usize) -> Vec<u8> {
        let length = u16::try_from(plaintext_length).unwrap_or(u16::MAX).to_be_bytes();
        let Some(id) = &self.connection_id else {
            return [&self.epoch_and_number()[..], &[self.content_type], &self.version, &length].concat();
        };
        let mut data = vec![0xff; 8];
        data.extend_from_slice(&[TLS12_CID, u8::try_from(id.len()).unwrap_or(u8::MAX), TLS12_CID]);
        data.extend_from_slice(&self.version);
        data.extend_from_slice(&self.epoch_and_number());
        data.extend_from_slice(id);
        data.extend_from_slice(&length);
        data
    }
}

/// A record that the server sent.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// Its header.
    pub header: Header,
    /// What its length covers.
    pub fragment: &'a [u8],
}

/// The records of a datagram as far as they are well-formed, and whether all of it was. Records of type
/// [`TLS12_CID`] have connection ids of `id_length` bytes.
pub fn records_of(datagram: &[u8], id_length: usize) -> (Vec<Received<'_>>, bool) {
    let mut cursor = Cursor(datagram);
    let mut records = Vec::new();
    while !cursor.is_empty() {
        match record_of(&mut cursor, id_length) {
            Some(record) => records.push(record),
            None => return (records, false),
        }
    }
    (records, true)
}

fn record_of<'a>(cursor: &mut Cursor<'a>, id_length: usize) -> Option<Received<'a>> {
    let content_type = cursor.take(1)?[0];
    let version = cursor.take(2)?.try_into().ok()?;
    let epoch = cursor.number(2)? as u16;
    let number = cursor.number(6)? as u64;
    let connection_id = match content_type {
        TLS12_CID => Some(cursor.take(id_length)?.to_vec()),
        _ => None,
    };
    let fragment = cursor.vector(2)?;
    Some(Received { header: Header { content_type, version, epoch, number, connection_id }, fragment })
}
