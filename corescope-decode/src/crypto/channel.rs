//! Channel keys.
//!
//! A channel is known by the first byte of SHA-256 of its key. Keys have 128 bits, or 256 bits of
//! which AES uses the first half and the MAC all. A hashtag channel's key is derived from its name
//! by a convention of the applications; firmware only stores keys.
//!
//! Source of fact: MeshCore `src/helpers/BaseChatMesh.cpp`, `addChannel` and `setChannel`.

use core::fmt;

use super::cipher::{CipherKey, OpenError, Plaintext};
use super::sha256::sha256_of;
use crate::hex::{self, BadHex, Hex};
use crate::payload::Group;

/// The key of the channel that every radio has from the factory: a constant, not derived.
pub const PUBLIC_CHANNEL_KEY: [u8; 16] =
    [0x8b, 0x33, 0x87, 0xe9, 0xc5, 0xcd, 0xea, 0x6a, 0xc9, 0xe5, 0xed, 0xba, 0xa1, 0x15, 0xcd, 0x72];

/// What that channel is called.
pub const PUBLIC_CHANNEL_NAME: &str = "Public";

/// A channel's key, ready to decrypt.
#[derive(Clone)]
pub struct ChannelKey {
    bytes: [u8; 32],
    long: bool,
    hash: u8,
    cipher: CipherKey,
}

impl ChannelKey {
    /// A 128-bit key.
    pub fn from_128(key: [u8; 16]) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&key);
        let hash = sha256_of(&key)[0];
        Self { bytes, long: false, hash, cipher: CipherKey::new(&bytes) }
    }

    /// A 256-bit key. If its second half is zero it is a 128-bit key, as firmware stores it.
    pub fn from_256(key: [u8; 32]) -> Self {
        match key.split_first_chunk::<16>() {
            Some((half, rest)) if rest.iter().all(|&b| b == 0) => Self::from_128(*half),
            _ => Self { bytes: key, long: true, hash: sha256_of(&key)[0], cipher: CipherKey::new(&key) },
        }
    }

    /// From 16 or 32 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::Length`] for any other number of bytes.
    pub fn from_bytes(key: &[u8]) -> Result<Self, KeyError> {
        match key.len() {
            16 => key.try_into().map(Self::from_128),
            _ => key.try_into().map(Self::from_256),
        }
        .map_err(|_| KeyError::Length(key.len()))
    }

    /// From 32 or 64 hex digits.
    ///
    /// # Errors
    ///
    /// [`KeyError`] for other text.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 64];
        Self::from_bytes(hex::parse_into(text, &mut bytes).map_err(KeyError::Hex)?)
    }

    /// The key of a hashtag channel: the name as it is, with its `#`; `#Test` is not `#test`.
    pub fn from_hashtag(name: &str) -> Self {
        let digest = sha256_of(name.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self::from_128(key)
    }

    /// The channel hash: the first byte of SHA-256 of the key.
    pub const fn hash(&self) -> u8 {
        self.hash
    }

    /// The key: 16 or 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        if self.long { &self.bytes } else { &self.bytes[..16] }
    }

    /// Checks the MAC and decrypts. The channel hash is not looked at: the caller chose the key.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; two bytes of MAC let a wrong key pass once in 65 536.
    pub fn open(&self, group: &Group<'_>) -> Result<Plaintext, OpenError> {
        self.cipher.open(group.mac, group.ciphertext)
    }

    #[cfg(feature = "alloc")]
    pub(crate) const fn cipher(&self) -> &CipherKey {
        &self.cipher
    }
}

impl PartialEq for ChannelKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for ChannelKey {}

/// Shows the channel hash and hides the key.
impl fmt::Debug for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.long { 256 } else { 128 };
        write!(f, "ChannelKey({bits} bits, hash {})", Hex(&[self.hash]))
    }
}

/// Why something is no channel key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// So many bytes, not 16 or 32.
    Length(usize),
    /// Not hex.
    Hex(BadHex),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(came) => write!(f, "a channel key has 16 or 32 bytes, this one has {came}"),
            Self::Hex(error) => write!(f, "a channel key is 32 or 64 hex digits: {error}"),
        }
    }
}

impl core::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Hex(error) => Some(error),
            Self::Length(_) => None,
        }
    }
}
