//! How long requests took, per route.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

/// Requests per route that the percentiles look back on.
const WINDOW: usize = 100;
/// A request that took longer is kept as slow.
const SLOW: Duration = Duration::from_millis(100);
/// Slow requests kept.
const SLOW_KEPT: usize = 50;
/// Routes told apart. Names are those of the router, so that no client can make new ones; the bound is a belt.
const MAX_ROUTES: usize = 256;

/// Timings since the start or the last reset. Cheap to record into, from any thread.
#[derive(Debug)]
pub struct Timings {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    since: Instant,
    total: u64,
    total_us: u64,
    routes: HashMap<String, Route>,
    slow: VecDeque<SlowRequest>,
}

#[derive(Debug, Default)]
struct Route {
    count: u64,
    total_us: u64,
    max_us: u64,
    recent_us: VecDeque<u64>,
}

/// Figures of one route.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteTimes {
    /// Requests.
    pub count: u64,
    /// Mean, ms.
    pub avg_ms: f64,
    /// Median of the last 100 requests, ms.
    pub p50_ms: f64,
    /// 95th percentile of the last 100 requests, ms.
    pub p95_ms: f64,
    /// Longest, ms.
    pub max_ms: f64,
}

/// One request that took over 100 ms.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SlowRequest {
    /// Path without its query.
    pub path: String,
    /// Duration, ms.
    pub ms: f64,
    /// When it ended, RFC 3339.
    pub time: String,
    /// Status answered.
    pub status: u16,
}

/// All figures at one moment.
#[derive(Clone, Debug)]
pub struct TimingsView {
    /// Requests on all routes.
    pub total: u64,
    /// Mean over all routes, ms.
    pub avg_ms: f64,
    /// Per route, by name.
    pub routes: std::collections::BTreeMap<String, RouteTimes>,
    /// Slow ones, newest first, at most 50.
    pub slow: Vec<SlowRequest>,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                since: Instant::now(),
                total: 0,
                total_us: 0,
                routes: HashMap::new(),
                slow: VecDeque::new(),
            }),
        }
    }
}

impl Timings {
    /// Records one request. `route` is the router's pattern (`/api/nodes/{pubkey}`), `path` what was asked for,
    /// `time` the end of the request (RFC 3339; only used when it was slow).
    pub fn record(
        &self,
        route: &str,
        path: &str,
        status: u16,
        took: Duration,
        time: impl FnOnce() -> String,
    ) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut inner = self.lock();
        inner.total += 1;
        inner.total_us = inner.total_us.saturating_add(us);
        if let Some(one) = inner.routes.get_mut(route) {
            one.add(us);
        } else if inner.routes.len() < MAX_ROUTES {
            let mut one = Route::default();
            one.add(us);
            inner.routes.insert(route.to_owned(), one);
        }
        if took > SLOW {
            if inner.slow.len() == SLOW_KEPT {
                inner.slow.pop_front();
            }
            inner.slow.push_back(SlowRequest { path: path.to_owned(), ms: ms(us), time: time(), status });
        }
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.lock() = Self::default().inner.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    /// Time since the start or the last reset.
    pub fn since(&self) -> Duration {
        self.lock().since.elapsed()
    }

    /// All figures now.
    pub fn view(&self) -> TimingsView {
        let inner = self.lock();
        TimingsView {
            total: inner.total,
            avg_ms: mean_ms(inner.total_us, inner.total),
            routes: inner.routes.iter().map(|(name, one)| (original_name(name), one.view())).collect(),
            slow: inner.slow.iter().rev().cloned().collect(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    fn add(&mut self, us: u64) {
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
        if self.recent_us.len() == WINDOW {
            self.recent_us.pop_front();
        }
        self.recent_us.push_back(us);
    }

    fn view(&self) -> RouteTimes {
        let mut recent: Vec<u64> = self.recent_us.iter().copied().collect();
        recent.sort_unstable();
        RouteTimes {
            count: self.count,
            avg_ms: mean_ms(self.total_us, self.count),
            p50_ms: ms(percentile(&recent, 50)),
            p95_ms: ms(percentile(&recent, 95)),
            max_ms: ms(self.max_us),
        }
    }
}

/// The value below which `p` per cent of a sorted list lie (nearest rank); 0 of an empty list.
pub fn percentile(sorted: &[u64], p: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * p / 100).min(last)).copied().unwrap_or(0)
}

fn ms(us: u64) -> f64 {
    (us as f64 / 100.0).round() / 10.0
}

fn mean_ms(total_us: u64, count: u64) -> f64 {
    ms(total_us.checked_div(count).unwrap_or(0))
}

/// `/api/nodes/{pubkey}` as the contract writes it: `/api/nodes/:pubkey`.
fn original_name(route: &str) -> String {
    route.replace('{', ":").replace('}', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(t: &Timings, ms: u64) {
        t.record("/api/nodes/{pubkey}", "/api/nodes/ab", 200, Duration::from_millis(ms), || "now".to_owned());
    }

    #[test]
    fn percentiles_are_over_the_last_hundred() {
        let t = Timings::default();
        record(&t, 900);
        for i in 1..=100 {
            record(&t, i);
        }
        let v = t.view();
        let one = &v.routes["/api/nodes/:pubkey"];
        assert_eq!((one.count, one.p50_ms, one.p95_ms, one.max_ms), (101, 51.0, 96.0, 900.0));
        assert_eq!(v.total, 101);
        assert_eq!(v.slow.len(), 1);
        assert_eq!((v.slow[0].path.as_str(), v.slow[0].ms), ("/api/nodes/ab", 900.0));
    }

    #[test]
    fn slow_requests_and_routes_are_bounded_and_reset_forgets() {
        let t = Timings::default();
        for i in 0..1000 {
            t.record(&format!("/r{i}"), "/p", 500, Duration::from_secs(1), String::new);
        }
        let v = t.view();
        assert_eq!((v.slow.len(), v.routes.len(), v.total), (SLOW_KEPT, MAX_ROUTES, 1000));
        t.reset();
        let v = t.view();
        assert_eq!((v.slow.len(), v.routes.len(), v.total, v.avg_ms), (0, 0, 0, 0.0));
    }
}
