//! Marks of a database: a few rows by which it is told from another one that took its place in the same file.

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

use super::changes::Changes;
use crate::memory::Snapshot;

/// Transmissions that are compared.
const MARKS: usize = 8;

/// Whether the database is another one than memory was read from: `.restore`, or a copy over the file. Some
/// transmissions and their last observations are compared, in microseconds: one of them is another now, or all are
/// gone, and the changes do not tell so. A database that agrees in these rows passes for the same; the sweep finds
/// what differs then, and tells of rows that are damaged.
pub(super) fn are_of_another(
    connection: &Connection,
    snapshot: &Snapshot,
    changes: &Changes,
) -> rusqlite::Result<bool> {
    if changes.more {
        // What explains a difference may not be read yet.
        return Ok(false);
    }
    let mut transmission = connection.prepare_cached("SELECT hash FROM transmissions WHERE id = ?1")?;
    let mut observation =
        connection.prepare_cached("SELECT transmission_id, timestamp FROM observations WHERE id = ?1")?;
    let (mut looked_at, mut gone) = (0, 0);
    for id in ids(snapshot) {
        let Some(known) = snapshot.by_id(id) else { continue };
        if changes.transmissions.contains(&id) || changes.removed.contains(&id) {
            continue;
        }
        looked_at += 1;
        // A value of another type than the schema's is another value, not an error that would come again and again.
        let same_hash = |row: &Row<'_>| Ok(row.get_ref(0)? == ValueRef::Text(known.hash().as_bytes()));
        match if_readable(transmission.query_row([id], same_hash).optional())? {
            None => continue,
            Some(None) => {
                gone += 1;
                continue;
            }
            Some(Some(false)) => return Ok(true),
            Some(Some(true)) => {}
        }
        let last = known.observation_count().checked_sub(1).and_then(|at| known.observation(at));
        if let Some(last) = last
            && !changes.observations.contains(&last.id())
        {
            let same = |row: &Row<'_>| {
                Ok(row.get_ref(0)? == ValueRef::Integer(id)
                    && row.get_ref(1)? == ValueRef::Integer(last.timestamp()))
            };
            if if_readable(observation.query_row([last.id()], same).optional())? == Some(Some(false)) {
                return Ok(true);
            }
        }
    }
    Ok(looked_at > 0 && looked_at == gone)
}

/// `None` where a page is damaged: that says nothing of what was there, and new rows may be read all the same.
fn if_readable<T>(found: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match found {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Ok(None),
        found => found.map(Some),
    }
}

/// Ids of transmissions in even distances over all of memory, the oldest and the newest among them: databases that
/// begin alike, such as a backup that was written on, differ at the end.
fn ids(snapshot: &Snapshot) -> BTreeSet<i64> {
    let (parts, recent) = (&snapshot.parts, &snapshot.recent.rows);
    let packed: usize = parts.iter().map(|part| part.segment.len()).sum();
    let Some(last) = (packed + recent.len()).checked_sub(1) else { return BTreeSet::new() };
    let at = |mut at: usize| {
        for part in parts {
            match at.checked_sub(part.segment.len()) {
                None => return Some(part.segment.id(at)),
                Some(rest) => at = rest,
            }
        }
        recent.get(at).map(|row| row.head.id)
    };
    (0..MARKS).filter_map(|n| at(last * n / (MARKS - 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Batch, Store, TransmissionRow};

    #[test]
    fn marks_are_the_ends_and_what_lies_between_wherever_rows_are() {
        let store = Store::new();
        let append = |ids: std::ops::RangeInclusive<i64>| {
            for id in ids {
                let (hash, first_seen) = (format!("{id:016x}"), "2026-01-01T00:00:00Z");
                let row = TransmissionRow { raw_hex: "15", first_seen, ..TransmissionRow::bare(id, &hash) };
                store.append(&Batch { transmissions: &[row], observations: &[] });
            }
        };
        let marks = || Vec::from_iter(ids(&store.snapshot()));
        assert!(marks().is_empty());
        append(3..=3);
        assert_eq!(marks(), [3]);
        append(4..=7);
        assert_eq!(marks(), [3, 4, 5, 6, 7]);
        append(8..=17);
        assert_eq!(marks(), [3, 5, 7, 9, 11, 13, 15, 17]);
        // All in one segment, in a segment and beside it, and in two.
        store.pack();
        assert_eq!(marks(), [3, 5, 7, 9, 11, 13, 15, 17]);
        append(18..=24);
        assert_eq!(marks(), [3, 6, 9, 12, 15, 18, 21, 24]);
        store.pack();
        assert_eq!((marks(), store.snapshot().parts.len()), (vec![3, 6, 9, 12, 15, 18, 21, 24], 2));
    }
}
