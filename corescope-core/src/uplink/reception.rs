//! A mobile reception: `…/client/<KEY>/packets`, a phone that heard a packet at a place.

use std::borrow::Cow;

use super::bad::{BadInput, BadReason, Remarks};
use super::clock::EnvelopeStamp;
use super::json::{Fields, Part};
use super::own;
use super::packet::{direction, frame, within};
use super::scalar::Scalar;
use super::text::clean_name;
use super::topic::Topic;

/// A phone heard a packet at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Reception<'a> {
    /// The phone's companion: 2 to 64 lower-case hex digits.
    pub key: String,
    /// Its name (`origin`).
    pub name: Option<Cow<'a, str>>,
    /// The frame in hex, as published, without blanks.
    pub raw_hex: Cow<'a, str>,
    /// The frame.
    pub frame: Vec<u8>,
    /// Latitude, degrees, −90…90.
    pub lat: f64,
    /// Longitude, degrees, −180…180.
    pub lon: f64,
    /// Accuracy of the place, metres.
    pub accuracy_m: Option<f64>,
    /// Signal to noise, dB.
    pub snr_db: Option<f64>,
    /// Signal strength, dBm, cut to a whole number.
    pub rssi_dbm: Option<i64>,
    /// When the publisher says it was; hours ago is normal.
    pub stamp: EnvelopeStamp<'a>,
    /// What was odd.
    pub remarks: Remarks,
}

impl<'a> Reception<'a> {
    pub(super) fn read(topic: Topic<'a>, mut fields: Fields<'a>) -> Result<Self, BadInput> {
        let bad = |reason, what: &str| BadInput::new(reason, what.to_owned());
        let key = topic.observer.unwrap_or_default().trim().to_ascii_lowercase();
        if !(2..=64).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad(BadReason::Observer, "client key of the topic: expected 2 to 64 hex digits"));
        }
        let Scalar::Text(raw) = fields.take(Part::Top, "raw") else {
            return Err(bad(BadReason::RawType, "raw: expected text of hex digits"));
        };
        let (raw_hex, frame) = frame(raw)?;
        if !direction(&mut fields).is_some_and(|word| word.eq_ignore_ascii_case("rx")) {
            return Err(bad(BadReason::Direction, "direction: expected rx"));
        }
        let mut degrees =
            |name, limit: f64| fields.take(Part::Gps, name).number().filter(|d| d.abs() <= limit);
        let (Some(lat), Some(lon)) = (degrees("lat", 90.0), degrees("lon", 180.0)) else {
            return Err(bad(BadReason::Gps, "gps: expected lat within ±90 and lon within ±180"));
        };
        if lat == 0.0 && lon == 0.0 {
            return Err(bad(BadReason::Gps, "gps: 0,0 is a receiver without a fix"));
        }
        let mut remarks = Remarks::default();
        let snr = fields.first(Part::Top, &["SNR", "snr"]);
        let rssi = fields.first(Part::Top, &["RSSI", "rssi"]);
        Ok(Self {
            key,
            name: fields.take(Part::Top, "origin").into_text().and_then(clean_name),
            raw_hex,
            frame,
            lat,
            lon,
            accuracy_m: fields.take(Part::Gps, "acc_m").number().filter(|m| *m >= 0.0),
            snr_db: within(&snr, -64.0..=64.0, &mut remarks),
            rssi_dbm: within(&rssi, -200.0..=0.0, &mut remarks).map(|rssi| rssi.trunc() as i64),
            stamp: EnvelopeStamp::from_scalar(fields.take(Part::Top, "timestamp")),
            remarks,
        })
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Reception<'static> {
        Reception {
            key: self.key,
            name: own(self.name),
            raw_hex: Cow::Owned(self.raw_hex.into_owned()),
            frame: self.frame,
            lat: self.lat,
            lon: self.lon,
            accuracy_m: self.accuracy_m,
            snr_db: self.snr_db,
            rssi_dbm: self.rssi_dbm,
            stamp: self.stamp.into_owned(),
            remarks: self.remarks,
        }
    }
}
