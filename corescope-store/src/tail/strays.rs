//! Observations that turn up where their transmission is not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Params};

use crate::memory::{Defect, ObservationRow};
use crate::read::{self, Columns};

/// Strays that are kept in mind at most, of some 24 bytes each: more are no backlog, but a file in no order, which is
/// read by its index.
pub(super) const MOST_STRAYS: usize = 1 << 18;

/// Observations that are handed on at once.
const AT_ONCE: usize = 1000;

/// Observations that turned up where their transmission was not: its id and theirs. They are read again when the
/// transmission is there, so that nothing old is put in. Bounded: each thread that reads may add as many as there is
/// room for when it begins.
#[derive(Debug)]
pub(super) struct Strays {
    noted: Mutex<Noted>,
    most: usize,
    /// There were more than there was room for.
    is_full: AtomicBool,
}

#[derive(Debug, Default)]
struct Noted {
    set: BTreeSet<(i64, i64)>,
    /// Lowest id of an observation that came during the load and found no room.
    missed: Option<i64>,
}

impl Strays {
    /// With room for so many.
    pub(super) fn with_room(most: usize) -> Self {
        Self { noted: Mutex::default(), most, is_full: AtomicBool::new(false) }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an observation that has just come; where there is no room, that it [was missed](Self::missed).
    pub(super) fn push(&self, transmission: i64, observation: i64) {
        let mut noted = self.noted();
        if noted.set.len() < self.most {
            noted.set.insert((transmission, observation));
        } else {
            self.is_full.store(true, Ordering::Release);
            noted.missed = Some(noted.missed.map_or(observation, |lowest| lowest.min(observation)));
        }
    }

    pub(super) fn extend(&self, some: impl IntoIterator<Item = (i64, i64)>) {
        self.noted().set.extend(some);
    }

    /// How many may be added.
    pub(super) fn room(&self) -> usize {
        self.most.saturating_sub(self.noted().set.len())
    }

    /// There is no room: nothing that is read from now on counts on what others note.
    pub(super) fn fill(&self) {
        self.is_full.store(true, Ordering::Release);
    }

    /// Whether there were more than there was room for.
    pub(super) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Acquire)
    }

    /// Observations from this id on came during the load, and some of them were not noted.
    pub(super) fn missed(&self) -> Option<i64> {
        self.noted().missed
    }

    /// Takes those of a range of transmissions.
    pub(super) fn take(&self, low: i64, high: i64) -> Vec<(i64, i64)> {
        let mut noted = self.noted();
        let mut taken = noted.set.split_off(&(low, i64::MIN));
        if let Some(above) = high.checked_add(1) {
            noted.set.append(&mut taken.split_off(&(above, i64::MIN)));
        }
        taken.into_iter().collect()
    }
}

/// Observations, by transmission and own id, of a range of transmissions that have ids up to this one, some at a time
/// until `take` has enough.
pub(super) fn left_over(
    connection: &Connection,
    (low, high): (i64, i64),
    up_to: i64,
    take: impl FnMut(&[(i64, i64)]) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let sql = "SELECT transmission_id, id FROM observations
                 WHERE transmission_id BETWEEN ?1 AND ?2 AND +id <= ?3 AND typeof(transmission_id) = 'integer'";
    some_at_a_time(connection, sql, (low, high, up_to), take)
}

/// The same of all observations in a range of their own ids that name a transmission from `floor` on.
pub(super) fn in_range(
    connection: &Connection,
    floor: i64,
    (low, high): (i64, i64),
    take: impl FnMut(&[(i64, i64)]) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let sql = "SELECT transmission_id, id FROM observations
                 WHERE id BETWEEN ?2 AND ?3 AND +transmission_id >= ?1 AND typeof(transmission_id) = 'integer'";
    some_at_a_time(connection, sql, (floor, low, high), take)
}

fn some_at_a_time(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    mut take: impl FnMut(&[(i64, i64)]) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut some = Vec::with_capacity(AT_ONCE);
    while let Some(row) = rows.next()? {
        some.push((row.get(0)?, row.get(1)?));
        if some.len() == AT_ONCE {
            if !take(&some)? {
                return Ok(());
            }
            some.clear();
        }
    }
    if !some.is_empty() {
        take(&some)?;
    }
    Ok(())
}

/// Reads observations that were noted, those that are still there.
pub(super) fn each<'i>(
    connection: &Connection,
    columns: &Columns,
    noted: impl Iterator<Item = &'i (i64, i64)>,
    mut take: impl FnMut(Result<ObservationRow<'_>, Defect>),
) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {} FROM observations WHERE id = ?1", columns.observations))?;
    for (_, id) in noted {
        if let Some(row) = statement.query([id])?.next()? {
            take(read::observation(row));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_of_a_range_are_taken_once() {
        let strays = Strays::with_room(MOST_STRAYS);
        strays.extend([(i64::MIN, 1), (3, 5), (3, 4), (4, 2), (i64::MAX, 9)]);
        strays.push(3, 4);
        assert_eq!(strays.take(3, 3), [(3, 4), (3, 5)]);
        assert_eq!(strays.take(0, i64::MAX), [(4, 2), (i64::MAX, 9)]);
        assert_eq!(strays.take(i64::MIN, i64::MAX), [(i64::MIN, 1)]);
    }

    #[test]
    fn what_finds_no_room_is_said_to_be_missed() {
        let strays = Strays::with_room(2);
        strays.extend([(1, 10)]);
        assert_eq!((strays.room(), strays.is_full()), (1, false));
        for id in [11, 14, 12, 13] {
            strays.push(1, id);
        }
        assert_eq!((strays.room(), strays.is_full(), strays.missed()), (0, true, Some(12)));
        assert_eq!(strays.take(i64::MIN, i64::MAX), [(1, 10), (1, 11)]);
    }

    #[test]
    fn what_is_left_over_comes_some_at_a_time_until_there_is_enough() {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch(
                "CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER);
                 CREATE INDEX of ON observations (transmission_id);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                   INSERT INTO observations SELECT i, i % 10 FROM n;
                 UPDATE observations SET transmission_id = 'text' WHERE id = 3;
                 INSERT INTO observations VALUES (9223372036854775807, 4);",
            )
            .expect("rows");
        let mut lengths = Vec::new();
        left_over(&connection, (1, 9), i64::MAX, |some| {
            lengths.push(some.len());
            Ok(true)
        })
        .expect("all of them");
        assert_eq!(lengths, [1000, 1000, 1000, 1000, 500]);
        let found = |range, up_to| {
            let mut found = Vec::new();
            left_over(&connection, range, up_to, |some| {
                found.extend_from_slice(some);
                Ok(found.len() < 500)
            })
            .expect("some of them");
            found
        };
        assert_eq!(found((4, 4), 14), [(4, 4), (4, 14)]);
        assert_eq!(found((4, i64::MAX), i64::MAX).len(), 1000);
        assert_eq!(found((4, 4), i64::MAX).last(), Some(&(4, i64::MAX)));
        let mut found = Vec::new();
        in_range(&connection, 8, (1, 20), |some| {
            found.extend_from_slice(some);
            Ok(true)
        })
        .expect("all of them");
        assert_eq!(found, [(8, 8), (9, 9), (8, 18), (9, 19)]);
    }
}
