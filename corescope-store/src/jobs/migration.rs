//! What an older file still lacks, a step at a time.

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Background, WriteError, Writer};

#[derive(Debug, Default)]
pub(super) struct Migration {
    done: u64,
}

impl Work for Migration {
    fn step(&mut self, writer: &mut Writer, _plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        match writer.step_background()? {
            Background::Idle => Ok(Step::Done(0)),
            Background::Worked(progress) => {
                let rows = progress.done.saturating_sub(self.done);
                self.done = progress.done;
                Ok(Step::More(rows))
            }
        }
    }
}
