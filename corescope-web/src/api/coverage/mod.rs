//! Where mobile clients heard whom (`clientRxCoverage.enabled`).

pub mod features;
pub mod grid;
pub mod leaderboard;
pub mod routes;
