//! From hex to a packet: what the writer needs to know of a frame before it can file it.

use corescope_decode::{FrameErrorKind, Issues, Packet, Payload, PayloadType};

use super::outcome::Rejected;

/// Longest hex text that is looked at: a frame is at most 254 bytes.
const MAX_HEX: usize = 1024;

/// Reads hex into `room` and the frame out of it.
pub(crate) fn read_frame<'r>(raw_hex: &str, room: &'r mut Vec<u8>) -> Result<Packet<'r>, Rejected> {
    if raw_hex.len() > MAX_HEX || !raw_hex.len().is_multiple_of(2) {
        return Err(Rejected::Hex);
    }
    room.clear();
    room.resize(raw_hex.len() / 2, 0);
    hex::decode_to_slice(raw_hex, room).map_err(|_| Rejected::Hex)?;
    Packet::parse(room).map_err(|error| match error.kind {
        FrameErrorKind::ReservedHashSize | FrameErrorKind::PathTooLong => Rejected::PathLength,
        FrameErrorKind::TruncatedPath => Rejected::PathOverrun,
        FrameErrorKind::PayloadTooLong => Rejected::PayloadLength,
        _ => Rejected::Short,
    })
}

/// The hops that an observation is filed under: those of the header, or, in a trace, those
/// of the payload, because its header holds signal values.
pub(crate) fn observed_path<'a>(packet: &Packet<'a>) -> std::slice::ChunksExact<'a, u8> {
    if packet.payload_type() != PayloadType::Trace {
        return packet.path().hops();
    }
    match packet.typed_as_version_1(&mut Issues::new()) {
        Payload::Trace(trace) if !trace.hashes.is_empty() => trace.hops(),
        _ => packet.path().hops(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw_hex: &str) -> Result<String, Rejected> {
        let mut room = Vec::new();
        read_frame(raw_hex, &mut room).map(|p| super::super::path_json(observed_path(&p)))
    }

    #[test]
    fn frames_are_read_and_refused_with_a_reason() {
        assert_eq!(path("1502AABBCC").unwrap(), r#"["AA","BB"]"#);
        assert_eq!(path("1541AABBCC").unwrap(), r#"["AABB"]"#);
        for (raw, why) in [
            ("15F", Rejected::Hex),
            ("zz", Rejected::Hex),
            ("", Rejected::Short),
            ("15", Rejected::Short),
            ("140011", Rejected::Short),
            ("15C0", Rejected::PathLength),
            ("1561", Rejected::PathLength),
            ("1505AA", Rejected::PathOverrun),
        ] {
            assert_eq!(path(raw), Err(why), "{raw}");
        }
        assert_eq!(path(&format!("1500{}", "00".repeat(185))), Err(Rejected::PayloadLength));
    }

    #[test]
    fn a_trace_is_filed_under_the_hops_of_its_payload() {
        // Header: direct, TRACE; two signal values; tag, auth code, flags 1 (2 bytes a hop).
        assert_eq!(
            path("260230281111111122222222 01 A1A2B1B2 C1".replace(' ', "").as_str()).unwrap(),
            r#"["A1A2","B1B2"]"#
        );
        assert_eq!(path("26023028 11").map(|p| p.replace(' ', "")), Err(Rejected::Hex));
        assert_eq!(path("2602302811").unwrap(), r#"["30","28"]"#, "too short for a trace");
    }
}
