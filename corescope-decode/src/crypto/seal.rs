//! The other direction: encrypting what [`open`](super::ChannelKey::open) decrypts.

use alloc::vec::Vec;

use super::{ChannelKey, SharedSecret};

impl ChannelKey {
    /// Encrypts a plaintext: MAC (2 bytes) and ciphertext, as they follow the channel hash on the
    /// wire. The plaintext is padded with zeros to whole blocks of 16 bytes.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + plain.len().next_multiple_of(16));
        self.cipher().seal(plain, &mut out);
        out
    }
}

impl SharedSecret {
    /// Encrypts a plaintext for the other node: MAC (2 bytes) and ciphertext.
    pub fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + plain.len().next_multiple_of(16));
        self.cipher().seal(plain, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Group;

    #[test]
    fn what_is_sealed_opens() {
        let key = ChannelKey::from_hashtag("#test");
        let sealed = key.seal(b"seventeen letters");
        assert_eq!(sealed.len(), 2 + 32);
        let group = Group { channel_hash: key.hash(), mac: [sealed[0], sealed[1]], ciphertext: &sealed[2..] };
        let plain = key.open(&group).unwrap();
        assert_eq!(&plain.as_bytes()[..17], b"seventeen letters");
        assert!(plain.as_bytes()[17..].iter().all(|byte| *byte == 0));
    }
}
