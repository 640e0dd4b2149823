//! What of the configuration is served.

pub mod airports;
pub mod areas;
pub mod client;
pub mod geo_filter;
pub mod routes;
pub mod theme;
