//! [`Provision`]: what one client is to receive, with everything resolved.

use std::fmt;
use std::time::Duration;

use super::issued::IssuedReference;
use crate::lwm2m::path::{ObjectId, ObjectInstanceId};
use crate::lwm2m::{ContentFormat, ObjectInstance, Path, Resource, ResourceValue, Value};
use crate::secret::Secret;

/// What one client is to receive.
#[derive(Clone, Debug, PartialEq)]
pub struct Provision {
    /// Endpoint name of the device.
    pub endpoint: String,
    /// Name of the profile it came from.
    pub profile: String,
    /// Why this profile.
    pub choice: ProfileChoice,
    /// Accounts in the order in which they are written; at least one is a management account, and at most one is a
    /// bootstrap account.
    pub accounts: Vec<ProvisionedAccount>,
    /// Further object instances, written after the accounts.
    pub writes: Vec<(ObjectId, ObjectInstance)>,
    /// How to write them.
    pub writing: Writing,
}

/// What gave a device its profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProfileChoice {
    /// The device names it.
    #[default]
    Device,
    /// A rule of the profile fits the device: which, counted from 0.
    Rule(usize),
    /// Nothing else did, and it is the default.
    Default,
}

/// One account for one client.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvisionedAccount {
    /// Name of the server account.
    pub name: String,
    /// Full URI with scheme, at most 255 bytes.
    pub uri: String,
    /// What the client proves itself with.
    pub credentials: AccountCredentials,
    /// Optional resources of the Security Object instance, ascending by id: none of 0 to 5 and 10.
    pub security_resources: Vec<Resource>,
    /// Where the account leads.
    pub role: AccountRole,
    /// The issued credentials in it, where there are any.
    pub issued: Option<IssuedReference>,
}

/// Where an account leads, and what the client keeps of it beside the Security Object instance.
#[derive(Clone, Debug, PartialEq)]
pub enum AccountRole {
    /// To an LwM2M Server.
    Management(ServerSettings),
    /// To a Bootstrap-Server: it takes the place of the client's own bootstrap account.
    Bootstrap,
}

/// What the Server Object instance of a management account says.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// Short Server ID, 1..65534.
    pub short_server_id: u16,
    /// Registration lifetime in seconds, at least 1.
    pub lifetime: u32,
    /// Binding as the operator wrote it; it is mapped to the client's version when it is written.
    pub binding: String,
    /// Whether notifications are stored while the client is offline.
    pub store_notifications: bool,
    /// Optional resources, ascending by id: none of 0, 1, 6 and 7.
    pub resources: Vec<Resource>,
}

/// What a client proves itself with (spec sheet `objects.md`, section 3).
#[derive(Clone, Debug, PartialEq)]
pub enum AccountCredentials {
    /// Nothing (security mode 3).
    NoSec,
    /// A pre-shared key (security mode 0).
    Psk {
        /// Identity, 1..128 bytes of UTF-8.
        identity: Vec<u8>,
        /// Key, 1..64 bytes.
        key: Secret,
    },
    /// A raw public key (security mode 1).
    RawPublicKey {
        /// The client's, SubjectPublicKeyInfo in DER.
        client: Vec<u8>,
        /// The server's, SubjectPublicKeyInfo in DER.
        server: Vec<u8>,
        /// The client's private key, PKCS#8 in DER.
        private_key: Secret,
    },
    /// A certificate (security mode 2).
    Certificate {
        /// The client's, X.509 in DER.
        client: Vec<u8>,
        /// What the server is recognised by: a certificate in DER, or its digest.
        server: Vec<u8>,
        /// The client's private key, PKCS#8 in DER.
        private_key: Secret,
    },
    /// A certificate that the client gets by EST (security mode 4).
    Est {
        /// What the server is recognised by: a certificate in DER, or its digest.
        server: Vec<u8>,
    },
}

/// How a provision is written into a client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Writing {
    /// Content format of all writes; none means that the client's wish and what is known of it decide.
    pub format: Option<ContentFormat>,
    /// Whether to ask the client what it has.
    pub discover: Discover,
    /// Whether what the client has is replaced, or only what differs is written.
    pub mode: Mode,
    /// How much one Bootstrap-Write carries.
    pub level: Level,
    /// How a Bootstrap-Pack-Request is answered.
    pub pack: Pack,
    /// What is deleted before anything is written: the root, objects or object instances.
    pub delete: Vec<Path>,
    /// Whether Access Control may be written.
    pub access_control: AccessControl,
    /// Where the client keeps its bootstrap account, if the operator knows.
    pub bootstrap_account_instance: Option<ObjectInstanceId>,
    /// Retransmission parameters other than the listener's.
    pub timing: TimingOverride,
}

/// Retransmission parameters of a slow network (RFC 7252 section 4.8); what is left out is the listener's, with no more
/// retransmissions than fit ([`timing`](super::timing)).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimingOverride {
    /// ACK_TIMEOUT.
    pub ack_timeout: Option<Duration>,
    /// MAX_RETRANSMIT.
    pub max_retransmit: Option<u32>,
}

/// What becomes of what the client has already (LwM2M Core 1.2 section 6.1.3.3; spec sheet `bootstrap.md`, section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything is written; what the profile deletes goes first.
    #[default]
    Replace,
    /// The client is asked what it has, and what it has already is not written again. What cannot be read, such as the
    /// Security Object, is written.
    Incremental,
}

/// How much one Bootstrap-Write carries (spec sheet `bootstrap.md`, section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// One object instance: works everywhere (spec sheet `clients.md`, section 3).
    #[default]
    Instance,
    /// All instances of one object.
    Object,
    /// One resource.
    Resource,
}

/// How a Bootstrap-Pack-Request is answered (LwM2M Core 1.2 section 6.1.7.7; spec sheet `bootstrap.md`, section 11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pack {
    /// With the pack.
    #[default]
    Allow,
    /// With 4.05: the client is to use Bootstrap-Request.
    Redirect,
    /// With 5.01, as by a server that knows no packs.
    Never,
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

/// Whether Access Control instances are written for several accounts (spec sheet `objects.md`, sections 10 and 11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessControl {
    /// Where the client's version needs them.
    #[default]
    Auto,
    /// Never; what the operator writes out is written all the same.
    Never,
}

impl Writing {
    /// Whether all instances of `object` are deleted first.
    pub fn empties(&self, object: ObjectId) -> bool {
        self.delete.iter().any(|target| matches!(target, Path::Root) || *target == Path::Object(object))
    }
}

impl Provision {
    /// Whether anything in it must not travel unprotected.
    pub fn carries_secrets(&self) -> bool {
        let opaque = |resource: &Resource| match &resource.value {
            ResourceValue::Single(value) => matches!(value, Value::Opaque(_)),
            ResourceValue::Multiple(values) => values.iter().any(|(_, value)| matches!(value, Value::Opaque(_))),
        };
        self.writes.iter().any(|(_, instance)| instance.resources.iter().any(opaque))
            || self
                .accounts
                .iter()
                .any(|account| account.credentials.are_secret() || account.security_resources.iter().any(opaque))
    }

    /// The management accounts, in order.
    pub fn management(&self) -> impl Iterator<Item = (&ProvisionedAccount, &ServerSettings)> {
        self.accounts.iter().filter_map(|account| match &account.role {
            AccountRole::Management(settings) => Some((account, settings)),
            AccountRole::Bootstrap => None,
        })
    }

    /// The account that takes the place of the client's bootstrap account.
    pub fn bootstrap_account(&self) -> Option<&ProvisionedAccount> {
        self.accounts.iter().find(|account| account.role == AccountRole::Bootstrap)
    }
}

impl AccountCredentials {
    /// Whether there is a key that must not be known to others.
    pub fn are_secret(&self) -> bool {
        !matches!(self, AccountCredentials::NoSec | AccountCredentials::Est { .. })
    }
}

impl fmt::Display for ProfileChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileChoice::Device => formatter.write_str("the device names it"),
            ProfileChoice::Rule(position) => write!(formatter, "rule {} of the profile fits", position + 1),
            ProfileChoice::Default => formatter.write_str("no rule fits, and it is the default"),
        }
    }
}
