//! Loading a database and following it: everything that can happen to the file.

mod common;
mod followed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{BEGIN, read_all};
use corescope_core::filter;
use corescope_store::lookup::Reader;
use corescope_store::memory::{Defect, Expression, Order, Query, Store, Transmission};
use corescope_store::tail::{self, Options, Whole};
use followed::{PATIENCE, complete, create, fresh, insert, loaded, place, quick, start, until};

#[test]
fn everything_is_loaded_and_new_rows_follow() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 9000, 3);
    // A late observation of an old transmission, far from the others.
    db.execute(
        "INSERT INTO observations (transmission_id, observer_idx, timestamp) VALUES (7, 1, ?1)",
        [BEGIN + 99_999],
    )
    .expect("a row");
    let (store, follower) = loaded(&place.path);
    assert_eq!(
        (store.snapshot().transmission_count(), store.snapshot().observation_count()),
        (8999, 8999 * 3 + 1)
    );
    assert_eq!(store.snapshot().by_id(7).map(|t| t.observation_count()), Some(4));
    let subscription = store.subscribe(100);
    insert(&db, 9000, 9010, 2);
    follower.wake().wake();
    until(&store, "new rows", |s| s.transmission_count() == 9009);
    let told = subscription.recv_timeout(PATIENCE).expect("an append");
    assert_eq!(told.transmissions.first(), Some(&9000));
    assert!(told.snapshot.by_id(9000).is_some());
    assert_eq!(subscription.take_lost(), 0);
    // Observations of a packed transmission, and of a recent one.
    for of in [5, 9009] {
        db.execute(
            "INSERT INTO observations (transmission_id, observer_idx, timestamp) VALUES (?1, 2, ?2)",
            [of, BEGIN + 100_000],
        )
        .expect("a row");
    }
    until(&store, "late observations", |s| s.observation_count() == 8999 * 3 + 1 + 20 + 2);
    assert_eq!(read_all(&store.snapshot()).rows.len(), 9009);
    drop(follower);
    let ours = read_all(&store.snapshot());
    let mut theirs = fresh(&place.path);
    // The column is not kept by this test's inserts; the store follows the observations.
    for (id, (tx, _)) in &mut theirs.rows {
        tx.last_seen = ours.rows[id].0.last_seen;
    }
    assert_eq!(ours, theirs);
}

#[test]
fn changes_that_are_told_are_read_again() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 3000, 2);
    let (store, _follower) = loaded(&place.path);
    db.execute_batch(
        "BEGIN;
         UPDATE transmissions SET decoded_json = '{\"type\":\"CHAN\"}', channel_hash = '#test' WHERE id = 10;
         INSERT INTO cs_changes (kind, id) VALUES ('transmission', 10);
         UPDATE observations SET snr = 9.75 WHERE id = 21;
         INSERT INTO cs_changes (kind, id) VALUES ('observation', 21);
         DELETE FROM observations WHERE transmission_id = 12;
         DELETE FROM transmissions WHERE id = 12;
         INSERT INTO cs_changes (kind, id) VALUES ('removed', 12);
         UPDATE nodes SET name = 'Ridge' WHERE public_key = 'aa';
         INSERT INTO nodes VALUES ('bb', 'New', NULL);
         INSERT INTO cs_changes (kind, key) VALUES ('node', 'aa'), ('node', 'bb');
         UPDATE observers SET name = 'Uno' WHERE id = 'OBS1';
         INSERT INTO cs_changes (kind, id, key) VALUES ('observer', 1, 'OBS1'), ('a later word', 1, NULL);
         COMMIT",
    )
    .expect("changes");
    until(&store, "a removed transmission", |s| s.by_id(12).is_none());
    until(&store, "an observer", |s| {
        s.observers().by_id("OBS1").and_then(|o| o.name.clone()).as_deref() == Some("Uno")
    });
    let s = store.snapshot();
    assert_eq!(s.by_id(10).and_then(|t| t.channel_hash().map(str::to_owned)).as_deref(), Some("#test"));
    assert_eq!(s.observation_by_id(21).and_then(|o| o.snr()), Some(9.75));
    assert_eq!(s.nodes().by_key("aa").and_then(|n| n.name.clone()).as_deref(), Some("Ridge"));
    assert!(s.nodes().by_key("bb").is_some());
    assert_eq!((s.transmission_count(), s.observation_count()), (2998, 2998 * 2));
}

#[test]
fn changes_that_nobody_tells_are_found() {
    let place = place();
    let db = create(&place.path, false);
    insert(&db, 1, 200, 2);
    let (store, _follower) = loaded(&place.path);
    db.execute_batch(
        "UPDATE transmissions SET decoded_json = '{}' WHERE id = 10;
         UPDATE observations SET rssi = -1 WHERE id = 21;
         DELETE FROM observations WHERE id = 50;
         DELETE FROM observations WHERE transmission_id = 12;
         DELETE FROM transmissions WHERE id = 12;
         INSERT INTO nodes VALUES ('cc', 'Later', '2026-07-01T00:00:00Z');",
    )
    .expect("changes");
    until(&store, "all of them", |s| {
        s.by_id(10).and_then(|t| t.decoded_json().map(std::borrow::Cow::into_owned)).as_deref() == Some("{}")
            && s.observation_by_id(21).and_then(|o| o.rssi()) == Some(-1.0)
            && s.by_id(12).is_none()
            && s.observation_by_id(50).is_none()
            && s.nodes().by_key("cc").is_some()
    });
}

#[test]
fn a_replaced_file_is_loaded_anew_and_the_old_one_shown_meanwhile() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 500, 2);
    let (store, _follower) = loaded(&place.path);
    drop(db);
    let other = place.path.with_extension("other");
    let db = create(&other, true);
    insert(&db, 1, 101, 1);
    db.execute("UPDATE transmissions SET hash = 'new' || hash", []).expect("an update");
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").expect("one file");
    drop(db);
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(corescope_store::db::beside(&place.path, suffix));
    }
    std::fs::rename(&other, &place.path).expect("a replaced file");
    let begin = Instant::now();
    loop {
        let count = store.snapshot().transmission_count();
        assert!(count == 499 || count == 100, "a reader saw {count} transmissions");
        if count == 100 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(store.snapshot().by_hash("new0000000000000005").is_some());
}

#[test]
fn ids_that_go_down_mean_another_history() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 300, 1);
    let (store, _follower) = loaded(&place.path);
    db.execute_batch(
        "DELETE FROM observations WHERE transmission_id > 100; DELETE FROM transmissions WHERE id > 100",
    )
    .expect("a shorter history");
    until(&store, "the shorter history", |s| s.transmission_count() == 100 && complete(s));
}

#[test]
fn damaged_rows_are_counted_and_skipped() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 50, 2);
    db.execute_batch(
        "UPDATE transmissions SET raw_hex = 'xyz' WHERE id = 3;
         UPDATE transmissions SET hash = NULL WHERE id = 4;
         UPDATE transmissions SET first_seen = 'yesterday' WHERE id = 5;
         UPDATE transmissions SET decoded_json = '{broken' WHERE id = 6;
         UPDATE observations SET path_json = '[\"AB' WHERE transmission_id = 7;
         UPDATE observations SET raw_hex = 'g' WHERE transmission_id = 8;
         UPDATE observations SET snr = 'loud' WHERE transmission_id = 9;
         UPDATE observations SET timestamp = NULL WHERE transmission_id = 10;
         UPDATE observations SET transmission_id = 7777 WHERE transmission_id = 11;
         UPDATE transmissions SET hash = x'ff' WHERE id = 12;",
    )
    .expect("damage");
    let (store, _follower) = loaded(&place.path);
    let s = store.snapshot();
    assert_eq!(s.transmission_count(), 45);
    assert!([3, 4, 5, 12].iter().all(|id| s.by_id(*id).is_none()));
    // A damaged text is no reason to lose the packet.
    assert_eq!(
        s.by_id(6).and_then(|t| t.decoded_json().map(std::borrow::Cow::into_owned)).as_deref(),
        Some("{broken")
    );
    let defects = store.defects();
    assert_eq!(defects.get(&Defect::Hex), Some(&(1 + 2)), "{defects:?}");
    assert_eq!(defects.get(&Defect::Time), Some(&1), "{defects:?}");
    assert_eq!(defects.get(&Defect::Json), Some(&2), "{defects:?}");
    assert_eq!(defects.get(&Defect::Payload), Some(&1), "{defects:?}");
    assert_eq!(defects.get(&Defect::Type), Some(&(2 + 2 + 2)), "{defects:?}");
    // Those of the four transmissions that were left out, and the two that point nowhere.
    assert_eq!(defects.get(&Defect::Dangling), Some(&(8 + 2)), "{defects:?}");
}

#[test]
fn readers_see_the_old_graph_or_the_new_one() {
    let place = place();
    let db = create(&place.path, true);
    let replace = |round: i64| {
        db.execute_batch(&format!(
            "BEGIN; DELETE FROM neighbor_edges;
             INSERT INTO neighbor_edges SELECT 'a' || value, 'b' || value, {round}, NULL
               FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 20) SELECT value FROM n);
             COMMIT"
        ))
        .expect("edges");
    };
    replace(1);
    let (store, _follower) = loaded(&place.path);
    assert!(store.snapshot().graph().loaded_at() > 0);
    for round in 2..8 {
        replace(round);
        until(&store, "the next graph", |s| {
            let graph = s.graph();
            let counts: Vec<i64> = graph.edges().iter().map(|e| e.count).collect();
            assert!(counts.len() == 20 && counts.iter().all(|c| *c == counts[0]), "half a graph: {counts:?}");
            assert_eq!(graph.neighbors("a7").map(|(key, _)| key.to_owned()).collect::<Vec<_>>(), ["b7"]);
            counts[0] == round
        });
    }
}

#[test]
fn the_ceiling_keeps_the_newest() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 12_000, 2);
    let whole = Store::new();
    let follower = start(&place.path, &whole);
    until(&whole, "the load", complete);
    drop(follower);
    let budget = whole.memory_use().segments / 2;
    let store = Store::with_budget(budget);
    let _follower = start(&place.path, &store);
    until(&store, "the load", complete);
    let s = store.snapshot();
    let floor = s.floor();
    assert!(floor > 1 && s.by_id(11_999).is_some() && s.by_id(1).is_none());
    let used = store.memory_use();
    assert!(used.segments + used.rows_in_full <= budget, "{used:?}");
    // What is kept is kept whole, and counted so.
    let mut kept = read_all(&whole.snapshot());
    kept.rows.retain(|id, _| *id >= floor);
    assert_eq!(read_all(&s), kept);
    assert_eq!(**s.activity(), corescope_store::memory::recount(&s).1);
    assert_eq!(s.counters().transmissions, kept.rows.len() as u64);
    // What is gone is answered from the database.
    let reader = Arc::new(Reader::new(&place.path));
    let answers = Whole::new(Arc::clone(&reader));
    let all = whole.snapshot();
    assert!(s.lacks_rows() && !all.lacks_rows());
    let same = |query: &Query| {
        let answer = answers.query(&s, query, None).expect("an answer");
        let page = all.query(query);
        assert_eq!((answer.total, answer.next), (page.total, page.next), "{query:?}");
        let ids: Vec<i64> = answer.rows.iter().map(|t| Transmission::from(&**t).id()).collect();
        assert_eq!(ids, page.rows.iter().map(|t| t.id()).collect::<Vec<_>>(), "{query:?}");
        answer.next
    };
    let since = BEGIN + 11_000;
    let by_columns = [
        Query { after_id: Some(2), ..Query::default() },
        Query { payload_types: Some(vec![4]), ..Query::default() },
        Query { since: Some(since), ..Query::default() },
        Query { hash: Some("0000000000000007".into()), ..Query::default() },
    ];
    for order in [Order::NewestId, Order::OldestId, Order::Latest] {
        for filter in &by_columns {
            for (offset, limit) in [(0, 5), (11_990, 20)] {
                let query = Query { order, offset, limit, ..filter.clone() };
                let next = same(&query);
                same(&Query { offset: 0, after: next, ..query });
            }
        }
    }
    // What everything must be read for.
    let expression = filter::parse("observations > 1").expect("an expression");
    for (order, filter) in [
        (Order::NewestId, Query { observers: Some(vec!["OBS1".into()]), ..Query::default() }),
        (Order::OldestId, Query { until: Some(since), ..Query::default() }),
        (Order::Latest, Query { filter: Some(Expression::at(expression, 0)), ..Query::default() }),
    ] {
        same(&Query { order, offset: 6000, limit: 10, ..filter });
    }
    // Another verdict counts like a filter.
    let even = |row: &Transmission<'_>| row.id() % 2 == 0;
    let judged = answers.query(&s, &Query { limit: 3, ..Query::default() }, Some(&even)).expect("an answer");
    assert_eq!(judged.total, all.transmissions().filter(even).count() as u64);
    assert_eq!(judged.rows.len(), 3);
    let one = answers.by_hash(&s, "0000000000000001").expect("a row").expect("there");
    assert_eq!(Transmission::from(&*one).observation_count(), 2);
    for observation in [1, 23_000] {
        let of = answers.of_observation(&s, observation).expect("a row").expect("there");
        assert!(Transmission::from(&*of).observations().any(|o| o.id() == observation));
    }
    for id in [1, floor - 1, floor, 11_999] {
        let row = answers.by_id(&s, id).expect("a row").expect("there");
        assert_eq!(Transmission::from(&*row).observation_count(), 2);
    }
    assert!(answers.by_id(&s, -5).expect("no row").is_none());
    // Late observations of what is gone are no defect.
    db.execute(
        "INSERT INTO observations (transmission_id, observer_idx, timestamp) VALUES (1, 1, ?1)",
        [BEGIN],
    )
    .expect("a row");
    insert(&db, 12_000, 12_001, 1);
    until(&store, "the next row", |s| s.by_id(12_000).is_some());
    assert!(store.defects().is_empty());
    // They, and rows that go away there, are seen in the next answer.
    let s = store.snapshot();
    let total = |query: &Query| answers.query(&s, query, None).expect("an answer").total;
    assert_eq!(total(&Query { hash: Some("0000000000000001".into()), ..Query::default() }), 1);
    let late = answers.by_id(&s, 1).expect("a row").expect("there");
    assert_eq!(Transmission::from(&*late).observation_count(), 3);
    assert_eq!(total(&Query::default()), 12_000);
    // One that was heard again stands among the newest, and in a window where nothing else outside memory is.
    db.execute(
        "INSERT INTO observations (transmission_id, observer_idx, timestamp) VALUES (3, 1, ?1)",
        [BEGIN + 50_000],
    )
    .expect("a row");
    insert(&db, 12_001, 12_002, 1);
    until(&store, "the next row", |s| s.by_id(12_001).is_some());
    let s = store.snapshot();
    let ids = |query: &Query| -> Vec<i64> {
        let rows = answers.query(&s, query, None).expect("an answer").rows;
        rows.iter().map(|row| Transmission::from(&**row).id()).collect()
    };
    let newest = Query { order: Order::Latest, limit: 3, ..Query::default() };
    assert_eq!(ids(&newest), [3, 12_001, 12_000]);
    assert_eq!(ids(&Query { since: Some(BEGIN + 12_000), ..newest }), [3, 12_001]);
    db.execute_batch(
        "BEGIN; DELETE FROM observations WHERE transmission_id = 2; DELETE FROM transmissions WHERE id = 2;
         INSERT INTO cs_changes (kind, id) VALUES ('removed', 2); COMMIT",
    )
    .expect("a removal");
    until(&store, "the removal", |s| {
        answers.query(s, &Query::default(), None).is_ok_and(|answer| answer.total == 12_000)
    });
}

#[test]
fn memory_reaches_back_as_far_as_it_is_told() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 12_000, 2);
    let options = || Options { retention: Some(Duration::from_mins(100)), ..quick() };
    let store = Store::new();
    let follower = tail::follow(&place.path, store.clone(), options()).expect("a follower");
    until(&store, "the load", complete);
    let s = store.snapshot();
    let floor = s.floor();
    assert!(s.lacks_rows() && s.transmission_count() < 11_999);
    // Whole segments: nothing of the window is missing.
    let (newest, whole) = (s.newest(), Whole::new(Arc::new(Reader::new(&place.path))));
    let window = Query { since: Some(newest - 100 * 60), limit: 1, ..Query::default() };
    let everywhere = whole.query(&s, &window, None).expect("an answer").total;
    assert_eq!(s.query(&window).total, everywhere);
    drop(follower);
    // A snapshot of it is used as long as memory may not reach further back.
    let file = place.path.with_extension("snapshot");
    let with_file = |retention| Options { retention, snapshot: Some(file.clone()), ..quick() };
    let keep = options().retention;
    for (retention, expected) in [(keep, 11_999), (keep, s.transmission_count()), (None, 11_999)] {
        let store = Store::new();
        let follower = tail::follow(&place.path, store.clone(), with_file(retention)).expect("a follower");
        until(&store, "a load with a snapshot file", complete);
        assert_eq!(store.snapshot().loading().expected, expected, "{retention:?}");
        drop(follower);
    }
    // Newer rows push older ones out, in the time of a look at the graph.
    insert(&db, 12_000, 30_000, 1);
    let store = Store::new();
    let _follower = tail::follow(&place.path, store.clone(), options()).expect("a follower");
    until(&store, "the next load", |s| complete(s) && s.floor() > floor);
}
