//! The index store: millions of observations in memory.
//!
//! One appender, any number of readers. A reader takes a [`Snapshot`], which never changes, and asks it; no
//! lock lies on that way. An append makes the next snapshot, which shares with the last one whatever did not
//! change, and publishes it with one pointer.

mod aggregate;
mod append;
mod bits;
mod brief;
mod checks;
mod compact;
mod expression;
mod fields;
mod graph;
mod heard;
mod matcher;
mod memory_use;
mod nodes;
mod observers;
mod owned;
pub(crate) mod part;
mod publication;
mod query;
mod record;
pub(crate) mod saved;
mod search;
pub(crate) mod seconds;
pub(crate) mod segment;
mod snapshot;
mod store;
mod subscribe;
mod tally;
mod view;

pub use aggregate::{Activity, Aggregate, Counters, NodeActivity, ObserverActivity, Published, recount};
pub use append::Append;
pub use checks::{Defect, MOST_TEXT};
pub(crate) use checks::{check_observation, is_damaged_payload};
pub use compact::PackedHere;
pub use fields::PacketFields;
pub use graph::{Edge, EdgeRow, Graph};
pub use heard::{Heard, HeardBy, Mean, Want};
pub use memory_use::{MemoryUse, available_memory};
pub use nodes::{Node, Nodes};
pub use observers::{Observer, Observers};
pub use owned::OwnedTransmission;
pub use query::{BadCursor, Cursor, Expression, Order, Page, Query};
pub use record::{Batch, ObservationRow, Score, TransmissionRow};
pub use snapshot::{Loading, Snapshot};
pub use store::{Outcome, Store};
pub use subscribe::{Appended, Subscription};
pub use tally::Evicted;
pub use view::{Observation, Observations, Transmission};
