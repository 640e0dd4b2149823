//! Reading rows of the database as the index store takes them.

mod below;
mod rows;
mod tables;
mod whole;

pub(crate) use below::{
    Below, each_below, is_heard_by, newest_of_range, newest_reception, receptions_by_observer,
    tells_observers,
};
pub(crate) use rows::{Columns, observation, transmission};
pub(crate) use tables::exists;
pub use tables::{edges, node, nodes, nodes_seen_since, observers};
pub(crate) use whole::transmissions_by_hash;
pub use whole::{first_receptions, transmission_by_hash, transmission_by_id, transmission_of_observation};
