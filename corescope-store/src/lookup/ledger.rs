//! The account of every message (`cs_ledger`), how complete it is (`cs_completeness`) and when its sources were not
//! connected (`cs_outages`). Files that our ingestor never wrote have none of the tables: then there are no rows.

use rusqlite::Connection;

use crate::read::exists;

/// Key of `cs_state`: completeness is final for every hour before this, unix seconds.
pub(crate) const COMPLETE_UNTIL: &str = "completeness_until";

/// Which lines of the account are wanted.
#[derive(Clone, Debug)]
pub struct LedgerQuery<'a> {
    /// From this unix second on.
    pub since: i64,
    /// Before this unix second.
    pub until: i64,
    /// Of this source only.
    pub source: Option<&'a str>,
    /// Of this observer only (any case).
    pub observer: Option<&'a str>,
}

/// One line: received = stored + duplicate + filtered + rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLine {
    /// Start, unix seconds.
    pub start: i64,
    /// Length, seconds: 60, or 3600 of older lines.
    pub span: i64,
    /// The source.
    pub source: String,
    /// The observer; empty where it could not be read.
    pub observer: String,
    /// Messages that came.
    pub received: i64,
    /// Stored.
    pub stored: i64,
    /// Known already.
    pub duplicate: i64,
    /// Kept out by a rule.
    pub filtered: i64,
    /// Not storable.
    pub rejected: i64,
    /// JSON object of rule or reason to count.
    pub detail: Option<String>,
}

/// How much of what an observer heard in an hour arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletenessRow {
    /// Start of the hour, unix seconds.
    pub hour: i64,
    /// The observer.
    pub observer: String,
    /// Packets that arrived.
    pub received: i64,
    /// Packets that it heard, as far as can be told.
    pub expected: Option<i64>,
    /// received ÷ expected, at most 1.
    pub ratio: Option<f64>,
    /// What the estimate rests on: `counters`, `neighbours`, `reconnects`, `gaps`, joined by `+`; or `none`.
    pub basis: String,
    /// Seconds of the hour that the row is about: fewer while the hour runs.
    pub covered: i64,
    /// JSON object of what each kind of evidence says.
    pub evidence: Option<String>,
}

/// A time in which a source was not connected, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The source.
    pub source: String,
    /// Its start, unix seconds.
    pub start: i64,
    /// Its end, unix seconds.
    pub until: i64,
    /// Whether the broker still had our session when it ended: it may have kept messages for us.
    pub resumed: bool,
}

/// Lines of the account, oldest first.
///
/// # Errors
///
/// What SQLite says.
pub fn ledger(c: &Connection, q: &LedgerQuery<'_>) -> rusqlite::Result<Vec<LedgerLine>> {
    if !exists(c, "cs_ledger")? {
        return Ok(Vec::new());
    }
    c.prepare_cached(
        "SELECT start, span, source, observer, received, stored, duplicate, filtered, rejected, detail FROM cs_ledger \
         WHERE start >= ?1 AND start < ?2 AND (?3 IS NULL OR source = ?3) AND (?4 IS NULL OR lower(observer) = lower(?4)) \
         ORDER BY start, span, source, observer",
    )?
    .query_map((q.since, q.until, q.source, q.observer), |r| {
        Ok(LedgerLine {
            start: r.get(0)?,
            span: r.get(1)?,
            source: r.get(2)?,
            observer: r.get(3)?,
            received: r.get(4)?,
            stored: r.get(5)?,
            duplicate: r.get(6)?,
            filtered: r.get(7)?,
            rejected: r.get(8)?,
            detail: r.get(9)?,
        })
    })?
    .collect()
}

/// Completeness per hour and observer, oldest first. `source` of the query is not looked at.
///
/// # Errors
///
/// What SQLite says.
pub fn completeness(c: &Connection, q: &LedgerQuery<'_>) -> rusqlite::Result<Vec<CompletenessRow>> {
    if !exists(c, "cs_completeness")? {
        return Ok(Vec::new());
    }
    // Files that an earlier version wrote lack the two columns.
    let rest = if has_column(c, "cs_completeness", "evidence")? { "covered, evidence" } else { "3600, NULL" };
    c.prepare_cached(&format!(
        "SELECT hour, observer, received, expected, ratio, basis, {rest} FROM cs_completeness \
         WHERE hour >= ?1 AND hour < ?2 AND (?3 IS NULL OR lower(observer) = lower(?3)) ORDER BY hour, observer",
    ))?
    .query_map((q.since.div_euclid(3600) * 3600, q.until, q.observer), |r| {
        Ok(CompletenessRow {
            hour: r.get(0)?,
            observer: r.get(1)?,
            received: r.get(2)?,
            expected: r.get(3)?,
            ratio: r.get(4)?,
            basis: r.get(5)?,
            covered: r.get(6)?,
            evidence: r.get(7)?,
        })
    })?
    .collect()
}

/// Observers and how complete their newest full hour is, the least complete first.
///
/// # Errors
///
/// What SQLite says.
pub fn least_complete(c: &Connection, most: u32) -> rusqlite::Result<Vec<(String, f64)>> {
    if !exists(c, "cs_completeness")? {
        return Ok(Vec::new());
    }
    c.prepare_cached(
        "SELECT observer, ratio FROM cs_completeness WHERE ratio IS NOT NULL AND hour = \
           (SELECT CAST(value AS INTEGER) - 3600 FROM cs_state WHERE key = ?2) \
         ORDER BY ratio, observer LIMIT ?1",
    )?
    .query_map((most, COMPLETE_UNTIL), |r| Ok((r.get(0)?, r.get(1)?)))?
    .collect()
}

/// Outages that touch the time of the query, by source, oldest first. `observer` of the query is not looked at.
///
/// # Errors
///
/// What SQLite says.
pub fn outages(c: &Connection, q: &LedgerQuery<'_>) -> rusqlite::Result<Vec<Outage>> {
    if !exists(c, "cs_outages")? {
        return Ok(Vec::new());
    }
    c.prepare_cached(
        "SELECT source, start, until, resumed FROM cs_outages \
         WHERE until > ?1 AND start < ?2 AND (?3 IS NULL OR source = ?3) ORDER BY source, start LIMIT 10000",
    )?
    .query_map((q.since, q.until, q.source), |r| {
        Ok(Outage { source: r.get(0)?, start: r.get(1)?, until: r.get(2)?, resumed: r.get(3)? })
    })?
    .collect()
}

fn has_column(c: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    c.prepare_cached("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2")?.exists([table, column])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_the_tables_has_no_lines() {
        let c = Connection::open_in_memory().unwrap();
        let q = LedgerQuery { since: 0, until: i64::MAX, source: None, observer: None };
        assert!(ledger(&c, &q).unwrap().is_empty() && completeness(&c, &q).unwrap().is_empty());
        assert!(outages(&c, &q).unwrap().is_empty() && least_complete(&c, 9).unwrap().is_empty());
    }

    #[test]
    fn completeness_of_an_earlier_version_is_read_too() {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(
            "CREATE TABLE cs_completeness (hour INTEGER, observer TEXT, received INTEGER, expected INTEGER, ratio REAL, basis TEXT);
             INSERT INTO cs_completeness VALUES (0, 'A', 1, 2, 0.5, 'counters'), (0, 'B', 1, NULL, NULL, 'none');
             CREATE TABLE cs_state (key TEXT, value TEXT);
             INSERT INTO cs_state VALUES ('completeness_until', '3600');",
        )
        .unwrap();
        let q = LedgerQuery { since: 0, until: i64::MAX, source: None, observer: None };
        let rows = completeness(&c, &q).unwrap();
        assert_eq!((rows.len(), rows[0].covered, rows[0].evidence.as_deref()), (2, 3600, None));
        assert_eq!(least_complete(&c, 9).unwrap(), [("A".to_owned(), 0.5)]);
        c.execute_batch(
            "ALTER TABLE cs_completeness ADD COLUMN covered INTEGER NOT NULL DEFAULT 3600;
             ALTER TABLE cs_completeness ADD COLUMN evidence TEXT;
             UPDATE cs_completeness SET covered = 60, evidence = '{}' WHERE observer = 'A';",
        )
        .unwrap();
        let rows = completeness(&c, &q).unwrap();
        assert_eq!((rows[0].covered, rows[0].evidence.as_deref()), (60, Some("{}")));
    }

    #[test]
    fn lines_are_chosen_by_time_source_and_observer() {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(
            "CREATE TABLE cs_ledger (start INTEGER, span INTEGER, source TEXT, observer TEXT, received INTEGER, stored INTEGER,
                duplicate INTEGER, filtered INTEGER, rejected INTEGER, detail TEXT);
             INSERT INTO cs_ledger VALUES (60, 60, 'a', 'OBS', 3, 1, 1, 1, 0, '{\"region\":1}'), (120, 60, 'b', 'x', 1, 1, 0, 0, 0, NULL);",
        )
        .unwrap();
        let all = LedgerQuery { since: 0, until: 1000, source: None, observer: None };
        assert_eq!(ledger(&c, &all).unwrap().len(), 2);
        assert_eq!(ledger(&c, &LedgerQuery { until: 120, ..all.clone() }).unwrap().len(), 1);
        assert_eq!(ledger(&c, &LedgerQuery { observer: Some("obs"), ..all.clone() }).unwrap()[0].received, 3);
        assert!(ledger(&c, &LedgerQuery { source: Some("' OR 1=1 --"), ..all }).unwrap().is_empty());
    }
}
