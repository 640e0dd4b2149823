//! What is counted on the way to the writer, and the log lines that must not repeat.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use corescope_core::config::printable;
use corescope_core::uplink::{BadInput, ClockRemark, EnvelopeStamp};
use corescope_store::write::RefusedKind;

/// Counters and log limits of one ingestor.
#[derive(Debug, Default)]
pub struct Counters {
    bad: Mutex<BTreeMap<&'static str, u64>>,
    seldom: Mutex<Seldom>,
}

impl Counters {
    /// Counts a message that is not stored.
    pub fn refused(&self, source: &str, kind: RefusedKind, reason: &'static str) {
        let result = match kind {
            RefusedKind::Filtered => "filtered",
            RefusedKind::Rejected => "rejected",
            RefusedKind::Duplicate => "duplicate",
        };
        metrics::counter!("corescope_refused_total", "source" => source.to_owned(), "result" => result, "reason" => reason)
            .increment(1);
        if kind == RefusedKind::Rejected {
            self.bad(reason);
        }
    }

    /// Counts what was odd about a message that is used.
    pub fn remarked(&self, remark: &'static str) {
        metrics::counter!("corescope_odd_messages_total", "reason" => remark).increment(1);
        self.bad(remark);
    }

    /// Counts a reason under `bad`.
    pub fn bad(&self, reason: &'static str) {
        *lock(&self.bad).entry(reason).or_default() += 1;
    }

    /// All reasons with their counts.
    pub fn bad_counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.bad).clone()
    }

    /// One log line a minute for each source and reason, with what and where.
    pub fn log_bad(&self, source: &str, topic: &str, bad: &BadInput) {
        let key = format!("bad {source} {}", bad.reason);
        if let Some(quiet) = self.may_log(key, Duration::from_mins(1)) {
            let topic = printable(topic);
            tracing::warn!(source, %topic, reason = bad.reason.as_str(), what = %printable(&bad.what), quiet, "message refused");
        }
    }

    /// One log line an hour for each observer and remark.
    pub fn log_clock(&self, source: &str, observer: &str, remark: ClockRemark, stamp: &EnvelopeStamp<'_>) {
        let key = format!("clock {observer} {}", remark.as_str());
        if let Some(quiet) = self.may_log(key, Duration::from_hours(1)) {
            let written = match stamp {
                EnvelopeStamp::Text(text) => printable(text),
                EnvelopeStamp::UnixMillis(ms) => ms.to_string(),
                EnvelopeStamp::Absent => String::new(),
            };
            let observer = short(observer);
            tracing::warn!(source, %observer, remark = remark.as_str(), %written, quiet, "an observer's clock is not believed");
        }
    }

    /// Whether a line of this key may be logged now, and how many were held back since the last.
    pub fn may_log(&self, key: String, interval: Duration) -> Option<u64> {
        lock(&self.seldom).may(key, interval, Instant::now())
    }
}

/// The first eight characters of a key: enough to know it, short enough to read.
pub fn short(key: &str) -> String {
    printable(&key.chars().take(8).collect::<String>())
}

/// Remembers when each line was last written.
#[derive(Debug, Default)]
struct Seldom {
    last: HashMap<String, (Instant, u64)>,
}

/// Keys that are remembered; beyond, the old are forgotten.
const MAX_KEYS: usize = 10_000;

impl Seldom {
    fn may(&mut self, key: String, interval: Duration, now: Instant) -> Option<u64> {
        if self.last.len() >= MAX_KEYS {
            self.last.retain(|_, (at, _)| now.duration_since(*at) < Duration::from_mins(1));
            if self.last.len() >= MAX_KEYS {
                return None;
            }
        }
        match self.last.get_mut(&key) {
            Some((at, held)) if now.duration_since(*at) < interval => {
                *held += 1;
                None
            }
            Some((at, held)) => {
                *at = now;
                Some(std::mem::take(held))
            }
            None => {
                self.last.insert(key, (now, 0));
                Some(0)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_held_back_and_counted() {
        let mut seldom = Seldom::default();
        let start = Instant::now();
        let minute = Duration::from_mins(1);
        let at = |secs| start + Duration::from_secs(secs);
        assert_eq!(seldom.may("a".into(), minute, at(0)), Some(0));
        assert_eq!(seldom.may("a".into(), minute, at(10)), None);
        assert_eq!(seldom.may("a".into(), minute, at(20)), None);
        assert_eq!(seldom.may("b".into(), minute, at(20)), Some(0));
        assert_eq!(seldom.may("a".into(), minute, at(60)), Some(2));
        for i in 0..MAX_KEYS * 2 {
            seldom.may(i.to_string(), minute, at(61));
        }
        assert!(seldom.last.len() <= MAX_KEYS);
    }
}
