//! How complete each hour of each observer is: gathers the evidence hour by hour, in steps, and writes the estimate.
//!
//! An hour is final some minutes after it ended, when the last status messages about it have come. The hour that runs
//! gets a row as well, which the next run replaces. An outage that ends later has its hours estimated anew.

mod compare;
mod gather;
mod learn;
mod watched;
mod weigh;

use rusqlite::Connection;

use self::gather::Hour;
use super::plan::Plan;
use super::work::{Step, Work};
use crate::completeness::HOUR;
use crate::lookup::COMPLETE_UNTIL;
use crate::write::{WriteError, Writer, get_number, set_state};

/// Key of `cs_state`: per source, how complete the newest full hour is (JSON).
pub const COMPLETENESS_SUMMARY: &str = "completeness.summary";

/// Messages about an hour may come so much later, seconds: status messages come every five minutes.
const LATE: i64 = 360;

/// Hours that are looked back at most: the ledger keeps minutes for two days.
const MOST_HOURS: i64 = 46;

/// Hours that a database is judged by when it is new to this.
const FIRST_HOURS: i64 = 6;

/// Estimates hour after hour.
#[derive(Debug, Default)]
pub(super) struct Completeness {
    hour: Option<Box<Hour>>,
    /// The latest hour that got a row that is not final.
    running: Option<i64>,
}

impl Work for Completeness {
    fn step(&mut self, writer: &mut Writer, _plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let Some(hour) = &mut self.hour else {
            let Some(next) = writer.read("cannot read what is complete", |db| self.next(db, now))? else {
                return Ok(Step::Done(0));
            };
            self.hour = Some(Box::new(next));
            return Ok(Step::More(0));
        };
        if !writer.read("cannot gather what is complete", |db| hour.gather(db))? {
            return Ok(Step::More(0));
        }
        let rows = writer.write("cannot write completeness", |db| {
            let (rows, done) = hour.write_some(db)?;
            if done && hour.is_final {
                hour.write_summary(db)?;
                set_state(db, COMPLETE_UNTIL, &(hour.start + HOUR).to_string())?;
            }
            Ok((rows, done))
        })?;
        if rows.1 {
            if !hour.is_final {
                self.running = Some(hour.start);
            }
            self.hour = None;
        }
        Ok(Step::More(rows.0))
    }
}

impl Completeness {
    /// The next hour to look at: those that are over, and then those that are not final yet.
    fn next(&self, db: &Connection, now: i64) -> rusqlite::Result<Option<Hour>> {
        let last = (now - LATE).div_euclid(HOUR) * HOUR;
        // A clock that jumped ahead and back again: begin again from here.
        let from = get_number(db, COMPLETE_UNTIL)?
            .filter(|done| *done <= last)
            .unwrap_or(last - FIRST_HOURS * HOUR)
            .max(last - MOST_HOURS * HOUR);
        if from < last {
            return Hour::open(db, from, now, from + HOUR == last, true).map(Some);
        }
        let next = self.running.map_or(last, |hour| hour + HOUR);
        if next > now { Ok(None) } else { Hour::open(db, next, now, false, false).map(Some) }
    }
}
