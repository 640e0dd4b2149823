//! A message that a companion bridge read: `meshcore/message/channel/<n>`, `meshcore/message/direct/<prefix>`.

use std::borrow::Cow;

use super::bad::{BadInput, BadReason};
use super::json::{Fields, Part};
use super::own;
use super::scalar::Scalar;
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
        let mut take = |name: &str| match fields.take(Part::Top, name) {
            Scalar::Absent => fields.take(Part::Payload, name),
            found => found,
        };
        let Some(text) = take("text").into_text().filter(|text| !text.is_empty()) else {
            return Err(BadInput::new(BadReason::Text, "text: expected the message".to_owned()));
        };
        let index = take("channel_idx").integer();
        let prefix = take("pubkey_prefix").into_text();
        let is_direct = topic.kind == TopicKind::BridgeDirect;
        let snr = match take("SNR") {
            Scalar::Absent => take("snr"),
            found => found,
        };
        Ok(Self {
            channel_index: index.or_else(|| topic.tail.parse().ok()).unwrap_or_default(),
            key_prefix: prefix.unwrap_or(if is_direct {
                Cow::Borrowed(topic.tail)
            } else {
                Cow::Borrowed("")
            }),
            text,
            sender_timestamp: take("sender_timestamp"),
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
