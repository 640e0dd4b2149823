//! One observation for each (transmission, observer, path), and the index that keeps it so.

use rusqlite::Connection;

pub(super) const INDEX: &str = "idx_observations_dedup";

/// Merges double rows into the one with the smallest id, which takes over what it lacked.
/// Rows without an observer are no doubles for the index and stay.
pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TEMP TABLE cs_double AS
           SELECT transmission_id AS tx, observer_idx AS observer, COALESCE(path_json, '') AS path, min(id) AS keep
             FROM observations WHERE observer_idx IS NOT NULL GROUP BY 1, 2, 3 HAVING count(*) > 1;
         CREATE TEMP TABLE cs_merge AS
           SELECT d.keep, o.id, o.snr, o.rssi, o.score, o.direction, o.raw_hex, o.resolved_path
             FROM temp.cs_double d
             JOIN observations o ON o.transmission_id = d.tx AND o.observer_idx = d.observer
                                AND COALESCE(o.path_json, '') = d.path AND o.id > d.keep;
         UPDATE observations AS kept SET
             snr = COALESCE(kept.snr, m.snr), rssi = COALESCE(kept.rssi, m.rssi),
             score = COALESCE(kept.score, m.score), direction = COALESCE(kept.direction, m.direction),
             raw_hex = COALESCE(kept.raw_hex, m.raw_hex),
             resolved_path = COALESCE(kept.resolved_path, m.resolved_path)
           FROM (SELECT keep, max(snr) AS snr, max(rssi) AS rssi, max(score) AS score,
                        max(direction) AS direction, max(raw_hex) AS raw_hex, max(resolved_path) AS resolved_path
                   FROM temp.cs_merge GROUP BY keep) AS m
          WHERE kept.id = m.keep;
         DELETE FROM observations WHERE id IN (SELECT id FROM temp.cs_merge);
         DROP TABLE temp.cs_merge;
         DROP TABLE temp.cs_double;
         CREATE UNIQUE INDEX IF NOT EXISTS idx_observations_dedup
           ON observations(transmission_id, observer_idx, COALESCE(path_json, ''));",
    )
}
