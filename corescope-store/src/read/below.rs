//! Transmissions below an id, straight from SQLite: what the ceiling keeps out of memory.

use std::collections::BTreeMap;
use std::ops::Range;

use corescope_core::time::rfc3339;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension};

use super::rows::{Columns, observation, transmission};
use crate::memory::OwnedTransmission;

/// Rows that one statement reads: a read that goes on and on would keep the log of the database from being emptied.
const ROWS: i64 = 2048;
/// Texts of times may have a zone: they begin at most so much earlier than the moment they stand for, seconds.
const ZONE: i64 = 86_400;

/// Which transmissions are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Below<'a> {
    /// All.
    All,
    /// Those of this payload type.
    Type(i64),
    /// Group texts of this channel.
    Channel(&'a str),
    /// First heard at this time or later, unix seconds; a few older ones too.
    SeenSince(i64),
    /// Sent by this node (`from_pubkey`), the highest id first.
    Sender(&'a str),
}

/// Shows transmissions with ids of a range, ascending where nothing else is said, until one is answered with false. Rows
/// that cannot be read are left out, as they are by a load.
pub(crate) fn each_below(
    connection: &Connection,
    which: Below<'_>,
    ids: Range<i64>,
    with_observations: bool,
    visit: &mut dyn FnMut(OwnedTransmission) -> bool,
) -> rusqlite::Result<()> {
    let columns = Columns::of(connection)?;
    let text;
    let (filter, value, order): (_, &dyn ToSql, _) = match &which {
        Below::All => ("?3 IS NULL", &None::<i64>, "ASC"),
        Below::Type(number) => ("payload_type = ?3", number, "ASC"),
        Below::Channel(name) => ("payload_type = 5 AND channel_hash = ?3", name, "ASC"),
        Below::SeenSince(at) => {
            text = rfc3339(at.saturating_sub(ZONE));
            ("first_seen >= ?3", &text, "ASC")
        }
        Below::Sender(key) => ("from_pubkey = ?3", key, "DESC"),
    };
    let sql = format!(
        "SELECT {} FROM transmissions WHERE {filter} AND id >= ?1 AND id < ?2 ORDER BY id {order} LIMIT ?4",
        columns.transmissions
    );
    let mut heard = connection.prepare_cached(&format!(
        "SELECT {} FROM observations WHERE transmission_id = ?1 ORDER BY id",
        columns.observations
    ))?;
    let Range { start: mut low, end: mut high } = ids;
    loop {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query((low, high, value, ROWS))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            let id: i64 = row.get(0)?;
            if order == "ASC" {
                low = id.saturating_add(1)
            } else {
                high = id
            }
            let Ok(mut owned) = transmission(row).and_then(|row| OwnedTransmission::new(&row)) else {
                continue;
            };
            if with_observations {
                let last_seen = owned.last_seen;
                let mut rows = heard.query([id])?;
                while let Some(row) = rows.next()? {
                    // A defect of an observation is told when the store is loaded.
                    let _ = observation(row).and_then(|row| owned.put(&row));
                }
                owned.last_seen = last_seen;
            }
            if !visit(owned) {
                return Ok(());
            }
        }
        if count < ROWS {
            return Ok(());
        }
    }
}

/// Whether one of these observers (rowids) heard a transmission.
pub(crate) fn is_heard_by(connection: &Connection, id: i64, rowids: &[i64]) -> rusqlite::Result<bool> {
    let mut heard = connection.prepare_cached(
        "SELECT 1 FROM observations WHERE transmission_id = ?1 AND observer_idx = ?2 LIMIT 1",
    )?;
    for rowid in rowids {
        if heard.exists([id, *rowid])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Newest reception of a transmission, unix seconds; `None` when it has none.
pub(crate) fn newest_reception(connection: &Connection, id: i64) -> rusqlite::Result<Option<i64>> {
    let mut newest = connection.prepare_cached(
        "SELECT timestamp FROM observations WHERE transmission_id = ?1 ORDER BY timestamp DESC LIMIT 1",
    )?;
    newest.query_row([id], |row| row.get(0)).optional()
}

/// Newest reception of the transmissions with ids of a range, unix seconds; `None` when there is none.
pub(crate) fn newest_of_range(connection: &Connection, ids: Range<i64>) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT max(timestamp) FROM observations WHERE transmission_id >= ?1 AND transmission_id < ?2";
    connection.prepare_cached(sql)?.query_row([ids.start, ids.end], |row| row.get(0))
}

/// Receptions at this time (unix seconds) or later of transmissions below an id, by rowid of the observer.
pub(crate) fn receptions_by_observer(
    connection: &Connection,
    below: i64,
    since: i64,
) -> rusqlite::Result<BTreeMap<Option<i64>, u64>> {
    // The sign keeps SQLite from an index that would lead it through all older receptions.
    let mut statement = connection.prepare_cached(
        "SELECT observer_idx, count(*) FROM observations
           WHERE timestamp >= ?1 AND +transmission_id < ?2 GROUP BY observer_idx",
    )?;
    let counts =
        statement.query_map([since, below], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    counts.collect()
}
