//! Trouble with a file that is followed: it cannot be read for a while, a part of it is damaged, or another program
//! changes its layout.

mod common;
mod followed;

use std::any::Any;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::read_all;
use corescope_store::memory::{Aggregate, Published, Snapshot, Store, Transmission};
use followed::{complete, create, fresh, insert, loaded, place, until};
use rusqlite::Connection;

fn error(snapshot: &Snapshot) -> Option<&str> {
    snapshot.loading().error.as_deref()
}

/// Counts how many rows entered: all of them again when a database is loaded anew.
#[derive(Debug, Default)]
struct Entered(u64);

impl Aggregate for Entered {
    fn add(&mut self, _: &Transmission<'_>) {
        self.0 += 1;
    }

    fn remove(&mut self, _: &Transmission<'_>) {}

    fn clear(&mut self) {
        self.0 = 0;
    }

    fn publish(&mut self, _: &Snapshot) -> Arc<dyn Any + Send + Sync> {
        Arc::new(self.0)
    }
}

/// How many rows entered a store so far.
fn entered(store: &Store) -> impl Fn() -> u64 + use<> {
    let seen = store.register(Box::<Entered>::default());
    move || *Published::clone(&seen.load()).downcast::<u64>().expect("a number")
}

/// A database in one file, without a log beside it.
fn one_file(path: &Path, rows: i64) -> Connection {
    let db = create(path, true);
    db.execute_batch("PRAGMA journal_mode = DELETE").expect("one file");
    insert(&db, 1, rows + 1, 2);
    db
}

/// Writes over a part of a file.
fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).expect("the file");
    file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(bytes)).expect("written over");
}

/// Makes trouble; the result ends it.
type Trouble = fn(&Path) -> Box<dyn FnOnce()>;

/// Its header is no header.
fn no_database(path: &Path) -> Box<dyn FnOnce()> {
    let (path, bytes) = (path.to_owned(), std::fs::read(path).expect("the file"));
    write_at(&path, 0, &[0xEE; 100]);
    Box::new(move || write_at(&path, 0, &bytes))
}

/// All but the first page is cut off.
fn cut_short(path: &Path) -> Box<dyn FnOnce()> {
    let (path, bytes) = (path.to_owned(), std::fs::read(path).expect("the file"));
    OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(4096)).expect("cut short");
    Box::new(move || write_at(&path, 0, &bytes))
}

/// It is not there.
fn away(path: &Path) -> Box<dyn FnOnce()> {
    let (path, elsewhere) = (path.to_owned(), path.with_extension("elsewhere"));
    std::fs::rename(&path, &elsewhere).expect("moved away");
    Box::new(move || std::fs::rename(&elsewhere, &path).expect("moved back"))
}

/// Another program holds it for longer than a reader waits.
fn locked(path: &Path) -> Box<dyn FnOnce()> {
    let other = Connection::open(path).expect("another program");
    other.busy_timeout(Duration::from_mins(1)).expect("patience");
    other.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    Box::new(move || other.execute_batch("COMMIT").expect("let go"))
}

#[test]
fn a_file_that_cannot_be_read_for_a_while_is_opened_again_and_not_loaded_anew() {
    let troubles: [(&str, Trouble); 4] =
        [("not a database", no_database), ("malformed", cut_short), ("mesh.db", away), ("locked", locked)];
    // Side by side: some of them wait.
    std::thread::scope(|scope| {
        for (words, trouble) in troubles {
            scope.spawn(move || {
                let place = place();
                let db = one_file(&place.path, 500);
                let (store, _follower) = loaded(&place.path);
                let entered = entered(&store);
                for round in 1..3 {
                    let end = trouble(&place.path);
                    until(&store, words, |s| error(s).is_some_and(|error| error.contains(words)));
                    // What is known is shown all the while.
                    let s = store.snapshot();
                    assert_eq!((s.transmission_count(), complete(&s)), (499 + round, true), "{words}");
                    end();
                    let id = 500 + round as i64;
                    db.busy_timeout(Duration::from_mins(1)).expect("patience");
                    insert(&db, id, id + 1, 2);
                    until(&store, "a new row", |s| s.by_id(id).is_some() && error(s).is_none());
                    assert_eq!(entered(), 500 + round, "{words}: loaded anew");
                }
                assert_eq!(read_all(&store.snapshot()), fresh(&place.path), "{words}");
            });
        }
    });
}

#[test]
fn damage_to_old_rows_is_told_and_keeps_no_new_ones_out() {
    let place = place();
    let db = one_file(&place.path, 300);
    let (store, _follower) = loaded(&place.path);
    let entered = entered(&store);
    // The page of the very first row.
    let bytes = std::fs::read(&place.path).expect("the file");
    let needle = br#"{"type":"ACK","n":1}"#;
    let page = bytes.windows(needle.len()).position(|w| w == needle).expect("the row") / 4096 * 4096;
    write_at(&place.path, page as u64, &[0xEE; 100]);
    insert(&db, 301, 302, 2);
    until(&store, "a new row", |s| s.by_id(301).is_some());
    until(&store, "the damage", |s| error(s).is_some_and(|error| error.contains("malformed")));
    insert(&db, 302, 303, 2);
    until(&store, "the next row", |s| s.by_id(302).is_some());
    // That new rows are read is no sign that old ones can be.
    assert!(error(&store.snapshot()).is_some());
    assert!(store.snapshot().by_id(1).is_some(), "what is known stays");
    write_at(&place.path, page as u64, &bytes[page..page + 100]);
    until(&store, "the end of it", |s| error(s).is_none());
    assert_eq!(entered(), 302, "loaded anew");
    assert_eq!(read_all(&store.snapshot()), fresh(&place.path));
}

/// What another program does, whether that makes the database another one, and what is seen of it.
struct Migration {
    what: &'static str,
    sql: &'static str,
    anew: bool,
    seen: fn(&Snapshot) -> bool,
}

const MIGRATIONS: [Migration; 8] = [
    Migration {
        what: "a column that was missing",
        sql: "BEGIN; ALTER TABLE transmissions ADD COLUMN scope_name TEXT;
              UPDATE transmissions SET scope_name = 'hills' WHERE id = 7; COMMIT",
        anew: true,
        seen: |s| s.by_id(7).is_some_and(|t| t.scope_name() == Some("hills")),
    },
    Migration {
        what: "a column that goes",
        sql: "ALTER TABLE observations DROP COLUMN rssi",
        anew: true,
        seen: |s| s.observation_by_id(14).is_some_and(|o| o.rssi().is_none()),
    },
    Migration {
        what: "a column that is renamed",
        sql: "ALTER TABLE transmissions RENAME COLUMN channel_hash TO channel",
        anew: true,
        seen: |s| s.by_id(7).is_some_and(|t| t.channel_hash().is_none()),
    },
    Migration {
        what: "a column of its own",
        sql: "BEGIN; ALTER TABLE transmissions ADD COLUMN note TEXT; CREATE TABLE notes (text TEXT);
              CREATE INDEX by_note ON transmissions (note); COMMIT",
        anew: false,
        seen: |_| true,
    },
    Migration {
        what: "a table that is built anew",
        sql: "BEGIN;
              CREATE TABLE new (timestamp INTEGER, transmission_id INTEGER, observer_idx INTEGER, direction TEXT,
                rssi REAL, snr REAL, score INTEGER, path_json TEXT, resolved_path TEXT, raw_hex TEXT,
                id INTEGER PRIMARY KEY);
              INSERT INTO new SELECT timestamp, transmission_id, observer_idx, direction, rssi, snr, score, path_json,
                resolved_path, raw_hex, id FROM observations;
              DROP TABLE observations; ALTER TABLE new RENAME TO observations;
              CREATE INDEX by_transmission ON observations (transmission_id); COMMIT",
        anew: false,
        seen: |_| true,
    },
    Migration {
        what: "a table that is built anew with fewer columns, not at one moment",
        sql: "CREATE TABLE new (id INTEGER PRIMARY KEY, transmission_id INTEGER, observer_idx INTEGER, direction TEXT,
                snr REAL, path_json TEXT, timestamp INTEGER);
              INSERT INTO new SELECT id, transmission_id, observer_idx, direction, snr, path_json, timestamp
                FROM observations;
              DROP TABLE observations; ALTER TABLE new RENAME TO observations;
              CREATE INDEX by_transmission ON observations (transmission_id)",
        anew: true,
        seen: |s| s.observation_by_id(14).is_some_and(|o| o.rssi().is_none() && o.raw_hex().is_none()),
    },
    Migration {
        what: "changes that are told no more",
        sql: "DROP TABLE cs_changes",
        anew: true,
        seen: |_| true,
    },
    Migration {
        what: "a table of changes that is another one",
        sql: "BEGIN; DROP TABLE cs_changes;
              CREATE TABLE cs_changes (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id INTEGER, key TEXT, at TEXT); COMMIT",
        anew: false,
        seen: |_| true,
    },
];

#[test]
fn a_layout_that_changes_is_seen_and_the_old_contents_until_then() {
    for Migration { what, sql, anew, seen } in MIGRATIONS {
        let place = place();
        let db = create(&place.path, true);
        db.execute_batch(
            "ALTER TABLE transmissions DROP COLUMN scope_name; ALTER TABLE transmissions ADD COLUMN x",
        )
        .expect("an older layout");
        insert(&db, 1, 501, 2);
        db.execute_batch(
            "UPDATE transmissions SET channel_hash = '#x'; ALTER TABLE transmissions DROP COLUMN x",
        )
        .expect("an older layout");
        let (store, _follower) = loaded(&place.path);
        let entered = entered(&store);
        let before = store.snapshot().observation_by_id(14).and_then(|o| o.rssi());
        assert_eq!(before, Some(-90.0));
        db.execute_batch(sql).expect("a migration");
        until(&store, what, |s| {
            assert_eq!((s.transmission_count(), s.observation_count()), (500, 1000), "{what}");
            seen(s) && complete(s) && (!anew || entered() >= 1000)
        });
        // Following goes on, with the tables as they are now.
        db.execute_batch(
            "BEGIN; INSERT INTO transmissions (id, raw_hex, hash, first_seen, last_seen)
               VALUES (501, '1501', 'ab', '2026-06-01T12:00:00Z', 1780315200);
             INSERT INTO observations (transmission_id, observer_idx, timestamp) VALUES (501, 1, 1780315200); COMMIT",
        )
        .expect("a new row");
        until(&store, "a new row", |s| s.by_id(501).is_some_and(|t| t.observation_count() == 1));
        until(&store, "no trouble", |s| error(s).is_none());
        assert_eq!(entered() > 501, anew, "{what}: {} rows entered", entered());
        assert_eq!(read_all(&store.snapshot()), fresh(&place.path), "{what}");
    }
}
