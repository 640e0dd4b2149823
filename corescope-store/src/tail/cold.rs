//! Answers over everything, also what the ceiling keeps out of memory.
//!
//! What is in memory is answered from there. What lies below its floor is read from the database, packed chunk by
//! chunk like a load, asked the same query and dropped again: nothing is kept, and no more than one chunk is held.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::Connection;

use super::chunks;
use super::load::{Strays, load_chunk};
use crate::memory::{Cursor, Order, OwnedTransmission, Query, Snapshot, Transmission};

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

/// Answers a query from a snapshot and, for ids below its floor, from the database.
///
/// It takes as long as reading everything below the floor does, some hundred thousand observations a second:
/// ask it where [`Snapshot::floor`] says that something is missing, and not on the thread that serves others.
///
/// # Errors
///
/// What SQLite reports.
pub fn query_whole(connection: &Connection, snapshot: &Snapshot, query: &Query) -> rusqlite::Result<Answer> {
    let wanted = query.offset.saturating_add(query.limit).saturating_add(1);
    let part = Query { offset: 0, limit: wanted, ..query.clone() };
    let page = snapshot.query(&part);
    let mut total = page.total;
    let mut found: Vec<Arc<OwnedTransmission>> =
        page.rows.iter().map(|t| Arc::new(t.to_owned_row())).collect();
    if snapshot.floor() > i64::MIN && query.after_id.is_none_or(|id| id < snapshot.floor()) {
        let plan = chunks::plan_below(connection, snapshot.floor())?;
        let (strays, go_on) = (Strays::default(), AtomicBool::new(false));
        for chunk in plan.chunks {
            // Late observations of this chunk's transmissions stand in newer ones.
            let late = strays.take(chunk.low, chunk.high);
            for loaded in load_chunk(connection, chunk, &late, &strays, &go_on)? {
                let moment = snapshot.with_only(loaded.low, loaded.segment);
                let page = moment.query(&part);
                total += page.total;
                found.extend(page.rows.iter().map(|t| Arc::new(t.to_owned_row())));
            }
            sort(&mut found, query.order);
            found.truncate(wanted);
        }
    }
    sort(&mut found, query.order);
    let more = found.len() >= wanted;
    found.truncate(wanted - 1);
    let rows = found.split_off(query.offset.min(found.len()));
    let next = rows.last().filter(|_| more).map(|row| {
        let row = Transmission::from(&**row);
        Cursor { latest: row.latest(), id: row.id() }
    });
    Ok(Answer { total, rows, next })
}

fn sort(rows: &mut [Arc<OwnedTransmission>], order: Order) {
    rows.sort_by_key(|row| {
        let row = Transmission::from(&**row);
        match order {
            Order::NewestId => (0, -row.id()),
            Order::OldestId => (0, row.id()),
            Order::Latest => (-row.latest(), -row.id()),
        }
    });
}
