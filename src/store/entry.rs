//! What goes into the store and comes out of it, beside the definitions themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::bootstrap::outcome::Outcome;
use crate::provision::{
    DeviceDefinition, DeviceState, IssuedCredentials, LearnedKnowledge, Model, ProfileDefinition, ServerDefinition,
};

/// A definition and what the store knows about it.
///
/// No secret is in whatever is listed or shown; [`Entry::secrets`] names the fields that have some. Only the
/// `reveal_*` methods of [`super::Store`] fill it in.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<D> {
    /// Number of the entry, stable for its life and never used again.
    pub id: i64,
    /// Who defined it.
    pub origin: Origin,
    /// Whether an entry of the config file stands in its place. Such an entry is found by its number only.
    pub shadowed: bool,
    /// What the operator said.
    pub definition: D,
    /// The fields that are, or hold, secrets: `psk`, `private_key`, `writes`.
    pub secrets: Vec<String>,
    /// When it was first defined.
    pub created: UnixMillis,
    /// When it was last changed.
    pub changed: UnixMillis,
}

/// A server account.
pub type ServerEntry = Entry<ServerDefinition>;
/// A profile.
pub type ProfileEntry = Entry<ProfileDefinition>;

/// A device with the end of its last session.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceEntry {
    /// The definition.
    pub entry: Entry<DeviceDefinition>,
    /// How its last session ended; none where it has had none.
    pub last: Option<LastOutcome>,
    /// Whether it has proven issued credentials towards us, so that those of its definition are good no more.
    pub retired: bool,
}

/// How the last session of a device ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastOutcome {
    /// How.
    pub outcome: Outcome,
    /// Why, as a sentence.
    pub reason: String,
    /// When.
    pub at: UnixMillis,
    /// Number of sessions so far, this one included.
    pub sessions: u64,
}

/// What a bootstrap needs to know of a device; without its key.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRecord {
    /// Number of the entry.
    pub id: i64,
    /// The definition; `psk`, `certificate` and `public_key` left out.
    pub definition: DeviceDefinition,
    /// The PSK identity that the device must prove, in bytes; none where it has no key.
    pub identity: Option<Vec<u8>>,
    /// SHA-256 of its pinned certificate.
    pub certificate_fingerprint: Option<[u8; 32]>,
    /// SHA-256 of its raw public key.
    pub public_key_fingerprint: Option<[u8; 32]>,
    /// Whether it has proven issued credentials towards us: those of its definition are good no more, and it is not to be
    /// served without a proof.
    pub retired: bool,
    /// When an operator last asked for new issued credentials.
    pub rotation_requested: Option<i64>,
    /// The issued credentials by whose identity the record was found; none where it was found by its definition.
    pub proof: Option<IssuedProof>,
}

/// Issued credentials by which a client proves itself to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuedProof {
    /// Number of the record.
    pub id: i64,
    /// Whether the client is known to have proven them before.
    pub is_confirmed: bool,
}

/// The issued credentials of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceCredentials {
    /// Its endpoint.
    pub endpoint: String,
    /// When an operator last asked for new ones, in milliseconds since 1970.
    pub rotation_requested: Option<i64>,
    /// Every record, the last issued first.
    pub records: Vec<IssuedRecord>,
}

/// Issued credentials, and how they stand.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuedRecord {
    /// How they stand.
    pub state: CredentialState,
    /// What was issued; secret.
    pub credentials: IssuedCredentials,
}

/// How issued credentials stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialState {
    /// The client is known to have taken them.
    Current,
    /// They are the last that were issued, and it is not known whether the client has taken them.
    Pending,
    /// Others were issued since, and still it is not known whether the client has taken these.
    Previous,
}

/// All definitions that provisions are resolved from, secrets included: what is in force, the file's before the
/// database's where both have a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CatalogRows {
    /// Server accounts by name, with their keys.
    pub servers: Vec<ServerDefinition>,
    /// Profiles by name, with the secrets of their writes; at most one is the default.
    pub profiles: Vec<ProfileDefinition>,
}

/// Which devices to list, in which order. Texts are compared byte for byte; a device must meet all that is said.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceQuery {
    /// Only devices behind this place: [`DevicePage::next`] of the page before, asked for in the same order.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u32,
    /// Only devices whose endpoint, PSK identity, tags, or properties as `name=value`, contain this.
    pub search: Option<String>,
    /// Only devices that name this profile.
    pub profile: Option<String>,
    /// Only devices with this tag.
    pub tag: Option<String>,
    /// Only devices in this state.
    pub state: Option<DeviceState>,
    /// Only devices defined here.
    pub origin: Option<Origin>,
    /// Only devices whose last session ended so.
    pub last_outcome: Option<Outcome>,
    /// Only devices that have these properties, by name and value.
    pub properties: Vec<(String, String)>,
    /// What they are sorted by.
    pub order: DeviceOrder,
    /// Whether the last one comes first.
    pub descending: bool,
}

impl Default for DeviceQuery {
    fn default() -> DeviceQuery {
        DeviceQuery {
            after: None,
            limit: 100,
            search: None,
            profile: None,
            tag: None,
            state: None,
            origin: None,
            last_outcome: None,
            properties: Vec::new(),
            order: DeviceOrder::Endpoint,
            descending: false,
        }
    }
}

/// What devices are sorted by; those that are equal in it, by their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceOrder {
    /// By endpoint, in byte order.
    #[default]
    Endpoint,
    /// By the time of their definition.
    Created,
    /// By the time of their last change.
    Changed,
    /// By the end of their last session; those without one stand last, whichever end comes first.
    LastSession,
}

impl DeviceOrder {
    /// Every order.
    pub const ALL: [DeviceOrder; 4] =
        [DeviceOrder::Endpoint, DeviceOrder::Created, DeviceOrder::Changed, DeviceOrder::LastSession];

    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            DeviceOrder::Endpoint => "endpoint",
            DeviceOrder::Created => "created",
            DeviceOrder::Changed => "changed",
            DeviceOrder::LastSession => "last-session",
        }
    }
}

/// A page of devices.
#[derive(Clone, Debug, PartialEq)]
pub struct DevicePage {
    /// The devices.
    pub devices: Vec<DeviceEntry>,
    /// Number of devices on all pages together; none where it would take looking at most of the fleet: more than
    /// 20,000 devices meet a search or several filters.
    pub total: Option<u64>,
    /// What to say as [`DeviceQuery::after`] for the next page; none on the last.
    pub next: Option<String>,
}

/// Numbers of definitions in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Server accounts.
    pub servers: u64,
    /// Profiles.
    pub profiles: u64,
    /// Devices.
    pub devices: u64,
    /// Entries of the database in whose place the config file stands.
    pub shadowed: u64,
}

/// The end of a session, for [`super::Store::record_outcomes`].
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceOutcome {
    /// Endpoint of the device; one that is not defined is passed over.
    pub endpoint: String,
    /// How many sessions have ended since what was told last; the rest is of the latest of them.
    pub sessions: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, as a sentence without secrets.
    pub reason: String,
    /// When.
    pub at: UnixMillis,
}

/// What a session has shown of a client, for [`super::Store::record_knowledge`].
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceLearned {
    /// Endpoint of the device; one that is not defined is passed over.
    pub endpoint: String,
    /// Its model, to whose knowledge it contributes from now on; one that is not defined gains nothing.
    pub model: Option<String>,
    /// All that is known of it from now on.
    pub learned: LearnedKnowledge,
    /// When.
    pub at: UnixMillis,
}

/// What is known of the client of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownDevice {
    /// What its sessions have shown.
    pub learned: LearnedKnowledge,
    /// When that last changed.
    pub at: UnixMillis,
}

/// A model, and what its knowledge rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelEntry {
    /// The model with what was learned of it.
    pub model: Model,
    /// Number of devices, at most 16, that were looked at for it.
    pub devices: u64,
    /// When what was learned of it last changed; none where nothing was.
    pub learned_at: Option<UnixMillis>,
}

/// One line of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Number of the line; later lines have greater ones.
    pub id: i64,
    /// When.
    pub at: UnixMillis,
    /// User id of the peer of the admin socket, where there was one.
    pub uid: Option<u32>,
    /// Which way the change came, such as `admin socket`.
    pub actor: String,
    /// `add`, `change`, `delete`, `reveal`, `rotate`, `block`, `unblock` or `forget`.
    pub verb: String,
    /// `server`, `profile`, `device` or `model`.
    pub kind: String,
    /// Name or endpoint.
    pub name: String,
    /// Names of the fields concerned; never their values.
    pub fields: Vec<String>,
    /// Why, where the operator said so.
    pub reason: Option<String>,
}

/// Who makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// User id of the peer, where one is known.
    pub uid: Option<u32>,
    /// Which way the change came.
    pub what: &'static str,
}

impl Actor {
    /// Whoever speaks over the admin socket.
    pub fn admin_socket(uid: Option<u32>) -> Actor {
        Actor { uid, what: "admin socket" }
    }

    /// A listener that takes unknown clients in.
    pub fn listener() -> Actor {
        Actor { uid: None, what: "listener" }
    }

    /// The config file.
    pub fn config_file() -> Actor {
        Actor { uid: None, what: "config file" }
    }
}

/// Where a definition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// In the config file: read-only for the admin socket.
    File,
    /// In the database alone.
    Database,
}

impl Origin {
    /// The word in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Origin::File => "file",
            Origin::Database => "database",
        }
    }
}

/// How an entry is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// By its name, or a device by its endpoint: finds what is in force.
    Name(String),
    /// By its number: finds shadowed entries too.
    Id(i64),
}

impl Key {
    /// What a path segment means for a server or a profile, whose names are never all digits.
    pub fn from_segment(segment: &str) -> Key {
        match segment.parse() {
            Ok(id) if segment.bytes().all(|byte| byte.is_ascii_digit()) => Key::Id(id),
            _ => Key::Name(segment.to_owned()),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Name(name) => write!(formatter, "`{name}`"),
            Key::Id(id) => write!(formatter, "number {id}"),
        }
    }
}

/// A wall-clock time in milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl From<SystemTime> for UnixMillis {
    fn from(time: SystemTime) -> UnixMillis {
        let millis = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(match time.duration_since(UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => -millis(before.duration()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, UnixMillis};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_segment_of_digits_is_a_number_and_all_else_a_name() {
        assert_eq!(Key::from_segment("17"), Key::Id(17));
        for name in ["a", "17a", "+17", "-1", "99999999999999999999"] {
            assert_eq!(Key::from_segment(name), Key::Name(name.to_owned()));
        }
    }

    #[test]
    fn times_before_1970_are_negative() {
        assert_eq!(UnixMillis::from(UNIX_EPOCH + Duration::from_millis(5)), UnixMillis(5));
        assert_eq!(UnixMillis::from(UNIX_EPOCH - Duration::from_millis(5)), UnixMillis(-5));
    }
}
