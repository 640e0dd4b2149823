//! What an older file still lacks, a step at a time.

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Background, ProgressLog, WriteError, Writer};

#[derive(Debug, Default)]
pub(super) struct Migration {
    filled: u64,
    log: ProgressLog,
}

impl Work for Migration {
    fn step(&mut self, writer: &mut Writer, _plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        match writer.step_background()? {
            Background::Idle => {
                self.log.end();
                Ok(Step::Done(0))
            }
            Background::Worked(progress) => {
                self.log.tell(progress);
                let backfills = writer.backfills();
                let filled = backfills.transmissions.filled + backfills.paths.filled;
                Ok(Step::More(filled - std::mem::replace(&mut self.filled, filled).min(filled)))
            }
        }
    }
}
