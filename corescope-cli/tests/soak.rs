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
    let dir = tempfile::tempdir().unwrap();
    let Some(broker) = Mosquitto::start(dir.path()) else { return };
    let data = dir.path().join("data");
    let mut process = Process::start(ingestor().arg("--data").arg(&data).env("MQTT_BROKER", broker.url()));
    process.line("connected");
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
    let (middle, last) = (memory[memory.len() / 2], memory[memory.len() - 1]);
    let (lag, log) = (lags.iter().max().unwrap(), logs.iter().max().unwrap());
    println!(
        "{rate:.0} messages/s, memory {middle} KB in the middle, {last} KB at the end, lag at most {lag} messages, log at most {log} bytes"
    );
    assert!(last < middle + middle / 4 + 8192, "memory grows: {memory:?}");
    assert!(*lag < 5000, "lag grows: {lags:?}");
    assert!(*log < 128 << 20, "the log grows: {logs:?}");
}
