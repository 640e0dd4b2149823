//! Loading what is not laid out as usual: disordered observations, gaps between ids, damage, and changes on the way.

mod common;
mod followed;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::{BEGIN, Oracle, read_all, rfc3339};
use corescope_store::lookup::Reader;
use corescope_store::memory::{Order, Query, Snapshot, Store, Transmission};
use corescope_store::tail::{self, Follower, Options, Whole};
use followed::{complete, until};
use rusqlite::{Connection, params};

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
    db: Connection,
}

fn place() -> Place {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("mesh.db");
    let db = Connection::open(&path).expect("a database");
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT,
           route_type INTEGER, payload_type INTEGER, payload_version INTEGER, decoded_json TEXT, from_pubkey TEXT,
           last_seen INTEGER NOT NULL DEFAULT 0, channel_hash TEXT, scope_name TEXT);
         CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, observer_idx INTEGER,
           direction TEXT, snr REAL, rssi REAL, score INTEGER, path_json TEXT, timestamp INTEGER, resolved_path TEXT,
           raw_hex TEXT);
         CREATE UNIQUE INDEX idx_observations_dedup
           ON observations(transmission_id, observer_idx, COALESCE(path_json, ''));
         CREATE TABLE nodes (public_key TEXT PRIMARY KEY, name TEXT, last_seen TEXT);
         CREATE TABLE observers (id TEXT PRIMARY KEY, name TEXT, iata TEXT);
         CREATE TABLE neighbor_edges (node_a TEXT, node_b TEXT, count INTEGER, last_seen TEXT);
         CREATE TABLE cs_changes (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id INTEGER, key TEXT);
         INSERT INTO observers VALUES ('OBS1', 'One', 'SJC'), ('OBS2', 'Two', 'AMS');",
    )
    .expect("tables");
    Place { path, _dir: dir, db }
}

impl Place {
    /// Transmissions with these ids; the nth was first heard n seconds after the beginning.
    fn transmissions(&self, ids: impl IntoIterator<Item = i64>) {
        self.sql("BEGIN");
        for (n, id) in (1_i64..).zip(ids) {
            self.db
                .prepare_cached(
                    "INSERT INTO transmissions VALUES (?1, ?2, ?3, ?4, 1, 4, 0, ?5, NULL, ?6, NULL, NULL)",
                )
                .expect("sql")
                .execute(params![
                    id,
                    format!("1501AB{:06X}", n & 0xFF_FFFF),
                    format!("{id:016x}"),
                    rfc3339(BEGIN + n),
                    format!(r#"{{"type":"ACK","n":{id}}}"#),
                    BEGIN + n
                ])
                .expect("a row");
        }
        self.sql("COMMIT");
    }

    /// Observations: own id, transmission, observer; heard so many seconds after the beginning.
    fn observations(&self, rows: impl IntoIterator<Item = (i64, i64, i64, i64)>) {
        self.sql("BEGIN");
        for (id, of, observer, at) in rows {
            self.db
                .prepare_cached(
                    "INSERT INTO observations VALUES (?1, ?2, ?3, 'rx', 1.5, -90, NULL, ?4, ?5, NULL, NULL)",
                )
                .expect("sql")
                .execute(params![id, of, observer, format!("[\"{:04X}\"]", id & 0xFFFF), BEGIN + at])
                .expect("a row");
        }
        self.sql("COMMIT");
    }

    fn sql(&self, sql: &str) {
        self.db.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// Everything, loaded without a bound.
    fn all(&self) -> Store {
        let store = Store::new();
        let _follower = start(&self.path, &store, quick());
        until(&store, "a load", complete);
        store
    }
}

fn quick() -> Options {
    Options { poll: Duration::from_millis(5), load_threads: 2, ..Options::default() }
}

fn start(path: &Path, store: &Store, options: Options) -> Follower {
    tail::follow(path, store.clone(), options).expect("a follower")
}

/// All rows. These tests do not keep the column `last_seen`, and a late observation raises it in memory.
fn rows_of(snapshot: &Snapshot) -> Oracle {
    let mut all = read_all(snapshot);
    all.rows.values_mut().for_each(|(row, _)| row.last_seen = 0);
    all
}

fn from(mut all: Oracle, floor: i64) -> Oracle {
    all.rows.retain(|id, _| *id >= floor);
    all
}

/// That answers over a store that lacks rows are those of one that holds all.
fn same_answers(place: &Place, lacking: &Snapshot, all: &Snapshot, filters: &[Query]) {
    let whole = Whole::new(Arc::new(Reader::new(&place.path)));
    for filter in filters {
        for order in [Order::NewestId, Order::OldestId, Order::Latest] {
            let query = Query { order, limit: 20, ..filter.clone() };
            let (answer, page) = (whole.query(lacking, &query, None).expect("an answer"), all.query(&query));
            assert_eq!(answer.total, page.total, "{query:?}");
            let ids: Vec<i64> = answer.rows.iter().map(|row| Transmission::from(&**row).id()).collect();
            assert_eq!(ids, page.rows.iter().map(|row| row.id()).collect::<Vec<_>>(), "{query:?}");
        }
    }
}

/// In which order observations of 6000 transmissions came.
fn disordered() -> Vec<(&'static str, Vec<(i64, i64, i64, i64)>)> {
    // Each once, then a backlog of the first, then the newest.
    let mut backlog: Vec<(i64, i64, i64, i64)> = (1..=5900).map(|id| (id, id, 1, id)).collect();
    backlog.extend((0..5000).map(|n| (6001 + n, 1 + n % 600, 2, 5000)));
    backlog.extend((0..100).map(|n| (20_001 + n, 5901 + n, 1, 5901 + n)));
    // The newest first, as after an import of older ones.
    let reversed = (1..=12_000).map(|id| (id, 6000 - (id - 1) / 2, 1 + id % 2, 6000)).collect();
    // In no order at all: 7919 is a prime.
    let shuffled = (1..=12_000).map(|id| (id, 1 + id * 7919 % 6000, 1 + (id - 1) / 6000, 6000)).collect();
    vec![("a backlog", backlog), ("reversed", reversed), ("shuffled", shuffled)]
}

#[test]
fn observations_may_be_in_any_order() {
    for (name, rows) in disordered() {
        let place = place();
        place.transmissions(1..=6000);
        let observations = rows.len() as u64;
        place.observations(rows);
        let all = place.all();
        assert_eq!(all.snapshot().observation_count(), observations, "{name}");
        let oracle = rows_of(&all.snapshot());
        // A load that stops early, by the ceiling and by the window.
        let retention = Some(Duration::from_mins(15));
        for (budget, retention) in [(all.memory_use().segments / 2, None), (usize::MAX, retention)] {
            let store = Store::with_budget(budget);
            let _follower = start(&place.path, &store, Options { retention, ..quick() });
            until(&store, "the load", complete);
            let some = store.snapshot();
            if name == "a backlog" || retention.is_none() {
                assert!(some.floor() > 1, "{name} {retention:?}");
            }
            assert!(rows_of(&some) == from(oracle.clone(), some.floor()), "{name} {retention:?}");
            assert_eq!(store.defects(), all.defects());
            let observers = |id: &str| Query { observers: Some(vec![id.into()]), ..Query::default() };
            let since = Query { since: Some(BEGIN + 4990), ..Query::default() };
            same_answers(&place, &some, &all.snapshot(), &[observers("OBS1"), observers("OBS2"), since]);
        }
    }
}

#[test]
fn a_large_file_in_no_order_is_loaded_whole() {
    let place = place();
    place.transmissions(1..=20_000);
    // More than is kept in mind of what is elsewhere. 7919 is a prime.
    place.sql(
        r#"INSERT INTO observations
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
             SELECT i, 1 + i * 7919 % 20000, 1 + i / 20000, 'rx', 1.5, -90, NULL, '["AB"]', 1780315200 + i, NULL, NULL
               FROM n"#,
    );
    let all = place.all().snapshot();
    assert_eq!((all.transmission_count(), all.observation_count()), (20_000, 300_000));
    assert!(all.transmissions().all(|row| row.observation_count() == 15));
    let budget = all.memory_use().segments / 4;
    let store = Store::with_budget(budget);
    let _follower = start(&place.path, &store, quick());
    until(&store, "the load", complete);
    let some = store.snapshot();
    let used = some.memory_use();
    assert!(used.segments + used.rows_in_full <= budget && some.floor() > 1, "{used:?}");
    assert!(some.transmissions().all(|row| row.observation_count() == 15));
    assert_eq!(some.observation_count(), some.transmission_count() * 15);
    assert!(rows_of(&some) == from(rows_of(&all), some.floor()));
    assert!(store.defects().is_empty());
}

#[test]
fn ids_may_be_far_apart() {
    let far = 1_000_000_000_000_000;
    let lists: [Vec<i64>; 5] = [
        [i64::MIN, i64::MIN + 1].into_iter().chain(-2000..3000).chain([i64::MAX - 2, i64::MAX - 1]).collect(),
        (1..=3000).chain([far]).collect(),
        (1..=5000).chain([2_000_000_000, far]).collect(),
        (-3000..2000).chain([far / 2]).collect(),
        (0..4000).map(|n| (n - 2000) * 2_000_000_000_000_000).collect(),
    ];
    for ids in lists {
        let place = place();
        place.transmissions(ids.iter().copied());
        place.observations((1_i64..).zip(&ids).map(|(n, id)| (n * 1_000_000_007, *id, 1 + n % 2, n)));
        let all = place.all();
        let count = ids.len() as u64;
        assert_eq!((all.snapshot().transmission_count(), all.snapshot().observation_count()), (count, count));
        let store = Store::with_budget(1);
        let _follower = start(&place.path, &store, quick());
        until(&store, "the load", complete);
        let some = store.snapshot();
        assert!(some.lacks_rows());
        let observers = Query { observers: Some(vec!["OBS1".into()]), ..Query::default() };
        let kind = Query { payload_types: Some(vec![4]), ..Query::default() };
        same_answers(&place, &some, &all.snapshot(), &[Query::default(), kind, observers]);
    }
}

#[test]
fn a_range_of_damaged_rows_ends_no_load() {
    let place = place();
    place.transmissions(1..=12_000);
    place.sql("UPDATE transmissions SET hash = NULL WHERE id BETWEEN 8000 AND 11000");
    let store = Store::new();
    let options = || Options {
        retention: Some(Duration::from_mins(150)),
        first_window: Duration::from_mins(100),
        ..quick()
    };
    let follower = start(&place.path, &store, options());
    let sees_enough = |s: &Snapshot| s.by_id(6001).is_some();
    until(&store, "the window", |s| {
        assert!(!s.loading().usable || sees_enough(s), "usable too early: {:?}", s.loading());
        complete(s)
    });
    drop(follower);
    assert!((3001..=12_000).all(|id| (8000..=11_000).contains(&id) == store.snapshot().by_id(id).is_none()));
}

#[test]
fn what_changes_while_a_load_runs_is_not_lost() {
    let place = place();
    place.transmissions(1..=4096);
    // The second chunk takes long, so that the third was read before it is handed over.
    let heavy = (0..60_000).map(|n| (10_000 + n, 2049 + n % 1024, n, 3000));
    place.observations((1..=2048).map(|id| (id, id, 1, id)).chain(heavy));
    place.observations((3073..=4096).map(|id| (100_000 + id, id, 1, id)));
    let mut id = 1025;
    // A load that was done before anything changed shows nothing.
    for _ in 0..50 {
        let first = id;
        changes_while_a_load_runs(&place, &mut id);
        if id > first {
            return;
        }
    }
    panic!("nothing ever changed on the way");
}

fn changes_while_a_load_runs(place: &Place, id: &mut i64) {
    let store = Store::new();
    let _follower = start(&place.path, &store, quick());
    until(&store, "the first chunk", |s| s.transmission_count() > 0);
    // Whatever moment the third chunk is read at, some of this is later.
    while !complete(&store.snapshot()) && *id < 2040 {
        place.sql(&format!(
            "BEGIN;
             UPDATE transmissions SET channel_hash = '#changed' WHERE id = {id};
             INSERT INTO cs_changes (kind, id) VALUES ('transmission', {id});
             UPDATE observations SET snr = 9.75 WHERE id = {id} + 1;
             INSERT INTO cs_changes (kind, id) VALUES ('observation', {id} + 1);
             DELETE FROM observations WHERE transmission_id = {id} + 2;
             DELETE FROM transmissions WHERE id = {id} + 2;
             INSERT INTO cs_changes (kind, id) VALUES ('removed', {id} + 2);
             COMMIT"
        ));
        *id += 3;
        std::thread::sleep(Duration::from_millis(5));
    }
    until(&store, "the load", complete);
    let expected = rows_of(&place.all().snapshot());
    until(&store, "the same", |s| s.transmission_count() == expected.rows.len() as u64);
    let ours = rows_of(&store.snapshot());
    for (id, row) in &expected.rows {
        assert_eq!(ours.rows.get(id), Some(row));
    }
}

#[test]
fn what_leaves_memory_while_a_load_runs_leaves_no_hole() {
    let place = place();
    place.transmissions(1..=4096);
    // The second chunk takes long: the first is gone when it comes.
    let heavy = (0..60_000).map(|n| (10_000 + n, 2049 + n % 1024, n, 3000));
    place.observations((1..=2048).map(|id| (id, id, 1, id)).chain(heavy));
    place.observations((3073..=4096).map(|id| (100_000 + id, id, 1, id)));
    let store = Store::new();
    let _follower = start(&place.path, &store, quick());
    until(&store, "the first chunk", |s| s.transmission_count() > 0);
    store.set_budget(Some(0));
    store.set_budget(None);
    until(&store, "the load", complete);
    let snapshot = store.snapshot();
    assert!(snapshot.lacks_rows());
    let missing = (snapshot.floor()..=4096).find(|id| snapshot.by_id(*id).is_none());
    assert_eq!(missing, None, "above the floor");
}

#[test]
fn a_row_that_changes_outside_memory_keeps_its_newest_reception() {
    let place = place();
    place.transmissions(1..=6000);
    place.observations((1..=6000).map(|id| (id, id, 1, id)).chain([(6001, 7, 2, 5000)]));
    let store = Store::with_budget(place.all().memory_use().segments / 2);
    let _follower = start(&place.path, &store, quick());
    until(&store, "the load", complete);
    assert!((100..4400).contains(&store.snapshot().floor()));
    place.sql(
        "BEGIN; UPDATE transmissions SET channel_hash = '#x' WHERE id = 7;
         INSERT INTO cs_changes (kind, id) VALUES ('transmission', 7);
         INSERT INTO transmissions SELECT 6001, raw_hex, 'ab', first_seen, 1, 4, 0, NULL, NULL, 0, NULL, NULL
           FROM transmissions WHERE id = 6000;
         COMMIT",
    );
    until(&store, "the change and a row after it", |s| s.by_id(6001).is_some());
    let window = Query { since: Some(BEGIN + 4500), until: Some(BEGIN + 5500), ..Query::default() };
    let all = place.all();
    let whole = Whole::new(Arc::new(Reader::new(&place.path)));
    // The first reads everything, the second goes by what that found out.
    for query in [&Query { observers: Some(vec!["OBS2".into()]), ..Query::default() }, &window] {
        let answer = whole.query(&store.snapshot(), query, None).expect("an answer");
        assert_eq!(answer.total, all.snapshot().query(query).total, "{query:?}");
    }
}

#[test]
fn damaged_pages_of_old_rows_keep_the_newest() {
    // Observations elsewhere are looked for by an index, which may be damaged too.
    for damaged_index in [false, true] {
        damaged_pages_keep_the_newest(damaged_index);
    }
}

fn damaged_pages_keep_the_newest(damaged_index: bool) {
    let place = place();
    place.transmissions(1..=12_000);
    place.observations((1..=12_000).map(|id| (id, id, 1, id)));
    let Place { _dir, path, db } = place;
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").expect("one file");
    let root: i64 = db
        .query_row("SELECT rootpage FROM sqlite_master WHERE name = 'idx_observations_dedup'", [], |row| {
            row.get(0)
        })
        .expect("an index");
    drop(db);
    let mut bytes = std::fs::read(&path).expect("the file");
    if damaged_index {
        // The page of the highest keys, which the root of an index names behind its own header.
        let root = (root as usize - 1) * 4096;
        assert_eq!(bytes[root], 2, "an inner page");
        let last = u32::from_be_bytes(bytes[root + 8..root + 12].try_into().expect("four bytes"));
        let page = (last as usize - 1) * 4096;
        bytes[page..page + 100].fill(0xEE);
    }
    let needle = br#"{"type":"ACK","n":3000}"#;
    let at = bytes.windows(needle.len()).position(|w| w == needle).expect("the row");
    let page = at / 4096 * 4096;
    bytes[page..page + 100].fill(0xEE);
    std::fs::write(&path, &bytes).expect("the damage");
    let store = Store::new();
    let _follower = start(&path, &store, quick());
    until(&store, "the load", complete);
    let s = store.snapshot();
    assert!(s.by_id(12_000).is_some() && s.by_id(6000).is_some() && s.by_id(1).is_none());
    assert_eq!(s.observation_count(), s.transmission_count());
    let error = s.loading().error.clone().expect("the reason");
    assert!(error.contains("malformed"), "{error}");
    // And it follows on.
    let db = Connection::open(&path).expect("a database");
    db.execute("UPDATE nodes SET name = ''", []).expect("a write");
    db.execute(
        "INSERT INTO transmissions VALUES (20000, '1501', 'ab', ?1, 1, 4, 0, NULL, NULL, 0, NULL, NULL)",
        [rfc3339(BEGIN + 20_000)],
    )
    .expect("a row");
    until(&store, "a new row", |s| s.by_id(20_000).is_some());
    assert!(store.snapshot().loading().error.is_some());
}
