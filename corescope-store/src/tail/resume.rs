//! The snapshot file of a followed database: written when the follower ends, read when it begins.
//!
//! What the file is compared with must be quick to read, for the start is to be quick. It is not used when the number
//! of transmissions is another than what was told of removals makes it; when the last notice or the newest observation
//! is another; when any observer is; when one of some transmissions has another hash, first reception or observations
//! (how many, their ids and times) and that was not told. What lies between, such as an edited column of one old row
//! or a few observations that are gone, cannot be found without reading everything: the sweep finds it afterwards.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::catch_up::Position;
use super::changes::Notice;
use super::follow::cutoff;
use crate::memory::part::Part;
use crate::memory::saved::{self, Header, Sample};
use crate::memory::{Loading, Store};
use crate::read;

/// Transmissions that a database is known again by.
const SAMPLES: usize = 64;

/// Fills the store from a snapshot file when that belongs to this database. False when it does not, and why is logged.
/// The store is not usable before what happened since is caught up with.
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
    let (header, parts) = match saved::open(path, store.budget()) {
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
    position.change = header.change;
    let defects = header.defects();
    position.notice = header.notice.map(|(kind, id, key)| Notice { kind, id, key });
    let expected: u64 = parts.iter().map(|p| p.segment.len() as u64).sum();
    let loading = Loading { expected, loaded: expected, ..Loading::default() };
    store.adopt(parts, header.floor, defects, loading);
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
    // One moment of the database.
    let _transaction = connection.unchecked_transaction()?;
    if read::exists(connection, "cs_changes")? != header.change.is_some() {
        return Ok(Some("the database has another layout now"));
    }
    let highest = |table: &str| -> rusqlite::Result<i64> {
        connection.query_row(&format!("SELECT coalesce(max(id), 0) FROM {table}"), [], |row| row.get(0))
    };
    if highest("transmissions")? < header.transmission || highest("observations")? < header.observation {
        return Ok(Some("the database has fewer rows"));
    }
    let told = told_since(connection, header.change)?;
    if let (Some(seq @ 1..), Some((kind, id, key))) = (header.change, &header.notice) {
        let mut statement = connection.prepare("SELECT kind, id, key FROM cs_changes WHERE seq = ?1")?;
        let found = statement.query_row([seq], |row| Ok(Notice::read(row, 0))).optional()?;
        if found != Some(Notice { kind: kind.clone(), id: *id, key: key.clone() }) {
            return Ok(Some("the last change is another one"));
        }
    }
    let newest = observation(connection, header.observation)?;
    let of = header.newest.and_then(|(of, _)| of);
    if newest != header.newest && !of.is_some_and(|of| told.contains(&of)) {
        return Ok(Some("the newest observation is another one"));
    }
    for sample in header.samples.iter().filter(|sample| !told.contains(&sample.id)) {
        if self::sample(connection, sample.id, header.observation)?.as_ref() != Some(sample) {
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
    if count(connection, header.transmission, header.change)? != header.count {
        return Ok(Some("rows were removed"));
    }
    Ok(None)
}

/// Transmissions of which changes were told after this one.
fn told_since(connection: &Connection, change: Option<i64>) -> rusqlite::Result<BTreeSet<i64>> {
    let Some(change) = change else { return Ok(BTreeSet::new()) };
    let mut statement = connection.prepare(
        "SELECT id FROM cs_changes
           WHERE seq > ?1 AND kind IN ('transmission', 'removed') AND typeof(id) = 'integer'",
    )?;
    statement.query_map([change], |row| row.get(0))?.collect()
}

fn observation(connection: &Connection, id: i64) -> rusqlite::Result<Option<(Option<i64>, Option<i64>)>> {
    let mut statement =
        connection.prepare_cached("SELECT transmission_id, timestamp FROM observations WHERE id = ?1")?;
    statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// A transmission as the database has it, with its observations up to this id; `None` when it is gone.
fn sample(connection: &Connection, id: i64, last: i64) -> rusqlite::Result<Option<Sample>> {
    let mut statement =
        connection.prepare_cached("SELECT hash, first_seen FROM transmissions WHERE id = ?1")?;
    let found: Option<(Box<str>, Box<str>)> =
        statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((hash, first_seen)) = found else { return Ok(None) };
    // Remainders cannot overflow their sum.
    let mut statement = connection.prepare_cached(
        "SELECT count(*), coalesce(sum(id % 999983), 0), coalesce(sum(CAST(timestamp AS INTEGER) % 999983), 0)
           FROM observations WHERE transmission_id = ?1 AND id <= ?2",
    )?;
    let observations = statement.query_row([id, last], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Some(Sample { id, hash, first_seen, observations }))
}

/// Transmissions up to an id, and those of which it was told after a change that they were removed.
fn count(connection: &Connection, up_to: i64, change: Option<i64>) -> rusqlite::Result<i64> {
    // An index counts all of them; those beyond are few.
    let there: i64 = connection.query_row(
        "SELECT (SELECT count(*) FROM transmissions) - (SELECT count(*) FROM transmissions WHERE id > ?1)",
        [up_to],
        |row| row.get(0),
    )?;
    let Some(change) = change else { return Ok(there) };
    let removed: i64 = connection.query_row(
        "SELECT count(DISTINCT id) FROM cs_changes WHERE seq > ?1 AND kind = 'removed' AND id <= ?2",
        [change, up_to],
        |row| row.get(0),
    )?;
    Ok(there + removed)
}

/// The header for what a store holds of a database.
fn header(connection: &Connection, store: &Store, position: &Position) -> rusqlite::Result<Header> {
    let _transaction = connection.unchecked_transaction()?;
    let snapshot = store.snapshot();
    let step = (snapshot.transmission_count() as usize / SAMPLES).max(1);
    let newest = snapshot.transmissions().next_back();
    let mut samples = Vec::new();
    for known in snapshot.transmissions().step_by(step).chain(newest) {
        let there = sample(connection, known.id(), position.observation)?;
        // Hash and time are those in memory: a file that is outdated already does not agree with the database.
        let observations = there.map(|sample| sample.observations).unwrap_or_default();
        let (hash, first_seen) = (known.hash().into(), known.first_seen().into());
        samples.push(Sample { id: known.id(), hash, first_seen, observations });
    }
    let mut header = Header {
        transmission: position.transmission,
        observation: position.observation,
        change: position.change,
        notice: position.notice.clone().map(|notice| (notice.kind, notice.id, notice.key)),
        count: count(connection, position.transmission, position.change)?,
        newest: observation(connection, position.observation)?,
        samples,
        observers: snapshot.observers().iter().map(|o| (o.rowid, o.id.as_str().into())).collect(),
        floor: snapshot.floor(),
        ..Header::default()
    };
    header.set_defects(&store.defects());
    Ok(header)
}

/// Writes the snapshot file. That it fails is logged and no more: the next start loads the database.
pub(super) fn save(path: &Path, connection: &Connection, store: &Store, position: &Position) {
    let begin = std::time::Instant::now();
    let written = header(connection, store, position)
        .map_err(|e| e.to_string())
        .and_then(|header| saved::save(path, &store.snapshot(), header).map_err(|e| e.to_string()));
    match written {
        Ok(()) => {
            tracing::info!(path = %path.display(), seconds = begin.elapsed().as_secs_f64(), "wrote the snapshot")
        }
        Err(error) => tracing::warn!(error, path = %path.display(), "the snapshot was not written"),
    }
}
