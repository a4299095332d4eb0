//! `Catalog`: all server accounts and profiles by name, which is what a device is resolved against.

use std::collections::BTreeMap;

use super::definition::{ProfileDefinition, ServerDefinition};

/// Server accounts and profiles by name, and the profile of devices that name none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    servers: BTreeMap<String, ServerDefinition>,
    profiles: BTreeMap<String, ProfileDefinition>,
    default_profile: Option<String>,
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
            catalog.servers.entry(server.name.clone()).or_insert(server);
        }
        for profile in profiles {
            if profile.default && catalog.default_profile.is_none() {
                catalog.default_profile = Some(profile.name.clone());
            }
            catalog.profiles.entry(profile.name.clone()).or_insert(profile);
        }
        catalog
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
