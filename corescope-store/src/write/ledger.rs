//! The account of every message: received = stored + duplicate + filtered + rejected.
//!
//! Counted per minute, source and observer, and committed in the same transaction as the
//! messages it counts: after a crash the account still balances for everything that was
//! committed. What is in flight is known only to the running process.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::accepted::Accepted;
use super::outcome::Outcome;

/// Messages that never came to the writer, because a rule or a defect stopped them before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The source that delivered them.
    pub source: Arc<str>,
    /// The observer they name; `None` where that could not be read.
    pub observer: Option<String>,
    /// When they arrived, unix milliseconds.
    pub received_at_ms: i64,
    /// Whether a rule filtered them or a defect rejected them.
    pub kind: RefusedKind,
    /// Name of the rule or of the defect.
    pub reason: Cow<'static, str>,
    /// How many.
    pub count: u64,
}

/// Which side of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedKind {
    /// A rule of the operator keeps them out.
    Filtered,
    /// They cannot be stored.
    Rejected,
    /// The same message again, noticed before the writer.
    Duplicate,
}

/// One line of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub received: u64,
    pub stored: u64,
    pub duplicate: u64,
    pub filtered: u64,
    pub rejected: u64,
    pub detail: BTreeMap<Cow<'static, str>, u64>,
}

/// The account of one batch.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    lines: HashMap<(i64, Arc<str>, String), Line>,
}

impl Ledger {
    pub(crate) fn count(&mut self, message: &Accepted, outcome: Outcome) {
        let observer = message.observer.as_ref().map_or("", |o| o.id.as_str());
        let line = self.line(message.received_at_ms, &message.source, observer);
        line.received += 1;
        match outcome {
            Outcome::Stored { .. } | Outcome::Noted => line.stored += 1,
            Outcome::Duplicate { .. } => line.duplicate += 1,
            Outcome::Filtered(rule) => {
                line.filtered += 1;
                *line.detail.entry(rule.word().into()).or_default() += 1;
            }
            Outcome::Rejected(why) => {
                line.rejected += 1;
                *line.detail.entry(why.word().into()).or_default() += 1;
            }
        }
    }

    pub(crate) fn refuse(&mut self, refused: &Refused) {
        let observer = refused.observer.as_deref().unwrap_or("");
        let line = self.line(refused.received_at_ms, &refused.source, observer);
        line.received += refused.count;
        match refused.kind {
            RefusedKind::Duplicate => {
                line.duplicate += refused.count;
                return;
            }
            RefusedKind::Filtered => line.filtered += refused.count,
            RefusedKind::Rejected => line.rejected += refused.count,
        }
        *line.detail.entry(refused.reason.clone()).or_default() += refused.count;
    }

    fn line(&mut self, at_ms: i64, source: &Arc<str>, observer: &str) -> &mut Line {
        let minute = at_ms.div_euclid(60_000) * 60;
        self.lines.entry((minute, Arc::clone(source), observer.to_owned())).or_default()
    }

    /// Adds the lines to the table, in the caller's transaction.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for ((minute, source, observer), line) in self.lines.drain() {
            add_line(connection, minute, 60, &source, &observer, &line)?;
        }
        Ok(())
    }
}

/// Adds one line to the table.
pub(crate) fn add_line(
    connection: &Connection,
    start: i64,
    span: i64,
    source: &str,
    observer: &str,
    line: &Line,
) -> rusqlite::Result<()> {
    let detail = if line.detail.is_empty() {
        None
    } else {
        let before: Option<Option<String>> = connection
            .prepare_cached(
                "SELECT detail FROM cs_ledger WHERE start = ?1 AND span = ?2 AND source = ?3 AND observer = ?4",
            )?
            .query_row(params![start, span, source, observer], |r| r.get(0))
            .optional()?;
        Some(merge_detail(before.flatten().as_deref(), &line.detail))
    };
    connection
        .prepare_cached(
            "INSERT INTO cs_ledger(start, span, source, observer, received, stored, duplicate, filtered, rejected, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT(start, span, source, observer) DO UPDATE SET
               received = received + excluded.received, stored = stored + excluded.stored,
               duplicate = duplicate + excluded.duplicate, filtered = filtered + excluded.filtered,
               rejected = rejected + excluded.rejected, detail = COALESCE(excluded.detail, detail)",
        )?
        .execute(params![
            start,
            span,
            source,
            observer,
            line.received as i64,
            line.stored as i64,
            line.duplicate as i64,
            line.filtered as i64,
            line.rejected as i64,
            detail
        ])?;
    Ok(())
}

/// Reads a `detail` column; what is not an object of counts is empty.
pub(crate) fn parse_detail(text: Option<&str>) -> BTreeMap<Cow<'static, str>, u64> {
    text.and_then(|t| serde_json::from_str::<BTreeMap<String, u64>>(t).ok())
        .map(|m| m.into_iter().map(|(k, v)| (Cow::Owned(k), v)).collect())
        .unwrap_or_default()
}

fn merge_detail(before: Option<&str>, more: &BTreeMap<Cow<'static, str>, u64>) -> String {
    let mut sum = parse_detail(before);
    for (reason, count) in more {
        *sum.entry(reason.clone()).or_default() += count;
    }
    serde_json::to_string(&sum).unwrap_or_else(|_| "{}".to_owned())
}
