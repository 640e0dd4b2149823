//! One measurement: load, memory, queries, appends, follow delay.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use corescope_core::filter;
use corescope_store::memory::{
    Batch, Expression, ObservationRow, Order, Query, Snapshot, Store, TransmissionRow,
};
use corescope_store::tail;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value, json};

use super::made::{self, Rows, Source};
use crate::{Exit, Failure};

/// The queries and their aims at 100 000 transmissions, 2 000 000 observations.
pub(super) const QUERIES: [(&str, &str); 9] = [
    ("by_hash", "2 us"),
    ("latest_50", "50 us"),
    ("latest_50_grouped", "50 us"),
    ("by_node", "200 us"),
    ("by_observer", "200 us"),
    ("by_channel", "200 us"),
    ("expression", "50 ms"),
    ("expression_payload", "50 ms"),
    ("full_count", ""),
];

/// Measures a database; with `writable`, rows are added to it at the end.
pub(super) fn run(path: &Path, writable: bool) -> Result<Value, Failure> {
    measure(path, writable).map_err(|e| Failure::new(Exit::Failure, e))
}

fn measure(path: &Path, writable: bool) -> anyhow::Result<Value> {
    let mut figures = Map::new();
    let scan_rows_per_s = scan(path).context("scanning the database")?;
    let empty = resident();
    let store = Store::new();
    let (begin, cpu_before) = (Instant::now(), cpu_seconds());
    let file =
        SnapshotFile(std::env::temp_dir().join(format!("corescope-bench-{}.snapshot", std::process::id())));
    let options = || tail::Options { snapshot: Some(file.0.clone()), ..tail::Options::default() };
    let follower = tail::follow(path, store.clone(), options()).context("starting the follower")?;
    let usable = wait_for_load(&store)?;
    let load = begin.elapsed();
    let load_cpu_s = cpu_seconds() - cpu_before;
    // Let the packing of small rests come to its end.
    while store.compact() {}
    let loaded = resident();
    let snapshot = store.snapshot();
    let memory = store.memory_use();
    let (transmissions, observations) = (snapshot.transmission_count(), snapshot.observation_count());
    let rate = observations as f64 / load.as_secs_f64();
    let mut put = |key: &str, value: Value| {
        figures.insert(key.to_owned(), value);
    };
    put("transmissions", json!(transmissions));
    put("observations", json!(observations));
    put("load_s", json!(rounded(load.as_secs_f64())));
    put("load_cpu_s", json!(rounded(load_cpu_s)));
    put("usable_s", json!(usable.map(|u| rounded(u.as_secs_f64()))));
    put("load_observations_per_s", json!(rate.round()));
    put("sqlite_scan_rows_per_s", json!(scan_rows_per_s.round()));
    let rows_per_s = (observations + transmissions) as f64 / load.as_secs_f64();
    put("load_share_of_scan", json!(rounded(rows_per_s / scan_rows_per_s)));
    put("resident_bytes_empty", json!(empty));
    put("resident_bytes_loaded", json!(loaded.saturating_sub(empty)));
    let bound = 48 * observations + 400 * transmissions;
    put("resident_bytes_bound", json!(bound));
    put("resident_within_bound", json!(loaded.saturating_sub(empty) as u64 <= bound));
    put("held_bytes", json!(memory.total()));
    put("segments", json!(memory.segment_count));
    put("defects", json!(store.defects().values().sum::<u64>()));
    // Ending the follower writes the snapshot, and the next start reads it.
    drop(snapshot);
    let begin = Instant::now();
    drop(follower);
    put("snapshot_write_s", json!(rounded(begin.elapsed().as_secs_f64())));
    put("snapshot_bytes", json!(std::fs::metadata(&file.0).map_or(0, |m| m.len())));
    drop(store);
    let store = Store::new();
    let begin = Instant::now();
    let follower = tail::follow(path, store.clone(), options()).context("starting the follower")?;
    wait_for_load(&store)?;
    put("snapshot_start_s", json!(rounded(begin.elapsed().as_secs_f64())));
    queries(&store, &mut put)?;
    put("append_observations_per_s", json!(append_rate(&store).round()));
    if writable {
        let delays = follow_delays(path, &store)?;
        put("follow_ms_p50", json!(percentile(&delays, 50)));
        put("follow_ms_p99", json!(percentile(&delays, 99)));
    }
    drop(follower);
    Ok(Value::Object(figures))
}

/// The snapshot file of a measurement; removed with this value.
struct SnapshotFile(std::path::PathBuf);

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        // One that was not written is not there.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Waits until everything is loaded; tells when the newest day was.
fn wait_for_load(store: &Store) -> anyhow::Result<Option<Duration>> {
    let begin = Instant::now();
    let mut usable = None;
    while !store.snapshot().loading().complete {
        if let Some(error) = &store.snapshot().loading().error {
            anyhow::bail!("loading the database: {error}");
        }
        usable = usable.or_else(|| store.snapshot().loading().usable.then(|| begin.elapsed()));
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(usable)
}

/// Rows a second of a bare scan that looks at every column.
fn scan(path: &Path) -> rusqlite::Result<f64> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut rate = 0.0_f64;
    // The second round finds the file in the page cache, as the load will.
    for _ in 0..2 {
        let begin = Instant::now();
        let (mut count, mut bytes) = (0_u64, 0_usize);
        for table in ["transmissions", "observations"] {
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    bytes += row.get_ref(column)?.as_bytes().map_or(1, <[u8]>::len);
                }
                count += 1;
            }
        }
        std::hint::black_box(bytes);
        rate = rate.max(count as f64 / begin.elapsed().as_secs_f64());
    }
    Ok(rate)
}

/// Times every query, in turns while 5000 observations a second come in and while none do: both of the same rows.
fn queries(store: &Store, put: &mut impl FnMut(&str, Value)) -> anyhow::Result<()> {
    const TURNS: usize = 8;
    let list = asked(&store.snapshot())?;
    let hashes: Vec<String> =
        store.snapshot().transmissions().step_by(101).map(|t| t.hash().into_owned()).collect();
    // Made beforehand: the simulator is not what is measured.
    let rows: Vec<Rows> = std::iter::from_fn({
        let mut source = Source::new(20.0, 24.0);
        move || source.next()
    })
    .take(2000)
    .collect();
    let (appending, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| append_at(store, 5000.0, &rows, &appending, &stop));
        for (name, _) in QUERIES {
            let ask: Box<dyn Fn(&mut Vec<Duration>)> = if name == "by_hash" {
                Box::new(|times| look_up(store, &hashes, times))
            } else if let Some((_, query)) = list.iter().find(|(n, _)| *n == name) {
                Box::new(|times| {
                    let begin = Instant::now();
                    std::hint::black_box(store.snapshot().query(query).total);
                    times.push(begin.elapsed());
                })
            } else {
                continue;
            };
            let mut times = [Vec::new(), Vec::new()];
            for turn in 0..TURNS {
                appending.store(turn % 2 == 0, Ordering::Release);
                let (begin, times) = (Instant::now(), &mut times[turn % 2]);
                let before = times.len();
                while begin.elapsed() < Duration::from_millis(250) || times.len() - before < 25 {
                    ask(times);
                }
            }
            appending.store(false, Ordering::Release);
            let us = |times: &[Duration], share: usize| {
                let at = (times.len() * share / 100).min(times.len().saturating_sub(1));
                rounded(times.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6)
            };
            let [loaded, quiet] = &mut times;
            loaded.sort_unstable();
            quiet.sort_unstable();
            put(&format!("{name}_p50_us"), json!(us(loaded, 50)));
            put(&format!("{name}_p99_us"), json!(us(loaded, 99)));
            put(&format!("{name}_quiet_p50_us"), json!(us(quiet, 50)));
            put(&format!("{name}_quiet_p99_us"), json!(us(quiet, 99)));
        }
        stop.store(true, Ordering::Release);
    });
    Ok(())
}

/// Looks up hashes, sixteen at a time: one alone is shorter than the clock is exact.
fn look_up(store: &Store, hashes: &[String], times: &mut Vec<Duration>) {
    let snapshot = store.snapshot();
    for some in hashes.chunks(16) {
        let begin = Instant::now();
        for hash in some {
            std::hint::black_box(snapshot.by_hash(hash));
        }
        times.push(begin.elapsed() / some.len() as u32);
    }
}

/// The queries, for a node, an observer and a channel that occur.
fn asked(snapshot: &Snapshot) -> anyhow::Result<Vec<(&'static str, Query)>> {
    let node =
        snapshot.activity().nodes().max_by_key(|(_, node)| node.transmissions).map(|(key, _)| key.to_owned());
    let busiest = snapshot.activity().observers().max_by_key(|(_, o)| o.observations).map(|(rowid, _)| rowid);
    let observer = busiest.and_then(|rowid| snapshot.observers().by_rowid(rowid)).map(|o| o.id.clone());
    let channel = snapshot.transmissions().rev().find_map(|t| t.channel_hash().map(str::to_owned));
    let expression = |text: &str| {
        let parsed = filter::parse(text);
        parsed
            .map(|filter| Some(Expression::at(filter, 0)))
            .map_err(|e| anyhow::anyhow!("column {}: {}", e.column, e.message))
    };
    Ok(vec![
        ("latest_50", Query::default()),
        ("latest_50_grouped", Query { order: Order::Latest, ..Query::default() }),
        ("by_node", Query { nodes: Some(node.into_iter().collect()), ..Query::default() }),
        ("by_observer", Query { observers: Some(observer.into_iter().collect()), ..Query::default() }),
        ("by_channel", Query { channel: Some(channel.unwrap_or_default()), ..Query::default() }),
        ("expression", Query { filter: expression("type == ADVERT && snr > 5")?, ..Query::default() }),
        // No column answers it: every payload is looked into.
        (
            "expression_payload",
            Query {
                filter: expression("payload.text contains \"the\" || payload.name contains \"e\"")?,
                ..Query::default()
            },
        ),
        ("full_count", Query { payload_types: Some((0..16).collect()), limit: 0, ..Query::default() }),
    ])
}

/// Appends that many observations a second while told to, until told to stop.
fn append_at(store: &Store, per_s: f64, rows: &[Rows], appending: &AtomicBool, stop: &AtomicBool) {
    let (mut begin, mut sent) = (Instant::now(), 0.0);
    let mut some = rows.chunks(4).cycle();
    while !stop.load(Ordering::Acquire) {
        if !appending.load(Ordering::Acquire) {
            (begin, sent) = (Instant::now(), 0.0);
        }
        if sent > begin.elapsed().as_secs_f64() * per_s || !appending.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(5));
        } else if let Some(rows) = some.next() {
            sent += append(store, rows) as f64;
        }
    }
}

/// Appends rows behind the newest; returns how many observations.
fn append(store: &Store, rows: &[Rows]) -> usize {
    let (mut id, mut observation) = store.snapshot().last_ids();
    let hashes: Vec<String> = (1..).take(rows.len()).map(|n| format!("{:016x}", id + n)).collect();
    let mut transmissions = Vec::new();
    let mut observations = Vec::new();
    for (rows, hash) in rows.iter().zip(&hashes) {
        id += 1;
        transmissions.push(TransmissionRow {
            id,
            raw_hex: &rows.raw_hex,
            hash,
            first_seen: &rows.first_seen,
            last_seen: rows.last_seen,
            route_type: Some(rows.route_type),
            payload_type: Some(rows.payload_type),
            payload_version: Some(0),
            decoded_json: Some(&rows.decoded_json),
            from_pubkey: rows.from_pubkey.as_deref(),
            channel_hash: rows.channel_hash.as_deref(),
            scope_name: None,
        });
        for o in &rows.observations {
            observation += 1;
            observations.push(ObservationRow {
                id: observation,
                transmission_id: id,
                observer: Some(o.observer),
                direction: Some("rx"),
                snr: Some(o.snr),
                rssi: Some(o.rssi),
                score: None,
                path_json: Some(&o.path_json),
                timestamp: o.timestamp,
                resolved_path: o.resolved_path.as_deref(),
                raw_hex: Some(&o.raw_hex),
            });
        }
    }
    store.append(&Batch { transmissions: &transmissions, observations: &observations });
    observations.len()
}

/// Observations a second that one appender gets in, in batches of about a thousand.
fn append_rate(store: &Store) -> f64 {
    let mut source = Source::new(20.0, 24.0);
    let batches: Vec<Vec<Rows>> =
        (0..200).map(|_| std::iter::from_fn(|| source.next()).take(42).collect()).collect();
    let begin = Instant::now();
    let count: usize = batches.iter().map(|rows| append(store, rows)).sum();
    count as f64 / begin.elapsed().as_secs_f64()
}

/// Milliseconds from the return of a commit, in another connection, to the row being visible to queries.
fn follow_delays(path: &Path, store: &Store) -> anyhow::Result<Vec<f64>> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    let mut source = Source::new(20.0, 24.0);
    // Above what the appends above made up in memory, which the file does not have.
    let (newest, highest) = store.snapshot().last_ids();
    let (mut id, mut observation) = (newest + 1_000_000, highest.unsigned_abs() + 10_000_000);
    let mut delays = Vec::new();
    for round in 0..60 {
        let Some(mut rows) = source.next() else { break };
        id += 1;
        rows.hash = format!("f0110{id:011x}");
        connection.execute_batch("BEGIN IMMEDIATE")?;
        made::insert(&connection, id, &mut observation, &rows)?;
        connection.execute_batch("COMMIT")?;
        let committed = Instant::now();
        while store.snapshot().by_id(id).is_none() {
            anyhow::ensure!(
                committed.elapsed() < Duration::from_mins(1),
                "a committed row never became visible"
            );
            std::thread::sleep(Duration::from_micros(200));
        }
        delays.push(rounded(committed.elapsed().as_secs_f64() * 1e3));
        // Out of step with the follower's own pace.
        std::thread::sleep(Duration::from_millis(7 + round % 13));
    }
    Ok(delays)
}

pub(super) fn percentile(values: &[f64], share: usize) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1))).copied()
}

pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Seconds that the processors spent on this process, all threads; 0 where the kernel does not tell.
fn cpu_seconds() -> f64 {
    // Fields 14 and 15 of proc(5), counted behind the name, which may contain blanks; 100 ticks a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Resident bytes of this process.
fn resident() -> usize {
    Store::new().memory_use().resident.unwrap_or(0)
}
