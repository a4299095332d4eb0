//! [`Fact`]: one thing that is known of a client, so that knowledge can be taken apart, counted and put into words.

use std::fmt;

use super::ClientKnowledge;
use crate::lwm2m::path::{ObjectId, ObjectInstanceId, ResourceId};
use crate::lwm2m::{ContentFormat, Version};

/// One thing that is known of a client. As text it is a sentence for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// [`ClientKnowledge::version`].
    Version(Version),
    /// [`ClientKnowledge::accepted_format`].
    AcceptedFormat(ContentFormat),
    /// One of [`ClientKnowledge::refused_formats`].
    RefusedFormat(ContentFormat),
    /// [`ClientKnowledge::refuses_discover`].
    RefusesDiscover,
    /// [`ClientKnowledge::refuses_read`].
    RefusesRead,
    /// [`ClientKnowledge::block_size`], in bytes.
    BlockSize(u16),
    /// [`ClientKnowledge::largest_payload`], in bytes.
    LargestPayload(u32),
    /// [`ClientKnowledge::refuses_blocks`].
    RefusesBlocks,
    /// [`ClientKnowledge::renumbers_instances`].
    RenumbersInstances,
    /// [`ClientKnowledge::bootstrap_account_instance`].
    BootstrapAccountInstance(ObjectInstanceId),
    /// One of [`ClientKnowledge::refused_resources`].
    RefusedResource(ObjectId, ResourceId),
    /// [`ClientKnowledge::lacks_access_control`].
    LacksAccessControl,
}

impl fmt::Display for Fact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Version(version) => write!(formatter, "It speaks LwM2M {version}."),
            Fact::AcceptedFormat(format) => write!(formatter, "It was last written to in {format}."),
            Fact::RefusedFormat(format) => write!(formatter, "It refuses to be written to in {format}."),
            Fact::RefusesDiscover => formatter.write_str("It refuses Bootstrap-Discover."),
            Fact::RefusesRead => formatter.write_str("It refuses Bootstrap-Read."),
            Fact::BlockSize(bytes) => write!(formatter, "It takes blocks of at most {bytes} bytes."),
            Fact::LargestPayload(bytes) => {
                write!(formatter, "It takes no more than {bytes} bytes of payload in one message.")
            }
            Fact::RefusesBlocks => formatter.write_str("It takes no writes in blocks."),
            Fact::RenumbersInstances => formatter
                .write_str("It ignores the instance ids in a write of a whole object, and takes ids of its own."),
            Fact::BootstrapAccountInstance(id) => write!(formatter, "It keeps its bootstrap account at /0/{id}."),
            Fact::RefusedResource(object, resource) => {
                write!(formatter, "It refuses resource {resource} of object {object}.")
            }
            Fact::LacksAccessControl => formatter.write_str("It has no Access Control Object."),
        }
    }
}

impl ClientKnowledge {
    /// Everything that is known, each by itself, in a fixed order.
    pub fn facts(&self) -> Vec<Fact> {
        let ClientKnowledge {
            version,
            refused_formats,
            accepted_format,
            refuses_discover,
            refuses_read,
            block_size,
            largest_payload,
            refuses_blocks,
            renumbers_instances,
            bootstrap_account_instance,
            refused_resources,
            lacks_access_control,
        } = self;
        let mut facts = Vec::new();
        facts.extend(version.map(Fact::Version));
        facts.extend(accepted_format.map(Fact::AcceptedFormat));
        facts.extend(refused_formats.iter().map(|format| Fact::RefusedFormat(*format)));
        facts.extend(refuses_discover.then_some(Fact::RefusesDiscover));
        facts.extend(refuses_read.then_some(Fact::RefusesRead));
        facts.extend(block_size.map(Fact::BlockSize));
        facts.extend(largest_payload.map(Fact::LargestPayload));
        facts.extend(refuses_blocks.then_some(Fact::RefusesBlocks));
        facts.extend(renumbers_instances.then_some(Fact::RenumbersInstances));
        facts.extend(bootstrap_account_instance.map(Fact::BootstrapAccountInstance));
        facts.extend(refused_resources.iter().map(|(object, resource)| Fact::RefusedResource(*object, *resource)));
        facts.extend(lacks_access_control.then_some(Fact::LacksAccessControl));
        facts
    }

    /// What these facts say together; where two contradict each other the former holds.
    pub fn of_facts(facts: impl IntoIterator<Item = Fact>) -> ClientKnowledge {
        let mut known = ClientKnowledge::default();
        for fact in facts {
            match fact {
                Fact::Version(version) => {
                    known.version.get_or_insert(version);
                }
                Fact::AcceptedFormat(format) => {
                    known.accepted_format.get_or_insert(format);
                }
                Fact::RefusedFormat(format) if known.refused_formats.contains(&format) => {}
                Fact::RefusedFormat(format) => known.refused_formats.push(format),
                Fact::RefusesDiscover => known.refuses_discover = true,
                Fact::RefusesRead => known.refuses_read = true,
                Fact::BlockSize(bytes) => {
                    known.block_size.get_or_insert(bytes);
                }
                Fact::LargestPayload(bytes) => {
                    known.largest_payload.get_or_insert(bytes);
                }
                Fact::RefusesBlocks => known.refuses_blocks = true,
                Fact::RenumbersInstances => known.renumbers_instances = true,
                Fact::BootstrapAccountInstance(id) => {
                    known.bootstrap_account_instance.get_or_insert(id);
                }
                Fact::RefusedResource(object, resource) if known.refused_resources.contains(&(object, resource)) => {}
                Fact::RefusedResource(object, resource) => known.refused_resources.push((object, resource)),
                Fact::LacksAccessControl => known.lacks_access_control = true,
            }
        }
        known
    }

    /// What is known here and not there.
    #[must_use]
    pub fn without(&self, other: &ClientKnowledge) -> ClientKnowledge {
        let others = other.facts();
        ClientKnowledge::of_facts(self.facts().into_iter().filter(|fact| !others.contains(fact)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{ClientKnowledge, Fact};
    use crate::lwm2m::{ContentFormat, Version};

    /// Knowledge with every fact there can be.
    pub(in crate::provision::knowledge) fn everything() -> ClientKnowledge {
        ClientKnowledge {
            version: Some(Version::V1_1),
            refused_formats: vec![ContentFormat::Lwm2mCbor, ContentFormat::SenmlCbor],
            accepted_format: Some(ContentFormat::Tlv),
            refuses_discover: true,
            refuses_read: true,
            block_size: Some(64),
            largest_payload: Some(1024),
            refuses_blocks: true,
            renumbers_instances: true,
            bootstrap_account_instance: Some(1),
            refused_resources: vec![(0, 13), (1, 22)],
            lacks_access_control: true,
        }
    }

    #[test]
    fn knowledge_is_the_sum_of_its_facts() {
        let facts = everything().facts();
        assert_eq!(facts.len(), 14, "every field, and each element of a list");
        assert_eq!(ClientKnowledge::of_facts(facts.clone()), everything());
        assert_eq!(ClientKnowledge::of_facts(facts.iter().chain(&facts).copied()), everything(), "said twice");
        for fact in &facts {
            let rest = everything().without(&ClientKnowledge::of_facts([*fact]));
            assert!(!rest.facts().contains(fact) && rest.facts().len() == 13, "{fact:?}: {rest:?}");
        }
        assert!(everything().without(&everything()).is_empty());
        let other = ClientKnowledge { version: Some(Version::V1_0), ..ClientKnowledge::default() };
        assert_eq!(everything().without(&other), everything(), "another version says nothing of this one");
    }

    #[test]
    fn each_fact_is_a_sentence_of_its_own() {
        let sentences: Vec<String> = everything().facts().iter().map(Fact::to_string).collect();
        for (at, sentence) in sentences.iter().enumerate() {
            assert!(sentence.starts_with("It ") && sentence.ends_with('.'), "{sentence}");
            assert!(!sentences[..at].contains(sentence), "{sentence}");
        }
        assert_eq!(Fact::RefusedResource(1, 22).to_string(), "It refuses resource 22 of object 1.");
        assert_eq!(Fact::AcceptedFormat(ContentFormat::Tlv).to_string(), "It was last written to in TLV.");
    }
}
