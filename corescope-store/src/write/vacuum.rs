//! A full VACUUM that cannot exchange observers.
//!
//! Observations point at the row number of their observer, which SQLite does not promise
//! to keep. So the compacted copy is made beside the file and compared before it takes
//! its place.

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::error::{Doing, WriteError};
use super::writer::Writer;
use crate::db::beside;

/// What a full VACUUM did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacuumed {
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
}

impl Writer {
    /// Whether free pages of this file can be given back without a full VACUUM.
    ///
    /// # Errors
    ///
    /// [`WriteError::Sqlite`].
    pub fn gives_back_pages(&self) -> Result<bool, WriteError> {
        let mode = self.connection().query_row("PRAGMA auto_vacuum", [], |r| r.get::<_, i64>(0));
        mode.map(|mode| mode == 2).doing("cannot read how the file is set up")
    }

    /// Rewrites the file without free pages, and sets it up so that later ones can be given
    /// back without this. Needs free space of about twice the file; takes minutes for
    /// gigabytes. Readers go on reading.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; the file is as it was.
    pub fn vacuum(&mut self) -> Result<Vacuumed, WriteError> {
        self.flush(super::writer::unix_now())?;
        let copy = beside(self.path(), ".vacuum-tmp");
        let _ = std::fs::remove_file(&copy);
        let result = self.vacuum_through(&copy);
        let _ = std::fs::remove_file(&copy);
        self.forget_books();
        result
    }

    fn vacuum_through(&mut self, copy: &std::path::Path) -> Result<Vacuumed, WriteError> {
        let doing = "cannot compact the file";
        let db = self.connection_mut();
        db.flush_prepared_statement_cache();
        let before = size(db).doing(doing)?;
        db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").doing(doing)?;
        db.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).doing(doing)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let compact = Connection::open_with_flags(copy, flags).doing(doing)?;
        if observers(db).doing(doing)? != observers(&compact).doing(doing)? {
            return Err(WriteError::RowidsMoved);
        }
        Backup::new(&compact, db)
            .and_then(|b| b.run_to_completion(4096, std::time::Duration::ZERO, None))
            .doing("cannot put the compacted copy in place")?;
        let after = size(db).doing(doing)?;
        // The log holds the whole file now. A reader may still need it: the checkpoint job tries again.
        let _ = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(Vacuumed { before, after })
    }
}

fn size(db: &Connection) -> rusqlite::Result<u64> {
    let pages: i64 = db.query_row("PRAGMA page_count", [], |r| r.get(0))?;
    let bytes: i64 = db.query_row("PRAGMA page_size", [], |r| r.get(0))?;
    Ok((pages * bytes).max(0) as u64)
}

fn observers(db: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut select = db.prepare("SELECT rowid, id FROM observers ORDER BY rowid")?;
    select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}
