//! A copy of a database that is in use: SQLite's online backup, in steps, so that the
//! writer is never held up.
//!
//! The copy is of one moment. A backup that saw the source change would begin again at each
//! step, and beside a busy writer never come to an end; so a read transaction holds the moment,
//! and what is written meanwhile stays in the log until the copy is made.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::db::{BUSY_TIMEOUT, OpenError};

/// Pages copied in one step: 4 MB.
const STEP_PAGES: i32 = 1024;

/// Why a copy could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The source cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// SQLite could not copy.
    #[error("cannot copy {from} to {to}")]
    Sqlite {
        /// The source.
        from: PathBuf,
        /// The target.
        to: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The copy is damaged: the source is, or the disk.
    #[error("the copy {to} is damaged ({what}); it was removed")]
    Damaged {
        /// The target.
        to: PathBuf,
        /// First finding of the check.
        what: String,
    },
}

/// Copies a database to a new file and checks the copy. `progress` is told pages done and
/// in all.
///
/// # Errors
///
/// [`CopyError`]; nothing is left behind.
pub fn copy_database(from: &Path, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), CopyError> {
    if !from.exists() {
        return Err(OpenError::Missing { path: from.to_owned() }.into());
    }
    // Not query_only: the online backup sets the target up through the same library calls.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(|e| OpenError::of(from, e))?;
    source.busy_timeout(BUSY_TIMEOUT).map_err(|e| OpenError::of(from, e))?;
    let failed = |source| CopyError::Sqlite { from: from.to_owned(), to: to.to_owned(), source };
    let result = copy_and_check(&source, to, progress);
    if !matches!(result, Ok(None)) {
        let _ = std::fs::remove_file(to);
    }
    match result {
        Ok(None) => Ok(()),
        Ok(Some(what)) => Err(CopyError::Damaged { to: to.to_owned(), what }),
        Err(error) => Err(failed(error)),
    }
}

/// `Some` is the first finding of the check.
fn copy_and_check(
    source: &Connection,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> rusqlite::Result<Option<String>> {
    let target = copy_pages(source, to, &mut |done, total| {
        progress(done, total);
        true
    })?;
    let verdict: String = target.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
    target.close().map_err(|(_, e)| e)?;
    Ok((verdict != "ok").then_some(verdict))
}

/// Copies the database as it is now to a new file, which has no log beside it. `go_on` is told
/// pages done and in all, and may stop it: then the error is `SQLITE_INTERRUPT`.
///
/// SQLite needs a source that could write for this: `query_only` must be off.
pub(crate) fn copy_pages(
    source: &Connection,
    to: &Path,
    go_on: &mut dyn FnMut(u64, u64) -> bool,
) -> rusqlite::Result<Connection> {
    let mut target = Connection::open(to)?;
    // Given back when it is dropped, however this ends.
    let moment = source.unchecked_transaction()?;
    moment.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    {
        let backup = Backup::new(source, &mut target)?;
        loop {
            let step = backup.step(STEP_PAGES)?;
            let at = backup.progress();
            let total = at.pagecount.max(0) as u64;
            if !go_on(total - (at.remaining.max(0) as u64).min(total), total) {
                let stopped = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT);
                return Err(rusqlite::Error::SqliteFailure(stopped, None));
            }
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                // A writer is committing: it goes first.
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
    drop(moment);
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_what_is_only_in_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a.db"), dir.path().join("b.db"));
        let writer = Connection::open(&from).unwrap();
        writer
            .execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)")
            .unwrap();
        let mut told = (0, 0);
        copy_database(&from, &to, &mut |done, total| told = (done, total)).unwrap();
        assert!(told.0 == told.1 && told.1 > 0);
        let rows: i64 =
            Connection::open(&to).unwrap().query_row("SELECT count(*) FROM t", [], |r| r.get(0)).unwrap();
        assert_eq!(rows, 2);
    }

    #[test]
    fn a_writer_that_never_rests_does_not_keep_a_copy_from_coming_to_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a.db"), dir.path().join("b.db"));
        let writer = Connection::open(&from).unwrap();
        writer.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t(x)").unwrap();
        let write = |bytes: i64| writer.execute("INSERT INTO t VALUES (zeroblob(?1))", [bytes]).unwrap();
        for _ in 0..5 {
            write(4 << 20);
        }
        let mut steps = 0;
        copy_database(&from, &to, &mut |_, _| {
            write(10);
            steps += 1;
            assert!(steps < 100, "it begins again and again");
        })
        .unwrap();
        let rows: i64 =
            Connection::open(&to).unwrap().query_row("SELECT count(*) FROM t", [], |r| r.get(0)).unwrap();
        assert_eq!(rows, 5, "the copy is of the moment at which it began");
    }

    #[test]
    fn a_copy_of_nothing_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("b.db");
        assert!(copy_database(&dir.path().join("none.db"), &to, &mut |_, _| {}).is_err());
        std::fs::write(dir.path().join("text.db"), "no database ".repeat(100)).unwrap();
        assert!(copy_database(&dir.path().join("text.db"), &to, &mut |_, _| {}).is_err());
        assert!(!to.exists());
    }
}
