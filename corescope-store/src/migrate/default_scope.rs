//! `default_scope` of nodes without one: the newest scope of their adverts.

use rusqlite::Connection;

// The pluses keep SQLite from the indexes on types and scopes: a node has few adverts, and the table many of both.

/// Fills the scope of a node that has none. Whether that changed its row.
pub(super) fn fill(db: &Connection, table: &str, key: &str) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(&format!(
            "UPDATE {table} SET default_scope = t.scope_name
               FROM (SELECT scope_name FROM transmissions
                      WHERE from_pubkey = ?1 AND +payload_type = 4 AND +scope_name IS NOT NULL AND +scope_name <> ''
                      ORDER BY last_seen DESC, id DESC LIMIT 1) AS t
              WHERE {table}.public_key = ?1 AND {table}.default_scope IS NULL"
        ))?
        .execute([key])?;
    Ok(changed > 0)
}
