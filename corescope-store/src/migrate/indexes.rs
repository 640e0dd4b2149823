//! Missing indexes. Making one cannot be split into steps: small tables get theirs at
//! once, big ones behind the ingest, where the bounded queue holds the brokers back for
//! the seconds it takes.

use rusqlite::Connection;

use super::Progress;
use super::first::transaction;
use crate::schema::{INDEXES, IndexSpec, Shape};
use crate::write::{Doing, WriteError};

/// Indexes of the original that a later one replaced.
pub(super) fn drop_replaced(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("DROP INDEX IF EXISTS idx_tx_last_seen; DROP INDEX IF EXISTS idx_client_recept_rxpk;")
}

/// Builds what is missing on tables of at most `rows` rows.
pub(super) fn build_small(
    db: &Connection,
    rows: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), WriteError> {
    let missing = missing(db).doing("cannot read the schema")?;
    let total = missing.len() as u64;
    for (index, done) in missing.into_iter().zip(0..) {
        if size(db, index.table).doing("cannot count rows")? <= rows {
            progress(Progress { name: index.name, done, total });
            transaction(db, "cannot build an index", |db| db.execute_batch(index.sql))?;
        }
    }
    Ok(())
}

/// The next missing index, whatever its size, and an upper bound of the rows in it.
pub(super) fn next(db: &Connection) -> rusqlite::Result<Option<(&'static IndexSpec, u64)>> {
    let Some(index) = missing(db)?.into_iter().next() else { return Ok(None) };
    Ok(Some((index, size(db, index.table)?)))
}

/// Builds it.
pub(super) fn build(db: &Connection, index: &IndexSpec) -> rusqlite::Result<()> {
    db.execute_batch(index.sql)
}

fn missing(db: &Connection) -> rusqlite::Result<Vec<&'static IndexSpec>> {
    let shape = Shape::read(db)?;
    Ok(INDEXES.iter().filter(|i| shape.has_table(i.table) && !shape.indexes.contains_key(i.name)).collect())
}

/// Upper bound of the number of rows, without reading them.
fn size(db: &Connection, table: &str) -> rusqlite::Result<u64> {
    let rows: Option<i64> = db.query_row(&format!("SELECT max(rowid) FROM {table}"), [], |r| r.get(0))?;
    Ok(rows.unwrap_or(0).max(0) as u64)
}
