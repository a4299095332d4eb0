//! DTLS 1.2 records (RFC 6347, section 4.1), taken apart as far as they are in the clear.
//!
//! A datagram holds one or more records. What does not parse ends the datagram: the records before it stand, the
//! rest is dropped without an alert (RFC 6347, section 4.1.2.7). Records with a connection id (RFC 9146, section 4) have
//! it before their length; ours are all of one length, so that reading them takes no memory of who asked for them.
//! Knows nothing of keys or associations.

/// Length of a record's header: type 1, version 2, epoch 2, sequence number 6, length 2.
pub const HEADER_LENGTH: usize = 13;

/// Length of the connection ids that we give to clients: the shard, and 7 bytes by chance.
pub const CONNECTION_ID_LENGTH: usize = 8;

/// A connection id of ours (RFC 9146): the client puts it into its records.
pub type ConnectionId = [u8; CONNECTION_ID_LENGTH];

/// The record version of DTLS 1.2.
pub const VERSION_1_2: [u8; 2] = [0xfe, 0xfd];

/// The content types that DTLS 1.2 knows (RFC 5246, section 6.2.1; RFC 9146, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// 20.
    ChangeCipherSpec,
    /// 21.
    Alert,
    /// 22.
    Handshake,
    /// 23.
    ApplicationData,
    /// 25, tls12_cid: what it is stands encrypted at its end.
    ConnectionId,
}

impl ContentType {
    fn from_byte(byte: u8) -> Option<ContentType> {
        match byte {
            20 => Some(ContentType::ChangeCipherSpec),
            21 => Some(ContentType::Alert),
            22 => Some(ContentType::Handshake),
            23 => Some(ContentType::ApplicationData),
            25 => Some(ContentType::ConnectionId),
            _ => None,
        }
    }

    pub(super) fn byte(self) -> u8 {
        match self {
            ContentType::ChangeCipherSpec => 20,
            ContentType::Alert => 21,
            ContentType::Handshake => 22,
            ContentType::ApplicationData => 23,
            ContentType::ConnectionId => 25,
        }
    }
}

/// One record, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the fragment holds.
    pub content_type: ContentType,
    /// As it stands in the header; the first byte is FE. FE FF and FE FD are usual, one Mbed TLS release sends FE 00
    /// in its first ClientHello (spec sheet `clients.md`, section 2).
    pub version: [u8; 2],
    /// 0 until the first ChangeCipherSpec, 1 after it.
    pub epoch: u16,
    /// 48 bits, as sent.
    pub sequence_number: [u8; 6],
    /// Ours, which the client puts into records of type [`ContentType::ConnectionId`] and into no others.
    pub connection_id: Option<ConnectionId>,
    /// The content: in the clear in epoch 0, encrypted later.
    pub fragment: &'a [u8],
    /// The whole record, header included.
    pub bytes: &'a [u8],
}

/// The records of one datagram, in order, up to the first that does not parse.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// Reads `datagram`.
    pub fn of(datagram: &'a [u8]) -> Records<'a> {
        Records { rest: datagram }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let Some((record, rest)) = parse(self.rest) else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(record)
    }
}

fn parse(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (header, after) = bytes.split_first_chunk::<{ HEADER_LENGTH - 2 }>()?;
    let [kind, major, minor, e0, e1, sequence_number @ ..] = *header;
    if major != 0xfe {
        return None;
    }
    let content_type = ContentType::from_byte(kind)?;
    let (connection_id, after) = match content_type {
        ContentType::ConnectionId => {
            let (id, after) = after.split_first_chunk::<CONNECTION_ID_LENGTH>()?;
            (Some(*id), after)
        }
        _ => (None, after),
    };
    let (length, after) = after.split_first_chunk()?;
    let (fragment, rest) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let record = Record {
        content_type,
        version: [major, minor],
        epoch: u16::from_be_bytes([e0, e1]),
        sequence_number,
        connection_id,
        fragment,
        bytes: &bytes[..bytes.len() - rest.len()],
    };
    Some((record, rest))
}

/// Writes one record of epoch 0 and type handshake.
pub(super) fn handshake_record(version: [u8; 2], sequence_number: [u8; 6], message: &[u8]) -> Vec<u8> {
    clear_record(ContentType::Handshake, version, sequence_number, message)
}

/// Writes one record of epoch 0.
pub(super) fn clear_record(
    content_type: ContentType,
    version: [u8; 2],
    sequence_number: [u8; 6],
    content: &[u8],
) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("records made here are far below 64 KiB");
    let mut bytes = Vec::with_capacity(HEADER_LENGTH + content.len());
    bytes.push(content_type.byte());
    bytes.extend_from_slice(&version);
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&sequence_number);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(content);
    bytes
}

/// A fragment of a handshake message (RFC 6347, section 4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeFragment<'a> {
    /// 1 ClientHello, 16 ClientKeyExchange, 20 Finished.
    pub message_type: u8,
    /// Length of the whole message body in bytes, 24 bits.
    pub length: usize,
    /// Counts the messages of one side.
    pub message_sequence: u16,
    /// Where `body` begins in the whole message.
    pub offset: usize,
    /// This part of the body. `offset + body.len()` never exceeds `length`.
    pub body: &'a [u8],
}

/// Length of the header of a handshake fragment: type 1, length 3, sequence 2, offset 3, fragment length 3.
pub const HANDSHAKE_HEADER_LENGTH: usize = 12;

/// The fragments in one handshake record of epoch 0, in order, up to the first that does not parse.
#[derive(Clone, Debug)]
pub struct HandshakeFragments<'a> {
    rest: &'a [u8],
}

impl<'a> HandshakeFragments<'a> {
    /// Reads the content of a handshake record.
    pub fn of(content: &'a [u8]) -> HandshakeFragments<'a> {
        HandshakeFragments { rest: content }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for HandshakeFragments<'a> {
    type Item = HandshakeFragment<'a>;

    fn next(&mut self) -> Option<HandshakeFragment<'a>> {
        let Some((fragment, rest)) = parse_fragment(self.rest) else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(fragment)
    }
}

fn parse_fragment(bytes: &[u8]) -> Option<(HandshakeFragment<'_>, &[u8])> {
    let (header, after) = bytes.split_first_chunk::<HANDSHAKE_HEADER_LENGTH>()?;
    let [message_type, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = *header;
    let length = uint24([l0, l1, l2]);
    let offset = uint24([o0, o1, o2]);
    let (body, rest) = after.split_at_checked(uint24([f0, f1, f2]))?;
    if offset + body.len() > length {
        return None;
    }
    let message_sequence = u16::from_be_bytes([s0, s1]);
    Some((HandshakeFragment { message_type, length, message_sequence, offset, body }, rest))
}

/// Writes one unfragmented handshake message.
pub(super) fn handshake_message(message_type: u8, message_sequence: u16, body: &[u8]) -> Vec<u8> {
    handshake_fragment(&HandshakeFragment { message_type, length: body.len(), message_sequence, offset: 0, body })
}

/// Writes one fragment of a handshake message.
pub(super) fn handshake_fragment(fragment: &HandshakeFragment<'_>) -> Vec<u8> {
    let uint24 = |number: usize| {
        let bytes = u32::try_from(number).expect("handshake messages made here are far below 16 MiB").to_be_bytes();
        [bytes[1], bytes[2], bytes[3]]
    };
    let mut bytes = Vec::with_capacity(HANDSHAKE_HEADER_LENGTH + fragment.body.len());
    bytes.push(fragment.message_type);
    bytes.extend_from_slice(&uint24(fragment.length));
    bytes.extend_from_slice(&fragment.message_sequence.to_be_bytes());
    bytes.extend_from_slice(&uint24(fragment.offset));
    bytes.extend_from_slice(&uint24(fragment.body.len()));
    bytes.extend_from_slice(fragment.body);
    bytes
}

fn uint24([high, middle, low]: [u8; 3]) -> usize {
    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_records_in_one_datagram_are_two_records() {
        let mut datagram = handshake_record([0xfe, 0xff], [0, 0, 0, 0, 0, 7], b"abc");
        datagram.extend_from_slice(&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 0xaa, 0xbb]);
        let records: Vec<Record<'_>> = Records::of(&datagram).collect();
        assert_eq!(records.len(), 2);
        assert_eq!(
            (records[0].content_type, records[0].epoch, records[0].fragment),
            (ContentType::Handshake, 0, &b"abc"[..])
        );
        assert_eq!(
            records[1],
            Record {
                content_type: ContentType::ApplicationData,
                connection_id: None,
                version: VERSION_1_2,
                epoch: 1,
                sequence_number: [0, 0, 0, 0, 0, 9],
                fragment: &[0xaa, 0xbb],
                bytes: &datagram[16..],
            }
        );
    }

    #[test]
    fn a_record_cut_short_ends_the_datagram() {
        let whole = handshake_record(VERSION_1_2, [0; 6], b"abc");
        for length in 0..whole.len() {
            assert_eq!(Records::of(&whole[..length]).next(), None, "{length} bytes");
        }
        let mut unknown_type = whole.clone();
        unknown_type[0] = 25;
        assert_eq!(Records::of(&unknown_type).next(), None);
        let mut tls = whole;
        tls[1] = 3;
        assert_eq!(Records::of(&tls).next(), None);
    }

    #[test]
    fn a_fragment_beyond_its_message_is_refused() {
        let mut bytes = handshake_message(16, 2, &[1, 2, 3]);
        let whole = HandshakeFragment { message_type: 16, length: 3, message_sequence: 2, offset: 0, body: &[1, 2, 3] };
        assert_eq!(HandshakeFragments::of(&bytes).collect::<Vec<_>>(), [whole]);
        bytes[8] = 1;
        assert_eq!(HandshakeFragments::of(&bytes).next(), None);
    }

    proptest! {
        #[test]
        fn no_datagram_panics_and_records_cover_it_in_order(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut position = 0;
            for record in Records::of(&datagram) {
                prop_assert_eq!(record.bytes, &datagram[position..position + record.bytes.len()]);
                position += record.bytes.len();
                let _ = HandshakeFragments::of(record.fragment).count();
            }
            let _ = HandshakeFragments::of(&datagram).count();
        }

        #[test]
        fn what_is_written_is_read(body in proptest::collection::vec(any::<u8>(), 0..300), sequence in any::<u16>()) {
            let record = handshake_record(VERSION_1_2, [1, 2, 3, 4, 5, 6], &handshake_message(1, sequence, &body));
            let read = Records::of(&record).next().expect("one record");
            prop_assert_eq!(read.sequence_number, [1, 2, 3, 4, 5, 6]);
            let fragment = HandshakeFragments::of(read.fragment).next().expect("one message");
            prop_assert_eq!((fragment.message_sequence, fragment.body), (sequence, &body[..]));
        }
    }
}
