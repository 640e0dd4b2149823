//! The migrations that run between batches, a step at a time.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::backfills::{self, Backfills, Pass};
use super::{Progress, advert_count, default_scope, indexes, last_packet, markers, paths, transmissions};
use crate::write::{get_number, set_state};

/// A step should hold the write lock about this long.
const STEP: Duration = Duration::from_millis(60);

/// Where the work stands. Cursors are in `cs_state`, so that it survives a restart.
#[derive(Debug)]
pub(crate) struct Behind {
    stage: Stage,
    /// Rows looked at in one step; adapts to the machine.
    chunk: i64,
    with_scopes: bool,
    backfills: Backfills,
    /// The same once the step that was made is committed.
    after_commit: Option<Backfills>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Indexes,
    Transmissions,
    Paths,
    LastPacket,
    Counts,
    Done,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stepped {
    /// There may be more to do.
    Worked(Progress),
    /// Everything is done.
    Idle,
}

/// Rows that were looked at, by table; kept in `cs_state`.
pub(crate) const TRANSMISSIONS_CURSOR: &str = "migrate.transmissions.cursor";
/// The same for observations.
pub(crate) const PATHS_CURSOR: &str = "migrate.paths.cursor";

/// One pass by row number over a table.
struct Over {
    table: &'static str,
    cursor: &'static str,
    /// What comes after it.
    next: Stage,
    /// Fills the rows `from < id <= to`, and returns how many lacked something.
    fill: fn(&Connection, i64, i64) -> rusqlite::Result<u64>,
    /// Where its progress is told.
    progress: fn(&mut Backfills) -> &mut Pass,
}

const OVER_TRANSMISSIONS: Over = Over {
    table: "transmissions",
    cursor: TRANSMISSIONS_CURSOR,
    next: Stage::Paths,
    fill: transmissions::fill,
    progress: |all| &mut all.transmissions,
};

const OVER_OBSERVATIONS: Over = Over {
    table: "observations",
    cursor: PATHS_CURSOR,
    next: Stage::LastPacket,
    fill: paths::fill,
    progress: |all| &mut all.paths,
};

impl Behind {
    /// `with_scopes`: region names are configured, so that scopes can be told.
    pub(crate) fn new(db: &Connection, with_scopes: bool) -> rusqlite::Result<Self> {
        let backfills = Backfills::read(db)?;
        Ok(Self { stage: Stage::Start, chunk: 1000, with_scopes, backfills, after_commit: None })
    }

    /// How far the passes over older rows have come, as committed.
    pub(crate) fn backfills(&self) -> Backfills {
        self.backfills
    }

    /// The last step is on the disk.
    pub(crate) fn committed(&mut self) {
        if let Some(backfills) = self.after_commit.take() {
            self.backfills = backfills;
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// One step, in the caller's transaction.
    pub(crate) fn step(&mut self, db: &Connection) -> rusqlite::Result<Stepped> {
        self.after_commit = None;
        let worked = |name, done, total| Ok(Stepped::Worked(Progress { name, done, total }));
        match self.stage {
            Stage::Start => {
                markers::write_first(db)?;
                self.stage = Stage::Indexes;
                worked("markers", 0, 0)
            }
            Stage::Indexes => match indexes::build_next(db)? {
                Some(name) => worked(name, 1, 1),
                None => {
                    self.stage = Stage::Transmissions;
                    worked("indexes", 1, 1)
                }
            },
            Stage::Transmissions => self.pass(db, &OVER_TRANSMISSIONS),
            Stage::Paths => self.pass(db, &OVER_OBSERVATIONS),
            Stage::LastPacket => {
                if !last_packet::fill_next(db)? {
                    self.stage = Stage::Counts;
                }
                worked("observers", 0, 0)
            }
            Stage::Counts => {
                if advert_count::is_needed(db)? {
                    advert_count::run(db)?;
                }
                if self.with_scopes {
                    default_scope::run(db)?;
                }
                markers::write_last(db, self.with_scopes)?;
                self.stage = Stage::Done;
                worked("counts", 1, 1)
            }
            Stage::Done => Ok(Stepped::Idle),
        }
    }

    fn pass(&mut self, db: &Connection, over: &Over) -> rusqlite::Result<Stepped> {
        let Over { table, cursor, next, fill, progress } = *over;
        let newest = backfills::newest(db, table)?;
        let mut after = self.backfills;
        let from = get_number(db, cursor)?.unwrap_or(0).max(0);
        if from >= newest {
            // A cursor beyond the end is of another file (a restored backup): start over.
            if from > newest {
                set_state(db, cursor, "0")?;
            } else {
                progress(&mut after).advance(0, 0, 0);
                self.after_commit = Some(after);
                self.stage = next;
            }
            return Ok(Stepped::Worked(Progress { name: table, done: newest as u64, total: newest as u64 }));
        }
        let started = Instant::now();
        let to = newest.min(from.saturating_add(self.chunk));
        let filled = fill(db, from, to)?;
        set_state(db, cursor, &to.to_string())?;
        progress(&mut after).advance(to.abs_diff(from), filled, newest.abs_diff(to));
        self.after_commit = Some(after);
        let took = started.elapsed();
        if took > STEP {
            self.chunk = (self.chunk / 2).max(50);
        } else if took < STEP / 4 {
            self.chunk = (self.chunk * 2).min(200_000);
        }
        Ok(Stepped::Worked(Progress { name: table, done: to as u64, total: newest as u64 }))
    }
}
