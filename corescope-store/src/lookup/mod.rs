//! What is asked of SQLite directly, because it is not kept in memory: observer metrics, rejected
//! adverts, mobile receptions, page figures, the loss ledger.
//!
//! Every statement here walks an index or a small table, on a connection that can only read
//! ([`Reader`]). Packets, nodes and observers are answered by [`crate::memory`] instead.

mod backup;
mod dropped;
mod figures;
mod ledger;
mod metrics;
mod reader;
mod receptions;

pub use backup::backup;
pub use dropped::{Dropped, DroppedQuery, dropped, dropped_count};
pub use figures::{FileFigures, RowCounts, figures, row_counts};
#[cfg(feature = "write")]
pub(crate) use ledger::COMPLETE_UNTIL;
pub use ledger::{
    CompletenessRow, LedgerLine, LedgerQuery, Outage, completeness, least_complete, ledger, outages,
};
pub use metrics::{BatterySample, MetricRow, NoiseSeries, battery, metrics, noise_since};
pub use reader::{LookupError, Reader};
pub use receptions::{
    Area, Reception, ReceptionTotals, client_names, reception_totals, receptions_of, receptions_since,
};
/// A connection to ask; what an answer may be instead.
pub use rusqlite::{Connection, Result as Answer};
