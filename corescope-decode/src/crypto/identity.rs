//! Key pairs of nodes: signatures and shared secrets.
//!
//! A private key is the *expanded* form: SHA-512 of a seed, first half clamped. Seeds are not kept.
//!
//! Source of fact: MeshCore `src/Identity.cpp` and `lib/ed25519/key_exchange.c`.

use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};

use super::{SharedSecret, montgomery};
use crate::payload::Advert;

/// A node's own keys.
#[derive(Clone)]
pub struct KeyPair {
    private: [u8; 64],
    public: [u8; 32],
}

impl KeyPair {
    /// From the 64 bytes that firmware stores and exports.
    pub fn from_private(private: [u8; 64]) -> Self {
        let public = public_key_of(&private);
        Self { private, public }
    }

    /// From a seed, as firmware makes one when it is first started.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        use sha2::Digest;
        let mut private: [u8; 64] = sha2::Sha512::digest(seed).into();
        private[0] &= 0xF8;
        private[31] = private[31] & 0x3F | 0x40;
        Self::from_private(private)
    }

    /// The public key: the node's identity.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The private key, as firmware stores it.
    pub const fn private(&self) -> &[u8; 64] {
        &self.private
    }

    /// Whether firmware would use it: keys that begin with 00 or FF are reserved.
    pub const fn is_allowed(&self) -> bool {
        !matches!(self.public[0], 0x00 | 0xFF)
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let expanded = ExpandedSecretKey::from_bytes(&self.private);
        let public = VerifyingKey::from(&expanded);
        raw_sign::<sha2::Sha512>(&expanded, message, &public).to_bytes()
    }

    /// The secret shared with another node.
    ///
    /// # Errors
    ///
    /// As [`shared_secret`].
    pub fn shared_secret(&self, other: &[u8; 32]) -> Result<SharedSecret, IdentityError> {
        shared_secret(&self.private, other)
    }
}

/// Shows the public key and hides the private one.
impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", crate::hex::Hex(&self.public))
    }
}

/// The public key of an expanded private key.
pub fn public_key_of(private: &[u8; 64]) -> [u8; 32] {
    VerifyingKey::from(&ExpandedSecretKey::from_bytes(private)).to_bytes()
}

/// The secret shared by the owner of `private` (expanded form) and the node `other`: X25519 of the
/// two, the Ed25519 key mapped to its Montgomery form, nothing hashed afterwards.
///
/// # Errors
///
/// [`IdentityError`] if `other` gives an all-zero secret. A key that is no point of the curve gives
/// a secret like any other, as it does in firmware: an anonymous request may come from one.
pub fn shared_secret(private: &[u8; 64], other: &[u8; 32]) -> Result<SharedSecret, IdentityError> {
    let mut scalar = [0; 32];
    scalar.copy_from_slice(&private[..32]);
    let secret = x25519_dalek::x25519(scalar, montgomery::coordinate(other));
    if secret == [0; 32] { Err(IdentityError::Degenerate) } else { Ok(SharedSecret::new(secret)) }
}

/// Why a key is of no use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IdentityError {
    /// The shared secret would be all zeros.
    Degenerate,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Degenerate => "the public key gives an all-zero secret: it is of no use",
        })
    }
}

impl core::error::Error for IdentityError {}

/// Whether an advert's signature is valid over exactly what firmware signs: key, timestamp and the
/// first 32 bytes of appdata.
pub fn verify_advert(advert: &Advert<'_>) -> bool {
    let mut buffer = [0; 68];
    let message = advert.signed_message(&mut buffer);
    let signature = Signature::from_bytes(advert.signature);
    VerifyingKey::from_bytes(advert.public_key).is_ok_and(|key| key.verify(message, &signature).is_ok())
}

/// The same for many at once, which takes about half the time of one by one when all are valid. The
/// answers are in the order of `adverts`. Only a key's owner can make a signature that one of the two
/// ways takes and the other does not (RFC 8032 allows both).
pub fn verify_adverts(adverts: &[Advert<'_>]) -> Vec<bool> {
    let mut answers = Vec::with_capacity(adverts.len());
    // One bad signature makes its batch be checked one by one, so batches are small.
    for batch in adverts.chunks(32) {
        if batch.len() > 1 && verify_batch(batch) {
            answers.resize(answers.len() + batch.len(), true);
        } else {
            answers.extend(batch.iter().map(verify_advert));
        }
    }
    answers
}

fn verify_batch(adverts: &[Advert<'_>]) -> bool {
    let mut buffers = [[0_u8; 68]; 32];
    let messages: Vec<&[u8]> =
        adverts.iter().zip(&mut buffers).map(|(advert, buffer)| advert.signed_message(buffer)).collect();
    let signatures: Vec<Signature> = adverts.iter().map(|a| Signature::from_bytes(a.signature)).collect();
    let keys: Result<Vec<VerifyingKey>, _> =
        adverts.iter().map(|a| VerifyingKey::from_bytes(a.public_key)).collect();
    keys.is_ok_and(|keys| ed25519_dalek::verify_batch(&messages, &signatures, &keys).is_ok())
}
