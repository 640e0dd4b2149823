//! A status message: `…/<REGION>/<OBSERVER>/status`, about every five minutes and as last will.

use std::borrow::Cow;

use super::bad::{Remark, Remarks};
use super::clock::EnvelopeStamp;
use super::json::{Fields, Part};
use super::own;
use super::packet::observer;
use super::text::clean_name;
use super::topic::Topic;

/// An observer tells how it is.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusMessage<'a> {
    /// The observer.
    pub observer: Option<Cow<'a, str>>,
    /// Its name (`origin`).
    pub name: Option<Cow<'a, str>>,
    /// Region of the topic, as written.
    pub region: Option<Cow<'a, str>>,
    /// `offline` in a last will, else `online` or whatever was said.
    pub offline: bool,
    /// Device model; "unknown" is none.
    pub model: Option<Cow<'a, str>>,
    /// Firmware version.
    pub firmware: Option<Cow<'a, str>>,
    /// Version of the publishing program.
    pub client_version: Option<Cow<'a, str>>,
    /// Radio settings: frequency MHz, bandwidth kHz, spreading factor, coding rate.
    pub radio: Option<Cow<'a, str>>,
    /// Whether the firmware repeats packets.
    pub repeat: Option<bool>,
    /// Counters since boot and levels.
    pub stats: ObserverStats,
    /// When the publisher says it was.
    pub stamp: EnvelopeStamp<'a>,
    /// What was odd.
    pub remarks: Remarks,
}

/// Counters since the observer's boot, and levels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ObserverStats {
    /// Battery, millivolts.
    pub battery_mv: Option<i64>,
    /// Time since boot, seconds.
    pub uptime_secs: Option<i64>,
    /// Noise floor, dBm.
    pub noise_floor_dbm: Option<f64>,
    /// Time on the air, seconds.
    pub tx_air_secs: Option<i64>,
    /// Time receiving, seconds.
    pub rx_air_secs: Option<i64>,
    /// Receptions with errors.
    pub recv_errors: Option<i64>,
    /// Packets sent.
    pub packets_sent: Option<i64>,
    /// Packets received.
    pub packets_recv: Option<i64>,
}

impl ObserverStats {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl<'a> StatusMessage<'a> {
    pub(super) fn read(topic: Topic<'a>, mut fields: Fields<'a>) -> Self {
        let mut remarks = Remarks::default();
        if topic.empty_observer {
            remarks.add(Remark::Observer);
        }
        let status = fields.take(Part::Top, "status");
        let mut text = |names: &[&str]| {
            let mut found = names.iter().rev().map(|name| fields.take(Part::Top, name));
            found
                .find_map(|value| value.into_text().and_then(clean_name))
                .filter(|t| !t.eq_ignore_ascii_case("unknown"))
        };
        // The later spelling wins.
        let (model, firmware) = (text(&["model"]), text(&["firmware", "firmware_version"]));
        let (client_version, radio) = (text(&["client_version", "clientVersion"]), text(&["radio"]));
        let name = text(&["origin"]);
        let repeat = fields.take(Part::Top, "repeat").switch();
        let mut count = |name: &str| fields.nested_or_top(Part::Stats, name).integer();
        let stats = ObserverStats {
            battery_mv: count("battery_mv"),
            uptime_secs: count("uptime_secs"),
            tx_air_secs: count("tx_air_secs"),
            rx_air_secs: count("rx_air_secs"),
            recv_errors: count("recv_errors"),
            packets_sent: count("packets_sent"),
            packets_recv: count("packets_recv"),
            noise_floor_dbm: fields.nested_or_top(Part::Stats, "noise_floor").number(),
        };
        Self {
            observer: observer(&topic, &mut fields),
            name,
            region: topic.region.map(Cow::Borrowed),
            offline: status.text().is_some_and(|word| word.trim().eq_ignore_ascii_case("offline")),
            model,
            firmware,
            client_version,
            radio,
            repeat,
            stats,
            stamp: EnvelopeStamp::from_scalar(fields.take(Part::Top, "timestamp")),
            remarks,
        }
    }

    /// Whether it says more than that the observer is there.
    pub fn has_metadata(&self) -> bool {
        let texts = [&self.model, &self.firmware, &self.client_version, &self.radio];
        texts.iter().any(|text| text.is_some()) || self.repeat.is_some() || !self.stats.is_empty()
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> StatusMessage<'static> {
        StatusMessage {
            observer: own(self.observer),
            name: own(self.name),
            region: own(self.region),
            offline: self.offline,
            model: own(self.model),
            firmware: own(self.firmware),
            client_version: own(self.client_version),
            radio: own(self.radio),
            repeat: self.repeat,
            stats: self.stats,
            stamp: self.stamp.into_owned(),
            remarks: self.remarks,
        }
    }
}
