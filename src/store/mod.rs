//! The store: definitions, outcomes and the audit trail in SQLite, every secret sealed.
//!
//! | Module | What it is for |
//! |---|---|
//! | [`handle`] | [`Store`]: the one writer, and the way to it |
//! | [`reader`] | [`Reader`]: a read-only connection per thread; the lookups of a bootstrap |
//! | [`entry`], [`error`] | what goes in and comes out |
//! | [`sealing`], [`sealing_key`] | the seal of one secret; where its key comes from |
//! | [`backup`], [`rekey()`], [`restore()`] | a copy of the live database; another sealing key; a copy put back |
//! | `admin`, `file` | changes by an operator; the definitions of the config file |
//! | `issued`, `blocking` | issued credentials; devices blocked by the batch, and unknown clients taken in |
//! | `knowledge`, `models` | what is known of clients, device by device; the models of the config file |
//! | `noun`, `servers`, `profiles`, `devices` | rows of the three tables of definitions |
//! | `search`, `bulk`, `fleet`, `cascade` | pages of devices; many devices, a whole fleet at once; what hangs on an entry |
//! | `writer`, `schema`, `open`, `audit`, `outcomes` | the thread, the tables, the files, the trail, the last outcomes |
//!
//! SQL stands only here. A change is acknowledged after SQLite's COMMIT returned with `synchronous=FULL`; a database
//! error is always an error and never reads as "no rows". This room knows no CoAP, no sockets and no HTTP.

pub mod backup;
pub mod entry;
pub mod error;
pub mod handle;
pub mod reader;
pub mod rekey;
pub mod restore;
pub mod sealing;
pub mod sealing_key;

mod admin;
mod audit;
mod blocking;
mod bulk;
mod cascade;
mod devices;
mod file;
mod fleet;
mod issued;
mod key_file;
mod knowledge;
mod models;
mod noun;
mod open;
mod outcomes;
mod profiles;
mod schema;
mod seals;
mod search;
mod servers;
mod writer;

#[cfg(test)]
mod tests;

pub use backup::Backup;
pub use blocking::StatesChanged;
pub use bulk::{DeviceRow, Import, ImportError, Imported, Kept, RowProblem, RowProblems};
pub use cascade::Hanging;
pub use entry::{
    Actor, AuditLine, CatalogRows, Counts, CredentialState, DeviceCredentials, DeviceEntry, DeviceLearned, DeviceOrder,
    DeviceOutcome, DevicePage, DeviceQuery, DeviceRecord, Entry, IssuedProof, IssuedRecord, Key, KnownDevice,
    LastOutcome, ModelEntry, Origin, ProfileEntry, ServerEntry, UnixMillis,
};
pub use error::{ChangeError, Dangling, Dependents, FileConflict, Kind, OpenError, StoreError};
pub use file::{
    DatabaseNames, FileApplied, FileDefinitions, FileMode, file_conflicts, names_in_database, proofs_in_database,
};
pub use fleet::{Apply, FleetApplied, FleetChange, FleetError, FleetFiles, FleetProblem, FleetVerb};
pub use handle::Store;
pub use reader::Reader;
pub use rekey::{RekeyError, Rekeyed, rekey};
pub use restore::{RestoreError, Restored, Source, kept_databases, restore};
pub use sealing_key::{KeySource, SealingKey, SealingKeyError};
pub use writer::Pending;
