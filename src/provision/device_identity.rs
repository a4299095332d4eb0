//! `DeviceIdentity`: what a client proves and a device is found by; no two devices may have the same.
//!
//! LwM2M Transport 1.2, section 5.2.6; spec sheet `transport.md`, sections 4.3 to 4.5.

use std::fmt;

use data_encoding::HEXLOWER;

use super::DeviceDefinition;
use super::identity_text::identity_bytes;

/// By what a device is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdentityKind {
    /// Its PSK identity, explicit or following from its endpoint name.
    Psk,
    /// SHA-256 of its pinned certificate.
    Certificate,
    /// The name that its verified certificate says.
    CertificateName,
    /// SHA-256 of its raw public key.
    PublicKey,
}

impl IdentityKind {
    /// Every kind.
    pub const ALL: [IdentityKind; 4] =
        [IdentityKind::Psk, IdentityKind::Certificate, IdentityKind::CertificateName, IdentityKind::PublicKey];

    /// The field of a device that says it.
    pub fn field(self) -> &'static str {
        match self {
            IdentityKind::Psk => "psk_identity",
            IdentityKind::Certificate => "certificate",
            IdentityKind::CertificateName => "certificate_name",
            IdentityKind::PublicKey => "public_key",
        }
    }
}

/// One identity of a device. Shows itself as `the PSK identity ...` and the like.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceIdentity {
    /// By what it is.
    pub kind: IdentityKind,
    /// The bytes that are compared.
    pub value: Vec<u8>,
}

impl fmt::Display for DeviceIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = || String::from_utf8_lossy(&self.value).escape_debug().to_string();
        let hex = || HEXLOWER.encode(&self.value);
        match self.kind {
            IdentityKind::Psk => write!(formatter, "the PSK identity `{}`", text()),
            IdentityKind::CertificateName => write!(formatter, "the certificate name `{}`", text()),
            IdentityKind::Certificate => write!(formatter, "the certificate sha256:{}", hex()),
            IdentityKind::PublicKey => write!(formatter, "the public key sha256:{}", hex()),
        }
    }
}

impl DeviceDefinition {
    /// Everything by which the client may prove itself. What cannot be read is left out, but for a PSK identity, which is
    /// then taken as it was written: the checks refuse it.
    pub fn identities(&self) -> Vec<DeviceIdentity> {
        IdentityKind::ALL
            .into_iter()
            .filter_map(|kind| Some(DeviceIdentity { kind, value: self.identity(kind)? }))
            .collect()
    }

    fn identity(&self, kind: IdentityKind) -> Option<Vec<u8>> {
        match kind {
            IdentityKind::Psk => self.effective_psk_identity(),
            IdentityKind::Certificate => self.certificate_fingerprint().map(Vec::from),
            IdentityKind::CertificateName => self.certificate_name.clone().map(String::into_bytes),
            IdentityKind::PublicKey => self.public_key_fingerprint().map(Vec::from),
        }
    }

    /// The PSK identity that the device must prove, in bytes; none where it has no key.
    pub fn effective_psk_identity(&self) -> Option<Vec<u8>> {
        self.psk.as_ref()?;
        Some(match &self.psk_identity {
            Some(text) => identity_bytes(text).unwrap_or_else(|_| text.as_bytes().to_vec()),
            None => self.endpoint.as_bytes().to_vec(),
        })
    }
}
