//! Answers to anonymous requests: the tag, then the server's clock, then one of three.
//!
//! Source of fact: MeshCore `examples/simple_repeater/MyMesh.cpp`, `handleAnonRegionsReq`,
//! `handleAnonOwnerReq`, `handleAnonClockReq`.

use super::owner::{last, line};
use super::too_short;
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::listener::{Listener, Value};
use crate::text::Text;

/// Which regions a repeater serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Regions<'a> {
    /// The server's clock, Unix seconds.
    pub clock: u32,
    /// Comma-separated names without `#`; `*` is the wildcard.
    pub names: Text<'a>,
}

impl<'a> Regions<'a> {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Option<Self> {
        let Some(clock) = c.time("server clock") else { return too_short(c, "server clock", 4) };
        Some(Self { clock, names: last(c, "regions") })
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        let names = self.names.as_bytes();
        names.split(|&b| b == b',').filter(|name| !name.is_empty()).map(Text)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Regions<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut s = serializer.serialize_struct("Regions", 2)?;
        s.serialize_field("clock", &self.clock)?;
        s.serialize_field("names", &self.names)?;
        s.end()
    }
}

/// Who owns a repeater.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OwnerReply<'a> {
    /// The server's clock, Unix seconds.
    pub clock: u32,
    /// Its name.
    pub node_name: Text<'a>,
    /// May hold more lines; absent if there is no such line.
    pub owner_info: Option<Text<'a>>,
}

impl<'a> OwnerReply<'a> {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Option<Self> {
        let Some(clock) = c.time("server clock") else { return too_short(c, "server clock", 4) };
        let (node_name, more) = line(c, "node name");
        Some(Self { clock, node_name, owner_info: more.then(|| last(c, "owner info")) })
    }
}

/// What a repeater is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct BasicInfo {
    /// The server's clock, Unix seconds.
    pub clock: u32,
    /// Bits 0–1: 1 serial bridge, 3 ESP-NOW bridge; bit 7: forwarding disabled.
    pub features: u8,
}

impl BasicInfo {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'_, '_, L>) -> Option<Self> {
        if c.left() < 5 {
            return too_short(c, "server clock and features", 5);
        }
        Some(Self { clock: c.time("server clock")?, features: c.bits("features", feature_bits)? })
    }
}

fn feature_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    part("forwarding disabled", 7, 7, Value::Flag(byte & 0x80 != 0));
    part("reserved", 6, 2, Value::Unsigned(u64::from(byte >> 2 & 0x1F)));
    let names = ["none", "serial", "unassigned", "ESP-NOW"];
    let bridge = byte & 3;
    part(
        "bridge",
        1,
        0,
        Value::Named(bridge.into(), names.get(usize::from(bridge)).copied().unwrap_or_default()),
    );
}

#[cfg(feature = "encode")]
impl Encode for Regions<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.clock.to_le_bytes());
        out.extend(self.names.as_bytes());
    }
}

#[cfg(feature = "encode")]
impl Encode for OwnerReply<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.clock.to_le_bytes());
        out.extend(self.node_name.as_bytes());
        if let Some(line) = self.owner_info {
            out.push(b'\n');
            out.extend(line.as_bytes());
        }
    }
}

#[cfg(feature = "encode")]
impl Encode for BasicInfo {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.clock.to_le_bytes());
        out.push(self.features);
    }
}
