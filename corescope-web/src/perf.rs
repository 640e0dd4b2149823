//! How long requests took: totals, percentiles per route, the slow ones. What `/api/perf` shows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Durations kept per route for its percentiles.
const WINDOW: usize = 100;
/// Slow requests kept.
const SLOW_KEPT: usize = 50;
/// Routes kept apart; those beyond are counted in the totals only.
const MAX_ROUTES: usize = 256;
/// From here a request counts as slow.
pub const SLOW: Duration = Duration::from_millis(100);

/// The record of requests since the start or the last reset.
#[derive(Debug, Default)]
pub struct RequestLog {
    inner: Mutex<Record>,
}

/// Figures of the record at one moment.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Requests to `/api/` routes.
    pub total: u64,
    /// Their time in all, in microseconds.
    pub total_us: u64,
    /// Per route pattern (`/api/nodes/:pubkey`).
    pub routes: BTreeMap<String, Route>,
    /// The newest slow requests, oldest first.
    pub slow: VecDeque<Slow>,
    /// Slow requests counted.
    pub slow_total: u64,
}

/// Figures of one route.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// Requests.
    pub count: u64,
    /// Their time in all, in microseconds.
    pub total_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
    /// The last durations, in microseconds.
    window: VecDeque<u32>,
}

/// One slow request.
#[derive(Debug, Clone)]
pub struct Slow {
    /// The path asked for, without the query.
    pub path: String,
    /// How long it took, in microseconds.
    pub us: u64,
    /// When it ended, unix seconds of the server's clock.
    pub at: i64,
    /// The status answered.
    pub status: u16,
}

impl RequestLog {
    /// Counts one request.
    pub fn record(&self, route: &str, path: &str, status: u16, took: Duration, now: i64) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut record = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        record.total += 1;
        record.total_us = record.total_us.saturating_add(us);
        if took >= SLOW {
            record.slow_total += 1;
            if record.slow.len() == SLOW_KEPT {
                record.slow.pop_front();
            }
            record.slow.push_back(Slow { path: path.chars().take(200).collect(), us, at: now, status });
        }
        if let Some(known) = record.routes.get_mut(route) {
            known.add(us);
        } else if record.routes.len() < MAX_ROUTES {
            record.routes.entry(route.to_owned()).or_default().add(us);
        }
    }

    /// A copy of the figures.
    pub fn view(&self) -> Record {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Record::default();
    }
}

impl Route {
    fn add(&mut self, us: u64) {
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(u32::try_from(us).unwrap_or(u32::MAX));
    }

    /// A percentile (0…1) of the last hundred requests, in microseconds.
    pub fn percentile_us(&self, p: f64) -> u64 {
        let mut sorted: Vec<u32> = self.window.iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let at = ((sorted.len() as f64 * p) as usize).min(last);
        sorted.get(at).copied().unwrap_or(0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_come_from_the_last_hundred() {
        let log = RequestLog::default();
        for ms in 1..=200 {
            log.record("/api/stats", "/api/stats", 200, Duration::from_millis(ms), 0);
        }
        let view = log.view();
        let route = &view.routes["/api/stats"];
        assert_eq!((view.total, route.count, route.max_us), (200, 200, 200_000));
        assert_eq!(route.percentile_us(0.5), 151_000);
        assert_eq!(view.slow.len(), 50);
        assert_eq!(view.slow_total, 101);
        log.reset();
        assert_eq!(log.view().total, 0);
    }
}
