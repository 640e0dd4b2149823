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

/// The signs keep SQLite from indexes that would lead it through all older receptions.
const SINCE: &str = "SELECT observer_idx, count(*) FROM observations
   WHERE timestamp >= ?1 AND +transmission_id < ?2 GROUP BY +observer_idx";
/// The same where it is not told who heard it.
const SINCE_OF_NOBODY: &str = "SELECT NULL, count(*) FROM observations
   WHERE timestamp >= ?1 AND +transmission_id < ?2 HAVING count(*) > 0";

/// Which transmissions are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Below<'a> {
    /// All.
    All,
    /// Those of this payload type.
    Type(i64),
    /// Group texts of this channel.
    Channel(&'a str),
    /// First heard at this time or later, unix seconds; a few older ones too; in no particular order.
    SeenSince(i64),
    /// Sent by this node (`from_pubkey`), the highest id first.
    Sender(&'a str),
}

impl Below<'_> {
    /// The columns that the condition looks at.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::All => &[],
            Self::Type(_) => &["payload_type"],
            Self::Channel(_) => &["payload_type", "channel_hash"],
            Self::SeenSince(_) => &["first_seen"],
            Self::Sender(_) => &["from_pubkey"],
        }
    }
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
    if !which.columns().iter().all(|column| columns.of_transmissions(column)) {
        // An older file: the column is NULL in every row, as for a load.
        return Ok(());
    }
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
    let (range, most) = match which {
        // The signs lead SQLite to the index of first receptions. There the order is another, so it is read at once.
        Below::SeenSince(_) => ("+id >= ?1 AND +id < ?2 LIMIT ?4".to_owned(), i64::MAX),
        _ => (format!("id >= ?1 AND id < ?2 ORDER BY id {order} LIMIT ?4"), ROWS),
    };
    let sql = format!("SELECT {} FROM transmissions WHERE {filter} AND {range}", columns.transmissions);
    let mut heard = connection.prepare_cached(&format!(
        "SELECT {} FROM observations WHERE transmission_id = ?1 ORDER BY id",
        columns.observations
    ))?;
    let Range { start: mut low, end: mut high } = ids;
    loop {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query((low, high, value, most))?;
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
        if count < most {
            return Ok(());
        }
    }
}

/// Whether the file says who heard what: an older one may not.
pub(crate) fn tells_observers(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(Columns::of(connection)?.of_observations("observer_idx"))
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
    let sql = if tells_observers(connection)? { SINCE } else { SINCE_OF_NOBODY };
    let mut statement = connection.prepare_cached(sql)?;
    let counts =
        statement.query_map([since, below], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    counts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite means to do for a statement.
    fn plan(connection: &Connection, sql: &str) -> String {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map([0_i64, 0], |row| row.get::<_, String>(3)).unwrap();
        steps.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    }

    #[test]
    fn late_rows_are_found_by_the_index_of_times() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT);
                 CREATE INDEX t1 ON transmissions(first_seen);
                 CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, observer_idx INTEGER,
                   timestamp INTEGER);
                 CREATE INDEX o1 ON observations(timestamp);
                 CREATE INDEX o2 ON observations(transmission_id, timestamp);
                 CREATE INDEX o3 ON observations(observer_idx, timestamp);
                 INSERT INTO transmissions VALUES (1, '00', 'a', '2026-06-01T00:00:00Z'), (2, '00', 'b', '2026-06-03T00:00:00Z'),
                   (3, '00', 'c', '2026-06-04T00:00:00Z');
                 INSERT INTO observations VALUES (1, 1, 7, 50), (2, 2, 7, 150), (3, 2, NULL, 160), (4, 3, 7, 170);",
            )
            .unwrap();
        let by_observer = receptions_by_observer(&connection, 3, 100).unwrap();
        assert_eq!(by_observer, BTreeMap::from([(None, 1), (Some(7), 1)]));
        let mut found = Vec::new();
        let since = Below::SeenSince(corescope_core::time::parse_rfc3339("2026-06-03T00:00:00Z").unwrap());
        each_below(&connection, since, i64::MIN..3, false, &mut |row| {
            found.push(row.head.id);
            true
        })
        .unwrap();
        assert_eq!(found, [2]);
        assert!(plan(&connection, SINCE).contains("INDEX o1"), "{}", plan(&connection, SINCE));
    }

    #[test]
    fn a_column_that_an_older_file_lacks_is_null_in_every_row() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT,
                   payload_type INTEGER);
                 CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, timestamp INTEGER);
                 INSERT INTO transmissions VALUES (1, '00', 'a', '2026-06-01T00:00:00Z', 5);
                 INSERT INTO observations VALUES (1, 1, 50);",
            )
            .unwrap();
        let found = |which| {
            let mut ids = Vec::new();
            each_below(&connection, which, i64::MIN..9, true, &mut |row| {
                ids.push(row.head.id);
                true
            })
            .unwrap();
            ids
        };
        assert_eq!(found(Below::All), [1]);
        assert_eq!(found(Below::Type(5)), [1]);
        assert!(found(Below::Sender("ab")).is_empty());
        assert!(found(Below::Channel("Public")).is_empty());
        assert!(!tells_observers(&connection).unwrap());
        assert_eq!(receptions_by_observer(&connection, 9, 50).unwrap(), BTreeMap::from([(None, 1)]));
        assert!(receptions_by_observer(&connection, 9, 51).unwrap().is_empty());
    }
}
