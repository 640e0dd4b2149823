//! A heard packet as the filter language sees it.

use std::borrow::Cow;
use std::cell::OnceCell;

use corescope_decode::crypto::KeyRing;
use corescope_decode::{Packet, compat, packet_hash};
use serde_json::Value as Json;

use super::input::{Heard, Hearing};
use crate::filter::{Fields, JsonFields, Value};
use crate::geo::LatLon;

/// Judges a [`Heard`] packet. What the transmission has in common for all who heard it (frame, types, time, way) is
/// taken from its row, the rest from this reception. The payload is decoded when a filter first asks for it.
pub struct HeardFields<'a> {
    heard: &'a Heard<'a>,
    hearing: Cow<'a, Hearing<'a>>,
    /// The transmission's frame, taken apart.
    packet: Option<Packet<'a>>,
    ring: &'a KeyRing,
    raw_hex: OnceCell<String>,
    row: OnceCell<Json>,
}

impl<'a> HeardFields<'a> {
    /// `ring` opens group messages that are not stored decoded.
    pub fn new(heard: &'a Heard<'a>, ring: &'a KeyRing) -> Self {
        let hearing = heard.hearing.as_ref().map_or_else(|| Cow::Owned(Hearing::default()), Cow::Borrowed);
        let packet = Packet::parse(heard.first_frame.unwrap_or(heard.frame)).ok();
        Self { heard, hearing, packet, ring, raw_hex: OnceCell::new(), row: OnceCell::new() }
    }

    fn frame(&self) -> &'a [u8] {
        self.heard.first_frame.unwrap_or(self.heard.frame)
    }

    /// The packet, for what the row has no column for.
    fn unstored(&self) -> Option<&Packet<'a>> {
        self.packet.as_ref().filter(|_| !self.heard.in_full)
    }

    fn row(&self) -> &Json {
        self.row.get_or_init(|| {
            let stored = self.heard.decoded_json.and_then(|json| serde_json::from_str::<Json>(json).ok());
            let decoded = stored.or_else(|| {
                let decoded = compat::go::decoded_json(self.unstored()?, Some(self.ring), false);
                serde_json::from_str(&decoded.json).ok()
            });
            serde_json::json!({ "decoded_json": decoded })
        })
    }

    fn hops(&self) -> Cow<'_, [String]> {
        if self.heard.in_full {
            return Cow::Borrowed(&self.hearing.stored_hops);
        }
        match &self.hearing.hops {
            Some(hops) => Cow::Borrowed(hops),
            None => Packet::parse(self.heard.frame).map(|p| compat::go::hops(&p)).unwrap_or_default().into(),
        }
    }
}

impl Fields for HeardFields<'_> {
    fn payload_type(&self) -> Option<u8> {
        self.heard.payload_type.or_else(|| Some(self.unstored()?.payload_type().number()))
    }

    fn route_type(&self) -> Option<u8> {
        self.heard.route_type.or_else(|| Some(self.unstored()?.route_type() as u8))
    }

    fn hash(&self) -> Cow<'_, str> {
        match (self.heard.hash, self.unstored()) {
            (Some(hash), _) => hash.into(),
            (None, Some(packet)) => packet_hash(packet).to_string().into(),
            (None, None) => "".into(),
        }
    }

    fn raw_hex(&self) -> Cow<'_, str> {
        self.raw_hex.get_or_init(|| hex::encode_upper(self.frame())).into()
    }

    fn size_bytes(&self) -> u32 {
        self.frame().len() as u32
    }

    fn snr_db(&self) -> Option<f64> {
        self.hearing.snr_db
    }

    fn rssi_dbm(&self) -> Option<f64> {
        self.hearing.rssi_dbm
    }

    fn hop_count(&self) -> u32 {
        self.hops().len() as u32
    }

    fn path(&self) -> Cow<'_, str> {
        self.hops().join(" → ").into()
    }

    fn observer_name(&self) -> Cow<'_, str> {
        self.hearing.observer_name.unwrap_or("").into()
    }

    fn observer_id(&self) -> Cow<'_, str> {
        self.hearing.observer.unwrap_or("").into()
    }

    fn observer_iata(&self) -> Cow<'_, str> {
        self.hearing.iata.unwrap_or("").into()
    }

    fn observation_count(&self) -> u32 {
        self.heard.observation_count
    }

    fn routed_through(&self) -> Cow<'_, str> {
        let mut keys: Vec<String> = Vec::new();
        for key in self.hearing.resolved.iter().chain(&self.heard.routed_through) {
            let key = key.to_lowercase();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys.join(" ").into()
    }

    fn time_ms(&self) -> Option<i64> {
        self.heard.first_seen_ms.or(self.hearing.time_ms)
    }

    fn transport_codes(&self) -> Option<[u8; 4]> {
        if !matches!(self.route_type(), Some(0 | 3)) {
            return None;
        }
        self.frame().get(1..)?.first_chunk().copied()
    }

    fn payload(&self, path: &[Box<str>]) -> Value<'_> {
        crate::filter::json_value(
            path.iter().try_fold(&self.row()["decoded_json"], |value, name| value.get(&**name)),
        )
    }

    fn channel(&self) -> Cow<'_, str> {
        match self.heard.channel {
            Some(channel) => channel.into(),
            None => JsonFields::new(self.row()).channel().into_owned().into(),
        }
    }

    fn scope(&self) -> Cow<'_, str> {
        self.heard.scope.unwrap_or("").into()
    }

    fn position(&self) -> Option<LatLon> {
        JsonFields::new(self.row()).position()
    }
}
