//! A copy of the database, put in the place of the database.
//!
//! The copy is looked through before anything is touched: that it is ours, whole, not of a later version, and that every
//! seal in it opens with the key in force. The database that it replaces stays beside it under another name, and at no
//! moment is there none.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::entry::UnixMillis;
use super::error::OpenError;
use super::open::{self, DATABASE_FILE, has_log, sync_directory, with_suffix};
use super::schema::{self, SchemaError};
use super::sealing::Sealer;
use super::sealing_key::SealingKey;
use super::seals;

/// What follows the database's name in that of a copy that is not in place yet.
const INCOMING_SUFFIX: &str = ".restoring";

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where the copy is now.
    pub database: PathBuf,
    /// Where the database is that was there before; none where there was none.
    pub kept: Option<PathBuf>,
    /// How many devices in force the copy holds.
    pub devices: u64,
    /// How many secrets were opened to prove them.
    pub seals: u64,
}

/// Why a copy was not put in place. Where the message does not say otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The state directory is in use, or the copy is foreign, of a later version, or sealed with another key
    /// ([`OpenError::WrongKey`]).
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy is damaged.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The copy.
        path: PathBuf,
        /// What SQLite says, or which seal is broken.
        what: String,
    },
    /// The copy is a database file without its write-ahead log.
    #[error(
        "{} has a write-ahead log beside it and is not all of its database: make a copy with `bootstrapctl backup`",
        .0.display()
    )]
    NotWhole(PathBuf),
}

/// Puts the copy `backup` in the place of the database in `state_dir`, whose key is `key`. `at` names the database that
/// was there.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(state_dir: &Path, backup: &Path, key: &SealingKey, at: UnixMillis) -> Result<Restored, RestoreError> {
    let Examined { devices, seals, kept_suffix } = examine(backup, key, at)?;
    let lock = open::enter(state_dir)?;
    let database = state_dir.join(DATABASE_FILE);
    let incoming = with_suffix(&database, INCOMING_SUFFIX);
    if let Err(source) = copy_in(backup, &incoming) {
        // Half a copy is of no use; that it cannot be removed either says nothing new.
        let _ = fs::remove_file(&incoming);
        return Err(OpenError::Io { action: "copy the backup to", path: incoming, source }.into());
    }
    let kept = keep(&database, &kept_suffix)?;
    let place = fs::rename(&incoming, &database).and_then(|()| sync_directory(state_dir));
    place.map_err(|source| open::io_error("put the copy in the place of", &database, source))?;
    drop(lock);
    Ok(Restored { database, kept, devices, seals })
}

struct Examined {
    devices: u64,
    seals: u64,
    kept_suffix: String,
}

/// Looks through the copy without leaving a trace beside it.
fn examine(backup: &Path, key: &SealingKey, at: UnixMillis) -> Result<Examined, RestoreError> {
    if has_log(backup) {
        return Err(RestoreError::NotWhole(backup.to_owned()));
    }
    File::open(backup).map_err(|source| open::io_error("open the backup", backup, source))?;
    let damaged = |what: String| RestoreError::Damaged { path: backup.to_owned(), what };
    let named = |error: SchemaError| match error {
        SchemaError::Database(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            OpenError::Foreign { path: backup.to_owned() }.into()
        }
        SchemaError::Database(error) => damaged(error.to_string()),
        error => RestoreError::Open(open::name_file(error, backup)),
    };
    let connection = open::open_unchanging(backup).map_err(|error| named(error.into()))?;
    let number = schema::key_number(&connection).map_err(named)?;
    let sealer = Sealer::new(key, number);
    // First whether it is ours at all, then whether it is sound: a wrong key is no damage.
    if schema::inspect(&connection, Some(&sealer)).map_err(named)? == 0 {
        return Err(OpenError::Foreign { path: backup.to_owned() }.into());
    }
    let verdict: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    let seals = seals::prove(&connection, &sealer).map_err(|error| damaged(error.to_string()))?;
    let question = "SELECT count(*), strftime('%Y%m%dT%H%M%SZ', ?1, 'unixepoch') FROM devices WHERE shadowed = 0";
    let answer = connection.query_row(question, [at.0 / 1000], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
    let (devices, kept_suffix): (i64, String) = answer.map_err(|error| damaged(error.to_string()))?;
    Ok(Examined { devices: devices.unsigned_abs(), seals, kept_suffix })
}

/// Copies `backup`, with mode 0600 and down to the disk.
fn copy_in(backup: &Path, incoming: &Path) -> io::Result<()> {
    match fs::remove_file(incoming) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(incoming)?;
    io::copy(&mut File::open(backup)?, &mut file)?;
    file.sync_all()
}

/// Gives the database a second name, under which it stays; where that is, or none where there is no database.
fn keep(database: &Path, suffix: &str) -> Result<Option<PathBuf>, OpenError> {
    let kept = with_suffix(database, &format!(".before-restore-{suffix}"));
    if !database.try_exists().map_err(|source| open::io_error("look for the database", database, source))? {
        return Ok(None);
    }
    // A database that is too damaged for that takes its log along.
    let _ = write_log_home(database);
    let failed = |action| move |source| open::io_error(action, database, source);
    fs::hard_link(database, &kept).map_err(failed("keep"))?;
    let log = with_suffix(database, "-wal");
    // The log of one database must never be found beside another one.
    if log.try_exists().map_err(failed("look for the log of"))? {
        fs::rename(&log, with_suffix(&kept, "-wal")).map_err(failed("keep the log of"))?;
    }
    match fs::remove_file(with_suffix(database, "-shm")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove the index of")(error)),
        _ => Ok(Some(kept)),
    }
}

/// Writes what stands in the log into the database itself; closing it removes the log.
fn write_log_home(database: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open::empty_log(&Connection::open_with_flags(database, flags)?)
}
