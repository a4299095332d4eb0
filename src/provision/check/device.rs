//! Checks of one device, alone and against the profiles and accounts that it is to get.

use super::credentials::{MAX_PSK_IDENTITY_BYTES, check_identity_text, check_psk};
use super::name::nearest;
use super::refuse_expression;
use crate::provision::catalog::Catalog;
use crate::provision::definition::{DeviceDefinition, SecurityMode, ServerDefinition};
use crate::provision::expression::Template;
use crate::provision::material::{KeyKind, PinnedCertificate, PublicKey};
use crate::provision::problem::Problem;

/// Longest endpoint name in bytes: with `ep=` in front it fills a Uri-Query option (RFC 7252 section 5.10).
const MAX_ENDPOINT_BYTES: usize = 252;

/// Checks one device and returns everything that is wrong with it, references aside.
pub fn check_device(device: &DeviceDefinition) -> Vec<Problem> {
    let mut problems = check_endpoint(&device.endpoint);
    check_credentials(device, &mut problems);
    if let Some(profile) = &device.profile {
        problems.extend(refuse_expression("profile", profile));
    }
    problems.extend(device.properties.iter().flat_map(|(name, value)| check_property("properties", name, value)));
    problems.extend(device.tags.iter().filter_map(|tag| check_tag("tags", tag)));
    problems
}

/// Longest name of a certificate in bytes; nobody's is near that.
const MAX_CERTIFICATE_NAME_BYTES: usize = 1024;

/// Certificates and raw public keys that a client proves itself by.
fn check_asymmetric_credentials(device: &DeviceDefinition, problems: &mut Vec<Problem>) {
    if let Some(text) = &device.certificate {
        match PinnedCertificate::parse(text) {
            Ok(pinned) => problems.extend(
                pinned.certificate().and_then(|certificate| check_proving_key("certificate", certificate.kind())),
            ),
            Err(error) => {
                let message = format!("`certificate` cannot be used: {error}; or write `sha256:` and its fingerprint");
                problems.push(Problem::error("certificate", message));
            }
        }
    }
    if let Some(text) = &device.public_key {
        match PublicKey::parse(text) {
            Ok(key) => problems.extend(check_proving_key("public_key", key.kind())),
            Err(error) => {
                problems.push(Problem::error("public_key", format!("`public_key` cannot be used: {error}")));
            }
        }
    }
    if let Some(name) = &device.certificate_name {
        problems.extend(check_certificate_name(name));
        if device.certificate.is_some() {
            let message = "`certificate` lets in that one certificate, and `certificate_name` any that a trusted authority \
                           gives this name: remove one of them";
            problems.push(Problem::error("certificate_name", message));
        }
    }
}

/// Clients sign their handshake with ECDSA, on P-256 where they are LwM2M's (spec sheet `transport.md`, section 4.1).
fn check_proving_key(field: &'static str, kind: KeyKind) -> Option<Problem> {
    (!matches!(kind, KeyKind::P256 | KeyKind::P384)).then(|| {
        let message =
            format!("the key is {kind}, and clients prove themselves with EC P-256 or P-384: give one of that kind");
        Problem::error(field, message)
    })
}

fn check_certificate_name(name: &str) -> Option<Problem> {
    const FIELD: &str = "certificate_name";
    if let Some(problem) = refuse_expression(FIELD, name) {
        return Some(problem);
    }
    let message = if name.is_empty() {
        "`certificate_name` is empty: write the name as it stands in the certificate, or leave it out".to_owned()
    } else if let Some(control) = name.chars().find(|letter| letter.is_control()) {
        format!("`certificate_name` contains the control character {control:?}: remove it")
    } else if name.len() > MAX_CERTIFICATE_NAME_BYTES {
        format!("`certificate_name` has {} bytes, and at most {MAX_CERTIFICATE_NAME_BYTES} are taken", name.len())
    } else {
        return None;
    };
    Some(Problem::error(FIELD, message))
}

fn check_credentials(device: &DeviceDefinition, problems: &mut Vec<Problem>) {
    match (&device.psk_identity, &device.psk) {
        (Some(identity), psk) => {
            match refuse_expression("psk_identity", identity) {
                Some(problem) => problems.push(problem),
                None => problems.extend(check_identity_text(identity)),
            }
            if psk.is_none() {
                problems.push(Problem::error(
                    "psk",
                    "`psk_identity` is given and the key is missing: give `psk`, or remove `psk_identity` for a device \
                     that is served over NoSec",
                ));
            }
        }
        (None, Some(_)) if (MAX_PSK_IDENTITY_BYTES + 1..=MAX_ENDPOINT_BYTES).contains(&device.endpoint.len()) => {
            problems.push(Problem::error(
                "psk_identity",
                format!(
                    "the endpoint name has {} bytes, too many for a PSK identity ({MAX_PSK_IDENTITY_BYTES}): give \
                     `psk_identity`",
                    device.endpoint.len()
                ),
            ));
        }
        (None, _) => {}
    }
    problems.extend(device.psk.as_ref().and_then(|psk| check_psk(psk.key())));
    check_asymmetric_credentials(device, problems);
}

/// Checks what a device says of the profiles in `catalog`, and whether it has what their accounts ask for.
pub fn check_device_in(device: &DeviceDefinition, catalog: &Catalog) -> Vec<Problem> {
    let profile = match catalog.choose(device) {
        Ok((profile, _)) => profile,
        Err(name) if name.is_empty() => {
            return vec![Problem::error(
                "profile",
                "`profile` is missing, no rule of a profile fits, and no profile is the default: name one, or set \
                 `default = true` in one",
            )];
        }
        Err(name) => {
            let hint = match nearest(&name, catalog.profile_names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "define it, or leave `profile` out for the one of a rule, or the default".to_owned(),
            };
            return vec![Problem::error("profile", format!("no profile `{name}`: {hint}"))];
        }
    };
    let servers = profile.servers.iter().filter_map(|name| catalog.server(name));
    servers.flat_map(|server| check_asked_properties(device, server)).collect()
}

/// Names each property that an account asks for and that the device has not.
fn check_asked_properties(device: &DeviceDefinition, server: &ServerDefinition) -> Vec<Problem> {
    let is_psk = server.security == SecurityMode::Psk;
    let identity = server.psk_identity.as_deref().filter(|_| is_psk);
    let texts = [server.uri.as_deref(), identity].into_iter().flatten().filter(|text| text.contains("${"));
    let read: Vec<Template> = texts.filter_map(|text| Template::parse(text).ok()).collect();
    let key = server.psk.as_ref().filter(|_| is_psk).map(|key| key.template());
    let mut asked: Vec<&str> = read.iter().chain(key).flat_map(Template::properties).collect();
    asked.sort_unstable();
    asked.dedup();
    let missing = asked.into_iter().filter(|name| !device.properties.contains_key(*name));
    let problem = |name: &str| {
        let message = format!(
            "server `{}` asks for `${{device.property.{name}}}`, and the device has no property `{name}`: set it, for \
             without it the device is refused",
            server.name
        );
        Problem::warning("properties", message)
    };
    missing.map(problem).collect()
}

/// Checks a property, be it of a device or in a rule.
pub(super) fn check_property(field: &'static str, name: &str, value: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_word(name, "._-") {
        let message =
            format!("`{}` is no name of a property: use letters of A-Z, digits, `.`, `_` and `-`", name.escape_debug());
        problems.push(Problem::error(field, message));
    }
    if let Some(control) = value.chars().find(|letter| letter.is_control()) {
        let message =
            format!("the property `{}` contains the control character {control:?}: remove it", name.escape_debug());
        problems.push(Problem::error(field, message));
    }
    problems
}

/// Checks a tag, be it of a device or in a rule.
pub(super) fn check_tag(field: &'static str, tag: &str) -> Option<Problem> {
    (!is_word(tag, "._:-")).then(|| {
        let message = format!("`{}` is no tag: use letters of A-Z, digits, `.`, `_`, `:` and `-`", tag.escape_debug());
        Problem::error(field, message)
    })
}

/// Whether a text is letters of A-Z, digits and these.
fn is_word(text: &str, further: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || further.contains(letter))
}

/// An endpoint name may hold anything that is text: it is compared, never parsed.
fn check_endpoint(endpoint: &str) -> Vec<Problem> {
    const FIELD: &str = "endpoint";
    if endpoint.is_empty() {
        return vec![Problem::error(FIELD, "`endpoint` is missing or empty: give the endpoint client name")];
    }
    let mut problems: Vec<Problem> = refuse_expression(FIELD, endpoint).into_iter().collect();
    if endpoint.len() > MAX_ENDPOINT_BYTES {
        problems.push(Problem::error(
            FIELD,
            format!(
                "the endpoint name has {} bytes, and a Bootstrap-Request has room for {MAX_ENDPOINT_BYTES}",
                endpoint.len()
            ),
        ));
    }
    if let Some(control) = endpoint.chars().find(|letter| letter.is_control()) {
        problems.push(Problem::error(
            FIELD,
            format!("the endpoint name contains the control character {control:?}: remove it"),
        ));
    }
    problems
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
