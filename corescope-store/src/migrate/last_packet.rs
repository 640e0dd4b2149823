//! `observers.last_packet_at` of observers that have observations and no such time.

use corescope_core::time::rfc3339;
use rusqlite::{Connection, OptionalExtension, params};

/// Fills the next one; `false`: there is none.
pub(super) fn fill_next(db: &Connection) -> rusqlite::Result<bool> {
    let next: Option<(i64, i64)> = db
        .query_row(
            "SELECT o.rowid, (SELECT max(timestamp) FROM observations WHERE observer_idx = o.rowid) AS newest
               FROM observers o WHERE o.last_packet_at IS NULL AND newest IS NOT NULL LIMIT 1",
            [],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()?;
    let Some((rowid, newest)) = next else { return Ok(false) };
    db.execute("UPDATE observers SET last_packet_at = ?2 WHERE rowid = ?1", params![rowid, rfc3339(newest)])?;
    Ok(true)
}
