//! Old mobile receptions, and the names of receivers that are not heard any more.

use corescope_core::time::rfc3339;
use rusqlite::params;

use super::plan::{Plan, days_before};
use super::work::{Step, Work, chunked};
use crate::write::{WriteError, Writer};

const CHUNK: usize = 2_000;

#[derive(Debug, Default)]
pub(super) struct PruneReceptions {
    names: bool,
}

impl Work for PruneReceptions {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let Some(days) = plan.client_rx_days.filter(|d| *d > 0) else { return Ok(Step::Done(0)) };
        let before = rfc3339(days_before(now, days));
        let names = self.names;
        let step = chunked(writer, "cannot delete old receptions", CHUNK, |db, _| {
            db.execute(
                if names {
                    "DELETE FROM client_observers WHERE rowid IN
                       (SELECT rowid FROM client_observers WHERE last_seen < ?1 LIMIT ?2)"
                } else {
                    "DELETE FROM client_receptions WHERE id IN
                       (SELECT id FROM client_receptions WHERE rx_at < ?1 LIMIT ?2)"
                },
                params![before, CHUNK as i64],
            )
        })?;
        Ok(match step {
            Step::Done(deleted) if !names => {
                self.names = true;
                Step::More(deleted)
            }
            other => other,
        })
    }
}
