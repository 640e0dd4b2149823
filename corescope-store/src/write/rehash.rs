//! Hashes made by an older rule are made anew.
//!
//! Old Node editions hashed the whole header byte, so the same packet on two routes was
//! two transmissions, and neither matches a packet of today. Where two become one, the
//! older row keeps its id and takes the observations of the other.

use corescope_decode::packet_hash;
use rusqlite::{Connection, OptionalExtension, params};

use super::changes::{Change, Changes};
use super::error::WriteError;
use super::frame::read_frame;
use super::writer::Writer;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rehashed {
    /// Transmissions looked at.
    pub looked_at: u64,
    /// Of which the hash was changed.
    pub changed: u64,
    /// Which turned out to be another one and were merged with it.
    pub merged: u64,
}

const CHUNK: i64 = 1_000;

impl Writer {
    /// Looks at every transmission, in short transactions. `progress` is told how many were
    /// looked at.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; what was done stays done, and can be gone on with.
    pub fn rehash(&mut self, progress: &mut dyn FnMut(u64)) -> Result<Rehashed, WriteError> {
        let (mut sum, mut after) = (Rehashed::default(), i64::MIN);
        loop {
            let (part, last) = self.write("cannot make hashes anew", |db| rehash_some(db, after))?;
            sum.looked_at += part.looked_at;
            sum.changed += part.changed;
            sum.merged += part.merged;
            self.forget_transmissions();
            progress(sum.looked_at);
            match last {
                Some(last) => after = last,
                None => return Ok(sum),
            }
        }
    }
}

fn rehash_some(db: &Connection, after: i64) -> rusqlite::Result<(Rehashed, Option<i64>)> {
    let mut select =
        db.prepare_cached("SELECT id, raw_hex, hash FROM transmissions WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let found: Vec<(i64, String, String)> = select
        .query_map([after, CHUNK], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut changes = Changes::default();
    let mut done = Rehashed::default();
    let mut room = Vec::new();
    for (id, raw, hash) in &found {
        done.looked_at += 1;
        // Bridge messages have no frame; unreadable ones keep what they have.
        let Ok(packet) = read_frame(raw, &mut room) else { continue };
        let new = packet_hash(&packet).to_string();
        if new == *hash {
            continue;
        }
        let other: Option<i64> = db
            .prepare_cached("SELECT id FROM transmissions WHERE hash = ?1")?
            .query_row([&new], |r| r.get(0))
            .optional()?;
        if let Some(other) = other {
            merge(db, (*id).min(other), (*id).max(other), &new)?;
            changes.row(Change::Transmission, (*id).min(other));
            changes.row(Change::Removed, (*id).max(other));
            done.merged += 1;
        } else {
            db.prepare_cached("UPDATE transmissions SET hash = ?2 WHERE id = ?1")?
                .execute(params![id, new])?;
            changes.row(Change::Transmission, *id);
            done.changed += 1;
        }
    }
    changes.write(db)?;
    let last = found.last().map(|(id, ..)| *id).filter(|_| found.len() as i64 == CHUNK);
    Ok((done, last))
}

/// `from` becomes a part of `into`.
fn merge(db: &Connection, into: i64, from: i64, hash: &str) -> rusqlite::Result<()> {
    // An observation that `into` has too stays behind and goes with `from`.
    db.prepare_cached("UPDATE OR IGNORE observations SET transmission_id = ?1 WHERE transmission_id = ?2")?
        .execute([into, from])?;
    db.prepare_cached(
        "DELETE FROM cs_obs_rx_at WHERE observation_id IN (SELECT id FROM observations WHERE transmission_id = ?1)",
    )?
    .execute([from])?;
    db.prepare_cached("DELETE FROM observations WHERE transmission_id = ?1")?.execute([from])?;
    let (first_seen, last_seen): (String, i64) = db
        .prepare_cached("SELECT first_seen, last_seen FROM transmissions WHERE id = ?1")?
        .query_row([from], |r| Ok((r.get(0)?, r.get(1)?)))?;
    db.prepare_cached("DELETE FROM transmissions WHERE id = ?1")?.execute([from])?;
    db.prepare_cached(
        "UPDATE transmissions SET hash = ?2, first_seen = min(first_seen, ?3), last_seen = max(last_seen, ?4)
          WHERE id = ?1",
    )?
    .execute(params![into, hash, first_seen, last_seen])?;
    Ok(())
}
