//! Encrypt-then-MAC as the mesh does it: AES-128 blocks, and two bytes of HMAC over them.
//!
//! Source of fact: MeshCore `src/Utils.cpp`, `encryptThenMAC` and `MACThenDecrypt`.

use core::fmt;

#[cfg(feature = "encode")]
use aes::Aes128;
use aes::Aes128Dec;
use aes::cipher::{Array, BlockCipherDecrypt, KeyInit};

use super::hmac::HmacKey;

/// Bytes of one cipher block.
pub(crate) const BLOCK: usize = 16;

/// A 32-byte key, ready: AES takes its first half, the MAC all of it.
#[derive(Clone)]
pub(crate) struct CipherKey {
    pub(crate) mac: HmacKey,
    aes: Aes128Dec,
    #[cfg(feature = "encode")]
    half: [u8; 16],
}

impl CipherKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&key[..16]);
        Self {
            mac: HmacKey::new(key),
            aes: Aes128Dec::new(&half.into()),
            #[cfg(feature = "encode")]
            half,
        }
    }

    /// Checks the MAC, then decrypts.
    pub(crate) fn open(&self, mac: [u8; 2], ciphertext: &[u8]) -> Result<Plaintext, OpenError> {
        check(ciphertext)?;
        if self.mac.mac2(&[], ciphertext) != mac {
            return Err(OpenError::MacMismatch);
        }
        Ok(self.decrypt(ciphertext))
    }

    /// Decrypts whole blocks, without a look at the MAC.
    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Plaintext {
        let mut plain = Plaintext { len: 0, bytes: [0; Plaintext::MAX] };
        for (place, block) in plain.bytes.chunks_exact_mut(BLOCK).zip(ciphertext.chunks_exact(BLOCK)) {
            place.copy_from_slice(block);
            plain.len += BLOCK as u8;
        }
        let used = plain.bytes.get_mut(..usize::from(plain.len)).unwrap_or_default();
        let (blocks, _) = Array::<u8, aes::cipher::consts::U16>::slice_as_chunks_mut(used);
        self.aes.decrypt_blocks(blocks);
        plain
    }

    /// Encrypts `plain`, padded with zeros to whole blocks, and appends MAC and ciphertext to `out`.
    #[cfg(feature = "encode")]
    pub(crate) fn seal(&self, plain: &[u8], out: &mut alloc::vec::Vec<u8>) {
        use aes::cipher::BlockCipherEncrypt;
        let aes = Aes128::new(&self.half.into());
        let start = out.len() + 2;
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(plain);
        out.resize(start + plain.len().next_multiple_of(BLOCK), 0);
        let (blocks, _) = Array::<u8, aes::cipher::consts::U16>::slice_as_chunks_mut(&mut out[start..]);
        aes.encrypt_blocks(blocks);
        let mac = self.mac.mac2(&[], &out[start..]);
        out[start - 2..start].copy_from_slice(&mac);
    }
}

/// Whether bytes can be decrypted at all.
pub(crate) fn check(ciphertext: &[u8]) -> Result<(), OpenError> {
    if ciphertext.is_empty() {
        Err(OpenError::CiphertextMissing)
    } else if !ciphertext.len().is_multiple_of(BLOCK) || ciphertext.len() > Plaintext::MAX {
        Err(OpenError::CiphertextUnaligned)
    } else {
        Ok(())
    }
}

/// Why a payload could not be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OpenError {
    /// No key fits the channel hash: nothing was tried.
    NoKey,
    /// There is nothing to decrypt.
    CiphertextMissing,
    /// The ciphertext is not a multiple of 16 bytes.
    CiphertextUnaligned,
    /// No key's MAC matches.
    MacMismatch,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "no known key has this channel hash",
            Self::CiphertextMissing => "there is no ciphertext",
            Self::CiphertextUnaligned => {
                "the ciphertext is not a multiple of 16 bytes: the packet is cut off"
            }
            Self::MacMismatch => "no known key fits: its MAC does not match",
        })
    }
}

impl core::error::Error for OpenError {}

/// Decrypted bytes, with the zero padding of the last block: there is no length field.
#[derive(Clone, Copy)]
pub struct Plaintext {
    len: u8,
    bytes: [u8; Self::MAX],
}

impl Plaintext {
    /// The most there can be: eleven blocks fit a payload.
    pub const MAX: usize = 176;

    /// The bytes with their padding.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Plaintext {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Plaintext {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Plaintext {}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plaintext({})", crate::hex::Hex(self.as_bytes()))
    }
}
