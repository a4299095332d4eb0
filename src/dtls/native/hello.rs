//! What a ClientHello offers, what is chosen from it, and the ServerHello that says so (RFC 5246, sections 7.4.1.2 to
//! 7.4.1.4; spec sheet `transport.md`, sections 4.1 to 4.6).
//!
//! The extensions that are answered, with their numbers and where they are specified: max_fragment_length (1, RFC 6066,
//! section 4), supported_groups (10) and ec_point_formats (11, RFC 8422, section 5.1), signature_algorithms (13, RFC 5246,
//! section 7.4.1.4.1), client_certificate_type (19) and server_certificate_type (20, RFC 7250, section 4),
//! extended_master_secret (23, RFC 7627), connection_id (54, RFC 9146, section 3) and renegotiation_info (65281, RFC 5746).
//! All others are passed over: server_name, because one server certificate serves every name; session tickets, because no
//! session is resumed; encrypt_then_mac, because every suite is an AEAD.
//!
//! Makes decisions and remembers nothing.

use super::alert::Alert;
use crate::dtls::CloseReason;
use crate::dtls::certificate::KeyType;
use crate::dtls::client_hello::{
    CLIENT_CERTIFICATE_TYPE, ClientHello, Reader, SERVER_CERTIFICATE_TYPE, SIGNATURE_ALGORITHMS, SUPPORTED_GROUPS,
};
use crate::dtls::key_types::{KeyPolicy, OfferedTypes, list_of_types, type_number};
use crate::dtls::missing::{ECDSA_SHA256, Missing, SECP256R1};
use crate::dtls::record::{ConnectionId, VERSION_1_2};
use crate::dtls::suites::CipherSuite;

/// Longest plaintext of one record where nothing else was agreed (RFC 5246, section 6.2.1).
const PLAINTEXT_MAX: u16 = 1 << 14;

const MAX_FRAGMENT_LENGTH: u16 = 1;
const POINT_FORMATS: u16 = 11;
const EXTENDED_MASTER_SECRET: u16 = 23;
const CONNECTION_ID: u16 = 54;
const RENEGOTIATION_INFO: u16 = 0xff01;

/// TLS_EMPTY_RENEGOTIATION_INFO_SCSV: the same as an empty renegotiation_info (RFC 5746, section 3.3).
const RENEGOTIATION_SIGNAL: [u8; 2] = [0x00, 0xff];

/// Points in the uncompressed form (RFC 8422, section 5.1.2).
const UNCOMPRESSED: u8 = 0;

/// What the server can and must do.
pub(super) struct Policy {
    /// The suites that are served, best first.
    pub(super) suites: Vec<CipherSuite>,
    /// What it shows and takes in Certificate messages.
    pub(super) keys: KeyPolicy,
    /// Whether clients must offer the extended master secret.
    pub(super) requires_extended_master_secret: bool,
}

/// What both sides have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) suite: CipherSuite,
    pub(super) client_random: [u8; 32],
    pub(super) server_random: [u8; 32],
    pub(super) extended_master_secret: bool,
    /// What the Certificate messages hold; means nothing where the suite takes a pre-shared key.
    pub(super) client_key: KeyType,
    pub(super) server_key: KeyType,
    /// What the client asked for by max_fragment_length, as it did.
    max_fragment_length: Option<u8>,
    pub(super) connection_ids: Option<ConnectionIds>,
    answers_renegotiation: bool,
    answers_point_formats: bool,
    answers_client_key: bool,
    answers_server_key: bool,
}

/// The connection ids of one association (RFC 9146, section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnectionIds {
    /// Which the client puts into its records.
    pub(super) ours: ConnectionId,
    /// Which we put into ours; empty where the client needs none.
    pub(super) theirs: Box<[u8]>,
}

/// Why there is nothing to agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) alert: Alert,
    pub(super) reason: CloseReason,
}

impl Refusal {
    const NO_COMMON_KEY_TYPE: Refusal =
        Refusal { alert: Alert::UnsupportedCertificate, reason: CloseReason::NoCommonKeyType };
    /// RFC 7627, section 5.3.
    const NO_EXTENDED_MASTER_SECRET: Refusal =
        Refusal { alert: Alert::HandshakeFailure, reason: CloseReason::NoExtendedMasterSecret };

    fn no_common_suite(missing: Missing) -> Refusal {
        Refusal { alert: Alert::HandshakeFailure, reason: CloseReason::NoCommonSuite(missing) }
    }

    fn broken(alert: Alert) -> Refusal {
        Refusal { alert, reason: CloseReason::HandshakeFailed }
    }
}

/// What the extensions of a ClientHello say.
#[derive(Default)]
struct Offer<'a> {
    max_fragment_length: Option<u8>,
    groups: Option<&'a [u8]>,
    point_formats: Option<&'a [u8]>,
    signature_algorithms: Option<&'a [u8]>,
    key_types: OfferedTypes<'a>,
    extended_master_secret: bool,
    connection_id: Option<&'a [u8]>,
    renegotiation_info: bool,
}

impl Agreement {
    /// Chooses from what `hello` offers. `server_random` is the server's; `connection_id` is what a client that asks for
    /// one is given, none where none are given.
    pub(super) fn reach(
        policy: &Policy,
        hello: &ClientHello<'_>,
        server_random: [u8; 32],
        connection_id: Option<ConnectionId>,
    ) -> Result<Agreement, Refusal> {
        let offer = Offer::read(hello).map_err(Refusal::broken)?;
        if policy.requires_extended_master_secret && !offer.extended_master_secret {
            return Err(Refusal::NO_EXTENDED_MASTER_SECRET);
        }
        let keys = policy.keys.agree(offer.key_types).filter(|_| offer.suits_elliptic_curves());
        let is_possible = |suite: &&CipherSuite| suite.is_among(hello.suites) && (suite.takes_psk() || keys.is_some());
        let Some(&suite) = policy.suites.iter().find(is_possible) else {
            return Err(if policy.keys.divides(&policy.suites, hello.suites, offer.key_types) {
                Refusal::NO_COMMON_KEY_TYPE
            } else {
                Refusal::no_common_suite(Missing::of(&policy.suites, hello))
            });
        };
        let (client_key, server_key) = keys.unwrap_or((KeyType::Certificate, KeyType::Certificate));
        let connection_ids =
            offer.connection_id.zip(connection_id).map(|(theirs, ours)| ConnectionIds { ours, theirs: theirs.into() });
        Ok(Agreement {
            suite,
            client_random: *hello.random,
            server_random,
            extended_master_secret: offer.extended_master_secret,
            client_key,
            server_key,
            max_fragment_length: offer.max_fragment_length,
            connection_ids,
            answers_renegotiation: offer.renegotiation_info || offers(hello.suites, RENEGOTIATION_SIGNAL),
            answers_point_formats: !suite.takes_psk() && offer.point_formats.is_some(),
            answers_client_key: !suite.takes_psk() && offer.key_types.client.is_some(),
            answers_server_key: !suite.takes_psk() && offer.key_types.server.is_some(),
        })
    }

    /// Most bytes of plaintext in one record of either side.
    pub(super) fn longest_plaintext(&self) -> u16 {
        self.max_fragment_length.map_or(PLAINTEXT_MAX, |mode| 256 << mode)
    }

    /// The body of the ServerHello.
    pub(super) fn server_hello(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(96);
        body.extend_from_slice(&VERSION_1_2);
        body.extend_from_slice(&self.server_random);
        // No session id: none can be resumed. No compression.
        body.push(0);
        body.extend_from_slice(&self.suite.number());
        body.push(0);
        let extensions = self.extensions();
        // RFC 5246, section 7.4.1.3: without extensions not even the length of their list.
        if !extensions.is_empty() {
            push_opaque16(&mut body, &extensions);
        }
        body
    }

    fn extensions(&self) -> Vec<u8> {
        let mut list = Vec::new();
        if self.answers_renegotiation {
            push_extension(&mut list, RENEGOTIATION_INFO, &[0]);
        }
        if self.extended_master_secret {
            push_extension(&mut list, EXTENDED_MASTER_SECRET, &[]);
        }
        if let Some(mode) = self.max_fragment_length {
            push_extension(&mut list, MAX_FRAGMENT_LENGTH, &[mode]);
        }
        if self.answers_point_formats {
            push_extension(&mut list, POINT_FORMATS, &[1, UNCOMPRESSED]);
        }
        if self.answers_client_key {
            push_extension(&mut list, CLIENT_CERTIFICATE_TYPE, &[type_number(self.client_key)]);
        }
        if self.answers_server_key {
            push_extension(&mut list, SERVER_CERTIFICATE_TYPE, &[type_number(self.server_key)]);
        }
        if let Some(ids) = &self.connection_ids {
            let mut content = vec![ids.ours.len() as u8];
            content.extend_from_slice(&ids.ours);
            push_extension(&mut list, CONNECTION_ID, &content);
        }
        list
    }
}

impl<'a> Offer<'a> {
    /// Reads what is known and checks its form; what is not known is passed over.
    fn read(hello: &ClientHello<'a>) -> Result<Offer<'a>, Alert> {
        let mut offer = Offer::default();
        for (index, (number, content)) in hello.extensions.iter().enumerate() {
            // RFC 5246, section 7.4.1.4: no more than one of the same type.
            if hello.extensions.iter().take(index).any(|(earlier, _)| earlier == number) {
                return Err(Alert::IllegalParameter);
            }
            match number {
                MAX_FRAGMENT_LENGTH => match *content {
                    [mode @ 1..=4] => offer.max_fragment_length = Some(mode),
                    // RFC 6066, section 4.
                    _ => return Err(Alert::IllegalParameter),
                },
                SUPPORTED_GROUPS => offer.groups = Some(pairs16(content)?),
                POINT_FORMATS => offer.point_formats = Some(list8(content)?),
                SIGNATURE_ALGORITHMS => offer.signature_algorithms = Some(pairs16(content)?),
                CLIENT_CERTIFICATE_TYPE => offer.key_types.client = Some(key_types(content)?),
                SERVER_CERTIFICATE_TYPE => offer.key_types.server = Some(key_types(content)?),
                EXTENDED_MASTER_SECRET if content.is_empty() => offer.extended_master_secret = true,
                EXTENDED_MASTER_SECRET => return Err(Alert::DecodeError),
                CONNECTION_ID => offer.connection_id = Some(opaque8(content)?),
                RENEGOTIATION_INFO if content == [0] => offer.renegotiation_info = true,
                // RFC 5746, section 3.6: in a first handshake it is empty.
                RENEGOTIATION_INFO => return Err(Alert::HandshakeFailure),
                _ => {}
            }
        }
        Ok(offer)
    }

    /// Whether the client can do what the suites with ECDHE and ECDSA take here.
    fn suits_elliptic_curves(&self) -> bool {
        // RFC 8422, section 5.1: a client that names no groups or formats takes any.
        self.groups.is_none_or(|groups| offers(groups, SECP256R1))
            && self.point_formats.is_none_or(|formats| formats.contains(&UNCOMPRESSED))
            // RFC 5246, section 7.4.1.4.1: a client that names no algorithms takes SHA-1, which is not served.
            && self.signature_algorithms.is_some_and(|algorithms| offers(algorithms, ECDSA_SHA256))
    }
}

/// Whether a list of numbers of two bytes has this one.
fn offers(list: &[u8], number: [u8; 2]) -> bool {
    list.chunks_exact(2).any(|there| there == number)
}

fn key_types(content: &[u8]) -> Result<&[u8], Alert> {
    list_of_types(content).ok_or(Alert::DecodeError)
}

fn opaque8(content: &[u8]) -> Result<&[u8], Alert> {
    let mut reader = Reader { rest: content };
    reader.opaque8().filter(|_| reader.rest.is_empty()).ok_or(Alert::DecodeError)
}

/// A list of one-byte numbers, at least one.
fn list8(content: &[u8]) -> Result<&[u8], Alert> {
    opaque8(content).and_then(|list| if list.is_empty() { Err(Alert::DecodeError) } else { Ok(list) })
}

/// A list of two-byte numbers, at least one.
fn pairs16(content: &[u8]) -> Result<&[u8], Alert> {
    let mut reader = Reader { rest: content };
    let list = reader.opaque16().filter(|_| reader.rest.is_empty()).ok_or(Alert::DecodeError)?;
    if list.is_empty() || list.len() % 2 != 0 { Err(Alert::DecodeError) } else { Ok(list) }
}

fn push_extension(list: &mut Vec<u8>, number: u16, content: &[u8]) {
    list.extend_from_slice(&number.to_be_bytes());
    push_opaque16(list, content);
}

fn push_opaque16(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend_from_slice(&(content.len() as u16).to_be_bytes());
    bytes.extend_from_slice(content);
}

#[cfg(test)]
mod tests;
