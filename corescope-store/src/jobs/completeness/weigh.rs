//! Weighs what was gathered, and writes it.

use std::collections::BTreeMap;

use corescope_core::time::rfc3339;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::COMPLETENESS_SUMMARY;
use super::gather::{CATCHING_UP, Hour};
use super::learn::forget;
use super::watched::{Source, Watched};
use crate::completeness::{
    Estimate, Facts, HOUR, Shared, Span, common, estimate, limit, overlap, shared, within, without,
};
use crate::write::set_state;

/// Observers that are written in one step.
const ROWS: usize = 500;

/// Sums of a source.
#[derive(Debug, Default)]
pub(super) struct Sum {
    observers: u64,
    estimated: u64,
    received: u64,
    expected: u64,
}

impl Hour {
    /// Writes some rows; how many, and whether those were the last.
    pub(super) fn write_some(&mut self, db: &Connection) -> rusqlite::Result<(u64, bool)> {
        let from = self.written;
        let until = (from + ROWS).min(self.watched.len());
        let mut rows = 0;
        for at in from..until {
            rows += u64::from(self.write_one(db, at)?);
        }
        self.written = until;
        Ok((rows, until == self.watched.len()))
    }

    /// Whether there is anything to say of it.
    fn write_one(&mut self, db: &Connection, at: usize) -> rusqlite::Result<bool> {
        let Some(watched) = self.watched.get(at) else { return Ok(false) };
        let is_there = watched.messages > 0 || watched.packets > 0 || watched.counters.is_some();
        let is_missed = watched.usual.as_ref().is_some_and(super::learn::Usual::is_known)
            && watched.offline_since.is_none_or(|since| since > self.start);
        if !is_there && !is_missed {
            return Ok(false);
        }
        let facts = self.facts(watched);
        let found = estimate(&facts);
        self.write_row(db, watched, &facts, &found)?;
        self.sum(at, &facts, &found);
        if self.is_final {
            let is_whole = facts.away_s == 0
                && facts.silent_s.unwrap_or(0) == 0
                && facts.shared.is_none_or(|shared| shared.short == 0.0);
            let candidates = match self.watched.get_mut(at) {
                Some(watched) => std::mem::take(&mut watched.candidates),
                None => return Ok(true),
            };
            if let Some(usual) = self.learn(at, candidates, is_whole) {
                let id = self.watched.get(at).map_or("", |watched| &watched.id);
                usual.save(db, id)?;
            }
        }
        Ok(true)
    }

    fn facts(&self, watched: &Watched) -> Facts {
        let span: Span = (self.start, self.end);
        let usual = watched.usual.as_ref().filter(|usual| usual.is_known());
        let sources: Vec<&Source> =
            watched.sources.iter().filter_map(|at| self.sources.get(usize::from(*at))).collect();
        // Who said nothing in this hour came over the sources that were there before: all that are noted.
        let sources: Vec<&Source> = if sources.is_empty() {
            self.sources.iter().filter(|source| source.is_noted).collect()
        } else {
            sources
        };
        let is_noted = !sources.is_empty() && sources.iter().all(|source| source.is_noted);
        let lists: Vec<&[Span]> = sources.iter().map(|source| source.outages.as_slice()).collect();
        let off: Vec<Span> = watched.offline_since.map(|since| (since, i64::MAX)).into_iter().collect();
        let away: Vec<Span> = common(&lists).into_iter().flat_map(|outage| without(outage, &off)).collect();
        let away = within(&away, span);
        let limit = usual.and_then(|usual| limit(usual.messages)).filter(|_| is_noted);
        let silent_s = limit.map(|limit| {
            let mut excused: Vec<Span> = common(&lists);
            excused.extend(&off);
            excused.sort_unstable();
            let silences = watched.listener.clone().silences(self.end, limit);
            within(&silences, span)
                .into_iter()
                .flat_map(|silence| without(silence, &excused))
                .map(|(from, until)| until - from)
                .sum()
        });
        let caught_up: Vec<Span> = away
            .iter()
            .map(|(_, until)| (*until, *until + CATCHING_UP))
            .filter(|(until, _)| sources.iter().any(|source| source.resumed.contains(until)))
            .collect();
        let usually = usual.map_or(0.0, |usual| usual.messages / HOUR as f64);
        let kept = watched.after as f64 - usually * overlap(&caught_up, (0, i64::MAX)) as f64;
        Facts {
            received: watched.packets + watched.refused,
            counters: watched.counters,
            shared: self.shared(watched).filter(|_| off.is_empty() && watched.usual.is_some()),
            rate: usual.map(|usual| usual.packets),
            away_s: if is_noted { overlap(&away, span) } else { 0 },
            kept: if caught_up.is_empty() { 0.0 } else { kept.max(0.0) },
            silent_s,
        }
    }

    fn shared(&self, watched: &Watched) -> Option<Shared> {
        let usual = watched.usual.as_ref()?;
        let peers: Vec<_> = usual
            .peers
            .iter()
            .zip(&watched.both)
            .map(|(peer, both)| (*peer, *both, self.peer(peer.row).map_or(0, |other| other.heard)))
            .collect();
        shared(&peers)
    }

    fn write_row(
        &self,
        db: &Connection,
        watched: &Watched,
        facts: &Facts,
        found: &Estimate,
    ) -> rusqlite::Result<()> {
        let ratio = found.expected.map(|expected| match expected {
            0 => 1.0,
            expected => (facts.received as f64 / expected as f64).min(1.0),
        });
        let evidence = (!found.evidence.is_empty())
            .then(|| serde_json::to_string(&found.evidence).unwrap_or_else(|_| "{}".to_owned()));
        db.prepare_cached(
            "INSERT OR REPLACE INTO cs_completeness(hour, observer, received, expected, ratio, basis, covered, evidence)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            self.start,
            watched.id,
            facts.received as i64,
            found.expected.map(|expected| expected as i64),
            ratio,
            found.basis,
            self.end - self.start,
            evidence,
        ])?;
        Ok(())
    }

    fn sum(&mut self, at: usize, facts: &Facts, found: &Estimate) {
        let Some(watched) = self.watched.get(at) else { return };
        for source in &watched.sources {
            let sum = self.sums.entry(*source).or_default();
            sum.observers += 1;
            if let Some(expected) = found.expected {
                sum.estimated += 1;
                sum.received += facts.received;
                sum.expected += expected;
            }
        }
    }

    /// What `/metrics` and the status of the sources tell of the newest full hour.
    pub(super) fn write_summary(&self, db: &Connection) -> rusqlite::Result<()> {
        forget(db, self.start)?;
        if !self.is_newest {
            return Ok(());
        }
        let mut summary: BTreeMap<&str, Value> = BTreeMap::new();
        for (at, sum) in &self.sums {
            let Some(source) = self.sources.get(usize::from(*at)) else { continue };
            let ratio = (sum.expected > 0).then(|| (sum.received as f64 / sum.expected as f64).min(1.0));
            summary.insert(
                &source.name,
                json!({
                    "hour": rfc3339(self.start), "observers": sum.observers, "estimated": sum.estimated,
                    "received": sum.received, "expected": sum.expected, "ratio": ratio,
                }),
            );
        }
        let text = serde_json::to_string(&summary).unwrap_or_else(|_| "{}".to_owned());
        set_state(db, COMPLETENESS_SUMMARY, &text)
    }
}
