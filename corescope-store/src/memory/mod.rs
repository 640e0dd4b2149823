//! The index store: millions of observations in memory.
//!
//! One appender, any number of readers. A reader takes a [`Snapshot`], which never changes, and asks it; no
//! lock lies on that way. An append makes the next snapshot, which shares with the last one whatever did not
//! change, and publishes it with one pointer.

mod graph;
mod matcher;
mod nodes;
mod observers;
mod owned;
mod query;
mod record;
mod seconds;
mod segment;
mod snapshot;
mod store;
mod subscribe;
mod view;

pub use graph::{Edge, EdgeRow, Graph};
pub use nodes::{Node, Nodes};
pub use observers::{Observer, Observers};
pub use owned::{Defect, MOST_TEXT, OwnedTransmission};
pub use query::{BadCursor, Cursor, Order, Page, Query};
pub use record::{Batch, ObservationRow, Score, TransmissionRow};
pub use snapshot::{Loading, Snapshot};
pub use store::{Append, Outcome, Store};
pub use subscribe::{Appended, Subscription};
pub use view::{Observation, Observations, Transmission};
