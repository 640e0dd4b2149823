//! Live sockets that are cut off and come back, on a server and a database of their own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use support::served::{Served, database, next, serve};

/// Commits one transmission of a type, and an observation of each of these transmissions.
fn add(connection: &Connection, hash: &str, payload_type: i64, observed: &[i64]) -> i64 {
    let transaction = connection.unchecked_transaction().unwrap();
    transaction
        .execute(
            "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, payload_version, decoded_json)
             VALUES ('06001f5d97f8ed9e', ?1, '2026-06-01T12:00:00Z', 2, ?2, 0, '{}')",
            (hash, payload_type),
        )
        .unwrap();
    let id = transaction.last_insert_rowid();
    for of in observed.iter().copied().chain([id]) {
        transaction
            .execute(
                "INSERT INTO observations (transmission_id, observer_idx, path_json, timestamp)
                 VALUES (?1, 1, '[\"' || (SELECT count(*) FROM observations WHERE transmission_id = ?1) || '\"]', 1780315200 + ?1)",
                [of],
            )
            .unwrap();
    }
    transaction.commit().unwrap();
    id
}

/// What a client was told, in how many messages each.
#[derive(Default)]
struct Told {
    cursor: String,
    transmissions: BTreeMap<i64, u32>,
    observations: BTreeMap<i64, u32>,
}

impl Told {
    fn take(&mut self, message: &serde_json::Value) {
        if let Some(cursor) = message["cursor"].as_str() {
            cursor.clone_into(&mut self.cursor);
        }
        let data = &message["data"];
        match message["type"].as_str().unwrap() {
            "transmission" => *self.transmissions.entry(data["id"].as_i64().unwrap()).or_default() += 1,
            "observations" | "hello" | "lag" | "heartbeat" => {}
            _ => panic!("{message}"),
        }
        for observation in data["observations"].as_array().into_iter().flatten() {
            *self.observations.entry(observation["id"].as_i64().unwrap()).or_default() += 1;
        }
    }

    /// Connects and is cut off this many times, each time after some messages.
    fn cut(&mut self, served: &Served, filter: &str, cuts: usize) {
        for cut in 0..cuts {
            let mut socket = served.socket(&format!("/ws?v=2&since={}{filter}", self.cursor));
            // In a fixed pattern that falls into batches anywhere.
            for _ in 0..=(cut * 7 % 11) {
                self.take(&next(&mut socket));
            }
            // Dropped without a word, with whatever is still under way.
        }
    }

    /// Reads on until it was told of this many.
    fn finish(&mut self, served: &Served, filter: &str, transmissions: usize, observations: usize) {
        let mut socket = served.socket(&format!("/ws?v=2&since={}{filter}", self.cursor));
        while self.transmissions.len() < transmissions || self.observations.len() < observations {
            self.take(&next(&mut socket));
        }
    }
}

fn ids(db: &Path, sql: &str) -> BTreeSet<i64> {
    let connection = Connection::open(db).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Runs `follow` for a client with this filter while rows are committed.
fn under_load(filter: &str, cuts: usize, of: &str) -> (Told, BTreeSet<i64>, BTreeSet<i64>) {
    let dir = tempfile::tempdir().unwrap();
    database(dir.path());
    let served = serve(dir.path());
    let db = dir.path().join("meshcore.db");
    let load = Arc::new(AtomicBool::new(true));
    let writer = {
        let (db, load) = (db.clone(), Arc::clone(&load));
        std::thread::spawn(move || {
            let connection = Connection::open(db).unwrap();
            let mut last = 1;
            for number in 0_i64.. {
                if !load.load(Ordering::Acquire) {
                    break;
                }
                // Every third a response, the others requests.
                let observed = [last, (last - 3).max(1), (last - 9).max(1)];
                last = add(
                    &connection,
                    &format!("{:016x}", 0xcafe_0000 + number),
                    i64::from(number % 3 == 0),
                    &observed,
                );
                std::thread::sleep(Duration::from_millis(2));
            }
        })
    };
    let mut told = Told { cursor: "0.0".into(), ..Told::default() };
    told.cut(&served, filter, cuts);
    load.store(false, Ordering::Release);
    writer.join().unwrap();
    let transmissions = ids(&db, &format!("SELECT t.id FROM transmissions t {of}"));
    let observations = ids(
        &db,
        &format!("SELECT o.id FROM observations o JOIN transmissions t ON t.id = o.transmission_id {of}"),
    );
    told.finish(&served, filter, transmissions.len(), observations.len());
    (told, transmissions, observations)
}

fn keys(told: &BTreeMap<i64, u32>) -> BTreeSet<i64> {
    told.keys().copied().collect()
}

#[test]
fn a_thousand_cuts_lose_and_repeat_nothing_of_the_database() {
    let (told, transmissions, observations) = under_load("", 1000, "");
    assert!(transmissions.len() > 1000, "{}", transmissions.len());
    assert_eq!(keys(&told.transmissions), transmissions);
    assert_eq!(keys(&told.observations), observations);
    let twice = |of: &BTreeMap<i64, u32>| of.iter().find(|(_, n)| **n != 1).map(|(id, n)| (*id, *n));
    assert_eq!((twice(&told.transmissions), twice(&told.observations)), (None, None));
}

// A transmission that was known before the cut may come whole again when there is a filter: the
// server does not know what the client has of it.
#[test]
fn a_thousand_cuts_with_a_filter_lose_nothing_and_add_nothing() {
    let filter = "&filter=type%20%3D%3D%20RESPONSE";
    let (told, transmissions, observations) = under_load(filter, 1000, "WHERE t.payload_type = 1");
    assert!(transmissions.len() > 300, "{}", transmissions.len());
    assert_eq!(keys(&told.transmissions), transmissions);
    assert_eq!(keys(&told.observations), observations);
}

#[test]
fn a_restored_file_is_noticed_by_open_sockets_and_by_old_cursors() {
    let dir = tempfile::tempdir().unwrap();
    database(dir.path());
    let (path, backup) = (dir.path().join("meshcore.db"), dir.path().join("backup.db"));
    let connection = Connection::open(&path).unwrap();
    add(&connection, "aaaaaaaaaaaaaa00", 0, &[1]);
    let served = serve(dir.path());
    let mut open = served.socket("/ws?v=2");
    let before_backup = next(&mut open)["cursor"].as_str().unwrap().to_owned();
    connection.execute("VACUUM INTO ?1", [backup.display().to_string()]).unwrap();
    for number in 1..=3 {
        add(&connection, &format!("aaaaaaaaaaaaaa0{number}"), 0, &[]);
    }
    let told: Vec<_> = (1..=3).map(|_| next(&mut open)).collect();
    let after_backup = told[2]["cursor"].as_str().unwrap();
    drop(connection);

    // Back to the backup; what is heard since then got the same ids, and more.
    let restored = Connection::open(&backup).unwrap();
    for number in 1..=5 {
        add(&restored, &format!("bbbbbbbbbbbbbb0{number}"), 0, &[]);
    }
    drop(restored);
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.path().join(format!("meshcore.db{suffix}")));
    }
    std::fs::rename(&backup, &path).unwrap();

    let gap = next(&mut open);
    assert_eq!((&gap["type"], &gap["data"]["reason"]), (&"gap".into(), &"unknown".into()), "{gap}");
    let mut late = served.socket(&format!("/ws?v=2&since={after_backup}"));
    assert_eq!(next(&mut late)["type"], "hello");
    let gap = next(&mut late);
    assert_eq!((&gap["type"], &gap["data"]["reason"]), (&"gap".into(), &"unknown".into()), "{gap}");
    // Everything up to the backup is the same in both histories.
    let mut early = served.socket(&format!("/ws?v=2&since={before_backup}"));
    assert_eq!(next(&mut early)["type"], "hello");
    for number in 1..=5 {
        let message = next(&mut early);
        assert_eq!(message["data"]["hash"], format!("bbbbbbbbbbbbbb0{number}"), "{message}");
    }
    // All three go on.
    let connection = Connection::open(&path).unwrap();
    add(&connection, "bbbbbbbbbbbbbb06", 0, &[]);
    for socket in [&mut open, &mut late, &mut early] {
        let message = next(socket);
        assert_eq!(message["data"]["hash"], "bbbbbbbbbbbbbb06", "{message}");
    }
}
