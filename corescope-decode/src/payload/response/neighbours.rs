//! The answer to GET_NEIGHBOURS.
//!
//! | offset | size | field                                                    |
//! |-------:|-----:|----------------------------------------------------------|
//! |      0 |    2 | how many the repeater knows                              |
//! |      2 |    2 | how many follow                                          |
//! |      4 | rest | each: key prefix of the length asked for, u32 seconds ago, i8 quarter dB |
//!
//! Source of fact: MeshCore `examples/simple_repeater/MyMesh.cpp`, `REQ_TYPE_GET_NEIGHBOURS`.

use super::too_short;
use crate::cursor::{self, Cursor};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::issue::{Detail, IssueKind};
use crate::listener::{Listener, Value};

/// Whom a repeater hears.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Neighbours<'a> {
    /// How many it knows.
    pub total: u16,
    /// How many it says it tells here.
    pub count: u16,
    prefix_len: usize,
    bytes: &'a [u8],
}

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Neighbour<'a> {
    /// The first bytes of its public key.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub prefix: &'a [u8],
    /// When it was last heard, in seconds before the answer.
    pub heard_secs_ago: u32,
    /// How well, quarter dB.
    pub snr_q: i8,
}

impl<'a> Neighbours<'a> {
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>, prefix_len: u8) -> Option<Self> {
        if c.left() < 4 {
            return too_short(c, "totals", 4);
        }
        let total = c.u16("known")?;
        let at = c.at();
        let count = c.u16("told here")?;
        let prefix_len = usize::from(prefix_len.min(32));
        let size = prefix_len + 5;
        let fitting = usize::from(count).min(c.left() / size);
        if fitting < usize::from(count) {
            let bytes = (usize::from(count) * size).min(usize::from(u16::MAX)) as u16;
            let detail = Detail::Needs { bytes, left: c.left() as u16 };
            c.issue_at(at, IssueKind::InnerTruncated, "neighbours", detail);
        }
        let bytes = c.peek().get(..fitting * size).unwrap_or_default();
        for _ in 0..fitting {
            c.open("neighbour");
            c.up_to("key prefix", prefix_len, |_| Value::Bytes);
            c.field("heard", cursor::u32, |&n| Value::Scaled { raw: n.into(), per_unit: 1, unit: "s ago" });
            c.snr("SNR");
            c.close();
        }
        Some(Self { total, count, prefix_len, bytes })
    }

    /// An answer whose entries stand in `bytes` as on the wire, with key prefixes of `prefix_len`
    /// bytes; more than 32 are 32, as in firmware.
    pub fn new(total: u16, prefix_len: u8, bytes: &'a [u8]) -> Self {
        let prefix_len = usize::from(prefix_len.min(32));
        Self { total, count: (bytes.len() / (prefix_len + 5)) as u16, prefix_len, bytes }
    }

    /// Those told here, in the order asked for.
    pub fn neighbours(&self) -> impl Iterator<Item = Neighbour<'a>> + use<'a> {
        let prefix_len = self.prefix_len;
        self.bytes.chunks_exact(prefix_len + 5).filter_map(move |entry| {
            let (prefix, rest) = entry.split_at_checked(prefix_len)?;
            let (secs, snr) = rest.split_first_chunk::<4>()?;
            let snr_q = *snr.first()? as i8;
            Some(Neighbour { prefix, heard_secs_ago: u32::from_le_bytes(*secs), snr_q })
        })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Neighbours<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        struct List<'a>(Neighbours<'a>);
        impl serde::Serialize for List<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.neighbours())
            }
        }
        let mut s = serializer.serialize_struct("Neighbours", 3)?;
        s.serialize_field("total", &self.total)?;
        s.serialize_field("count", &self.count)?;
        s.serialize_field("neighbours", &List(*self))?;
        s.end()
    }
}

#[cfg(feature = "encode")]
impl Encode for Neighbours<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.total.to_le_bytes());
        out.extend(self.count.to_le_bytes());
        out.extend(self.bytes);
    }
}

#[cfg(feature = "encode")]
impl Encode for Neighbour<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.prefix);
        out.extend(self.heard_secs_ago.to_le_bytes());
        out.push(self.snr_q as u8);
    }
}
