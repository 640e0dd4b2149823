//! The packet hash: one message has one, on every route and at every hop.
//!
//! ```text
//! SHA-256( payload type || [path_len as u16, TRACE only] || payload )[0..8]
//! ```
//!
//! Source of fact: MeshCore `src/Packet.cpp`, `calculatePacketHash`.

use core::fmt;

#[cfg(feature = "crypto")]
use crate::crypto::first_eight;

/// The identity of a message: eight bytes, shown as 16 lower-case hex digits (firmware logs show
/// the same in upper case).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PacketHash(pub [u8; 8]);

impl PacketHash {
    /// From 16 hex digits of either case; `None` for other text. Old databases hold other forms:
    /// see [`StoredHash`].
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 16 {
            return None;
        }
        crate::hex::parse_array(text).ok().map(Self)
    }
}

impl fmt::Display for PacketHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::hex::Hex(&self.0).fmt(f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for PacketHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The hash of a packet, by today's rule.
#[cfg(feature = "crypto")]
pub fn packet_hash(packet: &crate::Packet<'_>) -> PacketHash {
    match packet.payload_type() {
        crate::PayloadType::Trace => hash_with_path_len(packet),
        kind => PacketHash(first_eight(&[kind.number()], packet.payload())),
    }
}

/// With the path length as the 16-bit number that it is in firmware.
#[cfg(feature = "crypto")]
fn hash_with_path_len(packet: &crate::Packet<'_>) -> PacketHash {
    let head = [packet.payload_type().number(), packet.path().path_len().0, 0];
    PacketHash(first_eight(&head, packet.payload()))
}

/// By which rule the hash in an old database was made. All are opaque keys there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoredHash {
    /// Today's rule.
    Current,
    /// The first 16 characters of the frame's hex text.
    RawPrefix,
    /// Today's rule with the path length in it, as only TRACE has it.
    WithPathLen,
    /// None we know.
    Unknown,
}

impl StoredHash {
    /// Finds the rule that makes `stored` of the frame `raw`.
    #[cfg(feature = "crypto")]
    pub fn classify(stored: &str, raw: &[u8]) -> Self {
        if let Some(hash) = PacketHash::from_hex(stored) {
            if let Ok(packet) = crate::Packet::parse(raw) {
                if packet_hash(&packet) == hash {
                    return Self::Current;
                }
                if hash_with_path_len(&packet) == hash {
                    return Self::WithPathLen;
                }
            }
            if raw.first_chunk::<8>() == Some(&hash.0) {
                return Self::RawPrefix;
            }
        }
        Self::Unknown
    }
}

#[cfg(test)]
#[cfg(feature = "crypto")]
mod tests {
    use super::*;
    use crate::Packet;
    use alloc::string::ToString;

    fn hash_of(hex: &str) -> alloc::string::String {
        packet_hash(&Packet::parse(&crate::hex::parse(hex).unwrap()).unwrap()).to_string()
    }

    #[test]
    fn the_golden_values() {
        assert_eq!(hash_of("2502AABBDEADBEEF"), "b1baaf3bf0d0726c");
        assert_eq!(hash_of("0A00D69FD7A5A7475DB07337749AE61FA53A4788E976"), "b1f07307cbc01ce5");
    }

    #[test]
    fn old_rules_are_recognised() {
        let raw = crate::hex::parse("0A00D69FD7A5A7475DB07337749AE61FA53A4788E976").unwrap();
        assert_eq!(StoredHash::classify("B1F07307CBC01CE5", &raw), StoredHash::Current);
        assert_eq!(StoredHash::classify("0A00D69FD7A5A747", &raw), StoredHash::RawPrefix);
        assert_eq!(StoredHash::classify("00112233445566ff", &raw), StoredHash::Unknown);
    }
}
