//! How far a migration has come, and telling the operator.

use std::time::{Duration, Instant};

/// How far a migration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Name of the migration.
    pub name: &'static str,
    /// Rows done.
    pub done: u64,
    /// Rows to do, as counted at the start; 0 where that is unknown.
    pub total: u64,
}

/// Rows from which on a step is announced before it is seen how long it takes.
const MANY: u64 = 200_000;

/// A step that takes longer is told of, this often.
const OFTEN: Duration = Duration::from_secs(5);

/// Writes to the log how far the migrations have come; steps that take no time are not worth a line.
#[derive(Debug)]
pub struct ProgressLog {
    step: &'static str,
    began: Instant,
    told: Option<Instant>,
}

impl Default for ProgressLog {
    fn default() -> Self {
        Self { step: "", began: Instant::now(), told: None }
    }
}

impl ProgressLog {
    /// A step has come so far.
    pub fn tell(&mut self, progress: Progress) {
        if progress.name != self.step {
            self.end();
            *self = Self { step: progress.name, ..Self::default() };
        }
        let is_due = match self.told {
            None => self.began.elapsed() >= OFTEN || (progress.done == 0 && progress.total >= MANY),
            Some(last) => last.elapsed() >= OFTEN,
        };
        if is_due {
            self.told = Some(Instant::now());
            let percent = (progress.done.min(progress.total) * 100).checked_div(progress.total);
            let Progress { name, done, total } = progress;
            match percent {
                Some(percent) => {
                    tracing::info!(step = name, percent, done, total, "bringing the database up to date");
                }
                None => tracing::info!(step = name, done, "bringing the database up to date"),
            }
        }
    }

    /// The step that was told of last is through.
    pub fn end(&mut self) {
        if self.told.take().is_some() {
            let seconds = self.began.elapsed().as_secs();
            tracing::info!(step = self.step, seconds, "this part of the database is up to date");
        }
    }
}
