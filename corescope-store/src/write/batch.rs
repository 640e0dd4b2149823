//! One batch: what the parts of the writer share while its transaction runs.

use std::collections::{HashMap, HashSet};

use corescope_core::time::rfc3339;
use rusqlite::Connection;

use super::accepted::{Accepted, Message};
use super::changes::Changes;
use super::counters::Counters;
use super::ledger::Ledger;
use super::nodes::{NodeBook, NodeNo};
use super::observers::ObserverBook;
use super::outcome::Outcome;
use super::recent::Recent;
use super::rules::Rules;

/// What lives longer than a batch, and is loaded again when one fails.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub observers: ObserverBook,
    pub nodes: NodeBook,
    pub recent: Recent,
    /// Hashes of adverts whose signature was found wrong: copies need no second look.
    pub bad_adverts: HashSet<[u8; 8]>,
}

/// A running batch.
pub(crate) struct Batch<'w> {
    pub db: &'w Connection,
    pub rules: &'w Rules,
    pub books: &'w mut Books,
    pub changes: Changes,
    pub ledger: Ledger,
    /// Counted here, added to the totals after the commit.
    pub counters: Counters,
    /// Newest observation of transmissions that were there before, unix seconds.
    pub heard: HashMap<i64, i64>,
    /// The last second that was spelled.
    clock: (i64, String),
    /// Room for the hops of a path.
    pub hops: Vec<Option<NodeNo>>,
}

impl<'w> Batch<'w> {
    pub(crate) fn new(db: &'w Connection, rules: &'w Rules, books: &'w mut Books) -> Self {
        Self {
            db,
            rules,
            books,
            changes: Changes::default(),
            ledger: Ledger::default(),
            counters: Counters::default(),
            heard: HashMap::new(),
            clock: (i64::MIN, String::new()),
            hops: Vec::new(),
        }
    }

    /// Stores one message and enters it into the ledger.
    pub(crate) fn store(&mut self, accepted: &Accepted) -> rusqlite::Result<Outcome> {
        let outcome = match &accepted.message {
            Message::Packet(packet) => self.packet(accepted, packet)?,
            Message::Status(status) => self.status(accepted, status)?,
            Message::Reception(reception) => self.reception(accepted, reception)?,
            Message::Bridge(bridge) => self.bridge(accepted, bridge)?,
        };
        self.ledger.count(accepted, outcome);
        Ok(outcome)
    }

    /// Writes what was gathered over the batch. `now` is the newest arrival, unix seconds.
    pub(crate) fn finish(&mut self, now: i64) -> rusqlite::Result<()> {
        let mut touch = self
            .db
            .prepare_cached("UPDATE transmissions SET last_seen = ?2 WHERE id = ?1 AND last_seen < ?2")?;
        for (id, last_seen) in self.heard.drain() {
            touch.execute([id, last_seen])?;
        }
        drop(touch);
        let interval = i64::from(self.rules.observer_interval_s);
        self.counters.observer_writes +=
            self.books.observers.write_due(self.db, now, interval, &mut self.changes)?;
        self.ledger.write(self.db)?;
        self.changes.write(self.db)
    }

    /// RFC 3339 of a second; consecutive messages mostly share it.
    pub(crate) fn spell(&mut self, unix_seconds: i64) -> String {
        if self.clock.0 != unix_seconds {
            self.clock = (unix_seconds, rfc3339(unix_seconds));
        }
        self.clock.1.clone()
    }
}
