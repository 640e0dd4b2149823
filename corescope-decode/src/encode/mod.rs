//! Writes packets: for simulators, tests and tools.
//!
//! Each payload and plaintext type implements [`Encode`] beside its reader; [`FrameBuilder`] puts
//! a payload in a frame; [`AdvertBuilder`] signs.

#[cfg(feature = "signatures")]
mod advert;
mod frame;
#[cfg(feature = "signatures")]
pub mod sample;

#[cfg(feature = "signatures")]
pub use advert::AdvertBuilder;
pub use frame::{EncodeError, FrameBuilder};

pub(crate) use alloc::vec::Vec;

/// Something that can be written as bytes.
pub trait Encode {
    /// Appends the bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// The bytes alone.
    fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// Bytes are what they are.
impl Encode for [u8] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }
}

impl Encode for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }
}
