//! One pass over the JSON object that keeps the fields somebody asks for.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use smallvec::SmallVec;

use super::bad::{BadInput, BadReason};
use super::scalar::Scalar;

/// The fields of one message. Names that nobody asks for are skipped without being kept.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    top: Object<'a>,
    stats: Object<'a>,
    gps: Object<'a>,
    payload: Object<'a>,
}

type Object<'a> = SmallVec<[(&'static str, Scalar<'a>); 16]>;

/// Which object of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The message itself.
    Top,
    /// Its `stats`.
    Stats,
    /// Its `gps`.
    Gps,
    /// Its `payload`.
    Payload,
}

/// Every name that is kept.
const NAMES: &[&str] = &[
    "origin",
    "origin_id",
    "timestamp",
    "raw",
    "region",
    "SNR",
    "snr",
    "RSSI",
    "rssi",
    "score",
    "Score",
    "direction",
    "Direction",
    "len",
    "packet_type",
    "data",
    "status",
    "model",
    "firmware",
    "firmware_version",
    "client_version",
    "clientVersion",
    "radio",
    "repeat",
    "battery_mv",
    "uptime_secs",
    "noise_floor",
    "tx_air_secs",
    "rx_air_secs",
    "recv_errors",
    "packets_sent",
    "packets_recv",
    "lat",
    "lon",
    "acc_m",
    "text",
    "channel_idx",
    "sender_timestamp",
    "txt_type",
    "path_len",
    "pubkey_prefix",
    "pubkey",
    "pub_key",
    "public_key",
    "name",
    "node_name",
    "adv_name",
    "latitude",
    "adv_lat",
    "lng",
    "longitude",
    "adv_lon",
    "role",
    "flags",
    "adv_type",
];

/// Objects inside the message that are looked into.
const PARTS: [(&str, Part); 3] = [("stats", Part::Stats), ("gps", Part::Gps), ("payload", Part::Payload)];

/// Reads the object.
pub(super) fn fields(text: &str) -> Result<Fields<'_>, BadInput> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut fields = Fields::default();
    Collect { fields: &mut fields, part: Part::Top }
        .deserialize(&mut reader)
        .and_then(|object| reader.end().map(|()| object))
        .map_err(|error| BadInput::new(BadReason::Json, format!("expected a JSON object: {error}")))?;
    Ok(fields)
}

impl<'a> Fields<'a> {
    /// Takes a field out; the last of duplicates counts.
    pub(super) fn take(&mut self, part: Part, name: &str) -> Scalar<'a> {
        debug_assert!(NAMES.contains(&name), "{name} is asked for but not kept");
        let object = self.object(part);
        object
            .iter_mut()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| std::mem::take(value))
            .unwrap_or_default()
    }

    /// The first of several names that is there.
    pub(super) fn first(&mut self, part: Part, names: &[&str]) -> Scalar<'a> {
        names
            .iter()
            .map(|name| self.take(part, name))
            .find(|value| *value != Scalar::Absent)
            .unwrap_or_default()
    }

    /// The first of several names that is there in the message itself, else in its `payload`: bridges write both
    /// shapes.
    pub(super) fn top_or_payload(&mut self, names: &[&str]) -> Scalar<'a> {
        match self.first(Part::Top, names) {
            Scalar::Absent => self.first(Part::Payload, names),
            found => found,
        }
    }

    /// A field of the nested object, else of the message itself.
    pub(super) fn nested_or_top(&mut self, part: Part, name: &str) -> Scalar<'a> {
        match self.take(part, name) {
            Scalar::Absent => self.take(Part::Top, name),
            found => found,
        }
    }

    fn object(&mut self, part: Part) -> &mut Object<'a> {
        match part {
            Part::Top => &mut self.top,
            Part::Stats => &mut self.stats,
            Part::Gps => &mut self.gps,
            Part::Payload => &mut self.payload,
        }
    }
}

/// Collects one object into its part.
struct Collect<'f, 'a> {
    fields: &'f mut Fields<'a>,
    part: Part,
}

impl<'de> DeserializeSeed<'de> for Collect<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // A nested part that is no object (`"stats": null`) is skipped, the message itself must be one.
        if self.part == Part::Top {
            deserializer.deserialize_map(self)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Collect<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(KeySeed)? {
            match name {
                Known::Field(name) => {
                    let value = map.next_value::<Scalar<'de>>()?;
                    let object = self.fields.object(self.part);
                    // A thousand duplicates of one key take the space of one.
                    match object.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, slot)) => *slot = value,
                        None => object.push((name, value)),
                    }
                }
                Known::Part(part) if self.part == Part::Top => {
                    self.fields.object(part).clear();
                    map.next_value_seed(Collect { fields: self.fields, part })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// What a key means.
enum Known {
    Field(&'static str),
    Part(Part),
    Unknown,
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Known;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Known, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Known;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Known, E> {
        if let Some(name) = NAMES.iter().find(|name| **name == key) {
            return Ok(Known::Field(name));
        }
        Ok(PARTS.iter().find(|(name, _)| *name == key).map_or(Known::Unknown, |(_, part)| Known::Part(*part)))
    }
}
