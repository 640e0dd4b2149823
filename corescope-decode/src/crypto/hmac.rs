//! HMAC-SHA-256 (RFC 2104) with both midstates kept.
//!
//! The hmac crate can keep them too, by cloning a hasher that has taken the key in, but each MAC
//! then copies the message into a buffer again and finishes two streaming hashers, for two thirds
//! more time (`raw` in the benches). The test below holds this form against it.

use sha2::block_api::compress256;

#[cfg(feature = "alloc")]
use super::sha256::Padded;
use super::sha256::{INITIAL, finish};

/// A key, taken in once; each MAC of a short message then costs two or three compressions.
#[derive(Clone, Copy)]
pub(crate) struct HmacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl HmacKey {
    /// From a key of up to 64 bytes (all that MeshCore has are 16 or 32); more are ignored.
    pub(crate) fn new(key: &[u8]) -> Self {
        let midstate = |pad: u8| {
            let mut block = [pad; 64];
            for (place, byte) in block.iter_mut().zip(key) {
                *place ^= byte;
            }
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            state
        };
        Self { inner: midstate(0x36), outer: midstate(0x5C) }
    }

    /// The first two bytes of the MAC over `head` (less than a block) and `body`.
    #[inline]
    pub(crate) fn mac2(&self, head: &[u8], body: &[u8]) -> [u8; 2] {
        self.outer(&finish(self.inner, 64, head, body))
    }

    /// The same over a message that is tried with many keys.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(super) fn mac2_of(&self, message: &Message) -> [u8; 2] {
        let mut inner = self.inner;
        compress256(&mut inner, message.0.blocks());
        self.outer(&inner)
    }

    #[inline(always)]
    fn outer(&self, inner: &[u32; 8]) -> [u8; 2] {
        // The outer message is always 32 bytes after the 64 of the key: one block of one shape.
        let mut block = [0_u8; 64];
        // Two words at a time: the compression loads sixteen bytes at once, and waits for each
        // smaller store before it.
        let [a, b, c, d, e, f, g, h] = *inner;
        let pair = |first: u32, second: u32| (u64::from(first) << 32 | u64::from(second)).to_be_bytes();
        block[..8].copy_from_slice(&pair(a, b));
        block[8..16].copy_from_slice(&pair(c, d));
        block[16..24].copy_from_slice(&pair(e, f));
        block[24..32].copy_from_slice(&pair(g, h));
        block[32..40].copy_from_slice(&(0x80_u64 << 56).to_be_bytes());
        block[56..].copy_from_slice(&(8 * (64 + 32_u64)).to_be_bytes());
        let mut outer = self.outer;
        compress256(&mut outer, &[block]);
        [(outer[0] >> 24) as u8, (outer[0] >> 16) as u8]
    }
}

/// A ciphertext, padded once for all the keys that are tried on it.
#[cfg(feature = "alloc")]
pub(super) struct Message(Padded<3>);

#[cfg(feature = "alloc")]
impl Message {
    /// Of a ciphertext of at most 176 bytes, which is what fits a packet.
    pub(super) fn new(ciphertext: &[u8]) -> Self {
        Self(Padded::new(64, &[], ciphertext))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::hmac::{Hmac, KeyInit, Mac};

    #[test]
    fn every_length_agrees_with_the_hmac_crate() {
        let message: alloc::vec::Vec<u8> = (0..400_u32).map(|n| (n * 11 % 253) as u8).collect();
        for key_len in [16, 32] {
            let key = &message[50..50 + key_len];
            for len in 0..message.len() {
                let mut oracle = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
                oracle.update(&message[..len]);
                let expected = oracle.finalize().into_bytes();
                let (head, tail) = message[..len].split_at(len.min(1));
                assert_eq!(HmacKey::new(key).mac2(head, tail), expected[..2], "{key_len} {len}");
                if len <= 176 {
                    let padded = Message::new(&message[..len]);
                    assert_eq!(HmacKey::new(key).mac2_of(&padded), expected[..2], "{key_len} {len}");
                }
            }
        }
    }
}
