//! Observers that said nothing for long become inactive, and their metrics go. Their rows
//! stay: observations point at them.

use corescope_core::time::rfc3339;
use rusqlite::params;

use super::plan::{Plan, days_before};
use super::work::{Step, Work, chunked};
use crate::write::{WriteError, Writer};

const CHUNK: usize = 2_000;

#[derive(Debug, Default)]
pub(super) struct PruneObservers {
    marked: bool,
}

impl Work for PruneObservers {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let Some(days) = plan.observer_days else { return Ok(Step::Done(0)) };
        if !self.marked {
            writer.flush(now)?;
            let before = rfc3339(days_before(now, days));
            let step = chunked(writer, "cannot mark old observers", CHUNK, |db, changes| {
                mark_inactive(db, changes, "last_seen < ?1", &before, CHUNK as i64)
            })?;
            if step != Step::Done(0) {
                writer.forget_books();
            }
            let (Step::More(marked) | Step::Done(marked)) = step;
            self.marked = matches!(step, Step::Done(_));
            return Ok(Step::More(marked));
        }
        chunked(writer, "cannot delete metrics of inactive observers", CHUNK, |db, _| {
            db.execute(
                "DELETE FROM observer_metrics WHERE rowid IN
                   (SELECT m.rowid FROM observers o CROSS JOIN observer_metrics m ON m.observer_id = o.id
                     WHERE o.inactive = 1 LIMIT ?1)",
                params![CHUNK as i64],
            )
        })
    }
}

/// Marks the observers that fulfil a condition and are not marked yet, at most `most`.
pub(super) fn mark_inactive(
    db: &rusqlite::Connection,
    changes: &mut crate::write::Changes,
    condition: &str,
    value: &str,
    most: i64,
) -> rusqlite::Result<usize> {
    let mut select = db.prepare(&format!(
        "SELECT rowid, id FROM observers WHERE (inactive IS NULL OR inactive = 0) AND {condition} LIMIT {most}"
    ))?;
    let found: Vec<(i64, String)> =
        select.query_map([value], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (rowid, id) in &found {
        db.prepare_cached("UPDATE observers SET inactive = 1 WHERE rowid = ?1")?.execute([rowid])?;
        changes.observer(*rowid, id);
    }
    Ok(found.len())
}
