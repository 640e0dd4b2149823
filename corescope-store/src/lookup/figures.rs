//! What SQLite says of the file itself.

use rusqlite::Connection;

/// Page figures of the database file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFigures {
    /// Pages in the file.
    pub page_count: i64,
    /// Bytes per page.
    pub page_size: i64,
    /// Pages that hold nothing.
    pub freelist_count: i64,
    /// `cache_size` of a reading connection: pages, or KiB when negative.
    pub cache_size: i64,
}

/// Rows per table, by the cheapest way SQLite has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows of `nodes`.
    pub nodes: i64,
    /// Rows of `observers`, soft-deleted ones too.
    pub observers: i64,
}

/// Page figures; none of it reads more than the file's header.
///
/// # Errors
///
/// What SQLite says.
pub fn figures(c: &Connection) -> rusqlite::Result<FileFigures> {
    let pragma = |name: &str| c.pragma_query_value(None, name, |r| r.get(0));
    Ok(FileFigures {
        page_count: pragma("page_count")?,
        page_size: pragma("page_size")?,
        freelist_count: pragma("freelist_count")?,
        cache_size: pragma("cache_size")?,
    })
}

/// Rows of the two small tables.
///
/// # Errors
///
/// What SQLite says.
pub fn row_counts(c: &Connection) -> rusqlite::Result<RowCounts> {
    let count = |sql: &str| c.prepare_cached(sql)?.query_row([], |r| r.get(0));
    Ok(RowCounts {
        nodes: count("SELECT COUNT(*) FROM nodes")?,
        observers: count("SELECT COUNT(*) FROM observers")?,
    })
}
