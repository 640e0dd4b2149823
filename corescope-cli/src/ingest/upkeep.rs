//! What the writer's thread does between batches, besides storing messages: one bounded step of a job at a time.

use std::path::PathBuf;
use std::time::Instant;

use corescope_store::jobs::{Job, JobStatus, Jobs, Next, Now, Plan};
use corescope_store::write::Writer;

use super::clock::{now_ms, steady_ms};
use super::completeness;
use super::perf::Perf;

/// The writer's other duties.
pub struct Upkeep {
    jobs: Jobs,
    /// Nothing is due before, by the steady clock, seconds.
    not_before: i64,
    database: PathBuf,
    /// When completeness is looked at again, by the steady clock, seconds.
    next_estimate: i64,
}

fn now() -> Now {
    Now { unix: now_ms().div_euclid(1000), steady: steady_ms().div_euclid(1000) }
}

/// What can be seen of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Which.
    pub job: Job,
    /// Its last run.
    pub status: JobStatus,
    /// Whether it runs now.
    pub is_running: bool,
}

impl Upkeep {
    /// Scheduled from now.
    pub fn new(plan: Plan, database: PathBuf) -> Self {
        Self { jobs: Jobs::new(plan, now()), not_before: 0, database, next_estimate: 0 }
    }

    /// Takes other settings.
    pub fn set_plan(&mut self, plan: Plan) {
        self.jobs.set_plan(plan);
        self.not_before = 0;
    }

    /// Makes one step of what is due. True when there is more to do at once.
    pub fn step(&mut self, writer: &mut Writer, perf: &Perf) -> bool {
        let now = now();
        if now.steady < self.not_before {
            return false;
        }
        if now.steady >= self.next_estimate {
            let started = Instant::now();
            let more = completeness::step(writer, &self.database, now.unix);
            perf.record("completeness", 0.0, started.elapsed().as_secs_f64() * 1000.0);
            self.next_estimate = if more { now.steady } else { now.steady + 60 };
        }
        let component = self.jobs.running().map(Job::name);
        let started = Instant::now();
        match self.jobs.run_due(writer, now) {
            Next::Now => {
                if let Some(name) = component.or_else(|| self.jobs.running().map(Job::name)) {
                    perf.record(name, 0.0, started.elapsed().as_secs_f64() * 1000.0);
                }
                true
            }
            Next::At(at) => {
                self.not_before = at;
                false
            }
        }
    }

    /// Every job that has run or runs.
    pub fn view(&self) -> Vec<JobView> {
        let running = self.jobs.running();
        self.jobs
            .status()
            .iter()
            .map(|(job, status)| JobView {
                job: *job,
                status: status.clone(),
                is_running: running == Some(*job),
            })
            .collect()
    }
}
