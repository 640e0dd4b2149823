//! What a database really holds: tables, columns, indexes, views.
//!
//! Every decision about migrations is taken from this, never from a marker row: markers
//! were written by programs whose statements had failed.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

/// The layout found in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Columns of each table in creation order.
    pub tables: BTreeMap<String, Vec<String>>,
    /// Indexes by name, those included that SQLite makes for UNIQUE and PRIMARY KEY.
    pub indexes: BTreeMap<String, Index>,
    /// Names of the views.
    pub views: BTreeSet<String>,
}

/// One index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The table it belongs to.
    pub table: String,
    /// Its columns; an expression is an empty string.
    pub columns: Vec<String>,
    /// Whether it forbids equal keys.
    pub unique: bool,
    /// Whether it covers only some rows.
    pub partial: bool,
}

impl Shape {
    /// Reads the layout.
    ///
    /// # Errors
    ///
    /// What SQLite says: the file is locked, damaged, or no database.
    pub fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut shape = Self::default();
        let mut names =
            connection.prepare("SELECT type, name FROM sqlite_master WHERE type IN ('table','view')")?;
        let rows = names.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
        for row in rows {
            let (kind, name) = row?;
            if kind == "view" {
                shape.views.insert(name);
            } else {
                let columns = columns_of(connection, &name)?;
                for index in indexes_of(connection, &name)? {
                    shape.indexes.insert(index.0, index.1);
                }
                shape.tables.insert(name, columns);
            }
        }
        Ok(shape)
    }

    /// Whether the table exists.
    pub fn has_table(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Whether the table exists and has the column.
    pub fn has_column(&self, table: &str, column: &str) -> bool {
        self.tables.get(table).is_some_and(|c| c.iter().any(|n| n.eq_ignore_ascii_case(column)))
    }

    /// Whether a full index on the table begins with exactly these columns.
    pub fn has_index_on(&self, table: &str, columns: &[&str]) -> bool {
        self.indexes.values().any(|i| {
            i.table == table
                && !i.partial
                && i.columns.len() >= columns.len()
                && i.columns.iter().zip(columns).all(|(have, want)| have.eq_ignore_ascii_case(want))
        })
    }
}

fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let rows = statement.query_map([table], |r| r.get(0))?;
    rows.collect()
}

fn indexes_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<(String, Index)>> {
    let mut list =
        connection.prepare_cached("SELECT name, \"unique\", partial FROM pragma_index_list(?1)")?;
    let mut info = connection.prepare_cached("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
    let rows = list
        .query_map([table], |r| Ok((r.get::<_, String>(0)?, r.get::<_, bool>(1)?, r.get::<_, bool>(2)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let (name, unique, partial) = row?;
        let columns = info
            .query_map([&name], |r| r.get::<_, Option<String>>(0))?
            .map(|c| c.map(Option::unwrap_or_default))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        found.push((name, Index { table: table.to_owned(), columns, unique, partial }));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_columns_indexes_and_views_are_found() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE t(a TEXT PRIMARY KEY, b, c); CREATE INDEX i ON t(b, c);
             CREATE UNIQUE INDEX u ON t(b, coalesce(c, '')); CREATE INDEX p ON t(c) WHERE c = 1;
             CREATE VIEW v AS SELECT a FROM t;",
        )
        .unwrap();
        let shape = Shape::read(&db).unwrap();
        assert!(shape.has_column("t", "B") && !shape.has_column("t", "d") && !shape.has_table("v"));
        assert!(shape.has_index_on("t", &["a"]), "the one that SQLite made for the primary key");
        assert!(shape.has_index_on("t", &["b"]) && shape.has_index_on("t", &["b", "c"]));
        assert!(!shape.has_index_on("t", &["c"]), "a partial index does not count");
        assert_eq!(shape.indexes["u"].columns, ["b", ""]);
        assert!(shape.views.contains("v"));
    }
}
