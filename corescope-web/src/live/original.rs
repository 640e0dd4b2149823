//! Messages for clients of the original: one per observation.

use std::borrow::Cow;

use axum::extract::ws::Utf8Bytes;
use corescope_decode::Packet;
use corescope_store::memory::Observation;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::packets::{RawArray, View};
use crate::json;
use crate::legacy::{DecodedPath, payload_type_name};

/// `{"type":"packet","data":{…}}`.
#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    fields: &'a Fields<'a>,
    decoded: Decoded<'a>,
    /// The same fields again: the original's packet page reads only this.
    packet: &'a Fields<'a>,
}

#[derive(Serialize)]
struct Fields<'a> {
    id: i64,
    raw_hex: Option<Cow<'a, str>>,
    hash: Cow<'a, str>,
    first_seen: Cow<'a, str>,
    timestamp: Cow<'a, str>,
    route_type: Option<i64>,
    payload_type: Option<i64>,
    decoded_json: Option<Cow<'a, str>>,
    observer_id: Option<&'a str>,
    observer_name: Option<&'a str>,
    observer_iata: Option<&'a str>,
    snr: Option<f64>,
    rssi: Option<f64>,
    path_json: Option<Cow<'a, str>>,
    direction: Option<&'a str>,
    observation_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_path: Option<RawArray>,
    observation_id: i64,
    observed_at: String,
}

#[derive(Serialize)]
struct Decoded<'a> {
    header: Header,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<DecodedPath>,
}

#[derive(Serialize)]
struct Header {
    #[serde(rename = "payloadTypeName")]
    payload_type_name: String,
}

/// Writes the message of one observation.
pub(super) fn message(row: Observation<'_>, view: View<'_>) -> Utf8Bytes {
    let transmission = row.transmission();
    let packet = view.packet(transmission, false);
    let short = view.short(row);
    let path = (transmission.payload_type() == Some(9))
        .then(|| Packet::parse(transmission.raw()).ok().map(|p| DecodedPath::of(&p)))
        .flatten();
    let fields = Fields {
        id: packet.id,
        raw_hex: packet.raw_hex,
        hash: packet.hash,
        first_seen: packet.first_seen,
        timestamp: packet.timestamp,
        route_type: packet.route_type,
        payload_type: packet.payload_type,
        decoded_json: packet.decoded_json,
        observer_id: short.observer_id,
        observer_name: short.observer_name,
        observer_iata: short.observer_iata,
        snr: short.snr,
        rssi: short.rssi,
        path_json: short.path_json,
        direction: short.direction,
        observation_count: packet.observation_count,
        resolved_path: short.resolved_path,
        observation_id: short.id,
        observed_at: short.timestamp,
    };
    let decoded = Decoded {
        header: Header { payload_type_name: payload_type_name(fields.payload_type) },
        payload: fields.decoded_json.as_deref().and_then(|j| serde_json::from_str(j).ok()),
        path,
    };
    let message = Message { r#type: "packet", data: Data { fields: &fields, decoded, packet: &fields } };
    text(&message)
}

/// A message as a text frame's payload.
pub(super) fn text<T: Serialize>(message: &T) -> Utf8Bytes {
    let mut out = Vec::with_capacity(1024);
    json::write_to(&mut out, message);
    // JSON that serde_json wrote is UTF-8.
    Utf8Bytes::from(String::from_utf8(out).unwrap_or_default())
}
