//! Rows at the edges of what a segment can hold, and of what numbers can say.

mod common;

use std::sync::Arc;

use common::{BEGIN, Obs, Tx, rfc3339};
use corescope_store::lookup::Reader;
use corescope_store::memory::{Batch, Query, Store, Transmission};
use corescope_store::tail::Whole;

fn tx(id: i64) -> Tx {
    Tx {
        id,
        raw_hex: "1500".into(),
        hash: format!("{id:016x}"),
        first_seen: rfc3339(BEGIN),
        last_seen: BEGIN,
        route_type: Some(1),
        payload_type: Some(5),
        payload_version: Some(0),
        decoded_json: None,
        from_pubkey: None,
        channel_hash: None,
        scope_name: None,
    }
}

fn obs(id: i64, transmission_id: i64) -> Obs {
    Obs {
        id,
        transmission_id,
        observer: Some(1),
        direction: None,
        snr: None,
        rssi: None,
        score: None,
        path_json: None,
        timestamp: BEGIN,
        resolved_path: None,
        raw_hex: None,
    }
}

/// Every row is where it belongs.
fn check(store: &Store, ids: &[i64]) {
    let snapshot = store.snapshot();
    assert_eq!(snapshot.transmission_count(), ids.len() as u64);
    assert_eq!(snapshot.query(&Query { limit: 0, ..Query::default() }).total, ids.len() as u64);
    assert!(snapshot.transmissions().map(|row| row.id()).eq(ids.iter().copied()));
    for id in ids.iter().step_by(997).chain(ids.last()) {
        let row = snapshot.by_id(*id).expect("a row");
        assert_eq!(row.hash(), format!("{id:016x}"));
        let heard: Vec<i64> = row.observations().map(|o| o.id()).collect();
        assert_eq!(heard, [*id], "observations of {id}");
        assert_eq!(snapshot.by_hash(&row.hash()).map(|row| row.id()), Some(*id));
        assert_eq!(snapshot.observation_by_id(*id).map(|o| o.transmission().id()), Some(*id));
    }
}

fn append_all(store: &Store, ids: impl Iterator<Item = i64>) {
    let mut append = store.begin();
    for id in ids {
        append.transmission(&tx(id).row());
        append.observation(&obs(id, id).row());
    }
    append.publish();
}

#[test]
fn an_append_may_be_larger_than_a_segment() {
    let store = Store::new();
    append_all(&store, 1..=70_000);
    let ids: Vec<i64> = (1..=70_000).collect();
    check(&store, &ids);
    assert!(store.memory_use().rows_in_full < 2_000_000, "what is beyond the newest is packed");
    while store.compact() {}
    store.pack();
    check(&store, &ids);
}

#[test]
fn more_rows_may_come_between_packed_ones_than_a_segment_holds() {
    let store = Store::new();
    append_all(&store, [1, 1_000_000].into_iter());
    store.pack();
    append_all(&store, 2..=70_000);
    let ids: Vec<i64> = (1..=70_000).chain([1_000_000]).collect();
    check(&store, &ids);
    while store.compact() {}
    assert!(store.memory_use().segment_count > 1);
    check(&store, &ids);
    append_all(&store, [80_000].into_iter());
    assert!(store.snapshot().by_id(80_000).is_some());
}

#[test]
fn observations_beyond_a_segment_begin_another() {
    const EACH: i64 = 260_000;
    let store = Store::new();
    let mut append = store.begin();
    for id in 1..=2 {
        append.transmission(&tx(id).row());
        for n in 1..=EACH {
            append.observation(&obs(id * EACH + n, id).row());
        }
    }
    append.publish();
    store.pack();
    assert_eq!(store.memory_use().segment_count, 2);
    let snapshot = store.snapshot();
    assert_eq!(
        snapshot.transmissions().map(|row| row.observation_count() as i64).collect::<Vec<_>>(),
        [EACH; 2]
    );
    assert_eq!(snapshot.observation_by_id(2 * EACH + 5).map(|o| o.transmission().id()), Some(2));
}

#[test]
fn the_highest_id_is_one_like_any_other() {
    let store = Store::new();
    append_all(&store, [7, i64::MAX].into_iter());
    store.pack();
    append_all(&store, [8].into_iter());
    store.compact();
    check(&store, &[7, 8, i64::MAX]);
    store.set_budget(Some(0));
    assert_eq!(store.snapshot().transmission_count(), 0);
    assert!(store.snapshot().floor() > i64::MIN, "everything was dropped, not nothing");
}

#[test]
fn hashes_that_differ_in_case_alone_are_two_however_they_are_kept() {
    let store = Store::new();
    let mut append = store.begin();
    append.transmission(&Tx { hash: "00000000000000ab".into(), ..tx(1) }.row());
    append.transmission(&Tx { hash: "00000000000000AB".into(), ..tx(2) }.row());
    append.publish();
    let found = |store: &Store| {
        let snapshot = store.snapshot();
        let query = Query { hash: Some("00000000000000aB".to_owned()), ..Query::default() };
        let ids: Vec<i64> = snapshot.query(&query).rows.iter().map(|row| row.id()).collect();
        (ids, snapshot.by_hash("00000000000000aB").map(|row| row.id()))
    };
    assert_eq!(found(&store), (vec![2, 1], Some(2)));
    store.pack();
    assert_eq!(found(&store), (vec![2, 1], Some(2)));
    for (gone, left) in [(1, Some(2)), (2, None)] {
        let mut append = store.begin();
        assert!(append.remove_transmission(gone));
        append.publish();
        assert_eq!(found(&store), (left.into_iter().collect(), left));
    }
}

/// The observation a transmission is shown with, as it came and packed.
fn shown(observations: &[Obs]) -> (Option<i64>, Option<i64>) {
    let store = Store::new();
    let mut append = store.begin();
    append.transmission(&tx(1).row());
    for o in observations {
        append.observation(&o.row());
    }
    append.publish();
    let id = || store.snapshot().by_id(1).and_then(|row| row.display().map(|o| o.id()));
    let in_full = id();
    store.pack();
    (in_full, id())
}

#[test]
fn of_equals_the_one_with_the_lowest_id_is_shown_in_whatever_order_they_came() {
    let ids = |list: &[i64]| list.iter().map(|id| obs(*id, 1)).collect::<Vec<_>>();
    assert_eq!(shown(&ids(&[1, 2, 3])), (Some(1), Some(1)));
    assert_eq!(shown(&ids(&[5, 3, 4])), (Some(3), Some(3)));
}

#[test]
fn a_time_before_all_times_is_not_the_newest() {
    let ancient = Obs { timestamp: i64::MIN + 1, ..obs(1, 1) };
    assert_eq!(shown(&[ancient, obs(2, 1)]), (Some(2), Some(2)));
}

#[test]
fn ids_of_observations_may_be_as_far_apart_as_numbers_go() {
    let store = Store::new();
    let all = [i64::MIN + 1, -5, 1, 2, i64::MAX - 1];
    let mut append = store.begin();
    for id in 1..=2 {
        append.transmission(&tx(id).row());
    }
    append.transmission(&tx(40).row());
    for (id, of) in all.into_iter().zip([1, 2, 1, 2, 2]) {
        append.observation(&obs(id, of).row());
    }
    append.publish();
    for packed in [false, true] {
        if packed {
            store.pack();
        }
        let snapshot = store.snapshot();
        for (id, of) in all.into_iter().zip([1, 2, 1, 2, 2]) {
            let found = snapshot.observation_by_id(id).map(|o| (o.id(), o.transmission().id()));
            assert_eq!(found, Some((id, of)), "packed: {packed}");
        }
        for id in [i64::MIN, -4, 0, 3, i64::MAX] {
            assert!(snapshot.observation_by_id(id).is_none(), "{id}, packed: {packed}");
        }
    }
}

#[test]
fn spellings_of_a_hash_are_found_on_both_sides_of_the_floor() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("mesh.db");
    let db = rusqlite::Connection::open(&path).expect("a database");
    db.execute_batch(include_str!("common/tables.sql")).expect("tables");
    let spelled = [(1, "00000000000000ab"), (2, "00000000000000AB"), (3, "00000000000000aB")];
    let store = Store::new();
    for (id, hash) in spelled {
        let tx = Tx { hash: hash.into(), ..tx(id) };
        db.execute(
            "INSERT INTO transmissions (id, raw_hex, hash, first_seen) VALUES (?1, ?2, ?3, ?4)",
            rusqlite::params![tx.id, tx.raw_hex, tx.hash, tx.first_seen],
        )
        .expect("a row");
        store.append(&Batch { transmissions: &[tx.row()], observations: &[] });
        if id < 3 {
            store.pack();
        }
    }
    let whole = Whole::new(Arc::new(Reader::new(&path)));
    let all = store.snapshot();
    store.set_budget(Some(0));
    let newest = store.snapshot();
    store.pack();
    store.set_budget(Some(0));
    let none = store.snapshot();
    assert_eq!((newest.transmission_count(), none.transmission_count()), (1, 0));
    for (_, hash) in spelled {
        let query = Query { hash: Some(hash.into()), ..Query::default() };
        assert_eq!(all.query(&query).total, 3);
        let answer = whole.query(&newest, &query, None).expect("an answer");
        let ids: Vec<i64> = answer.rows.iter().map(|row| Transmission::from(&**row).id()).collect();
        assert_eq!((answer.total, ids), (3, vec![3, 2, 1]), "{hash}");
        assert_eq!(
            whole.by_hash(&newest, hash).expect("an answer").map(|row| Transmission::from(&*row).id()),
            Some(3)
        );
    }
    // The newest of the spellings that an index tells: as asked for, lower, upper.
    for (hash, id) in [("00000000000000ab", 2), ("00000000000000AB", 2), ("00000000000000aB", 3)] {
        let found = whole.by_hash(&none, hash).expect("an answer");
        assert_eq!(found.map(|row| Transmission::from(&*row).id()), Some(id), "{hash}");
    }
}
