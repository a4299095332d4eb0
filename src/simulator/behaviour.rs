//! In what clients differ that all call themselves LwM2M: what they say, what they take, and how they refuse.
//!
//! Spec sheets `bootstrap.md`, section 16, and `clients.md`, section 1. What the real ones do stands in
//! [`super::like`]; here stand the points in which they differ. Everything is small and copied, because a load generator
//! holds one of these for each of its clients.

use std::time::Duration;

use crate::coap::Code;
use crate::lwm2m::ContentFormat;
use crate::lwm2m::path::{ObjectId, ResourceId};

/// How a simulated client takes what the server does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Whether changes last only once Finish has been answered with 2.04, as in Anjay; else they last at once, as in
    /// Wakaama, Zephyr and Leshan's client.
    pub commits_at_finish: bool,
    /// Whether an instance with a resource that the client does not know is answered with 4.00; the specification has
    /// it ignored.
    pub refuses_unknown_resources: bool,
    /// Whether there is an object 2.
    pub has_access_control: bool,
    /// Its part of the message layer.
    pub messages: Messages,
    /// What it does about bodies in blocks, as receiver (Block1) and as sender (Block2).
    pub blocks: Blocks,
    /// How it answers Bootstrap-Discover.
    pub discover: DiscoverForm,
    /// How it answers Bootstrap-Read.
    pub reads: Reads,
    /// What it makes of Bootstrap-Write.
    pub writes: Writes,
    /// What it makes of Bootstrap-Delete.
    pub deletes: Deletes,
    /// What it makes of Bootstrap-Finish.
    pub finish: Finish,
}

/// The message layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Messages {
    /// Longest datagram that it reads, in bytes, and what becomes of a longer one; none where there is no such limit.
    pub longest: Option<(usize, TooLong)>,
    /// Whether a non-confirmable request gets no reaction at all.
    pub confirmable_only: bool,
    /// Whether an operation that overtakes the 2.04 ends its bootstrap.
    pub ends_when_overtaken: bool,
    /// Whether a 4.xx to a Bootstrap-Request with `pct` makes it ask again as a client of LwM2M 1.0.
    pub falls_back_to_1_0: bool,
    /// Whether message ids and tokens come from the clock in seconds, so that clients started together have the same.
    pub ids_from_clock: bool,
}

/// What becomes of a datagram that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// Nothing: no answer at all.
    Dropped,
    /// It is answered with 4.13.
    Refused,
}

/// Block-wise transfer (RFC 7959).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Exponent of the largest block that it takes and gives, 0 to 6: `2^(exponent + 4)` bytes.
    pub largest: u8,
    /// How it says that the server's blocks are larger than that.
    pub oversized: Oversized,
    /// Whether a payload without Block1 may be longer than the largest block.
    pub takes_long_payloads: bool,
    /// Longest body that is put together, in bytes.
    pub longest_body: usize,
    /// Bodies that are put together at the same time, keyed by path and Request-Tag; the oldest gives way.
    pub contexts: usize,
    /// How long a body may go without a further block.
    pub idle: Duration,
    /// Whether all blocks must have the size of the first one.
    pub keeps_size: bool,
    /// What a block that is not the last and not full is answered.
    pub partial: Code,
    /// The code with which every Block1 is refused; none where it takes blocks.
    pub refused: Option<Code>,
    /// The code with which SenML JSON in blocks is refused.
    pub senml_json_refused: Option<Code>,
    /// Whether every other request is answered with 5.03 while an answer of its own has been fetched in part only.
    pub busy_while_fetched: bool,
}

/// How a client reacts to blocks that are larger than it likes (RFC 7959 section 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversized {
    /// It takes this many of them and then answers 2.31 with its own size: early negotiation with one, late with more.
    Negotiated(u32),
    /// It answers 4.13 with its own size in Block1.
    Refused,
    /// It answers 4.13 without Block1.
    RefusedWithoutSize,
}

/// The text of a Discover answer (spec sheet `bootstrap.md`, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoverForm {
    /// How the version stands in it when the client speaks LwM2M 1.0.
    pub old_head: Head,
    /// How the version stands in it when the client speaks a later LwM2M.
    pub head: Head,
    /// Which objects are listed by themselves.
    pub objects: ObjectLinks,
    /// Which Security instances have a `uri`; none has one before LwM2M 1.1.
    pub uri: UriAttribute,
    /// Whether a blank follows each comma.
    pub blanks: bool,
    /// Whether instances are printed with a slash at their end.
    pub trailing_slashes: bool,
    /// What Discover of an instance or a resource is answered.
    pub deeper: Code,
}

/// The leading element of a Discover answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// `lwm2m="1.0"`
    BareQuoted,
    /// `lwm2m=1.0`
    Bare,
    /// `</>;lwm2m="1.0"`
    LinkQuoted,
    /// `</>;lwm2m=1.1`
    Link,
    /// `</>;lwm2m=1.0`, whatever the client speaks.
    LinkAlwaysOld,
}

/// Which links to objects a Discover answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectLinks {
    /// None: instances alone.
    None,
    /// Those of objects without instances.
    Empty,
    /// All of them.
    All,
}

/// Which Security instances have a `uri` in a Discover answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriAttribute {
    /// None of them.
    Never,
    /// All but that of the bootstrap account.
    Servers,
    /// All of them.
    All,
}

/// Bootstrap-Read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// What anything but the Server and the Access Control Object is answered; none where it is simply read.
    pub elsewhere: Option<Code>,
    /// Whether LwM2M CBOR is written with indefinite-length maps and with arrays as keys.
    pub indefinite_lwm2m_cbor: bool,
}

/// Bootstrap-Write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writes {
    /// Formats that it takes, as far as its version has them.
    pub formats: &'static [ContentFormat],
    /// What another format is answered at object level.
    pub format_refused_at_object: Code,
    /// What another format is answered at instance and resource level.
    pub format_refused: Code,
    /// What becomes of a write without Content-Format.
    pub without_format: WithoutFormat,
    /// What becomes of the instance ids in a write to an object.
    pub numbering: Numbering,
    /// Whether writing an instance leaves resources that the payload does not name, as in Zephyr.
    pub updates_instances: bool,
    /// Resources with which an instance is refused.
    pub refused_resources: &'static [RefusedResources],
    /// Whether a second bootstrap account is answered with 4.00 at once.
    pub refuses_second_bootstrap_account: bool,
}

/// A write without Content-Format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutFormat {
    /// It is answered with this code.
    Refused(Code),
    /// The payload counts as plain text.
    PlainText,
    /// It is answered with 2.04 and writes nothing, because it passes for Write-Attributes.
    Ignored,
}

/// The instance ids in a write to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// They are kept.
    Kept,
    /// They are ignored: each instance gets the lowest free id.
    LowestFree,
    /// They are kept, and more than one instance is refused with 4.00.
    OneInstance,
}

/// Resources of one object with which an instance is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedResources {
    /// The object.
    pub object: ObjectId,
    /// The first and the last of the resources.
    pub resources: (ResourceId, ResourceId),
    /// What the write is answered.
    pub code: Code,
}

/// Bootstrap-Delete. Where there is no code, the answer is 2.02.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletes {
    /// `/3`, which deletes nothing in any client.
    pub device_object: Option<Code>,
    /// `/3/0`, which stays in any client.
    pub device_instance: Option<Code>,
    /// The bootstrap account's own instance; without a code it is really deleted.
    pub bootstrap_account: Option<Code>,
    /// An object that the client does not have.
    pub unknown_object: Option<Code>,
    /// An instance that does not exist.
    pub missing_instance: Option<Code>,
    /// Whether `/` and `/21` spare the OSCORE instance of the bootstrap account.
    pub spares_own_oscore: bool,
}

/// Bootstrap-Finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish {
    /// What is checked before it is answered with 2.04.
    pub check: FinishCheck,
    /// How and when the answer goes out.
    pub answer: FinishAnswer,
    /// Whether a repetition of an answered Finish is answered too.
    pub answers_repetition: bool,
}

/// What a client checks at Finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishCheck {
    /// Everything that LwM2M demands (spec sheet `objects.md`, section 10).
    Everything,
    /// Mandatory resources, security mode against URI, Short Server ID, a single bootstrap account; no pairing.
    Anjay,
    /// Short Server ID of Security and binding of Server instances.
    Wakaama,
    /// That there is something in objects 0, 1 and 3, and that certificates come with their keys.
    Leshan,
    /// Nothing.
    Nothing,
}

/// How Finish is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishAnswer {
    /// In the acknowledgement, at once.
    AtOnce,
    /// In the acknowledgement, which comes after this time.
    Late(Duration),
    /// By an empty acknowledgement at once and a confirmable response after this time.
    Separate(Duration),
    /// At once if it is 2.04; a refusal comes as a confirmable response after an empty acknowledgement.
    SeparateRefusal,
}

/// All formats in which anything can be written.
pub(super) const EVERY_FORMAT: &[ContentFormat] = &[
    ContentFormat::PlainText,
    ContentFormat::Opaque,
    ContentFormat::Cbor,
    ContentFormat::SenmlJson,
    ContentFormat::SenmlCbor,
    ContentFormat::Tlv,
    ContentFormat::Lwm2mJson,
    ContentFormat::Lwm2mCbor,
];

impl Default for Behaviour {
    /// That of a client that does what the specification says, and where it says nothing what most clients do.
    fn default() -> Behaviour {
        SPECIFIED
    }
}

/// See [`Behaviour::default`].
pub(super) const SPECIFIED: Behaviour = Behaviour {
    commits_at_finish: false,
    refuses_unknown_resources: false,
    has_access_control: true,
    messages: Messages {
        longest: None,
        confirmable_only: false,
        ends_when_overtaken: false,
        falls_back_to_1_0: false,
        ids_from_clock: false,
    },
    blocks: Blocks {
        largest: 6,
        oversized: Oversized::Negotiated(1),
        takes_long_payloads: true,
        longest_body: 64 * 1024,
        contexts: 4,
        // EXCHANGE_LIFETIME, as spec sheet `transport.md`, section 2, has it for every receiver of blocks.
        idle: Duration::from_secs(247),
        keeps_size: false,
        partial: Code::BAD_REQUEST,
        refused: None,
        senml_json_refused: None,
        busy_while_fetched: false,
    },
    discover: DiscoverForm {
        old_head: Head::BareQuoted,
        head: Head::Link,
        objects: ObjectLinks::Empty,
        uri: UriAttribute::Servers,
        blanks: false,
        trailing_slashes: false,
        deeper: Code::BAD_REQUEST,
    },
    reads: Reads { elsewhere: Some(Code::METHOD_NOT_ALLOWED), indefinite_lwm2m_cbor: false },
    writes: Writes {
        formats: EVERY_FORMAT,
        format_refused_at_object: Code::UNSUPPORTED_CONTENT_FORMAT,
        format_refused: Code::UNSUPPORTED_CONTENT_FORMAT,
        without_format: WithoutFormat::Refused(Code::BAD_REQUEST),
        numbering: Numbering::Kept,
        updates_instances: false,
        refused_resources: &[],
        refuses_second_bootstrap_account: true,
    },
    deletes: Deletes {
        device_object: Some(Code::BAD_REQUEST),
        device_instance: Some(Code::BAD_REQUEST),
        bootstrap_account: Some(Code::BAD_REQUEST),
        unknown_object: Some(Code::NOT_FOUND),
        missing_instance: Some(Code::NOT_FOUND),
        spares_own_oscore: true,
    },
    finish: Finish { check: FinishCheck::Everything, answer: FinishAnswer::AtOnce, answers_repetition: true },
};
