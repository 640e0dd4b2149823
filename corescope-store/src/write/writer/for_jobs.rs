//! What the jobs may ask of the writer: short transactions, and word that rows changed behind its books.

use rusqlite::Connection;

use super::{Writer, in_transaction};
use crate::db::BUSY_TIMEOUT;
use crate::write::error::{Doing, WriteError};
use crate::write::nodes::NodeBook;

/// A log longer than this is cut, bytes.
const LONG_LOG: u64 = 64 * 1024 * 1024;

impl Writer {
    /// The connection, for reading.
    pub(crate) fn connection(&self) -> &Connection {
        &self.db
    }

    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.db
    }

    /// As [`write`](Self::write), for work that asks who is meant by a hop.
    pub(crate) fn write_with_nodes<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Connection, &NodeBook) -> rusqlite::Result<T>,
    ) -> Result<T, WriteError> {
        self.refresh_books()?;
        let nodes = &self.books.nodes;
        match in_transaction(&self.db, &self.waited, doing, |db| work(db, nodes)) {
            Ok(value) => {
                self.committed();
                Ok(value)
            }
            Err(error) => Err(self.rolled_back(error)),
        }
    }

    /// The neighbours have changed: paths are resolved with them from now on.
    pub(crate) fn reload_neighbours(&mut self) -> Result<(), WriteError> {
        self.refresh_books()?;
        self.books.nodes.load_neighbours(&self.db).doing("cannot read the neighbour edges")
    }

    /// Transmissions were deleted.
    pub(crate) fn forget_transmissions(&mut self) {
        self.books.recent.clear();
    }

    /// Moves the log into the file without waiting for anyone; cuts it when it has grown.
    /// Returns the pages that were moved.
    pub(crate) fn checkpoint(&mut self) -> Result<u64, WriteError> {
        let doing = "cannot move the log into the file";
        let run = |how: &str| {
            self.db
                .query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |r| r.get::<_, i64>(2))
                .doing(doing)
        };
        self.db.busy_timeout(std::time::Duration::ZERO).doing(doing)?;
        let log = crate::db::beside(&self.path, "-wal");
        let is_long = std::fs::metadata(log).is_ok_and(|m| m.len() > LONG_LOG);
        // A reader that holds the log makes the answer "busy", which is no error.
        let moved = run(if is_long { "TRUNCATE" } else { "PASSIVE" });
        self.db.busy_timeout(BUSY_TIMEOUT).doing(doing)?;
        moved.map(|pages| pages.max(0) as u64)
    }

    /// Rows were deleted or renumbered behind the books: they are read again before use.
    pub(crate) fn forget_books(&mut self) {
        self.books_are_stale = true;
    }

    /// One short look of a job into the file, without the write lock.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, WriteError> {
        work(&self.db).doing(doing)
    }

    /// One short transaction of a job.
    pub(crate) fn write<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, WriteError> {
        let result = in_transaction(&self.db, &self.waited, doing, work);
        match result {
            Ok(value) => {
                self.committed();
                Ok(value)
            }
            Err(error) => Err(self.rolled_back(error)),
        }
    }
}
