//! Old observer metrics, dropped packets, ledger lines, completeness and outages are deleted.

use std::time::Instant;

use corescope_core::time::{rfc3339, sqlite_datetime};
use rusqlite::params;

use super::plan::{Plan, days_before};
use super::work::{Step, Work, chunked};
use crate::migrate::Pace;
use crate::write::{WriteError, Writer};

const MOST: i64 = 2_000;

#[derive(Debug)]
pub(super) struct PruneMetrics {
    table: usize,
    pace: Pace,
}

impl Default for PruneMetrics {
    fn default() -> Self {
        Self { table: 0, pace: Pace::new(MOST / 4, MOST) }
    }
}

impl Work for PruneMetrics {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let before = days_before(now, plan.metrics_days.max(1));
        let (table, chunk, started) = (self.table, self.pace.rows(), Instant::now());
        let step = chunked(writer, "cannot delete old metrics", chunk as usize, |db, _| match table {
            0 => db.execute(
                "DELETE FROM observer_metrics WHERE rowid IN
                   (SELECT rowid FROM observer_metrics WHERE timestamp < ?1 LIMIT ?2)",
                params![rfc3339(before), chunk],
            ),
            // Written with a blank between date and time: compared in the same spelling.
            1 => db.execute(
                "DELETE FROM dropped_packets WHERE id IN
                   (SELECT id FROM dropped_packets WHERE dropped_at < ?1 LIMIT ?2)",
                params![sqlite_datetime(before), chunk],
            ),
            2 => db.execute(
                "DELETE FROM cs_ledger WHERE (start, span, source, observer) IN
                   (SELECT start, span, source, observer FROM cs_ledger WHERE start < ?1 LIMIT ?2)",
                params![before, chunk],
            ),
            3 => db.execute(
                "DELETE FROM cs_completeness WHERE (hour, observer) IN
                   (SELECT hour, observer FROM cs_completeness WHERE hour < ?1 LIMIT ?2)",
                params![before, chunk],
            ),
            _ => db.execute("DELETE FROM cs_outages WHERE until < ?1", [before]),
        })?;
        self.pace.took(started.elapsed());
        Ok(match step {
            Step::Done(deleted) if table < 4 => {
                self.table += 1;
                Step::More(deleted)
            }
            other => other,
        })
    }
}
