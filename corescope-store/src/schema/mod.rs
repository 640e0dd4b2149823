//! The layout of the database: what must be there, what is there.
//!
//! The layout is the one of the Go original, so that either program can open the
//! other's file; tables of our own begin with `cs_` and are ignored by it.
//!
//! Reading is always possible ([`ready()`], [`Shape`]); what creates or changes tables is
//! behind the feature `write`.

#[cfg(feature = "write")]
mod columns;
#[cfg(feature = "write")]
mod ddl;
mod ready;
mod shape;

#[cfg(feature = "write")]
pub(crate) use columns::{add_missing_columns, missing_columns};
#[cfg(feature = "write")]
pub(crate) use ddl::{INDEXES, IndexSpec, OBSERVATIONS_BODY, PACKETS_VIEW, create_all};
pub use ready::{NotReady, ready};
pub use shape::{Index, Shape};
