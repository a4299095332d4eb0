//! The ClientHello of DTLS 1.2 (RFC 6347, section 4.2.1; RFC 5246, section 7.4.1.2), as far as the cookie needs it.
//!
//! Strict and total: what does not parse to the last byte is no ClientHello. A fragmented one is none either, because
//! putting fragments together would mean remembering something for an address that has proven nothing.

use super::record::{ContentType, HandshakeFragments, Records};

/// Handshake message type of a ClientHello.
const CLIENT_HELLO: u8 = 1;

/// Most extensions of a ClientHello. The registry has some sixty, and clients send below twenty; a datagram of 64 KiB has
/// room for sixteen thousand, which nobody is to have looked through.
const EXTENSIONS_MAX: usize = 64;

/// A whole ClientHello, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The newest version that the client speaks: FE FD for DTLS 1.2, FE FF for DTLS 1.0. A client of DTLS 1.3 says 1.2 (RFC
    /// 9147, section 5.3).
    pub version: [u8; 2],
    /// Of the record that carried it: a HelloVerifyRequest repeats it (RFC 6347, section 4.2.1).
    pub record_sequence_number: [u8; 6],
    /// 0 in the first ClientHello, 1 in the one that brings the cookie.
    pub message_sequence: u16,
    /// The client's random, 32 bytes.
    pub random: &'a [u8; 32],
    /// The cookie; empty in a first ClientHello.
    pub cookie: &'a [u8],
    /// Version, random and session id.
    pub before_cookie: &'a [u8],
    /// Cipher suites and compression methods, with their lengths. Extensions do not belong to what a client must
    /// repeat (RFC 6347, section 4.2.1), and OpenSSL's padding extension does change with the cookie.
    pub after_cookie: &'a [u8],
    /// The numbers of its cipher suites, two bytes each.
    pub suites: &'a [u8],
    /// Its extensions, well-formed: type, length and content of each.
    pub extensions: Extensions<'a>,
    /// The whole handshake message, header included.
    pub message: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Whether `datagram` begins with a record of epoch 0 that begins with a ClientHello, well-formed or not.
    pub fn is_at_start_of(datagram: &[u8]) -> bool {
        matches!(datagram, [22, 0xfe, _, 0, 0, _, _, _, _, _, _, _, _, CLIENT_HELLO, ..])
    }

    /// Whether the client speaks nothing as new as DTLS 1.2. Versions count downwards.
    pub fn is_outdated(&self) -> bool {
        self.version[1] > 0xfd
    }

    /// Reads the ClientHello at the start of `datagram`. `None`: not well-formed, or fragmented.
    ///
    /// The record version may be FE FF, FE FD or FE 00, whatever the client speaks; its own version must be one of DTLS.
    pub fn parse(datagram: &'a [u8]) -> Option<ClientHello<'a>> {
        let record = Records::of(datagram).next()?;
        if record.content_type != ContentType::Handshake || record.epoch != 0 {
            return None;
        }
        if !matches!(record.version[1], 0xff | 0xfd | 0x00) {
            return None;
        }
        let mut fragments = HandshakeFragments::of(record.fragment);
        let message = fragments.next()?;
        // One message, alone in its record and whole. The engine asks the same.
        if message.message_type != CLIENT_HELLO || message.body.len() != message.length || !fragments.rest().is_empty()
        {
            return None;
        }
        let mut reader = Reader { rest: message.body };
        let version = reader.take(2)?;
        let random = reader.take(32)?.first_chunk()?;
        let session_id = reader.opaque8()?;
        let before_cookie = &message.body[..message.body.len() - reader.rest.len()];
        let cookie = reader.opaque8()?;
        let parameters = reader.rest;
        let suites = reader.opaque16()?;
        let compression_methods = reader.opaque8()?;
        let after_cookie = &parameters[..parameters.len() - reader.rest.len()];
        let extensions = Extensions::parse(reader.rest);
        let acceptable = version[0] == 0xfe
            && session_id.len() <= 32
            && !suites.is_empty() && suites.len() % 2 == 0
            // RFC 5246, section 7.4.1.2: "null" must be among the compression methods.
            && compression_methods.contains(&0)
            && extensions.is_some();
        if !acceptable {
            return None;
        }
        Some(ClientHello {
            version: *version.first_chunk()?,
            record_sequence_number: record.sequence_number,
            message_sequence: message.message_sequence,
            random,
            cookie,
            before_cookie,
            after_cookie,
            suites,
            extensions: extensions?,
            message: record.fragment,
        })
    }
}

/// The extensions of a ClientHello (RFC 5246, section 7.4.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions<'a> {
    list: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// No extensions at all (node-dtls-client), or one list that fills the rest.
    fn parse(bytes: &'a [u8]) -> Option<Extensions<'a>> {
        if bytes.is_empty() {
            return Some(Extensions { list: &[] });
        }
        let mut outer = Reader { rest: bytes };
        let list = outer.opaque16()?;
        let mut reader = Reader { rest: list };
        for _ in 0..EXTENSIONS_MAX {
            if reader.rest.is_empty() {
                break;
            }
            reader.take(2)?;
            reader.opaque16()?;
        }
        if !reader.rest.is_empty() {
            return None;
        }
        outer.rest.is_empty().then_some(Extensions { list })
    }

    /// Each by its number, in order.
    pub fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut reader = Reader { rest: self.list };
        std::iter::from_fn(move || {
            let number = reader.take(2)?.first_chunk()?;
            Some((u16::from_be_bytes(*number), reader.opaque16()?))
        })
    }

    /// The content of the first with this number.
    pub fn find(self, number: u16) -> Option<&'a [u8]> {
        self.iter().find(|(there, _)| *there == number).map(|(_, content)| content)
    }

    /// Whether the client may prove itself by a raw public key (RFC 7250, section 3: a list of one-byte types, of which 2
    /// is RawPublicKey).
    pub fn offer_raw_public_key(self) -> bool {
        self.find(CLIENT_CERTIFICATE_TYPE)
            .is_some_and(|content| content.get(1..).is_some_and(|types| types.contains(&2)))
    }
}

/// The numbers of client_certificate_type and server_certificate_type (RFC 7250, section 3).
pub(super) const CLIENT_CERTIFICATE_TYPE: u16 = 19;
#[cfg(feature = "dtls")]
pub(super) const SERVER_CERTIFICATE_TYPE: u16 = 20;

/// supported_groups (RFC 8422, section 5.1.1).
#[cfg(feature = "dtls")]
pub(super) const SUPPORTED_GROUPS: u16 = 10;
/// signature_algorithms (RFC 5246, section 7.4.1.4.1).
#[cfg(feature = "dtls")]
pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;

/// Takes bytes apart from the front.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn opaque8(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    pub(super) fn opaque16(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(2)?.first_chunk()?;
        self.take(usize::from(u16::from_be_bytes(length)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::record::{handshake_message, handshake_record};
    use super::*;

    /// What tinydtls sends, near enough: one suite, one extension.
    pub(in crate::dtls) fn example(cookie: &[u8]) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[0x5a; 32]);
        body.push(0);
        body.push(u8::try_from(cookie.len()).expect("short"));
        body.extend_from_slice(cookie);
        body.extend_from_slice(&[0, 2, 0xc0, 0xa8, 1, 0]);
        body.extend_from_slice(&[0, 4, 0, 23, 0, 0]);
        handshake_record([0xfe, 0xff], [0, 0, 0, 0, 0, 3], &handshake_message(1, u16::from(!cookie.is_empty()), &body))
    }

    #[test]
    fn the_parts_of_a_client_hello() {
        let datagram = example(b"cookie");
        let hello = ClientHello::parse(&datagram).expect("well-formed");
        assert_eq!(hello.record_sequence_number, [0, 0, 0, 0, 0, 3]);
        assert_eq!(hello.random, &[0x5a; 32]);
        assert_eq!(hello.cookie, b"cookie");
        assert_eq!(hello.before_cookie.len(), 2 + 32 + 1);
        assert_eq!(hello.after_cookie, &[0, 2, 0xc0, 0xa8, 1, 0]);
    }

    #[test]
    fn a_client_hello_without_extensions_is_one() {
        let datagram = example(b"");
        let body = &datagram[25..datagram.len() - 6];
        let bare = handshake_record([0xfe, 0xfd], [0; 6], &handshake_message(1, 0, body));
        assert!(ClientHello::parse(&bare).is_some());
    }

    #[test]
    fn a_raw_public_key_is_offered_by_the_type_of_the_clients_own_certificate() {
        let datagram = example(b"");
        let body = &datagram[25..datagram.len() - 6];
        let offers: [(&[u8], bool); 5] = [
            (&[0, 6, 0, 19, 0, 2, 1, 2], true),
            (&[0, 11, 0, 23, 0, 0, 0, 19, 0, 3, 2, 0, 2], true),
            // What GnuTLS says with a certificate: of the server it takes either.
            (&[0, 7, 0, 20, 0, 3, 2, 0, 2], false),
            (&[0, 6, 0, 19, 0, 2, 1, 0], false),
            (&[0, 4, 0, 19, 0, 0], false),
        ];
        for (extensions, offered) in offers {
            let body = [body, extensions].concat();
            let datagram = handshake_record([0xfe, 0xfd], [0; 6], &handshake_message(1, 0, &body));
            let hello = ClientHello::parse(&datagram).expect("well-formed");
            assert_eq!(hello.extensions.offer_raw_public_key(), offered, "{extensions:02x?}");
        }
    }

    #[test]
    fn all_three_record_versions_are_accepted_and_no_other() {
        let mut datagram = example(b"");
        for (minor, accepted) in [(0xff, true), (0xfd, true), (0x00, true), (0xfe, false), (0x01, false)] {
            datagram[2] = minor;
            assert_eq!(ClientHello::parse(&datagram).is_some(), accepted, "{minor:02x}");
        }
    }

    #[test]
    fn a_fragmented_client_hello_is_none() {
        let mut datagram = example(b"");
        datagram[16] += 1; // the message is one byte longer than this fragment
        assert!(ClientHello::is_at_start_of(&datagram));
        assert_eq!(ClientHello::parse(&datagram), None);
    }

    #[test]
    fn what_is_cut_or_has_a_tail_is_none() {
        let datagram = example(b"cookie");
        for length in 0..datagram.len() {
            assert_eq!(ClientHello::parse(&datagram[..length]), None, "{length} bytes");
        }
        let body = &datagram[25..];
        for cut in 1..body.len() {
            // Shorter body, honest lengths in the headers. Without its 6 bytes of extensions it stays well-formed.
            let shorter = handshake_record([0xfe, 0xff], [0; 6], &handshake_message(1, 0, &body[..body.len() - cut]));
            assert_eq!(ClientHello::parse(&shorter).is_some(), cut == 6, "{cut} bytes less");
        }
        let mut longer = body.to_vec();
        longer.push(0);
        let longer = handshake_record([0xfe, 0xff], [0; 6], &handshake_message(1, 0, &longer));
        assert_eq!(ClientHello::parse(&longer), None);
    }

    #[test]
    fn a_client_hello_with_more_extensions_than_there_are_is_none() {
        let datagram = example(b"");
        let body = &datagram[25..datagram.len() - 6];
        for (count, is_one) in [(EXTENSIONS_MAX, true), (EXTENSIONS_MAX + 1, false), (16_000, false)] {
            let list: Vec<u8> = (0..count).flat_map(|number| [(number >> 8) as u8, number as u8, 0, 0]).collect();
            let length = u16::try_from(list.len()).expect("fits a datagram").to_be_bytes();
            let body = [body, &length, &list].concat();
            let datagram = handshake_record([0xfe, 0xfd], [0; 6], &handshake_message(1, 0, &body));
            assert_eq!(ClientHello::parse(&datagram).is_some(), is_one, "{count} extensions");
        }
    }

    #[test]
    fn the_clients_own_version_tells_whether_it_is_outdated_and_that_of_its_record_does_not() {
        for record_minor in [0xff, 0xfd] {
            let mut datagram = example(b"");
            datagram[2] = record_minor;
            for (minor, is_outdated) in [(0xff, true), (0xfe, true), (0xfd, false), (0xfc, false), (0x00, false)] {
                datagram[26] = minor;
                let hello = ClientHello::parse(&datagram).expect("well-formed");
                assert_eq!((hello.version, hello.is_outdated()), ([0xfe, minor], is_outdated), "{record_minor:02x}");
            }
            for major in [3, 0, 0xff] {
                datagram[25] = major;
                assert_eq!(ClientHello::parse(&datagram), None, "{major}");
            }
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ClientHello::parse(&datagram);
        }

        #[test]
        fn mutated_client_hellos_never_panic(
            position in 0usize..97, value in any::<u8>(), length in 0usize..100, cookie in proptest::collection::vec(any::<u8>(), 0..32),
        ) {
            let mut datagram = example(&cookie);
            let index = position % datagram.len();
            datagram[index] = value;
            datagram.truncate(datagram.len().saturating_sub(length % 8));
            let _ = ClientHello::parse(&datagram);
        }
    }
}
