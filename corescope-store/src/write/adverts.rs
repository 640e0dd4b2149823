//! The checks that an advert has to pass, and what it says about its node.

use corescope_core::geo::LatLon;
use corescope_core::ids::NodeKey;
use corescope_decode::Packet;
use corescope_decode::PacketHash;
use corescope_decode::compat::go;
use corescope_decode::payload::{Advert, Payload};
use serde::Deserialize;

use super::accepted::{Accepted, PacketMessage};
use super::batch::Batch;
use super::outcome::{Filtered, Outcome, Rejected};
use super::rules::Foreign;

/// What an advert says, in the spelling of the database.
#[derive(Debug, Clone)]
pub(crate) struct AdvertFacts {
    pub key: NodeKey,
    pub name: String,
    pub role: String,
    pub place: Option<(f64, f64)>,
    pub battery_mv: Option<i64>,
    pub temperature_c: Option<f64>,
    pub foreign: bool,
    pub decoded: go::Decoded,
}

/// The keys of `decoded_json` that describe the node.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spelled {
    name: String,
    lat: Option<f64>,
    lon: Option<f64>,
    battery_mv: Option<i64>,
    temperature_c: Option<f64>,
}

/// Longest name that is stored, characters.
const MAX_NAME: usize = 64;
/// Wrong adverts that are remembered, so that their copies are not verified again.
const MAX_BAD: usize = 4096;

impl AdvertFacts {
    /// Reads the payload; `None` when it is too short to be an advert (such a packet is
    /// stored with an error in its JSON, and names no node).
    pub(crate) fn read(packet: &Packet<'_>, decoded: go::Decoded) -> Option<Self> {
        let Payload::Advert(advert) = packet.typed().payload else { return None };
        let spelled: Spelled = serde_json::from_str(&decoded.json).unwrap_or_default();
        Some(Self {
            key: NodeKey(*advert.public_key),
            name: spelled.name,
            role: role(&advert),
            place: spelled.lat.zip(spelled.lon),
            battery_mv: spelled.battery_mv,
            temperature_c: spelled.temperature_c,
            foreign: false,
            decoded,
        })
    }

    /// Whether the values are possible.
    fn is_sane(&self) -> bool {
        let key = self.key.as_bytes();
        key.iter().any(|b| *b != 0)
            && self.name.chars().count() <= MAX_NAME
            && !self.name.chars().any(char::is_control)
            && self.place.is_none_or(|(lat, lon)| lat.abs() <= 90.0 && lon.abs() <= 180.0)
    }
}

/// The column `role`.
fn role(advert: &Advert<'_>) -> String {
    match advert.flags.map_or(0, |f| f.0 & 0x0F) {
        0 => "none".to_owned(),
        1 => "companion".to_owned(),
        2 => "repeater".to_owned(),
        3 => "room".to_owned(),
        4 => "sensor".to_owned(),
        other => format!("type-{other}"),
    }
}

impl Batch<'_> {
    /// Checks an advert that is not stored yet. `Ok(None)`: it is undecodable, and stored
    /// as such. The inner `Err` is what becomes of one that fails.
    pub(super) fn check_advert(
        &mut self,
        accepted: &Accepted,
        message: &PacketMessage,
        packet: &Packet<'_>,
        hash: &PacketHash,
    ) -> rusqlite::Result<Result<Option<AdvertFacts>, Outcome>> {
        let verify = self.rules.validate_signatures && !self.books.bad_adverts.contains(&hash.0);
        let decoded = go::decoded_json(packet, Some(&self.rules.channel_keys), verify);
        let Some(mut advert) = AdvertFacts::read(packet, decoded) else { return Ok(Ok(None)) };
        let fault = if !advert.is_sane() {
            Some(Rejected::CorruptAdvert)
        } else if self.rules.strict && advert.key.is_reserved() {
            Some(Rejected::ReservedKey)
        } else if self.rules.validate_signatures && !(verify && advert.decoded.signature_valid == Some(true))
        {
            Some(Rejected::Signature)
        } else {
            None
        };
        if let Some(fault) = fault {
            if let Some(reason) = fault.drop_reason() {
                self.drop_advert(accepted, message, &hash.to_string(), reason, &advert)?;
            }
            if fault == Rejected::Signature {
                self.counters.bad_signatures += 1;
                if self.books.bad_adverts.len() >= MAX_BAD {
                    self.books.bad_adverts.clear();
                }
                self.books.bad_adverts.insert(hash.0);
            }
            return Ok(Err(Outcome::Rejected(fault)));
        }
        let place = advert.place.and_then(|(lat, lon)| LatLon::new(lat, lon));
        advert.foreign = self.rules.geo_filter.as_ref().is_some_and(|area| !area.passes(place));
        if advert.foreign && self.rules.foreign == Foreign::Drop {
            return Ok(Err(Outcome::Filtered(Filtered::Foreign)));
        }
        Ok(Ok(Some(advert)))
    }
}
