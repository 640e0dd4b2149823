//! One observation for each (transmission, observer, path), and the index that keeps it so.

use std::time::Instant;

use rusqlite::Connection;

use super::first::transaction;
use super::pace::Pace;
use super::{Progress, backfills};
use crate::schema::Shape;
use crate::write::{Doing, WriteError};

pub(super) const INDEX: &str = "idx_observations_dedup";

const NAME: &str = "duplicates";

/// Finds the rows of a transmission where the file has no index that does.
const HELPER: &str = "cs_idx_merge";

/// Merges double rows a range of transmissions at a time, then makes the index. Cut off, it goes
/// through the ranges again and finds nothing to merge in those that were done.
pub(super) fn run(db: &Connection, progress: &mut dyn FnMut(Progress)) -> Result<(), WriteError> {
    let total = backfills::newest(db, "transmissions").doing("cannot count the transmissions")?;
    let mut tell = |done: i64| progress(Progress { name: NAME, done: done as u64, total: total as u64 });
    tell(0);
    let shape = Shape::read(db).doing("cannot read the schema")?;
    if !shape.has_index_on("observations", &["transmission_id"]) {
        transaction(db, "cannot prepare the merging of double observations", |db| {
            db.execute_batch(&format!("CREATE INDEX IF NOT EXISTS {HELPER} ON observations(transmission_id)"))
        })?;
    }
    let doing = "cannot merge double observations";
    db.execute_batch("CREATE TEMP TABLE IF NOT EXISTS cs_merge(keep INTEGER, id INTEGER PRIMARY KEY)")
        .doing(doing)?;
    let mut pace = Pace::new(1_000, 200_000);
    let mut from = 0;
    while from < total {
        let to = total.min(from.saturating_add(pace.rows()));
        let started = Instant::now();
        transaction(db, doing, |db| merge(db, from, to))?;
        pace.took(started.elapsed());
        from = to;
        tell(from);
    }
    db.execute_batch("DROP TABLE temp.cs_merge").doing(doing)?;
    transaction(db, "cannot make the index of observations", |db| {
        db.execute_batch(&format!(
            "CREATE UNIQUE INDEX IF NOT EXISTS {INDEX}
               ON observations(transmission_id, observer_idx, COALESCE(path_json, ''));
             DROP INDEX IF EXISTS {HELPER};"
        ))
    })
}

/// Merges the doubles of the transmissions `from < id <= to` into the one with the smallest id, which
/// takes over what it lacked. Rows without an observer are no doubles for the index and stay.
fn merge(db: &Connection, from: i64, to: i64) -> rusqlite::Result<()> {
    let doubles = db
        .prepare_cached(
            "INSERT INTO temp.cs_merge(keep, id)
               SELECT keep, id FROM (
                 SELECT id, min(id) OVER (PARTITION BY transmission_id, observer_idx, COALESCE(path_json, '')) AS keep
                   FROM observations WHERE transmission_id > ?1 AND transmission_id <= ?2 AND observer_idx IS NOT NULL)
                WHERE id <> keep",
        )?
        .execute([from, to])?;
    if doubles == 0 {
        return Ok(());
    }
    db.execute_batch(
        "UPDATE observations AS kept SET
             snr = COALESCE(kept.snr, m.snr), rssi = COALESCE(kept.rssi, m.rssi),
             score = COALESCE(kept.score, m.score), direction = COALESCE(kept.direction, m.direction),
             raw_hex = COALESCE(kept.raw_hex, m.raw_hex),
             resolved_path = COALESCE(kept.resolved_path, m.resolved_path)
           FROM (SELECT d.keep, max(o.snr) AS snr, max(o.rssi) AS rssi, max(o.score) AS score,
                        max(o.direction) AS direction, max(o.raw_hex) AS raw_hex,
                        max(o.resolved_path) AS resolved_path
                   FROM temp.cs_merge d JOIN observations o ON o.id = d.id GROUP BY d.keep) AS m
          WHERE kept.id = m.keep;
         DELETE FROM observations WHERE id IN (SELECT id FROM temp.cs_merge);
         DELETE FROM temp.cs_merge;",
    )
}
