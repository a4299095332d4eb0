//! The life of the process: read the file, open the store, bind, serve, read the file again, drain, end.
//!
//! | Module | What it is for |
//! |---|---|
//! | [`command`] | the command line of `bootstrapd` |
//! | `check` | the file beside the database: what is wrong with it |
//! | `rekey`, `restore` | another sealing key, and a copy put back, while no daemon runs |
//! | `life` | from start to end, signals included |
//! | `reload` | the file, put in force at start and on SIGHUP |
//! | `logging` | where log lines go |
//! | `supervisor` | what systemd is told |

pub mod command;

mod check;
mod life;
mod logging;
mod rekey;
mod reload;
mod restore;
mod supervisor;

pub use life::{DaemonError, Running, start};
pub use logging::start_logging;
