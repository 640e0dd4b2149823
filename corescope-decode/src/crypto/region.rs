//! Region keys: to which region a packet is scoped.
//!
//! ```text
//! region_key = SHA-256('#' + name)[0..16]
//! code       = HMAC-SHA-256(region_key, payload type || payload)[0..2], u16 little endian;
//!              0x0000 becomes 0x0001, 0xFFFF becomes 0xFFFE
//! ```
//!
//! Source of fact: MeshCore `src/helpers/TransportKeyStore.cpp`, `calcTransportCode`.

use super::hmac::HmacKey;
use super::sha256;
use crate::frame::{Packet, PayloadType};

/// The key of one region.
#[derive(Clone, Copy)]
pub struct RegionKey {
    bytes: [u8; 16],
    mac: HmacKey,
}

impl RegionKey {
    /// From its name, with or without `#`, case-sensitive. A name that begins with `$` is private
    /// and `*` is the wildcard: neither has a key that follows from the name.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.is_empty() || name == "*" || name.starts_with('$') {
            return None;
        }
        let mark: &[u8] = if name.starts_with('#') { b"" } else { b"#" };
        let digest = sha256(&[mark, name.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Some(Self::from_bytes(bytes))
    }

    /// A key that is known otherwise.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bytes, mac: HmacKey::new(&bytes) }
    }

    /// The key.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// The scope code of a payload in this region: 0x0001 to 0xFFFE.
    pub fn code(&self, kind: PayloadType, payload: &[u8]) -> u16 {
        let payload = payload.get(..crate::frame::MAX_PAYLOAD).unwrap_or(payload);
        u16::from_le_bytes(self.mac.mac2(&[kind.number()], payload)).clamp(0x0001, 0xFFFE)
    }

    /// Whether the packet is scoped to this region. A wrong region fits once in 65 534.
    pub fn fits(&self, packet: &Packet<'_>) -> bool {
        packet.transport_codes().is_some_and(|codes| {
            codes.scope != 0 && codes.scope == self.code(packet.payload_type(), packet.payload())
        })
    }
}

impl core::fmt::Debug for RegionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RegionKey({})", crate::hex::Hex(&self.bytes))
    }
}

/// The regions one knows.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default)]
pub struct RegionKeys {
    keys: alloc::vec::Vec<(alloc::string::String, RegionKey)>,
}

#[cfg(feature = "alloc")]
impl RegionKeys {
    /// None.
    pub const fn new() -> Self {
        Self { keys: alloc::vec::Vec::new() }
    }

    /// Adds a region by name; `false` if its key does not follow from the name.
    pub fn insert(&mut self, name: &str) -> bool {
        let Some(key) = RegionKey::from_name(name) else { return false };
        self.keys.push((name.into(), key));
        true
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The names of the regions that the packet may be scoped to, in the order they were added;
    /// mostly none or one.
    pub fn matches<'a>(&'a self, packet: &'a Packet<'a>) -> smallvec::SmallVec<[&'a str; 2]> {
        self.keys.iter().filter(|(_, key)| key.fits(packet)).map(|(name, _)| name.as_str()).collect()
    }

    /// The first region that the packet may be scoped to.
    pub fn scope_of(&self, packet: &Packet<'_>) -> Option<&str> {
        self.keys.iter().find(|(_, key)| key.fits(packet)).map(|(name, _)| name.as_str())
    }
}

#[cfg(feature = "alloc")]
impl<S: AsRef<str>> FromIterator<S> for RegionKeys {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut keys = Self::new();
        for name in names {
            keys.insert(name.as_ref());
        }
        keys
    }
}
