//! The objects of the contract, borrowed from the store and written straight out of it.

use std::borrow::Cow;

use corescope_core::time::rfc3339_millis;
use corescope_store::memory::{self, Snapshot, Transmission};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::veil::Veil;

/// A JSON array that is kept as text, read once to see that it is one, and written as it is.
#[derive(Debug, Clone)]
pub struct RawArray(Option<Box<RawValue>>);

impl RawArray {
    /// `None` unless the text is a JSON array with something in it.
    pub fn filled(text: Cow<'_, str>) -> Option<Self> {
        let trimmed = text.trim();
        if !trimmed.starts_with('[') || trimmed.get(1..)?.trim_start().starts_with(']') {
            return None;
        }
        RawValue::from_string(text.into_owned()).ok().map(|raw| Self(Some(raw)))
    }

    /// An empty array.
    pub fn empty() -> Self {
        Self(None)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().map_or("[]", RawValue::get)
    }
}

impl Serialize for RawArray {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(raw) => raw.serialize(serializer),
            None => serializer.collect_seq(std::iter::empty::<()>()),
        }
    }
}

/// A transmission, shown with the observation that came the longest way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Packet<'a> {
    /// Transmission id.
    pub id: i64,
    /// The frame of the first copy heard, in hex, letter case as published.
    pub raw_hex: Option<Cow<'a, str>>,
    /// Content hash, 16 lower-case hex digits.
    pub hash: Cow<'a, str>,
    /// First reception, RFC 3339 UTC.
    pub first_seen: Cow<'a, str>,
    /// The same as `first_seen`.
    pub timestamp: Cow<'a, str>,
    /// 0 TRANSPORT_FLOOD, 1 FLOOD, 2 DIRECT, 3 TRANSPORT_DIRECT.
    pub route_type: Option<i64>,
    /// Payload type, 0–15.
    pub payload_type: Option<i64>,
    /// The decoded payload: JSON in a string.
    pub decoded_json: Option<Cow<'a, str>>,
    /// Observations of this transmission.
    pub observation_count: usize,
    /// Observer of the display observation.
    pub observer_id: Option<&'a str>,
    /// Its name.
    pub observer_name: Option<&'a str>,
    /// Its region (IATA code).
    pub observer_iata: Option<&'a str>,
    /// Signal-to-noise ratio of the display observation, dB.
    pub snr: Option<f64>,
    /// Signal strength of the display observation, dBm.
    pub rssi: Option<f64>,
    /// Path of the display observation: JSON in a string, upper-case hex hops.
    pub path_json: Option<Cow<'a, str>>,
    /// `rx`, `tx` or null.
    pub direction: Option<&'a str>,
    /// The hops of `path_json`; null when there are none.
    #[serde(rename = "_parsedPath")]
    #[schema(value_type = Option<Vec<String>>)]
    pub parsed_path: Option<RawArray>,
    /// Public keys of the hops, null where unknown; absent when nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Option<String>>>, nullable = false)]
    pub resolved_path: Option<RawArray>,
    /// Transport scope: null unscoped, `""` scoped but unknown, else `#name`.
    pub scope_name: Option<&'a str>,
    /// Newest first; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub observations: Option<Vec<ShortObservation<'a>>>,
}

/// An observation inside a packet.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShortObservation<'a> {
    /// Observation id.
    pub id: i64,
    /// Id of the transmission; in the adverts of a node only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub transmission_id: Option<i64>,
    /// Who heard it, as published (mostly 64 upper-case hex digits).
    pub observer_id: Option<&'a str>,
    /// Its name.
    pub observer_name: Option<&'a str>,
    /// Its region (IATA code).
    pub observer_iata: Option<&'a str>,
    /// Signal-to-noise ratio, dB.
    pub snr: Option<f64>,
    /// Signal strength, dBm.
    pub rssi: Option<f64>,
    /// Path up to this observer: JSON in a string.
    pub path_json: Option<Cow<'a, str>>,
    /// Reception time, RFC 3339 UTC with milliseconds.
    pub timestamp: String,
    /// `rx`, `tx` or null.
    pub direction: Option<&'a str>,
    /// Public keys of the hops, null where unknown; absent when nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Option<String>>>, nullable = false)]
    pub resolved_path: Option<RawArray>,
}

/// An observation on its own.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Observation<'a> {
    /// Observation id.
    pub id: i64,
    /// The transmission observed.
    pub transmission_id: i64,
    /// Its content hash.
    pub hash: Cow<'a, str>,
    /// Who heard it, as published.
    pub observer_id: Option<&'a str>,
    /// Its name.
    pub observer_name: Option<&'a str>,
    /// Its region (IATA code).
    pub observer_iata: Option<&'a str>,
    /// Signal-to-noise ratio, dB.
    pub snr: Option<f64>,
    /// Signal strength, dBm.
    pub rssi: Option<f64>,
    /// Path up to this observer: JSON in a string.
    pub path_json: Option<Cow<'a, str>>,
    /// Public keys of the hops, null where unknown; absent when nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Option<String>>>, nullable = false)]
    pub resolved_path: Option<RawArray>,
    /// `rx` or `tx`; absent when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub direction: Option<&'a str>,
    /// The transmission's frame in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub raw_hex: Option<Cow<'a, str>>,
    /// Reception time, RFC 3339 UTC with milliseconds.
    pub timestamp: String,
}

/// A transmission as one row of the grouped list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GroupedPacket<'a> {
    /// Content hash.
    pub hash: Cow<'a, str>,
    /// First reception, RFC 3339 UTC.
    pub first_seen: Cow<'a, str>,
    /// Observations.
    pub count: usize,
    /// The same as `count`.
    pub observation_count: usize,
    /// Distinct observers.
    pub observer_count: usize,
    /// Newest reception.
    pub latest: Cow<'a, str>,
    /// Regions of its observers, sorted.
    pub distinct_iatas: Vec<&'a str>,
    /// Observer of the display observation.
    pub observer_id: Option<&'a str>,
    /// Its name.
    pub observer_name: Option<&'a str>,
    /// Its region (IATA code).
    pub observer_iata: Option<&'a str>,
    /// Path of the display observation: JSON in a string.
    pub path_json: Option<Cow<'a, str>>,
    /// Payload type, 0–15.
    pub payload_type: Option<i64>,
    /// Route type, 0–3.
    pub route_type: Option<i64>,
    /// The frame in hex.
    pub raw_hex: Option<Cow<'a, str>>,
    /// The decoded payload: JSON in a string.
    pub decoded_json: Option<Cow<'a, str>>,
    /// Signal-to-noise ratio of the display observation, dB.
    pub snr: Option<f64>,
    /// Signal strength of the display observation, dBm.
    pub rssi: Option<f64>,
}

/// An observer's three columns; all null when it is unknown or hidden.
#[derive(Debug, Clone, Copy, Default)]
struct Who<'a> {
    id: Option<&'a str>,
    name: Option<&'a str>,
    iata: Option<&'a str>,
}

/// How rows are shown: names from one snapshot, through the veil.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Where names come from.
    pub snapshot: &'a Snapshot,
    /// What is hidden.
    pub veil: &'a Veil,
}

impl<'a> View<'a> {
    fn who(self, observer: Option<i64>) -> Who<'a> {
        let Some(observer) = observer.and_then(|rowid| self.snapshot.observers().by_rowid(rowid)) else {
            return Who::default();
        };
        if self.veil.hides_observer(&observer.id) {
            return Who::default();
        }
        let name = observer.name.as_deref().filter(|n| !self.veil.hides_name(n));
        Who { id: Some(&observer.id), name, iata: observer.iata.as_deref().filter(|i| !i.is_empty()) }
    }

    fn resolved(self, text: Option<Cow<'a, str>>) -> Option<RawArray> {
        RawArray::filled(self.veil.resolved(text?, self.snapshot))
    }

    fn frame(self, row: Transmission<'a>) -> Option<Cow<'a, str>> {
        (!self.veil.hides_frame(&row, self.snapshot)).then(|| row.raw_hex())
    }

    fn decoded(self, row: Transmission<'a>) -> Option<Cow<'a, str>> {
        row.decoded_json().map(|json| self.veil.decoded(json, self.snapshot))
    }

    /// A packet, with its observations if asked for.
    pub fn packet(self, row: Transmission<'a>, with_observations: bool) -> Packet<'a> {
        self.packet_with(row, with_observations.then(|| self.observations(row)))
    }

    /// A packet with observations that are made already.
    pub(super) fn packet_with(
        self,
        row: Transmission<'a>,
        observations: Option<Vec<ShortObservation<'a>>>,
    ) -> Packet<'a> {
        let display = row.display();
        let who = self.who(display.and_then(|d| d.observer()));
        let path_json = display.and_then(|d| d.path_json());
        let first_seen = row.first_seen();
        Packet {
            id: row.id(),
            raw_hex: self.frame(row),
            hash: row.hash(),
            timestamp: first_seen.clone(),
            first_seen,
            route_type: row.route_type(),
            payload_type: row.payload_type(),
            decoded_json: self.decoded(row),
            observation_count: row.observation_count(),
            observer_id: who.id,
            observer_name: who.name,
            observer_iata: who.iata,
            snr: display.and_then(|d| d.snr()),
            rssi: display.and_then(|d| d.rssi()),
            parsed_path: path_json.clone().and_then(RawArray::filled),
            path_json,
            direction: display.and_then(|d| d.direction()),
            resolved_path: self.resolved(row.resolved_path()),
            scope_name: row.scope_name(),
            observations,
        }
    }

    /// One row of the grouped list.
    pub fn grouped(self, row: Transmission<'a>) -> GroupedPacket<'a> {
        let display = row.display();
        let who = self.who(display.and_then(|d| d.observer()));
        let mut observers: Vec<Option<i64>> = row.observations().map(|o| o.observer()).collect();
        observers.sort_unstable();
        observers.dedup();
        let mut distinct_iatas: Vec<&str> = observers.iter().filter_map(|o| self.who(*o).iata).collect();
        distinct_iatas.sort_unstable();
        distinct_iatas.dedup();
        GroupedPacket {
            hash: row.hash(),
            first_seen: row.first_seen(),
            count: row.observation_count(),
            observation_count: row.observation_count(),
            observer_count: observers.iter().flatten().count(),
            latest: latest(row),
            distinct_iatas,
            observer_id: who.id,
            observer_name: who.name,
            observer_iata: who.iata,
            path_json: display.and_then(|d| d.path_json()),
            payload_type: row.payload_type(),
            route_type: row.route_type(),
            raw_hex: self.frame(row),
            decoded_json: self.decoded(row),
            snr: display.and_then(|d| d.snr()),
            rssi: display.and_then(|d| d.rssi()),
        }
    }

    /// An observation inside its packet.
    pub fn short(self, row: memory::Observation<'a>) -> ShortObservation<'a> {
        let who = self.who(row.observer());
        ShortObservation {
            id: row.id(),
            transmission_id: None,
            observer_id: who.id,
            observer_name: who.name,
            observer_iata: who.iata,
            snr: row.snr(),
            rssi: row.rssi(),
            path_json: row.path_json(),
            timestamp: observed_at(row),
            direction: row.direction(),
            resolved_path: self.resolved(row.resolved_path()),
        }
    }

    /// The observations inside their packet, newest first.
    pub(super) fn observations(self, row: Transmission<'a>) -> Vec<ShortObservation<'a>> {
        newest_first(row).into_iter().map(|o| self.short(o)).collect()
    }

    /// An observation on its own.
    pub fn long(self, row: memory::Observation<'a>) -> Observation<'a> {
        self.shared(row.transmission()).long(self.short(row))
    }

    /// What every observation of a transmission repeats, read once for all of them.
    pub(super) fn shared(self, row: Transmission<'a>) -> Shared<'a> {
        Shared { transmission_id: row.id(), hash: row.hash(), raw_hex: self.frame(row) }
    }
}

/// The columns of a transmission that each of its observations carries.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    transmission_id: i64,
    hash: Cow<'a, str>,
    raw_hex: Option<Cow<'a, str>>,
}

impl<'a> Shared<'a> {
    /// An observation on its own, from its form inside the packet.
    pub(super) fn long(&self, short: ShortObservation<'a>) -> Observation<'a> {
        Observation {
            id: short.id,
            transmission_id: self.transmission_id,
            hash: self.hash.clone(),
            observer_id: short.observer_id,
            observer_name: short.observer_name,
            observer_iata: short.observer_iata,
            snr: short.snr,
            rssi: short.rssi,
            path_json: short.path_json,
            resolved_path: short.resolved_path,
            direction: short.direction,
            raw_hex: self.raw_hex.clone(),
            timestamp: short.timestamp,
        }
    }
}

/// Reception time as the contract writes it: `.000Z`.
pub(crate) fn observed_at(row: memory::Observation<'_>) -> String {
    rfc3339_millis(row.timestamp().saturating_mul(1000))
}

/// The later of first reception and newest observation, compared as text, as clients see it.
fn latest(row: Transmission<'_>) -> Cow<'_, str> {
    let first_seen = row.first_seen();
    let newest = row.observations().map(|o| o.timestamp()).max();
    match newest.map(|t| rfc3339_millis(t.saturating_mul(1000))) {
        Some(newest) if *newest > *first_seen => Cow::Owned(newest),
        _ => first_seen,
    }
}

/// The observations, newest first; ties by observer, then path.
pub(super) fn newest_first(row: Transmission<'_>) -> Vec<memory::Observation<'_>> {
    let mut rows: Vec<memory::Observation<'_>> = row.observations().collect();
    rows.sort_by(|a, b| {
        b.timestamp()
            .cmp(&a.timestamp())
            .then_with(|| a.observer().cmp(&b.observer()))
            .then_with(|| a.path_json().cmp(&b.path_json()))
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_written_as_they_are_and_rubbish_is_not_written() {
        let filled = |text: &'static str| RawArray::filled(Cow::Borrowed(text));
        assert_eq!(crate::json::to_vec(&filled(r#"["61",null]"#)), b"[\"61\",null]\n");
        for none in ["[]", "[ ]", "", "{}", "[1", "\"x\"", "[1]]"] {
            assert!(filled(none).is_none(), "{none}");
        }
    }
}
