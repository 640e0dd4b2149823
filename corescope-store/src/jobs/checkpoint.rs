//! The write-ahead log is moved into the file and cut, unless a reader still needs it.

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{WriteError, Writer};

#[derive(Debug)]
pub(super) struct Checkpoint;

impl Work for Checkpoint {
    fn step(&mut self, writer: &mut Writer, _plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        writer.checkpoint().map(Step::Done)
    }
}
