//! REQ, RESPONSE, TXT_MSG and PATH: the envelope of a message between two nodes.
//!
//! | offset | size | field                               |
//! |-------:|-----:|-------------------------------------|
//! |      0 |    1 | destination node hash               |
//! |      1 |    1 | source node hash                    |
//! |      2 |    2 | MAC                                 |
//! |      4 | rest | ciphertext, a multiple of 16 bytes  |
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createDatagram` and `onRecvPacket`.

use super::{Partial, sealed};
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::{PayloadType, hop_value};
use crate::issue::IssueKind;
use crate::listener::Listener;

/// An encrypted message between two nodes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Peer<'a> {
    /// First byte of the receiver's public key.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex_byte"))]
    pub dest_hash: u8,
    /// First byte of the sender's public key.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex_byte"))]
    pub src_hash: u8,
    /// The first two bytes of HMAC-SHA-256 over the ciphertext.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub mac: [u8; 2],
    /// AES-128 blocks; none or a broken one if an issue says so.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub ciphertext: &'a [u8],
}

impl<'a> Peer<'a> {
    #[inline(always)]
    pub(super) fn read<L: Listener>(
        kind: PayloadType,
        c: &mut Cursor<'a, '_, L>,
    ) -> Result<Self, Partial<'a>> {
        let mut partial = Partial::new(kind, c.peek());
        if c.left() < 4 {
            c.needs(IssueKind::PayloadTooShort, "hashes and MAC", 4);
        }
        partial.dest_hash = node_hash(c, "destination hash");
        partial.src_hash = node_hash(c, "source hash");
        match (partial.dest_hash, partial.src_hash, sealed(c)) {
            (Some(dest_hash), Some(src_hash), Some((mac, ciphertext))) => {
                Ok(Self { dest_hash, src_hash, mac, ciphertext })
            }
            _ => Err(partial.end(c)),
        }
    }
}

/// Reads the first byte of somebody's public key.
#[inline(always)]
pub(super) fn node_hash<L: Listener>(c: &mut Cursor<'_, '_, L>, name: &'static str) -> Option<u8> {
    c.field(name, crate::cursor::array::<1>, |hash| hop_value(*hash)).map(|[hash]| *hash)
}

#[cfg(feature = "encode")]
impl Encode for Peer<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.dest_hash, self.src_hash]);
        out.extend(self.mac);
        out.extend(self.ciphertext);
    }
}

#[cfg(feature = "encode")]
impl Peer<'_> {
    /// The payload of a message from the node `source` to the node `dest`, encrypted with their
    /// shared secret.
    pub fn seal(
        dest: &[u8; 32],
        source: &[u8; 32],
        secret: &crate::SharedSecret,
        plaintext: &impl Encode,
    ) -> Vec<u8> {
        let mut out = Vec::from([dest[0], source[0]]);
        secret.cipher().seal(&plaintext.to_vec(), &mut out);
        out
    }
}
