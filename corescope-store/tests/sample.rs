//! The index store against a database of real packets, when that is at hand.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use corescope_store::memory::{Order, Query, Store};
use corescope_store::tail;

fn sample() -> Option<tempfile::TempDir> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/mesh-sample.db");
    if !file.exists() {
        println!("skipped: {} is not there", file.display());
        return None;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::fs::copy(&file, dir.path().join("sample.db")).expect("a copy of the sample");
    Some(dir)
}

#[test]
fn a_real_database_is_loaded_whole() {
    let Some(dir) = sample() else { return };
    let store = Store::new();
    let follower = tail::follow(&dir.path().join("sample.db"), store.clone(), tail::Options::default())
        .expect("a thread");
    let begin = Instant::now();
    while !store.snapshot().loading().complete {
        assert!(begin.elapsed() < Duration::from_mins(5), "not loaded: {:?}", store.snapshot().loading());
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(follower);
    let snapshot = store.snapshot();
    assert_eq!((snapshot.transmission_count(), snapshot.observation_count()), (250, 251));
    assert_eq!(snapshot.nodes().active().count(), 200);
    assert_eq!(snapshot.observers().len(), 31);
    assert_eq!(snapshot.graph().edges().len(), 110);
    let page = snapshot.query(&Query {
        payload_types: Some(vec![4]),
        order: Order::Latest,
        limit: 10,
        ..Query::default()
    });
    assert_eq!(page.rows.len(), 10);
    assert!(page.rows.iter().all(|t| t.payload_type() == Some(4)));
    let found = snapshot.by_hash(&page.rows[0].hash()).map(|t| t.id());
    assert_eq!(found, Some(page.rows[0].id()));
}
