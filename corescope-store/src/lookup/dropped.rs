//! `dropped_packets`: adverts refused at ingest because their signature was wrong.

use rusqlite::Connection;

use super::metrics::whole;

/// Which rejected adverts are wanted.
#[derive(Clone, Debug)]
pub struct DroppedQuery<'a> {
    /// At most so many, newest first.
    pub limit: u32,
    /// Of this observer only (any case).
    pub observer_id: Option<&'a str>,
    /// Of this claimed sender only (any case).
    pub node_pubkey: Option<&'a str>,
}

/// One rejected advert, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Row id.
    pub id: i64,
    /// Content hash.
    pub hash: Option<String>,
    /// The frame, hex.
    pub raw_hex: Option<String>,
    /// Why it was refused.
    pub reason: String,
    /// Who heard it.
    pub observer_id: Option<String>,
    /// The observer's name at the time.
    pub observer_name: Option<String>,
    /// Whose advert it claimed to be.
    pub node_pubkey: Option<String>,
    /// The name in the advert.
    pub node_name: Option<String>,
    /// When, as SQLite writes it: `YYYY-MM-DD HH:MM:SS`, UTC.
    pub dropped_at: Option<String>,
}

/// Rejected adverts, newest first.
///
/// # Errors
///
/// What SQLite says.
pub fn dropped(c: &Connection, q: &DroppedQuery<'_>) -> rusqlite::Result<Vec<Dropped>> {
    c.prepare_cached(
        "SELECT id, hash, raw_hex, reason, observer_id, observer_name, node_pubkey, node_name, dropped_at FROM dropped_packets \
         WHERE (?1 IS NULL OR lower(observer_id) = lower(?1)) AND (?2 IS NULL OR lower(node_pubkey) = lower(?2)) \
         ORDER BY id DESC LIMIT ?3",
    )?
    .query_map((q.observer_id, q.node_pubkey, q.limit), |r| {
        Ok(Dropped {
            id: r.get(0)?,
            hash: r.get(1)?,
            raw_hex: r.get(2)?,
            reason: r.get(3)?,
            observer_id: r.get(4)?,
            observer_name: r.get(5)?,
            node_pubkey: r.get(6)?,
            node_name: r.get(7)?,
            dropped_at: r.get(8)?,
        })
    })?
    .collect()
}

/// How many rejected adverts are on record.
///
/// # Errors
///
/// What SQLite says.
pub fn dropped_count(c: &Connection) -> rusqlite::Result<i64> {
    c.prepare_cached("SELECT COUNT(*) FROM dropped_packets")?
        .query_row([], |r| whole(r, 0))
        .map(Option::unwrap_or_default)
}
