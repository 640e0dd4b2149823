//! Messages of a companion bridge: already decrypted, without a frame.

use corescope_core::geo::LatLon;
use corescope_core::ids::NodeKey;
use corescope_decode::crypto::sha256;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::accepted::{Accepted, BridgeMessage};
use super::batch::Batch;
use super::node_rows::NodeRow;
use super::outcome::{Filtered, Outcome, Rejected};
use super::packets::NewObservation;
use super::rules::Foreign;

/// What is the same for both kinds of text.
struct Text<'a> {
    /// What makes the message the same one when it is delivered again.
    identity: String,
    payload_type: u8,
    channel: Option<String>,
    decoded_json: String,
    snr: Option<f64>,
    rssi: Option<f64>,
    at: i64,
    accepted: &'a Accepted,
}

/// The JSON that stands for the payload; the field order is that of the original.
#[derive(Serialize)]
struct Spelled<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    text: &'a str,
    sender: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_timestamp: Option<i64>,
}

/// Payload type of a channel message.
const GROUP_TEXT: u8 = 5;
/// Payload type of a direct message.
const TEXT_MESSAGE: u8 = 2;
/// Longest text that is stored, bytes: four times what a packet can carry.
const MAX_TEXT: usize = 736;

impl Batch<'_> {
    pub(super) fn bridge(
        &mut self,
        accepted: &Accepted,
        message: &BridgeMessage,
    ) -> rusqlite::Result<Outcome> {
        let at = accepted.received_at_ms.div_euclid(1000);
        let observer = accepted.observer.as_ref().map_or("companion", |o| o.id.as_str());
        match message {
            BridgeMessage::Channel { index, text, sender_timestamp, snr, rssi } => {
                if text.is_empty() || text.len() > MAX_TEXT {
                    return Ok(Outcome::Rejected(Rejected::Bridge));
                }
                let stamp = sender_timestamp.unwrap_or(at);
                let channel = format!("ch{index}");
                let decoded = Spelled {
                    r#type: "CHAN",
                    channel: Some(&channel),
                    text,
                    sender: sender_of(text),
                    sender_timestamp: *sender_timestamp,
                };
                self.bridge_text(&Text {
                    identity: format!("ch:{observer}:{index}:{stamp}:{text}"),
                    payload_type: GROUP_TEXT,
                    decoded_json: spell(&decoded),
                    channel: Some(channel),
                    snr: *snr,
                    rssi: *rssi,
                    at,
                    accepted,
                })
            }
            BridgeMessage::Direct { sender_prefix, text, sender_timestamp, snr, rssi } => {
                if !self.rules.store_direct {
                    return Ok(Outcome::Filtered(Filtered::DirectMessage));
                }
                if text.is_empty() || text.len() > MAX_TEXT {
                    return Ok(Outcome::Rejected(Rejected::Bridge));
                }
                let stamp = sender_timestamp.unwrap_or(at);
                let decoded = Spelled {
                    r#type: "DM",
                    channel: None,
                    text,
                    sender: sender_prefix,
                    sender_timestamp: *sender_timestamp,
                };
                self.bridge_text(&Text {
                    identity: format!("dm:{observer}:{sender_prefix}:{stamp}:{text}"),
                    payload_type: TEXT_MESSAGE,
                    decoded_json: spell(&decoded),
                    channel: None,
                    snr: *snr,
                    rssi: *rssi,
                    at,
                    accepted,
                })
            }
            BridgeMessage::Node { public_key, name, role, lat, lon } => {
                let Ok(key) = NodeKey::from_hex(public_key) else {
                    return Ok(Outcome::Rejected(Rejected::Bridge));
                };
                let place = lat.zip(*lon).and_then(|(lat, lon)| LatLon::new(lat, lon));
                let name: Option<String> =
                    name.as_ref().map(|n| n.chars().filter(|c| !c.is_control()).take(64).collect());
                let known_roles = ["repeater", "companion", "room", "sensor"];
                let row = NodeRow {
                    key,
                    name: name.as_deref(),
                    role: role.as_deref().filter(|r| known_roles.contains(r)),
                    place: place.map(|p| (p.lat, p.lon)),
                    battery_mv: None,
                    temperature_c: None,
                    foreign: self.rules.geo_filter.as_ref().is_some_and(|area| !area.passes(place)),
                    scope: None,
                    adverts: 0,
                };
                self.told_of_node(row, at)
            }
        }
    }

    /// A node that a bridge describes passes the rules of an advert, except that nobody signed the words: while
    /// signatures count, they fill in what is not known and change nothing that is.
    fn told_of_node(&mut self, mut row: NodeRow<'_>, at: i64) -> rusqlite::Result<Outcome> {
        if self.rules.strict && row.key.is_reserved() {
            return Ok(Outcome::Rejected(Rejected::ReservedKey));
        }
        if row.foreign && self.rules.foreign == Foreign::Drop {
            return Ok(Outcome::Filtered(Filtered::Foreign));
        }
        if self.rules.validate_signatures {
            let known: Option<(bool, bool, bool)> = self
                .db
                .prepare_cached(
                    "SELECT name IS NOT NULL, role IS NOT NULL, lat IS NOT NULL FROM nodes WHERE public_key = ?1
                     UNION ALL
                     SELECT name IS NOT NULL, role IS NOT NULL, lat IS NOT NULL FROM inactive_nodes WHERE public_key = ?1",
                )?
                .query_row([row.key.to_string()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                .optional()?;
            let (name, role, place) = known.unwrap_or_default();
            row.name = row.name.filter(|_| !name);
            row.role = row.role.filter(|_| !role);
            row.place = row.place.filter(|_| !place);
            row.foreign &= known.is_none();
        }
        self.upsert_node(&row, at)?;
        Ok(Outcome::Noted)
    }

    fn bridge_text(&mut self, text: &Text<'_>) -> rusqlite::Result<Outcome> {
        let digest = sha256(&[text.identity.as_bytes()]);
        let hash = hex::encode(digest.get(..8).unwrap_or_default());
        let known: Option<i64> = self
            .db
            .prepare_cached("SELECT id FROM transmissions WHERE hash = ?1")?
            .query_row([&hash], |r| r.get(0))
            .optional()?;
        let new_transmission = known.is_none();
        let transmission = if let Some(id) = known {
            self.heard.insert(id, text.at);
            id
        } else {
            let first_seen = self.spell(text.at);
            self.db
                .prepare_cached(
                    "INSERT INTO transmissions(raw_hex, hash, first_seen, route_type, payload_type, payload_version,
                       decoded_json, from_pubkey, last_seen, channel_hash)
                     VALUES ('', ?1, ?2, 1, ?3, 0, ?4, '', ?5, ?6)",
                )?
                .execute(params![
                    hash,
                    first_seen,
                    text.payload_type,
                    text.decoded_json,
                    text.at,
                    text.channel
                ])?;
            self.counters.transmissions += 1;
            self.db.last_insert_rowid()
        };
        // A bridge is no observer of the mesh: a row is never made for it.
        let named = text.accepted.observer.as_ref().map_or("companion", |o| o.id.as_str());
        let (observation, new) = self.observation(&NewObservation {
            transmission,
            observer: self.books.observers.rowid(named),
            direction: Some("rx"),
            snr: text.snr,
            rssi: text.rssi,
            score: None,
            path_json: "[]",
            timestamp: text.at,
            resolved_path: None,
            raw_hex: None,
        })?;
        Ok(if new {
            Outcome::Stored { transmission, observation, new_transmission }
        } else {
            Outcome::Duplicate { transmission, observation }
        })
    }
}

/// The part before `": "`, where it can be a name.
fn sender_of(text: &str) -> &str {
    match text.find(": ") {
        Some(end @ 1..=49) => text.get(..end).unwrap_or_default(),
        _ => "",
    }
}

fn spell(decoded: &Spelled<'_>) -> String {
    serde_json::to_string(decoded).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_what_stands_before_the_first_colon_and_blank() {
        assert_eq!(sender_of("Alice: hi: there"), "Alice");
        assert_eq!(sender_of(": hi"), "");
        assert_eq!(sender_of("no sender"), "");
        assert_eq!(sender_of(&format!("{}: hi", "x".repeat(50))), "");
        assert_eq!(sender_of("Zoë 🚲: hi"), "Zoë 🚲");
    }
}
