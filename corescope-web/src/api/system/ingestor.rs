//! The statistics file that the ingestor writes each second, and what of it is shown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A file larger than this is not ours.
const MAX_BYTES: u64 = 4 << 20;
/// How long what was read is answered from, the file being rewritten each second.
const FRESH: Duration = Duration::from_millis(500);

/// The statistics file, as far as it is used. Unknown keys are ignored, absent ones are zero.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct IngestorStats {
    /// When it was written, RFC 3339.
    #[serde(rename = "sampledAt")]
    pub sampled_at: String,
    /// New transmissions.
    pub tx_inserted: i64,
    /// New observations.
    pub obs_inserted: i64,
    /// Messages whose transmission was known.
    pub tx_dupes: i64,
    /// Nodes written.
    pub node_upserts: i64,
    /// Observers written.
    pub observer_upserts: i64,
    /// Statements that failed.
    pub write_errors: i64,
    /// Adverts refused for their signature.
    pub sig_drops: i64,
    /// Commits.
    #[serde(rename = "walCommits")]
    pub wal_commits: i64,
    /// Batches committed together.
    #[serde(rename = "groupCommitFlushes")]
    pub group_commit_flushes: i64,
    /// Rows mended per background job.
    #[serde(rename = "backfillUpdates")]
    pub backfill_updates: BTreeMap<String, i64>,
    /// Disk traffic of the ingestor.
    #[serde(rename = "procIO")]
    pub proc_io: Option<IngestorIo>,
    /// Waits and holds of the writer per part.
    pub writer_perf: BTreeMap<String, WriterPerf>,
    /// Last signs of life per source.
    pub source_liveness: BTreeMap<String, SourceLiveness>,
    /// The links to the brokers.
    pub source_statuses: Vec<SourceStatus>,
    /// Last round of the watchdog, unix seconds.
    #[serde(rename = "watchdogLastTickUnix")]
    pub watchdog_last_tick_unix: Option<i64>,
    /// Times the watchdog had to be restarted.
    #[serde(rename = "watchdogPanicCount")]
    pub watchdog_panic_count: Option<i64>,
    /// Progress of the background job that fills in senders.
    pub from_pubkey_backfill: Option<Backfill>,
    /// The queue before the writer.
    pub queue: Option<Queue>,
    /// Input refused, by reason.
    pub bad: BTreeMap<String, i64>,
    /// What became of the messages since the start, by source.
    pub ledger: BTreeMap<String, SourceAccount>,
    /// How much of what the observers of a source heard arrived, by source.
    pub completeness: BTreeMap<String, SourceCompleteness>,
    /// Why the ingestor calls itself not ready; empty when it does its work.
    pub reasons: Vec<String>,
}

/// Disk traffic of the ingestor, per second.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct IngestorIo {
    /// Bytes read from storage.
    pub read_bytes_per_sec: f64,
    /// Bytes written to storage.
    pub write_bytes_per_sec: f64,
    /// Bytes written and never sent to storage.
    pub cancelled_write_bytes_per_sec: f64,
    /// Read calls.
    pub syscalls_read: f64,
    /// Write calls.
    pub syscalls_write: f64,
    /// When it was measured, RFC 3339.
    pub sampled_at: String,
}

/// Waits for, and holds of, the writer by one part of the ingestor: its last 1024 samples, ms.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(default)]
pub struct WriterPerf {
    /// Uses.
    pub count: i64,
    /// Waits of more than 100 ms.
    pub contention_total: i64,
    /// Median wait.
    pub wait_ms_p50: f64,
    /// 95th percentile of waits.
    pub wait_ms_p95: f64,
    /// 99th percentile of waits.
    pub wait_ms_p99: f64,
    /// Longest wait.
    pub wait_ms_max: f64,
    /// Median hold.
    pub hold_ms_p50: f64,
    /// 95th percentile of holds.
    pub hold_ms_p95: f64,
    /// 99th percentile of holds.
    pub hold_ms_p99: f64,
    /// Longest hold.
    pub hold_ms_max: f64,
}

/// Last signs of life of one source, unix seconds, 0 = none yet.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SourceLiveness {
    /// Anything received.
    pub last_receipt_unix: i64,
    /// Last message taken.
    pub last_message_unix: i64,
}

/// One link to a broker.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SourceStatus {
    /// Name in the configuration.
    pub name: String,
    /// Address, without its password.
    pub broker: String,
    /// Whether the link is up.
    pub connected: bool,
    /// Unix seconds, 0 = never.
    pub last_connect_unix: i64,
    /// Unix seconds, 0 = never.
    pub last_disconnect_unix: i64,
    /// Unix seconds, 0 = never.
    pub last_packet_unix: i64,
    /// Connections made.
    pub connect_count: i64,
    /// Connections lost.
    pub disconnect_count: i64,
    /// Messages since the start.
    pub packets_total: i64,
    /// Messages of the last five minutes.
    #[serde(rename = "packetsLast5m")]
    pub packets_last_5m: i64,
    /// What went wrong last, without passwords; absent when nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Quality of service that the broker was asked for; absent when there is no broker between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_qos: Option<i64>,
    /// Quality of service that the broker granted, the lowest of all topics; absent until it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_qos: Option<i64>,
    /// Why messages can be lost between the broker and us; absent when they cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_lose: Option<String>,
    /// What became of the messages since the start; absent when nothing is known.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub account: Option<SourceAccount>,
    /// How much of what its observers heard in the last full hour arrived; absent while nothing is estimated.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<SourceCompleteness>,
}

/// How much of what the observers of one source heard in an hour arrived. An observer that comes over two sources is
/// counted at both.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(default)]
pub struct SourceCompleteness {
    /// Start of the hour, RFC 3339.
    pub hour: String,
    /// Observers that were there.
    pub observers: i64,
    /// Those of them about whom something can be said; the figures below are theirs.
    pub estimated: i64,
    /// Packets that arrived.
    pub received: i64,
    /// Packets that they heard, as far as can be told.
    pub expected: i64,
    /// received ÷ expected, at most 1; null where nothing tells.
    pub ratio: Option<f64>,
}

/// The account of one source since the ingestor's start:
/// received = stored + duplicate + filtered + rejected + inFlight.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SourceAccount {
    /// Messages that came.
    pub received: i64,
    /// Stored.
    pub stored: i64,
    /// Known already.
    pub duplicate: i64,
    /// Kept out by a rule.
    pub filtered: i64,
    /// Not storable.
    pub rejected: i64,
    /// Not committed yet.
    pub in_flight: i64,
}

/// Progress of a background job.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(default)]
pub struct Backfill {
    /// Rows to look at.
    pub total: i64,
    /// Rows looked at.
    pub processed: i64,
    /// Whether nothing is left.
    pub done: bool,
}

impl Default for Backfill {
    /// Nothing to do: what is told when the ingestor says nothing.
    fn default() -> Self {
        Self { total: 0, processed: 0, done: true }
    }
}

/// The queue before the writer.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(default)]
pub struct Queue {
    /// Messages waiting.
    pub len: i64,
    /// Their bytes.
    pub bytes: i64,
    /// Messages refused.
    pub dropped: i64,
}

/// Reads the statistics file, at most twice a second however many ask.
#[derive(Debug)]
pub struct StatsFile {
    own: PathBuf,
    foreign: Option<PathBuf>,
    read: Mutex<Option<(Instant, Option<Arc<IngestorStats>>)>>,
}

impl StatsFile {
    /// A reader of the file of this installation's ingestor; without one, of `foreign`, which any other program may
    /// have left: it counts only while somebody writes it.
    pub fn new(own: PathBuf, foreign: Option<PathBuf>) -> Self {
        Self { own, foreign, read: Mutex::default() }
    }

    /// What the file says now; `None` when there is none, or it cannot be read as one.
    pub fn get(&self) -> Option<Arc<IngestorStats>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, stats)) = &*read
            && at.elapsed() < FRESH
        {
            return stats.clone();
        }
        let foreign = self.foreign.as_ref().filter(|path| is_written_now(path));
        let stats = load(&self.own).or_else(|| load(foreign?)).map(Arc::new);
        *read = Some((Instant::now(), stats.clone()));
        stats
    }
}

/// Whether a file was written within the last minute.
fn is_written_now(path: &Path) -> bool {
    let modified = std::fs::metadata(path).and_then(|about| about.modified());
    // A time to come is a clock that was set back.
    modified.is_ok_and(|at| at.elapsed().map_or(true, |age| age < Duration::from_mins(1)))
}

fn load(path: &Path) -> Option<IngestorStats> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let mut stats: IngestorStats = serde_json::from_slice(&bytes).ok()?;
    for source in &mut stats.source_statuses {
        source.broker = mask(&source.broker);
        source.last_error = source.last_error.take().map(|e| mask(&e));
    }
    Some(stats)
}

/// Replaces the password of every address in a text: `mqtt://user:secret@host` becomes `mqtt://user:****@host`.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        // up to the next blank and not only to the next slash: a password may hold one
        let end = tail.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(tail.len());
        let (authority, after) = tail.split_at(end);
        match authority.rsplit_once('@') {
            Some((user, host)) => {
                let (name, password) = user.split_once(':').map_or((user, None), |(n, p)| (n, Some(p)));
                out.push_str(name);
                if password.is_some() {
                    out.push_str(":****");
                }
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_wherever_an_address_stands() {
        for (given, shown) in [
            ("mqtts://me:secret@host:8883", "mqtts://me:****@host:8883"),
            (
                "dial tcp://a:b@h: refused, then ws://c:d@e@h2/x",
                "dial tcp://a:****@h: refused, then ws://c:****@h2/x",
            ),
            ("mqtt://a:b/c@host/x", "mqtt://a:****@host/x"),
            ("mqtt://me@host", "mqtt://me@host"),
            ("mqtt://host:1883", "mqtt://host:1883"),
            ("no address: at all @ here", "no address: at all @ here"),
            ("://", "://"),
        ] {
            assert_eq!(mask(given), shown);
        }
    }

    #[test]
    fn a_missing_or_broken_file_is_none_and_the_next_is_tried() {
        let dir = tempfile::tempdir().unwrap();
        let (bad, good) = (dir.path().join("bad.json"), dir.path().join("good.json"));
        std::fs::write(&bad, "{").unwrap();
        assert!(StatsFile::new(dir.path().join("none"), Some(bad.clone())).get().is_none());
        std::fs::write(
            &good,
            r#"{"sampledAt":"2026-01-01T00:00:00Z","tx_inserted":7,"backfillUpdates":{"a":1},"future":[]}"#,
        )
        .unwrap();
        let stats = StatsFile::new(bad.clone(), Some(good.clone())).get().unwrap();
        assert_eq!((stats.tx_inserted, stats.backfill_updates["a"]), (7, 1));
        // What another program left and writes no more says nothing about ours.
        let long_ago = std::time::SystemTime::now() - Duration::from_mins(2);
        std::fs::File::options().write(true).open(&good).unwrap().set_modified(long_ago).unwrap();
        assert!(StatsFile::new(bad, Some(good.clone())).get().is_none());
        assert!(StatsFile::new(good, None).get().is_some(), "our own is judged by those who read it");
    }
}
