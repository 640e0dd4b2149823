//! How a step is timed: short batches, and the median of them.

use std::time::{Duration, Instant};

/// The median time of `work`, which does `items` things, per thing in nanoseconds.
///
/// A batch that is interrupted by another process shows in the tail, not in the median, as long as
/// batches are short.
pub(super) fn median_ns(time: Duration, items: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut batches = Vec::with_capacity(4096);
    let end = Instant::now() + time;
    while batches.len() < 16 || (Instant::now() < end && batches.len() < 100_000) {
        let start = Instant::now();
        work();
        batches.push(start.elapsed());
    }
    batches.sort_unstable();
    let median = batches.get(batches.len() / 2).copied().unwrap_or_default();
    median.as_secs_f64() * 1e9 / items.max(1) as f64
}
