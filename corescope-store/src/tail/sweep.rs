//! The sweep: all rows in memory are compared with the database again and again, a few at a time, so that changes
//! which nobody told (another program's, or a hand's) are found.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::catch_up::Position;
use super::changes::{observations_of, remove};
use crate::memory::{OwnedTransmission, Store, Transmission, TransmissionRow, check_observation};
use crate::read::{self, Columns};

/// Transmissions of one step: a few milliseconds, so that new rows do not wait.
const AT_ONCE: usize = 50;

/// How long it waits after an error.
const AFTER_ERROR: Duration = Duration::from_secs(10);

/// Where the sweep is.
#[derive(Debug)]
pub(super) struct Sweep {
    /// Next id that it looks at.
    next: i64,
    due: Instant,
    /// Why some rows were not compared, in this pass or the one before.
    unread: Option<String>,
    /// Whether this pass met an error.
    met_error: bool,
}

impl Sweep {
    pub(super) fn new() -> Self {
        Self { next: i64::MIN, due: Instant::now(), unread: None, met_error: false }
    }

    /// Why some rows in memory cannot be compared with the database; `None` since a pass compared all of them.
    pub(super) fn unread(&self) -> Option<&str> {
        self.unread.as_deref()
    }

    /// One step, when it is time for one.
    ///
    /// Where the writer tells of its changes a pass takes an hour (sooner below 360 thousand transmissions: 100 a
    /// second at least; later beyond 900 thousand: 250 at most) and at most a fiftieth of the time, so that a slow disk
    /// has others to serve; else ten minutes (250 to 1000 a second) and a fifth. Where something differed the next step
    /// follows at once: changes of one hand lie together.
    ///
    /// What cannot be read is no reason to end: the sweep goes on behind and [tells](Self::unread).
    pub(super) fn step(
        &mut self,
        connection: &Connection,
        columns: &Columns,
        store: &Store,
        position: &Position,
    ) {
        if Instant::now() < self.due {
            return;
        }
        if let Err(error) = self.compare(connection, columns, store, position) {
            tracing::warn!(%error, "some rows cannot be compared with the database");
            self.unread = Some(format!("some rows cannot be compared with the database: {error}"));
            self.met_error = true;
        }
        // The pass is over: one without an error has seen everything.
        if self.next == i64::MIN && !std::mem::take(&mut self.met_error) {
            self.unread = None;
        }
    }

    fn compare(
        &mut self,
        connection: &Connection,
        columns: &Columns,
        store: &Store,
        position: &Position,
    ) -> rusqlite::Result<()> {
        let begin = Instant::now();
        // Where nothing can be read now, it goes on behind and comes back with the next pass.
        self.due = begin + AFTER_ERROR;
        let snapshot = store.snapshot();
        let count = snapshot.transmission_count();
        let (a_second, share) = match position.change {
            Some(_) => ((count / 3600).clamp(100, 250), 50),
            None => ((count / 600).clamp(250, 1000), 5),
        };
        let transaction = connection.unchecked_transaction()?;
        let low = self.next.max(snapshot.floor());
        let mut missing: BTreeSet<i64> = snapshot.ids_from(low).take(AT_ONCE).collect();
        let mut high = match missing.last() {
            Some(last) if missing.len() == AT_ONCE => *last,
            _ => position.transmission,
        };
        self.next = next_after(high, position);
        let mut differ = Vec::new();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM transmissions WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
            columns.transmissions
        ))?;
        let mut rows = statement.query((low, high, AT_ONCE as i64 * 2))?;
        let mut read = 0;
        while let Some(row) = rows.next()? {
            read += 1;
            let id: i64 = row.get(0)?;
            if read == AT_ONCE * 2 {
                // More rows than memory knows of: the next step goes on here.
                high = id;
            }
            missing.remove(&id);
            let kept = read::transmission(row).ok().filter(|row| OwnedTransmission::new(row).is_ok());
            let same = match (snapshot.by_id(id), kept) {
                (None, None) => true,
                (Some(known), Some(row)) => {
                    same_columns(&known, &row) && same_observations(connection, columns, &known, position)?
                }
                _ => false,
            };
            if !same {
                differ.push(id);
            }
        }
        differ.extend(missing.range(..=high));
        put_right(connection, columns, store, position, &differ)?;
        drop(transaction);
        self.next = next_after(high, position);
        let pause =
            Duration::from_millis(AT_ONCE as u64 * 1000 / a_second).max(begin.elapsed() * (share - 1));
        self.due = Instant::now() + if differ.is_empty() { pause } else { Duration::ZERO };
        Ok(())
    }
}

fn next_after(high: i64, position: &Position) -> i64 {
    if high >= position.transmission { i64::MIN } else { high.saturating_add(1) }
}

fn same_columns(known: &Transmission<'_>, row: &TransmissionRow<'_>) -> bool {
    known.raw_hex() == row.raw_hex
        && known.hash() == row.hash
        && known.first_seen() == row.first_seen
        && known.route_type() == row.route_type
        && known.payload_type() == row.payload_type
        && known.payload_version() == row.payload_version
        && known.decoded_json().as_deref() == row.decoded_json
        && known.from_pubkey().as_deref() == row.from_pubkey
        && known.channel_hash() == row.channel_hash
        && known.scope_name() == row.scope_name
        // It follows observations, which a writer may not note there.
        && known.last_seen() >= row.last_seen
}

fn same_observations(
    connection: &Connection,
    columns: &Columns,
    known: &Transmission<'_>,
    position: &Position,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM observations WHERE transmission_id = ?1 AND id <= ?2 ORDER BY id",
        columns.observations
    ))?;
    let mut rows = statement.query([known.id(), position.observation])?;
    // Both are in the order of ids.
    let mut known = known.observations();
    while let Some(row) = rows.next()? {
        if let Ok(row) = read::observation(row)
            && check_observation(&row).is_ok()
            && !known.next().is_some_and(|known| known.is(&row))
        {
            return Ok(false);
        }
    }
    Ok(known.next().is_none())
}

/// Reads rows again that differ. They are no news for subscribers.
fn put_right(
    connection: &Connection,
    columns: &Columns,
    store: &Store,
    position: &Position,
    differ: &[i64],
) -> rusqlite::Result<()> {
    if differ.is_empty() {
        return Ok(());
    }
    let mut append = store.begin().rechecking().as_history();
    let mut statement = connection
        .prepare_cached(&format!("SELECT {} FROM transmissions WHERE id = ?1", columns.transmissions))?;
    for id in differ {
        let mut rows = statement.query([id])?;
        let row = rows.next()?;
        let kept = row.and_then(|row| read::transmission(row).ok());
        match kept.filter(|row| OwnedTransmission::new(row).is_ok()) {
            Some(row) => {
                append.transmission(&row);
                observations_of(connection, columns, *id, position.observation, &mut append)?;
            }
            None if row.is_some() => _ = append.remove_transmission(*id),
            None => remove(connection, columns, *id, position.observation, &mut append)?,
        }
    }
    append.publish();
    Ok(())
}
