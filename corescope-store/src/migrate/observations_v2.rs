//! `observations` of the Node edition 2.3: the observer by id and name, the time as text,
//! and the packet's hash again in every row. Today's names the observer by row number.
//!
//! 1. The file is copied to `<file>.pre-v3-backup-<unix ms>`.
//! 2. Observers that only the observations know get a row.
//! 3. The rows are copied in chunks into `cs_observations_v3`, with their ids. The same
//!    packet from the same observer on the same path is one row: the smallest id stays and
//!    takes over what it lacked.
//! 4. The names are swapped in one transaction.
//!
//! Cut off, it goes on after the last row copied.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use corescope_core::time::parse_rfc3339;
use rusqlite::backup::Backup;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params};

use super::Progress;
use super::first::transaction;
use crate::db::beside;
use crate::schema::{OBSERVATIONS_BODY, Shape};
use crate::write::{Doing, WriteError, get_number, get_state, remove_state, set_state};

const NAME: &str = "observations_v2";
const COPY: &str = "cs_observations_v3";
const BACKUP: &str = "migrate.v2.backup";
const CURSOR: &str = "migrate.v2.cursor";
/// Rows of one transaction: about 50 ms.
const CHUNK: i64 = 5_000;

pub(super) fn is_needed(shape: &Shape) -> bool {
    shape.has_column("observations", "observer_id") && !shape.has_column("observations", "observer_idx")
}

pub(super) fn run(
    db: &Connection,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), WriteError> {
    let total = db
        .query_row("SELECT count(*) FROM observations", [], |r| r.get::<_, i64>(0))
        .doing("cannot count the observations")? as u64;
    let mut tell = |done: u64| progress(Progress { name: NAME, done, total });
    tell(0);
    if get_state(db, BACKUP).doing("cannot read the state")?.is_none() {
        back_up(db, path)?;
    }
    transaction(db, "cannot prepare the new observations", |db| {
        db.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS {COPY} ({OBSERVATIONS_BODY});
             CREATE UNIQUE INDEX IF NOT EXISTS cs_idx_v3_dedup
               ON {COPY}(transmission_id, observer_idx, COALESCE(path_json, ''));
             INSERT OR IGNORE INTO observers(id, name)
               SELECT observer_id, max(observer_name) FROM observations
                WHERE observer_id IS NOT NULL AND observer_id <> '' GROUP BY observer_id;"
        ))
    })?;
    let mut done = 0;
    loop {
        let copied = transaction(db, "cannot copy the observations", copy_chunk)?;
        if copied == 0 {
            break;
        }
        done += copied;
        tell(done);
    }
    transaction(db, "cannot put the new observations in place", swap)
}

fn back_up(db: &Connection, path: &Path) -> Result<(), WriteError> {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let target = beside(path, &format!(".pre-v3-backup-{ms}"));
    let copied = (|| {
        let mut copy = Connection::open(&target)?;
        Backup::new(db, &mut copy)?.run_to_completion(4096, Duration::ZERO, None)?;
        copy.close().map_err(|(_, e)| e)
    })();
    if copied.is_err() {
        let _ = std::fs::remove_file(&target);
    }
    copied.doing("cannot copy the file before the migration (free space of its size is needed)")?;
    let name = target.to_string_lossy().into_owned();
    transaction(db, "cannot write the state", |db| set_state(db, BACKUP, &name))
}

fn copy_chunk(db: &Connection) -> rusqlite::Result<u64> {
    let from = get_number(db, CURSOR)?.unwrap_or(i64::MIN);
    let shape = Shape::read(db)?;
    let optional = |column: &'static str| {
        if shape.has_column("observations", column) { format!("o.{column}") } else { "NULL".to_owned() }
    };
    // v2 rows name their transmission by hash in the earliest files, by id later.
    let (transmission, join) = if shape.has_column("observations", "transmission_id") {
        ("o.transmission_id", "LEFT JOIN transmissions t ON t.id = o.transmission_id")
    } else {
        ("t.id", "LEFT JOIN transmissions t ON t.hash = o.hash")
    };
    let select = format!(
        "SELECT o.id, {transmission}, b.rowid, {}, {}, {}, {}, {}, o.timestamp, t.first_seen, {}
           FROM observations o {join} LEFT JOIN observers b ON b.id = o.observer_id
          WHERE o.id > ?1 ORDER BY o.id LIMIT ?2",
        optional("direction"),
        optional("snr"),
        optional("rssi"),
        optional("score"),
        optional("path_json"),
        optional("raw_hex"),
    );
    let mut insert = db.prepare(&format!(
        "INSERT INTO {COPY}(id, transmission_id, observer_idx, direction, snr, rssi, score, path_json, timestamp, raw_hex)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT(transmission_id, observer_idx, COALESCE(path_json, '')) DO UPDATE SET
           direction = COALESCE(direction, excluded.direction), snr = COALESCE(snr, excluded.snr),
           rssi = COALESCE(rssi, excluded.rssi), score = COALESCE(score, excluded.score),
           raw_hex = COALESCE(raw_hex, excluded.raw_hex)"
    ))?;
    let mut select = db.prepare(&select)?;
    let mut rows = select.query([from, CHUNK])?;
    let (mut copied, mut last) = (0, from);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        copied += 1;
        // An observation of nothing cannot be kept: the column is a reference.
        if row.get_ref(1)? == ValueRef::Null {
            continue;
        }
        let time = unix_time(row.get_ref(8)?).or(unix_time(row.get_ref(9)?)).unwrap_or(0);
        insert.execute(params![
            last,
            row.get::<_, Value>(1)?,
            row.get::<_, Value>(2)?,
            row.get::<_, Value>(3)?,
            row.get::<_, Value>(4)?,
            row.get::<_, Value>(5)?,
            row.get::<_, Value>(6)?,
            row.get::<_, Value>(7)?,
            time,
            row.get::<_, Value>(10)?,
        ])?;
    }
    set_state(db, CURSOR, &last.to_string())?;
    Ok(copied)
}

fn unix_time(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(seconds) => Some(seconds),
        ValueRef::Text(_) => value.as_str().ok().and_then(parse_rfc3339),
        _ => None,
    }
}

fn swap(db: &Connection) -> rusqlite::Result<()> {
    let last_id: Option<i64> = db.query_row(
        "SELECT max(seq) FROM sqlite_sequence WHERE name IN ('observations', ?1)",
        [COPY],
        |r| r.get(0),
    )?;
    db.execute_batch(&format!(
        "DROP VIEW IF EXISTS packets_v; DROP TABLE observations; ALTER TABLE {COPY} RENAME TO observations;
         DROP INDEX cs_idx_v3_dedup;
         CREATE UNIQUE INDEX idx_observations_dedup
           ON observations(transmission_id, observer_idx, COALESCE(path_json, ''));"
    ))?;
    // Ids are never given out twice, not even those of rows that are gone.
    db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'observations'", [last_id])?;
    remove_state(db, CURSOR)?;
    remove_state(db, BACKUP)
}
