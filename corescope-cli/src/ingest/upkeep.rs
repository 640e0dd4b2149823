//! What the writer's thread does between batches, besides storing messages: one bounded step of a job at a time.

use std::sync::Arc;
use std::time::Instant;

use corescope_store::db;
use corescope_store::jobs::{COMPLETENESS_SUMMARY, Job, JobStatus, Jobs, Next, Now, Plan};
use corescope_store::lookup::least_complete;
use corescope_store::write::Writer;
use serde_json::Value;

use super::clock::{now_ms, steady_ms};
use super::connections::Connections;
use super::perf::Perf;
use super::sources::Roster;

/// The writer's other duties.
pub struct Upkeep {
    jobs: Jobs,
    /// Nothing is due before, by the steady clock, seconds.
    not_before: i64,
    connections: Connections,
    /// Runs of the estimate whose result is known.
    estimates: u64,
}

fn now() -> Now {
    Now { unix: now_ms().div_euclid(1000), steady: steady_ms().div_euclid(1000) }
}

/// Observers whose completeness is told one by one, the least complete first.
pub const MOST_TOLD: u32 = 1_000;

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
    /// Scheduled from now; the connections of these sources are noted.
    pub fn new(plan: Plan, roster: Arc<Roster>) -> Self {
        let jobs = Jobs::new(plan, now());
        Self { jobs, not_before: 0, connections: Connections::new(roster), estimates: u64::MAX }
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
        if let Err(error) = self.connections.note(writer, now) {
            tracing::warn!(%error, "cannot note which sources are connected; tried again");
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

    /// Notes until when the sources were connected, before the database is closed.
    pub fn finish(&mut self, writer: &mut Writer) {
        if let Err(error) = self.connections.finish(writer, now()) {
            tracing::warn!(%error, "cannot note when the sources were connected last");
        }
    }

    /// How complete the newest full hour is, by source and of the least complete observers; `None` when that is known
    /// already.
    pub fn new_completeness(&mut self, writer: &Writer) -> Option<(Value, Vec<(String, f64)>)> {
        let runs = self.jobs.status().get(&Job::Completeness).map_or(0, |status| status.runs);
        if runs == self.estimates {
            return None;
        }
        self.estimates = runs;
        let text = writer.state(COMPLETENESS_SUMMARY).ok().flatten()?;
        let observers = db::open_read(writer.path()).ok().and_then(|c| least_complete(&c, MOST_TOLD).ok());
        Some((serde_json::from_str(&text).ok()?, observers.unwrap_or_default()))
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
