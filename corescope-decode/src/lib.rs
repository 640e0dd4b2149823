//! The reference decoder of MeshCore packets.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

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
