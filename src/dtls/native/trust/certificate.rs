//! A certificate, read strictly and once, and what path validation asks of it (RFC 5280, sections 4.1 and 4.2).
//!
//! Knows neither the path that it is part of nor the time.

use der::{Class, Decode, Encode, Tag, Tagged};
use pkcs1::RsaPublicKeyRef;
use spki::{ObjectIdentifier, SubjectPublicKeyInfoOwned};
use x509_cert::certificate::{CertificateInner, Profile, TbsCertificateInner, Version};
use x509_cert::ext::pkix::AuthorityKeyIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

use super::extensions::Extensions;
use super::public_key::EC_PUBLIC_KEY;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// Signature algorithms with MD2, MD4, MD5 and SHA-1 (RFC 3279, section 2.2).
const WEAK_SIGNATURES: [ObjectIdentifier; 5] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.3"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
];

/// Keys of 112 bits of security and more, as OpenSSL's level 2 wants them.
const RSA_BITS_MIN: usize = 2048;
const CURVE_BITS_MIN: usize = 224;

/// Takes serial numbers of any length and dates in either form, as devices' makers have issued them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct AsIssued;

impl Profile for AsIssued {
    fn check_serial_number(_: &SerialNumber<AsIssued>) -> der::Result<()> {
        Ok(())
    }

    fn time_encoding(time: Time) -> der::Result<Time> {
        Ok(time)
    }
}

/// What one certificate says.
pub(in crate::dtls::native) struct Certificate {
    /// As it came.
    pub(super) der: Vec<u8>,
    pub(super) subject: Name,
    pub(super) issuer: Name,
    /// DER SubjectPublicKeyInfo.
    pub(in crate::dtls::native) key: Vec<u8>,
    pub(super) key_kind: KeyKind,
    /// Seconds since 1970; both are within.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// None: one of them cannot be read, or is there twice.
    pub(super) extensions: Option<Extensions>,
    pub(super) is_version_1: bool,
    serial: Vec<u8>,
    signature_algorithm: ObjectIdentifier,
}

/// Algorithm and strength of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// On a curve that has a name.
    Curve {
        bits: usize,
    },
    /// On a curve that is written out (RFC 5480, section 2.1.1, forbids it), or without any.
    NamelessCurve,
    Rsa {
        bits: usize,
    },
    Other(ObjectIdentifier),
    Unreadable,
}

impl Certificate {
    /// Reads a certificate that is DER to the last byte. `None`: it is none.
    pub(in crate::dtls::native) fn read(der: Vec<u8>) -> Option<Certificate> {
        let certificate = CertificateInner::<AsIssued>::from_der(&der).ok()?;
        if certificate.to_der().ok()? != der {
            return None;
        }
        let content: &TbsCertificateInner<AsIssued> = certificate.tbs_certificate();
        if ![content.subject(), content.issuer()].into_iter().all(is_text) {
            return None;
        }
        let seconds = |time: &Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
        Some(Certificate {
            subject: content.subject().clone(),
            issuer: content.issuer().clone(),
            key: content.subject_public_key_info().to_der().ok()?,
            key_kind: KeyKind::of(content.subject_public_key_info()),
            not_before: seconds(&content.validity().not_before)?,
            not_after: seconds(&content.validity().not_after)?,
            extensions: Extensions::read(content.extensions().map_or(&[], Vec::as_slice)).ok(),
            is_version_1: content.version() == Version::V1,
            serial: content.serial_number().as_bytes().to_vec(),
            signature_algorithm: content.signature().oid,
            der,
        })
    }

    /// Whether it names itself as its issuer.
    pub(in crate::dtls::native) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether, by all that it says, it has signed itself; the signature is not looked at.
    pub(super) fn is_self_signed(&self) -> bool {
        self.is_likely_issuer_of(self)
    }

    /// Whether, by all that both say, it has issued `other`; the signature is not looked at.
    pub(super) fn is_likely_issuer_of(&self, other: &Certificate) -> bool {
        // Without extensions that can be read nobody knows what was allowed.
        let (Some(own), Some(others)) = (&self.extensions, &other.extensions) else { return false };
        self.subject == other.issuer
            && self.may_have_made(other.signature_algorithm)
            && others.authority_key.as_ref().is_none_or(|wanted| self.is_meant_by(own, wanted))
    }

    /// Whether an authority key identifier fits it (RFC 5280, section 4.2.1.1).
    fn is_meant_by(&self, own: &Extensions, wanted: &AuthorityKeyIdentifier) -> bool {
        let has_other_key = match (&wanted.key_identifier, &own.subject_key) {
            (Some(wanted), Some(own)) => *wanted != own.0,
            _ => false,
        };
        let serial = wanted.authority_cert_serial_number.as_ref();
        let mut issuers = wanted.authority_cert_issuer.iter().flatten().filter_map(|name| match name {
            GeneralName::DirectoryName(name) => Some(name),
            _ => None,
        });
        !has_other_key
            && serial.is_none_or(|serial| serial.as_bytes() == self.serial)
            && issuers.next().is_none_or(|issuer| *issuer == self.issuer)
    }

    /// Whether signatures of that algorithm are made by keys like its own.
    fn may_have_made(&self, signature_algorithm: ObjectIdentifier) -> bool {
        let is_below = |arc: &str| signature_algorithm.to_string().starts_with(arc);
        match self.key_kind {
            KeyKind::Curve { .. } | KeyKind::NamelessCurve => is_below("1.2.840.10045.4."),
            KeyKind::Rsa { .. } => is_below("1.2.840.113549.1.1."),
            KeyKind::Other(RSASSA_PSS) => signature_algorithm == RSASSA_PSS,
            KeyKind::Other(algorithm) => signature_algorithm == algorithm,
            KeyKind::Unreadable => false,
        }
    }

    /// Whether its key is too weak for an authority.
    pub(super) fn has_weak_key(&self) -> bool {
        match self.key_kind {
            KeyKind::Curve { bits } => bits < CURVE_BITS_MIN,
            KeyKind::Rsa { bits } => bits < RSA_BITS_MIN,
            KeyKind::NamelessCurve | KeyKind::Other(_) | KeyKind::Unreadable => false,
        }
    }

    /// Whether the signature on it is by a digest that can be forged.
    pub(super) fn has_weak_signature(&self) -> bool {
        WEAK_SIGNATURES.contains(&self.signature_algorithm)
    }
}

impl KeyKind {
    fn of(info: &SubjectPublicKeyInfoOwned) -> KeyKind {
        let Some(key) = info.subject_public_key.as_bytes() else { return KeyKind::Unreadable };
        match info.algorithm.oid {
            EC_PUBLIC_KEY => match &info.algorithm.parameters {
                Some(name) if name.decode_as::<ObjectIdentifier>().is_ok() => {
                    // 04, x, y or 02, x (SEC 1, section 2.3.3).
                    let coordinates = if key.first() == Some(&4) { 2 } else { 1 };
                    KeyKind::Curve { bits: key.len().saturating_sub(1) / coordinates * 8 }
                }
                _ => KeyKind::NamelessCurve,
            },
            RSA_ENCRYPTION => match RsaPublicKeyRef::from_der(key) {
                Ok(key) => KeyKind::Rsa { bits: bit_length(key.modulus.as_bytes()) },
                Err(_) => KeyKind::Unreadable,
            },
            other => KeyKind::Other(other),
        }
    }
}

/// Whether each part of a name is of a type that ASN.1 knows, and Unicode where it says so: what OpenSSL looks at as it
/// reads, and x509-cert does not.
fn is_text(name: &Name) -> bool {
    name.iter().all(|part| match part.value.tag() {
        Tag::Utf8String => std::str::from_utf8(part.value.value()).is_ok(),
        Tag::BmpString => part.value.value().len().is_multiple_of(2),
        tag => tag.class() == Class::Universal,
    })
}

/// Length of a big-endian number without its leading zeros.
fn bit_length(number: &[u8]) -> usize {
    match number.iter().position(|byte| *byte != 0) {
        Some(first) => (number.len() - first) * 8 - number[first].leading_zeros() as usize,
        None => 0,
    }
}
