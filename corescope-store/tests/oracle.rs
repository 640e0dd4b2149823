//! For random histories and random queries the store answers exactly what a naive scan answers.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::judged::{EXPRESSIONS, expression};
use common::{Oracle, Pair, query, read_all, step};
use corescope_store::lookup::Reader;
use corescope_store::memory::{Activity, Counters, Order, Query, Score, Snapshot, Transmission};
use corescope_store::tail::Whole;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Answers must be the same however the rows are kept.
fn check(pair: &Pair, queries: &[Query]) -> Result<(), TestCaseError> {
    let snapshot = pair.store.snapshot();
    prop_assert_eq!(&read_all(&snapshot), &pair.oracle);
    prop_assert_eq!(snapshot.transmission_count(), pair.oracle.rows.len() as u64);
    let observations: usize = pair.oracle.rows.values().map(|(_, list)| list.len()).sum();
    prop_assert_eq!(snapshot.observation_count(), observations as u64);
    for query in queries {
        let page = snapshot.query(query);
        let ids: Vec<i64> = page.rows.iter().map(|t| t.id()).collect();
        prop_assert_eq!((page.total, ids), pair.oracle.query(query, &snapshot), "{:?}", query);
    }
    for (id, (tx, list)) in &pair.oracle.rows {
        prop_assert_eq!(snapshot.by_id(*id).map(|t| t.id()), Some(*id));
        prop_assert_eq!(snapshot.by_hash(&tx.hash.to_ascii_uppercase()).map(|t| t.id()), Some(*id));
        for obs in list.keys() {
            let found = snapshot.observation_by_id(*obs).map(|o| (o.id(), o.transmission().id()));
            prop_assert_eq!(found, Some((*obs, *id)));
        }
    }
    prop_assert!(snapshot.by_id(-1).is_none() && snapshot.by_hash("nothing").is_none());
    prop_assert!(snapshot.observation_by_id(-1).is_none());
    aggregates_agree(&snapshot)
}

/// The rows as a database holds them.
fn write_all(path: &Path, oracle: &Oracle) {
    let db = rusqlite::Connection::open(path).expect("a database");
    db.execute_batch(
        "PRAGMA synchronous = OFF;
         CREATE TABLE transmissions (id INTEGER PRIMARY KEY, raw_hex TEXT, hash TEXT, first_seen TEXT, last_seen INTEGER,
           route_type INTEGER, payload_type INTEGER, payload_version INTEGER, decoded_json TEXT, from_pubkey TEXT,
           channel_hash TEXT, scope_name TEXT);
         CREATE TABLE observations (id INTEGER PRIMARY KEY, transmission_id INTEGER, observer_idx INTEGER, direction TEXT,
           snr REAL, rssi REAL, score, path_json TEXT, timestamp INTEGER, resolved_path TEXT, raw_hex TEXT);
         BEGIN",
    )
    .expect("tables");
    for (tx, list) in oracle.rows.values() {
        db.prepare_cached(
            "INSERT INTO transmissions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .expect("sql")
        .execute(rusqlite::params![
            tx.id,
            tx.raw_hex,
            tx.hash,
            tx.first_seen,
            tx.last_seen,
            tx.route_type,
            tx.payload_type,
            tx.payload_version,
            tx.decoded_json,
            tx.from_pubkey,
            tx.channel_hash,
            tx.scope_name
        ])
        .expect("a row");
        for o in list.values() {
            let score = o.score.map(|score| match score {
                Score::Integer(value) => rusqlite::types::Value::Integer(value),
                Score::Real(value) => rusqlite::types::Value::Real(value),
            });
            db.prepare_cached(
                "INSERT INTO observations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )
            .expect("sql")
            .execute(rusqlite::params![
                o.id,
                o.transmission_id,
                o.observer,
                o.direction,
                o.snr,
                o.rssi,
                score,
                o.path_json,
                o.timestamp,
                o.resolved_path,
                o.raw_hex
            ])
            .expect("a row");
        }
    }
    db.execute_batch("COMMIT").expect("commit");
}

fn aggregates_agree(snapshot: &Snapshot) -> Result<(), TestCaseError> {
    let (counters, activity): (Counters, Activity) = corescope_store::memory::recount(snapshot);
    let ours = snapshot.counters();
    prop_assert_eq!((ours.transmissions, ours.observations), (counters.transmissions, counters.observations));
    prop_assert_eq!(&ours.by_payload_type, &counters.by_payload_type);
    prop_assert_eq!(&ours.by_route_type, &counters.by_route_type);
    let newest = snapshot.newest().max(0);
    for back in [0, 10, 3600, 80_000] {
        prop_assert_eq!(ours.observations_since(newest - back), counters.observations_since(newest - back));
    }
    prop_assert_eq!(&**snapshot.activity(), &activity);
    Ok(())
}

/// Each expression over the same random histories, and none of them always true or never.
#[test]
fn every_expression_gets_the_verdicts_of_plain_rows() {
    let mut runner = TestRunner::deterministic();
    let mut found = [0; EXPRESSIONS.len()];
    let mut rows = 0;
    for _ in 0..40 {
        let steps = prop::collection::vec(step(), 6..10).new_tree(&mut runner).expect("steps").current();
        let mut pair = Pair::new();
        for step in steps {
            pair.apply(step);
        }
        rows += pair.oracle.rows.len() as u64;
        for packed in [false, true] {
            if packed {
                pair.store.pack();
            }
            let snapshot = pair.store.snapshot();
            for (text, found) in EXPRESSIONS.iter().zip(&mut found) {
                let query = Query { filter: Some(expression(text)), limit: usize::MAX, ..Query::default() };
                let page = snapshot.query(&query);
                let ids: Vec<i64> = page.rows.iter().map(|t| t.id()).collect();
                let wanted = pair.oracle.query(&query, &snapshot);
                assert_eq!((page.total, ids), wanted, "{text}, packed: {packed}");
                *found += wanted.0;
            }
        }
    }
    for (text, found) in EXPRESSIONS.iter().zip(found) {
        assert!(found > 0 && found < 2 * rows, "{text}: {found} of twice {rows}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn rows_in_full_answer_like_a_scan(
        steps in prop::collection::vec(step(), 1..12),
        queries in prop::collection::vec(query(), 12),
    ) {
        let mut pair = Pair::new();
        for step in steps {
            pair.apply(step);
        }
        check(&pair, &queries)?;
    }

    #[test]
    fn packed_rows_answer_like_a_scan(
        before in prop::collection::vec(step(), 1..8),
        between in prop::collection::vec(step(), 0..8),
        after in prop::collection::vec(step(), 0..8),
        queries in prop::collection::vec(query(), 12),
    ) {
        let mut pair = Pair::new();
        for step in before {
            pair.apply(step);
        }
        pair.store.pack();
        check(&pair, &queries)?;
        for step in between {
            pair.apply(step);
        }
        pair.store.pack();
        for step in after {
            pair.apply(step);
        }
        check(&pair, &queries)?;
        while pair.store.compact() {}
        check(&pair, &queries)?;
    }

    #[test]
    fn what_memory_lacks_is_answered_from_the_database(
        before in prop::collection::vec(step(), 1..8),
        after in prop::collection::vec(step(), 0..8),
        queries in prop::collection::vec(query(), 12),
    ) {
        let mut pair = Pair::new();
        for step in before {
            pair.apply(step);
        }
        pair.store.pack();
        for step in after {
            pair.apply(step);
        }
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("mesh.db");
        write_all(&path, &pair.oracle);
        // All that is packed goes; what came later stays.
        pair.store.set_budget(Some(0));
        let snapshot = pair.store.snapshot();
        let mut kept = pair.oracle.clone();
        kept.rows.retain(|id, _| *id >= snapshot.floor());
        prop_assert_eq!(&read_all(&snapshot), &kept);
        let whole = Whole::new(Arc::new(Reader::new(path)));
        for query in &queries {
            let page = snapshot.query(query);
            let ids: Vec<i64> = page.rows.iter().map(|t| t.id()).collect();
            prop_assert_eq!((page.total, ids), kept.query(query, &snapshot), "kept: {:?}", query);
            let answer = whole.query(&snapshot, query, None).expect("an answer");
            let ids: Vec<i64> = answer.rows.iter().map(|t| Transmission::from(&**t).id()).collect();
            prop_assert_eq!((answer.total, ids), pair.oracle.query(query, &snapshot), "whole: {:?}", query);
        }
    }

    #[test]
    fn pages_joined_by_cursor_are_the_whole(
        steps in prop::collection::vec(step(), 1..10),
        mut query in query(),
        order in prop::sample::select(vec![Order::NewestId, Order::OldestId, Order::Latest]),
        limit in 1..5_usize,
    ) {
        let mut pair = Pair::new();
        for (n, step) in steps.into_iter().enumerate() {
            pair.apply(step);
            if n % 3 == 2 {
                pair.store.pack();
            }
        }
        (query.order, query.offset, query.after) = (order, 0, None);
        query.limit = usize::MAX;
        let snapshot = pair.store.snapshot();
        let whole: Vec<i64> = snapshot.query(&query).rows.iter().map(|t| t.id()).collect();
        query.limit = limit;
        let mut joined = Vec::new();
        loop {
            let page = snapshot.query(&query);
            prop_assert_eq!(page.total, whole.len() as u64);
            joined.extend(page.rows.iter().map(|t| t.id()));
            let Some(next) = page.next else { break };
            prop_assert_eq!(next.to_string().parse(), Ok(next));
            query.after = Some(next);
        }
        prop_assert_eq!(joined, whole);
    }
}
