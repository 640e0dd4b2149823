//! A packet message: `…/packets`, `…/decoded`, or any topic whose message has `raw`.

use std::borrow::Cow;

use super::bad::{BadInput, BadReason, Remark, Remarks};
use super::clock::EnvelopeStamp;
use super::json::{Fields, Part};
use super::own;
use super::scalar::Scalar;
use super::text::clean_name;
use super::topic::{Topic, is_placeholder};

/// An observer heard (or sent) a packet.
///
/// Only what cannot be worked out from the frame is taken from the message: `hash`, `route`, `path` and
/// their like are known to be wrong in several publishers.
#[derive(Debug, Clone, PartialEq)]
pub struct PacketMessage<'a> {
    /// The observer: topic segment 3, else `origin_id`; none when the publisher does not know it.
    pub observer: Option<Cow<'a, str>>,
    /// The observer's name (`origin`).
    pub name: Option<Cow<'a, str>>,
    /// Region: the message's own, else the topic's. As written; not upper-cased.
    pub region: Option<Cow<'a, str>>,
    /// The frame in hex, as published, without blanks.
    pub raw_hex: Cow<'a, str>,
    /// The frame.
    pub frame: Vec<u8>,
    /// Signal to noise, dB, within −64…64.
    pub snr_db: Option<f64>,
    /// Signal strength, dBm, within −200…0.
    pub rssi_dbm: Option<f64>,
    /// The firmware's reception score, 0–1000.
    pub score: Option<i64>,
    /// `rx` or `tx`, or what the publisher wrote (at most 16 characters).
    pub direction: Option<Cow<'a, str>>,
    /// When the publisher says it was.
    pub stamp: EnvelopeStamp<'a>,
    /// What was odd.
    pub remarks: Remarks,
}

impl<'a> PacketMessage<'a> {
    /// Reads it; none when the message has no `raw`.
    pub(super) fn read(topic: Topic<'a>, mut fields: Fields<'a>) -> Result<Option<Self>, BadInput> {
        let (raw_hex, frame) = match fields.take(Part::Top, "raw") {
            Scalar::Text(text) if !text.trim().is_empty() => frame(text)?,
            Scalar::Absent | Scalar::Text(_) => return Ok(None),
            _ => {
                return Err(BadInput::new(BadReason::RawType, "raw: expected text of hex digits".to_owned()));
            }
        };
        Ok(Some(Self::with_frame(topic, fields, raw_hex, frame)))
    }

    /// Reads the `data` of a `…/raw` topic.
    pub(super) fn read_raw_topic(topic: Topic<'a>, mut fields: Fields<'a>) -> Result<Option<Self>, BadInput> {
        let Scalar::Text(text) = fields.first(Part::Top, &["raw", "data"]) else { return Ok(None) };
        let (raw_hex, frame) = frame(text)?;
        Ok(Some(Self::with_frame(topic, fields, raw_hex, frame)))
    }

    fn with_frame(topic: Topic<'a>, mut fields: Fields<'a>, raw_hex: Cow<'a, str>, frame: Vec<u8>) -> Self {
        let mut remarks = Remarks::default();
        if topic.empty_observer {
            remarks.add(Remark::Observer);
        }
        let snr = fields.first(Part::Top, &["SNR", "snr"]);
        let rssi = fields.first(Part::Top, &["RSSI", "rssi"]);
        let len = fields.take(Part::Top, "len").integer();
        let packet_type = fields.take(Part::Top, "packet_type").integer();
        let header_type = frame.first().map(|header| i64::from(header >> 2 & 0x0f));
        if len.is_some_and(|len| len != frame.len() as i64)
            || packet_type.is_some_and(|kind| Some(kind) != header_type)
        {
            remarks.add(Remark::EnvelopeMismatch);
        }
        let region = fields.take(Part::Top, "region").into_text().and_then(clean_name);
        Self {
            observer: observer(&topic, &mut fields),
            name: fields.take(Part::Top, "origin").into_text().and_then(clean_name),
            region: region.or(topic.region.map(Cow::Borrowed)),
            raw_hex,
            frame,
            snr_db: within(&snr, -64.0..=64.0, &mut remarks),
            rssi_dbm: within(&rssi, -200.0..=0.0, &mut remarks),
            score: fields.first(Part::Top, &["score", "Score"]).integer(),
            direction: direction(&mut fields),
            stamp: EnvelopeStamp::from_scalar(fields.take(Part::Top, "timestamp")),
            remarks,
        }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> PacketMessage<'static> {
        PacketMessage {
            observer: own(self.observer),
            name: own(self.name),
            region: own(self.region),
            raw_hex: Cow::Owned(self.raw_hex.into_owned()),
            frame: self.frame,
            snr_db: self.snr_db,
            rssi_dbm: self.rssi_dbm,
            score: self.score,
            direction: own(self.direction),
            stamp: self.stamp.into_owned(),
            remarks: self.remarks,
        }
    }
}

/// Who published: the topic's observer, else `origin_id`.
pub(super) fn observer<'a>(topic: &Topic<'a>, fields: &mut Fields<'a>) -> Option<Cow<'a, str>> {
    let named = topic.observer.map(Cow::Borrowed).and_then(clean_name);
    named.or_else(|| {
        let id = fields.take(Part::Top, "origin_id").into_text().and_then(clean_name);
        id.filter(|id| !is_placeholder(id))
    })
}

/// `direction`, at most 16 characters.
pub(super) fn direction<'a>(fields: &mut Fields<'a>) -> Option<Cow<'a, str>> {
    let text = fields.first(Part::Top, &["direction", "Direction"]).into_text().and_then(clean_name)?;
    if text.chars().nth(16).is_none() {
        Some(text)
    } else {
        Some(text.chars().take(16).collect::<String>().into())
    }
}

/// The number if it is in range; a number out of range is absent and remarked.
pub(super) fn within(
    value: &Scalar<'_>,
    range: std::ops::RangeInclusive<f64>,
    remarks: &mut Remarks,
) -> Option<f64> {
    let number = value.number()?;
    if range.contains(&number) {
        return Some(number);
    }
    remarks.add(Remark::Range);
    None
}

/// Hex digits (blanks and line breaks between them are dropped) and the bytes they spell.
pub(super) fn frame(text: Cow<'_, str>) -> Result<(Cow<'_, str>, Vec<u8>), BadInput> {
    let text = if text.bytes().any(|b| b.is_ascii_whitespace()) {
        Cow::Owned(text.chars().filter(|c| !c.is_ascii_whitespace()).collect())
    } else {
        text
    };
    match hex::decode(text.as_bytes()) {
        Ok(bytes) => Ok((text, bytes)),
        Err(error) => Err(BadInput::new(BadReason::Hex, format!("raw: {error}"))),
    }
}
