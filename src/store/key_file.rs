//! The daemon's own key file while another key takes its place.
//!
//! The new key stands beside the old one, as `sealing.key.new`, before the database is sealed with it, and takes its name
//! afterwards. So whenever the process is killed, one of the two files opens the database; the next start finds out
//! which, and tidies up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::open::{self, DATABASE_FILE, sync_directory};
use super::sealing_key::{self, SealingKey, SealingKeyError};

/// Writes `key` beside `key_file`, down to the disk.
pub(super) fn write_successor(state_dir: &Path, key_file: &Path, key: &SealingKey) -> io::Result<()> {
    let successor = successor_of(key_file);
    sealing_key::write_draft(&successor, key.bytes())?;
    sync_directory(state_dir)
}

/// Gives the successor the name of `key_file`, down to the disk.
pub(super) fn put_in_place(state_dir: &Path, key_file: &Path) -> io::Result<()> {
    fs::rename(successor_of(key_file), key_file)?;
    sync_directory(state_dir)
}

/// Ends an exchange that was cut short: the successor takes its place if the database is sealed with it, and goes if the
/// database is not.
///
/// # Errors
/// [`SealingKeyError::Io`] where files cannot be renamed or removed. What is wrong with the database is for whoever
/// opens it to say; nothing is touched then, nor while another process holds the state directory.
pub(super) fn finish_exchange(state_dir: &Path, key_file: &Path) -> Result<(), SealingKeyError> {
    let successor = successor_of(key_file);
    let failed = |action| move |source| sealing_key::io_error(action, key_file, source);
    let is_ours = match fs::symlink_metadata(&successor) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // What we left there is a file of its own; a link would make somebody else's file our key.
        found => found.map_err(failed("look for the successor of"))?.is_file(),
    };
    let Ok(_lock) = open::enter(state_dir) else { return Ok(()) };
    let database = state_dir.join(DATABASE_FILE);
    let opens = |path: &Path| {
        let key = SealingKey::read(path, None);
        key.is_ok_and(|key| open::is_sealed_with(&database, &key).unwrap_or(false))
    };
    if is_ours && opens(&successor) {
        put_in_place(state_dir, key_file).map_err(failed("replace"))?;
    } else if opens(key_file) {
        fs::remove_file(&successor)
            .and_then(|()| sync_directory(state_dir))
            .map_err(failed("remove the successor of"))?;
    }
    Ok(())
}

fn successor_of(key_file: &Path) -> PathBuf {
    open::with_suffix(key_file, ".new")
}
