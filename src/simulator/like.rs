//! `Like`: the clients that the simulated one can behave like, and the table of what each of them does.
//!
//! Spec sheets `clients.md`, sections 1 and 3, and `bootstrap.md`, sections 6 to 10 and 16; each line of the table names
//! its place there. What they leave open is as in [`Behaviour::default`]. Knows no message.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::behaviour::{
    Behaviour, Blocks, Deletes, DiscoverForm, Finish, FinishAnswer, FinishCheck, Head, Messages, Numbering,
    ObjectLinks, Oversized, Reads, RefusedResources, SPECIFIED, TooLong, UriAttribute, WithoutFormat, Writes,
};
use super::configuration::{ClientConfiguration, PackRequest};
use crate::coap::Code;
use crate::lwm2m::objects::{SECURITY, SERVER};
use crate::lwm2m::path::ObjectInstanceId;
use crate::lwm2m::{ContentFormat, Version};

/// A client that exists, and that the simulated one behaves like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Like {
    /// Anjay 3.x.
    Anjay,
    /// Anjay Lite.
    AnjayLite,
    /// Eclipse Wakaama.
    Wakaama,
    /// The client of the Zephyr project.
    Zephyr,
    /// The client of Eclipse Leshan.
    Leshan,
}

/// A text that names no client of [`Like`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be anjay, anjay-lite, wakaama, zephyr or leshan")]
pub struct UnknownClient;

impl Like {
    /// All of them.
    pub const ALL: [Like; 5] = [Like::Anjay, Like::AnjayLite, Like::Wakaama, Like::Zephyr, Like::Leshan];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Like::Anjay => "anjay",
            Like::AnjayLite => "anjay-lite",
            Like::Wakaama => "wakaama",
            Like::Zephyr => "zephyr",
            Like::Leshan => "leshan",
        }
    }

    /// The versions that it speaks, the one that it is usually built for first.
    pub fn versions(self) -> &'static [Version] {
        match self {
            Like::Anjay => &[Version::V1_2, Version::V1_1, Version::V1_0],
            Like::AnjayLite => &[Version::V1_1, Version::V1_2],
            Like::Wakaama | Like::Zephyr | Like::Leshan => &[Version::V1_1, Version::V1_0],
        }
    }

    /// A client named `endpoint` that behaves like this one and speaks `version`, which should be one of
    /// [`Like::versions`].
    pub fn configuration(self, endpoint: impl Into<String>, version: Version) -> ClientConfiguration {
        ClientConfiguration {
            lwm2m_version: version,
            // clients.md 1, "Request", and bootstrap.md 16, "`/bs` query": 112 where a number is named.
            preferred_content_format: (version >= Version::V1_1).then_some(ContentFormat::SenmlCbor.number()),
            bootstrap_account_instance: self.bootstrap_account_instance(),
            behaviour: self.behaviour(),
            // clients.md 1, "Request" and "Pack"; bootstrap.md 16, "pack": Anjay alone asks for one, and without `acc`.
            pack: (self == Like::Anjay && version >= Version::V1_2)
                .then_some(PackRequest { accept: ContentFormat::SenmlCbor, names_own_instances: false }),
            like: Some(self),
            ..ClientConfiguration::new(endpoint)
        }
    }

    /// clients.md 1, "Bootstrap account sits at"; bootstrap.md 6, "Factory default", for the others.
    fn bootstrap_account_instance(self) -> ObjectInstanceId {
        match self {
            Like::Anjay => 1,
            Like::AnjayLite | Like::Wakaama | Like::Zephyr | Like::Leshan => 0,
        }
    }

    /// What it does differently from others.
    pub fn behaviour(self) -> Behaviour {
        match self {
            Like::Anjay => ANJAY,
            Like::AnjayLite => ANJAY_LITE,
            Like::Wakaama => WAKAAMA,
            Like::Zephyr => ZEPHYR,
            Like::Leshan => LESHAN,
        }
    }
}

use ContentFormat::{Cbor, Lwm2mCbor, Lwm2mJson, Opaque, PlainText, SenmlCbor, SenmlJson, Tlv};

const ANJAY: Behaviour = Behaviour {
    // bootstrap.md 16, "transactional".
    commits_at_finish: true,
    messages: Messages {
        // clients.md 1, "Block1".
        longest: Some((4000, TooLong::Refused)),
        // clients.md 1, "`/bs` refused".
        falls_back_to_1_0: true,
        ..SPECIFIED.messages
    },
    // clients.md 1, "Block1", and 3, item 7.
    blocks: Blocks { busy_while_fetched: true, ..SPECIFIED.blocks },
    // clients.md 1, "Discover text"; bootstrap.md 6 and 16, "Discover form".
    discover: DiscoverForm {
        old_head: Head::BareQuoted,
        head: Head::Link,
        objects: ObjectLinks::All,
        uri: UriAttribute::All,
        ..SPECIFIED.discover
    },
    // clients.md 1, "Read", and 3, item 13.
    reads: Reads { elsewhere: Some(Code::METHOD_NOT_ALLOWED), indefinite_lwm2m_cbor: true },
    writes: Writes {
        // clients.md 1, "Write formats".
        formats: &[PlainText, Opaque, SenmlJson, SenmlCbor, Tlv, Lwm2mCbor],
        format_refused_at_object: Code::UNSUPPORTED_CONTENT_FORMAT,
        format_refused: Code::UNSUPPORTED_CONTENT_FORMAT,
        without_format: WithoutFormat::Refused(Code::METHOD_NOT_ALLOWED),
        // clients.md 1, "Write to `/0`".
        numbering: Numbering::Kept,
        // clients.md 1, "Unknown resource in an instance write".
        refused_resources: &[],
        // clients.md 1, "Finish refused": only there, as observed; bootstrap.md 8 read otherwise in the source.
        refuses_second_bootstrap_account: false,
        ..SPECIFIED.writes
    },
    // clients.md 1, "Delete" and "Unknown object"; bootstrap.md 9.
    deletes: Deletes {
        device_object: None,
        device_instance: Some(Code::METHOD_NOT_ALLOWED),
        bootstrap_account: None,
        unknown_object: None,
        missing_instance: None,
        spares_own_oscore: false,
    },
    // clients.md 1, "Finish refused", and 3, item 8.
    finish: Finish { check: FinishCheck::Anjay, answer: FinishAnswer::AtOnce, answers_repetition: false },
    ..SPECIFIED
};

const ANJAY_LITE: Behaviour = Behaviour {
    // bootstrap.md 6, parser requirements, and 16, "Discover form": `uri` as in Anjay.
    discover: DiscoverForm { uri: UriAttribute::All, ..SPECIFIED.discover },
    // clients.md 3, item 4; the code is not stated.
    writes: Writes { numbering: Numbering::OneInstance, ..SPECIFIED.writes },
    // bootstrap.md 9.
    deletes: Deletes {
        device_object: Some(Code::BAD_REQUEST),
        device_instance: Some(Code::BAD_REQUEST),
        bootstrap_account: Some(Code::BAD_REQUEST),
        unknown_object: None,
        missing_instance: None,
        spares_own_oscore: true,
    },
    // bootstrap.md 16, "transactional" (per object, so nothing waits for Finish) and "Finish check".
    ..SPECIFIED
};

const WAKAAMA: Behaviour = Behaviour {
    // bootstrap.md 16, "transactional".
    commits_at_finish: false,
    messages: Messages {
        // clients.md 1, "Block1".
        longest: Some((2048, TooLong::Dropped)),
        // clients.md 3, items 2 and 12.
        ends_when_overtaken: true,
        ids_from_clock: true,
        ..SPECIFIED.messages
    },
    // clients.md 1, "Block1": a body of 5 kB was taken, although bootstrap.md 16 has 4096 bytes as the default.
    blocks: Blocks { oversized: Oversized::Refused, longest_body: 5 * 1024, ..SPECIFIED.blocks },
    // clients.md 1, "Discover text"; bootstrap.md 16, "Discover form".
    discover: DiscoverForm {
        old_head: Head::Bare,
        head: Head::Link,
        objects: ObjectLinks::None,
        uri: UriAttribute::Servers,
        ..SPECIFIED.discover
    },
    // clients.md 1, "Read".
    reads: Reads { elsewhere: Some(Code::BAD_REQUEST), indefinite_lwm2m_cbor: false },
    writes: Writes {
        // clients.md 1, "Write formats".
        formats: &[PlainText, Opaque, SenmlJson, SenmlCbor, Tlv],
        format_refused_at_object: Code::INTERNAL_SERVER_ERROR,
        format_refused: Code::BAD_REQUEST,
        // bootstrap.md 8, "Content-Format".
        without_format: WithoutFormat::PlainText,
        // clients.md 1, "Write to `/0`".
        numbering: Numbering::LowestFree,
        // clients.md 1, "Unknown resource in an instance write"; it names "some" of Server 13 to 23, here it is all.
        refused_resources: &[
            RefusedResources { object: SECURITY, resources: (13, 14), code: Code::BAD_REQUEST },
            RefusedResources { object: SECURITY, resources: (16, 16), code: Code::NOT_FOUND },
            RefusedResources { object: SERVER, resources: (13, 23), code: Code::NOT_FOUND },
        ],
        // clients.md 1, "Finish refused": not among what it looks at; no place says that a write would be refused.
        refuses_second_bootstrap_account: false,
        ..SPECIFIED.writes
    },
    // clients.md 1, "Delete" and "Unknown object"; bootstrap.md 9.
    deletes: Deletes {
        device_object: Some(Code::METHOD_NOT_ALLOWED),
        device_instance: Some(Code::METHOD_NOT_ALLOWED),
        bootstrap_account: None,
        unknown_object: Some(Code::NOT_FOUND),
        missing_instance: Some(Code::NOT_FOUND),
        spares_own_oscore: false,
    },
    // clients.md 1, "Finish refused", and 3, item 8.
    finish: Finish { check: FinishCheck::Wakaama, answer: FinishAnswer::AtOnce, answers_repetition: false },
    ..SPECIFIED
};

const ZEPHYR: Behaviour = Behaviour {
    // bootstrap.md 5: only confirmable requests are processed.
    messages: Messages { confirmable_only: true, ..SPECIFIED.messages },
    // bootstrap.md 16, "Block1 receive"; transport.md 2.
    blocks: Blocks {
        contexts: 3,
        idle: Duration::from_secs(30),
        keeps_size: true,
        partial: Code::REQUEST_ENTITY_TOO_LARGE,
        senml_json_refused: Some(Code::INTERNAL_SERVER_ERROR),
        ..SPECIFIED.blocks
    },
    // bootstrap.md 6 (request and parser requirements) and 16, "Discover form".
    discover: DiscoverForm {
        old_head: Head::LinkQuoted,
        head: Head::Link,
        uri: UriAttribute::Never,
        deeper: Code::METHOD_NOT_ALLOWED,
        ..SPECIFIED.discover
    },
    // bootstrap.md 7, "Never": it does not enforce that.
    reads: Reads { elsewhere: None, indefinite_lwm2m_cbor: false },
    writes: Writes {
        // formats.md 6: no LwM2M CBOR.
        formats: &[PlainText, Opaque, Cbor, SenmlJson, SenmlCbor, Tlv, Lwm2mJson],
        // bootstrap.md 8, "Content-Format".
        without_format: WithoutFormat::Ignored,
        // bootstrap.md 8, "Instance-level target", and 16, "PUT instance".
        updates_instances: true,
        ..SPECIFIED.writes
    },
    // bootstrap.md 9.
    deletes: Deletes {
        device_object: Some(Code::METHOD_NOT_ALLOWED),
        device_instance: Some(Code::METHOD_NOT_ALLOWED),
        bootstrap_account: Some(Code::METHOD_NOT_ALLOWED),
        unknown_object: Some(Code::NOT_FOUND),
        missing_instance: Some(Code::NOT_FOUND),
        spares_own_oscore: false,
    },
    // bootstrap.md 10 and 16, "Finish check".
    finish: Finish { check: FinishCheck::Nothing, ..SPECIFIED.finish },
    ..SPECIFIED
};

const LESHAN: Behaviour = Behaviour {
    // bootstrap.md 16, "Discover form", and 15, item 9.
    discover: DiscoverForm {
        old_head: Head::LinkAlwaysOld,
        head: Head::LinkAlwaysOld,
        uri: UriAttribute::All,
        ..SPECIFIED.discover
    },
    writes: Writes {
        // formats.md 6: no LwM2M CBOR.
        formats: &[PlainText, Opaque, Cbor, SenmlJson, SenmlCbor, Tlv, Lwm2mJson],
        ..SPECIFIED.writes
    },
    // bootstrap.md 9.
    deletes: Deletes {
        device_object: Some(Code::BAD_REQUEST),
        device_instance: Some(Code::BAD_REQUEST),
        bootstrap_account: Some(Code::BAD_REQUEST),
        unknown_object: Some(Code::NOT_FOUND),
        missing_instance: Some(Code::BAD_REQUEST),
        spares_own_oscore: true,
    },
    // bootstrap.md 10 and 16, "Finish check".
    finish: Finish { check: FinishCheck::Leshan, answer: FinishAnswer::SeparateRefusal, ..SPECIFIED.finish },
    ..SPECIFIED
};

impl fmt::Display for Like {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Like {
    type Err = UnknownClient;

    fn from_str(text: &str) -> Result<Like, UnknownClient> {
        Like::ALL.into_iter().find(|like| like.name() == text).ok_or(UnknownClient)
    }
}

#[cfg(test)]
mod tests;
