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
    /// Nothing is noted before, by the steady clock, seconds.
    next: i64,
}

impl Connections {
    /// Of the sources of a roster.
    pub fn new(roster: Arc<Roster>) -> Self {
        Self { roster, ended: Vec::new(), next: 0 }
    }

    /// Makes the notes that are due.
    ///
    /// # Errors
    ///
    /// What the writer says; the notes are made the next time.
    pub fn note(&mut self, writer: &mut Writer, now: Now) -> Result<(), WriteError> {
        if now.steady < self.next {
            return Ok(());
        }
        let mut alive = Vec::new();
        for status in self.roster.statuses() {
            for (start, until, resumed) in status.take_outages() {
                self.ended.push(Outage { source: status.name.clone(), start, until, resumed });
            }
            if status.is_connected() {
                alive.push(SourceAlive { source: status.name.clone(), until: now.unix });
            }
        }
        self.next = now.steady + EVERY;
        writer.note_sources(&alive, &self.ended)?;
        self.ended.clear();
        Ok(())
    }
}
