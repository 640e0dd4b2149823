//! Marks of a database: a few rows by which it is told from another one that took its place in the same file.

use rusqlite::{Connection, OptionalExtension};

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
        let Some(hash) = transmission.query_row([id], |row| row.get::<_, Option<String>>(0)).optional()?
        else {
            gone += 1;
            continue;
        };
        if hash.as_deref() != Some(&*known.hash()) {
            return Ok(true);
        }
        let last = known.observation_count().checked_sub(1).and_then(|at| known.observation(at));
        if let Some(last) = last {
            let now: Option<(Option<i64>, Option<i64>)> =
                observation.query_row([last.id()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            if now.is_some_and(|now| now != (Some(id), Some(last.timestamp()))) {
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
