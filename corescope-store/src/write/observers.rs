//! The observers: their rows, and when those are written.
//!
//! An observer's row changes with every message, and there can be tens of thousands of
//! messages a second. What changes is gathered here and written at most once per observer
//! and interval; the rest is written by [`ObserverBook::flush`], at the latest when the
//! writer is closed. Rows are never deleted: `observations.observer_idx` points at them.

use std::collections::HashMap;

use corescope_core::time::{parse_rfc3339, rfc3339};
use rusqlite::{Connection, params};

use super::accepted::ObserverMark;
use super::changes::Changes;

/// Number of an observer in this book; stable until the book is loaded again.
pub(crate) type ObserverNo = usize;

/// Every observer that has a row.
#[derive(Debug, Default)]
pub(crate) struct ObserverBook {
    entries: Vec<Entry>,
    by_id: HashMap<String, ObserverNo>,
    /// Entries that the running batch touched, each once.
    touched: Vec<ObserverNo>,
    /// History is stored: what is known of a later time, up to this one, stays.
    history_until: Option<i64>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    id: String,
    rowid: i64,
    name: Option<String>,
    iata: Option<String>,
    inactive: bool,
    /// When the row was last written, unix seconds; `None` for a row made in this batch.
    written: Option<i64>,
    /// Gathered by batches that are committed.
    pending: Gathered,
    /// Gathered by the running batch.
    batch: Gathered,
    clock: Clock,
    /// Whether the running batch has it in its list.
    touched: bool,
    /// Whether the running transaction writes its row.
    writing: bool,
}

/// What waits to be written.
#[derive(Debug, Clone, Default)]
struct Gathered {
    messages: i64,
    last_seen: Option<i64>,
    last_packet: Option<i64>,
    name: Option<String>,
    iata: Option<String>,
}

/// Evidence about an observer's clock: how many messages in a row carried a time with a
/// zone that agreed with ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Clock {
    good: u8,
    saved: u8,
}

/// So many agreeing messages make a clock trusted.
const CLOCK_PROVEN: u8 = 10;
/// Agreement, milliseconds.
const CLOCK_TOLERANCE_MS: i64 = 15_000;
/// A buffered packet may be this old and still be believed, milliseconds (30 days).
const BUFFERED_MAX_MS: i64 = 30 * 86_400_000;
/// Differences up to this are the way of the message, not worth a row.
const RX_AT_WORTH_MS: i64 = 2_000;

/// What kind of message an observer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A packet.
    Packet,
    /// Another message that proves it alive.
    Other,
    /// Something that proves nothing about now.
    Stale,
}

impl ObserverBook {
    /// Reads all observers, keeping what `before` had gathered and not written.
    pub(crate) fn load(connection: &Connection, before: Option<Self>) -> rusqlite::Result<Self> {
        let mut book = Self::default();
        let mut select = connection.prepare(
            "SELECT o.rowid, o.id, o.name, o.iata, o.inactive, o.last_seen, s.clock_good
               FROM observers o LEFT JOIN cs_observer_state s ON s.observer_id = o.id",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            // A key that is not text (an old file can hold anything) has no messages either.
            let Ok(id) = row.get::<_, String>(1) else { continue };
            let good = row.get::<_, Option<i64>>(6)?.unwrap_or(0).clamp(0, i64::from(CLOCK_PROVEN)) as u8;
            let clock = Clock { good, saved: good };
            book.by_id.insert(id.clone(), book.entries.len());
            book.entries.push(Entry {
                rowid: row.get(0)?,
                id,
                name: text(row, 2),
                iata: text(row, 3),
                inactive: row.get_ref(4)?.as_i64().unwrap_or(0) != 0,
                written: Some(text(row, 5).as_deref().and_then(parse_rfc3339).unwrap_or(0)),
                clock,
                ..Entry::default()
            });
        }
        book.history_until = before.as_ref().and_then(|b| b.history_until);
        for old in before.into_iter().flat_map(|b| b.entries) {
            if let Some(entry) = book.by_id.get(&old.id).and_then(|n| book.entries.get_mut(*n)) {
                entry.pending = old.pending;
            }
        }
        Ok(book)
    }

    /// Sets whether history is stored (see [`super::Rules::history_until`]).
    pub(crate) fn set_history(&mut self, until: Option<i64>) {
        self.history_until = until;
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Finds the observer, making its row if there is none, and gathers what the message
    /// says. Returns its number and rowid.
    pub(crate) fn note(
        &mut self,
        connection: &Connection,
        mark: &ObserverMark,
        at_ms: i64,
        sign: Sign,
    ) -> rusqlite::Result<(ObserverNo, i64)> {
        let at = at_ms.div_euclid(1000);
        let number = match self.by_id.get(&mark.id) {
            Some(number) => *number,
            None => self.insert(connection, mark, at)?,
        };
        let Some(entry) = self.entries.get_mut(number) else { return Ok((number, 0)) };
        if !std::mem::replace(&mut entry.touched, true) {
            self.touched.push(number);
        }
        if sign != Sign::Stale {
            entry.batch.messages += 1;
            entry.batch.last_seen = Some(at);
        }
        if sign == Sign::Packet {
            entry.batch.last_packet = Some(at);
        }
        // Empty keeps what is known: a publisher without a name must not erase one.
        if let Some(name) =
            mark.name.as_deref().filter(|n| !n.is_empty() && entry.name.as_deref() != Some(*n))
        {
            entry.name = Some(name.to_owned());
            entry.batch.name = Some(name.to_owned());
        }
        let iata = mark.region.as_deref().map(|r| r.trim().to_uppercase()).filter(|r| !r.is_empty());
        if let Some(iata) = iata.filter(|i| entry.iata.as_deref() != Some(i)) {
            entry.iata = Some(iata.clone());
            entry.batch.iata = Some(iata);
        }
        if let Some(zoned) = mark.zoned_time_ms {
            entry.clock.hear(zoned - at_ms);
        } else if mark.naive_clock_skew_s.is_some() {
            entry.clock.good = 0;
        }
        Ok((number, entry.rowid))
    }

    /// The rowid of an observer that has a row.
    pub(crate) fn rowid(&self, id: &str) -> Option<i64> {
        self.by_id.get(id).and_then(|n| self.entries.get(*n)).map(|e| e.rowid)
    }

    /// The observer's own time of reception, where it can be believed and says more than ours.
    pub(crate) fn trusted_time(&self, observer: ObserverNo, mark: &ObserverMark, at_ms: i64) -> Option<i64> {
        let zoned = mark.zoned_time_ms?;
        let behind = at_ms - zoned;
        let proven = self.entries.get(observer)?.clock.good >= CLOCK_PROVEN;
        (proven && (RX_AT_WORTH_MS..=BUFFERED_MAX_MS).contains(&behind)).then_some(zoned)
    }

    fn insert(
        &mut self,
        connection: &Connection,
        mark: &ObserverMark,
        at: i64,
    ) -> rusqlite::Result<ObserverNo> {
        let time = rfc3339(at);
        connection
            .prepare_cached(
                "INSERT INTO observers(id, last_seen, first_seen, packet_count, inactive) VALUES (?1, ?2, ?2, 0, 0)",
            )?
            .execute(params![mark.id, time])?;
        let number = self.entries.len();
        self.entries.push(Entry {
            id: mark.id.clone(),
            rowid: connection.last_insert_rowid(),
            ..Entry::default()
        });
        self.by_id.insert(mark.id.clone(), number);
        Ok(number)
    }

    /// Writes the rows that are due, in the running transaction.
    pub(crate) fn write_due(
        &mut self,
        connection: &Connection,
        now: i64,
        interval_s: i64,
        changes: &mut Changes,
    ) -> rusqlite::Result<u64> {
        let mut written = 0;
        for number in &self.touched {
            let Some(entry) = self.entries.get_mut(*number) else { continue };
            let due = entry.inactive
                || entry.batch.name.is_some()
                || entry.batch.iata.is_some()
                || entry.written.is_none_or(|w| now >= w.saturating_add(interval_s) || now < w);
            if due {
                let mut all = entry.pending.clone();
                all.add(entry.batch.clone());
                entry.write(connection, &all, self.history_until)?;
                entry.writing = true;
                changes.observer(entry.rowid, &entry.id);
                written += 1;
            }
        }
        Ok(written)
    }

    /// The running batch is committed: what it gathered counts.
    pub(crate) fn commit(&mut self, now: i64) {
        for number in self.touched.drain(..) {
            let Some(entry) = self.entries.get_mut(number) else { continue };
            entry.touched = false;
            let batch = std::mem::take(&mut entry.batch);
            if std::mem::take(&mut entry.writing) {
                entry.pending = Gathered::default();
                entry.inactive = false;
                entry.written = Some(now);
                entry.clock.saved = entry.clock.good;
            } else {
                entry.pending.add(batch);
            }
        }
    }

    /// Writes everything that waits, in a transaction of the caller's.
    pub(crate) fn flush(&mut self, connection: &Connection, changes: &mut Changes) -> rusqlite::Result<u64> {
        let mut written = 0;
        for entry in self.entries.iter_mut().filter(|e| !e.pending.is_empty()) {
            entry.write(connection, &entry.pending, self.history_until)?;
            entry.writing = true;
            changes.observer(entry.rowid, &entry.id);
            written += 1;
        }
        Ok(written)
    }

    /// The transaction of [`flush`](Self::flush) is committed.
    pub(crate) fn flushed(&mut self, now: i64) {
        for entry in self.entries.iter_mut().filter(|e| e.writing) {
            entry.pending = Gathered::default();
            entry.writing = false;
            entry.written = Some(now);
            entry.clock.saved = entry.clock.good;
        }
    }

    /// Whether an observer's row is behind by more than the interval.
    pub(crate) fn is_behind(&self, now: i64, interval_s: i64) -> bool {
        self.entries.iter().any(|e| {
            !e.pending.is_empty() && e.written.is_none_or(|w| now >= w.saturating_add(interval_s) || now < w)
        })
    }
}

impl Entry {
    fn write(
        &self,
        connection: &Connection,
        gathered: &Gathered,
        history_until: Option<i64>,
    ) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE observers SET name = COALESCE(?2, name), iata = COALESCE(?3, iata),
                   last_seen = CASE WHEN last_seen > ?4 AND last_seen <= ?7 THEN last_seen ELSE COALESCE(?4, last_seen) END,
                   packet_count = COALESCE(packet_count, 0) + ?5,
                   last_packet_at = CASE WHEN last_packet_at > ?6 AND last_packet_at <= ?7 THEN last_packet_at
                     ELSE COALESCE(?6, last_packet_at) END,
                   first_seen = CASE WHEN ?7 IS NOT NULL AND first_seen > ?4 THEN ?4 ELSE COALESCE(first_seen, ?4) END,
                   inactive = CASE WHEN ?4 IS NULL OR ?7 IS NOT NULL THEN inactive ELSE 0 END
                 WHERE rowid = ?1",
            )?
            .execute(params![
                self.rowid,
                gathered.name,
                gathered.iata,
                gathered.last_seen.map(rfc3339),
                gathered.messages,
                gathered.last_packet.map(rfc3339),
                history_until.map(rfc3339),
            ])?;
        if self.clock.good != self.clock.saved {
            connection
                .prepare_cached(
                    "INSERT INTO cs_observer_state(observer_id, clock_good) VALUES (?1, ?2)
                     ON CONFLICT(observer_id) DO UPDATE SET clock_good = excluded.clock_good",
                )?
                .execute(params![self.id, self.clock.good])?;
        }
        Ok(())
    }
}

impl Gathered {
    fn is_empty(&self) -> bool {
        self.messages == 0 && self.last_seen.is_none() && self.name.is_none() && self.iata.is_none()
    }

    fn add(&mut self, later: Self) {
        self.messages += later.messages;
        self.last_seen = later.last_seen.or(self.last_seen);
        self.last_packet = later.last_packet.or(self.last_packet);
        self.name = later.name.or_else(|| self.name.take());
        self.iata = later.iata.or_else(|| self.iata.take());
    }
}

impl Clock {
    /// `ahead_ms`: the observer's time minus ours. A time in the past is no evidence: the
    /// packet may have waited.
    fn hear(&mut self, ahead_ms: i64) {
        if ahead_ms.abs() <= CLOCK_TOLERANCE_MS {
            self.good = self.good.saturating_add(1).min(CLOCK_PROVEN);
        } else if ahead_ms > 0 {
            self.good = 0;
        }
    }
}

fn text(row: &rusqlite::Row<'_>, column: usize) -> Option<String> {
    row.get_ref(column).ok()?.as_str().ok().map(str::to_owned)
}
