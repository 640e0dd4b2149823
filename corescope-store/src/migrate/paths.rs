//! `path_json` of observations that have none, from the frame: one pass by id.
//!
//! A row whose path turns out to be one that the same observer already has is the same
//! observation: it keeps its empty path rather than being merged, because its id may be
//! in use.

use rusqlite::Connection;

use crate::write::{Change, Changes, observed_path, path_json, read_frame};

/// Looks at rows `from < id <= to`; returns how many were filled.
pub(super) fn fill(db: &Connection, from: i64, to: i64) -> rusqlite::Result<u64> {
    let mut select = db.prepare_cached(
        "SELECT o.id, COALESCE(NULLIF(o.raw_hex, ''), t.raw_hex)
           FROM observations o JOIN transmissions t ON t.id = o.transmission_id
          WHERE o.id > ?1 AND o.id <= ?2 AND (o.path_json IS NULL OR o.path_json = '')",
    )?;
    let mut update = db.prepare_cached("UPDATE OR IGNORE observations SET path_json = ?2 WHERE id = ?1")?;
    let mut changes = Changes::default();
    let mut filled = 0;
    let mut room = Vec::new();
    let mut rows = select.query([from, to])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let raw: Option<String> = row.get(1).unwrap_or(None);
        // '[]' says: looked at, and there is none.
        let path = raw
            .as_deref()
            .and_then(|raw| read_frame(raw, &mut room).ok().map(|packet| path_json(observed_path(&packet))))
            .unwrap_or_else(|| "[]".to_owned());
        if update.execute(rusqlite::params![id, path])? > 0 {
            changes.row(Change::Observation, id);
            filled += 1;
        }
    }
    changes.write(db)?;
    Ok(filled)
}
