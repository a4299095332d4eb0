//! What a simulated client is made of before it asks: name, version, timing and what it still holds from earlier.
//!
//! Spec sheets `bootstrap.md` sections 4 and 6, `transport.md` section 1. Knows no message and no socket.

use std::time::Duration;

use super::behaviour::Behaviour;
use super::like::Like;
use crate::coap::Timing;
use crate::lwm2m::path::{ObjectId, ObjectInstanceId};
use crate::lwm2m::{ContentFormat, Version, objects};

/// RFC 7252 section 4.8.2: how long a client waits for its bootstrap to end, with default parameters.
pub const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);

/// Everything that distinguishes one simulated client from another.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientConfiguration {
    /// Endpoint client name as `ep` carries it; empty leaves `ep` out, as LwM2M 1.1 allows where the transport proves it.
    pub endpoint: String,
    /// The enabler version that the client speaks.
    pub lwm2m_version: Version,
    /// `pct` of the Bootstrap-Request (LwM2M Core 1.2 section 6.1.7.1), sent as it is, however senseless.
    pub preferred_content_format: Option<u16>,
    /// The Security Object instance that holds the bootstrap account.
    pub bootstrap_account_instance: ObjectInstanceId,
    /// In what it differs from other clients.
    pub behaviour: Behaviour,
    /// The server account that an earlier bootstrap left behind; none in a client fresh from the factory.
    pub stale_account: Option<StaleAccount>,
    /// CoAP timing of the Bootstrap-Request.
    pub timing: Timing,
    /// From the first datagram to giving up, whatever happens meanwhile; 247 s in real clients.
    pub limit: Duration,
    /// How long to wait for the server to go on after an operation was refused, before calling that the end.
    ///
    /// A real client waits until `limit`; nobody wants to watch that.
    pub patience_after_refusal: Duration,
    /// Message id of the Bootstrap-Request; drawn from the seed where left out.
    ///
    /// A load generator that uses one port for many clients counts them up, since servers remember them for 247 s.
    pub first_message_id: Option<u16>,
    /// Whether and how it asks for a Bootstrap-Pack before it sends a Bootstrap-Request.
    pub pack: Option<PackRequest>,
    /// Seconds since 1970 at which it starts, for behaviours that seed message ids and tokens from the clock.
    pub clock: u64,
    /// The client that it behaves like, to be told with the result.
    pub like: Option<Like>,
}

/// A Bootstrap-Pack-Request (LwM2M Core 1.2 section 6.1.7.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackRequest {
    /// The format in Accept; SenML CBOR, SenML JSON or LwM2M CBOR make sense.
    pub accept: ContentFormat,
    /// Whether `acc` names the instances of the bootstrap account, as from LwM2M 1.2.1 on.
    pub names_own_instances: bool,
}

impl ClientConfiguration {
    /// A client fresh from the factory: LwM2M 1.1, its bootstrap account at `/0/0`, RFC 7252's timing.
    pub fn new(endpoint: impl Into<String>) -> ClientConfiguration {
        ClientConfiguration {
            endpoint: endpoint.into(),
            lwm2m_version: Version::V1_1,
            preferred_content_format: None,
            bootstrap_account_instance: 0,
            behaviour: Behaviour::default(),
            stale_account: None,
            timing: Timing::default(),
            limit: EXCHANGE_LIFETIME,
            patience_after_refusal: Duration::from_secs(10),
            first_message_id: None,
            pack: None,
            clock: 0,
            like: None,
        }
    }
}

/// A server account from an earlier life of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleAccount {
    /// Its Security Object instance.
    pub security_instance: ObjectInstanceId,
    /// Its Server Object instance.
    pub server_instance: ObjectInstanceId,
    /// Its Short Server ID.
    pub short_server_id: u16,
}

impl Default for StaleAccount {
    /// `/0/1` and `/1/0` with Short Server ID 1, which an ordinary server deletes before it writes.
    fn default() -> StaleAccount {
        StaleAccount { security_instance: 1, server_instance: 0, short_server_id: 1 }
    }
}

/// Whether a client of `version` reads and writes `format` (spec sheet `formats.md`, section 1).
pub(super) fn speaks(version: Version, format: ContentFormat) -> bool {
    match format {
        ContentFormat::PlainText | ContentFormat::CoreLink | ContentFormat::Opaque | ContentFormat::Tlv => true,
        ContentFormat::Lwm2mJson => version < Version::V1_1,
        ContentFormat::Cbor | ContentFormat::SenmlJson | ContentFormat::SenmlCbor => version >= Version::V1_1,
        ContentFormat::Lwm2mCbor => version >= Version::V1_2,
    }
}

/// Whether `format` can carry a whole object instance and is written as well as read.
pub(super) fn is_hierarchical(format: ContentFormat) -> bool {
    use ContentFormat::{Lwm2mCbor, SenmlCbor, SenmlJson, Tlv};
    matches!(format, Tlv | SenmlCbor | SenmlJson | Lwm2mCbor)
}

/// Whether a client of `version` has `object` and lets a Bootstrap-Server write it.
pub(super) fn writes(version: Version, object: ObjectId) -> bool {
    match object {
        objects::SECURITY | objects::SERVER | objects::ACCESS_CONTROL => true,
        objects::OSCORE => version >= Version::V1_1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::speaks;
    use crate::lwm2m::{ContentFormat, Version};

    #[test]
    fn formats_come_and_go_with_the_versions() {
        assert!(speaks(Version::V1_0, ContentFormat::Lwm2mJson));
        assert!(!speaks(Version::V1_1, ContentFormat::Lwm2mJson));
        assert!(!speaks(Version::V1_0, ContentFormat::SenmlCbor));
        assert!(!speaks(Version::V1_1, ContentFormat::Lwm2mCbor));
        assert!(speaks(Version::V1_2, ContentFormat::Lwm2mCbor));
    }
}
