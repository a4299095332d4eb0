//! `Provision`: what one client is to receive, with everything resolved.

use crate::lwm2m::ContentFormat;
use crate::lwm2m::path::{ObjectId, ObjectInstanceId};
use crate::secret::Secret;

/// What one client is to receive.
#[derive(Clone, Debug, PartialEq)]
pub struct Provision {
    /// Endpoint name of the device.
    pub endpoint: String,
    /// Name of the profile it came from.
    pub profile: String,
    /// Server accounts in the order in which they are written; at least one.
    pub accounts: Vec<ProvisionedAccount>,
    /// How to write them.
    pub writing: Writing,
}

/// One management server account for one client.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvisionedAccount {
    /// Name of the server account.
    pub name: String,
    /// Short Server ID, 1..65534.
    pub short_server_id: u16,
    /// Full URI with scheme, at most 255 bytes.
    pub uri: String,
    /// What the client proves itself with.
    pub credentials: AccountCredentials,
    /// Registration lifetime in seconds, at least 1.
    pub lifetime: u32,
    /// Binding as the operator wrote it; it is mapped to the client's version when it is written.
    pub binding: String,
    /// Whether notifications are stored while the client is offline.
    pub store_notifications: bool,
    /// Default minimum period in seconds.
    pub default_minimum_period: Option<u32>,
    /// Default maximum period in seconds.
    pub default_maximum_period: Option<u32>,
    /// Disable timeout in seconds.
    pub disable_timeout: Option<u32>,
}

/// What a client proves itself with to an LwM2M Server.
#[derive(Clone, Debug, PartialEq)]
pub enum AccountCredentials {
    /// Nothing (security mode 3).
    NoSec,
    /// A pre-shared key (security mode 0).
    Psk {
        /// Identity, 1..128 bytes of UTF-8.
        identity: String,
        /// Key, 1..64 bytes.
        key: Secret,
    },
}

/// How a provision is written into a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Writing {
    /// Content format of all writes; none means that the client's wish and what is known of it decide.
    pub format: Option<ContentFormat>,
    /// Whether to ask the client what it has.
    pub discover: Discover,
    /// Objects that are emptied before anything is written.
    pub delete: Vec<ObjectId>,
    /// Where the client keeps its bootstrap account, if the operator knows.
    pub bootstrap_account_instance: Option<ObjectInstanceId>,
}

/// Whether to send Bootstrap-Discover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discover {
    /// Ask, and do without an answer where the client refuses.
    #[default]
    Auto,
    /// Ask; a refusal ends the session.
    Always,
    /// Do not ask.
    Never,
}

impl Provision {
    /// Whether any account carries a key, which must not travel unprotected.
    pub fn carries_secrets(&self) -> bool {
        self.accounts.iter().any(|account| matches!(account.credentials, AccountCredentials::Psk { .. }))
    }
}
