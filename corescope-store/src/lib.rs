//! placeholder

pub mod lookup;
