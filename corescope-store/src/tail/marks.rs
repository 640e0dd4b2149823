//! Marks of a database: a few rows by which it is told from another one that took its place in the same file.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::changes::Changes;
use crate::memory::Snapshot;

/// Whether the database is another one than memory was read from: `.restore`, or a copy over the file. Some
/// transmissions and their last observations are compared, in microseconds: one of them is another now, or all are
/// gone, and the changes do not tell so. A database that agrees in these rows passes for the same; the sweep finds
/// what differs then.
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
        match transmission.query_row([id], same_hash).optional()? {
            None => {
                gone += 1;
                continue;
            }
            Some(false) => return Ok(true),
            Some(true) => {}
        }
        let last = known.observation_count().checked_sub(1).and_then(|at| known.observation(at));
        if let Some(last) = last {
            let same = |row: &Row<'_>| {
                Ok(row.get_ref(0)? == ValueRef::Integer(id)
                    && row.get_ref(1)? == ValueRef::Integer(last.timestamp()))
            };
            if observation.query_row([last.id()], same).optional()? == Some(false) {
                return Ok(true);
            }
        }
    }
    Ok(looked_at > 0 && looked_at == gone)
}

/// The first transmission in memory, two further on, and the ends of the newest rows.
fn ids(snapshot: &Snapshot) -> impl Iterator<Item = i64> {
    let parts = &snapshot.parts;
    let thirds = [0, parts.len() / 3, parts.len() * 2 / 3].map(|at| parts.get(at));
    let packed = thirds.into_iter().flatten().filter_map(|part| part.segment.id_range()).map(|(low, _)| low);
    let rows = &snapshot.recent.rows;
    packed.chain([rows.first(), rows.last()].into_iter().flatten().map(|row| row.head.id))
}
