//! `observers.last_packet_at` of observers that have observations and no such time.

use corescope_core::time::rfc3339;
use rusqlite::{Connection, OptionalExtension, params};

/// Observers of one step.
const CHUNK: i64 = 100;

/// Looks at the next observers after this row number; the last of them, or `None` when there is none.
pub(super) fn fill_some(db: &Connection, after: i64) -> rusqlite::Result<Option<i64>> {
    let mut select = db.prepare_cached(
        "SELECT rowid FROM observers WHERE rowid > ?1 AND last_packet_at IS NULL ORDER BY rowid LIMIT ?2",
    )?;
    let rowids: Vec<i64> =
        select.query_map([after, CHUNK], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    for rowid in &rowids {
        let newest: Option<i64> = db
            .prepare_cached("SELECT max(timestamp) FROM observations WHERE observer_idx = ?1")?
            .query_row([rowid], |r| r.get(0))
            .optional()?
            .flatten();
        if let Some(newest) = newest {
            db.prepare_cached("UPDATE observers SET last_packet_at = ?2 WHERE rowid = ?1")?
                .execute(params![rowid, rfc3339(newest)])?;
        }
    }
    Ok(rowids.last().copied())
}
