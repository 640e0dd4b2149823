//! Packets that nobody heard for long are deleted, with their observations.
//!
//! By `last_seen`: a packet that is still heard stays, however old it is. The candidates
//! are found by `first_seen`, which has an index; a deleted packet leaves the notice
//! `removed` for whoever follows the file.

use std::time::Instant;

use corescope_core::time::rfc3339;
use rusqlite::{Connection, params};

use super::plan::{Plan, days_before};
use super::work::{Step, Work};
use crate::migrate::Pace;
use crate::write::{Change, Changes, WriteError, Writer};

/// Transmissions looked at in one step.
const CHUNK: usize = 200;
/// Observations deleted in one step, unless one transmission alone has more.
const MOST: i64 = 5_000;

#[derive(Debug)]
pub(super) struct PrunePackets {
    /// `first_seen` and id of the last candidate that stayed or went.
    after: (String, i64),
    /// Observations of the next step.
    pace: Pace,
}

impl Default for PrunePackets {
    fn default() -> Self {
        Self { after: Default::default(), pace: Pace::new(MOST / 5, MOST) }
    }
}

impl Work for PrunePackets {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let Some(days) = plan.packet_days.filter(|d| *d > 0) else { return Ok(Step::Done(0)) };
        let before = days_before(now, days);
        let (after, most, started) = (self.after.clone(), self.pace.rows(), Instant::now());
        let (looked_at, deleted, after) =
            writer.write("cannot delete old packets", |db| delete_some(db, before, after, most))?;
        self.pace.took(started.elapsed());
        self.after = after;
        if deleted > 0 {
            writer.forget_transmissions();
        }
        Ok(if looked_at > 0 { Step::More(deleted) } else { Step::Done(deleted) })
    }
}

fn delete_some(
    db: &Connection,
    before: i64,
    mut after: (String, i64),
    most: i64,
) -> rusqlite::Result<(usize, u64, (String, i64))> {
    let mut select = db.prepare_cached(
        "SELECT t.id, t.first_seen, t.last_seen, (SELECT count(*) FROM observations WHERE transmission_id = t.id)
           FROM transmissions t
          WHERE t.first_seen < ?1 AND t.first_seen >= ?2 AND (t.first_seen > ?2 OR t.id > ?3)
          ORDER BY t.first_seen, t.id LIMIT ?4",
    )?;
    let mut rows = select.query(params![rfc3339(before), after.0, after.1, CHUNK as i64])?;
    let mut changes = Changes::default();
    let (mut looked_at, mut deleted, mut observations) = (0, 0, 0);
    while let Some(row) = rows.next()? {
        let (id, last_seen, heard): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
        if looked_at > 0 && observations + heard > most {
            break;
        }
        looked_at += 1;
        after = (row.get(1)?, id);
        // 0: not filled yet; it is known to be old only when it is.
        if last_seen == 0 || last_seen >= before {
            continue;
        }
        observations += heard;
        db.prepare_cached(
            "DELETE FROM cs_obs_rx_at WHERE observation_id IN (SELECT id FROM observations WHERE transmission_id = ?1)",
        )?
        .execute([id])?;
        db.prepare_cached("DELETE FROM observations WHERE transmission_id = ?1")?.execute([id])?;
        db.prepare_cached("DELETE FROM transmissions WHERE id = ?1")?.execute([id])?;
        changes.row(Change::Removed, id);
        deleted += 1;
    }
    changes.write(db)?;
    Ok((looked_at, deleted, after))
}
