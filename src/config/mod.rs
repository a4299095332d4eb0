//! The TOML file: what it may say, and every mistake in it with line, column and caret.
//!
//! Reading order: [`Config`] (what comes out), `assemble` (the file as a whole), `table` (one table), `source` (what of a
//! line may be shown). This room knows the definitions of `provision` and nothing of sockets or the database; it reads
//! the file and the key files that the file names, and nothing else.

mod assemble;
mod diagnostic;
mod key_file;
mod listener;
mod report;
mod source;
mod syntax;
mod table;
mod unresolved;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::provision::{DeviceDefinition, ProfileDefinition, ServerDefinition, Severity};

pub use diagnostic::{Diagnostic, Diagnostics, Place};
pub use listener::{Listener, ListenerSecurity, UnknownClients};
pub use unresolved::{Reference, Refusal, Unresolved};

/// Where the database is if the file does not say.
const DEFAULT_STATE_DIR: &str = "/var/lib/bootstrapd";

/// Where the admin socket is if the file does not say.
const DEFAULT_ADMIN_SOCKET: &str = "/run/bootstrapd/admin.sock";

/// Largest file that is read, in bytes: some 300,000 devices.
const MAX_FILE_BYTES: u64 = 64 << 20;

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
    /// Server accounts, checked.
    pub servers: Vec<ServerDefinition>,
    /// Profiles, checked against the accounts of the file.
    pub profiles: Vec<ProfileDefinition>,
    /// Devices, checked against the profiles of the file.
    pub devices: Vec<DeviceDefinition>,
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
}

impl Config {
    /// Reads a file and the key files that it names.
    ///
    /// # Errors
    /// Every mistake in the file; or that it cannot be read, is larger than 64 MiB or is not UTF-8.
    pub fn load(path: &Path) -> Result<Config, Refusal> {
        let name = path.display().to_string();
        let refuse = |message: String| {
            let diagnostics = Diagnostics::of_file(&name, message);
            Err(Refusal { diagnostics, unresolved: Vec::new(), state_dir: None })
        };
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) => return refuse(format!("cannot read the file: {error}")),
        };
        let base_dir = path.parent().unwrap_or(Path::new(""));
        let mut config = Config::parse(&text, base_dir, &name)?;
        let holds_keys = config.servers.iter().any(|server| server.psk.is_some())
            || config.devices.iter().any(|device| device.psk.is_some());
        if holds_keys && text.contains("psk") && key_file::is_world_readable(path) {
            let message = "the file may hold keys, and everyone can read it: `chmod o-r` it";
            config.warnings.push_of_file(Severity::Warning, message);
        }
        Ok(config)
    }

    /// Reads the text of a file. Paths in it are relative to `base_dir`, and diagnostics call it `file_name`.
    ///
    /// # Errors
    /// Every mistake in the text and in the key files that it names.
    pub fn parse(text: &str, base_dir: &Path, file_name: &str) -> Result<Config, Refusal> {
        assemble::assemble(text, base_dir, file_name)
    }
}

/// The whole file; wiped when it is dropped, because keys may stand in it.
fn read_text(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let length = std::fs::metadata(path)?.len();
    if length > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("it has {length} bytes, and at most {MAX_FILE_BYTES} are read")));
    }
    std::fs::read_to_string(path).map(Zeroizing::new)
}

#[cfg(test)]
mod tests;
