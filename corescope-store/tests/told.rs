//! What the writer tells of changes, in numbers and in odd orders.
#![cfg(feature = "write")]

mod common;
mod followed;
mod support;

use std::sync::Arc;

use common::read_all;
use corescope_store::memory::{Aggregate, Defect, Published, Snapshot, Store, Transmission};
use followed::{complete, create, fresh, insert, loaded, place, start, until};

fn is_changed(snapshot: &Snapshot, id: i64) -> bool {
    snapshot.by_id(id).is_some_and(|t| t.channel_hash().is_some())
}

/// Whether a moment was published at which the first row had changed and the last had not. Who looks now and then may
/// miss it.
#[derive(Debug, Default)]
struct Halfway(bool);

impl Aggregate for Halfway {
    fn add(&mut self, _: &Transmission<'_>) {}

    fn remove(&mut self, _: &Transmission<'_>) {}

    fn clear(&mut self) {}

    fn publish(&mut self, snapshot: &Snapshot) -> Published {
        self.0 |= is_changed(snapshot, 1) && !is_changed(snapshot, 20_000);
        Arc::new(self.0)
    }
}

#[test]
fn many_changes_come_in_steps() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 20_001, 1);
    let (store, _follower) = loaded(&place.path);
    let halfway = store.register(Box::<Halfway>::default());
    db.execute_batch(
        "BEGIN; UPDATE transmissions SET channel_hash = '#new';
         INSERT INTO cs_changes (kind, id) SELECT 'transmission', id FROM transmissions; COMMIT",
    )
    .expect("changes");
    until(&store, "the last of them", |s| is_changed(s, 20_000));
    assert_eq!(halfway.load().downcast_ref(), Some(&true), "all at once");
    assert_eq!(read_all(&store.snapshot()), fresh(&place.path));
}

#[test]
fn a_last_seen_that_is_told_is_applied() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 3000, 2);
    let (store, _follower) = loaded(&place.path);
    for id in [5, 2999] {
        db.execute("UPDATE transmissions SET last_seen = last_seen + 1000 WHERE id = ?1", [id])
            .expect("an update");
        db.execute("INSERT INTO cs_changes (kind, id) VALUES ('transmission', ?1)", [id]).expect("a notice");
    }
    db.execute("INSERT INTO cs_changes (kind) VALUES ('edges')", []).expect("a notice");
    let expected = fresh(&place.path);
    until(&store, "both", |s| {
        [5, 2999].iter().all(|id| s.by_id(*id).is_some_and(|t| t.last_seen() > common::BEGIN + id + 900))
    });
    assert_eq!(read_all(&store.snapshot()), expected);
}

#[test]
fn a_repaired_row_comes_with_what_was_heard_of_it() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 3000, 2);
    db.execute_batch(
        "UPDATE transmissions SET raw_hex = 'xyz' WHERE id = 7;
         UPDATE observations SET raw_hex = 'g' WHERE id = 21;",
    )
    .expect("damage");
    let (store, _follower) = loaded(&place.path);
    assert!(store.snapshot().by_id(7).is_none() && store.snapshot().observation_by_id(21).is_none());
    let live = store.subscribe(10);
    db.execute_batch(
        "BEGIN; UPDATE transmissions SET raw_hex = '1501AB000007' WHERE id = 7;
         UPDATE observations SET raw_hex = '15' WHERE id = 21;
         INSERT INTO cs_changes (kind, id) VALUES ('transmission', 7), ('observation', 21); COMMIT",
    )
    .expect("repairs");
    until(&store, "both", |s| s.by_id(7).is_some() && s.observation_by_id(21).is_some());
    assert_eq!(read_all(&store.snapshot()), fresh(&place.path));
    assert!(live.try_recv().is_err(), "old rows were told as new ones");
}

#[test]
fn observations_of_merged_transmissions_are_kept() {
    let place = support::Place::new();
    let mut writer = place.writer();
    let packets: Vec<_> = (0..40_u64)
        .flat_map(|n| {
            let raw = support::frame(support::FLOOD, support::GROUP_TEXT, &[], &support::text(n));
            [("A", 0), ("B", 1)].map(|(id, late)| support::heard(id, &raw, support::T0 + n as i64 + late))
        })
        .collect();
    writer.batch(&packets).expect("a batch");
    // As an older edition left it: one packet under two hashes.
    place
        .sql()
        .execute_batch(
            "INSERT INTO transmissions (raw_hex, hash, first_seen, last_seen, route_type, payload_type)
               SELECT raw_hex, 'ffffffffffffff01', first_seen, last_seen + 5, route_type, payload_type
               FROM transmissions WHERE id = 3;
             UPDATE observations SET transmission_id = (SELECT max(id) FROM transmissions)
               WHERE transmission_id = 3 AND observer_idx = 2;",
        )
        .expect("an old hash");
    let store = Store::new();
    let _follower = start(&place.db(), &store);
    until(&store, "the load", complete);
    assert_eq!(store.snapshot().by_id(3).map(|t| t.observation_count()), Some(1));
    let rehashed = writer.rehash(&mut |_| ()).expect("hashes");
    assert_eq!(rehashed.merged, 1);
    until(&store, "the merged one to go", |s| s.transmission_count() == 40);
    assert_eq!(store.snapshot().by_id(3).map(|t| t.observation_count()), Some(2));
    assert_eq!(read_all(&store.snapshot()), fresh(&place.db()));
}

#[test]
fn damaged_notices_are_counted_and_passed_over() {
    let place = place();
    let db = create(&place.path, false);
    insert(&db, 1, 100, 1);
    // As a program might make it that is less strict than ours.
    db.execute_batch("CREATE TABLE cs_changes (seq INTEGER PRIMARY KEY, kind, id, key)").expect("a table");
    let damaged = "INSERT INTO cs_changes (kind, id, key) VALUES
       (NULL, 5, NULL), (x'ff', 5, NULL), (CAST(x'ff' AS TEXT), 5, NULL), (1.5, 5, NULL), ('transmission', 'five', NULL),
       ('observation', 0.5, NULL), ('removed', NULL, NULL), ('node', NULL, x'00'), ('node', NULL, NULL)";
    let file = place.path.with_extension("snapshot");
    let options = || corescope_store::tail::Options { snapshot: Some(file.clone()), ..followed::quick() };
    let mut counted = 0;
    // The first load, then starts with a snapshot file: damaged notices are the last before and the first after. What
    // was counted tells that the file is used.
    for round in 0..3 {
        db.execute_batch(damaged).expect("notices");
        counted += if round == 0 { 0 } else { 9 };
        let store = Store::new();
        let follower =
            corescope_store::tail::follow(&place.path, store.clone(), options()).expect("a follower");
        until(&store, "the load", |s| complete(s) && s.loading().error.is_none());
        db.execute_batch(&format!(
            "BEGIN; {damaged}; UPDATE transmissions SET channel_hash = '#{round}' WHERE id = 9;
             INSERT INTO cs_changes (kind, id) VALUES ('transmission', 9); {damaged}; COMMIT"
        ))
        .expect("notices");
        counted += 18;
        until(&store, "what is told between them", |s| {
            s.by_id(9).is_some_and(|t| t.channel_hash() == Some(&format!("#{round}")))
        });
        insert(&db, 100 + round, 101 + round, 1);
        until(&store, "a new row", |s| s.by_id(100 + round).is_some());
        let s = store.snapshot();
        assert_eq!((s.defects().get(&Defect::Type), s.defects().len()), (Some(&counted), 1), "round {round}");
        assert_eq!(s.loading().error, None);
        drop(follower);
    }
}
