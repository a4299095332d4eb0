//! What the client's version does not have: left out where the account works without it, refused where it does not.
//!
//! LwM2M Core 1.2 section 6.1.7.5; spec sheet `objects.md`, sections 2 to 6 and rule E19. By the text a client ignores
//! resources that it does not know; some answer 4.00 or 4.04 all the same (spec sheet `clients.md`, section 1). Only
//! LwM2M 1.0 is gated: of later clients at most the least version is known.

use super::operation::{Part, Write};
use crate::lwm2m::objects::{SECURITY, definition};
use crate::lwm2m::path::ResourceId;
use crate::lwm2m::{Resource, ResourceValue, Value, Version};
use crate::provision::{AccountCredentials, ProvisionedAccount};

/// Optional resources of the Security Object that an account does not mean the same without: matching type, certificate
/// usage, and the links to OSCORE, MQTT and COSE.
const MATCHING_TYPE: ResourceId = 13;
const CERTIFICATE_USAGE: ResourceId = 15;
const LINKS: [ResourceId; 3] = [17, 26, 27];

/// The certificate usage that LwM2M 1.0 means without saying so.
const DOMAIN_ISSUED_CERTIFICATE: i128 = 3;

/// Something that LwM2M 1.0 does not have and that the account cannot do without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server account `{account}`: {what} does not exist in LwM2M 1.0, which this client speaks")]
pub struct VersionError {
    account: String,
    what: &'static str,
}

/// Whether a client of `version` can have the account.
///
/// # Errors
/// [`VersionError`] where it cannot.
pub(super) fn check(account: &ProvisionedAccount, version: Option<Version>) -> Result<(), VersionError> {
    if version.is_none_or(|version| version >= Version::V1_1) {
        return Ok(());
    }
    let what = if matches!(account.credentials, AccountCredentials::Est { .. }) {
        "security mode 4 (EST)"
    } else if account.uri.starts_with("coap+") || account.uri.starts_with("coaps+") {
        "CoAP over TCP"
    } else {
        match account.security_resources.iter().find_map(indispensable) {
            Some(what) => what,
            None => return Ok(()),
        }
    };
    Err(VersionError { account: account.name.clone(), what })
}

/// Takes out of a write what LwM2M 1.0 does not have, and says so in its note.
pub(super) fn leave_out_later_resources(write: &mut Write) {
    if let Some(note) = write.without_later_resources() {
        write.note = Some(format!("{note} left out: the client speaks LwM2M 1.0, which does not have them"));
    }
}

impl Write {
    /// Takes the optional resources of LwM2M 1.1 and later out of an instance; says which, if there were any. Nothing is
    /// taken out of an account that would not mean the same without it.
    pub fn without_later_resources(&mut self) -> Option<String> {
        let object = self.object;
        let later = |resource: &Resource| {
            definition(object, resource.id).is_some_and(|row| row.since > Version::V1_0 && !row.mandatory)
        };
        let resources = &mut self.instance.resources;
        // An object that LwM2M 1.0 does not have at all is not written without its resources.
        let is_new = definition(object, 0).is_none_or(|row| row.since > Version::V1_0);
        let is_bound = object == SECURITY && resources.iter().any(|resource| indispensable(resource).is_some());
        if is_new || is_bound || self.part == Part::Resource || !resources.iter().any(later) {
            return None;
        }
        let ids: Vec<String> = resources.iter().filter(|it| later(it)).map(|it| it.id.to_string()).collect();
        resources.retain(|resource| !later(resource));
        Some(format!("optional resources {}", ids.join(", ")))
    }
}

/// What a resource of the Security Object says that the account depends on, if it does.
fn indispensable(resource: &Resource) -> Option<&'static str> {
    let number = match &resource.value {
        ResourceValue::Single(Value::Integer(number)) => Some(i128::from(*number)),
        ResourceValue::Single(Value::Unsigned(number)) => Some(i128::from(*number)),
        _ => None,
    };
    match (resource.id, number) {
        (MATCHING_TYPE, number) if number != Some(0) => Some("recognising a server by a digest (matching type)"),
        (CERTIFICATE_USAGE, number) if number != Some(DOMAIN_ISSUED_CERTIFICATE) => {
            Some("a certificate usage other than the server's own certificate")
        }
        (id, _) if LINKS.contains(&id) => Some("a link to an OSCORE, MQTT Server or COSE instance"),
        _ => None,
    }
}
