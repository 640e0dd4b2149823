//! When each source was connected: what is missed in between is estimated from it.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::WriteError;
use super::state::{get_number, set_state};
use super::writer::Writer;
use crate::lookup::{COMPLETE_UNTIL, Outage};

/// A source that is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAlive {
    /// The source.
    pub source: String,
    /// It was connected at this time, unix seconds.
    pub until: i64,
}

impl Writer {
    /// Notes which sources are connected, and which outages have ended. The completeness of the hours of an outage is
    /// estimated anew.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; nothing was noted.
    pub fn note_sources(&mut self, alive: &[SourceAlive], outages: &[Outage]) -> Result<(), WriteError> {
        self.write("cannot note the state of the sources", |db| {
            for source in alive {
                db.prepare_cached("INSERT OR REPLACE INTO cs_sources(source, alive_until) VALUES (?1, ?2)")?
                    .execute(params![source.source, source.until])?;
            }
            for outage in outages {
                write_outage(db, outage)?;
            }
            Ok(())
        })
    }

    /// Until when each source was connected, unix seconds.
    ///
    /// # Errors
    ///
    /// [`WriteError::Sqlite`].
    pub fn sources_alive(&self) -> Result<BTreeMap<String, i64>, WriteError> {
        self.read("cannot read the state of the sources", |db| {
            db.prepare_cached("SELECT source, alive_until FROM cs_sources")?
                .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
                .collect()
        })
    }
}

fn write_outage(db: &Connection, outage: &Outage) -> rusqlite::Result<()> {
    if outage.until <= outage.start {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO cs_outages(source, start, until, resumed) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![outage.source, outage.start, outage.until, outage.resumed])?;
    let hour = outage.start.div_euclid(3_600) * 3_600;
    if get_number(db, COMPLETE_UNTIL)?.is_some_and(|done| done > hour) {
        set_state(db, COMPLETE_UNTIL, &hour.to_string())?;
    }
    Ok(())
}
