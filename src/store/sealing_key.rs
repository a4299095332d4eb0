//! `SealingKey`: the 32 bytes that seal every secret of the database, and where they come from.
//!
//! In this order: the systemd credential `sealing-key`, the file that the config names, `sealing.key` in the state
//! directory. Only the last is ever created, and never beside a database, whose seals a new key could not open.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::open::{DATABASE_FILE, sync_directory};
use crate::secret::Secret;

/// Bytes of the key.
const KEY_LENGTH: usize = 32;
/// Name of the systemd credential (systemd.exec(5), `LoadCredential=`).
const CREDENTIAL: &str = "sealing-key";
/// Name of the file in the state directory.
const KEY_FILE: &str = "sealing.key";

/// The key that seals every secret of the database.
#[derive(Clone, Debug)]
pub struct SealingKey(Secret);

/// Why there is no sealing key.
#[derive(Debug, thiserror::Error)]
pub enum SealingKeyError {
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
    /// The file is no key.
    #[error(
        "the sealing key {} must hold exactly 32 bytes and holds {}: \
         make one with `head -c 32 /dev/urandom`", path.display(), found
    )]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// How many bytes it holds; 33 stands for any greater number.
        found: usize,
    },
    /// Group or others may read or change the file.
    #[error("the sealing key {} is open to others (mode {mode:04o}): run `chmod 0400` on it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is a database, and its key is gone.
    #[error(
        "the database {} is sealed with a key that is not in {}: put that key back, or move the database away to start anew",
        database.display(), key.display()
    )]
    Missing {
        /// The database.
        database: PathBuf,
        /// Where its key was looked for.
        key: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes for a sealing key")]
    NoRandomness,
}

impl SealingKey {
    /// A key that comes from elsewhere.
    pub fn new(bytes: [u8; KEY_LENGTH]) -> SealingKey {
        let bytes = Zeroizing::new(bytes);
        SealingKey(Secret::from(bytes.as_slice()))
    }

    /// The key of this installation: the credential `sealing-key` in `credentials_directory` (which systemd names in
    /// `$CREDENTIALS_DIRECTORY`), else `configured_file`, else `sealing.key` in `state_dir`, which is made with mode
    /// 0400 where there is no database yet. The state directory is made where it is missing.
    ///
    /// # Errors
    /// [`SealingKeyError`], each with what to do.
    pub fn load_or_create(
        state_dir: &Path,
        configured_file: Option<&Path>,
        credentials_directory: Option<&Path>,
    ) -> Result<SealingKey, SealingKeyError> {
        if let Some(path) = credentials_directory.map(|directory| directory.join(CREDENTIAL))
            && let Some(file) = open_existing(&path)?
        {
            // systemd guards its credentials itself, with an access list that makes mode bits look open to the group.
            return read_key(file, path);
        }
        if let Some(path) = configured_file {
            let file = File::open(path).map_err(|source| io_error("open the sealing key", path, source))?;
            return read_guarded(file, path.to_owned());
        }
        let path = state_dir.join(KEY_FILE);
        match open_existing(&path)? {
            Some(file) => read_guarded(file, path),
            None => create(state_dir, &path),
        }
    }

    /// The key as the cipher wants it.
    pub(super) fn bytes(&self) -> &[u8; KEY_LENGTH] {
        self.0.expose().try_into().expect("both constructors take exactly 32 bytes")
    }
}

fn open_existing(path: &Path) -> Result<Option<File>, SealingKeyError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io_error("open the sealing key", path, source)),
    }
}

fn read_guarded(file: File, path: PathBuf) -> Result<SealingKey, SealingKeyError> {
    let metadata = file.metadata().map_err(|source| io_error("look at the sealing key", &path, source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SealingKeyError::Exposed { path, mode });
    }
    read_key(file, path)
}

fn read_key(file: File, path: PathBuf) -> Result<SealingKey, SealingKeyError> {
    // One byte more than a key, so that a longer file shows; the capacity keeps the bytes from being copied about.
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
    let limit = KEY_LENGTH as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|source| io_error("read the sealing key", &path, source))?;
    let found = bytes.len();
    let key = <[u8; KEY_LENGTH]>::try_from(bytes.as_slice());
    key.map(SealingKey::new).map_err(|_| SealingKeyError::WrongSize { path, found })
}

/// Makes a key that is whole or not there: written under another name, synced, then linked.
fn create(state_dir: &Path, path: &Path) -> Result<SealingKey, SealingKeyError> {
    let database = state_dir.join(DATABASE_FILE);
    if database.try_exists().map_err(|source| io_error("look for the database", &database, source))? {
        return Err(SealingKeyError::Missing { database, key: path.to_owned() });
    }
    super::open::make_state_dir(state_dir).map_err(|source| io_error("make the state directory", state_dir, source))?;
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    SysRng.try_fill_bytes(bytes.as_mut_slice()).map_err(|_| SealingKeyError::NoRandomness)?;
    let draft = state_dir.join(format!("{KEY_FILE}.{}", std::process::id()));
    let written = write_draft(&draft, bytes.as_slice()).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match written {
        // Another process was faster; its key is the key.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.and(removed).map_err(|source| io_error("make the sealing key", path, source))?,
    }
    sync_directory(state_dir).map_err(|source| io_error("sync the state directory", state_dir, source))?;
    let file = File::open(path).map_err(|source| io_error("open the sealing key", path, source))?;
    read_guarded(file, path.to_owned())
}

fn write_draft(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    // A draft of the same process number can only be what a crash left behind.
    if let Err(error) = fs::remove_file(draft)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> SealingKeyError {
    SealingKeyError::Io { action, path: path.to_owned(), source }
}
