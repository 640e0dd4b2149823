//! Observers on the blacklist are marked inactive: the API hides them, their rows stay.

use super::observers::mark_inactive;
use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Changes, WriteError, Writer};

#[derive(Debug)]
pub(super) struct Blacklist;

impl Work for Blacklist {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        if plan.observer_blacklist.is_empty() {
            return Ok(Step::Done(0));
        }
        let marked = writer.write("cannot mark observers of the blacklist", |db| {
            let mut changes = Changes::default();
            let mut marked = 0;
            for id in &plan.observer_blacklist {
                marked += mark_inactive(db, &mut changes, "lower(id) = lower(trim(?1))", id)?;
            }
            changes.write(db)?;
            Ok(marked)
        })?;
        writer.forget_books();
        Ok(Step::Done(marked as u64))
    }
}
