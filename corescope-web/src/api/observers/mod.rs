//! Observers: the radios that listen and report.

pub mod metrics;
pub mod summary;
