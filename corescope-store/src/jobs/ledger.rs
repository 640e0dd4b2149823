//! Minutes of the ledger become hours after two days: the sums stay what they were.

use rusqlite::{Connection, params};

use super::plan::Plan;
use super::work::{Step, Work};
use crate::write::{Line, WriteError, Writer, add_line, parse_detail};

const MINUTES_KEPT_S: i64 = 2 * 86_400;
const HOUR: i64 = 3_600;

#[derive(Debug, Default)]
pub(super) struct FoldLedger {
    /// Everything before this is folded.
    from: i64,
}

impl Work for FoldLedger {
    fn step(&mut self, writer: &mut Writer, _plan: &Plan, now: i64) -> Result<Step, WriteError> {
        let (from, before) = (self.from, now - MINUTES_KEPT_S);
        let folded = writer.write("cannot fold the ledger", |db| fold_hour(db, from, before))?;
        Ok(match folded {
            Some((rows, next)) => {
                self.from = next;
                Step::More(rows)
            }
            None => Step::Done(0),
        })
    }
}

/// Folds the oldest hour of minutes; returns how many lines there were and where the next
/// hour starts.
fn fold_hour(db: &Connection, from: i64, before: i64) -> rusqlite::Result<Option<(u64, i64)>> {
    let oldest: Option<i64> = db
        .prepare_cached("SELECT min(start) FROM cs_ledger WHERE start >= ?1 AND start < ?2 AND span = 60")?
        .query_row([from, before], |r| r.get(0))?;
    let Some(oldest) = oldest else { return Ok(None) };
    let hour = oldest.div_euclid(HOUR) * HOUR;
    if hour + HOUR > before {
        return Ok(None);
    }
    let mut select = db.prepare_cached(
        "SELECT source, observer, received, stored, duplicate, filtered, rejected, detail FROM cs_ledger
          WHERE start >= ?1 AND start < ?2 AND span = 60",
    )?;
    let mut rows = select.query([hour, hour + HOUR])?;
    let mut lines: std::collections::BTreeMap<(String, String), Line> = std::collections::BTreeMap::new();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let line = lines.entry((row.get(0)?, row.get(1)?)).or_default();
        let number = |column| row.get::<_, i64>(column).map(|n| n.max(0) as u64);
        line.received += number(2)?;
        line.stored += number(3)?;
        line.duplicate += number(4)?;
        line.filtered += number(5)?;
        line.rejected += number(6)?;
        for (reason, n) in parse_detail(row.get::<_, Option<String>>(7)?.as_deref()) {
            *line.detail.entry(reason).or_default() += n;
        }
    }
    drop(rows);
    for ((source, observer), line) in &lines {
        add_line(db, hour, HOUR, source, observer, line)?;
    }
    db.prepare_cached("DELETE FROM cs_ledger WHERE start >= ?1 AND start < ?2 AND span = 60")?
        .execute(params![hour, hour + HOUR])?;
    Ok(Some((count, hour + HOUR)))
}
