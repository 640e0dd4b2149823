//! Node keys in lower case: the Node edition stored them as they came.
//!
//! Where both spellings have a row, they are the same node: what the lower-case row lacks
//! comes from the other, which then goes.

use rusqlite::Connection;

pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    for table in ["nodes", "inactive_nodes"] {
        db.execute_batch(&format!(
            "UPDATE {table} AS low SET
               name = COALESCE(NULLIF(low.name, ''), other.name), role = COALESCE(low.role, other.role),
               lat = COALESCE(low.lat, other.lat), lon = COALESCE(low.lon, other.lon),
               last_seen = max(COALESCE(low.last_seen, other.last_seen), COALESCE(other.last_seen, low.last_seen)),
               first_seen = min(COALESCE(low.first_seen, other.first_seen), COALESCE(other.first_seen, low.first_seen)),
               advert_count = max(COALESCE(low.advert_count, 0), COALESCE(other.advert_count, 0)),
               battery_mv = COALESCE(low.battery_mv, other.battery_mv),
               temperature_c = COALESCE(low.temperature_c, other.temperature_c)
             FROM {table} AS other
             WHERE other.public_key <> lower(other.public_key) AND low.public_key = lower(other.public_key);
             DELETE FROM {table} WHERE public_key <> lower(public_key)
               AND EXISTS (SELECT 1 FROM {table} AS low WHERE low.public_key = lower({table}.public_key));
             UPDATE OR REPLACE {table} SET public_key = lower(public_key) WHERE public_key <> lower(public_key);"
        ))?;
    }
    Ok(())
}
