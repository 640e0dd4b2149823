//! Is the schema complete? The server asks before anything else and refuses to run on
//! less, naming everything that is missing and the command that mends it.

use std::fmt;

use rusqlite::Connection;

use super::Shape;

/// Everything that a reader of a database relies on and did not find.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotReady {
    /// `table transmissions`, `column observers.inactive`, `index …`; or the text of a
    /// probe that failed.
    pub missing: Vec<String>,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "schema not migrated by the ingestor; restart the ingestor first, or run `corescope-cli db migrate`. \
             missing: {}",
            self.missing.join(", ")
        )
    }
}

/// Checks that every table, column and index a reader needs is there.
///
/// # Errors
///
/// [`NotReady`] with *all* that is missing. A probe that fails (locked file, damaged file)
/// counts as missing, with its text.
pub fn ready(connection: &Connection) -> Result<(), NotReady> {
    let shape = Shape::read(connection)
        .map_err(|error| NotReady { missing: vec![format!("the schema itself ({error})")] })?;
    let mut missing = Vec::new();
    for table in TABLES {
        if !shape.has_table(table) {
            missing.push(format!("table {table}"));
        }
    }
    for (table, columns) in COLUMNS {
        for column in *columns {
            if shape.has_table(table) && !shape.has_column(table, column) {
                missing.push(format!("column {table}.{column}"));
            }
        }
    }
    for (name, table, columns) in INDEXES {
        // Another index with the same leading columns serves as well: a UNIQUE column has
        // one without a name of its own.
        let there = shape.indexes.contains_key(*name) || shape.has_index_on(table, columns);
        if shape.has_table(table) && !there {
            // An expression has no name.
            let columns: Vec<_> = columns.iter().map(|c| if c.is_empty() { "…" } else { c }).collect();
            missing.push(format!("index {name} on {table}({})", columns.join(", ")));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(NotReady { missing }) }
}

const TABLES: &[&str] = &[
    "transmissions",
    "observations",
    "observers",
    "nodes",
    "inactive_nodes",
    "neighbor_edges",
    "observer_metrics",
    "_migrations",
];

const NODE_COLUMNS: &[&str] = &["foreign_advert", "default_scope", "multibyte_sup", "multibyte_evidence"];

const COLUMNS: &[(&str, &[&str])] = &[
    ("transmissions", &["from_pubkey", "last_seen", "scope_name", "channel_hash"]),
    ("observations", &["observer_idx", "resolved_path", "raw_hex"]),
    (
        "observers",
        &[
            "inactive",
            "last_packet_at",
            "iata",
            "clock_skew_seconds",
            "clock_skew_count_24h",
            "clock_last_naive_at",
            "can_relay",
            "can_relay_seen",
        ],
    ),
    ("nodes", NODE_COLUMNS),
    ("inactive_nodes", NODE_COLUMNS),
];

const INDEXES: &[(&str, &str, &[&str])] = &[
    ("idx_observations_dedup", "observations", &["transmission_id", "observer_idx", ""]),
    ("idx_transmissions_hash", "transmissions", &["hash"]),
    ("idx_observations_timestamp", "observations", &["timestamp"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_lacks_every_table() {
        let db = Connection::open_in_memory().unwrap();
        let error = ready(&db).unwrap_err();
        assert_eq!(error.missing.len(), TABLES.len());
        assert!(error.to_string().contains("corescope-cli db migrate"));
        assert!(error.missing.contains(&"table transmissions".to_owned()));
    }

    #[test]
    fn everything_missing_is_listed_at_once() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE transmissions(id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, last_seen INTEGER);
             CREATE TABLE observations(id INTEGER PRIMARY KEY, transmission_id, observer_idx, path_json, timestamp)",
        )
        .unwrap();
        let missing = ready(&db).unwrap_err().missing;
        for expected in [
            "table nodes",
            "column transmissions.from_pubkey",
            "column observations.raw_hex",
            "index idx_observations_dedup on observations(transmission_id, observer_idx, …)",
            "index idx_observations_timestamp on observations(timestamp)",
        ] {
            assert!(missing.contains(&expected.to_owned()), "{expected} not in {missing:?}");
        }
        assert!(!missing.iter().any(|m| m.contains("idx_transmissions_hash")), "UNIQUE brings its own index");
    }
}
