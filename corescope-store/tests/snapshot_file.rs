//! Starting from a snapshot file.

mod common;
mod followed;

use std::path::Path;

use common::read_all;
use corescope_store::memory::Store;
use corescope_store::tail::{self, Options};
use followed::{complete, create, fresh, insert, place, quick, until};

#[test]
fn a_snapshot_file_gives_what_a_fresh_load_gives() {
    for told in [true, false] {
        let place = place();
        let db = create(&place.path, told);
        insert(&db, 1, 5000, 3);
        db.execute_batch(
            "UPDATE observations SET raw_hex = 'g' WHERE id = 31;
             UPDATE transmissions SET decoded_json = '{broken' WHERE id = 6;",
        )
        .expect("damage");
        let file = place.path.with_extension("snapshot");
        let options = || Options { snapshot: Some(file.clone()), ..quick() };
        let store = Store::new();
        let follower = tail::follow(&place.path, store.clone(), options()).expect("a follower");
        until(&store, "the load", complete);
        insert(&db, 5000, 5100, 3);
        until(&store, "new rows", |s| s.transmission_count() == 5099);
        drop(follower);
        assert!(file.exists());
        insert(&db, 5100, 5200, 3);
        let again = Store::new();
        let follower = tail::follow(&place.path, again.clone(), options()).expect("a follower");
        until(&again, "the second start", complete);
        let snapshot = again.snapshot();
        // The whole file came as packed parts before anything was read from the database.
        assert_eq!(snapshot.loading().expected, 5099);
        assert_eq!(read_all(&snapshot), fresh(&place.path));
        assert_eq!(again.defects(), store.defects());
        assert_eq!((again.defects().len(), again.inserted()), (2, 0), "{:?}", again.defects());
        assert_eq!(**snapshot.activity(), corescope_store::memory::recount(&snapshot).1);
        drop(follower);
        // A damaged byte anywhere: the database is loaded instead.
        let bytes = std::fs::read(&file).expect("the file");
        for at in [0, 9, 30, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&file, damaged).expect("a damaged file");
            let store = Store::new();
            let follower =
                tail::follow(&place.path, store.clone(), Options { snapshot: Some(file.clone()), ..quick() })
                    .expect("a follower");
            until(&store, "a load past a damaged snapshot", complete);
            assert_eq!(store.snapshot().transmission_count(), 5199);
            drop(follower);
        }
        // Cut short, or longer than it says.
        for bytes in [bytes[..bytes.len() / 3].to_vec(), [&bytes[..], b"more"].concat()] {
            std::fs::write(&file, bytes).expect("another length");
            assert_eq!(started_with(&place.path, &file), 5199);
        }
        // Of another database with the same ids.
        std::fs::write(&file, &bytes).expect("the file again");
        db.execute("UPDATE transmissions SET hash = 'x' || hash", []).expect("an update");
        let store = Store::new();
        let _follower = tail::follow(&place.path, store.clone(), options()).expect("a follower");
        until(&store, "a load past a foreign snapshot", complete);
        assert!(store.snapshot().by_hash("x0000000000000005").is_some());
    }
}

/// How many transmissions a start loads that is given a snapshot file: those of the file when that is used.
fn started_with(path: &Path, file: &Path) -> u64 {
    let store = Store::new();
    let options = Options { snapshot: Some(file.to_owned()), ..quick() };
    let follower = tail::follow(path, store.clone(), options).expect("a follower");
    until(&store, "a start", complete);
    let expected = store.snapshot().loading().expected;
    assert_eq!(read_all(&store.snapshot()), fresh(path));
    // The next start has the same file.
    let bytes = std::fs::read(file).expect("the file");
    drop(follower);
    std::fs::write(file, bytes).expect("the file again");
    expected
}

#[test]
fn a_file_of_another_state_of_the_database_is_not_used() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 3001, 2);
    db.execute_batch("INSERT INTO cs_changes (kind, id) VALUES ('observer', 1)").expect("a notice");
    let file = place.path.with_extension("snapshot");
    let store = Store::new();
    let options = Options { snapshot: Some(file.clone()), ..quick() };
    let follower = tail::follow(&place.path, store.clone(), options).expect("a follower");
    until(&store, "the load", complete);
    drop(follower);
    // What was told is caught up with.
    insert(&db, 3001, 3003, 2);
    db.execute_batch(
        "DELETE FROM observations WHERE transmission_id = 1; DELETE FROM transmissions WHERE id = 1;
         UPDATE transmissions SET first_seen = '2026-05-01T00:00:00Z' WHERE id = 2;
         INSERT INTO cs_changes (kind, id) VALUES ('removed', 1), ('transmission', 2)",
    )
    .expect("changes");
    assert_eq!(started_with(&place.path, &file), 3000);
    let saved = place.path.with_extension("saved");
    db.execute("VACUUM INTO ?1", [saved.to_str()]).expect("a copy");
    for (what, by_hand) in [
        (
            "rows are gone",
            "DELETE FROM observations WHERE transmission_id BETWEEN 101 AND 1100;
          DELETE FROM transmissions WHERE id BETWEEN 101 AND 1100",
        ),
        ("other observations", "UPDATE observations SET timestamp = timestamp + 1"),
        (
            "ids were used again",
            "UPDATE observations SET transmission_id = 3001 - transmission_id WHERE transmission_id < 3001",
        ),
        (
            "other observations at the end",
            "UPDATE observations SET observer_idx = 1, timestamp = 5 WHERE id = 6000",
        ),
        ("another notice", "UPDATE cs_changes SET id = 2 WHERE seq = 1"),
        ("another observer", "UPDATE observers SET id = 'OBS3' WHERE id = 'OBS1'"),
    ] {
        let path = place.path.with_extension("state");
        std::fs::copy(&saved, &path).expect("a copy");
        rusqlite::Connection::open(&path).and_then(|db| db.execute_batch(by_hand)).expect("a change by hand");
        let now = fresh(&path).rows.len() as u64;
        assert_eq!(started_with(&path, &file), now, "{what}");
        assert_ne!(now, 3000, "the figure would not tell");
    }
}

#[test]
fn as_much_is_read_as_the_ceiling_has_room_for() {
    let place = place();
    let db = create(&place.path, true);
    insert(&db, 1, 12_000, 2);
    let file = place.path.with_extension("snapshot");
    let start = |store: &Store| {
        let options = Options { snapshot: Some(file.clone()), ..quick() };
        let follower = tail::follow(&place.path, store.clone(), options).expect("a follower");
        until(store, "a start", complete);
        follower
    };
    let whole = Store::new();
    drop(start(&whole));
    let bytes = std::fs::read(&file).expect("the file");
    let budget = whole.memory_use().segments / 2;
    let store = Store::with_budget(budget);
    let follower = start(&store);
    let s = store.snapshot();
    let used = store.memory_use();
    assert!(used.segments + used.rows_in_full <= budget, "{used:?}");
    // The rest was not even read, let alone dropped.
    assert!(s.loading().expected < 11_999 && store.evicted().transmissions == 0);
    let mut kept = read_all(&whole.snapshot());
    kept.rows.retain(|id, _| *id >= s.floor());
    assert!(s.lacks_rows() && kept.rows.len() > 2000);
    assert_eq!(read_all(&s), kept);
    drop(follower);
    // What follows the parts that were left out is looked at all the same.
    std::fs::write(&file, [&bytes[..], b"more"].concat()).expect("a longer file");
    let store = Store::with_budget(budget);
    let _follower = start(&store);
    assert_eq!(store.snapshot().loading().expected, 11_999);
}
