//! One observation for each (transmission, observer, path), and the index that keeps it so.

use rusqlite::Connection;

pub(super) const INDEX: &str = "idx_observations_dedup";

/// Merges double rows into the one with the smallest id, which takes over what it lacked.
/// Rows without an observer are no doubles for the index and stay. One sort of the whole
/// table, and otherwise lookups by id: it must not depend on which indexes an old file has.
pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TEMP TABLE cs_merge AS
           SELECT keep, id FROM (
             SELECT id, min(id) OVER (PARTITION BY transmission_id, observer_idx, COALESCE(path_json, '')) AS keep
               FROM observations WHERE observer_idx IS NOT NULL)
            WHERE id <> keep;
         UPDATE observations AS kept SET
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
         DROP TABLE temp.cs_merge;
         CREATE UNIQUE INDEX IF NOT EXISTS idx_observations_dedup
           ON observations(transmission_id, observer_idx, COALESCE(path_json, ''));",
    )
}
