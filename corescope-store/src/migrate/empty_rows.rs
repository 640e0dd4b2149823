//! Transmissions without a hash or a time: nothing can be said about them.

use rusqlite::Connection;

const EMPTY: &str = "hash = '' OR first_seen = ''";

pub(super) fn is_needed(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row(&format!("SELECT EXISTS (SELECT 1 FROM transmissions WHERE {EMPTY})"), [], |r| r.get(0))
}

pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(&format!(
        "DELETE FROM observations WHERE transmission_id IN (SELECT id FROM transmissions WHERE {EMPTY});
         DELETE FROM transmissions WHERE {EMPTY};"
    ))
}
