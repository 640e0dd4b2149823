//! What only the operator may do, with the API key.

pub mod backup;
pub mod dropped;
pub mod prune;
