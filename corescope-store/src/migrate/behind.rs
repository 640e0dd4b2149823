//! The migrations that run between batches, a step at a time.

use std::time::Instant;

use rusqlite::Connection;

use super::backfills::{self, Backfills, Pass};
use super::node_pass::NodePass;
use super::pace::Pace;
use super::{Progress, advert_count, default_scope, indexes, last_packet, markers, paths, transmissions};
use crate::schema::IndexSpec;
use crate::write::{get_number, set_state};

/// Where the work stands. Cursors are in `cs_state`, so that it survives a restart.
#[derive(Debug)]
pub(crate) struct Behind {
    stage: Stage,
    pace: Pace,
    with_scopes: bool,
    backfills: Backfills,
    /// The same once the step that was made is committed.
    after_commit: Option<Backfills>,
    after_stage: Option<Stage>,
}

#[derive(Debug, Clone)]
enum Stage {
    Start,
    Indexes,
    /// This one, with so many rows. Its step cannot be divided.
    Index(&'static IndexSpec, u64),
    Transmissions,
    Paths,
    /// Observers up to this row number are done.
    LastPacket(i64),
    Counts(NodePass),
    Scopes(NodePass),
    Markers,
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
    next: fn() -> Stage,
    /// Fills the rows `from < id <= to`, and returns how many lacked something.
    fill: fn(&Connection, i64, i64) -> rusqlite::Result<u64>,
    /// Where its progress is told.
    progress: fn(&mut Backfills) -> &mut Pass,
}

const OVER_TRANSMISSIONS: Over = Over {
    table: "transmissions",
    cursor: TRANSMISSIONS_CURSOR,
    next: || Stage::Paths,
    fill: transmissions::fill,
    progress: |all| &mut all.transmissions,
};

const OVER_OBSERVATIONS: Over = Over {
    table: "observations",
    cursor: PATHS_CURSOR,
    next: || Stage::LastPacket(0),
    fill: paths::fill,
    progress: |all| &mut all.paths,
};

impl Behind {
    /// `with_scopes`: region names are configured, so that scopes can be told.
    pub(crate) fn new(db: &Connection, with_scopes: bool) -> rusqlite::Result<Self> {
        let backfills = Backfills::read(db)?;
        Ok(Self {
            stage: Stage::Start,
            pace: Pace::new(1_000, 200_000),
            with_scopes,
            backfills,
            after_commit: None,
            after_stage: None,
        })
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
        if let Some(stage) = self.after_stage.take() {
            self.stage = stage;
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// One step, in the caller's transaction. It counts once [`committed`](Self::committed) says so.
    pub(crate) fn step(&mut self, db: &Connection) -> rusqlite::Result<Stepped> {
        (self.after_commit, self.after_stage) = (None, None);
        let worked = |name, done, total| Stepped::Worked(Progress { name, done, total });
        let (next, stepped) = match &self.stage {
            Stage::Start => {
                markers::write_first(db)?;
                (Stage::Indexes, worked("markers", 0, 0))
            }
            Stage::Indexes => match indexes::next(db)? {
                Some((index, rows)) => (Stage::Index(index, rows), worked(index.name, 0, rows)),
                None => (Stage::Transmissions, worked("indexes", 1, 1)),
            },
            Stage::Index(index, rows) => {
                indexes::build(db, index)?;
                (Stage::Indexes, worked(index.name, *rows, *rows))
            }
            Stage::Transmissions => return self.pass(db, &OVER_TRANSMISSIONS),
            Stage::Paths => return self.pass(db, &OVER_OBSERVATIONS),
            Stage::LastPacket(after) => match last_packet::fill_some(db, *after)? {
                Some(last) => (Stage::LastPacket(last), worked("observers", 0, 0)),
                None if advert_count::is_needed(db)? => {
                    (Stage::Counts(NodePass::default()), worked("observers", 0, 0))
                }
                None => (self.scopes(), worked("observers", 0, 0)),
            },
            Stage::Counts(pass) => match pass.step(db, advert_count::count)? {
                Some(pass) => {
                    let done = pass.done();
                    (Stage::Counts(pass), worked("advert counts", done, 0))
                }
                None => {
                    advert_count::finish(db)?;
                    (self.scopes(), worked("advert counts", pass.done(), 0))
                }
            },
            Stage::Scopes(pass) => match pass.step(db, default_scope::fill)? {
                Some(pass) => {
                    let done = pass.done();
                    (Stage::Scopes(pass), worked("scopes", done, 0))
                }
                None => (Stage::Markers, worked("scopes", pass.done(), 0)),
            },
            Stage::Markers => {
                markers::write_last(db, self.with_scopes)?;
                (Stage::Done, worked("markers", 1, 1))
            }
            Stage::Done => return Ok(Stepped::Idle),
        };
        self.after_stage = Some(next);
        Ok(stepped)
    }

    /// Scopes can only be told by names.
    fn scopes(&self) -> Stage {
        if self.with_scopes { Stage::Scopes(NodePass::default()) } else { Stage::Markers }
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
                self.after_stage = Some(next());
            }
            return Ok(Stepped::Worked(Progress { name: table, done: newest as u64, total: newest as u64 }));
        }
        let started = Instant::now();
        let to = newest.min(from.saturating_add(self.pace.rows()));
        let filled = fill(db, from, to)?;
        set_state(db, cursor, &to.to_string())?;
        progress(&mut after).advance(to.abs_diff(from), filled, newest.abs_diff(to));
        self.after_commit = Some(after);
        self.pace.took(started.elapsed());
        Ok(Stepped::Worked(Progress { name: table, done: to as u64, total: newest as u64 }))
    }
}
