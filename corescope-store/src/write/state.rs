//! `cs_state`: small values that must survive a restart.

use rusqlite::{Connection, OptionalExtension};

/// Reads a value.
///
/// # Errors
///
/// What SQLite says.
pub fn get_state(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM cs_state WHERE key = ?1")?
        .query_row([key], |r| r.get(0))
        .optional()
}

/// Writes a value, in the caller's transaction if there is one.
pub(crate) fn set_state(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO cs_state(key, value) VALUES (?1, ?2)
             ON CONFLICT(key) DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
        )?
        .execute([key, value])?;
    Ok(())
}

/// Removes a value.
pub(crate) fn remove_state(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM cs_state WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// Reads a value that is a number; what is not one counts as absent.
pub(crate) fn get_number(connection: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    Ok(get_state(connection, key)?.and_then(|v| v.parse().ok()))
}
