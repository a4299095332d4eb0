//! What would be done to a client, in the words and numbers that an operator reads: the data of an explanation.
//!
//! Plain serde types for the admin API and the command line; [`super::explain()`] makes them. They know nothing of CoAP,
//! and hold no secret: wherever a value could be one, its length stands instead.

use serde::{Deserialize, Serialize};

use super::consistency::Finding;

/// What one client would receive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Endpoint name of the device.
    pub endpoint: String,
    /// Name of the profile.
    pub profile: String,
    /// What gave the device this profile, as a clause.
    pub profile_choice: String,
    /// The version of the client as far as it is known, such as `1.1`.
    pub lwm2m_version: Option<String>,
    /// Whether it is known what the client has already.
    pub discovered: bool,
    /// Name of the content format of the first write.
    pub content_format: String,
    /// Why this one, as a clause.
    pub content_format_reason: String,
    /// Why nothing can be written at all, as a sentence; then there are no operations.
    pub obstacle: Option<String>,
    /// What is left out as a whole, as clauses.
    pub notes: Vec<String>,
    /// The operations between Discover and Finish, in order.
    pub operations: Vec<ExplainedOperation>,
    /// Every consistency rule that is broken; a bootstrap with an error among them ends before anything is written.
    pub findings: Vec<Finding>,
    /// What clients are known to dislike about it.
    pub warnings: Vec<ClientWarning>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedOperation {
    /// `Bootstrap-Delete` or `Bootstrap-Write`.
    pub operation: String,
    /// Its target, such as `/0/1`.
    pub path: String,
    /// What an operator should know about it, as a clause.
    pub note: Option<String>,
    /// Bytes of payload per content format; none of a Delete.
    pub sizes: Option<Sizes>,
    /// What is written, ascending by id.
    pub resources: Vec<ExplainedResource>,
}

/// Bytes of payload in each content format; none where it cannot be said in that format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// TLV.
    pub tlv: Option<usize>,
    /// SenML CBOR.
    pub senml_cbor: Option<usize>,
    /// SenML JSON.
    pub senml_json: Option<usize>,
    /// LwM2M CBOR.
    pub lwm2m_cbor: Option<usize>,
}

/// One resource, or one value of a multiple-instance resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedResource {
    /// Its place, such as `/0/1/0`.
    pub path: String,
    /// Its name in the registry, where it is known.
    pub name: Option<String>,
    /// Its value, or of what could be a secret type and length, such as `opaque, 32 bytes`.
    pub value: String,
}

/// Something that clients of one kind are known to dislike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientWarning {
    /// The kind of client, such as `Wakaama`.
    pub client: String,
    /// The target of the operation concerned; none where it is the plan as a whole.
    pub path: Option<String>,
    /// What it does, as a sentence.
    pub message: String,
    /// How it is known.
    pub source: String,
}
