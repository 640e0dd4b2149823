//! The secret that two nodes share.

use super::cipher::{CipherKey, OpenError, Plaintext};
use crate::payload::{AnonRequest, Peer};

/// The 32 bytes that X25519 gives two nodes: it opens what they send to one another.
#[derive(Clone)]
pub struct SharedSecret {
    bytes: [u8; 32],
    cipher: CipherKey,
}

impl SharedSecret {
    /// From the raw X25519 output; nothing is hashed in between.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, cipher: CipherKey::new(&bytes) }
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Checks the MAC of a message and decrypts it.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(&self, message: &Peer<'_>) -> Result<Plaintext, OpenError> {
        self.cipher.open(message.mac, message.ciphertext)
    }

    /// Checks the MAC of an anonymous request and decrypts it.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_anon(&self, request: &AnonRequest<'_>) -> Result<Plaintext, OpenError> {
        self.cipher.open(request.mac, request.ciphertext)
    }

    #[cfg(feature = "encode")]
    pub(crate) const fn cipher(&self) -> &CipherKey {
        &self.cipher
    }
}

/// Hides the secret.
impl core::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SharedSecret(hidden)")
    }
}
