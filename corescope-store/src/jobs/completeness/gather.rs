//! Gathers the evidence of one hour, so much at a time that messages never wait long.

use std::collections::{BTreeMap, HashMap};

use corescope_core::time::{parse_rfc3339, rfc3339};
use rusqlite::{Connection, params};
use smallvec::SmallVec;

use super::learn::Usual;
use super::weigh::Sum;
use crate::completeness::{Candidates, Counted, HOUR, Listener, MOST_PEERS, Sample, Span, counted};
use crate::write::parse_detail;

/// Observers that are watched, at most; the names come from outside.
const MOST_OBSERVERS: usize = 20_000;

/// Observations of the sample in which receptions are compared, at most: beyond, every other transmission is left out.
const MOST_SAMPLED: usize = 400_000;

/// Observations that are read in one step.
const OBSERVATIONS: usize = 10_000;

/// Minutes of the ledger that are read in one step, seconds.
const LEDGER: i64 = 300;

/// Observers whose counters are read in one step.
const COUNTERS: usize = 100;

/// Observers of one transmission that are compared with each other, at most.
const MOST_TOGETHER: usize = 64;

/// What a broker kept for us comes in this time after a connection, seconds.
const CATCHING_UP: i64 = 300;

/// A source that told nothing for so long is not connected, seconds; it tells every minute.
const SILENT_SOURCE: i64 = 180;

/// Silence is looked for from so long before the hour on, seconds.
const BEFORE: i64 = 7_200;

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

/// One observer in one hour.
#[derive(Debug)]
pub(super) struct Watched {
    pub id: String,
    /// Its row in `observers`.
    pub row: Option<i64>,
    pub usual: Option<Usual>,
    /// Sources that it came over, by their number.
    pub sources: SmallVec<[u16; 2]>,
    /// Messages of any kind.
    pub messages: u64,
    /// Packets that it received and that are stored.
    pub packets: u64,
    /// Packets that arrived and are not stored.
    pub refused: u64,
    /// Messages right after its source was connected again.
    pub after: u64,
    pub listener: Listener,
    /// Since when it calls itself offline.
    pub offline_since: Option<i64>,
    pub counters: Option<Counted>,
    /// Transmissions of the sample that it heard.
    pub heard: u32,
    /// Of those, how many each of its peers heard too.
    pub both: SmallVec<[u32; MOST_PEERS]>,
    pub candidates: Candidates,
}

impl Watched {
    fn new(id: &str, from: i64) -> Self {
        Self {
            id: id.to_owned(),
            row: None,
            usual: None,
            sources: SmallVec::new(),
            messages: 0,
            packets: 0,
            refused: 0,
            after: 0,
            listener: Listener::new(from),
            offline_since: None,
            counters: None,
            heard: 0,
            both: SmallVec::new(),
            candidates: Candidates::default(),
        }
    }
}

/// A source and when it was not connected.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub name: String,
    /// Whether its connections are noted at all: a file has none.
    pub is_noted: bool,
    pub outages: Vec<Span>,
    /// Ends of outages after which the broker still had our session.
    pub resumed: Vec<i64>,
}

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
    by_id: HashMap<String, u32>,
    by_name: HashMap<String, u16>,
    ids: HashMap<i64, String>,
    phase: Phase,
    sample: Vec<(i64, u32)>,
    /// Transmissions whose number this divides are in the sample.
    stride: i64,
    /// Observers that are written.
    pub written: usize,
    /// Sums by source.
    pub sums: BTreeMap<u16, Sum>,
    now: i64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
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

    fn source(&mut self, name: &str) -> u16 {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        // Sources are the operator's: there are never 65 535 of them.
        let at = self.sources.len().min(usize::from(u16::MAX)) as u16;
        self.sources.push(Source { name: name.to_owned(), ..Source::default() });
        self.by_name.insert(name.to_owned(), at);
        at
    }

    fn read_sources(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut select = db.prepare_cached("SELECT source, alive_until FROM cs_sources")?;
        let alive: Vec<(String, i64)> =
            select.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        for (name, until) in alive {
            let at = self.source(&name);
            let mut select = db.prepare_cached(
                "SELECT start, until, resumed FROM cs_outages WHERE source = ?1 AND until > ?2 AND start < ?3
                 ORDER BY start LIMIT 1000",
            )?;
            let mut rows = select.query(params![name, self.start - BEFORE, self.end])?;
            let Some(source) = self.sources.get_mut(usize::from(at)) else { continue };
            source.is_noted = true;
            while let Some(row) = rows.next()? {
                let span: Span = (row.get(0)?, row.get(1)?);
                if row.get(2)? {
                    source.resumed.push(span.1);
                }
                source.outages.push(span);
            }
            if until + SILENT_SOURCE < self.now {
                source.outages.push((until, i64::MAX));
            }
        }
        let mut select = db.prepare_cached(
            "SELECT observer_id, status_at FROM cs_observer_state WHERE status = 'offline' AND status_at < ?1",
        )?;
        let mut rows = select.query([self.end])?;
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            let since = row.get(1)?;
            if let Some(at) = self.by_id.get(&id).copied()
                && let Some(watched) = self.watched.get_mut(at as usize)
            {
                watched.offline_since = since;
            }
        }
        Ok(())
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

    /// Who heard what together with whom.
    fn compare(&mut self, from: usize) -> Phase {
        let mut at = from;
        while at < self.sample.len() && at < from + OBSERVATIONS {
            let Some((transmission, _)) = self.sample.get(at).copied() else { break };
            let rest = self.sample.get(at..).unwrap_or_default();
            let length = rest.iter().take_while(|(other, _)| *other == transmission).count();
            let every = length.div_ceil(MOST_TOGETHER).max(1);
            let together: SmallVec<[u32; MOST_TOGETHER]> =
                rest.iter().take(length).step_by(every).map(|(_, observer)| *observer).collect();
            at += length;
            self.compare_one(&together);
        }
        if at < self.sample.len() {
            return Phase::Peers { from: at };
        }
        self.sample = Vec::new();
        Phase::Counters { from: 0 }
    }

    fn compare_one(&mut self, together: &[u32]) {
        for observer in together {
            let Some(watched) = self.watched.get_mut(*observer as usize) else { continue };
            watched.heard += 1;
            let peers = watched.usual.as_ref().map_or(&[][..], |usual| &usual.peers);
            for (peer, both) in peers.iter().zip(&mut watched.both) {
                if self.by_row.get(&peer.row).is_some_and(|at| together.binary_search(at).is_ok()) {
                    *both += 1;
                }
            }
            if self.is_final && peers.len() < MOST_PEERS {
                for other in together.iter().filter(|other| *other != observer) {
                    watched.candidates.count(*other);
                }
            }
        }
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
