//! Channels: group text, by name where the key is known.

pub mod known;
pub mod list;
mod message;
pub mod messages;
