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

use super::key_file;
use super::open::{self, DATABASE_FILE, sync_directory};
use crate::secret::Secret;

/// Bytes of the key.
const KEY_LENGTH: usize = 32;
/// Name of the systemd credential (systemd.exec(5), `LoadCredential=`).
const CREDENTIAL: &str = "sealing-key";
/// Name of the file in the state directory.
const KEY_FILE: &str = "sealing.key";

/// The key that seals every secret of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// The key of this installation, from where [`KeySource::of`] finds it; `sealing.key` in `state_dir` is made with
    /// mode 0400 where there is no database yet. The state directory is made where it is missing.
    ///
    /// # Errors
    /// [`SealingKeyError`], each with what to do.
    pub fn load_or_create(
        state_dir: &Path,
        configured_file: Option<&Path>,
        credentials_directory: Option<&Path>,
    ) -> Result<SealingKey, SealingKeyError> {
        let source = KeySource::of(state_dir, configured_file, credentials_directory)?;
        match source.load(state_dir)? {
            Some(key) => Ok(key),
            None => create(state_dir, source.path()),
        }
    }

    /// The key in a file that an operator names. In `credentials_directory` mode bits are systemd's business.
    ///
    /// # Errors
    /// [`SealingKeyError`], each with what to do.
    pub fn read(path: &Path, credentials_directory: Option<&Path>) -> Result<SealingKey, SealingKeyError> {
        let file = File::open(path).map_err(|source| io_error("open the sealing key", path, source))?;
        let is_credential = credentials_directory.is_some_and(|directory| path.parent() == Some(directory));
        if is_credential { read_key(file, path.to_owned()) } else { read_guarded(file, path.to_owned()) }
    }

    /// The key as the cipher wants it.
    pub(super) fn bytes(&self) -> &[u8; KEY_LENGTH] {
        self.0.expose().try_into().expect("both constructors take exactly 32 bytes")
    }
}

/// Where the sealing key of an installation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The systemd credential `sealing-key`, which nobody but systemd writes.
    Credential(PathBuf),
    /// The file that the config names, which is the operator's.
    Configured(PathBuf),
    /// `sealing.key` in the state directory, which is the daemon's own.
    Own(PathBuf),
}

impl KeySource {
    /// The credential `sealing-key` where there is one in `credentials_directory` (which systemd names in
    /// `$CREDENTIALS_DIRECTORY`), else `configured_file`, else `sealing.key` in `state_dir`.
    ///
    /// # Errors
    /// [`SealingKeyError::Io`] where the directory of credentials cannot be looked into.
    pub fn of(
        state_dir: &Path,
        configured_file: Option<&Path>,
        credentials_directory: Option<&Path>,
    ) -> Result<KeySource, SealingKeyError> {
        if let Some(path) = credentials_directory.map(|directory| directory.join(CREDENTIAL))
            && path.try_exists().map_err(|source| io_error("look for the sealing key", &path, source))?
        {
            return Ok(KeySource::Credential(path));
        }
        Ok(match configured_file {
            Some(path) => KeySource::Configured(path.to_owned()),
            None => KeySource::Own(state_dir.join(KEY_FILE)),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            KeySource::Credential(path) | KeySource::Configured(path) | KeySource::Own(path) => path,
        }
    }

    /// The key, where it is there; only the daemon's own may not be there yet. An exchange of the daemon's own key
    /// that was cut short is finished first.
    ///
    /// # Errors
    /// [`SealingKeyError`], each with what to do.
    pub fn load(&self, state_dir: &Path) -> Result<Option<SealingKey>, SealingKeyError> {
        match self {
            // systemd guards its credentials itself, with an access list that makes mode bits look open to the group.
            KeySource::Credential(path) => SealingKey::read(path, path.parent()).map(Some),
            KeySource::Configured(path) => SealingKey::read(path, None).map(Some),
            KeySource::Own(path) => {
                key_file::finish_exchange(state_dir, path)?;
                let file = open_existing(path)?;
                file.map(|file| read_guarded(file, path.clone())).transpose()
            }
        }
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
    open::make_state_dir(state_dir).map_err(|source| io_error("make the state directory", state_dir, source))?;
    let checked = open::check_state_dir(state_dir).map_err(io::Error::other);
    checked.map_err(|source| io_error("make the sealing key", path, source))?;
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

/// Writes a key with mode 0400 down to the disk; what is there of that name can only be what a crash left behind.
pub(super) fn write_draft(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = fs::remove_file(draft)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) fn io_error(action: &'static str, path: &Path, source: io::Error) -> SealingKeyError {
    SealingKeyError::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{SealingKey, SealingKeyError};

    fn write(path: &Path, bytes: &[u8], mode: u32) {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_is_made_once_closed_to_others_and_read_back() {
        let scratch = tempfile::tempdir().unwrap();
        let state_dir = scratch.path().join("a/b");
        let made = SealingKey::load_or_create(&state_dir, None, None).unwrap();
        let path = state_dir.join("sealing.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o400);
        assert_eq!(fs::metadata(&state_dir).unwrap().permissions().mode() & 0o7777, 0o700);
        assert_eq!(fs::read_dir(&state_dir).unwrap().count(), 1, "no draft stays behind");
        assert_eq!(fs::read(&path).unwrap(), made.bytes());
        assert_ne!(made.bytes(), &[0; 32]);
        let again = SealingKey::load_or_create(&state_dir, None, None).unwrap();
        assert_eq!(again.bytes(), made.bytes());
    }

    #[test]
    fn the_credential_goes_before_the_configured_file_and_that_before_the_state_directory() {
        let scratch = tempfile::tempdir().unwrap();
        let (state_dir, credentials) = (scratch.path().join("state"), scratch.path().join("credentials"));
        fs::create_dir(&credentials).unwrap();
        let configured = scratch.path().join("configured");
        write(&configured, &[2; 32], 0o400);
        SealingKey::load_or_create(&state_dir, None, None).unwrap();
        let load = |credentials| SealingKey::load_or_create(&state_dir, Some(&configured), credentials).unwrap();
        assert_eq!(load(Some(&*credentials)).bytes(), &[2; 32], "no such credential");
        // As systemd leaves it for a service with a user of its own: an access list, which shows as a group's right.
        write(&credentials.join("sealing-key"), &[1; 32], 0o440);
        assert_eq!(load(Some(&*credentials)).bytes(), &[1; 32]);
        assert_eq!(load(None).bytes(), &[2; 32]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("key");
        let load = || SealingKey::load_or_create(scratch.path(), Some(&path), None);
        assert!(matches!(load(), Err(SealingKeyError::Io { .. })), "a configured file is never made");
        for (length, seen) in [(0, 0), (31, 31), (33, 33), (4096, 33)] {
            write(&path, &vec![7; length], 0o600);
            assert!(matches!(load(), Err(SealingKeyError::WrongSize { found, .. }) if found == seen), "{length}");
        }
        for open in [0o440, 0o404, 0o620, 0o602] {
            write(&path, &[7; 32], open);
            let refused = load().unwrap_err();
            assert!(matches!(refused, SealingKeyError::Exposed { mode, .. } if mode == open), "{open:o}");
            assert!(refused.to_string().contains("chmod 0400"), "{refused}");
        }
    }

    #[test]
    fn no_key_is_made_beside_a_database() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("bootstrapd.db"), b"").unwrap();
        let refused = SealingKey::load_or_create(scratch.path(), None, None).unwrap_err();
        assert!(matches!(refused, SealingKeyError::Missing { .. }), "{refused}");
        assert!(!scratch.path().join("sealing.key").exists());
    }
}
