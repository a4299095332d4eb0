//! Another sealing key for a database that no daemon uses.
//!
//! Every seal is made anew in one transaction, so that the database belongs to the old key or to the new one and never
//! to both. What stands around that transaction is ordered so that being killed between any two steps leaves a key on
//! disk that opens the database, and that the same command, given again, finishes the work.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;
use super::key_file;
use super::open::{self, DATABASE_FILE, Lock};
use super::sealing::Sealer;
use super::sealing_key::SealingKey;
use super::seals::{self, SealsError};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rekeyed {
    /// So many seals were made anew.
    Now(u64),
    /// The database is sealed with the new key already.
    Before,
}

/// Why a database did not get another key.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    /// There is no database.
    #[error("there is no database {}: nothing is sealed yet", .0.display())]
    NoDatabase(PathBuf),
    /// The database could not be opened; nothing was changed. [`OpenError::WrongKey`] speaks of the old key.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A seal could not be opened or made; nothing was changed.
    #[error("the database {} keeps its key: {what}", database.display())]
    NotRenewed {
        /// The database.
        database: PathBuf,
        /// Which seal, and why; or what SQLite said.
        what: String,
    },
    /// The database has its new key; what was sealed with the old one may be found in its files.
    #[error(
        "the database {} is sealed with the new key, but its files may still hold what the old key opens ({source}): \
         give the same command again", database.display()
    )]
    NotForgotten {
        /// The database.
        database: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Seals the database in `state_dir`, which is sealed with `old`, with `new`. `own_key_file` is the daemon's own key file
/// where it holds `old` and is to hold `new`; the keys' other files are nobody's business here.
///
/// # Errors
/// [`RekeyError`]. A wrong old key, and a daemon that runs, are refused before anything is changed.
pub fn rekey(
    state_dir: &Path,
    old: &SealingKey,
    new: &SealingKey,
    own_key_file: Option<&Path>,
) -> Result<Rekeyed, RekeyError> {
    let mut exchange = match Exchange::begin(state_dir, old, new, own_key_file)? {
        Begun::ToDo(exchange) => exchange,
        Begun::Done(exchange) => {
            exchange.forget_old_seals()?;
            return Ok(Rekeyed::Before);
        }
    };
    exchange.write_new_key()?;
    let seals = exchange.renew_seals()?;
    exchange.put_new_key_in_place()?;
    exchange.forget_old_seals()?;
    Ok(Rekeyed::Now(seals))
}

enum Begun<'a> {
    ToDo(Exchange<'a>),
    Done(Exchange<'a>),
}

/// The steps, in their order.
struct Exchange<'a> {
    state_dir: &'a Path,
    new: &'a SealingKey,
    own_key_file: Option<&'a Path>,
    database: PathBuf,
    connection: Connection,
    sealer: Sealer,
    /// Last, so that the database is closed before another process may have it.
    _lock: Lock,
}

impl<'a> Exchange<'a> {
    fn begin(
        state_dir: &'a Path,
        old: &SealingKey,
        new: &'a SealingKey,
        own_key_file: Option<&'a Path>,
    ) -> Result<Begun<'a>, RekeyError> {
        let database = state_dir.join(DATABASE_FILE);
        if !database.try_exists().map_err(|source| open::io_error("look for the database", &database, source))? {
            return Err(RekeyError::NoDatabase(database));
        }
        let lock = open::enter(state_dir)?;
        let done = open::is_sealed_with(&database, new)?;
        if !done && !open::is_sealed_with(&database, old)? {
            return Err(OpenError::WrongKey { path: database }.into());
        }
        let opened = open::open_for_writing(&database, if done { new } else { old });
        let (connection, sealer) = opened.map_err(|error| open::name_file(error, &database))?;
        let exchange = Exchange { state_dir, new, own_key_file, database, connection, sealer, _lock: lock };
        Ok(if done { Begun::Done(exchange) } else { Begun::ToDo(exchange) })
    }

    /// From here on the daemon finds both keys.
    fn write_new_key(&self) -> Result<(), RekeyError> {
        let Some(path) = self.own_key_file else { return Ok(()) };
        key_file::write_successor(self.state_dir, path, self.new).map_err(self.failed("write the new key beside"))
    }

    /// From here on only the new key opens the database.
    fn renew_seals(&mut self) -> Result<u64, RekeyError> {
        let database = self.database.clone();
        let renewed = self.renew_in_one_transaction();
        renewed.map_err(|error| RekeyError::NotRenewed { database, what: error.to_string() })
    }

    fn renew_in_one_transaction(&mut self) -> Result<u64, SealsError> {
        let successor = self.sealer.succeeded_by(self.new);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        let seals = seals::renew(&transaction, &self.sealer, &successor)?;
        transaction.commit()?;
        self.sealer = successor;
        Ok(seals)
    }

    fn put_new_key_in_place(&self) -> Result<(), RekeyError> {
        let Some(path) = self.own_key_file else { return Ok(()) };
        key_file::put_in_place(self.state_dir, path).map_err(self.failed("replace the sealing key"))
    }

    /// Empties the write-ahead log and makes the database file anew, so that no page holds what the old key opens.
    fn forget_old_seals(&self) -> Result<(), RekeyError> {
        let forget = || {
            open::empty_log(&self.connection)?;
            // The copy that VACUUM works with would not fit into the memory of a small machine.
            self.connection.pragma_update(None, "temp_store", "FILE")?;
            self.connection.execute_batch("VACUUM")?;
            open::empty_log(&self.connection)
        };
        forget().map_err(|source| RekeyError::NotForgotten { database: self.database.clone(), source })
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> RekeyError {
        let path = self.own_key_file.unwrap_or(self.state_dir).to_owned();
        move |source| RekeyError::Io { action, path, source }
    }
}

#[cfg(test)]
mod tests;
