//! Columns that older files lack, each with the declaration it is added with.
//!
//! `ALTER TABLE … ADD COLUMN` with a constant default changes one row of the schema and
//! none of the table: it is instant at any size.

use rusqlite::Connection;

use super::Shape;

/// One column that a later version of the schema brought.
pub(crate) struct ColumnSpec {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// Type, default and constraints.
    pub declaration: &'static str,
}

/// What [`add_missing_columns`] did.
pub(crate) type ColumnAddition = (&'static str, &'static str);

/// The columns that are not there yet. A table that is absent altogether lacks none: it
/// is created whole.
pub(crate) fn missing_columns(shape: &Shape) -> Vec<&'static ColumnSpec> {
    COLUMNS.iter().filter(|c| shape.has_table(c.table) && !shape.has_column(c.table, c.column)).collect()
}

/// Adds them, in the order in which the original would.
///
/// # Errors
///
/// The first `ALTER TABLE` that fails.
pub(crate) fn add_missing_columns(connection: &Connection) -> rusqlite::Result<Vec<ColumnAddition>> {
    let shape = Shape::read(connection)?;
    let mut added = Vec::new();
    for spec in missing_columns(&shape) {
        connection.execute_batch(&format!(
            "ALTER TABLE {} ADD COLUMN {} {}",
            spec.table, spec.column, spec.declaration
        ))?;
        added.push((spec.table, spec.column));
    }
    Ok(added)
}

const fn column(table: &'static str, column: &'static str, declaration: &'static str) -> ColumnSpec {
    ColumnSpec { table, column, declaration }
}

/// `nodes` and `inactive_nodes` get the same columns in the same order.
const COLUMNS: &[ColumnSpec] = &[
    column("nodes", "advert_count", "INTEGER DEFAULT 0"),
    column("inactive_nodes", "advert_count", "INTEGER DEFAULT 0"),
    column("nodes", "battery_mv", "INTEGER"),
    column("inactive_nodes", "battery_mv", "INTEGER"),
    column("nodes", "temperature_c", "REAL"),
    column("inactive_nodes", "temperature_c", "REAL"),
    column("nodes", "foreign_advert", "INTEGER DEFAULT 0"),
    column("inactive_nodes", "foreign_advert", "INTEGER DEFAULT 0"),
    column("nodes", "default_scope", "TEXT DEFAULT NULL"),
    column("inactive_nodes", "default_scope", "TEXT DEFAULT NULL"),
    column("nodes", "multibyte_sup", "INTEGER NOT NULL DEFAULT 0"),
    column("inactive_nodes", "multibyte_sup", "INTEGER NOT NULL DEFAULT 0"),
    column("nodes", "multibyte_evidence", "TEXT"),
    column("inactive_nodes", "multibyte_evidence", "TEXT"),
    column("observers", "iata", "TEXT"),
    column("observers", "first_seen", "TEXT"),
    column("observers", "packet_count", "INTEGER DEFAULT 0"),
    column("observers", "model", "TEXT"),
    column("observers", "firmware", "TEXT"),
    column("observers", "client_version", "TEXT"),
    column("observers", "radio", "TEXT"),
    column("observers", "battery_mv", "INTEGER"),
    column("observers", "uptime_secs", "INTEGER"),
    column("observers", "noise_floor", "REAL"),
    column("observers", "inactive", "INTEGER DEFAULT 0"),
    column("observers", "last_packet_at", "TEXT DEFAULT NULL"),
    column("observers", "clock_skew_seconds", "INTEGER DEFAULT NULL"),
    column("observers", "clock_skew_count_24h", "INTEGER DEFAULT 0"),
    column("observers", "clock_last_naive_at", "TEXT DEFAULT NULL"),
    column("observers", "can_relay", "INTEGER DEFAULT 1"),
    column("observers", "can_relay_seen", "INTEGER DEFAULT 0"),
    column("observer_metrics", "packets_sent", "INTEGER"),
    column("observer_metrics", "packets_recv", "INTEGER"),
    column("transmissions", "decoded_json", "TEXT"),
    column("transmissions", "channel_hash", "TEXT DEFAULT NULL"),
    column("transmissions", "from_pubkey", "TEXT"),
    column("transmissions", "scope_name", "TEXT DEFAULT NULL"),
    column("transmissions", "last_seen", "INTEGER NOT NULL DEFAULT 0"),
    column("observations", "score", "INTEGER"),
    column("observations", "path_json", "TEXT"),
    column("observations", "resolved_path", "TEXT"),
    column("observations", "raw_hex", "TEXT"),
    column("cs_completeness", "covered", "INTEGER NOT NULL DEFAULT 3600"),
    column("cs_completeness", "evidence", "TEXT"),
];
