//! What is asked of SQLite directly, because it is not kept in memory: observer metrics, rejected
//! adverts, mobile receptions, page figures, the loss ledger.
//!
//! Every statement here walks an index or a small table, on a connection that can only read
//! ([`Reader`]). Packets, nodes and observers are answered by [`crate::memory`] instead.

mod dropped;
mod figures;
mod metrics;
mod reader;
mod receptions;

pub use dropped::{Dropped, DroppedQuery, dropped, dropped_count};
pub use figures::{FileFigures, RowCounts, figures, row_counts};
pub use metrics::{BatterySample, MetricRow, battery, metrics, metrics_since};
pub use reader::{LookupError, Reader};
pub use receptions::{
    Area, Reception, ReceptionTotals, client_names, reception_totals, receptions_of, receptions_since,
};
