//! The decoded packet in the shape that the original's decoder and live feed use.

use corescope_decode::compat::go;
use corescope_decode::{Issues, Packet, Payload};
use serde::Serialize;
use utoipa::ToSchema;

/// The path of a packet; of a TRACE, the one its payload names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecodedPath {
    /// Bytes of each hop's hash; 0 for a direct packet without hops.
    pub(crate) hash_size: usize,
    /// How many hops.
    pub(crate) hash_count: usize,
    /// Upper-case hex.
    pub(crate) hops: Vec<String>,
    /// Of a TRACE: hops done so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) hops_completed: Option<usize>,
}

impl DecodedPath {
    pub(crate) fn of(packet: &Packet<'_>) -> Self {
        if let Payload::Trace(trace) = packet.typed_as_version_1(&mut Issues::new())
            && !trace.hashes.is_empty()
        {
            let hops = go::hops(packet);
            return Self {
                hash_size: 1 << (trace.flags & 3),
                hash_count: hops.len(),
                hops,
                hops_completed: Some(trace.snr.len()),
            };
        }
        let path = packet.path();
        let zero_hop = path.is_empty() && packet.route_type().is_direct();
        let is_trace = packet.payload_type() == corescope_decode::PayloadType::Trace;
        Self {
            hash_size: if zero_hop && !is_trace { 0 } else { path.hash_size() },
            hash_count: path.len(),
            hops: go::hops(packet),
            hops_completed: None,
        }
    }
}

/// The name of a payload type as the feed writes it; `UNK(n)` for unnamed ones.
pub(crate) fn payload_type_name(number: Option<i64>) -> String {
    let Some(number) = number else { return "UNKNOWN".to_owned() };
    match u8::try_from(number).map(corescope_core::filter::payload_type_name) {
        Ok(name) if name != "UNKNOWN" => name.to_owned(),
        _ => format!("UNK({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(hex: &str) -> DecodedPath {
        let raw = hex::decode(hex).unwrap();
        DecodedPath::of(&Packet::parse(&raw).unwrap())
    }

    #[test]
    fn a_trace_shows_the_path_of_its_payload() {
        let trace = path("26010FBA74E45D000000000027");
        assert_eq!((trace.hash_size, trace.hash_count, trace.hops_completed), (1, 1, Some(1)));
        assert_eq!(trace.hops, ["27"]);
        assert_eq!(path("06001f5d97f8ed9eec25bdb2c1dfdb0250be49517647").hash_size, 0);
    }

    #[test]
    fn types_without_a_name_show_their_number() {
        assert_eq!(payload_type_name(Some(9)), "TRACE");
        assert_eq!(payload_type_name(Some(12)), "UNK(12)");
        assert_eq!(payload_type_name(None), "UNKNOWN");
    }
}
