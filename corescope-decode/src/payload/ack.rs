//! ACK: somebody got a message.
//!
//! | offset | size | field                                                         |
//! |-------:|-----:|---------------------------------------------------------------|
//! |      0 |    4 | checksum, opaque; shown as u32 little endian                  |
//! |      4 |  0–1 | attempt, or the unsynced posts of a room server               |
//! |      5 |  0–1 | random, so that retries differ                                |
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createAck`, and `src/helpers/BaseChatMesh.cpp`.

use super::Partial;
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::PayloadType;
use crate::issue::{Detail, IssueKind};
use crate::listener::{Listener, Value};

/// An acknowledgement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Ack<'a> {
    /// Truncated SHA-256 of the message acknowledged. The only bytes to match on.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub checksum: [u8; 4],
    /// Whatever follows, today 0 to 2 bytes: shown, never reasoned from; it can be stale memory.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub tail: &'a [u8],
}

impl<'a> Ack<'a> {
    #[inline(always)]
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Result<Self, Partial<'a>> {
        let bytes = c.peek();
        Self::read_fields(c, Ending::Packet).ok_or_else(|| Partial::new(PayloadType::Ack, bytes).end(c))
    }

    /// Reads the fields wherever an ACK stands: alone, in a MULTIPART, in a PATH.
    #[inline]
    pub(crate) fn read_fields<L: Listener>(c: &mut Cursor<'a, '_, L>, ending: Ending) -> Option<Self> {
        let Some(checksum) = c.array::<4>("checksum") else {
            let kind = match ending {
                Ending::Packet => IssueKind::PayloadTooShort,
                Ending::Padded => IssueKind::InnerTruncated,
            };
            c.needs(kind, "checksum", 4);
            return None;
        };
        let tail = c.peek();
        match ending {
            Ending::Packet => {
                if c.left() > 2 {
                    let detail = Detail::AtMost { bytes: 6, came: (4 + c.left()) as u16 };
                    c.issue_at(c.at() + 2, IssueKind::TrailingBytes, "ACK", detail);
                }
                c.u8("attempt");
                c.u8("random");
                c.remainder("trailing bytes", |_| Value::Note("after the last field"));
            }
            Ending::Padded => {
                c.up_to("attempt and random, or padding", 2, |_| Value::Bytes);
                c.remainder("padding", |_| Value::Note("up to the cipher block"));
            }
        }
        Some(Self { checksum: *checksum, tail })
    }

    /// The checksum as number, little endian, as tools show it.
    pub const fn checksum_u32(&self) -> u32 {
        u32::from_le_bytes(self.checksum)
    }

    /// The fifth byte: the attempt, or of a room server's answer the unsynced posts.
    pub fn attempt(&self) -> Option<u8> {
        self.tail.first().copied()
    }

    /// The sixth byte: random, so that retries have different packet hashes.
    pub fn random(&self) -> Option<u8> {
        self.tail.get(1).copied()
    }
}

/// How the bytes of an ACK end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// With the packet.
    Packet,
    /// With zeros up to the next cipher block.
    Padded,
}

#[cfg(feature = "encode")]
impl Encode for Ack<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.checksum);
        out.extend(self.tail);
    }
}
