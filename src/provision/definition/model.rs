//! `[[model]]`: a kind of client, and which devices run it.

use serde::{Deserialize, Serialize};

use super::{Rule, is_default};

/// A kind of client: what some devices show of it is used for the others. Only the config file defines it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDefinition {
    /// Name: letters, digits, `.`, `_` and `-`, not digits alone.
    pub name: String,
    /// Which devices are of it: those that fit one of these. Where several models fit, the first of the file counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rules: Vec<Rule>,
    /// Which known client it is, by the name in [`KNOWN_CLIENTS`](crate::provision::knowledge::KNOWN_CLIENTS); what is
    /// known of that one then counts from the first session on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}
