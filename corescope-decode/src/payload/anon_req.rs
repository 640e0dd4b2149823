//! ANON_REQ: a request of somebody the receiver may not know.
//!
//! | offset | size | field                               |
//! |-------:|-----:|-------------------------------------|
//! |      0 |    1 | destination node hash               |
//! |      1 |   32 | the sender's public key             |
//! |     33 |    2 | MAC                                 |
//! |     35 | rest | ciphertext, a multiple of 16 bytes  |
//!
//! Source of fact: MeshCore `src/Mesh.cpp`, `createAnonDatagram`.

use super::peer::node_hash;
use super::{Partial, sealed};
use crate::cursor::Cursor;
#[cfg(feature = "encode")]
use crate::encode::{Encode, Vec};
use crate::frame::PayloadType;
use crate::issue::IssueKind;
use crate::listener::Listener;

/// An encrypted request with the sender's full key before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AnonRequest<'a> {
    /// First byte of the receiver's public key.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex_byte"))]
    pub dest_hash: u8,
    /// The sender's identity (old documents call it ephemeral; it is not).
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub public_key: &'a [u8; 32],
    /// The first two bytes of HMAC-SHA-256 over the ciphertext.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub mac: [u8; 2],
    /// AES-128 blocks; none or a broken one if an issue says so.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ser::hex"))]
    pub ciphertext: &'a [u8],
}

impl<'a> AnonRequest<'a> {
    #[inline(always)]
    pub(super) fn read<L: Listener>(c: &mut Cursor<'a, '_, L>) -> Result<Self, Partial<'a>> {
        let mut partial = Partial::new(PayloadType::AnonRequest, c.peek());
        if c.left() < 35 {
            c.needs(IssueKind::PayloadTooShort, "hash, key and MAC", 35);
        }
        partial.dest_hash = node_hash(c, "destination hash");
        partial.public_key = c.array::<32>("sender key");
        let sealed = if partial.public_key.is_some() { sealed(c) } else { None };
        match (partial.dest_hash, partial.public_key, sealed) {
            (Some(dest_hash), Some(public_key), Some((mac, ciphertext))) => {
                Ok(Self { dest_hash, public_key, mac, ciphertext })
            }
            _ => Err(partial.end(c)),
        }
    }
}

#[cfg(feature = "encode")]
impl Encode for AnonRequest<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.dest_hash);
        out.extend(self.public_key);
        out.extend(self.mac);
        out.extend(self.ciphertext);
    }
}

#[cfg(feature = "encode")]
impl AnonRequest<'_> {
    /// The payload of a request of the node `source` to the node `dest`, encrypted with their
    /// shared secret.
    pub fn seal(
        dest: &[u8; 32],
        source: &[u8; 32],
        secret: &crate::SharedSecret,
        plaintext: &impl Encode,
    ) -> Vec<u8> {
        let mut out = Vec::from([dest[0]]);
        out.extend(source);
        secret.cipher().seal(&plaintext.to_vec(), &mut out);
        out
    }
}
