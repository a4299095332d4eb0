//! [`ClientKnowledge`]: what is known of how a client behaves, learned from its sessions or from a table.
//!
//! Spec sheets `clients.md`, section 1, and `bootstrap.md`, section 16. A client says little of itself; what it refused
//! once it will refuse again, and asking anew costs a round trip each time. Knowledge is a hint and never a right: what a
//! client shows in its session comes first.

mod fact;
mod known_clients;
mod learned;
mod models;

use serde::{Deserialize, Serialize};

pub use fact::Fact;
pub use known_clients::{KNOWN_CLIENTS, KnownClient, builtin};
pub use learned::{Inheritance, LearnedKnowledge, agreed};
pub use models::{Model, Models};

use super::definition::is_default;
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, ResourceId};
use crate::lwm2m::{ContentFormat, Version};

/// How a client behaves, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientKnowledge {
    /// Its LwM2M version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Formats that it refused to be written in.
    #[serde(skip_serializing_if = "is_default")]
    pub refused_formats: Vec<ContentFormat>,
    /// The format of the last write that it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_format: Option<ContentFormat>,
    /// Whether it refuses Bootstrap-Discover.
    #[serde(skip_serializing_if = "is_default")]
    pub refuses_discover: bool,
    /// Whether it refuses Bootstrap-Read of the Server Object.
    #[serde(skip_serializing_if = "is_default")]
    pub refuses_read: bool,
    /// Bytes of the largest payload that it takes in one message, where it refused a larger one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_payload: Option<u32>,
    /// Bytes of the largest block that it takes: a power of two, 16 to 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_size: Option<u16>,
    /// Whether it takes no writes in blocks at all.
    #[serde(skip_serializing_if = "is_default")]
    pub refuses_blocks: bool,
    /// Whether it ignores the instance ids in a write of a whole object, and takes ids of its own.
    #[serde(skip_serializing_if = "is_default")]
    pub renumbers_instances: bool,
    /// The Security Object instance in which it keeps its bootstrap account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_account_instance: Option<ObjectInstanceId>,
    /// Optional resources that it refuses to be written.
    #[serde(skip_serializing_if = "is_default")]
    pub refused_resources: Vec<(ObjectId, ResourceId)>,
    /// Whether it has no Access Control Object.
    #[serde(skip_serializing_if = "is_default")]
    pub lacks_access_control: bool,
}

impl ClientKnowledge {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        is_default(self)
    }

    /// What is known where this comes first and `other` fills its gaps: of what was refused, both hold.
    #[must_use]
    pub fn or(mut self, other: &ClientKnowledge) -> ClientKnowledge {
        let formats = other.refused_formats.iter().filter(|format| self.accepted_format != Some(**format));
        let formats: Vec<ContentFormat> = formats.filter(|it| !self.refused_formats.contains(it)).copied().collect();
        self.refused_formats.extend(formats);
        let resources = other.refused_resources.iter().filter(|it| !self.refused_resources.contains(it));
        let resources: Vec<(ObjectId, ResourceId)> = resources.copied().collect();
        self.refused_resources.extend(resources);
        ClientKnowledge {
            version: self.version.or(other.version),
            accepted_format: self.accepted_format.or(other.accepted_format),
            refuses_discover: self.refuses_discover || other.refuses_discover,
            refuses_read: self.refuses_read || other.refuses_read,
            largest_payload: self.largest_payload.or(other.largest_payload),
            block_size: self.block_size.or(other.block_size),
            refuses_blocks: self.refuses_blocks || other.refuses_blocks,
            renumbers_instances: self.renumbers_instances || other.renumbers_instances,
            bootstrap_account_instance: self.bootstrap_account_instance.or(other.bootstrap_account_instance),
            lacks_access_control: self.lacks_access_control || other.lacks_access_control,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClientKnowledge;
    use crate::lwm2m::{ContentFormat, Version};

    #[test]
    fn nearer_knowledge_comes_first_and_what_was_refused_adds_up() {
        let near = ClientKnowledge {
            version: Some(Version::V1_1),
            accepted_format: Some(ContentFormat::SenmlJson),
            refused_formats: vec![ContentFormat::SenmlCbor],
            refused_resources: vec![(0, 13)],
            ..ClientKnowledge::default()
        };
        let far = ClientKnowledge {
            version: Some(Version::V1_0),
            refused_formats: vec![ContentFormat::SenmlCbor, ContentFormat::SenmlJson, ContentFormat::Tlv],
            refused_resources: vec![(0, 13), (0, 14)],
            block_size: Some(64),
            refuses_discover: true,
            ..ClientKnowledge::default()
        };
        let both = near.or(&far);
        assert_eq!(both.version, Some(Version::V1_1));
        assert_eq!(both.refused_formats, [ContentFormat::SenmlCbor, ContentFormat::Tlv], "JSON was taken since");
        assert_eq!(both.refused_resources, [(0, 13), (0, 14)]);
        assert_eq!((both.block_size, both.refuses_discover, both.refuses_read), (Some(64), true, false));
    }

    #[test]
    fn what_is_kept_reads_back_and_shows_only_what_is_known() {
        let known = ClientKnowledge {
            version: Some(Version::V1_2),
            refused_formats: vec![ContentFormat::Lwm2mCbor],
            refused_resources: vec![(0, 16)],
            ..ClientKnowledge::default()
        };
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(text, r#"{"version":"1.2","refused_formats":["lwm2m-cbor"],"refused_resources":[[0,16]]}"#);
        assert_eq!(serde_json::from_str::<ClientKnowledge>(&text).unwrap(), known);
        assert!(ClientKnowledge::default().is_empty() && !known.is_empty());
    }
}
