//! Gathers the evidence of one hour, so much at a time that messages never wait long.

use std::collections::{BTreeMap, HashMap};

use corescope_core::time::{parse_rfc3339, rfc3339};
use rusqlite::{Connection, params};
use smallvec::SmallVec;

use super::learn::Usual;
use super::watched::{Source, Watched};
use super::weigh::Sum;
use crate::completeness::{HOUR, Sample, counted};
use crate::write::parse_detail;

/// Observers that are watched, at most; the names come from outside.
const MOST_OBSERVERS: usize = 20_000;

/// Observations of the sample in which receptions are compared, at most: beyond, every other transmission is left out.
const MOST_SAMPLED: usize = 400_000;

/// Observations that are read in one step.
pub(super) const OBSERVATIONS: usize = 10_000;

/// Minutes of the ledger that are read in one step, seconds.
const LEDGER: i64 = 300;

/// Observers whose counters are read in one step.
const COUNTERS: usize = 100;

/// What a broker kept for us comes in this time after a connection, seconds.
pub(super) const CATCHING_UP: i64 = 300;

/// Silence is looked for from so long before the hour on, seconds.
pub(super) const BEFORE: i64 = 7_200;

/// Reasons of the ledger that speak of a packet which arrived and is not stored.
const PACKET_REASONS: [&str; 10] = [
    "hex",
    "short",
    "path_len",
    "path_overrun",
    "payload_len",
    "corrupt_advert",
    "signature",
    "reserved_key",
    "foreign",
    "source_region",
];

/// One hour at work.
#[derive(Debug)]
pub(super) struct Hour {
    pub start: i64,
    /// Its end, or now.
    pub end: i64,
    pub is_final: bool,
    /// Whether it is the newest that is over.
    pub is_newest: bool,
    pub watched: Vec<Watched>,
    pub sources: Vec<Source>,
    pub by_row: HashMap<i64, u32>,
    pub by_id: HashMap<String, u32>,
    pub by_name: HashMap<String, u16>,
    ids: HashMap<i64, String>,
    phase: Phase,
    /// Transmission and observer, in order.
    pub sample: Vec<(i64, u32)>,
    /// Transmissions whose number this divides are in the sample.
    stride: i64,
    /// Observers that are written.
    pub written: usize,
    /// Sums by source.
    pub sums: BTreeMap<u16, Sum>,
    pub now: i64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    Ledger { from: i64 },
    Observations { at: i64, id: i64 },
    Peers { from: usize },
    Counters { from: usize },
    Gathered,
}

impl Hour {
    /// Reads what is known before.
    pub(super) fn open(
        db: &Connection,
        start: i64,
        now: i64,
        is_newest: bool,
        is_final: bool,
    ) -> rusqlite::Result<Self> {
        let mut hour = Self {
            start,
            end: (start + HOUR).min(now),
            is_final,
            is_newest,
            watched: Vec::new(),
            sources: Vec::new(),
            by_row: HashMap::new(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            ids: HashMap::new(),
            phase: Phase::Ledger { from: start - BEFORE },
            sample: Vec::new(),
            stride: 1,
            written: 0,
            sums: BTreeMap::new(),
            now,
        };
        let mut select = db.prepare_cached("SELECT rowid, id FROM observers")?;
        let mut rows = select.query([])?;
        let mut by_id = HashMap::new();
        while let Some(row) = rows.next()? {
            let (number, id): (i64, String) = (row.get(0)?, row.get(1)?);
            by_id.insert(id.clone(), number);
            hour.ids.insert(number, id);
        }
        for (id, usual) in Usual::load(db, start - 24 * HOUR)? {
            if let Some(watched) = hour.watch(&id) {
                watched.usual = Some(usual);
                watched.row = by_id.get(&id).copied();
            }
        }
        for (at, watched) in hour.watched.iter().enumerate() {
            if let Some(row) = watched.row {
                hour.by_row.insert(row, at as u32);
            }
        }
        hour.read_sources(db)?;
        Ok(hour)
    }

    /// One step; true when all is gathered.
    pub(super) fn gather(&mut self, db: &Connection) -> rusqlite::Result<bool> {
        self.phase = match self.phase {
            Phase::Ledger { from } => self.read_ledger(db, from)?,
            Phase::Observations { at, id } => self.read_observations(db, at, id)?,
            Phase::Peers { from } => self.compare(from),
            Phase::Counters { from } => self.read_counters(db, from)?,
            Phase::Gathered => return Ok(true),
        };
        Ok(matches!(self.phase, Phase::Gathered))
    }

    fn watch(&mut self, id: &str) -> Option<&mut Watched> {
        let at = match self.by_id.get(id) {
            Some(at) => *at,
            None if self.watched.len() >= MOST_OBSERVERS => return None,
            None => {
                let at = self.watched.len() as u32;
                self.by_id.insert(id.to_owned(), at);
                self.watched.push(Watched::new(id, self.start - BEFORE));
                at
            }
        };
        self.watched.get_mut(at as usize)
    }

    /// The watched observer of a row of `observers`.
    fn watch_row(&mut self, row: i64) -> Option<u32> {
        if let Some(at) = self.by_row.get(&row) {
            return Some(*at);
        }
        let id = self.ids.get(&row)?.clone();
        self.watch(&id)?.row = Some(row);
        let at = *self.by_id.get(&id)?;
        self.by_row.insert(row, at);
        Some(at)
    }

    /// The watched observer of a row of `observers`, if there is one.
    pub(super) fn peer(&self, row: i64) -> Option<&Watched> {
        self.watched.get(*self.by_row.get(&row)? as usize)
    }

    /// Who said something in which minute, and what of it was refused.
    fn read_ledger(&mut self, db: &Connection, from: i64) -> rusqlite::Result<Phase> {
        let until = (from + LEDGER).min(self.end + CATCHING_UP);
        let mut select = db.prepare_cached(
            "SELECT start, source, observer, received, detail FROM cs_ledger
             WHERE start >= ?1 AND start < ?2 AND span = 60 AND observer <> '' ORDER BY start",
        )?;
        let mut rows = select.query([from, until])?;
        while let Some(row) = rows.next()? {
            let (minute, received): (i64, i64) = (row.get(0)?, row.get(3)?);
            let received = u64::try_from(received).unwrap_or_default();
            let number = self.source(row.get_ref(1)?.as_str()?);
            let comes_after = self.sources.get(usize::from(number)).is_some_and(|source| {
                source.resumed.iter().any(|end| (*end - 59..*end + CATCHING_UP).contains(&minute))
            });
            let (start, end) = (self.start, self.end);
            let id = row.get_ref(2)?.as_str()?;
            let Some(watched) = self.watch(id) else { continue };
            if comes_after {
                watched.after += received;
            }
            if minute >= end {
                continue;
            }
            watched.listener.heard(minute);
            if minute < start {
                continue;
            }
            watched.messages += received;
            if !watched.sources.contains(&number) {
                watched.sources.push(number);
            }
            let detail = parse_detail(row.get_ref(4)?.as_str_or_null()?);
            watched.refused += detail
                .iter()
                .filter(|(why, _)| PACKET_REASONS.contains(&&***why))
                .map(|(_, n)| n)
                .sum::<u64>();
        }
        Ok(if until >= self.end + CATCHING_UP {
            Phase::Observations { at: self.start, id: 0 }
        } else {
            Phase::Ledger { from: until }
        })
    }

    fn read_observations(&mut self, db: &Connection, at: i64, id: i64) -> rusqlite::Result<Phase> {
        let mut select = db.prepare_cached(
            "SELECT timestamp, id, transmission_id, observer_idx, direction IS 'tx' FROM observations
             WHERE (timestamp, id) > (?1, ?2) AND timestamp < ?3 ORDER BY timestamp, id LIMIT ?4",
        )?;
        let mut rows = select.query(params![at, id, self.end, OBSERVATIONS as i64])?;
        let (mut last, mut count) = ((at, id), 0);
        while let Some(row) = rows.next()? {
            last = (row.get(0)?, row.get(1)?);
            count += 1;
            let Some(observer) = row.get::<_, Option<i64>>(3)? else { continue };
            let Some(observer) = self.watch_row(observer) else { continue };
            // What it sent itself nobody can have kept from it.
            if row.get(4)? {
                continue;
            }
            if let Some(watched) = self.watched.get_mut(observer as usize) {
                watched.packets += 1;
            }
            let transmission: i64 = row.get(2)?;
            if transmission % self.stride == 0 {
                self.sample.push((transmission, observer));
            }
        }
        if self.sample.len() > MOST_SAMPLED {
            self.stride *= 2;
            self.sample.retain(|(transmission, _)| transmission % self.stride == 0);
        }
        if count == OBSERVATIONS {
            return Ok(Phase::Observations { at: last.0, id: last.1 });
        }
        self.sample.sort_unstable();
        // By several paths it is still one transmission.
        self.sample.dedup();
        for watched in &mut self.watched {
            let peers = watched.usual.as_ref().map_or(0, |usual| usual.peers.len());
            watched.both = SmallVec::from_elem(0, peers);
        }
        Ok(Phase::Peers { from: 0 })
    }

    fn read_counters(&mut self, db: &Connection, from: usize) -> rusqlite::Result<Phase> {
        let hour = self.start..self.end;
        let (first, last) = (rfc3339(self.start - BEFORE), rfc3339(self.end + BEFORE));
        let mut select = db.prepare_cached(
            "SELECT timestamp, packets_recv, recv_errors FROM observer_metrics
             WHERE observer_id = ?1 AND timestamp >= ?2 AND timestamp <= ?3 AND packets_recv IS NOT NULL
             ORDER BY timestamp",
        )?;
        let mut arrivals = db.prepare_cached(
            "SELECT timestamp FROM observations
             WHERE observer_idx = ?1 AND timestamp >= ?2 AND timestamp < ?3 AND direction IS NOT 'tx'
             ORDER BY timestamp",
        )?;
        for watched in self.watched.iter_mut().skip(from).take(COUNTERS) {
            let mut samples = Vec::new();
            let mut rows = select.query(params![watched.id, first, last])?;
            while let Some(row) = rows.next()? {
                if let Some(at) = parse_rfc3339(row.get_ref(0)?.as_str()?) {
                    samples.push(Sample { at, packets: row.get(1)?, errors: row.get(2)? });
                }
            }
            let (Some(begin), Some(end)) = (samples.first(), samples.last()) else { continue };
            let times: Vec<i64> = match watched.row {
                None => Vec::new(),
                Some(row) => arrivals
                    .query_map([row, begin.at, end.at], |r| r.get(0))?
                    .collect::<rusqlite::Result<_>>()?,
            };
            let arrived = |range: std::ops::Range<i64>| {
                let before = |at| times.partition_point(|time| *time < at);
                (before(range.end) - before(range.start)) as u64
            };
            watched.counters = counted(&samples, &hour, arrived).map(|mut counters| {
                counters.missing = counters.missing.saturating_sub(watched.refused);
                counters
            });
        }
        let next = from + COUNTERS;
        Ok(if next < self.watched.len() { Phase::Counters { from: next } } else { Phase::Gathered })
    }
}
