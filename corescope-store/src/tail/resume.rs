//! The snapshot file of a followed database: written when the follower ends, read when it begins.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::catch_up::Position;
use super::follow::cutoff;
use crate::memory::part::Part;
use crate::memory::saved::{self, Header};
use crate::memory::{Loading, Store};
use crate::read;

/// Fills the store from a snapshot file when that belongs to this database. False when it does not, and why is logged.
pub(super) fn resume(
    path: &Path,
    connection: &Connection,
    store: &Store,
    position: &mut Position,
    retention: Option<Duration>,
) -> rusqlite::Result<bool> {
    if !path.exists() {
        return Ok(false);
    }
    let (header, parts) = match saved::open(path) {
        Ok(read) => read,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the snapshot is not used, the database is loaded instead");
            return Ok(false);
        }
    };
    if let Some(reason) = differs(&header, connection)? {
        tracing::info!(reason, path = %path.display(), "the snapshot is not used, the database is loaded instead");
        return Ok(false);
    }
    if header.floor > i64::MIN && may_hold_more(&parts, store.budget(), retention) {
        tracing::info!(path = %path.display(), "the snapshot is not used: memory may reach further back now");
        return Ok(false);
    }
    position.transmission = header.transmission;
    position.observation = header.observation;
    position.change = (header.change >= 0).then_some(header.change);
    let expected: u64 = parts.iter().map(|p| p.segment.len() as u64).sum();
    store.adopt(
        parts,
        header.floor,
        Loading { expected, loaded: expected, usable: true, ..Loading::default() },
    );
    Ok(true)
}

/// Whether a snapshot that lacks old rows lacks more than the ceiling and the window make necessary.
fn may_hold_more(parts: &[Part], budget: Option<usize>, retention: Option<Duration>) -> bool {
    let held: usize = parts.iter().map(Part::bytes).sum();
    // Whole segments go at a time: some room is always left.
    let has_room = budget.is_none_or(|budget| held < budget - budget / 4);
    let newest = parts.iter().map(Part::newest).max().unwrap_or(i64::MIN);
    let reaches_back = match (cutoff(newest, retention), parts.first()) {
        (Some(cutoff), Some(oldest)) => oldest.segment.oldest() <= cutoff,
        _ => false,
    };
    has_room && !reaches_back
}

/// What shows that a snapshot is not of this database, or of an earlier state of it that cannot be caught up from.
fn differs(header: &Header, connection: &Connection) -> rusqlite::Result<Option<&'static str>> {
    if read::exists(connection, "cs_changes")? != (header.change >= 0) {
        return Ok(Some("the database has another layout now"));
    }
    let highest = |table: &str| -> rusqlite::Result<i64> {
        connection.query_row(&format!("SELECT coalesce(max(id), 0) FROM {table}"), [], |row| row.get(0))
    };
    if highest("transmissions")? < header.transmission || highest("observations")? < header.observation {
        return Ok(Some("the database has fewer rows"));
    }
    let mut sample = connection.prepare("SELECT hash, first_seen FROM transmissions WHERE id = ?1")?;
    for (id, hash, first_seen) in &header.samples {
        let found: Option<(String, String)> =
            sample.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let same = found.as_ref().is_some_and(|(h, f)| **h == **hash && **f == **first_seen);
        // Where changes are told, a row may be gone; where they are not, nothing may.
        let gone = found.is_none() && header.change >= 0;
        if !same && !gone {
            return Ok(Some("a transmission is another one"));
        }
    }
    let mut observer = connection.prepare("SELECT id FROM observers WHERE rowid = ?1")?;
    for (rowid, id) in &header.observers {
        let found: Option<String> = observer.query_row([rowid], |row| row.get(0)).optional()?;
        if found.as_deref() != Some(&**id) {
            return Ok(Some("an observer is another one"));
        }
    }
    if header.change < 0 && count(connection, header.transmission)? != header.count {
        return Ok(Some("rows were removed"));
    }
    Ok(None)
}

fn count(connection: &Connection, up_to: i64) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM transmissions WHERE id <= ?1", [up_to], |row| row.get(0))
}

/// Writes the snapshot file. That it fails is logged and no more: the next start loads the database.
pub(super) fn save(path: &Path, connection: &Connection, store: &Store, position: &Position) {
    let begin = std::time::Instant::now();
    let written = count(connection, position.transmission).map_err(|e| e.to_string()).and_then(|count| {
        let snapshot = store.snapshot();
        let header =
            Header::of(&snapshot, (position.transmission, position.observation), position.change, count);
        saved::save(path, &snapshot, header).map_err(|e| e.to_string())
    });
    match written {
        Ok(()) => {
            tracing::info!(path = %path.display(), seconds = begin.elapsed().as_secs_f64(), "wrote the snapshot")
        }
        Err(error) => tracing::warn!(error, path = %path.display(), "the snapshot was not written"),
    }
}
