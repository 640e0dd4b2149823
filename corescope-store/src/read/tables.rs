//! The small tables that are read whole: nodes, observers, edges.

use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Connection, Row};

use super::rows::list;
use crate::memory::{EdgeRow, Node, Observer};

const NODES: [(&str, &str); 14] = [
    ("public_key", "NULL"),
    ("name", "NULL"),
    ("role", "NULL"),
    ("lat", "NULL"),
    ("lon", "NULL"),
    ("last_seen", "NULL"),
    ("first_seen", "NULL"),
    ("advert_count", "0"),
    ("battery_mv", "NULL"),
    ("temperature_c", "NULL"),
    ("foreign_advert", "0"),
    ("default_scope", "NULL"),
    ("multibyte_sup", "0"),
    ("multibyte_evidence", "NULL"),
];

const OBSERVERS: [(&str, &str); 20] = [
    ("id", "NULL"),
    ("name", "NULL"),
    ("iata", "NULL"),
    ("last_seen", "NULL"),
    ("first_seen", "NULL"),
    ("packet_count", "0"),
    ("model", "NULL"),
    ("firmware", "NULL"),
    ("client_version", "NULL"),
    ("radio", "NULL"),
    ("battery_mv", "NULL"),
    ("uptime_secs", "NULL"),
    ("noise_floor", "NULL"),
    ("inactive", "0"),
    ("last_packet_at", "NULL"),
    ("clock_skew_seconds", "NULL"),
    ("clock_skew_count_24h", "0"),
    ("clock_last_naive_at", "NULL"),
    ("can_relay", "1"),
    ("can_relay_seen", "0"),
];

/// All rows of `nodes`, and those of `inactive_nodes`.
///
/// # Errors
///
/// What SQLite reports. Values of a type other than the column's are read as absent.
pub fn nodes(connection: &Connection) -> rusqlite::Result<Vec<Node>> {
    let mut all = from_table(connection, "nodes", "", [])?;
    if exists(connection, "inactive_nodes")? {
        all.extend(from_table(connection, "inactive_nodes", "", [])?);
    }
    Ok(all)
}

/// Rows of `nodes` whose `last_seen` is this text or later.
///
/// # Errors
///
/// What SQLite reports.
pub fn nodes_seen_since(connection: &Connection, last_seen: &str) -> rusqlite::Result<Vec<Node>> {
    from_table(connection, "nodes", " WHERE last_seen >= ?1", [last_seen])
}

/// The row of `nodes` with this key, or else that of `inactive_nodes`.
///
/// # Errors
///
/// What SQLite reports.
pub fn node(connection: &Connection, public_key: &str) -> rusqlite::Result<Option<Node>> {
    if let Some(node) = from_table(connection, "nodes", " WHERE public_key = ?1", [public_key])?.pop() {
        return Ok(Some(node));
    }
    if !exists(connection, "inactive_nodes")? {
        return Ok(None);
    }
    Ok(from_table(connection, "inactive_nodes", " WHERE public_key = ?1", [public_key])?.pop())
}

fn from_table<const N: usize>(
    connection: &Connection,
    table: &str,
    condition: &str,
    parameters: [&str; N],
) -> rusqlite::Result<Vec<Node>> {
    let columns = list(connection, table, &NODES)?;
    let inactive = table == "inactive_nodes";
    let mut statement =
        connection.prepare_cached(&format!("SELECT {columns}, rowid FROM {table}{condition}"))?;
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(public_key) = loose(row, 0) else { continue };
        all.push(Node {
            rowid: loose(row, 14).unwrap_or(0),
            public_key,
            name: loose(row, 1),
            role: loose(row, 2),
            lat: loose(row, 3),
            lon: loose(row, 4),
            last_seen: loose(row, 5),
            first_seen: loose(row, 6),
            advert_count: loose(row, 7).unwrap_or(0),
            battery_mv: loose(row, 8),
            temperature_c: loose(row, 9),
            foreign_advert: loose::<i64>(row, 10).unwrap_or(0) != 0,
            default_scope: loose(row, 11),
            multibyte_sup: loose(row, 12).unwrap_or(0),
            multibyte_evidence: loose(row, 13),
            inactive,
        });
    }
    Ok(all)
}

/// All rows of `observers`, soft-deleted ones included.
///
/// # Errors
///
/// What SQLite reports. Values of a type other than the column's are read as absent.
pub fn observers(connection: &Connection) -> rusqlite::Result<Vec<Observer>> {
    let columns = list(connection, "observers", &OBSERVERS)?;
    let mut statement = connection.prepare_cached(&format!("SELECT {columns}, rowid FROM observers"))?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (Some(id), Some(rowid)) = (loose(row, 0), loose(row, 20)) else { continue };
        let seen = loose::<i64>(row, 19).unwrap_or(0) != 0;
        all.push(Observer {
            rowid,
            id,
            name: loose(row, 1),
            iata: loose(row, 2),
            last_seen: loose(row, 3),
            first_seen: loose(row, 4),
            packet_count: loose(row, 5).unwrap_or(0),
            model: loose(row, 6),
            firmware: loose(row, 7),
            client_version: loose(row, 8),
            radio: loose(row, 9),
            battery_mv: loose(row, 10),
            uptime_secs: loose(row, 11),
            noise_floor: loose(row, 12),
            inactive: loose::<i64>(row, 13).unwrap_or(0) != 0,
            last_packet_at: loose(row, 14),
            clock_skew_seconds: loose(row, 15),
            clock_skew_count_24h: loose(row, 16).unwrap_or(0),
            clock_last_naive_at: loose(row, 17),
            can_relay: seen.then(|| loose::<i64>(row, 18).unwrap_or(1) != 0),
        });
    }
    Ok(all)
}

/// All rows of `neighbor_edges`.
///
/// # Errors
///
/// What SQLite reports.
pub fn edges(connection: &Connection) -> rusqlite::Result<Vec<EdgeRow>> {
    if !exists(connection, "neighbor_edges")? {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare_cached("SELECT node_a, node_b, count, last_seen FROM neighbor_edges")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (Some(node_a), Some(node_b)) = (loose(row, 0), loose(row, 1)) else { continue };
        all.push(EdgeRow { node_a, node_b, count: loose(row, 2).unwrap_or(0), last_seen: loose(row, 3) });
    }
    Ok(all)
}

pub(crate) fn exists(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?1")?
        .exists([table])
}

/// A value, or nothing when it is NULL or of another type. Whole numbers serve as reals and reals without a
/// fraction as whole numbers: files born in Node mix them.
fn loose<T: FromSql>(row: &Row<'_>, column: usize) -> Option<T> {
    let value = row.get_ref(column).ok()?;
    if let Ok(value) = T::column_result(value) {
        return Some(value);
    }
    match value {
        ValueRef::Integer(whole) => T::column_result(ValueRef::Real(whole as f64)).ok(),
        ValueRef::Real(real) if real.fract() == 0.0 && real.abs() < 9e15 => {
            T::column_result(ValueRef::Integer(real as i64)).ok()
        }
        _ => None,
    }
}
