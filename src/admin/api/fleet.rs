//! Many definitions at once: what an import, an `apply`, an export and a deletion with all that depends on it carry.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::provision::{DeviceDefinition, DeviceState, ProfileDefinition, ServerDefinition};

/// Media type of a table of devices (RFC 4180).
pub const CSV_MEDIA_TYPE: &str = "text/csv";
/// Media type of the answer to an import: one JSON value per line.
pub const LINES_MEDIA_TYPE: &str = "application/x-ndjson";

/// One line of the answer to `POST /v1/import/devices`: progress, any number of times, and then the end.
///
/// A table with mistakes is answered with problem details instead, before the first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportLine {
    /// So many rows have been written; nothing is durable yet.
    Progress {
        /// Rows.
        written: u64,
        /// Rows in all.
        of: u64,
    },
    /// All is written and durable.
    Imported(ImportSummary),
    /// Nothing is: the store failed midway.
    Failed(Problem),
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Number of new devices.
    pub added: u64,
    /// Number of devices that changed.
    pub changed: u64,
    /// Number of devices that are as their row says already.
    pub unchanged: u64,
    /// Whether it was only tried.
    pub dry_run: bool,
}

/// A fleet: the answer to an export and, with [`StatedDevice`]s, the body of `POST /v1/apply`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, bound(deserialize = "D: Deserialize<'de> + Default"))]
pub struct Fleet<D = DeviceDefinition> {
    /// Server accounts.
    pub servers: Vec<ServerDefinition>,
    /// Profiles.
    pub profiles: Vec<ProfileDefinition>,
    /// Devices.
    pub devices: Vec<D>,
}

/// A device of `POST /v1/apply`. One that is there keeps its state where none is said, and so `enabled` is written out
/// where it is meant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatedDevice {
    #[serde(flatten)]
    rest: DeviceDefinition,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<DeviceState>,
}

impl StatedDevice {
    /// A device whose state is said if it is in `stated`, by endpoint.
    pub fn new(definition: DeviceDefinition, stated: &BTreeSet<String>) -> StatedDevice {
        let state = stated.contains(&definition.endpoint).then_some(definition.state);
        StatedDevice { rest: DeviceDefinition { state: DeviceState::default(), ..definition }, state }
    }
}

/// What becomes of an entry when a fleet is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetChange {
    /// `add`, `change` or `delete`.
    pub change: String,
    /// `server`, `profile` or `device`.
    pub kind: String,
    /// Name or endpoint.
    pub name: String,
    /// The fields that change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// What applying a fleet did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetSummary {
    /// What is not as the files say: deletions, then servers, profiles and devices, each in the order of the files.
    pub changes: Vec<FleetChange>,
    /// Number of entries that are as the files say.
    pub unchanged: u64,
    /// Whether it was only tried.
    pub dry_run: bool,
}

/// What depends on a server account or a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependents {
    /// The profiles that name the server account.
    pub profiles: Vec<String>,
    /// Number of devices that name the profile, or one of these.
    pub devices: u64,
    /// The first ten of them.
    pub first_devices: Vec<String>,
    /// Number of devices that name no profile and may get one of these by a rule or by default; they are never deleted.
    pub unnamed_devices: u64,
    /// What of all this the config file defines, at most ten; while there is any, nothing can be deleted.
    pub of_file: Vec<String>,
}

impl Dependents {
    /// Number of entries that go with it: what `expect` must say.
    pub fn count(&self) -> u64 {
        self.profiles.len() as u64 + self.devices
    }
}
