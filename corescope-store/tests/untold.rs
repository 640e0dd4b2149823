//! What nobody told the follower is found: rows changed by hand, and another database in the same file.

mod common;
mod followed;

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::read_all;
use corescope_store::memory::{Aggregate, Snapshot, Store, Transmission};
use followed::{complete, create, fresh, insert, loaded, place, until};

fn payload(snapshot: &Snapshot, id: i64) -> Option<String> {
    snapshot.by_id(id).and_then(|t| t.decoded_json().map(Cow::into_owned))
}

#[test]
fn changes_by_hand_are_found_where_changes_are_told_and_where_they_are_not() {
    for told in [true, false] {
        let place = place();
        let db = create(&place.path, told);
        insert(&db, 1, 1000, 2);
        let (store, follower) = loaded(&place.path);
        let live = store.subscribe(1000);
        db.execute_batch(
            r#"DELETE FROM observations WHERE transmission_id BETWEEN 1 AND 300;
             DELETE FROM transmissions WHERE id BETWEEN 1 AND 300;
             UPDATE transmissions SET decoded_json = '{"by":"hand"}' WHERE id = 700;
             UPDATE transmissions SET raw_hex = 'xyz' WHERE id = 701;
             UPDATE transmissions SET last_seen = last_seen + 100 WHERE id = 702;
             UPDATE observations SET rssi = -1 WHERE id = 1601;
             DELETE FROM observations WHERE id = 1700;
             UPDATE nodes SET name = 'Ridge', last_seen = NULL WHERE public_key = 'aa';
             UPDATE observers SET name = 'Uno' WHERE id = 'OBS1';"#,
        )
        .expect("changes by hand");
        until(&store, "the tables", |s| {
            s.nodes().by_key("aa").and_then(|n| n.name.clone()).as_deref() == Some("Ridge")
                && s.observers().by_id("OBS1").and_then(|o| o.name.clone()).as_deref() == Some("Uno")
        });
        until(&store, "the rows", |s| {
            s.transmission_count() == 698
                && payload(s, 700).as_deref() == Some(r#"{"by":"hand"}"#)
                && s.observation_by_id(1601).and_then(|o| o.rssi()) == Some(-1.0)
                && s.observation_by_id(1700).is_none()
        });
        until(&store, "all that a fresh load finds", |s| read_all(s) == fresh(&place.path));
        assert!(store.snapshot().loading().complete, "it was loaded anew");
        // A damaged row that is repaired comes back with what was heard of it.
        db.execute("UPDATE transmissions SET raw_hex = '1501AB0002BD' WHERE id = 701", []).expect("a repair");
        until(&store, "a repaired row", |s| s.by_id(701).is_some_and(|t| t.observation_count() == 2));
        // A node that is gone, or asleep.
        db.execute_batch(
            "DELETE FROM nodes WHERE public_key = 'aa'; INSERT INTO inactive_nodes VALUES ('bb', 'Asleep', NULL);",
        )
        .expect("changes by hand");
        until(&store, "a node that went", |s| {
            s.nodes().by_key("aa").is_none() && s.nodes().by_key("bb").is_some_and(|n| n.inactive)
        });
        drop(follower);
        assert!(live.try_recv().is_err(), "old rows were told as new ones");
    }
}

#[test]
fn a_node_of_the_future_hides_none_that_are_seen_later() {
    let place = place();
    let db = create(&place.path, false);
    insert(&db, 1, 10, 1);
    db.execute("INSERT INTO nodes VALUES ('ff', 'Clockless', '2099-01-01T00:00:00Z')", []).expect("a node");
    let store = Store::new();
    let options = corescope_store::tail::Options {
        // The tables are not read whole in the time of this test.
        graph_every: std::time::Duration::from_hours(1),
        ..followed::quick()
    };
    let _follower = corescope_store::tail::follow(&place.path, store.clone(), options).expect("a follower");
    until(&store, "the load", complete);
    db.execute(
        "INSERT INTO nodes VALUES ('cc', 'Present', strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+1 minute'))",
        [],
    )
    .expect("a node");
    until(&store, "a node of the present", |s| s.nodes().by_key("cc").is_some());
}

#[test]
fn a_database_restored_into_the_file_is_loaded_anew() {
    for told in [true, false] {
        let place = place();
        let db = create(&place.path, told);
        insert(&db, 1, 3001, 2);
        let other = place.path.with_extension("other");
        let theirs = create(&other, told);
        insert(&theirs, 1, 4001, 2);
        theirs
            .execute("UPDATE transmissions SET hash = 'b' || substr(hash, 2)", [])
            .expect("another history");
        let (store, _follower) = loaded(&place.path);
        {
            let mut into = rusqlite::Connection::open(&place.path).expect("the file");
            let backup = rusqlite::backup::Backup::new(&theirs, &mut into).expect("a backup");
            backup.run_to_completion(10_000, std::time::Duration::ZERO, None).expect("restored");
        }
        until(&store, "the other database", |s| {
            let mixed = s.by_id(1).is_some_and(|t| t.hash().starts_with('0')) && s.by_id(4000).is_some();
            assert!(!mixed, "both databases at once");
            s.transmission_count() == 4000 && complete(s)
        });
        assert_eq!(read_all(&store.snapshot()), fresh(&other));
    }
}

#[test]
fn a_database_copied_over_the_file_is_loaded_anew() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 500, 2);
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("one file");
    let other = place.path.with_extension("other");
    let theirs = create(&other, true);
    insert(&theirs, 1, 601, 2);
    theirs.execute("UPDATE transmissions SET hash = 'b' || substr(hash, 2)", []).expect("another history");
    theirs.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("one file");
    drop(theirs);
    let (store, _follower) = loaded(&place.path);
    drop(db);
    let bytes = std::fs::read(&other).expect("the other file");
    let mut file = std::fs::OpenOptions::new().write(true).open(&place.path).expect("the file");
    std::io::Write::write_all(&mut file, &bytes).expect("written over");
    file.set_len(bytes.len() as u64).expect("its length");
    drop(file);
    until(&store, "the other database", |s| s.transmission_count() == 600 && complete(s));
    assert!(store.snapshot().by_id(7).is_some_and(|t| t.hash().starts_with('b')));
}

/// The most rows there were at a time.
#[derive(Debug)]
struct Most {
    now: usize,
    most: Arc<AtomicUsize>,
}

impl Aggregate for Most {
    fn add(&mut self, _: &Transmission<'_>) {
        self.now += 1;
        self.most.fetch_max(self.now, Ordering::Relaxed);
    }

    fn remove(&mut self, _: &Transmission<'_>) {
        self.now -= 1;
    }

    fn clear(&mut self) {
        self.now = 0;
    }

    fn publish(&mut self, _: &Snapshot) -> Arc<dyn Any + Send + Sync> {
        Arc::new(())
    }
}

#[test]
fn old_contents_stay_while_a_file_is_loaded_anew_if_the_ceiling_has_room_for_both() {
    for (thirds, both) in [(4, false), (12, true)] {
        let place = place();
        let db = create(&place.path, true);
        insert(&db, 1, 500, 2);
        let (store, _follower) = loaded(&place.path);
        store.set_budget(Some(store.snapshot().held_bytes() * thirds / 3));
        let most = Arc::<AtomicUsize>::default();
        store.register(Box::new(Most { now: 0, most: Arc::clone(&most) }));
        let other = place.path.with_extension("other");
        insert(&create(&other, true), 1, 501, 2);
        drop(db);
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", place.path.display()));
        }
        std::fs::rename(&other, &place.path).expect("a file in its place");
        until(&store, "the other file", |s| s.by_id(500).is_some() && complete(s));
        assert_eq!(most.load(Ordering::Relaxed) > 501, both, "{most:?} rows at a time");
    }
}

#[test]
fn a_database_that_begins_alike_is_known_for_another() {
    for told in [true, false] {
        let place = place();
        let db = create(&place.path, told);
        insert(&db, 1, 201, 1);
        let other = place.path.with_extension("other");
        db.execute("VACUUM INTO ?1", [other.to_str()]).expect("a backup");
        insert(&db, 201, 301, 1);
        let (store, _follower) = loaded(&place.path);
        assert_eq!(store.memory_use().segment_count, 1, "all rows are in one place");
        // The backup went its own way, further than the file.
        let theirs = rusqlite::Connection::open(&other).expect("the backup");
        insert(&theirs, 201, 351, 1);
        theirs
            .execute("UPDATE transmissions SET hash = 'b' || substr(hash, 2) WHERE id > 200", [])
            .expect("another history");
        let mut into = rusqlite::Connection::open(&place.path).expect("the file");
        let backup = rusqlite::backup::Backup::new(&theirs, &mut into).expect("a backup");
        backup.run_to_completion(10_000, std::time::Duration::ZERO, None).expect("restored");
        drop(backup);
        until(&store, "the other database", |s| {
            let mixed = s.by_id(250).is_some_and(|t| t.hash().starts_with('0')) && s.by_id(350).is_some();
            assert!(!mixed, "both databases at once");
            s.transmission_count() == 350 && complete(s)
        });
        assert_eq!(read_all(&store.snapshot()), fresh(&other));
    }
}

/// Rows there are, as those who registered see it.
#[derive(Debug, Default)]
struct Rows(u64);

impl Aggregate for Rows {
    fn add(&mut self, _: &Transmission<'_>) {
        self.0 += 1;
    }

    fn remove(&mut self, _: &Transmission<'_>) {
        self.0 -= 1;
    }

    fn clear(&mut self) {
        self.0 = 0;
    }

    fn publish(&mut self, _: &Snapshot) -> Arc<dyn Any + Send + Sync> {
        Arc::new(self.0)
    }
}

#[test]
fn nothing_is_left_in_memory_of_a_database_that_was_emptied() {
    for (told, budget) in [(true, None), (false, None), (true, Some(1)), (false, Some(1))] {
        let place = place();
        let db = create(&place.path, told);
        insert(&db, 1, 500, 2);
        db.execute_batch(
            "UPDATE transmissions SET raw_hex = 'xyz' WHERE id = 7;
             INSERT INTO neighbor_edges VALUES ('aa', 'bb', 3, NULL);",
        )
        .expect("a damaged row and an edge");
        let store = budget.map_or_else(Store::new, Store::with_budget);
        let rows = store.register(Box::<Rows>::default());
        let follower = followed::start(&place.path, &store);
        until(&store, "the load", complete);
        let held = budget.map_or(498, |_| 0);
        assert_eq!((store.snapshot().transmission_count(), rows.load().downcast_ref()), (held, Some(&held)));
        db.execute_batch(
            "BEGIN; DELETE FROM observations; DELETE FROM transmissions; DELETE FROM nodes; DELETE FROM observers;
             DELETE FROM neighbor_edges; COMMIT",
        )
        .expect("an empty database");
        until(&store, "nothing", |s| {
            (s.floor(), s.last_ids(), s.lacks_rows(), complete(s)) == (i64::MIN, (0, 0), false, true)
                && s.nodes().iter().next().is_none()
                && s.observers().is_empty()
                && s.graph().edges().is_empty()
        });
        let s = store.snapshot();
        assert_eq!(read_all(&s), fresh(&place.path));
        assert_eq!((s.transmission_count(), s.observation_count(), s.defects().len()), (0, 0, 0));
        let (counters, activity) = corescope_store::memory::recount(&s);
        assert_eq!((&**s.counters(), &**s.activity()), (&counters, &activity));
        assert_eq!((counters.transmissions, rows.load().downcast_ref()), (0, Some(&0_u64)));
        assert_eq!(s.evicted().transmissions, 498 - held, "what was counted stays");
        // It begins anew.
        insert(&db, 1, 11, 1);
        until(&store, "new rows", |s| (s.transmission_count(), s.observation_count()) == (10, 10));
        assert_eq!(rows.load().downcast_ref(), Some(&10_u64));
        drop(follower);
    }
}

#[test]
fn a_packet_that_was_heard_very_often_is_put_right() {
    for told in [true, false] {
        let place = place();
        let db = create(&place.path, told);
        insert(&db, 1, 4, 0);
        // They come in turns; the third packet is damaged.
        db.execute_batch(
            r#"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)
             INSERT INTO observations (id, transmission_id, observer_idx, rssi, path_json, timestamp)
               SELECT i, 1 + i % 3, 1 + i % 2, -90, printf('["%04X"]', i), 1780315200 + i FROM n;
             UPDATE transmissions SET last_seen = 1780315200 + 45000;
             UPDATE transmissions SET raw_hex = 'xyz' WHERE id = 3"#,
        )
        .expect("observations");
        let (store, _follower) = loaded(&place.path);
        assert_eq!(store.snapshot().observation_count(), 30_000);
        db.execute_batch(
            "BEGIN; UPDATE observations SET rssi = -id % 100; DELETE FROM observations WHERE id % 30 IN (1, 2);
             UPDATE transmissions SET raw_hex = '1501AB000003' WHERE id = 3; COMMIT",
        )
        .expect("changes");
        if told {
            db.execute_batch(
                "BEGIN; INSERT INTO cs_changes (kind, id) SELECT 'observation', id FROM observations;
                 INSERT INTO cs_changes (kind, id) VALUES ('transmission', 3); COMMIT",
            )
            .expect("notices");
        }
        until(&store, "the repaired packet", |s| s.by_id(3).is_some_and(|t| t.observation_count() == 13_500));
        until(&store, "all changes", |s| {
            let rssi = |id: i64| s.observation_by_id(id).and_then(|o| o.rssi());
            (1..=45_000).rev().all(|id| matches!(id % 30, 1 | 2) || rssi(id) == Some((-id % 100) as f64))
        });
        // That some are gone was not told.
        if !told {
            until(&store, "what is gone", |s| s.observation_count() == 42_000);
            assert!(read_all(&store.snapshot()) == fresh(&place.path));
        }
    }
}
