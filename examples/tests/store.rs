//! The examples of the index store, as a reader would start them.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use rusqlite::{Connection, params};

/// The tables that are followed.
fn create(path: &std::path::Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("../../corescope-store/tests/common/tables.sql")).unwrap();
    db
}

/// A packet of this payload type that was heard once.
fn insert(db: &mut Connection, id: i64, payload_type: i64) {
    let both = db.transaction().unwrap();
    both.execute(
        "INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen, route_type, payload_type)
         VALUES (?1, '1100C0FFEE', ?2, '2026-06-01T12:00:00Z', 0, 1, ?3)",
        params![id, format!("{id:016x}"), payload_type],
    )
    .unwrap();
    both.execute(
        "INSERT INTO observations (transmission_id, observer_idx, snr, path_json, timestamp)
         VALUES (?1, 1, 5.5, '[\"AB\"]', 1780315200)",
        [id],
    )
    .unwrap();
    both.commit().unwrap();
}

/// Ends the process when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn index_store_appends_queries_and_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_index_store")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("2 transmissions, 3 observations are new"), "{text}");
    assert!(text.contains("told of [(1, 1), (2, 2), (2, 3)]") && text.contains(" match:\n  0000"), "{text}");
}

#[test]
fn follow_database_tells_what_is_there_and_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mesh.db");
    let mut db = create(&path);
    insert(&mut db, 1, 4);
    insert(&mut db, 2, 5);
    let command = Command::new(env!("CARGO_BIN_EXE_follow_database"))
        .arg(&path)
        .args(["type == ADVERT && snr > 5 && hops == 1", "1"])
        .stdout(Stdio::piped())
        .spawn();
    let mut running = Running(command.unwrap());
    let printed = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let (sender, lines) = channel();
    std::thread::spawn(move || printed.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let line = || lines.recv_timeout(Duration::from_mins(2)).unwrap();
    assert_eq!(line(), "1 of 2 packets match, the last are:");
    assert_eq!(line(), "  0000000000000001 2026-06-01T12:00:00Z heard 1 times");
    assert_eq!(line(), "waiting for more");
    insert(&mut db, 3, 5);
    insert(&mut db, 4, 4);
    assert_eq!(line(), "  0000000000000004 2026-06-01T12:00:00Z heard 1 times");
    assert!(running.0.wait().unwrap().success());
    assert!(lines.recv().is_err(), "it said more");

    let wrong = Command::new(env!("CARGO_BIN_EXE_follow_database")).arg(&path).arg("snr >").output().unwrap();
    assert!(!wrong.status.success());
}
