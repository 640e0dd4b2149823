//! The database: schema, pending work, size, who writes it, how its jobs do.

use corescope_store::db::beside;
use corescope_store::schema::ready;
use corescope_store::write::WriterLock;
use rusqlite::Connection;

use super::{Findings, ago};
use crate::owner::{bytes, now};
use crate::place::Place;

const AREA: &str = "database";
/// A log longer than this says that a reader holds it, or that nothing moves it.
const LONG_LOG: u64 = 256 << 20;
/// A job that holds the write lock longer than this delays messages.
const LONG_HOLD_MS: i64 = 500;

pub(super) fn look(found: &mut Findings, place: &Place, db: &Connection) {
    let path = &place.paths.db;
    let number = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).ok();
    match ready(db) {
        Ok(()) => found.ok(AREA, format_args!("{}: the schema is complete", path.display())),
        Err(error) => found.bad(AREA, error, "start the ingestor, or: corescope-cli db migrate"),
    }
    match WriterLock::holder(path) {
        Some(holder) => {
            found.ok("ingestor", format_args!("process {} writes since {}", holder.pid, holder.since))
        }
        None => found.warn("ingestor", "nobody writes this database now", "start corescope-ingestor or `up`"),
    }
    sizes(found, place, db);
    for (cursor, table) in
        [("migrate.transmissions.cursor", "transmissions"), ("migrate.paths.cursor", "observations")]
    {
        let newest = number(&format!("SELECT COALESCE(max(id), 0) FROM {table}")).unwrap_or(0);
        let marked =
            number("SELECT count(*) FROM _migrations WHERE name = 'from_pubkey_v1'").unwrap_or(0) > 0;
        let done = number(&format!("SELECT CAST(value AS INTEGER) FROM cs_state WHERE key = '{cursor}'"));
        if !marked && newest > 0 {
            found.warn(
                AREA,
                format_args!("{table}: {} of {newest} rows brought up to date", done.unwrap_or(0)),
                "the ingestor goes on with it; corescope-cli db migrate does it at once",
            );
        }
    }
    jobs(found, db);
}

fn sizes(found: &mut Findings, place: &Place, db: &Connection) {
    let number = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap_or(0).max(0) as u64;
    let file = std::fs::metadata(&place.paths.db).map_or(0, |m| m.len());
    let log = std::fs::metadata(beside(&place.paths.db, "-wal")).map_or(0, |m| m.len());
    let free = number("PRAGMA freelist_count") * number("PRAGMA page_size");
    let text = format!("{} and a log of {}, {} of it free", bytes(file), bytes(log), bytes(free));
    let can_shrink = number("PRAGMA auto_vacuum") == 2;
    if log > LONG_LOG {
        found.warn(
            AREA,
            text,
            "something reads the database for very long: end it, and the log is moved into the file",
        );
    } else if free > file / 2 && free > 64 << 20 {
        let cure = if can_shrink { "corescope-cli maintain vacuum" } else { "corescope-cli db vacuum" };
        found.warn(AREA, text, cure);
    } else {
        found.ok(AREA, text);
    }
    if !can_shrink {
        found.warn(AREA, "free pages are never given back (auto_vacuum is off)", "corescope-cli db vacuum");
    }
}

fn jobs(found: &mut Findings, db: &Connection) {
    let Ok(mut select) = db
        .prepare("SELECT name, COALESCE(finished_at, 0), longest_hold_ms, error FROM cs_jobs ORDER BY name")
    else {
        return;
    };
    let rows = select.query_map([], |r| {
        Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?, r.get::<_, Option<String>>(3)?))
    });
    let Ok(rows) = rows else { return };
    let mut fine = 0;
    for (name, finished, hold_ms, error) in rows.flatten() {
        if let Some(error) = error {
            found.bad(
                "jobs",
                format_args!("{name} failed {} ago: {error}", ago(now() - finished)),
                "see the ingestor's log",
            );
        } else if hold_ms > LONG_HOLD_MS {
            found.warn(
                "jobs",
                format_args!("{name} held the write lock for {hold_ms} ms"),
                "a slow disk, or an index being made: look again after its next run",
            );
        } else {
            fine += 1;
        }
    }
    if fine > 0 {
        found.ok("jobs", format_args!("{fine} ran without trouble"));
    }
}
