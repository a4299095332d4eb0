//! What `GET /v1/devices/{endpoint}/explain` answers.

use serde::{Deserialize, Serialize};

use super::knowledge::Knowledge;
use crate::bootstrap::explanation::Explanation;
use crate::provision::Severity;
use crate::provision::rules::Rule;

/// What one device would receive, and everything that is to be said about it. Holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceExplanation {
    /// Endpoint name of the device.
    pub endpoint: String,
    /// Why the device would get nothing at all, as a sentence; then there is no `bootstrap`.
    pub refused: Option<String>,
    /// What is known of its client, which the bootstrap takes into account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge: Option<Knowledge>,
    /// What is wrong, or worth a look, in the definitions that it is made of.
    pub checks: Vec<Check>,
    /// Server accounts whose random expressions are kept for this device, or would be evaluated at its next bootstrap.
    pub issued: Vec<IssuedAccount>,
    /// The bootstrap.
    pub bootstrap: Option<Explanation>,
}

/// Something that a check has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Kind and name of the definition, such as "server `eu`".
    pub subject: String,
    /// The field.
    pub field: String,
    /// The rule, where it is one of the consistency rules.
    pub rule: Option<Rule>,
    /// Whether the definition can be used all the same.
    pub severity: Severity,
    /// What is wrong and the remedy, as a sentence.
    pub message: String,
}

/// A server account that draws at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IssuedAccount {
    /// Name of the server account.
    pub server: String,
    /// Whether the next bootstrap would issue new credentials; else it writes those that are kept.
    pub new: bool,
}
