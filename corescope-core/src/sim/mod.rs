//! A synthetic mesh: the same seed gives the same nodes, the same radio and the same packets.
//!
//! Relays stand in clusters and on hilltops, radio links follow distance, height and shadowing,
//! floods spread by forwarding once each with random delays, and observers at some of the relays
//! publish what they hear exactly as the usual programs do: real wire bytes in real MQTT messages.
//! What really happened (who sent, over which relays, when) is known and can be written beside
//! it, to judge analyses by.
//!
//! ```
//! use corescope_core::sim::{Mesh, Preset};
//!
//! let mesh = Mesh::new(Preset::Town, 7);
//! // Messages in order of time, from this moment (ms since 1970) on, about 5 a second.
//! let first = mesh.messages(1_780_315_200_000, 5.0).next().unwrap();
//! assert!(first.topic.starts_with("meshcore/"));
//! ```
//!
//! Three layers, each usable alone: [`Mesh`] (who is where and who hears whom), [`Traffic`]
//! (an iterator of [`Emission`]s: packets with all their receptions, as bytes, for benches), and
//! [`Messages`] (what observers publish about them).

mod compose;
mod dice;
mod emission;
mod flood;
mod messages;
mod names;
mod preset;
mod publish;
mod radio;
mod traffic;
mod truth;
mod world;

pub use emission::{Content, Emission, Reception};
pub use messages::{Message, Messages};
pub use preset::{ParsePresetError, Preset};
pub use traffic::Traffic;
pub use world::{Dialect, Mesh, Node, Observer, Role};
