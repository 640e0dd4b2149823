//! `client_receptions`: what mobile clients heard and where (opt-in).

use std::collections::HashMap;

use rusqlite::{Connection, Row};

/// At most so many of the newest receptions are looked at for one answer.
const NEWEST: u32 = 500_000;

/// A box on the map, degrees; does not wrap at 180°.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Southern edge.
    pub min_lat: f64,
    /// Western edge.
    pub min_lon: f64,
    /// Northern edge.
    pub max_lat: f64,
    /// Eastern edge.
    pub max_lon: f64,
}

/// One reception by a mobile client.
#[derive(Clone, Debug, PartialEq)]
pub struct Reception {
    /// Who heard, 64 lower-case hex.
    pub rx_pubkey: String,
    /// Who was heard: a full key, or its first 2 or 3 bytes.
    pub heard_key: String,
    /// Signal-to-noise ratio, dB.
    pub snr: Option<f64>,
    /// Signal strength, dBm.
    pub rssi: Option<i64>,
    /// Latitude of the client, degrees.
    pub lat: f64,
    /// Longitude of the client, degrees.
    pub lon: f64,
    /// When, RFC 3339.
    pub rx_at: String,
}

/// How often and by how many clients one node was heard, over all time and places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceptionTotals {
    /// Receptions.
    pub receptions: i64,
    /// Distinct clients.
    pub clients: i64,
}

const COLUMNS: &str = "rx_pubkey, heard_key, snr, rssi, lat, lon, rx_at";

/// Receptions from `since` on, inside `area` and by `rx_pubkey` where given, newest first.
///
/// # Errors
///
/// What SQLite says.
pub fn receptions_since(
    c: &Connection,
    since: &str,
    area: Option<Area>,
    rx_pubkey: Option<&str>,
) -> rusqlite::Result<Vec<Reception>> {
    let b = area.unwrap_or(Area { min_lat: -90.0, min_lon: -180.0, max_lat: 90.0, max_lon: 180.0 });
    let sql = format!(
        "SELECT {COLUMNS} FROM client_receptions WHERE rx_at >= ?1 AND lat BETWEEN ?2 AND ?3 AND lon BETWEEN ?4 AND ?5 \
         AND (?6 IS NULL OR rx_pubkey = ?6) ORDER BY rx_at DESC LIMIT {NEWEST}"
    );
    c.prepare_cached(&sql)?
        .query_map((since, b.min_lat, b.max_lat, b.min_lon, b.max_lon, rx_pubkey), row)?
        .collect()
}

/// Receptions of one node (by its full key, or its first 3 or 2 bytes) inside `area`, over all time, newest first;
/// from `since` on where given.
///
/// # Errors
///
/// What SQLite says.
pub fn receptions_of(
    c: &Connection,
    key: &str,
    area: Area,
    since: Option<&str>,
) -> rusqlite::Result<Vec<Reception>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM client_receptions WHERE heard_key IN (?1, ?2, ?3) AND lat BETWEEN ?4 AND ?5 AND lon BETWEEN ?6 AND ?7 \
         AND (?8 IS NULL OR rx_at >= ?8) ORDER BY rx_at DESC LIMIT {NEWEST}"
    );
    let [full, three, two] = spellings(key);
    c.prepare_cached(&sql)?
        .query_map((full, three, two, area.min_lat, area.max_lat, area.min_lon, area.max_lon, since), row)?
        .collect()
}

/// Totals of one node over all time and places.
///
/// # Errors
///
/// What SQLite says.
pub fn reception_totals(c: &Connection, key: &str) -> rusqlite::Result<ReceptionTotals> {
    let [full, three, two] = spellings(key);
    c.prepare_cached(
        "SELECT COUNT(*), COUNT(DISTINCT rx_pubkey) FROM client_receptions WHERE heard_key IN (?1, ?2, ?3)",
    )?
    .query_row((full, three, two), |r| Ok(ReceptionTotals { receptions: r.get(0)?, clients: r.get(1)? }))
}

/// Names of the mobile clients, by key.
///
/// # Errors
///
/// What SQLite says.
pub fn client_names(c: &Connection) -> rusqlite::Result<HashMap<String, String>> {
    c.prepare_cached("SELECT pubkey, name FROM client_observers WHERE name IS NOT NULL")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect()
}

/// The three spellings under which a node is heard: full key, first three bytes, first two bytes.
fn spellings(key: &str) -> [&str; 3] {
    [key, key.get(..6).unwrap_or(key), key.get(..4).unwrap_or(key)]
}

fn row(r: &Row<'_>) -> rusqlite::Result<Reception> {
    Ok(Reception {
        rx_pubkey: r.get(0)?,
        heard_key: r.get(1)?,
        snr: r.get(2)?,
        rssi: r.get(3)?,
        lat: r.get(4)?,
        lon: r.get(5)?,
        rx_at: r.get(6)?,
    })
}
