//! `Catalog`: all server accounts and profiles by name, which is what a device is resolved against.

use std::collections::BTreeMap;

use super::definition::{DeviceDefinition, ProfileDefinition, SecurityMode, ServerDefinition};
use super::fitting::Fitting;
use super::material_credentials::{CredentialsError, ReadOnce};
use super::provision::{AccountCredentials, ProfileChoice};

/// Where a profile stands among those with rules, if it does not say.
pub const DEFAULT_RULE_ORDER: u32 = 1000;

/// Server accounts and profiles by name, and the profile of devices that name none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    servers: BTreeMap<String, ServerDefinition>,
    /// Credentials from certificates and keys, by the account.
    credentials: BTreeMap<String, ReadOnce>,
    profiles: BTreeMap<String, ProfileDefinition>,
    default_profile: Option<String>,
    /// Every rule that can be read, in the order in which they are tried.
    rules: Vec<ReadRule>,
}

/// A rule, and whose it is.
#[derive(Clone, Debug, PartialEq)]
struct ReadRule {
    profile: String,
    /// Its place in the profile, counted from 0.
    position: usize,
    fitting: Fitting,
}

impl Catalog {
    /// Builds the catalog. Of several definitions with one name the first counts, and of several default profiles too:
    /// the others are errors that [`check_catalog`](super::check_catalog) names.
    pub fn new(
        servers: impl IntoIterator<Item = ServerDefinition>,
        profiles: impl IntoIterator<Item = ProfileDefinition>,
    ) -> Catalog {
        let mut catalog = Catalog::default();
        for server in servers {
            if !matches!(server.security, SecurityMode::NoSec | SecurityMode::Psk) {
                catalog.credentials.entry(server.name.clone()).or_default();
            }
            catalog.servers.entry(server.name.clone()).or_insert(server);
        }
        for profile in profiles {
            if profile.default && catalog.default_profile.is_none() {
                catalog.default_profile = Some(profile.name.clone());
            }
            catalog.profiles.entry(profile.name.clone()).or_insert(profile);
        }
        catalog.rules = read_rules(&catalog.profiles);
        catalog
    }

    /// The profile of a device, and why: the one that it names, else that of the first rule that fits, else the default.
    ///
    /// # Errors
    /// The name of a profile that is not there; an empty one where the device names none, no rule fits and no profile is
    /// the default.
    pub fn choose(&self, device: &DeviceDefinition) -> Result<(&ProfileDefinition, ProfileChoice), String> {
        if let Some(name) = &device.profile {
            let profile = self.profile(name).ok_or_else(|| name.clone())?;
            return Ok((profile, ProfileChoice::Device));
        }
        let fitting = self.rules.iter().find(|rule| rule.fitting.fits(device));
        let by_rule = fitting.and_then(|rule| Some((self.profile(&rule.profile)?, ProfileChoice::Rule(rule.position))));
        let default = || Some((self.default_profile()?, ProfileChoice::Default));
        by_rule.or_else(default).ok_or_else(String::new)
    }

    /// The credentials of an account of this catalog whose security mode is rpk, certificate or est.
    pub(super) fn credentials_of(&self, server: &ServerDefinition) -> Result<AccountCredentials, CredentialsError> {
        self.credentials.get(&server.name).ok_or(CredentialsError::OtherMode)?.of(server)
    }

    /// The server account of this name.
    pub fn server(&self, name: &str) -> Option<&ServerDefinition> {
        self.servers.get(name)
    }

    /// The profile of this name.
    pub fn profile(&self, name: &str) -> Option<&ProfileDefinition> {
        self.profiles.get(name)
    }

    /// The profile of devices that name none.
    pub fn default_profile(&self) -> Option<&ProfileDefinition> {
        self.default_profile.as_deref().and_then(|name| self.profile(name))
    }

    /// Names of all server accounts, in order.
    pub fn server_names(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    /// Names of all profiles, in order.
    pub fn profile_names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }
}

/// The rules of all profiles in their order; one that says nothing, or cannot be read, fits no device.
fn read_rules(profiles: &BTreeMap<String, ProfileDefinition>) -> Vec<ReadRule> {
    let mut ordered: Vec<&ProfileDefinition> = profiles.values().filter(|profile| !profile.rules.is_empty()).collect();
    ordered.sort_by_key(|profile| profile.rule_order.unwrap_or(DEFAULT_RULE_ORDER));
    let mut rules = Vec::new();
    for profile in ordered {
        let read = profile.rules.iter().enumerate().filter_map(|(at, rule)| Some((at, Fitting::read(rule)?)));
        rules.extend(read.map(|(position, fitting)| ReadRule { profile: profile.name.clone(), position, fitting }));
    }
    rules
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Catalog;
    use crate::provision::{DeviceDefinition, ProfileChoice, ProfileDefinition};

    fn profile(json: serde_json::Value) -> ProfileDefinition {
        serde_json::from_value(json).unwrap()
    }

    fn chosen(catalog: &Catalog, device: serde_json::Value) -> Result<(String, ProfileChoice), String> {
        let device: DeviceDefinition = serde_json::from_value(device).unwrap();
        catalog.choose(&device).map(|(profile, choice)| (profile.name.clone(), choice))
    }

    #[test]
    fn the_devices_word_counts_first_then_the_first_rule_that_fits_then_the_default() {
        let catalog = Catalog::new(
            [],
            [
                profile(json!({ "name": "a", "rules": [{ "endpoint": "m*" }], "rule_order": 2000 })),
                profile(json!({ "name": "b", "default": true })),
                profile(json!({
                    "name": "c",
                    "rules": [{ "tag": "eu", "property": { "site": "north" } }, {}, { "endpoint": "m?" }],
                })),
                profile(json!({ "name": "d", "rules": [{ "tag": "eu" }] })),
            ],
        );
        for (device, name, choice) in [
            (json!({ "endpoint": "m1", "profile": "a" }), "a", ProfileChoice::Device),
            (json!({ "endpoint": "m1" }), "c", ProfileChoice::Rule(2)),
            (json!({ "endpoint": "m12" }), "a", ProfileChoice::Rule(0)),
            (
                json!({ "endpoint": "x", "tags": ["eu"], "properties": { "site": "north" } }),
                "c",
                ProfileChoice::Rule(0),
            ),
            (
                json!({ "endpoint": "x", "tags": ["eu"], "properties": { "site": "south" } }),
                "d",
                ProfileChoice::Rule(0),
            ),
            (json!({ "endpoint": "x" }), "b", ProfileChoice::Default),
        ] {
            assert_eq!(chosen(&catalog, device.clone()), Ok((name.to_owned(), choice)), "{device}");
        }
        assert_eq!(chosen(&catalog, json!({ "endpoint": "m1", "profile": "gone" })), Err("gone".to_owned()));
        assert_eq!(chosen(&Catalog::default(), json!({ "endpoint": "m1" })), Err(String::new()));
    }
}
