//! What a companion bridge tells: a message that it read (`meshcore/message/channel/<n>`,
//! `meshcore/message/direct/<prefix>`), a node that it heard or is (`meshcore/advertisement`, `meshcore/self_info`).
//!
//! The fields stand at the top, or in a nested `payload`.

use std::borrow::Cow;

use super::bad::{BadInput, BadReason};
use super::json::Fields;
use super::own;
use super::scalar::Scalar;
use super::text::clean_name;
use super::topic::{Topic, TopicKind};

/// A text that came decrypted from a companion.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeText<'a> {
    /// Channel number (`channel_idx`, else the topic's last segment); 0 where neither is a number.
    pub channel_index: i64,
    /// First bytes of the sender's key, hex, of a direct message.
    pub key_prefix: Cow<'a, str>,
    /// The text as it came, with the sender in front where it is a channel's.
    pub text: Cow<'a, str>,
    /// The sender's clock, as the bridge wrote it: mostly Unix seconds.
    pub sender_timestamp: Scalar<'a>,
    /// Signal to noise, dB.
    pub snr_db: Option<f64>,
}

impl<'a> BridgeText<'a> {
    /// Reads the flat shape and the one with a nested `payload`.
    pub(super) fn read(topic: Topic<'a>, mut fields: Fields<'a>) -> Result<Self, BadInput> {
        let mut take = |name: &str| fields.top_or_payload(&[name]);
        let Some(text) = take("text").into_text().filter(|text| !text.is_empty()) else {
            return Err(BadInput::new(BadReason::Text, "text: expected the message".to_owned()));
        };
        let index = take("channel_idx").integer();
        let prefix = take("pubkey_prefix").into_text();
        let is_direct = topic.kind == TopicKind::BridgeDirect;
        let sender_timestamp = take("sender_timestamp");
        let snr = fields.top_or_payload(&["SNR", "snr"]);
        Ok(Self {
            channel_index: index.or_else(|| topic.tail.parse().ok()).unwrap_or_default(),
            key_prefix: prefix.unwrap_or(if is_direct {
                Cow::Borrowed(topic.tail)
            } else {
                Cow::Borrowed("")
            }),
            text,
            sender_timestamp,
            snr_db: snr.number().filter(|db| (-64.0..=64.0).contains(db)),
        })
    }

    /// Who wrote a channel text: what stands before `": "`, where that is at byte 1 to 49. Empty if not said.
    pub fn sender(&self) -> &str {
        match self.text.find(": ") {
            Some(at @ 1..=49) => self.text.get(..at).unwrap_or_default(),
            _ => "",
        }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> BridgeText<'static> {
        BridgeText {
            channel_index: self.channel_index,
            key_prefix: own(Some(self.key_prefix)).unwrap_or_default(),
            text: Cow::Owned(self.text.into_owned()),
            sender_timestamp: self.sender_timestamp.into_owned(),
            snr_db: self.snr_db,
        }
    }
}

/// A node that a companion heard an advert of, or is itself. Nothing proves it: there is no signature.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeNode<'a> {
    /// Its key: 64 lower-case hex digits.
    pub key: String,
    /// Its name.
    pub name: Option<Cow<'a, str>>,
    /// `companion`, `repeater`, `room` or `sensor`.
    pub role: Option<&'static str>,
    /// Latitude and longitude, degrees; a companion without a place says 0,0, which is none.
    pub place: Option<(f64, f64)>,
}

/// Roles by the number that an advert's flags carry in their low half (`ADV_TYPE_*` of the firmware).
const ROLES: [(i64, &str); 4] = [(1, "companion"), (2, "repeater"), (3, "room"), (4, "sensor")];

impl<'a> BridgeNode<'a> {
    /// Reads it; the names are those of the bridge's messages and of the companion library beneath it.
    pub(super) fn read(mut fields: Fields<'a>) -> Result<Self, BadInput> {
        let key = fields.top_or_payload(&["pubkey", "pub_key", "public_key"]);
        let key = key.text().unwrap_or_default().trim().to_ascii_lowercase();
        let is_key = key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_key || key.bytes().all(|b| b == b'0') {
            return Err(BadInput::new(
                BadReason::NodeKey,
                "public_key: expected 64 hex digits that are not all 0".to_owned(),
            ));
        }
        let name = fields.top_or_payload(&["name", "node_name", "adv_name"]).into_text();
        let mut degrees = |names: &[&str], limit: f64| {
            fields.top_or_payload(names).number().filter(|degrees| degrees.abs() <= limit)
        };
        let lat = degrees(&["lat", "latitude", "adv_lat"], 90.0);
        let lon = degrees(&["lon", "lng", "longitude", "adv_lon"], 180.0);
        let role = fields.top_or_payload(&["role"]);
        let role = match role.text() {
            Some(word) => ROLES.iter().find(|(_, role)| role.eq_ignore_ascii_case(word.trim())),
            None => {
                let number = fields.top_or_payload(&["adv_type", "flags"]).integer();
                ROLES.iter().find(|(low, _)| number.map(|number| number & 0x0f) == Some(*low))
            }
        };
        Ok(Self {
            key,
            name: name.and_then(clean_name),
            role: role.map(|(_, role)| *role),
            place: lat.zip(lon).filter(|place| *place != (0.0, 0.0)),
        })
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> BridgeNode<'static> {
        BridgeNode { key: self.key, name: own(self.name), role: self.role, place: self.place }
    }
}
