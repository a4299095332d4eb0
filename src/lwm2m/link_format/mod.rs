//! The answer to Bootstrap-Discover, in CoRE Link Format.
//!
//! RFC 6690 section 2; LwM2M Core 1.2 section 6.1.7.3; spec sheet `bootstrap.md`, section 6. Clients are sloppy here,
//! so reading is tolerant: blanks, trailing slashes, the bare `lwm2m="1.0"` element, either way of quoting, attributes
//! and links that LwM2M does not know. One thing is strict: an `ssid` that cannot be read is an error, because an
//! account whose `ssid` were overlooked would pass for the bootstrap account.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use super::objects::SECURITY;
use super::path::{ObjectId, ObjectInstanceId};
use super::version::Version;

/// The largest answer that is read, in bytes.
pub const MAX_LENGTH: usize = 64 * 1024;

/// The most links that are read.
pub const MAX_LINKS: usize = 2048;

/// What a client said it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscoverAnswer {
    /// The highest LwM2M release the client supports, as it says. A hint: some clients print 1.0 whatever they speak.
    pub version: Option<Version>,
    /// Objects listed by themselves (`</o>`), in the order of the answer; no id twice.
    pub objects: Vec<DiscoveredObject>,
    /// Object instances (`</o/i>`), in the order of the answer; none twice.
    pub instances: Vec<DiscoveredInstance>,
    /// The objects that were asked by themselves; empty where the root was, whose answer covers all.
    pub asked: Vec<ObjectId>,
}

/// A link to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoveredObject {
    /// Object id.
    pub object: ObjectId,
    /// Object version, printed where it differs from what the release implies.
    pub version: Option<Version>,
}

/// A link to an object instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveredInstance {
    /// Object id.
    pub object: ObjectId,
    /// Object instance id.
    pub instance: ObjectInstanceId,
    /// Short Server ID of the account it belongs to; as printed, so 0 and 65535 are possible.
    pub short_server_id: Option<u16>,
    /// Server URI of a Security instance.
    pub uri: Option<String>,
}

/// Why an answer could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkFormatError {
    /// More than [`MAX_LENGTH`] bytes.
    #[error("the answer is too long")]
    TooLong,
    /// More than [`MAX_LINKS`] links.
    #[error("the answer holds too many links")]
    TooManyLinks,
    /// Not UTF-8 (RFC 6690 section 2).
    #[error("the answer is not UTF-8")]
    NotText,
    /// A `<` without its `>`.
    #[error("a link has no end")]
    UnclosedLink,
    /// A quoted value without its closing quote.
    #[error("a quoted value has no end")]
    UnclosedQuote,
    /// Text between the end of a link or a quoted value and the next separator.
    #[error("a link or a quoted value is followed by something else than a separator")]
    StrayText,
    /// An `ssid` that is no number of 16 bits.
    #[error("an ssid is not a number below 65536")]
    BadShortServerId,
    /// Two links to one instance that name different Short Server IDs.
    #[error("an instance is listed with two Short Server IDs")]
    Contradiction,
}

impl DiscoverAnswer {
    /// Reads the payload of an answer to Bootstrap-Discover.
    ///
    /// # Errors
    /// [`LinkFormatError`] where even tolerance finds no meaning.
    pub fn parse(payload: &[u8]) -> Result<DiscoverAnswer, LinkFormatError> {
        reader::read(payload)
    }

    /// Adds the answer of one object that was asked by itself.
    pub fn add_answer_of(&mut self, object: ObjectId, answer: DiscoverAnswer) {
        self.asked.push(object);
        self.version = self.version.max(answer.version);
        self.instances.extend(answer.instances.into_iter().filter(|found| found.object == object));
    }

    /// Whether the answer tells of `object`; where it does not, the client may have it or not.
    pub fn covers(&self, object: ObjectId) -> bool {
        self.asked.is_empty() || self.asked.contains(&object)
    }

    /// Writes the answer as a client of [`version`](DiscoverAnswer::version) does: up to 1.0 with a bare, quoted
    /// `lwm2m` element and without `uri`, later with a link to the root. Without a version nothing leads the links.
    pub fn render(&self) -> String {
        writer::write(self)
    }

    /// The instances of one object, in the order of the answer.
    pub fn instances_of(&self, object: ObjectId) -> impl Iterator<Item = &DiscoveredInstance> {
        self.instances.iter().filter(move |instance| instance.object == object)
    }

    /// The instance of the client's own bootstrap account: the one Security instance without `ssid`.
    ///
    /// None if there is no such instance, and none if there are several, because then nothing tells them apart
    /// (spec sheet `bootstrap.md`, section 6).
    pub fn bootstrap_account(&self) -> Option<ObjectInstanceId> {
        let mut candidates =
            self.instances.iter().filter(|found| found.object == SECURITY && found.short_server_id.is_none());
        let account = candidates.next()?.instance;
        candidates.next().is_none().then_some(account)
    }
}
