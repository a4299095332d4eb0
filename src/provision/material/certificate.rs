//! `Certificate`: an X.509 certificate, which goes as DER into `/0/x/3` and `/0/x/4` (objects.md section 3).

use std::fmt;

use der::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use x509_cert::ext::pkix::BasicConstraints;

use super::subject_public_key::SubjectPublicKey;
use super::text::{self, Form, Label};
use super::{KeyKind, MaterialError};

const WANTED: &str = "a certificate (`-----BEGIN CERTIFICATE-----`)";

/// An X.509 certificate in the operator's own form, and what is to be known of it. Equal where all DER is.
///
/// The text may be a chain, the end-entity certificate first: that one is the certificate, since clients of LwM2M 1.0
/// take exactly one; [`chain`](Certificate::chain) keeps the others in their order.
#[derive(Clone)]
pub struct Certificate {
    text: String,
    der: Vec<u8>,
    chain: Vec<Vec<u8>>,
    key: SubjectPublicKey,
    not_before: u64,
    not_after: u64,
    names: Box<Names>,
    subject_common_name: Option<String>,
    is_certificate_authority: bool,
}

/// Whose a certificate is and who says so, both in DER.
#[derive(Clone)]
struct Names {
    subject: Vec<u8>,
    issuer: Vec<u8>,
}

impl Certificate {
    /// Reads PEM (one `CERTIFICATE` or a chain of them), or `base64:` or `hex:` of one DER certificate.
    ///
    /// # Errors
    /// [`MaterialError`], also for a key in its place or beside it: the text of a certificate is shown to everybody.
    pub fn parse(text: &str) -> Result<Certificate, MaterialError> {
        let mut all = Certificate::parse_all(text)?.into_iter();
        let first = all.next().ok_or(MaterialError::NoForm)?;
        Ok(Certificate { chain: all.map(|certificate| certificate.der).collect(), ..first })
    }

    /// Reads the same, and gives every certificate of it, in its order; at least one.
    ///
    /// # Errors
    /// As for [`Certificate::parse`].
    pub fn parse_all(text: &str) -> Result<Vec<Certificate>, MaterialError> {
        let blocks = match text::read(text)? {
            Form::Der(der) => return Ok(vec![Certificate::from_der(text, &der)?]),
            Form::Pem(blocks) => blocks,
        };
        if let Some(foreign) = blocks.iter().find(|block| block.label != Label::Certificate) {
            return Err(MaterialError::WrongContent { wanted: WANTED, found: foreign.label.content() });
        }
        blocks.iter().map(|block| Certificate::from_der(text, &block.der)).collect()
    }

    pub(super) fn from_der(text: &str, der: &[u8]) -> Result<Certificate, MaterialError> {
        let not_certificate = |_| MaterialError::NotCertificate;
        let certificate = x509_cert::Certificate::from_der(der).map_err(not_certificate)?;
        let content = certificate.tbs_certificate();
        let key = content.subject_public_key_info().to_der().map_err(not_certificate)?;
        let constraints = content.get_extension::<BasicConstraints>().map_err(|_| MaterialError::NotCertificate)?;
        let common_name = content.subject().common_name().ok().flatten();
        Ok(Certificate {
            text: text.to_owned(),
            der: der.to_vec(),
            chain: Vec::new(),
            key: SubjectPublicKey::from_der(&key)?,
            not_before: content.validity().not_before.to_unix_duration().as_secs(),
            not_after: content.validity().not_after.to_unix_duration().as_secs(),
            names: Box::new(Names {
                subject: content.subject().to_der().map_err(not_certificate)?,
                issuer: content.issuer().to_der().map_err(not_certificate)?,
            }),
            subject_common_name: common_name.map(|name| name.value().into_owned()),
            is_certificate_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
        })
    }

    /// The operator's form, shown the way it was entered; with the whole chain, where one was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// DER of the (first) certificate, as it is written.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// DER of what followed the first certificate, in the operator's order.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// DER SubjectPublicKeyInfo of its key.
    pub fn spki_der(&self) -> &[u8] {
        self.key.der()
    }

    /// Algorithm and size of its key.
    pub fn kind(&self) -> KeyKind {
        self.key.kind()
    }

    /// Start of validity, in seconds since 1970.
    pub fn not_before(&self) -> u64 {
        self.not_before
    }

    /// End of validity, in seconds since 1970; that second is still within (RFC 5280 section 4.1.2.5).
    pub fn not_after(&self) -> u64 {
        self.not_after
    }

    /// The subject's CN, which of a client certificate should be the endpoint name (objects.md section 3).
    pub fn subject_common_name(&self) -> Option<&str> {
        self.subject_common_name.as_deref()
    }

    /// Whether it names itself as its issuer, as roots do (RFC 5280 section 3.2); whether it has signed itself is not looked
    /// at.
    pub fn is_self_issued(&self) -> bool {
        self.names_as_issuer(self)
    }

    /// Whether it names the subject of `other` as its issuer; whether that one has signed it is not looked at.
    pub fn names_as_issuer(&self, other: &Certificate) -> bool {
        self.names.issuer == other.names.subject
    }

    /// Whether its basic constraints say that it is an authority's (RFC 5280 section 4.2.1.9).
    pub fn is_certificate_authority(&self) -> bool {
        self.is_certificate_authority
    }

    pub(super) fn subject_public_key(&self) -> &SubjectPublicKey {
        &self.key
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Certificate) -> bool {
        self.der == other.der && self.chain == other.chain
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Certificate({:?}, {})", self.subject_common_name, self.kind())
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Certificate, D::Error> {
        // Wiped, because a private key may have been given by mistake.
        let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        Certificate::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Serialises as the operator's form.
impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
