//! Runs what is due, one step at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use corescope_core::time::rfc3339;
use rusqlite::params;

use super::clock::{Now, WallClock, next_night};
use super::job::{Job, Schedule};
use super::plan::Plan;
use super::requests::{MaintainAnswer, answer, take};
use super::work::{Step, Work};
use crate::write::{WriteError, Writer};

/// All jobs of a writer, and when each is due.
pub struct Jobs {
    plan: Plan,
    /// By the steady clock.
    due: BTreeMap<Job, i64>,
    asked: BTreeSet<Job>,
    /// Who waits for the job's next end.
    waiting: BTreeMap<Job, Vec<String>>,
    running: Option<Running>,
    status: BTreeMap<Job, JobStatus>,
    looked_for_requests: i64,
    clock: WallClock,
    /// Minutes after 03:00. Differs between installations, so that those on one machine do not all prune at once.
    minute: i8,
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
    /// Nothing is due before this time of the steady clock ([`Now::steady`]).
    At(i64),
}

impl Jobs {
    /// The jobs, scheduled from `now`.
    pub fn new(plan: Plan, now: Now) -> Self {
        let mut jobs = Self {
            plan,
            due: BTreeMap::new(),
            asked: BTreeSet::new(),
            waiting: BTreeMap::new(),
            running: None,
            status: BTreeMap::new(),
            looked_for_requests: i64::MIN,
            clock: WallClock::new(now),
            minute: (RandomState::new().hash_one(now.unix) % 60) as i8,
        };
        for job in Job::ALL {
            if let Schedule::Every { first, .. } | Schedule::Nightly { first } = job.schedule() {
                jobs.due.insert(job, now.steady + first);
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

    /// Makes one step of what is due.
    ///
    /// A job that fails is noted in its status and tried again at its next time: failing is
    /// no reason to stop storing messages. After the wall clock has jumped far ahead, nothing is deleted
    /// by age for an hour, unless somebody asks for it: what looks old may not be.
    pub fn run_due(&mut self, writer: &mut Writer, now: Now) -> Next {
        self.watch_the_clock(now);
        self.look_for_requests(now);
        if self.running.is_none() {
            let Some(job) = self.choose(now) else { return Next::At(now.steady + 1) };
            self.begin(job, now);
        }
        let Some(mut running) = self.running.take() else { return Next::Now };
        // What is old is settled when a job begins: the clock may jump between its steps.
        let at = if running.job.goes_by_age() { running.began } else { now.unix };
        let now = now.unix;
        let started = Instant::now();
        let result = running.work.step(writer, &self.plan, at);
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

    fn choose(&mut self, now: Now) -> Option<Job> {
        if let Some(job) = self.asked.pop_first() {
            return Some(job);
        }
        let waits = |job: Job| job.goes_by_age() && self.clock.is_doubtful(now);
        Job::ALL
            .into_iter()
            .find(|job| self.due.get(job).is_some_and(|due| *due <= now.steady) && !waits(*job))
    }

    fn watch_the_clock(&mut self, now: Now) {
        let Some(jump) = self.clock.look(now) else { return };
        tracing::warn!(seconds = jump, "the system's clock jumped");
        if self.clock.is_doubtful(now) {
            tracing::warn!("nothing is deleted by age for an hour, in case the clock is wrong");
        }
        // Night comes at another time now; what has not run since the start is still due soon.
        for job in Job::ALL {
            let is_nightly = matches!(job.schedule(), Schedule::Nightly { .. });
            if is_nightly && self.status.contains_key(&job) {
                self.due.insert(job, self.next_night(now));
            }
        }
    }

    /// By the steady clock.
    fn next_night(&self, now: Now) -> i64 {
        let night = next_night(now.unix, &self.plan.zone, self.minute);
        now.steady.saturating_add(night.saturating_sub(now.unix))
    }

    fn begin(&mut self, job: Job, now: Now) {
        match job.schedule() {
            Schedule::Every { then, .. } => {
                self.due.insert(job, now.steady.saturating_add(then));
            }
            Schedule::Nightly { .. } => {
                self.due.insert(job, self.next_night(now));
            }
            Schedule::OnRequest => {}
        }
        self.running = Some(Running {
            job,
            work: job.start(&self.plan),
            began: now.unix,
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
    fn look_for_requests(&mut self, now: Now) {
        if self.looked_for_requests == now.steady {
            return;
        }
        self.looked_for_requests = now.steady;
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
                        completed_at: rfc3339(now.unix),
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
