//! `cs_changes`: which rows changed after they were inserted.
//!
//! Whoever follows the file sees new rows by their ids. Everything else is told here, in
//! the same transaction as the change: a reader that has seen `seq` n knows everything
//! up to it. The oldest rows are removed by a job, so a reader that finds its last `seq`
//! gone has to load again.

use std::collections::BTreeSet;

use rusqlite::Connection;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// A row of `transmissions` was updated (not its `last_seen`): `id`.
    Transmission,
    /// A row of `observations` was updated: `id`.
    Observation,
    /// A node was added, updated or moved: `key`.
    Node,
    /// An observer was added or updated: `id` is its rowid, `key` its id.
    Observer,
    /// `neighbor_edges` was rebuilt or pruned.
    Edges,
    /// A transmission and its observations were deleted: `id`.
    Removed,
}

impl Change {
    /// The word in the column `kind`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Transmission => "transmission",
            Self::Observation => "observation",
            Self::Node => "node",
            Self::Observer => "observer",
            Self::Edges => "edges",
            Self::Removed => "removed",
        }
    }

    /// Reads the column `kind`; `None` for a word of a later version.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Transmission, Self::Observation, Self::Node, Self::Observer, Self::Edges, Self::Removed]
            .into_iter()
            .find(|c| c.word() == word)
    }
}

/// The changes of one transaction, each once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    rows: BTreeSet<(Change, Option<i64>, Option<String>)>,
}

impl Changes {
    pub(crate) fn row(&mut self, change: Change, id: i64) {
        self.rows.insert((change, Some(id), None));
    }

    pub(crate) fn key(&mut self, change: Change, key: &str) {
        self.rows.insert((change, None, Some(key.to_owned())));
    }

    pub(crate) fn observer(&mut self, rowid: i64, id: &str) {
        self.rows.insert((Change::Observer, Some(rowid), Some(id.to_owned())));
    }

    pub(crate) fn edges(&mut self) {
        self.rows.insert((Change::Edges, None, None));
    }

    /// Writes them, in the caller's transaction.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut insert =
            connection.prepare_cached("INSERT INTO cs_changes(kind, id, key) VALUES (?1, ?2, ?3)")?;
        for (change, id, key) in std::mem::take(&mut self.rows) {
            insert.execute(rusqlite::params![change.word(), id, key])?;
        }
        Ok(())
    }
}

/// Rows that are kept: at the rate of a large mesh about an hour.
const KEPT: i64 = 100_000;

/// Removes the oldest rows beyond a bound, at most `most`, never the newest: its `seq` must not be
/// given out again.
pub(crate) fn trim(connection: &Connection, most: usize) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM cs_changes WHERE seq IN (SELECT seq FROM cs_changes
               WHERE seq <= (SELECT max(seq) FROM cs_changes) - ?1 ORDER BY seq LIMIT ?2)",
        )?
        .execute([KEPT, most as i64])
}
