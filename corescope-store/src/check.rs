//! Is everything in a database as it should be? Reads only.

use corescope_decode::{Packet, packet_hash};
use rusqlite::Connection;
use serde::Serialize;

use crate::schema::{NotReady, Shape, ready};

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The structure and what is cheap to count.
    Quick,
    /// Every page and every row.
    Full,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Rows of each table that matters.
    pub rows: Vec<(&'static str, u64)>,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether data are damaged or missing, or merely untidy.
    pub severity: Severity,
    /// What it is.
    pub what: String,
    /// How many rows, 0 where that makes no sense.
    pub count: u64,
    /// What to do.
    pub cure: &'static str,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works, and can be better.
    Note,
    /// Data are damaged, missing, or cannot be read as they are meant.
    Fault,
}

impl CheckReport {
    /// Whether there is no fault.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|f| f.severity != Severity::Fault)
    }
}

/// Checks a database.
///
/// # Errors
///
/// What SQLite says when a question itself cannot be asked.
pub fn check(db: &Connection, depth: Depth) -> rusqlite::Result<CheckReport> {
    let shape = Shape::read(db)?;
    let mut report = CheckReport { rows: Vec::new(), findings: Vec::new() };
    structure(db, depth, &mut report)?;
    if let Err(NotReady { missing }) = ready(db) {
        report.findings.extend(missing.into_iter().map(|what| Finding {
            severity: Severity::Fault,
            what: format!("missing: {what}"),
            count: 0,
            cure: "corescope-cli db migrate",
        }));
    }
    for table in ["transmissions", "observations", "nodes", "inactive_nodes", "observers", "neighbor_edges"] {
        if shape.has_table(table) {
            report.rows.push((table, count(db, &format!("SELECT count(*) FROM {table}"))?));
        }
    }
    for question in QUESTIONS {
        let can_ask = question.needs.iter().all(|(table, column)| shape.has_column(table, column));
        if can_ask && (depth == Depth::Full || !question.is_slow) {
            let found = count(db, question.sql)?;
            if found > 0 {
                report.findings.push(Finding {
                    severity: question.severity,
                    what: question.what.to_owned(),
                    count: found,
                    cure: question.cure,
                });
            }
        }
    }
    if depth == Depth::Full && shape.has_column("transmissions", "hash") {
        hashes(db, &mut report)?;
    }
    report.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    Ok(report)
}

fn structure(db: &Connection, depth: Depth, report: &mut CheckReport) -> rusqlite::Result<()> {
    let pragma = if depth == Depth::Full { "integrity_check" } else { "quick_check" };
    let mut statement = db.prepare(&format!("PRAGMA {pragma}(20)"))?;
    let lines = statement.query_map([], |r| r.get::<_, String>(0))?;
    for line in lines {
        let line = line?;
        if line != "ok" {
            report.findings.push(Finding {
                severity: Severity::Fault,
                what: line,
                count: 0,
                cure: "restore a backup (corescope-cli restore), or repair the file with sqlite3's .recover",
            });
        }
    }
    Ok(())
}

/// Hashes made by an older rule never match a new packet.
fn hashes(db: &Connection, report: &mut CheckReport) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT raw_hex, hash FROM transmissions WHERE raw_hex <> ''")?;
    let mut rows = statement.query([])?;
    let (mut old, mut unreadable) = (0, 0);
    while let Some(row) = rows.next()? {
        let (raw, hash) = (row.get_ref(0)?, row.get_ref(1)?);
        let bytes = raw.as_str().ok().and_then(|text| hex::decode(text).ok());
        let packet = bytes.as_deref().and_then(|b| Packet::parse(b).ok());
        match packet {
            Some(packet) if Ok(packet_hash(&packet).to_string().as_str()) != hash.as_str() => old += 1,
            Some(_) => {}
            None => unreadable += 1,
        }
    }
    let mut add = |count, what: &str, cure| {
        if count > 0 {
            report.findings.push(Finding { severity: Severity::Note, what: what.to_owned(), count, cure });
        }
    };
    add(old, "transmissions whose hash was made by an older rule", "corescope-cli db rehash");
    add(unreadable, "transmissions whose frame cannot be read", "none needed: they are shown as they are");
    Ok(())
}

fn count(db: &Connection, sql: &str) -> rusqlite::Result<u64> {
    db.query_row(sql, [], |r| r.get::<_, i64>(0)).map(|n| n.max(0) as u64)
}

/// A question with a number as the answer; 0 is good.
struct Question {
    severity: Severity,
    what: &'static str,
    sql: &'static str,
    needs: &'static [(&'static str, &'static str)],
    is_slow: bool,
    cure: &'static str,
}

const QUESTIONS: &[Question] = &[
    Question {
        severity: Severity::Fault,
        what: "observations whose observer has no row",
        sql: "SELECT count(*) FROM observations o WHERE o.observer_idx IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM observers b WHERE b.rowid = o.observer_idx)",
        needs: &[("observations", "observer_idx")],
        is_slow: true,
        cure: "the file was copied by a tool that renumbers rows: restore a backup made before that",
    },
    Question {
        severity: Severity::Fault,
        what: "observations of a transmission that is not there",
        sql: "SELECT count(*) FROM observations o
               WHERE NOT EXISTS (SELECT 1 FROM transmissions t WHERE t.id = o.transmission_id)",
        needs: &[("observations", "transmission_id")],
        is_slow: true,
        cure: "restore a backup",
    },
    Question {
        severity: Severity::Fault,
        what: "observations that are there twice",
        sql: "SELECT COALESCE(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM observations
               GROUP BY transmission_id, observer_idx, COALESCE(path_json, '') HAVING n > 1 AND observer_idx IS NOT NULL)",
        needs: &[("observations", "observer_idx")],
        is_slow: true,
        cure: "corescope-cli db migrate",
    },
    Question {
        severity: Severity::Note,
        what: "observations without an observer that are there twice",
        sql: "SELECT COALESCE(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM observations WHERE observer_idx IS NULL
               GROUP BY transmission_id, COALESCE(path_json, '') HAVING n > 1)",
        needs: &[("observations", "observer_idx")],
        is_slow: true,
        cure: "none needed: an older program stored redelivered messages again",
    },
    Question {
        severity: Severity::Note,
        what: "transmissions without last_seen",
        sql: "SELECT count(*) FROM transmissions WHERE last_seen = 0",
        needs: &[("transmissions", "last_seen")],
        is_slow: false,
        cure: "corescope-cli db migrate, or let the ingestor run",
    },
    Question {
        severity: Severity::Note,
        what: "nodes that are active and inactive at once",
        sql: "SELECT count(*) FROM nodes JOIN inactive_nodes USING (public_key)",
        needs: &[("nodes", "public_key"), ("inactive_nodes", "public_key")],
        is_slow: false,
        cure: "none needed: the active row counts",
    },
    Question {
        severity: Severity::Note,
        what: "node keys that are not in lower case",
        sql: "SELECT count(*) FROM nodes WHERE public_key <> lower(public_key)",
        needs: &[("nodes", "public_key")],
        is_slow: false,
        cure: "corescope-cli db migrate",
    },
    Question {
        severity: Severity::Fault,
        what: "ledger lines that do not balance",
        sql: "SELECT count(*) FROM cs_ledger WHERE received <> stored + duplicate + filtered + rejected",
        needs: &[("cs_ledger", "received")],
        is_slow: false,
        cure: "none: please report it",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_not_sound_and_says_how_to_mend_it() {
        let db = Connection::open_in_memory().unwrap();
        let report = check(&db, Depth::Full).unwrap();
        assert!(!report.is_sound());
        assert!(report.findings.iter().all(|f| f.cure == "corescope-cli db migrate"), "{report:?}");
    }

    #[test]
    fn lost_references_are_counted() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE observers(id TEXT PRIMARY KEY); CREATE TABLE transmissions(id INTEGER PRIMARY KEY, hash, raw_hex);
             CREATE TABLE observations(id INTEGER PRIMARY KEY, transmission_id, observer_idx, path_json);
             INSERT INTO transmissions VALUES (1, 'x', '1502AABB11223344'), (2, 'y', 'zz');
             INSERT INTO observations(transmission_id, observer_idx, path_json) VALUES (1, 7, ''), (9, NULL, NULL), (1, 7, NULL);",
        )
        .unwrap();
        let report = check(&db, Depth::Full).unwrap();
        let found = |what: &str| report.findings.iter().find(|f| f.what.contains(what)).map(|f| f.count);
        assert_eq!(found("observer has no row"), Some(2));
        assert_eq!(found("transmission that is not there"), Some(1));
        assert_eq!(found("observations that are there twice"), Some(1));
        assert_eq!(found("older rule"), Some(1));
        assert_eq!(found("cannot be read"), Some(1));
    }
}
