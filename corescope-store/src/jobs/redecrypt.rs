//! Stored group messages that a key of today opens.
//!
//! Nothing that is already open is touched, and nothing is tried with keys that the
//! operator does not hold.

use corescope_decode::compat::go;
use rusqlite::{Connection, params};

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Change, Changes, Rules, WriteError, Writer, read_frame};

const CHUNK: usize = 500;

#[derive(Debug, Default)]
pub(super) struct Redecrypt {
    after: i64,
}

impl Work for Redecrypt {
    fn step(&mut self, writer: &mut Writer, _plan: &Plan, _now: i64) -> Result<Step, WriteError> {
        let rules = writer.rules().clone();
        if rules.channel_keys.is_empty() {
            return Ok(Step::Done(0));
        }
        let after = self.after;
        let (read, last, opened) =
            writer.write("cannot decrypt stored messages", |db| open_some(db, &rules, after))?;
        self.after = last;
        Ok(if read >= CHUNK { Step::More(opened) } else { Step::Done(opened) })
    }
}

fn open_some(db: &Connection, rules: &Rules, after: i64) -> rusqlite::Result<(usize, i64, u64)> {
    let mut select = db.prepare_cached(
        "SELECT id, raw_hex FROM transmissions
          WHERE id > ?1 AND payload_type IN (5, 6) AND raw_hex <> ''
            AND (channel_hash IS NULL OR channel_hash LIKE 'enc\\_%' ESCAPE '\\')
          ORDER BY id LIMIT ?2",
    )?;
    let mut update =
        db.prepare_cached("UPDATE transmissions SET decoded_json = ?2, channel_hash = ?3 WHERE id = ?1")?;
    let mut rows = select.query(params![after, CHUNK as i64])?;
    let (mut read, mut last, mut opened) = (0, after, 0);
    let mut changes = Changes::default();
    let mut room = Vec::new();
    while let Some(row) = rows.next()? {
        read += 1;
        last = row.get(0)?;
        let Ok(raw) = row.get::<_, String>(1) else { continue };
        let Ok(packet) = read_frame(&raw, &mut room) else { continue };
        let before = go::decoded_json(&packet, None, false);
        let after = go::decoded_json(&packet, Some(&rules.channel_keys), false);
        let is_open = after.json != before.json && !after.json.contains("decryption_failed");
        if is_open {
            update.execute(params![last, after.json, after.channel_hash])?;
            changes.row(Change::Transmission, last);
            opened += 1;
        }
    }
    changes.write(db)?;
    Ok((read, last, opened))
}
