//! A server account as the two object instances that a client keeps of it.
//!
//! Security (object 0) and Server (object 1), LwM2M Core 1.2 Appendix E; spec sheet `objects.md`, sections 2, 3, 5
//! and 7. Resources that the security mode does not use are written as zero-length opaques: the registry calls them
//! mandatory, and a client that checks would answer Finish with 4.06 (spec sheet `objects.md`, section 3).

use crate::lwm2m::path::ObjectInstanceId;
use crate::lwm2m::{ObjectInstance, Resource, Value, Version};
use crate::provision::{AccountCredentials, AccountRole, ProvisionedAccount, ServerSettings};

pub use crate::lwm2m::objects::{SECURITY, SERVER};

/// Security modes of `/0/x/2`.
const MODE_PSK: i64 = 0;
const MODE_RAW_PUBLIC_KEY: i64 = 1;
const MODE_CERTIFICATE: i64 = 2;
const MODE_NOSEC: i64 = 3;
const MODE_EST: i64 = 4;

/// A binding that a client of the given version cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server account `{account}`: the binding `{binding}` does not exist in LwM2M 1.0, which this client speaks")]
pub struct BindingError {
    account: String,
    binding: String,
}

/// The Security Object instance of `account`.
pub fn security_instance(id: ObjectInstanceId, account: &ProvisionedAccount) -> ObjectInstance {
    let (mode, [identity, server_key, secret_key]) = credentials(&account.credentials);
    let is_bootstrap = account.role == AccountRole::Bootstrap;
    let mut resources = vec![
        Resource::single(0, Value::String(account.uri.clone())),
        Resource::single(1, Value::Boolean(is_bootstrap)),
        Resource::single(2, Value::Integer(mode)),
        Resource::single(3, identity),
        Resource::single(4, server_key),
        Resource::single(5, secret_key),
    ];
    // A bootstrap account has none (spec sheet `objects.md`, section 8).
    if let AccountRole::Management(settings) = &account.role {
        resources.push(Resource::single(10, Value::Integer(settings.short_server_id.into())));
    }
    add(resources, &account.security_resources, id)
}

/// Resources 2 and 3, 4, 5 of a security mode.
fn credentials(credentials: &AccountCredentials) -> (i64, [Value; 3]) {
    let none = || Value::opaque(&[]);
    match credentials {
        AccountCredentials::NoSec => (MODE_NOSEC, [none(), none(), none()]),
        AccountCredentials::Psk { identity, key } => {
            (MODE_PSK, [Value::opaque(identity), none(), Value::Opaque(key.clone())])
        }
        AccountCredentials::RawPublicKey { client, server, private_key } => {
            (MODE_RAW_PUBLIC_KEY, [Value::opaque(client), Value::opaque(server), Value::Opaque(private_key.clone())])
        }
        AccountCredentials::Certificate { client, server, private_key } => {
            (MODE_CERTIFICATE, [Value::opaque(client), Value::opaque(server), Value::Opaque(private_key.clone())])
        }
        AccountCredentials::Est { server } => (MODE_EST, [none(), Value::opaque(server), none()]),
    }
}

/// The Server Object instance of a management account for a client of `version`, as far as that is known.
///
/// # Errors
/// [`BindingError`] where the client cannot have the binding.
pub fn server_instance(
    id: ObjectInstanceId,
    account: &ProvisionedAccount,
    settings: &ServerSettings,
    version: Option<Version>,
) -> Result<ObjectInstance, BindingError> {
    let resources = vec![
        Resource::single(0, Value::Integer(settings.short_server_id.into())),
        Resource::single(1, Value::Integer(settings.lifetime.into())),
        Resource::single(6, Value::Boolean(settings.store_notifications)),
        Resource::single(7, Value::String(binding(&account.name, &settings.binding, version)?)),
    ];
    Ok(add(resources, &settings.resources, id))
}

/// The instance with further resources, ascending by id.
fn add(mut resources: Vec<Resource>, further: &[Resource], id: ObjectInstanceId) -> ObjectInstance {
    resources.extend_from_slice(further);
    resources.sort_by_key(|resource| resource.id);
    ObjectInstance { id, resources }
}

/// Maps a binding to what a client of `version` understands (spec sheet `objects.md`, section 7).
///
/// LwM2M 1.1 took `Q` out of the binding and made it a registration parameter, so it is dropped for such clients. `T`,
/// `N`, `M` and `H` mean nothing to a 1.0 client. Where the version is unknown, the operator's word stands.
fn binding(account: &str, binding: &str, version: Option<Version>) -> Result<String, BindingError> {
    match version {
        Some(version) if version >= Version::V1_1 => Ok(binding.replace('Q', "")),
        Some(_) if binding.contains(['T', 'N', 'M', 'H']) => {
            Err(BindingError { account: account.to_owned(), binding: binding.to_owned() })
        }
        _ => Ok(binding.to_owned()),
    }
}
