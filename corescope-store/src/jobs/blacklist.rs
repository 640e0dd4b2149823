//! Observers on the blacklist are marked inactive: the API hides them, their rows stay.

use super::observers::mark_inactive;
use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Changes, WriteError, Writer};

/// Entries of one step: each is looked for among all observers.
const CHUNK: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Blacklist {
    done: usize,
}

impl Work for Blacklist {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        let entries = plan.observer_blacklist.iter().skip(self.done).take(CHUNK);
        if entries.len() == 0 {
            return Ok(Step::Done(0));
        }
        self.done += entries.len();
        let marked = writer.write("cannot mark observers of the blacklist", |db| {
            let mut changes = Changes::default();
            let mut marked = 0;
            for id in entries {
                marked += mark_inactive(db, &mut changes, "lower(id) = lower(trim(?1))", id, i64::MAX)?;
            }
            changes.write(db)?;
            Ok(marked)
        })?;
        if marked > 0 {
            writer.forget_books();
        }
        Ok(Step::More(marked as u64))
    }
}
