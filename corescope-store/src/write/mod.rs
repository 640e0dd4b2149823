//! The write side: one writer, whole batches, nothing acknowledged before it is committed.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use corescope_store::write::{Accepted, Message, Options, PacketMessage, Writer};
//!
//! let dir = tempfile::tempdir()?;
//! let mut writer = Writer::open(&dir.path().join("meshcore.db"), Options::default())?;
//! let report = writer.batch(&[Accepted {
//!     source: "example".into(),
//!     received_at_ms: 1_780_000_000_000,
//!     observer: None,
//!     message: Message::Packet(PacketMessage { raw_hex: "0E0011223344".into(), ..Default::default() }),
//! }])?;
//! assert_eq!(report.new_observations, 1);
//! writer.close()?;
//! # Ok(())
//! # }
//! ```

mod accepted;
mod adverts;
mod batch;
mod bridge;
mod changes;
mod counters;
mod error;
mod frame;
mod import;
mod ledger;
mod lock;
mod node_rows;
mod nodes;
mod observers;
mod outcome;
mod packets;
mod recent;
mod reception;
mod rehash;
mod rules;
mod sink;
mod sources;
mod state;
mod status;
mod vacuum;
mod writer;

pub use crate::lookup::Outage;
pub use accepted::{Accepted, BridgeMessage, Message, ObserverMark, PacketMessage, Reception, StatusMessage};
pub use changes::Change;
pub(crate) use changes::{Changes, trim as trim_changes};
pub use counters::Counters;
pub(crate) use error::Doing;
pub use error::WriteError;
pub(crate) use frame::{observed_path, read_frame};
pub use import::Imported;
pub(crate) use ledger::{Line, add_line, parse_detail};
pub use ledger::{Refused, RefusedKind};
pub use lock::{LockHolder, WriterLock};
pub(crate) use nodes::{NodeBook, path_json};
pub use outcome::{BatchReport, Filtered, Outcome, Rejected};
pub use rehash::Rehashed;
pub use rules::{Foreign, Options, Rules, Synchronous};
pub use sink::Sink;
pub use sources::SourceAlive;
pub use state::get_state;
pub(crate) use state::{get_number, remove_state, set_state};
pub use vacuum::Vacuumed;
pub use writer::{Background, Writer};

pub use crate::migrate::{Backfills, Pass, Progress, ProgressLog};
