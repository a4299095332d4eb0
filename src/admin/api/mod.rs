//! What travels between the admin socket and whoever asks: the types of `/v1`.
//!
//! Definitions go in as `provision` defines them and come out as [`Entry`]: the definition's own fields, what the
//! daemon knows about it beside them, and `secrets` in place of what is secret. These types know neither HTTP nor the store.

mod credentials;
mod entry;
mod explanation;
mod fleet;
mod knowledge;
mod problem;
mod session;
mod status;
mod timestamp;

pub use credentials::{
    Approval, BatchChanged, CredentialState, Credentials, HeldClient, IssuedEntry, Revealed, StateChange,
};
pub use entry::{BootstrapCredentials, Entry, LastSession, List, Origin, Record, Resource, path_of, query_of, segment};
pub use fleet::{
    CSV_MEDIA_TYPE, Dependents, Fleet, FleetChange, FleetSummary, ImportLine, ImportSummary, LINES_MEDIA_TYPE,
    StatedDevice,
};
/// Media type of a copy of the database.
pub const BACKUP_MEDIA_TYPE: &str = "application/vnd.sqlite3";
/// Header that says how many devices in force a copy of the database holds.
pub const BACKUP_DEVICES: &str = "bootstrapd-devices";

pub use explanation::{Check, DeviceExplanation, IssuedAccount};
pub use knowledge::{Knowledge, KnownFact, KnownFrom, Model};
pub use problem::{FieldProblem, MEDIA_TYPE as PROBLEM_MEDIA_TYPE, Problem};
pub use session::{Session, SessionListener, SessionSummary};
pub use status::{
    Admission, AuditLine, Definitions, Listener, ListenerDtls, LoopingDevice, OutcomeCount, ReloadSummary,
    ServerCertificate, Status,
};
pub use timestamp::Timestamp;
