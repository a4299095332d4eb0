//! By which types of keys client and server prove themselves: X.509 certificates or raw public keys (RFC 7250, sections 3
//! and 4).
//!
//! Asked by either engine, so that both turn the same clients away. Makes decisions and remembers nothing.

use super::certificate::KeyType;
use super::client_hello::Reader;
#[cfg(feature = "openssl")]
use super::client_hello::{CLIENT_CERTIFICATE_TYPE, ClientHello, SERVER_CERTIFICATE_TYPE};
use super::suites::CipherSuite;

/// What a server shows and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyPolicy {
    /// Whether the server has a certificate to show.
    pub(super) has_certificate: bool,
    /// Whether raw public keys may be used, both ways.
    pub(super) raw_public_keys: bool,
}

/// What a client says of types: the lists of client_certificate_type and server_certificate_type, none where it leaves
/// them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OfferedTypes<'a> {
    pub(super) client: Option<&'a [u8]>,
    pub(super) server: Option<&'a [u8]>,
}

impl KeyPolicy {
    /// What the Certificate messages of client and server are to hold; `None`: nothing suits both.
    pub(super) fn agree(self, offered: OfferedTypes<'_>) -> Option<(KeyType, KeyType)> {
        // RFC 7250, section 4.1: without the extension it is X.509.
        let x509 = [type_number(KeyType::Certificate)];
        let either = [KeyType::RawPublicKey, KeyType::Certificate];
        // RFC 7250, section 3: the list is sorted by the client's preference, which is the one that knows what it has.
        let client = offered.client.unwrap_or(&x509).iter().find_map(|number| {
            let key = either.into_iter().find(|key| type_number(*key) == *number)?;
            (key == KeyType::Certificate || self.raw_public_keys).then_some(key)
        })?;
        // A client that proves itself by a certificate expects one: GnuTLS offers to take either, whatever the client has,
        // and the mode of an LwM2M account holds for both ends (LwM2M Core 1.2, annex E.1, resource 2).
        let order = match client {
            KeyType::RawPublicKey => either,
            KeyType::Certificate => [KeyType::Certificate, KeyType::RawPublicKey],
        };
        let server_types = offered.server.unwrap_or(&x509);
        let server = order.into_iter().find(|key| {
            let is_there = match key {
                KeyType::Certificate => self.has_certificate,
                KeyType::RawPublicKey => self.raw_public_keys,
            };
            is_there && server_types.contains(&type_number(*key))
        })?;
        Some((client, server))
    }

    /// Whether it is but the type of their keys that a client with suites of these `numbers` and a server with `suites` have
    /// not in common (RFC 7250, section 4.2).
    pub(super) fn divides(self, suites: &[CipherSuite], numbers: &[u8], offered: OfferedTypes<'_>) -> bool {
        let mut common = suites.iter().filter(|suite| suite.is_among(numbers)).peekable();
        common.peek().is_some() && common.all(|suite| !suite.takes_psk()) && self.agree(offered).is_none()
    }

    /// The same before an engine that would not say so: where raw public keys are not allowed OpenSSL takes the question for
    /// unasked, and goes on with certificates that such a client has not.
    #[cfg(feature = "openssl")]
    pub(super) fn turns_away(self, suites: &[CipherSuite], hello: &ClientHello<'_>) -> bool {
        let types = |number| hello.extensions.find(number).map(list_of_types);
        match (types(CLIENT_CERTIFICATE_TYPE), types(SERVER_CERTIFICATE_TYPE)) {
            // What is in no form is the engine's to refuse.
            (Some(None), _) | (_, Some(None)) => false,
            (client, server) => {
                let offered = OfferedTypes { client: client.flatten(), server: server.flatten() };
                self.divides(suites, hello.suites, offered)
            }
        }
    }
}

/// RFC 7250, section 3.
pub(super) fn type_number(key: KeyType) -> u8 {
    match key {
        KeyType::Certificate => 0,
        KeyType::RawPublicKey => 2,
    }
}

/// The content of either extension in a ClientHello: a list of one-byte numbers, at least one. `None`: it is in no form.
pub(super) fn list_of_types(content: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader { rest: content };
    reader.opaque8().filter(|list| reader.rest.is_empty() && !list.is_empty())
}
