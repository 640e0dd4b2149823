//! Old notices of changes are deleted.

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{WriteError, Writer, trim_changes};

#[derive(Debug)]
pub(super) struct TrimChanges;

impl Work for TrimChanges {
    fn step(&mut self, writer: &mut Writer, _plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        writer.write("cannot delete old notices", trim_changes).map(|rows| Step::Done(rows as u64))
    }
}
