//! Minutes at a steady rate: memory, lag and log stay flat. Run by `make soak`; `CORESCOPE_SOAK_SECONDS` sets how long.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::mqtt::Publisher;
use support::{Mosquitto, Process, assert_exactly_once, assert_in_good_order, ingestor};

fn rss_kb(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What a figure is like in one part of the run, whatever single samples were.
fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// The median of the second and of the last quarter: the first is still filling caches.
fn early_and_late(samples: &[u64]) -> (u64, u64) {
    let quarter = samples.len() / 4;
    (median(&samples[quarter..2 * quarter]), median(&samples[samples.len() - quarter..]))
}

fn queue(data: &Path) -> u64 {
    let text = std::fs::read_to_string(data.join("ingestor-stats.json")).unwrap_or_default();
    let stats: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    stats["queue"]["len"].as_u64().unwrap_or_default()
}

#[test]
#[ignore = "takes ten minutes: make soak"]
fn memory_lag_and_log_stay_flat() {
    let seconds =
        std::env::var("CORESCOPE_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    assert!(seconds >= 60, "a minute at least, to see what grows");
    let dir = tempfile::tempdir().unwrap();
    let Some(broker) = Mosquitto::start(dir.path()) else { return };
    let data = dir.path().join("data");
    let mut process = Process::start(ingestor().arg("--data").arg(&data).env("MQTT_BROKER", broker.url()));
    process.line("subscribed");
    let publishers = [1, 2].map(|n| Publisher::start(broker.port, &format!("publisher-{n}"), n << 32, 500.0));
    let begun = Instant::now();
    let (mut memory, mut lags, mut logs) = (Vec::new(), Vec::new(), Vec::new());
    while begun.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_secs(5));
        memory.push(rss_kb(process.pid()));
        lags.push(queue(&data));
        logs.push(std::fs::metadata(data.join("meshcore.db-wal")).map_or(0, |about| about.len()));
    }
    let messages: Vec<_> = publishers.into_iter().flat_map(Publisher::finish).collect();
    assert_exactly_once(&data.join("meshcore.db"), &messages);
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&data.join("meshcore.db"));
    let rate = messages.len() as f64 / seconds as f64;
    let [memory_kb, lag, log] = [&memory, &lags, &logs].map(|samples| early_and_late(samples));
    println!(
        "{rate:.0} messages/s; early and late: memory {memory_kb:?} KB, lag {lag:?} messages, log {log:?} bytes; at most: \
         lag {}, log {}",
        lags.iter().max().unwrap(),
        logs.iter().max().unwrap()
    );
    assert!(rate >= 900.0, "the rate was not reached: {rate}");
    assert!(memory_kb.1 <= memory_kb.0 + memory_kb.0 / 10 + 4096, "memory grows: {memory:?}");
    // A disk that others keep busy may stall it for seconds: what waited then must be gone at the end.
    let end = &lags[lags.len() * 3 / 4..];
    assert!(lag.1 <= lag.0 + 100, "lag grows: {lags:?}");
    assert!(
        end.iter().all(|lag| *lag < 5_000) && lags.iter().all(|lag| *lag < 30_000),
        "lag stays: {lags:?}"
    );
    // It is cut at 64 MB.
    assert!(log.1 <= log.0 + (16 << 20) && logs.iter().all(|log| *log < 96 << 20), "the log grows: {logs:?}");
}
