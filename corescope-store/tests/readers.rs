//! Readers while rows are appended, packed and dropped: each sees whole moments, in order.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{BEGIN, Obs, Tx, rfc3339};
use corescope_store::memory::{Batch, Order, Query, Store};

/// Tells readers to end, also when what they read comes to an end by a failed assertion.
struct Done<'d>(&'d AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Transmissions and observations of each append.
const GROUP: i64 = 5;
const HEARD: i64 = 3;

fn append(store: &Store, round: i64) {
    let mut transmissions = Vec::new();
    let mut observations = Vec::new();
    for n in 0..GROUP {
        let id = round * GROUP + n + 1;
        transmissions.push(Tx {
            id,
            raw_hex: format!("1500{id:08X}"),
            hash: format!("{id:016x}"),
            first_seen: rfc3339(BEGIN + id),
            last_seen: BEGIN + id,
            route_type: Some(1),
            payload_type: Some(n % 2),
            payload_version: Some(0),
            decoded_json: Some(format!(r#"{{"type":"REQ","n":{id}}}"#)),
            from_pubkey: None,
            channel_hash: None,
            scope_name: None,
        });
        for heard in 0..HEARD {
            observations.push(Obs {
                id: (id - 1) * HEARD + heard + 1,
                transmission_id: id,
                observer: Some(heard + 1),
                direction: Some("rx".into()),
                snr: Some(heard as f64),
                rssi: None,
                score: None,
                path_json: Some("[\"AB\"]".into()),
                timestamp: BEGIN + id + heard,
                resolved_path: None,
                raw_hex: None,
            });
        }
    }
    let transmissions: Vec<_> = transmissions.iter().map(Tx::row).collect();
    let observations: Vec<_> = observations.iter().map(Obs::row).collect();
    let outcome = store.append(&Batch { transmissions: &transmissions, observations: &observations });
    assert_eq!((outcome.new_transmissions, outcome.new_observations), (GROUP as u64, (GROUP * HEARD) as u64));
}

fn look(store: &Store, last: &mut u64) {
    let s = store.snapshot();
    assert!(s.version() >= *last, "time went back");
    *last = s.version();
    let count = s.transmission_count();
    assert_eq!(s.observation_count(), count * HEARD as u64);
    let counters = s.counters();
    assert_eq!((counters.transmissions, counters.observations), (count, s.observation_count()));
    let (newest, _) = s.last_ids();
    assert_eq!(newest % GROUP, 0, "part of an append");
    for order in [Order::NewestId, Order::OldestId, Order::Latest] {
        let page = s.query(&Query { order, limit: 7, ..Query::default() });
        assert_eq!(page.total, count);
        for row in page.rows {
            assert_eq!(row.observation_count(), HEARD as usize);
            assert_eq!(s.by_hash(&row.hash()).map(|t| t.id()), Some(row.id()));
        }
    }
    let types = |t: i64| s.query(&Query { payload_types: Some(vec![t]), limit: 0, ..Query::default() }).total;
    assert_eq!(types(0) + types(1), count);
}

#[test]
fn readers_see_whole_moments() {
    for budget in [None, Some(120_000)] {
        let store = budget.map_or_else(Store::new, Store::with_budget);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _done = Done(&done);
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !done.load(Ordering::Acquire) {
                        look(&store, &mut last);
                    }
                    look(&store, &mut last);
                });
            }
            scope.spawn(|| {
                let _here = store.pack_here();
                while !done.load(Ordering::Acquire) {
                    store.compact();
                }
            });
            for round in 0..900 {
                append(&store, round);
            }
        });
        let s = store.snapshot();
        let kept = s.transmission_count();
        assert_eq!(kept + store.evicted().transmissions, 900 * GROUP as u64);
        assert_eq!(budget.is_some(), store.evicted().transmissions > 0);
        assert_eq!(s.transmissions().count() as u64, kept);
    }
}

#[test]
fn subscribers_are_told_everything_in_order_or_how_much_they_missed() {
    let store = Store::new();
    let (quick, slow) = (store.subscribe(1000), store.subscribe(3));
    for round in 0..20 {
        append(&store, round);
    }
    let ids: Vec<i64> =
        std::iter::from_fn(|| quick.try_recv().ok()).flat_map(|a| a.transmissions.to_vec()).collect();
    assert_eq!(ids, (1..=20 * GROUP).collect::<Vec<_>>());
    assert_eq!(std::iter::from_fn(|| slow.try_recv().ok()).count(), 3);
    assert_eq!((slow.take_lost(), slow.take_lost()), (17, 0));
    drop(slow);
    append(&store, 20);
    assert!(quick.try_recv().is_ok());
}

#[test]
fn stores_may_replace_each_other() {
    let (one, other) = (Store::new(), Store::new());
    append(&one, 0);
    append(&other, 1);
    for _ in 0..100 {
        one.replace_with(&other);
        other.replace_with(&one);
    }
    let (sender, done) = std::sync::mpsc::channel();
    for (store, with) in [(one.clone(), other.clone()), (other, one)] {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for _ in 0..2000 {
                store.replace_with(&with);
            }
            sender.send(store.snapshot().transmission_count()).expect("the test");
        });
    }
    for _ in 0..2 {
        let count = done.recv_timeout(std::time::Duration::from_mins(5)).expect("they wait for each other");
        assert_eq!(count, GROUP as u64);
    }
}
