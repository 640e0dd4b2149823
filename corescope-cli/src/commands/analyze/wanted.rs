//! What a filter looks at and the row of an observation does not tell.

use std::collections::HashSet;

use corescope_core::filter::{Field, Filter};
use rusqlite::{Connection, Row, Statement};

/// What is read beside the row of an observation. It costs something, so it is only read for a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The number of observations of each packet.
    pub(super) count: bool,
    /// The frame the transmission is stored with: any filter may look at it.
    pub(super) first_frame: bool,
    /// The path that is stored with a copy, also where the copy itself is there.
    pub(super) hops: bool,
    /// The resolved paths of all copies.
    pub(super) way: bool,
}

impl Wanted {
    /// By this filter, if there is one.
    pub(crate) fn by(filter: Option<&Filter>) -> Self {
        let uses = |field| filter.is_some_and(|filter| filter.uses(field));
        Self {
            count: uses(&Field::Observations),
            first_frame: filter.is_some(),
            hops: uses(&Field::Hops) || uses(&Field::Path),
            way: uses(&Field::RoutedThrough),
        }
    }
}

/// Looks up the keys on the resolved paths of a packet's copies, once for copies that come one after the other.
pub(super) struct Ways<'c> {
    statement: Statement<'c>,
    of: rusqlite::types::Value,
    keys: Vec<String>,
}

impl<'c> Ways<'c> {
    /// `observations` are the columns of that table; `None` where paths are not resolved. Tables that point at packets by
    /// hash are older than resolved paths.
    pub(super) fn new(
        connection: &'c Connection,
        observations: &HashSet<String>,
    ) -> rusqlite::Result<Option<Self>> {
        if !observations.contains("resolved_path") || !observations.contains("transmission_id") {
            return Ok(None);
        }
        let statement = connection.prepare(
            "SELECT resolved_path FROM observations WHERE transmission_id = ?1 AND resolved_path IS NOT NULL
             ORDER BY rowid",
        )?;
        Ok(Some(Self { statement, of: rusqlite::types::Value::Null, keys: Vec::new() }))
    }

    /// The keys of the packet of this row, in the order of the copies; each once.
    pub(super) fn of(&mut self, row: &Row<'_>) -> rusqlite::Result<&[String]> {
        // As in the query of the packets: column 0 is their id.
        let packet: rusqlite::types::Value = row.get(0)?;
        if packet != self.of {
            self.keys.clear();
            let mut paths = self.statement.query([&packet])?;
            while let Some(path) = paths.next()? {
                let Ok(path) = path.get_ref(0)?.as_str() else { continue };
                for key in keys(path) {
                    if !self.keys.contains(&key) {
                        self.keys.push(key);
                    }
                }
            }
            drop(paths);
            self.of = packet;
        }
        Ok(&self.keys)
    }
}

/// The keys of a resolved path, lower-case, without the hops that are not known.
pub(super) fn keys(resolved_path: &str) -> impl Iterator<Item = String> {
    let hops: Vec<Option<String>> = serde_json::from_str(resolved_path).unwrap_or_default();
    hops.into_iter().flatten().map(|key| key.to_lowercase())
}
