//! Rows of `transmissions` and `observations`, borrowed from SQLite without a copy.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::memory::{Defect, ObservationRow, Score, TransmissionRow};

/// The column lists of both tables. A column that an older file lacks is read as NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) transmissions: String,
    pub(crate) observations: String,
}

const TRANSMISSIONS: [(&str, &str); 12] = [
    ("id", "NULL"),
    ("raw_hex", "NULL"),
    ("hash", "NULL"),
    ("first_seen", "NULL"),
    ("last_seen", "0"),
    ("route_type", "NULL"),
    ("payload_type", "NULL"),
    ("payload_version", "NULL"),
    ("decoded_json", "NULL"),
    ("from_pubkey", "NULL"),
    ("channel_hash", "NULL"),
    ("scope_name", "NULL"),
];

const OBSERVATIONS: [(&str, &str); 11] = [
    ("id", "NULL"),
    ("transmission_id", "NULL"),
    ("observer_idx", "NULL"),
    ("direction", "NULL"),
    ("snr", "NULL"),
    ("rssi", "NULL"),
    ("score", "NULL"),
    ("path_json", "NULL"),
    ("timestamp", "NULL"),
    ("resolved_path", "NULL"),
    ("raw_hex", "NULL"),
];

impl Columns {
    /// Looks at the tables.
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            transmissions: list(connection, "transmissions", &TRANSMISSIONS)?,
            observations: list(connection, "observations", &OBSERVATIONS)?,
        })
    }

    /// Whether `transmissions` has a column; one that is missing is NULL in every row.
    pub(crate) fn of_transmissions(&self, column: &str) -> bool {
        self.transmissions.split(", ").any(|one| one == column)
    }

    /// The same of `observations`.
    pub(crate) fn of_observations(&self, column: &str) -> bool {
        self.observations.split(", ").any(|one| one == column)
    }
}

pub(super) fn list(
    connection: &Connection,
    table: &str,
    wanted: &[(&str, &str)],
) -> rusqlite::Result<String> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let there =
        statement.query_map([table], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let column = |(name, missing): &(&str, &str)| {
        if there.iter().any(|t| t == name) { (*name).to_owned() } else { format!("{missing} AS {name}") }
    };
    Ok(wanted.iter().map(column).collect::<Vec<_>>().join(", "))
}

/// A row of `SELECT {columns.transmissions} FROM transmissions`.
pub(crate) fn transmission<'r>(row: &'r Row<'_>) -> Result<TransmissionRow<'r>, Defect> {
    Ok(TransmissionRow {
        id: integer(row, 0)?.ok_or(Defect::Type)?,
        raw_hex: text(row, 1)?.ok_or(Defect::Type)?,
        hash: text(row, 2)?.ok_or(Defect::Type)?,
        first_seen: text(row, 3)?.ok_or(Defect::Type)?,
        last_seen: integer(row, 4)?.unwrap_or(0),
        route_type: integer(row, 5)?,
        payload_type: integer(row, 6)?,
        payload_version: integer(row, 7)?,
        decoded_json: text(row, 8)?,
        from_pubkey: text(row, 9)?,
        channel_hash: text(row, 10)?,
        scope_name: text(row, 11)?,
    })
}

/// A row of `SELECT {columns.observations} FROM observations`.
pub(crate) fn observation<'r>(row: &'r Row<'_>) -> Result<ObservationRow<'r>, Defect> {
    Ok(ObservationRow {
        id: integer(row, 0)?.ok_or(Defect::Type)?,
        transmission_id: integer(row, 1)?.ok_or(Defect::Type)?,
        observer: integer(row, 2)?,
        direction: text(row, 3)?,
        snr: real(row, 4)?,
        rssi: real(row, 5)?,
        score: match row.get_ref(6).map_err(|_| Defect::Type)? {
            ValueRef::Null => None,
            ValueRef::Integer(value) => Some(Score::Integer(value)),
            ValueRef::Real(value) => Some(Score::Real(value)),
            ValueRef::Text(_) | ValueRef::Blob(_) => return Err(Defect::Type),
        },
        path_json: text(row, 7)?,
        timestamp: integer(row, 8)?.ok_or(Defect::Type)?,
        resolved_path: text(row, 9)?,
        raw_hex: text(row, 10)?,
    })
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<Option<&'r str>, Defect> {
    match row.get_ref(column).map_err(|_| Defect::Type)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| Defect::Type),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => Err(Defect::Type),
    }
}

fn integer(row: &Row<'_>, column: usize) -> Result<Option<i64>, Defect> {
    match row.get_ref(column).map_err(|_| Defect::Type)? {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(value) => Ok(Some(value)),
        ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => Err(Defect::Type),
    }
}

fn real(row: &Row<'_>, column: usize) -> Result<Option<f64>, Defect> {
    match row.get_ref(column).map_err(|_| Defect::Type)? {
        ValueRef::Null => Ok(None),
        ValueRef::Real(value) => Ok(Some(value)),
        ValueRef::Integer(value) => Ok(Some(value as f64)),
        ValueRef::Text(_) | ValueRef::Blob(_) => Err(Defect::Type),
    }
}
