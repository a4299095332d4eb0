//! `Failure`: why a command did not do what it was asked, and which exit code says so.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::human::printable;
use crate::admin::client::ClientError;
use crate::provision::key_text::KeyTextError;
use crate::simulator;
use crate::simulator::load::LoadError;

/// The command line makes no sense.
pub const USAGE: u8 = 2;
const FAILURE: u8 = 1;
const NOT_FOUND: u8 = 3;
const CONFLICT: u8 = 4;
const UNREACHABLE: u8 = 5;

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The daemon said no, or nothing.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// Flags that do not go together, or that promise what cannot be.
    #[error("{0}")]
    Usage(String),
    /// A file with a key, a certificate or fields cannot be read.
    #[error("cannot read the {what} from {}: {source}", source_name(path))]
    Material {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A list of devices cannot be read.
    #[error("cannot read {}: {source}", source_name(path))]
    ListFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key file holds no key.
    #[error("{}: {source}", source_name(path))]
    Key {
        /// The file.
        path: PathBuf,
        /// What a key looks like.
        source: KeyTextError,
    },
    /// A key file holds nothing at all.
    #[error("{} is empty: it must hold one key, as hex:..., base64:... or text:...", source_name(.0))]
    EmptyKey(PathBuf),
    /// Others depend on it.
    #[error("{0}")]
    InUse(String),
    /// A file cannot be read or written.
    #[error("{}: {source}", source_name(path))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files of a fleet hold mistakes.
    #[error("{0}")]
    Fleet(String),
    /// The operator thought better of it.
    #[error("nothing was changed")]
    Declined,
    /// The simulated device got nothing.
    #[error("{0}")]
    Simulation(#[from] simulator::Failure),
    /// The load generator could not begin.
    #[error("{0}")]
    Load(#[from] LoadError),
    /// The system gives no event loop.
    #[error("cannot wait for answers: {0}")]
    Runtime(io::Error),
    /// A copy of the database cannot be kept.
    #[error("cannot {action} {}: {source}", path.display())]
    BackupFile {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a file already.
    #[error("{} exists: give --force to overwrite it", .0.display())]
    BackupExists(PathBuf),
    /// What was found out cannot be told.
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
}

/// A key file in words; `-` is stdin.
pub fn source_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

impl Failure {
    /// The exit code of design section 4.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => USAGE,
            Failure::InUse(_) => CONFLICT,
            Failure::BackupExists(_) => CONFLICT,
            Failure::Daemon(ClientError::Problem(problem)) => match problem.status {
                400 => USAGE,
                403 => UNREACHABLE,
                404 => NOT_FOUND,
                409 => CONFLICT,
                _ => FAILURE,
            },
            Failure::Daemon(ClientError::Unreachable { .. } | ClientError::AccessDenied(_) | ClientError::TimedOut) => {
                UNREACHABLE
            }
            _ => FAILURE,
        }
    }

    /// Says it on stderr.
    pub fn print(&self) -> ExitCode {
        let message = self.to_string();
        let lines: Vec<String> = message.lines().map(printable).collect();
        let _ = writeln!(anstream::stderr(), "error: {}", lines.join("\n"));
        ExitCode::from(self.code())
    }
}
