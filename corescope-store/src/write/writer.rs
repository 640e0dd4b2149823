//! The writer: opens the file, owns it, commits batches.

mod for_jobs;
mod open;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use corescope_core::time::rfc3339;
use rusqlite::Connection;

use self::open::{load_books, open_connection};
use super::accepted::Accepted;
use super::batch::{Batch, Books};
use super::changes::Changes;
use super::counters::Counters;
use super::error::{Doing, WriteError};
use super::ledger::{Ledger, Refused};
use super::lock::WriterLock;
use super::outcome::{BatchReport, Outcome, Rejected};
use super::rules::{Options, Rules};
use crate::migrate::{Backfills, Behind, PATHS_CURSOR, Progress, Stepped, TRANSMISSIONS_CURSOR, run_first};

/// What [`Writer::step_background`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// A step, and there may be more.
    Worked(Progress),
    /// Nothing is left to do.
    Idle,
}

/// The one writer of a database.
pub struct Writer {
    db: Connection,
    path: PathBuf,
    rules: Rules,
    books: Books,
    /// A transaction failed: the books may know what the file does not.
    books_are_stale: bool,
    behind: Behind,
    counters: Counters,
    waited: Waited,
    on_commit: Option<Box<dyn Fn() + Send>>,
    // Last, so that the file is closed before another process may open it.
    _lock: WriterLock,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("path", &self.path)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Opens the database, making it if there is none, and brings its schema up to date as
    /// far as writing needs it; [`step_background`](Self::step_background) does the rest.
    ///
    /// # Errors
    ///
    /// [`WriteError::OtherWriter`] when another process writes it, or what SQLite or the
    /// system says.
    pub fn open(path: &Path, options: Options) -> Result<Self, WriteError> {
        Self::open_telling(path, options, &mut |_| {})
    }

    /// The same, telling how far each migration has come.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_telling(
        path: &Path,
        options: Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, WriteError> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| WriteError::File {
                path: folder.to_owned(),
                doing: "cannot make the folder of the database",
                source,
            })?;
        }
        let lock = WriterLock::acquire(path, &rfc3339(unix_now()))?;
        let db = open_connection(path, &options)?;
        run_first(&db, path, options.index_at_once_rows, progress)?;
        let books = load_books(&db, None).doing("cannot read the observers and nodes")?;
        let behind = Behind::new(&db, !options.rules.regions.is_empty()).doing("cannot read the state")?;
        Ok(Self {
            db,
            path: path.to_owned(),
            behind,
            rules: options.rules,
            books,
            books_are_stale: false,
            counters: Counters::default(),
            waited: Waited::default(),
            on_commit: None,
            _lock: lock,
        })
    }

    /// Stores a batch: one transaction, on the disk when this returns.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; nothing was stored, and the same batch may be given again.
    pub fn batch(&mut self, messages: &[Accepted]) -> Result<BatchReport, WriteError> {
        self.batch_with(messages, &[])
    }

    /// The same, with the account of messages that were refused before they came here.
    ///
    /// # Errors
    ///
    /// As [`batch`](Self::batch).
    pub fn batch_with(
        &mut self,
        messages: &[Accepted],
        refused: &[Refused],
    ) -> Result<BatchReport, WriteError> {
        match self.transaction(messages, refused) {
            Err(error) if error.blames_data() => self.one_by_one(messages, refused),
            other => other,
        }
    }

    fn transaction(&mut self, messages: &[Accepted], refused: &[Refused]) -> Result<BatchReport, WriteError> {
        let started = Instant::now();
        self.refresh_books()?;
        let now = messages
            .iter()
            .map(|m| m.received_at_ms)
            .chain(refused.iter().map(|r| r.received_at_ms))
            .max()
            .map_or_else(unix_now, |ms| ms.div_euclid(1000));
        let result = store_all(&self.db, &self.waited, &self.rules, &mut self.books, messages, refused, now);
        match result {
            Ok((outcomes, counted)) => {
                self.books.observers.commit(now);
                self.counters.add(&counted);
                self.committed();
                Ok(BatchReport {
                    outcomes,
                    new_transmissions: counted.transmissions as usize,
                    new_observations: counted.observations as usize,
                    took_us: started.elapsed().as_micros() as u64,
                })
            }
            Err(error) => Err(self.rolled_back(error)),
        }
    }

    /// One message makes SQLite refuse the whole batch: each gets a transaction of its own,
    /// and that one is rejected.
    fn one_by_one(&mut self, messages: &[Accepted], refused: &[Refused]) -> Result<BatchReport, WriteError> {
        let mut report = self.transaction(&[], refused)?;
        for message in messages {
            match self.transaction(std::slice::from_ref(message), &[]) {
                Ok(one) => {
                    report.outcomes.extend(one.outcomes);
                    report.new_transmissions += one.new_transmissions;
                    report.new_observations += one.new_observations;
                    report.took_us += one.took_us;
                }
                Err(error) if error.blames_data() => {
                    tracing::warn!(%error, "a message was refused by the database");
                    let outcome = Outcome::Rejected(Rejected::Database);
                    self.write("cannot write the ledger", |db| {
                        let mut ledger = Ledger::default();
                        ledger.count(message, outcome);
                        ledger.write(db)
                    })?;
                    report.outcomes.push(outcome);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(report)
    }

    /// Reads a value of `cs_state`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Sqlite`].
    pub fn state(&self, key: &str) -> Result<Option<String>, WriteError> {
        super::get_state(&self.db, key).doing("cannot read the state")
    }

    /// Writes a value of `cs_state`: client ids, cursors.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub fn set_state(&mut self, key: &str, value: &str) -> Result<(), WriteError> {
        self.write("cannot write the state", |db| super::set_state(db, key, value))
    }

    /// Writes what was gathered about observers and nodes and is older than its interval.
    /// Call it when no messages come.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; what was gathered is kept.
    pub fn tick(&mut self, now_ms: i64) -> Result<(), WriteError> {
        let now = now_ms.div_euclid(1000);
        if self.books.observers.is_behind(now, i64::from(self.rules.observer_interval_s)) {
            self.flush(now)?;
        }
        Ok(())
    }

    /// One step of what older files still lack: at most about 100 ms, except that an index
    /// on a big table is made in one piece. Call it between batches until it is idle.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; the step is tried again by the next call.
    pub fn step_background(&mut self) -> Result<Background, WriteError> {
        if self.behind.is_done() {
            return Ok(Background::Idle);
        }
        let behind = &mut self.behind;
        let result = in_transaction(&self.db, &self.waited, "cannot migrate", |db| behind.step(db));
        match result {
            Ok(Stepped::Idle) => Ok(Background::Idle),
            Ok(Stepped::Worked(progress)) => {
                self.behind.committed();
                self.committed();
                Ok(Background::Worked(progress))
            }
            Err(error) => Err(self.rolled_back(error)),
        }
    }

    /// How far [`step_background`](Self::step_background) has come with the rows that older programs left
    /// incomplete, since the file was opened.
    pub fn backfills(&self) -> Backfills {
        self.behind.backfills()
    }

    /// Changes what is stored and how, from the next batch on.
    pub fn set_rules(&mut self, rules: Rules) {
        // What was refused under the old rules may pass under the new ones.
        self.books.bad_adverts.clear();
        self.books.observers.set_history(rules.history_until);
        self.rules = rules;
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Calls `wake` after every commit: for a reader in the same process.
    pub fn on_commit(&mut self, wake: impl Fn() + Send + 'static) {
        self.on_commit = Some(Box::new(wake));
    }

    /// Lets the file grow by at most so many pages from what it is now; 0 lifts the limit.
    /// Beyond it SQLite behaves as on a full disk.
    ///
    /// # Errors
    ///
    /// [`WriteError::Sqlite`].
    pub fn limit_pages(&mut self, more: u32) -> Result<(), WriteError> {
        let doing = "cannot limit the size of the file";
        let pages: i64 = self.db.query_row("PRAGMA page_count", [], |r| r.get(0)).doing(doing)?;
        let most = if more == 0 { i64::from(u32::MAX - 1) } else { pages + i64::from(more) };
        self.db.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(())).doing(doing)
    }

    /// Totals since the writer was opened.
    pub fn counters(&self) -> Counters {
        Counters { lock_wait_us: self.waited.us.get(), ..self.counters }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many observers and nodes are known.
    pub fn known(&self) -> (usize, usize) {
        (self.books.observers.len(), self.books.nodes.len())
    }

    /// Writes all that is gathered, moves the log into the file and closes it.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; what could not be written is lost, except messages, which are
    /// already on the disk.
    pub fn close(mut self) -> Result<(), WriteError> {
        self.flush(unix_now())?;
        if self.behind.is_done() {
            self.write("cannot write the state", migrate_cursors_to_the_end)?;
        }
        // A reader that still holds the log keeps it: that is no failure.
        let _ = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(())
    }

    /// Writes all that was gathered about observers and nodes.
    pub(crate) fn flush(&mut self, now: i64) -> Result<(), WriteError> {
        self.refresh_books()?;
        let nodes = self.books.nodes.take_unwritten();
        let observers = &mut self.books.observers;
        let result = in_transaction(&self.db, &self.waited, "cannot write the observers", |db| {
            let mut changes = Changes::default();
            let written = observers.flush(db, &mut changes)?;
            let mut seen = db.prepare_cached("UPDATE nodes SET last_seen = ?2 WHERE public_key = ?1")?;
            for (key, at) in &nodes {
                let key = key.to_string();
                seen.execute([&key, &rfc3339(*at)])?;
                changes.key(super::Change::Node, &key);
            }
            changes.write(db)?;
            Ok(written)
        });
        match result {
            Ok(written) => {
                self.books.observers.flushed(now);
                self.counters.observer_writes += written;
                self.committed();
                Ok(())
            }
            Err(error) => {
                for (key, at) in nodes {
                    let node = self.books.nodes.add(key);
                    self.books.nodes.saw(node, at, i64::MAX);
                }
                Err(self.rolled_back(error))
            }
        }
    }

    fn committed(&mut self) {
        self.counters.commits += 1;
        if let Some(wake) = &self.on_commit {
            wake();
        }
    }

    fn rolled_back(&mut self, error: WriteError) -> WriteError {
        self.counters.write_errors += 1;
        self.books_are_stale = true;
        error
    }

    fn refresh_books(&mut self) -> Result<(), WriteError> {
        if self.books_are_stale {
            let before = std::mem::take(&mut self.books);
            self.books = load_books(&self.db, Some(before)).doing("cannot read the observers and nodes")?;
            self.books_are_stale = false;
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without `close` (a panic elsewhere): best effort, the messages are safe already.
        if self.books.observers.is_behind(i64::MAX, 0) {
            let _ = self.flush(unix_now());
        }
    }
}

fn store_all(
    db: &Connection,
    waited: &Waited,
    rules: &Rules,
    books: &mut Books,
    messages: &[Accepted],
    refused: &[Refused],
    now: i64,
) -> Result<(Vec<Outcome>, Counters), WriteError> {
    in_transaction(db, waited, "cannot store the batch", |db| {
        let mut batch = Batch::new(db, rules, books);
        let outcomes = messages.iter().map(|m| batch.store(m)).collect::<rusqlite::Result<Vec<_>>>()?;
        for line in refused {
            batch.ledger.refuse(line);
        }
        batch.finish(now)?;
        Ok((outcomes, batch.counters))
    })
}

/// How long was waited for the write lock.
#[derive(Debug, Default)]
struct Waited {
    us: Cell<u64>,
}

fn in_transaction<T>(
    db: &Connection,
    waited: &Waited,
    doing: &'static str,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, WriteError> {
    let started = Instant::now();
    let begun = db.execute_batch("BEGIN IMMEDIATE");
    waited.us.set(waited.us.get() + started.elapsed().as_micros() as u64);
    begun.doing("cannot start writing")?;
    let result = work(db).and_then(|value| db.execute_batch("COMMIT").map(|()| value));
    if result.is_err() && !db.is_autocommit() {
        // Some errors (a full disk) have rolled back already.
        let _ = db.execute_batch("ROLLBACK");
    }
    result.doing(doing)
}

/// What this writer stored lacks nothing: the next start need not look at it.
fn migrate_cursors_to_the_end(db: &Connection) -> rusqlite::Result<()> {
    for (cursor, table) in [(TRANSMISSIONS_CURSOR, "transmissions"), (PATHS_CURSOR, "observations")] {
        let newest: Option<i64> = db.query_row(&format!("SELECT max(id) FROM {table}"), [], |r| r.get(0))?;
        super::set_state(db, cursor, &newest.unwrap_or(0).to_string())?;
    }
    Ok(())
}

pub(crate) fn unix_now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}
