//! `DeviceDefinition`: the record of one client.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::provision::key_text::KeyText;
use crate::provision::material::{PinnedCertificate, PublicKey, fingerprint};

/// Whether a device is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    /// It is.
    #[default]
    Enabled,
    /// It is refused.
    Blocked,
}

impl DeviceState {
    /// The word in TOML, JSON, CSV and the database.
    pub fn name(self) -> &'static str {
        match self {
            DeviceState::Enabled => "enabled",
            DeviceState::Blocked => "blocked",
        }
    }
}

/// The record of one client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceDefinition {
    /// Endpoint client name, unique; compared byte for byte.
    pub endpoint: String,
    /// PSK identity of the bootstrap credentials: text, `hex:...`, `base64:...` or `text:...`; left out, it is the
    /// endpoint name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk_identity: Option<String>,
    /// Pre-shared key of the bootstrap credentials. Secret. A device without any bootstrap credentials is served over
    /// NoSec, and where a verified certificate says its endpoint name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk: Option<KeyText>,
    /// The one certificate by which the client proves itself, which no authority need have signed: PEM, DER as
    /// `base64:...` or `hex:...`, or `sha256:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The name that the client's certificate says, signed by an authority that the listener trusts; it may differ from
    /// the endpoint name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    /// The raw public key (RFC 7250) by which the client proves itself: PEM, or a DER SubjectPublicKeyInfo as
    /// `base64:...` or `hex:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Name of the profile; left out, that of the first rule that fits, or the default profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What else is known of the device, by name (`[A-Za-z0-9._-]+`): rules and expressions ask for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub properties: BTreeMap<String, String>,
    /// Words by which devices are grouped, `[A-Za-z0-9._:-]+`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tags: BTreeSet<String>,
    /// Whether the device is served.
    #[serde(default, skip_serializing_if = "is_default")]
    pub state: DeviceState,
}

impl DeviceDefinition {
    /// SHA-256 of the certificate on record; none where there is none, or what stands there cannot be read.
    pub fn certificate_fingerprint(&self) -> Option<[u8; 32]> {
        PinnedCertificate::parse(self.certificate.as_deref()?).ok().map(|pinned| pinned.fingerprint())
    }

    /// SHA-256 of the SubjectPublicKeyInfo on record; none where there is none, or what stands there cannot be read.
    pub fn public_key_fingerprint(&self) -> Option<[u8; 32]> {
        PublicKey::parse(self.public_key.as_deref()?).ok().map(|key| fingerprint(key.der()))
    }

    /// Whether there is anything by which the client is to prove itself.
    pub fn has_bootstrap_credentials(&self) -> bool {
        let texts = [&self.certificate, &self.certificate_name, &self.public_key];
        self.psk.is_some() || texts.into_iter().any(Option::is_some)
    }
}
