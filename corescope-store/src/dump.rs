//! A database as SQL text, from which the same one can be made: row numbers included.
//!
//! `sqlite3`'s own `.dump` leaves the row numbers of `observers` out, and the
//! observations of a file read back from it can belong to other observers.

use std::io::{self, Write};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Why a dump stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// A row could not be read.
    #[error("cannot read the database")]
    Sqlite(#[from] rusqlite::Error),
    /// The text could not be written.
    #[error("cannot write the dump")]
    Write(#[from] io::Error),
}

/// Writes everything as SQL; returns the number of rows. One read transaction: the text
/// is of one moment.
///
/// # Errors
///
/// [`DumpError`].
pub fn dump(db: &Connection, out: &mut impl Write) -> Result<u64, DumpError> {
    let snapshot = db.unchecked_transaction()?;
    let mut count = 0;
    writeln!(out, "PRAGMA foreign_keys = OFF;\nPRAGMA auto_vacuum = INCREMENTAL;\nBEGIN TRANSACTION;")?;
    let mut tables = snapshot.prepare(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
    )?;
    let tables: Vec<(String, String)> =
        tables.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (table, sql) in &tables {
        writeln!(out, "{sql};")?;
        count += rows(&snapshot, table, sql, out)?;
    }
    let has_sequence: bool = snapshot.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence')",
        [],
        |r| r.get(0),
    )?;
    if has_sequence {
        writeln!(out, "DELETE FROM sqlite_sequence;")?;
        rows(&snapshot, "sqlite_sequence", "", out)?;
    }
    let mut others = snapshot.prepare(
        "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL ORDER BY rowid",
    )?;
    for sql in others.query_map([], |r| r.get::<_, String>(0))? {
        writeln!(out, "{};", sql?)?;
    }
    writeln!(out, "COMMIT;")?;
    Ok(count)
}

fn rows(db: &Connection, table: &str, sql: &str, out: &mut impl Write) -> Result<u64, DumpError> {
    let mut info = db.prepare("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let columns: Vec<(String, String, i64)> = info
        .query_map([table], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let has_own_rowid = columns.iter().any(|(_, kind, pk)| *pk == 1 && kind.eq_ignore_ascii_case("INTEGER"));
    let without_rowid = sql.to_ascii_uppercase().contains("WITHOUT ROWID");
    let mut names: Vec<String> = columns.iter().map(|(name, ..)| quoted(name)).collect();
    if !has_own_rowid && !without_rowid {
        names.insert(0, "rowid".to_owned());
    }
    let list = names.join(", ");
    let mut select = db.prepare(&format!("SELECT {list} FROM {}", quoted(table)))?;
    let mut found = select.query([])?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        write!(out, "INSERT INTO {}({list}) VALUES (", quoted(table))?;
        for index in 0..names.len() {
            if index > 0 {
                write!(out, ", ")?;
            }
            literal(row.get_ref(index)?, out)?;
        }
        writeln!(out, ");")?;
        count += 1;
    }
    Ok(count)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(value: ValueRef<'_>, out: &mut impl Write) -> io::Result<()> {
    match value {
        ValueRef::Null => write!(out, "NULL"),
        ValueRef::Integer(n) => write!(out, "{n}"),
        ValueRef::Real(n) if n.is_infinite() => write!(out, "{}9e999", if n < 0.0 { "-" } else { "" }),
        ValueRef::Real(n) => write!(out, "{n:?}"),
        // A text with a zero byte would end there: it goes as bytes and comes back as text.
        ValueRef::Text(text) if text.contains(&0) || std::str::from_utf8(text).is_err() => {
            write!(out, "CAST(X'{}' AS TEXT)", hex::encode_upper(text))
        }
        ValueRef::Text(text) => {
            write!(out, "'{}'", String::from_utf8_lossy(text).replace('\'', "''"))
        }
        ValueRef::Blob(bytes) => write!(out, "X'{}'", hex::encode_upper(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_makes_the_same_database_again() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE observers(id TEXT PRIMARY KEY, name TEXT, noise REAL);
             INSERT INTO observers VALUES ('gone', '', 1.0), ('it''s', 'a\"b', -112.25), ('x', NULL, 1e300);
             DELETE FROM observers WHERE id = 'gone';
             CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO t VALUES (7, X'00FF'), (9, 0.1);
             DELETE FROM t WHERE id = 9; INSERT INTO t(v) VALUES (CAST(X'610062' AS TEXT));
             CREATE TABLE w(a TEXT PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO w VALUES ('k', 1);
             CREATE INDEX i ON t(v); CREATE VIEW view1 AS SELECT id FROM t;",
        )
        .unwrap();
        let mut text = Vec::new();
        assert_eq!(dump(&db, &mut text).unwrap(), 5);
        let again = Connection::open_in_memory().unwrap();
        again.execute_batch(std::str::from_utf8(&text).unwrap()).unwrap();
        let mut second = Vec::new();
        dump(&again, &mut second).unwrap();
        assert_eq!(String::from_utf8(second).unwrap(), String::from_utf8(text).unwrap());
        let rowid: i64 =
            again.query_row("SELECT rowid FROM observers WHERE id = 'x'", [], |r| r.get(0)).unwrap();
        assert_eq!(rowid, 3);
        again.execute("INSERT INTO t(v) VALUES (1)", []).unwrap();
        assert_eq!(again.last_insert_rowid(), 11, "ids of deleted rows are not given out again");
    }
}
