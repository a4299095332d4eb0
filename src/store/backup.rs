//! A consistent copy of the live database, made and read on a thread of its own.
//!
//! SQLite writes the copy (`VACUUM INTO`) beside the database, from one moment's view of it, while others write on. The
//! copy has no name any more when its first byte is handed out, so that it goes with whoever reads it. It holds seals
//! and never the key.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::error::StoreError;
use super::open::{self, DATABASE_FILE};
use super::writer::Pending;

/// What follows the database's name in that of a copy that is being made.
const COPY_SUFFIX: &str = ".backup-";
/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that wait to be taken.
const WAITING: usize = 4;

/// A copy of the database, to be taken piece by piece.
#[derive(Debug)]
pub struct Backup {
    /// Its bytes in all.
    pub length: u64,
    /// How many devices in force it holds.
    pub devices: u64,
    /// Its pieces in their order; after an error nothing follows. Dropped, the copy is gone.
    pub chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
}

/// Copies `database` once `audited` is answered.
pub(super) fn begin(database: PathBuf, audited: Pending<()>) -> Pending<Backup> {
    let (sender, pending) = Pending::new();
    let work = move || {
        let copied = audited.wait().and_then(|()| copy(&database));
        let (chunks, taken) = mpsc::channel(WAITING);
        let (file, answer) = match copied {
            Ok(Copy { file, length, devices }) => (Some(file), Ok(Backup { length, devices, chunks: taken })),
            Err(error) => (None, Err(error)),
        };
        // Whoever asked may have gone away, and the copy with them.
        if sender.send(answer).is_ok()
            && let Some(file) = file
        {
            hand_out(file, &chunks);
        }
    };
    // Without a thread the question is dropped, which answers `Closed`.
    let _ = std::thread::Builder::new().name("store-backup".to_owned()).spawn(work);
    pending
}

/// Removes copies that a crash left behind. Whoever calls holds the lock.
pub(super) fn remove_left_overs(state_dir: &Path) -> io::Result<()> {
    let prefix = format!("{DATABASE_FILE}{COPY_SUFFIX}");
    for entry in fs::read_dir(state_dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A copy without a name.
struct Copy {
    file: File,
    length: u64,
    devices: u64,
}

fn copy(database: &Path) -> Result<Copy, StoreError> {
    let state_dir = database.parent().unwrap_or(Path::new("."));
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Backup { action, path, source: Arc::new(source) }
    };
    let named = make_copy_file(state_dir).map_err(failed("make a copy in", state_dir))?;
    let path = named.path().to_str().ok_or_else(|| io::Error::other("its name is not UTF-8"));
    let path = path.map_err(failed("name a copy in", state_dir))?;
    open::open_for_reading(database)?.execute("VACUUM INTO ?1", [path])?;
    let devices = "SELECT count(*) FROM devices WHERE shadowed = 0";
    let devices = open::open_for_reading(named.path())?.query_row(devices, [], |row| row.get::<_, i64>(0))?;
    let length = named.as_file().metadata().map_err(failed("look at", named.path()))?.len();
    Ok(Copy { file: named.into_file(), length, devices: devices.unsigned_abs() })
}

/// A file for a copy: closed to others, and gone when it is dropped.
pub(super) fn make_copy_file(state_dir: &Path) -> io::Result<NamedTempFile> {
    let prefix = format!("{DATABASE_FILE}{COPY_SUFFIX}");
    tempfile::Builder::new().prefix(&prefix).permissions(Permissions::from_mode(0o600)).tempfile_in(state_dir)
}

/// Reads the copy until its end, or until nobody takes it any more.
fn hand_out(mut file: File, chunks: &mpsc::Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).map(|length| {
            chunk.truncate(length);
            chunk
        });
        let ended = read.as_ref().map_or(true, Vec::is_empty);
        if read.as_ref().is_ok_and(Vec::is_empty) || chunks.blocking_send(read).is_err() || ended {
            return;
        }
    }
}
