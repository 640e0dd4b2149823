//! Nodes: whoever sent an advert.

pub(crate) mod adverts;
pub mod battery;
pub mod detail;
pub mod health;
pub mod list;
pub mod search;
pub mod status;
pub mod view;
