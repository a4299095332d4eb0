//! From a device and the catalog to the [`Provision`] of one client.
//!
//! [`resolve`] reads definitions that were checked before, yet trusts none of them: a reload or a change in the database
//! may leave a reference dangling, and then only the devices concerned are refused.

mod account;

use super::catalog::Catalog;
use super::check::writing;
use super::definition::{AccountType, DeviceDefinition, ProfileDefinition, ServerDefinition};
use super::expression::Values;
use super::issued::{self, IssueError, IssuedCredentials, NewCredentials, Templates};
use super::provision::{AccountRole, Provision, ProvisionedAccount};
use crate::lwm2m::path::ObjectId;
use crate::lwm2m::{ObjectInstance, Path};

pub use account::AccountError;

/// For whom a provision is resolved, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The device.
    pub device: &'a DeviceDefinition,
    /// Its number; none for a device that is not stored.
    pub id: Option<i64>,
    /// Every record of issued credentials that is kept for it, in any order.
    pub issued: &'a [IssuedCredentials],
    /// When an operator last asked for new credentials, in milliseconds since 1970.
    pub rotation_requested: Option<i64>,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// What [`resolve`] finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// The provision.
    Provision(Box<Provision>),
    /// Credentials of these server accounts must be issued and kept first; then ask again.
    MustIssue(Vec<String>),
}

/// Why a device cannot be given anything. The sentences are for the operator; they never reach a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The device names no profile, no rule gives it one, and none is the default.
    #[error("the device names no profile, no rule of a profile fits it, and no profile is the default")]
    NoProfile,
    /// The device names a profile that is not there.
    #[error("profile `{0}` does not exist")]
    UnknownProfile(String),
    /// The profile names no management account.
    #[error("profile `{0}` names no server account to register with")]
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
    /// Two accounts of the profile lead to a Bootstrap-Server.
    #[error(
        "servers `{first}` and `{second}` of profile `{profile}` are both of type bootstrap: a client has only one"
    )]
    TwoBootstrapAccounts {
        /// Name of the profile.
        profile: String,
        /// Name of the earlier account.
        first: String,
        /// Name of the later account.
        second: String,
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

/// What the client is to receive, or what must be issued first.
///
/// # Errors
/// [`ResolveError`], with a sentence that names the definition concerned.
pub fn resolve(client: &Client<'_>, catalog: &Catalog) -> Result<Resolution, ResolveError> {
    let (profile, choice) = catalog.choose(client.device).map_err(|name| match name.is_empty() {
        true => ResolveError::NoProfile,
        false => ResolveError::UnknownProfile(name),
    })?;
    let of_writing = |problem: String| ResolveError::Writing { profile: profile.name.clone(), problem };
    let writing = writing(profile)
        .map_err(|problems| of_writing(problems.first().map(|problem| problem.message.clone()).unwrap_or_default()))?;
    let servers = servers_of(profile, catalog)?;
    let mut due = Vec::new();
    let mut accounts: Vec<ProvisionedAccount> = Vec::with_capacity(servers.len());
    for server in servers {
        let resolved = account::resolve(server, client, catalog)
            .map_err(|reason| ResolveError::Account { server: server.name.clone(), reason })?;
        match resolved {
            Some(account) => accounts.push(account),
            None => due.push(server.name.clone()),
        }
    }
    if !due.is_empty() {
        return Ok(Resolution::MustIssue(due));
    }
    check_accounts(profile, &accounts)?;
    let writes = writes_of(profile).map_err(of_writing)?;
    let (endpoint, profile) = (client.device.endpoint.clone(), profile.name.clone());
    Ok(Resolution::Provision(Box::new(Provision { endpoint, profile, choice, accounts, writes, writing })))
}

/// Draws new credentials for the account `server` of this client; they must be kept before [`resolve`] finds them.
///
/// # Errors
/// As [`resolve`].
pub fn issue(
    client: &Client<'_>,
    catalog: &Catalog,
    server: &str,
    random: &mut impl rand::CryptoRng,
) -> Result<NewCredentials, ResolveError> {
    let of_account = |error: IssueError| ResolveError::Account { server: server.to_owned(), reason: error.into() };
    let definition = catalog
        .server(server)
        .ok_or_else(|| ResolveError::UnknownServer { profile: String::new(), server: server.to_owned() })?;
    issued::issue(definition, &values(client, definition), random).map_err(of_account)
}

/// What expressions of `server` stand for.
fn values<'a>(client: &Client<'a>, server: &ServerDefinition) -> Values<'a> {
    Values {
        endpoint_name: &client.device.endpoint,
        device_id: client.id,
        properties: &client.device.properties,
        ssid: server.ssid.and_then(|ssid| u16::try_from(ssid).ok()),
    }
}

/// The accounts that a profile names, in its order; a bootstrap account last, because some clients apply a Write at once
/// and would be lost if the rest of the bootstrap failed (spec sheet `bootstrap.md`, section 8).
fn servers_of<'c>(
    profile: &ProfileDefinition,
    catalog: &'c Catalog,
) -> Result<Vec<&'c ServerDefinition>, ResolveError> {
    let found = profile.servers.iter().map(|name| {
        let unknown = || ResolveError::UnknownServer { profile: profile.name.clone(), server: name.clone() };
        catalog.server(name).ok_or_else(unknown)
    });
    let mut servers = found.collect::<Result<Vec<_>, _>>()?;
    servers.sort_by_key(|server| server.account_type == AccountType::Bootstrap);
    Ok(servers)
}

/// At least one management account (LwM2M Core 1.2 section 6.1.2), each Short Server ID once, one bootstrap account at
/// most.
fn check_accounts(profile: &ProfileDefinition, accounts: &[ProvisionedAccount]) -> Result<(), ResolveError> {
    let mut seen: Vec<(&str, Option<u16>)> = Vec::with_capacity(accounts.len());
    for account in accounts {
        let short_server_id = match &account.role {
            AccountRole::Management(settings) => Some(settings.short_server_id),
            AccountRole::Bootstrap => None,
        };
        if let Some((first, _)) = seen.iter().find(|(_, other)| *other == short_server_id) {
            let (profile, first, second) = (profile.name.clone(), (*first).to_owned(), account.name.clone());
            return Err(match short_server_id {
                Some(ssid) => ResolveError::DuplicateShortServerId { profile, first, second, ssid },
                None => ResolveError::TwoBootstrapAccounts { profile, first, second },
            });
        }
        seen.push((&account.name, short_server_id));
    }
    if seen.iter().any(|(_, short_server_id)| short_server_id.is_some()) {
        return Ok(());
    }
    Err(ResolveError::ProfileWithoutServers(profile.name.clone()))
}

/// The extra writes of a profile.
fn writes_of(profile: &ProfileDefinition) -> Result<Vec<(ObjectId, ObjectInstance)>, String> {
    let writes = profile.writes.iter().map(|write| match write.path.parse() {
        Ok(Path::ObjectInstance(object, id)) => match write.resources.resources_of(object) {
            Ok(resources) => Ok((object, ObjectInstance { id, resources })),
            Err(misfits) => {
                let first = misfits.first().map(|it| format!("{}/{}: {}", write.path, it.resource, it.message));
                Err(first.unwrap_or_default())
            }
        },
        _ => Err(format!("`{}` is no object instance: write it as `/5/0`", write.path.escape_debug())),
    });
    writes.collect()
}

/// The templates of an account and what was issued from them.
fn issued_for<'i>(
    server: &ServerDefinition,
    templates: &Templates,
    client: &Client<'i>,
) -> Option<&'i IssuedCredentials> {
    issued::current(server, templates, client.issued, client.rotation_requested, client.now)
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
