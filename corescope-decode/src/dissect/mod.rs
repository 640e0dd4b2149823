//! Dissection: a packet as a tree of named fields that covers every byte once.
//!
//! The readers that decode also tell a [listener](crate::Listener) what they read; here it builds
//! a tree. What a key opens hangs beneath its ciphertext, with a tree of its own.

mod build;
mod dissector;
mod render;
mod tree;

pub use dissector::{Dissector, dissect};
pub use tree::{Decrypted, Node, Tree};
