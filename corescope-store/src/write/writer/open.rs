//! Opening the file to write it: its pragmas, and what is known of observers and nodes.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::db::{BUSY_TIMEOUT, OpenError};
use crate::write::batch::Books;
use crate::write::error::WriteError;
use crate::write::nodes::NodeBook;
use crate::write::observers::ObserverBook;
use crate::write::recent::Recent;
use crate::write::rules::{Options, Synchronous};

pub(super) fn open_connection(path: &Path, options: &Options) -> Result<Connection, WriteError> {
    let opening = |e| WriteError::Open(OpenError::of(path, e));
    let is_new = !path.exists();
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(opening)?;
    if is_new {
        restrict_mode(path);
    }
    // Without the right to write SQLite opens the file all the same, to read it.
    if db.is_readonly("main").map_err(opening)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() }.into());
    }
    db.busy_timeout(BUSY_TIMEOUT).map_err(opening)?;
    db.set_prepared_statement_cache_capacity(128);
    let pages: i64 = db.query_row("PRAGMA page_count", [], |r| r.get(0)).map_err(opening)?;
    if pages == 0 {
        // Must come before the first table and before the log.
        db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(opening)?;
    }
    let synchronous = match options.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(opening)?;
    db.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = {};",
        options.checkpoint_pages.max(1)
    ))
    .map_err(opening)?;
    db.query_row("PRAGMA journal_size_limit = 67108864", [], |_| Ok(())).map_err(opening)?;
    Ok(db)
}

/// Reads the observers and nodes; what `before` had gathered is kept.
pub(super) fn load_books(db: &Connection, before: Option<Books>) -> rusqlite::Result<Books> {
    let (observers, bad_adverts) = match before {
        Some(books) => (Some(books.observers), books.bad_adverts),
        None => (None, std::collections::HashSet::new()),
    };
    Ok(Books {
        observers: ObserverBook::load(db, observers)?,
        nodes: NodeBook::load(db)?,
        recent: Recent::default(),
        bad_adverts,
    })
}

/// 0640: the database holds messages and positions.
fn restrict_mode(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640));
    }
}
