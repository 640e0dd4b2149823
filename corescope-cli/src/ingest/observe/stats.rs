//! The stats file: what the ingestor says about itself once a second, for the server.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use corescope_core::time::rfc3339_millis;
use corescope_store::write::Backfills;
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Observed, readiness};
use crate::ingest::JobView;
use crate::ingest::clock::now_ms;
use crate::ingest::mqtt::SourceStatus;

/// Writes the file every second until intake ends, and once more then.
pub fn write_stats(observed: Observed, path: PathBuf, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut disk = DiskUse::default();
        let mut failed = false;
        loop {
            let ending = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(Duration::from_secs(1)) => false,
            };
            let text = document(&observed, &mut disk).to_string();
            match replace(&path, &text) {
                Ok(()) => failed = false,
                Err(error) if !failed => {
                    tracing::warn!(%error, file = %path.display(), "cannot write the stats file");
                    failed = true;
                }
                Err(_) => {}
            }
            if ending {
                return;
            }
        }
    })
}

/// The document, in the original's spelling and with figures of ours.
fn document(observed: &Observed, disk: &mut DiskUse) -> Value {
    let now = now_ms();
    let written = observed.desk.written();
    let backfills = observed.desk.backfills();
    let statuses = observed.roster.statuses();
    let mut liveness = Map::new();
    for status in &statuses {
        let last = status.figures(now).last_message_ms.map_or(0, |ms| ms.div_euclid(1000));
        liveness.insert(status.name.clone(), json!({"lastReceiptUnix": last, "lastMessageUnix": last}));
    }
    let reasons = readiness(observed).reasons;
    json!({
        "sampledAt": rfc3339_millis(now),
        "tx_inserted": written.transmissions,
        "obs_inserted": written.observations,
        "tx_dupes": written.known_transmissions,
        "obs_dupes": written.duplicates,
        "node_upserts": written.node_writes,
        "observer_upserts": written.observer_writes,
        "write_errors": written.write_errors,
        "sig_drops": written.bad_signatures,
        "walCommits": written.commits,
        "groupCommitFlushes": 0,
        "backfillUpdates": backfill_updates(&backfills),
        "from_pubkey_backfill": senders(&backfills),
        "procIO": disk.sample(now),
        "writer_perf": observed.desk.perf.to_json(),
        "ledger": ledger(observed, now),
        "completeness": completeness(observed),
        "jobs": observed.desk.jobs().iter().map(job_json).collect::<Vec<_>>(),
        "source_liveness": liveness,
        "source_statuses": statuses.iter().map(|status| status.to_json(now)).collect::<Vec<_>>(),
        "watchdogLastTickUnix": last_tick(&statuses, now).div_euclid(1000),
        "watchdogPanicCount": 0,
        "queue": {
            "len": observed.level.messages(),
            "bytes": observed.level.bytes(),
            "waits": observed.level.waits(),
            "dropped": 0,
        },
        "bad": observed.shared.counters.bad_counts(),
        "lastCommitUnixMs": observed.desk.last_commit_ms(),
        "trouble": observed.desk.trouble().map(|(stuck, why)| {
            json!({"sinceUnixMs": now - i64::try_from(stuck.as_millis()).unwrap_or(now), "error": why})
        }),
        "ready": reasons.is_empty(),
        "reasons": reasons,
        "pid": std::process::id(),
        "startedUnixMs": observed.started_ms,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// When the watch that is furthest behind last looked at its source, Unix milliseconds; now where there is nothing to watch.
fn last_tick(statuses: &[Arc<SourceStatus>], now: i64) -> i64 {
    statuses.iter().filter_map(|status| status.last_watched_ms()).min().unwrap_or(now)
}

/// Rows of older programs that were completed since the start, by what they lacked.
fn backfill_updates(backfills: &Backfills) -> Value {
    json!({"transmissions": backfills.transmissions.filled, "path_json": backfills.paths.filled})
}

/// Progress of the pass that fills in senders.
fn senders(backfills: &Backfills) -> Value {
    let pass = backfills.transmissions;
    json!({"total": pass.total, "processed": pass.processed, "done": pass.done})
}

/// The account since the start, by source: received = stored + duplicate + filtered + rejected + inFlight.
fn ledger(observed: &Observed, now: i64) -> Value {
    let statuses = observed.roster.statuses();
    let mut out = Map::new();
    // Before the sources: what they received since is under way, never less than nothing.
    let committed = observed.desk.account.by_source();
    for status in &statuses {
        let line = committed.get(status.name.as_str()).copied().unwrap_or_default();
        let mut entry = line.to_json(status.figures(now).messages);
        if let (Some(why), Some(map)) = (status.may_lose(), entry.as_object_mut()) {
            map.insert("mayLose".into(), why.into());
        }
        out.insert(status.name.clone(), entry);
    }
    for (source, line) in committed {
        out.entry(source.to_string()).or_insert_with(|| line.to_json(line.total()));
    }
    Value::Object(out)
}

/// How complete the newest full hour is, by source.
fn completeness(observed: &Observed) -> Value {
    match observed.desk.completeness() {
        known @ Value::Object(_) => known,
        _ => json!({}),
    }
}

fn job_json(view: &JobView) -> Value {
    json!({
        "name": view.job.name(),
        "running": view.is_running,
        "startedAt": view.status.started_at,
        "finishedAt": view.status.finished_at,
        "rows": view.status.rows,
        "longestHoldMs": view.status.longest_hold_ms,
        "runs": view.status.runs,
        "error": view.status.error,
    })
}

/// Writes beside and renames, so that a reader never sees half a file; a link in its place is not followed.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    std::fs::rename(&beside, path)
}

/// What the process reads and writes, per second.
#[derive(Debug, Default)]
struct DiskUse {
    last: Option<(Instant, [u64; 5])>,
}

const COUNTERS: [&str; 5] = ["read_bytes", "write_bytes", "cancelled_write_bytes", "syscr", "syscw"];

impl DiskUse {
    fn sample(&mut self, now_ms: i64) -> Value {
        let Ok(text) = std::fs::read_to_string("/proc/self/io") else { return Value::Null };
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or_default()
        };
        let counts = COUNTERS.map(value);
        let now = Instant::now();
        let rates = self.last.map_or([0.0; 5], |(then, before)| {
            let secs = now.duration_since(then).as_secs_f64().max(0.001);
            std::array::from_fn(|i| counts[i].saturating_sub(before[i]) as f64 / secs)
        });
        self.last = Some((now, counts));
        json!({
            "readBytesPerSec": rates[0],
            "writeBytesPerSec": rates[1],
            "cancelledWriteBytesPerSec": rates[2],
            "syscallsRead": rates[3],
            "syscallsWrite": rates[4],
            "writtenBytesTotal": counts[1],
            "sampledAt": rfc3339_millis(now_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use corescope_store::write::Pass;

    use super::*;

    #[test]
    fn progress_with_older_rows_is_told_as_it_is() {
        let backfills = Backfills {
            transmissions: Pass { total: 900, processed: 300, filled: 12, done: false },
            paths: Pass { total: 5000, processed: 0, filled: 0, done: false },
        };
        assert_eq!(senders(&backfills), json!({"total": 900, "processed": 300, "done": false}));
        assert_eq!(backfill_updates(&backfills), json!({"transmissions": 12, "path_json": 0}));
    }

    #[test]
    fn the_file_is_replaced_and_private_and_links_are_not_followed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.json");
        replace(&path, "{\"a\":1}").unwrap();
        replace(&path, "{}").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "keep").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("stats.json.tmp")).unwrap();
        assert!(replace(&path, "evil").is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "keep");
    }
}
