//! Runs what is due, one step at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use corescope_core::time::rfc3339;
use rusqlite::params;

use super::job::{Job, Schedule};
use super::plan::Plan;
use super::requests::{MaintainAnswer, answer, take};
use super::work::{Step, Work};
use crate::write::{WriteError, Writer};

/// All jobs of a writer, and when each is due.
pub struct Jobs {
    plan: Plan,
    due: BTreeMap<Job, i64>,
    asked: BTreeSet<Job>,
    /// Who waits for the job's next end.
    waiting: BTreeMap<Job, Vec<String>>,
    running: Option<Running>,
    status: BTreeMap<Job, JobStatus>,
    looked_for_requests: i64,
    started: i64,
}

struct Running {
    job: Job,
    work: Box<dyn Work>,
    began: i64,
    rows: u64,
    longest_hold_ms: u64,
    waiting: Vec<String>,
}

/// The last run of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobStatus {
    /// When it began, unix seconds.
    pub started_at: i64,
    /// When it ended, unix seconds; `None` while it runs.
    pub finished_at: Option<i64>,
    /// Rows that it changed.
    pub rows: u64,
    /// Longest time that one step held the write lock, milliseconds.
    pub longest_hold_ms: u64,
    /// Runs since the start.
    pub runs: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// When to call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A step was made and there is more: after the next batch, or at once.
    Now,
    /// Nothing is due before this time, unix seconds.
    At(i64),
}

impl Jobs {
    /// The jobs, scheduled from `now` (unix seconds).
    pub fn new(plan: Plan, now: i64) -> Self {
        let mut jobs = Self {
            plan,
            due: BTreeMap::new(),
            asked: BTreeSet::new(),
            waiting: BTreeMap::new(),
            running: None,
            status: BTreeMap::new(),
            looked_for_requests: i64::MIN,
            started: now,
        };
        for job in Job::ALL {
            if let Schedule::Every { first, .. } | Schedule::Nightly { first } = job.schedule() {
                jobs.due.insert(job, now + first);
            }
        }
        jobs
    }

    /// Other settings, from the next step on. A changed blacklist is applied at once.
    pub fn set_plan(&mut self, plan: Plan) {
        if plan.observer_blacklist != self.plan.observer_blacklist {
            self.asked.insert(Job::Blacklist);
        }
        self.plan = plan;
    }

    /// Asks for a job as soon as the running one is through.
    pub fn request(&mut self, job: Job) {
        self.asked.insert(job);
    }

    /// The last run of each job that ran.
    pub fn status(&self) -> &BTreeMap<Job, JobStatus> {
        &self.status
    }

    /// The job that is running.
    pub fn running(&self) -> Option<Job> {
        self.running.as_ref().map(|r| r.job)
    }

    /// Makes one step of what is due. `now` is unix seconds.
    ///
    /// A job that fails is noted in its status and tried again at its next time: failing is
    /// no reason to stop storing messages.
    pub fn run_due(&mut self, writer: &mut Writer, now: i64) -> Next {
        self.look_for_requests(now);
        if self.running.is_none() {
            let Some(job) = self.choose(now) else {
                return Next::At(self.due.values().copied().min().unwrap_or(now + 1).min(now + 1));
            };
            self.begin(job, now);
        }
        let Some(mut running) = self.running.take() else { return Next::Now };
        let started = Instant::now();
        let result = running.work.step(writer, &self.plan, now);
        running.longest_hold_ms = running.longest_hold_ms.max(started.elapsed().as_millis() as u64);
        match result {
            Ok(Step::More(rows)) => {
                running.rows += rows;
                self.running = Some(running);
            }
            Ok(Step::Done(rows)) => {
                running.rows += rows;
                self.end(writer, running, now, None);
            }
            Err(error) => self.end(writer, running, now, Some(&error)),
        }
        Next::Now
    }

    /// Runs one job to its end, without looking at schedules: for a command line that has
    /// the writer for itself.
    ///
    /// # Errors
    ///
    /// What stopped the job.
    pub fn run_now(&mut self, writer: &mut Writer, job: Job, now: i64) -> Result<JobStatus, WriteError> {
        let mut work = job.start(&self.plan);
        let mut status = JobStatus { started_at: now, runs: 1, ..JobStatus::default() };
        loop {
            let started = Instant::now();
            let step = work.step(writer, &self.plan, now)?;
            status.longest_hold_ms = status.longest_hold_ms.max(started.elapsed().as_millis() as u64);
            match step {
                Step::More(rows) => status.rows += rows,
                Step::Done(rows) => {
                    status.rows += rows;
                    status.finished_at = Some(now);
                    self.save(writer, job, &status);
                    self.status.insert(job, status.clone());
                    return Ok(status);
                }
            }
        }
    }

    fn choose(&mut self, now: i64) -> Option<Job> {
        if let Some(job) = self.asked.pop_first() {
            return Some(job);
        }
        // A clock that went back must not put everything off.
        if now < self.started {
            let back = self.started - now;
            self.started = now;
            for due in self.due.values_mut() {
                *due -= back;
            }
        }
        Job::ALL.into_iter().find(|job| self.due.get(job).is_some_and(|due| *due <= now))
    }

    fn begin(&mut self, job: Job, now: i64) {
        match job.schedule() {
            Schedule::Every { then, .. } => {
                self.due.insert(job, now.saturating_add(then));
            }
            Schedule::Nightly { .. } => {
                self.due.insert(job, next_night(now, self.plan.utc_offset_s));
            }
            Schedule::OnRequest => {}
        }
        self.running = Some(Running {
            job,
            work: job.start(&self.plan),
            began: now,
            rows: 0,
            longest_hold_ms: 0,
            waiting: self.waiting.remove(&job).unwrap_or_default(),
        });
    }

    fn end(&mut self, writer: &mut Writer, run: Running, now: i64, error: Option<&WriteError>) {
        let error = error.map(with_causes);
        if let Some(error) = &error {
            tracing::warn!(job = run.job.name(), error, "a job failed and is tried again at its next time");
        } else if run.rows > 0 && run.job.is_rare() {
            tracing::info!(job = run.job.name(), rows = run.rows, "done");
        }
        let runs = self.status.get(&run.job).map_or(0, |s| s.runs) + 1;
        let status = JobStatus {
            started_at: run.began,
            finished_at: Some(now),
            rows: run.rows,
            longest_hold_ms: run.longest_hold_ms,
            runs,
            error: error.clone(),
        };
        if run.rows > 0 || error.is_some() || run.job.is_rare() || runs == 1 {
            self.save(writer, run.job, &status);
        }
        for id in run.waiting {
            answer(
                &self.plan.maintain_requests,
                &MaintainAnswer {
                    id,
                    job: run.job.name().to_owned(),
                    completed_at: rfc3339(now),
                    rows: run.rows,
                    longest_hold_ms: run.longest_hold_ms,
                    error: error.clone(),
                },
            );
        }
        if run.job.deletes() && run.rows > 0 {
            self.asked.insert(Job::Vacuum);
        }
        self.status.insert(run.job, status);
    }

    /// Notes the run in `cs_jobs`. That this fails is no reason to fail.
    fn save(&self, writer: &mut Writer, job: Job, status: &JobStatus) {
        let saved = writer.write("cannot note the job", |db| {
            db.prepare_cached(
                "INSERT INTO cs_jobs(name, started_at, finished_at, rows, longest_hold_ms, error)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT(name) DO UPDATE SET started_at = excluded.started_at,
                   finished_at = excluded.finished_at, rows = excluded.rows,
                   longest_hold_ms = excluded.longest_hold_ms, error = excluded.error",
            )?
            .execute(params![
                job.name(),
                status.started_at,
                status.finished_at,
                status.rows as i64,
                status.longest_hold_ms as i64,
                status.error
            ])
        });
        if let Err(error) = saved {
            tracing::debug!(%error, job = job.name(), "cannot note the job");
        }
    }

    /// Once a second: a directory is cheap to look at, but not free.
    fn look_for_requests(&mut self, now: i64) {
        if self.looked_for_requests == now {
            return;
        }
        self.looked_for_requests = now;
        for (id, job) in take(&self.plan.maintain_requests) {
            match job {
                Ok(job) => {
                    self.waiting.entry(job).or_default().push(id);
                    self.asked.insert(job);
                }
                Err(error) => answer(
                    &self.plan.maintain_requests,
                    &MaintainAnswer {
                        id,
                        job: String::new(),
                        completed_at: rfc3339(now),
                        rows: 0,
                        longest_hold_ms: 0,
                        error: Some(error),
                    },
                ),
            }
        }
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs")
            .field("running", &self.running())
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

/// The next time after 03:00 at night, at a minute that differs between installations so
/// that those on one machine do not all prune at once.
fn next_night(now: i64, utc_offset_s: i64) -> i64 {
    let minute = i64::from(std::process::id() % 60);
    let local = now + utc_offset_s;
    let night = local.div_euclid(86_400) * 86_400 + 3 * 3_600 + minute * 60;
    let next = if night > local { night } else { night + 86_400 };
    next - utc_offset_s
}

fn with_causes(error: &WriteError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn night_comes_once_a_day_after_three() {
        let minute = i64::from(std::process::id() % 60) * 60;
        let day = 1_780_000_000_i64.div_euclid(86_400) * 86_400;
        assert_eq!(next_night(day, 0), day + 3 * 3_600 + minute);
        assert_eq!(next_night(day + 12 * 3_600, 0), day + 86_400 + 3 * 3_600 + minute);
        let berlin = 7_200;
        assert_eq!(next_night(day, berlin), day + 3_600 + minute);
    }
}
