//! A server account as the two object instances that a client keeps of it.
//!
//! Security (object 0) and Server (object 1), LwM2M Core 1.2 Appendix E; spec sheet `objects.md`, sections 2, 3, 5
//! and 7. Resources that the security mode does not use are written as zero-length opaques: the registry calls them
//! mandatory, and a client that checks would answer Finish with 4.06 (spec sheet `objects.md`, section 3).

use crate::lwm2m::path::ObjectInstanceId;
use crate::lwm2m::{ObjectInstance, Resource, Value, Version};
use crate::provision::{AccountCredentials, ProvisionedAccount};

/// Object id of LwM2M Security.
pub const SECURITY: u16 = 0;
/// Object id of LwM2M Server.
pub const SERVER: u16 = 1;

/// Security modes of `/0/x/2`.
const MODE_PSK: i64 = 0;
const MODE_NOSEC: i64 = 3;

/// A binding that a client of the given version cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server account `{account}`: the binding `{binding}` does not exist in LwM2M 1.0, which this client speaks")]
pub struct BindingError {
    account: String,
    binding: String,
}

/// The Security Object instance of `account`.
pub fn security_instance(id: ObjectInstanceId, account: &ProvisionedAccount) -> ObjectInstance {
    let (mode, identity, key) = match &account.credentials {
        AccountCredentials::NoSec => (MODE_NOSEC, Value::opaque(&[]), Value::opaque(&[])),
        AccountCredentials::Psk { identity, key } => {
            (MODE_PSK, Value::opaque(identity.as_bytes()), Value::Opaque(key.clone()))
        }
    };
    ObjectInstance {
        id,
        resources: vec![
            Resource::single(0, Value::String(account.uri.clone())),
            Resource::single(1, Value::Boolean(false)),
            Resource::single(2, Value::Integer(mode)),
            Resource::single(3, identity),
            Resource::single(4, Value::opaque(&[])),
            Resource::single(5, key),
            Resource::single(10, Value::Integer(account.short_server_id.into())),
        ],
    }
}

/// The Server Object instance of `account` for a client of `version`, as far as that is known.
///
/// # Errors
/// [`BindingError`] where the client cannot have the binding.
pub fn server_instance(
    id: ObjectInstanceId,
    account: &ProvisionedAccount,
    version: Option<Version>,
) -> Result<ObjectInstance, BindingError> {
    let mut resources = vec![
        Resource::single(0, Value::Integer(account.short_server_id.into())),
        Resource::single(1, Value::Integer(account.lifetime.into())),
    ];
    let optional =
        [(2, account.default_minimum_period), (3, account.default_maximum_period), (5, account.disable_timeout)];
    for (resource, seconds) in optional {
        if let Some(seconds) = seconds {
            resources.push(Resource::single(resource, Value::Integer(seconds.into())));
        }
    }
    resources.push(Resource::single(6, Value::Boolean(account.store_notifications)));
    resources.push(Resource::single(7, Value::String(binding(account, version)?)));
    Ok(ObjectInstance { id, resources })
}

/// Maps a binding to what a client of `version` understands (spec sheet `objects.md`, section 7).
///
/// LwM2M 1.1 took `Q` out of the binding and made it a registration parameter, so it is dropped for such clients. `T`,
/// `N`, `M` and `H` mean nothing to a 1.0 client. Where the version is unknown, the operator's word stands.
fn binding(account: &ProvisionedAccount, version: Option<Version>) -> Result<String, BindingError> {
    match version {
        Some(version) if version >= Version::V1_1 => Ok(account.binding.replace('Q', "")),
        Some(_) if account.binding.contains(['T', 'N', 'M', 'H']) => {
            Err(BindingError { account: account.name.clone(), binding: account.binding.clone() })
        }
        _ => Ok(account.binding.clone()),
    }
}
