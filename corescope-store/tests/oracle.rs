//! For random histories and random queries the store answers exactly what a naive scan answers.

mod common;
mod followed;

use std::path::Path;
use std::sync::Arc;

use common::judged::{EXPRESSIONS, expression};
use common::{Oracle, Pair, Step, aggregates_agree, query, read_all, step, transmission};
use corescope_store::lookup::Reader;
use corescope_store::memory::{Order, Query, Score, Snapshot, Store, Transmission};
use corescope_store::tail::{self, Options, Whole};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rusqlite::{Connection, params};

/// Answers must be the same however the rows are kept.
fn check(pair: &Pair, queries: &[Query]) -> Result<(), TestCaseError> {
    check_snapshot(&pair.store.snapshot(), &pair.oracle, queries)
}

fn check_snapshot(snapshot: &Snapshot, oracle: &Oracle, queries: &[Query]) -> Result<(), TestCaseError> {
    prop_assert_eq!(&read_all(snapshot), oracle);
    prop_assert_eq!(snapshot.transmission_count(), oracle.rows.len() as u64);
    let observations: usize = oracle.rows.values().map(|(_, list)| list.len()).sum();
    prop_assert_eq!(snapshot.observation_count(), observations as u64);
    for query in queries {
        let page = snapshot.query(query);
        let ids: Vec<i64> = page.rows.iter().map(|t| t.id()).collect();
        prop_assert_eq!((page.total, ids), oracle.query(query, snapshot), "{:?}", query);
    }
    for (id, (tx, list)) in &oracle.rows {
        prop_assert_eq!(snapshot.by_id(*id).map(|t| t.id()), Some(*id));
        prop_assert_eq!(snapshot.by_hash(&tx.hash.to_ascii_uppercase()).map(|t| t.id()), Some(*id));
        for obs in list.keys() {
            let found = snapshot.observation_by_id(*obs).map(|o| (o.id(), o.transmission().id()));
            prop_assert_eq!(found, Some((*obs, *id)));
        }
    }
    prop_assert!(snapshot.by_id(-1).is_none() && snapshot.by_hash("nothing").is_none());
    prop_assert!(snapshot.observation_by_id(-1).is_none());
    aggregates_agree(snapshot)
}

/// A database to follow that holds these rows.
fn write_all(path: &Path, oracle: &Oracle) {
    let db = Connection::open(path).expect("a database");
    // A score is what was put in: no affinity makes another number of it.
    let tables = include_str!("common/tables.sql").replace("score INTEGER", "score");
    db.execute_batch("PRAGMA synchronous = OFF").and_then(|()| db.execute_batch(&tables)).expect("tables");
    for observer in Pair::new().store.snapshot().observers().iter() {
        db.execute(
            "INSERT INTO observers (rowid, id, name, iata) VALUES (?1, ?2, ?3, ?4)",
            params![observer.rowid, observer.id, observer.name, observer.iata],
        )
        .expect("an observer");
    }
    rewrite(path, &Oracle::default(), oracle);
}

/// Has the column `last_seen` follow all observations, as it does in memory while rows come one by one.
fn raise_last_seen(oracle: &mut Oracle) {
    for (tx, list) in oracle.rows.values_mut() {
        tx.last_seen = list.values().map(|o| o.timestamp).fold(tx.last_seen, i64::max);
    }
}

/// Puts rows in place of others, all at once, and tells of what became of those.
fn rewrite(path: &Path, old: &Oracle, oracle: &Oracle) {
    let db = Connection::open(path).expect("a database");
    db.busy_timeout(std::time::Duration::from_mins(1)).expect("a timeout");
    db.execute_batch("BEGIN IMMEDIATE; DELETE FROM transmissions; DELETE FROM observations").expect("begin");
    let tell = |kind: &str, id: i64| {
        let mut insert = db.prepare_cached("INSERT INTO cs_changes (kind, id) VALUES (?1, ?2)").expect("sql");
        insert.execute(params![kind, id]).expect("a notice");
    };
    for (id, (tx, list)) in &old.rows {
        match oracle.rows.get(id) {
            None => tell("removed", *id),
            Some((now, heard)) => {
                if now != tx {
                    tell("transmission", *id);
                }
                for (id, o) in list.iter().filter(|(id, o)| heard.get(id) != Some(*o)) {
                    assert_eq!(*id, o.id);
                    tell("observation", *id);
                }
            }
        }
    }
    for (tx, list) in oracle.rows.values() {
        db.prepare_cached(
            "INSERT INTO transmissions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .expect("sql")
        .execute(params![
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
            .execute(params![
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
    fn a_snapshot_file_gives_what_memory_held(
        before in prop::collection::vec(step(), 1..8),
        after in prop::collection::vec(step(), 0..8),
        last in transmission(),
        queries in prop::collection::vec(query(), 12),
    ) {
        let mut pair = Pair::new();
        for step in before {
            pair.apply(step);
        }
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("mesh.db");
        raise_last_seen(&mut pair.oracle);
        write_all(&path, &pair.oracle);
        let options = Options { snapshot: Some(dir.path().join("snapshot")), ..followed::quick() };
        let store = Store::new();
        let follower = tail::follow(&path, store.clone(), options.clone()).expect("a follower");
        followed::until(&store, "the load", followed::complete);
        // What happens now lies over packed rows, or is held in full.
        let old = pair.oracle.clone();
        for step in after {
            pair.apply(step);
        }
        raise_last_seen(&mut pair.oracle);
        rewrite(&path, &old, &pair.oracle);
        followed::until(&store, "what happened", |s| followed::complete(s) && read_all(s) == pair.oracle);
        drop(follower);
        let (saved, held) = (pair.oracle.clone(), store.snapshot());
        // One row more than the file can know of.
        pair.apply(Step::Append(vec![(last, Vec::new())], Vec::new()));
        rewrite(&path, &saved, &pair.oracle);
        let again = Store::new();
        let _follower = tail::follow(&path, again.clone(), options).expect("a follower");
        followed::until(&again, "the second start", followed::complete);
        let snapshot = again.snapshot();
        prop_assert_eq!(snapshot.loading().expected, saved.rows.len() as u64, "the file was not used");
        check_snapshot(&snapshot, &pair.oracle, &queries)?;
        check_snapshot(&held, &saved, &queries)?;
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
