//! The migrations that run between batches, a step at a time.

use std::time::{Duration, Instant};

use rusqlite::Connection;

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

impl Behind {
    /// `with_scopes`: region names are configured, so that scopes can be told.
    pub(crate) fn new(with_scopes: bool) -> Self {
        Self { stage: Stage::Start, chunk: 1000, with_scopes }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// One step, in the caller's transaction.
    pub(crate) fn step(&mut self, db: &Connection) -> rusqlite::Result<Stepped> {
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
            Stage::Transmissions => {
                self.pass(db, "transmissions", TRANSMISSIONS_CURSOR, Stage::Paths, transmissions::fill)
            }
            Stage::Paths => self.pass(db, "observations", PATHS_CURSOR, Stage::LastPacket, paths::fill),
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

    fn pass(
        &mut self,
        db: &Connection,
        table: &'static str,
        cursor: &str,
        next: Stage,
        fill: fn(&Connection, i64, i64) -> rusqlite::Result<u64>,
    ) -> rusqlite::Result<Stepped> {
        let newest: i64 =
            db.query_row(&format!("SELECT COALESCE(max(id), 0) FROM {table}"), [], |r| r.get(0))?;
        let from = get_number(db, cursor)?.unwrap_or(0).max(0);
        if from >= newest {
            // A cursor beyond the end is of another file (a restored backup): start over.
            if from > newest {
                set_state(db, cursor, "0")?;
            } else {
                self.stage = next;
            }
            return Ok(Stepped::Worked(Progress { name: table, done: newest as u64, total: newest as u64 }));
        }
        let started = Instant::now();
        let to = newest.min(from.saturating_add(self.chunk));
        fill(db, from, to)?;
        set_state(db, cursor, &to.to_string())?;
        let took = started.elapsed();
        if took > STEP {
            self.chunk = (self.chunk / 2).max(50);
        } else if took < STEP / 4 {
            self.chunk = (self.chunk * 2).min(200_000);
        }
        Ok(Stepped::Worked(Progress { name: table, done: to as u64, total: newest as u64 }))
    }
}
