//! TRACE: measures the signal along a given route.
//!
//! | offset | size | field                                              |
//! |-------:|-----:|----------------------------------------------------|
//! |      0 |    4 | tag, chosen by the sender                          |
//! |      4 |    4 | auth code                                          |
//! |      8 |    1 | flags; bits 0–1 = s                                |
//! |      9 | rest | hop hashes of 2^s bytes: 1, 2, 4 or 8              |
//!
//! The frame's path holds one signal value per hop done, not hashes.
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createTrace` and the `PAYLOAD_TYPE_TRACE` arm.

use super::Partial;
use crate::cursor::{self, Cursor};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::{Packet, hop_value};
use crate::issue::{Detail, IssueKind};
use crate::listener::{Listener, Value};

/// A trace under way or complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Trace<'a> {
    /// The signal at each hop done, in quarter dB as signed bytes: the frame's path.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub snr: &'a [u8],
    /// Chosen by the sender.
    pub tag: u32,
    /// Chosen by the sender.
    pub auth_code: u32,
    /// Bits 0–1 say the hash size; the others are reserved.
    pub flags: u8,
    /// The hashes of all hops, whole ones only.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub hashes: &'a [u8],
    /// What is left over when their bytes are no multiple of the size.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub unaligned: &'a [u8],
}

impl<'a> Trace<'a> {
    #[inline(always)]
    pub(super) fn read<L: Listener>(
        packet: &Packet<'a>,
        c: &mut Cursor<'a, '_, L>,
    ) -> Result<Self, Partial<'a>> {
        if packet.route_type().is_flood() {
            let detail = Detail::Rule("of a trace should be direct");
            c.issue_at(0, IssueKind::TraceNotDirect, "route type", detail);
        }
        if packet.path().path_len().0 >= 0x40 {
            let detail = Detail::Value { came: packet.path().path_len().0.into(), expected: "below 64" };
            let at = packet.payload_offset() - packet.path().as_bytes().len() - 1;
            c.issue_at(at, IssueKind::TraceBadPathLen, "path_len", detail);
        }
        let partial = Partial::trace(packet, c.peek());
        if c.left() < 9 {
            c.needs(IssueKind::PayloadTooShort, "tag, auth code and flags", 9);
            return Err(partial.end(c));
        }
        let (Some(tag), Some(auth_code), Some(flags)) =
            (c.u32("tag"), c.u32("auth code"), c.bits("flags", flag_bits))
        else {
            return Err(partial.end(c));
        };
        let size = 1 << (flags & 3);
        let over = c.left() % size;
        if over != 0 {
            let detail = Detail::Value { came: c.left() as i32, expected: "a multiple of the hash size" };
            c.issue(IssueKind::TraceUnaligned, "hop hashes", detail);
        }
        let whole = c.left() - over;
        let hashes = c.peek().get(..whole).unwrap_or_default();
        if L::FIELDS && !hashes.is_empty() {
            c.open("hops");
            for _ in 0..whole / size {
                c.field("hop", cursor::bytes(size), |hop| hop_value(hop));
            }
            c.close();
        } else {
            c.up_to("hops", whole, |_| Value::Bytes);
        }
        let unaligned = c.remainder("cut off", |_| Value::Note("part of a hop hash"));
        Ok(Self { snr: packet.path().as_bytes(), tag, auth_code, flags, hashes, unaligned })
    }

    /// Bytes of each hop hash: 1, 2, 4 or 8.
    pub const fn hash_size(&self) -> usize {
        1 << (self.flags & 3)
    }

    /// The hop hashes, in the order of the route.
    pub fn hops(&self) -> core::slice::ChunksExact<'a, u8> {
        self.hashes.chunks_exact(self.hash_size())
    }

    /// The signal at each hop done, in quarter dB.
    pub fn snr_quarters(&self) -> impl ExactSizeIterator<Item = i8> + 'a {
        self.snr.iter().map(|&b| b as i8)
    }

    /// Whether every hop has been visited.
    pub const fn is_complete(&self) -> bool {
        self.snr.len() * self.hash_size() >= self.hashes.len()
    }
}

fn flag_bits(byte: u8, part: &mut dyn FnMut(&'static str, u8, u8, Value<'static>)) {
    part("reserved", 7, 2, Value::Unsigned(u64::from(byte >> 2)));
    let size = ["1 byte a hop", "2 bytes a hop", "4 bytes a hop", "8 bytes a hop"];
    let name = size.get(usize::from(byte & 3)).copied().unwrap_or_default();
    part("hash size", 1, 0, Value::Named(u64::from(byte & 3), name));
}

/// Writes the payload; the signal values go in the frame's path.
#[cfg(feature = "encode")]
impl Encode for Trace<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.tag.to_le_bytes());
        out.extend(self.auth_code.to_le_bytes());
        out.push(self.flags);
        out.extend(self.hashes);
        out.extend(self.unaligned);
    }
}
