//! What can go wrong: when the store is opened, and afterwards.
//!
//! No message holds a secret, and each says what to do where the operator can do something.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::entry::Key;
use super::sealing::SealError;
use crate::counted::counted;
use crate::provision::DeviceIdentity;

/// Why the store was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or directory could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others may write into the state directory.
    #[error("others may write into the state directory {}: run `chmod 0700` on it", path.display())]
    Exposed {
        /// The state directory.
        path: PathBuf,
    },
    /// Root was to work among files that another user can exchange for others at any moment.
    #[error(
        "the state directory {} belongs to user {user}, and root must not work in it: run this as that user, with \
         `setpriv --reuid {user} --regid {group} --clear-groups` before the command", state_dir.display()
    )]
    BelongsToAnother {
        /// The state directory.
        state_dir: PathBuf,
        /// The number of its owner.
        user: u32,
        /// The number of its group.
        group: u32,
    },
    /// Another process has it open.
    #[error("another bootstrapd uses the database in {}: stop it, or give this one a `state_dir` of its own", state_dir.display())]
    InUse {
        /// The state directory.
        state_dir: PathBuf,
    },
    /// The sealing key is not the one the database was made with.
    #[error(
        "the sealing key does not belong to the database {}: give the key that it is sealed with (after a rekey that is \
         the new one), or move the database away to start anew", path.display()
    )]
    WrongKey {
        /// The database.
        path: PathBuf,
    },
    /// The database was written by a later version.
    #[error("the database {} has schema {found}, and this version knows up to {known}: use a newer bootstrapd", path.display())]
    FromTheFuture {
        /// The database.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// The last `user_version` that is known here.
        known: i64,
    },
    /// SQLite refused.
    #[error("the database {} cannot be used: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file is a database, but not one of ours.
    #[error("{} is not a database of bootstrapd", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A seal could not be made.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Why something was not done. A change that failed has changed nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such entry.
    #[error("there is no {kind} {key}")]
    NotFound {
        /// Of this kind.
        kind: Kind,
        /// Asked for like this.
        key: Key,
    },
    /// The name is taken.
    #[error("there is already a {kind} `{name}`{}", hidden_note(*shadowed))]
    Exists {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
        /// Its number, where it is hidden behind the config file.
        shadowed: Option<i64>,
    },
    /// Another device proves itself by the same.
    #[error("device `{endpoint}` already has {identity}{}", hidden_note(*shadowed))]
    IdentityTaken {
        /// What both have.
        identity: DeviceIdentity,
        /// Endpoint of the other device.
        endpoint: String,
        /// The other device's number, where it is hidden behind the config file.
        shadowed: Option<i64>,
    },
    /// An identity that was drawn at random is taken: draw again.
    #[error("the PSK identity that was drawn is taken")]
    IssuedIdentityTaken,
    /// The listener has taken in as many unknown clients as it may.
    #[error("{0} unknown clients were accepted, and that is the limit: delete some, or take the tag `accepted` away")]
    TooManyAccepted(u64),
    /// Of a batch, some cannot be changed, so that none was.
    #[error("nothing was changed: {}", list(.0))]
    Batch(Vec<StoreError>),
    /// The entry belongs to the config file.
    #[error("{kind} `{name}` is defined in the config file: change it there and reload")]
    DefinedInFile {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
    },
    /// Others depend on the entry.
    #[error("{kind} `{name}` is used by {dependents}: change or delete those first")]
    InUse {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
        /// Who depends on it.
        dependents: Dependents,
    },
    /// Of what depends on the entry the config file defines something, which cannot be deleted with it.
    #[error("{kind} `{name}` cannot be deleted with what depends on it: the config file defines {}", dependents.join(", "))]
    FileDepends {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
        /// What the config file defines.
        dependents: Vec<String>,
    },
    /// Not as many entries depend on the entry as was agreed to delete.
    #[error("{found} entries depend on {kind} `{name}`, and {agreed} were agreed to be deleted: look again")]
    OtherDependents {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
        /// As many do.
        found: u64,
        /// As many were to.
        agreed: u64,
    },
    /// Something is named that does not exist.
    #[error("there is no {kind} `{name}` to refer to: add it first")]
    UnknownReference {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
    },
    /// There is a default profile already.
    #[error("profile `{name}` is already the default: set `default = false` there first")]
    SecondDefault {
        /// The default profile.
        name: String,
    },
    /// A change may not change the name.
    #[error("{kind} `{name}` cannot be renamed: add a new one and delete this one")]
    Renamed {
        /// Of this kind.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// A page was to begin where this list has no place.
    #[error("`after` is no place in this list: give `next` of the page before, and the same order")]
    NoSuchPlace,
    /// The config file and the database both define something; the reload changed nothing.
    #[error("the config file cannot be applied: {}", list(.0))]
    FileConflicts(Vec<FileConflict>),
    /// The config file defines something twice.
    #[error("the config file is contradictory: {0}")]
    FileContradiction(Box<StoreError>),
    /// A secret could not be sealed or unsealed.
    #[error("{kind} `{name}`: {source}")]
    Seal {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
        /// Why.
        source: SealError,
    },
    /// A row holds what this program never writes.
    #[error("the database holds something unreadable about {kind} `{name}`: {what}")]
    Corrupt {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
        /// Which part.
        what: &'static str,
    },
    /// SQLite failed: the disk is full, the file is damaged.
    #[error("the database failed: {0}")]
    Database(Arc<rusqlite::Error>),
    /// A file for a copy of the database could not be made or read.
    #[error("cannot {action} {}: {source}", path.display())]
    Backup {
        /// What was tried.
        action: &'static str,
        /// The copy.
        path: PathBuf,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// The store has been closed, or its thread is gone.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError::Database(Arc::new(error))
    }
}

/// Why an `update_*` changed nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// The store refused or failed.
    #[error(transparent)]
    Store(StoreError),
    /// The caller's own closure refused.
    #[error(transparent)]
    Refused(E),
}

impl<E> From<StoreError> for ChangeError<E> {
    fn from(error: StoreError) -> ChangeError<E> {
        ChangeError::Store(error)
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A server account.
    Server,
    /// A profile.
    Profile,
    /// A device.
    Device,
    /// A model of the config file.
    Model,
    /// The database as a whole.
    Database,
}

impl Kind {
    /// The operator's noun.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Server => "server",
            Kind::Profile => "profile",
            Kind::Device => "device",
            Kind::Model => "model",
            Kind::Database => "database",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Who depends on an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependents {
    /// Of this kind.
    pub kind: Kind,
    /// How many in all.
    pub count: u64,
    /// Some of their names, at most ten.
    pub names: Vec<String>,
}

impl fmt::Display for Dependents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (", counted(self.count, &self.kind.to_string()))?;
        for (position, name) in self.names.iter().enumerate() {
            write!(formatter, "{}`{name}`", if position == 0 { "" } else { ", " })?;
        }
        let more = if self.count > self.names.len() as u64 { ", ..." } else { "" };
        write!(formatter, "{more})")
    }
}

/// Something that the config file and the database both define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileConflict {
    /// Both define an entry of this name.
    Name {
        /// Of this kind.
        kind: Kind,
        /// With this name.
        name: String,
        /// Number of the database's entry.
        id: i64,
    },
    /// A device of the file proves itself by what a device of the database has.
    Identity {
        /// What both have.
        identity: DeviceIdentity,
        /// Endpoint in the file.
        file: String,
        /// Endpoint in the database.
        database: String,
        /// Number of the database's entry.
        id: i64,
    },
    /// A device of the file has a PSK identity that was issued to another device; at start that one keeps it.
    IssuedIdentity {
        /// The identity.
        identity: String,
        /// Endpoint in the file.
        file: String,
        /// Endpoint of the device to which it was issued, whoever defines that.
        holder: String,
    },
    /// Both define a default profile.
    Default {
        /// The file's.
        file: String,
        /// The database's; devices that name no profile do not get it.
        database: String,
    },
}

impl FileConflict {
    /// Endpoint of the device in the database in whose place the file's stands.
    pub fn hidden_device(&self) -> Option<&str> {
        match self {
            FileConflict::Name { kind: Kind::Device, name, .. } => Some(name),
            FileConflict::Identity { database, .. } => Some(database),
            FileConflict::Name { .. } | FileConflict::IssuedIdentity { .. } | FileConflict::Default { .. } => None,
        }
    }
}

impl fmt::Display for FileConflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileConflict::Name { kind, name, id } => {
                write!(formatter, "{kind} `{name}` is also in the database, as number {id}")
            }
            FileConflict::Identity { identity, file, database, id } => {
                write!(formatter, "device `{file}` has {identity} of device `{database}` in the database, number {id}")
            }
            FileConflict::IssuedIdentity { identity, file, holder } => {
                write!(
                    formatter,
                    "device `{file}` has the PSK identity `{identity}`, which was issued to device `{holder}`"
                )
            }
            FileConflict::Default { file, database } => {
                write!(formatter, "profile `{file}` is the default, but `{database}` in the database is too")
            }
        }
    }
}

/// A reference of something in force to something that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dangling {
    /// A profile names a server account that is not there: devices of the profile are refused.
    Server {
        /// The profile.
        profile: String,
        /// The server account.
        server: String,
    },
    /// Devices name a profile that is not there: they are refused.
    Profile {
        /// The profile.
        profile: String,
        /// How many devices, and some of them.
        devices: Dependents,
    },
    /// Devices name no profile, and none is the default: they are refused.
    DefaultProfile {
        /// How many devices, and some of them.
        devices: Dependents,
    },
}

impl fmt::Display for Dangling {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dangling::Server { profile, server } => {
                write!(formatter, "profile `{profile}` names server `{server}`, which does not exist")
            }
            Dangling::Profile { profile, devices } => {
                write!(formatter, "{devices} want profile `{profile}`, which does not exist")
            }
            Dangling::DefaultProfile { devices } => {
                write!(formatter, "{devices} want the default profile, and no profile is the default")
            }
        }
    }
}

fn hidden_note(shadowed: Option<i64>) -> String {
    match shadowed {
        Some(id) => format!(", number {id}, hidden behind an entry of the config file"),
        None => String::new(),
    }
}

fn list(conflicts: &[impl fmt::Display]) -> String {
    let shown = conflicts.iter().take(10).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let more = conflicts.len().saturating_sub(10);
    if more > 0 { format!("{shown}; and {more} more") } else { shown }
}
