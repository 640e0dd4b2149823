//! Old notices of changes are deleted.

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{WriteError, Writer, trim_changes};

const CHUNK: usize = 10_000;

#[derive(Debug)]
pub(super) struct TrimChanges;

impl Work for TrimChanges {
    fn step(&mut self, writer: &mut Writer, _plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        let rows = writer.write("cannot delete old notices", |db| trim_changes(db, CHUNK))?;
        Ok(if rows < CHUNK { Step::Done(rows as u64) } else { Step::More(rows as u64) })
    }
}
