//! ClientHello and ServerHello (RFC 5246, section 7.4.1; RFC 6347, section 4.2.1), with their extensions.

use super::hearing::Fault;
use super::message::{CLIENT_HELLO, Message};
use super::protection::Suite;
use super::record::VERSION_1_2;
use super::wire::{Cursor, numbers, vector};
use super::{Profile, Puppet};

/// Extension types.
pub const SERVER_NAME: u16 = 0;
/// RFC 6066, section 4.
pub const MAX_FRAGMENT_LENGTH: u16 = 1;
/// RFC 8422, section 5.1.1.
pub const SUPPORTED_GROUPS: u16 = 10;
/// RFC 8422, section 5.1.2.
pub const EC_POINT_FORMATS: u16 = 11;
/// RFC 5246, section 7.4.1.4.1.
pub const SIGNATURE_ALGORITHMS: u16 = 13;
/// RFC 7250.
pub const CLIENT_CERTIFICATE_TYPE: u16 = 19;
/// RFC 7250.
pub const SERVER_CERTIFICATE_TYPE: u16 = 20;
/// RFC 7627.
pub const EXTENDED_MASTER_SECRET: u16 = 23;
/// RFC 9146.
pub const CONNECTION_ID: u16 = 54;
/// RFC 5746.
pub const RENEGOTIATION_INFO: u16 = 0xff01;

/// Certificate types.
pub const X509: u8 = 0;
/// SubjectPublicKeyInfo.
pub const RAW_PUBLIC_KEY: u8 = 2;

impl Puppet {
    /// A ClientHello by the profile, with the cookie that the server gave, if any.
    pub fn client_hello(&self) -> Message {
        self.client_hello_with(&self.cookie)
    }

    /// A ClientHello with another cookie.
    pub fn client_hello_with(&self, cookie: &[u8]) -> Message {
        let mut body = VERSION_1_2.to_vec();
        body.extend_from_slice(&self.client_random);
        body.extend_from_slice(&vector(1, &self.profile.session_id));
        body.extend_from_slice(&vector(1, cookie));
        body.extend_from_slice(&vector(2, &numbers(&self.profile.suites)));
        body.extend_from_slice(&[1, 0]);
        if !self.profile.omit_extensions {
            let extensions: Vec<u8> = offered(&self.profile)
                .iter()
                .flat_map(|(kind, content)| [kind.to_be_bytes().to_vec(), vector(2, content)].concat())
                .collect();
            body.extend_from_slice(&vector(2, &extensions));
        }
        Message::new(CLIENT_HELLO, body)
    }

    /// Takes a ServerHello.
    pub(super) fn hear_server_hello(&mut self, body: &[u8]) -> Result<(), Fault> {
        let parts = ServerHello::parse(body).ok_or(Fault::decode("ServerHello"))?;
        self.server.random = parts.random;
        if parts.version != VERSION_1_2 {
            return Err(Fault::new(70, "ServerHello of another version than DTLS 1.2"));
        }
        if !self.profile.suites.contains(&parts.suite) || parts.compression != 0 {
            return Err(Fault::illegal("ServerHello chooses what was not offered"));
        }
        self.server.suite = Suite::of(parts.suite);
        if self.server.suite.is_none() {
            return Err(Fault::new(40, "ServerHello chooses a suite that the puppet does not speak"));
        }
        if !parts.session_id.is_empty() && parts.session_id == self.profile.session_id {
            return Err(Fault::illegal("ServerHello resumes a session that never was"));
        }
        let mut seen = Vec::new();
        for (kind, content) in parts.extensions {
            if seen.contains(&kind) || !offered(&self.profile).iter().any(|(offered, _)| *offered == kind) {
                return Err(Fault::new(110, "ServerHello has an extension twice or one that was not offered"));
            }
            seen.push(kind);
            self.hear_extension(kind, &content).ok_or_else(|| Fault::decode_of("extension of ServerHello", kind))?;
        }
        Ok(())
    }

    fn hear_extension(&mut self, kind: u16, content: &[u8]) -> Option<()> {
        let mut cursor = Cursor(content);
        match kind {
            MAX_FRAGMENT_LENGTH => {
                let code = cursor.take(1)?[0];
                self.server.max_fragment_length = (self.profile.max_fragment_length == Some(code)).then_some(code);
                self.server.max_fragment_length?;
            }
            CLIENT_CERTIFICATE_TYPE => {
                self.server.client_certificate_type = cursor.take(1)?[0];
                self.profile.client_certificate_types.contains(&self.server.client_certificate_type).then_some(())?;
            }
            SERVER_CERTIFICATE_TYPE => {
                self.server.server_certificate_type = cursor.take(1)?[0];
                self.profile.server_certificate_types.contains(&self.server.server_certificate_type).then_some(())?;
            }
            EXTENDED_MASTER_SECRET => self.server.extended_master_secret = true,
            CONNECTION_ID => self.server.connection_id = Some(cursor.vector(1)?.to_vec()),
            EC_POINT_FORMATS => {
                cursor.vector(1)?.contains(&0).then_some(())?;
            }
            RENEGOTIATION_INFO => {
                cursor.vector(1)?.is_empty().then_some(())?;
            }
            SERVER_NAME => {}
            // What only a client says, or what the test added: the test may look at it.
            _ => return (kind != SUPPORTED_GROUPS && kind != SIGNATURE_ALGORITHMS).then_some(()),
        }
        cursor.is_empty().then_some(())
    }
}

fn offered(profile: &Profile) -> Vec<(u16, Vec<u8>)> {
    let mut extensions = Vec::new();
    if let Some(name) = &profile.server_name {
        let entry = [vec![0], vector(2, name.as_bytes())].concat();
        extensions.push((SERVER_NAME, vector(2, &entry)));
    }
    if let Some(code) = profile.max_fragment_length {
        extensions.push((MAX_FRAGMENT_LENGTH, vec![code]));
    }
    if !profile.groups.is_empty() {
        extensions.push((SUPPORTED_GROUPS, vector(2, &numbers(&profile.groups))));
        extensions.push((EC_POINT_FORMATS, vector(1, &[0])));
    }
    if !profile.signature_algorithms.is_empty() {
        extensions.push((SIGNATURE_ALGORITHMS, vector(2, &numbers(&profile.signature_algorithms))));
    }
    if !profile.client_certificate_types.is_empty() {
        extensions.push((CLIENT_CERTIFICATE_TYPE, vector(1, &profile.client_certificate_types)));
    }
    if !profile.server_certificate_types.is_empty() {
        extensions.push((SERVER_CERTIFICATE_TYPE, vector(1, &profile.server_certificate_types)));
    }
    if profile.extended_master_secret {
        extensions.push((EXTENDED_MASTER_SECRET, Vec::new()));
    }
    if let Some(id) = &profile.connection_id {
        extensions.push((CONNECTION_ID, vector(1, id)));
    }
    if profile.renegotiation_info {
        extensions.push((RENEGOTIATION_INFO, vec![0]));
    }
    extensions.extend(profile.extra_extensions.iter().cloned());
    extensions
}

/// The parts of a ServerHello.
struct ServerHello {
    version: [u8; 2],
    random: [u8; 32],
    session_id: Vec<u8>,
    suite: u16,
    compression: u8,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl ServerHello {
    fn parse(body: &[u8]) -> Option<ServerHello> {
        let mut cursor = Cursor(body);
        let version = cursor.take(2)?.try_into().ok()?;
        let random = cursor.take(32)?.try_into().ok()?;
        let session_id = cursor.vector(1)?.to_vec();
        let suite = cursor.number(2)? as u16;
        let compression = cursor.take(1)?[0];
        let mut extensions = Vec::new();
        if !cursor.is_empty() {
            let mut list = Cursor(cursor.vector(2)?);
            while !list.is_empty() {
                extensions.push((list.number(2)? as u16, list.vector(2)?.to_vec()));
            }
        }
        (cursor.is_empty() && session_id.len() <= 32).then_some(())?;
        Some(ServerHello { version, random, session_id, suite, compression, extensions })
    }
}
