//! Who is watched in an hour, and over which sources they come.

use rusqlite::{Connection, params};
use smallvec::SmallVec;

use super::gather::{BEFORE, Hour};
use super::learn::Usual;
use crate::completeness::{Candidates, Counted, Listener, MOST_PEERS, Span};

/// A source that told nothing for so long is not connected, seconds; it tells every minute.
const SILENT_SOURCE: i64 = 180;

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
    /// Nothing is known of what came before `from`, unix seconds.
    pub(super) fn new(id: &str, from: i64) -> Self {
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

impl Hour {
    /// The number of a source, which it gets with the first question.
    pub(super) fn source(&mut self, name: &str) -> u16 {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        // Sources are the operator's: there are never 65 535 of them.
        let at = self.sources.len().min(usize::from(u16::MAX)) as u16;
        self.sources.push(Source { name: name.to_owned(), ..Source::default() });
        self.by_name.insert(name.to_owned(), at);
        at
    }

    /// When each source was not connected, and which observers have said goodbye.
    pub(super) fn read_sources(&mut self, db: &Connection) -> rusqlite::Result<()> {
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
}
