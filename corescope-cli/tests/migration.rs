//! An old and large database is brought up to date while messages come in, however often the process is killed.

#![allow(clippy::unwrap_used, reason = "tests and their helpers")]

mod support;

use std::path::Path;
use std::time::Duration;

use corescope_store::write::{Options, Writer};
use rusqlite::Connection;
use support::mqtt::Publisher;
use support::{Process, assert_exactly_once, assert_in_good_order, network, up, wait_for};

/// Observations of each transmission.
const EACH: i64 = 20;

/// A file as a program of the past left it: columns, index and figures of today are missing, and every tenth observation
/// is there twice.
fn old_database(file: &Path, transmissions: i64) {
    Writer::open(file, Options::default()).unwrap().close().unwrap();
    let series = |last: i64| {
        format!(
            "(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT {last}) SELECT value FROM n)"
        )
    };
    let (observers, nodes, transmissions) = (series(EACH), series(200), series(transmissions));
    let sql = format!(
        r#"
        BEGIN;
        DROP VIEW packets_v;
        DROP INDEX idx_observations_dedup;
        DROP INDEX idx_observations_observer_idx_timestamp;
        DROP INDEX idx_observations_timestamp;
        DROP INDEX idx_tx_last_seen_zero;
        ALTER TABLE observations DROP COLUMN resolved_path;
        ALTER TABLE transmissions DROP COLUMN last_seen;
        DELETE FROM cs_state;
        DELETE FROM _migrations;
        INSERT INTO observers(id, name) SELECT printf('%064X', value), 'O' FROM {observers};
        INSERT INTO nodes(public_key, name, role, advert_count)
          SELECT printf('%064x', value), 'N', 'repeater', 99 FROM {nodes};
        INSERT INTO transmissions(id, raw_hex, hash, first_seen, route_type, payload_type, decoded_json, from_pubkey)
          SELECT value, printf('1101AA%06X', value), printf('%016x', value), '2026-01-01T00:00:00Z', 1, 4,
                 printf('{{"type":"ADVERT","pubKey":"%064x"}}', 1 + value % 200), NULL
            FROM {transmissions};
        INSERT INTO observations(transmission_id, observer_idx, snr, timestamp)
          SELECT t.id, o.rowid, 5, 1767225600 + t.id FROM transmissions t, observers o;
        INSERT INTO observations(transmission_id, observer_idx, snr, rssi, timestamp)
          SELECT transmission_id, observer_idx, NULL, -90, timestamp FROM observations WHERE id % 10 = 0;
        COMMIT;"#
    );
    Connection::open(file).unwrap().execute_batch(&sql).unwrap();
}

const TRANSMISSIONS: i64 = 4_000;

#[test]
fn killed_in_the_middle_it_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("meshcore.db");
    old_database(&file, TRANSMISSIONS);
    let port = network::free_port();
    let run = || Process::start(&mut up(dir.path(), port));
    let publisher = Publisher::start(port, "publisher", 1 << 40, 50.0);
    let one = |sql: &str| -> i64 {
        let database = corescope_store::db::open_read(&file).unwrap();
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let done = "SELECT count(*) FROM _migrations WHERE name = 'from_pubkey_v1'";
    let cursor =
        "SELECT COALESCE(max(CAST(value AS INTEGER)), 0) FROM cs_state WHERE key = 'migrate.paths.cursor'";
    let (mut kills, mut last) = (0, 0);
    let mut process = run();
    while kills < 8 {
        std::thread::sleep(Duration::from_millis(150 + 130 * kills));
        process.kill();
        kills += 1;
        let now = one(cursor);
        assert!(now >= last, "it began anew: {now} after {last}");
        last = now;
        process = run();
        if one(done) == 1 {
            break;
        }
    }
    wait_for("the migrations", || one(done) == 1);
    wait_for("messages", || publisher.acknowledged() > 50);
    assert_exactly_once(&file, &publisher.finish());
    assert_eq!(process.stop(), Some(0));
    assert_in_good_order(&file);
    let old = format!("transmission_id <= {TRANSMISSIONS}");
    assert_eq!(one(&format!("SELECT count(*) FROM observations WHERE {old}")), TRANSMISSIONS * EACH);
    // The doubles are gone, and what only they knew is kept.
    let merged = format!("SELECT count(*) FROM observations WHERE {old} AND rssi = -90 AND snr = 5");
    assert_eq!(one(&merged), TRANSMISSIONS * EACH / 10);
    assert_eq!(one(&format!("SELECT count(*) FROM observations WHERE {old} AND path_json <> '[\"AA\"]'")), 0);
    assert_eq!(one("SELECT count(*) FROM transmissions WHERE from_pubkey IS NULL AND payload_type = 4"), 0);
    assert_eq!(
        one(&format!(
            "SELECT count(*) FROM transmissions WHERE id <= {TRANSMISSIONS} AND last_seen <> 1767225600 + id"
        )),
        0
    );
    assert_eq!(one("SELECT count(*) FROM nodes WHERE advert_count <> 20"), 0);
    assert_eq!(one("SELECT count(*) FROM observers WHERE name = 'O' AND last_packet_at IS NULL"), 0);
    assert_eq!(
        one("SELECT count(*) FROM sqlite_master WHERE name = 'idx_observations_observer_idx_timestamp'"),
        1
    );
}

#[test]
fn the_operator_is_told_how_far_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("meshcore.db");
    old_database(&file, 12_000);
    let mut process = Process::start(&mut up(dir.path(), 0));
    let line = process.line("bringing the database up to date");
    assert!(line.contains("idx_observations_") && line.contains("percent=0"), "{line}");
    process.line("this part of the database is up to date");
    assert_eq!(process.stop(), Some(0));
}
