//! The seam for analyses: what is announced to an aggregate is what the snapshots hold, through everything that can
//! happen to rows.

mod common;
mod followed;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use common::{Obs, Pair, Tx, aggregates_agree, read_row, step};
use corescope_store::memory::{Aggregate, Batch, Published, Snapshot, Store, Transmission, recount};
use corescope_store::tail::{self, Options};
use followed::{complete, until};
use proptest::prelude::*;
use rusqlite::Connection;

/// Every row as text, by id. At each publication it holds itself against the snapshot.
#[derive(Debug, Default)]
struct Mirror {
    rows: BTreeMap<i64, Vec<String>>,
    found: Found,
    /// Panics at the row with this id, once.
    fails_at: Option<i64>,
}

/// What a mirror has to say.
#[derive(Clone, Debug, Default, PartialEq)]
struct Found {
    publications: u64,
    wrong: Vec<String>,
}

fn text(row: &Transmission<'_>) -> String {
    format!("{:?}", (read_row(row), row.latest(), row.display().map(|shown| shown.id())))
}

impl Aggregate for Mirror {
    fn add(&mut self, row: &Transmission<'_>) {
        assert!(self.fails_at.take_if(|id| *id == row.id()).is_none(), "as asked for");
        let held = self.rows.entry(row.id()).or_default();
        held.push(text(row));
        if held.len() > 2 {
            self.found.wrong.push(format!("{} entered again and again", row.id()));
        }
    }

    fn remove(&mut self, row: &Transmission<'_>) {
        let (id, text) = (row.id(), text(row));
        let held = self.rows.entry(id).or_default();
        // The oldest first: a changed row enters before it leaves.
        match held.iter().position(|known| *known == text) {
            Some(at) => drop(held.remove(at)),
            None => self.found.wrong.push(format!("{text} leaves where there is {held:?}")),
        }
        if held.is_empty() {
            self.rows.remove(&id);
        }
    }

    fn clear(&mut self) {
        self.rows.clear();
    }

    fn publish(&mut self, snapshot: &Snapshot) -> Published {
        self.found.publications += 1;
        let there: BTreeMap<i64, Vec<String>> =
            snapshot.transmissions().map(|row| (row.id(), vec![text(&row)])).collect();
        if there != self.rows {
            self.found.wrong.push(format!("{:?} is told, {there:?} is there", self.rows));
        }
        Arc::new(self.found.clone())
    }
}

/// How often it was published, when all of it was right.
fn publications(seen: &ArcSwap<Published>) -> Result<u64, TestCaseError> {
    let found = Published::clone(&seen.load());
    let found = found.downcast::<Found>().expect("a mirror");
    prop_assert!(found.wrong.is_empty(), "{:#?}", found.wrong);
    Ok(found.publications)
}

/// Appends a transmission with one observation.
fn append(store: &Store, id: i64) {
    let tx = Tx {
        id,
        raw_hex: "1500".into(),
        hash: format!("{id:016x}"),
        first_seen: common::rfc3339(common::BEGIN + id),
        last_seen: 0,
        route_type: Some(1),
        payload_type: Some(4),
        payload_version: Some(0),
        decoded_json: None,
        from_pubkey: Some(common::KEYS[0].into()),
        channel_hash: None,
        scope_name: None,
    };
    let obs = Obs {
        id,
        transmission_id: id,
        observer: Some(1),
        direction: None,
        snr: None,
        rssi: None,
        score: None,
        path_json: None,
        timestamp: common::BEGIN + id,
        resolved_path: None,
        raw_hex: None,
    };
    store.append(&Batch { transmissions: &[tx.row()], observations: &[obs.row()] });
}

fn register(store: &Store) -> Arc<ArcSwap<Published>> {
    store.register(Box::<Mirror>::default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_announced_is_what_is_there(
        before in prop::collection::vec(step(), 0..6),
        steps in prop::collection::vec((step(), 0..4_u8), 1..12),
        other in prop::collection::vec((step(), 0..4_u8), 0..8),
        share in 0..4_usize,
    ) {
        let (mut ours, mut theirs) = (Pair::new(), Pair::new());
        for step in before {
            ours.apply(step);
        }
        let seen = [register(&ours.store), register(&theirs.store)];
        for (pair, steps) in [(&mut ours, steps), (&mut theirs, other)] {
            for (step, after) in steps {
                pair.apply(step);
                match after {
                    0 => pair.store.pack(),
                    1 => drop(pair.store.compact()),
                    // Forgotten before it is published.
                    2 => {
                        let mut open = pair.store.begin();
                        for id in 0..20 {
                            open.remove_transmission(id);
                        }
                    }
                    _ => {}
                }
                publications(&seen[0])?;
                publications(&seen[1])?;
            }
        }
        for store in [&ours.store, &theirs.store] {
            store.set_budget(Some(store.memory_use().total() * share / 4));
        }
        ours.store.replace_with(&theirs.store);
        for id in 900..910 {
            append(&theirs.store, id);
            append(&ours.store, id + 5);
        }
        ours.store.set_budget(Some(0));
        ours.store.replace_with(&Store::new());
        append(&ours.store, 1);
        for (store, seen) in [&ours.store, &theirs.store].into_iter().zip(&seen) {
            prop_assert!(publications(seen)? > 2);
            let snapshot = store.snapshot();
            aggregates_agree(&snapshot)?;
        }
    }
}

/// A database of three tables' worth of rows, heard an hour apart up to now: a window counts back from there.
fn database(path: &Path, ids: std::ops::RangeInclusive<i64>) -> Connection {
    let db = Connection::open(path).expect("a database");
    db.execute_batch(include_str!("common/tables.sql")).expect("tables");
    db.execute_batch("BEGIN").expect("begin");
    for id in ids {
        insert(&db, id);
    }
    db.execute_batch("COMMIT").expect("commit");
    db
}

/// The id of the row that is heard now.
const NEWEST: i64 = 6010;

static NOW: LazyLock<i64> =
    LazyLock::new(|| std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs().try_into().expect("a time"));

fn insert(db: &Connection, id: i64) {
    let heard = *NOW - (NEWEST - id) * 3600;
    db.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen, route_type, payload_type)
         VALUES (?1, '1500', ?2, ?3, ?4, 1, 5)",
        rusqlite::params![id, format!("{id:016x}"), common::rfc3339(heard), heard],
    )
    .expect("a row");
    db.execute(
        "INSERT INTO observations (id, transmission_id, observer_idx, timestamp) VALUES (?1, ?1, 1, ?2)",
        [id, heard],
    )
    .expect("a row");
}

#[test]
fn a_followed_database_is_announced_through_everything_that_happens_to_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("mesh.db");
    let mut db = database(&path, 1..=6000);
    let options = Options {
        poll: Duration::from_millis(5),
        graph_every: Duration::from_millis(20),
        snapshot: Some(dir.path().join("corescope.snapshot")),
        ..Options::default()
    };
    // Loaded, followed and written; then read from the file that was written, with less and less room for it.
    for (round, budget, retention) in
        [(0, None, None), (1, Some(150_000), None), (2, None, Some(2000)), (3, None, None)]
    {
        let store = budget.map_or_else(Store::new, Store::with_budget);
        let seen = register(&store);
        let retention = retention.map(Duration::from_hours);
        let follower =
            tail::follow(&path, store.clone(), Options { retention, ..options.clone() }).expect("a follower");
        until(&store, "the load", complete);
        let new = 6001 + round;
        insert(&db, new);
        db.execute_batch(&format!(
            "UPDATE transmissions SET hash = 'x' || hash WHERE id = {};
             INSERT INTO cs_changes (kind, id) VALUES ('transmission', {});",
            new - 1,
            new - 1
        ))
        .expect("a change");
        until(&store, "the new row", |s| {
            s.by_id(new).is_some() && s.by_hash(&format!("x{:016x}", new - 1)).is_some()
        });
        if retention.is_some() {
            until(&store, "old rows go", |s| s.transmission_count() < 6000);
        }
        if round == 3 {
            // Another file in its place.
            let other = dir.path().join("other.db");
            db = database(&other, 5..=2000);
            db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
            for behind in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(dir.path().join(format!("mesh.db{behind}")));
            }
            std::fs::rename(&other, &path).expect("another file");
            until(&store, "the other file", |s| s.transmission_count() == 1996);
        }
        drop(follower);
        assert!(publications(&seen).expect("told everything") > 2);
        assert_eq!(budget.is_some(), store.snapshot().floor() > i64::MIN && retention.is_none());
    }
}

#[test]
fn an_aggregate_that_panics_costs_one_append_and_nothing_of_what_is_counted() {
    let store = Store::new();
    append(&store, 1);
    store.pack();
    append(&store, 2);
    let seen = store.register(Box::new(Mirror { fails_at: Some(3), ..Mirror::default() }));
    // The store's own two are told before it.
    let failed = catch_unwind(AssertUnwindSafe(|| append(&store, 3)));
    assert!(failed.is_err());
    assert_eq!(store.snapshot().transmission_count(), 2, "nothing of it is seen");
    append(&store, 4);
    let snapshot = store.snapshot();
    assert_eq!(snapshot.transmission_count(), 3);
    let (counters, activity) = recount(&snapshot);
    assert_eq!((&**snapshot.counters(), &**snapshot.activity()), (&counters, &activity));
    assert_eq!(publications(&seen).expect("told everything"), 2);
}

#[test]
fn figures_are_told_while_an_append_is_open() {
    let store = Store::with_budget(1 << 20);
    append(&store, 1);
    let open = store.begin();
    let (told, figures) = std::sync::mpsc::channel();
    let asked = store.clone();
    std::thread::spawn(move || {
        let held = asked.memory_use();
        let figures = (asked.defects().len(), asked.evicted().transmissions, asked.inserted(), held.budget);
        told.send(figures).expect("somebody waits");
    });
    let figures = figures.recv_timeout(Duration::from_mins(5)).expect("figures wait for nothing");
    assert_eq!(figures, (0, 0, 1, Some(1 << 20)));
    drop(open);
}

/// Panics when it is to be published, while it is told to.
#[derive(Debug)]
struct Failing(Arc<AtomicBool>);

impl Aggregate for Failing {
    fn add(&mut self, _: &Transmission<'_>) {}

    fn remove(&mut self, _: &Transmission<'_>) {}

    fn clear(&mut self) {}

    fn publish(&mut self, _: &Snapshot) -> Published {
        assert!(!self.0.load(Ordering::Acquire), "as asked for");
        Arc::new(())
    }
}

#[test]
fn no_aggregate_shows_a_moment_that_was_never_published() {
    let store = Store::new();
    let seen = register(&store);
    let fails = Arc::<AtomicBool>::default();
    store.register(Box::new(Failing(Arc::clone(&fails))));
    append(&store, 1);
    let before = publications(&seen).expect("told everything");
    fails.store(true, Ordering::Release);
    let failed = catch_unwind(AssertUnwindSafe(|| append(&store, 2)));
    assert!(failed.is_err() && store.snapshot().transmission_count() == 1);
    assert_eq!(publications(&seen).expect("told everything"), before);
    fails.store(false, Ordering::Release);
    append(&store, 3);
    assert_eq!(store.snapshot().transmission_count(), 2);
    // The one that failed did count.
    assert_eq!(publications(&seen).expect("told everything"), before + 2);
}
