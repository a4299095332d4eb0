//! The extensions of a certificate that path validation looks at (RFC 5280, section 4.2).
//!
//! Read as strictly as OpenSSL does, which takes a certificate with one that it cannot read for nobody's.

use der::asn1::BitString;
use der::{Decode, ErrorKind};
use spki::ObjectIdentifier;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
    SubjectKeyIdentifier,
};

const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const NETSCAPE_CERTIFICATE_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113730.1.1");

/// Those of which OpenSSL takes a critical one (`X509_supported_extension`) and that change nothing here.
const HARMLESS: [ObjectIdentifier; 6] = [
    ObjectIdentifier::new_unwrap("2.5.29.31"),            // cRLDistributionPoints
    ObjectIdentifier::new_unwrap("2.5.29.32"),            // certificatePolicies
    ObjectIdentifier::new_unwrap("2.5.29.33"),            // policyMappings
    ObjectIdentifier::new_unwrap("2.5.29.36"),            // policyConstraints
    ObjectIdentifier::new_unwrap("2.5.29.54"),            // inhibitAnyPolicy
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5"), // id-pkix-ocsp-nocheck
];

/// Those that change what a certificate means and are not evaluated, critical or not.
const REFUSED: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.14"), // proxyCertInfo (RFC 3820)
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.7"),  // ipAddrBlocks (RFC 3779)
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.8"),  // autonomousSysIds (RFC 3779)
];

/// id-kp-clientAuth (RFC 5280, section 4.2.1.12).
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// The first bit of Netscape's certificate type.
const NETSCAPE_CLIENT: u8 = 0x80;

/// What the extensions of one certificate say.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) subject_key: Option<SubjectKeyIdentifier>,
    pub(super) authority_key: Option<AuthorityKeyIdentifier>,
    pub(super) alternative_names: Option<SubjectAltName>,
    pub(super) name_constraints: Option<NameConstraints>,
    /// Whether one is critical and unknown, or not to be taken at all.
    pub(super) is_unacceptable: bool,
    extended_key_usage: Option<ExtendedKeyUsage>,
    netscape_type: Option<BitString>,
}

impl Extensions {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// One of those that matter cannot be read, says nothing at all, or is there twice.
    pub(super) fn read(list: &[Extension]) -> der::Result<Extensions> {
        let mut read = Extensions::default();
        for extension in list {
            match extension.extn_id {
                BASIC_CONSTRAINTS => only(&mut read.basic_constraints, extension)?,
                KEY_USAGE => only(&mut read.key_usage, extension)?,
                EXTENDED_KEY_USAGE => only(&mut read.extended_key_usage, extension)?,
                SUBJECT_KEY_IDENTIFIER => {
                    read.is_unacceptable |= extension.critical;
                    only(&mut read.subject_key, extension)?;
                }
                AUTHORITY_KEY_IDENTIFIER => {
                    read.is_unacceptable |= extension.critical;
                    only(&mut read.authority_key, extension)?;
                }
                SUBJECT_ALT_NAME => only(&mut read.alternative_names, extension)?,
                NAME_CONSTRAINTS => only(&mut read.name_constraints, extension)?,
                NETSCAPE_CERTIFICATE_TYPE => only(&mut read.netscape_type, extension)?,
                other => {
                    let is_unknown = extension.critical && !HARMLESS.contains(&other);
                    read.is_unacceptable |= is_unknown || REFUSED.contains(&other);
                }
            }
        }
        match &read.key_usage {
            Some(usage) if usage.0.is_empty() => Err(ErrorKind::Failed.into()),
            _ => Ok(read),
        }
    }

    /// Whether they allow clients, as far as they say anything about it.
    pub(super) fn allow_clients(&self) -> bool {
        self.extended_key_usage.as_ref().is_none_or(|usage| usage.0.contains(&CLIENT_AUTH))
    }

    /// The same of Netscape's extension, which is from before that.
    pub(super) fn allow_netscape_clients(&self) -> bool {
        let first = self.netscape_type.as_ref().map(|bits| bits.raw_bytes().first().copied().unwrap_or(0));
        first.is_none_or(|bits| bits & NETSCAPE_CLIENT != 0)
    }

    /// Whether the key may make signatures (RFC 5246, section 7.4.6).
    pub(super) fn allow_signing(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.digital_signature())
    }

    /// Whether the key may at least agree on keys: what OpenSSL asks of a client before it looks at anything else.
    pub(super) fn allow_handshakes(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.digital_signature() || usage.key_agreement())
    }

    /// Whether the key may certify.
    pub(super) fn allow_certifying(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.key_cert_sign())
    }
}

/// Reads an extension that may be there once.
fn only<'a, T: Decode<'a, Error = der::Error>>(place: &mut Option<T>, extension: &'a Extension) -> der::Result<()> {
    let value = T::from_der(extension.extn_value.as_bytes())?;
    if place.replace(value).is_some() { Err(ErrorKind::Failed.into()) } else { Ok(()) }
}
