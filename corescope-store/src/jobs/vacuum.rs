//! Free pages go back to the system, a few at a time.

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Doing, WriteError, Writer};

/// Pages of one step: 256 KB.
const CHUNK: u64 = 64;
/// `PRAGMA auto_vacuum` of files whose free pages can be given back.
const INCREMENTAL: i64 = 2;

#[derive(Debug, Default)]
pub(super) struct Vacuum {
    done: u64,
}

impl Work for Vacuum {
    fn step(&mut self, writer: &mut Writer, plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        let db = writer.connection();
        let pragma = |name: &str| {
            db.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, i64>(0))
                .doing("cannot read the page counts")
        };
        let free = pragma("freelist_count")?.max(0) as u64;
        if pragma("auto_vacuum")? != INCREMENTAL || free == 0 || self.done >= plan.vacuum_pages {
            return Ok(Step::Done(0));
        }
        let pages = CHUNK.min(free).min(plan.vacuum_pages - self.done);
        writer.write("cannot give back free pages", |db| {
            // Each step of the statement frees one page.
            let mut vacuum = db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        })?;
        self.done += pages;
        Ok(Step::More(pages))
    }
}
