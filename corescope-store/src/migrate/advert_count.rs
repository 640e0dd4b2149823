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

/// Counts again, where anything is left to count: adverts that retention removed stay
/// counted.
pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    for table in ["nodes", "inactive_nodes"] {
        db.execute_batch(&format!(
            "UPDATE {table} SET advert_count = t.adverts
               FROM (SELECT from_pubkey, count(*) AS adverts FROM transmissions
                      WHERE payload_type = 4 AND from_pubkey <> '' GROUP BY from_pubkey) AS t
              WHERE t.from_pubkey = {table}.public_key"
        ))?;
    }
    remove_state(db, RECOUNT_ADVERTS)
}
