//! A small pool of connections that can only read.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Connections kept open between requests. More are opened while more are asked for at once.
const KEPT: usize = 4;

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
}

/// Read-only access to one database file, for any number of threads.
///
/// A file that is replaced under the same name (a restored backup) is noticed: connections to the
/// old one are dropped before the next question.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    file: Option<FileId>,
    connections: Vec<Connection>,
}

type FileId = (u64, u64);

impl Reader {
    /// A reader of the file at `path`. Nothing is opened before the first question.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), idle: Mutex::default() }
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a question: `ask` gets a connection nobody else uses meanwhile. Blocks; not for an async thread.
    ///
    /// # Errors
    ///
    /// [`LookupError::Open`] when the file cannot be opened, [`LookupError::Statement`] when `ask` fails.
    pub fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LookupError> {
        let now = file_id(&self.path);
        let taken = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.file != now {
                idle.connections.clear();
                idle.file = now;
            }
            idle.connections.pop()
        };
        let connection = match taken {
            Some(connection) => connection,
            None => self.open()?,
        };
        let answer = ask(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.file == now && idle.connections.len() < KEPT && answer.is_ok() {
            idle.connections.push(connection);
        }
        Ok(answer?)
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
        assert_eq!(value(&reader), 1);
    }

    #[test]
    fn a_missing_file_is_named() {
        let told = Reader::new("/nonexistent/x.db").ask(|_| Ok(())).unwrap_err();
        assert!(told.to_string().contains("/nonexistent/x.db"), "{told}");
    }
}
