//! Notes in the database when each source was connected: what was missed in between is estimated from it, also after
//! the process itself was away.

use std::sync::Arc;

use corescope_store::jobs::Now;
use corescope_store::write::{Outage, SourceAlive, WriteError, Writer};

use super::sources::Roster;

/// How often it is noted that a source is connected, seconds. After a kill the outage is known as exactly as this.
const EVERY: i64 = 60;

/// The notes to be made.
#[derive(Debug)]
pub struct Connections {
    roster: Arc<Roster>,
    /// Outages that are over and not in the database yet.
    ended: Vec<Outage>,
    /// How many sources were connected when the last notes were made.
    connected: usize,
    /// Nothing is due before, by the steady clock, seconds, unless a connection is made or lost.
    next: i64,
}

impl Connections {
    /// Of the sources of a roster.
    pub fn new(roster: Arc<Roster>) -> Self {
        Self { roster, ended: Vec::new(), connected: 0, next: 0 }
    }

    /// Makes the notes that are due.
    ///
    /// # Errors
    ///
    /// What the writer says; the notes are made the next time.
    pub fn note(&mut self, writer: &mut Writer, now: Now) -> Result<(), WriteError> {
        let statuses = self.roster.statuses();
        for status in &statuses {
            let outages = status.take_outages().into_iter();
            self.ended.extend(outages.map(|(start, until, resumed)| Outage {
                source: status.name.clone(),
                start,
                until,
                resumed,
            }));
        }
        let connected = statuses.iter().filter(|status| status.is_connected()).count();
        if now.steady < self.next && self.ended.is_empty() && connected == self.connected {
            return Ok(());
        }
        self.next = now.steady.saturating_add(EVERY);
        self.connected = connected;
        let alive: Vec<SourceAlive> = statuses
            .iter()
            .filter_map(|status| {
                let until = status.alive_until(now.unix)?;
                Some(SourceAlive { source: status.name.clone(), until })
            })
            .collect();
        if alive.is_empty() && self.ended.is_empty() {
            return Ok(());
        }
        writer.note_sources(&alive, &self.ended)?;
        self.ended.clear();
        Ok(())
    }

    /// Makes the last notes, after the sources have ended.
    ///
    /// # Errors
    ///
    /// What the writer says.
    pub fn finish(&mut self, writer: &mut Writer, now: Now) -> Result<(), WriteError> {
        self.next = i64::MIN;
        self.note(writer, now)
    }
}
