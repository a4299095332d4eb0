//! The files: the state directory, the lock that keeps a second daemon out, the database and its connections.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::OFlags;

use super::backup;
use super::error::OpenError;
use super::schema::{self, SchemaError};
use super::sealing::Sealer;
use super::sealing_key::SealingKey;

/// Name of the database in the state directory.
pub(super) const DATABASE_FILE: &str = "bootstrapd.db";
/// Name of the file that is locked as long as the database is in use.
const LOCK_FILE: &str = "bootstrapd.lock";
/// How long a connection waits for another one; inside one daemon only a checkpoint ever makes it wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps: more than this room has.
const STATEMENTS: usize = 128;
/// Bytes that the write-ahead log keeps on disk after a large change: 16 MiB.
const LOG_LIMIT: i64 = 16 << 20;
/// What stands as it is in the path of a `file:` URI (RFC 3986 section 3.3).
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// The lock on the state directory, held until it is dropped.
pub(super) struct Lock {
    _file: File,
}

/// The open database.
pub(super) struct Opened {
    pub connection: Connection,
    pub database: PathBuf,
    pub lock: Lock,
    pub sealer: Sealer,
}

/// Locks the state directory and opens the database in it for writing.
pub(super) fn open(state_dir: &Path, key: &SealingKey) -> Result<Opened, OpenError> {
    let lock = enter(state_dir)?;
    let database = state_dir.join(DATABASE_FILE);
    backup::remove_left_overs(state_dir).map_err(|source| io_error("tidy up", state_dir, source))?;
    make_private(state_dir, &database).map_err(|source| io_error("make the database", &database, source))?;
    let (connection, sealer) = open_for_writing(&database, key).map_err(|error| name_file(error, &database))?;
    Ok(Opened { connection, database, lock, sealer })
}

/// Locks the state directory, which is made where it is missing.
pub(super) fn enter(state_dir: &Path) -> Result<Lock, OpenError> {
    make_state_dir(state_dir).map_err(|source| io_error("make the state directory", state_dir, source))?;
    check_state_dir(state_dir)?;
    lock(state_dir)
}

/// A connection that cannot write.
pub(super) fn open_for_reading(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    keep_statements(&connection)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Statements are prepared once. Without the guarantee of a stable plan SQLite prepares those anew whose parameters might
/// change the plan, each time that they come out of the cache, which has cleared their parameters.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The database of `state_dir`, to be looked at beside a running daemon and without its key; none where there is none.
pub(super) fn open_to_look(state_dir: &Path) -> Result<Option<Connection>, OpenError> {
    let database = state_dir.join(DATABASE_FILE);
    if !database.try_exists().map_err(|source| io_error("look for the database", &database, source))? {
        return Ok(None);
    }
    let looked = open_for_reading(&database)
        .map_err(SchemaError::from)
        .and_then(|connection| Ok((schema::inspect(&connection, None)?, connection)));
    let (version, connection) = looked.map_err(|error| name_file(error, &database))?;
    Ok((version > 0).then_some(connection))
}

/// A connection that takes the file for unchanging: it makes neither lock nor log beside it.
pub(super) fn open_unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = percent_encode(absolute.as_os_str().as_encoded_bytes(), PATH);
    let connection = Connection::open_with_flags(format!("file://{path}?immutable=1"), flags)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Whether there are changes beside the database that are not in it yet.
pub(super) fn has_log(database: &Path) -> bool {
    fs::metadata(with_suffix(database, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// A connection that leaves the database and its log as they are. Whoever calls holds the lock.
pub(super) fn open_to_inspect(database: &Path) -> rusqlite::Result<Connection> {
    if has_log(database) { open_for_reading(database) } else { open_unchanging(database) }
}

/// Whether the database, which must be there, is sealed with `key`. Leaves it and its log as they are. Whoever calls
/// holds the lock.
pub(super) fn is_sealed_with(database: &Path, key: &SealingKey) -> Result<bool, OpenError> {
    let inspect = || {
        let connection = open_to_inspect(database)?;
        schema::inspect(&connection, Some(&Sealer::new(key, schema::key_number(&connection)?)))
    };
    match inspect() {
        Ok(version) => Ok(version > 0),
        Err(SchemaError::WrongKey) => Ok(false),
        Err(error) => Err(name_file(error, database)),
    }
}

/// Moves everything from the write-ahead log into the database and cuts the log to nothing.
pub(super) fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy {
        let failure = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(failure, Some("another process reads it".to_owned())));
    }
    Ok(())
}

/// Makes the state directory with mode 0700 where it is missing.
pub(super) fn make_state_dir(state_dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(state_dir)
}

/// Makes what was created, linked or removed in `directory` survive a power cut.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Whether the state directory, which must be there, can be worked in without danger.
///
/// # Errors
/// [`OpenError::Exposed`] where others may write into it, [`OpenError::BelongsToAnother`] where this is root and the
/// directory is somebody else's: root would follow whatever that user puts in the place of a file.
pub(super) fn check_state_dir(state_dir: &Path) -> Result<(), OpenError> {
    let metadata =
        fs::metadata(state_dir).map_err(|source| io_error("look at the state directory", state_dir, source))?;
    // Reading is no danger, as every file in it is closed to others; whoever may write could put other files there.
    if metadata.permissions().mode() & 0o022 != 0 {
        return Err(OpenError::Exposed { path: state_dir.to_owned() });
    }
    let (user, group) = (metadata.uid(), metadata.gid());
    if rustix::process::geteuid().is_root() && user != 0 {
        return Err(OpenError::BelongsToAnother { state_dir: state_dir.to_owned(), user, group });
    }
    Ok(())
}

fn lock(state_dir: &Path) -> Result<Lock, OpenError> {
    let path = state_dir.join(LOCK_FILE);
    let file = open_lock(&path).map_err(|source| io_error("open the lock", &path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { state_dir: state_dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error("lock", &path, source)),
    }
}

/// Neither follows a link nor waits for the other end of a pipe.
fn open_lock(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).clone();
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no regular file; remove it")),
    }
}

/// Makes the database file with mode 0600, or gives it that mode; SQLite gives its log and index the same.
fn make_private(state_dir: &Path, database: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(database) {
        Ok(_) => sync_directory(state_dir),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(database, Permissions::from_mode(0o600))
        }
        Err(error) => Err(error),
    }
}

/// A connection that writes, on a schema brought up to date.
pub(super) fn open_for_writing(database: &Path, key: &SealingKey) -> Result<(Connection, Sealer), SchemaError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    keep_statements(&connection)?;
    // Before anything is changed: a wrong key or a later schema must leave the database as it is.
    let sealer = Sealer::new(key, schema::key_number(&connection)?);
    let version = schema::inspect(&connection, Some(&sealer))?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    // Not in memory: what a savepoint may have to undo is then a list that SQLite walks at every statement, and a change of
    // many thousand devices would take the square of their number. What is there is as sealed as in the database.
    connection.pragma_update(None, "temp_store", "FILE")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |_| Ok(()))?;
    schema::migrate(&mut connection, &sealer, version)?;
    Ok((connection, sealer))
}

pub(super) fn name_file(error: SchemaError, database: &Path) -> OpenError {
    let path = database.to_owned();
    match error {
        SchemaError::Foreign => OpenError::Foreign { path },
        SchemaError::FromTheFuture { found, known } => OpenError::FromTheFuture { path, found, known },
        SchemaError::WrongKey => OpenError::WrongKey { path },
        SchemaError::Seal(error) => OpenError::Seal(error),
        SchemaError::Database(source) => OpenError::Database { path, source },
    }
}

pub(super) fn io_error(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { action, path: path.to_owned(), source }
}

/// The path of a file beside `path`, named like it.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
