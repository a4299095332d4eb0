//! `Provision`: what one client is to receive, with everything resolved.
//!
//! [`resolve`] reads definitions that were checked before, yet trusts none of them: a reload or a change in the database
//! may leave a reference dangling, and then only the devices concerned are refused.

use super::catalog::Catalog;
use super::check::{BOOTSTRAP_ACCOUNT_REFUSED, MAX_PSK_IDENTITY_BYTES, writing};
use super::definition::{AccountType, DeviceDefinition, ProfileDefinition, SecurityMode, ServerDefinition, Transport};
use super::uri::{UriError, complete_uri};
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

/// Registration lifetime in seconds where the operator says none: the client's own default (LwM2M Core 1.2, E.2).
const DEFAULT_LIFETIME: u32 = 86_400;

/// Why a device cannot be given anything. The sentences are for the operator; they never reach a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The device names no profile, and none is the default.
    #[error("the device names no profile, and no profile is the default")]
    NoProfile,
    /// The device names a profile that is not there.
    #[error("profile `{0}` does not exist")]
    UnknownProfile(String),
    /// The profile names no account.
    #[error("profile `{0}` names no server account")]
    ProfileWithoutServers(String),
    /// The profile says something of the writes that cannot be done.
    #[error("profile `{profile}`: {problem}")]
    Writing {
        /// Name of the profile.
        profile: String,
        /// The first thing that is wrong.
        problem: String,
    },
    /// The profile names an account that is not there.
    #[error("profile `{profile}` names server `{server}`, which does not exist")]
    UnknownServer {
        /// Name of the profile.
        profile: String,
        /// Name of the account.
        server: String,
    },
    /// Two accounts of the profile have the same Short Server ID.
    #[error("servers `{first}` and `{second}` of profile `{profile}` both have ssid {ssid}")]
    DuplicateShortServerId {
        /// Name of the profile.
        profile: String,
        /// Name of the earlier account.
        first: String,
        /// Name of the later account.
        second: String,
        /// What they share.
        ssid: u16,
    },
    /// An account cannot be written.
    #[error("server `{server}`: {reason}")]
    Account {
        /// Name of the account.
        server: String,
        /// Why.
        reason: AccountError,
    },
}

/// Why one account cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// An account of type bootstrap.
    #[error("{BOOTSTRAP_ACCOUNT_REFUSED}")]
    Bootstrap,
    /// No Short Server ID, or a reserved one.
    #[error("it has no ssid of 1 to 65534")]
    NoShortServerId,
    /// No URI.
    #[error("it has no uri")]
    NoUri,
    /// A URI that does not fit.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// No key.
    #[error("its security mode is psk and it has no key")]
    NoKey,
    /// The endpoint name stands in for the identity and is too long.
    #[error(
        "its PSK identity is the endpoint name, which has {0} bytes, more than {MAX_PSK_IDENTITY_BYTES}: give `psk_identity`"
    )]
    IdentityTooLong(usize),
    /// Raw public keys, certificates, EST.
    #[error("its security mode is not supported in this version")]
    UnsupportedSecurity,
}

/// What the client that `device` stands for is to receive.
///
/// # Errors
/// [`ResolveError`], with a sentence that names the definition concerned.
pub fn resolve(device: &DeviceDefinition, catalog: &Catalog) -> Result<Provision, ResolveError> {
    let profile = match &device.profile {
        Some(name) => catalog.profile(name).ok_or_else(|| ResolveError::UnknownProfile(name.clone()))?,
        None => catalog.default_profile().ok_or(ResolveError::NoProfile)?,
    };
    let writing = writing(profile).map_err(|problems| ResolveError::Writing {
        profile: profile.name.clone(),
        problem: problems.first().map(|problem| problem.message.clone()).unwrap_or_default(),
    })?;
    let accounts = resolve_accounts(device, profile, catalog)?;
    Ok(Provision { endpoint: device.endpoint.clone(), profile: profile.name.clone(), accounts, writing })
}

/// The accounts of a profile in its order: at least one (LwM2M Core 1.2 section 6.1.2), each Short Server ID once.
fn resolve_accounts(
    device: &DeviceDefinition,
    profile: &ProfileDefinition,
    catalog: &Catalog,
) -> Result<Vec<ProvisionedAccount>, ResolveError> {
    if profile.servers.is_empty() {
        return Err(ResolveError::ProfileWithoutServers(profile.name.clone()));
    }
    let mut accounts: Vec<ProvisionedAccount> = Vec::with_capacity(profile.servers.len());
    for name in &profile.servers {
        let server = catalog
            .server(name)
            .ok_or_else(|| ResolveError::UnknownServer { profile: profile.name.clone(), server: name.clone() })?;
        let account = resolve_account(server, &device.endpoint)
            .map_err(|reason| ResolveError::Account { server: name.clone(), reason })?;
        if let Some(first) = accounts.iter().find(|other| other.short_server_id == account.short_server_id) {
            return Err(ResolveError::DuplicateShortServerId {
                profile: profile.name.clone(),
                first: first.name.clone(),
                second: account.name,
                ssid: account.short_server_id,
            });
        }
        accounts.push(account);
    }
    Ok(accounts)
}

fn resolve_account(server: &ServerDefinition, endpoint: &str) -> Result<ProvisionedAccount, AccountError> {
    if server.account_type == AccountType::Bootstrap {
        return Err(AccountError::Bootstrap);
    }
    let short_server_id = server
        .ssid
        .and_then(|ssid| u16::try_from(ssid).ok())
        .filter(|ssid| (1..=65534).contains(ssid))
        .ok_or(AccountError::NoShortServerId)?;
    let uri = server.uri.as_deref().ok_or(AccountError::NoUri)?;
    let default_binding = match server.transport {
        Transport::Udp => "U",
        Transport::Tcp => "T",
    };
    Ok(ProvisionedAccount {
        name: server.name.clone(),
        short_server_id,
        uri: complete_uri(uri, server.transport, server.security)?,
        credentials: resolve_credentials(server, endpoint)?,
        lifetime: server.lifetime.unwrap_or(DEFAULT_LIFETIME),
        binding: server.binding.clone().unwrap_or_else(|| default_binding.to_owned()),
        store_notifications: server.store_notifications.unwrap_or(true),
        default_minimum_period: server.default_minimum_period,
        default_maximum_period: server.default_maximum_period,
        disable_timeout: server.disable_timeout,
    })
}

fn resolve_credentials(server: &ServerDefinition, endpoint: &str) -> Result<AccountCredentials, AccountError> {
    match server.security {
        SecurityMode::NoSec => Ok(AccountCredentials::NoSec),
        SecurityMode::Psk => {
            let key = server.psk.as_ref().ok_or(AccountError::NoKey)?.key().clone();
            let identity = match &server.psk_identity {
                Some(identity) => identity.clone(),
                None if endpoint.len() > MAX_PSK_IDENTITY_BYTES => {
                    return Err(AccountError::IdentityTooLong(endpoint.len()));
                }
                None => endpoint.to_owned(),
            };
            Ok(AccountCredentials::Psk { identity, key })
        }
        SecurityMode::Rpk | SecurityMode::Certificate | SecurityMode::Est => Err(AccountError::UnsupportedSecurity),
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
