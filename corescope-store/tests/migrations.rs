//! Databases of every age become today's, with everything that is in them.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use std::path::PathBuf;

use corescope_store::schema::{Shape, ready};
use corescope_store::write::{Background, Options, Pass, Writer};
use rusqlite::Connection;
use support::*;

/// What all generations since the split of packets into transmissions and observations share.
const NODE_BASE: &str = "
CREATE TABLE nodes (public_key TEXT PRIMARY KEY, name TEXT, role TEXT, lat REAL, lon REAL, last_seen TEXT,
  first_seen TEXT, advert_count INTEGER DEFAULT 0);
CREATE TABLE observers (id TEXT PRIMARY KEY, name TEXT, iata TEXT, last_seen TEXT, first_seen TEXT,
  packet_count INTEGER DEFAULT 0, model TEXT, firmware TEXT, client_version TEXT, radio TEXT,
  battery_mv INTEGER, uptime_secs INTEGER, noise_floor INTEGER);
CREATE TABLE transmissions (id INTEGER PRIMARY KEY AUTOINCREMENT, raw_hex TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE, first_seen TEXT NOT NULL, route_type INTEGER, payload_type INTEGER,
  payload_version INTEGER, decoded_json TEXT, created_at TEXT DEFAULT (datetime('now')));
CREATE INDEX idx_transmissions_hash ON transmissions(hash);
CREATE INDEX idx_transmissions_first_seen ON transmissions(first_seen);
CREATE INDEX idx_transmissions_payload_type ON transmissions(payload_type);
";

const V2_OBSERVATIONS: &str = "
CREATE TABLE observations (id INTEGER PRIMARY KEY AUTOINCREMENT,
  transmission_id INTEGER NOT NULL REFERENCES transmissions(id), hash TEXT NOT NULL, observer_id TEXT,
  observer_name TEXT, direction TEXT, snr REAL, rssi REAL, score INTEGER, path_json TEXT,
  timestamp TEXT NOT NULL, created_at TEXT DEFAULT (datetime('now')));
CREATE INDEX idx_observations_hash ON observations(hash);
CREATE INDEX idx_observations_transmission_id ON observations(transmission_id);
CREATE INDEX idx_observations_observer_id ON observations(observer_id);
CREATE INDEX idx_observations_timestamp ON observations(timestamp);
CREATE UNIQUE INDEX idx_observations_dedup ON observations(hash, observer_id, COALESCE(path_json, ''));
CREATE VIEW packets_v AS SELECT o.id, t.raw_hex, o.timestamp, o.observer_id, o.observer_name, t.hash
  FROM observations o JOIN transmissions t ON t.id = o.transmission_id;
";

const V3_OBSERVATIONS: &str = "
CREATE TABLE observations (id INTEGER PRIMARY KEY AUTOINCREMENT,
  transmission_id INTEGER NOT NULL REFERENCES transmissions(id), observer_idx INTEGER, direction TEXT,
  snr REAL, rssi REAL, score INTEGER, path_json TEXT, timestamp INTEGER NOT NULL);
CREATE INDEX idx_observations_transmission_id ON observations(transmission_id);
CREATE INDEX idx_observations_observer_idx ON observations(observer_idx);
CREATE INDEX idx_observations_timestamp ON observations(timestamp);
";

const V3_DEDUP: &str = "CREATE UNIQUE INDEX idx_observations_dedup
  ON observations(transmission_id, observer_idx, COALESCE(path_json, ''));";

/// Data in every column that the oldest generation has.
const DATA: &str = r#"
INSERT INTO nodes VALUES
  ('AB00000000000000000000000000000000000000000000000000000000000001', 'Upper', 'repeater', 1.5, 2.5,
   '2026-01-02T00:00:00.123Z', '2026-01-01T00:00:00.000Z', 40),
  ('ab00000000000000000000000000000000000000000000000000000000000001', NULL, NULL, NULL, NULL,
   '2026-01-01T12:00:00Z', '2025-12-31T00:00:00Z', 3),
  ('CD00000000000000000000000000000000000000000000000000000000000002', 'Only upper', 'companion', NULL, NULL,
   '2026-01-02T00:00:00Z', NULL, 1),
  ('sender-alice', 'Alice', 'companion', NULL, NULL, NULL, NULL, 0);
INSERT INTO observers(id, name, iata, last_seen, first_seen, packet_count, model, noise_floor)
  VALUES ('GONE', 'gone', 'SJC', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 1, 'm', -100),
         ('OBS1', 'One', 'SJC', '2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', 5, 'Heltec', -110);
DELETE FROM observers WHERE id = 'GONE';
INSERT INTO transmissions(id, raw_hex, hash, first_seen, route_type, payload_type, payload_version, decoded_json) VALUES
  (1, '1502AABB11223344', 'aaaaaaaaaaaaaaaa', '2026-01-01T00:00:00.500Z', 1, 5, 0,
   '{"type":"GRP_TXT","channelHash":17,"channelHashHex":"11","decryptionStatus":"no_key"}'),
  (2, '1500DD223344', 'bbbbbbbbbbbbbbbb', '2026-01-01T00:01:00Z', 1, 5, 0,
   '{"type":"CHAN","channel":"public","text":"A: b","sender":"A"}'),
  (5, '1101AA00', 'cccccccccccccccc', '2026-01-01T00:02:00Z', 1, 4, 0,
   '{"type":"ADVERT","pubKey":"AB00000000000000000000000000000000000000000000000000000000000001","name":"Upper"}'),
  (6, '1101AA01', 'dddddddddddddddd', '2026-01-01T00:03:00Z', 1, 4, 0, '{"type":"ADVERT","error":"short"}'),
  (7, '0A00', 'eeeeeeeeeeeeeeee', '2026-01-01T00:04:00Z', 2, 2, 0, 'not json'),
  (8, '00', '', '2026-01-01T00:05:00Z', 0, 0, 0, '{}');
"#;

fn build(place: &Place, sql: &[&str]) {
    let db = Connection::open(place.db()).unwrap();
    for part in sql {
        db.execute_batch(part).unwrap();
    }
}

/// Opens the file, lets everything run to its end, closes it.
fn migrate(place: &Place) {
    let mut writer = place.writer();
    finish(&mut writer);
    writer.close().unwrap();
    ready(&corescope_store::db::open_read(&place.db()).unwrap()).unwrap();
    assert_eq!(place.one::<String>("PRAGMA integrity_check"), "ok");
    assert_eq!(place.rows("PRAGMA foreign_key_check"), [""; 0]);
}

fn finish(writer: &mut Writer) {
    for _ in 0..10_000 {
        if writer.step_background().unwrap() == Background::Idle {
            return;
        }
    }
    panic!("the migrations do not come to an end");
}

/// What a file that was new today has: every migrated file must have all of it.
fn assert_has_todays_shape(place: &Place) {
    let today = Place::new();
    today.writer().close().unwrap();
    let (want, have) = (Shape::read(&today.sql()).unwrap(), Shape::read(&place.sql()).unwrap());
    for (table, columns) in &want.tables {
        let have = have.tables.get(table).unwrap_or_else(|| panic!("table {table}"));
        for column in columns {
            assert!(have.contains(column), "{table}.{column} not in {have:?}");
        }
    }
    for (name, index) in want.indexes.iter().filter(|(n, _)| !n.starts_with("sqlite_autoindex")) {
        assert_eq!(have.indexes.get(name), Some(index), "{name}");
    }
    assert_eq!(place.rows("SELECT name FROM _migrations ORDER BY 1").len(), 21);
    assert_eq!(
        place.rows("SELECT name, status FROM _async_migrations ORDER BY 1"),
        ["obs_observer_ts_idx_v1|done", "tx_last_seen_backfill_v1|done"]
    );
}

fn assert_rows_are_filled(place: &Place) {
    assert_eq!(
        place.rows("SELECT id, from_pubkey, channel_hash, scope_name FROM transmissions ORDER BY id"),
        [
            "1|NULL|enc_11|NULL",
            "2|NULL|Public|NULL",
            "5|ab00000000000000000000000000000000000000000000000000000000000001|NULL|NULL",
            "6||NULL|NULL",
            "7|NULL|NULL|NULL",
        ],
        "the row without a hash is gone"
    );
    assert_eq!(
        place.rows("SELECT public_key, name, role, first_seen, advert_count FROM nodes ORDER BY 1"),
        [
            "ab00000000000000000000000000000000000000000000000000000000000001|Upper|repeater|2025-12-31T00:00:00Z|1",
            "cd00000000000000000000000000000000000000000000000000000000000002|Only upper|companion|NULL|0",
            "sender-alice|Alice|companion|NULL|0",
        ],
        "one node in two spellings is one node; adverts are counted by transmission"
    );
}

#[test]
fn node_v2_with_observers_by_name() {
    let place = Place::new();
    build(
        &place,
        &[
            NODE_BASE,
            V2_OBSERVATIONS,
            DATA,
            "INSERT INTO observations(id, transmission_id, hash, observer_id, observer_name, direction, snr, rssi, score,
               path_json, timestamp) VALUES
             (1, 1, 'aaaaaaaaaaaaaaaa', 'OBS1', 'One', 'rx', 5.5, NULL, 700, '[\"AA\",\"BB\"]', '2026-01-01T00:00:00.500Z'),
             (2, 1, 'aaaaaaaaaaaaaaaa', 'OBS2', 'Two', 'rx', NULL, -90, NULL, '[\"AA\"]', '2026-01-01 00:00:02'),
             (3, 2, 'bbbbbbbbbbbbbbbb', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'when?'),
             (9, 1, 'another', 'OBS1', 'One', NULL, 1.5, -95.5, NULL, '[\"AA\",\"BB\"]', '2026-01-01T00:00:09Z');
             INSERT INTO sqlite_sequence SELECT 'x', 0 WHERE 0; UPDATE sqlite_sequence SET seq = 40 WHERE name = 'observations';",
        ],
    );
    let before = std::fs::read(place.db()).unwrap();
    migrate(&place);
    assert_has_todays_shape(&place);
    assert_rows_are_filled(&place);
    assert_eq!(
        place.rows(
            "SELECT o.id, o.transmission_id, b.id, o.direction, o.snr, o.rssi, o.score, o.path_json, o.timestamp
               FROM observations o LEFT JOIN observers b ON b.rowid = o.observer_idx ORDER BY o.id"
        ),
        [
            "1|1|OBS1|rx|5.5|-95.5|700|[\"AA\",\"BB\"]|1767225600",
            "2|1|OBS2|rx|NULL|-90|NULL|[\"AA\"]|1767225602",
            "3|2|NULL|NULL|NULL|NULL|NULL|[]|1767225660",
        ],
        "ids stay, doubles are one, an observer that only observations knew has a row, no time is the packet's"
    );
    assert_eq!(place.one::<i64>("SELECT seq FROM sqlite_sequence WHERE name = 'observations'"), 40);
    assert_eq!(place.one::<i64>("SELECT last_seen FROM transmissions WHERE id = 1"), 1_767_225_602);
    let backups: Vec<PathBuf> = std::fs::read_dir(place.dir.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.to_string_lossy().contains(".pre-v3-backup-"))
        .collect();
    let [backup] = backups.as_slice() else { panic!("{backups:?}") };
    assert_eq!(
        rows(&Connection::open(backup).unwrap(), "SELECT count(*), max(timestamp) FROM observations"),
        rows(
            &{
                let copy = place.dir.path().join("copy.db");
                std::fs::write(&copy, &before).unwrap();
                Connection::open(copy).unwrap()
            },
            "SELECT count(*), max(timestamp) FROM observations"
        )
    );
}

#[test]
fn a_v2_migration_that_was_cut_off_goes_on() {
    let place = Place::new();
    let many: String = (0..12_000)
        .map(|n| format!("(1, 'aaaaaaaaaaaaaaaa', 'OBS1', '[\"{n:06X}\"]', '2026-01-01T00:00:00Z')"))
        .collect::<Vec<_>>()
        .join(",");
    build(&place, &[NODE_BASE, V2_OBSERVATIONS, DATA]);
    let insert = format!(
        "INSERT INTO observations(transmission_id, hash, observer_id, path_json, timestamp) VALUES {many}"
    );
    place.sql().execute_batch(&insert).unwrap();
    // Stop after the first chunk, as a crash would: by a panic in the telling.
    let path = place.db();
    let cut = std::panic::catch_unwind(|| {
        Writer::open_telling(&path, Options::default(), &mut |progress| {
            assert!(progress.name != "observations_v2" || progress.done == 0, "cut off");
        })
    });
    assert!(cut.is_err());
    assert!(place.one::<i64>("SELECT count(*) FROM cs_observations_v3") > 0);
    migrate(&place);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM observations"), 12_000);
    assert_eq!(place.rows("SELECT name FROM sqlite_master WHERE name LIKE 'cs_observations%'"), [""; 0]);
    let backups = std::fs::read_dir(place.dir.path())
        .unwrap()
        .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("pre-v3"))
        .count();
    assert_eq!(backups, 1, "the copy is made once");
}

const V3_DATA: &str = "
INSERT INTO observations(id, transmission_id, observer_idx, direction, snr, rssi, score, path_json, timestamp) VALUES
  (1, 1, 2, 'rx', 5.5, -90, 700, '[\"AA\",\"BB\"]', 1767225600),
  (2, 1, 2, 'rx', 5.5, -90, 700.5, NULL, 1767225601),
  (3, 2, NULL, NULL, NULL, NULL, NULL, '', 1767225660);";

#[test]
fn node_v3() {
    let place = Place::new();
    build(&place, &[NODE_BASE, V3_OBSERVATIONS, V3_DEDUP, DATA, V3_DATA, "PRAGMA user_version = 3"]);
    migrate(&place);
    assert_has_todays_shape(&place);
    assert_rows_are_filled(&place);
    assert_eq!(
        place.rows("SELECT id, observer_idx, score, path_json, timestamp FROM observations ORDER BY id"),
        [
            "1|2|700|[\"AA\",\"BB\"]|1767225600",
            // Its path is the one of row 1: it stays as it is rather than becoming a double.
            "2|2|700.5|NULL|1767225601",
            "3|NULL|NULL|[]|1767225660",
        ]
    );
    assert_eq!(place.one::<i64>("PRAGMA user_version"), 3);
    assert_eq!(place.rows("SELECT rowid, last_packet_at FROM observers"), ["2|2026-01-01T00:00:01Z"]);
    assert!(
        place.one::<String>("SELECT sql FROM sqlite_master WHERE name = 'packets_v'").contains("inactive")
    );
}

#[test]
fn a_file_without_the_dedup_index_loses_its_doubles_and_nothing_else() {
    let place = Place::new();
    build(
        &place,
        &[
            NODE_BASE,
            V3_OBSERVATIONS,
            DATA,
            "INSERT INTO observations(id, transmission_id, observer_idx, snr, rssi, path_json, timestamp) VALUES
              (1, 1, 2, NULL, -90, '[]', 10), (2, 1, 2, 5.5, NULL, '[]', 11), (3, 1, NULL, NULL, NULL, '[]', 12),
              (4, 1, NULL, NULL, NULL, '[]', 13), (5, 1, 2, 5.5, NULL, '[\"AA\"]', 14);",
        ],
    );
    migrate(&place);
    assert_eq!(
        place.rows("SELECT id, observer_idx, snr, rssi, timestamp FROM observations ORDER BY id"),
        ["1|2|5.5|-90|10", "3|NULL|NULL|NULL|12", "4|NULL|NULL|NULL|13", "5|2|5.5|NULL|14"]
    );
}

#[test]
fn go_with_half_of_its_own_migrations() {
    let place = Place::new();
    build(
        &place,
        &[
            NODE_BASE,
            V3_OBSERVATIONS,
            V3_DEDUP,
            "ALTER TABLE nodes ADD COLUMN battery_mv INTEGER; ALTER TABLE nodes ADD COLUMN temperature_c REAL;
             ALTER TABLE observers ADD COLUMN inactive INTEGER DEFAULT 0;
             ALTER TABLE transmissions ADD COLUMN channel_hash TEXT DEFAULT NULL;
             ALTER TABLE transmissions ADD COLUMN last_seen INTEGER NOT NULL DEFAULT 0;
             CREATE INDEX idx_tx_last_seen ON transmissions(last_seen);
             ALTER TABLE observations ADD COLUMN raw_hex TEXT;
             CREATE TABLE _migrations (name TEXT PRIMARY KEY);
             INSERT INTO _migrations VALUES ('advert_count_unique_v1'), ('channel_hash_v1'), ('from_pubkey_v1');
             CREATE TABLE _async_migrations (name TEXT PRIMARY KEY, status TEXT NOT NULL,
               started_at TEXT NOT NULL DEFAULT (datetime('now')), ended_at TEXT, error TEXT);
             INSERT INTO _async_migrations(name, status, error) VALUES ('tx_last_seen_backfill_v1', 'failed', 'x');
             CREATE TABLE paths (x); CREATE TABLE from_the_future (y);",
            DATA.replace("INSERT INTO nodes VALUES", "INSERT INTO nodes(public_key, name, role, lat, lon, last_seen, first_seen, advert_count) VALUES").as_str(),
            V3_DATA,
        ],
    );
    migrate(&place);
    assert_has_todays_shape(&place);
    assert_rows_are_filled(&place);
    let shape = Shape::read(&place.sql()).unwrap();
    assert!(!shape.indexes.contains_key("idx_tx_last_seen"));
    assert!(shape.has_table("paths") && shape.has_table("from_the_future"), "what is not ours stays");
}

#[test]
fn the_oldest_files_are_left_as_they_are_and_a_new_schema_stands_beside() {
    let place = Place::new();
    build(
        &place,
        &["CREATE TABLE packets (id INTEGER PRIMARY KEY, raw TEXT); INSERT INTO packets VALUES (1, 'x');
                     CREATE TABLE paths (packet_id INTEGER, hop TEXT);"],
    );
    migrate(&place);
    assert_has_todays_shape(&place);
    assert_eq!(place.rows("SELECT raw FROM packets"), ["x"]);
}

#[test]
fn a_migrated_file_is_not_migrated_again_and_takes_messages_at_once() {
    let place = Place::new();
    build(&place, &[NODE_BASE, V3_OBSERVATIONS, V3_DEDUP, DATA, V3_DATA]);
    let mut writer = place.writer();
    // Messages do not wait for what runs behind.
    writer.batch(&[heard("OBS1", &frame(FLOOD, GROUP_TEXT, &[], &text(1)), T0)]).unwrap();
    finish(&mut writer);
    writer.close().unwrap();
    let changes =
        place.one::<i64>("SELECT count(*) FROM cs_changes WHERE kind IN ('transmission', 'observation')");
    migrate(&place);
    assert_eq!(
        place.one::<i64>("SELECT count(*) FROM cs_changes WHERE kind IN ('transmission', 'observation')"),
        changes
    );
    assert_eq!(
        place.rows("SELECT observer_idx FROM observations WHERE id > 3"),
        ["2"],
        "the observer keeps its row"
    );
}

#[test]
fn progress_with_older_rows_is_told_as_it_is() {
    let place = Place::new();
    build(&place, &[NODE_BASE, V3_OBSERVATIONS, V3_DEDUP, DATA, V3_DATA]);
    let mut writer = place.writer();
    let start = writer.backfills();
    assert_eq!(start.transmissions, Pass { total: 7, processed: 0, filled: 0, done: false });
    assert_eq!(start.paths, Pass { total: 3, processed: 0, filled: 0, done: false });
    while let Background::Worked(_) = writer.step_background().unwrap() {
        for pass in [writer.backfills().transmissions, writer.backfills().paths] {
            assert!(pass.processed <= pass.total, "{pass:?}");
            assert_eq!(pass.done, pass.processed == pass.total, "{pass:?}");
        }
    }
    let end = writer.backfills();
    assert_eq!(end.transmissions, Pass { total: 7, processed: 7, filled: 5, done: true });
    let filled = place.one::<i64>("SELECT count(*) FROM cs_changes WHERE kind = 'observation'");
    assert_eq!(end.paths, Pass { total: 3, processed: 3, filled: filled.unsigned_abs(), done: true });
    writer.close().unwrap();

    let mut writer = place.writer();
    let nothing_to_do = Pass { done: true, ..Pass::default() };
    assert_eq!(writer.backfills().transmissions, nothing_to_do);
    assert_eq!(writer.backfills().paths, nothing_to_do);
    // The cursor of another file: everything is looked at again, and nothing is left to fill.
    writer.set_state("migrate.transmissions.cursor", "99").unwrap();
    drop(writer);
    let mut writer = place.writer();
    assert_eq!(writer.backfills().transmissions, Pass { total: 7, processed: 0, filled: 0, done: false });
    finish(&mut writer);
    assert_eq!(writer.backfills().transmissions, Pass { total: 7, processed: 7, filled: 0, done: true });
}

#[test]
fn an_index_on_a_big_table_waits_and_the_rest_does_not() {
    let place = Place::new();
    build(&place, &[NODE_BASE, V3_OBSERVATIONS, V3_DEDUP, DATA, V3_DATA]);
    let options = {
        let mut options = Options::default();
        options.index_at_once_rows = 2;
        options
    };
    let mut writer = Writer::open(&place.db(), options).unwrap();
    let late = "idx_observations_observer_idx_timestamp";
    assert!(!Shape::read(&place.sql()).unwrap().indexes.contains_key(late));
    writer.batch(&[heard("OBS1", &frame(FLOOD, GROUP_TEXT, &[], &text(1)), T0)]).unwrap();
    finish(&mut writer);
    assert!(Shape::read(&place.sql()).unwrap().indexes.contains_key(late));
}

#[test]
fn real_packets_of_an_older_schema() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/mesh-sample.db");
    if !file.exists() {
        println!("skipped: {} is not there", file.display());
        return;
    }
    let place = Place::new();
    std::fs::copy(&file, place.db()).unwrap();
    let mut permissions = std::fs::metadata(place.db()).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a copy in a folder that is deleted at once")]
    permissions.set_readonly(false);
    std::fs::set_permissions(place.db(), permissions).unwrap();
    let count = |table: &str| place.one::<i64>(&format!("SELECT count(*) FROM {table}"));
    let before: Vec<i64> = ["transmissions", "observations", "nodes", "observers"].map(count).to_vec();
    assert_eq!(before, [250, 251, 200, 31]);
    migrate(&place);
    // One observation is there twice.
    assert_eq!(
        ["transmissions", "observations", "nodes", "observers"].map(count).to_vec(),
        [250, 250, 200, 31]
    );
    assert_has_todays_shape(&place);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM transmissions WHERE last_seen = 0"), 0);
    assert_eq!(place.one::<i64>("SELECT count(*) FROM packets_v"), 250);
}
