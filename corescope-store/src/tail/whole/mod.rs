//! Answers over everything, also what the ceiling keeps out of memory.
//!
//! What is in memory is answered from there, the rest from the database. Three things keep that cheap where it can
//! be: a window that begins after everything outside memory needs no look; a filter over columns of `transmissions`
//! alone needs no observations, and its total is remembered; pages by id end as soon as they are full. Only what is
//! left reads everything, packed chunk by chunk like a load: nothing of it is kept, and no more than one chunk is held.

mod known;
mod older;
mod remembered;
mod scan;
mod turn;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ffi};

use self::known::Known;
pub use self::older::{ChannelTally, Messages};
pub use self::remembered::Remembered;
use self::scan::Found;
use self::turn::Turn;
use crate::lookup::{LookupError, Reader};
use crate::memory::{Cursor, Order, OwnedTransmission, Query, Snapshot, Transmission};
use crate::read;

/// What a query found in memory and in the database.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// All matches, whatever the page.
    pub total: u64,
    /// The rows of the page, in order, independent of any snapshot.
    pub rows: Vec<Arc<OwnedTransmission>>,
    /// Where the next page begins; `None` after the last row.
    pub next: Option<Cursor>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WholeError {
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] LookupError),
    /// Too many such questions wait already, or too many different ones were asked lately.
    #[error(
        "too many questions need rows outside memory; ask again in a moment, or give the store more memory"
    )]
    Busy,
}

/// A verdict on a row beside the query's.
pub type Judge<'j> = &'j dyn Fn(&Transmission<'_>) -> bool;

/// Answers queries from a snapshot and from the database it was loaded from.
///
/// ```
/// use std::sync::Arc;
/// # use std::time::Duration;
///
/// use corescope_store::lookup::Reader;
/// use corescope_store::memory::{Query, Store};
/// use corescope_store::tail::{self, Options, Whole};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("meshcore.db");
/// # let tables = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/tables.sql"));
/// # let db = rusqlite::Connection::open(&path)?;
/// # db.execute_batch(tables)?;
/// # db.execute("INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES (1, '1100C0FFEE', '00000000000000a1', '2026-06-01T12:00:00Z')", [])?;
/// let store = Store::new();
/// let follower = tail::follow(&path, store.clone(), Options::default())?;
/// # while !store.snapshot().loading().complete {
/// #     std::thread::sleep(Duration::from_millis(5));
/// # }
/// // The ceiling leaves no room for it in memory …
/// store.set_budget(Some(0));
/// let snapshot = store.snapshot();
/// assert!(snapshot.lacks_rows() && snapshot.by_id(1).is_none());
/// // … but it is in the database.
/// let whole = Whole::new(Arc::new(Reader::new(&path)));
/// let answer = whole.query(&snapshot, &Query::default(), None)?;
/// assert_eq!((answer.total, answer.rows.len()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Whole {
    reader: Arc<Reader>,
    known: Mutex<Known>,
    kept: older::Kept,
    /// Held while everything is read: one at a time.
    turn: Turn,
    stopped: AtomicBool,
}

impl Whole {
    /// For the database that this reader reads.
    pub fn new(reader: Arc<Reader>) -> Self {
        Self {
            reader,
            known: Mutex::default(),
            kept: older::Kept::default(),
            turn: Turn::default(),
            stopped: AtomicBool::new(false),
        }
    }

    /// Ends what is being read of many rows outside memory, and lets nothing of the kind begin: a program that ends need
    /// not wait for it. Such questions are answered [`WholeError::Database`] from then on.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Answers a query; with a judge, only rows that it lets pass count.
    ///
    /// It blocks, and the first question after something changed outside memory reads everything there, some hundred
    /// thousand observations a second: ask where [`Snapshot::lacks_rows`] says that something is missing, and not
    /// on the thread that serves others.
    ///
    /// # Errors
    ///
    /// [`WholeError`].
    pub fn query(
        &self,
        snapshot: &Snapshot,
        query: &Query,
        judge: Option<Judge<'_>>,
    ) -> Result<Answer, WholeError> {
        let mut found = Found::new(query, judge);
        found.offer(snapshot);
        if query.after_id.is_none_or(|id| id < snapshot.floor().saturating_sub(1)) {
            self.below(snapshot, &mut found)?;
        }
        Ok(self.reader.ask(|connection| found.answer(connection, snapshot))?)
    }

    /// Adds what is found below the floor.
    fn below(&self, snapshot: &Snapshot, found: &mut Found<'_>) -> Result<(), WholeError> {
        let query = found.query;
        if let Some(hash) = &query.hash {
            let floor = snapshot.floor();
            let rows =
                self.reader.ask(|connection| read::transmissions_by_hash(connection, hash, Some(floor)))?;
            found.offer(&snapshot.with_rows(rows.into_iter().map(Arc::new).collect()));
            return Ok(());
        }
        if self.is_needless(snapshot, found) {
            return self.heard_again(snapshot, found, query.since, true);
        }
        let key = known::key(query).filter(|_| found.judge.is_none());
        let by_columns = key.is_some() && (query.order != Order::Latest || self.is_above(snapshot, found));
        let total = |this: &Self| key.as_ref().and_then(|key| this.known().total(snapshot, key));
        if by_columns && query.order == Order::Latest {
            self.heard_again(snapshot, found, found.lowest(), false)?;
        }
        if by_columns && let Some(total) = total(self) {
            return Ok(self
                .reader
                .ask(|connection| found.page_below(connection, snapshot, total, &self.stopped))?);
        }
        let _turn = self.turn.take()?;
        // Whoever had the turn before may have found out.
        if self.is_needless(snapshot, found) {
            return self.heard_again(snapshot, found, query.since, true);
        }
        let counted = match total(self).filter(|_| by_columns) {
            Some(total) => Some(total),
            None if by_columns => {
                Some(self.reader.ask(|c| scan::count_below(c, snapshot, query, &self.stopped))?)
            }
            None => None,
        };
        if let Some(total) = counted {
            if let Some(key) = key {
                self.known().note_total(snapshot, key, total);
            }
            return Ok(self
                .reader
                .ask(|connection| found.page_below(connection, snapshot, total, &self.stopped))?);
        }
        let before = found.total;
        let newest = self.reader.ask(|connection| found.scan_below(connection, snapshot, &self.stopped))?;
        let mut known = self.known();
        known.note_newest(snapshot, newest);
        if let Some(key) = key {
            known.note_total(snapshot, key, found.total - before);
        }
        Ok(())
    }

    /// Adds transmissions below the floor that were heard again lately, at this time or later.
    fn heard_again(
        &self,
        snapshot: &Snapshot,
        found: &mut Found<'_>,
        from: Option<i64>,
        counting: bool,
    ) -> Result<(), WholeError> {
        let late = snapshot.outside.late.range(..snapshot.floor());
        let ids: Vec<i64> =
            late.filter(|(_, at)| from.is_none_or(|from| **at >= from)).map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let rows = self.reader.ask(|connection| {
            let rows = ids.iter().map(|id| read::transmission_by_id(connection, *id));
            rows.filter_map(Result::transpose).map(|row| row.map(Arc::new)).collect()
        })?;
        let total = found.total;
        found.offer(&snapshot.with_rows(rows));
        if !counting {
            // They are among those that are counted below.
            found.total = total;
        }
        Ok(())
    }

    /// Whether everything below the floor that was not heard again was heard before the window begins.
    fn is_needless(&self, snapshot: &Snapshot, found: &Found<'_>) -> bool {
        found.query.since.is_some_and(|since| self.known().newest(snapshot).is_some_and(|n| n <= since))
    }

    /// The same for the page: whether it is full with rows that were heard after all that.
    fn is_above(&self, snapshot: &Snapshot, found: &Found<'_>) -> bool {
        found.lowest().is_some_and(|latest| self.known().newest(snapshot).is_some_and(|n| n < latest))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The transmission with this content hash (any letter case), wherever it is.
    ///
    /// # Errors
    ///
    /// The database did not answer.
    pub fn by_hash(
        &self,
        snapshot: &Snapshot,
        hash: &str,
    ) -> Result<Option<Arc<OwnedTransmission>>, LookupError> {
        self.one(snapshot.by_hash(hash), |connection| read::transmission_by_hash(connection, hash))
    }

    /// The transmission with this id, wherever it is.
    ///
    /// # Errors
    ///
    /// The database did not answer.
    pub fn by_id(&self, snapshot: &Snapshot, id: i64) -> Result<Option<Arc<OwnedTransmission>>, LookupError> {
        self.one(snapshot.by_id(id), |connection| {
            if id < snapshot.floor() { read::transmission_by_id(connection, id) } else { Ok(None) }
        })
    }

    /// The transmission that the observation with this id is of, wherever it is.
    ///
    /// # Errors
    ///
    /// The database did not answer.
    pub fn of_observation(
        &self,
        snapshot: &Snapshot,
        id: i64,
    ) -> Result<Option<Arc<OwnedTransmission>>, LookupError> {
        let of = snapshot.observation_by_id(id).map(|o| o.transmission());
        self.one(of, |connection| read::transmission_of_observation(connection, id))
    }

    fn one(
        &self,
        here: Option<Transmission<'_>>,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<Option<OwnedTransmission>>,
    ) -> Result<Option<Arc<OwnedTransmission>>, LookupError> {
        match here {
            Some(row) => Ok(Some(Arc::new(row.to_owned_row()))),
            None => Ok(self.reader.ask(ask)?.map(Arc::new)),
        }
    }
}

/// An error when there is no more need to go on.
fn go_on(stopped: &AtomicBool) -> rusqlite::Result<()> {
    if stopped.load(Ordering::Relaxed) {
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None));
    }
    Ok(())
}
