//! What carries raw frames between a radio and a computer: companion frames, KISS, URIs.

pub mod companion;
pub mod kiss;
mod stream;
#[cfg(feature = "alloc")]
pub mod uri;

pub use stream::{Direction, StreamDecoder, StreamFrame};
