//! The seam for analyses: what is announced to an aggregate is what the snapshots hold, through everything that can
//! happen to rows.

mod common;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use common::{Obs, Tx, read_row};
use corescope_store::memory::{Aggregate, Batch, Published, Snapshot, Store, Transmission, recount};
use proptest::prelude::*;

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
    let figures = figures.recv_timeout(Duration::from_secs(20)).expect("figures wait for nothing");
    assert_eq!(figures, (0, 0, 1, Some(1 << 20)));
    drop(open);
}
