//! How far the passes over older rows have come: figures of the stats file.

use rusqlite::Connection;

use crate::write::get_number;

/// Progress of one pass over a table, since the file was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// Row numbers to look at. Grows with what is stored while the pass is under way.
    pub total: u64,
    /// Of these, looked at.
    pub processed: u64,
    /// Rows that lacked something and were filled.
    pub filled: u64,
    /// Whether older rows are all looked at.
    pub done: bool,
}

impl Pass {
    /// Where the pass stands that keeps its cursor (the last row number it has looked at) in `cs_state`.
    fn read(db: &Connection, table: &str, cursor: &str) -> rusqlite::Result<Self> {
        let newest = newest(db, table)?;
        let from = get_number(db, cursor)?.unwrap_or(0).max(0);
        // A cursor beyond the end is of another file: the pass will start over.
        let left = if from > newest { newest } else { newest - from };
        Ok(Self { total: left.unsigned_abs(), done: from == newest, ..Self::default() })
    }

    /// The pass has gone on by `looked_at` row numbers, has filled `filled` rows, and `left` are before it.
    pub(super) fn advance(&mut self, looked_at: u64, filled: u64, left: u64) {
        self.processed += looked_at;
        self.filled += filled;
        self.total = self.processed + left;
        self.done |= left == 0;
    }
}

/// Progress of the passes that fill columns which older programs left empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backfills {
    /// Over `transmissions`: senders (`from_pubkey`), channels, `last_seen`.
    pub transmissions: Pass,
    /// Over `observations`: `path_json`.
    pub paths: Pass,
}

impl Backfills {
    /// Where they stand in this file.
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            transmissions: Pass::read(db, "transmissions", super::TRANSMISSIONS_CURSOR)?,
            paths: Pass::read(db, "observations", super::PATHS_CURSOR)?,
        })
    }
}

/// The highest row number of a table; 0 when it is empty.
pub(super) fn newest(db: &Connection, table: &str) -> rusqlite::Result<i64> {
    db.query_row(&format!("SELECT COALESCE(max(id), 0) FROM {table}"), [], |r| r.get(0))
}
