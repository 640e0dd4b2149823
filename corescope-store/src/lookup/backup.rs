//! A copy of the database while it is written to, by SQLite's online backup.

use std::path::Path;

use rusqlite::Connection;

use crate::copy::copy_pages;

/// Copies the database behind `from` to a new file at `to`. `go_on` is asked before each step.
///
/// `from` may be a connection that can only read; `query_only` is lifted on it, because SQLite's backup needs a
/// connection that could. The copy is a file of its own, without a log.
///
/// # Errors
///
/// What SQLite says; `SQLITE_INTERRUPT` when `go_on` said no.
pub fn backup(from: &Connection, to: &Path, mut go_on: impl FnMut() -> bool) -> rusqlite::Result<()> {
    from.pragma_update(None, "query_only", false)?;
    copy_pages(from, to, &mut |_, _| go_on())?.close().map_err(|(_, error)| error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::Reader;

    #[test]
    fn a_copy_has_the_rows_and_can_be_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES (1), (2);")
            .unwrap();
        let reader = Reader::new(&path);
        let copy = dir.path().join("copy.db");
        backup(&reader.open().unwrap(), &copy, || true).unwrap();
        let rows: i64 =
            Connection::open(&copy).unwrap().query_row("SELECT COUNT(*) FROM t", [], |r| r.get(0)).unwrap();
        assert_eq!(rows, 2);
        assert!(backup(&reader.open().unwrap(), &dir.path().join("no.db"), || false).is_err());
    }
}
