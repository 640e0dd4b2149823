//! What a job looks like to the one who runs it.

use rusqlite::Connection;

use super::plan::Plan;
use crate::write::{Changes, WriteError, Writer};

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So many rows were changed, and there is more to do.
    More(u64),
    /// So many rows were changed, and the job is through.
    Done(u64),
}

/// A job that is running.
pub(super) trait Work: Send {
    /// One step: about 100 ms at most. `now` is unix seconds.
    fn step(&mut self, writer: &mut Writer, plan: &Plan, now: i64) -> Result<Step, WriteError>;
}

/// A job that only deletes or updates, a bounded number of rows at a time: `work` returns
/// how many it changed, and is called again until it changes fewer than `chunk`.
pub(super) fn chunked(
    writer: &mut Writer,
    doing: &'static str,
    chunk: usize,
    work: impl FnOnce(&Connection, &mut Changes) -> rusqlite::Result<usize>,
) -> Result<Step, WriteError> {
    let changed = writer.write(doing, |db| {
        let mut changes = Changes::default();
        let changed = work(db, &mut changes)?;
        changes.write(db)?;
        Ok(changed)
    })?;
    Ok(if changed >= chunk { Step::More(changed as u64) } else { Step::Done(changed as u64) })
}
