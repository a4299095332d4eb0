//! `DeviceDefinition`: the record of one client.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::provision::key_text::KeyText;

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
    /// Pre-shared key of the bootstrap credentials; left out, the device is served over NoSec only. Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk: Option<KeyText>,
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
