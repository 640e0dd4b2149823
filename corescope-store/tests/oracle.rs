//! For random histories and random queries the store answers exactly what a naive scan answers.

mod common;

use common::{Pair, query, read_all, step};
use corescope_store::memory::{Activity, Counters, Order, Query, Snapshot};
use proptest::prelude::*;

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
