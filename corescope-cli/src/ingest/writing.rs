//! The writer's thread: collects batches, commits them, and only then tells who waits.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use corescope_store::jobs::Plan;
use corescope_store::tail::Wake;
use corescope_store::write::{
    Accepted, Backfills, Counters as Written, Outcome, Refused, Rules, WriteError, Writer,
};
use serde_json::Value;
use tokio::runtime::Handle;

use super::account::Account;
use super::clock::{now_ms, steady_ms};
use super::perf::Perf;
use super::queue::{Closed, Item, Outlet, Work};
use super::receipt::{Receipt, deliver};
use super::upkeep::{JobView, Upkeep};

/// How batches form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Longest time the first message of a batch waits for others.
    pub window: Duration,
    /// Most messages in a batch.
    pub most: usize,
}

/// What other threads may know and ask of the writer.
#[derive(Debug, Default)]
pub struct WriterDesk {
    /// Totals of the writer.
    written: Mutex<Written>,
    /// How far older rows are filled.
    backfills: Mutex<Backfills>,
    /// When the last batch was committed, Unix milliseconds; 0: none yet.
    last_commit_ms: AtomicI64,
    /// When the writer last committed, or had nothing to do; by the steady clock.
    free_ms: AtomicI64,
    /// Since when a batch cannot be committed, by the steady clock; 0: all is well.
    stuck_since_ms: AtomicI64,
    /// Why not.
    trouble: Mutex<Option<String>>,
    /// Messages that were left when the process ended.
    left: AtomicU64,
    new_rules: Mutex<Option<Rules>>,
    new_window: Mutex<Option<Duration>>,
    new_state: Mutex<Vec<(String, String)>>,
    new_wake: Mutex<Option<Wake>>,
    new_plan: Mutex<Option<Plan>>,
    jobs: Mutex<Vec<JobView>>,
    /// How complete the newest full hour is, by source.
    completeness: Mutex<Value>,
    /// The least complete observers of that hour.
    least_complete: Mutex<Vec<(String, f64)>>,
    /// How long the parts of the writer hold it.
    pub perf: Perf,
    /// What became of every committed message, by source.
    pub account: Account,
    give_up: AtomicBool,
}

impl WriterDesk {
    /// Logs whoever holds the writer longer than `slow_ms`.
    pub fn new(slow_ms: f64) -> Self {
        Self { perf: Perf::new(slow_ms), free_ms: AtomicI64::new(steady_ms()), ..Self::default() }
    }

    /// Takes other settings of the jobs.
    pub fn set_plan(&self, plan: Plan) {
        *lock(&self.new_plan) = Some(plan);
    }

    /// Every job that has run or runs.
    pub fn jobs(&self) -> Vec<JobView> {
        lock(&self.jobs).clone()
    }

    /// By source, how complete the newest full hour is; null while nothing is known.
    pub fn completeness(&self) -> Value {
        lock(&self.completeness).clone()
    }

    /// The least complete observers of the newest full hour.
    pub fn least_complete(&self) -> Vec<(String, f64)> {
        lock(&self.least_complete).clone()
    }

    /// Totals of the writer.
    pub fn written(&self) -> Written {
        *lock(&self.written)
    }

    /// How far the rows are filled that older programs left incomplete.
    pub fn backfills(&self) -> Backfills {
        *lock(&self.backfills)
    }

    /// When the last batch was committed, Unix milliseconds.
    pub fn last_commit_ms(&self) -> Option<i64> {
        Some(self.last_commit_ms.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }

    /// How long what waits has been waiting for a commit, at least.
    pub fn lag(&self) -> Duration {
        since(self.free_ms.load(Ordering::Relaxed))
    }

    /// How long nothing can be committed, and why.
    pub fn trouble(&self) -> Option<(Duration, String)> {
        let stuck = self.stuck_since_ms.load(Ordering::Relaxed);
        if stuck == 0 { None } else { Some((since(stuck), lock(&self.trouble).clone().unwrap_or_default())) }
    }

    /// Messages that were left when the writer ended.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Takes other rules from the next batch on.
    pub fn set_rules(&self, rules: Rules) {
        *lock(&self.new_rules) = Some(rules);
    }

    /// Takes another window from the next batch on.
    pub fn set_window(&self, window: Duration) {
        *lock(&self.new_window) = Some(window);
    }

    /// Wakes a follower in this process after each commit.
    pub fn set_wake(&self, wake: Wake) {
        *lock(&self.new_wake) = Some(wake);
    }

    /// Keeps a value in the database.
    pub fn set_state(&self, key: String, value: String) {
        lock(&self.new_state).push((key, value));
    }

    /// Stops trying: what cannot be committed now stays unacknowledged.
    pub fn give_up(&self) {
        self.give_up.store(true, Ordering::Relaxed);
    }
}

/// Starts the thread. It ends, and closes the database, when every source has ended.
///
/// # Errors
///
/// The thread cannot be started.
pub fn start(
    writer: Writer,
    outlet: Outlet,
    batching: Batching,
    desk: Arc<WriterDesk>,
    upkeep: Upkeep,
    runtime: Handle,
) -> std::io::Result<JoinHandle<()>> {
    *lock(&desk.backfills) = writer.backfills();
    let work = Writing { writer, outlet, batching, desk, upkeep, runtime };
    std::thread::Builder::new().name("writer".into()).spawn(move || work.run())
}

struct Writing {
    writer: Writer,
    outlet: Outlet,
    batching: Batching,
    desk: Arc<WriterDesk>,
    upkeep: Upkeep,
    runtime: Handle,
}

/// How long the writer rests when nothing comes, before it looks after its other duties.
const IDLE: Duration = Duration::from_millis(200);

/// The same while a job has more to do: messages get their turn between its steps.
const BETWEEN_STEPS: Duration = Duration::from_millis(5);

/// A source with so many unacknowledged messages probably sends no more before some are acknowledged
/// (Mosquitto's window is 20): waiting longer for others would only lose time.
const WINDOW_OF_BROKERS: u64 = 20;

impl Writing {
    fn run(mut self) {
        let mut batch: Vec<Item> = Vec::new();
        let mut more_to_do = true;
        loop {
            self.take_orders();
            let patience = if more_to_do { BETWEEN_STEPS } else { IDLE };
            match self.runtime.block_on(self.outlet.wait(patience)) {
                Ok(Some(first)) => {
                    batch.push(first);
                    self.collect(&mut batch);
                    self.take_orders();
                    if !self.commit(&mut batch) {
                        break;
                    }
                }
                Ok(None) => {
                    self.desk.free_ms.store(steady_ms(), Ordering::Relaxed);
                    if let Err(error) = self.writer.tick(now_ms()) {
                        tracing::warn!(%error, "cannot write what was gathered about observers; it is kept");
                    }
                }
                Err(Closed) => break,
            }
            more_to_do = self.upkeep.step(&mut self.writer, &self.desk.perf);
            *lock(&self.desk.jobs) = self.upkeep.view();
            if let Some((sources, observers)) = self.upkeep.new_completeness(&self.writer) {
                *lock(&self.desk.completeness) = sources;
                *lock(&self.desk.least_complete) = observers;
            }
            *lock(&self.desk.written) = self.writer.counters();
            *lock(&self.desk.backfills) = self.writer.backfills();
        }
        self.finish(batch);
    }

    /// Collects until waiting longer brings nothing.
    fn collect(&mut self, batch: &mut Vec<Item>) {
        let started = Instant::now();
        loop {
            self.outlet.take_ready(batch, self.batching.most);
            let left = self.batching.window.saturating_sub(started.elapsed());
            let asked = batch.iter().rev().take(64).any(|item| is_at_its_window(&item.receipt));
            if batch.len() >= self.batching.most || left.is_zero() || asked {
                return;
            }
            match self.runtime.block_on(self.outlet.wait(left)) {
                Ok(Some(item)) => batch.push(item),
                Ok(None) | Err(Closed) => return,
            }
        }
    }

    /// Commits the batch, however long it takes, and tells who waits. False when it was given up.
    fn commit(&mut self, items: &mut Vec<Item>) -> bool {
        let mut messages: Vec<Accepted> = Vec::with_capacity(items.len());
        let mut refused: Vec<Refused> = Vec::new();
        let mut is_stored = Vec::with_capacity(items.len());
        for item in &mut *items {
            match take(&mut item.work) {
                Work::Store(message) => {
                    messages.push(*message);
                    is_stored.push(true);
                }
                Work::Refuse(account) => {
                    refused.push(*account);
                    is_stored.push(false);
                }
            }
        }
        let waited = messages.first().map_or(0, |first| (now_ms() - first.received_at_ms).max(0));
        let started = Instant::now();
        let Some(outcomes) = self.store(&messages, &refused) else { return false };
        record(&messages, &outcomes, started.elapsed());
        self.desk.account.add(&messages, &outcomes, &refused);
        self.desk.perf.record("mqtt_handler", waited as f64, started.elapsed().as_secs_f64() * 1000.0);
        self.desk.last_commit_ms.store(now_ms(), Ordering::Relaxed);
        self.desk.free_ms.store(steady_ms(), Ordering::Relaxed);
        self.outlet.release(items);
        let mut outcomes = outcomes.into_iter();
        let receipts = items.drain(..).zip(is_stored);
        deliver(receipts.map(|(item, stored)| (item.receipt, if stored { outcomes.next() } else { None })));
        true
    }

    /// Tries until it works; `None` when it was told to give up.
    fn store(&mut self, messages: &[Accepted], refused: &[Refused]) -> Option<Vec<Outcome>> {
        let mut pause = Duration::from_millis(50);
        let mut logged: Option<Instant> = None;
        loop {
            match self.writer.batch_with(messages, refused) {
                Ok(report) => {
                    if logged.is_some() {
                        tracing::info!("the database takes messages again");
                        self.desk.stuck_since_ms.store(0, Ordering::Relaxed);
                    }
                    return Some(report.outcomes);
                }
                Err(error) => {
                    if logged.is_none_or(|at| at.elapsed() > Duration::from_secs(30)) {
                        self.complain(&error, messages.len());
                        logged.get_or_insert_with(Instant::now);
                        logged = Some(Instant::now());
                    }
                    metrics::counter!("corescope_write_errors_total").increment(1);
                    if self.desk.give_up.load(Ordering::Relaxed) {
                        return None;
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
    }

    fn complain(&self, error: &WriteError, waiting: usize) {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        tracing::error!(error = %text, waiting, "cannot commit; nothing is acknowledged, trying again");
        *lock(&self.desk.trouble) = Some(text);
        let _ =
            self.desk.stuck_since_ms.compare_exchange(0, steady_ms(), Ordering::Relaxed, Ordering::Relaxed);
    }

    fn take_orders(&mut self) {
        if let Some(rules) = lock(&self.desk.new_rules).take() {
            self.writer.set_rules(rules);
        }
        if let Some(window) = lock(&self.desk.new_window).take() {
            self.batching.window = window;
        }
        if let Some(plan) = lock(&self.desk.new_plan).take() {
            self.upkeep.set_plan(plan);
        }
        if let Some(wake) = lock(&self.desk.new_wake).take() {
            self.writer.on_commit(move || wake.wake());
        }
        for (key, value) in std::mem::take(&mut *lock(&self.desk.new_state)) {
            if let Err(error) = self.writer.set_state(&key, &value) {
                tracing::warn!(%error, key, "cannot keep a value");
            }
        }
    }

    fn finish(mut self, batch: Vec<Item>) {
        let mut left = batch;
        self.outlet.take_ready(&mut left, usize::MAX);
        self.desk.left.store(left.len() as u64, Ordering::Relaxed);
        self.outlet.close();
        self.upkeep.finish(&mut self.writer);
        if let Err(error) = self.writer.close() {
            tracing::error!(%error, "cannot close the database cleanly; messages that were acknowledged are safe");
        }
    }
}

/// How long ago a time of the steady clock was.
fn since(steady: i64) -> Duration {
    Duration::from_millis((steady_ms() - steady).max(0).unsigned_abs())
}

fn is_at_its_window(receipt: &Receipt) -> bool {
    match receipt {
        Receipt::Ack(line, _) => line.waiting() >= WINDOW_OF_BROKERS,
        Receipt::Answer(_) => true,
        Receipt::None => false,
    }
}

/// Takes the work out; what stays behind is never looked at.
fn take(work: &mut Work) -> Work {
    let empty = Refused {
        source: Arc::from(""),
        observer: None,
        received_at_ms: 0,
        kind: corescope_store::write::RefusedKind::Filtered,
        reason: std::borrow::Cow::Borrowed(""),
        count: 0,
    };
    std::mem::replace(work, Work::Refuse(Box::new(empty)))
}

/// Counts what the batch did, by source.
fn record(messages: &[Accepted], outcomes: &[Outcome], took: Duration) {
    metrics::histogram!("corescope_batch_seconds").record(took.as_secs_f64());
    metrics::histogram!("corescope_batch_messages").record(messages.len() as f64);
    let mut sums: Vec<(&Arc<str>, &'static str, &'static str, u64)> = Vec::new();
    for (message, outcome) in messages.iter().zip(outcomes) {
        let (result, reason) = match outcome {
            Outcome::Stored { .. } | Outcome::Noted => ("stored", ""),
            Outcome::Duplicate { .. } => ("duplicate", ""),
            Outcome::Filtered(rule) => ("filtered", rule.word()),
            Outcome::Rejected(why) => ("rejected", why.word()),
            _ => ("other", ""),
        };
        match sums
            .iter_mut()
            .find(|(s, r, why, _)| Arc::ptr_eq(s, &message.source) && *r == result && *why == reason)
        {
            Some((.., count)) => *count += 1,
            None => sums.push((&message.source, result, reason, 1)),
        }
    }
    for (source, result, reason, count) in sums {
        let source = source.to_string();
        metrics::counter!("corescope_messages_total", "source" => source, "result" => result, "reason" => reason)
            .increment(count);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
