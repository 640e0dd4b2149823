//! Databases to follow, and waiting for what a store makes of them.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corescope_store::memory::{Snapshot, Store};
use corescope_store::tail::{self, Follower, Options};
use rusqlite::{Connection, params};

use crate::common::{BEGIN, Oracle, read_all, rfc3339};

/// The tables that are followed, as the original lays them out; `told` adds the table of changes.
pub fn create(path: &Path, told: bool) -> Connection {
    let db = Connection::open(path).expect("a database");
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE transmissions (id INTEGER PRIMARY KEY AUTOINCREMENT, raw_hex TEXT, hash TEXT, first_seen TEXT,
           route_type INTEGER, payload_type INTEGER, payload_version INTEGER, decoded_json TEXT, from_pubkey TEXT,
           last_seen INTEGER NOT NULL DEFAULT 0, channel_hash TEXT, scope_name TEXT);
         CREATE TABLE observations (id INTEGER PRIMARY KEY AUTOINCREMENT, transmission_id INTEGER, observer_idx INTEGER,
           direction TEXT, snr REAL, rssi REAL, score INTEGER, path_json TEXT, timestamp INTEGER, resolved_path TEXT, raw_hex TEXT);
         CREATE INDEX by_transmission ON observations (transmission_id);
         CREATE TABLE nodes (public_key TEXT PRIMARY KEY, name TEXT, last_seen TEXT);
         CREATE TABLE inactive_nodes (public_key TEXT PRIMARY KEY, name TEXT, last_seen TEXT);
         CREATE TABLE observers (id TEXT PRIMARY KEY, name TEXT, iata TEXT);
         CREATE TABLE neighbor_edges (node_a TEXT, node_b TEXT, count INTEGER, last_seen TEXT);
         INSERT INTO observers VALUES ('OBS1', 'One', 'SJC'), ('OBS2', 'Two', 'AMS');
         INSERT INTO nodes VALUES ('aa', 'Hill', '2026-06-01T00:00:00Z');",
    )
    .expect("tables");
    if told {
        db.execute_batch(
            "CREATE TABLE cs_changes (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id INTEGER, key TEXT)",
        )
        .expect("a table");
    }
    db
}

/// Inserts transmissions `from..to`, each with `per` observations.
pub fn insert(db: &Connection, from: i64, to: i64, per: i64) {
    db.execute_batch("BEGIN").expect("begin");
    for id in from..to {
        let first = BEGIN + id;
        db.prepare_cached(
            "INSERT INTO transmissions VALUES (?1, ?2, ?3, ?4, 1, 4, 0, ?5, NULL, ?6, NULL, NULL)",
        )
        .expect("sql")
        .execute(params![
            id,
            format!("1501AB{id:06X}"),
            format!("{id:016x}"),
            rfc3339(first),
            format!(r#"{{"type":"ACK","n":{id}}}"#),
            first + per - 1
        ])
        .expect("a row");
        for n in 0..per {
            db.prepare_cached("INSERT INTO observations (transmission_id, observer_idx, direction, snr, rssi, path_json, timestamp, raw_hex) VALUES (?1, ?2, 'rx', ?3, -90, ?4, ?5, ?6)")
                .expect("sql")
                .execute(params![id, n % 2 + 1, n as f64 / 4.0, format!("[\"{n:02X}\"]"), first + n, format!("1501{n:02X}{id:06X}")])
                .expect("a row");
        }
    }
    db.execute_batch("COMMIT").expect("commit");
}

pub fn quick() -> Options {
    Options { poll: Duration::from_millis(5), graph_every: Duration::from_millis(50), ..Options::default() }
}

pub fn start(path: &Path, store: &Store) -> Follower {
    tail::follow(path, store.clone(), quick()).expect("a follower")
}

/// A store that has loaded the database and follows it.
pub fn loaded(path: &Path) -> (Store, Follower) {
    let store = Store::new();
    let follower = start(path, &store);
    until(&store, "the load", complete);
    (store, follower)
}

/// How long anything may take before a test gives up: machines are busy.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// Waits until a snapshot is as wanted.
pub fn until(store: &Store, what: &str, wanted: impl Fn(&Snapshot) -> bool) {
    let begin = Instant::now();
    while !wanted(&store.snapshot()) {
        assert!(begin.elapsed() < PATIENCE, "never: {what}; {:?}", store.snapshot().loading());
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn complete(snapshot: &Snapshot) -> bool {
    snapshot.loading().complete
}

/// The same database loaded by another store.
pub fn fresh(path: &Path) -> Oracle {
    let (store, follower) = loaded(path);
    drop(follower);
    read_all(&store.snapshot())
}

pub struct Place {
    _dir: tempfile::TempDir,
    pub path: PathBuf,
}

pub fn place() -> Place {
    let dir = tempfile::tempdir().expect("a directory");
    Place { path: dir.path().join("mesh.db"), _dir: dir }
}
