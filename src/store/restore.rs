//! A copy of the database, put in the place of the database.
//!
//! The copy is brought into the state directory, under the lock and another name, and looked through there, so that what
//! was examined is what is put in place: that it is ours, whole, not of a later version, with no table or trigger that we
//! did not make, and that every seal in it opens with the key in force. The database that it replaces stays beside it
//! under another name, and at no moment is there none.

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
/// What follows it in that of a database that was replaced, before the moment of that.
const KEPT_SUFFIX: &str = ".before-restore-";

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
    /// How many devices are locked out: they have proven credentials that the copy lacks.
    pub locked_out: u64,
    /// Why it is not known whether devices are locked out: the database that was there could not be read.
    pub not_compared: Option<String>,
}

/// The copy that is to be put in place.
#[derive(Debug)]
pub struct Source {
    /// What it is called in messages.
    pub name: PathBuf,
    /// It, to be read from here on.
    pub file: File,
}

impl Source {
    /// The copy in a file.
    ///
    /// # Errors
    /// [`RestoreError`] where it cannot be opened or is not all of a database.
    pub fn open(path: &Path) -> Result<Source, RestoreError> {
        if has_log(path) {
            return Err(RestoreError::NotWhole(path.to_owned()));
        }
        let file = File::open(path).map_err(|source| open::io_error("open the backup", path, source))?;
        Ok(Source { name: path.to_owned(), file })
    }
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
    /// The schema is not what its version has; a trigger, for one, would run with whatever the daemon writes.
    #[error("{} was changed by somebody else: {entry} is not as bootstrapd makes it", path.display())]
    Altered {
        /// The copy.
        path: PathBuf,
        /// What is there and should not be, or the other way round.
        entry: String,
    },
    /// Devices have taken new credentials since the copy was made, and could not come back.
    #[error(
        "{devices} devices have proven credentials that {} does not have and would be locked out: restore a later copy, \
         or give --force to restore this one all the same", path.display()
    )]
    LocksOut {
        /// The copy.
        path: PathBuf,
        /// How many devices.
        devices: u64,
    },
}

/// Puts the copy `backup` in the place of the database in `state_dir`, whose key is `key`. `at` names the database that
/// was there. With `force` devices may be locked out.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(
    state_dir: &Path,
    backup: Source,
    key: &SealingKey,
    at: UnixMillis,
    force: bool,
) -> Result<Restored, RestoreError> {
    let _lock = open::enter(state_dir)?;
    let database = state_dir.join(DATABASE_FILE);
    let incoming = with_suffix(&database, INCOMING_SUFFIX);
    let restored = bring(backup, &incoming, &database, key, at, force);
    if restored.is_err() {
        // A copy that was refused is of no use; that it cannot be removed either says nothing new.
        let _ = fs::remove_file(&incoming);
    }
    restored
}

fn bring(
    backup: Source,
    incoming: &Path,
    database: &Path,
    key: &SealingKey,
    at: UnixMillis,
    force: bool,
) -> Result<Restored, RestoreError> {
    let Source { name, file } = backup;
    copy_in(file, incoming).map_err(|source| open::io_error("copy the backup to", incoming, source))?;
    let Examined { devices, seals, kept_suffix } = examine(incoming, &name, key, at)?;
    let (locked_out, not_compared) = match locked_out(database, incoming, key) {
        Ok(devices) if devices > 0 && !force => return Err(RestoreError::LocksOut { path: name, devices }),
        Ok(devices) => (devices, None),
        Err(error) => (0, Some(error.to_string())),
    };
    let kept = keep(database, &kept_suffix)?;
    let state_dir = database.parent().unwrap_or(Path::new("."));
    let place = fs::rename(incoming, database).and_then(|()| sync_directory(state_dir));
    place.map_err(|source| open::io_error("put the copy in the place of", database, source))?;
    Ok(Restored { database: database.to_owned(), kept, devices, seals, locked_out, not_compared })
}

struct Examined {
    devices: u64,
    seals: u64,
    kept_suffix: String,
}

/// Looks through the copy `incoming` of `name` without leaving a trace beside it.
fn examine(incoming: &Path, name: &Path, key: &SealingKey, at: UnixMillis) -> Result<Examined, RestoreError> {
    let damaged = |what: String| RestoreError::Damaged { path: name.to_owned(), what };
    let named = |error: SchemaError| match error {
        SchemaError::Database(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            OpenError::Foreign { path: name.to_owned() }.into()
        }
        SchemaError::Database(error) => damaged(error.to_string()),
        error => RestoreError::Open(open::name_file(error, name)),
    };
    let connection = open::open_unchanging(incoming).map_err(|error| named(error.into()))?;
    let number = schema::key_number(&connection).map_err(named)?;
    let sealer = Sealer::new(key, number);
    // First whether it is ours at all, then whether it is sound: a wrong key is no damage.
    let version = schema::inspect(&connection, Some(&sealer)).map_err(named)?;
    if version == 0 {
        return Err(OpenError::Foreign { path: name.to_owned() }.into());
    }
    if let Some(entry) = schema::altered_entry(&connection, &sealer, version).map_err(named)? {
        return Err(RestoreError::Altered { path: name.to_owned(), entry });
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

/// Copies `backup`, with mode 0600 and down to the disk, into a file that was not there before.
fn copy_in(mut backup: File, incoming: &Path) -> io::Result<()> {
    match fs::remove_file(incoming) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(incoming)?;
    io::copy(&mut backup, &mut file)?;
    file.sync_all()
}

/// How many devices have proven issued credentials that stand in the database and not in the copy. What a device is
/// called may have changed since; its PSK identity is what it comes with.
fn locked_out(database: &Path, incoming: &Path, key: &SealingKey) -> Result<u64, SchemaError> {
    if matches!(fs::symlink_metadata(database), Err(error) if error.kind() == io::ErrorKind::NotFound) {
        return Ok(0);
    }
    let present = open::open_to_inspect(database)?;
    schema::inspect(&present, Some(&Sealer::new(key, schema::key_number(&present)?)))?;
    let has_issued = |connection: &Connection| connection.column_exists(None, "issued_credentials", "identity");
    if !has_issued(&present)? {
        return Ok(0);
    }
    let copy = open::open_unchanging(incoming)?;
    let mut is_in_copy = match has_issued(&copy)? {
        true => Some(copy.prepare("SELECT 1 FROM issued_credentials WHERE identity = ?1")?),
        false => None,
    };
    let proven = "SELECT identity FROM issued_credentials WHERE identity IS NOT NULL AND confirmed IS NOT NULL";
    let mut proven = present.prepare(proven)?;
    let mut proven = proven.query([])?;
    let mut missing = 0;
    while let Some(row) = proven.next()? {
        let identity: Vec<u8> = row.get(0)?;
        let is_there = is_in_copy.as_mut().map_or(Ok(false), |statement| statement.exists([identity]))?;
        missing += u64::from(!is_there);
    }
    Ok(missing)
}

/// The databases in `state_dir` that restored copies replaced, oldest first. They keep the key of their time.
///
/// # Errors
/// [`io::Error`] where the directory cannot be read.
pub fn kept_databases(state_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let prefix = format!("{DATABASE_FILE}{KEPT_SUFFIX}");
    let mut kept = Vec::new();
    for entry in fs::read_dir(state_dir)? {
        let name = entry?.file_name();
        // Logs and indexes go with their databases.
        if name
            .to_str()
            .is_some_and(|name| name.starts_with(&prefix) && !name.ends_with("-wal") && !name.ends_with("-shm"))
        {
            kept.push(state_dir.join(name));
        }
    }
    kept.sort();
    Ok(kept)
}

/// Gives the database a second name, under which it stays; where that is, or none where there is no database.
fn keep(database: &Path, suffix: &str) -> Result<Option<PathBuf>, OpenError> {
    let kept = with_suffix(database, &format!("{KEPT_SUFFIX}{suffix}"));
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
