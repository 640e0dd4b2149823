//! What the operator hides: one place that every key, name, position and observer id passes on
//! its way out.
//!
//! Hidden are nodes on `nodeBlacklist`, nodes whose name begins with one of `hiddenNamePrefixes`,
//! and observers on `observerBlacklist`. Their packets stay visible as packets, because clients
//! count them, but without key, name and position, and without the frame that would give them
//! away. `privacy.coarsenDigits` rounds positions, `privacy.publicChannelsOnly` withholds the text
//! of other channels.

use std::borrow::Cow;

use corescope_core::config::Config;
use corescope_store::memory::{Snapshot, Transmission};
use hashbrown::HashSet;
use serde_json::{Map, Value};

/// The operator's wishes, ready to be asked.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Veil {
    nodes: HashSet<String>,
    prefixes: Vec<String>,
    observers: HashSet<String>,
    coarsen_digits: Option<u8>,
    public_channels_only: bool,
}

impl Veil {
    /// From the configuration. Keys and ids match in any case, name prefixes exactly.
    pub fn new(config: &Config) -> Self {
        let lower = |list: &[String]| {
            list.iter().map(|t| t.trim().to_ascii_lowercase()).filter(|t| !t.is_empty()).collect()
        };
        Self {
            nodes: lower(&config.node_blacklist),
            prefixes: config.hidden_name_prefixes.iter().filter(|p| !p.is_empty()).cloned().collect(),
            observers: lower(&config.observer_blacklist),
            coarsen_digits: config.privacy.coarsen_digits,
            public_channels_only: config.privacy.public_channels_only,
        }
    }

    /// Whether nothing is hidden at all.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a name begins with a hidden prefix.
    pub fn hides_name(&self, name: &str) -> bool {
        self.prefixes.iter().any(|p| name.starts_with(p.as_str()))
    }

    /// Whether a node is hidden, by its key or by its name.
    pub fn hides_node(&self, key: &str, name: Option<&str>) -> bool {
        (!self.nodes.is_empty() && self.nodes.contains(&*key.to_ascii_lowercase()))
            || name.is_some_and(|n| self.hides_name(n))
    }

    /// Whether a key belongs to a hidden node, looking its name up.
    pub fn hides_key(&self, key: &str, snapshot: &Snapshot) -> bool {
        if self.nodes.is_empty() && self.prefixes.is_empty() {
            return false;
        }
        let lower = key.to_ascii_lowercase();
        let name = snapshot.nodes().by_key(&lower).and_then(|n| n.name.as_deref());
        self.hides_node(&lower, name)
    }

    /// Whether an observer is hidden (any case).
    pub fn hides_observer(&self, id: &str) -> bool {
        !self.observers.is_empty() && self.observers.contains(&*id.to_ascii_lowercase())
    }

    /// Whether the messages of a channel may be shown, by its name.
    pub fn shows_channel(&self, channel: &str) -> bool {
        !self.public_channels_only || channel.eq_ignore_ascii_case("public")
    }

    /// A latitude or longitude as exact as may be shown.
    pub fn coordinate(&self, degrees: f64) -> f64 {
        match self.coarsen_digits {
            Some(digits) => {
                let scale = 10_f64.powi(i32::from(digits.min(9)));
                (degrees * scale).round() / scale
            }
            None => degrees,
        }
    }

    /// Whether the frame of this packet must not be shown, because hidden things can be read off it.
    pub fn hides_frame(&self, packet: &Transmission<'_>, snapshot: &Snapshot) -> bool {
        if self.is_clear() {
            return false;
        }
        let is_advert = packet.payload_type() == Some(4);
        if is_advert && self.coarsen_digits.is_some() {
            return true;
        }
        let Some(json) = packet.decoded_json() else { return false };
        let Ok(Value::Object(payload)) = serde_json::from_str(&json) else { return false };
        self.touches(&payload, snapshot)
    }

    fn touches(&self, payload: &Map<String, Value>, snapshot: &Snapshot) -> bool {
        KEYS.iter().any(|k| text(payload, k).is_some_and(|key| self.hides_key(key, snapshot)))
            || ["name", "sender"].iter().any(|k| text(payload, k).is_some_and(|n| self.hides_name(n)))
    }

    /// The decoded payload without what is hidden.
    pub fn decoded<'a>(&self, json: Cow<'a, str>, snapshot: &Snapshot) -> Cow<'a, str> {
        if self.is_clear() {
            return json;
        }
        let Ok(Value::Object(mut payload)) = serde_json::from_str(&json) else { return json };
        let mut changed = false;
        let is_channel = text(&payload, "type") == Some("CHAN");
        let private = self.public_channels_only
            && is_channel
            && !text(&payload, "channel").is_some_and(|c| c.eq_ignore_ascii_case("public"));
        if self.touches(&payload, snapshot) || private {
            for name in KEYS.iter().chain(&["name", "lat", "lon", "signature", "sender", "text", "publicKey"])
            {
                changed |= payload.remove(*name).is_some();
            }
            payload.insert("hidden".to_owned(), Value::Bool(true));
        } else if self.coarsen_digits.is_some() {
            for name in ["lat", "lon"] {
                if let Some(place) = payload.get_mut(name)
                    && let Some(exact) = place.as_f64()
                {
                    *place = Value::from(self.coordinate(exact));
                    changed = true;
                }
            }
        }
        if changed { Cow::Owned(Value::Object(payload).to_string()) } else { json }
    }

    /// A resolved path (a JSON array of keys and nulls) with hidden keys as `null`.
    pub fn resolved<'a>(&self, json: Cow<'a, str>, snapshot: &Snapshot) -> Cow<'a, str> {
        if self.nodes.is_empty() && self.prefixes.is_empty() {
            return json;
        }
        let Ok(mut hops) = serde_json::from_str::<Vec<Option<String>>>(&json) else { return json };
        let mut changed = false;
        for hop in &mut hops {
            if hop.as_deref().is_some_and(|key| self.hides_key(key, snapshot)) {
                *hop = None;
                changed = true;
            }
        }
        if !changed {
            return json;
        }
        serde_json::to_string(&hops).map_or(json, Cow::Owned)
    }
}

/// Members of a decoded payload that hold a whole public key.
const KEYS: [&str; 4] = ["pubKey", "destPubKey", "srcPubKey", "public_key"];

fn text<'p>(payload: &'p Map<String, Value>, name: &str) -> Option<&'p str> {
    payload.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use corescope_core::config::{self, Input};

    use super::*;

    fn veil(text: &str) -> Veil {
        let loaded = config::load(&Input { file: Some(("config.json", text)), ..Input::default() }).unwrap();
        Veil::new(&loaded.config)
    }

    #[test]
    fn nothing_configured_changes_nothing() {
        let veil = veil("{}");
        assert!(veil.is_clear());
        let json = veil.decoded(Cow::Borrowed(r#"{"name":"x"}"#), &Snapshot::default());
        assert!(matches!(json, Cow::Borrowed(_)));
    }

    #[test]
    fn hidden_nodes_lose_key_name_and_position() {
        let veil = veil(r#"{"nodeBlacklist": ["AA11"], "hiddenNamePrefixes": ["EW-"]}"#);
        let snapshot = Snapshot::default();
        let hidden = veil
            .decoded(Cow::Borrowed(r#"{"type":"ADVERT","pubKey":"aa11","name":"n","lat":1.5}"#), &snapshot);
        assert!(!hidden.contains("aa11") && !hidden.contains("lat") && hidden.contains("ADVERT"));
        let named =
            veil.decoded(Cow::Borrowed(r#"{"type":"ADVERT","pubKey":"bb","name":"EW-1"}"#), &snapshot);
        assert!(!named.contains("EW-1") && !named.contains("bb"));
        let shown = veil.decoded(Cow::Borrowed(r#"{"type":"ADVERT","pubKey":"bb","name":"n"}"#), &snapshot);
        assert!(shown.contains("bb"));
        assert_eq!(veil.resolved(Cow::Borrowed(r#"["aa11","bb",null]"#), &snapshot), r#"[null,"bb",null]"#);
    }

    #[test]
    fn positions_are_rounded_and_private_channels_are_withheld() {
        let veil = veil(r#"{"privacy": {"coarsenDigits": 1, "publicChannelsOnly": true}}"#);
        let snapshot = Snapshot::default();
        let advert = veil.decoded(Cow::Borrowed(r#"{"type":"ADVERT","lat":37.78406}"#), &snapshot);
        assert!(advert.contains("37.8") && !advert.contains("37.78"));
        let chat = veil.decoded(Cow::Borrowed(r##"{"type":"CHAN","channel":"#a","text":"hi"}"##), &snapshot);
        assert!(!chat.contains("text"));
        let public =
            veil.decoded(Cow::Borrowed(r#"{"type":"CHAN","channel":"public","text":"hi"}"#), &snapshot);
        assert!(public.contains("hi"));
    }
}
