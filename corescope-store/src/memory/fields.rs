//! A transmission as the filter language sees it.

use std::borrow::Cow;
use std::cell::OnceCell;

use corescope_core::filter::{Fields, Value};
use corescope_core::geo::LatLon;
use corescope_core::ids::NodeKey;
use serde_json::Value as Json;

use super::matcher::{payload_keys, resolved_keys, takes_part};
use super::observers::Observer;
use super::snapshot::Snapshot;
use super::view::{Observation, Transmission};

/// A transmission with the observation that stands for it, ready to be judged by a
/// [`Filter`](corescope_core::filter::Filter).
///
/// `routed_through` names every node that takes part: relays of any observation's resolved path, the sender and
/// the keys of the payload, so that it agrees with [`Query::nodes`](super::Query::nodes).
#[derive(Debug)]
pub struct PacketFields<'a> {
    row: Transmission<'a>,
    display: Option<Observation<'a>>,
    snapshot: &'a Snapshot,
    payload: OnceCell<Json>,
}

impl<'a> PacketFields<'a> {
    /// A transmission, judged with its display observation.
    pub fn new(row: Transmission<'a>, snapshot: &'a Snapshot) -> Self {
        Self { row, display: row.display(), snapshot, payload: OnceCell::new() }
    }

    /// A transmission, judged with this observation of it.
    pub fn with_observation(observation: Observation<'a>, snapshot: &'a Snapshot) -> Self {
        Self {
            row: observation.transmission(),
            display: Some(observation),
            snapshot,
            payload: OnceCell::new(),
        }
    }

    fn observer(&self) -> Option<&'a Observer> {
        self.snapshot.observers().by_rowid(self.display?.observer()?).map(|o| &**o)
    }

    fn json(&self) -> &Json {
        self.payload.get_or_init(|| {
            self.row.decoded_json().and_then(|json| serde_json::from_str(&json).ok()).unwrap_or(Json::Null)
        })
    }
}

impl Fields for PacketFields<'_> {
    fn payload_type(&self) -> Option<u8> {
        self.row.payload_type().and_then(|n| u8::try_from(n).ok())
    }

    fn route_type(&self) -> Option<u8> {
        self.row.route_type().and_then(|n| u8::try_from(n).ok())
    }

    fn hash(&self) -> Cow<'_, str> {
        self.row.hash()
    }

    fn raw_hex(&self) -> Cow<'_, str> {
        self.row.raw_hex()
    }

    fn size_bytes(&self) -> u32 {
        self.row.raw().len() as u32
    }

    fn snr_db(&self) -> Option<f64> {
        self.display.and_then(|o| o.snr())
    }

    fn rssi_dbm(&self) -> Option<f64> {
        self.display.and_then(|o| o.rssi())
    }

    fn hop_count(&self) -> u32 {
        self.display.map_or(0, |o| o.hop_count() as u32)
    }

    fn path(&self) -> Cow<'_, str> {
        let Some(path) = self.display.and_then(|o| o.path_json()) else { return Cow::Borrowed("") };
        resolved_keys(&path).collect::<Vec<_>>().join(" → ").into()
    }

    fn observer_name(&self) -> Cow<'_, str> {
        self.observer().and_then(|o| o.name.as_deref()).unwrap_or("").into()
    }

    fn observer_id(&self) -> Cow<'_, str> {
        self.observer().map_or("", |o| &o.id).into()
    }

    fn observer_iata(&self) -> Cow<'_, str> {
        self.observer().and_then(|o| o.iata.as_deref()).unwrap_or("").into()
    }

    fn observation_count(&self) -> u32 {
        self.row.observation_count() as u32
    }

    fn routed_through(&self) -> Cow<'_, str> {
        let mut keys: Vec<String> = Vec::new();
        let mut add = |key: &str| {
            if !key.is_empty() && !keys.iter().any(|k| k == key) {
                keys.push(key.to_owned());
            }
        };
        for observation in self.display.into_iter().chain(self.row.observations()) {
            if let Some(path) = observation.resolved_path() {
                resolved_keys(&path).for_each(&mut add);
            }
        }
        if let Some(from) = self.row.from_pubkey() {
            add(&from);
        }
        if let Some(json) = self.row.decoded_json() {
            payload_keys(&json).for_each(&mut add);
        }
        keys.join(" ").to_lowercase().into()
    }

    fn time_ms(&self) -> Option<i64> {
        corescope_core::time::parse_rfc3339_millis(&self.row.first_seen())
            .or_else(|| self.row.first_seen_unix().checked_mul(1000))
    }

    fn transport_codes(&self) -> Option<[u8; 4]> {
        if !matches!(self.row.route_type(), Some(0 | 3)) {
            return None;
        }
        self.row.raw().get(1..)?.first_chunk().copied()
    }

    fn payload(&self, path: &[Box<str>]) -> Value<'_> {
        if path.len() == 1
            && let Some(name) = path.first()
            && self.payload.get().is_none()
            && self.row.decoded_json().is_none_or(|json| !json.contains(&**name) && !json.contains("\\u"))
        {
            return Value::Absent;
        }
        value_of(path.iter().try_fold(self.json(), |value, name| value.get(&**name)))
    }

    fn channel(&self) -> Cow<'_, str> {
        match self.row.channel_hash() {
            Some(channel) => channel.into(),
            None => self.json().get("channel").and_then(Json::as_str).unwrap_or("").into(),
        }
    }

    fn scope(&self) -> Cow<'_, str> {
        self.row.scope_name().unwrap_or("").into()
    }

    fn position(&self) -> Option<LatLon> {
        let degrees = |name| self.json().get(name).and_then(Json::as_f64);
        LatLon::new(degrees("lat")?, degrees("lon")?)
    }

    fn involves(&self, node: &NodeKey) -> bool {
        takes_part(&self.row, &node.to_string())
    }
}

fn value_of(value: Option<&Json>) -> Value<'_> {
    match value {
        None | Some(Json::Null) => Value::Absent,
        Some(Json::Bool(truth)) => Value::Bool(*truth),
        Some(Json::Number(number)) => number.as_f64().map_or(Value::Absent, Value::Number),
        Some(Json::String(text)) => Value::Text(text.as_str().into()),
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
