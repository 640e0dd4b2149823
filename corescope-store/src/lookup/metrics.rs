//! `observer_metrics`: one row per observer and sample slot (five minutes, unless configured otherwise).
//! The counters are cumulative since the observer's boot.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

/// One sample of one observer, as stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricRow {
    /// The observer, in its stored spelling.
    pub observer_id: String,
    /// Slot time, RFC 3339 UTC.
    pub timestamp: String,
    /// Noise floor, dBm.
    pub noise_floor: Option<f64>,
    /// Seconds spent sending since boot.
    pub tx_air_secs: Option<i64>,
    /// Seconds spent receiving since boot.
    pub rx_air_secs: Option<i64>,
    /// Frames that failed their checksum since boot.
    pub recv_errors: Option<i64>,
    /// Battery voltage, mV.
    pub battery_mv: Option<i64>,
    /// Frames sent since boot.
    pub packets_sent: Option<i64>,
    /// Frames received since boot.
    pub packets_recv: Option<i64>,
}

/// One battery sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatterySample {
    /// Slot time, RFC 3339 UTC.
    pub timestamp: String,
    /// Battery voltage, mV.
    pub battery_mv: i64,
}

const COLUMNS: &str = "observer_id, timestamp, noise_floor, tx_air_secs, rx_air_secs, recv_errors, battery_mv, packets_sent, packets_recv";

/// Samples of one observer from `since` on, to `until` where given (both RFC 3339, compared as text, inclusive), oldest first.
///
/// # Errors
///
/// What SQLite says.
pub fn metrics(
    c: &Connection,
    observer_id: &str,
    since: &str,
    until: Option<&str>,
) -> rusqlite::Result<Vec<MetricRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM observer_metrics WHERE observer_id = ?1 AND timestamp >= ?2 AND (?3 IS NULL OR timestamp <= ?3) ORDER BY timestamp"
    );
    c.prepare_cached(&sql)?.query_map((observer_id, since, until), row)?.collect()
}

/// Noise and battery of one observer over a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoiseSeries {
    /// The observer, in its stored spelling.
    pub observer_id: String,
    /// Noise floor of each sample, dBm, oldest first.
    pub noise_floor: Vec<Option<f64>>,
    /// Battery voltage of the newest sample that has one, mV.
    pub battery_mv: Option<i64>,
}

/// Noise and battery of every observer from `since` (RFC 3339, compared as text) on, in no particular order.
///
/// # Errors
///
/// What SQLite says.
pub fn noise_since(c: &Connection, since: &str) -> rusqlite::Result<Vec<NoiseSeries>> {
    let mut all: Vec<NoiseSeries> = Vec::new();
    let mut by_id: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut statement = c.prepare_cached(
        "SELECT observer_id, noise_floor, battery_mv FROM observer_metrics WHERE timestamp >= ?1 ORDER BY timestamp",
    )?;
    let mut rows = statement.query([since])?;
    while let Some(row) = rows.next()? {
        // Tens of thousands of rows name a few dozen observers: their texts are copied once.
        let ValueRef::Text(id) = row.get_ref(0)? else { continue };
        let at = match by_id.get(id) {
            Some(at) => *at,
            None => {
                all.push(NoiseSeries { observer_id: row.get(0)?, ..NoiseSeries::default() });
                by_id.insert(id.to_vec(), all.len() - 1);
                all.len() - 1
            }
        };
        if let Some(series) = all.get_mut(at) {
            series.noise_floor.push(row.get(1)?);
            series.battery_mv = whole(row, 2)?.or(series.battery_mv);
        }
    }
    Ok(all)
}

/// Battery samples of one observer (in its stored spelling) from `since` on, oldest first.
///
/// # Errors
///
/// What SQLite says.
pub fn battery(c: &Connection, observer_id: &str, since: &str) -> rusqlite::Result<Vec<BatterySample>> {
    c.prepare_cached(
        "SELECT timestamp, battery_mv FROM observer_metrics WHERE observer_id = ?1 AND timestamp >= ?2 AND battery_mv IS NOT NULL ORDER BY timestamp",
    )?
    .query_map((observer_id, since), |r| {
        Ok(BatterySample { timestamp: r.get(0)?, battery_mv: whole(r, 1)?.unwrap_or_default() })
    })?
    .collect()
}

fn row(r: &Row<'_>) -> rusqlite::Result<MetricRow> {
    Ok(MetricRow {
        observer_id: r.get(0)?,
        timestamp: r.get(1)?,
        noise_floor: r.get(2)?,
        tx_air_secs: whole(r, 3)?,
        rx_air_secs: whole(r, 4)?,
        recv_errors: whole(r, 5)?,
        battery_mv: whole(r, 6)?,
        packets_sent: whole(r, 7)?,
        packets_recv: whole(r, 8)?,
    })
}

/// An integer column that old files may hold as REAL.
pub(super) fn whole(r: &Row<'_>, column: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match r.get_ref(column)? {
        ValueRef::Integer(n) => Some(n),
        ValueRef::Real(f) => Some(f.round() as i64),
        _ => None,
    })
}
