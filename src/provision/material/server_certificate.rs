//! `ServerCertificate`: what a client is told of a server's certificate in `/0/x/4`: all of it, or a digest.
//!
//! The matching type (`/0/x/13`) says in which form it goes out; objects.md section 4. A digest is over the whole DER
//! certificate.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::text::{self, Form};
use super::{Certificate, MaterialError};

/// Bytes of a digest by matching type: 32, 48, 64 for 1 to 3; `None` for 0 (no digest) and for what does not exist.
pub fn digest_length(matching_type: u8) -> Option<usize> {
    match matching_type {
        1 => Some(32),
        2 => Some(48),
        3 => Some(64),
        _ => None,
    }
}

/// SHA-256, SHA-384 or SHA-512 of a DER certificate (of a SubjectPublicKeyInfo for raw public keys) by matching type 1
/// to 3; `None` for 0 and for what does not exist.
pub fn digest(matching_type: u8, der: &[u8]) -> Option<Vec<u8>> {
    match matching_type {
        1 => Some(Sha256::digest(der).to_vec()),
        2 => Some(Sha384::digest(der).to_vec()),
        3 => Some(Sha512::digest(der).to_vec()),
        _ => None,
    }
}

/// A digest of a certificate that the operator does not have, in the operator's own form. Equal where the bytes are.
#[derive(Clone)]
pub struct CertificateDigest {
    text: String,
    bytes: Vec<u8>,
}

impl CertificateDigest {
    /// The operator's form, shown the way it was entered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// 32, 48 or 64 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for CertificateDigest {
    fn eq(&self, other: &CertificateDigest) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for CertificateDigest {}

impl fmt::Debug for CertificateDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CertificateDigest({} bytes)", self.bytes.len())
    }
}

/// A server's certificate (or its authority's, as the certificate usage says), or a digest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerCertificate {
    /// The certificate; a digest is computed where the matching type asks for one.
    Certificate(Box<Certificate>),
    /// Only a digest, good for its one matching type.
    Digest(CertificateDigest),
}

impl ServerCertificate {
    /// Reads a certificate as [`Certificate::parse`] does, or `hex:` or `base64:` of 32, 48 or 64 digest bytes. No
    /// certificate is that short, so the length tells them apart.
    ///
    /// # Errors
    /// [`MaterialError`].
    pub fn parse(text: &str) -> Result<ServerCertificate, MaterialError> {
        match text::read(text)? {
            Form::Pem(_) => {
                Certificate::parse(text).map(|certificate| ServerCertificate::Certificate(Box::new(certificate)))
            }
            Form::Der(bytes) if matches!(bytes.len(), 32 | 48 | 64) => {
                let digest = CertificateDigest { text: text.to_owned(), bytes: bytes.to_vec() };
                Ok(ServerCertificate::Digest(digest))
            }
            Form::Der(bytes) if bytes.first() == Some(&0x30) => Certificate::from_der(text, &bytes)
                .map(|certificate| ServerCertificate::Certificate(Box::new(certificate))),
            Form::Der(_) => Err(MaterialError::NotCertificateNorDigest),
        }
    }

    /// The operator's form, shown the way it was entered.
    pub fn text(&self) -> &str {
        match self {
            ServerCertificate::Certificate(certificate) => certificate.text(),
            ServerCertificate::Digest(digest) => digest.text(),
        }
    }

    /// The certificate, where it is known.
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            ServerCertificate::Certificate(certificate) => Some(certificate),
            ServerCertificate::Digest(_) => None,
        }
    }

    /// The bytes of `/0/x/4` for a matching type; `None` where the digest is of another, or there is no such type.
    pub fn server_public_key(&self, matching_type: u8) -> Option<Vec<u8>> {
        match self {
            ServerCertificate::Certificate(certificate) if matching_type == 0 => Some(certificate.der().to_vec()),
            ServerCertificate::Certificate(certificate) => digest(matching_type, certificate.der()),
            ServerCertificate::Digest(digest) => {
                (digest_length(matching_type) == Some(digest.bytes.len())).then(|| digest.bytes.clone())
            }
        }
    }
}

impl<'de> Deserialize<'de> for ServerCertificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ServerCertificate, D::Error> {
        // Wiped, because a private key may have been given by mistake.
        let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        ServerCertificate::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Serialises as the operator's form.
impl Serialize for ServerCertificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}
