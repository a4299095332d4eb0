//! A proven association: records in, application data out, and the reverse (RFC 6347, section 4.1; RFC 9146).
//!
//! Nothing that is not authenticated changes anything here: a record that is forged, replayed, of another epoch or without
//! the connection id that was agreed on is dropped without an answer (RFC 6347, section 4.1.2.7). What is kept is what
//! this takes and no more.

use super::Engine;
use super::alert::{self, Alert, End};
use super::hello::{Agreement, ConnectionIds};
use super::protection::{Header, Keys, inner, seal_record};
use super::replay::ReplayWindow;
use crate::dtls::association::{Reception, Standing};
use crate::dtls::record::{ConnectionId, ContentType, Record, Records, VERSION_1_2, clear_record};

/// The one epoch with keys: there is no second handshake on an association.
const EPOCH: u16 = 1;

/// Numbers of records have 48 bits (RFC 6347, section 4.1).
const RECORD_NUMBERS: u64 = 1 << 48;

const CLIENT_HELLO: u8 = 1;
pub(super) const FINISHED: u8 = 20;

/// Both directions of epoch 1.
pub(super) struct Protection {
    pub(super) receiving: Keys,
    pub(super) sending: Keys,
    /// Numbers of the client's records that were accepted.
    pub(super) window: ReplayWindow,
    /// Number of our next record.
    pub(super) next_record: u64,
}

/// What one genuine record turned out to be; its content is in the buffer that was given.
pub(super) struct Opened {
    /// As it stands in the record, or at the end of what was encrypted.
    pub(super) content_type: u8,
    /// Length of the content.
    pub(super) length: usize,
    /// Whether its number is above all before.
    pub(super) is_newest: bool,
}

impl Protection {
    /// Decrypts a record into `plaintext`. `None`: it is not genuine, or was here before.
    pub(super) fn open(
        &mut self,
        record: &Record<'_>,
        ids: Option<&ConnectionIds>,
        plaintext: &mut Vec<u8>,
    ) -> Option<Opened> {
        // RFC 9146, section 3: who was given an id uses it.
        if record.epoch != EPOCH || record.version != VERSION_1_2 || record.connection_id != ids.map(|ids| ids.ours) {
            return None;
        }
        let [a, b, c, d, e, f] = record.sequence_number;
        let sequence = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        if !self.window.admits(sequence) {
            return None;
        }
        let header = Header {
            content_type: record.content_type.byte(),
            epoch: record.epoch,
            sequence,
            connection_id: record.connection_id.as_ref().map(|id| &id[..]),
        };
        if !self.receiving.open(&header, record.fragment, plaintext) {
            return None;
        }
        let is_newest = self.window.accept(sequence);
        match record.connection_id {
            None => Some(Opened { content_type: record.content_type.byte(), length: plaintext.len(), is_newest }),
            Some(_) => {
                let (content_type, content) = inner(plaintext)?;
                Some(Opened { content_type, length: content.len(), is_newest })
            }
        }
    }

    /// Makes one record. `None`: the numbers are used up.
    pub(super) fn seal(
        &mut self,
        content_type: ContentType,
        ids: Option<&ConnectionIds>,
        content: &[u8],
    ) -> Option<Vec<u8>> {
        if self.next_record >= RECORD_NUMBERS {
            return None;
        }
        let theirs = ids.map_or(&[][..], |ids| &ids.theirs);
        let mut bytes = Vec::with_capacity(content.len() + theirs.len() + 40);
        let number = self.next_record;
        self.next_record += 1;
        seal_record(&self.sending, content_type.byte(), EPOCH, number, theirs, content, &mut bytes).then_some(bytes)
    }
}

/// See the module.
pub(in crate::dtls) struct Association {
    protection: Box<Protection>,
    ids: Option<ConnectionIds>,
    longest_plaintext: u16,
    /// Our Finished, in the clear, and the number of the next record of epoch 0: for a client that lost them.
    finished: [u8; 24],
    next_clear_record: u64,
    datagrams: Vec<Vec<u8>>,
}

impl Association {
    /// Begins with our last flight, which it sends.
    pub(super) fn begin(
        protection: Box<Protection>,
        agreement: &Agreement,
        finished: [u8; 24],
        next_clear_record: u64,
    ) -> Association {
        let mut association = Association {
            protection,
            ids: agreement.connection_ids.clone(),
            longest_plaintext: agreement.longest_plaintext(),
            finished,
            next_clear_record,
            datagrams: Vec::new(),
        };
        association.send_last_flight();
        association
    }

    /// Feeds records; `data` is called for each record of application data.
    pub(in crate::dtls) fn receive(
        &mut self,
        engine: &mut Engine,
        records: &[u8],
        mut data: impl FnMut(&[u8]),
    ) -> Reception {
        let mut reception = Reception::NOTHING;
        for record in Records::of(records) {
            let Some(opened) = self.protection.open(&record, self.ids.as_ref(), &mut engine.plaintext) else {
                continue;
            };
            reception.is_genuine = true;
            reception.is_newest |= opened.is_newest && record.connection_id.is_some();
            let content = &engine.plaintext[..opened.length];
            match opened.content_type {
                // RFC 6066, section 4: no more than was agreed on.
                23 if content.len() <= usize::from(self.longest_plaintext) && !content.is_empty() => data(content),
                21 => match alert::end_of(content) {
                    Some(End::InGoodOrder) => reception.standing = Standing::CloseNotify,
                    Some(End::Fatal) => reception.standing = Standing::Broken,
                    None => {}
                },
                22 => self.handle_handshake(content.first().copied()),
                _ => {}
            }
            if reception.standing != Standing::Open {
                break;
            }
        }
        engine.wipe_plaintext();
        reception
    }

    /// A handshake message on an association that stands already, by its type.
    fn handle_handshake(&mut self, message_type: Option<u8>) {
        match message_type {
            // RFC 6347, section 4.2.4: the client repeats its last flight, so it lost ours.
            Some(FINISHED) => self.send_last_flight(),
            // RFC 5246, section 7.2.2; spec sheet `transport.md`, section 4.2: renegotiation must not be used.
            Some(CLIENT_HELLO) => self.send_record(ContentType::Alert, &Alert::NoRenegotiation.bytes()),
            _ => {}
        }
    }

    /// Sends one record of application data. `false`: too long for one record, or nothing.
    pub(in crate::dtls) fn send(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() || bytes.len() > self.longest_message() {
            return false;
        }
        let before = self.datagrams.len();
        self.send_record(ContentType::ApplicationData, bytes);
        self.datagrams.len() > before
    }

    /// Most bytes of application data that one record carries.
    pub(in crate::dtls) fn longest_message(&self) -> usize {
        usize::from(self.longest_plaintext)
    }

    /// The id that the client puts into its records.
    pub(in crate::dtls) fn connection_id(&self) -> Option<ConnectionId> {
        self.ids.as_ref().map(|ids| ids.ours)
    }

    /// Sends close_notify.
    pub(in crate::dtls) fn close(&mut self) {
        self.send_record(ContentType::Alert, &Alert::CloseNotify.bytes());
    }

    /// The datagrams to send, in order.
    pub(in crate::dtls) fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.datagrams)
    }

    /// ChangeCipherSpec and Finished, in one datagram.
    fn send_last_flight(&mut self) {
        let [_, _, number @ ..] = self.next_clear_record.to_be_bytes();
        self.next_clear_record += 1;
        let mut datagram = clear_record(ContentType::ChangeCipherSpec, VERSION_1_2, number, &[1]);
        if let Some(record) = self.protection.seal(ContentType::Handshake, self.ids.as_ref(), &self.finished) {
            datagram.extend_from_slice(&record);
            self.datagrams.push(datagram);
        }
    }

    fn send_record(&mut self, content_type: ContentType, content: &[u8]) {
        self.datagrams.extend(self.protection.seal(content_type, self.ids.as_ref(), content));
    }
}
