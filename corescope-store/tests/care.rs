//! Import, rehash and vacuum.
#![cfg(feature = "write")]
#![allow(clippy::unwrap_used, reason = "a test may stop here")]

mod support;

use corescope_store::check::{Depth, check};
use corescope_store::db::open_read;
use corescope_store::write::Writer;
use rusqlite::Connection;
use support::*;

fn filled() -> Place {
    let place = Place::new();
    let mut writer = place.writer();
    let pair = node(0x11, 1);
    writer
        .batch(&[
            heard("A1", &frame(FLOOD, ADVERT, &[], &advert(&pair, 1, "Hill", None)), T0),
            heard("A1", &frame(FLOOD, GROUP_TEXT, &[&[0xAA]], &text(1)), T0 + 1),
            heard("B2", &frame(FLOOD, GROUP_TEXT, &[&[0xAA], &[0xBB]], &text(1)), T0 + 2),
            heard("", &frame(FLOOD, GROUP_TEXT, &[], &text(2)), T0 + 3),
        ])
        .unwrap();
    writer.close().unwrap();
    place
}

const EVERYTHING: &str = "SELECT t.hash, b.id, o.path_json, o.timestamp, o.snr, o.raw_hex FROM observations o
   JOIN transmissions t ON t.id = o.transmission_id LEFT JOIN observers b ON b.rowid = o.observer_idx ORDER BY 1, 2, 3";

fn sound(place: &Place) {
    let report = check(&open_read(&place.db()).unwrap(), Depth::Full).unwrap();
    assert!(report.is_sound() && report.findings.is_empty(), "{report:?}");
}

#[test]
fn a_database_is_imported_once_however_often() {
    let (from, into) = (filled(), Place::new());
    let mut writer = into.writer();
    // What is known of a later time stays.
    writer
        .batch(&[heard(
            "A1",
            &frame(FLOOD, ADVERT, &[], &advert(&node(0x11, 1), 9, "Newer", None)),
            T0 + 999,
        )])
        .unwrap();
    let source = open_read(&from.db()).unwrap();
    let first = writer.import(&source, &mut |_, _| {}).unwrap();
    assert_eq!((first.read, first.observations, first.duplicates, first.refused), (4, 4, 0, 0));
    let again = writer.import(&source, &mut |_, _| {}).unwrap();
    assert_eq!((again.observations, again.duplicates), (0, 4));
    writer.close().unwrap();
    let rows = into.rows(EVERYTHING);
    for row in from.rows(EVERYTHING) {
        assert!(rows.contains(&row), "{row}");
    }
    assert_eq!(
        into.rows("SELECT last_seen, first_seen FROM nodes"),
        [format!("{}|{}", corescope_core::time::rfc3339(T0 + 999), corescope_core::time::rfc3339(T0))]
    );
    sound(&into);
}

#[test]
fn the_single_table_of_the_first_edition_is_imported() {
    let old = tempfile::tempdir().unwrap();
    let source = Connection::open(old.path().join("old.db")).unwrap();
    source
        .execute_batch(
            "CREATE TABLE packets (id INTEGER PRIMARY KEY, raw_hex TEXT, timestamp TEXT, observer_id TEXT,
               observer_name TEXT, direction TEXT, snr REAL, rssi REAL, score INTEGER, hash TEXT, path_json TEXT);
             CREATE TABLE nodes (public_key TEXT PRIMARY KEY, name TEXT, role TEXT, lat REAL, lon REAL,
               last_seen TEXT, first_seen TEXT, advert_count INTEGER);
             INSERT INTO packets VALUES
               (1, '1501AA112233', '2026-01-01T00:00:00.5Z', 'OBS', 'Name', 'rx', 1.5, -90, NULL, 'x', '[\"AA\"]'),
               (2, '1502BBAA112233', '2026-01-01 00:00:01', 'OBS', 'Name', 'rx', 1.5, -90, NULL, 'x', NULL),
               (3, '', '2026-01-01T00:00:02Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
               (4, 'zz', '2026-01-01T00:00:02Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
             INSERT INTO nodes VALUES ('AB', 'Kim', 'companion', NULL, NULL, NULL, NULL, 0);",
        )
        .unwrap();
    let place = Place::new();
    let mut writer = place.writer();
    let done = writer.import(&source, &mut |_, _| {}).unwrap();
    assert_eq!((done.read, done.transmissions, done.observations, done.nodes), (4, 1, 2, 1));
    assert_eq!((done.without_frame, done.refused), (1, 1));
    assert_eq!(
        place.rows("SELECT path_json, timestamp FROM observations ORDER BY id"),
        ["[\"AA\"]|1767225600", "[\"BB\",\"AA\"]|1767225601"]
    );
}

#[test]
fn something_else_is_not_imported() {
    let mut writer = Place::new().writer();
    let source = Connection::open_in_memory().unwrap();
    source.execute_batch("CREATE TABLE photos(x)").unwrap();
    let error = writer.import(&source, &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("neither observations nor packets"));
}

#[test]
fn hashes_of_an_older_rule_are_made_anew_and_doubles_become_one() {
    let place = filled();
    let sql = place.sql();
    let hash: String = place.one("SELECT hash FROM transmissions WHERE id = 2");
    // The same packet under an old hash, with one observation of its own and one that is a double.
    sql.execute_batch(
        "INSERT INTO transmissions(id, raw_hex, hash, first_seen, last_seen, payload_type)
           SELECT 50, raw_hex, 'oldoldoldoldold1', '2026-01-01T00:00:00Z', last_seen + 50, payload_type FROM transmissions WHERE id = 2;
         INSERT INTO observations(id, transmission_id, observer_idx, path_json, timestamp)
           VALUES (60, 50, 1, '[\"AA\"]', 5), (61, 50, 1, '[\"CC\"]', 6);
         UPDATE transmissions SET hash = 'oldoldoldoldold2' WHERE id = 3;"
    )
    .unwrap();
    let mut writer = place.writer();
    let done = writer.rehash(&mut |_| {}).unwrap();
    assert_eq!((done.looked_at, done.changed, done.merged), (4, 1, 1));
    writer.close().unwrap();
    assert_eq!(
        place.rows("SELECT id, hash, first_seen, last_seen FROM transmissions WHERE id IN (2, 50)"),
        [format!("2|{hash}|2026-01-01T00:00:00Z|{}", T0 + 52)]
    );
    assert_eq!(
        place.rows("SELECT id, path_json FROM observations WHERE transmission_id = 2 ORDER BY id"),
        ["2|[\"AA\"]", "3|[\"AA\",\"BB\"]", "61|[\"CC\"]"]
    );
    sound(&place);
    // Heard again it is the same packet.
    let mut writer = place.writer();
    let report =
        writer.batch(&[heard("A1", &frame(FLOOD, GROUP_TEXT, &[&[0xAA]], &text(1)), T0 + 9)]).unwrap();
    assert_eq!(report.new_observations, 0);
}

#[test]
fn vacuum_keeps_row_numbers_while_a_reader_reads() {
    let place = Place::new();
    {
        // An old file, whose free pages are not given back, with a gap among the observers.
        let sql = place.sql();
        sql.execute_batch(
            "CREATE TABLE ballast(x); INSERT INTO ballast SELECT randomblob(100000) FROM
            (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT i FROM n);",
        )
        .unwrap();
    }
    let mut writer = place.writer();
    let batch: Vec<_> =
        (0..9).map(|n| heard(&format!("O{n}"), &frame(FLOOD, GROUP_TEXT, &[], &text(n)), T0)).collect();
    writer.batch(&batch).unwrap();
    place.sql().execute_batch("DELETE FROM observers WHERE id IN ('O0', 'O4'); DROP TABLE ballast").unwrap();
    let observers = || place.rows("SELECT rowid, id FROM observers");
    let before = observers();
    let reader = open_read(&place.db()).unwrap();
    assert_eq!(place.one::<i64>("PRAGMA auto_vacuum"), 0);
    let done = writer.vacuum().unwrap();
    assert!(done.after + 3_000_000 < done.before, "{done:?}");
    assert_eq!(place.one::<i64>("PRAGMA auto_vacuum"), 2);
    assert_eq!(place.one::<String>("PRAGMA journal_mode"), "wal");
    assert_eq!(observers(), before);
    let seen: i64 = reader.query_row("SELECT count(*) FROM observations", [], |r| r.get(0)).unwrap();
    assert_eq!(seen, 9);
    // The writer goes on.
    let report = writer.batch(&[heard("O8", &frame(FLOOD, GROUP_TEXT, &[], &text(99)), T0)]).unwrap();
    assert_eq!(report.new_observations, 1);
    writer.close().unwrap();
    assert_eq!(place.one::<String>("PRAGMA integrity_check"), "ok");
    let left: Vec<_> = std::fs::read_dir(place.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().contains("vacuum")), "{left:?}");
}

#[test]
fn a_dump_read_back_is_the_same_database() {
    let place = filled();
    place.sql().execute_batch("UPDATE observers SET rowid = 77 WHERE id = 'B2'; UPDATE observations SET observer_idx = 77 WHERE observer_idx = 2").unwrap();
    let mut text = Vec::new();
    corescope_store::dump::dump(&open_read(&place.db()).unwrap(), &mut text).unwrap();
    let copy = Place::new();
    copy.sql().execute_batch(std::str::from_utf8(&text).unwrap()).unwrap();
    assert_eq!(copy.rows(EVERYTHING), place.rows(EVERYTHING));
    assert_eq!(copy.rows("SELECT rowid, id FROM observers"), ["1|A1", "77|B2"]);
    let mut writer: Writer = copy.writer();
    writer.batch(&[heard("C3", &frame(FLOOD, GROUP_TEXT, &[], &text2()), T0)]).unwrap();
    writer.close().unwrap();
    sound(&copy);
}

fn text2() -> Vec<u8> {
    text(4242)
}
