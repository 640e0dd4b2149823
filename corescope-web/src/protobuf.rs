//! Answers as protobuf, on request (`Accept: application/x-protobuf`).
//!
//! The messages are in `proto/`. They are made from the JSON answer, so that both always say the
//! same; a client asks for them because it wants the format, not because it would be faster.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ApiError;

/// The generated types.
#[allow(missing_docs, clippy::pedantic, clippy::all, reason = "generated; proto/ says what they are")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/meshcore.v1.rs"));
}

/// `Content-Type` of such answers.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

/// Turns a JSON answer of this route into its message; leaves errors and routes without one as
/// they are.
pub(crate) async fn transcode(route: &str, grouped: bool, response: Response) -> Response {
    let Some(convert) = converter(route, grouped) else { return response };
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return ApiError::internal("protobuf", &"the JSON answer broke off").into_response();
    };
    match convert(&body.to_bytes()) {
        Ok(message) => {
            parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.headers.append(header::VARY, HeaderValue::from_static("Accept"));
            Response::from_parts(parts, Body::from(message))
        }
        Err(error) => ApiError::internal("protobuf", &error).into_response(),
    }
}

type Convert = fn(&[u8]) -> Result<Vec<u8>, serde_json::Error>;

fn converter(route: &str, grouped: bool) -> Option<Convert> {
    Some(match route {
        "/api/packets" if grouped => message::<v1::GroupedPacketListResponse>,
        "/api/packets" => message::<v1::PacketListResponse>,
        "/api/packets/:id" => message::<v1::PacketDetailResponse>,
        "/api/packets/timestamps" => timestamps,
        "/api/traces/:hash" => message::<v1::TraceResponse>,
        "/api/nodes" => message::<v1::NodeListResponse>,
        "/api/nodes/search" => message::<v1::NodeSearchResponse>,
        "/api/nodes/network-status" => message::<v1::NetworkStatusResponse>,
        "/api/nodes/:pubkey" => message::<v1::NodeDetailResponse>,
        "/api/nodes/:pubkey/health" => message::<v1::NodeHealthResponse>,
        "/api/observers" => message::<v1::ObserverListResponse>,
        "/api/observers/:id" => message::<v1::Observer>,
        _ => return None,
    })
}

fn message<M: Message + DeserializeOwned>(json: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let value = without_nulls(serde_json::from_slice(json)?);
    Ok(serde_json::from_value::<M>(value)?.encode_to_vec())
}

fn timestamps(json: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    Ok(v1::PacketTimestampsResponse { timestamps: serde_json::from_slice(json)? }.encode_to_vec())
}

/// A message of the live feed, from its JSON.
pub(crate) fn live_event(json: &str) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = without_nulls(serde_json::from_str(json)?);
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let mut event =
        v1::LiveEvent { r#type: text(&value, "type"), cursor: text(&value, "cursor"), ..Default::default() };
    let data = value.get_mut("data").map(Value::take).unwrap_or_default();
    match event.r#type.as_str() {
        "transmission" => event.transmission = Some(serde_json::from_value(data)?),
        "observations" => event.increment = Some(serde_json::from_value(data)?),
        _ => event.data_json = Some(data.to_string()),
    }
    Ok(event.encode_to_vec())
}

/// Null is absent in protobuf; in a list, where places count, it is an empty string. Whole numbers
/// that JSON writes with a fraction become integers again.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect(),
        ),
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|v| if v.is_null() { Value::String(String::new()) } else { without_nulls(v) })
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_packets_says_the_same_in_both_forms() {
        let json = br#"{"packets":[{"id":7,"raw_hex":null,"hash":"ab","first_seen":"t","timestamp":"t","route_type":1,
            "payload_type":null,"observation_count":2,"snr":6,"resolved_path":["aa",null],"_parsedPath":["61"],
            "observations":[{"id":1,"rssi":-74.5,"timestamp":"u"}]}],"total":1,"limit":50,"offset":0,"nextCursor":"1-7"}"#;
        let bytes = converter("/api/packets", false).unwrap()(json).unwrap();
        let page = v1::PacketListResponse::decode(&*bytes).unwrap();
        assert_eq!((page.total, page.next_cursor.as_deref()), (1, Some("1-7")));
        let packet = &page.packets[0];
        assert_eq!((packet.id, packet.snr, packet.raw_hex.as_deref()), (7, Some(6.0), None));
        assert_eq!(packet.resolved_path, ["aa", ""]);
        assert_eq!(packet.observations[0].rssi, Some(-74.5));
    }

    #[test]
    fn live_events_carry_their_cursor() {
        let bytes =
            live_event(r#"{"type":"transmission","cursor":"1.2","data":{"id":7,"hash":"ab"}}"#).unwrap();
        let event = v1::LiveEvent::decode(&*bytes).unwrap();
        assert_eq!((event.cursor.as_str(), event.transmission.map(|t| t.id)), ("1.2", Some(7)));
        let bytes = live_event(r#"{"type":"gap","cursor":"1.2","data":{"reason":"too_old"}}"#).unwrap();
        assert_eq!(
            v1::LiveEvent::decode(&*bytes).unwrap().data_json.as_deref(),
            Some(r#"{"reason":"too_old"}"#)
        );
    }
}
