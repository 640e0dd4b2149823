//! The system's clock jumps while messages come in: nothing is lost, nothing is there twice, and everything goes on.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::io::Write;
use std::path::Path;

use corescope_core::time::rfc3339;
use serde_json::Value;
use support::clock::WallClock;
use support::mqtt::{self, Publisher};
use support::{
    Heard, Process, assert_accounted_for, assert_exactly_once, assert_in_good_order, corescope, network, up,
    wait_for,
};

const DAY: i64 = 86_400;

fn stats(data: &Path) -> Value {
    let text = std::fs::read_to_string(data.join("ingestor-stats.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn one<T: rusqlite::types::FromSql>(data: &Path, sql: &str) -> T {
    let database = corescope_store::db::open_read(&data.join("meshcore.db")).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A message of an observer that writes its local time and no zone, two hours ahead of the real time.
fn naive(heard: Heard) -> String {
    let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let local = rfc3339(real + 7_200).replace('Z', ".000000");
    heard.payload().replace("2026-06-06T07:52:15.414463+00:00", &local)
}

#[test]
fn a_clock_that_jumps_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(clock) = WallClock::new(dir.path()) else { return };
    let data = dir.path().join("data");
    let (port, metrics) = (network::free_port(), network::free_port());
    let mut command = up(&data, port);
    command.args(["--metrics-listen", &format!("127.0.0.1:{metrics}")]);
    let mut process = Process::start(clock.apply(&mut command));
    process.line("mqtt://");
    let publisher = Publisher::start(port, "publisher", 1, 200.0);
    let mut watch = mqtt::connect(port, "naive").unwrap();
    let mut messages = Vec::new();
    let jumps = [0, DAY, -365 * DAY, 400 * DAY, -1, 0];
    for (number, offset) in (0..).zip(jumps) {
        clock.set(offset);
        if offset.abs() >= DAY {
            wait_for("the jump to be noticed", || {
                let jumped = process.lines.lock().unwrap();
                jumped.iter().filter(|line| line.contains("clock jumped")).count() >= number.min(3) as usize
            });
        }
        let heard = Heard { transmission: (1 << 50) + number, observer: 0x77 };
        watch.write_all(&mqtt::publish(&heard.topic(), naive(heard).as_bytes(), number as u16 + 1)).unwrap();
        messages.push(heard);
        let before = publisher.acknowledged();
        wait_for("messages", || publisher.acknowledged() > before + 100);
        // Who asks for a job gets it, whatever the clock says.
        let run = corescope()
            .args(["maintain", "neighbours", "--timeout", "30", "--data"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(run.status.success(), "{offset}: {}", String::from_utf8_lossy(&run.stderr));
        assert_eq!(network::get(metrics, "/readyz").unwrap().0, 200, "{offset}");
    }
    messages.extend(publisher.finish());
    assert_exactly_once(&data.join("meshcore.db"), &messages);
    let jobs = stats(&data)["jobs"].clone();
    for job in jobs.as_array().unwrap() {
        // Asked for once in each round, or due once a minute at most.
        assert!(job["runs"].as_u64() < Some(20), "a job runs wild: {job}");
        assert!(job["error"].is_null(), "{job}");
    }
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&data.join("meshcore.db"));
    assert_accounted_for(&data.join("meshcore.db"));
    // Only what was stored while the clock was ahead may be dated so; nobody was last heard in the future.
    let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let last: String = one(&data, "SELECT max(last_seen) FROM observers");
    assert!(last <= rfc3339(real + 1), "{last}");
    let skews: i64 =
        one(&data, &format!("SELECT clock_skew_count_24h FROM observers WHERE id = '{}'", "77".repeat(32)));
    assert!((1..=6).contains(&skews), "{skews}");
}
