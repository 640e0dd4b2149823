//! The first load: a store is filled, newest rows first, while new ones are followed.

use std::sync::Arc;

use rusqlite::Connection;

use super::catch_up::{Looked, Position};
use super::chunks;
use super::follow::{Work, cutoff, data_version, unix_now};
use super::load::{Loaders, Noted};
use super::strays::{self, Strays};
use crate::memory::{Loading, Store};
use crate::read::Columns;

/// Transmissions whose observations are looked for at once: what has begun ends before a follower does.
const AT_ONCE: usize = 1000;

impl Work {
    /// The first load, newest first, while new rows are followed. False when it was interrupted.
    pub(super) fn load(
        &self,
        connection: &Connection,
        columns: &Columns,
        target: &Store,
        position: &mut Position,
    ) -> rusqlite::Result<bool> {
        let plan = chunks::plan(connection)?;
        (position.transmission, position.observation) = (plan.last_transmission, plan.last_observation);
        let mut loading = Loading { expected: plan.expected, ..Loading::default() };
        target.set_loading(loading.clone());
        let strays = Arc::new(Strays::with_room(self.most_strays));
        let mut loaders =
            Loaders::start(self.path.clone(), &plan, self.options.load_threads, Arc::clone(&strays))
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let mut version = data_version(connection)?;
        let mut first = true;
        let mut stopped_early = false;
        let mut floor = target.snapshot().floor();
        while !stopped_early {
            if self.is_stopped() {
                return Ok(false);
            }
            let chunks = match loaders.next(self.options.poll) {
                Ok(Some(chunks)) => chunks,
                Ok(None) => {
                    let now = data_version(connection)?;
                    if now != version && !first {
                        version = now;
                        let looked = position.look(connection, columns, target, Some(&strays), unix_now())?;
                        if looked == Looked::LoadAnew {
                            return Ok(false);
                        }
                    }
                    continue;
                }
                Err(error) if !first => {
                    self.tell_unread(&error, &mut loading);
                    stopped_early = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if chunks.is_empty() {
                break;
            }
            for chunk in chunks {
                let newest = target.snapshot().newest().max(chunk.segment.newest());
                let is_empty = chunk.segment.len() == 0;
                let is_old = |cutoff: i64| !is_empty && chunk.segment.newest() < cutoff;
                if !first && cutoff(newest, self.options.retention).is_some_and(is_old) {
                    stopped_early = true;
                    break;
                }
                let mut now = loading.clone();
                now.loaded += chunk.segment.len() as u64;
                let window = cutoff(newest, Some(self.options.first_window)).unwrap_or(i64::MIN);
                now.usable |= chunk.low == i64::MIN || chunk.segment.oldest() < window;
                // While this one was waited for, new rows may have driven out what it follows on.
                if !target.prepend((chunk.low, floor), chunk.segment, &chunk.defects, now.clone()) {
                    stopped_early = true;
                    break;
                }
                (floor, loading) = (chunk.low, now);
                // What was told since this was read was not applied to it.
                if chunk.change < position.change {
                    (position.change, position.notice) = (chunk.change, None);
                }
                first = false;
            }
            // Memory reaches as far back as it may: what is older stays in the database.
            stopped_early |= target.snapshot().floor() != floor;
        }
        let noted = loaders.noted;
        drop(loaders);
        let is_whole = noted.goes_on && !stopped_early;
        let putting = Putting { work: self, connection, columns, target, newest: plan.last_observation };
        if let Err(error) = putting.strays(&strays, (!is_whole).then_some(noted), position) {
            self.tell_unread(&error, &mut loading);
        }
        if self.is_stopped() {
            // Some of them may be missing: a snapshot file must not be made of this.
            return Ok(false);
        }
        if self.catch_up((connection, columns), target, position)? == Looked::LoadAnew {
            return Ok(false);
        }
        target.set_loading(Loading { usable: true, complete: true, ..loading });
        Ok(true)
    }

    /// Some rows cannot be read. Beginning again would meet the same: what is there is more than nothing.
    fn tell_unread(&self, error: &rusqlite::Error, loading: &mut Loading) {
        tracing::error!(%error, path = %self.path.display(), "old packets cannot be loaded");
        loading.error = Some(error.to_string());
    }
}

/// Puts in the observations that were not where their transmission was.
struct Putting<'w> {
    work: &'w Work,
    connection: &'w Connection,
    columns: &'w Columns,
    target: &'w Store,
    /// Highest id of an observation when the load was planned.
    newest: i64,
}

impl Putting<'_> {
    /// All that were noted, and those that nobody noted. `noted` is there when some were not.
    fn strays(&self, strays: &Strays, noted: Option<Noted>, position: &Position) -> rusqlite::Result<()> {
        let floor = self.target.snapshot().floor();
        let mut found = strays.take(floor, i64::MAX);
        if let Some(Noted { from, not_up_to, .. }) = noted {
            // The others are found where they are, once.
            found.retain(|(of, id)| *id > not_up_to && (*of >= from || *id > self.newest));
        }
        for some in found.chunks(AT_ONCE) {
            if !self.put(some)? {
                return Ok(());
            }
        }
        if let Some(missed) = strays.missed() {
            let range = (missed, position.observation);
            strays::in_range(self.connection, floor, range, |some| self.put(some))?;
        }
        match noted {
            Some(noted) => self.left_over(floor.max(noted.from), noted.not_up_to),
            None => Ok(()),
        }
    }

    /// Looks for observations of transmissions from one on, some of these at a time: an index of many millions is not
    /// looked through at one go, which nobody could stop.
    fn left_over(&self, from: i64, up_to: i64) -> rusqlite::Result<()> {
        let mut low = from;
        while !self.work.is_stopped() {
            let snapshot = self.target.snapshot();
            let high = snapshot.ids_from(low).nth(AT_ONCE - 1).unwrap_or(i64::MAX);
            drop(snapshot);
            strays::left_over(self.connection, (low, high), up_to, |some| self.put(some))?;
            let Some(next) = high.checked_add(1) else { break };
            low = next;
        }
        Ok(())
    }

    /// Puts these in. False when the follower is to end.
    fn put(&self, some: &[(i64, i64)]) -> rusqlite::Result<bool> {
        if self.work.is_stopped() {
            return Ok(false);
        }
        let mut append = self.target.begin().as_history();
        strays::each(self.connection, self.columns, some.iter(), |row| match row {
            Ok(row) => append.observation(&row),
            Err(defect) => append.skip(defect),
        })?;
        append.publish();
        self.work.pack_changed(self.target);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    use super::super::follow::Options;
    use super::super::strays::MOST_STRAYS;
    use super::*;

    /// Transmissions from 1 to 6000 but for one, two observations of each in no order, and some that are damaged or name
    /// none.
    fn disordered(path: &Path) -> Connection {
        let connection = Connection::open(path).expect("a database");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT);
                 CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, observer_idx INTEGER,
                   timestamp INTEGER);
                 CREATE INDEX by_transmission ON observations (transmission_id);
                 CREATE TABLE cs_changes (seq INTEGER PRIMARY KEY, kind TEXT, id INTEGER, key TEXT);
                 BEGIN;
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
                   INSERT INTO observations SELECT i, 1 + i * 7919 % 6000, 1, 1767225600 + i FROM n;
                 INSERT INTO transmissions SELECT DISTINCT transmission_id, '15', printf('%016x', transmission_id),
                   '2026-01-01T00:00:00Z' FROM observations WHERE transmission_id <> 3000;
                 UPDATE observations SET timestamp = 'never' WHERE id % 1000 = 0;
                 INSERT INTO observations VALUES (12001, 7000, 1, 0), (-5, 7000, 1, 0), (-6, NULL, 1, 0);
                 COMMIT;",
            )
            .expect("rows");
        connection
    }

    fn work(path: &Path, store: &Store, most_strays: usize, load_threads: usize) -> Work {
        let options = Options { load_threads, ..Options::default() };
        let (_, woken) = super::super::wake::Woken::pair();
        let (path, store, stop) = (path.to_owned(), store.clone(), Arc::new(AtomicBool::new(false)));
        Work { path, store, options, woken, stop, resumed: Cell::new(false), most_strays }
    }

    /// Each observation in memory with its transmission.
    fn heard(store: &Store) -> Vec<(i64, i64)> {
        let snapshot = store.snapshot();
        let each = snapshot.transmissions().flat_map(|row| row.observations());
        each.map(|o| (o.transmission().id(), o.id())).collect()
    }

    #[test]
    fn a_file_in_no_order_is_loaded_whole_whatever_is_kept_in_mind_of_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("mesh.db");
        let connection = disordered(&path);
        let columns = Columns::of(&connection).expect("columns");
        let all: Vec<(i64, i64)> = connection
            .prepare(
                "SELECT o.transmission_id, o.id FROM observations AS o JOIN transmissions AS t ON t.id = transmission_id
                   WHERE typeof(timestamp) = 'integer' ORDER BY 1, 2",
            )
            .and_then(|mut s| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .expect("rows");
        let mut half = None;
        for most_strays in [MOST_STRAYS, 9000, 2000, 100, 1, 0] {
            for threads in [1, 3] {
                for budget in [None, half] {
                    let store = Store::new();
                    store.set_budget(budget);
                    let work = work(&path, &store, most_strays, threads);
                    let mut position = Position::before_load(&connection).expect("a position");
                    assert!(work.load(&connection, &columns, &store, &mut position).expect("a load"));
                    let floor = store.snapshot().floor();
                    assert_eq!(floor > i64::MIN, budget.is_some());
                    let expected: Vec<_> = all.iter().filter(|(of, _)| *of >= floor).copied().collect();
                    assert!(
                        heard(&store) == expected,
                        "room for {most_strays}, {threads} threads, {budget:?}"
                    );
                    assert_eq!(store.snapshot().observation_count(), expected.len() as u64);
                    if budget.is_none() {
                        let defects: Vec<u64> = store.defects().into_values().collect();
                        // Twelve times and one name of another type; two observations of 3000, two of 7000.
                        assert_eq!(defects, [13, 4], "room for {most_strays}, {threads} threads");
                        half = Some(store.memory_use().segments / 2);
                    }
                }
            }
        }
    }

    #[test]
    fn who_ends_waits_for_no_strays_and_those_that_were_missed_are_found() {
        let dir = tempfile::tempdir().expect("a directory");
        let connection = disordered(&dir.path().join("mesh.db"));
        let columns = Columns::of(&connection).expect("columns");
        for is_stopped in [true, false] {
            let store = Store::new();
            let mut append = store.begin();
            for id in 1..=6000 {
                let hash = format!("{id:016x}");
                append.transmission(&crate::memory::TransmissionRow::bare(id, &hash));
            }
            append.publish();
            let mut work = work(dir.path(), &store, 1, 1);
            work.stop = Arc::new(AtomicBool::new(is_stopped));
            // One is noted; what comes after it was missed.
            let strays = Strays::with_room(1);
            for (of, id) in [(7, 6), (8, 11_997), (9, 11_995)] {
                strays.push(of, id);
            }
            let position = Position { observation: 12_000, ..Position::default() };
            let (connection, columns, target) = (&connection, &columns, &store);
            let putting = Putting { work: &work, connection, columns, target, newest: 11_990 };
            putting.strays(&strays, None, &position).expect("strays");
            let mut found: Vec<i64> = heard(&store).into_iter().map(|(_, id)| id).collect();
            found.sort_unstable();
            let expected: &[i64] =
                if is_stopped { &[] } else { &[6, 11_995, 11_996, 11_997, 11_998, 11_999] };
            assert_eq!(found, expected);
            // Of the upper half, those with low ids.
            putting.left_over(3001, 100).expect("what is left over");
            let low = heard(&store).into_iter().filter(|(_, id)| (7..=100).contains(id)).count();
            assert_eq!(low > 20 && low < 80, !is_stopped, "{low}");
        }
    }
}
