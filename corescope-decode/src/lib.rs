//! The reference decoder of [MeshCore](https://github.com/meshcore-dev/MeshCore) packets: for
//! firmware developers, bot authors and researchers who need every byte explained.
//!
//! ```
//! # #[cfg(all(feature = "alloc", feature = "crypto"))] {
//! use corescope_decode::payload::GroupText;
//! use corescope_decode::{KeyRing, Packet, Payload, hex, packet_hash};
//!
//! let bytes = hex::parse("150011C90781934DD354A67136B422FDB3535817966EDE159CB19ED5A4E12AA92595631537")?;
//! let packet = Packet::parse(&bytes)?;
//! assert_eq!(packet_hash(&packet).to_string().len(), 16);
//! if let Payload::GroupText(group) = packet.typed().payload {
//!     let ring = KeyRing::with_public();
//!     let opened = ring.open(&group)?;
//!     let message = GroupText::parse(opened.plaintext.as_bytes()).expect("five bytes or more");
//!     println!("{}: {}", opened.channel.name, message.text().unwrap_or_default());
//! }
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What there is
//!
//! * [`Packet::parse`] reads a frame and borrows from it; [`Packet::typed`] reads the payload by its
//!   type. Neither allocates. What is wrong but survivable comes as [`Issues`] beside the payload.
//! * [`payload`] has one file for each payload type and for what is inside its ciphertext.
//! * `crypto` has channel keys and a `KeyRing`, region keys, shared secrets,
//!   signatures, and the search for channel names.
//! * `dissect` shows a packet as a tree that covers every byte; the same readers build it.
//! * `plugin` takes payload decoders of yours. `encode` writes packets. [`transport`] has companion
//!   messages, KISS and URIs. [`compat`] has the forms of other programs.
//!
//! # Features
//!
//! | feature      | default | what it brings                                                     |
//! |--------------|---------|--------------------------------------------------------------------|
//! | `std`        | yes     | nom and serde with std; implies `alloc`                            |
//! | `alloc`      | by std  | dissection, plugins, key rings, URIs, the Go form                  |
//! | `crypto`     | yes     | packet hash, channel and region keys, decryption (sha2, aes)       |
//! | `signatures` |         | Ed25519 and X25519: adverts, key pairs, shared secrets (dalek)     |
//! | `encode`     |         | builders for every packet                                          |
//! | `serde`      |         | `Serialize` for what is decoded and dissected                      |
//!
//! Without any of them the crate needs nom alone and no allocator.
//!
//! # What it deliberately does not do
//!
//! It opens no file or socket, knows no time but what packets say, and logs nothing. It does not
//! judge whether an advert is plausible: that is a matter of policy.
//!
//! Rust 1.95 or newer; a newer one is asked for in a minor version at most.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

/// The README's example is a test too.
#[cfg(all(doctest, feature = "alloc", feature = "crypto"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod compat;
#[cfg(feature = "crypto")]
pub mod crypto;
mod cursor;
#[cfg(feature = "alloc")]
pub mod dissect;
#[cfg(feature = "encode")]
pub mod encode;
mod frame;
mod hash;
pub mod hex;
mod issue;
mod listener;
pub mod payload;
#[cfg(feature = "alloc")]
pub mod plugin;
#[cfg(feature = "serde")]
mod ser;
pub mod text;
pub mod time;
pub mod transport;

#[cfg(feature = "crypto")]
pub use crypto::{ChannelKey, OpenError, Plaintext, RegionKey, SharedSecret};
#[cfg(all(feature = "crypto", feature = "alloc"))]
pub use crypto::{KeyRing, RegionKeys};
#[cfg(feature = "alloc")]
pub use dissect::{Dissector, Tree, dissect};
pub use frame::{
    FrameError, FrameErrorKind, Header, MAX_FRAME, MAX_PAYLOAD, Packet, Path, PathLen, PayloadType,
    RouteType, TransportCodes, Typed,
};
#[cfg(feature = "crypto")]
pub use hash::packet_hash;
pub use hash::{PacketHash, StoredHash};
pub use issue::{Detail, Issue, IssueKind, Issues, Space};
pub use listener::{Events, Leaf, Listener, Value};

pub use payload::Payload;
