//! `advert_count` counts transmissions; the Node edition had counted observations.
//!
//! The original wrote its marker even where its statement had failed, because the column
//! `from_pubkey` was not there yet: such files are counted again.

use rusqlite::Connection;

use super::first::RECOUNT_ADVERTS;
use crate::write::{get_state, remove_state};

pub(super) fn is_needed(db: &Connection) -> rusqlite::Result<bool> {
    let marked: bool = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM _migrations WHERE name = 'advert_count_unique_v1')",
        [],
        |r| r.get(0),
    )?;
    Ok(!marked || get_state(db, RECOUNT_ADVERTS)?.is_some())
}

/// Counts the adverts of a node that are there, as the original does. Whether that changed its row.
pub(super) fn count(db: &Connection, table: &str, key: &str) -> rusqlite::Result<bool> {
    let adverts: i64 = db
        .prepare_cached("SELECT count(*) FROM transmissions WHERE from_pubkey = ?1 AND +payload_type = 4")?
        .query_row([key], |r| r.get(0))?;
    let changed = db
        .prepare_cached(&format!(
            "UPDATE {table} SET advert_count = ?2 WHERE public_key = ?1 AND advert_count IS NOT ?2"
        ))?
        .execute(rusqlite::params![key, adverts])?;
    Ok(changed > 0)
}

/// All are counted.
pub(super) fn finish(db: &Connection) -> rusqlite::Result<()> {
    remove_state(db, RECOUNT_ADVERTS)
}
