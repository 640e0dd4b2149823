//! Finding rows: in a snapshot, and in the database below its floor.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::{Connection, OptionalExtension};

use super::{Answer, Judge, go_on};
use crate::memory::{Cursor, Order, OwnedTransmission, Query, Snapshot, Transmission};
use crate::read;
use crate::tail::chunks::{self, Chunk};
use crate::tail::pack::{Beyond, load_chunk};

/// Transmissions that are read at once for a page.
const PAGE_ROWS: i64 = 1024;
/// Transmissions that are read at once for a total.
const COUNT_ROWS: i64 = 16_384;

/// What a query found so far: the highest rows in its order, and how many there are.
pub(super) struct Found<'q> {
    pub(super) query: &'q Query,
    pub(super) judge: Option<Judge<'q>>,
    pub(super) total: u64,
    /// Newest reception and id of rows behind the cursor, sorted.
    rows: Vec<(i64, i64)>,
    /// Rows that decide about the page: those before it, its own, and one more.
    wanted: usize,
    /// The query for a part of all rows.
    part: Query,
    /// More rows follow than were looked at.
    more: bool,
}

impl<'q> Found<'q> {
    pub(super) fn new(query: &'q Query, judge: Option<Judge<'q>>) -> Self {
        let wanted = query.offset.saturating_add(query.limit).saturating_add(1);
        // Rows that the judge lets pass are known when all were shown to it.
        let part = match judge {
            None => Query { offset: 0, limit: wanted, ..query.clone() },
            Some(_) => Query { offset: 0, limit: usize::MAX, after: None, ..query.clone() },
        };
        Self { query, judge, total: 0, rows: Vec::new(), wanted, part, more: false }
    }

    /// Adds the rows of a moment.
    pub(super) fn offer(&mut self, moment: &Snapshot) {
        let page = moment.query(&self.part);
        let place = |row: &Transmission<'_>| (row.latest(), row.id());
        match self.judge {
            None => {
                self.total += page.total;
                self.rows.extend(page.rows.iter().map(place));
            }
            Some(judge) => {
                for row in page.rows.iter().filter(|row| judge(row)) {
                    self.total += 1;
                    let (latest, id) = place(row);
                    if self.query.is_behind(Cursor { latest, id }) {
                        self.rows.push((latest, id));
                    }
                }
            }
        }
        self.settle();
    }

    /// Sorts and leaves out what is behind the page.
    fn settle(&mut self) {
        match self.query.order {
            Order::NewestId => self.rows.sort_unstable_by_key(|(_, id)| std::cmp::Reverse(*id)),
            Order::OldestId => self.rows.sort_unstable_by_key(|(_, id)| *id),
            Order::Latest => self.rows.sort_unstable_by_key(|place| std::cmp::Reverse(*place)),
        }
        self.rows.truncate(self.wanted);
    }

    /// Newest reception of the page's last row, when the page is full. A page of no rows is full.
    pub(super) fn lowest(&self) -> Option<i64> {
        match self.wanted.checked_sub(2) {
            Some(last) => self.rows.get(last).map(|(latest, _)| *latest),
            None => Some(i64::MAX),
        }
    }

    /// Adds the rows of the page that lie below the floor, of which `total` match, by id.
    pub(super) fn page_below(
        &mut self,
        connection: &Connection,
        snapshot: &Snapshot,
        total: u64,
        stopped: &AtomicBool,
    ) -> rusqlite::Result<()> {
        self.total += total;
        let full = self.wanted.saturating_sub(1);
        let descending = self.query.order != Order::OldestId;
        if descending && self.rows.len() >= full {
            // All rows below come behind these.
            self.more |= total > 0;
            return Ok(());
        }
        if total == 0 {
            return Ok(());
        }
        let Some((mut low, mut high)) = ends(connection, snapshot)? else { return Ok(()) };
        match (self.query.after, descending) {
            (Some(cursor), true) => high = high.min(cursor.id.saturating_sub(1)),
            (Some(cursor), false) => low = low.max(cursor.id.saturating_add(1)),
            (None, _) => {}
        }
        if let Some(after) = self.query.after_id {
            low = low.max(after.saturating_add(1));
        }
        let mut below = 0;
        while low <= high && below < self.wanted {
            let (from, to) = if descending {
                (begin_of(connection, low, high, PAGE_ROWS)?, high)
            } else {
                (low, end_of(connection, low, high, PAGE_ROWS)?)
            };
            for moment in without_observations(connection, snapshot, from, to, stopped)? {
                let page = moment.query(&self.part);
                below += page.rows.len();
                self.rows.extend(page.rows.iter().map(|row| (row.latest(), row.id())));
            }
            let next = if descending { from.checked_sub(1) } else { to.checked_add(1) };
            let Some(next) = next else { break };
            *(if descending { &mut high } else { &mut low }) = next;
        }
        self.settle();
        Ok(())
    }

    /// Adds everything below the floor, and tells the newest reception there, but for those that were heard again.
    pub(super) fn scan_below(
        &mut self,
        connection: &Connection,
        snapshot: &Snapshot,
        stopped: &AtomicBool,
    ) -> rusqlite::Result<i64> {
        let plan = chunks::plan_below(connection, snapshot.floor())?;
        let mut newest = i64::MIN;
        for chunk in plan.chunks {
            let loaded = load_chunk(connection, chunk, Beyond::Read, stopped)?;
            go_on(stopped)?;
            for loaded in loaded {
                let moment = snapshot.with_only(loaded.low, loaded.segment);
                // What was noted need not be the newest: a change of columns tells the first reception.
                let late = &snapshot.outside.late;
                let again =
                    |row: &Transmission<'_>| late.get(&row.id()).is_some_and(|at| *at >= row.latest());
                let others = moment.transmissions().filter(|row| !again(row));
                newest = others.map(|row| row.latest()).fold(newest, i64::max);
                self.offer(&moment);
            }
        }
        Ok(newest)
    }

    /// The page.
    pub(super) fn answer(
        &mut self,
        connection: &Connection,
        snapshot: &Snapshot,
    ) -> rusqlite::Result<Answer> {
        let full = self.wanted.saturating_sub(1);
        let more = self.more || self.rows.len() > full;
        self.rows.truncate(full);
        let mut rows: Vec<Arc<OwnedTransmission>> = Vec::new();
        for (_, id) in self.rows.iter().skip(self.query.offset) {
            let row = match snapshot.by_id(*id) {
                Some(row) => Some(row.to_owned_row()),
                // One that was removed since is not there any more.
                None => read::transmission_by_id(connection, *id)?,
            };
            rows.extend(row.map(Arc::new));
        }
        let next = rows.last().filter(|_| more).map(|row| {
            let row = Transmission::from(&**row);
            Cursor { latest: row.latest(), id: row.id() }
        });
        Ok(Answer { total: self.total, rows, next })
    }
}

/// How many rows below the floor match a filter over columns of `transmissions`.
pub(super) fn count_below(
    connection: &Connection,
    snapshot: &Snapshot,
    query: &Query,
    stopped: &AtomicBool,
) -> rusqlite::Result<u64> {
    let counting = Query { offset: 0, limit: 0, after: None, ..query.clone() };
    let Some((low, mut high)) = ends(connection, snapshot)? else { return Ok(0) };
    let low = query.after_id.map_or(low, |after| low.max(after.saturating_add(1)));
    let mut total = 0;
    while low <= high {
        let from = begin_of(connection, low, high, COUNT_ROWS)?;
        for moment in without_observations(connection, snapshot, from, high, stopped)? {
            total += moment.query(&counting).total;
        }
        let Some(next) = from.checked_sub(1) else { break };
        high = next;
    }
    Ok(total)
}

/// Lowest and highest id below the floor.
fn ends(connection: &Connection, snapshot: &Snapshot) -> rusqlite::Result<Option<(i64, i64)>> {
    let end = |function: &str| {
        connection
            .prepare_cached(&format!("SELECT {function}(id) FROM transmissions WHERE id < ?1"))?
            .query_row([snapshot.floor()], |row| row.get::<_, Option<i64>>(0))
    };
    Ok(end("min")?.zip(end("max")?))
}

/// The lowest id of so many rows up to `high`, not below `low`.
fn begin_of(connection: &Connection, low: i64, high: i64, rows: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT id FROM transmissions WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3";
    let id = connection.prepare_cached(sql)?.query_row([low, high, rows - 1], |row| row.get(0)).optional()?;
    Ok(id.unwrap_or(low))
}

/// The highest id of so many rows from `low` on, not above `high`.
fn end_of(connection: &Connection, low: i64, high: i64, rows: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT id FROM transmissions WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1 OFFSET ?3";
    let id = connection.prepare_cached(sql)?.query_row([low, high, rows - 1], |row| row.get(0)).optional()?;
    Ok(id.unwrap_or(high))
}

/// The transmissions of a range of ids, as moments with nothing else.
fn without_observations(
    connection: &Connection,
    snapshot: &Snapshot,
    low: i64,
    high: i64,
    stopped: &AtomicBool,
) -> rusqlite::Result<Vec<Snapshot>> {
    let chunk = Chunk { low, high, observations_low: 1, observations_high: 0 };
    let loaded = load_chunk(connection, chunk, Beyond::Ignored, stopped)?;
    go_on(stopped)?;
    Ok(loaded.into_iter().map(|l| snapshot.with_only(l.low, l.segment)).collect())
}
