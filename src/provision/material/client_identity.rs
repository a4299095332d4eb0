//! By what a client proves itself with a certificate or raw public key: the fingerprint on record, and the one name that
//! a verified certificate says.
//!
//! LwM2M Transport 1.2, sections 5.2.9.2 and 5.2.9.3; spec sheet `transport.md`, sections 4.4 and 4.5. Whether a
//! certificate is to be believed is not known here: names of one that is not verified mean nothing.

use data_encoding::HEXLOWER_PERMISSIVE;
use der::Decode;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use spki::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};

use super::{Certificate, MaterialError};

/// id-at-commonName (RFC 5280, appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// SHA-256 of a certificate or SubjectPublicKeyInfo in DER, 32 bytes.
pub fn fingerprint(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}

/// The certificate of one client, or as much of it as is needed to know it again. Equal fingerprints are equal
/// certificates.
#[derive(Clone, Debug)]
pub enum PinnedCertificate {
    /// The certificate. Boxed, for most devices have none.
    Certificate(Box<Certificate>),
    /// Its SHA-256.
    Fingerprint([u8; 32]),
}

impl PinnedCertificate {
    /// Reads a certificate as [`Certificate::parse`] does (of a chain the first counts), or `sha256:` and 64 hexadecimal
    /// digits, with colons between the bytes or without.
    ///
    /// # Errors
    /// [`MaterialError`], also for a key in its place.
    pub fn parse(text: &str) -> Result<PinnedCertificate, MaterialError> {
        let Some(digits) = text.trim().strip_prefix("sha256:") else {
            return Certificate::parse(text).map(|it| PinnedCertificate::Certificate(Box::new(it)));
        };
        let digits: String = digits.chars().filter(|letter| *letter != ':').collect();
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| MaterialError::NotFingerprint)?;
        bytes.try_into().map(PinnedCertificate::Fingerprint).map_err(|_| MaterialError::NotFingerprint)
    }

    /// SHA-256 of the DER certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        match self {
            PinnedCertificate::Certificate(certificate) => fingerprint(certificate.der()),
            PinnedCertificate::Fingerprint(fingerprint) => *fingerprint,
        }
    }

    /// The certificate, where it is known.
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            PinnedCertificate::Certificate(certificate) => Some(certificate),
            PinnedCertificate::Fingerprint(_) => None,
        }
    }
}

/// Which name of a verified certificate is the client's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateName {
    /// The subject's CN, as LwM2M wants it (Transport 1.2, section 5.2.9.3).
    #[default]
    Cn,
    /// The DNS name among the subject's alternative names.
    SanDns,
    /// The URI among the subject's alternative names, such as `urn:imei:490154203237518`.
    SanUri,
}

impl CertificateName {
    /// The name that a DER certificate says, byte for byte as it stands there. None where there is no name of this kind,
    /// or more than one: which of them is meant, nobody says.
    pub fn of(self, der: &[u8]) -> Option<String> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let content = certificate.tbs_certificate();
        if self == CertificateName::Cn {
            let parts = content.subject().iter();
            return only(parts.filter(|part| part.oid == COMMON_NAME).map(|part| {
                let name = part.value.decode_as::<DirectoryString>().ok()?;
                Some(name.value().into_owned())
            }));
        }
        let (_, names) = content.get_extension::<SubjectAltName>().ok().flatten()?;
        only(names.0.iter().filter_map(|name| match (self, name) {
            (CertificateName::SanDns, GeneralName::DnsName(name))
            | (CertificateName::SanUri, GeneralName::UniformResourceIdentifier(name)) => Some(Some(name.to_string())),
            _ => None,
        }))
    }

    /// What the name is, in the operator's words.
    pub fn description(self) -> &'static str {
        match self {
            CertificateName::Cn => "CN of its subject",
            CertificateName::SanDns => "DNS name among its alternative names",
            CertificateName::SanUri => "URI among its alternative names",
        }
    }
}

/// The one name that there is; none where it is empty, or holds what no endpoint name may.
fn only(mut names: impl Iterator<Item = Option<String>>) -> Option<String> {
    let name = names.next()??;
    let is_name = !name.is_empty() && !name.chars().any(char::is_control);
    (is_name && names.next().is_none()).then_some(name)
}

/// The CN of a DER certificate, for people to read; it proves nothing.
pub fn shown_common_name(der: &[u8]) -> Option<String> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let name = certificate.tbs_certificate().subject().common_name().ok().flatten()?;
    Some(name.value().into_owned())
}

/// The dates of a DER certificate, for people to read: `from ... to ...`, in UTC.
pub fn shown_validity(der: &[u8]) -> Option<String> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some(format!("from {} to {}", validity.not_before, validity.not_after))
}
