//! Keys, MACs and ciphers: channels, regions, shared secrets, the packet hash.
//!
//! Hashing and AES are the RustCrypto crates'. HMAC is built here on their compression function,
//! because a key ring keeps each key's two midstates and a trial then costs two compressions.

mod ack;
#[cfg(feature = "alloc")]
mod candidates;
mod channel;
mod cipher;
#[cfg(feature = "alloc")]
mod crack;
mod hmac;
#[cfg(feature = "signatures")]
mod identity;
#[cfg(feature = "alloc")]
mod keyring;
#[cfg(feature = "signatures")]
mod montgomery;
mod region;
#[cfg(feature = "encode")]
mod seal;
mod secret;
mod sha256;

pub(crate) use ack::expected_text_ack;
pub use ack::{expected_ack, expected_keep_alive_ack};
pub use channel::{ChannelKey, KeyError, PUBLIC_CHANNEL_KEY, PUBLIC_CHANNEL_NAME};
pub use cipher::{OpenError, Plaintext};
#[cfg(feature = "alloc")]
pub use crack::{ChannelSearch, Hit};
#[cfg(feature = "signatures")]
pub use identity::{IdentityError, KeyPair, public_key_of, shared_secret, verify_advert, verify_adverts};
#[cfg(feature = "alloc")]
pub use keyring::{KeyRing, NamedKey, Opened};
pub use region::RegionKey;
#[cfg(feature = "alloc")]
pub use region::RegionKeys;
pub use secret::SharedSecret;
pub(crate) use sha256::first_eight;
pub use sha256::sha256;
