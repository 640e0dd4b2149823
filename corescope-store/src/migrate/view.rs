//! The view `packets_v`, made anew where it is missing or says something else.

use rusqlite::{Connection, OptionalExtension};

use crate::schema::PACKETS_VIEW;

pub(super) fn is_needed(db: &Connection) -> rusqlite::Result<bool> {
    let sql: Option<String> = db
        .query_row("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = 'packets_v'", [], |r| {
            r.get(0)
        })
        .optional()?;
    Ok(!sql.is_some_and(|sql| PACKETS_VIEW.contains(sql.as_str())))
}

pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(PACKETS_VIEW)
}
