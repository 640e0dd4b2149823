//! Rows that arrive while the server is measured.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::Failure;

/// Adds rows until dropped.
pub(super) struct Rows {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Commits a transmission with twenty observations ten times a second.
pub(super) fn start(db: &Path) -> Result<Rows, Failure> {
    let connection = Connection::open(db)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        let mut count: u64 = 0;
        while !stopped.load(Ordering::Relaxed) {
            count += 1;
            // A locked file only means fewer rows.
            if let Err(error) = add(&connection, count) {
                tracing::debug!(%error, "no rows added");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    Ok(Rows { stop, thread: Some(thread) })
}

/// Commits the transmission of this number with twenty observations; returns its id.
pub(super) fn add(connection: &Connection, count: u64) -> rusqlite::Result<i64> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute(
        "INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, payload_version, decoded_json, last_seen)
         VALUES ('06001f5d97f8ed9eec25bdb2c1dfdb0250be49517647', ?1, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), 2, 1, 0,
           '{\"type\":\"RESPONSE\"}', unixepoch())",
        [format!("beef{count:012x}")],
    )?;
    let id = transaction.last_insert_rowid();
    for hop in 0..20 {
        transaction.execute(
            "INSERT INTO observations (transmission_id, observer_idx, snr, rssi, path_json, timestamp)
             VALUES (?1, (SELECT rowid FROM observers LIMIT 1 OFFSET ?2), 5.5, -90, ?3, unixepoch())",
            (id, hop, format!("[\"{hop:02X}\"]")),
        )?;
    }
    transaction.commit()?;
    Ok(id)
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
