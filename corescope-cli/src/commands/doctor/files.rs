//! Files beside the database: free disk, the ingestor's statistics, backups.

use std::path::Path;

use corescope_core::time::parse_rfc3339_millis;
use serde_json::Value;

use super::{Findings, ago};
use crate::owner::{bytes, now};
use crate::place::Place;

/// The statistics are written every second.
const STALE_S: i64 = 30;
/// Largest statistics file that is read, bytes.
const MAX_STATS: u64 = 16 << 20;

pub(super) fn look(found: &mut Findings, place: &Place) {
    disk(found, &place.paths.db);
    backups(found, &place.paths.data.join("backups"));
    match read_stats(&place.paths.stats) {
        Some(stats) => statistics(found, &stats),
        None => found.warn(
            "ingestor",
            format_args!("no statistics at {}", place.paths.stats.display()),
            "start the ingestor; if it runs, CORESCOPE_INGESTOR_STATS differs between it and this shell",
        ),
    }
}

fn disk(found: &mut Findings, database: &Path) {
    let folder = database.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(about) = rustix::fs::statvfs(folder) else { return };
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let size = std::fs::metadata(database).map_or(0, |m| m.len());
    let text = format!("{} free in {}", bytes(free), folder.display());
    if free < 100 << 20 {
        found.bad(
            "disk",
            text,
            "make room: when the disk is full nothing is stored, and brokers keep what they can",
        );
    } else if free < (size / 10).max(1 << 30) {
        found.warn("disk", text, "make room, or set retention.packetDays");
    } else {
        found.ok("disk", text);
    }
}

fn backups(found: &mut Findings, folder: &Path) {
    let newest = std::fs::read_dir(folder)
        .ok()
        .and_then(|entries| entries.flatten().filter_map(|e| e.metadata().ok()?.modified().ok()).max());
    let age = newest.and_then(|at| at.elapsed().ok()).map(|age| age.as_secs() as i64);
    match age {
        None => found.warn(
            "backup",
            format_args!("none in {}", folder.display()),
            "corescope-cli backup --keep 7",
        ),
        Some(age) if age > 8 * 86_400 => {
            found.warn(
                "backup",
                format_args!("the newest is {} old", ago(age)),
                "corescope-cli backup --keep 7",
            );
        }
        Some(age) => found.ok("backup", format_args!("the newest is {} old", ago(age))),
    }
}

fn read_stats(path: &Path) -> Option<Value> {
    if std::fs::metadata(path).ok()?.len() > MAX_STATS {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn statistics(found: &mut Findings, stats: &Value) {
    let sampled =
        stats["sampledAt"].as_str().and_then(parse_rfc3339_millis).map_or(0, |ms| ms.div_euclid(1000));
    let age = now() - sampled;
    if age > STALE_S {
        found.bad(
            "ingestor",
            format_args!("its statistics are {} old: it does not run, or hangs", ago(age)),
            "restart it, and read its log",
        );
        return;
    }
    if let Some(trouble) = stats["trouble"]["error"].as_str() {
        found.bad("ingestor", format_args!("nothing can be committed: {trouble}"), "see the ingestor's log");
    }
    let waiting = stats["queue"]["len"].as_u64().unwrap_or(0);
    let errors = stats["write_errors"].as_u64().unwrap_or(0);
    found.ok(
        "ingestor",
        format_args!(
            "{} observations since its start, {waiting} messages wait, {errors} failed writes",
            stats["obs_inserted"].as_u64().unwrap_or(0)
        ),
    );
    for source in stats["source_statuses"].as_array().into_iter().flatten() {
        let name = source["name"].as_str().unwrap_or("?");
        let last = source["lastPacketUnix"].as_i64().filter(|at| *at > 0);
        let last = last.map_or_else(
            || "no message yet".to_owned(),
            |at| format!("last message {} ago", ago(now() - at)),
        );
        let rate = source["packetsLast5m"].as_f64().unwrap_or(0.0) / 300.0;
        let error = source["lastError"].as_str().map(|e| format!(", last error: {e}")).unwrap_or_default();
        if source["connected"].as_bool().unwrap_or(false) {
            found.ok("source", format_args!("{name}: connected, {last}, {rate:.1}/s"));
        } else {
            found.bad(
                "source",
                format_args!("{name}: not connected, {last}{error}"),
                "check address, user and password; the ingestor tries again by itself",
            );
        }
    }
    for slow in stats["writer_perf"].as_object().into_iter().flatten() {
        let hold = slow.1["hold_ms_max"].as_f64().unwrap_or(0.0);
        if hold > 500.0 {
            found.warn(
                "ingestor",
                format_args!("{} held the write lock for {hold:.0} ms", slow.0),
                "a slow disk?",
            );
        }
    }
}
