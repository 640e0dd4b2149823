//! The rows of `nodes`: made and refreshed by adverts, kept alive by relaying.

use corescope_core::ids::NodeKey;
use corescope_decode::Packet;
use corescope_decode::compat::go;
use rusqlite::{OptionalExtension, params};

use super::adverts::AdvertFacts;
use super::batch::Batch;
use super::changes::Change;
use super::import::newer_of_text;
use super::nodes::NodeNo;

/// A copy of a known advert refreshes its node at most once in so many seconds.
const COPY_INTERVAL_S: i64 = 10;

/// What is written into a row of `nodes`.
pub(super) struct NodeRow<'a> {
    pub key: NodeKey,
    pub name: Option<&'a str>,
    pub role: Option<&'a str>,
    pub place: Option<(f64, f64)>,
    pub battery_mv: Option<i64>,
    pub temperature_c: Option<f64>,
    pub foreign: bool,
    pub scope: Option<&'a str>,
    /// 1 for a new advert transmission, 0 for a copy.
    pub adverts: u8,
}

impl Batch<'_> {
    /// Brings the sender's row up to date. `facts` are there for a new transmission; a copy
    /// is read again only when the row is due or gone.
    pub(super) fn advert_node(
        &mut self,
        facts: Option<AdvertFacts>,
        packet: &Packet<'_>,
        at: i64,
        is_new: bool,
    ) -> rusqlite::Result<Option<NodeNo>> {
        // Shorter than 100 bytes nothing is signed, and nobody's life is proven.
        let key = packet.payload().first_chunk::<100>().and_then(|p| p.first_chunk::<32>());
        let Some(key) = key.map(|k| NodeKey(*k)) else { return Ok(None) };
        let known = self.books.nodes.number(&key);
        if let Some(node) = known
            && !is_new
            && !self.books.nodes.saw(node, at, COPY_INTERVAL_S)
        {
            return Ok(Some(node));
        }
        let facts = match facts {
            Some(facts) => Some(facts),
            None if is_new => None,
            None => AdvertFacts::read(packet, go::decoded_json(packet, None, false)),
        };
        let Some(facts) = facts else { return Ok(known) };
        let scope = self.scope(packet).filter(|s| !s.is_empty());
        let row = NodeRow {
            key,
            name: Some(&facts.name),
            role: Some(&facts.role),
            place: facts.place,
            battery_mv: facts.battery_mv,
            temperature_c: facts.temperature_c,
            foreign: facts.foreign,
            scope: scope.as_deref(),
            adverts: u8::from(is_new),
        };
        self.upsert_node(&row, at).map(Some)
    }

    /// Makes or refreshes a row. What is `None` or empty keeps what is stored. `last_seen`
    /// becomes `at`, the time of arrival: that never moves it back, unless our own clock had
    /// jumped ahead and left a value in the future.
    pub(super) fn upsert_node(&mut self, row: &NodeRow<'_>, at: i64) -> rusqlite::Result<NodeNo> {
        let key = row.key.to_string();
        let time = self.spell(at);
        let mut first_seen = None;
        if self.books.nodes.number(&row.key).is_none() {
            first_seen = self.revive(&key)?;
        }
        let last_seen = self.not_before_known(&key, at, &time)?;
        self.db
            .prepare_cached(
                "INSERT INTO nodes(public_key, name, role, lat, lon, last_seen, first_seen, advert_count, battery_mv,
                   temperature_c, foreign_advert, default_scope)
                 VALUES (?1, NULLIF(?2, ''), ?3, ?4, ?5, ?13, COALESCE(?12, ?6), ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT(public_key) DO UPDATE SET
                   name = COALESCE(NULLIF(?2, ''), name), role = COALESCE(?3, role),
                   lat = COALESCE(?4, lat), lon = COALESCE(?5, lon),
                   last_seen = ?13,
                   first_seen = CASE WHEN ?14 AND first_seen > ?6 THEN ?6 ELSE COALESCE(first_seen, ?6) END,
                   advert_count = COALESCE(advert_count, 0) + ?7,
                   battery_mv = COALESCE(?8, battery_mv), temperature_c = COALESCE(?9, temperature_c),
                   foreign_advert = max(COALESCE(foreign_advert, 0), ?10),
                   default_scope = COALESCE(?11, default_scope)",
            )?
            .execute(params![
                key,
                row.name,
                row.role,
                row.place.map(|p| p.0),
                row.place.map(|p| p.1),
                time,
                row.adverts,
                row.battery_mv,
                row.temperature_c,
                row.foreign,
                row.scope,
                first_seen,
                last_seen,
                self.rules.history_until.is_some(),
            ])?;
        let node = self.books.nodes.add(row.key);
        self.books.nodes.wrote(node, at);
        self.counters.node_writes += 1;
        self.changes.key(Change::Node, &key);
        Ok(node)
    }

    /// While history is stored, what is known of a later time stays.
    fn not_before_known(&self, key: &str, at: i64, time: &str) -> rusqlite::Result<String> {
        match self.rules.history_until {
            None => Ok(time.to_owned()),
            Some(until) => {
                newer_of_text(self.db, "SELECT last_seen FROM nodes WHERE public_key = ?1", key, at, until)
            }
        }
    }

    /// A node that retention had moved out returns: its old row goes, its `first_seen`
    /// and everything the new row would lack come along.
    fn revive(&self, key: &str) -> rusqlite::Result<Option<String>> {
        let first_seen: Option<Option<String>> = self
            .db
            .prepare_cached("SELECT first_seen FROM inactive_nodes WHERE public_key = ?1")?
            .query_row([key], |r| r.get(0))
            .optional()?;
        if first_seen.is_some() {
            self.db
                .prepare_cached(
                    "INSERT OR IGNORE INTO nodes(public_key, name, role, lat, lon, last_seen, first_seen,
                       advert_count, battery_mv, temperature_c, foreign_advert, default_scope, multibyte_sup,
                       multibyte_evidence)
                     SELECT public_key, name, role, lat, lon, last_seen, first_seen, advert_count, battery_mv,
                       temperature_c, foreign_advert, default_scope, multibyte_sup, multibyte_evidence
                       FROM inactive_nodes WHERE public_key = ?1",
                )?
                .execute([key])?;
            self.db.prepare_cached("DELETE FROM inactive_nodes WHERE public_key = ?1")?.execute([key])?;
        }
        Ok(first_seen.flatten())
    }

    /// A node passed a packet on: it lives, though it may not have advertised for days.
    pub(super) fn relayed(&mut self, node: NodeNo, at: i64) -> rusqlite::Result<()> {
        if !self.books.nodes.saw(node, at, i64::from(self.rules.relay_interval_s)) {
            return Ok(());
        }
        let Some(key) = self.books.nodes.key(node).map(ToString::to_string) else { return Ok(()) };
        let time = self.spell(at);
        let time = self.not_before_known(&key, at, &time)?;
        self.db
            .prepare_cached("UPDATE nodes SET last_seen = ?2 WHERE public_key = ?1")?
            .execute([&key, &time])?;
        self.books.nodes.wrote(node, at);
        self.changes.key(Change::Node, &key);
        Ok(())
    }
}
