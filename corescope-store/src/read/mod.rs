//! Reading rows of the database as the index store takes them.

mod rows;
mod tables;

pub(crate) use rows::{Columns, observation, transmission};
pub(crate) use tables::exists;
pub use tables::{edges, node, nodes, nodes_seen_since, observers};
