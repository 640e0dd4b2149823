//! Edges that nobody confirmed for long are deleted.

use corescope_core::time::rfc3339;
use rusqlite::params;

use super::plan::{Plan, days_before};
use super::work::{Step, Work, chunked};
use crate::write::{WriteError, Writer};

const CHUNK: usize = 2_000;

#[derive(Debug)]
pub(super) struct PruneEdges;

impl Work for PruneEdges {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let before = rfc3339(days_before(now, plan.edge_days));
        let step = chunked(writer, "cannot delete old edges", CHUNK, |db, changes| {
            let deleted = db.execute(
                "DELETE FROM neighbor_edges WHERE rowid IN
                   (SELECT rowid FROM neighbor_edges WHERE last_seen < ?1 LIMIT ?2)",
                params![before, CHUNK as i64],
            )?;
            if deleted > 0 {
                changes.edges();
            }
            Ok(deleted)
        })?;
        if !matches!(step, Step::More(_) | Step::Done(0)) {
            writer.reload_neighbours()?;
        }
        Ok(step)
    }
}
