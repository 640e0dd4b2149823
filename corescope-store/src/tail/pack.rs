//! Reading a chunk of the database into a segment, with its observations wherever they are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::catch_up::newest_change;
use super::chunks::{Chunk, first_observation};
use super::strays::{Strays, each};
use crate::memory::segment::{Builder, Segment};
use crate::memory::{Defect, ObservationRow, is_damaged_payload};
use crate::read::{self, Columns};

/// A packed chunk, or a part of one that did not fit.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Lowest id it stands for.
    pub(super) low: i64,
    pub(super) segment: Segment,
    pub(super) defects: BTreeMap<Defect, u64>,
    /// Newest `seq` of `cs_changes` when it was read.
    pub(super) change: Option<i64>,
    /// It counts on others to note its observations that they find; what it found of theirs is noted.
    pub(super) counts_on_notes: bool,
}

/// What becomes of a chunk's observations outside its range of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Beyond<'s> {
    /// They are looked for: the chunk is whole.
    Read,
    /// Observations of other transmissions are noted for whoever reads those, and some noted earlier belong here. When
    /// there are too many to be noted, those of the chunk are looked for.
    Noted(&'s Strays, &'s [(i64, i64)]),
    /// No observations are read at all.
    Ignored,
}

/// Reads and packs one chunk; one that does not fit into a segment is halved.
pub(super) fn load_chunk(
    connection: &Connection,
    chunk: Chunk,
    beyond: Beyond<'_>,
    stop: &AtomicBool,
) -> rusqlite::Result<Vec<Loaded>> {
    let columns = Columns::of(connection)?;
    // One moment of the database for all tables.
    let transaction = connection.unchecked_transaction()?;
    let change = newest_change(connection)?;
    let mut packing =
        Packing { chunk, stop, builder: Builder::default(), defects: BTreeMap::new(), last: None };
    let first = packing.transmissions(connection, &columns)?;
    let mut others = Vec::new();
    let mut counts_on_notes = false;
    match beyond {
        Beyond::Ignored => {}
        Beyond::Read => {
            packing.observations(connection, &columns, |_| ())?;
            packing.outliers(connection, &columns)?;
        }
        Beyond::Noted(strays, earlier) => {
            let room = strays.room();
            packing.observations(connection, &columns, |other| {
                if others.len() <= room {
                    others.push(other);
                }
            })?;
            counts_on_notes = others.len() <= room;
            if counts_on_notes {
                let is_mine = |(of, _): &&(i64, i64)| (chunk.low..=chunk.high).contains(of);
                each(connection, &columns, earlier.iter().filter(is_mine), |row| packing.observation(row))?;
            } else {
                strays.fill();
                packing.outliers(connection, &columns)?;
            }
        }
    }
    drop(transaction);
    if packing.builder.is_full() && first < chunk.high && !stop.load(Ordering::Relaxed) {
        // The mean, rounded down, of numbers of any size.
        let middle = (first & chunk.high) + ((first ^ chunk.high) >> 1);
        let span = (chunk.observations_low, chunk.observations_high);
        let begin = first_observation(connection, middle + 1, span)?;
        let upper = Chunk { low: middle + 1, observations_low: begin, ..chunk };
        let lower = Chunk { high: middle, observations_high: begin.saturating_sub(1), ..chunk };
        let mut all = load_chunk(connection, upper, beyond, stop)?;
        all.extend(load_chunk(connection, lower, beyond, stop)?);
        return Ok(all);
    }
    if let Beyond::Noted(strays, _) = beyond
        && counts_on_notes
    {
        strays.extend(others);
    }
    let Packing { builder, defects, .. } = packing;
    Ok(vec![Loaded { low: chunk.low, segment: builder.finish(), defects, change, counts_on_notes }])
}

/// A chunk on its way into a segment.
struct Packing<'s> {
    chunk: Chunk,
    stop: &'s AtomicBool,
    builder: Builder,
    defects: BTreeMap<Defect, u64>,
    /// The transmission that was looked for last, and its row.
    last: Option<(i64, usize)>,
}

impl Packing<'_> {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.builder.is_full()
    }

    fn count(&mut self, kept: Result<(), Defect>) {
        if let Err(defect) = kept {
            *self.defects.entry(defect).or_default() += 1;
        }
    }

    /// Adds the transmissions; tells the lowest id.
    fn transmissions(&mut self, connection: &Connection, columns: &Columns) -> rusqlite::Result<i64> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM transmissions WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
            columns.transmissions
        ))?;
        let mut rows = statement.query([self.chunk.low, self.chunk.high])?;
        let mut first = i64::MAX;
        while let Some(row) = rows.next()? {
            if self.is_over() {
                break;
            }
            let kept = read::transmission(row).and_then(|row| {
                first = first.min(row.id);
                self.builder.transmission(&row)?;
                if is_damaged_payload(&row) { Err(Defect::Payload) } else { Ok(()) }
            });
            self.count(kept);
        }
        Ok(first)
    }

    /// Adds the observations of the chunk's range; those of transmissions outside go to `other`.
    fn observations(
        &mut self,
        connection: &Connection,
        columns: &Columns,
        mut other: impl FnMut((i64, i64)),
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {} FROM observations WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
            columns.observations
        ))?;
        let mut rows = statement.query([self.chunk.observations_low, self.chunk.observations_high])?;
        while let Some(row) = rows.next()? {
            if self.is_over() {
                break;
            }
            match transmission_of(row)? {
                Some(of) if !(self.chunk.low..=self.chunk.high).contains(&of) => other((of, row.get(0)?)),
                // What names no transmission is counted where it is.
                _ => self.observation(read::observation(row)),
            }
        }
        Ok(())
    }

    /// Adds the observations outside the chunk's range.
    fn outliers(&mut self, connection: &Connection, columns: &Columns) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(&outliers_sql(&columns.observations))?;
        let Chunk { low, high, observations_low, observations_high } = self.chunk;
        let mut rows = statement.query([low, high, observations_low, observations_high])?;
        while let Some(row) = rows.next()? {
            if self.is_over() {
                break;
            }
            if transmission_of(row)?.is_some() {
                self.observation(read::observation(row));
            }
        }
        Ok(())
    }

    fn observation(&mut self, row: Result<ObservationRow<'_>, Defect>) {
        let kept = row.and_then(|row| {
            // Neighbours mostly belong together.
            let at = match self.last {
                Some((id, at)) if id == row.transmission_id => at,
                _ => self.builder.find(row.transmission_id).ok_or(Defect::Dangling)?,
            };
            self.last = Some((row.transmission_id, at));
            self.builder.observation(at, &row)
        });
        self.count(kept);
    }
}

/// Observations of a range of transmissions outside a range of their own ids. The inner query needs nothing but an
/// index; the sign keeps SQLite from going by ids.
fn outliers_sql(columns: &str) -> String {
    format!(
        "SELECT {columns} FROM observations WHERE id IN
           (SELECT id FROM observations
             WHERE transmission_id BETWEEN ?1 AND ?2 AND +id NOT BETWEEN ?3 AND ?4)"
    )
}

/// The transmission that a row of `observations` names; `None` when that is no number.
fn transmission_of(row: &Row<'_>) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(1)? {
        ValueRef::Integer(of) => Some(of),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(sql: &str) -> Connection {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch(
                "CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT);
                 CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, observer_idx INTEGER,
                   path_json TEXT, timestamp INTEGER);
                 CREATE UNIQUE INDEX of ON observations (transmission_id, observer_idx, COALESCE(path_json, ''));",
            )
            .and_then(|()| connection.execute_batch(sql))
            .expect("rows");
        connection
    }

    #[test]
    fn a_chunk_that_does_not_fit_is_halved_and_loses_and_counts_nothing_twice() {
        let connection = database(
            "WITH RECURSIVE n(i) AS (SELECT -35000 UNION ALL SELECT i + 1 FROM n WHERE i < 34999)
               INSERT INTO transmissions SELECT i, '15', printf('%016x', i), '2026-01-01T00:00:00Z' FROM n;
             INSERT INTO observations SELECT id + 35001, id, 1, '[]', 1767225600 FROM transmissions;
             INSERT INTO observations VALUES
               (70001, -30000, 2, '[]', 1767225600), (70002, 30000, 2, '[]', 1767225600),
               (70003, 50000, 2, '[]', 1767225600), (70004, NULL, 2, '[]', 1767225600),
               (70005, 5, 2, '[]', 'never'), (-7, 30001, 2, '[]', 1767225600);
             DELETE FROM transmissions WHERE id = -20000;",
        );
        let chunk = Chunk { low: i64::MIN, high: 34_999, observations_low: 0, observations_high: 80_000 };
        let strays = Strays::with_room(100_000);
        for (beyond, count) in [(Beyond::Read, 70_002), (Beyond::Noted(&strays, &[(30_001, -7)]), 70_002)] {
            let loaded =
                load_chunk(&connection, chunk, beyond, &AtomicBool::new(false)).expect("two segments");
            assert_eq!(loaded.iter().map(|l| l.segment.len()).sum::<usize>(), 69_999);
            let packed: usize = loaded.iter().map(|l| l.segment.observation_count()).sum();
            let noted = strays.take(i64::MIN, 34_999);
            assert_eq!(packed + noted.len(), count);
            let mut defects = BTreeMap::<Defect, u64>::new();
            loaded.iter().flat_map(|l| &l.defects).for_each(|(d, n)| *defects.entry(*d).or_default() += n);
            assert_eq!(defects.get(&Defect::Dangling), Some(&1), "{defects:?}");
            assert_eq!(defects.get(&Defect::Type), Some(&2), "{defects:?}");
            assert_eq!(loaded.len(), 2);
            assert_eq!(
                (loaded[0].low, loaded[1].low),
                (loaded[1].segment.id_range().expect("rows").1 + 1, i64::MIN)
            );
        }
        assert_eq!(strays.take(i64::MIN, i64::MAX), [(50_000, 70_003)]);
    }

    #[test]
    fn a_chunk_that_finds_more_than_there_is_room_for_notes_nothing_and_looks_for_its_own() {
        // Of six transmissions, which come in turns.
        let connection = database(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
               INSERT INTO observations SELECT i, 1 + i % 6, 1, printf('[\"%02X\"]', i), 1767225600 FROM n;
             INSERT INTO transmissions SELECT DISTINCT transmission_id, '15', printf('%016x', transmission_id),
               '2026-01-01T00:00:00Z' FROM observations;
             UPDATE observations SET timestamp = 'never' WHERE id = 5;",
        );
        let chunk = Chunk { low: 5, high: 6, observations_low: 31, observations_high: 60 };
        // Twenty others are there, and ten of its own elsewhere.
        for (room, counts_on_notes, noted, packed) in
            [(20, true, 20, 10), (19, false, 0, 19), (0, false, 0, 19)]
        {
            let strays = Strays::with_room(room);
            let loaded = load_chunk(&connection, chunk, Beyond::Noted(&strays, &[]), &AtomicBool::new(false))
                .expect("a segment");
            assert_eq!(loaded.len(), 1);
            assert_eq!((loaded[0].counts_on_notes, strays.is_full()), (counts_on_notes, !counts_on_notes));
            assert_eq!(loaded[0].segment.observation_count(), packed, "room for {room}");
            assert_eq!(loaded[0].defects.values().sum::<u64>(), u64::from(!counts_on_notes));
            assert_eq!(strays.take(i64::MIN, i64::MAX).len(), noted);
        }
    }

    #[test]
    fn outliers_are_found_by_the_index() {
        let connection = database("");
        let plan = |sql: &str| -> String {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("sql");
            let steps = statement.query_map([1, 2, 3, 4], |row| row.get::<_, String>(3)).expect("a plan");
            steps.map(|step| step.expect("a step") + "; ").collect()
        };
        let outliers = plan(&outliers_sql("id"));
        assert!(
            outliers.contains("COVERING INDEX of (transmission_id>? AND transmission_id<?)"),
            "{outliers}"
        );
        assert!(outliers.contains("USING INTEGER PRIMARY KEY (rowid=?)"), "{outliers}");
    }
}
