//! Runs the bootstrap server on sockets, DTLS and the store. One thread, no locks, no state outside of it.
//!
//! | Module | What it is for |
//! |---|---|
//! | [`handle`] | how the rest of the process asks the driver |
//! | `listener` | a socket, and DTLS where the listener has it |
//! | `dtls_settings` | how a listener speaks DTLS |
//! | `engine` | the thread's loop: datagrams, timers, commands |
//! | `streams` | the connections of a TCP listener |
//! | `log` | a line for each session |
//! | `lookup` | who a client is and what it is to receive, from the store |
//! | `inbox` | unknown clients that wait to be approved |
//! | [`history`] | the last sessions, in a bounded ring |
//!
//! Everything that belongs to a session lives on the driver's thread. Several drivers side by side stay possible.

pub mod handle;
pub mod history;

mod dtls_settings;
mod engine;
mod inbox;
mod listener;
mod log;
mod lookup;
mod streams;

#[cfg(test)]
mod tests;

pub use crate::bootstrap::Limits;
pub use dtls_settings::DtlsSettings;
pub use engine::{DriverError, start};
pub use handle::{AdmissionStatus, DriverStatus, DtlsStatus, Handle, ListenerStatus, LoopingDevice, SessionQuery};
pub use history::SessionRecord;
pub use inbox::HeldClient;
pub use listener::{Certificates, ListenerConfiguration, ListenerName, Security, ShownCertificate, UnknownClients};

pub use crate::dtls::{EngineKind, Identity};
