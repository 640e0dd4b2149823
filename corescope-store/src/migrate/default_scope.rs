//! `default_scope` of nodes without one: the newest scope of their adverts.

use rusqlite::Connection;

pub(super) fn run(db: &Connection) -> rusqlite::Result<()> {
    for table in ["nodes", "inactive_nodes"] {
        db.execute_batch(&format!(
            "UPDATE {table} SET default_scope = t.scope_name
               FROM (SELECT from_pubkey, scope_name, max(last_seen) FROM transmissions
                      WHERE scope_name IS NOT NULL AND scope_name <> '' AND payload_type = 4 GROUP BY from_pubkey) AS t
              WHERE {table}.default_scope IS NULL AND t.from_pubkey = {table}.public_key"
        ))?;
    }
    Ok(())
}
