//! A small pool of connections that can only read.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Connections kept open between questions.
const KEPT: usize = 4;
/// Questions that are answered at once, each over a connection of its own; others wait.
const MOST: usize = 16;
/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a statement waits for a lock before it gives up. A reader of a WAL file waits for
/// nothing but a recovery or a checkpoint that resets the log.
const BUSY: Duration = Duration::from_secs(5);

/// Why a question to SQLite got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The database could not be opened.
    #[error("cannot open {path} for reading: {source}", path = path.display())]
    Open {
        /// The file that was tried.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The statement failed.
    #[error("the database did not answer: {0}")]
    Statement(#[from] rusqlite::Error),
    /// Too many questions took too long.
    #[error("{MOST} questions kept the database busy for {} s; ask again in a moment", PATIENCE.as_secs())]
    Busy,
}

impl LookupError {
    /// Whether the same may be answered later: the file is away, locked, asked too much, its disk does not answer, or the
    /// question was given up.
    pub fn is_passing(&self) -> bool {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, OperationInterrupted, SystemIoFailure,
        };
        let passing = [CannotOpen, DatabaseBusy, DatabaseLocked, OperationInterrupted, SystemIoFailure];
        match self {
            Self::Open { .. } | Self::Busy => true,
            Self::Statement(error) => error.sqlite_error_code().is_some_and(|code| passing.contains(&code)),
        }
    }
}

/// Read-only access to one database file, for any number of threads.
///
/// A file that is replaced under the same name (a restored backup) is noticed: connections to the
/// old one are dropped before the next question.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    pool: Mutex<Pool>,
    /// Told when a question is answered.
    answered: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    file: Option<FileId>,
    /// Open, and used by nobody.
    idle: Vec<Connection>,
    /// Questions that are being answered.
    asking: usize,
}

/// The turn of a question, given back however it ends.
struct Turn<'r>(&'r Reader);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.pool().asking -= 1;
        self.0.answered.notify_one();
    }
}

type FileId = (u64, u64);

impl Reader {
    /// A reader of the file at `path`. Nothing is opened before the first question.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), pool: Mutex::default(), answered: Condvar::new() }
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a question: `ask` gets a connection nobody else uses meanwhile. Blocks, so not for an async thread; sixteen
    /// questions are answered at once, others wait. A question must not put another one.
    ///
    /// # Errors
    ///
    /// [`LookupError::Open`] when the file cannot be opened, [`LookupError::Statement`] when `ask` fails,
    /// [`LookupError::Busy`] when the turn did not come within ten seconds.
    pub fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LookupError> {
        let _turn = self.turn()?;
        let now = file_id(&self.path);
        let taken = {
            let mut pool = self.pool();
            if pool.file != now {
                pool.idle.clear();
                pool.file = now;
            }
            pool.idle.pop()
        };
        let connection = match taken {
            Some(connection) => connection,
            None => self.open()?,
        };
        let answer = ask(&connection);
        let mut pool = self.pool();
        if pool.file == now && pool.idle.len() < KEPT && answer.is_ok() {
            pool.idle.push(connection);
        }
        Ok(answer?)
    }

    fn turn(&self) -> Result<Turn<'_>, LookupError> {
        let full = |pool: &mut Pool| pool.asking >= MOST;
        let waited = self.answered.wait_timeout_while(self.pool(), PATIENCE, full);
        let (mut pool, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(LookupError::Busy);
        }
        pool.asking += 1;
        Ok(Turn(self))
    }

    /// A connection of its own, for what takes long (a backup).
    ///
    /// # Errors
    ///
    /// [`LookupError::Open`] when the file cannot be opened.
    pub fn open(&self) -> Result<Connection, LookupError> {
        open(&self.path).map_err(|source| LookupError::Open { path: self.path.clone(), source })
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Which file a name stands for at the moment; `None` when there is none.
#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|_| (0, 0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn database(path: &Path, value: i64) {
        let made = Connection::open(path).unwrap();
        made.execute_batch(&format!("CREATE TABLE t (v INTEGER); INSERT INTO t VALUES ({value});")).unwrap();
    }

    fn value(reader: &Reader) -> i64 {
        reader.ask(|c| c.query_row("SELECT v FROM t", [], |r| r.get(0))).unwrap()
    }

    #[test]
    fn a_replaced_file_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        database(&path, 1);
        let reader = Reader::new(&path);
        assert_eq!(value(&reader), 1);
        let other = dir.path().join("b.db");
        database(&other, 2);
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(value(&reader), 2);
    }

    #[test]
    fn nothing_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        database(&path, 1);
        let reader = Reader::new(&path);
        let told = reader.ask(|c| c.execute("DELETE FROM t", [])).unwrap_err();
        assert!(told.to_string().contains("readonly"), "{told}");
        assert!(!told.is_passing(), "asking again does not help");
        assert_eq!(value(&reader), 1);
    }

    #[test]
    fn sixteen_are_answered_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        database(&path, 1);
        let reader = Reader::new(&path);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let ask = |c: &Connection| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            now.fetch_sub(1, Ordering::SeqCst);
            c.query_row("SELECT v FROM t", [], |r| r.get::<_, i64>(0))
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..64).map(|_| scope.spawn(|| reader.ask(ask))).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap().unwrap() == 1));
        });
        assert!((2..=MOST).contains(&most.load(Ordering::SeqCst)), "{most:?} at once");
        let panics = std::panic::AssertUnwindSafe(|| reader.ask(|_| -> rusqlite::Result<()> { panic!() }));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(reader.pool().asking, 0);
    }

    #[test]
    fn a_missing_file_is_named() {
        let told = Reader::new("/nonexistent/x.db").ask(|_| Ok(())).unwrap_err();
        assert!(told.is_passing());
        assert!(told.to_string().contains("/nonexistent/x.db"), "{told}");
    }
}
