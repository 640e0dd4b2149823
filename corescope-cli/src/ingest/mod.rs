//! Intake: from brokers, files and requests to the database.
//!
//! ```text
//! sources ── read, refuse ──▶ bounded queue ──▶ writer's thread ──▶ commit ──▶ receipts ──▶ acknowledgements
//! ```
//!
//! Every message that is received has a place in the account, and none is acknowledged before the
//! transaction that holds it is on the disk.

mod account;
pub mod clock;
mod connections;
mod counters;
mod file;
mod ingestor;
mod injected;
mod keys;
mod message;
pub mod mqtt;
pub mod observe;
mod perf;
mod queue;
mod receipt;
mod shared;
mod sources;
mod upkeep;
mod writing;

pub use account::{Account, Committed};
pub use counters::{Counters, short};
pub use file::{FileReport, feed};
pub(crate) use ingestor::rules;
pub use ingestor::{Ingestor, Setup};
pub use keys::{Keys, common_words, gather};
pub use message::{Origin, Raw, read};
pub use queue::{Closed, Intake, Item, Level, Work};
pub use receipt::{Ack, AckInbox, AckLine, Receipt, ack_line};
pub use shared::{Heard, Shared};
pub use sources::{Changes, Roster};
pub use upkeep::{JobView, MOST_TOLD};
pub use writing::WriterDesk;
