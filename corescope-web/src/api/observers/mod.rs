//! Observers: the radios that listen and report.

pub mod list;
pub mod metrics;
pub mod summary;
