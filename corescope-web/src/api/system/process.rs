//! What the operating system says of this process: memory, disk traffic, and how late timers fire.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

/// Time between two samples.
const STEP: Duration = Duration::from_secs(1);
/// Samples of the timer lag that the percentiles look back on.
const LAGS: usize = 120;

/// Memory of this process, bytes. Zero where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident.
    pub resident: u64,
    /// Resident and anonymous: what the allocator holds.
    pub anonymous: u64,
    /// Address space of data (`VmData`).
    pub data: u64,
    /// Resident and backed by files.
    pub file: u64,
    /// Threads.
    pub threads: u64,
}

impl Memory {
    /// Reads `/proc/self/status`.
    pub fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    fn parse(status: &str) -> Self {
        let kib = |name: &str| number(status, name).saturating_mul(1024);
        Self {
            resident: kib("VmRSS:"),
            anonymous: kib("RssAnon:"),
            data: kib("VmData:"),
            file: kib("RssFile:"),
            threads: number(status, "Threads:"),
        }
    }
}

/// Disk traffic per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IoRates {
    /// Bytes read from storage.
    pub read_bytes_per_sec: f64,
    /// Bytes written to storage.
    pub write_bytes_per_sec: f64,
    /// Bytes written and then never sent to storage (a file deleted before).
    pub cancelled_write_bytes_per_sec: f64,
    /// Read calls.
    pub syscalls_read: f64,
    /// Write calls.
    pub syscalls_write: f64,
}

/// How late a timer of the event loop fires, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventLoop {
    /// Last sample.
    pub current_lag_ms: f64,
    /// Greatest of the last two minutes.
    pub max_lag_ms: f64,
    /// Median of the last two minutes.
    pub p50_ms: f64,
    /// 95th percentile of the last two minutes.
    pub p95_ms: f64,
    /// 99th percentile of the last two minutes.
    pub p99_ms: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct IoCounters {
    read: u64,
    write: u64,
    cancelled: u64,
    calls_read: u64,
    calls_write: u64,
}

impl IoCounters {
    fn read() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/io").unwrap_or_default())
    }

    fn parse(io: &str) -> Self {
        Self {
            read: number(io, "read_bytes:"),
            write: number(io, "\nwrite_bytes:"),
            cancelled: number(io, "cancelled_write_bytes:"),
            calls_read: number(io, "syscr:"),
            calls_write: number(io, "syscw:"),
        }
    }
}

/// The number after `name` in a file of `name number` lines; 0 when it is not there.
fn number(text: &str, name: &str) -> u64 {
    text.split_once(name)
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// Samples taken each second by [`Sampler::run`]; every reader sees the same figures.
#[derive(Debug, Default)]
pub struct Sampler {
    inner: Mutex<Sampled>,
}

#[derive(Debug, Default)]
struct Sampled {
    last: Option<(Instant, IoCounters)>,
    rates: IoRates,
    lags_us: VecDeque<u64>,
}

impl Sampler {
    /// Samples until the future is dropped.
    pub async fn run(&self) {
        self.sample(Duration::ZERO);
        loop {
            let due = Instant::now() + STEP;
            tokio::time::sleep_until(due.into()).await;
            self.sample(due.elapsed());
        }
    }

    /// Disk traffic of the last full second.
    pub fn io(&self) -> IoRates {
        self.lock().rates
    }

    /// Timer lag of the last two minutes.
    pub fn event_loop(&self) -> EventLoop {
        let inner = self.lock();
        let mut sorted: Vec<u64> = inner.lags_us.iter().copied().collect();
        sorted.sort_unstable();
        let ms = |us: u64| (us as f64 / 10.0).round() / 100.0;
        EventLoop {
            current_lag_ms: ms(inner.lags_us.back().copied().unwrap_or(0)),
            max_lag_ms: ms(sorted.last().copied().unwrap_or(0)),
            p50_ms: ms(percentile(&sorted, 50)),
            p95_ms: ms(percentile(&sorted, 95)),
            p99_ms: ms(percentile(&sorted, 99)),
        }
    }

    fn sample(&self, lag: Duration) {
        let now = (Instant::now(), IoCounters::read());
        let mut inner = self.lock();
        if let Some(before) = inner.last {
            inner.rates = rates(before, now);
        }
        inner.last = Some(now);
        if inner.lags_us.len() == LAGS {
            inner.lags_us.pop_front();
        }
        // tokio's timer wheel turns in steps of 1 ms: what is below is not lag
        let lag = lag.saturating_sub(Duration::from_millis(1));
        inner.lags_us.push_back(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sampled> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value below which `p` per cent of a sorted list lie; 0 of an empty list.
fn percentile(sorted: &[u64], p: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * p / 100).min(last)).copied().unwrap_or(0)
}

fn rates((t0, a): (Instant, IoCounters), (t1, b): (Instant, IoCounters)) -> IoRates {
    let seconds = t1.duration_since(t0).as_secs_f64();
    let per_second = |a: u64, b: u64| if seconds > 0.0 { b.saturating_sub(a) as f64 / seconds } else { 0.0 };
    IoRates {
        read_bytes_per_sec: per_second(a.read, b.read),
        write_bytes_per_sec: per_second(a.write, b.write),
        cancelled_write_bytes_per_sec: per_second(a.cancelled, b.cancelled),
        syscalls_read: per_second(a.calls_read, b.calls_read),
        syscalls_write: per_second(a.calls_write, b.calls_write),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_read() {
        let io = IoCounters::parse(
            "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n",
        );
        assert_eq!((io.read, io.write, io.cancelled, io.calls_read, io.calls_write), (5, 6, 7, 3, 4));
        let m = Memory::parse("Name:\tx\nVmRSS:\t  2048 kB\nRssAnon:\t 1024 kB\nThreads:\t9\n");
        assert_eq!((m.resident, m.anonymous, m.threads, m.data), (2 << 20, 1 << 20, 9, 0));
    }

    #[test]
    fn rates_are_per_second_and_never_negative() {
        let t0 = Instant::now();
        let a = IoCounters { read: 100, calls_write: 9, ..Default::default() };
        let b = IoCounters { read: 300, calls_write: 3, ..Default::default() };
        let r = rates((t0, a), (t0 + Duration::from_secs(2), b));
        assert_eq!((r.read_bytes_per_sec, r.syscalls_write), (100.0, 0.0));
        assert_eq!(rates((t0, a), (t0, b)), IoRates::default());
    }
}
