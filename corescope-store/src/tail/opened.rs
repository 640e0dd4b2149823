//! The file that is followed, as it is open now, and what shows that it changed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rusqlite::Connection;

use crate::read::{self, Columns};

/// A database file, open for reading.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) columns: Columns,
    /// Whether there is a table of changes.
    told: bool,
    /// `data_version` when it was last asked for.
    version: i64,
    /// `schema_version` when the layout was looked at.
    schema: i64,
    identity: Identity,
    written: Written,
}

/// The file behind a path: device and inode.
type Identity = Option<(u64, u64)>;

/// Its size, and when it was last written to: seconds and nanoseconds. In WAL mode that is a checkpoint, or a copy
/// over the file.
type Written = Option<(u64, i64, i64)>;

fn stat(path: &Path) -> (Identity, Written) {
    match std::fs::metadata(path) {
        Ok(file) => (Some((file.dev(), file.ino())), Some((file.size(), file.mtime(), file.mtime_nsec()))),
        Err(_) => (None, None),
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    Same,
    /// It was written to by other means than SQLite's log: what is cached of it may be outdated.
    Written,
    Replaced,
    Missing,
}

impl Opened {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let (identity, written) = stat(path);
        let connection = super::open(path)?;
        let version = pragma(&connection, "data_version")?;
        // Before the layout: a change of it in between is seen later.
        let schema = pragma(&connection, "schema_version")?;
        let columns = Columns::of(&connection)?;
        let told = read::exists(&connection, "cs_changes")?;
        Ok(Self { connection, columns, told, version, schema, identity, written })
    }

    /// Lets the file go. What SQLite shares between connections to it is forgotten with the last of them: after a copy
    /// over the file that is no longer true.
    pub(super) fn close(&mut self) -> rusqlite::Result<()> {
        self.connection = Connection::open_in_memory()?;
        Ok(())
    }

    /// Whether something was committed since the last call, or since it was opened.
    pub(super) fn has_news(&mut self) -> rusqlite::Result<bool> {
        let now = pragma(&self.connection, "data_version")?;
        Ok(std::mem::replace(&mut self.version, now) != now)
    }

    /// Whether the tables have other columns than when it was opened, or changes are told that were not, or no more.
    pub(super) fn has_other_layout(&mut self) -> rusqlite::Result<bool> {
        let now = pragma(&self.connection, "schema_version")?;
        if now == self.schema {
            return Ok(false);
        }
        self.schema = now;
        let columns = Columns::of(&self.connection)?;
        let told = read::exists(&self.connection, "cs_changes")?;
        Ok(columns != self.columns || told != self.told)
    }

    /// Looks at the file itself.
    pub(super) fn became(&self, path: &Path) -> Became {
        match stat(path) {
            (None, _) => Became::Missing,
            (identity, _) if identity != self.identity => Became::Replaced,
            (_, written) if written != self.written => Became::Written,
            _ => Became::Same,
        }
    }

    /// Whether another opening is of the same file, with the same layout.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.identity, &self.columns, self.told) == (other.identity, &other.columns, other.told)
    }
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
