//! How long the parts of the writer wait and hold it: the last 1024 samples of each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

/// Samples that are kept of each part.
const SAMPLES: usize = 1024;

/// A longer wait counts as contention, milliseconds.
const CONTENTION_MS: f64 = 100.0;

/// The samples of every part.
#[derive(Debug, Default)]
pub struct Perf {
    parts: Mutex<BTreeMap<&'static str, Part>>,
    slow_ms: f64,
}

#[derive(Debug, Default)]
struct Part {
    count: u64,
    contention: u64,
    wait_ms: VecDeque<f64>,
    hold_ms: VecDeque<f64>,
}

impl Perf {
    /// Logs whoever holds the writer longer than `slow_ms`.
    pub fn new(slow_ms: f64) -> Self {
        Self { parts: Mutex::default(), slow_ms }
    }

    /// One use of the writer.
    pub fn record(&self, part: &'static str, wait_ms: f64, hold_ms: f64) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = parts.entry(part).or_default();
        entry.count += 1;
        entry.contention += u64::from(wait_ms > CONTENTION_MS);
        for (samples, value) in [(&mut entry.wait_ms, wait_ms), (&mut entry.hold_ms, hold_ms)] {
            if samples.len() == SAMPLES {
                samples.pop_front();
            }
            samples.push_back(value);
        }
        drop(parts);
        metrics::histogram!("corescope_writer_hold_seconds", "part" => part).record(hold_ms / 1000.0);
        metrics::histogram!("corescope_writer_wait_seconds", "part" => part).record(wait_ms / 1000.0);
        if hold_ms > self.slow_ms {
            tracing::warn!(part, hold_ms = hold_ms.round(), "[db-slow-writer] held the writer for long");
        }
    }

    /// The section of the stats file.
    pub fn to_json(&self) -> Value {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Map::new();
        for (name, part) in parts.iter() {
            let mut entry = Map::new();
            entry.insert("count".into(), part.count.into());
            entry.insert("contention_total".into(), part.contention.into());
            for (what, samples) in [("wait_ms", &part.wait_ms), ("hold_ms", &part.hold_ms)] {
                let mut sorted: Vec<f64> = samples.iter().copied().collect();
                sorted.sort_by(f64::total_cmp);
                for (suffix, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
                    let at = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
                    entry.insert(
                        format!("{what}_{suffix}"),
                        json!(sorted.get(at).copied().unwrap_or_default()),
                    );
                }
            }
            out.insert((*name).to_owned(), Value::Object(entry));
        }
        Value::Object(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_samples() {
        let perf = Perf::new(1e9);
        for i in 0..2000 {
            perf.record("a", f64::from(i % 200), f64::from(i));
        }
        let json = perf.to_json();
        assert_eq!(json["a"]["count"], 2000);
        assert_eq!(json["a"]["hold_ms_max"], 1999.0);
        assert_eq!(json["a"]["hold_ms_p50"], 1487.0);
        assert_eq!(json["a"]["contention_total"], 990);
    }
}
