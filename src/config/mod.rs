//! The TOML file: what it may say, and every mistake in it with line, column and caret.
//!
//! Reading order: [`Config`] (what comes out), `assemble` (the file as a whole), `fleet` (further files of definitions),
//! `definitions` (the tables of all files), `table` (one table), `source` (what of a line may be shown). This room knows
//! the definitions of `provision` and nothing of sockets or the database; it reads the file, the key files and the fleet
//! files that it names, and nothing else.

mod assemble;
mod definitions;
mod diagnostic;
mod document;
mod fleet;
mod key_file;
mod limits;
mod listener;
mod listener_certificates;
mod listener_dtls;
mod print;
mod proofs;
mod report;
mod source;
mod syntax;
mod table;
mod unresolved;

use std::path::{Path, PathBuf};

use self::document::Document;
use crate::provision::{DeviceDefinition, ModelDefinition, ProfileDefinition, ServerDefinition};

pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use fleet::{FleetDefinitions, read_fleet};
pub use limits::Limits;
pub use listener::{Listener, ListenerSecurity, UnknownClients};
pub use listener_certificates::ListenerCertificates;
pub use listener_dtls::{DtlsEngine, ListenerDtls};
pub use print::{Printed, print_fleet};
pub use proofs::AcceptedProofs;
pub use unresolved::{Reference, Refusal, Unresolved};

/// Where the database is if the file does not say.
const DEFAULT_STATE_DIR: &str = "/var/lib/bootstrapd";

/// Where the admin socket is if the file does not say.
const DEFAULT_ADMIN_SOCKET: &str = "/run/bootstrapd/admin.sock";

/// A configuration without mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it came from.
    pub path: PathBuf,
    /// Directory of the database, absolute if the file's path is.
    pub state_dir: PathBuf,
    /// File with the key that seals secrets. None: the systemd credential `sealing-key`, else `sealing.key` in
    /// [`Config::state_dir`].
    pub sealing_key_file: Option<PathBuf>,
    /// Where to listen; at least one.
    pub listeners: Vec<Listener>,
    /// The admin socket.
    pub admin: Admin,
    /// Bounds of the server.
    pub limits: Limits,
    /// Server accounts, checked.
    pub servers: Vec<ServerDefinition>,
    /// Profiles, checked against the accounts of the file.
    pub profiles: Vec<ProfileDefinition>,
    /// Devices, checked against the profiles of the file.
    pub devices: Vec<DeviceDefinition>,
    /// Models, checked, in the order of the file.
    pub models: Vec<ModelDefinition>,
    /// What works and should be known.
    pub warnings: Diagnostics,
    /// References to what the file does not define: where the database does not either, the devices concerned are not
    /// served.
    pub unresolved: Vec<Unresolved>,
}

/// How operators reach the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Path of the Unix socket.
    pub socket: PathBuf,
    /// Path of a second socket, which lists and watches and neither reveals nor changes; none where left out.
    pub read_only_socket: Option<PathBuf>,
}

impl Config {
    /// Reads a file, and the key files and fleet files that it names.
    ///
    /// # Errors
    /// Every mistake in the files; or that one cannot be read, is larger than 64 MiB or is not UTF-8.
    pub fn load(path: &Path) -> Result<Config, Refusal> {
        let document = Document::read(path);
        match document.failure() {
            None => assemble::assemble(&document),
            Some(failure) => {
                let diagnostics = Diagnostics::of_file(&document.name, failure.to_owned());
                Err(Refusal { diagnostics, unresolved: Vec::new(), state_dir: None })
            }
        }
    }

    /// Reads the text of a file. Paths in it are relative to `base_dir`, and diagnostics call it `file_name`.
    ///
    /// # Errors
    /// Every mistake in the text and in the files that it names.
    pub fn parse(text: &str, base_dir: &Path, file_name: &str) -> Result<Config, Refusal> {
        assemble::assemble(&Document::new(text, base_dir, file_name))
    }
}

#[cfg(test)]
mod tests;
