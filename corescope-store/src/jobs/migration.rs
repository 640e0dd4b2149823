//! What an older file still lacks, a step at a time.

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Background, Progress, ProgressLog, WriteError, Writer};

#[derive(Debug, Default)]
pub(super) struct Migration {
    last: Option<Progress>,
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
                let last = self.last.replace(progress).filter(|last| last.name == progress.name);
                Ok(Step::More(progress.done.saturating_sub(last.map_or(0, |last| last.done))))
            }
        }
    }
}
