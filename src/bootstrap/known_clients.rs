//! What clients are known to dislike: a table of observations.
//!
//! Spec sheets `clients.md`, sections 1 and 3, `bootstrap.md`, section 16, and `objects.md`, section 4. Nothing
//! here stops a bootstrap: which client a device runs is not known before it has answered.

use super::explain::size;
use super::explanation::ClientWarning;
use super::plan::{Operation, Write};
use crate::lwm2m::objects::{ACCESS_CONTROL, SECURITY, SERVER};
use crate::lwm2m::path::{ObjectId, ResourceId};
use crate::lwm2m::{ContentFormat, Value, Version};

/// Observations by running the clients.
const SEEN: &str = "observed with the running client";
/// Observations in the clients' source.
const READ: &str = "read in the client's source";

/// Bytes of CoAP header and options before the payload of a write, at most.
const MESSAGE_OVERHEAD: usize = 32;
/// Wakaama's receive buffer in bytes.
const WAKAAMA_DATAGRAM: usize = 2048;
/// Anjay's receive buffer in bytes.
const ANJAY_DATAGRAM: usize = 4000;
/// Bytes of payload from which on a message goes in blocks.
const ZEPHYR_BLOCK: usize = 1024;

/// One dislike.
struct Dislike {
    client: &'static str,
    applies: fn(&Subject<'_>) -> bool,
    message: &'static str,
    source: &'static str,
}

/// What a dislike is about: one operation, and how it would be sent.
struct Subject<'a> {
    operation: &'a Operation,
    format: ContentFormat,
    version: Option<Version>,
}

impl Subject<'_> {
    fn write(&self) -> Option<&Write> {
        match self.operation {
            Operation::Write(write) => Some(write),
            Operation::Delete(_) => None,
        }
    }

    fn has_resource(&self, object: ObjectId, ids: &[ResourceId]) -> bool {
        let write = self.write().filter(|write| write.object == object);
        write.is_some_and(|write| write.instance.resources.iter().any(|resource| ids.contains(&resource.id)))
    }

    fn number(&self, object: ObjectId, resource: ResourceId) -> Option<i64> {
        match self.write().filter(|write| write.object == object)?.instance.single(resource)? {
            Value::Integer(number) => Some(*number),
            Value::Unsigned(number) => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    fn security_mode(&self) -> Option<i64> {
        self.number(SECURITY, 2)
    }

    fn is_format(&self, formats: &[ContentFormat]) -> bool {
        self.write().is_some() && formats.contains(&self.format)
    }

    /// Bytes of payload in the format of the first write.
    fn payload(&self) -> usize {
        self.write().and_then(|write| size(write, self.format)).unwrap_or(0)
    }
}

const DISLIKES: [Dislike; 12] = [
    Dislike {
        client: "Wakaama",
        applies: |subject| subject.has_resource(SECURITY, &[13, 14]),
        message: "It answers 4.00 to Matching Type (13) and SNI (14); they are then left out where the account allows it.",
        source: SEEN,
    },
    Dislike {
        client: "Wakaama",
        applies: |subject| subject.has_resource(SECURITY, &[16]),
        message: "It answers 4.04 to a list of ciphersuites (16); it is then left out.",
        source: SEEN,
    },
    Dislike {
        client: "Wakaama",
        applies: |subject| subject.has_resource(SERVER, &[13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]),
        message: "It answers 4.04 to some of the resources 13 to 23; they are then left out.",
        source: SEEN,
    },
    Dislike {
        client: "Wakaama",
        applies: |subject| subject.payload() + MESSAGE_OVERHEAD > WAKAAMA_DATAGRAM,
        message: "It silently drops a datagram of more than 2048 bytes, and the bootstrap times out.",
        source: SEEN,
    },
    Dislike {
        client: "Wakaama",
        applies: |subject| subject.is_format(&[ContentFormat::Lwm2mCbor]),
        message: "It does not know LwM2M CBOR and answers 4.00, not 4.15, so that no other format is tried.",
        source: SEEN,
    },
    Dislike {
        client: "Wakaama",
        applies: |subject| {
            let is_senml = subject.is_format(&[ContentFormat::SenmlCbor, ContentFormat::SenmlJson]);
            is_senml && subject.version.is_none_or(|version| version < Version::V1_1)
        },
        message: "Built for LwM2M 1.0 it does not know SenML and answers 4.00, not 4.15, so that no other format is tried.",
        source: SEEN,
    },
    Dislike {
        client: "Anjay",
        applies: |subject| subject.payload() + MESSAGE_OVERHEAD > ANJAY_DATAGRAM,
        message: "It answers 4.13 to a datagram of more than 4000 bytes.",
        source: SEEN,
    },
    Dislike {
        client: "Anjay",
        applies: |subject| subject.security_mode() == Some(1),
        message: "It refuses raw public keys with 4.06 at Finish.",
        source: SEEN,
    },
    Dislike {
        client: "Anjay",
        applies: |subject| subject.number(SECURITY, 13) == Some(2),
        message: "It does not know SHA-384 (matching type 2) and refuses it with 4.06 at Finish.",
        source: READ,
    },
    Dislike {
        client: "any client without Access Control",
        applies: |subject| matches!(subject.write(), Some(write) if write.object == ACCESS_CONTROL),
        message: "It answers 4.04 to object 2; where that was added automatically, the bootstrap goes on without it.",
        source: SEEN,
    },
    Dislike {
        client: "any client of LwM2M 1.0",
        applies: |subject| {
            subject.security_mode() == Some(4) && subject.version.is_none_or(|version| version < Version::V1_1)
        },
        message: "Security mode 4 (EST) is of LwM2M 1.1: nothing is written to a client that is known to be older.",
        source: "LwM2M Core 1.2, Appendix E.1",
    },
    Dislike {
        client: "Zephyr",
        applies: |subject| subject.is_format(&[ContentFormat::SenmlJson]) && subject.payload() > ZEPHYR_BLOCK,
        message: "It takes no SenML JSON in blocks and answers 5.00.",
        source: READ,
    },
];

/// What clients dislike about the operations, in their order.
pub(super) fn warnings(
    operations: &[Operation],
    format: ContentFormat,
    version: Option<Version>,
) -> Vec<ClientWarning> {
    let mut warnings = Vec::new();
    for operation in operations {
        let subject = Subject { operation, format, version };
        for dislike in DISLIKES.iter().filter(|dislike| (dislike.applies)(&subject)) {
            warnings.push(ClientWarning {
                client: dislike.client.to_owned(),
                path: Some(operation.path().to_string()),
                message: dislike.message.to_owned(),
                source: dislike.source.to_owned(),
            });
        }
    }
    warnings
}
