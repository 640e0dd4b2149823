//! GRP_TXT and GRP_DATA: the envelope of a message on a channel.
//!
//! | offset | size | field                               |
//! |-------:|-----:|-------------------------------------|
//! |      0 |    1 | channel hash                        |
//! |      1 |    2 | MAC                                 |
//! |      3 | rest | ciphertext, a multiple of 16 bytes  |
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createGroupDatagram`.

use super::{Partial, sealed};
use crate::cursor::{self, Cursor};
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::PayloadType;
use crate::issue::IssueKind;
use crate::listener::{Listener, Value};

/// An encrypted message on a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Group<'a> {
    /// First byte of SHA-256 of the channel's key.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex_byte"))]
    pub channel_hash: u8,
    /// The first two bytes of HMAC-SHA-256 over the ciphertext.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub mac: [u8; 2],
    /// AES-128 blocks; none or a broken one if an issue says so.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub ciphertext: &'a [u8],
}

impl<'a> Group<'a> {
    #[inline(always)]
    pub(super) fn read<L: Listener>(
        kind: PayloadType,
        c: &mut Cursor<'a, '_, L>,
    ) -> Result<Self, Partial<'a>> {
        let mut partial = Partial::new(kind, c.peek());
        if c.left() < 3 {
            c.needs(IssueKind::PayloadTooShort, "channel hash and MAC", 3);
        }
        partial.channel_hash = c.field("channel hash", cursor::u8, |_| Value::Bytes);
        match (partial.channel_hash, sealed(c)) {
            (Some(channel_hash), Some((mac, ciphertext))) => Ok(Self { channel_hash, mac, ciphertext }),
            _ => Err(partial.end(c)),
        }
    }
}

#[cfg(feature = "encode")]
impl Encode for Group<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.channel_hash);
        out.extend(self.mac);
        out.extend(self.ciphertext);
    }
}

#[cfg(feature = "encode")]
impl Group<'_> {
    /// The payload of a message on a channel, encrypted.
    pub fn seal(key: &crate::ChannelKey, plaintext: &impl Encode) -> Vec<u8> {
        let mut out = Vec::from([key.hash()]);
        key.cipher().seal(&plaintext.to_vec(), &mut out);
        out
    }
}
