//! Checks across definitions: references that lead nowhere, and what must be unique.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{check_device_in, check_profile_in};
use crate::provision::catalog::Catalog;
use crate::provision::definition::{DeviceDefinition, ProfileDefinition, ServerDefinition};
use crate::provision::device_identity::{DeviceIdentity, IdentityKind};
use crate::provision::identity_text::identity_bytes;
use crate::provision::problem::Problem;

/// A definition, by its place in the list that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A server account.
    Server(usize),
    /// A profile.
    Profile(usize),
    /// A device.
    Device(usize),
}

/// A problem that shows only between definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose problem it is: of two that collide, the later one.
    pub subject: Subject,
    /// The earlier one, where two collide.
    pub first: Option<Subject>,
    /// What is wrong.
    pub problem: Problem,
}

/// Checks all definitions side by side: duplicates, dangling references, several default profiles.
///
/// Definitions with an empty name are passed over here: the check of each one has named them.
pub fn check_catalog(
    servers: &[ServerDefinition],
    profiles: &[ProfileDefinition],
    devices: &[DeviceDefinition],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names = servers.iter().map(|server| server.name.as_str());
    find_duplicates(names, Subject::Server, "name", &mut findings, |name| format!("server `{name}` is defined twice"));
    let names = profiles.iter().map(|profile| profile.name.as_str());
    find_duplicates(names, Subject::Profile, "name", &mut findings, |name| {
        format!("profile `{name}` is defined twice")
    });
    find_second_defaults(profiles, &mut findings);
    find_duplicate_devices(devices, &mut findings);

    let catalog = Catalog::new(servers.iter().cloned(), profiles.iter().cloned());
    let alone = |subject| move |problem| Finding { subject, first: None, problem };
    for (index, profile) in profiles.iter().enumerate() {
        findings.extend(check_profile_in(profile, &catalog).into_iter().map(alone(Subject::Profile(index))));
    }
    // That no profile is the default is one mistake, however many devices ask for it.
    let mut wants_default = false;
    for (index, device) in devices.iter().enumerate() {
        let problems = check_device_in(device, &catalog);
        let wants_one = device.profile.is_none() && problems.iter().any(|problem| problem.field == "profile");
        if !wants_one || !std::mem::replace(&mut wants_default, true) {
            findings.extend(problems.into_iter().map(alone(Subject::Device(index))));
        }
    }
    findings
}

/// Names each of `values` that was there before.
fn find_duplicates<'a>(
    values: impl Iterator<Item = &'a str>,
    subject: impl Fn(usize) -> Subject,
    field: &'static str,
    findings: &mut Vec<Finding>,
    message: impl Fn(&str) -> String,
) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, value) in values.enumerate().filter(|(_, value)| !value.is_empty()) {
        match seen.get(value) {
            Some(first) => findings.push(Finding {
                subject: subject(index),
                first: Some(subject(*first)),
                problem: Problem::error(field, format!("{}: remove or rename one", message(value))),
            }),
            None => {
                seen.insert(value, index);
            }
        }
    }
}

fn find_second_defaults(profiles: &[ProfileDefinition], findings: &mut Vec<Finding>) {
    let mut defaults = profiles.iter().enumerate().filter(|(_, profile)| profile.default);
    let Some((first, name)) = defaults.next().map(|(index, profile)| (index, &profile.name)) else { return };
    findings.extend(defaults.map(|(index, _)| Finding {
        subject: Subject::Profile(index),
        first: Some(Subject::Profile(first)),
        problem: Problem::error("default", format!("profile `{name}` is the default already: there can be only one")),
    }));
}

fn find_duplicate_devices(devices: &[DeviceDefinition], findings: &mut Vec<Finding>) {
    let mut endpoints: BTreeMap<&str, usize> = BTreeMap::new();
    let mut identities: BTreeMap<DeviceIdentity, usize> = BTreeMap::new();
    let mut keys: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    for (index, device) in devices.iter().enumerate().filter(|(_, device)| !device.endpoint.is_empty()) {
        let mut collide = |first: usize, problem| {
            let (subject, first) = (Subject::Device(index), Some(Subject::Device(first)));
            findings.push(Finding { subject, first, problem });
        };
        if let Some(first) = endpoints.get(device.endpoint.as_str()) {
            let message = format!("device `{}` is defined twice: remove one", device.endpoint);
            collide(*first, Problem::error("endpoint", message));
            continue; // that its identity and key are there too says nothing new
        }
        endpoints.insert(&device.endpoint, index);
        for identity in device.identities() {
            // A PSK identity that cannot be read is named by the check of the device.
            let text = device.psk_identity.as_deref().filter(|_| identity.kind == IdentityKind::Psk);
            if text.is_some_and(|text| identity_bytes(text).is_err()) {
                continue;
            }
            match identities.get(&identity) {
                Some(first) => collide(*first, shared_identity(&identity, &devices[*first])),
                None => {
                    identities.insert(identity, index);
                }
            }
        }
        let Some(psk) = &device.psk else { continue };
        // A digest stands for the key, so that the table of all keys is none.
        let digest = Sha256::digest(psk.key().expose()).into();
        match keys.get(&digest) {
            Some(first) => collide(
                *first,
                Problem::warning(
                    "psk",
                    format!("device `{}` has the same key: give each device its own", devices[*first].endpoint),
                ),
            ),
            None => {
                keys.insert(digest, index);
            }
        }
    }
}

fn shared_identity(identity: &DeviceIdentity, first: &DeviceDefinition) -> Problem {
    let message = format!("{identity} is that of device `{}` already: an identity names one device", first.endpoint);
    Problem::error(identity.kind.field(), message)
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
