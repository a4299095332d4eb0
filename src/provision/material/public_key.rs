//! `PublicKey`: a raw public key, which goes as SubjectPublicKeyInfo into `/0/x/3` and `/0/x/4` (objects.md section 3).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::subject_public_key::SubjectPublicKey;
use super::text::{self, Form, Label};
use super::{KeyKind, MaterialError};

const WANTED: &str = "a public key (`-----BEGIN PUBLIC KEY-----`, as `openssl pkey -pubout` writes it)";

/// A public key in the operator's own form, and its DER. Equal where the DER is.
#[derive(Clone)]
pub struct PublicKey {
    text: String,
    key: SubjectPublicKey,
}

impl PublicKey {
    /// Reads PEM (`PUBLIC KEY`), or `base64:` or `hex:` of a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`MaterialError`], also for a certificate or private key in its place.
    pub fn parse(text: &str) -> Result<PublicKey, MaterialError> {
        let der = match text::read(text)? {
            Form::Der(der) => der,
            Form::Pem(mut blocks) => {
                if let Some(foreign) = blocks.iter().find(|block| block.label != Label::PublicKey) {
                    return Err(MaterialError::WrongContent { wanted: WANTED, found: foreign.label.content() });
                }
                if blocks.len() > 1 {
                    return Err(MaterialError::SeveralKeys);
                }
                blocks.remove(0).der
            }
        };
        Ok(PublicKey { text: text.to_owned(), key: SubjectPublicKey::from_der(&der)? })
    }

    /// The operator's form, shown the way it was entered.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// DER SubjectPublicKeyInfo (RFC 7250), as it is written: 91 bytes for P-256.
    pub fn der(&self) -> &[u8] {
        self.key.der()
    }

    /// Algorithm and size.
    pub fn kind(&self) -> KeyKind {
        self.key.kind()
    }

    pub(super) fn subject_public_key(&self) -> &SubjectPublicKey {
        &self.key
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.der() == other.der()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.kind())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
        // Wiped, because a private key may have been given by mistake.
        let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        PublicKey::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Serialises as the operator's form.
impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
