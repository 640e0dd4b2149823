//! The configuration: one reader for every process.
//!
//! A `config.json` of the Go original works unchanged. Comments, trailing commas, a byte order mark and
//! keys in any case are accepted; a value of the wrong type is reported and skipped; an unknown key is
//! reported with the nearest known one. Order of precedence: flag, environment, file, default; every value
//! remembers where it came from ([`Loaded::layers`]).
//!
//! ```
//! use corescope_core::config::{self, Input};
//!
//! let input = Input { file: Some(("config.json", r#"{"retention": {"packetDays": 30,}} // days"#)), ..Input::default() };
//! let loaded = config::load(&input)?;
//! assert_eq!(loaded.config.retention.packet_days, Some(30));
//! assert_eq!(loaded.layers.origin("retention.packetDays").to_string(), "config.json:1");
//! # Ok::<(), config::ConfigError>(())
//! ```

mod environment;
pub mod jsonc;
pub mod keys;
mod layers;
mod load;
mod nearest;
mod paths;
mod reading;
mod secret;
mod sections;
mod source;

pub use layers::{Layers, Origin, Warning};
pub use load::{ConfigError, Flag, Input, Loaded, find_file, load, load_files};
pub use nearest::nearest;
pub use paths::{Paths, Places};
pub use secret::{Secret, mask_url};
pub use sections::{
    Battery, Config, Db, Endpoint, EndpointUser, ForeignMode, HealthThresholds, Https, Ingest, ListLimits,
    LoraPreset, NeighborGraph, PacketStore, Privacy, Readiness, Retention, Synchronous,
};
pub use source::{BadBroker, Broker, Scheme, Source};

/// Text from outside, fit for one line of a message: control characters replaced, at most 128 characters.
pub fn printable(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).take(128).collect();
    if text.chars().nth(128).is_some() {
        out.push('…');
    }
    out
}
