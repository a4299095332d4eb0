//! Issued credentials, revealed definitions, batches of devices, and unknown clients that wait.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Resource};
use super::timestamp::Timestamp;
use crate::provision::{SecretFields, SecretText};

/// The issued credentials of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    /// Its endpoint name.
    pub endpoint: String,
    /// When an operator last asked for new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_requested: Option<Timestamp>,
    /// Every record, the last issued first.
    pub items: Vec<IssuedEntry>,
}

/// One record of issued credentials. The values are there only where they were to be revealed, and of them only those
/// that were drawn at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IssuedEntry {
    /// Name of the server account.
    pub server: String,
    /// How they stand.
    pub state: CredentialState,
    /// When they were drawn.
    pub issued: Timestamp,
    /// When the client was known to have taken them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Timestamp>,
    /// Names of the fields that were drawn.
    pub fields: Vec<String>,
    /// PSK identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk_identity: Option<SecretText>,
    /// Key, as `hex:...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk: Option<SecretText>,
    /// The same key as `text:...`, where its bytes are printable ASCII.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psk_text: Option<SecretText>,
    /// URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<SecretText>,
}

/// How issued credentials stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialState {
    /// The client is known to have taken them.
    Current,
    /// They are the last that were issued; the client may have taken them.
    Pending,
    /// Others were issued since; the client may still have taken these.
    Previous,
}

impl CredentialState {
    /// The name that the API and the tables use.
    pub fn name(self) -> &'static str {
        match self {
            CredentialState::Current => "current",
            CredentialState::Pending => "pending",
            CredentialState::Previous => "previous",
        }
    }
}

/// A definition, and its secrets beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revealed<D: Resource> {
    /// The definition as it is always shown.
    #[serde(flatten, bound(deserialize = "D: Resource"))]
    pub entry: Entry<D>,
    /// The secrets by the place where they belong.
    pub revealed: SecretFields,
}

/// Devices that are to be blocked or unblocked, all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    /// Their endpoint names.
    pub endpoints: Vec<String>,
    /// Why, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchChanged {
    /// Devices that have another state now.
    pub changed: u64,
    /// Devices that had this state already.
    pub unchanged: u64,
}

/// An unknown client that waits to be approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldClient {
    /// The endpoint name that it claims.
    pub endpoint: String,
    /// Whether a client has come whose certificate says this name, and a trust anchor vouches for that; otherwise nothing
    /// has proven it. The device of such a client has to come with its certificate from then on.
    #[serde(default)]
    pub verified: bool,
    /// The listener at which it asked.
    pub listener: String,
    /// Where it last came from.
    pub remote: String,
    /// When it first asked.
    pub first_seen: Timestamp,
    /// When it last asked.
    pub last_seen: Timestamp,
    /// How often it asked.
    pub requests: u64,
}

/// What the device of an approved client is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Name of its profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Its properties.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}
