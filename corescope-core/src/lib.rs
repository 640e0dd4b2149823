//! The domain of a MeshCore analyzer, without the world around it.
//!
//! Here live the words that every other part uses (keys, times, units, places, airtime), the
//! messages that observers publish, the configuration, the packet filter language, and, behind
//! the feature `sim`, a deterministic synthetic mesh. Everything is a plain function over data:
//! no sockets, no clock, no global state; time comes in as an argument.
//!
//! ```
//! use corescope_core::{airtime::LoraPreset, time};
//!
//! assert_eq!(time::rfc3339(1_780_315_200), "2026-06-01T12:00:00Z");
//! // How long 64 bytes are on the air at the firmware's default settings, in microseconds.
//! assert_eq!(LoraPreset::DEFAULT.airtime_us(64), 529_408);
//! ```
//!
//! | feature | adds |
//! |---|---|
//! | `report` | `report`: what a pile of packets says, as data, text and page; checks signatures |
//! | `sim` | `sim`: the synthetic mesh, and with it the encoder and signatures of `corescope-decode` |
//!
//! What is deliberately absent: files and sockets (the edge has those), SQL (`corescope-store`),
//! and the wire format itself (`corescope-decode`).

#![forbid(unsafe_code)]

pub mod airtime;
pub mod capture;
pub mod config;
pub mod filter;
pub mod geo;
pub mod ids;
pub mod injection;
pub mod regions;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "sim")]
pub mod sim;
pub mod time;
pub mod units;
pub mod uplink;
