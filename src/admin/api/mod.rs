//! What travels between the admin socket and whoever asks: the types of `/v1`.
//!
//! Definitions go in as `provision` defines them and come out as [`Entry`]: the definition's own fields, what the
//! daemon knows about it beside them, and `secrets` in place of what is secret. These types know neither HTTP nor the store.

mod entry;
mod fleet;
mod problem;
mod session;
mod status;
mod timestamp;

pub use entry::{Entry, LastSession, List, Origin, Record, Resource, path_of, query_of};
pub use fleet::{
    CSV_MEDIA_TYPE, Dependents, Fleet, FleetChange, FleetSummary, ImportLine, ImportSummary, LINES_MEDIA_TYPE,
};
pub use problem::{FieldProblem, MEDIA_TYPE as PROBLEM_MEDIA_TYPE, Problem};
pub use session::{Session, SessionSummary};
pub use status::{AuditLine, Definitions, Listener, OutcomeCount, ReloadSummary, Status};
pub use timestamp::Timestamp;
