//! A packet: its transmission, its observation, and what an advert says about its node.

use corescope_decode::compat::go;
use corescope_decode::packet_hash;
use corescope_decode::{Packet, PayloadType};
use rusqlite::{OptionalExtension, params};

use super::accepted::{Accepted, PacketMessage};
use super::adverts::AdvertFacts;
use super::batch::Batch;
use super::changes::Change;
use super::frame::{observed_path, read_frame};
use super::nodes::{NodeNo, path_json};
use super::observers::Sign;
use super::outcome::{Outcome, Rejected};
use super::recent::Known;

/// What is about to become a row of `observations`.
pub(super) struct NewObservation<'a> {
    pub transmission: i64,
    pub observer: Option<i64>,
    pub direction: Option<&'a str>,
    pub snr: Option<f64>,
    pub rssi: Option<f64>,
    pub score: Option<i64>,
    pub path_json: &'a str,
    pub timestamp: i64,
    pub resolved_path: Option<&'a str>,
    pub raw_hex: Option<&'a str>,
}

impl Batch<'_> {
    pub(super) fn packet(
        &mut self,
        accepted: &Accepted,
        message: &PacketMessage,
    ) -> rusqlite::Result<Outcome> {
        let mut room = Vec::new();
        let packet = match read_frame(&message.raw_hex, &mut room) {
            Ok(packet) => packet,
            Err(why) => return Ok(Outcome::Rejected(why)),
        };
        let hash = packet_hash(&packet);
        let at = accepted.received_at_ms.div_euclid(1000);
        let known = self.known(hash.0, at)?;
        let is_advert = packet.payload_type() == PayloadType::Advert;
        // The hash covers key, signature and appdata: a copy of a stored advert was checked
        // when it was stored.
        let advert = if is_advert && known.is_none() {
            match self.check_advert(accepted, message, &packet, &hash)? {
                Ok(advert) => advert,
                Err(outcome) => return Ok(outcome),
            }
        } else {
            None
        };
        let observer = match &accepted.observer {
            Some(mark) => {
                let (number, rowid) =
                    self.books.observers.note(self.db, mark, accepted.received_at_ms, Sign::Packet)?;
                self.naive_clock(mark, rowid, at)?;
                Some((number, rowid, mark))
            }
            None => None,
        };
        let (transmission, new_transmission) = match known {
            Some(known) => {
                self.hear_again(hash.0, known, at)?;
                self.counters.known_transmissions += 1;
                (known.id, false)
            }
            None => {
                let facts = advert.as_ref();
                (self.insert_transmission(&packet, hash.0, &message.raw_hex, at, facts)?, true)
            }
        };
        let sender = if is_advert { self.advert_node(advert, &packet, at, new_transmission)? } else { None };
        let path = path_json(observed_path(&packet));
        let resolved = self.resolve(&packet, sender, at)?;
        let (observation, new) = self.observation(&NewObservation {
            transmission,
            observer: observer.map(|(_, rowid, _)| rowid),
            direction: message.direction.as_deref(),
            snr: message.snr,
            rssi: message.rssi,
            score: message.score,
            path_json: &path,
            timestamp: at,
            resolved_path: resolved.as_deref(),
            raw_hex: Some(&message.raw_hex),
        })?;
        if !new {
            return Ok(Outcome::Duplicate { transmission, observation });
        }
        if let Some((number, _, mark)) = observer {
            let heard_at = self.books.observers.trusted_time(number, mark, accepted.received_at_ms);
            if let Some(heard_at_ms) = heard_at {
                self.db
                    .prepare_cached(
                        "INSERT OR REPLACE INTO cs_obs_rx_at(observation_id, rx_at_ms) VALUES (?1, ?2)",
                    )?
                    .execute([observation, heard_at_ms])?;
            }
        }
        Ok(Outcome::Stored { transmission, observation, new_transmission })
    }

    /// The transmission with this hash, if it is stored.
    fn known(&mut self, hash: [u8; 8], at: i64) -> rusqlite::Result<Option<Known>> {
        if let Some(known) = self.books.recent.get(hash) {
            return Ok(Some(known));
        }
        let row = self
            .db
            .prepare_cached("SELECT id, first_seen, last_seen FROM transmissions WHERE hash = ?1")?
            .query_row([hex::encode(hash)], |r| {
                let first_seen = r.get_ref(1)?.as_str().ok().and_then(corescope_core::time::parse_rfc3339);
                Ok(Known { id: r.get(0)?, first_seen: first_seen.unwrap_or(at), last_seen: r.get(2)? })
            })
            .optional()?;
        if let Some(known) = row {
            self.books.recent.put(hash, known);
        }
        Ok(row)
    }

    fn hear_again(&mut self, hash: [u8; 8], mut known: Known, at: i64) -> rusqlite::Result<()> {
        if at > known.last_seen {
            known.last_seen = at;
            self.heard.insert(known.id, at);
            self.books.recent.put(hash, known);
        }
        if at < known.first_seen {
            known.first_seen = at;
            self.books.recent.put(hash, known);
            let time = self.spell(at);
            self.db
                .prepare_cached("UPDATE transmissions SET first_seen = ?2 WHERE id = ?1")?
                .execute(params![known.id, time])?;
            self.changes.row(Change::Transmission, known.id);
        }
        Ok(())
    }

    fn insert_transmission(
        &mut self,
        packet: &Packet<'_>,
        hash: [u8; 8],
        raw_hex: &str,
        at: i64,
        advert: Option<&AdvertFacts>,
    ) -> rusqlite::Result<i64> {
        let own;
        let decoded = match advert {
            Some(advert) => &advert.decoded,
            None => {
                own =
                    go::decoded_json(packet, Some(&self.rules.channel_keys), self.rules.validate_signatures);
                &own
            }
        };
        let scope = self.scope(packet);
        let first_seen = self.spell(at);
        self.db
            .prepare_cached(
                "INSERT INTO transmissions(raw_hex, hash, first_seen, route_type, payload_type, payload_version,
                   decoded_json, from_pubkey, last_seen, channel_hash, scope_name)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                raw_hex,
                hex::encode(hash),
                first_seen,
                packet.route_type() as u8,
                packet.payload_type().number(),
                packet.version(),
                decoded.json,
                // '' means looked at, and there is none.
                decoded.from_pubkey.map(hex::encode).unwrap_or_default(),
                at,
                decoded.channel_hash,
                scope,
            ])?;
        let id = self.db.last_insert_rowid();
        self.books.recent.put(hash, Known { id, first_seen: at, last_seen: at });
        self.counters.transmissions += 1;
        Ok(id)
    }

    /// NULL unscoped, '' scoped but no configured name fits, else the name with its `#`.
    pub(super) fn scope(&self, packet: &Packet<'_>) -> Option<String> {
        let codes = packet.transport_codes()?;
        if codes.scope == 0 {
            return None;
        }
        Some(self.rules.regions.scope_of(packet).unwrap_or_default().to_owned())
    }

    /// Resolves the path, and notes that whoever is named in it was alive.
    fn resolve(
        &mut self,
        packet: &Packet<'_>,
        sender: Option<NodeNo>,
        at: i64,
    ) -> rusqlite::Result<Option<String>> {
        let mut hops = std::mem::take(&mut self.hops);
        let any = self.books.nodes.resolve(observed_path(packet), sender, &mut hops);
        // Only a flood's path says who has passed the packet on; a direct one says who shall.
        if any && packet.route_type().is_flood() {
            for node in hops.iter().flatten() {
                self.relayed(*node, at)?;
            }
        }
        let json = any.then(|| self.books.nodes.resolved_json(&hops));
        self.hops = hops;
        Ok(json)
    }

    /// Inserts the observation; on a known one fills what it lacked. Returns its id and
    /// whether it is new.
    pub(super) fn observation(&mut self, o: &NewObservation<'_>) -> rusqlite::Result<(i64, bool)> {
        // The unique index takes every NULL for different: without an observer we look first.
        if o.observer.is_none()
            && let Some(id) = self.find_observation(o)?
        {
            return self.fill_observation(id, o);
        }
        let added = self
            .db
            .prepare_cached(
                "INSERT INTO observations(transmission_id, observer_idx, direction, snr, rssi, score, path_json,
                   timestamp, resolved_path, raw_hex) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                o.transmission,
                o.observer,
                o.direction,
                o.snr,
                o.rssi,
                o.score,
                o.path_json,
                o.timestamp,
                o.resolved_path,
                o.raw_hex,
            ])?;
        if added == 1 {
            self.counters.observations += 1;
            return Ok((self.db.last_insert_rowid(), true));
        }
        match self.find_observation(o)? {
            Some(id) => self.fill_observation(id, o),
            // Some other constraint stood in the way: the row cannot be stored.
            None => Err(rusqlite::Error::StatementChangedRows(0)),
        }
    }

    fn find_observation(&self, o: &NewObservation<'_>) -> rusqlite::Result<Option<i64>> {
        self.db
            .prepare_cached(
                "SELECT id FROM observations
                  WHERE transmission_id = ?1 AND observer_idx IS ?2 AND COALESCE(path_json, '') = ?3",
            )?
            .query_row(params![o.transmission, o.observer, o.path_json], |r| r.get(0))
            .optional()
    }

    /// What the newcomer has replaces what the row has; a redelivery changes nothing.
    fn fill_observation(&mut self, id: i64, o: &NewObservation<'_>) -> rusqlite::Result<(i64, bool)> {
        let changed = self
            .db
            .prepare_cached(
                "UPDATE observations SET snr = COALESCE(?2, snr), rssi = COALESCE(?3, rssi),
                   score = COALESCE(?4, score), resolved_path = COALESCE(?5, resolved_path),
                   raw_hex = COALESCE(?6, raw_hex)
                 WHERE id = ?1 AND (snr IS NOT COALESCE(?2, snr) OR rssi IS NOT COALESCE(?3, rssi)
                   OR score IS NOT COALESCE(?4, score) OR resolved_path IS NOT COALESCE(?5, resolved_path)
                   OR raw_hex IS NOT COALESCE(?6, raw_hex))",
            )?
            .execute(params![id, o.snr, o.rssi, o.score, o.resolved_path, o.raw_hex])?;
        if changed > 0 {
            self.changes.row(Change::Observation, id);
        }
        self.counters.duplicates += 1;
        Ok((id, false))
    }

    /// Files an advert that cannot be stored.
    pub(super) fn drop_advert(
        &mut self,
        accepted: &Accepted,
        message: &PacketMessage,
        hash: &str,
        reason: &'static str,
        advert: &AdvertFacts,
    ) -> rusqlite::Result<()> {
        let time = corescope_core::time::sqlite_datetime(accepted.received_at_ms.div_euclid(1000));
        let observer = accepted.observer.as_ref();
        self.db
            .prepare_cached(
                "INSERT INTO dropped_packets(hash, raw_hex, reason, observer_id, observer_name, node_pubkey,
                   node_name, dropped_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                hash,
                message.raw_hex,
                reason,
                observer.map(|o| &o.id),
                observer.and_then(|o| o.name.as_ref()),
                advert.key.to_string(),
                advert.name,
                time,
            ])?;
        Ok(())
    }
}

/// The reasons that are written into `dropped_packets`.
pub(super) const INVALID_SIGNATURE: &str = "invalid signature";
/// Only where `strict` is set.
pub(super) const RESERVED_KEY: &str = "reserved key";

impl Rejected {
    /// The text in `dropped_packets.reason`, for those that get a row there.
    pub(super) fn drop_reason(self) -> Option<&'static str> {
        match self {
            Self::Signature => Some(INVALID_SIGNATURE),
            Self::ReservedKey => Some(RESERVED_KEY),
            _ => None,
        }
    }
}
