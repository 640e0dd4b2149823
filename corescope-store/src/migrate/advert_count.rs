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

/// Counts again what is there, as the original does.
pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    for table in ["nodes", "inactive_nodes"] {
        db.execute_batch(&format!(
            "UPDATE {table} SET advert_count = (SELECT count(*) FROM transmissions t
               WHERE t.from_pubkey = {table}.public_key AND t.payload_type = 4)"
        ))?;
    }
    remove_state(db, RECOUNT_ADVERTS)
}
