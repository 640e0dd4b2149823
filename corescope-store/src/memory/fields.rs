//! A transmission as the filter language sees it.

use std::borrow::Cow;
use std::cell::OnceCell;

use corescope_core::filter::{Fields, Value};
use corescope_core::geo::LatLon;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::matcher::resolved_keys;
use super::observers::Observer;
use super::snapshot::Snapshot;
use super::view::{Observation, Transmission};

/// A transmission with the observation that stands for it, ready to be judged by a
/// [`Filter`](corescope_core::filter::Filter).
///
/// `routed_through` names the nodes on the resolved path of any observation, those of the judged one first. The sender
/// and the keys of the payload are no part of it: [`Query::nodes`](super::Query::nodes) asks for these too.
#[derive(Debug)]
pub struct PacketFields<'a> {
    row: Transmission<'a>,
    display: Option<Observation<'a>>,
    snapshot: &'a Snapshot,
    text: OnceCell<Option<Cow<'a, str>>>,
    payload: OnceCell<Json>,
}

impl<'a> PacketFields<'a> {
    /// A transmission, judged with its display observation.
    pub fn new(row: Transmission<'a>, snapshot: &'a Snapshot) -> Self {
        Self { row, display: row.display(), snapshot, text: OnceCell::new(), payload: OnceCell::new() }
    }

    /// A transmission, judged with this observation of it.
    pub fn with_observation(observation: Observation<'a>, snapshot: &'a Snapshot) -> Self {
        Self {
            row: observation.transmission(),
            display: Some(observation),
            snapshot,
            text: OnceCell::new(),
            payload: OnceCell::new(),
        }
    }

    fn observer(&self) -> Option<&'a Observer> {
        self.snapshot.observers().by_rowid(self.display?.observer()?).map(|o| &**o)
    }

    fn json(&self) -> &Json {
        self.payload.get_or_init(|| {
            let text = self.text.get_or_init(|| self.row.decoded_json());
            text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Json::Null)
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
        self.display.map(|o| o.path_joined(" → ")).unwrap_or_default().into()
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
            // Nearly all are lower-case already, and repeat over the copies.
            let is_lower = key.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
            let key = if is_lower { Cow::Borrowed(key) } else { Cow::Owned(key.to_lowercase()) };
            if !keys.iter().any(|k| **k == *key) {
                keys.push(key.into_owned());
            }
        };
        for observation in self.display.into_iter().chain(self.row.observations()) {
            if let Some(path) = observation.resolved_path() {
                resolved_keys(&path).for_each(&mut add);
            }
        }
        keys.join(" ").into()
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
        let text = self.text.get_or_init(|| self.row.decoded_json());
        match text.as_deref().and_then(|text| pick(text, path)) {
            Some(value) => value_of(&value),
            None => Value::Absent,
        }
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
}

/// The value under these names, outermost first, without building the rest. `None` when it is not there, or the text
/// is no JSON.
fn pick(text: &str, path: &[Box<str>]) -> Option<Json> {
    let (name, rest) = path.split_first()?;
    // No name can be there that the text does not hold, but for one in escapes.
    if !text.contains(&**name) && !text.contains("\\u") {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = Member(name).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    let found = found?;
    if rest.is_empty() { serde_json::from_str(found.get()).ok() } else { pick(found.get(), rest) }
}

/// Reads one member of an object; the last of that name, as any JSON library does.
struct Member<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<Name<'de>>()? {
            if name.0 == self.0 {
                found = Some(members.next_value::<&RawValue>()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The name of a member, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

fn value_of<'a>(value: &Json) -> Value<'a> {
    match value {
        Json::Null => Value::Absent,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => number.as_f64().map_or(Value::Absent, Value::Number),
        Json::String(text) => Value::Text(text.clone().into()),
        Json::Array(items) => {
            let texts: Vec<String> = items
                .iter()
                .map(|item| match item {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                })
                .collect();
            Value::Composite(texts.join(",").into())
        }
        object @ Json::Object(_) => Value::Composite(object.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_member_is_what_the_whole_would_give() {
        let names = ["a", "b", "c", "é", "zz"];
        for text in [
            r#"{"a":1,"b":{"c":[1,"x"],"a":null},"a":2}"#,
            r#"{"\u0061":true,"é":"é"}"#,
            r#"{"a":1} x"#,
            r#"{"a":1"#,
            r#"["a"]"#,
            "17",
            "",
        ] {
            let whole: Option<Json> = serde_json::from_str(text).ok();
            for first in names {
                for second in [None, Some("c"), Some("a")] {
                    let path: Vec<Box<str>> =
                        [Some(first), second].into_iter().flatten().map(Box::from).collect();
                    let expected = whole
                        .as_ref()
                        .and_then(|w| path.iter().try_fold(w, |value, name| value.get(&**name)));
                    assert_eq!(pick(text, &path).as_ref(), expected, "{text} {path:?}");
                }
            }
        }
    }
}
