//! The credentials of an account that come from certificates and keys: the same for every client.
//!
//! Spec sheet `objects.md`, sections 3 and 4. Reading them takes hundreds of microseconds, so a catalog reads each
//! account's once, when the first client is to get it.

use std::sync::OnceLock;

use super::definition::{MatchingType, SecurityMode, ServerDefinition};
use super::material::{Certificate, MaterialError, PrivateKey, PublicKey, ServerCertificate, digest};
use super::provision::AccountCredentials;

/// Why an account has no credentials to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A field that the security mode needs.
    #[error("it has no `{0}`, which its security mode needs")]
    Missing(&'static str),
    /// A certificate or key that cannot be read.
    #[error("its `{field}` cannot be used: {error}")]
    Unreadable {
        /// The field.
        field: &'static str,
        /// Why.
        error: MaterialError,
    },
    /// A private key of which the public one is not known.
    #[error("it has no `client_public_key`, and none can be computed from its private key")]
    NoPublicKey,
    /// A digest of another kind than the matching type says.
    #[error("its `server_certificate` is a digest of another kind than its `matching_type` says")]
    Digest,
    /// A security mode without certificates and keys of this kind.
    #[error("its security mode uses no certificate and no public key")]
    OtherMode,
}

/// The credentials of one account, read when they are first asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadOnce(OnceLock<Result<AccountCredentials, CredentialsError>>);

impl ReadOnce {
    /// The credentials of `server`, which must be the same at every call.
    pub(super) fn of(&self, server: &ServerDefinition) -> Result<AccountCredentials, CredentialsError> {
        self.0.get_or_init(|| read(server)).clone()
    }
}

/// Whether something has been read already makes no difference.
impl PartialEq for ReadOnce {
    fn eq(&self, _: &ReadOnce) -> bool {
        true
    }
}

fn read(server: &ServerDefinition) -> Result<AccountCredentials, CredentialsError> {
    match server.security {
        SecurityMode::Rpk => raw_public_key(server),
        SecurityMode::Certificate => Ok(AccountCredentials::Certificate {
            client: parse("client_certificate", server.client_certificate.as_deref(), Certificate::parse)?
                .der()
                .to_vec(),
            server: server_certificate(server)?,
            private_key: private_key(server)?.pkcs8().clone(),
        }),
        SecurityMode::Est => Ok(AccountCredentials::Est { server: server_certificate(server)? }),
        SecurityMode::NoSec | SecurityMode::Psk => Err(CredentialsError::OtherMode),
    }
}

fn parse<T>(
    field: &'static str,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, MaterialError>,
) -> Result<T, CredentialsError> {
    read(text.ok_or(CredentialsError::Missing(field))?).map_err(|error| CredentialsError::Unreadable { field, error })
}

fn private_key(server: &ServerDefinition) -> Result<PrivateKey, CredentialsError> {
    parse("private_key", server.private_key.as_ref().map(|text| text.expose()), PrivateKey::parse)
}

fn matching_type(server: &ServerDefinition) -> u8 {
    server.matching_type.map_or(0, MatchingType::number)
}

fn server_certificate(server: &ServerDefinition) -> Result<Vec<u8>, CredentialsError> {
    let given = parse("server_certificate", server.server_certificate.as_deref(), ServerCertificate::parse)?;
    given.server_public_key(matching_type(server)).ok_or(CredentialsError::Digest)
}

/// The client's public key is that of its private key where it is left out; the server's is hashed as the matching type
/// says.
fn raw_public_key(server: &ServerDefinition) -> Result<AccountCredentials, CredentialsError> {
    let private_key = private_key(server)?;
    let client = match server.client_public_key.as_deref() {
        Some(text) => parse("client_public_key", Some(text), PublicKey::parse)?.der().to_vec(),
        None => private_key.public_key_der().ok_or(CredentialsError::NoPublicKey)?.to_vec(),
    };
    let key = parse("server_public_key", server.server_public_key.as_deref(), PublicKey::parse)?;
    let server = digest(matching_type(server), key.der()).unwrap_or_else(|| key.der().to_vec());
    Ok(AccountCredentials::RawPublicKey { client, server, private_key: private_key.pkcs8().clone() })
}
