//! Reading rows of the database as the index store takes them.

mod rows;
mod tables;
mod whole;

pub(crate) use rows::{Columns, observation, transmission};
pub(crate) use tables::exists;
pub use tables::{edges, node, nodes, nodes_seen_since, observers};
pub use whole::{first_receptions, transmission_by_hash, transmission_by_id, transmission_of_observation};
