//! The routes under `/api`, one file per resource.

pub mod coverage;
