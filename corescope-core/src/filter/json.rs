//! A packet in the JSON of the API, judged as it is.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::eval::{Fields, Value};
use crate::geo::LatLon;
use crate::time;

/// A packet object with the names of the packet API: `hash`, `raw_hex`, `payload_type`,
/// `route_type`, `snr`, `rssi`, `path_json` (array, or JSON text of one), `observer_name`,
/// `observer_id`, `observer_iata`, `observation_count`, `resolved_path`, `timestamp` (RFC 3339 text
/// or milliseconds), `channel_hash`, `scope_name`, `decoded_json` (object, or JSON text of one).
///
/// Anything missing or of another type reads as the language says for a missing value.
#[derive(Debug, Clone)]
pub struct JsonFields<'a> {
    packet: &'a Json,
    decoded: Cow<'a, Json>,
    hops: Vec<String>,
}

impl<'a> JsonFields<'a> {
    /// Looks at a packet object.
    pub fn new(packet: &'a Json) -> Self {
        let decoded = unfolded(packet.get("decoded_json"));
        let hops = unfolded(packet.get("path_json"));
        let hops =
            hops.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
        Self { packet, decoded, hops }
    }

    fn text(&self, name: &str) -> Cow<'_, str> {
        self.packet.get(name).and_then(Json::as_str).unwrap_or("").into()
    }

    fn code(&self, name: &str) -> Option<u8> {
        self.packet.get(name).and_then(Json::as_u64).and_then(|n| u8::try_from(n).ok())
    }
}

/// JSON that may be folded into a text.
fn unfolded(value: Option<&Json>) -> Cow<'_, Json> {
    match value {
        Some(Json::String(text)) => Cow::Owned(serde_json::from_str(text).unwrap_or(Json::Null)),
        Some(value) => Cow::Borrowed(value),
        None => Cow::Owned(Json::Null),
    }
}

/// The value of a JSON value in the language: `None` and `null` are absent, lists and objects are
/// [`Value::Composite`].
pub fn json_value(json: Option<&Json>) -> Value<'_> {
    match json {
        None | Some(Json::Null) => Value::Absent,
        Some(Json::Bool(truth)) => Value::Bool(*truth),
        Some(Json::Number(number)) => number.as_f64().map_or(Value::Absent, Value::Number),
        Some(Json::String(text)) => Value::Text(Cow::Borrowed(text)),
        Some(Json::Array(items)) => {
            let texts: Vec<String> = items
                .iter()
                .map(|item| match item {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                })
                .collect();
            Value::Composite(texts.join(",").into())
        }
        Some(object) => Value::Composite(object.to_string().into()),
    }
}

impl Fields for JsonFields<'_> {
    fn payload_type(&self) -> Option<u8> {
        self.code("payload_type")
    }

    fn route_type(&self) -> Option<u8> {
        self.code("route_type")
    }

    fn hash(&self) -> Cow<'_, str> {
        self.text("hash")
    }

    fn raw_hex(&self) -> Cow<'_, str> {
        self.text("raw_hex")
    }

    fn snr_db(&self) -> Option<f64> {
        self.packet.get("snr").and_then(Json::as_f64)
    }

    fn rssi_dbm(&self) -> Option<f64> {
        self.packet.get("rssi").and_then(Json::as_f64)
    }

    fn hop_count(&self) -> u32 {
        self.hops.len() as u32
    }

    fn path(&self) -> Cow<'_, str> {
        self.hops.join(" → ").into()
    }

    fn observer_name(&self) -> Cow<'_, str> {
        self.text("observer_name")
    }

    fn observer_id(&self) -> Cow<'_, str> {
        self.text("observer_id")
    }

    fn observer_iata(&self) -> Cow<'_, str> {
        self.text("observer_iata")
    }

    fn observation_count(&self) -> u32 {
        self.packet
            .get("observation_count")
            .and_then(Json::as_u64)
            .map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX))
    }

    fn routed_through(&self) -> Cow<'_, str> {
        let keys = unfolded(self.packet.get("resolved_path"));
        let keys: Vec<String> =
            keys.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_lowercase).collect();
        keys.join(" ").into()
    }

    fn time_ms(&self) -> Option<i64> {
        match self.packet.get("timestamp")? {
            Json::Number(ms) => ms.as_i64(),
            Json::String(text) => time::parse_rfc3339_millis(text),
            _ => None,
        }
    }

    fn transport_codes(&self) -> Option<[u8; 4]> {
        if !matches!(self.route_type(), Some(0 | 3)) {
            return None;
        }
        let mut codes = [0; 4];
        hex::decode_to_slice(self.packet.get("raw_hex")?.as_str()?.get(2..10)?, &mut codes).ok()?;
        Some(codes)
    }

    fn payload(&self, path: &[Box<str>]) -> Value<'_> {
        json_value(path.iter().try_fold(&*self.decoded, |value, name| value.get(&**name)))
    }

    fn channel(&self) -> Cow<'_, str> {
        match self.packet.get("channel_hash").and_then(Json::as_str) {
            Some(channel) => channel.into(),
            None => self.decoded.get("channel").and_then(Json::as_str).unwrap_or("").into(),
        }
    }

    fn scope(&self) -> Cow<'_, str> {
        self.text("scope_name")
    }

    fn position(&self) -> Option<LatLon> {
        let degrees = |name| self.decoded.get(name).and_then(Json::as_f64);
        LatLon::new(degrees("lat")?, degrees("lon")?)
    }
}
