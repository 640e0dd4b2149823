//! Receptions with a position, from phones and cars: who was heard where.
//!
//! The frame itself is not stored as a packet, and its sender's advert is not verified:
//! the row says only that a receiver heard this key at this place.

use corescope_core::geo::LatLon;
use corescope_core::time::rfc3339;
use corescope_decode::{Packet, PayloadType};
use rusqlite::params;

use super::accepted::{Accepted, Reception};
use super::batch::Batch;
use super::frame::read_frame;
use super::outcome::{Outcome, Rejected};

impl Batch<'_> {
    pub(super) fn reception(&mut self, accepted: &Accepted, r: &Reception) -> rusqlite::Result<Outcome> {
        let Some(place) = LatLon::new(r.lat, r.lon).filter(|p| !p.is_null_island()) else {
            return Ok(Outcome::Rejected(Rejected::Position));
        };
        if !is_key(&r.receiver) {
            return Ok(Outcome::Rejected(Rejected::Position));
        }
        let mut room = Vec::new();
        let packet = match read_frame(&r.raw_hex, &mut room) {
            Ok(packet) => packet,
            Err(why) => return Ok(Outcome::Rejected(why)),
        };
        let Some((heard, source)) = heard(&packet) else {
            return Ok(Outcome::Rejected(Rejected::NotAttributable));
        };
        let at = accepted.received_at_ms.div_euclid(1000);
        let time = self.spell(at);
        let added = self
            .db
            .prepare_cached(
                "INSERT INTO client_receptions(rx_pubkey, heard_key, heard_keylen, rssi, snr, lat, lon, pos_acc_m,
                   rx_at, ingested_at, src) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                r.receiver,
                hex::encode(heard),
                heard.len() as i64,
                r.rssi.map(|v| v as i64),
                r.snr,
                place.lat,
                place.lon,
                r.accuracy_m,
                rfc3339(r.heard_at_ms.div_euclid(1000)),
                time,
                source,
            ])?;
        self.db
            .prepare_cached(
                "INSERT INTO client_observers(pubkey, name, last_seen) VALUES (?1, NULLIF(?2, ''), ?3)
                 ON CONFLICT(pubkey) DO UPDATE SET name = COALESCE(excluded.name, name), last_seen = excluded.last_seen",
            )?
            .execute(params![r.receiver, r.receiver_name, time])?;
        Ok(if added == 1 { Outcome::Noted } else { Outcome::Duplicate { transmission: 0, observation: 0 } })
    }
}

/// Whom the receiver heard: the last hop of a flood, or, without hops, the sender of an
/// advert. One byte of a hop names too many nodes, and a direct path says who shall pass
/// the packet on, not who has.
fn heard<'a>(packet: &Packet<'a>) -> Option<(&'a [u8], &'static str)> {
    if let Some(last) = packet.path().hops().next_back() {
        let told = packet.route_type().is_flood() && packet.payload_type() != PayloadType::Trace;
        return (told && last.len() >= 2).then_some((last, "rxlog"));
    }
    let is_advert = packet.payload_type() == PayloadType::Advert;
    let key = packet.payload().first_chunk::<100>().and_then(|p| p.first_chunk::<32>());
    key.filter(|_| is_advert).map(|k| (k.as_slice(), "advert"))
}

fn is_key(text: &str) -> bool {
    (2..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
