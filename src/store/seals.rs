//! Every seal of a database: opened to prove it, or made anew with another key.
//!
//! Goes by [`SEALED`], and passes over what the schema at hand does not have yet, or any more.

use rusqlite::Connection;

use super::sealing::{FORMERLY_SEALED, Place, SEALED, SealError, Sealer};
use crate::secret::Secret;

/// Rows that are held in memory at a time.
const BATCH: usize = 1000;

/// A seal that could not be opened or made, or the database that could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SealsError {
    #[error("the secret in {table}.{column}, row {row}: {source}")]
    Seal { table: &'static str, column: &'static str, row: i64, source: SealError },
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// Seals with `new` whatever `old` has sealed; how many seals that were. Whoever calls has begun a transaction.
pub(super) fn renew(connection: &Connection, old: &Sealer, new: &Sealer) -> Result<u64, SealsError> {
    each(connection, old, |place, clear| {
        let sealed = new.seal(place, clear.expose()).map_err(|source| of_place(place, source))?;
        let update = format!("UPDATE {} SET {} = ?2 WHERE id = ?1", place.table, place.column);
        connection.prepare_cached(&update)?.execute((place.row, sealed))?;
        Ok(())
    })
}

/// Opens every seal; how many there are.
pub(super) fn prove(connection: &Connection, sealer: &Sealer) -> Result<u64, SealsError> {
    each(connection, sealer, |_, _| Ok(()))
}

/// Shows `visit` every secret and where it stands.
fn each(
    connection: &Connection,
    sealer: &Sealer,
    mut visit: impl FnMut(Place, &Secret) -> Result<(), SealsError>,
) -> Result<u64, SealsError> {
    let mut count = 0;
    for &(table, column) in SEALED.iter().chain(FORMERLY_SEALED) {
        if !connection.column_exists(None, table, column)? {
            continue;
        }
        let mut row = i64::MIN;
        loop {
            let batch = batch(connection, table, column, row)?;
            let Some((last, _)) = batch.last() else { break };
            row = *last;
            for (row, sealed) in &batch {
                let place = Place { table, row: *row, column };
                let clear = sealer.unseal(place, sealed).map_err(|source| of_place(place, source))?;
                visit(place, &clear)?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// The next seals behind `row`.
fn batch(connection: &Connection, table: &str, column: &str, row: i64) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    let select =
        format!("SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL AND id > ?1 ORDER BY id LIMIT {BATCH}");
    let mut statement = connection.prepare_cached(&select)?;
    statement.query_map([row], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn of_place(place: Place, source: SealError) -> SealsError {
    let Place { table, row, column } = place;
    SealsError::Seal { table, column, row, source }
}
